use super::*;
use crate::model::{
    AccountFact, AccountStatus, ConversationFacts, DisplayNameFacts, DocumentFacts, HistoryFacts,
    LookalikeFacts, MailFacts, PhraseFacts, SenderFacts, SupplierFacts,
};
use std::fs;

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
fn the_combination_table_holds() {
    let set = shipped();
    let known = || SupplierFacts { identified: true, name: "Acme".into(), ..SupplierFacts::default() };
    let payment = || MailFacts { has_payment_content: true, ..MailFacts::default() };
    let unread = |documents: DocumentFacts| Facts {
        documents,
        mail: payment(),
        supplier: known(),
        ..Facts::default()
    };
    let with_status = |status| Facts {
        accounts: vec![account(status)],
        mail: payment(),
        supplier: known(),
        ..Facts::default()
    };
    let rows: Vec<(&str, Facts, Action, Severity)> = vec![
        ("plain", Facts::default(), Action::Deliver, Severity::None),
        ("match", with_status(AccountStatus::Match), Action::Deliver, Severity::Info),
        ("own", with_status(AccountStatus::Own), Action::Deliver, Severity::None),
        ("mismatch", with_status(AccountStatus::Mismatch), Action::Quarantine, Severity::Danger),
        ("retired", with_status(AccountStatus::Retired), Action::Quarantine, Severity::Danger),
        ("pending", with_status(AccountStatus::Pending), Action::Quarantine, Severity::Caution),
        ("blocked", with_status(AccountStatus::Blocked), Action::Quarantine, Severity::Danger),
        ("other", with_status(AccountStatus::OtherSupplier), Action::Quarantine, Severity::Danger),
        ("first", with_status(AccountStatus::First), Action::Tag, Severity::Caution),
        ("unknown", with_status(AccountStatus::Unknown), Action::Tag, Severity::Caution),
        (
            "unknown with bank change: two families",
            Facts {
                accounts: vec![account(AccountStatus::Unknown)],
                phrases: PhraseFacts { bank_change: true, ..PhraseFacts::default() },
                ..Facts::default()
            },
            Action::Tag,
            Severity::Danger,
        ),
        (
            "three families with identity and payment",
            Facts {
                accounts: vec![account(AccountStatus::Unknown)],
                phrases: PhraseFacts { bank_change: true, ..PhraseFacts::default() },
                sender: SenderFacts { auth_known: true, auth_failed: true, ..SenderFacts::default() },
                ..Facts::default()
            },
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "lookalike alone",
            Facts {
                lookalike: LookalikeFacts { found: true, ..LookalikeFacts::default() },
                ..Facts::default()
            },
            Action::Tag,
            Severity::Caution,
        ),
        (
            "lookalike of own domain with payment content",
            Facts {
                lookalike: LookalikeFacts { found: true, of_own: true, ..LookalikeFacts::default() },
                mail: payment(),
                ..Facts::default()
            },
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "executive asks for a payment",
            Facts {
                display_name: DisplayNameFacts { spoofs: "executive".into(), ..DisplayNameFacts::default() },
                phrases: PhraseFacts { payment_request: true, ..PhraseFacts::default() },
                ..Facts::default()
            },
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "locked document of a known supplier",
            unread(DocumentFacts { unread: 1, encrypted: 1, ..DocumentFacts::default() }),
            Action::Quarantine,
            Severity::Caution,
        ),
        (
            "document of a kind not read yet",
            unread(DocumentFacts { unread: 1, unsupported: 1, ..DocumentFacts::default() }),
            Action::Tag,
            Severity::Caution,
        ),
        (
            "only weak",
            Facts {
                phrases: PhraseFacts { urgency: true, ..PhraseFacts::default() },
                mail: payment(),
                ..Facts::default()
            },
            Action::Deliver,
            Severity::Info,
        ),
    ];
    for (name, facts, action, severity) in rows {
        let verdict = set.judge(&facts, &Places::default(), Mode::Enforce);
        assert_eq!((verdict.action, verdict.severity), (action, severity), "{name}: {:?}", codes(&verdict));
        assert_eq!(verdict.headline.is_empty(), action == Action::Deliver, "{name}");
        assert!(verdict.score <= 100);
    }
}

