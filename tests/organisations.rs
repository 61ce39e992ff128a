//! An organisation leaves as a file and arrives elsewhere as it was; an erased one leaves nothing but its certificate.

#![deny(dead_code)]

use crate::support::backend::{Backend, on_each_database};
use crate::support::client::Client;
use crate::support::kept::Kept;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use sentra::adapters::store::{ChainCheck, StoreError};
use sentra::adapters::transfer::{Exported, Imported, Secret, TransferError, export, import};
use sentra::model::{Domain, HeldState, HoldScope, OrgId};
use sentra::ports::Keyring as _;
use sqlx::Row as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PASSPHRASE: &str = "a sentence that nobody guesses";

/// The states in which an entry has its body.
const WITH_BODY: [HeldState; 3] = [HeldState::Held, HeldState::Released, HeldState::Rejected];

fn key() -> Secret {
    Secret::key(&"5e".repeat(32)).unwrap()
}

impl Kept {
    async fn leave(&self, path: &Path) -> Exported {
        let org = self.store.organisation(self.org).await.unwrap().unwrap();
        export(&self.store, &org, path, &key(), "operator").await.unwrap()
    }

    async fn arrive(&self, path: &Path) -> Result<Imported, TransferError> {
        import(&self.store, path, &key(), self.folder.path(), "operator").await
    }

    /// Every row of an organisation, table by table, encoded.
    async fn all_rows(&self, org: OrgId) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut snapshot = self.store.database().snapshot().await.unwrap();
        let mut all = BTreeMap::new();
        for table in snapshot.tables().await.unwrap().iter().filter(|table| table.owner.is_some()) {
            let mut rows = snapshot.rows(table, Some(org)).await.unwrap();
            let mut found = Vec::new();
            while let Some(record) = rows.next().await.unwrap() {
                found.push(record.to_vec());
            }
            all.insert(table.name.clone(), found);
        }
        all
    }
}

/// What differs on purpose: keys are wrapped anew, the audit goes on, caches end, mail under way may be sent twice.
const DIFFERENT: [&str; 6] = ["org_keys", "organisations", "audit", "audit_heads", "audit_anchors", "outbox"];

#[track_caller]
fn assert_same(before: &BTreeMap<String, Vec<Vec<u8>>>, after: &BTreeMap<String, Vec<Vec<u8>>>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (table, rows) in before {
        if table == "audit" {
            assert!(rows.len() < after[table].len(), "the way is noted");
            assert!(after[table].starts_with(rows), "entries are what they were");
        } else if DIFFERENT.contains(&table.as_str()) {
            assert_eq!(rows.len(), after[table].len(), "{table}");
        } else {
            assert!(rows == &after[table], "{table} differs");
        }
    }
}

