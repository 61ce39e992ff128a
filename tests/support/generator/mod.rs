//! A corpus of minimal pairs: genuine mail of suppliers, and the same mail with the account changed and nothing else;
//! beside it ordinary business mail of every category in eight languages.
//!
//! Deterministic: the same call writes the same files. No mail of real people is in it.

pub mod accounts;
pub mod files;
pub mod layout;
pub mod words;

use accounts::{Account, Dice, Scheme};
use layout::{Letter, PLACES, Place};
use sentra::model::Category;
use serde_json::json;
use std::fs;
use std::path::Path;
use words::{DUTCH, ENGLISH, FRENCH, GERMAN, ITALIAN, LANGUAGES, POLISH, PORTUGUESE, SPANISH, Text, Words};

/// A supplier whose record is known.
pub struct Supplier {
    pub name: &'static str,
    pub domain: &'static str,
    pub words: &'static Words,
    pub currency: &'static str,
    pub scheme: Scheme,
}

const fn supplier(
    name: &'static str,
    domain: &'static str,
    words: &'static Words,
    currency: &'static str,
    scheme: Scheme,
) -> Supplier {
    Supplier { name, domain, words, currency, scheme }
}

/// Columns of the supplier file.
pub const HEADER: &str = "supplier_id,name,domains,country,iban,sort_code,account_number,routing_number,bsb,transit_number,institution_number,ifsc,bic";

const SUPPLIERS: &[Supplier] = &[
    supplier("Harwood Timber Ltd", "harwoodtimber.example", &ENGLISH, "GBP", Scheme::Uk),
    supplier(
        "Northgate Steel Ltd",
        "northgatesteel.example",
        &ENGLISH,
        "GBP",
        Scheme::Iban("GB", &[(4, 'a'), (14, 'n')]),
    ),
    supplier(
        "Liffey Joinery",
        "liffeyjoinery.example",
        &ENGLISH,
        "EUR",
        Scheme::Iban("IE", &[(4, 'a'), (14, 'n')]),
    ),
    supplier("Prairie Fasteners Inc", "prairiefasteners.example", &ENGLISH, "USD", Scheme::Us),
    supplier("Wattle Plumbing Pty", "wattleplumbing.example", &ENGLISH, "AUD", Scheme::Au),
    supplier("Kauri Roofing", "kauriroofing.example", &ENGLISH, "NZD", Scheme::Nz),
    supplier("Maple Glazing", "mapleglazing.example", &ENGLISH, "CAD", Scheme::Ca),
    supplier("Deccan Tiles", "deccantiles.example", &ENGLISH, "INR", Scheme::In),
    supplier("Bauhof Krüger GmbH", "bauhofkrueger.example", &GERMAN, "EUR", Scheme::Iban("DE", &[(18, 'n')])),
    supplier("Alpenholz GmbH", "alpenholz.example", &GERMAN, "EUR", Scheme::Iban("AT", &[(16, 'n')])),
    supplier("Zimmerei Huber AG", "zimmereihuber.example", &GERMAN, "CHF", Scheme::Iban("CH", &[(17, 'n')])),
    supplier(
        "Menuiserie Lambert SARL",
        "menuiserielambert.example",
        &FRENCH,
        "EUR",
        Scheme::Iban("FR", &[(23, 'n')]),
    ),
    supplier(
        "Toitures Wallonnes SA",
        "toitureswallonnes.example",
        &FRENCH,
        "EUR",
        Scheme::Iban("BE", &[(12, 'n')]),
    ),
    supplier(
        "Cerámicas Levante SL",
        "ceramicaslevante.example",
        &SPANISH,
        "EUR",
        Scheme::Iban("ES", &[(20, 'n')]),
    ),
    supplier(
        "Van Dijk Bouwstoffen BV",
        "vandijkbouwstoffen.example",
        &DUTCH,
        "EUR",
        Scheme::Iban("NL", &[(4, 'a'), (10, 'n')]),
    ),
    supplier(
        "Marmi Carrara Srl",
        "marmicarrara.example",
        &ITALIAN,
        "EUR",
        Scheme::Iban("IT", &[(1, 'a'), (22, 'n')]),
    ),
    supplier(
        "Serralharia Tejo Lda",
        "serralhariatejo.example",
        &PORTUGUESE,
        "EUR",
        Scheme::Iban("PT", &[(21, 'n')]),
    ),
    supplier("Tartak Mazury", "tartakmazury.example", &POLISH, "PLN", Scheme::Iban("PL", &[(24, 'n')])),
    supplier("Azulejos Tonalá SA", "azulejostonala.example", &SPANISH, "MXN", Scheme::Mx),
    supplier("Kowloon Fixings Ltd", "kowloonfixings.example", &ENGLISH, "USD", Scheme::Bic("HSBCHKHH")),
    supplier("Ningbo Schrauben Export", "ningboschrauben.example", &GERMAN, "USD", Scheme::Bic("ICBKCNBJ")),
    supplier("Hurtownia Kowalczyk", "hurtowniakowalczyk.example", &POLISH, "PLN", Scheme::Nrb),
];

