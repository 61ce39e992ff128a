//! Supplier records: files into the database, and the directory's answers through cache, Redis and database.

use crate::support::backend::{Backend, Place};
use crate::support::redis::{RedisServer, eventually};
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::directory::Directory;
use sentra::adapters::directory::redis::{Options as RedisOptions, Redis};
use sentra::adapters::keyring::{LocalKeyring, MasterKey};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{ChainCheck, Membership, NewOrganisation, Store};
use sentra::adapters::suppliers::csv::{ParseOptions, parse};
use sentra::adapters::suppliers::feed::ListFeed;
use sentra::adapters::suppliers::import::{ImportOptions, ImportReport};
use sentra::adapters::suppliers::records::SupplierRecords;
use sentra::cli::suppliers::{ImportArgs, SuppliersCommand, SuppliersContext, run};
use sentra::model::account_check;
use sentra::model::{
    AccountHit, AccountState, DirectoryAnswer, DirectoryKey, DirectoryQuery, Domain, EmailAddress, Lookup,
    MatchedBy, Mode, OrgId, Organisation, SupplierId, SupplierRecord, fold_name,
};
use sentra::ports::{Keyring, SupplierDirectory as _};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

pub const FILE: &str = "supplier_id,name,aliases,domains,emails,phones,vat_number,company_number,iban,sort_code,account_number,status\n\
    S1,Acme Ltd,Acme Trading,acme.co.uk,billing@acme.co.uk,+44 20 1,GB980780684,01234567,GB29NWBK60161331926819,,,verified\n\
    S2,Beta GmbH,,beta.de,,+49 30,DE123456789,,DE89370400440532013000,,,\n\
    S3,Gamma,,gamma.no,pay@gmail.com,+47 1,,,NO9386011117947,,,blocked\n";

pub struct World {
    pub folder: TempDir,
    pub store: Store,
    pub keyring: Arc<LocalKeyring>,
    pub org: OrgId,
    pub records: SupplierRecords,
    /// Dropped last: the database goes with it.
    _place: Place,
}

impl World {
    pub async fn new() -> Self {
        Self::on(Backend::Sqlite).await
    }

    pub async fn on(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = backend.place(folder.path());
        let database = place.open().await;
        let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_bytes([7; 32])).unwrap());
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UlidSource::new()));
        let store = Store::new(
            database.clone(),
            keyring.clone(),
            clock.clone(),
            ids.clone(),
            Bodies::new(folder.path()),
        );
        let new = NewOrganisation {
            name: "Example".to_owned(),
            mode: Mode::Enforce,
            tenant_id: None,
            next_hop: None,
            mailboxes: Vec::new(),
            admin_emails: Vec::new(),
        };
        let org = store.create_organisation(new, "operator").await.unwrap().organisation.id;
        let records = SupplierRecords::new(database, keyring.clone(), clock, ids);
        Self { folder, store, keyring, org, records, _place: place }
    }

    pub async fn organisation(&self) -> Organisation {
        self.store.organisation(self.org).await.unwrap().unwrap()
    }

    pub async fn import(&self, text: &str, verified: bool, dry_run: bool) -> ImportReport {
        let parsed = parse(text.as_bytes(), ParseOptions { verified });
        assert_eq!(parsed.errors, []);
        let options = ImportOptions {
            verified,
            dry_run,
            actor: "operator",
            source: "test.csv",
            ..ImportOptions::default()
        };
        self.records.import(self.org, &mut ListFeed::new(parsed.suppliers), &options).await.unwrap()
    }

    pub async fn all(&self) -> Vec<SupplierRecord> {
        self.records.page(self.org, None, 500).await.unwrap()
    }

    pub fn directory(&self, redis: Option<Redis>) -> Directory {
        Directory::new(self.store.database().clone(), self.keyring.clone(), redis)
    }

    pub fn context(&self) -> SuppliersContext {
        SuppliersContext {
            database: self.store.database().clone(),
            keyring: self.keyring.clone(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UlidSource::new()),
            org: self.org,
            redis: None,
        }
    }

    pub async fn command(&self, command: SuppliersCommand, json: bool) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&command, &self.context(), json, &mut out, &mut err).await;
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }
}

