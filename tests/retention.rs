//! Nothing is kept longer than an organisation wants it, nothing goes that must stay, and whatever went is reported.

#![deny(dead_code)]

use crate::support::backend::{Backend, on_each_database};
use crate::support::kept::{Kept, Mail};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{SENTRA, Setup, World, changed_invoice, clean_invoice};
use sentra::adapters::store::{Anchoring, ChainCheck, Purged, RetentionRun, RunState, StoreError};
use sentra::model::{HeldState, HoldScope, OrgId, Preferences, QuarantineId, Retained, SupplierId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What of each class went, or would go; classes of which nothing did are left out.
fn counts(parts: &[Purged]) -> BTreeMap<&'static str, u64> {
    parts.iter().filter(|part| part.count > 0).map(|part| (part.class.as_str(), part.count)).collect()
}

impl Kept {
    async fn purge(&self, org: OrgId, chosen: &Preferences) -> RetentionRun {
        let plan = self.store.retention_plan(org, chosen).await.unwrap();
        let run = self.store.purge(org, chosen, "operator").await.unwrap();
        assert_eq!(run.state, RunState::Done);
        assert_eq!(counts(&plan), counts(&run.classes), "the plan says what the run does");
        let held =
            |parts: &[Purged]| parts.iter().map(|part| (part.class, part.held_back)).collect::<Vec<_>>();
        assert_eq!(held(&plan), held(&run.classes));
        run
    }

    async fn state(&self, org: OrgId, id: QuarantineId) -> Option<HeldState> {
        self.store.held_entry(org, id).await.unwrap().map(|entry| entry.summary.state)
    }

    async fn body(&self, org: OrgId, id: QuarantineId) -> bool {
        self.store.bodies().exists(org, id).await.unwrap()
    }
}

async fn each_class_goes_in_its_time_and_held_mail_never(on: Backend) {
    let kept = Kept::new(on).await;
    let org = kept.org;
    let other = kept.organisation("Other", "pay@other.test").await;
    for (org, domain) in [(org, "acme.test"), (other, "other.test")] {
        kept.fill(org, domain).await;
        let hold = kept.store.holds(org, false).await.unwrap().remove(0);
        kept.store.lift_hold(org, &hold.id, "settled", "operator").await.unwrap();
    }
    let waiting = kept.store.held(org, &[], None).await.unwrap()[0].id;
    let chosen = Preferences::default();
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::new(), "all is young");

    kept.clock.days(31);
    // The notice, and the release of the one that was released.
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::from([("outbox", 2)]));
    kept.clock.days(60);
    let run = kept.purge(org, &chosen).await;
    assert_eq!(counts(&run.classes), BTreeMap::from([("body", 2)]));
    let decided = kept.store.held(org, &[HeldState::Deleted], None).await.unwrap();
    assert_eq!(decided.len(), 2);
    for entry in &decided {
        assert!(!kept.body(org, entry.id).await);
        assert!(matches!(kept.store.held_body(org, entry.id).await, Ok(None)));
    }
    kept.clock.days(90);
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::from([("facts", 4)]));
    kept.clock.days(220);
    // Three of the four messages: the fourth still waits for a decision.
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::from([("record", 3)]));
    kept.clock.days(100);
    // The two entries, 400 days after their bodies went.
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::from([("record", 2)]));
    assert_eq!(kept.rows(org, "history_held").await, 0);
    kept.clock.days(300);
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::from([("history", 1)]));
    kept.clock.days(400);
    assert_eq!(counts(&kept.purge(org, &chosen).await.classes), BTreeMap::from([("imports", 1)]));

    // However long it waits.
    assert_eq!(kept.state(org, waiting).await, Some(HeldState::Held));
    assert!(kept.body(org, waiting).await && kept.store.held_body(org, waiting).await.unwrap().is_some());
    assert_eq!(kept.rows(org, "suppliers").await, 2, "what is in use stays");
    assert_eq!(kept.records().page(org, None, 10).await.unwrap().len(), 2);

    // The audit only up to an anchored entry.
    let Anchoring::Anchored(anchor) = kept.store.anchor_audit(org, kept.store.bodies()).await.unwrap() else {
        panic!("anchored")
    };
    kept.clock.days(2_600);
    let run = kept.purge(org, &chosen).await;
    assert_eq!(counts(&run.classes), BTreeMap::from([("audit", u64::try_from(anchor.seq).unwrap())]));
    assert!(matches!(kept.store.verify_audit(org).await.unwrap(), ChainCheck::Intact(_)));

    // Nothing of the other organisation was touched.
    for (table, rows) in
        [("messages", 4), ("quarantine", 3), ("outbox", 2), ("history", 1), ("supplier_batches", 1)]
    {
        assert_eq!(kept.rows(other, table).await, rows, "{table}");
    }
    assert_eq!(kept.store.retention_runs(other, 10).await.unwrap(), []);
    let runs = kept.store.retention_runs(org, 400).await.unwrap();
    assert_eq!((runs.len(), &runs[0]), (9, &run), "newest first");
}

