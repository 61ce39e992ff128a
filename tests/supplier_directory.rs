//! The directory's answers through cache, Redis and database; with PostgreSQL also before a Redis Cluster of three.

#![deny(dead_code)]

use crate::suppliers::{FILE, World, account, ask, state};
use crate::support::backend::{Backend, on_each_backend, on_each_database};
use crate::support::redis::{Redises, Topology, eventually};
use sentra::adapters::directory::redis::{Options as RedisOptions, Redis};
use sentra::adapters::store::{Membership, NewOrganisation};
use sentra::model::account_check;
use sentra::model::{
    AccountState, DirectoryAnswer, DirectoryKey, DirectoryQuery, Domain, EmailAddress, Lookup, MatchedBy,
    Mode, Organisation, SupplierId, fold_name,
};
use sentra::ports::{Keyring as _, SupplierDirectory as _};
use std::time::Duration;
use tokio::time::Instant;

/// One server, or three masters.
fn redis_for(on: Backend) -> Redises {
    let cluster = on == Backend::PostgresAndRedisCluster;
    tokio::task::block_in_place(|| Redises::start(if cluster { Topology::Cluster } else { Topology::Single }))
}

fn connect(server: &Redises) -> Redis {
    let redis = Redis::connect(&server.options()).unwrap();
    let waiting = redis.clone();
    tokio::task::block_in_place(|| eventually("the subscription", || waiting.is_subscribed()));
    redis
}

fn query() -> DirectoryQuery {
    DirectoryQuery {
        keys: vec![
            DirectoryKey::Address(EmailAddress::parse("Billing@acme.co.uk").unwrap()),
            DirectoryKey::Domain(Domain::parse("mail.beta.de").unwrap()),
            DirectoryKey::Name(fold_name("ACME TRADING Limited")),
            DirectoryKey::TaxNumber("980 7806 84".to_owned()),
            DirectoryKey::CompanyNumber("1234567".to_owned()),
            DirectoryKey::Domain(Domain::parse("nobody.test").unwrap()),
            account("GB29NWBK60161331926819"),
            account("NO9386011117947"),
            account("NL91ABNA0417164300"),
        ],
    }
}

// ── the directory ──────────────────────────────────────────────────────────────────────────────────────────────────

fn check_answer(answer: &DirectoryAnswer) {
    let keys = query().keys;
    let hit = |at: usize| {
        answer
            .suppliers
            .get(&keys[at])
            .map(|hits| (hits[0].id.0.as_str(), hits[0].matched_by, hits[0].has_accounts))
    };
    assert_eq!(hit(0), Some(("S1", MatchedBy::Address, true)));
    assert_eq!(hit(1), Some(("S2", MatchedBy::Domain, false)), "its only account is pending");
    assert_eq!(hit(2), Some(("S1", MatchedBy::Name, true)));
    assert_eq!(hit(3), Some(("S1", MatchedBy::VatNumber, true)));
    assert_eq!(hit(4), Some(("S1", MatchedBy::CompanyNumber, true)));
    assert_eq!(hit(5), None);
    assert_eq!(state(answer, "GB29NWBK60161331926819"), Some(AccountState::Verified));
    assert_eq!(state(answer, "NO9386011117947"), Some(AccountState::Blocked));
    assert_eq!(answer.known_domains.len(), 3);
}

async fn answers_come_from_the_database_and_then_from_memory(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let own = account_check::iban("NL91ABNA0417164300").unwrap();
    world.store.add_member(world.org, &Membership::OwnAccount(own), "operator").await.unwrap();
    let organisation = world.organisation().await;
    let directory = world.directory(None);
    let answer = ask(&directory, &organisation, query()).await;
    check_answer(&answer);
    let DirectoryKey::Account(own) = account("NL91ABNA0417164300") else { unreachable!() };
    let hit = &answer.accounts[&own][0];
    assert_eq!((&hit.supplier, hit.supplier_name.as_str(), hit.state), (&None, "Example", AccountState::Own));
    world.store.database().close().await;
    assert_eq!(ask(&directory, &organisation, query()).await, answer, "memory answers without the database");

    let later =
        Organisation { directory_generation: organisation.directory_generation + 1, ..organisation.clone() };
    let deadline = Instant::now() + Duration::from_secs(5);
    let lookup = directory.look_up(&later, query(), deadline).await;
    assert_eq!(lookup, Lookup::Unavailable("database"), "what is out of date is never answered");
    let lookup = directory.look_up(&later, query(), Instant::now()).await;
    assert!(matches!(lookup, Lookup::Unavailable("deadline" | "database")), "{lookup:?}");
}

async fn one_organisation_never_sees_anothers_suppliers(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let new = NewOrganisation {
        name: "Other".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        next_hop: None,
        mailboxes: Vec::new(),
        admin_emails: Vec::new(),
    };
    let other = world.store.create_organisation(new, "operator").await.unwrap().organisation;
    let directory = world.directory(None);
    check_answer(&ask(&directory, &world.organisation().await, query()).await);
    assert_eq!(ask(&directory, &other, query()).await, DirectoryAnswer::default());
    assert_eq!(world.records.get(other.id, &SupplierId("S1".to_owned())).await.unwrap(), None);
}

// ── through Redis ──────────────────────────────────────────────────────────────────────────────────────────────────

