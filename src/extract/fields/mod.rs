//! From text to typed values. One file a kind of value, one line here.
//!
//! A label (`sort code`, `IBAN`, `due date` …) or a fixed prefix anchors every search, and only a small window around
//! it is read: the cost is linear in the text, and a number without a label stays what it is, a number.

mod columns;
mod disguise;
mod further;
mod imitations;
pub(super) mod labels;
mod numbers;
mod pairs;
mod pieces;
mod table;
mod unread;
mod whose;

use labels::{Hit, Label};
pub(super) use pieces::Pieces;

use super::floor;
use super::normalise::{cut_urls, legible};
use super::spelled::digits;
use crate::limits::{MAX_ACCOUNTS, MAX_CLAIMED_VALUES};
use crate::model::{
    Account, AccountClaim, Gap, Means, MethodClaim, MethodKind, PaymentClaims, Place, Scheme,
};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::cell::OnceCell;

/// Octets behind a label in which the cell below it ends.
const COLUMN_REACH: usize = 240;

/// Words, without regard to the case of ASCII letters: the leftmost, and of those that begin together the longest.
#[expect(clippy::expect_used, reason = "the words are constants; tests build every table")]
fn table<'a>(words: impl Iterator<Item = &'a &'static str>) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostLongest)
        .build(words)
        .expect("constant words")
}

/// A text in searchable form, with its labels and its place.
pub(super) struct View {
    /// Normalised text.
    pub(super) text: String,
    /// Labels in order of appearance.
    labels: Vec<Hit>,
    /// There were more labels than are looked at.
    truncated: bool,
    /// Links to pay, which are cut out of `text`.
    links: Vec<link::Link>,
    /// Where the text stood.
    pub(super) place: Place,
    /// What may still be read of tables.
    tables: table::Budget,
    /// British accounts, once somebody asked for them.
    uk: OnceCell<uk::UkFound>,
}

impl View {
    /// Normalises a text and finds its labels.
    pub(super) fn new(text: &str, place: Place) -> Self {
        Self::with_labels(text, place, labels::MAX_LABELS)
    }

    /// The same with so many labels at most.
    pub(super) fn with_labels(text: &str, place: Place, most: usize) -> Self {
        let plain = legible(text);
        let links = link::find(&plain);
        let mut text = digits(&cut_urls(&plain)).into_owned();
        let (labels, truncated) = labels::find(&text, most);
        imitations::undo(&mut text, &labels);
        let tables = table::Budget::new(text.len());
        Self { text, labels, truncated, links, place, tables, uk: OnceCell::new() }
    }

    /// How many labels the text has.
    pub(super) fn label_count(&self) -> usize {
        self.labels.len()
    }

    /// Whether there were more labels than are looked at, or more tables.
    pub(super) fn is_truncated(&self) -> bool {
        self.truncated || self.tables.is_spent()
    }

    /// Whether labels announce an account: "IBAN" does by itself; "sort code" and the like, which are words as others
    /// are, with digits behind them.
    pub(super) fn asks_for_payment(&self) -> bool {
        let digits = |hit: &Hit| self.after(hit.end, 40).bytes().filter(u8::is_ascii_digit).count();
        self.labels.iter().any(|hit| match hit.label {
            Label::Iban => true,
            Label::SortCode | Label::Routing | Label::Bsb | Label::Ifsc => digits(hit) >= 4,
            _ => false,
        })
    }

