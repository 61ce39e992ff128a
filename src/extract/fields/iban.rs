//! IBAN (ISO 13616): country, length and structure of the BBAN, mod-97.
//!
//! Structure decides first: mod-97 alone passes one of 97 accidental strings, and text is full of candidates once
//! separators may be spaces and line ends. A claim that fails only the check digits is kept as invalid when a label
//! announces it, because an altered or mistyped account is exactly what a reviewer must see.

use super::super::normalise::{CUT, imitated};
use super::{Finder, Hit, Label, View, add_account};
use crate::model::{PaymentClaims, Scheme};

#[path = "iban_registry.rs"]
mod registry;

/// Separator characters in a row inside an IBAN.
const MAX_GAP: usize = 6;
/// Digits of a candidate in small letters without a label: more than any phrase with "no" or "at" holds.
const MANY_DIGITS: usize = 16;
/// Longest IBAN (ISO 13616).
const MAX_LENGTH: usize = 34;

/// Finds IBANs of every country of the registry, and of unknown ones behind a label.
pub(super) struct Iban;

impl Finder for Iban {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        let bytes = view.bytes();
        let mut at = 0;
        while at < bytes.len() {
            let end = candidate(view, at).and_then(|candidate| judge(view, &candidate, claims));
            at = end.unwrap_or_else(|| next_char(bytes, at));
        }
    }
}

/// Something that begins like an IBAN: two capitals and two digits at a word boundary.
struct Candidate {
    start: usize,
    country: [u8; 2],
    check: [u8; 2],
    /// Offset after the check digits.
    body: usize,
    /// Written compact so far and in capitals.
    strict: bool,
}

fn next_char(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while bytes.get(next).is_some_and(|b| b & 0xC0 == 0x80) {
        next += 1;
    }
    next
}

/// The letter or digit at `at` in Latin capitals, and the offset after it.
fn symbol(view: &View, at: usize) -> Option<(u8, usize)> {
    let byte = *view.bytes().get(at)?;
    if byte.is_ascii() {
        return byte.is_ascii_alphanumeric().then(|| (byte.to_ascii_uppercase(), at + 1));
    }
    let c = view.text.get(at..)?.chars().next()?;
    imitated(c).map(|latin| (latin, at + c.len_utf8()))
}

/// Passes whatever is no letter and no digit: people read `DE89/3704` and `DE89 • 3704` as they read `DE89 3704`.
fn skip_gap(view: &View, at: usize) -> usize {
    let rest = view.text.get(at..).unwrap_or_default();
    let gap = rest.chars().take(MAX_GAP).take_while(|c| !c.is_alphanumeric() && *c != CUT);
    at + gap.map(char::len_utf8).sum::<usize>()
}

/// A digit, also one written with a letter that looks like it.
fn as_digit(symbol: u8) -> Option<u8> {
    match symbol {
        b'0'..=b'9' => Some(symbol),
        b'O' => Some(b'0'),
        b'I' | b'L' => Some(b'1'),
        b'S' => Some(b'5'),
        b'B' => Some(b'8'),
        _ => None,
    }
}

fn candidate(view: &View, start: usize) -> Option<Candidate> {
    let bytes = view.bytes();
    let before = start.checked_sub(1).and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
    // A capital behind a small letter begins anew ("KtoDE89", "\\nDE89" in JSON); so does one behind another script.
    let inside = before.is_ascii_uppercase()
        || before.is_ascii_digit()
        || before.is_ascii_lowercase() && !bytes.get(start).is_some_and(u8::is_ascii_uppercase);
    if inside && !view.labels_of_iban_ending_at(start) {
        return None;
    }
    let (a, next) = symbol(view, start).filter(|(s, _)| s.is_ascii_uppercase())?;
    // Nothing but a label makes "G B29" anything.
    let labelled = view.label_before(start, 24).is_some_and(|hit| hit.label == Label::Iban);
    let second = if labelled { skip_gap(view, next) } else { next };
    let (b, after) = symbol(view, second).filter(|(s, _)| s.is_ascii_uppercase())?;
    let digits = skip_gap(view, after);
    let (c, after_c) = symbol(view, digits)?;
    let (d, body) = symbol(view, skip_gap(view, after_c))?;
    let check = [as_digit(c)?, as_digit(d)?];
    let strict = digits == after && second == next && bytes.get(start..after).is_some_and(|w| w.iter().all(|b| !b.is_ascii_lowercase()));
    Some(Candidate { start, country: [a, b], check, body, strict })
}

impl View {
    fn labels_of_iban_ending_at(&self, at: usize) -> bool {
        self.label_before(at, 0).is_some_and(|hit| hit.label == Label::Iban && hit.end == at)
    }
}

