//! What the supplier directory and the history cost a message: from this process's memory, from Redis, from the
//! database; and a server with and without history, message by message in turn.
//!
//! `cargo bench --bench cache`; needs redis-server. Prints one line a figure, for docs/benchmarks.md.
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
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench may fail loudly"
)]

#[path = "../support/mod.rs"]
mod support;

use secrecy::ExposeSecret as _;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::directory::Directory;
use sentra::adapters::directory::redis::Redis;
use sentra::adapters::history::DatabaseHistory;
use sentra::adapters::keyring::LocalKeyring;
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Book, Database, Store};
use sentra::model::{
    DirectoryKey, DirectoryQuery, Domain, EmailAddress, HistoryQuery, Lesson, Lookup, Money, Organisation,
    Party, SupplierId, account_check,
};
use sentra::ports::{History as _, SupplierDirectory as _};
use std::sync::Arc;
use std::time::Duration;
use support::redis::{Redises, Topology, eventually};
use support::sink::{Behaviour, Sink};
use support::world::{Setup, World, clean_invoice};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 500;

#[tokio::main]
async fn main() {
    let redises = Redises::start(Topology::Single);
    let mut setup = Setup::new(([127, 0, 0, 1], 9).into());
    setup.env = redises.environment();
    let world = World::prepare(setup);
    let store = open(&world).await;
    let org = store.organisations().await.unwrap().remove(0);
    let redis = Redis::connect(&redises.options()).unwrap();
    tokio::task::block_in_place(|| eventually("Redis", || redis.is_healthy()));
    directory(&store, &org, &redis, &redises).await;
    let domain = Party::Domain(Domain::parse("acme-supplies.example").unwrap());
    history(&store, &org, domain, "3,000 messages of an author's domain").await;
    world.run(&["suppliers", "merge", "S3", "S1"]);
    let supplier = Party::Supplier(SupplierId("S1".to_owned()));
    history(&store, &org, supplier, "3,000 messages of a supplier with a merged record").await;
    served().await;
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

/// An invoice's seven keys.
fn query() -> DirectoryQuery {
    let iban = |iban: &str| DirectoryKey::Account(account_check::iban(iban).unwrap().comparison_key());
    let domain = |name: &str| DirectoryKey::Domain(Domain::parse(name).unwrap());
    DirectoryQuery {
        keys: vec![
            iban("GB29NWBK60161331926819"),
            iban("NL91ABNA0417164300"),
            DirectoryKey::Address(EmailAddress::parse("accounts@acme-supplies.example").unwrap()),
            domain("acme-supplies.example"),
            domain("bounce.example"),
            DirectoryKey::Name("acme building supplies".into()),
            DirectoryKey::TaxNumber("GB980780684".into()),
        ],
    }
}

async fn ask(directory: &Directory, org: &Organisation) {
    let answer = directory.look_up(org, query(), Instant::now() + Duration::from_secs(10)).await;
    assert!(matches!(answer, Lookup::Found(answer) if !answer.suppliers.is_empty()));
}

async fn directory(store: &Arc<Store>, org: &Organisation, redis: &Redis, redises: &Redises) {
    let fresh = |redis: Option<Redis>| {
        Directory::new(store.database().clone(), Arc::clone(store.keyring()) as _, redis)
    };
    let database = fresh(None);
    // The lists of domains are read once a generation: not part of a message's cost.
    ask(&database, org).await;
    let (mut memory, mut shared, mut read) = (Vec::new(), Vec::new(), Vec::new());
    ask(&fresh(Some(redis.clone())), org).await;
    tokio::task::block_in_place(|| {
        eventually("the answers in Redis", || redises.dump().len() > query().keys.len())
    });
    for _ in 0..ROUNDS {
        memory.push(timed(ask(&database, org)).await);
        let cold = fresh(Some(redis.clone()));
        cold.warm_domains(org).await;
        shared.push(timed(ask(&cold, org)).await);
        assert_eq!(cold.database_reads(), 0, "Redis answers");
        let cold = fresh(None);
        cold.warm_domains(org).await;
        read.push(timed(ask(&cold, org)).await);
    }
    figure("directory, 7 keys, from memory", memory);
    figure("directory, 7 keys, from Redis", shared);
    figure("directory, 7 keys, from the database (SQLite)", read);
    let cold = Arc::new(fresh(Some(redis.clone())));
    let together = Arc::new(tokio::sync::Barrier::new(1_000));
    let _: String = redises.servers[0].command(&["FLUSHALL"]);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (cold, org, together) = (Arc::clone(&cold), org.clone(), Arc::clone(&together));
        asking.spawn(async move {
            together.wait().await;
            ask(&cold, &org).await;
        });
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    println!("1,000 messages miss the same keys at once: {} read of the database", cold.database_reads());
}

async fn history(store: &Arc<Store>, org: &Organisation, party: Party, of: &str) {
    let stop = CancellationToken::new();
    let keyring = Arc::clone(store.keyring()) as _;
    let (history, writer) =
        DatabaseHistory::start(store.database().clone(), keyring, Arc::new(SystemClock), stop.clone());
    let key = account_check::iban("GB29NWBK60161331926819").unwrap().comparison_key();
    let begun = Instant::now();
    const LESSONS: i64 = 3_000;
    for number in 0..LESSONS {
        history.learn(Lesson {
            org: org.id,
            at_ms: number * 3_600_000,
            author: EmailAddress::parse(&format!("a{}@acme-supplies.example", number % 50)).ok(),
            domain: Domain::parse("acme-supplies.example").ok(),
            reply_to: None,
            thread: vec![format!("{number}@acme-supplies.example")],
            party: Some(party.clone()),
            platform: Some("acme-supplies.example".into()),
            makes: vec!["acme invoices, A4".into()],
            accounts: vec![key.clone()],
            amounts: vec![Money { minor: 10_000 + number * 37 % 90_000, currency: "GBP".into() }],
            invoices: vec![format!("INV{number}")],
            delay_s: Some(3),
        });
    }
    stop.cancel();
    writer.await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "history: {LESSONS} lessons written in {seconds:.2} s, {:.0} a second",
        LESSONS as f64 / seconds
    );
    let stop = CancellationToken::new();
    let keyring = Arc::clone(store.keyring()) as _;
    let (history, writer) =
        DatabaseHistory::start(store.database().clone(), keyring, Arc::new(SystemClock), stop.clone());
    let mut times = Vec::new();
    for number in 0..ROUNDS {
        let query = HistoryQuery {
            author: EmailAddress::parse("a1@acme-supplies.example").ok(),
            domain: Domain::parse("acme-supplies.example").ok(),
            platform: Some("acme-supplies.example".into()),
            makes: vec!["acme invoices, A4".into()],
            parties: vec![party.clone()],
            accounts: vec![key.clone()],
            invoices: vec![format!("INV{number}")],
            ..HistoryQuery::default()
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        times.push(
            timed(async {
                assert!(matches!(history.look_up(org.id, query, deadline).await, Lookup::Found(_)));
            })
            .await,
        );
    }
    figure(&format!("history look-up, {of}"), times);
    stop.cancel();
    writer.await.unwrap();
}

/// Two servers, one with and one without history; messages in turn, so that the machine's moods hit both alike.
async fn served() {
    let sink = Sink::start(Behaviour::default()).await;
    let with = World::start(Setup::new(sink.address()));
    let without = World::start(Setup::new(sink.address()).env("SENTRA_HISTORY__ENABLED", "false"));
    let (mut one, mut other) = (with.hello().await, without.hello().await);
    let (mut kept, mut bare) = (Vec::new(), Vec::new());
    for number in 0..400 {
        for (client, times, name) in [(&mut one, &mut kept, "with"), (&mut other, &mut bare, "without")] {
            let octets = clean_invoice(&format!("{name}-{number}@bench"));
            let sending =
                client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets);
            times.push(timed(async { assert_eq!(sending.await.unwrap().code, 250) }).await);
        }
    }
    figure("a message, MAIL to the reply, with history", kept.split_off(50));
    figure("a message, MAIL to the reply, without history", bare.split_off(50));
}

async fn timed(work: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}

fn figure(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{name}: p50 {} µs, p99 {} µs ({} times)", at(50), at(99), times.len());
}
