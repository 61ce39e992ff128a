//! Verifying a backup: everything it names is there, opens, and holds as many rows as it says.

use super::Backups;
use super::error::BackupError;
use super::manifest::{Manifest, TableDump, chunk_ids};
use super::prune::parts;
use super::stream::Reader;
use super::vault::Vault;
use std::sync::Arc;

/// What verifying found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What the backup holds.
    pub manifest: Manifest,
    /// What is wrong, one line each; empty: the backup is whole.
    pub findings: Vec<String>,
    /// Rows read.
    pub rows: u64,
    /// Bodies read.
    pub bodies: u64,
}

impl Backups {
    /// Reads a backup whole. What is wrong with its parts is an answer, not an error.
    ///
    /// # Errors
    /// [`BackupError`] when the manifest cannot be trusted or the store does not answer.
    pub async fn verify(&self, id: Option<&str>) -> Result<Verified, BackupError> {
        let (manifest, vault) = self.open(id).await?;
        let mut verified = Verified { findings: Vec::new(), rows: 0, bodies: 0, manifest };
        let manifest = verified.manifest.clone();
        for dump in &manifest.tables {
            match table(&vault, dump).await {
                Ok(rows) => verified.rows = verified.rows.saturating_add(rows),
                Err(error) => verified.findings.push(found(error)?),
            }
        }
        if manifest.bodies.copied {
            match bodies(&vault, &manifest).await {
                Ok(count) => verified.bodies = count,
                Err(error) => verified.findings.push(found(error)?),
            }
        }
        Ok(verified)
    }

    /// The manifest of a backup (of the newest when none is named), and the way to its chunks.
    pub(super) async fn open(&self, id: Option<&str>) -> Result<(Manifest, Vault), BackupError> {
        let id = match id {
            Some(id) => id.to_owned(),
            None => Manifest::ids(&self.objects)
                .await?
                .pop_last()
                .ok_or_else(|| BackupError::NoBackup("yet".to_owned(), self.objects.shown().to_owned()))?,
        };
        let (manifest, key) = Manifest::read(&id, &self.objects, self.store.keyring()).await?;
        Ok((manifest, Vault { objects: self.objects.clone(), key: Arc::new(key) }))
    }
}

/// A store that is away says nothing about the backup.
fn found(error: BackupError) -> Result<String, BackupError> {
    match error {
        BackupError::Port(_) | BackupError::Store(_) | BackupError::Internal(_) => Err(error),
        other => Ok(other.to_string()),
    }
}

async fn table(vault: &Vault, dump: &TableDump) -> Result<u64, BackupError> {
    let mut reader = Reader::new(vault, &chunk_ids(&dump.index)?);
    let mut rows = 0_u64;
    while reader.next(&dump.table.name).await?.is_some() {
        rows = rows.saturating_add(1);
    }
    if rows == dump.rows {
        return Ok(rows);
    }
    Err(BackupError::Rows { table: dump.table.name.clone(), expected: dump.rows, found: rows })
}

async fn bodies(vault: &Vault, manifest: &Manifest) -> Result<u64, BackupError> {
    let mut reader = Reader::new(vault, &chunk_ids(&manifest.bodies.index)?);
    let mut count = 0_u64;
    while let Some(line) = reader.next("bodies").await? {
        for part in parts(line)? {
            vault.get(&part).await?;
        }
        count = count.saturating_add(1);
    }
    let expected = manifest.bodies.count;
    if count == expected {
        return Ok(count);
    }
    Err(BackupError::Rows { table: "the list of bodies".to_owned(), expected, found: count })
}