async fn warmed(world: &World, server: &Redises) -> Organisation {
    let organisation = world.organisation().await;
    let directory = world.directory(Some(connect(server)));
    check_answer(&ask(&directory, &organisation, query()).await);
    tokio::task::block_in_place(|| {
        eventually("the answers in Redis", || server.dump().len() == query().keys.len() + 1);
    });
    organisation
}

async fn another_node_is_answered_in_one_round_trip(on: Backend) {
    let server = redis_for(on);
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    let second = world.directory(Some(connect(&server)));
    let (mget, set) = (server.calls("mget"), server.calls("set"));
    let answer = ask(&second, &organisation, query()).await;
    check_answer(&answer);
    assert_eq!(server.calls("mget"), mget + 1, "one MGET for nine keys and the generation");
    for _ in 0..10 {
        assert_eq!(ask(&second, &organisation, query()).await, answer);
    }
    assert_eq!(server.calls("mget"), mget + 1, "then memory answers");
    assert_eq!(
        (server.calls("get"), server.calls("set")),
        (server.calls("get"), set),
        "nothing is written twice"
    );
}

async fn a_change_reaches_the_other_node_without_its_book(on: Backend) {
    let server = redis_for(on);
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    let (redis, announcer) = (connect(&server), connect(&server));
    let second = world.directory(Some(redis));
    check_answer(&ask(&second, &organisation, query()).await);
    let block = "supplier_id,name,iban,status\nS1,Acme Ltd,GB29NWBK60161331926819,blocked\n";
    let generation = world.import(block, false, false).await.generation.unwrap();
    announcer.announce(world.org, generation).await.unwrap();
    // The organisation handed in is the old snapshot on purpose.
    for _ in 0..1_000 {
        let answer = ask(&second, &organisation, query()).await;
        if state(&answer, "GB29NWBK60161331926819") == Some(AccountState::Blocked) {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the change never arrived");
}

async fn redis_may_die_and_come_back(on: Backend) {
    let mut server = Redises::start(Topology::Single);
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    let redis = connect(&server);
    let directory = world.directory(Some(redis.clone()));
    check_answer(&ask(&directory, &organisation, query()).await);
    server.servers[0].kill();
    for _ in 0..20 {
        check_answer(&ask(&directory, &organisation, query()).await);
    }
    tokio::task::block_in_place(|| eventually("the loss to be noticed", || !redis.is_subscribed()));
    check_answer(&ask(&directory, &organisation, query()).await);
    assert!(!directory.is_connected());
    assert!(server.servers[0].restart(), "redis-server starts again on its port");
    tokio::task::block_in_place(|| eventually("the new subscription", || redis.is_subscribed()));
    for _ in 0..1_000 {
        check_answer(&ask(&directory, &organisation, query()).await);
        if server.dump().len() > query().keys.len() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("redis is not used again");
}

async fn redis_holds_no_detail_and_believes_no_forger(on: Backend) {
    let mut server = redis_for(on);
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    for (key, value) in server.dump() {
        for secret in [
            "31926819",
            "6819",
            "9386011117947",
            "acme",
            "Acme",
            "billing",
            "980780684",
            "verified",
            "\"S1\"",
        ] {
            let found = |octets: &[u8]| octets.windows(secret.len()).any(|w| w == secret.as_bytes());
            // Four hexadecimal digits may turn up in a fingerprint by chance, and two letters in what is sealed.
            assert!(!found(&value) && (secret.len() <= 4 || !found(key.as_bytes())), "{secret} in {key}");
        }
    }
    // Somebody who may write to Redis puts the verified account's answer under every account key.
    let fingerprint = |iban: &str| {
        let key = account_check::iban(iban).unwrap().comparison_key();
        world.keyring.fingerprint(world.org, &key).unwrap().to_hex()
    };
    let name = |iban: &str| format!("sentra:1:{{{}}}:k:account:{}", world.org, fingerprint(iban));
    let port = server.home_of(&world.org.to_string()).port;
    let url = format!("redis://127.0.0.1:{port}");
    let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
    let good: Vec<u8> = redis::cmd("GET").arg(name("GB29NWBK60161331926819")).query(&mut connection).unwrap();
    for iban in ["NO9386011117947", "NL91ABNA0417164300"] {
        redis::cmd("SET").arg(name(iban)).arg(&good).exec(&mut connection).unwrap();
    }
    let fresh = world.directory(Some(connect(&server)));
    let answer = ask(&fresh, &organisation, query()).await;
    check_answer(&answer);
    assert_eq!(state(&answer, "NL91ABNA0417164300"), None);
}

async fn an_unreachable_redis_costs_no_answer(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redis = Redis::connect(&RedisOptions::new(format!("redis://127.0.0.1:{port}"))).unwrap();
    let directory = world.directory(Some(redis.clone()));
    check_answer(&ask(&directory, &world.organisation().await, query()).await);
    assert!(redis.announce(world.org, 9).await.unwrap_err().is_transient());
}

on_each_database! {
    answers_come_from_the_database_and_then_from_memory,
    one_organisation_never_sees_anothers_suppliers,
    redis_may_die_and_come_back,
    an_unreachable_redis_costs_no_answer,
}

on_each_backend! {
    another_node_is_answered_in_one_round_trip,
    a_change_reaches_the_other_node_without_its_book,
    redis_holds_no_detail_and_believes_no_forger,
}
