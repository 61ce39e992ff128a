//! Backups: the whole database at one moment, and the bodies of held mail, in an object store.
//!
//! A backup is a manifest that names chunks of rows. Chunks are named by a keyed hash of what they hold and written
//! once, so that a backup costs what changed since the one before, and none depends on another: any can be removed, and
//! each is complete by itself. `stream` cuts rows into chunks, `vault` seals and stores them, `manifest` is signed,
//! `create`, `check`, `restore` and `prune` are what the commands do. docs/backup.md tells the whole to an operator.

mod check;
mod create;
mod error;
mod key;
mod manifest;
mod place;
mod prune;
mod restore;
mod state;
mod stream;
mod tiers;
mod vault;

pub use check::Verified;
pub use create::Made;
pub use error::BackupError;
pub use manifest::{BodiesDump, ChainHead, Manifest, TableDump};
pub use restore::{RestoreOrder, Restored, Server};
pub use state::BackupState;
pub use tiers::Tiers;

use crate::adapters::audit::AuditAction;
use crate::adapters::objects::{self, Objects};
use crate::adapters::store::Store;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Reads the octets of an opened chunk, and of an opened manifest, as a restore does; their sizes: what `tests/fuzz` calls.
#[doc(hidden)]
#[must_use]
pub fn opened(octets: &[u8]) -> (Option<usize>, Option<usize>) {
    let manifest: Option<Manifest> = serde_json::from_slice(octets).ok();
    let streams = manifest.and_then(|manifest| manifest.streams().ok().map(|streams| streams.len()));
    (vault::expanded(octets).map(|chunk| chunk.len()), streams)
}

/// What backups are made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where they go.
    pub store: objects::Options,
    /// A running server makes one so often.
    pub interval: Duration,
    /// The newest one being older than this raises an alarm.
    pub alarm_after: Duration,
    /// Which stay.
    pub tiers: Tiers,
}

/// The backups of an installation.
pub struct Backups {
    objects: Objects,
    store: Arc<Store>,
    options: Options,
}

impl Backups {
    /// Over the store that the options name.
    ///
    /// # Errors
    /// [`BackupError::Port`] for options that make no store.
    pub fn new(store: Arc<Store>, options: Options) -> Result<Self, BackupError> {
        let objects = Objects::open(&options.store)?;
        Ok(Self { objects, store, options })
    }

    /// Where they are, without credentials.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.objects.shown()
    }

    /// The store they are in.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Which of them stay.
    #[must_use]
    pub fn tiers(&self) -> Tiers {
        self.options.tiers
    }

    /// All backups, oldest first. One that cannot be read is given with the reason.
    ///
    /// # Errors
    /// [`BackupError`] when the store does not answer.
    pub async fn list(&self) -> Result<Vec<(String, Result<Manifest, BackupError>)>, BackupError> {
        let mut found = Vec::new();
        for id in Manifest::ids(&self.objects).await? {
            match Manifest::read(&id, &self.objects, self.store.keyring()).await {
                Ok((manifest, _)) => found.push((id, Ok(manifest))),
                Err(error @ BackupError::Port(_)) => return Err(error),
                Err(error) => found.push((id, Err(error))),
            }
        }
        Ok(found)
    }

    /// When it was made last, and tried out last.
    ///
    /// # Errors
    /// [`BackupError`] of the database.
    pub async fn state(&self) -> Result<BackupState, BackupError> {
        Ok(BackupState::read(&self.store).await?)
    }

    /// Names of the organisations that are pinned to a database of their own: each such database is backed up by itself,
    /// to a place that its owner chose.
    ///
    /// # Errors
    /// [`BackupError`] of the database.
    pub async fn not_covered(&self) -> Result<Vec<String>, BackupError> {
        let away = self.store.organisations_away().await?;
        let all = self
            .store
            .organisations()
            .await?
            .into_iter()
            .filter(|org| self.store.database().is_pinned(org.id));
        let mut names: Vec<String> =
            all.map(|org| org.name).chain(away.into_iter().map(|away| away.organisation.name)).collect();
        names.sort();
        Ok(names)
    }

    /// Notes in every organisation's audit that a backup was made.
    ///
    /// # Errors
    /// [`BackupError`] of the database.
    pub async fn note_created(&self, made: &Made, actor: &str) -> Result<(), BackupError> {
        let detail = json!({ "rows": made.manifest.rows(), "bodies": made.manifest.bodies.count });
        self.note(AuditAction::BackupCreate, &made.manifest.id, detail, actor).await
    }

    /// Notes how a drill ended: for health pages and in every organisation's audit.
    ///
    /// # Errors
    /// [`BackupError`] of the database.
    pub async fn note_drill(
        &self,
        drill: &Result<Restored, BackupError>,
        actor: &str,
    ) -> Result<(), BackupError> {
        state::note_drill(&self.store, drill.is_ok()).await?;
        let (id, rows) = match drill {
            Ok(restored) => (restored.manifest.id.as_str(), Some(restored.manifest.rows())),
            Err(_) => ("none", None),
        };
        self.note(AuditAction::BackupDrill, id, json!({ "ok": drill.is_ok(), "rows": rows }), actor).await
    }

    async fn note(
        &self,
        action: AuditAction,
        subject: &str,
        detail: serde_json::Value,
        actor: &str,
    ) -> Result<(), BackupError> {
        for organisation in self.store.organisations_here().await? {
            let mut write = self.store.database().scope(organisation.id).write().await?;
            self.store.note(&mut write, organisation.id, actor, action, subject, detail.clone()).await?;
            write.commit().await?;
        }
        Ok(())
    }
}

/// Lower-case hexadecimal.
fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len().saturating_mul(2)), |mut out, octet| {
        // Writing into a String cannot fail.
        write!(out, "{octet:02x}").ok();
        out
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |octet: u8| char::from(octet).to_digit(16);
    pairs.iter().map(|[high, low]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()).collect()
}