/// A generated message and what is true of it.
pub struct Case {
    pub name: String,
    pub octets: Vec<u8>,
    pub truth: serde_json::Value,
}

/// The corpus with its supplier file.
pub struct Corpus {
    pub suppliers: String,
    pub cases: Vec<Case>,
}

impl Corpus {
    /// Writes messages, `truth.jsonl` and, beside them, `suppliers.csv`.
    pub fn write(&self, folder: &Path) {
        let corpus = folder.join("corpus");
        fs::create_dir_all(&corpus).expect("a folder");
        let mut truth = String::new();
        for case in &self.cases {
            fs::write(corpus.join(&case.name), &case.octets).expect("a message");
            truth.push_str(&format!("{}\n", case.truth));
        }
        fs::write(corpus.join("truth.jsonl"), truth).expect("the truth");
        fs::write(folder.join("suppliers.csv"), &self.suppliers).expect("suppliers");
    }
}

/// Pairs for every supplier and place in `forms` ways of writing, and ordinary mail.
pub fn corpus(forms: usize) -> Corpus {
    let mut suppliers = format!("{HEADER}\n");
    let mut cases = Vec::new();
    for (number, supplier) in SUPPLIERS.iter().enumerate() {
        let mut dice = Dice::new(number as u64 + 1);
        let genuine = Account::new(supplier.scheme, &mut dice);
        let [iban, sort, account, routing, bsb, transit, ifsc, bic] = genuine.columns();
        let (transit, institution) = transit.split_once('|').unwrap_or((&transit, ""));
        suppliers.push_str(&format!(
            "S-{number},{},{},{},{iban},{sort},{account},{routing},{bsb},{transit},{institution},{ifsc},{bic}\n",
            supplier.name,
            supplier.domain,
            country(supplier.scheme),
        ));
        for (at, place) in PLACES.iter().enumerate() {
            for form in 0..forms {
                let changed = Account::new(supplier.scheme, &mut dice);
                // Every pair turns the form, so that each place meets each encoding and way of writing.
                let form = form * 7 + at * 3 + number;
                // Nobody honest hides digits inside a number.
                if *place != Place::HtmlDecoy {
                    cases.push(pair(supplier, *place, form, &genuine, false));
                }
                cases.push(pair(supplier, *place, form, &changed, true));
            }
        }
    }
    cases.extend(ordinary());
    Corpus { suppliers, cases }
}

/// The country of a scheme that names one in the supplier file.
fn country(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Iban(country, _) => country,
        Scheme::Nrb => "PL",
        Scheme::Uk => "GB",
        Scheme::Us => "US",
        Scheme::Au => "AU",
        Scheme::Nz => "NZ",
        Scheme::Ca => "CA",
        Scheme::In => "IN",
        Scheme::Mx => "MX",
        Scheme::Bic(bank) => &bank[4..6],
    }
}

