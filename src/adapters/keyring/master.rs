//! Master keys: the one that wraps, and those before it that still open what they wrapped.

use super::sealing::{Sealed, cipher, open, parse, seal};
use super::{KEY, permanent, random};
use crate::ports::PortError;
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use std::fmt;
use zeroize::Zeroizing;

/// The key that wraps all others: 32 random octets, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY]>);

impl MasterKey {
    /// From its octets.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From 64 hexadecimal digits; white space around them is ignored.
    ///
    /// # Errors
    /// [`PortError::Permanent`] for any other text, which is not repeated.
    pub fn from_hex(text: &str) -> Result<Self, PortError> {
        let wrong = || permanent("the master key must be 64 hexadecimal digits (32 octets)");
        let digits = text.trim().as_bytes();
        let mut key = Zeroizing::new([0_u8; KEY]);
        if digits.len() != KEY * 2 {
            return Err(wrong());
        }
        for (octet, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong());
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }

    /// A fresh one from the system's random source.
    ///
    /// # Errors
    /// [`PortError::Transient`] when that source fails.
    pub fn generate() -> Result<Self, PortError> {
        random().map(Self)
    }

    /// 64 hexadecimal digits, for the key file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        use fmt::Write as _;
        let mut out = Zeroizing::new(String::with_capacity(KEY * 2));
        for octet in self.0.iter() {
            // Writing into a String cannot fail.
            write!(out, "{octet:02x}").ok();
        }
        out
    }

    pub(in crate::adapters) fn octets(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// A number that tells master keys apart and nothing about them: the head of an HMAC under the key, never 0.
    #[must_use]
    pub fn id(&self) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.octets());
        let tag = hmac::sign(&key, b"sentra-master-key-id");
        let head = tag.as_ref().first_chunk::<4>().copied().unwrap_or_default();
        u32::from_be_bytes(head).max(1)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(••••)")
    }
}

/// One master key, ready.
struct Master {
    id: u32,
    key: LessSafeKey,
    /// Signs what the installation says.
    statements: Ed25519KeyPair,
}

fn statements(key: &MasterKey) -> Result<Ed25519KeyPair, PortError> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.octets());
    let seed = hmac::sign(&key, b"sentra-statement-sign-v1");
    Ed25519KeyPair::from_seed_unchecked(seed.as_ref())
        .map_err(|_| permanent("a signing key cannot be derived"))
}

/// The master keys that are known: the first wraps, all of them unwrap.
pub(super) struct Masters(Vec<Master>);

impl Masters {
    pub(super) fn new(current: &MasterKey, previous: &[MasterKey]) -> Result<Self, PortError> {
        let ready = |key: &MasterKey| {
            Ok(Master { id: key.id(), key: cipher(key.octets())?, statements: statements(key)? })
        };
        std::iter::once(current).chain(previous).map(ready).collect::<Result<_, PortError>>().map(Self)
    }

    /// Public key and signature of the one that wraps.
    pub(super) fn sign(&self, statement: &[u8]) -> Result<(Vec<u8>, Vec<u8>), PortError> {
        let master = self.0.first().ok_or_else(|| permanent("there is no master key"))?;
        let signature = master.statements.try_sign(statement).map_err(|_| permanent("signing failed"))?;
        Ok((master.statements.public_key().as_ref().to_vec(), signature.as_ref().to_vec()))
    }

    /// Whether one of them signed it, with this public key.
    pub(super) fn verifies(&self, statement: &[u8], public_key: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|master| master.statements.public_key().as_ref() == public_key)
            && UnparsedPublicKey::new(&ED25519, public_key).verify(statement, signature).is_ok()
    }

    /// Number of the one that wraps.
    pub(super) fn current(&self) -> u32 {
        self.0.first().map_or(0, |master| master.id)
    }

    pub(super) fn wrap(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, PortError> {
        let master = self.0.first().ok_or_else(|| permanent("there is no master key"))?;
        seal(&master.key, master.id, context, plain)
    }

    /// Opens what one of the known master keys wrapped.
    pub(super) fn unwrap(&self, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, PortError> {
        let sealed = parse(wrapped)?;
        let plain = self.candidates(&sealed).find_map(|master| open(&master.key, context, &sealed).ok());
        plain.map(Zeroizing::new).ok_or_else(|| permanent("no known master key opens it"))
    }

    /// Keys wrapped before master keys had numbers carry 0: any may have been it.
    fn candidates(&self, sealed: &Sealed<'_>) -> impl Iterator<Item = &Master> {
        let id = sealed.key_id;
        self.0.iter().filter(move |master| id == 0 || master.id == id)
    }
}
