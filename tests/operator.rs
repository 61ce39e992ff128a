//! What an operator meets first: the demo, a check without a supplier file, rules of one's own, and the reasons why the
//! server does not start. All by the real program.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const CHANGED_IBAN: &str = "src/demo/samples/02-changed-iban.eml";
const SUPPLIERS: &str = "src/demo/samples/suppliers.csv";

/// Every run has its own empty environment; samples are named from the repository's root.
fn sentra(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentra"));
    command.env_clear().env("TMPDIR", folder).current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    said(&sentra(folder, arguments).output().unwrap())
}

fn here(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

/// An installation in `FOLDER/in`, with the demo's suppliers; its configuration.
fn installed(folder: &Path) -> PathBuf {
    let loopback = ["--smtp", "127.0.0.1:0", "--web", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let init =
        [&["init", "--dir", "in", "--org", "Contoso", "--mailbox", "ap@contoso.example"][..], &loopback];
    assert_eq!(run(folder, &init.concat()).0, 0);
    let config = folder.join("in/sentra.toml");
    let import = ["suppliers", "import", &here(SUPPLIERS), "--verified", "--config", "in/sentra.toml"];
    assert_eq!(run(folder, &import).0, 0);
    config
}

#[test]
fn the_demo_goes_as_it_must_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, err) = run(folder.path(), &["demo", "--exit"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("14 of 14 samples went as expected"), "{out}");
    assert!(out.contains("“Caution: Unknown supplier"), "{out}");
    assert!(!out.contains("****") && !out.contains('\x1b'), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 120), "{out}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the folder is removed");
}

#[test]
fn the_demo_stays_until_sigterm_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = sentra(folder.path(), &["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let config = lines.find_map(|line| line.trim().strip_prefix("export SENTRA_CONFIG=").map(str::to_owned));
    let listed = run(folder.path(), &["quarantine", "list", "--json", "--config", &config.unwrap()]);
    assert_eq!(listed.1.lines().count(), 5, "{listed:?}");
    assert!(lines.any(|line| line.contains("removed at the end")));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the folder is removed");
}

#[test]
fn check_knows_the_installations_suppliers() {
    let folder = tempfile::tempdir().unwrap();
    let sample = here(CHANGED_IBAN);
    let (status, out, err) = run(folder.path(), &["check", &sample, "--json", "--exit-code"]);
    assert_eq!(status, 10, "{out}");
    assert!(err.contains("note: no --suppliers and no configuration (sentra.toml)"), "{err}");

    installed(folder.path());
    let check = ["check", &sample, "--json", "--exit-code", "--config", "in/sentra.toml"];
    let (status, out, err) = run(folder.path(), &check);
    assert_eq!((status, err.as_str()), (20, ""), "{out}");
    assert!(out.contains("\"id\":\"SUP-001\"") && out.contains("\"status\":\"mismatch\""), "{out}");

    let own = [&check[..], &["--own", "GB33 BARC 2065 8259 1513 11"]].concat();
    assert!(run(folder.path(), &own).1.contains("\"status\":\"own\""));
    let file = [&check[..], &["--suppliers", "nowhere.csv"]].concat();
    let (status, _, err) = run(folder.path(), &file);
    assert!(status == 1 && err.contains("(nowhere.csv)\nhelp: "), "{err}");

    assert_eq!(run(folder.path(), &["org", "create", "Two", "--config", "in/sentra.toml"]).0, 0);
    let (status, _, err) = run(folder.path(), &check);
    assert!(status == 2 && err.contains("--org"), "{err}");
}

#[test]
fn rules_of_ones_own_are_listed_tested_and_their_mistakes_named() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, _) = run(folder.path(), &["rules", "list", "--json"]);
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(status, 0);
    for field in ["code", "title", "severity", "class", "family", "action"] {
        assert!(first.get(field).is_some(), "{field} in {first}");
    }
    assert!(run(folder.path(), &["rules", "test"]).1.contains("rules passed"));
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/a.toml"), "\n[[rule]]\ncode = \"lower\"\n").unwrap();
    for verb in ["lint", "test", "list"] {
        let (status, out, err) = run(folder.path(), &["rules", verb, "--rules", "mine"]);
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        assert!(err.contains("(mine/a.toml:") && err.contains("\nhelp: "), "{err}");
    }
    let config = installed(folder.path());
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[rules]\nfolder = \"../mine\"\n")).unwrap();
    for command in [&["config", "check"][..], &["serve"]] {
        let (status, _, err) = run(folder.path(), &[command, &["--config", "in/sentra.toml"]].concat());
        assert!(status == 3 && err.contains("a.toml:") && err.contains("\nhelp: "), "{command:?}: {err}");
    }
}

#[test]
fn why_it_does_not_start_is_said_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let config = installed(folder.path());
    let text = fs::read_to_string(&config).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let other_key = "ab".repeat(32);
    let rows = [
        ("SENTRA_SMTP__LISTEN", taken.as_str(), 1, "cannot listen on", "ss -ltnp"),
        ("SENTRA_WEB__LISTEN", &taken, 1, "(web.listen)", "ss -ltnp"),
        ("SENTRA_KEYS__MASTER_KEY", &other_key, 1, "master key does not open", "keys.master_key_file"),
        ("SENTRA_DATABASE__URL", "sqlite:no/where.db", 1, "no/where.db cannot be opened", "correct the path"),
        (
            "SENTRA_DATABASE__URL",
            "postgres://u:p@127.0.0.1:1/d",
            1,
            "cannot be opened",
            "check that the server runs",
        ),
        ("SENTRA_LOG__LEVEL", "loud", 3, "log.level is \"loud\"", "debug"),
    ];
    for (variable, value, status, what, help) in rows {
        let mut command = sentra(folder.path(), &["serve", "--config", "in/sentra.toml"]);
        let (got, _, err) = said(&command.env(variable, value).output().unwrap());
        assert_eq!(got, status, "{variable}: {err}");
        let (error, remedy) = err.split_once("\nhelp: ").unwrap_or_else(|| panic!("{variable}: {err}"));
        assert!(error.starts_with("error: ") && error.contains(what), "{variable}: {err}");
        assert!(remedy.contains(help), "{variable}: {err}");
        assert!(!err.contains("panicked") && !err.contains(":p@"), "{err}");
    }
    fs::write(&config, format!("{text}\n[tls]\n").replace("certificate = \"certs/server.crt\"", "")).unwrap();
    assert_eq!(run(folder.path(), &["serve", "--config", "in/sentra.toml"]).0, 3, "a section twice");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = sentra(folder.path(), &["rules", "list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
