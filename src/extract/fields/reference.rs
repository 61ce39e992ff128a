//! What the payer is to write beside the payment: the creditor reference (ISO 11649), the Swiss QR reference, or
//! whatever stands behind the label. None of them is ever an account.

use super::{Finder, Label, View, add_once};
use crate::model::PaymentClaims;
use crate::model::account_check::mod_97_holds;

/// Octets behind the label that are looked at.
const REACH: usize = 80;
/// Longest reference (SEPA: 35 characters).
const MAX_LENGTH: usize = 35;
/// Labels of one text that are looked at.
const MAX_REFERENCES: usize = 2_000;

/// Finds payment references.
pub(super) struct Reference;

impl Finder for Reference {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for at in memchr::memmem::find_iter(view.bytes(), b"RF").take(MAX_REFERENCES) {
            let before = at.checked_sub(1).and_then(|i| view.bytes().get(i)).copied().unwrap_or(b' ');
            if !before.is_ascii_alphanumeric()
                && let Some(reference) = creditor_reference(view.after(at, 40))
            {
                add_once(&mut claims.references, reference);
            }
        }
        for hit in view.labels_of(Label::Reference).take(MAX_REFERENCES) {
            if let Some(reference) = labelled(view.after(hit.end, REACH)) {
                add_once(&mut claims.references, reference);
            }
        }
    }
}

/// `RF18 5390 0754 7034`: two check digits and up to 21 letters or digits, modulo 97.
pub(super) fn creditor_reference(text: &str) -> Option<String> {
    let mut found = String::new();
    let mut best = None;
    for c in text.chars().take(32) {
        match c {
            'A'..='Z' | '0'..='9' if found.len() < 25 => found.push(c),
            ' ' | '-' => continue,
            _ => break,
        }
        let digits = found.bytes().skip(2).take(2).all(|b| b.is_ascii_digit());
        if found.len() >= 9 && digits && mod_97_holds(&found) {
            best = Some(found.clone());
        }
    }
    best
}

/// Whether 27 digits are a Swiss QR reference: modulo 10, recursive.
pub(super) fn is_qr_reference(digits: &str) -> bool {
    const TABLE: [u32; 10] = [0, 9, 4, 6, 8, 2, 7, 1, 3, 5];
    let carry = digits.chars().filter_map(|c| c.to_digit(10)).fold(0, |carry, digit| {
        let at = usize::try_from((carry + digit) % 10).unwrap_or(0);
        TABLE.get(at).copied().unwrap_or(0)
    });
    digits.len() == 27 && digits.bytes().all(|b| b.is_ascii_digit()) && carry == 0
}

/// The rest of the line behind a label, if it holds a digit: a reference without one is a word like any other.
fn labelled(window: &str) -> Option<String> {
    let line = window.split(['\n', '\t']).find(|cell| cell.chars().any(char::is_alphanumeric))?;
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let compact: String = line.chars().filter(|c| !c.is_whitespace()).take(40).collect();
    if let Some(digits) = compact.get(..27).filter(|digits| is_qr_reference(digits)) {
        return Some(digits.to_owned());
    }
    if let Some(reference) = line.starts_with("RF").then(|| creditor_reference(line)).flatten() {
        return Some(reference);
    }
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | '_' | '.');
    let word = line.split(|c: char| !in_word(c)).find(|word| word.bytes().any(|b| b.is_ascii_digit()))?;
    let word = word.trim_matches(['.', '-', '/', '_']);
    let near = line.find(word).is_some_and(|at| at <= 24);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (near && digits >= 3 && word.len() <= MAX_LENGTH).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_by_their_check_digits() {
        for (text, expected) in [
            ("RF18539007547034", Some("RF18539007547034")),
            ("RF18 5390 0754 7034 and more", Some("RF18539007547034")),
            ("RF185390075470Y", Some("RF185390075470Y")),
            ("RF17 5390 0754 7034", None),
        ] {
            assert_eq!(creditor_reference(text).as_deref(), expected, "{text}");
        }
        assert!(is_qr_reference("210000000003139471430009017"));
        assert!(!is_qr_reference("210000000003139471430009018"));
        assert!(!is_qr_reference("21000000000313947143000901"));
    }
}
