//! One person's data: everything held about an address is found, what goes is gone, what stays is named with its reason,
//! and no restore brings anybody back.

#![deny(dead_code)]

use crate::backup::Kit;
use crate::support::backend::{Backend, on_each_database};
use crate::support::kept::{Kept, Mail, email};
use crate::support::postgres::PostgresServer;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{SENTRA, Setup, World};
use sentra::adapters::audit::AuditAction;
use sentra::adapters::store::{
    ChainCheck, Erasure, Event, HeldAbout, Membership, Planned, PrivacyPlace, SEALED, Stays, StoreError,
    append_audit,
};
use sentra::model::{Executive, HeldState, HoldScope, OrgId, QuarantineId};
use sentra::ports::Keyring as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const JANE: &str = "jane.roe@person.test";
/// Somebody else, whose address holds Jane's.
const OTHER: &str = "not-jane.roe@person.test";

/// Jane and the other one, in every place that can hold an address.
struct Story {
    kept: Kept,
    org: OrgId,
    undecided: QuarantineId,
    by_law: QuarantineId,
    decided: Vec<QuarantineId>,
}

impl Story {
    async fn new(on: Backend) -> Self {
        let kept = Kept::new(on).await;
        let org = kept.org;
        let mut decided = Vec::new();
        let mut story = [QuarantineId(ulid::Ulid::nil()); 2];
        for from in [JANE, OTHER] {
            let mail = Mail { from, supplier: "S1", ..Mail::default() };
            let undecided = kept.hold(org, &mail).await;
            let rejected = kept.hold(org, &mail).await;
            kept.store.reject(org, rejected, Some(&format!("{from} is a fraud")), "operator").await.unwrap();
            let released = kept.hold(org, &mail).await;
            kept.release(org, released).await;
            let by_law = kept.hold(org, &mail).await;
            kept.store.reject(org, by_law, Some(&format!("{from} again")), from).await.unwrap();
            kept.store.place_hold(org, &HoldScope::Entry(by_law), "claim 4711", "operator").await.unwrap();
            if from == JANE {
                decided.extend([rejected, released]);
                story = [undecided, by_law];
            }
            Self::records(&kept, org, from, rejected).await;
        }
        let [undecided, by_law] = story;
        Self { kept, org, undecided, by_law, decided }
    }

    /// Besides held mail.
    async fn records(kept: &Kept, org: OrgId, of: &str, rejected: QuarantineId) {
        let (store, name) = (&kept.store, of.split('@').next().unwrap());
        let clean = store.ids().ulid().to_string();
        kept.record(org, &clean, of, "{\"id\":\"\"}").await;
        kept.sent_notice(org, of).await;
        kept.import(
            org,
            &format!("supplier_id,name,domains,emails\nS-{name},Supplier of {name},{name}.test,{of}\n"),
        )
        .await;
        let executive = Executive { name: format!("Executive {name}"), addresses: vec![email(of)] };
        for member in [Membership::Executive(executive), Membership::Admin(email(of))] {
            store.add_member(org, &member, "operator").await.unwrap();
        }
        let hold = HoldScope::Supplier(sentra::model::SupplierId(format!("S-{name}")));
        let hold = store.place_hold(org, &hold, &format!("asked by {of}"), of).await.unwrap();
        store.lift_hold(org, &hold, &format!("settled with {of}"), of).await.unwrap();
        let mut statements = Vec::new();
        for (kind, subject) in
            [("history.address", of.to_owned()), ("history.party", format!("address|{of}"))]
        {
            let print = store.keyring().fingerprint_text(org, kind, &subject).unwrap().to_hex();
            statements.push(format!(
                "INSERT INTO history (org_id, subject, kind, detail, first_seen, last_seen, times) VALUES \
                 ('{{org}}', '{print}', 'seen', '', {{now}}, {{now}}, 1), \
                 ('{{org}}', 'party of {name} {kind}', 'author', '{print}', {{now}}, {{now}}, 1)"
            ));
            if kind == "history.address" {
                statements.push(format!(
                    "INSERT INTO history_held (org_id, quarantine_id, held_at, marks) VALUES ('{{org}}', '{rejected}', \
                     {{now}}, '[{{\"subject\":\"{print}\",\"kind\":\"seen\",\"detail\":\"\"}}]')"
                ));
            }
        }
        let case = store.ids().ulid();
        statements.push(format!(
            "INSERT INTO cases (id, org_id, supplier_id, account_id, fingerprint, sealed_account, kind, origin, state, \
             requested_by, opened_at, updated_at, batch_id) VALUES ('{case}', '{{org}}', 'S-{name}', 'A', 'f', \
             (SELECT sealed_name FROM suppliers WHERE org_id = '{{org}}' AND id = 'S-{name}'), 'new', 'person', 'rejected', \
             '{of}', 1, 1, 'b')"
        ));
        let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
        kept.put(org, &statements).await;
        let note = format!("spoke with {of}");
        let note = store.keyring().seal(org, &format!("cases.sealed_note|{case}"), note.as_bytes()).unwrap();
        let sql = "UPDATE cases SET sealed_note = $1 WHERE org_id = $2 AND id = $3";
        let query = sqlx::query(sql).bind(note).bind(org.to_string()).bind(case.to_string());
        query.execute(&mut kept.sql().await).await.unwrap();
    }

