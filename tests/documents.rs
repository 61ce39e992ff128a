//! Documents through the real worker processes: what they find, what ends them, and that they are shut in.

use crate::support::client::Client;
use crate::support::files::program;
use crate::support::office::{cii, docx, mail_with, xls, zipped};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World};
use sentra::adapters::workers::{Options, Workers};
use sentra::model::{Document, SpanKind, Unread};
use sentra::ports::{DocumentReader as _, DocumentRequest};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

const ACME: &str = "Acme Building Supplies <accounts@acme-supplies.example>";
const ON_RECORD: &str = "GB29NWBK60161331926819";
const ELSEWHERE: &str = "GB94BARC10201530093459";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// A pool over the real program that notes each start of a process in a file.
fn pool(folder: &Path, options: Options) -> Workers {
    let script = folder.join("sentra");
    let text = format!(
        "#!/bin/sh\necho started >> {}\nexec {} \"$@\"\n",
        folder.join("starts").display(),
        env!("CARGO_BIN_EXE_sentra")
    );
    program(&script, &text);
    Workers::new(Options { program: Some(script), ..options })
}

fn starts(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("starts")).map_or(0, |text| text.lines().count())
}

async fn read(pool: &Workers, name: &str, octets: &[u8]) -> Result<Document, Unread> {
    let deadline = Instant::now() + Duration::from_secs(120);
    pool.read(DocumentRequest { name, media_type: "", octets, inline: false }, deadline).await
}

/// Limits that a loaded machine keeps.
fn patient() -> Options {
    Options { workers: 1, wall: Duration::from_secs(90), cpu_seconds: 60, ..Options::default() }
}

#[tokio::test]
async fn a_worker_reads_one_document_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(folder.path(), patient());
    let text = docx(&[("IBAN: DE89", false), ("unseen", true)]);
    for _ in 0..3 {
        let document = read(&pool, "a.docx", &text).await.unwrap();
        let spans: Vec<_> =
            document.files[0].spans.iter().map(|span| (span.kind, span.text.trim())).collect();
        assert_eq!(spans, [(SpanKind::Visible, "IBAN: DE89"), (SpanKind::Hidden, "unseen")]);
    }
    // Mail inside a document is parsed there too.
    let mail = mail_with(ACME, "x@t", "the body", &[("inner.docx", DOCX, &text)]);
    let document = read(&pool, "a.zip", &zipped(&[("a.eml", &mail)])).await.unwrap();
    let paths: Vec<_> = document.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["", "a.eml", "a.eml/inner.docx"]);
    assert_eq!(starts(folder.path()), 1);
}

#[tokio::test]
async fn a_document_that_fills_memory_ends_its_worker_once() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(folder.path(), Options { memory_megabytes: 320, ..patient() });
    // Two cells far apart: the library allots all between them, twice.
    let killer = xls(&[(0, 0), (15_600, 249)]);
    assert_eq!(read(&pool, "a.xls", &xls(&[(0, 0)])).await.unwrap().files[0].spans[0].text.trim(), "7");
    assert_eq!(read(&pool, "killer.xls", &killer).await, Err(Unread::Limit));
    assert_eq!(starts(folder.path()), 1);
    assert!(read(&pool, "a.docx", &docx(&[("after", false)])).await.is_ok(), "the next has a new process");
    assert_eq!(starts(folder.path()), 2);
    // The same again, under another name: remembered, nobody is asked.
    assert_eq!(read(&pool, "again.xls", &killer).await, Err(Unread::Limit));
    assert!(read(&pool, "a.docx", &docx(&[("still there", false)])).await.is_ok());
    assert_eq!(starts(folder.path()), 2);
}

#[tokio::test]
async fn the_clock_ends_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(folder.path(), Options { wall: Duration::ZERO, ..patient() });
    // More than a pipe holds, so that it can't be handed over and answered before anybody looks at the clock.
    let text = vec![b'x'; 4 << 20];
    assert_eq!(read(&pool, "a.txt", &text).await, Err(Unread::Timeout));
    let before = starts(folder.path());
    assert_eq!(read(&pool, "a.txt", &text).await, Err(Unread::Timeout));
    assert_eq!(starts(folder.path()), before, "remembered");
}