fn connect(server: &RedisServer) -> Redis {
    let redis = Redis::connect(&RedisOptions::new(server.url())).unwrap();
    let waiting = redis.clone();
    tokio::task::block_in_place(|| eventually("the subscription", || waiting.is_subscribed()));
    redis
}

pub fn account(iban: &str) -> DirectoryKey {
    DirectoryKey::Account(account_check::iban(iban).unwrap().comparison_key())
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

pub async fn ask(
    directory: &Directory,
    organisation: &Organisation,
    query: DirectoryQuery,
) -> DirectoryAnswer {
    let deadline = Instant::now() + Duration::from_secs(5);
    match directory.look_up(organisation, query, deadline).await {
        Lookup::Found(answer) => answer,
        other => panic!("{other:?}"),
    }
}

pub fn state(answer: &DirectoryAnswer, iban: &str) -> Option<AccountState> {
    let DirectoryKey::Account(key) = account(iban) else { unreachable!() };
    answer.accounts.get(&key).map(|hits: &Vec<AccountHit>| hits[0].state)
}

// ── files into the database ────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn the_same_file_twice_changes_nothing() {
    let world = World::new().await;
    let before = world.organisation().await.directory_generation;
    let first = world.import(FILE, false, false).await;
    assert_eq!((first.created, first.updated, first.accounts_added), (3, 0, 3));
    assert_eq!(first.generation, Some(before + 1));
    let second = world.import(FILE, false, false).await;
    assert_eq!((second.created, second.updated, second.unchanged), (0, 0, 3));
    assert_eq!((second.generation, second.changes), (None, Vec::new()));
    assert_eq!(world.all().await, parse(FILE.as_bytes(), ParseOptions::default()).suppliers);
    assert_eq!(world.organisation().await.directory_generation, before + 1);
    assert!(matches!(world.store.verify_audit(world.org).await.unwrap(), ChainCheck::Intact(_)));
    let audit = world.store.audit(world.org, 0).await.unwrap();
    assert_eq!(audit.iter().filter(|entry| entry.action == "suppliers.import").count(), 1);
}

#[tokio::test]
async fn a_bank_change_from_a_file_waits_for_verification() {
    let world = World::new().await;
    world.import(FILE, false, false).await;
    let change = "supplier_id,name,iban,status\nS1,Acme Ltd,NL91ABNA0417164300,verified\nS3,Gamma,NO9386011117947,verified\n";
    let dry = world.import(change, false, true).await;
    let report = world.import(change, false, false).await;
    let told = |report: &ImportReport| {
        let changes = report.changes.iter();
        changes.map(|c| (c.account.clone(), c.from, c.to, c.refused, c.case.is_some())).collect::<Vec<_>>()
    };
    assert_eq!((told(&dry), dry.generation), (told(&report), None), "a dry run tells the same");
    assert_eq!(
        (report.cases_opened, report.changes[0].beside.as_slice()),
        (1, ["••••6819".to_owned()].as_slice())
    );
    assert_eq!((report.accounts_added, report.accounts_changed, report.accounts_held_back), (1, 0, 2));
    let states =
        |all: &[SupplierRecord], at: usize| all[at].accounts.iter().map(|a| a.state).collect::<Vec<_>>();
    let all = world.all().await;
    assert_eq!(states(&all, 0), [AccountState::Verified, AccountState::Pending]);
    assert_eq!(states(&all, 2), [AccountState::Blocked]);
    world.import(change, true, false).await;
    let all = world.all().await;
    assert_eq!(states(&all, 0), [AccountState::Verified, AccountState::Verified]);
    assert_eq!(states(&all, 2), [AccountState::Verified]);
}

