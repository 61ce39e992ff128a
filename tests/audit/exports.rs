//! An export proves itself, offline and to programs that are not ours.

#![deny(dead_code)]

use super::{Chain, Expected, kinds, lines, verify, write_lines};
use crate::support::backend::{Backend, on_each_database};
use crate::support::world::SENTRA;
use serde_json::{Value, json};
use std::process::Command;

async fn every_attack_on_an_export_is_found_without_anything_else(on: Backend) {
    let chain = Chain::new(on);
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

async fn part_of_a_chain_says_that_it_is_one(on: Backend) {
    let chain = Chain::new(on);
    let part = chain.export("part.jsonl", &["--since", "0s"]);
    let report = verify(&chain.world, &[part.to_str().unwrap(), "--key", &chain.key]);
    assert_eq!((&report["good"], &report["report"]["start"]), (&json!(true), &json!("partial")), "{report}");
    assert!(report["report"]["not_proven"].to_string().contains("entries before"), "{report}");
}

/// docs/audit.md is enough to write a verifier: this one is thirty lines of Python, and openssl for the signature.
async fn another_verifier_agrees(on: Backend) {
    let chain = Chain::new(on);
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

on_each_database! {
    every_attack_on_an_export_is_found_without_anything_else,
    part_of_a_chain_says_that_it_is_one,
    another_verifier_agrees,
}
