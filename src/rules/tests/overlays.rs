//! What an organisation changes about the rules.

use super::*;
use crate::model::{HistoryFacts, OwnRules, SupplierFacts};

const OWN: &str = r#"
[[rule]]
code = "ORG_LARGE"
title = "More than one account"
severity = "caution"
class = "strong"
family = "payment"
when = 'size(accounts) > param.most'
text = "Several accounts in one message."
advice = "Ask which one is right."
parameters = { most = { default = 1, min = 1, max = 20, unit = "accounts", doc = "Accounts that are usual." } }
help = { trigger = "t", action = "a", false_alarm = "f" }
[[rule.test]]
name = "two"
facts = { accounts = [{ status = "match" }, { status = "match" }] }
expect = true
[[rule.test]]
name = "one"
facts = { accounts = [{ status = "match" }] }
expect = false
"#;

fn own(change: impl FnOnce(&mut OwnRules)) -> OwnRules {
    let mut own = OwnRules { version: 3, ..OwnRules::default() };
    change(&mut own);
    own
}

fn silent(days: i64) -> Facts {
    Facts {
        mail: MailFacts { has_payment_content: true, ..MailFacts::default() },
        supplier: SupplierFacts { identified: true, ..SupplierFacts::default() },
        history: HistoryFacts { available: true, dormant_days: days, ..HistoryFacts::default() },
        ..Facts::default()
    }
}

fn judged(set: &RuleSet, facts: &Facts) -> Verdict {
    set.judge(facts, &Places::default(), Mode::Enforce)
}

#[test]
fn thresholds_switched_off_rules_and_own_rules_count_and_name_their_version() {
    let base = shipped();
    let changes = own(|own| {
        own.thresholds.insert("SUPPLIER_UNUSUAL".into(), [("silence".to_owned(), 30)].into());
        own.disabled.insert("ACCOUNT_VERIFIED".into(), "noise".into());
        own.rules.insert("ORG_LARGE".into(), OWN.into());
    });
    base.check_changes(&OwnRules::default(), &changes).expect("valid");
    let (set, problems) = base.joined(&changes);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(set.hash(), format!("{}+3", base.hash()));
    assert!(codes(&judged(&base, &silent(60))).is_empty());
    assert_eq!(codes(&judged(&set, &silent(60))), ["SUPPLIER_UNUSUAL"]);
    assert!(codes(&judged(&set, &silent(20))).is_empty());
    let accounts = vec![account(AccountStatus::Match), account(AccountStatus::Match)];
    let verdict = judged(&set, &Facts { accounts, ..Facts::default() });
    assert_eq!((codes(&verdict), verdict.action), (vec!["ORG_LARGE"], Action::Tag));
    assert_eq!(verdict.ruleset, set.hash());
    // Programs are shared: only what differs was made anew.
    let shared = base.rules.iter().filter(|rule| set.rules.iter().any(|other| Arc::ptr_eq(rule, other)));
    assert_eq!(shared.count(), base.rules.len() - 2);
}

