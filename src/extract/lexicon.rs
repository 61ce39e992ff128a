//! Phrases that say what a mail wants: invoice, changed bank details, urgency, secrecy … in eight languages.
//!
//! The words are data (`rules/lexicons/*.toml`). A phrase matches at word boundaries in folded text; ` ... ` in a
//! phrase stands for up to a few other words of the same sentence. `bank_change_negated` ("we never change our bank
//! details") takes back a `bank_change` that it overlaps, and nothing else: a warning elsewhere in the mail proves
//! nothing about a notice here.

use super::normalise::fold;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Octets that ` ... ` may stand for.
const MAX_ELLIPSIS: usize = 48;

const LEXICONS: &[(&str, &str)] = &[
    ("en", include_str!("../../rules/lexicons/en.toml")),
    ("de", include_str!("../../rules/lexicons/de.toml")),
    ("fr", include_str!("../../rules/lexicons/fr.toml")),
    ("es", include_str!("../../rules/lexicons/es.toml")),
    ("nl", include_str!("../../rules/lexicons/nl.toml")),
    ("it", include_str!("../../rules/lexicons/it.toml")),
    ("pt", include_str!("../../rules/lexicons/pt.toml")),
    ("pl", include_str!("../../rules/lexicons/pl.toml")),
];

/// A lexicon file: family → phrases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lexicon {
    families: BTreeMap<String, Vec<String>>,
}

struct Phrase {
    family: String,
    /// As written in the lexicon.
    text: String,
    /// Folded pieces after the first, in order.
    rest: Vec<String>,
}

struct Book {
    automaton: AhoCorasick,
    phrases: Vec<Phrase>,
}

#[expect(clippy::expect_used, reason = "the lexicons are constants; a test builds the book")]
static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut firsts = Vec::new();
    let mut phrases = Vec::new();
    for (language, source) in LEXICONS {
        let lexicon: Lexicon = toml::from_str(source).expect(language);
        for (family, texts) in lexicon.families {
            for text in texts {
                let mut pieces = text.split("...").map(fold);
                firsts.push(pieces.next().unwrap_or_default());
                let rest = pieces.collect();
                phrases.push(Phrase { family: family.clone(), text, rest });
            }
        }
    }
    // A DFA: a few megabytes once, for a fraction of the time per message.
    let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(&firsts);
    Book { automaton: automaton.expect("constant phrases"), phrases }
});

/// Builds the automaton now, so that the first message does not wait for it.
pub(super) fn prepare() {
    LazyLock::force(&BOOK);
}

/// A phrase found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Family.
    pub(super) family: &'static str,
    /// Phrase as in the lexicon.
    pub(super) phrase: &'static str,
    /// A word such as "not" or "without" stands directly before it.
    pub(super) negated: bool,
    /// A word such as "your" stands directly before it: it is the other side's.
    pub(super) yours: bool,
    /// Offset in the folded text.
    pub(super) start: usize,
    end: usize,
}

/// Words that take back what follows, folded, in the languages of the lexicons.
const NEGATORS: &[&str] = &[
    "not", "no", "never", "without", "isn", "aren", "don", "doesn", "won", "neither", "nor", "nicht", "kein", "keine",
    "keinen", "keiner", "keines", "ohne", "nie", "niemals", "pas", "sans", "aucun", "aucune", "jamais", "sin", "ningun",
    "ninguna", "nunca", "niet", "geen", "zonder", "nooit", "non", "senza", "nessun", "nessuna", "mai", "nao", "sem",
    "nenhum", "nenhuma", "bez", "zadnej", "zadna", "nigdy",
];
/// Words of the other side's papers, folded.
const YOURS: &[&str] = &[
    "your", "ihre", "ihrer", "ihren", "ihrem", "ihr", "votre", "vos", "su", "sus", "vuestro", "vuestra", "uw", "jullie",
    "vostro", "vostra", "vs", "suo", "sua", "seu", "vosso", "vossa", "wasz", "wasza", "waszej", "panstwa", "twoj",
];
/// Words before a phrase in which a negator counts.
const REACH_OF_NOT: usize = 3;

