//! Files that tests leave for the program.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program that may be started at once.
///
/// Another process writes it: were it open for writing here, a process that another test starts in the same moment would
/// inherit that for an instant, and the kernel starts no program that is being written (`ETXTBSY`).
pub fn program(path: &Path, text: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}
