//! Keys: rotated while mail flows and killed in the middle, handed over between master keys, asked of a program.

mod master;
mod rotation;

use crate::support::backend::{Backend, Place, on_each_database};
use crate::support::client::Client;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use bytes::Bytes;
use sentra::adapters::clock::{SystemClock, UlidSource};
use sentra::adapters::keyring::{KeyPurpose, LocalKeyring, MasterKey, sealed_under};
use sentra::adapters::objects::Bodies;
use sentra::adapters::store::{Database, KeyStatus, Membership, NewOrganisation, SEALED, Store, WRAPPED};
use sentra::limits;
use sentra::model::{Account, EmailAddress, Mode, OrgId, ProtectedMailbox, Scheme};
use sentra::ports::{Clock, Keyring as _, OutboxMail};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A clock that the test moves.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Kit {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    clock: Arc<TestClock>,
    org: OrgId,
    /// Dropped last: the database goes with it.
    _place: Place,
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

async fn kit(on: Backend) -> Kit {
    let folder = tempfile::tempdir().unwrap();
    let place = on.place(folder.path());
    let database = place.open().await;
    let clock = Arc::new(TestClock(AtomicI64::new(SystemClock.now_ms())));
    let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_bytes([42; 32])).unwrap());
    let (as_clock, ids) = (Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(UlidSource::new()));
    let store = Arc::new(Store::new(database, keyring, as_clock, ids, Bodies::new(folder.path())));
    let new = NewOrganisation {
        name: "Acme".to_owned(),
        mode: Mode::Enforce,
        tenant_id: None,
        next_hop: None,
        mailboxes: vec![ProtectedMailbox { address: email("accounts@acme.test"), aliases: Vec::new() }],
        admin_emails: vec![email("admin@acme.test")],
    };
    let org = store.create_organisation(new, "operator").await.unwrap().organisation.id;
    Kit { _folder: folder, store, clock, org, _place: place }
}

impl Kit {
    async fn rotate(&self, purpose: KeyPurpose) -> sentra::adapters::store::KeyReport {
        self.store.rotate_key(self.org, purpose, Duration::ZERO, "operator", &mut |_| {}).await.unwrap()
    }

    async fn status(&self, purpose: KeyPurpose) -> sentra::adapters::store::PurposeStatus {
        let KeyStatus { purposes, .. } = self.store.key_status(self.org).await.unwrap();
        purposes.into_iter().find(|status| status.purpose == purpose.as_str()).unwrap()
    }

    fn forward(&self, by: Duration) {
        self.clock.0.fetch_add(i64::try_from(by.as_millis()).unwrap() + 1, Ordering::SeqCst);
    }

    fn account(number: &str) -> Account {
        Account::from_canonical(Scheme::Uk, *b"GB", number).unwrap()
    }
}

/// A new table with a column of octets has to say what a rotation does with it.
#[tokio::test]
async fn every_column_of_octets_is_on_the_list() {
    let kit = kit(Backend::Sqlite).await;
    let sql = "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p \
               WHERE m.type = 'table' AND upper(p.type) = 'BLOB' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    let mut read = kit.store.database().scope(kit.org).read().await.unwrap();
    let rows = sqlx::query(sql).fetch_all(&mut *read).await.unwrap();
    let found: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row.get::<String, _>(0), row.get::<String, _>(1))).collect();
    let sealed = SEALED.iter().map(|column| (column.table, column.column));
    let listed: BTreeSet<(String, String)> = sealed
        .chain(WRAPPED.iter().map(|(table, column, _)| (*table, *column)))
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect();
    assert_eq!(found, listed, "src/adapters/store/keys/sealed.rs lists every column of octets");
    for column in SEALED {
        let copied = column.table == "supplier_changes";
        let context = format!("{}.{}", column.table, column.column);
        assert!(copied || column.context == context, "{}: the context is table and column", column.context);
        assert!(column.bound.iter().all(|bound| column.keys.contains(bound)), "{}", column.context);
    }
}

