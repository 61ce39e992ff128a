//! The key of an export, from a passphrase or from a key file.
//!
//! PBKDF2-HMAC-SHA-256 (RFC 8018) makes a root out of a passphrase, HMAC-SHA-256 out of a random key; from the root come
//! three keys: one seals chunks, one proves the head, one wraps the organisation's keys.

use super::error::TransferError;
use crate::adapters::keyring::{LocalKeyring, MasterKey};
use crate::limits;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use aws_lc_rs::{hmac, rand};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// OWASP's figure for PBKDF2-HMAC-SHA-256.
const ITERATIONS: u32 = 600_000;
/// Characters of the shortest passphrase: the file may lie where anybody can try for years.
const MIN_PASSPHRASE: usize = 16;

/// What opens an export.
pub enum Secret {
    /// A sentence that people can keep.
    Passphrase(Zeroizing<String>),
    /// 32 random octets.
    Key(MasterKey),
}

/// How the key of a file comes from its secret; stands in the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Derivation {
    /// `passphrase` or `key`.
    kind: String,
    /// 32 hexadecimal digits.
    salt: String,
    /// Of PBKDF2; 0 for a key.
    iterations: u32,
}

/// The keys of one file.
pub(super) struct ExportKey {
    sealing: RandomizedNonceKey,
    proving: hmac::Key,
    wrapping: Zeroizing<[u8; 32]>,
}

impl Secret {
    /// A passphrase: the first line of a file.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn passphrase(text: &str) -> Result<Self, String> {
        let line = text.lines().next().unwrap_or_default().trim_end_matches('\r');
        if line.chars().count() < MIN_PASSPHRASE {
            return Err(format!("a passphrase has at least {MIN_PASSPHRASE} characters in its first line"));
        }
        Ok(Self::Passphrase(Zeroizing::new(line.to_owned())))
    }

    /// A key: 64 hexadecimal digits, as `openssl rand -hex 32` prints them.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn key(text: &str) -> Result<Self, String> {
        let key = MasterKey::from_hex(text);
        key.map(Self::Key)
            .map_err(|_| "a key file holds 64 hexadecimal digits (`openssl rand -hex 32`)".to_owned())
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "passphrase",
            Self::Key(_) => "key",
        }
    }

    /// A fresh salt for a new file.
    pub(super) fn derivation(&self) -> Result<Derivation, TransferError> {
        let mut salt = [0_u8; 16];
        rand::fill(&mut salt).map_err(|_| TransferError::Damaged("the system's random source failed"))?;
        let iterations = if matches!(self, Self::Passphrase(_)) { ITERATIONS } else { 0 };
        Ok(Derivation { kind: self.kind().to_owned(), salt: super::file::hex(&salt), iterations })
    }

    /// The keys of a file, on a thread that may take its time.
    pub(super) async fn derive(&self, how: &Derivation) -> Result<ExportKey, TransferError> {
        if how.kind != self.kind() {
            return Err(TransferError::OtherSecret(match how.kind.as_str() {
                "passphrase" => "a passphrase",
                "key" => "a key file",
                _ => "another kind of secret",
            }));
        }
        let salt = super::file::from_hex(&how.salt).ok_or(TransferError::NoExport)?;
        let root = match self {
            Self::Key(key) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salt), key.octets()).as_ref().to_vec()
            }
            Self::Passphrase(text) => {
                let most = limits::MAX_EXPORT_ITERATIONS;
                let iterations = NonZeroU32::new(how.iterations).filter(|count| count.get() <= most);
                let iterations = iterations.ok_or(TransferError::NoExport)?;
                let text = text.clone();
                let derived = tokio::task::spawn_blocking(move || {
                    let mut root = vec![0_u8; 32];
                    pbkdf2::derive(PBKDF2_HMAC_SHA256, iterations, &salt, text.as_bytes(), &mut root);
                    root
                });
                derived.await.map_err(|_| TransferError::Damaged("its key could not be derived"))?
            }
        };
        ExportKey::new(&Zeroizing::new(root))
    }
}

impl ExportKey {
    fn new(root: &[u8]) -> Result<Self, TransferError> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, root);
        let part = |label: &str| hmac::sign(&root, label.as_bytes());
        let unusable = |_| TransferError::Damaged("its key could not be derived");
        let mut wrapping = Zeroizing::new([0_u8; 32]);
        // SHA-256 tags are 32 octets.
        for (to, from) in wrapping.iter_mut().zip(part("sentra-export-wrap-v1").as_ref()) {
            *to = *from;
        }
        let sealing = part("sentra-export-seal-v1");
        Ok(Self {
            sealing: RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).map_err(unusable)?,
            proving: hmac::Key::new(hmac::HMAC_SHA256, part("sentra-export-head-v1").as_ref()),
            wrapping,
        })
    }

    /// A ring under which the organisation's keys stand in the file.
    pub(super) fn ring(&self) -> Result<LocalKeyring, TransferError> {
        Ok(LocalKeyring::new(&MasterKey::from_bytes(*self.wrapping))?)
    }

    pub(super) fn prove(&self, head: &[u8]) -> Vec<u8> {
        hmac::sign(&self.proving, head).as_ref().to_vec()
    }

    pub(super) fn proves(&self, head: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&self.proving, head, proof).is_ok()
    }

    /// Nonce, ciphertext, tag.
    pub(super) fn seal(&self, name: &str, mut octets: Vec<u8>) -> Result<Vec<u8>, TransferError> {
        let sealed = self.sealing.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut octets);
        let nonce = sealed.map_err(|_| TransferError::Damaged("a chunk could not be sealed"))?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut octets);
        Ok(out)
    }

    /// Undoes [`ExportKey::seal`]; `None` for what was not sealed under this name.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut octets = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.sealing.open_in_place(nonce, Aad::from(name.as_bytes()), &mut octets).ok()?.len();
        octets.truncate(length);
        Some(octets)
    }
}