#[tokio::test]
async fn the_processor_limit_holds_for_each_document_alone() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(folder.path(), Options { cpu_seconds: 1, ..patient() });
    // Each takes well under a second; together they take more than one document may.
    let paragraphs: Vec<String> = (0..15_000).map(|n| format!("paragraph number {n}")).collect();
    let paragraphs: Vec<(&str, bool)> = paragraphs.iter().map(|text| (text.as_str(), false)).collect();
    let text = docx(&paragraphs);
    for _ in 0..12 {
        assert!(read(&pool, "a.docx", &text).await.is_ok());
    }
    assert_eq!(starts(folder.path()), 1);
}

#[tokio::test]
async fn a_worker_that_is_gone_is_replaced_and_nobody_is_blamed() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("sentra");
    // Notes its process, which becomes the program's.
    let text = format!(
        "#!/bin/sh\necho $$ >> {}\nexec {} \"$@\"\n",
        folder.path().join("pids").display(),
        env!("CARGO_BIN_EXE_sentra")
    );
    program(&script, &text);
    let pool = Workers::new(Options { program: Some(script), ..patient() });
    let text = docx(&[("x", false)]);
    assert!(read(&pool, "a.docx", &text).await.is_ok());
    let pids = || std::fs::read_to_string(folder.path().join("pids")).unwrap();
    let pid = pids().trim().to_owned();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    assert!(read(&pool, "a.docx", &text).await.is_ok());
    assert_eq!(pids().lines().count(), 2);
}

#[tokio::test]
async fn a_program_that_cannot_be_started_leaves_documents_unread() {
    let pool = Workers::new(Options { program: Some("/nonexistent/sentra".into()), ..patient() });
    assert_eq!(read(&pool, "a.docx", &docx(&[("x", false)])).await, Err(Unread::Unavailable));
    let error = Workers::start(Options { program: Some("/nonexistent/sentra".into()), ..patient() }).await;
    assert!(error.is_err_and(|error| error.to_string().contains("cannot be started")));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_documents_share_few_workers() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(folder.path(), Options { workers: 2, ..patient() });
    let reads = (0..40).map(|n| {
        let pool = &pool;
        async move {
            let document = read(pool, "a.docx", &docx(&[(&format!("number {n}"), false)])).await.unwrap();
            assert_eq!(document.files[0].spans[0].text.trim(), format!("number {n}"));
        }
    });
    futures_util::future::join_all(reads).await;
    assert_eq!(starts(folder.path()), 2);
}

/// What the kernel says of a worker: filter of system calls, no new rights, no files, no memory beyond the limit.
#[test]
fn a_worker_is_shut_in() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sentra"))
        .args(["worker", "--memory-megabytes", "512", "--cpu-seconds", "3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut size = [0; 4];
    output.read_exact(&mut size).unwrap();
    let mut hello = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap()];
    output.read_exact(&mut hello).unwrap();
    assert_eq!(String::from_utf8(hello).unwrap(), "{\"unconfined\":null}");
    let proc = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let status = proc("status");
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1", "Threads:\t1"] {
        assert!(status.lines().any(|found| found == line), "{line} not in\n{status}");
    }
    let limits = proc("limits");
    for (name, value) in [
        ("Max address space", "536870912"),
        ("Max open files", "3"),
        ("Max file size", "0"),
        ("Max processes", "0"),
        ("Max core file size", "0"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line[name.len()..].split_whitespace().next() == Some(value), "{line}");
    }
    // It ends with its input.
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    // A caller that speaks nonsense is left, and nothing is read.
    let mut child = Command::new(env!("CARGO_BIN_EXE_sentra"))
        .args(["worker", "--memory-megabytes", "512", "--cpu-seconds", "3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[0xFF; 64]).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

async fn send(client: &mut Client, octets: &[u8]) {
    let reply =
        client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], octets).await.unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// Over SMTP: what a document says is judged like what the body says.
#[tokio::test(flavor = "multi_thread")]
async fn documents_are_judged_on_the_mail_path() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    let clean = docx(&[("Invoice INV-17", false), (&format!("IBAN: {ON_RECORD}"), false)]);
    let changed = docx(&[("Invoice INV-17", false), (&format!("IBAN: {ELSEWHERE}"), false)]);
    let lying = docx(&[(&format!("IBAN: {ON_RECORD}"), false), (&format!("IBAN: {ELSEWHERE}"), true)]);
    let archive = zipped(&[("invoice.docx", &changed)]);
    let xml = cii(ELSEWHERE);
    let body = "Please find our invoice attached.";
    send(&mut client, &mail_with(ACME, "clean@t", body, &[("a.docx", DOCX, &clean)])).await;
    assert_eq!(world.quarantine().len(), 0, "{:?}", world.quarantine());
    for (id, name, media_type, octets, code) in [
        ("docx@t", "a.docx", DOCX, &changed, "BANK_DETAILS_CHANGED"),
        ("disguised@t", "a.txt", "application/octet-stream", &changed, "BANK_DETAILS_CHANGED"),
        ("zip@t", "a.zip", "application/zip", &archive, "BANK_DETAILS_CHANGED"),
        ("xml@t", "a.xml", "application/xml", &xml, "BANK_DETAILS_CHANGED"),
        ("hidden@t", "a.docx", DOCX, &lying, "HIDDEN_ACCOUNT_CONFLICT"),
    ] {
        send(&mut client, &mail_with(ACME, id, body, &[(name, media_type, octets)])).await;
        let entry = world.entry(id).unwrap_or_else(|| panic!("{id} is not held"));
        assert!(entry["codes"].as_array().unwrap().iter().any(|found| found == code), "{id}: {entry}");
    }
    // Print and XML disagree.
    let files: [(&str, &str, &[u8]); 2] = [("a.docx", DOCX, &clean), ("a.xml", "application/xml", &xml)];
    send(&mut client, &mail_with(ACME, "both@t", body, &files)).await;
    let entry = world.entry("both@t").expect("held");
    assert!(
        entry["codes"].as_array().unwrap().iter().any(|found| found == "PRINTED_ACCOUNT_CONFLICT"),
        "{entry}"
    );
}

