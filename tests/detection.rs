//! How well mail is judged, by `sentra eval` over a generated corpus of minimal pairs: floors for detection, false
//! alarms, categories and accounts.

use crate::support::generator;
use sentra::cli::eval::{EvalArgs, run};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn args(folder: &Path) -> EvalArgs {
    EvalArgs {
        corpus: folder.join("corpus"),
        truth: None,
        suppliers: Some(folder.join("suppliers.csv")),
        own: Vec::new(),
        mailboxes: vec!["accounts@contoso.example".to_owned()],
        auth: sentra::cli::check::AuthSource::None,
        rules: None,
        json: true,
    }
}

fn eval(args: &EvalArgs) -> (Value, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(run(args, &mut out, &mut err)).expect("the corpus is judged");
    let report = if args.json { serde_json::from_slice(&out).expect("JSON") } else { Value::Null };
    (report, String::from_utf8(if args.json { err } else { out }).expect("UTF-8"))
}

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} in {report}"))
}

fn wrong(report: &Value) -> String {
    let list = report["wrong"].as_array().expect("a list");
    let line =
        |entry: &Value| format!("{}: {}", entry["file"].as_str().unwrap(), entry["what"].as_str().unwrap());
    list.iter().take(60).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_changed_account_is_held_and_ordinary_mail_passes() {
    let folder = TempDir::new().expect("a folder");
    let mut corpus = generator::corpus(2);
    corpus.cases.extend(generator::notices());
    corpus.write(folder.path());
    let (report, warnings) = eval(&args(folder.path()));
    assert_eq!(warnings, "");
    let changed = corpus.cases.iter().filter(|case| case.name.starts_with("changed")).count();
    let ordinary = corpus.cases.iter().filter(|case| case.truth["fraud"] == false).count();
    assert!(changed >= 300 && ordinary >= 500, "{changed} {ordinary}");
    assert_eq!(number(&report, "/fraud/total") as usize, corpus.cases.len() - ordinary);
    // Every changed account is quarantined, every notice at least tagged.
    assert_eq!(number(&report, "/fraud/recall"), 1.0, "{}", wrong(&report));
    assert_eq!(number(&report, "/fraud/quarantine") as usize, changed, "{}", wrong(&report));
    assert!(number(&report, "/genuine/false_positive_rate") < 0.005, "{}", wrong(&report));
    assert!(number(&report, "/genuine/held_rate") < 0.0005, "{}", wrong(&report));
    assert!(number(&report, "/accounts/message/recall") >= 0.99, "{}", wrong(&report));
    assert!(number(&report, "/accounts/message/precision") >= 0.995, "{}", wrong(&report));
    assert!(number(&report, "/categories/accuracy") >= 0.98, "{}", wrong(&report));
}

#[test]
fn the_report_is_readable_and_names_what_differs() {
    let folder = TempDir::new().expect("a folder");
    let corpus = folder.path().join("corpus");
    std::fs::create_dir_all(corpus.join("sub")).expect("a folder");
    let mail = "From: a@b.example\r\nSubject: Invoice 1001\r\n\r\nIBAN GB29NWBK60161331926819\r\n";
    std::fs::write(corpus.join("sub/one.eml"), mail).expect("a mail");
    std::fs::write(corpus.join("list.csv"), "name;iban\nAcme;DE89370400440532013000\n").expect("a document");
    std::fs::write(
        corpus.join("truth.jsonl"),
        "{\"file\":\"sub/one.eml\",\"fraud\":true,\"action\":\"quarantine\",\"category\":\"invoice\",\"accounts\":[]}\n\
         {\"file\":\"list.csv\",\"ibans\":[\"DE89370400440532013000\"]}\n{\"file\":\"gone.eml\"}\n",
    )
    .expect("the truth");
    std::fs::write(folder.path().join("suppliers.csv"), "name\nAcme\n").expect("suppliers");
    let mut args = args(folder.path());
    let (report, warnings) = eval(&args);
    assert_eq!(warnings, "warning: 1 files of the truth are not in the corpus\n");
    assert_eq!((number(&report, "/messages"), number(&report, "/documents")), (1.0, 1.0));
    assert_eq!(number(&report, "/accounts/csv/recall"), 1.0);
    assert_eq!(number(&report, "/accounts/message/precision"), 0.0);
    args.json = false;
    let (_, text) = eval(&args);
    for part in
        ["ACCOUNTS IN", "FINDING", "time per message", "differs: sub/one.eml: tag instead of quarantine"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    std::fs::write(corpus.join("truth.jsonl"), "{\"file\":\"x\",\"colour\":1}\n").expect("the truth");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let error = runtime.block_on(run(&args, &mut Vec::new(), &mut Vec::new())).expect_err("an unknown key");
    assert!(
        error.reports[0].place.as_deref().is_some_and(|place| place.ends_with("truth.jsonl:1")),
        "{error:?}"
    );
}