async fn what_a_batch_retired_stays_as_long_as_undo_could_bring_it_back(on: Backend) {
    let kept = Kept::new(on).await;
    let org = kept.org;
    kept.fill(org, "acme.test").await;
    let hold = kept.store.holds(org, false).await.unwrap().remove(0);
    kept.store.lift_hold(org, &hold.id, "settled", "operator").await.unwrap();
    let first: String = sqlx::query_scalar("SELECT batch_id FROM suppliers LIMIT 1")
        .fetch_one(&mut kept.sql().await)
        .await
        .unwrap();
    let chosen = Kept::keeping(&[("imports", "400d"), ("cases", "365d")]);
    kept.clock.days(300);
    // A second batch that retires a phone.
    kept.put(
        org,
        &[
            "INSERT INTO supplier_batches (id, org_id, kind, state, actor, source, verified, counts, created_at, touched_at, \
             committed_at) VALUES ('01ZZZZZZZZZZZZZZZZZZZZZZZZ', '{org}', 'edit', 'committed', 'operator', 'edit', 0, \
             '{}', {now}, {now}, {now})",
            "UPDATE supplier_values SET retired_at = {now}, retired_by = 'operator', \
             change_id = '01ZZZZZZZZZZZZZZZZZZZZZZZZ' WHERE kind = 'phone' AND supplier_id = 'S1' AND org_id = '{org}'",
            "INSERT INTO supplier_changes (org_id, batch_id, entity, row_id) VALUES \
             ('{org}', '01ZZZZZZZZZZZZZZZZZZZZZZZZ', 'value', 'x')",
            // Of a batch that a killed purge took away already.
            "INSERT INTO supplier_changes (org_id, batch_id, entity, row_id) VALUES \
             ('{org}', '01YYYYYYYYYYYYYYYYYYYYYYYY', 'value', 'y')",
        ],
    )
    .await;
    kept.clock.days(150);
    let run = kept.purge(org, &chosen).await;
    assert_eq!(counts(&run.classes)["imports"], 1, "the first batch");
    assert_eq!(kept.count(&format!("SELECT COUNT(*) FROM supplier_batches WHERE id = '{first}'")).await, 0);
    assert_eq!(
        kept.rows(org, "supplier_changes").await,
        1,
        "the orphan is gone, the second batch's note is not"
    );
    kept.clock.days(260);
    // The second batch, and with the next run the value that nothing can bring back any more.
    for _ in 0..2 {
        assert_eq!(counts(&kept.purge(org, &chosen).await.classes)["imports"], 1);
    }
    assert_eq!(kept.count("SELECT COUNT(*) FROM supplier_values WHERE retired_at IS NOT NULL").await, 0);
    assert_eq!(kept.rows(org, "supplier_changes").await, 0);
}