/// What only keys can tell.
async fn assert_opens(kept: &Kept, org: OrgId, subjects: &[String]) {
    let held = kept.store.held(org, &WITH_BODY, None).await.unwrap();
    assert_eq!(held.iter().map(|entry| entry.subject.clone()).collect::<Vec<_>>(), subjects);
    for entry in &held {
        let body = kept.store.held_body(org, entry.id).await.unwrap().expect("a body");
        assert!(!body.is_empty());
    }
    assert_eq!(kept.records().page(org, None, 10).await.unwrap().len(), 2);
    assert!(matches!(kept.store.verify_audit(org).await.unwrap(), ChainCheck::Intact(seq) if seq > 10));
    assert_eq!(kept.store.own_accounts(org).await.unwrap().len(), 1);
    assert_eq!(kept.store.holds(org, false).await.unwrap()[0].reason, "evidence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_from_sqlite_to_postgresql_and_back() {
    let first = Kept::new(Backend::Sqlite).await;
    let org = first.org;
    first.fill(org, "acme.test").await;
    first.store.generate_arc_key(org, &Domain::parse("acme.test").unwrap(), "s1", "operator").await.unwrap();
    let tokens = first.store.keyring().seal(org, "supplier_sources.sealed_secrets|books", b"{}").unwrap();
    let source = "INSERT INTO supplier_sources (org_id, name, kind, options, sealed_secrets, every_s, due_at, leased_until, \
                  failures, created_at) VALUES ($1, 'books', 'xero', '{}', $2, 0, 0, 0, 0, 1)";
    let query = sqlx::query(source).bind(org.to_string()).bind(tokens);
    first
        .store
        .database()
        .scope(org)
        .execute(sentra::adapters::store::Durability::Durable, query)
        .await
        .unwrap();
    first.store.anchor_audit(org, first.store.bodies()).await.unwrap();
    let file = first.folder.path().join("acme.sentra");
    let exported = first.leave(&file).await;
    assert!(exported.rows > 40 && exported.bodies == 3 && exported.missing == 0, "{exported:?}");
    let before = first.all_rows(org).await;
    let filled: Vec<&String> =
        before.iter().filter(|(_, rows)| rows.is_empty()).map(|(name, _)| name).collect();
    // What `fill` does not make.
    let empty =
        ["audit_checkpoints", "cases", "org_pins", "privacy_erasures", "retention_runs", "supplier_changes"];
    assert!(filled.iter().all(|name| empty.contains(&name.as_str())), "{filled:?}");
    let held = first.store.held(org, &WITH_BODY, None).await.unwrap();
    let subjects: Vec<String> = held.iter().map(|entry| entry.subject.clone()).collect();
    assert_eq!(subjects.len(), 3);

    let second = Kept::empty(Backend::Postgres, [7; 32]).await;
    let imported = second.arrive(&file).await.unwrap();
    assert_eq!((imported.org, imported.rows, imported.bodies), (org, exported.rows, 3));
    assert_same(&before, &second.all_rows(org).await);
    assert_opens(&second, org, &subjects).await;
    let again = second.arrive(&file).await.unwrap_err();
    assert!(matches!(&again, TransferError::Store(StoreError::Taken(_))), "{again}");

    let third = Kept::empty(Backend::Sqlite, [9; 32]).await;
    let file = second.folder.path().join("acme.sentra");
    let second = Kept { org, ..second };
    second.leave(&file).await;
    third.arrive(&file).await.unwrap();
    assert_same(&before, &third.all_rows(org).await);
    assert_opens(&third, org, &subjects).await;
    let due: i64 = third.count("SELECT COUNT(*) FROM outbox WHERE next_attempt_at > 4000000000000").await;
    assert_eq!(due, 0, "outgoing mail is due as before");
    let text = std::fs::read(&file).unwrap();
    let tells = |needle: &str| text.windows(needle.len()).any(|part| part == needle.as_bytes());
    assert!(!tells("acme.test") && !tells("GB29NWBK"), "nothing of it can be read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_whole_export_changes_nothing() {
    let source = Kept::new(Backend::Sqlite).await;
    source.fill(source.org, "acme.test").await;
    let file = source.folder.path().join("acme.sentra");
    source.leave(&file).await;
    let whole = std::fs::read(&file).unwrap();
    let target = Kept::empty(Backend::Sqlite, [7; 32]).await;
    let path = target.folder.path().join("a.sentra");
    let newer = whole.windows(8).position(|part| part == b"\"form\":1").unwrap() + 7;
    let changed = |at: usize, to: u8| {
        let mut octets = whole.clone();
        octets[at] = to;
        octets
    };
    for (octets, expected) in [
        (whole[..whole.len() - 10].to_vec(), "cut off"),
        (whole[..100].to_vec(), "cut off"),
        (b"Subject: no export".to_vec(), "no export"),
        (changed(newer, b'2'), "newer version"),
        (changed(whole.len() - 500, whole[whole.len() - 500] ^ 1), "damaged"),
        (changed(50, whole[50] ^ 1), ""),
    ] {
        std::fs::write(&path, octets).unwrap();
        let error = target.arrive(&path).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!error.help().is_empty());
    }
    std::fs::write(&path, &whole).unwrap();
    let secret = Secret::key(&"00".repeat(32)).unwrap();
    let error = import(&target.store, &path, &secret, target.folder.path(), "operator").await.unwrap_err();
    assert!(matches!(error, TransferError::WrongSecret), "{error}");
    assert_eq!(target.count("SELECT COUNT(*) FROM organisations").await, 0);
    // An address of it is somebody else's here: all of it stays out.
    target.organisation("Other", "accounts@acme.test").await;
    let error = target.arrive(&path).await.unwrap_err();
    assert!(error.to_string().contains("belongs to another"), "{error}");
    assert_eq!(target.store.organisations().await.unwrap().len(), 1);
    assert_eq!(target.store.all_left().await.unwrap().len(), 1, "what arrived is invisible");
    let left = std::fs::read_dir(target.folder.path()).unwrap();
    assert!(!left.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".import-")));
}

