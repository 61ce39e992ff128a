//! What is asked while a message waits: documents, organisations, suppliers, history, the sender's authentication.

use crate::model::{
    AuthResults, DirectoryAnswer, DirectoryQuery, Document, EmailAddress, HistoryAnswer, HistoryQuery,
    Lesson, Lookup, Message, OrgId, Organisation, QuarantineId, ReceivedMail, Unread,
};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::time::Instant;

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
    /// The mail shows it inside its text, as it does with logos.
    pub inline: bool,
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
    /// Whether only the addresses of an organisation are known, because the database that it is pinned to never answered:
    /// its mail cannot be decided now.
    fn is_away(&self, id: OrgId) -> bool;
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
