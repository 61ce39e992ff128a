//! What is written down: the journal, held mail, the outbox.

use super::PortError;
use crate::model::{Envelope, Finding, HeldMail, MailId, OrgId, QuarantineId};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use ulid::Ulid;

/// What is recorded of one message. Facts name people, suppliers and files: they are sealed before they come here.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// Message id.
    pub id: MailId,
    /// Organisation.
    pub org: OrgId,
    /// Unix milliseconds.
    pub received_at_ms: i64,
    /// `deliver`, `tag` or `quarantine`: what is about to be done.
    pub action: &'static str,
    /// Severity name.
    pub severity: &'static str,
    /// 0 to 100.
    pub score: u8,
    /// Category name.
    pub category: &'static str,
    /// Finding codes, comma-separated.
    pub codes: String,
    /// Rule set hash.
    pub ruleset: String,
    /// Octets received.
    pub size: u64,
    /// Recorded facts: JSON, sealed under the organisation's data key.
    pub facts: Vec<u8>,
}

/// The record of messages: intent before the final dot, outcome after.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes the intent. `durable`: fsynced before it returns (tag and quarantine); else written, synced in batches.
    ///
    /// # Errors
    /// [`PortError`] when it could not be written.
    async fn intend(&self, record: MessageRecord, durable: bool) -> Result<(), PortError>;
    /// Notes the outcome; returns at once, is written in batches. A lost outcome shows as an open intent at start.
    fn outcome(&self, org: OrgId, id: MailId, reply_code: u16, outcome: &'static str);
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldOutcome {
    /// A new entry.
    New(QuarantineId),
    /// The same message was already held: its entry stands, nothing was added.
    Duplicate(QuarantineId),
}

impl HoldOutcome {
    /// The entry's id.
    #[must_use]
    pub fn id(self) -> QuarantineId {
        match self {
            Self::New(id) | Self::Duplicate(id) => id,
        }
    }
}

/// The quarantine as the mail path sees it.
#[async_trait]
pub trait QuarantineStore: Send + Sync {
    /// Seals and fsyncs the body, commits the row and, for a new entry, the administrators' notice in the outbox.
    /// When it returns, a power cut loses nothing. `notice` is the ready-made mail (RFC 5322 octets) per administrator.
    ///
    /// # Errors
    /// [`PortError`]: nothing is held, the caller answers 451.
    async fn hold(&self, mail: HeldMail, notices: Vec<OutboxMail>) -> Result<HoldOutcome, PortError>;
}

/// A mail that Sentra itself originates, for the outbox.
#[derive(Clone, Debug)]
pub struct OutboxMail {
    /// Whose next hop it takes.
    pub org: OrgId,
    /// Envelope.
    pub envelope: Envelope,
    /// RFC 5322 octets with CRLF line ends.
    pub octets: Bytes,
    /// `notice` or `release`.
    pub kind: &'static str,
}

/// A notice beside a message that cannot carry its banner.
#[derive(Clone, Debug)]
pub struct CompanionNotice {
    /// The mail.
    pub mail: OutboxMail,
    /// The same for the same message and reader: a retry of the message adds no second notice.
    pub dedupe_key: String,
}

/// Queues the notices beside messages. They are durable before the message goes onward, and due once it has arrived.
#[async_trait]
pub trait Companions: Send + Sync {
    /// Queues them all in one durable transaction, due by themselves after `limits::COMPANION_GRACE`. Returns the rows
    /// that are new. `about` is the message.
    ///
    /// # Errors
    /// [`PortError`]: nothing is queued.
    async fn prepare(
        &self,
        org: OrgId,
        about: MailId,
        notices: Vec<CompanionNotice>,
    ) -> Result<Vec<Ulid>, PortError>;
    /// The message arrived: they are due now; or it did not (`arrived` false): they are taken back.
    ///
    /// # Errors
    /// [`PortError`]: they go out after the grace time.
    async fn settle(&self, org: OrgId, about: MailId, rows: &[Ulid], arrived: bool) -> Result<(), PortError>;
}

/// A leased mail, to be sent now.
#[derive(Clone, Debug)]
pub struct OutboxItem {
    /// Row id.
    pub id: Ulid,
    /// Whose next hop it takes.
    pub org: OrgId,
    /// `notice` or `release`.
    pub kind: String,
    /// The entry it releases or tells of.
    pub quarantine_id: Option<QuarantineId>,
    /// Envelope.
    pub envelope: Envelope,
    /// Which try this is, from 1; also the fence against a sender whose lease ran out.
    pub attempt: i64,
    /// An earlier try may have arrived.
    pub maybe_twice: bool,
    /// A passing failure of this try is final: the row is older than `limits::OUTBOX_LIFETIME`.
    pub last_try: bool,
}

/// How a try ended; the text is the next hop's answer or what happened instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// 2xx for every recipient that matters.
    Sent(String),
    /// 4xx or no connection: again later.
    Retry(String),
    /// The data was sent and no answer came.
    Uncertain(String),
    /// 5xx.
    Failed(String),
}

/// State of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxState {
    /// Waits for its time.
    Pending,
    /// Leased.
    Sending,
    /// Taken by the next hop.
    Sent,
    /// Given up.
    Failed,
    /// Waits; may have arrived already.
    Uncertain,
}

impl OutboxState {
    /// The name in SQL and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
        }
    }

    /// The state by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Sending, Self::Sent, Self::Failed, Self::Uncertain]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// What a release is composed from.
#[derive(Clone, Debug)]
pub struct ReleaseSource {
    /// The entry.
    pub id: QuarantineId,
    /// The octets as received.
    pub octets: Bytes,
    /// The envelope as received; the item's own names the chosen recipients.
    pub envelope: Envelope,
    /// Score when it was held.
    pub score: u8,
    /// Findings when it was held.
    pub findings: Vec<Finding>,
}

/// The durable outbox as its sender sees it.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Takes a bounded number of due mails for a bounded time, none of a `busy` organisation; a sender that dies
    /// loses the lease, never the mail.
    ///
    /// # Errors
    /// [`PortError`]: nothing is leased.
    async fn lease(&self, busy: &[OrgId]) -> Result<Vec<OutboxItem>, PortError>;
    /// The octets of a notice; `None` when they are gone.
    ///
    /// # Errors
    /// [`PortError`] of database, disk and keys.
    async fn octets(&self, item: &OutboxItem) -> Result<Option<Bytes>, PortError>;
    /// What a release is composed from; `None` when the entry was deleted meanwhile.
    ///
    /// # Errors
    /// [`PortError`] of database, disk and keys.
    async fn release_source(&self, item: &OutboxItem) -> Result<Option<ReleaseSource>, PortError>;
    /// Notes how a try ended; a release's end decides its entry's state in the same transaction. `notices` are queued
    /// only if the mail is given up. `None` when somebody else has the row by now.
    ///
    /// # Errors
    /// [`PortError`]: the row is due again when its lease ends.
    async fn finish(
        &self,
        item: &OutboxItem,
        result: &SendResult,
        notices: Vec<OutboxMail>,
    ) -> Result<Option<OutboxState>, PortError>;
}
