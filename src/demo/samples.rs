//! The demo's mail and suppliers. Names are invented, domains reserved (RFC 2606), account numbers published samples.

use crate::model::Action;

/// Suppliers that the demo's organisation has verified.
pub(super) const SUPPLIERS: &str = include_str!("samples/suppliers.csv");

/// One sample message and what must become of it.
pub(super) struct Sample {
    /// One line for the table.
    pub(super) title: &'static str,
    /// Envelope sender.
    pub(super) from: &'static str,
    /// The message.
    pub(super) octets: &'static [u8],
    /// What enforce must do.
    pub(super) expected: Action,
}

macro_rules! samples {
    ($($file:literal $from:literal $expected:ident $title:literal)*) => {
        /// In the order in which they are sent.
        pub(super) const SAMPLES: &[Sample] = &[$(Sample {
            title: $title,
            from: $from,
            octets: include_bytes!(concat!("samples/", $file, ".eml")),
            expected: Action::$expected,
        }),*];
    };
}

samples! {
    "01-clean-invoice" "accounts@acme-supplies.example" Deliver "Invoice of a verified supplier"
    "02-changed-iban" "accounts@acme-supplies.example" Quarantine "Same supplier, changed IBAN"
    "03-changed-sort-code" "ledger@bramble-timber.example" Quarantine "Changed sort code and account"
    "04-lookalike-domain" "accounts@acrne-supplies.example" Quarantine "Lookalike domain (acrne for acme)"
    "05-unknown-supplier" "office@northgate-scaffolding.example" Tag "Invoice of an unknown supplier"
    "06-remittance" "payables@meridian-homes.example" Deliver "Remittance advice"
    "07-statement" "accounts@acme-supplies.example" Deliver "Statement, account as on record"
    "08-reply-in-thread" "accounts@acme-supplies.example" Deliver "Reply in a thread, no bank details"
    "09-signed" "office@northgate-scaffolding.example" Tag "Signed mail, unknown supplier"
    "10-html-only" "billing@ridgeway-plant.example" Tag "HTML mail, unknown supplier"
    "11-german-changed" "buchhaltung@mueller-stahl.example" Quarantine "German mail, changed IBAN"
    "12-executive" "priya.raman.director@gmail.com" Quarantine "A director's name, an outside address"
    "13-same-account-other-form" "accounts@acme-supplies.example" Deliver "Verified IBAN, written as a sort code"
    "14-newsletter" "news@trade-counter.example" Deliver "Newsletter"
}

/// The Message-ID with brackets of a message; empty when it has none.
pub(super) fn message_id(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix("Message-ID:"))
        .map(|value| value.trim().to_owned())
        .unwrap_or_default()
}
