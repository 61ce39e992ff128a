//! Held mail: states, the list row, the whole entry.

use super::{Envelope, Finding, OrgId, QuarantineId, Severity, SupplierId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// States of a quarantine entry (contract: one table for commands, API and database).
///
/// held → claimed → approved → releasing → released; held or claimed → rejected; any but releasing → deleted;
/// held → expired only where the organisation set an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldState {
    /// Waiting for a reviewer.
    Held,
    /// A reviewer works on it.
    Claimed,
    /// A second person approved.
    Approved,
    /// Queued in the outbox.
    Releasing,
    /// The next hop took it.
    Released,
    /// Fraud confirmed; body kept as evidence.
    Rejected,
    /// Body gone, row stays.
    Deleted,
    /// Expired by the organisation's own setting.
    Expired,
}

impl HeldState {
    /// All states in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Held,
        Self::Claimed,
        Self::Approved,
        Self::Releasing,
        Self::Released,
        Self::Rejected,
        Self::Deleted,
        Self::Expired,
    ];

    /// The name in commands, API and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Claimed => "claimed",
            Self::Approved => "approved",
            Self::Releasing => "releasing",
            Self::Released => "released",
            Self::Rejected => "rejected",
            Self::Deleted => "deleted",
            Self::Expired => "expired",
        }
    }

    /// The state by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the table allows a step. A break-glass release by command goes held|claimed → releasing directly.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use HeldState::{Approved, Claimed, Deleted, Expired, Held, Rejected, Released, Releasing};
        match next {
            Held => matches!(self, Claimed | Releasing),
            Claimed => self == Held,
            Approved => self == Claimed,
            Releasing => matches!(self, Held | Claimed | Approved),
            Released => self == Releasing,
            Rejected => matches!(self, Held | Claimed),
            Deleted => self != Releasing && self != Deleted,
            Expired => self == Held,
        }
    }
}

/// One row of `quarantine list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSummary {
    /// ULID.
    pub id: QuarantineId,
    /// State.
    pub state: HeldState,
    /// RFC 3339, UTC.
    pub received_at: String,
    /// Reverse-path, empty for `<>`.
    pub mail_from: String,
    /// Envelope recipients.
    pub recipients: Vec<String>,
    /// Decoded subject.
    pub subject: String,
    /// Message-ID with brackets.
    pub message_id: String,
    /// Severity.
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    /// Finding codes.
    pub codes: Vec<String>,
    /// Identified supplier.
    pub supplier: Option<HeldSupplier>,
    /// RFC 3339, or null: held mail does not expire by default.
    pub expires_at: Option<String>,
    /// Octets as received.
    pub size: u64,
}

/// Supplier in a list row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSupplier {
    /// Id.
    pub id: SupplierId,
    /// Name.
    pub name: String,
}

/// A message on its way into quarantine.
#[derive(Clone, Debug)]
pub struct HeldMail {
    /// Whose.
    pub org: OrgId,
    /// The list row (state [`HeldState::Held`], id not yet final: a duplicate keeps its older id).
    pub summary: HeldSummary,
    /// Findings with text and place.
    pub findings: Vec<Finding>,
    /// The envelope, for releasing to exactly these recipients.
    pub envelope: Envelope,
    /// Hex SHA-256 over organisation, reverse-path, recipients, From, Subject, Message-ID and body.
    pub dedupe_key: String,
    /// Rule set that judged.
    pub ruleset: String,
    /// Received octets, bare as they came: sealed by the adapter before they leave the process.
    pub octets: Bytes,
}
