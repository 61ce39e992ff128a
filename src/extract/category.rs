//! What kind of business mail this is: points for the phrases of each family by where they stand, and for what the
//! claims look like. Explained: every point that spoke for the winner is named.
//!
//! The subject counts most, then names and headings of documents, then what was written now; quoted text of older
//! messages counts little, hidden text nothing. A phrase behind "not" speaks for nothing, and one behind "your" only
//! refers to a paper of the other side ("your purchase order 4711").

use super::lexicon;
use crate::limits::MAX_PHRASES;
use crate::model::{Category, PaymentClaims};
use std::collections::BTreeSet;

/// Where a phrase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Zone {
    Subject,
    FileName,
    /// The first lines of a document.
    Heading,
    /// Text of the message that is not quoted.
    Written,
    Document,
    Quoted,
}

impl Zone {
    fn weight(self) -> u32 {
        match self {
            Self::Subject => 9,
            Self::FileName => 6,
            Self::Heading => 5,
            Self::Written => 3,
            Self::Document => 2,
            Self::Quoted => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::FileName => "file name",
            Self::Heading => "heading",
            Self::Written => "text",
            Self::Document => "document",
            Self::Quoted => "quoted text",
        }
    }
}

/// Octets of a document's folded text that count as its heading.
const HEADING: usize = 160;
/// Different phrases of one family that count in one place.
const MAX_OF_ONE: usize = 2;
/// Reasons that are told.
const MAX_REASONS: usize = 6;
/// Different invoice numbers that make a list of them.
const LIST: usize = 3;

/// Family, category and how strongly the family speaks for it. At equal points the earlier line wins: the special
/// before the general.
const SCALE: &[(&str, Category, u32)] = &[
    ("bank_change", Category::BankDetailsChange, 6),
    ("credit_note", Category::CreditNote, 5),
    ("remittance", Category::Remittance, 5),
    ("statement", Category::Statement, 4),
    ("purchase_order", Category::PurchaseOrder, 4),
    ("quote", Category::Quote, 4),
    ("receipt", Category::Receipt, 4),
    ("invoice", Category::Invoice, 3),
    ("payment_request", Category::PaymentRequest, 2),
];

/// The signs of one message, as they are met.
#[derive(Debug, Default)]
pub(super) struct Signs {
    seen: BTreeSet<(&'static str, Zone, String)>,
    /// The same, referring to a paper of the other side.
    theirs: BTreeSet<(&'static str, Zone, String)>,
}

impl Signs {
    /// Takes up the phrases of a text.
    pub(super) fn note(&mut self, found: &[lexicon::Found], zone: Zone) {
        for phrase in found.iter().filter(|phrase| !phrase.negated) {
            let zone = if zone == Zone::Document && phrase.start < HEADING { Zone::Heading } else { zone };
            if self.seen.len() + self.theirs.len() >= MAX_PHRASES {
                return;
            }
            let signs = if phrase.yours { &mut self.theirs } else { &mut self.seen };
            signs.insert((phrase.family, zone, phrase.phrase.clone()));
        }
    }

    /// Points of a family, each with its reason.
    fn points(&self, family: &str, weight: u32) -> Vec<(u32, String)> {
        let mut reasons: Vec<(u32, String)> = Vec::new();
        for (signs, divisor) in [(&self.seen, 1), (&self.theirs, 3)] {
            let mut counted = 0;
            let mut last = None;
            for (_, zone, phrase) in signs.iter().filter(|(of, _, _)| *of == family) {
                counted = if last == Some(*zone) { counted + 1 } else { 1 };
                last = Some(*zone);
                // What heads the message is said once; repeating it there adds nothing.
                let most = if *zone <= Zone::Heading { 1 } else { MAX_OF_ONE };
                let points = weight * zone.weight() / divisor;
                if counted <= most && points > 0 {
                    reasons.push((points, format!("{}: {phrase}", zone.name())));
                }
            }
        }
        reasons
    }
}

/// The category and what decided it, strongest first. Deterministic.
pub(super) fn category(signs: &Signs, claims: &PaymentClaims) -> (Category, Vec<String>) {
    let mut best: (u32, Category, Vec<(u32, String)>) = (0, Category::Other, Vec::new());
    for (family, category, weight) in SCALE {
        let mut reasons = signs.points(family, *weight);
        // Without a word in the mail, the claims alone do not make it anything.
        if !reasons.is_empty() {
            reasons.extend(structures(*category, claims));
        }
        let total = reasons.iter().map(|(points, _)| points).sum();
        if total > best.0 {
            best = (total, *category, reasons);
        }
    }
    let (_, category, mut reasons) = best;
    reasons.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
    let told = reasons.into_iter().take(MAX_REASONS).map(|(points, why)| format!("{why} (+{points})"));
    (category, told.collect())
}

/// What the claims look like, as far as it speaks for a category that a phrase has named.
fn structures(category: Category, claims: &PaymentClaims) -> Vec<(u32, String)> {
    let payable = !claims.accounts.is_empty() || !claims.methods.is_empty();
    let mut reasons = Vec::new();
    let mut add = |holds: bool, points: u32, why: &str| {
        if holds {
            reasons.push((points, format!("structure: {why}")));
        }
    };
    match category {
        Category::Invoice => {
            let numbers = claims.invoice_numbers.len();
            add((1..LIST).contains(&numbers), 8, "an invoice number");
            add(claims.due_date.is_some(), 4, "a due date");
            add(payable && !claims.amounts.is_empty(), 4, "an account and an amount");
        }
        Category::Statement => {
            add(claims.invoice_numbers.len() >= LIST, 14, "a list of invoice numbers");
        }
        Category::Remittance => {
            add(claims.invoice_numbers.len() >= LIST, 6, "a list of invoice numbers");
        }
        Category::PaymentRequest => {
            add(payable, 6, "an account to pay to");
            add(
                !claims.amounts.is_empty() && claims.invoice_numbers.is_empty(),
                3,
                "an amount without an invoice",
            );
        }
        Category::BankDetailsChange => {
            add(payable, 4, "an account");
        }
        Category::CreditNote
        | Category::PurchaseOrder
        | Category::Quote
        | Category::Receipt
        | Category::Other => {}
    }
    reasons
}
