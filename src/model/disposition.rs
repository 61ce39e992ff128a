//! What became of a recipient or a message. The edge (`wire::reply`) turns these into SMTP replies, nobody else.

use super::QuarantineId;

/// A reply of the next hop, to be mirrored or mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHopReply {
    /// Three-digit code.
    pub code: u16,
    /// Enhanced status code (RFC 3463), if it gave one.
    pub enhanced: Option<(u8, u16, u16)>,
    /// Text, one line per reply line, printable ASCII only, bounded.
    pub lines: Vec<String>,
}

impl NextHopReply {
    /// 2xx
    #[must_use]
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }
    /// 4xx
    #[must_use]
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

/// Why we refuse for good (5xx) or for now (4xx); each has one reply text in `wire::reply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// 550 5.7.1: no organisation protects this address.
    NotProtected,
    /// 451 4.7.1: an organisation's own domain, but not a protected address (alarm; the admin can repair).
    OwnDomainNotProtected,
    /// 451 4.7.1: known organisation, the peer's proof (certificate, tenant id or token) failed.
    ProofFailed,
    /// 550 5.7.1: unknown peer for an unknown recipient.
    UnknownPeer,
    /// 452 4.5.3: recipient of another organisation than the first; sender retries it alone.
    OtherOrganisation,
    /// 452 4.5.3: too many recipients.
    TooManyRecipients,
    /// 554 5.4.6: third pass, or too many Received fields.
    Loop,
    /// 550 5.6.11: bare CR or LF in DATA.
    BareNewline,
    /// 554 5.6.11: bare CR or LF came by BDAT and the next hop has no CHUNKING.
    BareNewlineUndeliverable,
    /// 553 5.6.7: SMTPUTF8 needed and the next hop has none.
    Utf8Undeliverable,
    /// 554 5.6.3: 8-bit content and the next hop has no 8BITMIME.
    EightBitUndeliverable,
    /// 451 4.4.1: the next hop can't be reached, or answered with configuration trouble.
    NextHopUnavailable,
    /// 451 4.3.0: our trouble: store, keys, panic, deadline.
    LocalTrouble,
    /// 451 4.3.1 / 452: bytes in flight of the whole process are exhausted.
    Overloaded,
    /// 421 4.3.2: shutting down.
    ShuttingDown,
    /// 451 4.3.0: too many transactions of this organisation that are not yet proven.
    TooManyUnproven,
}

impl RefusalReason {
    /// Whether the sender should give up (5xx); everything that is ours to repair is transient.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        match self {
            Self::NotProtected
            | Self::UnknownPeer
            | Self::Loop
            | Self::BareNewline
            | Self::BareNewlineUndeliverable
            | Self::Utf8Undeliverable
            | Self::EightBitUndeliverable => true,
            Self::OwnDomainNotProtected
            | Self::ProofFailed
            | Self::OtherOrganisation
            | Self::TooManyRecipients
            | Self::NextHopUnavailable
            | Self::LocalTrouble
            | Self::Overloaded
            | Self::ShuttingDown
            | Self::TooManyUnproven => false,
        }
    }
}

/// The answer to one RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientOutcome {
    /// The next hop took it.
    Accepted(NextHopReply),
    /// The next hop refused it: mirrored.
    RefusedByNextHop(NextHopReply),
    /// We refuse it.
    Refused(RefusalReason),
}

/// What happened to a message; becomes the one reply after the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The next hop took it (its 2xx).
    Relayed(NextHopReply),
    /// Durable in quarantine.
    Held(QuarantineId),
    /// The next hop refused the message; class kept.
    RefusedByNextHop(NextHopReply),
    /// We refuse it.
    Refused(RefusalReason),
}

/// Microseconds per stage, for the log line, metrics and `check --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimings {
    /// Octets to message.
    pub parse: u64,
    /// Message to claims.
    pub extract: u64,
    /// Sender authentication and supplier directory.
    pub gather: u64,
    /// Facts and rules.
    pub judge: u64,
    /// Deliver, tag or quarantine, up to the next hop's answer.
    pub act: u64,
    /// MAIL FROM to reply.
    pub total: u64,
}
