//! Digits written with letters that look like them (`2O-32-O6`, `l3456789`), where a label announces a number.
//!
//! IBANs have letters of their own and are read with their structure; here are the accounts that are digits only. Each
//! letter gives way to one digit of the same length, so that the places of labels stay.

use super::{Hit, Label};

/// Octets behind a label in which a number begins.
const REACH: usize = 40;
/// Octets of the longest such number.
const MAX_WORD: usize = 24;
/// Digits that a word needs beside its letters, hyphens not counted.
const MIN_DIGITS: usize = 4;

/// Puts digits for the letters of numbers behind labels of national accounts.
pub(super) fn undo(text: &mut String, labels: &[Hit]) {
    let mut changes: Vec<(usize, &str)> = Vec::new();
    for hit in labels.iter().filter(|hit| is_numeric(hit.label)) {
        let window = text.get(hit.end..super::floor(text, hit.end + REACH + MAX_WORD)).unwrap_or_default();
        let words = window.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for word in words.filter(|word| is_number(word)) {
            let at = word.as_ptr().addr() - window.as_ptr().addr();
            if at <= REACH {
                let digits = word.bytes().enumerate();
                changes.extend(digits.filter_map(|(i, b)| Some((hit.end + at + i, digit_like(b)?))));
            }
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