    /// `sentra privacy erase --yes` up to its certificate.
    async fn erase(&self, suppliers: bool) -> (Erasure, BTreeMap<PrivacyPlace, u64>) {
        let store = &self.kept.store;
        let jane = store.subject(self.org, &email(JANE)).unwrap();
        let erasure = store.begin_erasure(self.org, &jane, suppliers, "request 1", "operator").await.unwrap();
        store.run_erasure(&erasure, &jane).await.unwrap();
        let erased = store.erased_so_far(&erasure).await.unwrap();
        store.end_erasure(&erasure, AuditAction::PrivacyErased).await.unwrap();
        (erasure, erased)
    }

    async fn plan(&self, of: &str) -> BTreeMap<PrivacyPlace, Planned> {
        let subject = self.kept.store.subject(self.org, &email(of)).unwrap();
        self.kept.store.privacy_plan(self.org, &subject, false).await.unwrap()
    }

    /// Where Jane can still be found, by a look of our own at every table and every sealed value: table and column.
    async fn traces(&self) -> BTreeSet<String> {
        let (store, org) = (&self.kept.store, self.org);
        let keyring = store.keyring();
        let mut needles = vec![JANE.to_owned()];
        for kind in ["address", "audit.person", "history.address", "history.reply_to", "privacy.subject"] {
            needles.push(keyring.fingerprint_text(org, kind, JANE).unwrap().to_hex());
        }
        needles.push(
            keyring.fingerprint_text(org, "history.party", &format!("address|{JANE}")).unwrap().to_hex(),
        );
        let names = |octets: &[u8]| {
            let text = String::from_utf8_lossy(octets).to_lowercase().replace(OTHER, "");
            needles.iter().any(|needle| text.contains(needle.as_str()))
        };
        let mut found = BTreeSet::new();
        let mut snapshot = store.database().snapshot().await.unwrap();
        for table in snapshot.tables().await.unwrap() {
            for part in snapshot.parts(&table) {
                let mut rows = snapshot.rows(&table, part).await.unwrap();
                while let Some(row) = rows.next().await.unwrap() {
                    if names(row) {
                        found.insert(table.name.clone());
                    }
                }
            }
        }
        drop(snapshot);
        let mut sql = self.kept.sql().await;
        for column in SEALED {
            let texts: Vec<String> = column.keys.iter().map(|key| format!("CAST({key} AS TEXT)")).collect();
            let select = format!(
                "SELECT {}, {} FROM {} WHERE org_id = '{org}' AND length({}) > 0",
                texts.join(", "),
                column.column,
                column.table,
                column.column
            );
            for row in sqlx::query(AssertSqlSafe(select)).fetch_all(&mut sql).await.unwrap() {
                let mut context = column.context.to_owned();
                for bound in column.bound {
                    let at = column.keys.iter().position(|key| key == bound).unwrap();
                    context.push('|');
                    context.push_str(&row.get::<String, _>(at));
                }
                let sealed: Vec<u8> = row.get(column.keys.len());
                if keyring.open(org, &context, &sealed).is_ok_and(|plain| names(&plain)) {
                    found.insert(format!("{}.{}", column.table, column.column));
                }
            }
        }
        found
    }
}

