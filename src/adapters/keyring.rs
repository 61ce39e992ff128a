//! The organisations' keys, in memory.
//!
//! The master key (a file, the environment or a program's output, never the database) wraps random keys of each
//! organisation: *data* (AES-256-GCM), *fingerprint* (HMAC-SHA-256) and *signing* (Ed25519). The wrapped forms are rows
//! of `org_keys`; [`LocalKeyring`] unwraps them once and answers every call from memory. Of each purpose there may be
//! several versions: one is active, the others open, are asked for and verify what was made under them.
//!
//! Sealed values are `version (1) | key id (4, big endian) | nonce (12) | ciphertext | tag (16)`, with
//! `organisation id | context` as associated data: a value moved to another organisation, table, column or (where the
//! context names one) row does not open. Nonces are random; 2^32 values per key is the bound of NIST SP 800-38D, which
//! key rotation keeps far away.
//!
//! A key is destroyed only when nothing is under it. So that nobody seals with it in that very moment, a process seals
//! only while it knows from the database, not longer than `limits::KEY_VIEW` ago, that its key is the active one; and an
//! old key is kept for longer than that.

mod backup;
mod handover;
mod master;
mod organisation;
mod rotating;
mod sealing;
mod source;

pub use master::MasterKey;
pub use organisation::{KeyPurpose, KeyState, WrappedKey};
pub use sealing::sealed_under;
pub use source::{MasterKeySource, MasterKeySources};

use crate::limits;
use crate::model::{AccountKey, Fingerprint, OrgId};
use crate::ports::{Keyring, PortError};
use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use master::Masters;
use organisation::{OrgKeys, known, unwrap};
use sealing::{fresh, open, parse, seal};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Octets of every key.
const KEY: usize = 32;

/// The organisations and the generation of the configuration they were read under.
#[derive(Clone, Default)]
struct Ring {
    /// By the number of the database they were read from.
    generations: BTreeMap<u64, i64>,
    organisations: BTreeMap<OrgId, Arc<OrgKeys>>,
    /// The number of the database that named each: another one has no say about its keys.
    homes: BTreeMap<OrgId, u64>,
    /// Those of this process that no database has named yet.
    new: BTreeSet<OrgId>,
}

/// The master keys and what they unwrapped. Reading takes no lock.
pub struct LocalKeyring {
    masters: ArcSwap<Masters>,
    ring: ArcSwap<Ring>,
    /// When the database last said that these are the keys.
    confirmed: ArcSwap<Instant>,
    /// The same of organisations whose keys are in a database of their own.
    pinned: ArcSwap<BTreeMap<OrgId, Instant>>,
    /// Serialises changes; never held by readers.
    writing: Mutex<()>,
}

impl fmt::Debug for LocalKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKeyring({} organisations)", self.ring.load().organisations.len())
    }
}

impl LocalKeyring {
    /// An empty ring under this master key.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when the cipher refuses the key, which no 32 octets cause.
    pub fn new(master: &MasterKey) -> Result<Self, PortError> {
        Self::with(master, &[])
    }

    /// An empty ring; `current` wraps, `previous` master keys still unwrap.
    ///
    /// # Errors
    /// As [`LocalKeyring::new`].
    pub fn with(current: &MasterKey, previous: &[MasterKey]) -> Result<Self, PortError> {
        let ring = Ring::default();
        Ok(Self {
            masters: ArcSwap::from_pointee(Masters::new(current, previous)?),
            ring: ArcSwap::from_pointee(ring),
            confirmed: ArcSwap::from_pointee(Instant::now()),
            pinned: ArcSwap::default(),
            writing: Mutex::new(()),
        })
    }

    /// Takes other master keys from now on; keys already unwrapped stay.
    ///
    /// # Errors
    /// As [`LocalKeyring::new`]; the old ones then stay.
    pub fn change_masters(&self, current: &MasterKey, previous: &[MasterKey]) -> Result<(), PortError> {
        self.masters.store(Arc::new(Masters::new(current, previous)?));
        Ok(())
    }

    /// Makes and wraps a key of each purpose for a new organisation. They are used once stored and loaded.
    ///
    /// # Errors
    /// [`PortError`] when the random source fails.
    pub fn generate(&self, org: OrgId) -> Result<Vec<WrappedKey>, PortError> {
        KeyPurpose::ALL
            .into_iter()
            .map(|purpose| self.generate_one(org, purpose, 1, KeyState::Active))
            .collect()
    }

