//! Audit at scale: appends a million entries and verifies them, in the database and as an export.
//!
//! `cargo bench --bench audit -- [ENTRIES] [postgres]`: on a private SQLite file, or on a PostgreSQL that it starts
//! itself. Prints rates and the peak of resident memory after each step.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_macros,
    unused_imports,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::too_many_lines,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measurement may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use sentra::adapters::audit::AuditAction;
use sentra::adapters::audit::bundle::{self, Evidence, FORMAT, Header, Key, Line, README};
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Event, NewOrganisation, Store, append_audit};
use sentra::model::{Mode, OrgId};
use serde_json::json;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::sync::Arc;
use std::time::Instant;
use support::backend::Backend;

/// Entries of one transaction: an import's batch, not a person's click.
const BATCH: usize = 200;

fn main() {
    let count =
        std::env::args().filter_map(|word| word.parse::<usize>().ok()).next_back().unwrap_or(1_000_000);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure(count));
}

async fn measure(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let on =
        if std::env::args().any(|word| word == "postgres") { Backend::Postgres } else { Backend::Sqlite };
    println!("{count} entries, {on:?}");
    let place = on.place(folder.path());
    let database = place.open().await;
    let keyring = Arc::new(LocalKeyring::new(&MasterKey::generate().unwrap()).unwrap());
    let ids = Arc::new(UlidSource::new());
    let store =
        Arc::new(Store::new(database, keyring, Arc::new(SystemClock), ids, Bodies::new(folder.path())));
    let new = NewOrganisation {
        name: "Bench".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        next_hop: None,
        mailboxes: Vec::new(),
        admin_emails: Vec::new(),
    };
    let org = store.create_organisation(new, "operator").await.unwrap().organisation.id;

    let single = 2_000.min(count);
    let start = Instant::now();
    for number in 0..single {
        append(&store, org, number, 1).await;
    }
    report("append, one durable transaction each", single, start);
    let start = Instant::now();
    let mut done = single;
    while done < count {
        let batch = BATCH.min(count - done);
        append(&store, org, done, batch).await;
        done += batch;
    }
    report("append, 200 a durable transaction", count - single, start);

    let start = Instant::now();
    let checked = store.audit_report(org, Vec::new()).await.unwrap();
    assert!(checked.is_good(), "{checked:?}");
    report("verify in the database", count, start);

    let path = folder.path().join("audit.jsonl");
    let start = Instant::now();
    export(&store, org, &path).await;
    report("export", count, start);
    println!("export: {} MiB", std::fs::metadata(&path).unwrap().len() / 1_048_576);
    let start = Instant::now();
    let mut file = BufReader::new(File::open(&path).unwrap());
    let verified = bundle::verify(&mut file, &Evidence { anchors: None, keys: &[] }).unwrap();
    assert!(verified.report.is_good(), "{:?}", verified.report);
    report("verify the export", count, start);
}

/// Every tenth entry has a private field, as decisions with a reason do.
async fn append(store: &Store, org: OrgId, first: usize, batch: usize) {
    let mut write = store.database().scope(org).write().await.unwrap();
    for number in first..first + batch {
        let subject = format!("01JD3ZV8M2T5Y7Q9W1E3R{number:05}");
        let event = Event {
            org,
            at: store.clock().now_ms(),
            actor: "operator",
            action: AuditAction::QuarantineHold,
            subject: &subject,
            detail: json!({ "severity": "danger", "score": 90, "codes": ["BANK_DETAILS_CHANGED"] }),
            private: number.is_multiple_of(10).then(|| json!({ "reason": "called the supplier back" })),
        };
        append_audit(&mut write, store.keyring().as_ref(), event).await.unwrap();
    }
    write.commit().await.unwrap();
}

async fn export(store: &Store, org: OrgId, path: &std::path::Path) {
    let mut out = BufWriter::new(File::create(path).unwrap());
    let frame = store.audit_frame(org, None).await.unwrap();
    let header = Header {
        format: FORMAT.to_owned(),
        org: org.to_string(),
        name: "Bench".to_owned(),
        exported_at: store.clock().now_ms(),
        start: frame.begin,
        readme: README.to_owned(),
    };
    bundle::write(&Line::Header(header), &mut out).unwrap();
    for key in store.audit_keys(org).await.unwrap() {
        let (public_key, valid_from) = (key.public_key.to_hex(), key.valid_from);
        let key = Key { key_id: key.key_id, public_key, valid_from, valid_until: None };
        bundle::write(&Line::Key(key), &mut out).unwrap();
    }
    let head = frame.head.unwrap();
    let mut after = 0;
    loop {
        let lines = store.audit_lines(org, after, head.seq, true).await.unwrap();
        let Some(last) = lines.last() else { break };
        after = last.entry.seq;
        for line in lines {
            bundle::write(&Line::Entry(line), &mut out).unwrap();
        }
    }
    bundle::write(&Line::Head(head), &mut out).unwrap();
    out.flush().unwrap();
}

fn report(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    println!("{what}: {count} in {seconds:.1} s, {:.0} a second; peak memory {peak}", count as f64 / seconds);
}
