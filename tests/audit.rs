//! The audit proves itself: whatever is done to it behind the program's back is found, in the database and in an export.

use crate::support::backend::{Backend, on_each_database};
use crate::support::world::{SENTRA, Setup, World};
use sentra::adapters::audit::AuditAction;
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An installation that never sends: its next hop is the discard port.
fn world() -> World {
    World::prepare(Setup::new(([127, 0, 0, 1], 9).into()))
}

/// A file's lines as JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write_lines(path: &Path, lines: &[Value]) {
    let text = lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    std::fs::write(path, text).unwrap();
}

/// Kinds of what a report found.
fn kinds(report: &Value) -> Vec<String> {
    let findings = report["report"]["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect()
}

/// What `verify` says, whatever its exit status, which is checked against it.
fn verify(world: &World, arguments: &[&str]) -> Value {
    let mut all = vec!["audit", "verify", "--json"];
    all.extend(arguments);
    let Output { status, stdout, stderr } = world.command(&all).output().unwrap();
    let report: Value = serde_json::from_slice(&stdout)
        .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&stderr)));
    assert_eq!(status.code(), Some(if report["good"] == true { 0 } else { 1 }), "{report}");
    report
}

/// A chain of a dozen entries in two organisations, anchored in the middle and at the end.
struct Chain {
    world: World,
    key: String,
}

const CONTOSO: [&str; 2] = ["--org", "Contoso"];

impl Chain {
    fn new() -> Self {
        let world = world();
        world.run(&["org", "create", "Fabrikam", "--mailbox", "pay@fabrikam.example"]);
        for mode in ["tag", "monitor", "enforce"] {
            for org in ["Contoso", "Fabrikam"] {
                world.run(&["org", "set", &format!("mode={mode}"), "--org", org]);
            }
        }
        world.run(&[
            "org",
            "executive",
            "add",
            "Ada Lovelace",
            "--address",
            "ada@contoso.example",
            "--org",
            "Contoso",
        ]);
        world.run(&["audit", "anchor"]);
        for mode in ["tag", "enforce"] {
            world.run(&["org", "set", &format!("mode={mode}"), "--org", "Contoso"]);
        }
        world.run(&["audit", "anchor"]);
        let key = world.json(&["audit", "keys", "--org", "Contoso"]).remove(0);
        Self { world, key: key["public_key"].as_str().unwrap().to_owned() }
    }

    /// Database files, to be put back before each attack.
    fn copy(&self, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for name in ["sentra.db", "sentra.db-wal", "sentra.db-shm"] {
            let (here, there) = (self.world.dir().join("data").join(name), to.join(name));
            std::fs::remove_file(&there).ok();
            if here.exists() {
                std::fs::copy(here, there).unwrap();
            }
        }
    }

    fn put_back(&self, from: &Path) {
        for name in ["sentra.db", "sentra.db-wal", "sentra.db-shm"] {
            let (there, here) = (self.world.dir().join("data").join(name), from.join(name));
            std::fs::remove_file(&there).ok();
            if here.exists() {
                std::fs::copy(here, there).unwrap();
            }
        }
    }

    /// Does something to the database that no program of ours would: the triggers go first.
    async fn attack(&self, sql: &[&str]) {
        let mut database = self.world.sql().await;
        let triggers: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        assert!(triggers.len() >= 6, "{triggers:?}");
        for name in triggers {
            sqlx::query(sqlx::AssertSqlSafe(format!("DROP TRIGGER {name}")))
                .execute(&mut database)
                .await
                .unwrap();
        }
        for sql in sql {
            sqlx::query(sqlx::AssertSqlSafe((*sql).to_owned())).execute(&mut database).await.unwrap();
        }
        database.close().await.unwrap();
    }

    fn anchors(&self) -> PathBuf {
        self.world.dir().join("data/objects/anchors")
    }

