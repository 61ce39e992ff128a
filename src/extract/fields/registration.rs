//! Tax numbers and company registration numbers: what ties a document to a supplier's record.

use super::{Finder, Label, View, add_once};
use crate::model::PaymentClaims;

/// Octets between label and number at most.
const REACH: usize = 40;
/// Country prefixes of VAT numbers (EU VIES, and others in the same form). EL is Greece.
const PREFIXES: &[&str] = &[
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GB", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
];

/// Finds tax and company numbers.
pub(super) struct Registration;

impl Finder for Registration {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for hit in &view.labels {
            let rest = view.after(hit.end, 120);
            match hit.label {
                Label::Vat => {
                    if let Some(number) = tax_number(rest) {
                        add_once(&mut claims.tax_numbers, number);
                    }
                }
                Label::Company => {
                    if let Some(number) = company_number(rest) {
                        add_once(&mut claims.company_numbers, number);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Drops what stands between a label and its number: punctuation and the words `no`, `number`, `reg` …
fn after_label(rest: &str) -> &str {
    let mut rest = rest;
    for _ in 0..4 {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric() && c != super::super::normalise::CUT);
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let filler = ["no", "nr", "number", "reg", "registration", "id", "is", "under", "with", "company", "and", "wales"];
        if !filler.iter().any(|f| word.eq_ignore_ascii_case(f)) {
            break;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    rest
}

/// Canonical tax number after its label: with a country prefix, or a GB number that passes its check.
fn tax_number(text: &str) -> Option<String> {
    let rest = after_label(text);
    if text.len() - rest.len() > REACH {
        return None;
    }
    let mut compact = String::new();
    let mut complete: Option<String> = None;
    // Groups up to fourteen characters; the longest that has the form of a number.
    for (group, last) in groups(rest) {
        if compact.len() + group.len() > 14 {
            break;
        }
        compact.push_str(&group.to_ascii_uppercase());
        if let Some(number) = canonical_tax_number(&compact) {
            complete = Some(number);
        }
        if last {
            break;
        }
    }
    complete
}

/// Alphanumeric groups separated by one space, dot or hyphen; the flag says that something else follows.
fn groups(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let group = rest.get(..end).filter(|g| !g.is_empty())?;
        let after = rest.get(end..).unwrap_or_default();
        let next = after.strip_prefix([' ', '.', '-']).filter(|n| n.starts_with(|c: char| c.is_ascii_alphanumeric()));
        rest = next.unwrap_or_default();
        Some((group, next.is_none()))
    })
    .take(6)
}

fn canonical_tax_number(compact: &str) -> Option<String> {
    let digits = compact.bytes().filter(u8::is_ascii_digit).count();
    let all_digits = digits == compact.len();
    if all_digits && matches!(compact.len(), 9 | 12) && gb_vat_checks(compact) {
        return Some(format!("GB{compact}"));
    }
    let (prefix, number) = compact.split_at_checked(2)?;
    let known = PREFIXES.contains(&prefix) && (7..=12).contains(&number.len()) && digits >= 7;
    let sound = !matches!(prefix, "GB" | "XI") || (matches!(number.len(), 9 | 12) && gb_vat_checks(number));
    (known && sound).then(|| compact.to_owned())
}

/// HMRC's check: weights 8 to 2 plus the two last digits are a multiple of 97, or are with 55 added.
fn gb_vat_checks(digits: &str) -> bool {
    let value = |b: u8| u32::from(b.wrapping_sub(b'0'));
    if digits.len() < 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = digits.bytes().take(7).zip((2..=8).rev()).map(|(b, w)| value(b) * w).sum();
    let check = digits.get(7..9).and_then(|d| d.parse::<u32>().ok()).unwrap_or(0);
    sum > 0 && ((sum + check).is_multiple_of(97) || (sum + check + 55).is_multiple_of(97))
}

/// UK company number after its label: eight digits (seven or six padded) or two letters and six digits.
fn company_number(text: &str) -> Option<String> {
    let rest = after_label(text);
    if text.len() - rest.len() > REACH {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    let word = rest.get(..end)?.to_ascii_uppercase();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == word.len() && (6..=8).contains(&digits) {
        return Some(format!("{word:0>8}"));
    }
    let lettered = digits == 6 && word.len() == 8 && word.bytes().take(2).all(|b| b.is_ascii_uppercase());
    lettered.then_some(word)
}
