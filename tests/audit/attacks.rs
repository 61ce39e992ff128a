//! Whatever is done to the database behind the program's back is found.

#![deny(dead_code)]

use super::{CONTOSO, Chain, Expected, kinds, verify};
use crate::support::backend::{Backend, on_each_database};
use serde_json::json;

async fn every_attack_on_the_database_is_found(on: Backend) {
    let chain = Chain::new(on);
    let good = verify(&chain.world, &CONTOSO);
    assert_eq!(
        (&good["report"]["integrity"], &good["report"]["completeness"]),
        (&json!("intact"), &json!("anchored"))
    );
    assert_eq!(good["report"]["last"], 10, "{good}");
    let saved = chain.save();
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

async fn an_older_database_contradicts_the_anchors_until_the_restore_is_accepted(on: Backend) {
    let chain = Chain::new(on);
    let older = chain.save();
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

async fn only_a_checkpoint_lets_entries_go(on: Backend) {
    let chain = Chain::new(on);
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

async fn a_pruned_chain_goes_on_from_its_checkpoint(on: Backend) {
    let chain = Chain::new(on);
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

on_each_database! {
    every_attack_on_the_database_is_found,
    an_older_database_contradicts_the_anchors_until_the_restore_is_accepted,
    only_a_checkpoint_lets_entries_go,
    a_pruned_chain_goes_on_from_its_checkpoint,
}