#[tokio::test]
async fn suppliers_without_id_find_their_record() {
    let world = World::new().await;
    world.import(FILE, false, false).await;
    let rows = [
        ("by tax number", "name,vat_number\nAcme under another name,980780684\n", (0, 1)),
        ("by name and domain", "name,domains,phones\nBETA,beta.de,+49 99\n", (0, 1)),
        ("by name, other domain", "name,domains\nBeta,beta.fr\n", (1, 0)),
        ("again", "name,domains\nBeta,beta.fr\n", (0, 0)),
    ];
    for (name, text, want) in rows {
        let report = world.import(text, false, false).await;
        assert_eq!((report.created, report.updated), want, "{name}");
    }
    let made =
        world.all().await.into_iter().find(|s| s.domains == [Domain::parse("beta.fr").unwrap()]).unwrap();
    assert_eq!(made.id.0.len(), 26, "a ULID");
    let parsed = parse(b"name\nBeta\n", ParseOptions::default());
    let options = ImportOptions {
        verified: false,
        dry_run: false,
        actor: "operator",
        source: "-",
        ..ImportOptions::default()
    };
    let report =
        world.records.import(world.org, &mut ListFeed::new(parsed.suppliers), &options).await.unwrap();
    assert_eq!((report.ambiguous[0].name.as_str(), report.created), ("Beta", 0));
}

#[tokio::test]
async fn the_commands() {
    let world = World::new().await;
    let file = world.folder.path().join("suppliers.csv");
    std::fs::write(&file, format!("{FILE}S4,Typo,,,,,,,GB29NWBK60161331926818,,,\n")).unwrap();
    let import = |dry_run| {
        SuppliersCommand::Import(Box::new(ImportArgs {
            file: file.clone(),
            dry_run,
            ..ImportArgs::default()
        }))
    };
    let (code, out, err) = world.command(import(true), false).await;
    assert_eq!(code, 1, "a row was refused");
    assert!(err.contains("IBAN ••••6818 has wrong check digits (a digit is mistyped or altered) (suppliers.csv:5, column iban)"), "{err}");
    assert!(out.contains("Dry run: nothing was written.") && world.all().await.is_empty(), "{out}");
    let (code, out, _) = world.command(import(false), true).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &report["created"], &report["rejected"], &report["errors"][0]["line"]),
        (1, &3.into(), &1.into(), &5.into())
    );
    let (code, out, _) = world.command(SuppliersCommand::List, true).await;
    let first: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((code, out.lines().count(), &first["accounts"]["verified"]), (0, 3, &1.into()));
    let (_, out, _) = world
        .command(SuppliersCommand::Show { id: "S1".to_owned(), history: false, reveal: false }, false)
        .await;
    assert!(out.contains("••••6819") && !out.contains("31926819"), "{out}");
    let (code, _, err) = world
        .command(SuppliersCommand::Show { id: "S9".to_owned(), history: false, reveal: false }, false)
        .await;
    assert_eq!((code, err.starts_with("error: there is no supplier `S9`\nhelp: ")), (1, true), "{err}");
    let (code, csv, _) = world.command(SuppliersCommand::Export, false).await;
    assert_eq!((code, parse(csv.as_bytes(), ParseOptions::default()).suppliers), (0, world.all().await));
    let missing = ImportArgs { file: "/nonexistent.csv".into(), ..ImportArgs::default() };
    let missing = SuppliersCommand::Import(Box::new(missing));
    assert_eq!(world.command(missing, false).await.0, 1);
}

#[tokio::test]
async fn the_database_file_tells_nothing_of_a_supplier() {
    let world = World::new().await;
    world.import(FILE, false, false).await;
    world.store.database().close().await;
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let octets = std::fs::read(&path).unwrap();
            for secret in [
                "31926819",
                "532013000",
                "9386011117947",
                "Acme",
                "acme",
                "Beta",
                "beta.de",
                "Gamma",
                "gamma.no",
                "billing@",
                "pay@gmail.com",
                "+44 20 1",
                "980780684",
                "DE123456789",
                "01234567",
            ] {
                let found = octets.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(!found, "{secret} in {}", path.display());
            }
        }
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

