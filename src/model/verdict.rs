//! The verdict: what is done with a message, and why.

use super::{Finding, FindingCode, Severity, Spoken};
use serde::{Deserialize, Serialize};

/// What is done with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Hand on, byte-identical below what we prepend.
    #[default]
    Deliver,
    /// Hand on with a banner.
    Tag,
    /// Hold for review.
    Quarantine,
}

impl Action {
    /// The name in JSON, headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Tag => "tag",
            Self::Quarantine => "quarantine",
        }
    }
}

/// What kind of business mail this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// An invoice.
    Invoice,
    /// A credit note.
    CreditNote,
    /// A statement of account.
    Statement,
    /// A remittance advice.
    Remittance,
    /// A request to pay without an invoice.
    PaymentRequest,
    /// A notice of changed bank details.
    BankDetailsChange,
    /// A quote.
    Quote,
    /// A purchase order.
    PurchaseOrder,
    /// A receipt.
    Receipt,
    /// Anything else.
    #[default]
    Other,
}

impl Category {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
            Self::Statement => "statement",
            Self::Remittance => "remittance",
            Self::PaymentRequest => "payment_request",
            Self::BankDetailsChange => "bank_details_change",
            Self::Quote => "quote",
            Self::PurchaseOrder => "purchase_order",
            Self::Receipt => "receipt",
            Self::Other => "other",
        }
    }
}

/// The judgement over one message. The same message, facts and rules always give the same verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is done, after the organisation's mode.
    pub action: Action,
    /// What `enforce` would have done.
    pub would_be: Action,
    /// The loudest finding that counts.
    pub severity: Severity,
    /// 0 to 100; only sorts the queue.
    pub score: u8,
    /// Findings, loudest first, then in rule order.
    pub findings: Vec<Finding>,
    /// Rules that could not be evaluated on this message.
    pub broken: Vec<FindingCode>,
    /// The rule set that judged: hash (hex SHA-256, first 16 characters) and, behind a `+`, the version of the
    /// organisation's own changes.
    pub ruleset: String,
    /// The banner's sentence: the loudest finding's text, with what to do. Empty when nothing is to be said.
    pub headline: String,
    /// What to do, the second sentence of the banner.
    pub advice: String,
    /// The loudest finding for banners in other words; `None` without findings.
    pub spoken: Option<Spoken>,
}

/// The finding that says that an account is on the supplier's verified record.
const ACCOUNT_VERIFIED: &str = "ACCOUNT_VERIFIED";

impl Verdict {
    /// Shows the good news where it is the only news: mail whose accounts are all verified, and about which nothing
    /// else was found, is tagged with a calm line. It is changed then, so it is recorded as tagged.
    pub fn show_verified(&mut self) {
        let only_good = !self.findings.is_empty()
            && self.findings.iter().all(|finding| finding.code.0 == ACCOUNT_VERIFIED)
            && self.would_be == Action::Deliver;
        if only_good {
            (self.action, self.would_be, self.severity) = (Action::Tag, Action::Tag, Severity::Info);
            self.headline = self.findings.first().map(|finding| finding.text.clone()).unwrap_or_default();
        }
    }
}
