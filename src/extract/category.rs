//! What kind of business mail this is: points for the phrases of each family, the subject counting most.

use super::lexicon;
use crate::model::{Category, Message, PaymentClaims, Place};

/// Family, category and how strongly the family speaks for it. At equal points the earlier line wins: the special
/// before the general.
const SCALE: &[(&str, Category, u32)] = &[
    ("bank_change", Category::BankDetailsChange, 3),
    ("credit_note", Category::CreditNote, 3),
    ("remittance", Category::Remittance, 3),
    ("statement", Category::Statement, 2),
    ("purchase_order", Category::PurchaseOrder, 2),
    ("quote", Category::Quote, 2),
    ("receipt", Category::Receipt, 2),
    ("invoice", Category::Invoice, 2),
    ("payment_request", Category::PaymentRequest, 1),
];
/// A family in the subject counts this many times.
const SUBJECT: u32 = 3;
/// Different phrases of one family that count.
const MAX_PHRASES: usize = 2;

/// The category of a message. Deterministic, and explained by the phrases in the claims.
#[must_use]
pub fn category(claims: &PaymentClaims, message: &Message) -> Category {
    let subject = lexicon::scan(&message.subject);
    let in_subject = |family: &str| subject.iter().any(|found| found.family == family);
    let visible = |place: &Place| !place.hidden;
    let mut best = (0, Category::Other);
    for (family, category, weight) in SCALE {
        let phrases = claims.phrases.iter().filter(|p| p.value.0 == *family && visible(&p.place)).count();
        let mut points = weight * u32::try_from(phrases.min(MAX_PHRASES)).unwrap_or(0);
        if in_subject(family) {
            points += weight * SUBJECT;
        }
        points += match category {
            Category::Invoice if !claims.invoice_numbers.is_empty() => 2,
            // Asked to pay, and told where to.
            Category::PaymentRequest if points > 0 && !claims.accounts.is_empty() => 2,
            // Without a word in the mail, the invoice's own data do not make it one of these.
            _ => 0,
        };
        if points > best.0 {
            best = (points, *category);
        }
    }
    best.1
}