/// Reads and checks the rest. Returns the offset after the IBAN if one was claimed.
fn judge(view: &View, candidate: &Candidate, claims: &mut PaymentClaims) -> Option<usize> {
    let label = view.label_before(candidate.start, 80).map(|hit| hit.label);
    let between = |hit: &Hit| view.text.get(hit.end..candidate.start).unwrap_or_default();
    // "Creditor ID: DE98…" is one; what comes behind the number that the label announced is not.
    let creditor = view
        .label_before(candidate.start, 80)
        .is_some_and(|hit| hit.label == Label::Creditor && !between(hit).contains(|c: char| c.is_ascii_digit()));
    if candidate.country == *b"RF" || creditor {
        return None;
    }
    let announced = matches!(label, Some(Label::Iban | Label::Account));
    let mut iban = String::with_capacity(MAX_LENGTH);
    iban.extend([candidate.country, candidate.check].concat().iter().map(|b| char::from(*b)));
    let end = match registry::bban(candidate.country) {
        Some(classes) => read_known(view, candidate, &classes, &mut iban),
        None => None,
    };
    // Countries outside the registry, and structures older or newer than our table: a label and mod-97 decide.
    let end = match end {
        Some(end) => end,
        None if label == Some(Label::Iban) => {
            iban.truncate(4);
            read_unknown(view, candidate, &mut iban)?
        }
        None => return None,
    };
    // Check digits 00, 01 and 99 are never given (ISO 7064).
    let valid = mod97(&iban) == 1 && !matches!(&candidate.check, b"00" | b"01" | b"99");
    let digits = iban.bytes().filter(u8::is_ascii_digit).count();
    // Without a label: no short ones out of words ("no 12 …"), none that is mostly letters.
    let convincing = announced
        || !is_mixed(view, candidate)
            && (digits >= MANY_DIGITS
                || (digits >= 8 && (candidate.strict || iban.len() >= 20 && is_upper(view, candidate))));
    let directly_announced = label == Some(Label::Iban)
        && view
            .label_before(candidate.start, 24)
            .is_some_and(|hit| between(hit).chars().filter(|c| c.is_alphabetic()).count() <= 6);
    // Letters that follow without a gap ("…000BIC") are another word only if the check digits say so.
    let glued = view.text.get(end..).and_then(|rest| rest.chars().next()).is_some_and(char::is_alphanumeric);
    if !(valid && convincing || directly_announced && digits >= 8 && !glued) {
        return None;
    }
    add_account(claims, &view.place, Scheme::Iban, candidate.country, &iban, Some(valid));
    Some(end)
}

/// A capital and a small letter for the country: how names begin, not how anybody writes an IBAN.
fn is_mixed(view: &View, candidate: &Candidate) -> bool {
    let mut letters = view.text.get(candidate.start..).unwrap_or_default().chars().filter(|c| c.is_alphabetic());
    let small = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase());
    small(letters.next()) != small(letters.next())
}

fn is_upper(view: &View, candidate: &Candidate) -> bool {
    view.bytes().get(candidate.start).is_some_and(u8::is_ascii_uppercase)
}

/// Reads exactly the country's length, each position by its class. A digit more, or a letter behind a letter, makes it
/// something else.
fn read_known(view: &View, candidate: &Candidate, classes: &[u8], iban: &mut String) -> Option<usize> {
    let mut at = candidate.body;
    for class in classes {
        let (symbol, next) = symbol(view, skip_gap(view, at))?;
        let symbol = match class {
            b'n' => as_digit(symbol)?,
            b'a' => Some(symbol).filter(u8::is_ascii_uppercase)?,
            _ => symbol,
        };
        iban.push(char::from(symbol));
        at = next;
    }
    let next = view.text.get(at..).and_then(|rest| rest.chars().next());
    // A digit as it is written: the "i" of the next word is none.
    let last = view.text.get(..at).and_then(|text| text.chars().next_back());
    let ends_in_digit = last.is_some_and(|c| !c.is_ascii_alphabetic()) && iban.ends_with(|c: char| c.is_ascii_digit());
    let bounded = next.is_none_or(|c| !c.is_alphanumeric() || ends_in_digit && c.is_alphabetic());
    bounded.then_some(at)
}

/// Reads the groups of an unknown country's IBAN: as long as they hold a digit, up to the end of the line.
fn read_unknown(view: &View, candidate: &Candidate, iban: &mut String) -> Option<usize> {
    let bytes = view.bytes();
    let mut at = candidate.body;
    let mut best = None;
    while iban.len() < MAX_LENGTH {
        let from = if matches!(bytes.get(at), Some(b' ' | b'-' | b'.')) { at + 1 } else { at };
        let length = bytes.get(from..)?.iter().take(MAX_LENGTH).take_while(|b| b.is_ascii_alphanumeric()).count();
        let group = view.text.get(from..from + length)?;
        if group.is_empty() || iban.len() + length > MAX_LENGTH {
            break;
        }
        iban.push_str(&group.to_ascii_uppercase());
        at = from + length;
        if iban.len() >= 15 && mod97(iban) == 1 {
            best = Some((iban.len(), at));
        }
    }
    let (length, end) = best?;
    iban.truncate(length);
    Some(end)
}

/// ISO 7064 MOD 97-10 over the IBAN with its first four characters moved to the end; 1 is right.
fn mod97(iban: &str) -> u32 {
    let bytes = iban.as_bytes();
    let (head, tail) = bytes.split_at_checked(4).unwrap_or((bytes, &[]));
    tail.iter().chain(head).fold(0, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        _ => (rest * 100 + u32::from(b.saturating_sub(b'A')) + 10) % 97,
    })
}