/// A document that ends its worker is that document's finding, never a 451.
#[tokio::test(flavor = "multi_thread")]
async fn a_killer_costs_one_document_and_never_the_message() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).env("SENTRA_DOCUMENTS__MEMORY_MEGABYTES", "320"));
    let mut client = world.hello().await;
    let killer = xls(&[(0, 0), (15_600, 249)]);
    let body = format!("Please pay our invoice INV-17.\r\n\r\nIBAN: {ON_RECORD}");
    send(&mut client, &mail_with(ACME, "killer@t", &body, &[("a.xls", "application/vnd.ms-excel", &killer)]))
        .await;
    let entry =
        world.entry("killer@t").expect("payment mail of a known supplier with an unread document is held");
    assert!(entry["codes"].as_array().unwrap().iter().any(|code| code == "DOCUMENT_UNREADABLE"), "{entry}");
    assert!(world.log().contains("a document ended its worker"), "{}", world.log());
    let fine = docx(&[(&format!("IBAN: {ON_RECORD}"), false)]);
    send(&mut client, &mail_with(ACME, "fine@t", "Our invoice.", &[("a.docx", DOCX, &fine)])).await;
    assert!(world.entry("fine@t").is_none(), "the next is read");
}

/// `sentra check` uses the same readers, and says where inside an archive an account stood.
#[test]
fn check_reads_documents_and_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let archive = zipped(&[("invoice.docx", &docx(&[(&format!("IBAN: {ELSEWHERE}"), false)]))]);
    let file = folder.path().join("a.eml");
    std::fs::write(
        &file,
        mail_with(ACME, "x@t", "Invoice attached.", &[("docs.zip", "application/zip", &archive)]),
    )
    .unwrap();
    let suppliers = folder.path().join("suppliers.csv");
    std::fs::write(&suppliers, format!("name,domains,iban\nAcme,acme-supplies.example,{ON_RECORD}\n"))
        .unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_sentra"))
        .args([
            "check",
            file.to_str().unwrap(),
            "--json",
            "--reveal",
            "--suppliers",
            suppliers.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["action"], "quarantine");
    assert_eq!(report["accounts"][0]["value"], ELSEWHERE);
    assert_eq!(report["accounts"][0]["status"], "mismatch");
    assert_eq!(report["accounts"][0]["source"]["name"], "docs.zip/invoice.docx");
    let names: Vec<_> =
        report["documents"].as_array().unwrap().iter().map(|document| &document["name"]).collect();
    assert_eq!(names, ["docs.zip", "docs.zip/invoice.docx"]);
    assert!(
        report["documents"].as_array().unwrap().iter().all(|document| document["read"] == true),
        "{report}"
    );
}
