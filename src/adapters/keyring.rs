//! The organisations' keys, in memory.
//!
//! One master key (a file or the environment, never the database) wraps three random keys per organisation: *data*
//! (AES-256-GCM), *fingerprint* (HMAC-SHA-256) and *signing* (Ed25519). The wrapped forms are rows of `org_keys`;
//! [`LocalKeyring`] unwraps them once and answers every call from memory.
//!
//! Sealed values are `version (1) | key id (4, big endian) | nonce (12) | ciphertext | tag (16)`, with
//! `organisation id | context` as associated data: a value moved to another organisation, table or row does not open.
//! Nonces are random; 2^32 values per key is the bound of NIST SP 800-38D, which key rotation keeps far away.

mod backup;
mod sealing;

use crate::model::{AccountKey, Fingerprint, OrgId};
use crate::ports::{Keyring, PortError};
use arc_swap::ArcSwap;
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sealing::{cipher, fresh, open, parse, seal};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Octets of every key.
const KEY: usize = 32;

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
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(••••)")
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// AES-256-GCM over stored values and bodies.
    Data,
    /// HMAC-SHA-256 over accounts and names.
    Fingerprint,
    /// Ed25519 over trace and verdict headers.
    Signing,
}

impl KeyPurpose {
    /// All purposes: an organisation has a key of each.
    pub const ALL: [Self; 3] = [Self::Data, Self::Fingerprint, Self::Signing];

    /// The name in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Fingerprint => "fingerprint",
            Self::Signing => "signing",
        }
    }

    /// The purpose by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// One row of `org_keys`: useless without the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// What for.
    pub purpose: KeyPurpose,
    /// Increases with each rotation; the highest one seals, all of them open.
    pub key_id: u32,
    /// The sealed 32 octets.
    pub wrapped: Vec<u8>,
}

/// One organisation's keys, ready to use. `aws-lc` wipes them when dropped.
struct OrgKeys {
    data: BTreeMap<u32, LessSafeKey>,
    fingerprint: hmac::Key,
    signing: Ed25519KeyPair,
    /// Wrapped keys that these came from.
    count: usize,
}

/// The master key and what it unwrapped. Reading takes no lock.
pub struct LocalKeyring {
    master: LessSafeKey,
    organisations: ArcSwap<BTreeMap<OrgId, Arc<OrgKeys>>>,
    /// Serialises changes; never held by readers.
    writing: Mutex<()>,
}

impl fmt::Debug for LocalKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKeyring({} organisations)", self.organisations.load().len())
    }
}

impl LocalKeyring {
    /// An empty ring under this master key.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when the cipher refuses the key, which no 32 octets cause.
    pub fn new(master: &MasterKey) -> Result<Self, PortError> {
        Ok(Self {
            master: cipher(master.0.as_slice())?,
            organisations: ArcSwap::from_pointee(BTreeMap::new()),
            writing: Mutex::new(()),
        })
    }

    /// Makes and wraps a key of each purpose for a new organisation. They are used once stored and loaded.
    ///
    /// # Errors
    /// [`PortError`] when the random source fails.
    pub fn generate(&self, org: OrgId) -> Result<Vec<WrappedKey>, PortError> {
        let key_id = 1;
        let one = |purpose: KeyPurpose| {
            let key = random()?;
            let wrapped = seal(&self.master, 0, &wrapping_context(org, purpose, key_id), key.as_slice())?;
            Ok(WrappedKey { purpose, key_id, wrapped })
        };
        KeyPurpose::ALL.into_iter().map(one).collect()
    }

    /// Unwraps one organisation's keys and takes them up.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when the master key is not the one that wrapped them, or a purpose is missing.
    pub fn load(&self, org: OrgId, wrapped: &[WrappedKey]) -> Result<(), PortError> {
        let keys = Arc::new(self.unwrap(org, wrapped)?);
        self.change(|organisations| {
            organisations.insert(org, keys);
        });
        Ok(())
    }

    /// Takes up what is new among these: organisations not yet known, and those with more keys than are known. Keys only
    /// ever grow here, so that a reader with an older view of the database takes none away.
    ///
    /// # Errors
    /// As [`LocalKeyring::load`], for the first organisation that fails; the ring is then unchanged.
    pub fn take_up(&self, all: &BTreeMap<OrgId, Vec<WrappedKey>>) -> Result<(), PortError> {
        let known = self.organisations.load();
        let is_new = |(org, wrapped): &(&OrgId, &Vec<WrappedKey>)| {
            known.get(*org).is_none_or(|keys| keys.count < wrapped.len())
        };
        let one =
            |(org, wrapped): (&OrgId, &Vec<WrappedKey>)| Ok((*org, Arc::new(self.unwrap(*org, wrapped)?)));
        let new = all.iter().filter(is_new).map(one).collect::<Result<Vec<_>, PortError>>()?;
        if !new.is_empty() {
            self.change(|organisations| organisations.extend(new));
        }
        Ok(())
    }

