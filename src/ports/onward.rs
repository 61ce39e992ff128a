//! Mail on its way: what the front door sees of the gateway, the next hop, the seal.

use crate::model::{
    Disposition, MailId, MailParameters, NextHopReply, OrgId, Organisation, Peer, Recipient,
    RecipientOutcome, RefusalReason, ReversePath,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

// ── what smtp sees of the gateway ──────────────────────────────────────────────────────────────────────────────────

/// The gateway as the SMTP server sees it: opens transactions.
#[async_trait]
pub trait MailHandler: Send + Sync + 'static {
    /// A MAIL FROM was accepted syntactically. Cheap: nothing leaves the process yet.
    ///
    /// # Errors
    /// The reason to refuse the whole transaction.
    async fn open(
        &self,
        peer: &Peer,
        reverse_path: ReversePath,
        parameters: MailParameters,
    ) -> Result<Box<dyn MailTransaction>, RefusalReason>;
}

/// One transaction. Dropping it (RSET, disconnect) gives the onward transaction up.
#[async_trait]
pub trait MailTransaction: Send {
    /// The id that goes into replies and logs.
    fn id(&self) -> MailId;
    /// One RCPT TO: decides the organisation, opens the onward transaction, mirrors the next hop's answer.
    async fn recipient(&mut self, recipient: Recipient) -> RecipientOutcome;
    /// How many recipients were accepted so far.
    fn accepted(&self) -> usize;
    /// The data arrived whole. Never panics outward, always answers within `limits::VERDICT_HARD_STOP`.
    ///
    /// `bare_newlines`: the octets (which came by BDAT) hold a CR or LF outside CRLF.
    async fn finish(self: Box<Self>, octets: Bytes, bare_newlines: bool) -> Disposition;
}

// ── the way on ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// What the next hop advertised (RFC 5321 EHLO keywords).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextHopCapabilities {
    /// PIPELINING, RFC 2920.
    pub pipelining: bool,
    /// CHUNKING, RFC 3030.
    pub chunking: bool,
    /// 8BITMIME, RFC 6152.
    pub eight_bit_mime: bool,
    /// SMTPUTF8, RFC 6531.
    pub smtputf8: bool,
    /// DSN, RFC 3461.
    pub dsn: bool,
    /// SIZE, RFC 1870: 0 when without limit.
    pub size: Option<u64>,
}

/// Why the next hop could not take something, apart from a reply about the message itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnwardError {
    /// No address, no connection, TLS failed, refused at EHLO or MAIL: configuration or outage, 451 and an alarm.
    #[error("next hop {host} is unavailable: {detail}")]
    Unavailable {
        /// Host and port as configured.
        host: String,
        /// What happened, without message content.
        detail: String,
    },
    /// The connection ended or timed out after the final dot was sent: fate unknown; the sender must keep the mail.
    #[error("next hop {host} did not answer after the data: {detail}")]
    Uncertain {
        /// Host and port as configured.
        host: String,
        /// What happened.
        detail: String,
    },
    /// The message can't be expressed towards this next hop (8-bit, SMTPUTF8, bare newline).
    #[error("the message cannot be passed to the next hop unchanged: {0:?}")]
    NotExpressible(RefusalReason),
}

/// Opens onward transactions; pools connections per organisation.
#[async_trait]
pub trait NextHop: Send + Sync {
    /// Connects (or takes a pooled connection of this organisation) and offers MAIL FROM, possibly pipelined with
    /// the first RCPT.
    ///
    /// # Errors
    /// [`OnwardError`] when no transaction could be opened.
    async fn open(
        &self,
        organisation: &Arc<Organisation>,
        reverse_path: &ReversePath,
        parameters: &MailParameters,
        first: &Recipient,
    ) -> Result<(Box<dyn OnwardTransaction>, NextHopReply), OnwardError>;
}

/// One open onward transaction. Dropping it gives it up (the connection is reset or closed, never reused dirty).
#[async_trait]
pub trait OnwardTransaction: Send + Sync {
    /// What the next hop can do.
    fn capabilities(&self) -> NextHopCapabilities;
    /// Offers one more recipient and returns the next hop's answer.
    ///
    /// # Errors
    /// [`OnwardError`] when the connection failed.
    async fn recipient(&mut self, recipient: &Recipient) -> Result<NextHopReply, OnwardError>;
    /// Sends the message (segments in order; nothing is added between) and returns the reply after the final dot
    /// or `BDAT … LAST`.
    ///
    /// # Errors
    /// [`OnwardError::Uncertain`] when the answer never came; [`OnwardError::NotExpressible`] before anything was sent.
    async fn send(
        self: Box<Self>,
        segments: &[Bytes],
        bare_newlines: bool,
    ) -> Result<NextHopReply, OnwardError>;
    /// RSET, so that the connection can be pooled again.
    async fn abandon(self: Box<Self>);
}

// ── what is said of it onward ──────────────────────────────────────────────────────────────────────────────────────────

/// A composed message to be sealed.
#[derive(Clone, Debug)]
pub struct SealRequest {
    /// Whose key.
    pub org: OrgId,
    /// Whether an ARC set is wanted (RFC 8617).
    pub arc: bool,
    /// Whether a DKIM signature of our own is wanted (RFC 6376).
    pub dkim: bool,
    /// The octets as they came, over which the chain so far is verified.
    pub received: Bytes,
    /// The octets as they go, in segments; line ends are CRLF.
    pub outgoing: Vec<Bytes>,
    /// What is known of the sender, each `method=result property=value`.
    pub results: Vec<String>,
    /// Unix milliseconds.
    pub now_ms: i64,
}

impl SealRequest {
    /// A request without octets, if the organisation wants a seal on such mail; `modified`: we changed its body.
    #[must_use]
    pub fn wanted(organisation: &Organisation, modified: bool) -> Option<Self> {
        let wants = |choice: &str| match organisation.preferences.get(choice) {
            "all" => true,
            "tagged" => modified,
            _ => false,
        };
        let (arc, dkim) = (wants("arc.seal"), wants("dkim.sign"));
        (arc || dkim).then(|| Self {
            org: organisation.id,
            arc,
            dkim,
            received: Bytes::new(),
            outgoing: Vec::new(),
            results: Vec::new(),
            now_ms: 0,
        })
    }
}

/// What became of a [`SealRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealOutcome {
    /// Fields to stand above the message, and how the chain stood: `none`, `pass`, `fail`, or `off` without ARC.
    Sealed {
        /// Whole fields with CRLF line ends.
        fields: Bytes,
        /// The word for metrics.
        cv: &'static str,
    },
    /// It goes on as it is, for this reason.
    NotSealed(&'static str),
}

/// Seals what we pass on.
#[async_trait]
pub trait ChainSealer: Send + Sync {
    /// Verifies the chain that the message brought and seals the message as it goes, within `limits::ARC_DEADLINE`.
    /// Never fails: a message that cannot be sealed goes on without.
    async fn seal(&self, request: SealRequest) -> SealOutcome;
}
