//! Digits written with letters that look like them (`2O-32-O6`, `l3456789`), where a label announces a number.
//!
//! IBANs have letters of their own and are read with their structure; here are the accounts that are digits only. Each
//! letter gives way to one digit of the same length, so that the places of labels stay.

use super::{Hit, Label};

/// Octets behind a label in which a number begins.
const REACH: usize = 40;
/// Digits that a word needs beside its letters, hyphens not counted.
const MIN_DIGITS: usize = 4;

/// Puts digits for the letters of numbers behind labels of national accounts.
pub(super) fn undo(text: &mut String, labels: &[Hit]) {
    let mut changes: Vec<(usize, &str)> = Vec::new();
    let mut done = 0;
    for hit in labels.iter().filter(|hit| is_numeric(hit.label)) {
        let from = done.max(hit.end);
        let window = text.get(from..super::floor(text, hit.end + REACH)).unwrap_or_default();
        let mut at = from;
        for word in window.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            if is_number(word) {
                let digits = word.bytes().enumerate();
                changes.extend(digits.filter_map(|(i, b)| Some((at + i, digit_like(b)?))));
            }
            at += word.len();
            at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            done = done.max(at.min(text.len()));
        }
    }
    for (at, digit) in changes {
        text.replace_range(at..=at, digit);
    }
}

/// Labels whose numbers are digits only.
fn is_numeric(label: Label) -> bool {
    use Label::{Account, BankCode, Bsb, Institution, Routing, SortCode, Transit};
    matches!(label, Account | BankCode | Bsb | Institution | Routing | SortCode | Transit)
}

/// Mostly digits, the rest letters that look like digits, and no prefix of letters only as references have.
fn is_number(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = |b: u8| b == b'-' || b.is_ascii_digit() || digit_like(b).is_some();
    (1..=digits / 2).contains(&letters) && digits >= MIN_DIGITS && word.bytes().all(plain)
}

fn digit_like(letter: u8) -> Option<&'static str> {
    match letter {
        b'O' | b'o' => Some("0"),
        b'I' | b'l' => Some("1"),
        b'S' => Some("5"),
        b'B' => Some("8"),
        _ => None,
    }
}