#[test]
fn what_an_organisation_may_not_do_is_refused_with_reason() {
    let base = shipped();
    let edited = |from: &str, to: &str| OWN.replace(from, to);
    for (name, text, reason) in [
        ("code of another kind", edited("ORG_LARGE", "LARGE"), "begins with ORG_"),
        ("no tests", edited("expect = false", "expect = true"), "that does not"),
        ("a failing test", edited("default = 1,", "default = 5,"), "test \"two\" failed"),
        ("too costly", edited("size(accounts) > param.most", DEEP), "steps"),
        ("switched off", edited("title =", "enabled = false\ntitle ="), "neither `required` nor `enabled`"),
        ("two rules", format!("{OWN}{OWN}"), "exactly one"),
        ("bounds the wrong way", edited("max = 20", "max = 0"), "outside min and max"),
    ] {
        let error = base.check_own(&text).expect_err(name).to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    for (name, changes, reason) in [
        (
            "required",
            own(|own| drop(own.disabled.insert("BANK_DETAILS_CHANGED".into(), "r".into()))),
            "never be switched off",
        ),
        ("unknown", own(|own| drop(own.disabled.insert("NOTHING".into(), "r".into()))), "there is no rule"),
        (
            "bounds",
            own(|own| {
                own.thresholds.insert("SUPPLIER_UNUSUAL".into(), [("silence".to_owned(), 1)].into());
            }),
            "`silence` takes 7 to 3650 days",
        ),
        (
            "no such parameter",
            own(|own| drop(own.thresholds.insert("FIRST_CONTACT".into(), [("x".to_owned(), 1)].into()))),
            "no parameter `x`",
        ),
    ] {
        let error = base.check_changes(&OwnRules::default(), &changes).expect_err(name);
        assert!(error.contains(reason), "{name}: {error}");
    }
}

const DEEP: &str =
    "accounts.exists(a, accounts.exists(b, accounts.exists(c, a.hidden && b.hidden && c.hidden)))";

#[test]
fn what_no_longer_fits_is_left_out_and_the_rest_judges() {
    let base = shipped();
    let changes = own(|own| {
        own.disabled.insert("BANK_DETAILS_CHANGED".into(), "r".into());
        own.rules.insert("ORG_BROKEN".into(), OWN.replace("size(accounts)", "weather.fine"));
    });
    let (set, problems) = base.joined(&changes);
    assert_eq!(problems.len(), 1, "{problems:?}");
    base.check_changes(&changes, &changes).expect("what was wrong before is in nobody's way");
    assert_eq!(set.rules.len(), base.rules.len());
    let mismatch = Facts { accounts: vec![account(AccountStatus::Mismatch)], ..Facts::default() };
    assert_eq!(judged(&set, &mismatch).action, Action::Quarantine);
}

#[test]
fn a_joined_set_is_made_once_a_change() {
    let running = RunningRules::new(shipped());
    let mut organisation = crate::model::test_support::organisation();
    assert!(Arc::ptr_eq(&running.of(&organisation).0, &running.base()));
    organisation.own_rules = Some(Arc::new(own(|own| drop(own.rules.insert("ORG_X".into(), "x".into())))));
    let (first, problems) = running.of(&organisation);
    assert_eq!(problems.len(), 1);
    let (again, told) = running.of(&organisation);
    assert!(Arc::ptr_eq(&first, &again) && told.is_empty());
    running.replace(shipped());
    assert!(!Arc::ptr_eq(&first, &running.of(&organisation).0));
}

#[test]
fn a_trace_tells_what_fired_and_what_nearly_did() {
    let set = shipped();
    let trace = set.trace(&silent(365), Mode::Enforce);
    let fired = trace.fired.iter().find(|fired| fired.code == "SUPPLIER_UNUSUAL").expect("fired");
    assert_eq!(fired.values["history.dormant_days"], "365");
    assert_eq!(fired.values["param.silence"], "180");
    let quiet = set.trace(&silent(60), Mode::Enforce);
    let near = quiet.near.iter().find(|near| near.code == "SUPPLIER_UNUSUAL").expect("near");
    assert!(near.missing.contains("history.dormant_days >= param.silence"), "{}", near.missing);
    assert_eq!(near.met, ["mail.has_payment_content", "supplier.identified"]);
    assert!(trace.rows.contains(&"only weak or good signs".to_owned()), "{:?}", trace.rows);
}

#[test]
fn a_rule_is_told_whole() {
    let set = shipped();
    let told = set.explain("BANK_DETAILS_CHANGED").expect("known");
    assert!(told.required && told.each_account);
    assert_eq!(told.facts.iter().map(|fact| fact.name.as_str()).collect::<Vec<_>>(), ["accounts[].status"]);
    assert!(told.policy.iter().any(|row| row.alone && row.action == Action::Quarantine));
    let lookalike = set.explain("LOOKALIKE_DOMAIN").expect("known");
    assert!(lookalike.policy.iter().any(|row| !row.alone && row.action == Action::Quarantine));
    assert!(set.explain("NOTHING").is_none());
}

#[test]
fn differences_are_told_as_rules() {
    let base = shipped();
    let changes = own(|own| {
        own.thresholds.insert("SUPPLIER_UNUSUAL".into(), [("silence".to_owned(), 30)].into());
        own.disabled.insert("MANY_AUTHORS".into(), "r".into());
        own.rules.insert("ORG_LARGE".into(), OWN.into());
    });
    let found = crate::rules::changes(&base, &base.joined(&changes).0);
    let told: Vec<(&str, &str)> = found.iter().map(|change| (change.name.as_str(), change.change)).collect();
    assert_eq!(told, [("MANY_AUTHORS", "removed"), ("ORG_LARGE", "added"), ("SUPPLIER_UNUSUAL", "changed")]);
    assert_eq!(found[2].fields.keys().collect::<Vec<_>>(), ["parameter silence"]);
}

/// Whatever an organisation changes, an account that is not the supplier's is held or warned of as before.
#[test]
fn nothing_that_may_be_changed_lets_a_wrong_account_pass() {
    let base = shipped();
    for rule in base.rules.iter().filter(|rule| rule.required) {
        assert!(rule.parameters.is_empty(), "{}: a threshold would soften it", rule.code);
    }
    let quiet = OWN.replace("strong", "trust").replace("caution", "info");
    for bound in [|known: &Parameter| known.min, |known: &Parameter| known.max] {
        let changes = own(|own| {
            for rule in &base.rules {
                if !rule.required {
                    own.disabled.insert(rule.code.0.clone(), "all that may be off".into());
                }
                let values = rule.parameters.iter().map(|known| (known.name.clone(), bound(known)));
                own.thresholds.insert(rule.code.0.clone(), values.collect());
            }
            own.thresholds.retain(|_, values| !values.is_empty());
            own.rules.insert("ORG_LARGE".into(), quiet.clone());
        });
        base.check_changes(&OwnRules::default(), &changes).expect("valid");
        let set = base.joined(&changes).0;
        for status in [
            AccountStatus::Mismatch,
            AccountStatus::OtherSupplier,
            AccountStatus::Pending,
            AccountStatus::Retired,
            AccountStatus::Blocked,
            AccountStatus::First,
            AccountStatus::Unknown,
        ] {
            let facts = Facts {
                mail: MailFacts { has_payment_content: true, ..MailFacts::default() },
                accounts: vec![account(AccountStatus::Match), account(status)],
                ..Facts::default()
            };
            let (before, after) = (judged(&base, &facts), judged(&set, &facts));
            assert_eq!(after.would_be, before.would_be, "{status:?}");
            assert!(after.would_be > Action::Deliver, "{status:?}");
        }
    }
}

/// A code that the installation's own folder uses cannot be taken by an organisation.
#[test]
fn an_own_rule_never_stands_beside_one_of_the_same_code() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("own.toml"), OWN).expect("file");
    let base = RuleSet::load(Some(folder.path())).expect("valid");
    let changes = own(|own| drop(own.rules.insert("ORG_LARGE".into(), OWN.into())));
    let refused = base.check_changes(&OwnRules::default(), &changes).expect_err("taken");
    assert!(refused.contains("have this code already"), "{refused}");
    assert_eq!(base.joined(&changes).0.rules.len(), base.rules.len());
}