/// Whether the words before `start` in the same sentence take the phrase back, and whether they make it the other
/// side's.
fn words_before(folded: &str, start: usize) -> (bool, bool) {
    let from = super::floor(folded, start.saturating_sub(40));
    let before = folded.get(from..start).unwrap_or_default();
    let sentence = before.rsplit(" . ").next().unwrap_or(before);
    // A number ends the reach: "order no 4711" says nothing of what follows.
    let words = || sentence.split_ascii_whitespace().rev().take(REACH_OF_NOT);
    let negated = words().take_while(|word| !word.bytes().any(|b| b.is_ascii_digit())).any(|w| NEGATORS.contains(&w));
    let yours = words().take(2).any(|word| YOURS.contains(&word));
    (negated, yours)
}

/// Every phrase in a text, each once, in order of appearance. The cost is linear in the text.
pub(super) fn scan(text: &str) -> Vec<Found> {
    let folded = fold(text);
    let book = &*BOOK;
    let mut found: Vec<Found> = Vec::new();
    let mut negated: Vec<(usize, usize)> = Vec::new();
    let mut seen = vec![false; book.phrases.len()];
    for hit in book.automaton.find_overlapping_iter(&folded) {
        let index = hit.pattern().as_usize();
        let (Some(phrase), Some(seen)) = (book.phrases.get(index), seen.get_mut(index)) else { continue };
        // Only of these does it matter where they stand again.
        if *seen && !phrase.family.starts_with("bank_change") {
            continue;
        }
        let Some(end) = complete(&folded, hit.end(), &phrase.rest) else { continue };
        *seen = true;
        if phrase.family == "bank_change_negated" {
            negated.push((hit.start(), end));
        }
        let (negated, yours) = words_before(&folded, hit.start());
        found.push(Found { family: &phrase.family, phrase: &phrase.text, negated, yours, start: hit.start(), end });
    }
    // Pieces begin and end with the space between words: touching is not overlapping.
    negated.sort_unstable();
    let overlaps = |f: &Found| {
        let until = negated.partition_point(|(start, _)| start + 1 < f.end);
        negated.get(..until).is_some_and(|list| list.iter().rev().take(64).any(|(_, end)| f.start + 1 < *end))
    };
    found.retain(|f| f.family != "bank_change" || !overlaps(f));
    found.sort_by_key(|f| f.start);
    let mut kept = std::collections::BTreeSet::new();
    found.retain(|f| kept.insert((f.family, f.phrase)));
    found
}

/// The end of the phrase if its further pieces follow in the same sentence.
fn complete(folded: &str, mut end: usize, rest: &[String]) -> Option<usize> {
    for piece in rest {
        // The space that ends one piece begins the next.
        let from = end.saturating_sub(1);
        let to = super::floor(folded, from + MAX_ELLIPSIS + piece.len());
        let window = folded.get(from..to)?;
        let sentence = window.split(" . ").next().unwrap_or(window);
        // The split took the space that the piece ends with.
        let at = window.find(piece.as_str()).filter(|at| at + piece.len() <= sentence.len() + 1)?;
        end = from + at + piece.len();
    }
    Some(end)
}

#[cfg(test)]
mod tests {
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
            "bank_change",
            "bank_change_negated",
            "credit_note",
            "invoice",
            "payment",
            "payment_request",
            "purchase_order",
            "quote",
            "receipt",
            "remittance",
            "secrecy",
            "statement",
            "urgency",
        ];
        for (language, source) in LEXICONS {
            let lexicon: Lexicon = toml::from_str(source).expect(language);
            assert_eq!(
                lexicon.families.keys().map(String::as_str).collect::<Vec<_>>(),
                FAMILIES,
                "{language}"
            );
            for (family, phrases) in &lexicon.families {
                assert!(phrases.iter().all(|p| fold(p).trim().len() >= 3), "{language} {family}");
            }
        }
    }
}