    /// Unwraps one organisation's keys and takes them up.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when no master key opens them, or a purpose has no active key.
    pub fn load(&self, org: OrgId, wrapped: &[WrappedKey]) -> Result<(), PortError> {
        let keys = Arc::new(unwrap(&self.masters.load(), org, wrapped)?);
        self.change(|ring| {
            if ring.organisations.insert(org, keys).is_none() {
                ring.new.insert(org);
            }
        });
        Ok(())
    }

    /// Takes up the keys as the database has them at a generation of the configuration. An older view than the one
    /// already taken changes nothing. An organisation that was in it and is not any more was erased and is dropped, its keys
    /// with it; one that this process is creating stays until its database names it.
    ///
    /// # Errors
    /// As [`LocalKeyring::load`], for the first organisation that fails; the ring is then unchanged.
    pub fn take_up(&self, generation: i64, all: &BTreeMap<OrgId, Vec<WrappedKey>>) -> Result<(), PortError> {
        self.take_up_from(0, generation, all)
    }

    /// The same for one of several databases, by its number: the main one is 0.
    ///
    /// # Errors
    /// As [`LocalKeyring::take_up`].
    pub fn take_up_from(
        &self,
        database: u64,
        generation: i64,
        all: &BTreeMap<OrgId, Vec<WrappedKey>>,
    ) -> Result<(), PortError> {
        let ring = self.ring.load();
        let is_older = |ring: &Ring| ring.generations.get(&database).is_some_and(|known| generation < *known);
        if is_older(&ring) {
            return Ok(());
        }
        let masters = self.masters.load();
        let differs = |(org, wrapped): &(&OrgId, &Vec<WrappedKey>)| {
            ring.organisations.get(*org).is_none_or(|keys| keys.known != known(wrapped))
        };
        let one = |(org, wrapped): (&OrgId, &Vec<WrappedKey>)| {
            Ok((*org, Arc::new(unwrap(&masters, *org, wrapped)?)))
        };
        let new = all.iter().filter(differs).map(one).collect::<Result<Vec<_>, PortError>>()?;
        self.change(|ring| {
            if !is_older(ring) {
                ring.generations.insert(database, generation);
                ring.organisations.extend(new);
                ring.new.retain(|org| !all.contains_key(org));
                let (homes, kept) = (&ring.homes, &ring.new);
                let is_gone = |org: &OrgId| {
                    homes.get(org) == Some(&database) && !all.contains_key(org) && !kept.contains(org)
                };
                ring.organisations.retain(|org, _| !is_gone(org));
                ring.homes.retain(|org, home| *home != database || all.contains_key(org));
                ring.homes.extend(all.keys().map(|org| (*org, database)));
            }
        });
        match database {
            0 => self.confirm(),
            _ => self.confirm_pinned(all.keys().copied()),
        }
        Ok(())
    }

    /// Notes that the database still has the generation that was taken up last.
    pub fn confirm(&self) {
        self.confirmed.store(Arc::new(Instant::now()));
    }

    /// [`LocalKeyring::confirm`] of a database that these organisations are pinned to: the main one's word is not for
    /// their keys.
    pub fn confirm_pinned(&self, organisations: impl Iterator<Item = OrgId> + Clone) {
        let now = Instant::now();
        self.pinned.rcu(|known| {
            let mut next = BTreeMap::clone(known);
            next.extend(organisations.clone().map(|org| (org, now)));
            next
        });
    }

    /// Forgets an organisation that was erased.
    pub fn forget(&self, org: OrgId) {
        self.change(|ring| {
            ring.organisations.remove(&org);
            ring.homes.remove(&org);
            ring.new.remove(&org);
        });
    }

    /// Forgets those that were read from a database of their own and are not pinned any more: they were erased, and nobody
    /// reads that database again for them.
    pub fn forget_unpinned(&self, is_pinned: impl Fn(OrgId) -> bool) {
        let ring = self.ring.load();
        let gone: Vec<OrgId> = ring
            .homes
            .iter()
            .filter(|(org, home)| **home != 0 && !is_pinned(**org))
            .map(|(org, _)| *org)
            .collect();
        for org in gone {
            self.forget(org);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Ring)) {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = self.ring.load();
        let mut next = Ring::clone(&ring);
        change(&mut next);
        self.ring.store(Arc::new(next));
    }

    fn keys(&self, org: OrgId) -> Result<Arc<OrgKeys>, PortError> {
        self.ring.load().organisations.get(&org).cloned().ok_or_else(|| PortError::Transient {
            what: "keys",
            detail: format!("the keys of organisation {org} are not loaded"),
        })
    }

