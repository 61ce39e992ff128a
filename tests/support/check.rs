//! `sentra check` as its command line runs it: flags and files in; exit status, output and complaints out.

use clap::Parser;
use sentra::cli::check::{CheckArgs, run};
use std::ffi::OsStr;
use std::path::Path;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    check: CheckArgs,
}

/// Checks files against a supplier file. `--json` is a flag of the whole command line, handed on by it.
pub fn check(suppliers: &Path, flags: &[&str], files: &[impl AsRef<Path>]) -> (u8, String, String) {
    let mut args = vec![OsStr::new("check"), OsStr::new("--suppliers"), suppliers.as_os_str()];
    args.extend(flags.iter().filter(|flag| **flag != "--json").map(OsStr::new));
    args.extend(files.iter().map(|file| file.as_ref().as_os_str()));
    let mut args = Command::try_parse_from(args).expect("flags").check;
    args.json = flags.contains(&"--json");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let status = runtime.block_on(run(&args, None, &mut out, &mut err));
    (status, String::from_utf8(out).expect("UTF-8"), String::from_utf8(err).expect("UTF-8"))
}
