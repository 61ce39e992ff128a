//! What people and processes do is in the audit, and they append at once.

#![deny(dead_code)]

use super::{verify, world};
use crate::support::backend::{Backend, on_each_database};
use crate::support::world::{Setup, World};

async fn people_are_pseudonyms_and_private_fields_are_shown_only_on_request(on: Backend) {
    let world = world(on);
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

async fn what_reads_and_what_runs_is_noted(on: Backend) {
    let mut world = World::start(Setup::new(([127, 0, 0, 1], 9).into()).on(on));
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

on_each_database! {
    people_are_pseudonyms_and_private_fields_are_shown_only_on_request,
    what_reads_and_what_runs_is_noted,
    processes_that_append_and_die_leave_a_whole_chain,
}
