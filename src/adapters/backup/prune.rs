//! Removing what no tier keeps, and the chunks that nothing names any more.

use super::error::BackupError;
use super::manifest::{Manifest, chunk_ids, place};
use super::state::Lease;
use super::stream::{Reader, names};
use super::vault::{ChunkId, Vault, id_of};
use super::{Backups, manifest::BodyLine};
use crate::adapters::objects::Key;
use crate::limits;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use ulid::Ulid;

impl Backups {
    /// Removes the backups that no tier keeps, and, once a day, unnamed chunks. Only under the lease: a run that found a
    /// chunk there counts on it. Returns how many backups went.
    pub(super) async fn prune(&self, vault: &Vault, lease: &mut Lease) -> Result<u64, BackupError> {
        let now = self.store.clock().now_ms();
        let times: BTreeMap<i64, String> = Manifest::ids(&self.objects)
            .await?
            .into_iter()
            .filter_map(|id| Some((i64::try_from(Ulid::from_string(&id).ok()?.timestamp_ms()).ok()?, id)))
            .collect();
        let kept = self.options.tiers.kept(&times.keys().copied().collect::<BTreeSet<_>>(), now);
        let mut removed = 0_u64;
        for (_, id) in times.iter().filter(|(time, _)| !kept.contains(*time)) {
            self.objects.delete(&place(id)).await?;
            removed = removed.saturating_add(1);
        }
        let due =
            lease.swept().await?.saturating_add(limits::BACKUP_SWEEP.as_millis().try_into().unwrap_or(0));
        if due <= now {
            self.sweep(vault, lease, now).await?;
            lease.note_swept(now).await?;
        }
        Ok(removed)
    }

    /// A manifest that cannot be read stops it: what it names is not known.
    async fn sweep(&self, vault: &Vault, lease: &mut Lease, now: i64) -> Result<(), BackupError> {
        let mut named: HashSet<ChunkId> = HashSet::new();
        let mut seen: HashSet<ChunkId> = HashSet::new();
        for id in Manifest::ids(&self.objects).await? {
            lease.renew_when_due().await?;
            let (manifest, _) = Manifest::read(&id, &self.objects, self.store.keyring()).await?;
            for (_, index) in manifest.streams()? {
                for chunk in index.into_iter().filter(|chunk| seen.insert(*chunk)) {
                    named.insert(chunk);
                    named.extend(names(vault, &chunk).await?);
                }
            }
            let bodies = chunk_ids(&manifest.bodies.index)?;
            let mut lines = Reader::new(vault, &bodies);
            while let Some(line) = lines.next("bodies").await? {
                named.extend(parts(line)?);
            }
        }
        let grace = i64::try_from(limits::BACKUP_GRACE.as_millis()).unwrap_or(i64::MAX);
        let mut listing = self.objects.list(&Key::of("chunks"));
        while let Some(entry) = listing.next().await? {
            lease.renew_when_due().await?;
            let unnamed = id_of(entry.key.name()).is_some_and(|id| !named.contains(&id));
            if unnamed && entry.modified_ms < now.saturating_sub(grace) {
                self.objects.delete(&entry.key).await?;
            }
        }
        self.objects.sweep_unfinished(&Key::of("chunks"), now, limits::BACKUP_GRACE).await?;
        Ok(())
    }
}

/// The chunks of a body.
pub(super) fn parts(line: &[u8]) -> Result<Vec<ChunkId>, BackupError> {
    let line: BodyLine =
        serde_json::from_slice(line).map_err(|_| BackupError::Damaged("the list of bodies".to_owned()))?;
    chunk_ids(&line.parts)
}
