//! What the background jobs call, one trait a job.

use super::PortError;
use crate::model::{OrgId, Retained};
use async_trait::async_trait;
use serde::Serialize;
use std::time::Duration;

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