    fn export(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.world.folder.path().join(name);
        let mut all = vec!["audit", "export", path.to_str().unwrap(), "--org", "Contoso"];
        all.extend(arguments);
        self.world.run(&all);
        path
    }
}

/// Integrity, completeness, and a kind of finding that must be among what is found.
type Expected = (&'static str, &'static str, Option<&'static str>);

#[tokio::test]
async fn every_attack_on_the_database_is_found() {
    let chain = Chain::new();
    let good = verify(&chain.world, &CONTOSO);
    assert_eq!(
        (&good["report"]["integrity"], &good["report"]["completeness"]),
        (&json!("intact"), &json!("anchored"))
    );
    assert_eq!(good["report"]["last"], 10, "{good}");
    let saved = chain.world.folder.path().join("saved");
    chain.copy(&saved);
    let contoso = "(SELECT id FROM organisations WHERE name = 'Contoso')";
    let fabrikam = "(SELECT id FROM organisations WHERE name = 'Fabrikam')";
    let cut = format!("DELETE FROM audit WHERE org_id = {contoso} AND seq > 8");
    let all = format!("DELETE FROM audit WHERE org_id = {contoso}");
    let head_to = |seq: i64| {
        format!(
            "UPDATE audit_heads SET (seq, at, hash) = (SELECT seq, at, hash FROM audit WHERE org_id = {contoso} \
             AND seq = {seq}) WHERE org_id = {contoso}"
        )
    };
    let rows: &[(&str, Vec<String>, Expected)] = &[
        ("tail cut", vec![cut.clone()], ("intact", "broken", Some("tail_cut"))),
        ("tail cut, head moved", vec![cut, head_to(8)], ("broken", "broken", Some("head_forged"))),
        ("all deleted", vec![all.clone()], ("intact", "broken", Some("tail_cut"))),
        (
            "all deleted, head too",
            vec![all.clone(), format!("DELETE FROM audit_heads WHERE org_id = {contoso}")],
            ("intact", "broken", Some("head_absent")),
        ),
        (
            "all deleted, head as new",
            vec![
                all,
                format!(
                    "UPDATE audit_heads SET seq = 0, at = 0, hash = '{}', signature = '' WHERE org_id = {contoso}",
                    "0".repeat(64)
                ),
            ],
            ("broken", "broken", Some("set_back")),
        ),
        (
            "edited",
            vec![format!("UPDATE audit SET detail = '{{}}' WHERE org_id = {contoso} AND seq = 4")],
            ("broken", "anchored", Some("altered")),
        ),
        (
            "dated otherwise",
            vec![format!("UPDATE audit SET at = at + 1 WHERE org_id = {contoso} AND seq = 10")],
            ("broken", "anchored", Some("altered")),
        ),
        (
            "taken out",
            vec![format!("DELETE FROM audit WHERE org_id = {contoso} AND seq = 4")],
            ("broken", "anchored", Some("missing")),
        ),
        (
            "reordered",
            vec![
                format!("UPDATE audit SET seq = 100 WHERE org_id = {contoso} AND seq = 4"),
                format!("UPDATE audit SET seq = 4 WHERE org_id = {contoso} AND seq = 5"),
                format!("UPDATE audit SET seq = 5 WHERE org_id = {contoso} AND seq = 100"),
            ],
            ("broken", "anchored", Some("altered")),
        ),
        (
            "put in",
            vec![format!(
                "INSERT INTO audit SELECT org_id, seq + 1, at, actor, action, subject, detail, private, hash, hash FROM audit \
                 WHERE org_id = {contoso} AND seq = 10"
            )],
            ("broken", "anchored", Some("head_contradicts")),
        ),
        (
            "entries of two organisations swapped",
            vec![
                format!(
                    "UPDATE audit SET org_id = {fabrikam}, seq = 100 WHERE org_id = {contoso} AND seq = 1"
                ),
                format!("UPDATE audit SET org_id = {contoso} WHERE org_id = {fabrikam} AND seq = 1"),
            ],
            ("broken", "anchored", Some("altered")),
        ),
        (
            "head signed by nobody",
            vec![format!(
                "UPDATE audit_heads SET signature = '{}' WHERE org_id = {contoso}",
                "ab".repeat(64)
            )],
            ("broken", "anchored", Some("head_forged")),
        ),
        (
            "head of the other organisation",
            vec![format!(
                "UPDATE audit_heads SET signature = (SELECT signature FROM audit_heads WHERE org_id = {fabrikam}) \
                 WHERE org_id = {contoso}"
            )],
            ("broken", "anchored", Some("head_forged")),
        ),
        (
            "a private value replaced by another one",
            vec![format!(
                "UPDATE audit_private SET sealed = (SELECT sealed FROM audit_private WHERE org_id = {contoso} \
                 AND field = 'addresses') WHERE org_id = {contoso} AND field = 'name'"
            )],
            ("broken", "anchored", Some("private_altered")),
        ),
        (
            "a checkpoint invented to hide the beginning",
            vec![
                format!(
                    "INSERT INTO audit_checkpoints SELECT org_id, seq, at, hash, 1, '{}' FROM audit \
                     WHERE org_id = {contoso} AND seq = 3",
                    "ab".repeat(64)
                ),
                format!("DELETE FROM audit WHERE org_id = {contoso} AND seq <= 3"),
            ],
            ("broken", "anchored", Some("checkpoint_forged")),
        ),
        (
            "a private value erased",
            vec![format!("DELETE FROM audit_private WHERE org_id = {contoso} AND field = 'name'")],
            ("intact", "anchored", None),
        ),
    ];
    for (name, sql, (integrity, completeness, kind)) in rows {
        chain.put_back(&saved);
        chain.attack(&sql.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let report = verify(&chain.world, &CONTOSO);
        assert_eq!(report["report"]["integrity"], *integrity, "{name}: {report}");
        assert_eq!(report["report"]["completeness"], *completeness, "{name}: {report}");
        match kind {
            Some(kind) => assert!(kinds(&report).iter().any(|found| found == kind), "{name}: {report}"),
            None => {
                assert!(kinds(&report).is_empty(), "{name}: {report}");
                assert_eq!(report["report"]["private"]["erased"], 1, "{name}: {report}");
            }
        }
    }
}

#[tokio::test]
async fn every_attack_on_an_export_is_found_without_anything_else() {
    let chain = Chain::new();
    let export = chain.export("audit.jsonl", &["--reveal"]);
    let original = lines(&export);
    let (anchors, path) = (chain.anchors(), chain.world.folder.path().join("tampered.jsonl"));
    let anchors = anchors.to_str().unwrap();
    let entry =
        |seq: i64| original.iter().position(|line| line["kind"] == "entry" && line["seq"] == seq).unwrap();
    let last = original.len() - 1;
    let cut_at = entry(9);
    type Tamper<'a> = Box<dyn Fn(&mut Vec<Value>) + 'a>;
    let rows: Vec<(&str, Tamper<'_>, Expected)> = vec![
        ("untouched", Box::new(|_| {}), ("intact", "anchored", None)),
        (
            "tail cut",
            Box::new(|lines| drop(lines.drain(cut_at..last))),
            ("intact", "broken", Some("tail_cut")),
        ),
        (
            "cut off with its head",
            Box::new(|lines| lines.truncate(cut_at)),
            ("intact", "broken", Some("head_absent")),
        ),
        (
            "all deleted",
            Box::new(|lines| lines.retain(|line| line["kind"] != "entry")),
            ("intact", "broken", Some("tail_cut")),
        ),
        (
            "reordered",
            Box::new(|lines| lines.swap(entry(4), entry(5))),
            ("broken", "anchored", Some("out_of_order")),
        ),
        (
            "edited",
            Box::new(|lines| lines[entry(4)]["actor"] = json!("nobody")),
            ("broken", "anchored", Some("altered")),
        ),
        (
            "taken out",
            Box::new(|lines| drop(lines.remove(entry(4)))),
            ("broken", "anchored", Some("missing")),
        ),
        (
            "put in",
            Box::new(|lines| {
                let copy = lines[entry(4)].clone();
                lines.insert(entry(5), copy);
            }),
            ("broken", "anchored", Some("out_of_order")),
        ),
        (
            "passed off as another organisation's",
            Box::new(|lines| lines[0]["org"] = json!("01JD3ZV8M2T5Y7Q9W1E3R5T7Y9")),
            ("broken", "signed_head", Some("altered")),
        ),
        (
            "head forged",
            Box::new(|lines| lines[last]["signature"] = json!("ab".repeat(64))),
            ("broken", "anchored", Some("head_forged")),
        ),
        (
            "another reason",
            Box::new(|lines| lines[entry(6)]["revealed"]["name"]["value"] = json!("\"Mallory\"")),
            ("broken", "anchored", Some("private_altered")),
        ),
    ];
    for (name, tamper, (integrity, completeness, kind)) in rows {
        let mut tampered = original.clone();
        tamper(&mut tampered);
        write_lines(&path, &tampered);
        // No configuration, no database, no key: a folder in which there is nothing.
        let elsewhere = tempfile::tempdir().unwrap();
        let arguments =
            ["audit", "verify", path.to_str().unwrap(), "--anchors", anchors, "--key", &chain.key, "--json"];
        let done = Command::new(SENTRA).args(arguments).current_dir(elsewhere.path()).output().unwrap();
        let report: Value = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|_| panic!("{name}: {}", String::from_utf8_lossy(&done.stderr)));
        assert_eq!(done.status.success(), kind.is_none(), "{name}");
        assert_eq!(report["report"]["integrity"], integrity, "{name}: {report}");
        assert_eq!(report["report"]["completeness"], completeness, "{name}: {report}");
        if let Some(kind) = kind {
            assert!(kinds(&report).iter().any(|found| found == kind), "{name}: {report}");
        }
    }
    let wrong_key = verify(&chain.world, &[export.to_str().unwrap(), "--key", &"ab".repeat(32)]);
    assert!(kinds(&wrong_key).iter().any(|kind| kind == "head_forged"), "{wrong_key}");
    let alone = verify(&chain.world, &[export.to_str().unwrap()]);
    assert_eq!(alone["report"]["completeness"], "signed_head", "its own anchors prove nothing: {alone}");
    let said = alone["report"]["not_proven"].to_string();
    assert!(said.contains("set back") && said.contains("keys"), "{said}");
    let garbage = chain.world.folder.path().join("garbage.jsonl");
    std::fs::write(&garbage, "{\"kind\":\"header\"}\n").unwrap();
    let refused = chain.world.command(&["audit", "verify", garbage.to_str().unwrap()]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("line 1"), "{refused:?}");
}

#[tokio::test]
async fn an_older_database_contradicts_the_anchors_until_the_restore_is_accepted() {
    let chain = Chain::new();
    let older = chain.world.folder.path().join("older");
    chain.copy(&older);
    for mode in ["monitor", "enforce"] {
        chain.world.run(&["org", "set", &format!("mode={mode}"), "--org", "Contoso"]);
    }
    chain.world.run(&["audit", "anchor"]);
    let newer = chain.export("newer.jsonl", &[]);
    chain.put_back(&older);
    let set_back = verify(&chain.world, &CONTOSO);
    assert_eq!(set_back["report"]["integrity"], "intact", "an older state is whole in itself");
    assert!(kinds(&set_back).contains(&"set_back".to_owned()), "{set_back}");
    // Gone on from, it is found by the hash as well, and no new anchor hides it.
    for mode in ["monitor", "tag", "enforce"] {
        chain.world.run(&["org", "set", &format!("mode={mode}"), "--org", "Contoso"]);
    }
    let refused = chain.world.command(&["audit", "anchor", "--org", "Contoso"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("set back or replaced") && error.contains("--accept-restore"), "{error}");
    let gone_on = verify(&chain.world, &CONTOSO);
    assert!(kinds(&gone_on).contains(&"anchor_contradicts".to_owned()), "{gone_on}");
    chain.world.run(&["audit", "anchor", "--accept-restore", "disk lost", "--org", "Contoso"]);
    let accepted = verify(&chain.world, &CONTOSO);
    assert_eq!(accepted["report"]["completeness"], "anchored", "{accepted}");
    assert_eq!(accepted["report"]["superseded_anchors"], 1, "{accepted}");
    chain.world.run(&["org", "set", "mode=tag", "--org", "Contoso"]);
    chain.world.run(&["audit", "anchor", "--org", "Contoso"]);
    assert_eq!(verify(&chain.world, &CONTOSO)["report"]["completeness"], "anchored");
    // What was lost is not forgotten: an export of it still verifies, and says that the anchors went on otherwise.
    let lost =
        verify(&chain.world, &[newer.to_str().unwrap(), "--anchors", chain.anchors().to_str().unwrap()]);
    assert_eq!(lost["report"]["integrity"], "intact", "{lost}");
    assert_eq!(lost["report"]["completeness"], "broken", "{lost}");
}

#[tokio::test]
async fn a_pruned_chain_goes_on_from_its_checkpoint() {
    let chain = Chain::new();
    let before = chain.export("before.jsonl", &[]);
    let pruned = chain.world.json(&["audit", "prune", "--before", "0s", "--org", "Contoso"]).remove(0);
    // The export and its own entry came after the newest anchor, which is how far a pruning may go.
    assert_eq!((&pruned["checkpoint"], &pruned["removed"]), (&json!(10), &json!(10)));
    let report = verify(&chain.world, &CONTOSO);
    assert_eq!(
        (&report["good"], &report["report"]["start"]),
        (&json!(true), &json!("checkpoint")),
        "{report}"
    );
    assert_eq!(report["report"]["proof"]["seq"], 10, "the anchor names the checkpoint: {report}");
    let again = chain.world.json(&["audit", "prune", "--before", "0s", "--org", "Contoso"]).remove(0);
    assert_eq!(again["removed"], 0, "without a newer anchor nothing more goes");
    let after = chain.export("after.jsonl", &[]);
    let anchors = chain.anchors();
    for export in [&before, &after] {
        let arguments =
            [export.to_str().unwrap(), "--anchors", anchors.to_str().unwrap(), "--key", &chain.key];
        assert_eq!(verify(&chain.world, &arguments)["good"], true, "{}", export.display());
    }
    let shown = String::from_utf8(
        chain.world.command(&["audit", "verify", "--org", "Contoso"]).output().unwrap().stdout,
    );
    assert!(shown.unwrap().contains("from checkpoint"));
}

#[tokio::test]
async fn only_a_checkpoint_lets_entries_go() {
    let chain = Chain::new();
    let mut database = chain.world.sql().await;
    for sql in [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "UPDATE audit_heads SET seq = seq - 1",
        "DELETE FROM audit_heads",
    ] {
        let refused = sqlx::query(sql).execute(&mut database).await.unwrap_err();
        assert!(refused.to_string().contains("audit entries"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn part_of_a_chain_says_that_it_is_one() {
    let chain = Chain::new();
    let part = chain.export("part.jsonl", &["--since", "0s"]);
    let report = verify(&chain.world, &[part.to_str().unwrap(), "--key", &chain.key]);
    assert_eq!((&report["good"], &report["report"]["start"]), (&json!(true), &json!("partial")), "{report}");
    assert!(report["report"]["not_proven"].to_string().contains("entries before"), "{report}");
}

/// docs/audit.md is enough to write a verifier: this one is thirty lines of Python, and openssl for the signature.
#[test]
fn another_verifier_agrees() {
    let chain = Chain::new();
    let export = chain.export("audit.jsonl", &["--reveal"]);
    let script = r#"
import hashlib, json, subprocess, sys, os
def ns(*fields): return b"".join(b"%d:%s," % (len(f), f) for f in (str(x).encode() for x in fields))
lines = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
org, prev, seq, opened = lines[0]["org"], "0" * 64, 0, 0
for e in (l for l in lines if l["kind"] == "entry"):
    seq += 1
    s = ns("sentra-audit-v2", org, e["seq"], e["at"], e["actor"], e["action"], e["subject"], e["detail"], e["private"], e["prev_hash"])
    assert e["seq"] == seq and e["prev_hash"] == prev and hashlib.sha256(s).hexdigest() == e["hash"], e
    commitments = json.loads(e["private"])
    for field, v in e.get("revealed", {}).items():
        assert hashlib.sha256(bytes.fromhex(v["salt"]) + v["value"].encode()).hexdigest() == commitments[field], field
        opened += 1
    prev = e["hash"]
head, key = lines[-1], next(l for l in lines if l["kind"] == "key")["public_key"]
assert head["kind"] == "head" and head["seq"] == seq and head["hash"] == prev
os.chdir(sys.argv[2])
open("key.der", "wb").write(bytes.fromhex("302a300506032b6570032100") + bytes.fromhex(key))
def signed(statement, signature):
    open("statement", "wb").write(statement); open("signature", "wb").write(bytes.fromhex(signature))
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin",
                    "-in", "statement", "-sigfile", "signature"], check=True, stdout=subprocess.DEVNULL)
signed(ns("sentra-audit-head-v1", org, head["seq"], head["at"], head["hash"]), head["signature"])
before = "0" * 64
for a in (l for l in lines if l["kind"] == "anchor"):
    s = ns("sentra-audit-anchor-v1", org, a["number"], a["seq"], a["at"], a["hash"], a["previous"], a.get("supersedes_after") or "")
    assert a["previous"] == before
    signed(s, a["signature"]); before = hashlib.sha256(s).hexdigest()
print(seq, opened)
"#;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["-c", script, export.to_str().unwrap(), folder.path().to_str().unwrap()];
    let done = Command::new("python3").args(arguments).output().expect("apt-get install -y python3 openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "11 2");
}

#[tokio::test]
async fn people_are_pseudonyms_and_private_fields_are_shown_only_on_request() {
    let world = world();
    world.run(&["org", "admin", "add", "Jane@contoso.example"]);
    world.run(&["org", "executive", "add", "Ada Lovelace", "--address", "ada@contoso.example"]);
    let entries = world.json(&["audit", "list"]);
    let text = serde_json::to_string(&entries).unwrap().to_lowercase();
    assert!(!text.contains("jane") && !text.contains("lovelace") && !text.contains("ada@"), "{text}");
    let revealed = world.json(&["audit", "list", "--reveal", "--action", "executive.add"]);
    assert_eq!(revealed[0]["private"]["name"], "Ada Lovelace");
    let of_jane = world.json(&["audit", "list", "--action", "admin", "--reveal"]);
    let pseudonym = of_jane[0]["subject"].as_str().unwrap();
    assert_eq!(of_jane[0]["persons"][pseudonym], "jane@contoso.example");
    let noted = world.json(&["audit", "list", "--action", "audit.reveal"]);
    assert_eq!(noted.len(), 2, "each look behind the chain is in it");
    let table = world.run(&["audit", "list", "--limit", "2"]);
    assert!(table.starts_with("SEQ") && table.contains("ACTION"), "{table}");
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(world.json(&["audit", "list", "--until", "2020-01-01"]).is_empty());
    let wrong = world.command(&["audit", "list", "--action", "nonsense"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[tokio::test]
async fn what_reads_and_what_runs_is_noted() {
    let mut world = World::start(Setup::new(([127, 0, 0, 1], 9).into()));
    let first_anchor = |world: &World| {
        let folder = world.dir().join("data/objects/anchors");
        std::fs::read_dir(folder).is_ok_and(|mut organisations| organisations.next().is_some())
    };
    world.wait_until(first_anchor, "a start anchors the audit").await;
    world.run(&["quarantine", "list"]);
    world.run(&["suppliers", "show", "S1"]);
    world.run(&["suppliers", "export"]);
    world.run(&["org", "show"]);
    world.run(&["org", "account", "list"]);
    world.run(&["org", "token", "rotate"]);
    world.signal("HUP");
    let reloaded = |world: &World| !world.json(&["audit", "list", "--action", "system.reload"]).is_empty();
    world.wait_until(reloaded, "the reload is noted").await;
    assert_eq!(world.stop(), 0);
    let entries = world.json(&["audit", "list"]);
    let actions: Vec<&str> = entries.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = [
        "org.create",
        "suppliers.import",
        "system.start",
        "quarantine.list",
        "suppliers.show",
        "suppliers.export",
        "org.show",
        "own_account.list",
        "token.rotate",
        "system.reload",
        "system.stop",
    ];
    let mut at = actions.iter();
    for action in expected {
        assert!(at.any(|there| *there == action), "{action} is missing, or out of order: {actions:?}");
    }
    assert_eq!(verify(&world, &[])["good"], true);
}

/// Several processes append at once, and some are killed while they do: what is there is whole.
async fn processes_that_append_and_die_leave_a_whole_chain(on: Backend) {
    let world = World::prepare(Setup::new(([127, 0, 0, 1], 9).into()).on(on));
    let mut chance = 0x5eed_0005_u64;
    for _ in 0..6 {
        let mut running: Vec<_> = ["tag", "monitor", "enforce", "tag"]
            .iter()
            .map(|mode| world.command(&["org", "set", &format!("mode={mode}")]).spawn().unwrap())
            .collect();
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let victim = usize::try_from(chance >> 62).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(chance >> 40 & 0x3f)).await;
        running[victim].kill().unwrap();
        for (index, process) in running.iter_mut().enumerate() {
            let ended = process.wait().unwrap();
            assert!(index == victim || ended.success(), "only the killed one fails");
        }
        let report = verify(&world, &[]);
        assert_eq!(report["good"], true, "{report}");
    }
    let entries = world.json(&["audit", "list", "--action", "org.set"]);
    assert!((18..=24).contains(&entries.len()), "{} of 24", entries.len());
}

on_each_database! { processes_that_append_and_die_leave_a_whole_chain }

/// The table in docs/audit.md is made from the registry; `SENTRA_BLESS=1` writes it.
#[test]
fn documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md");
    let doc = std::fs::read_to_string(&path).unwrap();
    let mut table =
        String::from("| action | what happened | subject | detail | private |\n|---|---|---|---|---|\n");
    for action in AuditAction::ALL {
        let about = action.doc();
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {} |",
            action.as_str(),
            about.what.trim(),
            about.subject,
            about.detail,
            about.private
        )
        .unwrap();
    }
    let (open, close) = ("<!-- actions -->\n", "<!-- /actions -->");
    let (head, rest) = doc.split_once(open).unwrap();
    let (now, tail) = rest.split_once(close).unwrap();
    if std::env::var_os("SENTRA_BLESS").is_some() {
        std::fs::write(&path, format!("{head}{open}{table}{close}{tail}")).unwrap();
        return;
    }
    assert!(
        now == table,
        "docs/audit.md is not up to date: SENTRA_BLESS=1 cargo test --test main audit::documented"
    );
}
