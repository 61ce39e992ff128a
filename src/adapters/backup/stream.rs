//! Streams of records over chunks.
//!
//! A stream is cut where its content says so (a record's own hash decides), never at fixed places: a row more or less
//! moves no other cut, and every chunk without a change has the name it had before. The names of a stream's chunks are a
//! stream themselves, cut the same way; the manifest holds the names of that one's chunks. So order and completeness of
//! everything hang on the manifest's signature, and a backup without changes writes nothing but a manifest.

use super::error::BackupError;
use super::vault::{ChunkId, Packing, Run, Vault};
use crate::limits;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher as _};
use tokio::task::JoinHandle;

/// How large chunks are: none but the last below `least`, none above `most`, `usual` on average.
#[derive(Clone, Copy)]
struct Sizes {
    least: usize,
    usual: usize,
    most: usize,
}

const DATA: Sizes =
    Sizes { least: limits::BACKUP_CHUNK / 4, usual: limits::BACKUP_CHUNK, most: limits::BACKUP_CHUNK * 4 };
const INDEX: Sizes = Sizes { least: 4 * 1_024, usual: 16 * 1_024, most: 64 * 1_024 };

/// Collects records until a chunk is full.
struct Cutter {
    sizes: Sizes,
    buffer: Vec<u8>,
}

impl Cutter {
    fn new(sizes: Sizes) -> Self {
        Self { sizes, buffer: Vec::new() }
    }

    /// Takes a record; what is returned is to be written, in order.
    fn push(&mut self, record: &[u8]) -> Vec<Vec<u8>> {
        self.buffer.extend_from_slice(record);
        let mut full = Vec::new();
        while self.buffer.len() > self.sizes.most {
            let rest = self.buffer.split_off(self.sizes.most);
            full.push(std::mem::replace(&mut self.buffer, rest));
        }
        if self.buffer.len() >= self.sizes.least && self.ends_at(record) {
            full.push(std::mem::take(&mut self.buffer));
        }
        full
    }

    /// One octet in `usual` ends a chunk, so that chunks are as large whatever a record's size.
    fn ends_at(&self, record: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(record);
        let chance = hasher.finish().checked_rem(self.sizes.usual as u64).unwrap_or_default();
        chance < record.len() as u64
    }
}

/// A stream that is being written.
pub(super) struct Writer<'a> {
    vault: &'a Vault,
    run: &'a mut Run,
    records: Cutter,
    names: Cutter,
    index: Vec<ChunkId>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(vault: &'a Vault, run: &'a mut Run) -> Self {
        Self { vault, run, records: Cutter::new(DATA), names: Cutter::new(INDEX), index: Vec::new() }
    }

    /// Appends a record.
    pub(super) async fn push(&mut self, record: &[u8]) -> Result<(), BackupError> {
        for chunk in self.records.push(record) {
            self.chunk(chunk).await?;
        }
        Ok(())
    }

    async fn chunk(&mut self, octets: Vec<u8>) -> Result<(), BackupError> {
        let id = self.vault.key.name("data", &octets);
        self.vault.put(self.run, id, octets, Packing::Deflate).await?;
        for names in self.names.push(&id) {
            self.name(names).await?;
        }
        Ok(())
    }

    async fn name(&mut self, names: Vec<u8>) -> Result<(), BackupError> {
        let id = self.vault.key.name("index", &names);
        self.index.push(id);
        self.vault.put(self.run, id, names, Packing::Deflate).await
    }

    /// Ends the stream; what is returned finds it again.
    pub(super) async fn finish(mut self) -> Result<Vec<ChunkId>, BackupError> {
        let last = std::mem::take(&mut self.records.buffer);
        if !last.is_empty() {
            self.chunk(last).await?;
        }
        let last = std::mem::take(&mut self.names.buffer);
        if !last.is_empty() {
            self.name(last).await?;
        }
        Ok(self.index)
    }
}