fn goes(plan: &BTreeMap<PrivacyPlace, Planned>) -> BTreeMap<PrivacyPlace, u64> {
    plan.iter().filter(|(_, part)| part.goes > 0).map(|(place, part)| (*place, part.goes)).collect()
}

async fn what_goes_is_gone_and_what_stays_is_named(on: Backend) {
    let story = Story::new(on).await;
    let (kept, org) = (&story.kept, story.org);
    let before = story.traces().await;
    assert!(before.len() > 15, "{before:?}");
    let (plan, other) = (story.plan(JANE).await, story.plan(OTHER).await);
    let (_, erased) = story.erase(false).await;
    assert_eq!(goes(&plan), erased, "the plan says what the erasure does");
    let of = |place: PrivacyPlace| erased.get(&place).copied().unwrap_or_default();
    use PrivacyPlace as P;
    assert_eq!(
        (of(P::Quarantine), of(P::Facts), of(P::History), of(P::HeldMarks)),
        (2, 3, 4, 1),
        "{erased:?}"
    );
    assert_eq!(
        (of(P::Users), of(P::Executives), of(P::Cases), of(P::LegalHolds)),
        (1, 1, 1, 2),
        "{erased:?}"
    );

    let left = story.plan(JANE).await;
    assert_eq!(goes(&left), BTreeMap::new());
    let stays = |place: PrivacyPlace| left.get(&place).map(|part| part.stays.clone()).unwrap_or_default();
    let both = BTreeMap::from([(Stays::LegalHold, 1), (Stays::Undecided, 1)]);
    assert_eq!((stays(P::Quarantine), stays(P::Facts)), (both.clone(), both));
    assert_eq!(stays(P::Suppliers), BTreeMap::from([(Stays::SupplierRecord, 1)]));
    // A look of our own finds Jane nowhere else.
    let places = story.traces().await;
    let expected = [
        "audit_private.sealed",
        "messages.facts",
        "quarantine.sealed_detail",
        "quarantine.sealed_row",
        "supplier_values",
        "supplier_values.sealed_value",
    ];
    assert_eq!(places.iter().map(String::as_str).collect::<Vec<_>>(), expected, "before: {before:?}");

    for id in &story.decided {
        let entry = kept.store.held_entry(org, *id).await.unwrap().unwrap();
        assert_eq!(entry.summary.state, HeldState::Deleted);
        assert!(entry.summary.recipients.is_empty() && entry.envelope.recipients.is_empty());
        assert!(!kept.store.bodies().exists(org, *id).await.unwrap());
    }
    for id in [story.undecided, story.by_law] {
        let entry = kept.store.held_entry(org, id).await.unwrap().unwrap();
        assert_eq!(entry.summary.mail_from, JANE);
        assert!(kept.store.held_body(org, id).await.unwrap().is_some());
    }
    assert_eq!(story.plan(OTHER).await, other, "nobody else is touched");
    assert!(matches!(kept.store.verify_audit(org).await.unwrap(), ChainCheck::Intact(_)));
    assert_eq!(kept.rows(org, "privacy_erasures").await, 1);

    // Later: the hold is lifted, the mail decided, the supplier gone over to somebody else.
    for hold in kept.store.holds(org, false).await.unwrap() {
        kept.store.lift_hold(org, &hold.id, "settled", "operator").await.unwrap();
    }
    kept.store.reject(org, story.undecided, None, "operator").await.unwrap();
    let (second, _) = story.erase(true).await;
    assert!(!second.resumed);
    assert_eq!(story.traces().await, BTreeSet::new());
    assert_eq!(story.plan(JANE).await, BTreeMap::new());
    let suppliers = kept.records().page(org, None, 10).await.unwrap();
    assert_eq!(suppliers.len(), 2, "the record stays, without the contact");
    assert!(matches!(kept.store.verify_audit(org).await.unwrap(), ChainCheck::Intact(_)));
}