async fn legal_holds_keep_what_they_name(on: Backend) {
    let kept = Kept::new(on).await;
    let org = kept.org;
    let mut ids = Vec::new();
    for supplier in ["S1", "S2", "S3"] {
        let id = kept.hold(org, &Mail { supplier, ..Mail::default() }).await;
        kept.store.reject(org, id, Some("fraud"), "operator").await.unwrap();
        ids.push(id);
    }
    kept.import(org, "supplier_id,name,domains\nS1,One,one.test\nS2,Two,two.test\nS3,Three,three.test\n")
        .await;
    let place = async |scope: HoldScope| kept.store.place_hold(org, &scope, "claim 4711", "operator").await;
    let by_entry = place(HoldScope::Entry(ids[0])).await.unwrap();
    let by_supplier = place(HoldScope::Supplier(SupplierId("S2".to_owned()))).await.unwrap();
    assert!(matches!(place(HoldScope::Entry(ids[0])).await, Err(StoreError::Taken(_))));
    assert!(matches!(
        place(HoldScope::Supplier(SupplierId("S9".to_owned()))).await,
        Err(StoreError::NotFound(_))
    ));

    // Held by law is held from people too.
    for id in [ids[0], ids[1]] {
        let refused = kept.store.delete(org, id, "tidy", "operator").await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
    let refused = kept.store.prune_audit(org, i64::MAX, "operator").await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");

    kept.clock.days(600);
    let chosen = Preferences::default();
    let run = kept.purge(org, &chosen).await;
    assert_eq!(counts(&run.classes), BTreeMap::from([("body", 1), ("facts", 1), ("record", 1)]));
    let part =
        |run: &RetentionRun, class| run.classes.iter().find(|part| part.class == class).cloned().unwrap();
    assert_eq!(part(&run, Retained::Body).held_back, 2);
    assert!(
        part(&run, Retained::Audit).suspended.is_some() && part(&run, Retained::History).suspended.is_some()
    );
    assert!(kept.body(org, ids[0]).await && kept.body(org, ids[1]).await && !kept.body(org, ids[2]).await);

    // The whole organisation: nothing at all.
    let everything = place(HoldScope::Organisation).await.unwrap();
    for id in [&by_entry, &by_supplier] {
        kept.store.lift_hold(org, id, "settled", "operator").await.unwrap();
    }
    kept.clock.days(600);
    let run = kept.purge(org, &chosen).await;
    assert!(counts(&run.classes).is_empty() && run.classes.iter().all(|part| part.suspended.is_some()));
    assert!(kept.store.delete(org, ids[0], "tidy", "operator").await.is_err());

    kept.store.lift_hold(org, &everything, "settled", "operator").await.unwrap();
    assert!(matches!(
        kept.store.lift_hold(org, &everything, "again", "operator").await,
        Err(StoreError::NotFound(_))
    ));
    let run = kept.purge(org, &chosen).await;
    assert_eq!(counts(&run.classes)["body"], 2);
    let listed = kept.store.holds(org, true).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|hold| hold.reason == "claim 4711" && hold.lifted_reason.is_some()));
    assert_eq!(kept.store.holds(org, false).await.unwrap(), []);
    let audited = kept.store.audit(org, 0).await.unwrap();
    let of = |action: &str| audited.iter().filter(|entry| entry.action == action).count();
    assert_eq!((of("hold.place"), of("hold.lift")), (3, 3));
}

/// Purged facts leave a rotation nothing to stumble over, and a sealed value nowhere.
async fn emptied_facts_do_not_stand_in_the_way_of_a_rotation(on: Backend) {
    let kept = Kept::new(on).await;
    kept.hold(kept.org, &Mail::default()).await;
    kept.clock.days(200);
    kept.purge(kept.org, &Preferences::default()).await;
    assert_eq!(kept.count("SELECT COUNT(*) FROM messages WHERE length(facts) = 0").await, 1);
    let purpose = sentra::adapters::keyring::KeyPurpose::Data;
    let report =
        kept.store.rotate_key(kept.org, purpose, Duration::ZERO, "operator", &mut |_| {}).await.unwrap();
    assert_eq!(report.unreadable, 0);
}

