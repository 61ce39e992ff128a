use super::super::{Finding, FindingCode, Spoken};
use super::*;

fn verdict(code: &str, severity: Severity) -> Verdict {
    let values = BTreeMap::from([
        ("supplier.name", "Acme Building Supplies".to_owned()),
        ("sender.domain", "acme-suppIies.example".to_owned()),
        ("reply_to.domain", "mail.example".to_owned()),
        ("lookalike.domain", "acme-suppIies.example".to_owned()),
        ("display_name.of", "Jane Doe".to_owned()),
    ]);
    Verdict {
        severity,
        headline: "Bank details do not match the record of Acme Building Supplies.".to_owned(),
        advice: "Call them.".to_owned(),
        spoken: Some(Spoken { code: code.to_owned(), values }),
        ..Verdict::default()
    }
}

#[test]
fn every_shipped_file_is_sound_and_complete() {
    let mut german = None;
    for (name, content) in SHIPPED {
        let words: Words = toml::from_str(content).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut wording = Wording::default();
        wording.add_words(words, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (code, language) = wording.languages.first_key_value().expect(name);
        assert_eq!(format!("{code}.toml"), name);
        for severity in [Severity::Info, Severity::Caution, Severity::Danger] {
            assert!(language.labels.contains_key(&severity), "{name}: label {severity:?}");
            assert!(language.general.contains_key(&severity), "{name}: general {severity:?}");
        }
        assert!(language.link.is_some() && language.released.is_some(), "{name}");
        // Every advice that an entry names exists: names are single words, sentences end with a full stop.
        for (finding, entry) in &language.findings {
            assert!(entry.advice.ends_with('.'), "{name}: {finding}: {}", entry.advice);
        }
        if *code == "de" {
            german = Some(language.findings.keys().cloned().collect::<Vec<_>>());
        } else if let (Some(german), true) = (&german, *code != "en") {
            assert_eq!(&language.findings.keys().cloned().collect::<Vec<_>>(), german, "{name}");
        }
    }
}

#[test]
fn the_loudest_finding_is_said_in_the_language_asked_for() {
    let verdict = verdict("BANK_DETAILS_CHANGED", Severity::Danger);
    let said = |language| Speaker::new(language, None, None).of_verdict(&verdict);
    assert_eq!(said("en").headline, verdict.headline, "English stands in the rules");
    assert!(said("de").headline.starts_with("Bankverbindung weicht"), "{}", said("de").headline);
    assert!(said("de").headline.contains("Acme Building Supplies"));
    assert_eq!((said("de").label.as_str(), said("de").language), ("Warnung", "de"));
    assert_eq!(said("tlh").language, "en", "an unknown language is English");
}

#[test]
fn a_finding_without_words_in_the_language_is_said_in_general() {
    let verdict = verdict("OWN_RULE_OF_SOMEBODY", Severity::Caution);
    assert_eq!(Speaker::new("en", None, None).of_verdict(&verdict).headline, verdict.headline);
    let french = Speaker::new("fr", None, None).of_verdict(&verdict);
    assert!(french.headline.contains("vérifi"), "{}", french.headline);
    assert!(!Speaker::new("en", None, None).of_verdict(&Verdict::default()).headline.is_empty());
}

#[test]
fn own_words_and_colours_win_and_the_rest_stays() {
    let own = Wording::parse(
        "[colours.danger]\ntext = \"#000000\"\nbackground = \"#ffffff\"\nborder = \"#ff0000\"\n\
         [[texts]]\nlanguage = \"de\"\n[texts.finding.BANK_DETAILS_CHANGED]\n\
         text = \"Achtung: neue Bankverbindung bei {supplier.name|einem Lieferanten}.\"\nadvice = \"call\"\n",
    )
    .unwrap();
    let installation = Wording::parse(
        "[[texts]]\nlanguage = \"de\"\nlink = \"Zur Seite\"\n[texts.label]\ndanger = \"Halt\"\n",
    )
    .unwrap();
    let verdict = verdict("BANK_DETAILS_CHANGED", Severity::Danger);
    let said = Speaker::new("de", Some(&own), Some(&installation)).of_verdict(&verdict);
    assert_eq!(said.headline, "Achtung: neue Bankverbindung bei Acme Building Supplies.");
    assert!(said.advice.starts_with("Rufen Sie den Lieferanten"), "a shipped sentence by its name");
    assert_eq!((said.label.as_str(), said.link.as_str()), ("Halt", "Zur Seite"));
    assert_eq!(said.colours.background, "#ffffff");
    let other = Speaker::new("fr", Some(&own), Some(&installation)).of_verdict(&verdict);
    assert_eq!(other.label, "Alerte");
}

#[test]
fn a_wrong_file_is_refused_with_the_place() {
    for (content, reason) in [
        ("[[texts]]\nlanguage = \"xx\"\n", "\"xx\" is none of"),
        ("[[texts]]\nlanguage = \"de\"\nlnk = \"x\"\n", "line 3"),
        (
            "[[texts]]\nlanguage = \"de\"\n[texts.finding.A]\ntext = \"{account.masked}\"\nadvice = \"call\"\n",
            "finding.A.text",
        ),
        (
            "[[texts]]\nlanguage = \"de\"\n[texts.finding.A]\ntext = \"x\"\nadvice = \"see http://x\"\n",
            "finding.A.advice",
        ),
        (
            "[colours.danger]\ntext = \"#777777\"\nbackground = \"#888888\"\nborder = \"#000000\"\n",
            "colours.danger",
        ),
        ("[colours.loud]\ntext = \"#777777\"\nbackground = \"#888888\"\nborder = \"#000000\"\n", "line 1"),
    ] {
        let error = Wording::parse(content).unwrap_err();
        assert!(error.contains(reason), "{content}: {error}");
    }
    assert!(Wording::parse(&"#".repeat(MAX_WORDING_FILE + 1)).is_err());
}

#[test]
fn the_reason_stands_among_the_first_sixty_characters() {
    // What a list of mails shows: the label, then the sentence. Whatever the names, the words that carry the reason
    // start at once, so at least thirty characters of them are seen.
    for language in LANGUAGES {
        for code in SHIPPED_WORDING.languages["de"].findings.keys() {
            let mut verdict = verdict(code, Severity::Danger);
            verdict.findings = vec![Finding {
                code: FindingCode(code.clone()),
                severity: Severity::Danger,
                class: super::super::Class::Decisive,
                family: super::super::Family::Payment,
                text: String::new(),
                source: None,
            }];
            let said = Speaker::new(language, None, None).of_verdict(&verdict);
            let label = said.label.chars().count() + 2;
            assert!(label <= 16, "{language}: {}", said.label);
            assert!(said.headline.chars().count() <= 130, "{language} {code}: {}", said.headline);
            assert!(said.headline.ends_with('.'), "{language} {code}: {}", said.headline);
        }
    }
}