async fn a_data_key_goes_when_nothing_is_under_it_and_not_before(on: Backend) {
    let kit = kit(on).await;
    let mail = OutboxMail {
        org: kit.org,
        envelope: sentra::model::Envelope {
            reverse_path: sentra::model::ReversePath(None),
            parameters: sentra::model::MailParameters::default(),
            recipients: Vec::new(),
        },
        octets: Bytes::from_static(b"Subject: notice\r\n\r\n"),
        kind: "notice",
    };
    kit.store.enqueue(&mail).await.unwrap();
    let own = Membership::OwnAccount(Kit::account("60161331926819"));
    kit.store.add_member(kit.org, &own, "operator").await.unwrap();
    let report = kit.rotate(KeyPurpose::Data).await;
    // Two tokens, one account, the notice's envelope and octets.
    assert_eq!((report.key_id, report.done, report.unreadable, report.resumed), (2, 5, 0, false));
    let status = kit.status(KeyPurpose::Data).await;
    assert_eq!((status.active, status.under_others), (2, 0));
    assert_eq!(status.rotation.unwrap().phase, "done");
    assert!(kit.store.destroy_old_keys(kit.org, "system").await.unwrap().is_empty(), "not within its grace");
    kit.forward(limits::KEY_GRACE);
    let destroyed = kit.store.destroy_old_keys(kit.org, "system").await.unwrap();
    assert_eq!(destroyed, [(KeyPurpose::Data, 1)]);
    assert_eq!(kit.status(KeyPurpose::Data).await.keys.len(), 1);
    assert_eq!(kit.store.own_accounts(kit.org).await.unwrap().len(), 1);
    let item = kit.store.lease_outbox(&[]).await.unwrap().remove(0);
    assert_eq!(kit.store.outbox_octets(&item).await.unwrap(), Some(mail.octets));
}

/// A damaged value stops nothing, is told, and keeps its key alive.
async fn a_value_that_does_not_open_is_told_and_keeps_its_key(on: Backend) {
    let kit = kit(on).await;
    let own = Membership::OwnAccount(Kit::account("60161331926819"));
    kit.store.add_member(kit.org, &own, "operator").await.unwrap();
    let mut write = kit.store.database().scope(kit.org).write().await.unwrap();
    let damage = "UPDATE own_accounts SET sealed_number = substr(sealed_number, 1, 30)";
    sqlx::query(damage).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    let report = kit.rotate(KeyPurpose::Data).await;
    assert_eq!((report.done, report.unreadable), (2, 1));
    kit.forward(limits::KEY_GRACE);
    assert!(kit.store.destroy_old_keys(kit.org, "system").await.unwrap().is_empty());
    assert_eq!(kit.status(KeyPurpose::Data).await.under_others, 1);
}

async fn fingerprints_are_made_anew_and_a_moved_value_is_left_alone(on: Backend) {
    let kit = kit(on).await;
    let (one, two) = (Kit::account("60161331926819"), Kit::account("20000055779911"));
    for account in [&one, &two] {
        kit.store.add_member(kit.org, &Membership::OwnAccount(account.clone()), "operator").await.unwrap();
    }
    let before = kit.store.keyring().fingerprint(kit.org, &one.comparison_key()).unwrap();
    let generation = kit.store.organisation(kit.org).await.unwrap().unwrap().directory_generation;
    let report = kit.rotate(KeyPurpose::Fingerprint).await;
    assert_eq!((report.done, report.unreadable), (2, 0));
    let after = kit.store.keyring().fingerprint(kit.org, &one.comparison_key()).unwrap();
    assert_ne!(before, after);
    let stored = |print: sentra::model::Fingerprint| {
        let store = Arc::clone(&kit.store);
        let org = kit.org;
        async move {
            let sql = "SELECT COUNT(*) FROM own_accounts WHERE org_id = $1 AND fingerprint = $2";
            let mut read = store.database().scope(org).read().await.unwrap();
            let query = sqlx::query_scalar::<_, i64>(sql).bind(org.to_string()).bind(print.to_hex());
            query.fetch_one(&mut *read).await.unwrap()
        }
    };
    assert_eq!((stored(before).await, stored(after).await), (0, 1));
    let now = kit.store.organisation(kit.org).await.unwrap().unwrap().directory_generation;
    assert!(now > generation, "caches are told");
    // Somebody puts another number beside a fingerprint: that gives it away, and nothing is made of it.
    let swap = "UPDATE own_accounts SET sealed_number = (SELECT o.sealed_number FROM own_accounts o \
                WHERE o.org_id = own_accounts.org_id AND o.fingerprint <> $1) WHERE fingerprint = $1";
    let mut write = kit.store.database().scope(kit.org).write().await.unwrap();
    sqlx::query(swap).bind(after.to_hex()).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    let report = kit.rotate(KeyPurpose::Fingerprint).await;
    assert_eq!((report.done, report.unreadable), (1, 1));
    assert_eq!(stored(after).await, 1);
    // As long as it stands so, no key that may have made it is destroyed.
    kit.forward(limits::FINGERPRINT_GRACE);
    assert!(kit.store.destroy_old_keys(kit.org, "system").await.unwrap().is_empty());
    kit.store.remove_member(kit.org, &Membership::OwnAccount(one), "operator").await.unwrap();
    let destroyed = kit.store.destroy_old_keys(kit.org, "system").await.unwrap();
    assert_eq!(destroyed, [(KeyPurpose::Fingerprint, 1), (KeyPurpose::Fingerprint, 2)]);
}