async fn a_hold_on_the_organisation_keeps_everything(on: Backend) {
    let story = Story::new(on).await;
    let before = story.traces().await;
    story.kept.store.place_hold(story.org, &HoldScope::Organisation, "claim", "operator").await.unwrap();
    let (_, erased) = story.erase(true).await;
    assert_eq!(erased, BTreeMap::new());
    let mut after = story.traces().await;
    after.remove("privacy_erasures");
    assert_eq!(after, before);
    let plan = story.plan(JANE).await;
    assert!(
        plan.values().all(|part| part.goes == 0 && part.stays.keys().all(|why| *why == Stays::LegalHold))
    );
}

async fn an_export_holds_what_is_held(on: Backend) {
    let story = Story::new(on).await;
    let store = &story.kept.store;
    let jane = store.subject(story.org, &email("Jane.Roe@PERSON.test")).unwrap();
    let mut all: Vec<HeldAbout> = Vec::new();
    let take = &mut |held| -> Result<(), StoreError> {
        all.push(held);
        Ok(())
    };
    store.privacy_export(story.org, &jane, take).await.unwrap();
    let places: BTreeSet<&str> = all.iter().map(|held| held.place.as_str()).collect();
    let expected = [
        "actors",
        "audit",
        "cases",
        "executives",
        "facts",
        "held_marks",
        "history",
        "legal_holds",
        "outbox",
        "quarantine",
        "suppliers",
        "users",
    ];
    assert_eq!(places, BTreeSet::from(expected));
    let text = serde_json::to_string(&all).unwrap();
    assert!(text.contains(JANE) && !text.contains(OTHER));
    assert_eq!(all.iter().filter(|held| held.place == PrivacyPlace::Quarantine).count(), 4);
    let audited: Vec<_> = all.iter().filter(|held| held.place == PrivacyPlace::Audit).collect();
    assert!(audited.iter().any(|held| held.data["action"] == "executive.add"));
    assert!(audited.iter().any(|held| held.data["persons"].to_string().contains(JANE)));
}

async fn the_last_administrator_and_a_reason_with_a_name_are_refused(on: Backend) {
    let kept = Kept::new(on).await;
    let admin = kept.store.subject(kept.org, &email("it@acme.test")).unwrap();
    let plan = kept.store.privacy_plan(kept.org, &admin, false).await.unwrap();
    assert_eq!(plan[&PrivacyPlace::Users].stays, BTreeMap::from([(Stays::LastAdministrator, 1)]));
    for reason in ["", "  ", "asked by it@acme.test"] {
        let refused = kept.store.begin_erasure(kept.org, &admin, false, reason, "operator").await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{reason:?}");
    }
    let mailbox = kept.store.subject(kept.org, &email("accounts@acme.test")).unwrap();
    let plan = kept.store.privacy_plan(kept.org, &mailbox, false).await.unwrap();
    assert_eq!(plan[&PrivacyPlace::Mailboxes].stays, BTreeMap::from([(Stays::Configuration, 1)]));
}

/// Checks a certificate with openssl alone, as whoever got it would.
fn verifies(folder: &Path) -> bool {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args([
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "public-key.pem",
            "-rawin",
            "-in",
            "certificate.json",
        ])
        .args(["-sigfile", "certificate.sig"])
        .output()
        .expect("apt-get install openssl");
    done.status.success()
}