/// A mail of a known supplier with an account: the one on record, or another.
fn pair(supplier: &Supplier, place: Place, form: usize, account: &Account, changed: bool) -> Case {
    let payable: Vec<&Text> = supplier
        .words
        .texts
        .iter()
        .filter(|text| matches!(text.0, Category::Invoice | Category::PaymentRequest))
        .collect();
    let (category, subject, sentences) = payable[form % payable.len()];
    let fill = |text: &str| filled(text, form, supplier.currency);
    let letter = Letter {
        from: &format!("Accounts <accounts@{}>", supplier.domain),
        subject: fill(subject),
        sentences: sentences.iter().map(|sentence| fill(sentence)).collect(),
        words: supplier.words,
        footer: form.is_multiple_of(2),
        supplier: supplier.name,
        account: Some(account),
        place,
        form,
    };
    let kind = if changed { "changed" } else { "genuine" };
    let name = format!("{kind}-{}-{}-{place:?}-{form}.eml", supplier.words.code, supplier.scheme.name());
    let action = if changed { "quarantine" } else { "deliver" };
    let codes = if changed { "BANK_DETAILS_CHANGED" } else { "ACCOUNT_VERIFIED" };
    let mut truth = json!({
        "file": name, "fraud": changed, "action": action, "category": category.as_str(),
        "codes": [codes], "group": format!("{kind}: {place:?}"),
    });
    // With hidden digits a text has several readings, and so more than one account.
    if place != Place::HtmlDecoy {
        truth["accounts"] = json!([account.canonical]);
    }
    Case { name, octets: letter.write(), truth }
}

/// Mail of every category without an account, from known and unknown senders.
fn ordinary() -> Vec<Case> {
    let mut cases = Vec::new();
    for words in LANGUAGES {
        for (number, (category, subject, sentences)) in words.texts.iter().enumerate() {
            // A notice of changed details is never ordinary.
            if *category == Category::BankDetailsChange {
                continue;
            }
            for (variant, place) in [Place::Text, Place::HtmlParagraph, Place::Text].into_iter().enumerate() {
                let form = number * 3 + variant;
                let fill = |text: &str| filled(text, form, "EUR");
                let letter = Letter {
                    from: [
                        "Anna Berg <anna.berg@kunde.example>",
                        "office@partner.example",
                        "Bo <bo@neighbour.example>",
                    ][variant],
                    subject: fill(subject),
                    sentences: sentences.iter().map(|sentence| fill(sentence)).collect(),
                    words,
                    footer: variant == 2,
                    supplier: "",
                    account: None,
                    place,
                    form,
                };
                let name = format!("ordinary-{}-{number}-{variant}.eml", words.code);
                let truth = json!({
                    "file": name, "fraud": false, "action": "deliver", "category": category.as_str(),
                    "accounts": [], "group": format!("ordinary: {}", words.code),
                });
                cases.push(Case { name, octets: letter.write(), truth });
            }
        }
    }
    cases
}

/// Notices of changed details without an account, of a known supplier: they must not go through unmarked.
pub fn notices() -> Vec<Case> {
    let mut cases = Vec::new();
    for supplier in SUPPLIERS {
        let texts = supplier.words.texts.iter().filter(|text| text.0 == Category::BankDetailsChange);
        for (number, (category, subject, sentences)) in texts.enumerate() {
            let fill = |text: &str| filled(text, number, supplier.currency);
            let letter = Letter {
                from: &format!("Accounts <accounts@{}>", supplier.domain),
                subject: fill(subject),
                sentences: sentences.iter().map(|sentence| fill(sentence)).collect(),
                words: supplier.words,
                footer: true,
                supplier: supplier.name,
                account: None,
                place: Place::Text,
                form: number,
            };
            let name = format!("notice-{}-{}.eml", supplier.words.code, supplier.scheme.name());
            let truth = json!({
                "file": name, "fraud": true, "action": "tag", "category": category.as_str(), "accounts": [],
                "codes": ["BANK_CHANGE_LANGUAGE"], "group": "notice without an account",
            });
            cases.push(Case { name, octets: letter.write(), truth });
        }
    }
    cases
}

fn filled(text: &str, form: usize, currency: &str) -> String {
    let amount = format!("{currency} 1.{:03},50", 200 + form);
    text.replace("{n}", &(20_400 + form).to_string()).replace("{a}", &amount).replace("{d}", "18.12.2024")
}
