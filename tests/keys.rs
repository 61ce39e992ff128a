//! Keys: rotated while mail flows and killed in the middle, handed over between master keys, asked of a program.

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

/// The real program's database, opened beside it.
async fn beside(world: &World) -> (Store, OrgId) {
    let key = std::fs::read_to_string(world.dir().join("keys/master.key")).unwrap();
    let keyring = Arc::new(LocalKeyring::new(&MasterKey::from_hex(&key).unwrap()).unwrap());
    let database =
        Database::open(&format!("sqlite:{}", world.dir().join("data/sentra.db").display())).await.unwrap();
    let bodies = Bodies::new(&world.dir().join("data"));
    let store = Store::new(database, keyring, Arc::new(SystemClock), Arc::new(UlidSource::new()), bodies);
    let org = store.organisations().await.unwrap().remove(0).id;
    (store, org)
}

/// Rows of the record as much mail would leave them.
async fn fill_record(store: &Store, org: OrgId, rows: usize) {
    let mut write = store.database().scope(org).write().await.unwrap();
    for _ in 0..rows {
        let id = store.ids().ulid().to_string();
        let facts = store.keyring().seal(org, &format!("messages.facts|{id}"), id.as_bytes()).unwrap();
        sqlx::query(
            "INSERT INTO messages (id, org_id, received_at, action, severity, score, category, codes, ruleset, size, \
             facts, reply_code, outcome) VALUES ($1, $2, $4, 'deliver', 'none', 0, 'other', '', '', 1, $3, 250, 'relayed')",
        )
        .bind(id)
        .bind(org.to_string())
        .bind(facts)
        // Of today: what is old is purged by the server that starts.
        .bind(store.clock().now_ms())
        .execute(&mut *write)
        .await
        .unwrap();
    }
    write.commit().await.unwrap();
}

/// A second node on the same database.
struct Node(Child);

impl Node {
    fn start(world: &World) -> (Self, SocketAddr) {
        let mut command = world.command(&["serve"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the second node becomes ready").unwrap();
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = event.get("fields").unwrap_or(&event);
            if fields["message"] == "ready" {
                break fields["smtp"].as_str().unwrap().split(',').next().unwrap().trim().parse().unwrap();
            }
        };
        // A full pipe would stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        (Self(child), address)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Deterministic chance (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Mail through both nodes until it is told to stop; every reply that is not 250 is kept.
struct Load {
    stop: AtomicBool,
    next: AtomicU64,
    bad: std::sync::Mutex<Vec<String>>,
}

impl Load {
    async fn run(&self, address: SocketAddr) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let octets = if number.is_multiple_of(5) {
                changed_invoice(&format!("held-{number}@keys.test"))
            } else {
                clean_invoice(&format!("clean-{number}@keys.test"))
            };
            let mut client = Client::hello(address).await.unwrap();
            let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets);
            let reply = sent.await.unwrap();
            if reply.code != 250 {
                self.bad.lock().unwrap().push(format!("{number}: {} {}", reply.code, reply.text));
            }
        }
    }
}

/// Runs `sentra keys rotate …` and kills it after a while; true when it ended by itself before.
fn rotate_and_kill(world: &World, purpose: &str, after: Duration) -> bool {
    let arguments = ["keys", "rotate", "--purpose", purpose, "--settle", "3"];
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = std::time::Instant::now() + after;
    while std::time::Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

/// kill -9 at many points of a rotation leaves every value readable, a later run completes it, and mail through two
/// nodes is never deferred meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_killed_again_and_again_completes_and_mail_flows() {
    const ROWS: usize = 6_000;
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let (store, org) = beside(&world).await;
    fill_record(&store, org, ROWS).await;
    let (_second, second) = Node::start(&world);
    let load = Arc::new(Load {
        stop: AtomicBool::new(false),
        next: AtomicU64::new(0),
        bad: std::sync::Mutex::default(),
    });
    let senders: Vec<_> = [world.smtp, second]
        .into_iter()
        .map(|address| {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.run(address).await })
        })
        .collect();

    let mut chance = Chance(0x5eed_0008);
    let mut killed = BTreeMap::new();
    let world = Arc::new(world);
    for purpose in ["data", "fingerprint", "signing"] {
        let mut kills = 0;
        loop {
            // First in the waits between the steps, then within the work.
            let after = Duration::from_millis(if kills < 4 {
                900 + chance.below(900)
            } else {
                150 + chance.below(500)
            });
            let after = if kills > 25 { Duration::from_secs(120) } else { after };
            let at = Arc::clone(&world);
            let ended =
                tokio::task::spawn_blocking(move || rotate_and_kill(&at, purpose, after)).await.unwrap();
            if ended {
                break;
            }
            kills += 1;
        }
        killed.insert(purpose, kills);
    }
    load.stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }

    println!("killed {killed:?}, {} messages meanwhile", load.next.load(Ordering::Relaxed));
    assert!(killed["data"] >= 4, "{killed:?}");
    assert_eq!(*load.bad.lock().unwrap(), Vec::<String>::new(), "no message was deferred");
    // One rotation each, however often it was begun.
    let status = &world.json(&["keys", "status"])[0]["keys"];
    for purpose in status["purposes"].as_array().unwrap() {
        assert_eq!(purpose["active"], 2, "{purpose}");
        assert_eq!(purpose["rotation"]["phase"], "done", "{purpose}");
        if purpose["purpose"] != "signing" {
            assert_eq!(purpose["under_others"], 0, "{purpose}");
        }
    }
    store.organisations().await.unwrap();
    let mut read = store.database().scope(org).read().await.unwrap();
    let rows = sqlx::query("SELECT id, facts FROM messages").fetch_all(&mut *read).await.unwrap();
    assert!(rows.len() > ROWS);
    for row in rows {
        let (id, facts): (String, Vec<u8>) = (row.get(0), row.get(1));
        assert_eq!(sealed_under(&facts), Some(2), "{id}");
        store.keyring().open(org, &format!("messages.facts|{id}"), &facts).unwrap();
    }
    // Suppliers were known all the time: what is theirs passed, what is not was held, and it can be taken out.
    let clean = sink.messages().iter().filter(|mail| holds(&mail.octets, "action=deliver")).count();
    let sent = usize::try_from(load.next.load(Ordering::Relaxed)).unwrap();
    let held = world.quarantine();
    assert_eq!((clean, held.len()), (sent - sent.div_ceil(5), sent.div_ceil(5)));
    for row in &held {
        let body = world.run(&["quarantine", "export", row["id"].as_str().unwrap()]);
        assert!(body.contains("GB94 BARC 1020 1530 0934 59"));
    }
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

