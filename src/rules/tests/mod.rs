//! The shipped rules, and the engine over them.

use super::*;
use crate::model::{AccountFact, AccountStatus, LookalikeFacts, MailFacts};
use std::fs;

mod loading;
mod overlays;
mod policy;

fn shipped() -> RuleSet {
    RuleSet::load(None).expect("shipped rules")
}

fn account(status: AccountStatus) -> AccountFact {
    AccountFact { status, ..AccountFact::default() }
}

fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict.findings.iter().map(|finding| finding.code.0.as_str()).collect()
}

#[test]
fn a_rule_set_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<RuleSet>();
}

#[test]
fn every_shipped_rule_has_tests_for_and_against_and_a_short_reason() {
    for (name, content) in source::SHIPPED {
        let file: source::RuleFile = toml::from_str(content).expect(name);
        for rule in file.rule.iter().map(toml::Spanned::get_ref) {
            assert!(rule.test.iter().any(|test| test.expect), "{}: no test that raises it", rule.code);
            assert!(rule.test.iter().any(|test| !test.expect), "{}: no test that does not", rule.code);
            let before_value = rule.text.split('{').next().unwrap_or_default();
            let reason = before_value.chars().take_while(|c| !matches!(c, ':' | '.')).count();
            assert!(reason <= 60, "{}: the reason must stand in the first 60 characters", rule.code);
        }
    }
}

#[test]
fn promised_codes_exist() {
    let set = shipped();
    let known: Vec<&str> = set.codes().map(|code| code.0.as_str()).collect();
    for code in [
        "BANK_DETAILS_CHANGED",
        "ACCOUNT_BLOCKED",
        "ACCOUNT_OF_OTHER_SUPPLIER",
        "ACCOUNT_RETIRED",
        "ACCOUNT_PENDING",
        "ACCOUNT_VERIFIED",
        "SUPPLIER_UNKNOWN",
        "SUPPLIER_IMPERSONATED",
        "LOOKALIKE_DOMAIN",
        "REPLY_TO_DIVERTED",
        "DISPLAY_NAME_SPOOFED",
        "AUTH_FAILED",
        "EXECUTIVE_IMPERSONATED",
        "BANK_CHANGE_LANGUAGE",
        "URGENCY_LANGUAGE",
        "FIRST_CONTACT",
        "THREAD_HIJACK_SUSPECTED",
        "DOCUMENT_UNREADABLE",
        "DOCUMENT_ENCRYPTED",
        "ACCOUNT_INVALID",
        "BODY_DOCUMENT_CONFLICT",
    ] {
        assert!(known.contains(&code), "{code}");
    }
}

#[test]
fn modes_soften_the_action_and_keep_what_it_would_have_been() {
    let set = shipped();
    let facts = Facts { accounts: vec![account(AccountStatus::Mismatch)], ..Facts::default() };
    for (mode, action) in
        [(Mode::Enforce, Action::Quarantine), (Mode::Tag, Action::Tag), (Mode::Monitor, Action::Deliver)]
    {
        let verdict = set.judge(&facts, &Places::default(), mode);
        assert_eq!((verdict.action, verdict.would_be), (action, Action::Quarantine));
    }
}

#[test]
fn a_judgement_repeats_and_its_findings_stand_loudest_first() {
    let set = shipped();
    let facts = Facts {
        accounts: vec![
            account(AccountStatus::Match),
            AccountFact { invalid: true, hidden: true, ..account(AccountStatus::Unknown) },
            account(AccountStatus::Mismatch),
        ],
        lookalike: LookalikeFacts { found: true, of_supplier: true, ..LookalikeFacts::default() },
        mail: MailFacts { has_payment_content: true, ..MailFacts::default() },
        ..Facts::default()
    };
    let first = set.judge(&facts, &Places::default(), Mode::Enforce);
    assert_eq!(first.findings.first().map(|finding| finding.severity), Some(Severity::Danger));
    assert!(first.findings.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
    assert_eq!(first.headline, first.findings[0].text);
    for _ in 0..3 {
        let again = RuleSet::load(None).expect("rules").judge(&facts, &Places::default(), Mode::Enforce);
        assert_eq!(again, first);
    }
}

#[test]
fn fifty_bad_accounts_are_bounded_and_still_held() {
    let set = shipped();
    let mut accounts = vec![AccountFact { invalid: true, hidden: true, ..AccountFact::default() }; 49];
    accounts.push(account(AccountStatus::Blocked));
    let verdict = set.judge(&Facts { accounts, ..Facts::default() }, &Places::default(), Mode::Enforce);
    assert_eq!(verdict.findings.len(), crate::limits::MAX_FINDINGS);
    assert_eq!(codes(&verdict)[0], "ACCOUNT_BLOCKED");
}

#[test]
fn handbook_is_in_step_with_the_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.md");
    let wanted = handbook(&shipped());
    if std::env::vars().any(|(name, _)| name == "SENTRA_BLESS") {
        fs::write(path, &wanted).expect("docs/findings.md");
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == wanted, "docs/findings.md is out of step: SENTRA_BLESS=1 cargo test handbook");
}

#[test]
fn guide_is_in_step_with_the_facts() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    let wanted = guide();
    if std::env::vars().any(|(name, _)| name == "SENTRA_BLESS") {
        fs::write(path, &wanted).expect("docs/rules.md");
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == wanted, "docs/rules.md is out of step: SENTRA_BLESS=1 cargo test guide");
}

#[test]
fn the_example_of_the_guide_is_right() {
    let text = guide();
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("example");
    assert_eq!(shipped().check_own(example).as_deref(), Ok("ORG_FOREIGN_ACCOUNT"));
}