async fn an_erased_one_leaves_nothing_and_others_stay(on: Backend) {
    let kept = Kept::new(on).await;
    let (org, other) = (kept.org, kept.organisation("Other", "pay@other.test").await);
    for (org, domain) in [(org, "acme.test"), (other, "other.test")] {
        kept.fill(org, domain).await;
    }
    kept.store.anchor_audit(org, kept.store.bodies()).await.unwrap();
    let of = kept.store.organisation(org).await.unwrap().unwrap();
    let held = kept.store.destroy_organisation(&of, true, "operator").await.unwrap_err();
    assert!(held.to_string().contains("1 legal holds"), "{held}");
    let hold = kept.store.holds(org, false).await.unwrap().remove(0);
    kept.store.lift_hold(org, &hold.id, "settled", "operator").await.unwrap();
    let waiting = kept.store.destroy_organisation(&of, false, "operator").await.unwrap_err();
    assert!(waiting.to_string().contains("wait for a decision"), "{waiting}");
    kept.store.place_hold(other, &HoldScope::Organisation, "case 7", "operator").await.unwrap();
    let sealed: Vec<u8> = {
        let sql =
            sqlx::query("SELECT sealed_row FROM quarantine WHERE org_id = $1 LIMIT 1").bind(org.to_string());
        sql.fetch_one(&mut kept.sql().await).await.unwrap().get(0)
    };
    let before = kept.all_rows(other).await;
    let bodies = kept.store.bodies().count(other).await.unwrap();

    let plan = kept.store.erasure_plan(&of).await.unwrap();
    assert!(plan.rows.values().sum::<u64>() > 40 && plan.bodies == 3 && plan.keys == 3, "{plan:?}");
    let erasure = kept.store.destroy_organisation(&of, true, "operator").await.unwrap();
    assert_eq!((erasure.bodies, erasure.undecided, erasure.keys), (3, 1, 3));
    assert_eq!(kept.count("SELECT COUNT(*) FROM org_keys").await, 3, "those of the other one");
    assert!(kept.store.keyring().open(org, "quarantine.sealed_row", &sealed).is_err());
    assert!(kept.store.organisation(org).await.unwrap().is_none(), "it is none any more");
    // A node that was in the middle of something writes once more.
    kept.put(
        org,
        &["INSERT INTO history (org_id, subject, kind, detail, first_seen, last_seen, times) VALUES \
                     ('{org}', 'late', 'seen', '', 1, 1, 1)"],
    )
    .await;
    assert_eq!(kept.store.remove_everything(org, &mut |_| {}).await.unwrap(), 3);
    assert!(kept.store.left(org).await.unwrap().unwrap().is_erasure());
    kept.store.remove_organisation(org).await.unwrap();

    let after = kept.all_rows(org).await;
    assert!(after.values().all(Vec::is_empty), "{after:?}");
    assert_eq!(kept.store.bodies().count(org).await.unwrap(), 0);
    assert!(kept.store.all_left().await.unwrap().is_empty());
    assert!(before == kept.all_rows(other).await, "the other one is as it was");
    assert_eq!(kept.store.bodies().count(other).await.unwrap(), bodies);
    assert!(matches!(kept.store.verify_audit(other).await.unwrap(), ChainCheck::Intact(_)));
    assert!(kept.store.remove_everything(other, &mut |_| {}).await.is_err(), "never one that has its keys");
    assert!(kept.store.remove_organisation(other).await.is_err());
    // Name and addresses are free.
    kept.organisation("Acme", "accounts@acme.test").await;
}

on_each_database! { an_erased_one_leaves_nothing_and_others_stay }

/// An installation with Contoso, and a second organisation with enough rows to be caught in the middle.
async fn world() -> (World, Sink, OrgId) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()));
    let fabrikam = world.json(&[
        "org",
        "create",
        "Fabrikam",
        "--mailbox",
        "pay@fabrikam.example",
        "--next-hop",
        &sink.address().to_string(),
        "--next-hop-tls",
        "none",
    ]);
    let org = fabrikam[0]["id"].as_str().unwrap().to_owned();
    let many = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) \
         INSERT INTO history (org_id, subject, kind, detail, first_seen, last_seen, times) \
         SELECT '{org}', 'subject ' || i, 'seen', '', 1, 1, 1 FROM n"
    );
    sqlx::query(sqlx::AssertSqlSafe(many)).execute(&mut world.sql().await).await.unwrap();
    (world, sink, org.parse().unwrap())
}

fn secret_file(world: &World) -> PathBuf {
    let path = world.folder.path().join("passphrase");
    std::fs::write(&path, format!("{PASSPHRASE}\n")).unwrap();
    path
}