async fn a_killed_erasure_is_finished_by_the_same_command(on: Backend) {
    const ROWS: u64 = 20_000;
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()).on(on));
    let mut sql = world.sql().await;
    let org: String = sqlx::query_scalar("SELECT id FROM organisations").fetch_one(&mut sql).await.unwrap();
    let series = if on == Backend::Sqlite {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n"
    } else {
        "SELECT i FROM generate_series(1, 20000) AS n(i)"
    };
    let fill = format!(
        "INSERT INTO supplier_batches (id, org_id, kind, state, actor, source, verified, counts, created_at, touched_at) \
         SELECT 'B' || i, '{org}', 'edit', 'committed', '{JANE}', 'edit', 0, '{{}}', 1, 1 FROM ({series}) AS s"
    );
    sqlx::query(AssertSqlSafe(fill)).execute(&mut sql).await.unwrap();
    let count = format!("SELECT COUNT(*) FROM supplier_batches WHERE actor = '{JANE}'");
    let left = async || -> i64 {
        sqlx::query_scalar(AssertSqlSafe(count.clone())).fetch_one(&mut world.sql().await).await.unwrap()
    };
    let arguments = ["privacy", "erase", "--subject", JANE, "--reason", "request 17", "--yes"];
    let mut killed = 0;
    while killed < 3 {
        let before = left().await;
        let mut child = Command::new(SENTRA)
            .args(arguments)
            .env("SENTRA_CONFIG", world.config_file())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let patience = Instant::now() + Duration::from_secs(120);
        while left().await == before && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "an erasure does something");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        killed += 1;
    }
    assert!(killed >= 2, "only {killed} kills hit an erasure at work");
    assert!(left().await > 0);
    let folder = world.folder.path().join("certificate");
    let mut last = arguments.to_vec();
    last.extend(["--out", folder.to_str().unwrap()]);
    let done = world.json(&last).remove(0);
    assert_eq!(left().await, 0);
    // One erasure, and every row counted once, over all its lives.
    assert_eq!(done["certificate"]["erased"], json!({ "actors": ROWS }), "{done}");
    let states: Vec<String> = sqlx::query_scalar("SELECT state || subject_mark FROM privacy_erasures")
        .fetch_all(&mut world.sql().await)
        .await
        .unwrap();
    assert_eq!(states, ["done"]);
    let text = std::fs::read_to_string(folder.join("certificate.txt")).unwrap();
    assert!(text.contains(JANE) && text.contains("20000") && text.contains("No store for backups"), "{text}");
    assert!(verifies(&folder));
    let altered = std::fs::read_to_string(folder.join("certificate.json")).unwrap().replace("20000", "20001");
    std::fs::write(folder.join("certificate.json"), altered).unwrap();
    assert!(!verifies(&folder));
    let keys = world.run(&["audit", "keys"]);
    assert!(keys.contains(done["certificate"]["public_key"].as_str().unwrap()), "{keys}");
    assert_eq!(world.json(&["audit", "verify"])[0]["good"], true);
}

/// Whom an erasure took is not brought back by a restore of a backup made before it, into a file or a server.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_of_an_older_backup_erases_again() {
    const SENDER: &str = "accounts@acme-supplies.example";
    let mut kit = Kit::with_mail().await;
    for row in kit.world.quarantine() {
        kit.world.run(&["quarantine", "reject", row["id"].as_str().unwrap()]);
    }
    // What is on its way would stay.
    let waiting = "SELECT COUNT(*) FROM outbox WHERE state NOT IN ('sent', 'failed')";
    let mut sql = kit.world.sql().await;
    let end = Instant::now() + Duration::from_secs(60);
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut sql).await.unwrap() > 0 {
        assert!(Instant::now() < end, "the notices go out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(sql);
    assert_eq!(kit.world.stop(), 0);
    let id = kit.create()["id"].as_str().unwrap().to_owned();
    let erase = ["privacy", "erase", "--subject", SENDER, "--reason", "request 18"];
    let plan = kit.world.json(&erase).remove(0);
    assert_eq!(plan["places"]["quarantine"]["goes"], 4, "{plan}");
    assert_eq!(kit.world.quarantine()[0]["mail_from"], SENDER, "a plan changes nothing");
    let mut with = erase.to_vec();
    with.extend(["--yes", "--suppliers"]);
    let done = kit.world.json(&with).remove(0);
    let remains = done["certificate"]["remains"].as_array().unwrap();
    let backups = remains.iter().find(|left| left["place"] == "backups").unwrap();
    assert!(backups["why"].as_str().unwrap().contains("backups made before"), "{backups}");
    let gone = |world: &World| {
        let rows = world.quarantine();
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row["state"] == "deleted" && row["mail_from"] == ""), "{rows:?}");
        let held = world.run(&["privacy", "export", "--subject", SENDER]);
        // Only that somebody asked, and who was asked about.
        let other: Vec<&str> = held.lines().filter(|line| !line.contains("\"privacy.")).collect();
        assert_eq!(other, Vec::<&str>::new());
        assert_eq!(world.json(&["audit", "verify"])[0]["good"], true);
    };
    gone(&kit.world);
    let objects = kit.world.dir().join("data/objects");
    let restored = kit.world.json(&["restore", &id, "--force"]).remove(0);
    assert_eq!(restored["erasures_replayed"], 1, "{restored}");
    gone(&kit.world);
    // With nothing left but the backups and the master key, and into the other engine.
    std::fs::remove_dir_all(&objects).unwrap();
    let postgres = tokio::task::block_in_place(PostgresServer::shared);
    let empty = tokio::task::block_in_place(|| postgres.empty());
    kit.point_at(&empty);
    let restored = kit.world.json(&["restore", &id]).remove(0);
    assert_eq!(restored["erasures_replayed"], 1, "{restored}");
    gone(&kit.world);
    assert_eq!(kit.world.json(&["privacy", "replay"]).remove(0)["erasures"], 0, "all are known");
}

