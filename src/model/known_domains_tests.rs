use super::*;
use proptest::prelude::*;

fn domain(text: &str) -> Domain {
    Domain::parse(text).expect("a domain")
}

fn known() -> KnownDomains {
    let texts = [
        "acmebuilding.co.uk",
        "stonemasonry.example",
        "bolt.example",
        "modern-homes.com",
        "acmes.com",
        "müller-stahl.de",
        "oakdelta.example",
        "gmail.com",
        "northbridge.com.au",
        "pay.greenfield.example",
    ];
    texts.iter().map(|text| domain(text)).collect()
}

/// What is caught, how, and of whom; and near-misses that must stay silent.
#[test]
fn attacks_and_near_misses() {
    let known = known();
    for (name, text, expected) in [
        ("one letter exchanged", "acmebuilqing.co.uk", Some(("edit", "acmebuilding.co.uk"))),
        ("neighbouring key", "acmebuildibg.co.uk", Some(("keyboard", "acmebuilding.co.uk"))),
        ("neighbouring key, five letters", "acmed.com", Some(("keyboard", "acmes.com"))),
        ("letters swapped", "acmebuildnig.co.uk", Some(("edit", "acmebuilding.co.uk"))),
        ("letter left out", "stonemasonr.example", Some(("edit", "stonemasonry.example"))),
        ("letter doubled", "stonemassonry.example", Some(("edit", "stonemasonry.example"))),
        ("two letters", "stonenasomry.example", Some(("edit", "stonemasonry.example"))),
        ("rn for m", "stonernasonry.example", Some(("homoglyph", "stonemasonry.example"))),
        ("cl for d", "oakclelta.example", Some(("homoglyph", "oakdelta.example"))),
        ("digit for letter", "acmebui1ding.co.uk", Some(("homoglyph", "acmebuilding.co.uk"))),
        ("Cyrillic letters", "асmebuilding.co.uk", Some(("homoglyph", "acmebuilding.co.uk"))),
        ("umlaut left out", "muller-stahl.de", Some(("homoglyph", "müller-stahl.de"))),
        ("hyphen added", "acme-building.co.uk", Some(("hyphen", "acmebuilding.co.uk"))),
        ("hyphen left out", "modernhomes.com", Some(("hyphen", "modern-homes.com"))),
        ("word added", "acmebuilding-accounts.co.uk", Some(("affix", "acmebuilding.co.uk"))),
        ("word before", "payboltaccounts.example", Some(("affix", "bolt.example"))),
        ("two words", "acmebuilding-ltd-invoices.com", Some(("affix", "acmebuilding.co.uk"))),
        ("country behind a hyphen", "stonemasonry-de.com", Some(("affix", "stonemasonry.example"))),
        ("other ending", "acmebuilding.com", Some(("tld", "acmebuilding.co.uk"))),
        ("other ending with two labels", "northbridge.co.nz", Some(("tld", "northbridge.com.au"))),
        (
            "known domain before another",
            "acmebuilding.co.uk.mailer.example",
            Some(("subdomain", "acmebuilding.co.uk")),
        ),
        (
            "glued with a hyphen",
            "acmebuilding.co.uk-invoices.example",
            Some(("subdomain", "acmebuilding.co.uk")),
        ),
        (
            "deep inside",
            "mail.acmebuilding.co.uk.a.b.evil.example",
            Some(("subdomain", "acmebuilding.co.uk")),
        ),
        ("dots made hyphens", "acmebuilding-co-uk.example", Some(("subdomain", "acmebuilding.co.uk"))),
        ("of a host on record", "greenfield.test", Some(("tld", "pay.greenfield.example"))),
        // Silent.
        ("another company", "stonework.example", None),
        ("short names one letter apart", "bold.example", None),
        ("five letters, no neighbouring key", "acmep.com", None),
        ("five letters, neighbouring key, other ending", "acmed.net", None),
        ("two letters of a middle name", "oakdexxa.example", None),
        ("three letters of a long name", "xtonexasonrx.example", None),
        ("a business of its own behind the name", "boltmasters.example", None),
        ("country glued", "boltit.example", None),
        ("shared host", "acmebuilding.sharepoint.com", None),
        ("a free mail provider's neighbour", "gmial.com", None),
        ("the name as a word inside", "theoakdeltafactory.example", None),
        ("address literal", "[192.0.2.1]", None),
    ] {
        let found = known.resembled(&domain(text)).map(|(how, of)| (how.as_str(), of.clone()));
        let expected = expected.map(|(how, of)| (how, domain(of)));
        assert_eq!(found, expected, "{name}: {text}");
    }
}

#[test]
fn mailboxes_that_bear_a_name() {
    let known = known();
    for (local, expected) in [
        ("acmebuilding", Some("acmebuilding.co.uk")),
        ("acmebuilding.accounts", Some("acmebuilding.co.uk")),
        ("accounts_acme.building", Some("acmebuilding.co.uk")),
        ("modernhomes-ltd", None),
        ("modern.homes", Some("modern-homes.com")),
        ("bolt", None),
        ("john.smith", None),
    ] {
        assert_eq!(known.borne_by(local).map(Domain::as_str), expected, "{local}");
    }
}

#[test]
fn what_is_known_or_below_is_covered() {
    let known = known();
    for (text, expected) in [
        ("acmebuilding.co.uk", true),
        ("mail.acmebuilding.co.uk", true),
        ("xacmebuilding.co.uk", false),
        ("co.uk", false),
        ("greenfield.example", false),
        ("a.pay.greenfield.example", true),
    ] {
        assert_eq!(known.covers(&domain(text)), expected, "{text}");
    }
    assert_eq!(KnownDomains::default().resembled(&domain("acme.example")), None);
    assert_eq!(known.len(), 10);
}

proptest! {
    /// The sieve of lengths and letters loses nothing that comparing every pair finds.
    #[test]
    fn the_index_finds_what_comparing_finds(name in "[a-e]{6,9}", at in 0_usize..6, letter in "[a-e]") {
        let mut changed: Vec<char> = name.chars().collect();
        changed[at] = letter.chars().next().expect("one");
        let changed: String = changed.into_iter().collect();
        let known: KnownDomains = [domain(&format!("{name}.example"))].into_iter().collect();
        let found = known.resembled(&domain(&format!("{changed}.example"))).is_some();
        prop_assert_eq!(found, changed != name);
    }

    #[test]
    fn nothing_panics(text in "[a-zа-я0-9.-]{1,80}") {
        if let Ok(domain) = Domain::parse(&text) {
            std::hint::black_box(known().resembled(&domain));
            std::hint::black_box(known().covers(&domain));
        }
    }
}
