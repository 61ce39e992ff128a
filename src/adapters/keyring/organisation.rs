//! One organisation's keys: unwrapped, by purpose and version.

use super::master::Masters;
use super::sealing::cipher;
use super::{permanent, wrapping_context};
use crate::model::OrgId;
use crate::ports::PortError;
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

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

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// Known to every node, used by none: it opens and verifies, it does not yet seal.
    Staged,
    /// The one that seals, fingerprints or signs. Exactly one of a purpose.
    Active,
    /// Still opens, is still asked for, still verifies.
    Old,
    /// Of a signing key: the private half is destroyed, the public half goes on verifying.
    Public,
}

impl KeyState {
    const ALL: [Self; 4] = [Self::Staged, Self::Active, Self::Old, Self::Public];

    /// The name in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Old => "old",
            Self::Public => "public",
        }
    }

    /// The state by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// One row of `org_keys`: useless without the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// What for.
    pub purpose: KeyPurpose,
    /// Increases with each rotation.
    pub key_id: u32,
    /// Where it is in its life.
    pub state: KeyState,
    /// The sealed 32 octets: the key, or the public half of a signing key that is [`KeyState::Public`].
    pub wrapped: Vec<u8>,
}

/// An unwrapped key, wiped when dropped.
type Plain = (KeyState, Zeroizing<Vec<u8>>);

/// What identifies a key and its use, without the key.
pub(super) type Known = (KeyPurpose, u32, KeyState);

/// The versions of one kind of key and which of them is used.
pub(super) struct Versions<K> {
    pub(super) active: u32,
    keys: BTreeMap<u32, K>,
}

impl<K> Versions<K> {
    pub(super) fn get(&self, id: u32) -> Option<&K> {
        self.keys.get(&id)
    }

    /// The active one first, then the others, newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &K)> {
        let rest = self.keys.iter().rev().filter(|(id, _)| **id != self.active);
        self.keys.get_key_value(&self.active).into_iter().chain(rest).map(|(id, key)| (*id, key))
    }
}

/// One organisation's keys, ready to use. `aws-lc` wipes them when dropped.
pub(super) struct OrgKeys {
    pub(super) data: Versions<LessSafeKey>,
    pub(super) fingerprint: Versions<hmac::Key>,
    pub(super) signing: Ed25519KeyPair,
    /// Public halves, of old keys too.
    pub(super) verifying: Versions<Vec<u8>>,
    /// The rows that these came from.
    pub(super) known: Vec<Known>,
}

/// The rows without their keys, in order.
pub(super) fn known(wrapped: &[WrappedKey]) -> Vec<Known> {
    let mut known: Vec<Known> = wrapped.iter().map(|row| (row.purpose, row.key_id, row.state)).collect();
    known.sort_unstable();
    known
}

/// Unwraps an organisation's keys.
///
/// # Errors
/// [`PortError::Permanent`] when no master key opens one, one is damaged, or a purpose has no active key.
pub(super) fn unwrap(masters: &Masters, org: OrgId, wrapped: &[WrappedKey]) -> Result<OrgKeys, PortError> {
    let mut plain: BTreeMap<KeyPurpose, BTreeMap<u32, Plain>> = BTreeMap::new();
    for row in wrapped {
        let context = wrapping_context(org, row.purpose, row.key_id, row.state);
        let key = masters.unwrap(&context, &row.wrapped).map_err(|_| {
            permanent(&format!(
                "the master key does not open the keys of organisation {org}: use the key file this installation \
                 was initialised with, or name the one before it as the previous one"
            ))
        })?;
        plain.entry(row.purpose).or_default().insert(row.key_id, (row.state, key));
    }
    let mut take = |purpose: KeyPurpose| {
        let keys = plain.remove(&purpose).unwrap_or_default();
        let active = keys.iter().find(|(_, (state, _))| *state == KeyState::Active).map(|(id, _)| *id);
        let missing = || permanent(&format!("organisation {org} has no active {} key", purpose.as_str()));
        active.map(|active| (active, keys)).ok_or_else(missing)
    };
    let (active, keys) = take(KeyPurpose::Data)?;
    let keys = keys.into_iter().map(|(id, (_, key))| Ok((id, cipher(&key)?)));
    let data = Versions { active, keys: keys.collect::<Result<_, PortError>>()? };
    let (active, keys) = take(KeyPurpose::Fingerprint)?;
    let hmac = |(id, (_, key)): (u32, Plain)| (id, hmac::Key::new(hmac::HMAC_SHA256, &key));
    let fingerprint = Versions { active, keys: keys.into_iter().map(hmac).collect() };
    let (active, keys) = take(KeyPurpose::Signing)?;
    let mut signing = None;
    let mut public = BTreeMap::new();
    for (id, (state, key)) in keys {
        if state == KeyState::Public {
            public.insert(id, key.to_vec());
            continue;
        }
        let pair = pair(&key)?;
        public.insert(id, pair.public_key().as_ref().to_vec());
        if id == active {
            signing = Some(pair);
        }
    }
    let signing = signing.ok_or_else(|| permanent("a signing key is damaged"))?;
    Ok(OrgKeys {
        data,
        fingerprint,
        signing,
        verifying: Versions { active, keys: public },
        known: known(wrapped),
    })
}

/// The signing key of a seed.
pub(super) fn pair(seed: &[u8]) -> Result<Ed25519KeyPair, PortError> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| permanent("a signing key is damaged"))
}