/// A stream that is being read, a few chunks ahead.
pub(super) struct Reader<'a> {
    vault: &'a Vault,
    index: VecDeque<ChunkId>,
    names: VecDeque<ChunkId>,
    ahead: VecDeque<JoinHandle<Result<Vec<u8>, BackupError>>>,
    buffer: Vec<u8>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(vault: &'a Vault, index: &[ChunkId]) -> Self {
        Self {
            vault,
            index: index.iter().copied().collect(),
            names: VecDeque::new(),
            ahead: VecDeque::new(),
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// The next record without its length; `None` at the end. `what` names the stream if it is cut.
    pub(super) async fn next(&mut self, what: &str) -> Result<Option<&[u8]>, BackupError> {
        let cut = || BackupError::Damaged(format!("the stream of {what}"));
        if !self.fill(4).await? {
            return if self.at >= self.buffer.len() { Ok(None) } else { Err(cut()) };
        }
        let head = self.buffer.get(self.at..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*head)).map_err(|_| cut())?;
        if length > limits::MAX_BACKUP_RECORD || !self.fill(length.saturating_add(4)).await? {
            return Err(cut());
        }
        let start = self.at.saturating_add(4);
        self.at = start.saturating_add(length);
        self.buffer.get(start..self.at).map(Some).ok_or_else(cut)
    }

    /// Whether so many octets are there to be taken; reads on until they are.
    async fn fill(&mut self, octets: usize) -> Result<bool, BackupError> {
        while self.buffer.len().saturating_sub(self.at) < octets {
            let Some(chunk) = self.chunk().await? else { return Ok(false) };
            self.buffer.drain(..self.at);
            self.at = 0;
            self.buffer.extend_from_slice(&chunk);
        }
        Ok(true)
    }

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        while self.ahead.len() < limits::BACKUP_UPLOADS {
            let Some(id) = self.next_name().await? else { break };
            let vault = self.vault.clone();
            self.ahead.push_back(tokio::spawn(async move { vault.get(&id).await }));
        }
        let Some(next) = self.ahead.pop_front() else { return Ok(None) };
        next.await.map_err(|error| BackupError::Internal(error.to_string()))?.map(Some)
    }

    async fn next_name(&mut self) -> Result<Option<ChunkId>, BackupError> {
        if self.names.is_empty()
            && let Some(id) = self.index.pop_front()
        {
            self.names = names(self.vault, &id).await?.into();
        }
        Ok(self.names.pop_front())
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.ahead.iter().for_each(JoinHandle::abort);
    }
}

/// The names that one chunk of an index holds.
pub(super) async fn names(vault: &Vault, id: &ChunkId) -> Result<Vec<ChunkId>, BackupError> {
    let octets = vault.get(id).await?;
    let (names, rest) = octets.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(BackupError::Damaged("an index".to_owned()));
    }
    Ok(names.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(Sizes { least: 100, usual: 400, most: 1_600 });
        let mut chunks: Vec<Vec<u8>> = records.iter().flat_map(|record| cutter.push(record)).collect();
        chunks.push(cutter.buffer);
        chunks
    }

    #[test]
    fn a_changed_record_changes_its_chunk_alone() {
        let record = |n: usize| format!("record {n} {}|", n * n).into_bytes();
        let mut records: Vec<Vec<u8>> = (0..2_000).map(record).collect();
        let before = cut(&records);
        assert_eq!(before.concat(), records.concat());
        assert!(before.iter().all(|chunk| chunk.len() <= 1_600));
        assert!(before.len() > 30, "{}", before.len());
        for change in 0..3 {
            match change {
                0 => records[777] = b"another one|".to_vec(),
                1 => drop(records.remove(1_200)),
                _ => records.insert(400, b"one more|".to_vec()),
            }
            let after = cut(&records);
            let new = after.iter().filter(|chunk| !before.contains(chunk)).count();
            assert!(new <= 2 * (change + 1), "{new} chunks for {} changes", change + 1);
        }
    }

    #[test]
    fn records_larger_than_a_chunk_are_split() {
        let chunks = cut(&[vec![1; 5_000], vec![2; 10]]);
        assert_eq!(chunks.concat().len(), 5_010);
        assert!(chunks.iter().all(|chunk| chunk.len() <= 1_600));
    }
}
