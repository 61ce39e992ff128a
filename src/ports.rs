//! Every trait that can block, fail or be faked, on one page.
//!
//! The mail path (`smtp` → `gateway` → `evidence`, `act`) knows the outside only through these. Adapters implement
//! them; tests run against the real adapters. Each error enum answers [`PortError::is_transient`].

use crate::model::{
    AccountKey, AuthResults, DirectoryAnswer, DirectoryQuery, Disposition, Document, EmailAddress, Envelope,
    Finding, Fingerprint, HeldMail, HistoryAnswer, HistoryQuery, Lesson, Lookup, MailId, MailParameters,
    Message, NextHopReply, OrgId, Organisation, Peer, QuarantineId, ReceivedMail, Recipient,
    RecipientOutcome, RefusalReason, Retained, ReversePath, Unread,
};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use ulid::Ulid;

/// Failure of a port. The text names the thing and the remedy and holds no secret and no account number.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Worth trying again: the other side is away, slow or busy.
    #[error("{what}: {detail}")]
    Transient {
        /// Which part (`database`, `redis`, `objects`, `keys`).
        what: &'static str,
        /// What happened.
        detail: String,
    },
    /// Will fail again: data, configuration or programming.
    #[error("{what}: {detail}")]
    Permanent {
        /// Which part.
        what: &'static str,
        /// What happened and what to do.
        detail: String,
    },
}

impl PortError {
    /// Whether a retry may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}

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

// ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// A document to be read.
#[derive(Clone, Copy, Debug)]
pub struct DocumentRequest<'a> {
    /// File name; may be empty.
    pub name: &'a str,
    /// Declared media type in lower case; may be empty.
    pub media_type: &'a str,
    /// Content.
    pub octets: &'a [u8],
}

/// Reads documents where they can do no harm.
#[async_trait]
pub trait DocumentReader: Send + Sync {
    /// Reads a document and the files inside it, by `deadline`.
    ///
    /// # Errors
    /// Why nothing of it was read. That is a fact about this document, never a reason to defer the message.
    async fn read(&self, request: DocumentRequest<'_>, deadline: Instant) -> Result<Document, Unread>;
}

// ── what is known ──────────────────────────────────────────────────────────────────────────────────────────────────

/// The organisations, cached whole. Lookups never touch the network.
pub trait OrganisationBook: Send + Sync {
    /// The organisation that protects this address (mailbox, alias, plus-addressed).
    fn by_recipient(&self, address: &EmailAddress) -> Option<Arc<Organisation>>;
    /// The organisation that registered the domain of this address.
    fn by_domain(&self, address: &EmailAddress) -> Option<Arc<Organisation>>;
    /// By id.
    fn by_id(&self, id: OrgId) -> Option<Arc<Organisation>>;
    /// Whether the book could ever be read: false means that nobody can be told from nobody.
    fn is_loaded(&self) -> bool;
    /// Whether the store behind it answers right now.
    fn is_fresh(&self) -> bool;
}

/// The verified supplier records, through the caches.
#[async_trait]
pub trait SupplierDirectory: Send + Sync {
    /// Answers all questions of one message, in at most one Redis round trip.
    async fn look_up(
        &self,
        organisation: &Organisation,
        query: DirectoryQuery,
        deadline: Instant,
    ) -> Lookup<DirectoryAnswer>;
}

/// What was delivered before: asked before the verdict, taught after it.
#[async_trait]
pub trait History: Send + Sync {
    /// Answers all questions of one message, in one round trip.
    async fn look_up(&self, org: OrgId, query: HistoryQuery, deadline: Instant) -> Lookup<HistoryAnswer>;
    /// A message reached its mailbox. Returns at once; is written in batches, so that a killed process loses the last
    /// second, and dropped (counted) when too much waits.
    fn learn(&self, lesson: Lesson);
    /// A message was held: what it would teach is put aside until it is released. Returns at once.
    fn keep(&self, id: QuarantineId, lesson: Lesson);
    /// A held message was released and taken by the next hop: it teaches now. Returns at once.
    fn released(&self, org: OrgId, id: QuarantineId);
}

/// Who really sent it.
#[async_trait]
pub trait SenderAuth: Send + Sync {
    /// Verifies or reads what the trusted upstream found. Failure is `known: false`, never an error.
    async fn authenticate(&self, mail: &ReceivedMail, message: &Message, deadline: Instant) -> AuthResults;
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

// ── what is kept ───────────────────────────────────────────────────────────────────────────────────────────────────

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
    fn outcome(&self, id: MailId, reply_code: u16, outcome: &'static str);
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

// ── what background jobs need ──────────────────────────────────────────────────────────────────────────────────────

/// The organisations in memory, as their refresher sees them.
#[async_trait]
pub trait Refresh: Send + Sync {
    /// Compares with the database and reads anew where something changed.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer; what is in memory stands.
    async fn refresh(&self) -> Result<(), PortError>;
}

/// Numbers for the gauges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Entries of the quarantine that wait for a decision.
    pub held: u64,
    /// Outbox mails not yet sent.
    pub outbox_pending: u64,
}

/// Whoever keeps what is counted.
#[async_trait]
pub trait Count: Send + Sync {
    /// Counts, over all organisations.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer.
    async fn counts(&self) -> Result<Counts, PortError>;
    /// Closes intents from before this time that never got an outcome; returns how many.
    ///
    /// # Errors
    /// As [`Count::counts`].
    async fn settle_open_intents(&self, before_ms: i64) -> Result<u64, PortError>;
    /// Removes sealed bodies that no entry names: what a crash between body and row left behind. Returns how many.
    ///
    /// # Errors
    /// [`PortError`] of database and disk.
    async fn sweep_bodies(&self) -> Result<usize, PortError>;
    /// Destroys keys that are over and that nothing is under. Returns how many.
    ///
    /// # Errors
    /// [`PortError`] of database and keys.
    async fn destroy_keys(&self) -> Result<usize, PortError>;
}

/// A supplier source whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSource {
    /// Whose it is.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
}

/// Brings the suppliers of live ledgers in.
#[async_trait]
pub trait SyncSuppliers: Send + Sync {
    /// Every source whose time has come and that nobody is asking.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer.
    async fn due_sources(&self) -> Result<Vec<DueSource>, PortError>;
    /// Asks one. A source that fails is its own affair: it is noted with the source and alarmed. Dropped on the way,
    /// nothing is taken in.
    async fn sync_source(&self, source: &DueSource);
}

/// What a purge of one organisation did.
#[derive(Clone, Debug)]
pub struct PurgeDone {
    /// Whose.
    pub org: OrgId,
    /// Removed, by class.
    pub removed: Vec<(Retained, u64)>,
}

/// Whoever removes what is older than the organisations keep it.
#[async_trait]
pub trait Retain: Send + Sync {
    /// Organisations whose last purge began longer ago than `every`.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer.
    async fn due(&self, every: Duration) -> Result<Vec<OrgId>, PortError>;
    /// Purges one of them; `None` while another node does, or when it is gone.
    ///
    /// # Errors
    /// [`PortError`] of database, keys and object store: the next purge goes on.
    async fn purge(&self, org: OrgId) -> Result<Option<PurgeDone>, PortError>;
}

/// How old backups are, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BackupAges {
    /// The newest one's moment; `None`: there is none.
    pub backup_seconds: Option<u64>,
    /// The last restore that was tried out; `None`: never.
    pub drill_seconds: Option<u64>,
    /// Whether that went well.
    pub drill_ok: bool,
}