    /// Whether a word announces an account, whatever stands behind it.
    pub(super) fn announces_account(&self) -> bool {
        let names = |hit: &Hit| hit.label.is_payment() || matches!(hit.label, Label::BankCode | Label::Bic);
        self.labels.iter().any(names)
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

    /// The cell below a label that heads a column.
    fn cell_below(&self, hit: &Hit) -> Option<&str> {
        if let Some(cell) = table::column(self, hit).next() {
            return self.text.get(cell);
        }
        let after = self.after(hit.end, COLUMN_REACH);
        let line_end = after.find('\n')?;
        let rest_of_row = after.get(..line_end)?;
        let row_start = self.line_start(hit.start, 4 * COLUMN_REACH)?;
        let before = self.text.get(row_start..hit.start)?;
        // A head row holds other labels in other cells.
        let cells_before = before.matches('\t').count();
        let labels_beside = rest_of_row.contains('\t') || cells_before > 0;
        let own_cell = rest_of_row.split('\t').next().unwrap_or_default();
        if !labels_beside
            || own_cell.chars().any(char::is_alphanumeric)
            || !self.heads_columns(hit, rest_of_row)
        {
            return None;
        }
        after.get(line_end + 1..)?.split('\n').next()?.split('\t').nth(cells_before)
    }

    /// The line before an offset, at most `reach` octets of it.
    fn line_before(&self, at: usize, reach: usize) -> &str {
        let from = floor(&self.text, at.saturating_sub(reach));
        self.text.get(from..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default()
    }

    /// The labels that begin in a span.
    fn labels_in(&self, span: std::ops::Range<usize>) -> &[Hit] {
        let first = self.labels.partition_point(|hit| hit.start < span.start);
        let last = self.labels.partition_point(|hit| hit.start < span.end);
        self.labels.get(first..last).unwrap_or_default()
    }

    /// Where the line of an offset begins, if at most `reach` octets before it.
    fn line_start(&self, at: usize, reach: usize) -> Option<usize> {
        let from = floor(&self.text, at.saturating_sub(reach));
        match self.text.get(from..at)?.rfind('\n') {
            Some(end) => Some(from + end + 1),
            None => (from == 0).then_some(0),
        }
    }

    /// Whether the cell beside the label's begins with a label too.
    fn heads_columns(&self, hit: &Hit, rest_of_row: &str) -> bool {
        let Some(cell) = rest_of_row.find('\t') else { return true };
        let start = hit.end + cell + 1;
        let near = self.labels.partition_point(|other| other.start < start);
        self.labels.get(near).is_some_and(|other| other.start < start + 3)
    }

    /// Whether a label begins or ends exactly at `at`.
    fn is_label_edge(&self, at: usize) -> bool {
        let first = self.labels.partition_point(|hit| hit.end < at);
        let mut near = self.labels.get(first..).unwrap_or_default().iter().take_while(|hit| hit.start <= at);
        near.any(|hit| hit.start == at || hit.end == at)
    }
}

/// Runs every finder over one text.
pub(super) fn read(text: &str, view: &View, claims: &mut PaymentClaims) {
    let before = claims.accounts.len();
    for finder in FINDERS {
        finder.find(view, claims);
    }
    // Recognition takes one letter for another by itself.
    if view.place.means != Some(Means::Ocr) {
        disguise::mark(text, claims.accounts.get_mut(before..).unwrap_or_default());
    }
}

/// Reads the targets of links, which nobody sees and everybody follows.
pub(super) fn read_links(targets: &str, place: &Place, claims: &mut PaymentClaims) {
    for found in link::find(targets) {
        link::claim(&found, place, claims);
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
    domestic::Domestic,
    uk::Uk,
    national::National,
    method::Method,
    crypto::Crypto,
    wallet::Wallet,
    link::Links,
    bic::Bic,
    payee::Payee,
    reference::Reference,
    phone::Phone,
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
    // Misread, most likely: the page counts as unread then, which is better than an account that nobody wrote.
    if place.means == Some(Means::Ocr) && valid == Some(false) {
        return;
    }
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
        claims.accounts.push(AccountClaim {
            account,
            valid,
            place: place.clone(),
            also_at: Vec::new(),
            disguised: false,
        });
    } else {
        note_limit(claims);
    }
}

/// Notes that the message says more than is kept.
fn note_limit(claims: &mut PaymentClaims) {
    let gap = Gap { what: "message".to_owned(), why: "limit".to_owned() };
    if !claims.unchecked.contains(&gap) {
        claims.unchecked.push(gap);
    }
}

/// Adds a way to be paid other than by a bank account, each once.
fn add_method(claims: &mut PaymentClaims, method: MethodClaim) {
    let same = |known: &MethodClaim| known.kind == method.kind && known.value == method.value;
    if let Some(known) = claims.methods.iter_mut().find(|known| same(known)) {
        if known.place.hidden && !method.place.hidden {
            known.place = method.place;
        }
    } else if claims.methods.len() < MAX_CLAIMED_VALUES {
        claims.methods.push(method);
    }
}

/// A method of this kind as it stands in a text.
fn method(
    kind: MethodKind,
    provider: &'static str,
    value: String,
    valid: Option<bool>,
    place: &Place,
) -> MethodClaim {
    MethodClaim { kind, provider, value, valid, personal: false, place: place.clone() }
}

/// Adds a text once, up to `limits::MAX_CLAIMED_VALUES`.
fn add_once(to: &mut Vec<String>, value: String) {
    if to.len() < MAX_CLAIMED_VALUES && !to.contains(&value) {
        to.push(value);
    }
}

#[cfg(test)]
mod more_tests;
#[cfg(test)]
mod tests;
