//! What judging costs a message: the shipped rules, the same with an organisation's changes, and joining those.
//!
//! `cargo bench --bench rules`. Prints one line a figure, for docs/benchmarks.md.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench may fail loudly")]
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation, reason = "a bench measures time")]

use sentra::model::{AccountFact, AccountStatus, Facts, Mode, OwnRules, Places};
use sentra::rules::RuleSet;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 5_000;

fn measure(name: &str, rounds: u32, mut work: impl FnMut()) {
    for _ in 0..rounds / 10 {
        work();
    }
    let mut times: Vec<u128> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default() as f64 / 1_000.0;
    println!("{name}: p50 {:.1} µs, p99 {:.1} µs", at(50), at(99));
}

fn main() {
    let base = RuleSet::load(None).unwrap();
    let mut own = OwnRules { version: 1, ..OwnRules::default() };
    own.thresholds.insert("SUPPLIER_UNUSUAL".to_owned(), [("silence".to_owned(), 90)].into());
    own.disabled.insert("MANY_AUTHORS".to_owned(), "bench".to_owned());
    for number in 0..10 {
        own.rules.insert(format!("ORG_RULE_{number}"), OWN_RULE.replace("NUMBER", &number.to_string()));
    }
    base.check_changes(&OwnRules::default(), &own).unwrap();
    let (joined, _) = base.joined(&own);
    let account = AccountFact { status: AccountStatus::Mismatch, new_payee: true, ..AccountFact::default() };
    let plain = Facts::default();
    let one = Facts { accounts: vec![account.clone()], ..Facts::default() };
    let most = Facts { accounts: vec![account; 50], ..Facts::default() };
    for (what, facts) in [("no account", &plain), ("one account", &one), ("50 accounts", &most)] {
        for (which, set) in [("shipped", &base), ("with ten own rules", &joined)] {
            measure(&format!("judge, {what}, {which}"), ROUNDS, || {
                black_box(set.judge(black_box(facts), &Places::default(), Mode::Enforce));
            });
        }
    }
    // The dearest that an organisation may have: loops in loops up to the bound, and patterns.
    for (name, when) in [("loops", LOOPS), ("patterns", PATTERNS)] {
        let mut dear = OwnRules { version: 1, ..OwnRules::default() };
        for number in 0..50 {
            let text = OWN_RULE.replace("NUMBER", &number.to_string()).replace(WHEN, when);
            let mut tried = dear.clone();
            tried.rules.insert(format!("ORG_RULE_{number}"), text);
            if base.check_changes(&dear, &tried).is_err() {
                break;
            }
            dear = tried;
        }
        let set = base.joined(&dear).0;
        measure(
            &format!("judge, 50 accounts, {} own rules of {name} at the bound", dear.rules.len()),
            200,
            || {
                black_box(set.judge(black_box(&most), &Places::default(), Mode::Enforce));
            },
        );
    }
    measure("join an organisation's changes", 200, || {
        black_box(base.joined(black_box(&own)));
    });
    measure("load the shipped rules", 20, || {
        black_box(RuleSet::load(None).unwrap());
    });
}

const WHEN: &str = r#"mail.has_payment_content && accounts.exists(a, a.new_payee && a.country != "GB") && documents.total > param.most"#;
const LOOPS: &str = r#"!accounts.exists(a, accounts.exists(b, a.hidden && b.valid && a.country == "X" && b.status == "Y")) && documents.total > param.most"#;
const PATTERNS: &str = r#"!sender.address.matches("\\w\\w\\w") && documents.total > param.most"#;

const OWN_RULE: &str = r#"
[[rule]]
code = "ORG_RULE_NUMBER"
title = "Bench"
severity = "info"
class = "weak"
family = "form"
when = 'mail.has_payment_content && accounts.exists(a, a.new_payee && a.country != "GB") && documents.total > param.most'
text = "Bench."
advice = "None."
parameters = { most = { default = 5, min = 1, max = 9, unit = "documents", doc = "Bench." } }
help = { trigger = "t", action = "a", false_alarm = "f" }
test = [
    { name = "yes", facts = { mail = { has_payment_content = true }, accounts = [{ new_payee = true }], documents = { total = 9 } }, expect = true },
    { name = "no", expect = false },
]
"#;