async fn a_signing_key_ends_as_its_public_half(on: Backend) {
    let kit = kit(on).await;
    let ring = kit.store.keyring();
    let signature = ring.sign(kit.org, b"verdict").unwrap();
    assert_eq!(kit.rotate(KeyPurpose::Signing).await.key_id, 2);
    assert_eq!(ring.verified_by(kit.org, b"verdict", &signature), Some(1));
    kit.forward(limits::KEY_GRACE);
    let destroyed = kit.store.destroy_old_keys(kit.org, "system").await.unwrap();
    assert_eq!(destroyed, [(KeyPurpose::Signing, 1)]);
    assert_eq!(ring.verified_by(kit.org, b"verdict", &signature), Some(1), "it verifies for ever");
    let states: Vec<_> = kit.status(KeyPurpose::Signing).await.keys.iter().map(|key| key.state).collect();
    assert_eq!(states, ["active", "public"]);
}

fn holds(octets: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(octets).contains(text)
}

#[tokio::test]
async fn a_header_verifies_by_the_key_that_signed_it_and_tampering_is_named() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    let octets = clean_invoice("signed@keys.test");
    let reply = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets).await;
    assert_eq!(reply.unwrap().code, 250);
    let delivered = sink.wait_for(1).await.remove(0).octets;
    world.run(&["keys", "rotate", "--purpose", "signing", "--settle", "3"]);
    world.run(&["keys", "rotate", "--purpose", "fingerprint", "--settle", "3"]);
    let text = String::from_utf8(delivered.to_vec()).unwrap();
    let verify = |name: &str, text: &str| {
        let file = world.folder.path().join(format!("{name}.eml"));
        std::fs::write(&file, text).unwrap();
        let done =
            world.command(&["m365", "verify-header", file.to_str().unwrap(), "--json"]).output().unwrap();
        (done.status.success(), serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap())
    };
    let (valid, said) = verify("whole", &text);
    assert!(valid && said["key"] == 1, "{said}");
    for (name, from, to, expected) in [
        ("body", "Amount due", "Amount paid", "body"),
        ("verdict", "severity=info", "severity=caution", "verdict"),
        ("message id", "signed@keys.test", "forged@keys.test", "message_id_or_trace"),
    ] {
        assert!(text.contains(from), "{name}: {text}");
        let (valid, said) = verify(name, &text.replace(from, to));
        assert!(!valid && said["altered"] == expected, "{name}: {said}");
    }
}

on_each_database! {
    a_data_key_goes_when_nothing_is_under_it_and_not_before,
    a_value_that_does_not_open_is_told_and_keeps_its_key,
    fingerprints_are_made_anew_and_a_moved_value_is_left_alone,
    a_signing_key_ends_as_its_public_half,
}
