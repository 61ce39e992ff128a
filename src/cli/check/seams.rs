//! Where the command touches stages of other modules, each in one small function.

use super::judging::Judged;
use crate::adapters::suppliers::csv;
use crate::model::{AuthResults, Message, PaymentClaims, SupplierRecord};

/// The supplier file as records, and what is wrong with it, one line each.
pub(super) fn load_directory(bytes: &[u8]) -> (Vec<SupplierRecord>, Vec<String>) {
    let parsed = csv::parse(bytes, csv::ParseOptions { verified: true });
    let complaint =
        |error: &csv::RowError| format!("line {}: {}: {}", error.line, error.column, error.reason);
    let complaints = parsed.errors.iter().map(complaint).collect();
    (parsed.suppliers, complaints)
}

/// What the upstream stamped into the message.
pub(super) fn upstream_results(_message: &Message, _octets: &[u8]) -> AuthResults {
    AuthResults::default()
}

/// What the message says about payment.
pub(super) fn payment_claims(_message: &Message) -> PaymentClaims {
    PaymentClaims::default()
}

/// What would be delivered.
pub(super) fn annotate(_judged: &Judged) -> Result<Vec<u8>, String> {
    Err("this build cannot write annotated messages".to_owned())
}