/// What a scheduled backup did.
#[derive(Clone, Debug)]
pub struct BackupDone {
    /// Its id.
    pub id: String,
    /// Rows in it.
    pub rows: u64,
    /// Octets that had to be written.
    pub written: u64,
}

/// Whoever makes backups.
#[async_trait]
pub trait BackUp: Send + Sync {
    /// How old the newest is.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer.
    async fn ages(&self) -> Result<BackupAges, PortError>;
    /// Makes one; `None` while another node does.
    ///
    /// # Errors
    /// [`PortError`] of database and backup store.
    async fn back_up(&self) -> Result<Option<BackupDone>, PortError>;
}

/// Whoever writes the audit's anchors.
#[async_trait]
pub trait AnchorAudit: Send + Sync {
    /// Writes the signed head of every organisation's audit to the anchor store. What contradicts is alarmed. Returns
    /// how many organisations are anchored.
    ///
    /// # Errors
    /// [`PortError`] when the organisations could not be read.
    async fn anchor_all(&self) -> Result<usize, PortError>;
}

// ── keys, time, chance ─────────────────────────────────────────────────────────────────────────────────────────────

/// The organisations' keys. In memory once loaded: these calls neither block nor wait.
pub trait Keyring: Send + Sync {
    /// HMAC-SHA-256 of `v1|` + comparison key under the organisation's fingerprint key.
    ///
    /// # Errors
    /// [`PortError`] when the organisation has no keys loaded.
    fn fingerprint(&self, org: OrgId, key: &AccountKey) -> Result<Fingerprint, PortError>;
    /// HMAC-SHA-256 of any other text (address, domain, name) under the same key, domain-separated by `kind`.
    ///
    /// # Errors
    /// As above.
    fn fingerprint_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Fingerprint, PortError>;
    /// Under every fingerprint key that may still be on record: the first is [`Keyring::fingerprint`], which is what is
    /// written; whoever looks up asks for all of them. More than one only while a rotation is under way or recent.
    ///
    /// # Errors
    /// As above.
    fn fingerprints(&self, org: OrgId, key: &AccountKey) -> Result<Vec<Fingerprint>, PortError> {
        Ok(vec![self.fingerprint(org, key)?])
    }
    /// The same for [`Keyring::fingerprint_text`].
    ///
    /// # Errors
    /// As above.
    fn fingerprints_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Vec<Fingerprint>, PortError> {
        Ok(vec![self.fingerprint_text(org, kind, text)?])
    }
    /// Ed25519 signature by the organisation's signing key.
    ///
    /// # Errors
    /// As above.
    fn sign(&self, org: OrgId, message: &[u8]) -> Result<Vec<u8>, PortError>;
    /// Verifies a signature of [`Keyring::sign`], also one by an earlier signing key.
    fn verify(&self, org: OrgId, message: &[u8], signature: &[u8]) -> bool;
    /// The number of the signing key that made a signature; `None` when none of the organisation's did.
    fn verified_by(&self, org: OrgId, message: &[u8], signature: &[u8]) -> Option<u32> {
        self.verify(org, message, signature).then_some(1)
    }
    /// AES-256-GCM under the organisation's data key; `context` is bound in: `table.column`, and `|` + the row's id where
    /// that never changes. Nonce and key id are part of the returned octets.
    ///
    /// # Errors
    /// As above.
    fn seal(&self, org: OrgId, context: &str, plain: &[u8]) -> Result<Vec<u8>, PortError>;
    /// Reverses [`Keyring::seal`].
    ///
    /// # Errors
    /// [`PortError::Permanent`] when organisation, context or octets do not fit; [`PortError::Transient`] when the key is
    /// not known here (yet).
    fn open(&self, org: OrgId, context: &str, sealed: &[u8]) -> Result<Vec<u8>, PortError>;
}

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;
}

/// Source of identifiers.
pub trait IdSource: Send + Sync {
    /// A fresh ULID, never before returned by this process.
    fn ulid(&self) -> ulid::Ulid;
}
