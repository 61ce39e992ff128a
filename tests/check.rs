//! `sentra check` over files: what it prints, where, and with which exit status.

use crate::support::check::check;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SUPPLIERS: &str = "\
supplier_id,name,domains,emails,vat_number,iban
SUP-1,Acme Building Supplies Ltd,acmebuilding.co.uk,,GB980780684,GB29NWBK60161331926819
SUP-2,Bolt Fixings,boltfixings.example,,,DE89370400440532013000
";

/// A folder with a supplier file and messages.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("suppliers.csv"), SUPPLIERS).expect("suppliers");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mail(&self, name: &str, from: &str, body: &str) -> PathBuf {
        let path = self.path(name);
        let text = format!(
            "From: {from}\r\nTo: accounts@contoso.example\r\nSubject: Invoice 17\r\nMessage-ID: <{name}@test>\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
        );
        fs::write(&path, text).expect("mail");
        path
    }

    fn check(&self, flags: &[&str], files: &[&Path]) -> (u8, String, String) {
        check(&self.path("suppliers.csv"), flags, files)
    }
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect()
}

#[test]
fn every_promised_field_is_there() {
    let bench = Bench::new();
    let mail = bench.mail("a.eml", "Acme <billing@acmebuilding.co.uk>", "Hello");
    let (status, out, err) = bench.check(&["--json"], &[&mail]);
    assert_eq!((status, err.as_str()), (0, ""));
    let report = &lines(&out)[0];
    for field in [
        "file",
        "message_id",
        "action",
        "severity",
        "score",
        "category",
        "sender",
        "supplier",
        "accounts",
        "amounts",
        "invoice_numbers",
        "due_date",
        "documents",
        "unchecked",
        "findings",
        "timing_us",
    ] {
        assert!(report.get(field).is_some(), "{field}");
    }
    assert_eq!(report["message_id"], "<a.eml@test>");
    assert_eq!(report["sender"]["domain"], "acmebuilding.co.uk");
    assert_eq!(report["supplier"]["id"], "SUP-1");
    assert_eq!(report["supplier"]["matched_by"], "domain");
}

#[test]
fn accounts_are_judged_against_the_supplier_file() {
    let bench = Bench::new();
    let good =
        bench.mail("good.eml", "billing@acmebuilding.co.uk", "Invoice. IBAN: GB29 NWBK 6016 1331 9268 19");
    let bad = bench.mail(
        "bad.eml",
        "billing@acmebuilding.co.uk",
        "Invoice. IBAN: FR14 2004 1010 0505 0001 3M02 606",
    );
    let new = bench.mail("new.eml", "x@stranger.example", "Invoice. IBAN: FR14 2004 1010 0505 0001 3M02 606");
    let (status, out, _) = bench.check(&["--json", "--exit-code"], &[&good, &bad, &new]);
    assert_eq!(status, 20);
    let reports = lines(&out);
    for (report, status, action) in [
        (&reports[0], "match", "deliver"),
        (&reports[1], "mismatch", "quarantine"),
        (&reports[2], "unknown", "tag"),
    ] {
        assert_eq!(
            (&report["accounts"][0]["status"], &report["action"]),
            (&status.into(), &action.into()),
            "{report}"
        );
    }
    assert!(codes(&reports[1]).contains(&"BANK_DETAILS_CHANGED"));
    assert!(!out.contains("31926819"), "numbers are masked");
    let (status, out, _) = bench.check(&["--json", "--exit-code", "--reveal"], &[&new]);
    assert_eq!(status, 10);
    assert_eq!(lines(&out)[0]["accounts"][0]["value"], "FR1420041010050500013M02606");
    let (status, out, _) = bench.check(&["--json", "--exit-code", "--mode", "monitor"], &[&bad]);
    assert_eq!((status, &lines(&out)[0]["would_be"]), (0, &Value::from("quarantine")));
    let (_, out, _) = bench.check(&["--json", "--own", "FR1420041010050500013M02606"], &[&bad]);
    assert_eq!(lines(&out)[0]["accounts"][0]["status"], "own");
}

#[test]
fn what_would_be_delivered_is_written_with_its_banner() {
    let bench = Bench::new();
    let target = bench.path("out.eml");
    let flag = target.display().to_string();
    let new = bench.mail("new.eml", "x@stranger.example", "Invoice. IBAN: FR14 2004 1010 0505 0001 3M02 606");
    let (status, _, err) = bench.check(&["--annotate", &flag], &[&new]);
    assert_eq!((status, err.as_str()), (0, ""));
    let written = fs::read_to_string(&target).expect("annotated");
    assert!(written.contains("X-Sentra-Verdict:") && written.contains("Unknown supplier"), "{written}");
    fs::remove_file(&target).expect("remove");
    let held =
        bench.mail("held.eml", "a@acmebuilding.co.uk", "Invoice. IBAN: FR14 2004 1010 0505 0001 3M02 606");
    let (status, _, err) = bench.check(&["--annotate", &flag, "--exit-code"], &[&held]);
    assert_eq!((status, target.exists()), (20, false));
    assert!(err.contains("would be held"), "{err}");
}

#[test]
fn an_imitated_domain_is_named() {
    let bench = Bench::new();
    let mail = bench.mail("a.eml", "billing@acmebui1ding.co.uk", "Hello");
    let (_, out, _) = bench.check(&["--json"], &[&mail]);
    assert!(codes(&lines(&out)[0]).contains(&"LOOKALIKE_DOMAIN"));
}

#[test]
fn a_missing_file_is_reported_and_the_others_go_on() {
    let bench = Bench::new();
    let mail = bench.mail("a.eml", "billing@acmebuilding.co.uk", "Hello");
    let missing = bench.path("missing.eml");
    let (status, out, _) = bench.check(&["--json", "--exit-code"], &[&missing, &mail]);
    let reports = lines(&out);
    assert_eq!((status, reports.len()), (1, 2));
    assert!(reports[0]["error"].is_string() && reports[0]["file"].is_string());
    let (status, out, err) = bench.check(&[], &[&missing, &mail]);
    assert_eq!(status, 1);
    assert!(err.starts_with("error: ") && err.contains("\nhelp: ") && out.contains("deliver"), "{err}{out}");
}

#[test]
fn wrong_usage_is_told_before_anything_is_judged() {
    let bench = Bench::new();
    let mail = bench.mail("a.eml", "billing@acmebuilding.co.uk", "Hello");
    for flags in [&["--own", "hello"][..], &["--mailbox", "nobody"][..]] {
        let (status, out, err) = bench.check(flags, &[&mail]);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.contains("help: "), "{err}");
    }
    let target = bench.path("out.eml").display().to_string();
    let (status, ..) = bench.check(&["--annotate", &target], &[&mail, &mail]);
    assert_eq!(status, 2);
}

#[test]
fn what_a_person_sees_cannot_steer_the_terminal() {
    let bench = Bench::new();
    let mail = bench.mail("a.eml", "=?utf-8?q?=1B]0;evil=07?= <x@stranger.example>", "Hello");
    let (_, out, _) = bench.check(&[], &[&mail]);
    assert!(!out.contains('\u{1b}') && out.contains("x@stranger.example"));
}
