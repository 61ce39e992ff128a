//! The supplier directory at scale: `cargo bench --bench directory [-- SUPPLIERS ACCOUNTS_EACH]`.
//!
//! Imports generated suppliers, asks for what mails ask, with cold and warm caches, rebuilds the list of domains, searches,
//! imports the same again, changes every account, undoes. Meanwhile the mail path's own journal records messages, through
//! the importing process's connections and, as a server beside the command line does, through connections of its own, and
//! each notes how long it waits. On a private SQLite file; with `postgres` among the arguments on a PostgreSQL that it
//! starts itself. Figures: docs/benchmarks.md.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_macros,
    unused_imports,
    clippy::string_slice,
    clippy::cast_possible_wrap,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a measuring program may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::directory::Directory;
use sentra::adapters::directory::redis::Redis;
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Database, JournalWriter, NewOrganisation, Store};
use sentra::adapters::suppliers::feed::{FeedError, Incoming, SupplierFeed};
use sentra::adapters::suppliers::import::{ImportOptions, ImportReport};
use sentra::adapters::suppliers::records::SupplierRecords;
use sentra::model::{
    Account, AccountState, DirectoryKey, DirectoryQuery, Domain, EmailAddress, Lookup, MailId, Mode, OrgId,
    Scheme, SupplierAccount, SupplierId, SupplierRecord, fold_name,
};
use sentra::ports::{Clock as _, IdSource as _, Journal as _, MessageRecord, SupplierDirectory as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::backend::Backend;
use support::redis::{Redises, Topology, eventually};
use tokio_util::sync::CancellationToken;

/// Generated suppliers: no two share anything, and nothing is held in memory.
struct Generated {
    suppliers: usize,
    accounts: usize,
    state: AccountState,
    at: usize,
}

fn supplier(n: usize, accounts: usize, state: AccountState) -> SupplierRecord {
    let account = |k: usize| SupplierAccount {
        account: Account::from_canonical(Scheme::Uk, *b"GB", &format!("60{:04}{:08}", k, n)).unwrap(),
        bic: None,
        account_name: Some(format!("Supplier {n} Limited")),
        state,
    };
    SupplierRecord {
        id: SupplierId(format!("SUP-{n:07}")),
        name: format!("Supplier {n} Limited"),
        aliases: vec![format!("Trading Name {n}")],
        domains: vec![Domain::parse(&format!("supplier{n}.example")).unwrap()],
        emails: vec![EmailAddress::parse(&format!("accounts@supplier{n}.example")).unwrap()],
        phones: vec![format!("+44 20 {n:08}")],
        vat_number: Some(format!("GB{n:09}")),
        company_number: Some(format!("{:08}", n + 1)),
        country: Some("GB".to_owned()),
        accounts: (0..accounts).map(account).collect(),
    }
}

impl SupplierFeed for Generated {
    fn next_batch(&mut self, most: usize) -> Result<Vec<Incoming>, FeedError> {
        let end = self.suppliers.min(self.at + most);
        let batch = (self.at..end).map(|n| Incoming::of(supplier(n, self.accounts, self.state))).collect();
        self.at = end;
        Ok(batch)
    }
    fn rewind(&mut self) {
        self.at = 0;
    }
}

/// Mail that is recorded meanwhile.
struct Mail {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(Vec<Duration>, usize)>,
}

impl Mail {
    async fn end(self, name: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let (times, refused) = self.task.await.unwrap();
        quantiles(name, times);
        if refused > 0 {
            println!("{name:<44} {refused} REFUSED");
        }
    }
}

struct Bench {
    records: SupplierRecords,
    database: Database,
    keyring: Arc<LocalKeyring>,
    store: Store,
    org: OrgId,
    suppliers: usize,
    accounts: usize,
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    line("VmRSS:")
}

fn quantiles(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    println!(
        "{name:<44} n {:>6}  p50 {:>9.1?}  p99 {:>9.1?}  max {:>9.1?}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

impl Bench {
    async fn open(url: &str, folder: &std::path::Path, suppliers: usize, accounts: usize) -> Self {
        let database = Database::open(url).await.unwrap();
        if url.starts_with("sqlite") {
            database.migrate().await.unwrap();
        }
        let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_bytes([7; 32])).unwrap());
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UlidSource::new()));
        let bodies = Bodies::new(folder);
        let store = Store::new(database.clone(), keyring.clone(), clock.clone(), ids.clone(), bodies);
        let new = NewOrganisation {
            name: format!("Bench {}", std::process::id()),
            mode: Mode::Enforce,
            tenant_id: None,
            next_hop: None,
            mailboxes: Vec::new(),
            admin_emails: Vec::new(),
        };
        let org = store.create_organisation(new, "operator").await.unwrap().organisation.id;
        let records = SupplierRecords::new(database.clone(), keyring.clone(), clock, ids);
        Self { records, database, keyring, store, org, suppliers, accounts }
    }

    async fn import(&self, name: &str, state: AccountState, verified: bool) -> ImportReport {
        let mut feed = Generated { suppliers: self.suppliers, accounts: self.accounts, state, at: 0 };
        let options =
            ImportOptions { actor: "operator", source: "bench", verified, ..ImportOptions::default() };
        let start = Instant::now();
        let report = self.records.import(self.org, &mut feed, &options).await.unwrap();
        println!("{name:<44} {:>9.1?}  resident {:.0} MiB", start.elapsed(), resident_mib());
        report
    }

    /// The mail path's journal over a database, until told to stop: how long each message waits for its record. Every
    /// fourth is one that is tagged or held, whose record is fsynced first.
    fn mail(&self, database: &Database) -> Mail {
        let stop = Arc::new(AtomicBool::new(false));
        let end = CancellationToken::new();
        let (journal, writing) = JournalWriter::start(database.clone(), end.clone());
        let (ids, org, told) = (UlidSource::new(), self.org, Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let (mut times, mut refused) = (Vec::new(), 0);
            while !told.load(Ordering::Relaxed) {
                let record = MessageRecord {
                    id: MailId(ids.ulid()),
                    org,
                    received_at_ms: SystemClock.now_ms(),
                    action: "deliver",
                    severity: "none",
                    score: 0,
                    category: "invoice",
                    codes: String::new(),
                    ruleset: "0123456789abcdef".to_owned(),
                    size: 40_000,
                    facts: vec![b'f'; 600],
                };
                let (id, start) = (record.id, Instant::now());
                match journal.intend(record, times.len() % 4 == 3).await {
                    Ok(()) => journal.outcome(org, id, 250, "relayed"),
                    Err(_) => refused += 1,
                }
                times.push(start.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            end.cancel();
            writing.await.unwrap();
            (times, refused)
        });
        Mail { stop, task }
    }

    fn query(&self, n: usize) -> DirectoryQuery {
        let record = supplier(n % self.suppliers, 1, AccountState::Pending);
        DirectoryQuery {
            keys: vec![
                DirectoryKey::Address(record.emails[0].clone()),
                DirectoryKey::Domain(record.domains[0].clone()),
                DirectoryKey::Name(fold_name(&record.name)),
                DirectoryKey::TaxNumber(record.vat_number.unwrap()),
                DirectoryKey::Account(record.accounts[0].account.comparison_key()),
                DirectoryKey::Domain(Domain::parse("nobody.test").unwrap()),
            ],
        }
    }

    async fn look_ups(&self) {
        let organisation = self.store.organisation(self.org).await.unwrap().unwrap();
        let directory = Directory::new(self.database.clone(), self.keyring.clone(), None);
        let ask = async |n: usize| {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
            let start = Instant::now();
            let answer = directory.look_up(&organisation, self.query(n), deadline).await;
            let Lookup::Found(answer) = answer else { panic!("no answer") };
            assert_eq!(answer.suppliers.len(), 4);
            start.elapsed()
        };
        let before = resident_mib();
        println!(
            "{:<44} {:>9.1?}  {:.0} MiB more",
            "first look-up, with the list of domains",
            ask(0).await,
            resident_mib() - before
        );
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for round in 0..5_000 {
            // Spread over the whole directory.
            let n = (round * 7_919 + 1) % self.suppliers;
            cold.push(ask(n).await);
            warm.push(ask(n).await);
        }
        quantiles("look-up of one message, database", cold);
        quantiles("look-up of one message, memory", warm);
        println!("{:<44} {:>9.1} MiB", "resident after 5,000 messages' answers", resident_mib());
    }

    /// One node fills Redis from the database, another one, which has nothing in memory, is answered by Redis.
    async fn through_redis(&self) {
        let redises = tokio::task::block_in_place(|| Redises::start(Topology::Single));
        let server = &redises.servers[0];
        let organisation = self.store.organisation(self.org).await.unwrap().unwrap();
        let node = async || {
            let redis = Redis::connect(&redises.options()).unwrap();
            tokio::task::block_in_place(|| eventually("Redis", || redis.is_healthy()));
            let node = Directory::new(self.database.clone(), self.keyring.clone(), Some(redis));
            node.warm_domains(&organisation).await;
            node
        };
        let messages = 5_000.min(self.suppliers);
        for name in ["Redis cold: database, Redis is filled", "Redis warm: one MGET, values opened"] {
            let directory = node().await;
            let (asked, start) = (server.calls("mget"), Instant::now());
            let mut times = Vec::new();
            for round in 0..messages {
                let n = (round * 7_919 + 1) % self.suppliers;
                let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
                let start = Instant::now();
                let answer = directory.look_up(&organisation, self.query(n), deadline).await;
                assert!(matches!(answer, Lookup::Found(_)));
                times.push(start.elapsed());
            }
            let rate = messages as f64 / start.elapsed().as_secs_f64();
            quantiles(name, times);
            let (mget, reads) = (server.calls("mget") - asked, directory.database_reads());
            println!("{:<44} {rate:.0} messages a second, {mget} MGET, {reads} reads of the database", "");
            tokio::task::block_in_place(|| {
                let mut before = u64::MAX;
                eventually("the writes to Redis to end", || {
                    std::thread::sleep(Duration::from_millis(300));
                    let now: u64 = server.command(&["DBSIZE"]);
                    std::mem::replace(&mut before, now) == now
                });
            });
        }
        let stats: String = server.command(&["INFO", "commandstats"]);
        let calls = stats.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some(format!("{name} {}", rest.split(',').next()?))
        });
        println!("commands at the server: {}", calls.collect::<Vec<_>>().join(", "));
        let (keys, memory): (u64, String) =
            (server.command(&["DBSIZE"]), server.command(&["INFO", "memory"]));
        let used = memory.lines().find_map(|line| line.strip_prefix("used_memory_human:")).unwrap();
        println!("Redis: {keys} keys, {used}");
    }

    async fn searches(&self) {
        for (name, text) in [
            ("search: exact domain", format!("supplier{}.example", self.suppliers / 2)),
            ("search: part of a name, 50 hits", "rading Name 1".to_owned()),
            ("search: nothing like it, all opened", "zzzz qqqq".to_owned()),
        ] {
            let start = Instant::now();
            let found = self.records.search(self.org, &text, &[]).await.unwrap();
            println!("{name:<44} {:>9.1?}  {} hits", start.elapsed(), found.hits.len());
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (suppliers, accounts) =
        (numbers.first().copied().unwrap_or(2_000), numbers.get(1).copied().unwrap_or(3));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentra.db");
    let on =
        if std::env::args().any(|word| word == "postgres") { Backend::Postgres } else { Backend::Sqlite };
    let place = on.place(folder.path());
    println!("{suppliers} suppliers, {} accounts, {on:?}", suppliers * accounts);
    let bench = Bench::open(&place.url(), folder.path(), suppliers, accounts).await;
    // As the server's process has them.
    let beside = Database::open(&place.url()).await.unwrap();
    let (mail, other) = (bench.mail(&bench.database), bench.mail(&beside));
    let first = bench.import("import, all new", AccountState::Pending, false).await;
    assert_eq!((first.created, first.accounts_added), (suppliers, suppliers * accounts));
    mail.end("mail during it, by the same connections").await;
    other.end("mail during it, by another process's").await;
    if let Ok(file) = std::fs::metadata(&file) {
        println!("{:<44} {:>9} MiB", "database file", file.len() / 1_048_576);
    }
    bench.look_ups().await;
    bench.through_redis().await;
    bench.searches().await;
    let again = bench.import("import, the same again", AccountState::Pending, false).await;
    assert_eq!(again.unchanged, suppliers);
    let (mail, other) = (bench.mail(&bench.database), bench.mail(&beside));
    let verified = bench.import("import, every account becomes verified", AccountState::Verified, true).await;
    assert_eq!(verified.accounts_changed, suppliers * accounts);
    mail.end("mail during it, by the same connections").await;
    other.end("mail during it, by another process's").await;
    for (name, report) in [("undo of that", &verified), ("undo of the first import", &first)] {
        let (mail, other) = (bench.mail(&bench.database), bench.mail(&beside));
        let start = Instant::now();
        let undone = bench.records.undo(bench.org, report.batch.as_ref().unwrap(), "operator").await.unwrap();
        assert!(matches!(undone, sentra::adapters::suppliers::undo::Undo::Done(_)));
        println!("{name:<44} {:>9.1?}  resident {:.0} MiB", start.elapsed(), resident_mib());
        mail.end("mail during it, by the same connections").await;
        other.end("mail during it, by another process's").await;
    }
    assert!(bench.records.page(bench.org, None, 10).await.unwrap().is_empty());
}