/// Starts a command and kills it as soon as an organisation of this name is in the database; true if it was in the middle.
async fn killed_at(world: &World, arguments: &[&str], name: &str, later: Duration) -> bool {
    let mut child: Child =
        world.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut sql = world.sql().await;
    let end = Instant::now() + Duration::from_secs(120);
    let there = format!("SELECT COUNT(*) FROM organisations WHERE name LIKE '{name}%'");
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "nothing begins");
        let found: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(there.clone())).fetch_one(&mut sql).await.unwrap();
        if found > 0 {
            tokio::time::sleep(later).await;
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_import_is_not_seen_and_goes_through_the_next_time() {
    let (world, _sink, org) = world().await;
    let passphrase = secret_file(&world);
    let file = world.folder.path().join("fabrikam.sentra");
    let (file, passphrase) = (file.to_str().unwrap(), passphrase.to_str().unwrap());
    let done = world.json(&["org", "export", "Fabrikam", "--out", file, "--passphrase-file", passphrase]);
    assert!(done[0]["rows"].as_u64().unwrap() > 60_000);
    let over = world
        .command(&["org", "export", "Fabrikam", "--out", file, "--passphrase-file", passphrase])
        .output()
        .unwrap();
    assert_eq!(over.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&over.stderr).contains("not overwritten"));

    let other_sink = Sink::start(Behaviour::default()).await;
    let mut target = World::prepare(Setup::new(other_sink.address()));
    target.serve();
    let command = ["org", "import", file, "--passphrase-file", passphrase];
    let mut killed = 0;
    for later in [0, 30, 200] {
        killed += usize::from(killed_at(&target, &command, "arriving", Duration::from_millis(later)).await);
        assert_eq!(target.json(&["org", "list"]).len(), 1, "only Contoso is there");
        // Mail flows, and nothing is taken for an organisation that is not whole.
        let mut client = target.hello().await;
        assert_eq!(client.send("a@b.example", &["pay@fabrikam.example"], b"").await.unwrap().code / 100, 5);
        let taken = client.send("a@b.example", &["accounts@contoso.example"], &clean_invoice("k@t")).await;
        assert_eq!(taken.unwrap().code, 250);
    }
    assert!(killed > 0, "no kill hit the middle");
    let done = target.json(&command);
    assert_eq!(done[0]["org"].as_str().unwrap(), org.to_string());
    assert_eq!(target.json(&["org", "list"]).len(), 2);
    target.run(&["audit", "verify", "--org", "Fabrikam"]);
    let again = target.command(&command).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("is here already"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_erasure_is_finished_and_running_servers_drop_it() {
    let (mut world, _sink, org) = world().await;
    world.serve();
    let mut client = world.hello().await;
    let held =
        client.send("billing@x.example", &["pay@fabrikam.example"], &changed_invoice("1@t")).await.unwrap();
    assert_eq!(held.code, 250);
    let plan = world.json(&["org", "erase", "Fabrikam"]);
    assert_eq!(plan[0]["dry_run"], true);
    assert!(plan[0]["would_erase"]["rows"]["history"].as_u64().unwrap() >= 60_000);
    let wrong =
        world.command(&["org", "erase", "Fabrikam", "--yes", "--confirm", "Contoso"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let certificate = world.folder.path().join("gone.json");
    let command = [
        "org",
        "erase",
        "Fabrikam",
        "--yes",
        "--confirm",
        "Fabrikam",
        "--force",
        "--certificate",
        certificate.to_str().unwrap(),
    ];
    assert!(
        killed_at(&world, &command, "erased", Duration::ZERO).await,
        "killed behind the point of no return"
    );
    // The server drops it without being told by anybody but the database.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut client = Client::hello(world.smtp).await.unwrap();
        let reply = client.send("a@b.example", &["pay@fabrikam.example"], b"").await.unwrap();
        if reply.code / 100 == 5 {
            break;
        }
        assert!(Instant::now() < end, "{reply:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.json(&["org", "list"]).len(), 1);
    let done = world.json(&command);
    assert_eq!(done[0]["certificate"]["certificate"]["resumed"], true);
    let mut sql = world.sql().await;
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM history WHERE org_id = $1")
        .bind(org.to_string())
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(rows, 0);
    assert_eq!(world.json(&["org", "certificate", certificate.to_str().unwrap()])[0]["holds"], true);
    let text = std::fs::read_to_string(certificate.with_extension("txt")).unwrap();
    assert!(text.contains("\"Fabrikam\"") && text.contains("What remains"), "{text}");
    let noted = world.json(&["audit", "list", "--org", "Contoso"]);
    assert!(noted.iter().any(|entry| entry["action"] == "org.erased" && entry["subject"] == org.to_string()));
    let taken =
        client.send("a@b.example", &["accounts@contoso.example"], &clean_invoice("2@t")).await.unwrap();
    assert_eq!(taken.code, 250, "the other one goes on");
    let altered = std::fs::read_to_string(&certificate).unwrap().replace("\"bodies\": 1", "\"bodies\": 0");
    std::fs::write(&certificate, altered.replace("Fabrikam", "Someone")).unwrap();
    let bad = world.command(&["org", "certificate", certificate.to_str().unwrap()]).output().unwrap();
    assert_eq!(bad.status.code(), Some(1));
}
