//! In whose name the account is held: what stands behind its label, in the same line, the next one, or the same column
//! of the next row.

use super::{Finder, Hit, Label, View, add_once};
use crate::extract::normalise::CUT;
use crate::model::PaymentClaims;

/// Octets behind the label that are looked at.
const REACH: usize = 240;
/// Longest name (SEPA: 70; with room for legal forms).
const MAX_NAME: usize = 100;
/// Names of one text that are looked at.
const MAX_PAYEES: usize = 1_000;

/// Finds the holders of accounts.
pub(super) struct Payee;

impl Finder for Payee {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for hit in view.labels_of(Label::Payee).take(MAX_PAYEES) {
            if let Some(name) = view.cell_below(hit).and_then(name).or_else(|| behind(view, hit)) {
                add_once(&mut claims.payees, name);
            }
        }
    }
}

/// What follows in the line, else the next line.
fn behind(view: &View, hit: &Hit) -> Option<String> {
    let after = view.after(hit.end, REACH);
    // Up to the next label of this line, if any.
    let next = view.labels.iter().find(|other| other.start >= hit.end).map_or(usize::MAX, |other| other.start - hit.end);
    let line = after.split('\n').next().unwrap_or_default();
    let own = line.get(..crate::extract::floor(line, next.min(line.len()))).unwrap_or_default();
    let cells = || own.split('\t').map(|cell| cell.trim_start_matches(is_filler)).find(|cell| !cell.is_empty());
    if let Some(cell) = cells() {
        return name(cell);
    }
    let below = after.split('\n').nth(1).filter(|_| own.len() == line.len())?;
    name(below.split('\t').find(|cell| !cell.trim().is_empty())?)
}

fn is_filler(c: char) -> bool {
    !c.is_alphanumeric()
}

/// A name: letters, not too long, no number of an account, no sentence.
fn name(text: &str) -> Option<String> {
    let text = text.split(CUT).next().unwrap_or_default();
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '.' && c != ')').trim();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let words = text.split_whitespace().count();
    let sound = text.len() <= MAX_NAME && letters >= 2 && digits <= 4 && words <= 10 && !text.contains('@');
    sound.then(|| text.to_owned())
}
