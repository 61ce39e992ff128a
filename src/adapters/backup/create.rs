//! Making a backup.

use super::error::BackupError;
use super::key::BackupKey;
use super::manifest::{BodiesDump, BodyLine, ChainHead, Manifest, TableDump};
use super::state::Lease;
use super::stream::Writer;
use super::vault::{ChunkId, Packing, Run, Vault};
use super::{Backups, hex};
use crate::adapters::objects::{Bodies, Objects};
use crate::adapters::store::DumpSnapshot;
use crate::limits;
use std::sync::Arc;

/// What a backup took.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it holds.
    pub manifest: Manifest,
    /// Chunks of it that were there already.
    pub shared: u64,
    /// Chunks written.
    pub written: u64,
    /// Older backups that were removed after it.
    pub pruned: u64,
    /// Why older ones, or chunks that nothing names, could not be removed: the backup itself counts all the same.
    pub not_pruned: Option<String>,
}

impl Backups {
    /// Makes a backup of everything, then removes those that no tier keeps. `full`: nothing that is there already counts,
    /// every chunk is written anew.
    ///
    /// # Errors
    /// [`BackupError::Busy`] while another runs; otherwise what failed: nothing of it counts then.
    pub async fn create(&self, full: bool) -> Result<Made, BackupError> {
        let mut lease = Lease::take(&self.store).await?;
        let made = self.make(full, &mut lease).await;
        let released = lease.release().await;
        let made = made?;
        released?;
        Ok(made)
    }

    async fn make(&self, full: bool, lease: &mut Lease) -> Result<Made, BackupError> {
        let (keyring, ids) = (self.store.keyring(), self.store.ids());
        let key = Arc::new(BackupKey::current(&self.objects, keyring, ids.as_ref()).await?);
        let vault = Vault { objects: self.objects.clone(), key };
        let mut run = Run::default();
        if !full {
            run.known = vault.chunks().await?;
        }
        let at = self.store.clock().now_ms();
        let mut snapshot = self.store.database().snapshot().await?;
        let mut manifest = Manifest {
            id: ids.ulid().to_string(),
            at,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            schema: snapshot.schema().await?,
            tables: Vec::new(),
            heads: Vec::new(),
            bodies: BodiesDump {
                copied: false,
                place: String::new(),
                count: 0,
                missing: 0,
                index: Vec::new(),
            },
            chunks: 0,
            octets: 0,
            written: 0,
        };
        for (org, seq, hash) in snapshot.heads().await? {
            manifest.heads.push(ChainHead { org, seq, hash });
        }
        let named = self.tables(&vault, &mut run, &mut snapshot, &mut manifest, lease).await?;
        // The database's moment is over: its log may be folded away while the bodies are read.
        drop(snapshot);
        self.bodies(&vault, &mut run, &mut manifest, named, lease).await?;
        run.all_done().await?;
        manifest.chunks = run.shared.saturating_add(run.written);
        manifest.written = run.written_octets;
        // Whoever held the lease meanwhile may have removed chunks that this run found there.
        lease.renew().await?;
        manifest.write(&self.objects, &vault.key).await?;
        lease.succeeded(at, &manifest.id).await?;
        let (pruned, not_pruned) = match self.prune(&vault, lease).await {
            Ok(count) => (count, None),
            Err(error) => (0, Some(format!("older backups could not be looked through: {error}"))),
        };
        Ok(Made { manifest, shared: run.shared, written: run.written, pruned, not_pruned })
    }

    /// Streams every table; returns how many rows the quarantine has.
    async fn tables(
        &self,
        vault: &Vault,
        run: &mut Run,
        snapshot: &mut DumpSnapshot,
        manifest: &mut Manifest,
        lease: &mut Lease,
    ) -> Result<u64, BackupError> {
        let mut named = 0;
        for table in snapshot.tables().await? {
            let mut writer = Writer::new(vault, run);
            let mut rows = 0_u64;
            for part in snapshot.parts(&table) {
                let mut found = snapshot.rows(&table, part).await?;
                while let Some(record) = found.next().await? {
                    lease.renew_when_due().await?;
                    manifest.octets = manifest.octets.saturating_add(record.len() as u64);
                    rows = rows.saturating_add(1);
                    writer.push(record).await?;
                }
            }
            let index = writer.finish().await?;
            if table.name == "quarantine" {
                named = rows;
            }
            manifest.tables.push(TableDump { table, rows, index: index.iter().map(|id| hex(id)).collect() });
        }
        Ok(named)
    }

    /// Copies the bodies of a folder; those in a cloud stay where they are.
    async fn bodies(
        &self,
        vault: &Vault,
        run: &mut Run,
        manifest: &mut Manifest,
        rows: u64,
        lease: &mut Lease,
    ) -> Result<(), BackupError> {
        let common = self.store.bodies().common().clone();
        common.shown().clone_into(&mut manifest.bodies.place);
        manifest.bodies.copied = common.local().is_some();
        if !manifest.bodies.copied || rows == 0 {
            return Ok(());
        }
        let mut lines = Vec::new();
        for (org, id) in self.store.bodies_named().await? {
            // An object store of an organisation's own is kept by whoever runs it, like a cloud.
            if self.store.bodies().is_pinned(org) {
                continue;
            }
            lease.renew_when_due().await?;
            match copy(vault, run, &common, &Bodies::key(org, id)).await? {
                Some(line) => {
                    manifest.bodies.count = manifest.bodies.count.saturating_add(1);
                    manifest.octets = manifest.octets.saturating_add(line.size);
                    lines.push(line);
                }
                None => manifest.bodies.missing = manifest.bodies.missing.saturating_add(1),
            }
        }
        let mut writer = Writer::new(vault, run);
        for line in &lines {
            let text = serde_json::to_vec(line).map_err(|error| BackupError::Internal(error.to_string()))?;
            let length =
                u32::try_from(text.len()).map_err(|error| BackupError::Internal(error.to_string()))?;
            writer.push(&[&length.to_le_bytes()[..], &text].concat()).await?;
        }
        manifest.bodies.index = writer.finish().await?.iter().map(|id| hex(id)).collect();
        Ok(())
    }
}

/// A body never changes under its name but by a rotation of keys, which changes its time: name, size and time name its
/// parts, so that what is there already is not even read.
async fn copy(
    vault: &Vault,
    run: &mut Run,
    from: &Objects,
    key: &crate::adapters::objects::Key,
) -> Result<Option<BodyLine>, BackupError> {
    let Some(entry) = from.head(key).await? else { return Ok(None) };
    let part = limits::BACKUP_BODY_PART as u64;
    let count = entry.size.div_ceil(part).max(1);
    let names: Vec<ChunkId> = (0..count)
        .map(|number| {
            let what = format!("{key}|{}|{}|{number}", entry.size, entry.modified_ms);
            vault.key.name("body", what.as_bytes())
        })
        .collect();
    let line =
        BodyLine { key: key.to_string(), size: entry.size, parts: names.iter().map(|id| hex(id)).collect() };
    if names.iter().all(|name| run.known.contains(name)) {
        run.shared = run.shared.saturating_add(count);
        return Ok(Some(line));
    }
    let Some(octets) = from.get(key).await? else { return Ok(None) };
    if octets.len() as u64 != entry.size {
        return Err(BackupError::Damaged(format!("the body {key}, which changed while it was read,")));
    }
    let mut rest = octets;
    for name in names {
        let piece = rest.split_to(rest.len().min(limits::BACKUP_BODY_PART));
        vault.put(run, name, piece.to_vec(), Packing::Asis).await?;
    }
    Ok(Some(line))
}
