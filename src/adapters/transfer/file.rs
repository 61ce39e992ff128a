//! The file of an export: a head in the open, then sealed chunks.
//!
//! `SENTRAOX` | length (4, little endian) | head (JSON) | proof of the head (32) | chunks. A chunk is its length (4) and
//! nonce, ciphertext and tag of AES-256-GCM. Each is bound to the file, its number and whether it is the last, so that
//! chunks cannot be exchanged, left out or cut off unseen. One chunk is in memory at a time.

use super::error::TransferError;
use super::key::{Derivation, ExportKey, Secret};
use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::path::Path;

const MAGIC: &[u8; 8] = b"SENTRAOX";
/// The only form so far.
pub(super) const FORM: u32 = 1;
/// Octets that sealing adds: nonce and tag.
const SEAL: usize = 28;
/// Octets of the proof of the head.
const PROOF: usize = 32;

/// What stands in the open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) form: u32,
    /// Names the file.
    pub(super) id: String,
    /// Version of the program.
    pub(super) program: String,
    pub(super) key: Derivation,
}

/// An export being written.
pub(super) struct Writer {
    file: BufWriter<File>,
    shown: String,
    key: ExportKey,
    id: String,
    number: u64,
    buffer: Vec<u8>,
    /// Octets written.
    pub(super) written: u64,
}

impl Writer {
    pub(super) async fn new(
        file: File,
        path: &Path,
        id: String,
        secret: &Secret,
    ) -> Result<Self, TransferError> {
        let derivation = secret.derivation()?;
        let key = secret.derive(&derivation).await?;
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let head = Head { form: FORM, id: id.clone(), program, key: derivation };
        let head = serde_json::to_vec(&head).map_err(|_| TransferError::Damaged("its head"))?;
        let length = u32::try_from(head.len()).map_err(|_| TransferError::Damaged("its head"))?;
        let mut all = MAGIC.to_vec();
        all.extend_from_slice(&length.to_le_bytes());
        all.extend_from_slice(&head);
        let proof = key.prove(&all);
        all.extend_from_slice(&proof);
        let shown = path.display().to_string();
        let mut writer = Self {
            file: BufWriter::new(file),
            shown,
            key,
            id,
            number: 0,
            buffer: Vec::with_capacity(limits::EXPORT_CHUNK),
            written: 0,
        };
        writer.put(&all)?;
        Ok(writer)
    }

    pub(super) fn key(&self) -> &ExportKey {
        &self.key
    }

    fn put(&mut self, octets: &[u8]) -> Result<(), TransferError> {
        self.written = self.written.saturating_add(octets.len() as u64);
        self.file.write_all(octets).map_err(|error| TransferError::File(self.shown.clone(), error))
    }

    pub(super) fn push(&mut self, mut octets: &[u8]) -> Result<(), TransferError> {
        while !octets.is_empty() {
            // The last chunk is written at the end, so one that is full waits for what comes after it.
            if self.buffer.len() >= limits::EXPORT_CHUNK {
                self.chunk(false)?;
            }
            let room = limits::EXPORT_CHUNK.saturating_sub(self.buffer.len()).min(octets.len());
            let (now, rest) = octets.split_at_checked(room).unwrap_or((octets, &[]));
            self.buffer.extend_from_slice(now);
            octets = rest;
        }
        Ok(())
    }

    fn chunk(&mut self, last: bool) -> Result<(), TransferError> {
        let name = name(&self.id, self.number, last);
        let sealed = self.key.seal(&name, std::mem::take(&mut self.buffer))?;
        self.number = self.number.saturating_add(1);
        let length = u32::try_from(sealed.len()).map_err(|_| TransferError::Damaged("a chunk"))?;
        self.put(&length.to_le_bytes())?;
        self.put(&sealed)
    }

    /// Ends the file: it is on the disk when this returns.
    pub(super) fn finish(mut self) -> Result<u64, TransferError> {
        self.chunk(true)?;
        let failed = |error| TransferError::File(self.shown.clone(), error);
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(failed)?;
        Ok(self.written)
    }
}

/// An export being read.
pub(super) struct Reader {
    file: BufReader<File>,
    shown: String,
    key: ExportKey,
    id: String,
    number: u64,
    ended: bool,
    buffer: Vec<u8>,
    at: usize,
}

impl Reader {
    /// Reads the head and proves it.
    pub(super) async fn open(path: &Path, secret: &Secret) -> Result<Self, TransferError> {
        let shown = path.display().to_string();
        let failed = |error| TransferError::File(shown.clone(), error);
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut start = [0_u8; 12];
        file.read_exact(&mut start).map_err(|_| TransferError::NoExport)?;
        let (magic, length) = start.split_first_chunk::<8>().ok_or(TransferError::NoExport)?;
        let length = length.first_chunk::<4>().map(|octets| u32::from_le_bytes(*octets)).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if magic != MAGIC || length > limits::MAX_EXPORT_HEAD {
            return Err(TransferError::NoExport);
        }
        let mut rest = vec![0_u8; length.saturating_add(PROOF)];
        file.read_exact(&mut rest).map_err(|_| TransferError::Cut)?;
        let (text, proof) = rest.split_at_checked(length).ok_or(TransferError::NoExport)?;
        let head: Head = serde_json::from_slice(text).map_err(|_| TransferError::NoExport)?;
        if head.form != FORM {
            return Err(TransferError::Newer(super::record::bounded(&head.program)));
        }
        let key = secret.derive(&head.key).await?;
        if !key.proves(&[start.as_slice(), text].concat(), proof) {
            return Err(TransferError::WrongSecret);
        }
        let (number, ended, buffer, at) = (0, false, Vec::new(), 0);
        Ok(Self { file, shown, key, id: head.id, number, ended, buffer, at })
    }

