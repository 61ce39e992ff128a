//! What findings amount to together.

use super::*;
use crate::model::{
    ConversationFacts, DisplayNameFacts, DocumentFacts, HistoryFacts, LookalikeFacts, MailFacts, PhraseFacts,
    SenderFacts, SupplierFacts,
};

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
