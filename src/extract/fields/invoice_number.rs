//! Invoice numbers: a word with digits directly after its label.

use super::{Finder, Label, View, add_once};
use crate::model::PaymentClaims;

/// Longest invoice number (Peppol BIS sets no limit; 30 covers what ledgers accept).
const MAX_LENGTH: usize = 30;

/// Finds invoice numbers.
pub(super) struct InvoiceNumber;

impl Finder for InvoiceNumber {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        let mut done = 0;
        for hit in view.labels_of(Label::InvoiceNumber) {
            // "INV-10023" is one number, not a label and its number.
            if hit.start < done {
                continue;
            }
            let window = view.after(hit.end, 80);
            let rest = window.trim_start_matches([' ', ':', '#', '.', '\t', '\n', '°', 'º', '-', '(']);
            let rest = ["number", "no.", "no", "nr.", "nr", "n°", "nº", "n."]
                .iter()
                .find_map(|word| strip_word(rest, word))
                .unwrap_or(rest);
            let rest = rest.trim_start_matches([' ', ':', '#', '.', '\t', '\n']);
            // Only directly behind the label.
            if window.len() - rest.len() > 16 {
                continue;
            }
            let in_number = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | '_' | '.');
            let length = rest.find(|c| !in_number(c)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default().trim_end_matches(['.', '-', '/', '_']);
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let amount = rest.get(length..).is_some_and(|after| after.starts_with([',', '€', '%']));
            if word.len() <= MAX_LENGTH && digits >= 3 && !amount && !is_date(word) && !is_decimal(word) {
                done = hit.end + (window.len() - rest.len()) + length;
                add_once(&mut claims.invoice_numbers, word.to_owned());
            }
        }
    }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
    text.get(head.len()..).filter(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// `18.11.2024`, `18/11/2024`, `2024-11-18`.
fn is_date(word: &str) -> bool {
    let parts: Vec<&str> = word.split(['.', '/', '-']).collect();
    let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
    parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()))
        && matches!(lengths.as_slice(), [1 | 2, 1 | 2, 2 | 4] | [4, 1 | 2, 1 | 2])
}

/// `1234.50`: an amount without its currency.
fn is_decimal(word: &str) -> bool {
    word.split_once('.').is_some_and(|(whole, cents)| {
        cents.len() == 2 && whole.bytes().chain(cents.bytes()).all(|b| b.is_ascii_digit())
    })
}
