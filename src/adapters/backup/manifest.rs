//! The manifest: what a backup holds and where. Sealed, because it names organisations and sizes; signed, because all
//! order and completeness hangs on it.

use super::error::BackupError;
use super::key::BackupKey;
use super::vault::ChunkId;
use super::{from_hex, hex};
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::objects::{Key, Objects};
use crate::adapters::store::{Database, DumpTable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Form of the manifest.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its id, a ULID.
    pub id: String,
    /// The moment whose state it is, Unix milliseconds.
    pub at: i64,
    /// Version of the program that wrote it.
    pub program: String,
    /// Newest migration of the schema.
    pub schema: i64,
    /// The tables, parents first.
    pub tables: Vec<TableDump>,
    /// Head of every audit chain.
    pub heads: Vec<ChainHead>,
    /// The bodies of held mail.
    pub bodies: BodiesDump,
    /// Chunks that hold it, indexes included.
    pub chunks: u64,
    /// Octets of rows and bodies, as they are.
    pub octets: u64,
    /// Octets that had to be written for it, sealed; the rest was there from backups before it.
    pub written: u64,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDump {
    /// Name, columns, key.
    pub table: DumpTable,
    /// Number of rows.
    pub rows: u64,
    /// Chunks of its index, hexadecimal.
    pub index: Vec<String>,
}

/// Where a chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Whose.
    pub org: String,
    /// Number of the newest entry.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// The bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodiesDump {
    /// Whether their octets are in the backup; otherwise they stay in their object store, which is named.
    pub copied: bool,
    /// The object store.
    pub place: String,
    /// How many entries of the quarantine have one.
    pub count: u64,
    /// Entries whose body was not there: deleted since the moment of the backup, or lost.
    pub missing: u64,
    /// Chunks of the list's index, hexadecimal; empty where they are not copied.
    pub index: Vec<String>,
}

/// One line of the bodies' list.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BodyLine {
    /// Name in the object store.
    pub(super) key: String,
    pub(super) size: u64,
    /// Its parts, hexadecimal.
    pub(super) parts: Vec<String>,
}

/// What lies in the store.
#[derive(Serialize, Deserialize)]
struct Envelope {
    format: u32,
    id: String,
    key: String,
    /// A copy of the wrapped key.
    wrapped: String,
    /// For whoever verifies with the public half alone.
    public_key: String,
    sealed: String,
    signature: String,
}

impl Envelope {
    fn statement(&self) -> Vec<u8> {
        let (format, id, key, sealed) = (self.format, &self.id, &self.key, &self.sealed);
        format!("sentra-backup-manifest-v1|{format}|{id}|{key}|{sealed}").into_bytes()
    }
}

pub(super) fn place(id: &str) -> Key {
    Key::of("manifests").join(&Key::of(id))
}

fn bound(id: &str) -> String {
    format!("manifest {id}")
}

impl Manifest {
    /// Ids of all backups in the store, oldest first.
    pub(super) async fn ids(objects: &Objects) -> Result<BTreeSet<String>, BackupError> {
        let mut found = BTreeSet::new();
        let mut listing = objects.list(&Key::of("manifests"));
        while let Some(entry) = listing.next().await? {
            found.insert(entry.key.name().to_owned());
        }
        Ok(found)
    }

    /// Seals, signs and writes it: from now on the backup counts.
    pub(super) async fn write(&self, objects: &Objects, key: &BackupKey) -> Result<(), BackupError> {
        let text = serde_json::to_vec(self).map_err(|error| BackupError::Internal(error.to_string()))?;
        let mut envelope = Envelope {
            format: FORMAT,
            id: self.id.clone(),
            key: key.id.clone(),
            wrapped: hex(&key.wrapped),
            public_key: key.public(),
            sealed: hex(&key.seal(&bound(&self.id), text)?),
            signature: String::new(),
        };
        envelope.signature = key.sign(&envelope.statement())?;
        let text = serde_json::to_vec(&envelope).map_err(|error| BackupError::Internal(error.to_string()))?;
        Ok(objects.put(&place(&self.id), text.into()).await?)
    }

    /// Reads, verifies and opens one.
    pub(super) async fn read(
        id: &str,
        objects: &Objects,
        keyring: &LocalKeyring,
    ) -> Result<(Self, BackupKey), BackupError> {
        let name = bound(id);
        let damaged = || BackupError::Damaged(name.clone());
        let text = objects.get(&place(id)).await?;
        let text = text.ok_or_else(|| BackupError::NoBackup(id.to_owned(), objects.shown().to_owned()))?;
        let envelope: Envelope = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if envelope.format > FORMAT {
            return Err(BackupError::Newer(id.to_owned(), i64::from(envelope.format)));
        }
        let copy = from_hex(&envelope.wrapped).ok_or_else(damaged)?;
        let key = BackupKey::of(&envelope.key, &copy, objects, keyring).await?;
        let signature = from_hex(&envelope.signature).ok_or_else(damaged)?;
        if envelope.id != id || !key.verifies(&envelope.statement(), &signature) {
            return Err(damaged());
        }
        let text = key.open(&name, &from_hex(&envelope.sealed).ok_or_else(damaged)?)?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if manifest.id != id {
            return Err(damaged());
        }
        if manifest.schema > Database::newest_schema() {
            return Err(BackupError::Newer(id.to_owned(), manifest.schema));
        }
        Ok((manifest, key))
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().fold(0, |sum, table| sum.saturating_add(table.rows))
    }

    /// Every stream: its name and the chunks of its index.
    pub(super) fn streams(&self) -> Result<Vec<(&str, Vec<ChunkId>)>, BackupError> {
        let tables = self.tables.iter().map(|dump| (dump.table.name.as_str(), &dump.index));
        let all = tables.chain(std::iter::once(("bodies", &self.bodies.index)));
        all.map(|(name, index)| Ok((name, chunk_ids(index)?))).collect()
    }
}

/// Names as they stand in JSON.
pub(super) fn chunk_ids(names: &[String]) -> Result<Vec<ChunkId>, BackupError> {
    let one = |name: &String| {
        super::vault::id_of(name).ok_or_else(|| BackupError::Damaged("an index of the manifest".to_owned()))
    };
    names.iter().map(one).collect()
}