/// One run at a time; one that was killed is gone on with, and what it had removed stays counted.
async fn a_purge_that_is_killed_is_gone_on_with(on: Backend) {
    const MESSAGES: i64 = 30_000;
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()).on(on));
    let mut sql = world.sql().await;
    let org: String = sqlx::query_scalar("SELECT id FROM organisations").fetch_one(&mut sql).await.unwrap();
    let series = if on == Backend::Sqlite {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT i FROM n"
    } else {
        "SELECT i FROM generate_series(1, 30000) AS n(i)"
    };
    let facts = if on == Backend::Sqlite { "x'00ff'" } else { "'\\x00ff'::bytea" };
    let fill = format!(
        "INSERT INTO messages (id, org_id, received_at, action, severity, score, category, codes, ruleset, size, facts, \
         reply_code, outcome) SELECT 'M' || i, '{org}', i, 'deliver', 'none', 0, 'other', '', 'r', 1, {facts}, 250, \
         'relayed' FROM ({series}) AS s"
    );
    sqlx::query(sqlx::AssertSqlSafe(fill)).execute(&mut sql).await.unwrap();
    let count = "SELECT COUNT(*) FROM messages";
    let left = async || -> i64 { sqlx::query_scalar(count).fetch_one(&mut world.sql().await).await.unwrap() };
    let mut killed = 0;
    while killed < 5 {
        let before = left().await;
        let mut child = std::process::Command::new(SENTRA)
            .args(["retention", "run"])
            .env("SENTRA_CONFIG", world.config_file())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let patience = Instant::now() + Duration::from_secs(60);
        while left().await == before && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "a purge does something");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        killed += 1;
        let done = world.command(&["retention", "run"]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains("another purge"), "{said}");
        // Five minutes later.
        sqlx::query("UPDATE retention_runs SET touched_at = 1 WHERE state = 'running'")
            .execute(&mut world.sql().await)
            .await
            .unwrap();
    }
    assert!(killed >= 2, "only {killed} kills hit a purge at work");
    world.run(&["retention", "run"]);
    assert_eq!(left().await, 0);
    let reports = world.json(&["retention", "report"]);
    let removed = |class: &str| -> i64 {
        let parts = reports.iter().flat_map(|run| run["classes"].as_array().unwrap());
        parts.filter(|part| part["class"] == class).map(|part| part["count"].as_i64().unwrap()).sum()
    };
    // Each message once as facts and once as record: no row is counted that did not go, none went uncounted.
    assert_eq!((removed("facts"), removed("record")), (MESSAGES, MESSAGES));
    assert_eq!(reports[0]["state"], "done");
    let interrupted = reports.iter().filter(|run| run["state"] == "interrupted").count();
    assert_eq!(interrupted, killed);
    assert_eq!(world.json(&["audit", "verify"])[0]["good"], true);
}

