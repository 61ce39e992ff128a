//! BIC (ISO 9362): only behind its label, because every word of eight capitals has the shape of one.

use super::{Finder, Hit, Label, View};
use crate::limits::MAX_CLAIMED_VALUES;
use crate::model::{PaymentClaims, Sourced};

/// Octets behind the label that are looked at.
const REACH: usize = 48;
/// Groups in which one is written (`NWBK GB 2L XXX`).
const MAX_GROUPS: usize = 4;

/// Words that may stand between the label and the code.
const FILLERS: &[&str] = &["code", "swift", "bic", "no", "number", "address", "is", "of", "the", "bank", "der"];

/// Finds BICs.
pub(super) struct Bic;

impl Finder for Bic {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for hit in view.labels_of(Label::Bic) {
            if claims.bics.len() >= MAX_CLAIMED_VALUES {
                return;
            }
            if let Some(value) = after(view, hit)
                && !claims.bics.iter().any(|known| known.value == value)
            {
                claims.bics.push(Sourced { value, place: view.place.clone() });
            }
        }
    }
}

fn after(view: &View, hit: &Hit) -> Option<String> {
    // At the head of a column, the cell below it; else what follows.
    view.cell_below(hit).and_then(code).or_else(|| code(view.after(hit.end, REACH)))
}

/// The first BIC of a text that begins with one.
fn code(window: &str) -> Option<String> {
    let words: Vec<&str> =
        window.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(8).collect();
    // "BIC / SWIFT code: …": such words may stand between, and no others.
    let filler = |word: &&&str| FILLERS.iter().any(|filler| filler.eq_ignore_ascii_case(word));
    let fillers = words.iter().take_while(filler).count();
    let mut joined = String::new();
    words.get(fillers..)?.iter().take(MAX_GROUPS).find_map(|word| {
        joined.push_str(word);
        is_bic(&joined).then(|| joined.to_ascii_uppercase())
    })
}

/// Four letters of the institution, two of a country, two of the place, and three of the branch or none. Written in
/// capitals, or with a digit, so that "business" behind "SWIFT" is none.
fn is_bic(word: &str) -> bool {
    let bytes = word.as_bytes();
    let letters = bytes.get(..6).is_some_and(|head| head.iter().all(u8::is_ascii_alphabetic));
    let shown = bytes.iter().all(|b| !b.is_ascii_lowercase()) || bytes.iter().any(u8::is_ascii_digit);
    let country = word.get(4..6).is_some_and(|code| crate::model::is_country(&code.to_ascii_uppercase()));
    matches!(bytes.len(), 8 | 11) && letters && shown && country
}
