//! Phrases that say what a mail wants: invoice, changed bank details, urgency, secrecy … in eight languages.
//!
//! The words are data (`rules/lexicons/*.toml`). A phrase matches at word boundaries in folded text; ` ... ` in a
//! phrase stands for up to a few other words of the same sentence, `(a|b)` for either, `(#)` for a number. Each phrase
//! is anchored at its most telling piece, so one Aho-Corasick pass finds where to look, and only there its other pieces
//! are compared.
//!
//! A family `X_negated` ("we never change our bank details") takes back phrases of `X` that it overlaps, and nothing
//! else: a warning elsewhere in the mail proves nothing about a notice here. `bank_change_negated` takes back
//! `account_change` too: words that speak of bank details only in a mail about money ("new account number 12345678").

use super::normalise::fold;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Octets that ` ... ` may stand for.
const MAX_ELLIPSIS: usize = 48;
/// Stands for a number in a phrase.
const NUMBER: &str = "#";
/// Digits of such a number at least, and octets of the word that holds them at most.
const NUMBER_DIGITS: usize = 3;
/// See [`NUMBER_DIGITS`].
const NUMBER_OCTETS: usize = 40;
/// Places in one text at which a phrase is compared: bounds the work on a text made of anchors.
const MAX_TRIES: usize = 200_000;

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

/// One piece of a phrase: alternatives in folded form, a space at both ends; an empty one stands for nothing.
struct Piece {
    /// Other words may stand before it.
    gap: bool,
    words: Vec<String>,
}

struct Phrase {
    family: String,
    pieces: Vec<Piece>,
    /// The piece that is searched for.
    anchor: usize,
}

struct Book {
    automaton: AhoCorasick,
    /// What a hit of the automaton may be part of: indices into `phrases`.
    owners: Vec<Vec<usize>>,
    phrases: Vec<Phrase>,
}

#[expect(clippy::expect_used, reason = "the lexicons are constants; a test builds the book")]
static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut phrases = Vec::new();
    for (language, source) in LEXICONS {
        let lexicon: Lexicon = toml::from_str(source).expect(language);
        for (family, texts) in lexicon.families {
            phrases.extend(texts.iter().map(|text| Phrase::parse(&family, text)));
        }
    }
    let mut anchors: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, phrase) in phrases.iter().enumerate() {
        for word in phrase.pieces.get(phrase.anchor).map(|piece| piece.words.as_slice()).unwrap_or_default() {
            anchors.entry(word).or_default().push(index);
        }
    }
    // A DFA: a few megabytes once, for a fraction of the time per message.
    let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(anchors.keys());
    let owners = anchors.into_values().collect();
    Book { automaton: automaton.expect("constant phrases"), owners, phrases }
});

impl Phrase {
    fn parse(family: &str, text: &str) -> Self {
        let mut pieces = Vec::new();
        for (at, segment) in text.split("...").enumerate() {
            let mut gap = at > 0;
            for item in items(segment) {
                let words = item.split('|').map(|word| match word.trim() {
                    "" => String::new(),
                    NUMBER => NUMBER.to_owned(),
                    _ => fold(word),
                });
                pieces.push(Piece { gap, words: words.collect() });
                gap = false;
            }
        }
        // The piece whose shortest alternative is the longest is the rarest in a text.
        let telling = |piece: &Piece| piece.words.iter().map(String::len).min().unwrap_or(0);
        let anchor = pieces.iter().enumerate().max_by_key(|(at, piece)| (telling(piece), usize::MAX - at));
        let anchor = anchor.map_or(0, |(at, _)| at);
        Self { family: family.to_owned(), pieces, anchor }
    }

    /// Where the phrase begins and ends if its anchor stands at `start..end`, and the words that stand there.
    fn around(&self, folded: &str, start: usize, end: usize) -> Option<(usize, usize, String)> {
        let anchor = folded.get(start..end)?;
        let before = self.pieces.get(..self.anchor)?;
        let own_gap = self.pieces.get(self.anchor)?.gap;
        let (from, left) = leftwards(folded, before, own_gap, start)?;
        let (to, right) = rightwards(folded, self.pieces.get(self.anchor + 1..)?, end)?;
        let words =
            left.into_iter().chain([anchor]).chain(right).map(str::trim).filter(|word| !word.is_empty());
        Some((from, to, words.collect::<Vec<_>>().join(" ")))
    }
}

