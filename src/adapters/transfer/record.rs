//! The records of an export: a kind, a length, and what it says.

use super::error::TransferError;
use super::file::{Reader, Writer};
use crate::adapters::keyring::{KeyPurpose, KeyState, WrappedKey};
use crate::adapters::store::{DatedKey, DumpTable};
use crate::limits;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// [`Manifest`]; the first.
    Manifest = 1,
    /// [`KeyRecord`].
    Key = 2,
    /// Index of a table in the manifest: its rows follow.
    Table = 3,
    /// A row, as in a backup.
    Row = 4,
    /// [`BodyRecord`]: its octets follow.
    Body = 5,
    /// A part of a body.
    Octets = 6,
    /// [`End`]; the last.
    End = 7,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Manifest, Self::Key, Self::Table, Self::Row, Self::Body, Self::Octets, Self::End];
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) org: String,
    pub(super) name: String,
    /// Unix milliseconds.
    pub(super) at: i64,
    pub(super) program: String,
    /// Number of the newest migration.
    pub(super) schema: i64,
    pub(super) tables: Vec<DumpTable>,
    /// Number and hash of the newest audit entry.
    pub(super) head: (i64, String),
}

/// One key, wrapped by the key of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    purpose: String,
    key_id: u32,
    state: String,
    wrapped: String,
    created_at: i64,
    changed_at: i64,
}

/// A body, sealed under the organisation's data key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BodyRecord {
    pub(super) id: String,
    pub(super) size: u64,
}

/// What there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) rows: u64,
    pub(super) keys: u64,
    pub(super) bodies: u64,
    /// Bodies that rows name and that were nowhere.
    pub(super) missing: u64,
}

impl KeyRecord {
    pub(super) fn of(dated: &DatedKey, wrapped: &WrappedKey) -> Self {
        Self {
            purpose: wrapped.purpose.as_str().to_owned(),
            key_id: wrapped.key_id,
            state: wrapped.state.as_str().to_owned(),
            wrapped: super::file::hex(&wrapped.wrapped),
            created_at: dated.created_at,
            changed_at: dated.changed_at,
        }
    }

    pub(super) fn key(&self) -> Option<DatedKey> {
        let key = WrappedKey {
            purpose: KeyPurpose::from_name(&self.purpose)?,
            key_id: self.key_id,
            state: KeyState::from_name(&self.state)?,
            wrapped: super::file::from_hex(&self.wrapped)?,
        };
        Some(DatedKey { key, created_at: self.created_at, changed_at: self.changed_at })
    }
}

impl Writer {
    pub(super) fn record(&mut self, kind: Kind, octets: &[u8]) -> Result<(), TransferError> {
        let length =
            u32::try_from(octets.len()).map_err(|_| TransferError::Damaged("a record is too large"))?;
        self.push(&[kind as u8])?;
        self.push(&length.to_le_bytes())?;
        self.push(octets)
    }

    pub(super) fn json(&mut self, kind: Kind, value: &impl Serialize) -> Result<(), TransferError> {
        let text = serde_json::to_vec(value).map_err(|_| TransferError::Damaged("a record"))?;
        self.record(kind, &text)
    }
}

impl Reader {
    pub(super) fn record(&mut self) -> Result<(Kind, Vec<u8>), TransferError> {
        let start = self.take(5)?;
        let (kind, length) = start.split_first_chunk::<1>().ok_or(TransferError::Damaged("a record"))?;
        let kind = Kind::ALL.into_iter().find(|known| [*known as u8] == *kind);
        let length = length.first_chunk::<4>().map(|octets| u32::from_le_bytes(*octets)).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > limits::MAX_BACKUP_RECORD {
            return Err(TransferError::Damaged("a record is too large"));
        }
        Ok((kind.ok_or(TransferError::Damaged("a record of an unknown kind"))?, self.take(length)?))
    }
}

pub(super) fn parsed<T: DeserializeOwned>(octets: &[u8]) -> Result<T, TransferError> {
    serde_json::from_slice(octets).map_err(|_| TransferError::Damaged("a record cannot be read"))
}

/// A version as it may be shown: short and printable.
pub(super) fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
