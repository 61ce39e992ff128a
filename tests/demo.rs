//! `sentra demo --exit`: the whole product in a temporary folder, every sample as expected, nothing left behind.

use crate::support::world::SENTRA;
use std::process::{Command, Stdio};

#[test]
fn every_sample_goes_as_expected_and_nothing_is_left() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Command::new(SENTRA);
    demo.args(["demo", "--exit"]).env("TMPDIR", temporary.path()).env("NO_COLOR", "1").stdin(Stdio::null());
    // Settings of the environment it runs in are none of the demo's.
    let database = temporary.path().join("somebodys.db");
    demo.env("SENTRA_CONFIG", "/nonexistent/sentra.toml").env("SENTRA_SMTP__MAX_RECIPIENTS", "0");
    demo.env("SENTRA_DATABASE__URL", format!("sqlite:{}", database.display()));
    let done = demo.output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{said}\n{complained}");
    let rows = [
        ("Invoice of a verified supplier", "deliver"),
        ("Same supplier, changed IBAN", "quarantine"),
        ("Changed sort code and account", "quarantine"),
        ("Lookalike domain", "quarantine"),
        ("Invoice of an unknown supplier", "tag"),
        ("German mail, changed IBAN", "quarantine"),
        ("A director's name, an outside address", "quarantine"),
        ("Newsletter", "deliver"),
    ];
    for (title, action) in rows {
        let line =
            said.lines().find(|line| line.contains(title)).unwrap_or_else(|| panic!("{title}: {said}"));
        assert!(line.contains(action), "{line}");
    }
    assert!(said.contains("14 of 14 samples went as expected"), "{said}");
    assert!(!said.contains("unexpected:"), "{said}");
    let left: Vec<_> =
        std::fs::read_dir(temporary.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