/// A value that cannot be opened tells of nobody: the rest is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_value_stops_nobody() {
    let kept = Kept::new(Backend::Sqlite).await;
    kept.record(kept.org, "M1", JANE, "{\"id\":\"\"}").await;
    kept.put(kept.org, &["UPDATE messages SET facts = x'0000000001ffff' WHERE id = 'M1'"]).await;
    kept.record(kept.org, "M2", JANE, "{\"id\":\"\"}").await;
    let jane = kept.store.subject(kept.org, &email(JANE)).unwrap();
    let mut write = kept.store.database().scope(kept.org).write().await.unwrap();
    let event = Event {
        org: kept.org,
        at: 1,
        actor: "operator",
        action: AuditAction::PrivacyPlan,
        subject: "person",
        detail: json!({}),
        private: Some(json!({ "address": JANE })),
    };
    append_audit(&mut write, kept.store.keyring().as_ref(), event).await.unwrap();
    write.commit().await.unwrap();
    let plan = kept.store.privacy_plan(kept.org, &jane, false).await.unwrap();
    let expected = BTreeMap::from([(PrivacyPlace::Facts, 1), (PrivacyPlace::Audit, 1)]);
    assert_eq!(goes(&plan), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_say_what_they_take() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()));
    let fails = |arguments: &[&str], status: i32, words: &str| {
        let done = world.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains("error: ") && said.contains("help: ") && said.contains(words), "{said}");
        assert_eq!(done.status.code(), Some(status), "{arguments:?}");
    };
    fails(&["privacy", "erase", "--subject", JANE], 2, "--reason");
    fails(&["privacy", "erase", "--subject", "jane", "--reason", "x"], 2, "not a mail address");
    fails(&["privacy", "erase", "--subject", JANE, "--reason", "x", "--out", "y"], 2, "--yes");
    fails(&["privacy", "erase", "--subject", JANE, "--reason", JANE, "--yes"], 1, "must not name the person");
    let out = world.folder.path().join("export");
    let at = out.to_str().unwrap();
    let nothing = world.run(&["privacy", "erase", "--subject", JANE, "--reason", "request 1"]);
    // That somebody asked is held now.
    assert!(nothing.contains("audit") && nothing.contains("Nothing was changed"), "{nothing}");
    world.run(&["privacy", "export", "--subject", "accounts@acme-supplies.example", "--out", at]);
    let table = std::fs::read_to_string(out.join("records.csv")).unwrap();
    assert!(
        table.starts_with("place,table,row,field,value\r\n") && table.contains("\"suppliers\""),
        "{table}"
    );
    let lines = std::fs::read_to_string(out.join("records.jsonl")).unwrap();
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(value["place"].is_string() && value["data"].is_object(), "{line}");
    }
    fails(&["privacy", "export", "--subject", JANE, "--out", at], 1, "is there already");
}

on_each_database! {
    what_goes_is_gone_and_what_stays_is_named,
    a_hold_on_the_organisation_keeps_everything,
    an_export_holds_what_is_held,
    the_last_administrator_and_a_reason_with_a_name_are_refused,
    a_killed_erasure_is_finished_by_the_same_command,
}
