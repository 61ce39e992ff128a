//! Folders of rules: what is refused, what is overridden.

use super::*;

const RULE: &str = r#"
[[rule]]
code = "OWN_RULE"
title = "t"
severity = "caution"
class = "strong"
family = "form"
when = 'WHEN'
text = "TEXT"
advice = "a"
help = { trigger = "t", action = "a", false_alarm = "f" }
EXTRA
"#;

fn load_own(when: &str, text: &str, extra: &str) -> Result<RuleSet, RuleError> {
    let folder = tempfile::tempdir().expect("folder");
    let content = RULE.replace("WHEN", when).replace("TEXT", text).replace("EXTRA", extra);
    fs::write(folder.path().join("own.toml"), content).expect("file");
    RuleSet::load(Some(folder.path()))
}

#[test]
fn broken_rules_are_refused_with_place_and_reason() {
    for (name, when, text, extra, reason) in [
        ("syntax", "mail.list &&", "x", "", "own.toml:8: OWN_RULE:"),
        ("unknown fact", "weather.fine", "x", "", "no fact `weather`"),
        ("unknown field", "false && sender.domian == \"x\"", "x", "", "no fact `domian` in `sender`"),
        (
            "unknown field of an element",
            "accounts.exists(a, a.state == \"x\")",
            "x",
            "",
            "no fact `state` in `a`",
        ),
        ("account without each", "account.hidden", "x", "", "no fact `account`"),
        ("wrong type behind a short cut", "mail.list && sender.domain > 3", "x", "", "_>_"),
        ("no truth value", "mail.recipients", "x", "", "gives int"),
        ("unknown function", "sender.domain.reverse() == \"x\"", "x", "", "no function `reverse`"),
        ("unknown key", "mail.list", "x", "colour = \"red\"", "own.toml:12: unknown field `colour`"),
        ("forbidden placeholder", "mail.list", "{account.masked}", "", "may not stand in a sentence"),
        ("own test fails", "mail.list", "x", "test = [{ name = \"n\", expect = true }]", "test \"n\" failed"),
        (
            "test with an unknown fact",
            "mail.list",
            "x",
            "test = [{ name = \"n\", expect = true, facts = { mail = { lst = true } } }]",
            "unknown field `lst`",
        ),
        ("joined texts", "(sender.domain + sender.domain) == \"x\"", "x", "", "`+` is for numbers"),
        ("joined lists", "size(accounts + accounts) > 9", "x", "", "`+` is for numbers"),
        (
            "values that double with every loop",
            "accounts.map(a, a.name).map(n, n + n).exists(n, n.contains(\"x\"))",
            "x",
            "",
            "no macro `map`",
        ),
        ("map with a condition", "size(accounts.map(a, a.hidden, accounts)) > 1", "x", "", "no macro `map`"),
        ("whole lists", "mail.list || accounts == accounts", "x", "", "not compared"),
        ("a structure in a list", "accounts.exists(a, a in accounts)", "x", "", "not compared"),
        ("action of a strong rule", "mail.list", "x", "action = \"tag\"", "only a decisive rule"),
    ] {
        let error = load_own(when, text, extra).expect_err(name).to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn what_the_guide_allows_is_allowed() {
    for when in [
        "mail.recipients + 1 > 2",
        "size(accounts.filter(a, a.hidden)) > 1",
        "accounts.exists_one(a, a.hidden)",
        "accounts.all(a, a.country in [\"GB\", \"IE\"])",
        "sender.domain != reply_to.domain",
    ] {
        load_own(when, "x", "").expect(when);
    }
}

#[test]
fn an_own_folder_adds_overrides_and_switches_off() {
    let shipped = shipped();
    let added = load_own("mail.list", "x", "").expect("valid");
    assert_eq!(added.codes().count(), shipped.codes().count() + 1);
    assert_ne!(added.hash(), shipped.hash());
    let folder = tempfile::tempdir().expect("folder");
    let off =
        RULE.replace("OWN_RULE", "MANY_AUTHORS").replace("WHEN", "false").replace("EXTRA", "enabled = false");
    fs::write(folder.path().join("own.toml"), off).expect("file");
    let without = RuleSet::load(Some(folder.path())).expect("valid");
    assert!(!without.codes().any(|code| code.0 == "MANY_AUTHORS"));
    let twice = format!("{0}\n{0}", RULE.replace("WHEN", "mail.list").replace("EXTRA", ""));
    fs::write(folder.path().join("own.toml"), twice).expect("file");
    let error = RuleSet::load(Some(folder.path())).expect_err("duplicate").to_string();
    assert!(error.contains("already taken"), "{error}");
}

#[test]
fn a_rule_that_fails_at_run_time_is_a_finding() {
    // Good on the sample, which has an account, and on its own test; fails where there is none.
    let set = load_own("accounts[0].hidden", "x", "").expect("valid");
    let verdict = set.judge(&Facts::default(), &Places::default(), Mode::Enforce);
    assert_eq!(codes(&verdict), [RULE_FAILED]);
    assert_eq!(verdict.action, Action::Tag);
}