    /// Forgets an organisation that was erased.
    pub fn forget(&self, org: OrgId) {
        self.change(|organisations| {
            organisations.remove(&org);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<OrgId, Arc<OrgKeys>>)) {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = BTreeMap::clone(&self.organisations.load());
        change(&mut next);
        self.organisations.store(Arc::new(next));
    }

    /// The organisation's Ed25519 public key, for whoever verifies headers elsewhere.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the organisation's keys are not loaded.
    pub fn public_key(&self, org: OrgId) -> Result<Vec<u8>, PortError> {
        Ok(self.keys(org)?.signing.public_key().as_ref().to_vec())
    }

    fn unwrap(&self, org: OrgId, wrapped: &[WrappedKey]) -> Result<OrgKeys, PortError> {
        let mut newest: BTreeMap<KeyPurpose, (u32, Zeroizing<Vec<u8>>)> = BTreeMap::new();
        let mut data = BTreeMap::new();
        for row in wrapped {
            let context = wrapping_context(org, row.purpose, row.key_id);
            let plain = parse(&row.wrapped)
                .and_then(|sealed| open(&self.master, &context, &sealed))
                .map(Zeroizing::new)
                .map_err(|_| {
                    permanent(&format!(
                        "the master key does not open the keys of organisation {org}: \
                         use the key file this installation was initialised with"
                    ))
                })?;
            if row.purpose == KeyPurpose::Data {
                data.insert(row.key_id, cipher(&plain)?);
            }
            if newest.get(&row.purpose).is_none_or(|(id, _)| *id < row.key_id) {
                newest.insert(row.purpose, (row.key_id, plain));
            }
        }
        let missing =
            |purpose: KeyPurpose| permanent(&format!("organisation {org} has no {} key", purpose.as_str()));
        let take = |purpose| newest.get(&purpose).map(|(_, key)| key).ok_or_else(|| missing(purpose));
        take(KeyPurpose::Data)?;
        let signing = Ed25519KeyPair::from_seed_unchecked(take(KeyPurpose::Signing)?)
            .map_err(|_| permanent("a signing key is damaged"))?;
        let fingerprint = hmac::Key::new(hmac::HMAC_SHA256, take(KeyPurpose::Fingerprint)?);
        Ok(OrgKeys { data, fingerprint, signing, count: wrapped.len() })
    }

    fn keys(&self, org: OrgId) -> Result<Arc<OrgKeys>, PortError> {
        self.organisations.load().get(&org).cloned().ok_or_else(|| PortError::Transient {
            what: "keys",
            detail: format!("the keys of organisation {org} are not loaded"),
        })
    }
}

impl Keyring for LocalKeyring {
    fn fingerprint(&self, org: OrgId, key: &AccountKey) -> Result<Fingerprint, PortError> {
        Ok(tag(&self.keys(org)?.fingerprint, &["v1", key.reveal()]))
    }

    fn fingerprint_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Fingerprint, PortError> {
        // An account's text starts with `v1|`, this one with `text|`: no account can collide with a name.
        Ok(tag(&self.keys(org)?.fingerprint, &["text", kind, text]))
    }

    fn sign(&self, org: OrgId, message: &[u8]) -> Result<Vec<u8>, PortError> {
        let signature = self.keys(org)?.signing.try_sign(message);
        signature.map(|s| s.as_ref().to_vec()).map_err(|_| permanent("signing failed"))
    }

    fn verify(&self, org: OrgId, message: &[u8], signature: &[u8]) -> bool {
        let Ok(keys) = self.keys(org) else { return false };
        UnparsedPublicKey::new(&ED25519, keys.signing.public_key()).verify(message, signature).is_ok()
    }

    fn seal(&self, org: OrgId, context: &str, plain: &[u8]) -> Result<Vec<u8>, PortError> {
        let keys = self.keys(org)?;
        let (id, key) = keys.data.last_key_value().ok_or_else(|| permanent("no data key"))?;
        seal(key, *id, &format!("{org}|{context}"), plain)
    }

    fn open(&self, org: OrgId, context: &str, sealed: &[u8]) -> Result<Vec<u8>, PortError> {
        let keys = self.keys(org)?;
        let sealed = parse(sealed)?;
        let key = keys.data.get(&sealed.key_id).ok_or_else(|| {
            permanent(&format!(
                "organisation {org} has no data key {}, which sealed a {context}",
                sealed.key_id
            ))
        })?;
        open(key, &format!("{org}|{context}"), &sealed).map_err(|_| {
            permanent(&format!("a sealed {context} of organisation {org} is damaged or belongs elsewhere"))
        })
    }
}

fn tag(key: &hmac::Key, parts: &[&str]) -> Fingerprint {
    let mut context = hmac::Context::with_key(key);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            context.update(b"|");
        }
        context.update(part.as_bytes());
    }
    let mut out = [0_u8; 32];
    // SHA-256 tags are 32 octets.
    for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    Fingerprint(out)
}

fn wrapping_context(org: OrgId, purpose: KeyPurpose, key_id: u32) -> String {
    format!("{org}|org_keys|{}|{key_id}", purpose.as_str())
}

fn random() -> Result<Zeroizing<[u8; KEY]>, PortError> {
    fresh().map(Zeroizing::new)
}

fn permanent(detail: &str) -> PortError {
    PortError::Permanent { what: "keys", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests;
