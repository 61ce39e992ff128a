use super::*;

fn families(text: &str) -> Vec<&'static str> {
    let mut found: Vec<_> = scan(text).into_iter().map(|f| f.family).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn changed_bank_details_in_eight_languages() {
    for text in [
        "Please note that our bank details have changed.",
        "Our BANK ACCOUNT details have recently been changed!",
        "We have changed our bank account.",
        "We have recently switched banks",
        "please use the new account below",
        "Kindly find our updated banking information attached",
        "All future payments should be made to our new bank account",
        "we are changing our bank details with immediate effect",
        "Please disregard the previous bank details",
        "we've changed our banking provider",
        "Bank details change",
        "kindly pay into the new account",
        "Unsere Bankverbindung hat sich geändert.",
        "Bitte verwenden Sie ab sofort unsere neue Bankverbindung",
        "Nos coordonnées bancaires ont changé",
        "Veuillez trouver notre nouveau RIB",
        "Nuestros datos bancarios han cambiado",
        "nueva cuenta bancaria",
        "Onze bankgegevens zijn gewijzigd",
        "ons nieuwe rekeningnummer",
        "Le nostre coordinate bancarie sono cambiate",
        "Os nossos dados bancários foram alterados",
        "Zmieniliśmy numer konta bankowego",
        "nowy numer rachunku",
    ] {
        assert!(families(text).contains(&"bank_change"), "{text}: {:?}", scan(text));
    }
}

#[test]
fn warnings_and_other_texts_are_no_change() {
    for text in [
        "We will never change our bank details by email.",
        "Our bank details have not changed.",
        "We never change our bank details. Beware of fraud.",
        "Unsere Bankverbindung hat sich nicht geändert",
        "Nous ne changeons jamais nos coordonnées bancaires par e-mail",
        "Nuestros datos bancarios no han cambiado",
        "The bank said. Details have changed",
        "Please find attached invoice 1001",
        "Please make payment to the following account: IBAN",
        "Bitte überweisen Sie auf folgendes Konto",
        "Your new account has been created",
        "Meet the new account manager",
    ] {
        assert!(!families(text).contains(&"bank_change"), "{text}: {:?}", scan(text));
    }
}

#[test]
fn a_warning_does_not_take_back_a_notice_elsewhere() {
    let text = "Our bank details have changed. We will never change our bank details by phone.";
    assert_eq!(families(text), ["bank_change", "bank_change_negated", "payment"]);
}

#[test]
fn every_family_is_known_in_every_language() {
    const FAMILIES: &[&str] = &[
        "account_change",
        "bank_change",
        "bank_change_negated",
        "call_here",
        "call_here_negated",
        "credit_note",
        "invoice",
        "no_call",
        "pay_link",
        "payment",
        "payment_request",
        "purchase_order",
        "quote",
        "receipt",
        "reconnaissance",
        "remittance",
        "secrecy",
        "secrecy_negated",
        "statement",
        "untraceable",
        "urgency",
    ];
    for (language, source) in LEXICONS {
        let lexicon: Lexicon = toml::from_str(source).expect(language);
        assert_eq!(lexicon.families.keys().map(String::as_str).collect::<Vec<_>>(), FAMILIES, "{language}");
        for (family, phrases) in &lexicon.families {
            assert!(phrases.iter().all(|p| fold(p).trim().len() >= 3), "{language} {family}");
        }
    }
}

/// Sentences of one family.
#[derive(serde::Deserialize)]
struct Examples {
    yes: Vec<String>,
    no: Vec<String>,
}

#[test]
fn every_family_by_sentences_in_eight_languages() {
    let mut wrong = Vec::new();
    for (language, source) in [
        ("en", include_str!("../../tests/lexicons/en.toml")),
        ("de", include_str!("../../tests/lexicons/de.toml")),
        ("fr", include_str!("../../tests/lexicons/fr.toml")),
        ("es", include_str!("../../tests/lexicons/es.toml")),
        ("nl", include_str!("../../tests/lexicons/nl.toml")),
        ("it", include_str!("../../tests/lexicons/it.toml")),
        ("pt", include_str!("../../tests/lexicons/pt.toml")),
        ("pl", include_str!("../../tests/lexicons/pl.toml")),
    ] {
        let examples: BTreeMap<String, Examples> = toml::from_str(source).expect(language);
        assert_eq!(examples.len(), 18, "{language}");
        for (family, Examples { yes, no }) in &examples {
            let holds = |text: &String| families(text).contains(&family.as_str());
            wrong.extend(
                yes.iter()
                    .filter(|text| !holds(text))
                    .map(|text| format!("{language} {family} MISSED {text}")),
            );
            wrong.extend(no.iter().filter(|text| holds(text)).map(|text| {
                let found = scan(text).into_iter().filter(|f| f.family == family).map(|f| f.phrase);
                format!("{language} {family} FALSE {text} {:?}", found.collect::<Vec<_>>())
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn disclaimers_are_no_request_for_secrecy() {
    for text in [
        "This email is confidential. If you are not the intended recipient please delete it.",
        "CONFIDENTIALITY NOTICE: this message may contain confidential and privileged information.",
        "Private and confidential",
        "The information contained in this e-mail is strictly confidential.",
    ] {
        assert!(!families(text).contains(&"secrecy"), "{text}: {:?}", scan(text));
    }
    let text = "This message is confidential. Please do not discuss it with anybody.";
    assert!(families(text).contains(&"secrecy"));
}

#[test]
fn negation_and_the_other_side() {
    for (text, negated, yours) in [
        ("This is not an invoice", true, false),
        ("no invoice", true, false),
        ("PO no 4711 invoice", false, false),
        ("dies ist keine Rechnung", true, false),
        ("ce n'est pas une facture", true, false),
        ("our invoice", false, false),
        ("your invoice", false, true),
        ("ihre Rechnung", false, true),
    ] {
        let found: Vec<_> = scan(text).into_iter().filter(|f| f.family == "invoice").collect();
        assert!(found.iter().all(|f| f.negated == negated), "{text}: {found:?}");
        assert!(found.iter().any(|f| f.yours == yours), "{text}: {found:?}");
    }
}

#[test]
fn text_made_of_anchors_is_read_in_bounded_time() {
    for unit in
        ["bank details ", "our bank details have ", "invoice ", "bankverbindung ", "not ", "confidential "]
    {
        assert!(scan(&unit.repeat(1_000_000 / unit.len())).len() < 10_000, "{unit}");
    }
}
