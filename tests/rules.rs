//! Rules told whole, replayed over past mail, and changed for one organisation: by the real program, on each database.

#![deny(dead_code)]

use crate::support::backend::{Backend, on_each_database};
use crate::support::kept::Kept;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use sentra::adapters::audit::AuditAction;
use sentra::adapters::store::{OwnRulesChange, Period, RecordedFacts, StoreError};
use sentra::model::OwnRules;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ACME: &str = "accounts@acme-supplies.example";
const ACCOUNTS: &str = "accounts@contoso.example";

/// An own rule that every message meets whose recipients are at least `param.least`.
const SEEN: &str = r#"
[[rule]]
code = "ORG_SEEN"
title = "Seen"
severity = "caution"
class = "strong"
family = "form"
when = 'mail.recipients >= param.least'
text = "Seen."
advice = "None."
parameters = { least = { default = 1, min = 1, max = 9, unit = "recipients", doc = "From how many on." } }
help = { trigger = "t", action = "a", false_alarm = "f" }
test = [
    { name = "one", facts = { mail = { recipients = 1 } }, expect = true },
    { name = "none", expect = false },
]
"#;

/// A file beside the installation.
fn file(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// One JSON object of a command.
fn object(world: &World, arguments: &[&str]) -> Value {
    world.json(arguments).remove(0)
}

/// What a command that fails says.
fn refusal(world: &World, arguments: &[&str]) -> (i32, String) {
    let done = world.command(arguments).output().unwrap();
    (done.status.code().unwrap(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Sends a clean invoice and gives what was delivered of it.
async fn delivered(world: &World, sink: &Sink, message_id: &str) -> String {
    let mut client = world.hello().await;
    let reply = client.send(ACME, &[ACCOUNTS], &clean_invoice(message_id)).await.unwrap();
    assert_eq!(reply.code, 250, "{message_id}");
    let wanted = format!("<{message_id}>");
    let got = sink.wait_for_matching(|got| String::from_utf8_lossy(&got.octets).contains(&wanted)).await;
    String::from_utf8_lossy(&got.octets).into_owned()
}

/// Sends clean invoices until a server that runs has taken a change up; gives the first message that shows it.
async fn until(world: &World, sink: &Sink, name: &str, holds: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    for number in 0.. {
        let got = delivered(world, sink, &format!("{name}-{number}@t")).await;
        if holds(&got) {
            return got;
        }
        assert!(Instant::now() < deadline, "{name}: not taken up: {got}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!()
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {message}")).trim()
}

fn codes(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

async fn an_organisation_changes_its_rules_while_mail_flows(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on));
    let first = delivered(&world, &sink, "before@t").await;
    assert!(!first.contains("ORG_SEEN"), "{first}");

    // An own rule is taken up by the running server, and the verdict names it.
    let own = file(&world, "seen.toml", SEEN);
    world.run(&["rules", "add", &shown(&own)]);
    let seen = until(&world, &sink, "seen", |got| got.contains("ORG_SEEN")).await;
    let id = header(&seen, "X-Sentra-Id").to_owned();
    let why = object(&world, &["rules", "explain", "--message", &id]);
    assert!(why["recorded"]["ruleset"].as_str().unwrap().ends_with("+1"), "{why}");
    assert_eq!((&why["same_rules"], &why["same_verdict"]), (&json!(true), &json!(true)), "{why}");
    let fired = why["fired"].as_array().unwrap().iter().find(|rule| rule["code"] == "ORG_SEEN").unwrap();
    assert_eq!(fired["values"], json!({ "mail.recipients": "1", "param.least": "1" }));

    // A threshold of it; the message of before is still told by the rules that judged it.
    world.run(&["rules", "set-threshold", "ORG_SEEN", "least=2"]);
    let quiet = until(&world, &sink, "quiet", |got| !got.contains("ORG_SEEN")).await;
    let again = object(&world, &["rules", "explain", "--message", &id]);
    assert_eq!(again["replayed"]["ruleset"], why["recorded"]["ruleset"]);
    assert_eq!((&again["same_rules"], &again["same_verdict"]), (&json!(true), &json!(true)), "{again}");
    let id = header(&quiet, "X-Sentra-Id").to_owned();
    let text = world.run(&["rules", "explain", "--message", &id]);
    assert!(text.contains("rule set") && text.contains("+2"), "{text}");

    // What is required stays on, for everybody; what is wrong is refused and changes nothing.
    for (arguments, reason) in [
        (&["rules", "disable", "BANK_DETAILS_CHANGED", "--reason", "r"][..], "can never be switched off"),
        (&["rules", "disable", "NOTHING", "--reason", "r"], "there is no rule"),
        (&["rules", "set-threshold", "SUPPLIER_UNUSUAL", "silence=1"], "7 to 3650 days"),
        (&["rules", "set-threshold", "supplier_unusual", "colour=1"], "no parameter"),
        (&["rules", "enable", "MANY_AUTHORS"], "not switched off"),
        (&["rules", "remove", "ORG_NOTHING"], "is no rule of"),
        (&["rules", "remove", "MANY_AUTHORS"], "rules disable"),
        (&["rules", "revert", "--to", "77"], "there is no version 77"),
    ] {
        let (status, said) = refusal(&world, arguments);
        assert!(status != 0 && said.contains(reason) && said.contains("help: "), "{arguments:?}: {said}");
    }
    world.run(&["rules", "disable", "ACCOUNT_VERIFIED", "--reason", "noise for us"]);
    let now = object(&world, &["rules", "overrides"]);
    assert_eq!(now["version"], 3);
    assert_eq!(now["thresholds"], json!({ "ORG_SEEN": { "least": 2 } }));
    assert_eq!(now["disabled"], json!({ "ACCOUNT_VERIFIED": "noise for us" }));
    let verified = until(&world, &sink, "off", |got| !got.contains("ACCOUNT_VERIFIED")).await;
    assert!(!verified.contains("ORG_SEEN"));

    // Back to the first version, and to none; every step is a version and an audit entry.
    world.run(&["rules", "revert", "--to", "1"]);
    until(&world, &sink, "back", |got| got.contains("ORG_SEEN")).await;
    world.run(&["rules", "revert", "--to", "0"]);
    until(&world, &sink, "none", |got| !got.contains("ORG_SEEN") && got.contains("ACCOUNT_VERIFIED")).await;
    assert_eq!(world.json(&["rules", "overrides", "--versions"]).len(), 5);
    let audited = world.run(&["audit", "list", "--action", "rules", "--json"]);
    for action in ["rules.add", "rules.threshold", "rules.disable", "rules.revert", "rules.explain"] {
        assert!(audited.contains(&format!("\"{action}\"")), "{action}: {audited}");
    }
    assert!(!audited.contains("noise for us"), "the reason is private");
    sink.assert_clean();
}

async fn past_mail_is_judged_anew(on: Backend) {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::start(Setup::new(sink.address()).on(on).arg("--mode").arg("monitor"));
    for message_id in ["one@t", "two@t"] {
        delivered(&world, &sink, message_id).await;
    }
    let mut client = world.hello().await;
    client.send(ACME, &[ACCOUNTS], &changed_invoice("changed@t")).await.unwrap();
    assert_eq!(sink.copies("changed@t"), 1, "mode monitor delivers");

    // What enforcing would have done.
    let impact = object(&world, &["rules", "impact"]);
    assert_eq!(impact["total"], json!({ "messages": 3, "tag": 0, "quarantine": 1 }), "{impact}");
    assert_eq!(impact["codes"]["BANK_DETAILS_CHANGED"]["quarantine"], 1);
    assert_eq!(impact["suppliers"]["S1"]["quarantine"], 1);
    assert_eq!(impact["days"].as_object().unwrap().values().next().unwrap()["messages"], 3);
    let example = &impact["examples"][0];
    assert!(codes(&example["codes"]).contains("BANK_DETAILS_CHANGED"));
    let text = world.run(&["rules", "impact"]);
    assert!(text.contains("of 3 messages 1 would have been held, 0 tagged"), "{text}");
    assert!(text.contains("Acme Building Supplies Ltd (S1)"), "{text}");

    // A candidate: an own rule that every message meets.
    let own = file(&world, "seen.toml", SEEN);
    let tried = ["rules", "backtest", "--add", &shown(&own)];
    let report = object(&world, &tried);
    assert_eq!((&report["messages"], &report["new"]), (&json!(3), &json!(2)), "{report}");
    assert_eq!(report["changed"], 1);
    assert_eq!(report["codes"]["ORG_SEEN"], json!({ "before": 0, "after": 3, "gained": 3, "lost": 0 }));
    assert_eq!(report["actions"]["deliver>tag"], 2);
    let ids: BTreeSet<&str> =
        report["examples"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.contains(example["id"].as_str().unwrap()));
    let again = object(&world, &tried);
    for part in ["examples", "codes", "actions"] {
        assert_eq!(report[part], again[part], "the same twice");
    }

    // A candidate folder, over all organisations; and the records as they stand.
    let folder = world.folder.path().join("candidate");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("own.toml"), SEEN.replace("ORG_SEEN", "SEEN_BY_ALL")).unwrap();
    let all = object(&world, &["rules", "backtest", "--rules", &shown(&folder), "--all"]);
    assert_eq!(all["codes"]["SEEN_BY_ALL"]["gained"], 3, "{all}");
    let same = object(&world, &["rules", "backtest", "--recorded"]);
    assert_eq!(
        (&same["messages"], &same["new"], &same["lost"], &same["changed"]),
        (&json!(3), &json!(0), &json!(0), &json!(0)),
        "{same}"
    );
    assert_eq!(
        object(
            &world,
            &["rules", "backtest", "--recorded", "--until", "2020-01-01", "--since", "2019-01-01"]
        )["messages"],
        0
    );
    let (status, said) = refusal(&world, &["rules", "backtest"]);
    assert!(status == 2 && said.contains("nothing to compare with"), "{said}");
    let nothing = object(&world, &["rules", "overrides"]);
    assert_eq!(nothing["version"], 0, "trying out changes nothing");

    // A held account: why, and what nearly spoke against it.
    let why = object(&world, &["rules", "explain", "--message", example["id"].as_str().unwrap()]);
    assert_eq!(why["replayed"]["would_be"], "quarantine");
    assert_eq!(why["same_verdict"], true);
    assert!(codes(&why["replayed"]["codes"]).contains("BANK_DETAILS_CHANGED"));
    assert!(why["policy"].as_array().unwrap().contains(&json!("decisive: hold")));
    let near = why["near"].as_array().unwrap();
    assert!(near.iter().all(|rule| rule["met"].as_array().is_some_and(|met| !met.is_empty())), "{why}");
}

/// Pages are walked whole, whatever their borders; versions are kept and nobody overwrites another's change.
async fn records_are_walked_in_pages_and_versions_never_overwritten(on: Backend) {
    const MESSAGES: usize = 1_201;
    let kept = Kept::new(on).await;
    let other = kept.organisation("Other", "pay@other.test").await;
    for _ in 0..MESSAGES {
        let id = kept.store.ids().ulid().to_string();
        kept.record(kept.org, &id, "a@b.test", "{\"id\":\"S1\"}").await;
    }
    kept.record(other, &kept.store.ids().ulid().to_string(), "a@b.test", "{}").await;
    kept.put(kept.org, &["UPDATE messages SET facts = substr(facts, 1, 0) WHERE org_id = '{org}' AND id = (SELECT MIN(id) FROM messages WHERE org_id = '{org}')"]).await;
    let period = Period { since: 0, until: i64::MAX };
    let (mut ids, mut purged) = (BTreeSet::new(), 0);
    let mut last = None;
    loop {
        let mut page = kept.store.recorded_page(kept.org, period, last.as_ref()).await.unwrap();
        for message in &page {
            assert!(ids.insert(message.id.clone()), "twice: {}", message.id);
            purged += usize::from(matches!(message.facts, RecordedFacts::Purged));
        }
        match page.pop() {
            Some(message) => last = Some(message),
            None => break,
        }
    }
    assert_eq!((ids.len(), purged), (MESSAGES, 1));

    let change = |actor: &'static str| OwnRulesChange {
        action: AuditAction::RulesDisable,
        subject: "MANY_AUTHORS",
        detail: json!({}),
        private: None,
        actor,
    };
    let mut own = kept.store.own_rules(kept.org).await.unwrap();
    assert_eq!(own, OwnRules::default());
    own.disabled.insert("MANY_AUTHORS".to_owned(), "r".to_owned());
    assert_eq!(kept.store.change_own_rules(kept.org, &own, change("first")).await.unwrap(), 1);
    let late = kept.store.change_own_rules(kept.org, &own, change("second")).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let stored = kept.store.own_rules(kept.org).await.unwrap();
    assert_eq!(stored, OwnRules { version: 1, ..own });
    assert_eq!(kept.store.own_rules(other).await.unwrap(), OwnRules::default());
    let loaded = kept.store.organisation(kept.org).await.unwrap().unwrap();
    assert_eq!(loaded.own_rules.as_deref(), Some(&stored));
    kept.clock.days(1);
    let versions = kept.store.own_rules_versions(kept.org).await.unwrap();
    assert_eq!((versions.len(), versions[0].changed_by.as_str()), (1, "first"));
}

on_each_database! {
    an_organisation_changes_its_rules_while_mail_flows,
    past_mail_is_judged_anew,
    records_are_walked_in_pages_and_versions_never_overwritten,
}

/// The program in an empty environment and folder.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentra"));
    command.env_clear().current_dir(folder).args(arguments).stdin(Stdio::null());
    let done = command.output().unwrap();
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

fn here(path: &str) -> String {
    shown(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

#[test]
fn rules_and_facts_are_told_without_an_installation() {
    let folder = tempfile::tempdir().unwrap();
    let (status, text, said) = run(folder.path(), &["rules", "explain", "SUPPLIER_UNUSUAL"]);
    assert_eq!((status, said.as_str()), (0, ""));
    for part in
        ["param.silence", "7 to 3650 days", "history.dormant_days", "false alarm", "after a year of silence"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, json, _) = run(folder.path(), &["rules", "explain", "BANK_DETAILS_CHANGED", "--json"]);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&told["required"], &told["action"]), (&json!(true), &json!("quarantine")));
    assert_eq!(told["facts"][0]["name"], "accounts[].status");
    let (status, _, said) = run(folder.path(), &["rules", "explain", "NOTHING"]);
    assert!(status == 2 && said.contains("help: "), "{said}");
    let (_, facts, _) = run(folder.path(), &["rules", "facts", "history", "--json"]);
    assert!(facts.lines().count() > 10 && facts.contains("\"history.dormant_days\""), "{facts}");
    let (status, _, said) = run(folder.path(), &["rules", "facts", "weather"]);
    assert!(status == 2 && said.contains("there is no fact"), "{said}");
}

#[test]
fn rule_sets_are_compared_as_rules_and_over_a_folder_of_mail() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("mine");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("own.toml"), SEEN).unwrap();
    let off = SEEN.replace("ORG_SEEN", "MANY_AUTHORS").replace("title =", "enabled = false\ntitle =");
    std::fs::write(rules.join("off.toml"), off).unwrap();
    let (status, text, _) = run(folder.path(), &["rules", "diff", "builtin", "mine"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with("removed rule MANY_AUTHORS\nadded rule ORG_SEEN\n"), "{text}");
    let (_, text, _) = run(folder.path(), &["rules", "diff", "mine", "mine"]);
    assert_eq!(text, "the same rules\n");
    let (_, json, _) = run(folder.path(), &["rules", "diff", "mine", "builtin", "--json"]);
    assert!(json.contains("\"change\":\"removed\""), "{json}");

    let mail = here("src/demo/samples");
    let suppliers = here("src/demo/samples/suppliers.csv");
    let arguments =
        ["rules", "backtest", "--rules", "mine", "--mail", &mail, "--suppliers", &suppliers, "--json"];
    let (status, out, said) = run(folder.path(), &arguments);
    assert_eq!(status, 0, "{said}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let messages = report["messages"].as_u64().unwrap();
    assert_eq!(messages, 14, "the supplier file beside them is no message: {report}");
    assert_eq!(report["codes"]["ORG_SEEN"]["gained"], messages, "{report}");
    assert!(report["new"].as_u64().unwrap() > 0 && report["lost"] == 0, "{report}");
    assert_eq!(run(folder.path(), &arguments).1, out, "the same twice");
    let (_, text, _) = run(folder.path(), &arguments[..arguments.len() - 1]);
    assert!(text.contains("+ORG_SEEN") && text.contains("deliver > tag"), "{text}");
}

#[test]
fn a_required_rule_stays_in_every_folder() {
    let folder = tempfile::tempdir().unwrap();
    let off = SEEN.replace("ORG_SEEN", "BANK_DETAILS_CHANGED").replace("title =", "enabled = false\ntitle =");
    std::fs::write(folder.path().join("off.toml"), off).unwrap();
    let (status, _, said) = run(folder.path(), &["rules", "lint", "--rules", "."]);
    assert!(status == 1 && said.contains("never be switched off") && said.contains("off.toml:2"), "{said}");
}
