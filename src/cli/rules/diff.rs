//! `sentra rules diff`: two rule sets compared as rules.

use super::super::{Failure, Globals, Io};
use super::load;
use crate::rules::{Change, changes};
use clap::Args;
use std::path::PathBuf;

pub(super) const HELP: &str = "\
A folder counts as it would in rules.folder: over the built-in rules, which alone are called `builtin`.

Examples:
  sentra rules diff builtin ./my-rules
  sentra rules diff ./rules-2026-10 ./rules-2026-11 --json";

/// Arguments of `sentra rules diff`.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Folder of rules before, or `builtin`
    #[arg(value_name = "DIR_A")]
    from: PathBuf,
    /// Folder of rules after, or `builtin`
    #[arg(value_name = "DIR_B")]
    to: PathBuf,
}

pub(super) fn run(args: &DiffArgs, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let set =
        |folder: &PathBuf| load(Some(folder.as_path()).filter(|folder| folder.as_os_str() != "builtin"));
    let found = changes(&set(&args.from)?, &set(&args.to)?);
    if globals.json {
        return found.iter().try_for_each(|change| io.json(change));
    }
    if found.is_empty() {
        return io.line("the same rules");
    }
    found.iter().try_for_each(|change| told(change, io))
}

fn told(change: &Change, io: &mut Io<'_>) -> Result<(), Failure> {
    io.line(&format!("{} {} {}", change.change, change.kind, change.name))?;
    if change.change == "removed" {
        return Ok(());
    }
    let says_something = |value: &str| !matches!(value, "" | "-" | "false");
    for (field, (before, after)) in &change.fields {
        if change.change == "added" && !after.as_deref().is_some_and(says_something) {
            continue;
        }
        if let Some(before) = before {
            io.line(&format!("  {field:12} - {before}"))?;
        }
        if let Some(after) = after {
            io.line(&format!("  {field:12} + {after}"))?;
        }
    }
    Ok(())
}