    /// Whether it is known that the active key is still the active one.
    fn is_current(&self, org: OrgId) -> Result<(), PortError> {
        // One that came back into the main database is not confirmed by its former own one any more.
        let is_main = self.ring.load().homes.get(&org) == Some(&0);
        let pinned = self.pinned.load().get(&org).copied().filter(|_| !is_main);
        if pinned.unwrap_or_else(|| **self.confirmed.load()).elapsed() < limits::KEY_VIEW {
            return Ok(());
        }
        Err(PortError::Transient {
            what: "keys",
            detail: "the database has not confirmed the keys for too long: nothing is sealed with them"
                .to_owned(),
        })
    }
}

impl Keyring for LocalKeyring {
    fn fingerprint(&self, org: OrgId, key: &AccountKey) -> Result<Fingerprint, PortError> {
        let keys = self.keys(org)?;
        account_tag(active(&keys)?, key)
    }

    fn fingerprint_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Fingerprint, PortError> {
        let keys = self.keys(org)?;
        text_tag(active(&keys)?, kind, text)
    }

    fn fingerprints(&self, org: OrgId, key: &AccountKey) -> Result<Vec<Fingerprint>, PortError> {
        self.keys(org)?.fingerprint.all().map(|(_, hmac)| account_tag(hmac, key)).collect()
    }

    fn fingerprints_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Vec<Fingerprint>, PortError> {
        self.keys(org)?.fingerprint.all().map(|(_, hmac)| text_tag(hmac, kind, text)).collect()
    }

    fn sign(&self, org: OrgId, message: &[u8]) -> Result<Vec<u8>, PortError> {
        let signature = self.keys(org)?.signing.try_sign(message);
        signature.map(|s| s.as_ref().to_vec()).map_err(|_| permanent("signing failed"))
    }

    fn verify(&self, org: OrgId, message: &[u8], signature: &[u8]) -> bool {
        self.verified_by(org, message, signature).is_some()
    }

    fn verified_by(&self, org: OrgId, message: &[u8], signature: &[u8]) -> Option<u32> {
        let keys = self.keys(org).ok()?;
        let fits = |key: &[u8]| UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok();
        keys.verifying.all().find(|(_, key)| fits(key)).map(|(id, _)| id)
    }

    fn seal(&self, org: OrgId, context: &str, plain: &[u8]) -> Result<Vec<u8>, PortError> {
        self.is_current(org)?;
        let keys = self.keys(org)?;
        let id = keys.data.active;
        let key = keys.data.get(id).ok_or_else(|| permanent("no data key"))?;
        seal(key, id, &format!("{org}|{context}"), plain)
    }

    fn open(&self, org: OrgId, context: &str, sealed: &[u8]) -> Result<Vec<u8>, PortError> {
        let keys = self.keys(org)?;
        let sealed = parse(sealed)?;
        // A node that was cut off may meet a value under a key that it has not read yet: trying again helps.
        let key = keys.data.get(sealed.key_id).ok_or_else(|| PortError::Transient {
            what: "keys",
            detail: format!(
                "organisation {org} has no data key {} here, which sealed a value",
                sealed.key_id
            ),
        })?;
        open(key, &format!("{org}|{context}"), &sealed).map_err(|_| {
            permanent(&format!("a sealed {context} of organisation {org} is damaged or belongs elsewhere"))
        })
    }
}

fn active(keys: &OrgKeys) -> Result<&hmac::Key, PortError> {
    keys.fingerprint.get(keys.fingerprint.active).ok_or_else(|| permanent("no fingerprint key"))
}

// An account's text starts with `v1|`, any other with `text|`: no account can collide with a name.

fn account_tag(key: &hmac::Key, account: &AccountKey) -> Result<Fingerprint, PortError> {
    tag(key, &["v1", account.reveal()])
}

fn text_tag(key: &hmac::Key, kind: &str, text: &str) -> Result<Fingerprint, PortError> {
    tag(key, &["text", kind, text])
}

fn tag(key: &hmac::Key, parts: &[&str]) -> Result<Fingerprint, PortError> {
    let mut context = hmac::Context::with_key(key);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            context.update(b"|");
        }
        context.update(part.as_bytes());
    }
    let tag = context.sign();
    tag.as_ref().try_into().map(Fingerprint).map_err(|_| permanent("a tag has the wrong length"))
}

fn wrapping_context(org: OrgId, purpose: KeyPurpose, key_id: u32, state: KeyState) -> String {
    // A private key under the context of a public one, or the other way round, must not be taken for it.
    let half = if state == KeyState::Public { "|public" } else { "" };
    format!("{org}|org_keys|{}|{key_id}{half}", purpose.as_str())
}

fn random() -> Result<Zeroizing<[u8; KEY]>, PortError> {
    fresh().map(Zeroizing::new)
}

fn permanent(detail: &str) -> PortError {
    PortError::Permanent { what: "keys", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests;
