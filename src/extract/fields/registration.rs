//! Tax numbers and company registration numbers: what ties a document to a supplier's record.
//!
//! A number whose own check digits are wrong is still claimed where its prefix names the country (it may stand on a
//! record just so), and the message is marked as holding one. Nine bare digits are a British number only if they hold.

use super::{Finder, Label, View, add_once};
use crate::model::{PaymentClaims, abn_holds, acn_holds, vat_holds};

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
                        claims.tax_number_invalid |= holds(&number) == Some(false);
                        add_once(&mut claims.tax_numbers, number);
                    } else if let Some(number) = australian(rest).filter(|number| abn_holds(number)) {
                        add_once(&mut claims.tax_numbers, number);
                    }
                }
                Label::Abn => {
                    if let Some(number) = australian(rest).filter(|number| number.len() == 11) {
                        claims.tax_number_invalid |= !abn_holds(&number);
                        add_once(&mut claims.tax_numbers, number);
                    }
                }
                Label::Acn => {
                    if let Some(number) = australian(rest).filter(|number| acn_holds(number)) {
                        add_once(&mut claims.company_numbers, number);
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

/// Whether a canonical tax number's own check digits hold, where they are known.
fn holds(number: &str) -> Option<bool> {
    number.split_at_checked(2).and_then(|(country, rest)| vat_holds(country, rest))
}

/// Eleven or nine digits in groups, directly behind the label.
fn australian(text: &str) -> Option<String> {
    let rest = after_label(text);
    if text.len() - rest.len() > REACH {
        return None;
    }
    let mut digits = String::new();
    for (group, last) in groups(rest) {
        if !group.bytes().all(|b| b.is_ascii_digit()) || digits.len() + group.len() > 11 {
            break;
        }
        digits.push_str(group);
        if last {
            break;
        }
    }
    matches!(digits.len(), 9 | 11).then_some(digits)
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
    if all_digits && matches!(compact.len(), 9 | 12) && vat_holds("GB", compact) == Some(true) {
        return Some(format!("GB{compact}"));
    }
    let (prefix, number) = compact.split_at_checked(2)?;
    let known = PREFIXES.contains(&prefix) && (7..=12).contains(&number.len()) && digits >= 7;
    let sound = !matches!(prefix, "GB" | "XI") || vat_holds(prefix, number) == Some(true);
    (known && sound).then(|| compact.to_owned())
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
