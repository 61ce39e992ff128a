//! Much data through the real program: a supplier file of a gigabyte, and a backup of many gigabytes of bodies.
//!
//! `cargo bench --bench volume -- import [MEGABYTES]` writes a CSV file, imports it with the peak of memory watched, looks
//! at what it says of wrong rows, kills another import of it in the middle and looks at what is left.
//! `cargo bench --bench volume -- backup [MEGABYTES]` holds messages of a megabyte each, and backs up, again, verifies and
//! drills. Needs three times that much disk under `TMPDIR`. Figures: docs/benchmarks.md.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_macros,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use bytes::Bytes;
use secrecy::ExposeSecret as _;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::keyring::LocalKeyring;
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Book, Database, Store};
use sentra::model::{
    Class, EmailAddress, Envelope, Family, Finding, FindingCode, HeldMail, HeldState, HeldSummary,
    MailParameters, OrgId, QuarantineId, Recipient, ReversePath, Severity,
};
use sentra::ports::QuarantineStore as _;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::world::{Setup, World};

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    let megabytes = words.iter().find_map(|word| word.parse().ok()).unwrap_or(1_024_usize);
    if has("import") {
        import(megabytes).await;
    }
    if has("backup") {
        backup(megabytes).await;
    }
}

/// Runs a command to its end; what it printed, how long it took and how much memory it had at most.
fn watched(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let (out, err) = (world.folder.path().join("out"), world.folder.path().join("err"));
    let mut command = world.command(arguments);
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    println!(
        "{:<40} {:>8.1?}  peak {:>4} MiB  exit {}",
        arguments[..2].join(" "),
        start.elapsed(),
        peak / 1_024,
        status.code().unwrap_or(-1)
    );
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    (status.code().unwrap_or(-1), read(&out), read(&err))
}

/// Peak of resident memory in KiB; 0 once it has ended.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
}

async fn import(megabytes: usize) {
    let mut setup = Setup::new(([127, 0, 0, 1], 9).into());
    setup.suppliers = None;
    let world = World::prepare(setup);
    let file = world.folder.path().join("large.csv");
    let mut out = BufWriter::new(std::fs::File::create(&file).unwrap());
    out.write_all(b"supplier_id,name,domains,sort_code,account_number,iban,notes\n").unwrap();
    let notes = "what nobody reads, \"\"quoted\"\" and long; ".repeat(270);
    let rows = megabytes * 1_048_576 / (notes.len() + 70);
    for n in 0..rows {
        let account = match n % 1_000 {
            // A digit was mistyped.
            999 => ",,GB29NWBK60161331926818".to_owned(),
            _ => format!("601613,{:08},", 10_000_000 + n),
        };
        writeln!(out, "L{n:06},Maker {n},maker{n}.example,{account},\"{notes}\"").unwrap();
    }
    out.flush().unwrap();
    drop(out);
    println!("{rows} rows, {} MiB", std::fs::metadata(&file).unwrap().len() / 1_048_576);
    let arguments = ["suppliers", "import", file.to_str().unwrap()];
    // Killed in the middle: as soon as something is staged, and a second later.
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut sql = world.sql().await;
    let staged = "SELECT COUNT(*) FROM suppliers";
    while sqlx::query_scalar::<_, i64>(staged).fetch_one(&mut sql).await.unwrap() < 1_000 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left: i64 = sqlx::query_scalar(staged).fetch_one(&mut sql).await.unwrap();
    println!("killed with {left} staged: {} are listed", world.json(&["suppliers", "list"]).len());
    sqlx::query("UPDATE supplier_batches SET touched_at = 0").execute(&mut sql).await.unwrap();
    let (_, out, err) = watched(&world, &arguments);
    let errors: Vec<&str> = err.lines().filter(|line| line.contains("(large.csv:")).collect();
    println!("{} errors, the first: {}", errors.len(), errors.first().unwrap_or(&""));
    println!("{}", out.lines().take(3).collect::<Vec<_>>().join(" · "));
    assert_eq!(world.json(&["suppliers", "list"]).len(), rows - rows / 1_000);
    assert_eq!(errors.len(), rows / 1_000);
}

async fn open(world: &World) -> Arc<Store> {
    let config =
        sentra::config::load_with(&world.config_file(), &sentra::config::Environment::new()).unwrap();
    let (master, _) = config.keys.master.fetch().await.unwrap();
    let keyring = Arc::new(LocalKeyring::new(&master).unwrap());
    let database = Database::open(config.database.url.expose_secret()).await.unwrap();
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UlidSource::new()));
    let store = Arc::new(Store::new(database, keyring, clock, ids, Bodies::new(&world.dir().join("data"))));
    Book::new(Arc::clone(&store)).refresh().await.unwrap();
    store
}

fn mail(store: &Store, org: OrgId, number: usize) -> HeldMail {
    let email = |text: &str| EmailAddress::parse(text).unwrap();
    // Sealed octets do not shrink whatever they were.
    let octets = format!("Subject: {number}\r\n\r\n{}", "0123456789abcde\n".repeat(65_530));
    HeldMail {
        org,
        summary: HeldSummary {
            id: QuarantineId(store.ids().ulid()),
            state: HeldState::Held,
            received_at: "2026-03-01T12:00:00.25Z".to_owned(),
            mail_from: "billing@supplier.test".to_owned(),
            recipients: vec!["accounts@contoso.example".to_owned()],
            subject: format!("Invoice {number}"),
            message_id: format!("<{number}@supplier.test>"),
            severity: Severity::Danger,
            score: 90,
            codes: vec!["BANK_DETAILS_CHANGED".to_owned()],
            supplier: None,
            expires_at: None,
            size: octets.len() as u64,
        },
        findings: vec![Finding {
            code: FindingCode("BANK_DETAILS_CHANGED".to_owned()),
            severity: Severity::Danger,
            class: Class::Decisive,
            family: Family::Payment,
            text: "The account is new.".to_owned(),
            source: None,
        }],
        envelope: Envelope {
            reverse_path: ReversePath(Some(email("billing@supplier.test"))),
            parameters: MailParameters::default(),
            recipients: vec![Recipient {
                address: email("accounts@contoso.example"),
                notify: None,
                orcpt: None,
            }],
        },
        dedupe_key: format!("key {number}"),
        ruleset: "0123456789abcdef".to_owned(),
        octets: Bytes::from(octets),
    }
}

async fn backup(megabytes: usize) {
    let elsewhere = tempfile::tempdir().unwrap();
    let url = format!("file:{}", elsewhere.path().display());
    let setup = Setup::new(([127, 0, 0, 1], 9).into()).env("SENTRA_BACKUP__URL", &url);
    let world = World::prepare(setup);
    let store = open(&world).await;
    let org = store.organisations().await.unwrap().remove(0).id;
    let start = Instant::now();
    for number in 0..megabytes {
        store.hold(mail(&store, org, number), Vec::new()).await.unwrap();
    }
    println!("{megabytes} messages of a MiB held in {:.0?}", start.elapsed());
    store.database().close().await;
    let (code, out, err) = watched(&world, &["backup", "create"]);
    assert_eq!(code, 0, "{err}");
    println!("{}", out.trim());
    let (code, out, err) = watched(&world, &["backup", "create"]);
    assert_eq!(code, 0, "{err}");
    println!("again: {}", out.trim());
    let (code, out, err) = watched(&world, &["backup", "verify"]);
    assert_eq!(code, 0, "{err}");
    println!("{}", out.trim());
    let (code, out, err) = watched(&world, &["backup", "restore", "--drill"]);
    assert_eq!(code, 0, "{err}");
    println!("{}", out.trim());
}