#[tokio::test]
async fn master_keys_hand_over_while_the_server_runs() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()));
    let keys = world.dir().join("keys");
    std::fs::copy(keys.join("master.key"), keys.join("previous.key")).unwrap();
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    let both = config.replace(
        "master_key_file = \"keys/master.key\"",
        "master_key_file = \"keys/master.key\"\nprevious_master_key_file = \"keys/previous.key\"",
    );
    assert_ne!(config, both);
    std::fs::write(keys.join("master.key"), "ab".repeat(32)).unwrap();
    std::fs::write(world.config_file(), both).unwrap();
    world.signal("HUP");
    world.wait_until(|world| world.logged(&["master keys were read again"]) == 1, "the reload").await;
    let done = world.run(&["keys", "rotate", "--purpose", "master"]);
    assert!(done.contains("3 keys wrapped by the current master key"), "{done}");
    let again = world.run(&["keys", "rotate", "--purpose", "master"]);
    assert!(again.contains("0 keys wrapped"), "{again}");
    // The server goes on and takes up what was wrapped by the new key alone.
    std::fs::write(world.config_file(), config).unwrap();
    std::fs::remove_file(keys.join("previous.key")).unwrap();
    world.run(&["keys", "rotate", "--purpose", "signing", "--settle", "3"]);
    let mut client = world.hello().await;
    let octets = changed_invoice("after@keys.test");
    let reply = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets).await;
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!(world.quarantine().len(), 1);
    let status = world.run(&["keys", "status"]);
    assert!(!status.contains("previous"), "{status}");
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn the_master_key_may_come_from_a_program() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::prepare(Setup::new(sink.address()));
    let key = std::fs::read_to_string(world.dir().join("keys/master.key")).unwrap();
    let program = world.folder.path().join("kms");
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    let asked = format!("master_key_command = [\"{}\", \"payments\"]", program.display());
    let config = config.replace("master_key_file = \"keys/master.key\"", &asked);
    assert!(config.contains("master_key_command"));
    std::fs::write(world.config_file(), config).unwrap();
    std::fs::remove_file(world.dir().join("keys/master.key")).unwrap();
    script(&program, &format!("[ \"$1\" = payments ] && [ -z \"$SENTRA_CONFIG\" ] && echo {}", key.trim()));
    world.serve();
    assert_eq!(world.stop(), 0);
    for (name, text, expected) in [
        ("fails", "echo hunter2 >&2; exit 7", "exit status: 7"),
        ("other output", "echo hunter2", "did not print a master key"),
        ("another key", "printf %064d 1", "master key does not open"),
    ] {
        script(&program, text);
        let done = world.command(&["keys", "status"]).output().unwrap();
        let error = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{name}: {error}");
        assert!(
            error.contains(expected) && error.contains("help:") && !error.contains("hunter2"),
            "{name}: {error}"
        );
    }
}

on_each_database! {
    a_data_key_goes_when_nothing_is_under_it_and_not_before,
    a_value_that_does_not_open_is_told_and_keeps_its_key,
    fingerprints_are_made_anew_and_a_moved_value_is_left_alone,
    a_signing_key_ends_as_its_public_half,
}
