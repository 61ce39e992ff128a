//! Supplier records: files into the database.

use crate::support::backend::{Backend, Place, on_each_database};
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::directory::Directory;
use sentra::adapters::directory::redis::Redis;
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
    AccountHit, AccountState, DirectoryAnswer, DirectoryKey, DirectoryQuery, Domain, Lookup, Mode, OrgId,
    Organisation, SupplierRecord,
};
use sentra::ports::SupplierDirectory as _;
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
    pub place: Place,
}

impl World {
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
        Self { folder, store, keyring, org, records, place }
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

pub fn account(iban: &str) -> DirectoryKey {
    DirectoryKey::Account(account_check::iban(iban).unwrap().comparison_key())
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

async fn the_same_file_twice_changes_nothing(on: Backend) {
    let world = World::on(on).await;
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

async fn a_bank_change_from_a_file_waits_for_verification(on: Backend) {
    let world = World::on(on).await;
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

async fn suppliers_without_id_find_their_record(on: Backend) {
    let world = World::on(on).await;
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

async fn the_commands(on: Backend) {
    let world = World::on(on).await;
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

/// An account of each scheme, and none lost: neither its parts nor who holds it.
async fn accounts_of_every_scheme_come_back(on: Backend) {
    let world = World::on(on).await;
    let file = "supplier_id,name,country,iban,bic,sort_code,account_number,routing_number,bsb,transit_number,institution_number,ifsc,status\n\
        S1,Iban,DE,DE89370400440532013000,COBADEFF,,,,,,,,verified\n\
        S2,Uk,GB,,,60-16-13,31926819,,,,,,verified\n\
        S3,Us,US,,,,12345678,021000021,,,,,verified\n\
        S4,Au,AU,,,,12345678,,062-000,,,,verified\n\
        S5,Nz,NZ,,,,01-0242-0100194-00,,,,,,verified\n\
        S6,Ca,CA,,,,1234567,,,00006,003,,verified\n\
        S7,In,IN,,,,50100012345678,,,,,HDFC0001234,verified\n\
        S8,Mx,MX,,,,002010077777777771,,,,,,verified\n\
        S9,Hk,HK,,HSBCHKHHHKH,,123-456789-838,,,,,,verified\n";
    world.import(file, true, false).await;
    let all = world.all().await;
    let schemes: Vec<&str> = all.iter().map(|s| s.accounts[0].account.scheme().as_str()).collect();
    assert_eq!(schemes, ["iban", "uk", "us_aba", "au_bsb", "nz", "ca", "in_ifsc", "mx_clabe", "bic"]);
    let (code, csv, err) = world.command(SuppliersCommand::Export, false).await;
    assert_eq!((code, parse(csv.as_bytes(), ParseOptions::default()).suppliers), (0, all.clone()), "{err}");
    let own = all[8].accounts[0].account.clone();
    world.store.add_member(world.org, &Membership::OwnAccount(own.clone()), "operator").await.unwrap();
    assert_eq!(world.store.own_accounts(world.org).await.unwrap()[0].1, own);
    let keys = all.iter().map(|s| DirectoryKey::Account(s.accounts[0].account.comparison_key()));
    let query = DirectoryQuery { keys: keys.collect() };
    let answer = ask(&world.directory(None), &world.organisation().await, query.clone()).await;
    for (key, supplier) in query.keys.iter().zip(&all) {
        let DirectoryKey::Account(key) = key else { unreachable!() };
        let hit = answer.accounts[key].iter().find(|hit| hit.supplier.as_ref() == Some(&supplier.id));
        assert_eq!(hit.map(|hit| hit.state), Some(AccountState::Verified), "{}", supplier.name);
    }
}

async fn the_database_tells_nothing_of_a_supplier(on: Backend) {
    let world = World::on(on).await;
    world.import(FILE, false, false).await;
    world.store.database().close().await;
    let mut all = Vec::new();
    if let Place::Postgres(database) = &world.place {
        all.push(("dump".to_owned(), database.dump()));
    }
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    assert!(!all.is_empty());
    for (place, octets) in all {
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
            // What PostgreSQL dumps of sealed octets is hexadecimal, in which digits may turn up by chance.
            let chance = world.place.is_postgres() && secret.bytes().all(|octet| octet.is_ascii_digit());
            assert!(
                chance || memchr::memmem::find(&octets, secret.as_bytes()).is_none(),
                "{secret} in {place}"
            );
        }
    }
}

on_each_database! {
    the_same_file_twice_changes_nothing,
    a_bank_change_from_a_file_waits_for_verification,
    suppliers_without_id_find_their_record,
    the_commands,
    accounts_of_every_scheme_come_back,
    the_database_tells_nothing_of_a_supplier,
}