/// The pieces of a segment without gaps: groups in brackets and the words between them.
fn items(segment: &str) -> impl Iterator<Item = &str> {
    segment.split(['(', ')']).filter(|item| !item.trim().is_empty())
}

/// A place in the text and the words that led there.
type Reached<'t> = (usize, Vec<&'t str>);

/// Compares the pieces behind `end`; the space that ends one begins the next.
fn rightwards<'t>(folded: &'t str, pieces: &[Piece], end: usize) -> Option<Reached<'t>> {
    let Some((piece, rest)) = pieces.split_first() else { return Some((end, Vec::new())) };
    let from = end.saturating_sub(1);
    piece.words.iter().find_map(|word| {
        if word.is_empty() {
            return rightwards(folded, rest, end);
        }
        if word == NUMBER {
            let (reached, mut words) = rightwards(folded, rest, from + number(folded, from)?)?;
            // Which number it is, nobody needs to be shown.
            words.insert(0, NUMBER);
            return Some((reached, words));
        }
        let at = if piece.gap {
            let to = super::floor(folded, from + MAX_ELLIPSIS + word.len());
            let window = folded.get(from..to)?;
            // The split takes the space that the last word of a sentence ends with.
            let sentence = window.find(" . ").map_or(window.len(), |dot| dot + 1);
            from + window.find(word.as_str()).filter(|at| at + word.len() <= sentence)?
        } else {
            folded.get(from..)?.starts_with(word.as_str()).then_some(from)?
        };
        let (reached, mut words) = rightwards(folded, rest, at + word.len())?;
        words.insert(0, folded.get(at..at + word.len())?);
        if piece.gap {
            words.insert(0, "...");
        }
        Some((reached, words))
    })
}

/// The length of the word behind the space at `from`, with its spaces, if it holds a number. Digits may be hidden or
/// stand in groups: three are enough.
fn number(folded: &str, from: usize) -> Option<usize> {
    let word = folded.get(from + 1..super::floor(folded, from + 1 + NUMBER_OCTETS))?;
    let word = word.get(..word.find(' ')?)?;
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (digits >= NUMBER_DIGITS).then_some(word.len() + 2)
}

/// Compares the pieces before `start`, the last of them first. `gap` says whether words may stand between the last one
/// and `start`.
fn leftwards<'t>(folded: &'t str, pieces: &[Piece], gap: bool, start: usize) -> Option<Reached<'t>> {
    let Some((piece, rest)) = pieces.split_last() else { return Some((start, Vec::new())) };
    let to = start + 1;
    piece.words.iter().find_map(|word| {
        if word.is_empty() {
            return leftwards(folded, rest, gap || piece.gap, start);
        }
        // A number stands behind the words that tell of it.
        if word == NUMBER {
            return None;
        }
        let at = if gap {
            let from = super::floor(folded, to.saturating_sub(MAX_ELLIPSIS + word.len()));
            let window = folded.get(from..to)?;
            let sentence = window.rfind(" . ").map_or(0, |dot| dot + 2);
            from + window.rfind(word.as_str()).filter(|at| *at >= sentence)?
        } else {
            let at = to.checked_sub(word.len())?;
            folded.get(at..to).filter(|text| *text == word.as_str()).map(|_| at)?
        };
        let (reached, mut words) = leftwards(folded, rest, piece.gap, at)?;
        words.push(folded.get(at..at + word.len())?);
        if gap {
            words.push("...");
        }
        Some((reached, words))
    })
}

/// Builds the automaton now, so that the first message does not wait for it.
pub(super) fn prepare() {
    LazyLock::force(&BOOK);
}

