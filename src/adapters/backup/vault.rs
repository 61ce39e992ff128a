//! Chunks: at most 4 MiB each, named by a keyed hash, compressed, sealed, and written once.

use super::error::BackupError;
use super::hex;
use super::key::BackupKey;
use crate::adapters::objects::{Key, Objects};
use crate::limits;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A chunk's name.
pub(super) type ChunkId = [u8; 32];

/// Said by the first octet of an opened chunk.
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// The store of chunks, with the key to them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Vault {
    pub(super) objects: Objects,
    pub(super) key: Arc<BackupKey>,
}

/// What is done to a chunk before it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Compressed, where that makes it smaller: rows, indexes.
    Deflate,
    /// Left as it is: octets that were sealed before never get smaller, and trying is most of a large backup's work.
    Asis,
}

/// One run that writes: what is there already, what is on its way, what it cost.
#[derive(Default)]
pub(super) struct Run {
    pub(super) known: HashSet<ChunkId>,
    uploads: JoinSet<Result<u64, BackupError>>,
    /// Chunks of this backup that were already there.
    pub(super) shared: u64,
    /// Chunks written by this run.
    pub(super) written: u64,
    /// Octets written by this run, sealed.
    pub(super) written_octets: u64,
}

impl Vault {
    /// Names of all chunks in the store.
    pub(super) async fn chunks(&self) -> Result<HashSet<ChunkId>, BackupError> {
        let mut found = HashSet::new();
        let mut listing = self.objects.list(&Key::of("chunks"));
        while let Some(entry) = listing.next().await? {
            if let Some(id) = id_of(entry.key.name()) {
                found.insert(id);
            }
        }
        Ok(found)
    }

    /// Writes a chunk unless it is there; goes on while at most `limits::BACKUP_UPLOADS` are under way.
    pub(super) async fn put(
        &self,
        run: &mut Run,
        id: ChunkId,
        octets: Vec<u8>,
        packing: Packing,
    ) -> Result<(), BackupError> {
        if !run.known.insert(id) {
            run.shared = run.shared.saturating_add(1);
            return Ok(());
        }
        while run.uploads.len() >= limits::BACKUP_UPLOADS {
            run.one_done().await?;
        }
        let vault = self.clone();
        run.uploads.spawn(async move {
            let (place, name) = (place(&id), hex(&id));
            let key = Arc::clone(&vault.key);
            let sealing = tokio::task::spawn_blocking(move || key.seal(&name, packed(octets, packing)));
            let sealed = sealing.await.map_err(|error| BackupError::Internal(error.to_string()))??;
            let size = sealed.len() as u64;
            vault.objects.put(&place, sealed.into()).await?;
            Ok(size)
        });
        Ok(())
    }

    /// Reads and opens a chunk.
    pub(super) async fn get(&self, id: &ChunkId) -> Result<Vec<u8>, BackupError> {
        let name = hex(id);
        let sealed = self.objects.get(&place(id)).await?;
        let sealed = sealed.ok_or_else(|| BackupError::Missing(format!("chunk {name}")))?;
        let key = Arc::clone(&self.key);
        let opening = tokio::task::spawn_blocking(move || {
            let damaged = || BackupError::Damaged(format!("chunk {name}"));
            let opened = key.open(&name, &sealed).map_err(|_| damaged())?;
            expanded(&opened).ok_or_else(damaged)
        });
        opening.await.map_err(|error| BackupError::Internal(error.to_string()))?
    }
}

impl Run {
    async fn one_done(&mut self) -> Result<(), BackupError> {
        let Some(done) = self.uploads.join_next().await else { return Ok(()) };
        let size = done.map_err(|error| BackupError::Internal(error.to_string()))??;
        self.written = self.written.saturating_add(1);
        self.written_octets = self.written_octets.saturating_add(size);
        Ok(())
    }

    /// Waits until everything is written.
    pub(super) async fn all_done(&mut self) -> Result<(), BackupError> {
        while !self.uploads.is_empty() {
            self.one_done().await?;
        }
        Ok(())
    }
}

pub(super) fn place(id: &ChunkId) -> Key {
    Key::of("chunks").join(&Key::of(hex(id)))
}

/// The id that a name of 64 hexadecimal digits stands for.
pub(super) fn id_of(name: &str) -> Option<ChunkId> {
    super::from_hex(name)?.try_into().ok()
}

fn packed(octets: Vec<u8>, packing: Packing) -> Vec<u8> {
    match packing {
        Packing::Deflate => compressed(octets),
        Packing::Asis => plain(&octets),
    }
}

fn plain(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len().saturating_add(1));
    out.push(PLAIN);
    out.extend_from_slice(octets);
    out
}

fn compressed(octets: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len().saturating_add(1));
    out.push(DEFLATED);
    let mut encoder = DeflateEncoder::new(out, Compression::fast());
    match encoder.write_all(&octets).and_then(|()| encoder.finish()) {
        Ok(out) if out.len() <= octets.len() => out,
        // Sealed columns do not get smaller.
        _ => plain(&octets),
    }
}

pub(super) fn expanded(octets: &[u8]) -> Option<Vec<u8>> {
    match octets.split_first()? {
        (&PLAIN, rest) => Some(rest.to_vec()),
        (&DEFLATED, rest) => {
            let mut out = Vec::new();
            let most = u64::try_from(limits::MAX_BACKUP_CHUNK).ok()?;
            DeflateDecoder::new(rest).take(most.saturating_add(1)).read_to_end(&mut out).ok()?;
            (out.len() <= limits::MAX_BACKUP_CHUNK).then_some(out)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_shrink_where_they_can_and_come_back_whole() {
        for octets in [Vec::new(), vec![7; 100_000], (0..=255).collect::<Vec<u8>>()] {
            let packed = compressed(octets.clone());
            assert!(packed.len() <= octets.len() + 1);
            assert_eq!(expanded(&packed).unwrap(), octets);
            assert_eq!(expanded(&super::packed(octets.clone(), Packing::Asis)).unwrap(), octets);
        }
        assert!(compressed(vec![7; 100_000]).len() < 1_000);
        assert!(expanded(&[]).is_none() && expanded(&[9]).is_none() && expanded(&[DEFLATED, 0xFF]).is_none());
        let bomb = compressed(vec![0; limits::MAX_BACKUP_CHUNK + 1]);
        assert!(expanded(&bomb).is_none(), "bounded");
    }
}