#[test]
fn a_pass_of_the_sender_never_softens_what_the_account_says() {
    use AccountStatus::{Blocked, First, Mismatch, OtherSupplier, Pending, Retired, Unknown};
    let set = shipped();
    for status in [Mismatch, Retired, Pending, Blocked, OtherSupplier, First, Unknown] {
        let mut facts = Facts {
            accounts: vec![account(status)],
            mail: MailFacts { has_payment_content: true, ..MailFacts::default() },
            supplier: SupplierFacts { identified: true, ..SupplierFacts::default() },
            ..Facts::default()
        };
        let before = set.judge(&facts, &Places::default(), Mode::Enforce);
        facts.sender.auth_known = true;
        facts.sender.authenticated = true;
        facts.sender.method = crate::model::AuthMethod::Dmarc;
        facts.history.available = true;
        facts.history.thread_known = true;
        let after = set.judge(&facts, &Places::default(), Mode::Enforce);
        assert_ne!(before.action, Action::Deliver, "{status:?}");
        assert_eq!((after.action, after.severity), (before.action, before.severity), "{status:?}");
    }
}

#[test]
fn exchanges_and_habits_combine_as_the_policy_says() {
    let set = shipped();
    let payment = || MailFacts { has_payment_content: true, ..MailFacts::default() };
    let stranger = || Facts {
        conversation: ConversationFacts {
            claims_reply: true,
            quoted: true,
            stranger_answers: true,
            ..ConversationFacts::default()
        },
        mail: payment(),
        ..Facts::default()
    };
    let new_payee = || vec![AccountFact { new_payee: true, ..account(AccountStatus::Unknown) }];
    let history = |facts: Facts, history: HistoryFacts| Facts {
        history: HistoryFacts { available: true, ..history },
        ..facts
    };
    let known = |facts: Facts| Facts {
        supplier: SupplierFacts { identified: true, ..SupplierFacts::default() },
        ..facts
    };
    let changed = || HistoryFacts { thread_known: true, known_accounts: 1, ..HistoryFacts::default() };
    let moved =
        |platform_new| HistoryFacts { platform_new, sender_new_to_supplier: true, ..HistoryFacts::default() };
    let bank_change = || Facts {
        phrases: PhraseFacts { bank_change: true, ..PhraseFacts::default() },
        mail: payment(),
        ..Facts::default()
    };
    let rows: Vec<(&str, Facts, Action, Severity)> = vec![
        ("stranger alone", stranger(), Action::Tag, Severity::Caution),
        (
            "stranger with an account",
            Facts { accounts: new_payee(), ..stranger() },
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "participant replaced",
            Facts {
                conversation: ConversationFacts { replaced: true, ..ConversationFacts::default() },
                mail: payment(),
                ..Facts::default()
            },
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "account changed in a supplier's exchange",
            history(known(Facts { accounts: new_payee(), ..Facts::default() }), changed()),
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "account changed in a stranger's exchange: two families",
            history(Facts { accounts: new_payee(), ..Facts::default() }, changed()),
            Action::Tag,
            Severity::Danger,
        ),
        (
            "two changes of the path with new bank details",
            history(known(bank_change()), moved(true)),
            Action::Quarantine,
            Severity::Danger,
        ),
        (
            "one change of the path with new bank details",
            history(known(bank_change()), moved(false)),
            Action::Tag,
            Severity::Caution,
        ),
        (
            "a large amount alone",
            history(
                known(Facts { mail: payment(), ..Facts::default() }),
                HistoryFacts { amount_unusual: true, ..HistoryFacts::default() },
            ),
            Action::Deliver,
            Severity::Info,
        ),
    ];
    for (name, facts, action, severity) in rows {
        let verdict = set.judge(&facts, &Places::default(), Mode::Enforce);
        assert_eq!(verdict.action, action, "{name}: {:?}", codes(&verdict));
        assert_eq!(verdict.severity, severity, "{name}: {:?}", codes(&verdict));
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
        ("action of a strong rule", "mail.list", "x", "action = \"tag\"", "only a decisive rule"),
    ] {
        let error = load_own(when, text, extra).expect_err(name).to_string();
        assert!(error.contains(reason), "{name}: {error}");
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