/// A phrase found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Family.
    pub(super) family: &'static str,
    /// Its words as they stand there; `...` for what stands between them, which is never shown.
    pub(super) phrase: String,
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
    "not", "no", "never", "without", "isn", "aren", "don", "doesn", "won", "neither", "nor", "nicht", "kein",
    "keine", "keinen", "keiner", "keines", "ohne", "nie", "niemals", "pas", "sans", "aucun", "aucune",
    "jamais", "sin", "ningun", "ninguna", "nunca", "niet", "geen", "zonder", "nooit", "non", "senza",
    "nessun", "nessuna", "mai", "nao", "sem", "nenhum", "nenhuma", "bez", "zadnej", "zadna", "nigdy",
];
/// Words of the other side's papers, folded.
const YOURS: &[&str] = &[
    "your", "ihre", "ihrer", "ihren", "ihrem", "ihr", "votre", "vos", "su", "sus", "vuestro", "vuestra",
    "uw", "jullie", "vostro", "vostra", "vs", "suo", "sua", "seu", "vosso", "vossa", "wasz", "wasza",
    "waszej", "panstwa", "twoj",
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
    let negated =
        words().take_while(|word| !word.bytes().any(|b| b.is_ascii_digit())).any(|w| NEGATORS.contains(&w));
    let yours = words().take(2).any(|word| YOURS.contains(&word));
    (negated, yours)
}

/// Families that can be taken back, and by which.
const TAKEN_BACK: &[(&str, &str)] = &[
    ("bank_change", "bank_change_negated"),
    ("account_change", "bank_change_negated"),
    ("call_here", "call_here_negated"),
    ("secrecy", "secrecy_negated"),
];
/// Beginnings of the families of which every place matters.
const RECURRING: &[&str] = &["bank_change", "account_change", "call_here", "secrecy"];

/// Every phrase in a text, each once, in order of appearance. The cost is linear in the text.
pub(super) fn scan(text: &str) -> Vec<Found> {
    let folded = fold(text);
    let book = &*BOOK;
    let mut found: Vec<Found> = Vec::new();
    let mut tried = 0;
    let mut seen = vec![false; book.phrases.len()];
    for hit in book.automaton.find_overlapping_iter(&folded) {
        for index in book.owners.get(hit.pattern().as_usize()).map(Vec::as_slice).unwrap_or_default() {
            let (Some(phrase), Some(seen)) = (book.phrases.get(*index), seen.get_mut(*index)) else {
                continue;
            };
            // Of the families that can be taken back it matters where they stand again.
            let recurs = RECURRING.iter().any(|family| phrase.family.starts_with(family));
            tried += 1;
            if *seen && !recurs || tried > MAX_TRIES {
                continue;
            }
            let Some((start, end, words)) = phrase.around(&folded, hit.start(), hit.end()) else { continue };
            let (negated, yours) = words_before(&folded, start);
            *seen = !negated && !yours;
            found.push(Found { family: &phrase.family, phrase: words, negated, yours, start, end });
        }
    }
    for (family, negation) in TAKEN_BACK {
        take_back(&mut found, family, negation);
    }
    found.sort_by(|left, right| left.start.cmp(&right.start).then(left.family.cmp(right.family)));
    let mut kept = std::collections::BTreeSet::new();
    found.retain(|f| kept.insert((f.family, f.phrase.clone(), f.negated, f.yours)));
    found
}

/// Removes the phrases of a family that a phrase of `negation` overlaps. Pieces begin and end with the space between
/// words: touching is not overlapping.
fn take_back(found: &mut Vec<Found>, family: &str, negation: &str) {
    let mut negated: Vec<(usize, usize)> =
        found.iter().filter(|f| f.family == negation).map(|f| (f.start, f.end)).collect();
    negated.sort_unstable();
    let overlaps = |f: &Found| {
        let until = negated.partition_point(|(start, _)| start + 1 < f.end);
        negated.get(..until).is_some_and(|list| list.iter().rev().take(64).any(|(_, end)| f.start + 1 < *end))
    };
    found.retain(|f| f.family != family || !overlaps(f));
}

#[cfg(test)]
#[path = "lexicon_tests.rs"]
mod tests;