    pub(super) fn key(&self) -> &ExportKey {
        &self.key
    }

    /// The next so many octets.
    pub(super) fn take(&mut self, octets: usize) -> Result<Vec<u8>, TransferError> {
        while self.buffer.len().saturating_sub(self.at) < octets {
            if self.ended {
                return Err(TransferError::Damaged("a record is cut"));
            }
            let chunk = self.chunk()?;
            self.buffer.drain(..self.at);
            self.at = 0;
            self.buffer.extend_from_slice(&chunk);
        }
        let start = self.at;
        self.at = start.saturating_add(octets);
        self.buffer.get(start..self.at).map(<[u8]>::to_vec).ok_or(TransferError::Damaged("a record is cut"))
    }

    fn chunk(&mut self) -> Result<Vec<u8>, TransferError> {
        let mut length = [0_u8; 4];
        self.exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > limits::EXPORT_CHUNK.saturating_add(SEAL) {
            return Err(TransferError::Damaged("a chunk is too large"));
        }
        let mut sealed = vec![0_u8; length];
        self.exact(&mut sealed)?;
        let last = self.is_at_end()?;
        let opened = self.key.open(&name(&self.id, self.number, last), &sealed);
        let Some(opened) = opened else {
            // Whole, and not where the file ends: something is missing behind it.
            let unlike = self.key.open(&name(&self.id, self.number, !last), &sealed).is_some();
            return Err(match unlike && last {
                true => TransferError::Cut,
                false => TransferError::Damaged("a chunk is not what was written"),
            });
        };
        self.number = self.number.saturating_add(1);
        self.ended = last;
        Ok(opened)
    }

    fn exact(&mut self, octets: &mut [u8]) -> Result<(), TransferError> {
        self.file.read_exact(octets).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => TransferError::Cut,
            _ => TransferError::File(self.shown.clone(), error),
        })
    }

    fn is_at_end(&mut self) -> Result<bool, TransferError> {
        let ahead = io::BufRead::fill_buf(&mut self.file);
        ahead.map(<[u8]>::is_empty).map_err(|error| TransferError::File(self.shown.clone(), error))
    }

    /// Whether everything was taken.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.at >= self.buffer.len()
    }
}

fn name(id: &str, number: u64, last: bool) -> String {
    format!("sentra-org-export-v1|{id}|{number}|{}", if last { "last" } else { "more" })
}

/// Lower-case hexadecimal.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len().saturating_mul(2)), |mut out, octet| {
        // Writing into a String cannot fail.
        write!(out, "{octet:02x}").ok();
        out
    })
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let one = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    if rest.is_empty() { pairs.iter().map(one).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::passphrase(text).unwrap()
    }

    async fn written(path: &Path, sizes: &[usize]) -> u64 {
        let key = Secret::key(&"ab".repeat(32)).unwrap();
        let file = File::create(path).unwrap();
        let mut writer = Writer::new(file, path, "F1".to_owned(), &key).await.unwrap();
        for (number, size) in sizes.iter().enumerate() {
            writer.push(&vec![u8::try_from(number).unwrap(); *size]).unwrap();
        }
        writer.finish().unwrap()
    }

    async fn read(path: &Path, sizes: &[usize]) -> Result<(), TransferError> {
        let mut reader = Reader::open(path, &Secret::key(&"ab".repeat(32)).unwrap()).await?;
        for (number, size) in sizes.iter().enumerate() {
            let got = reader.take(*size)?;
            assert!(got.iter().all(|octet| *octet == u8::try_from(number).unwrap()));
        }
        if reader.is_done() { Ok(()) } else { Err(TransferError::Damaged("too long")) }
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sentra");
        let chunk = limits::EXPORT_CHUNK;
        for sizes in [vec![10], vec![chunk], vec![chunk - 1, 2, 3 * chunk], vec![1; 40]] {
            let size = written(&path, &sizes).await;
            assert_eq!(size, std::fs::metadata(&path).unwrap().len());
            read(&path, &sizes).await.unwrap();
        }
        let sizes = [chunk, chunk, 100];
        written(&path, &sizes).await;
        let whole = std::fs::read(&path).unwrap();
        // Anywhere in the middle, and exactly behind the second chunk.
        for keep in [whole.len() - 1, whole.len() - 132, whole.len() / 2, 200, 40, 5] {
            std::fs::write(&path, &whole[..keep]).unwrap();
            let error = read(&path, &sizes).await.unwrap_err();
            assert!(matches!(error, TransferError::Cut | TransferError::NoExport), "{keep}: {error}");
        }
        for at in [0, 9, 30, 300, whole.len() / 2, whole.len() - 3] {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            assert!(read(&path, &sizes).await.is_err(), "octet {at}");
        }
        std::fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
        assert!(read(&path, &sizes).await.is_err(), "something behind the end");
    }

    #[tokio::test]
    async fn another_secret_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sentra");
        let right = secret("correct horse battery staple");
        let file = File::create(&path).unwrap();
        let mut writer = Writer::new(file, &path, "F1".to_owned(), &right).await.unwrap();
        writer.push(b"x").unwrap();
        writer.finish().unwrap();
        assert!(Reader::open(&path, &right).await.is_ok());
        let wrong = Reader::open(&path, &secret("correct horse battery stapler")).await.err().unwrap();
        assert!(matches!(wrong, TransferError::WrongSecret), "{wrong}");
        let key = Reader::open(&path, &Secret::key(&"ab".repeat(32)).unwrap()).await.err().unwrap();
        assert!(key.to_string().contains("a passphrase"), "{key}");
        assert!(Secret::passphrase("too short").is_err() && Secret::key("no key").is_err());
    }
}