/// The running server does it by itself, and mail flows meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_purges_by_itself() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut world = World::start(Setup::new(sink.address()));
    let mut client = world.hello().await;
    for octets in [clean_invoice("old@t"), changed_invoice("held@t")] {
        let sent =
            client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &octets).await;
        assert_eq!(sent.unwrap().code, 250);
    }
    let id = world.quarantine()[0]["id"].as_str().unwrap().to_owned();
    world.run(&["quarantine", "reject", &id]);
    assert_eq!(world.stop(), 0);
    let first: Vec<Value> = world.json(&["retention", "report"]);
    assert_eq!(first.len(), 1, "at its start: {first:?}");
    for sql in [
        "UPDATE messages SET received_at = received_at - 500 * 86400000",
        "UPDATE quarantine SET updated_at = updated_at - 500 * 86400000",
        "UPDATE retention_runs SET started_at = 1",
    ] {
        sqlx::query(sql).execute(&mut world.sql().await).await.unwrap();
    }
    world.serve();
    let done = |world: &World| {
        let runs = world.json(&["retention", "report"]);
        runs.len() == 2 && runs[0]["state"] == "done"
    };
    world.wait_until(done, "the server purges").await;
    let run = &world.json(&["retention", "report", "--limit", "1"])[0];
    assert_eq!(run["actor"], "system");
    let of = |class: &str| {
        run["classes"].as_array().unwrap().iter().find(|part| part["class"] == class).unwrap()["count"]
            .clone()
    };
    // The body goes, and the rest of its entry 400 days later.
    assert_eq!((of("body"), of("facts"), of("record")), (1.into(), 2.into(), 2.into()));
    let url = format!("http://{}/metrics", world.metrics.unwrap());
    let page =
        std::process::Command::new("curl").args(["-s", &url]).output().expect("apt-get install curl").stdout;
    let page = String::from_utf8(page).unwrap();
    for line in
        ["sentra_retention_removed_total{class=\"body\"} 1", "sentra_retention_runs_total{result=\"done\"} 1"]
    {
        assert!(page.contains(line), "{line}: {page}");
    }
    let exported = world.command(&["quarantine", "export", &id]).output().unwrap();
    assert_eq!(exported.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_say_what_they_take_and_did() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()));
    let fails = |arguments: &[&str], status: i32, words: &str| {
        let done = world.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            said.contains("error: ") && said.contains("help: ") && said.contains(words),
            "{arguments:?}: {said}"
        );
        assert_eq!(done.status.code(), Some(status), "{arguments:?}");
    };
    fails(&["retention", "set", "body"], 2, "CLASS=TIME");
    fails(&["retention", "set", "bodies=3d"], 2, "the classes are");
    fails(&["retention", "set", "body=0d"], 2, "1d to 36500d, or forever");
    fails(&["org", "set", "retention.cases=30d"], 2, "365d to 36500d");
    fails(&["retention", "hold", "place", "--all", "--reason", " "], 1, "a reason is needed");
    fails(&["retention", "hold", "place", "--reason", "x"], 2, "--all");
    fails(&["retention", "hold", "place", "--supplier", "none", "--reason", "x"], 1, "no supplier");
    fails(
        &["retention", "hold", "lift", "01JD3ZV8M2T5Y7Q9W1E3R5T7Y9", "--reason", "x"],
        1,
        "no standing legal hold",
    );
    world.run(&["retention", "set", "body=30d", "audit=forever", "record=365d"]);
    world.run(&["retention", "set", "record="]);
    let kept: BTreeMap<String, String> = world
        .json(&["retention", "show"])
        .iter()
        .map(|row| (row["class"].as_str().unwrap().to_owned(), row["keeps"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        (kept["body"].as_str(), kept["audit"].as_str(), kept["record"].as_str()),
        ("30d", "forever", "400d")
    );
    let plan = world.json(&["retention", "plan", "body=7d"]);
    let body = plan.iter().find(|part| part["class"] == "body").unwrap();
    assert_eq!((&body["keeps"], &body["count"]), (&"7d".into(), &0.into()));
    assert!(world.run(&["retention", "report"]).contains("nothing of Contoso was purged yet"));
    assert!(world.run(&["retention", "run"]).contains("is done"));
    let hold = world.json(&["retention", "hold", "place", "--all", "--reason", "claim 4711 of Jane Doe"]);
    let told = world.run(&["retention", "plan"]);
    assert!(told.contains("WOULD GO"), "{told}");
    let listed = world.json(&["retention", "hold", "list"]);
    assert_eq!((&listed[0]["id"], &listed[0]["reason"]), (&hold[0]["id"], &"claim 4711 of Jane Doe".into()));
    world.run(&["retention", "hold", "lift", hold[0]["id"].as_str().unwrap(), "--reason", "settled"]);
    assert_eq!(world.json(&["retention", "hold", "list"]).len(), 0);
    assert_eq!(world.json(&["retention", "hold", "list", "--lifted"]).len(), 1);
}

/// What was chosen for a mailbox names its address: it goes with the mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_mailbox_takes_its_language_with_it() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()));
    world.run(&["org", "mailbox", "add", "pay@contoso.example"]);
    world.run(&["org", "mailbox", "language", "pay@contoso.example", "de"]);
    world.run(&["org", "mailbox", "remove", "pay@contoso.example"]);
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM settings WHERE name LIKE '%pay@%'")
        .fetch_one(&mut world.sql().await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

on_each_database! {
    each_class_goes_in_its_time_and_held_mail_never,
    what_a_batch_retired_stays_as_long_as_undo_could_bring_it_back,
    legal_holds_keep_what_they_name,
    emptied_facts_do_not_stand_in_the_way_of_a_rotation,
    a_purge_that_is_killed_is_gone_on_with,
}
