//! From text to typed values. One file a kind of value, one line here.
//!
//! A label (`sort code`, `IBAN`, `due date` …) or a fixed prefix anchors every search, and only a small window around
//! it is read: the cost is linear in the text, and a number without a label stays what it is, a number.

mod labels;
mod numbers;

use labels::{Hit, Label};

use super::floor;
use super::normalise::normalise;
use crate::limits::{MAX_ACCOUNTS, MAX_CLAIMED_VALUES};
use crate::model::{Account, AccountClaim, Gap, PaymentClaims, Place, Scheme};

/// A text in searchable form, with its labels and its place.
pub(super) struct View {
    /// Normalised text.
    pub(super) text: String,
    /// Labels in order of appearance.
    labels: Vec<Hit>,
    /// Where the text stood.
    pub(super) place: Place,
}

impl View {
    /// Normalises a text and finds its labels.
    pub(super) fn new(text: &str, place: Place) -> Self {
        let text = normalise(text);
        let labels = labels::find(&text);
        Self { text, labels, place }
    }

    /// Whether there were more labels than are looked at.
    pub(super) fn is_truncated(&self) -> bool {
        self.labels.len() >= labels::MAX_LABELS
    }

    /// At most `reach` octets of text from `at` on.
    fn after(&self, at: usize, reach: usize) -> &str {
        self.text.get(at..floor(&self.text, at.saturating_add(reach))).unwrap_or_default()
    }

    /// The octets of the text.
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Labels of one kind.
    fn labels_of(&self, kind: Label) -> impl Iterator<Item = &Hit> {
        self.labels.iter().filter(move |hit| hit.label == kind)
    }

    /// The last label that ends at or before `at` and at most `reach` octets away.
    fn label_before(&self, at: usize, reach: usize) -> Option<&Hit> {
        let count = self.labels.partition_point(|hit| hit.end <= at);
        self.labels.get(count.checked_sub(1)?).filter(|hit| at - hit.end <= reach)
    }

    /// Whether a label begins or ends exactly at `at`.
    fn is_label_edge(&self, at: usize) -> bool {
        let first = self.labels.partition_point(|hit| hit.end < at);
        let mut near = self.labels.get(first..).unwrap_or_default().iter().take_while(|hit| hit.start <= at);
        near.any(|hit| hit.start == at || hit.end == at)
    }
}

/// Finds values of one kind.
pub(super) trait Finder: Sync {
    /// Adds what the text says. Never fails, never blocks; the cost is linear in the text.
    fn find(&self, view: &View, claims: &mut PaymentClaims);
}

macro_rules! finders {
    ($($file:ident :: $name:ident),* $(,)?) => {
        $(mod $file;)*
        /// Every finder, in the order of running.
        pub(super) const FINDERS: &[&dyn Finder] = &[$(&$file::$name),*];
    };
}

finders! {
    iban::Iban,
    uk::Uk,
    national::National,
    amount::Amount,
    invoice_number::InvoiceNumber,
    due_date::DueDate,
    registration::Registration,
}

/// Adds an account or, if it was already named, a further place.
fn add_account(
    claims: &mut PaymentClaims,
    place: &Place,
    scheme: Scheme,
    country: [u8; 2],
    canonical: &str,
    valid: Option<bool>,
) {
    let Ok(account) = Account::from_canonical(scheme, country, canonical) else {
        return;
    };
    if let Some(known) = claims.accounts.iter_mut().find(|claim| claim.account == account) {
        if known.place.hidden && !place.hidden {
            // What the recipient sees is the better witness.
            let hidden = std::mem::replace(&mut known.place, place.clone());
            known.also_at.push(hidden);
        } else if known.place != *place
            && !known.also_at.contains(place)
            && known.also_at.len() < MAX_ACCOUNTS
        {
            known.also_at.push(place.clone());
        }
    } else if claims.accounts.len() < MAX_ACCOUNTS {
        claims.accounts.push(AccountClaim { account, valid, place: place.clone(), also_at: Vec::new() });
    } else {
        let gap = Gap { what: "message".to_owned(), why: "limit".to_owned() };
        if !claims.unchecked.contains(&gap) {
            claims.unchecked.push(gap);
        }
    }
}

/// Adds a text once, up to `limits::MAX_CLAIMED_VALUES`.
fn add_once(to: &mut Vec<String>, value: String) {
    if to.len() < MAX_CLAIMED_VALUES && !to.contains(&value) {
        to.push(value);
    }
}

#[cfg(test)]
mod tests;