#[tokio::test]
async fn answers_come_from_the_database_and_then_from_memory() {
    let world = World::new().await;
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

#[tokio::test]
async fn one_organisation_never_sees_anothers_suppliers() {
    let world = World::new().await;
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

async fn warmed(world: &World, server: &RedisServer) -> Organisation {
    let organisation = world.organisation().await;
    let directory = world.directory(Some(connect(server)));
    check_answer(&ask(&directory, &organisation, query()).await);
    tokio::task::block_in_place(|| {
        eventually("the answers in Redis", || server.dump().len() == query().keys.len() + 1);
    });
    organisation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_is_answered_in_one_round_trip() {
    let server = RedisServer::start();
    let world = World::new().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_the_other_node_without_its_book() {
    let server = RedisServer::start();
    let world = World::new().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_die_and_come_back() {
    let mut server = RedisServer::start();
    let world = World::new().await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    let redis = connect(&server);
    let directory = world.directory(Some(redis.clone()));
    check_answer(&ask(&directory, &organisation, query()).await);
    server.kill();
    for _ in 0..20 {
        check_answer(&ask(&directory, &organisation, query()).await);
    }
    tokio::task::block_in_place(|| eventually("the loss to be noticed", || !redis.is_subscribed()));
    check_answer(&ask(&directory, &organisation, query()).await);
    assert!(!directory.is_connected());
    assert!(server.restart(), "redis-server starts again on its port");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_holds_no_detail_and_believes_no_forger() {
    let server = RedisServer::start();
    let world = World::new().await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    for (key, value) in server.dump() {
        for secret in
            ["31926819", "6819", "9386011117947", "acme", "Acme", "billing", "980780684", "verified", "S1"]
        {
            let found = |octets: &[u8]| octets.windows(secret.len()).any(|w| w == secret.as_bytes());
            // Four hexadecimal digits may turn up in a fingerprint by chance.
            assert!(!found(&value) && (secret.len() <= 4 || !found(key.as_bytes())), "{secret} in {key}");
        }
    }
    // Somebody who may write to Redis puts the verified account's answer under every account key.
    let fingerprint = |iban: &str| {
        let key = account_check::iban(iban).unwrap().comparison_key();
        world.keyring.fingerprint(world.org, &key).unwrap().to_hex()
    };
    let name = |iban: &str| format!("sentra:1:{{{}}}:k:account:{}", world.org, fingerprint(iban));
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let good: Vec<u8> = redis::cmd("GET").arg(name("GB29NWBK60161331926819")).query(&mut connection).unwrap();
    for iban in ["NO9386011117947", "NL91ABNA0417164300"] {
        redis::cmd("SET").arg(name(iban)).arg(&good).exec(&mut connection).unwrap();
    }
    let fresh = world.directory(Some(connect(&server)));
    let answer = ask(&fresh, &organisation, query()).await;
    check_answer(&answer);
    assert_eq!(state(&answer, "NL91ABNA0417164300"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_serves_as_well() {
    let server = RedisServer::start_cluster();
    let world = World::new().await;
    world.import(FILE, false, false).await;
    let organisation = warmed(&world, &server).await;
    let redis = connect(&server);
    let second = world.directory(Some(redis.clone()));
    let mget = server.calls("mget");
    check_answer(&ask(&second, &organisation, query()).await);
    assert_eq!(server.calls("mget"), mget + 1);
    redis.announce(world.org, organisation.directory_generation + 1).await.unwrap();
    check_answer(&ask(&second, &organisation, query()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_redis_costs_no_answer() {
    let world = World::new().await;
    world.import(FILE, false, false).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redis = Redis::connect(&RedisOptions::new(format!("redis://127.0.0.1:{port}"))).unwrap();
    let directory = world.directory(Some(redis.clone()));
    check_answer(&ask(&directory, &world.organisation().await, query()).await);
    assert!(redis.announce(world.org, 9).await.unwrap_err().is_transient());
}
