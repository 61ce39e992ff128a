//! What a rotation needs of the keys: making one, wrapping it anew, sealing a value anew, fingerprinting under a
//! version of its choice.

use super::organisation::{KeyPurpose, KeyState, WrappedKey, pair};
use super::sealing::parse;
use super::{LocalKeyring, account_tag, permanent, random, text_tag, wrapping_context};
use crate::model::{AccountKey, Fingerprint, OrgId};
use crate::ports::{Keyring as _, PortError};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::KeyPair as _;

impl LocalKeyring {
    /// Makes and wraps one key.
    ///
    /// # Errors
    /// [`PortError`] when the random source fails.
    pub fn generate_one(
        &self,
        org: OrgId,
        purpose: KeyPurpose,
        key_id: u32,
        state: KeyState,
    ) -> Result<WrappedKey, PortError> {
        let key = random()?;
        let context = wrapping_context(org, purpose, key_id, state);
        let wrapped = self.masters.load().wrap(&context, key.as_slice())?;
        Ok(WrappedKey { purpose, key_id, state, wrapped })
    }

    /// The number of the master key that wraps.
    #[must_use]
    pub fn master_id(&self) -> u32 {
        self.masters.load().current()
    }

    /// The same key under the current master key; `None` when it is under it already.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when no known master key opens it.
    pub fn rewrap(&self, org: OrgId, row: &WrappedKey) -> Result<Option<Vec<u8>>, PortError> {
        let masters = self.masters.load();
        if parse(&row.wrapped)?.key_id == masters.current() {
            return Ok(None);
        }
        let context = wrapping_context(org, row.purpose, row.key_id, row.state);
        let plain = masters.unwrap(&context, &row.wrapped)?;
        masters.wrap(&context, &plain).map(Some)
    }

    /// A signing key reduced to its public half: it verifies and can never sign again.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when no known master key opens it, or it signs nothing.
    pub fn without_private_half(&self, org: OrgId, row: &WrappedKey) -> Result<WrappedKey, PortError> {
        let (purpose, key_id) = (row.purpose, row.key_id);
        if purpose != KeyPurpose::Signing {
            return Err(permanent("only a signing key has a public half"));
        }
        let masters = self.masters.load();
        let seed = masters.unwrap(&wrapping_context(org, purpose, key_id, row.state), &row.wrapped)?;
        let state = KeyState::Public;
        let context = wrapping_context(org, purpose, key_id, state);
        let wrapped = masters.wrap(&context, pair(&seed)?.public_key().as_ref())?;
        Ok(WrappedKey { purpose, key_id, state, wrapped })
    }

    /// The version of a purpose that is used now.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the organisation's keys are not loaded.
    pub fn active_id(&self, org: OrgId, purpose: KeyPurpose) -> Result<u32, PortError> {
        let keys = self.keys(org)?;
        Ok(match purpose {
            KeyPurpose::Data => keys.data.active,
            KeyPurpose::Fingerprint => keys.fingerprint.active,
            KeyPurpose::Signing => keys.verifying.active,
        })
    }

    /// The organisation's Ed25519 public keys with their ids, the active one first: for whoever verifies elsewhere.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the organisation's keys are not loaded.
    pub fn public_keys(&self, org: OrgId) -> Result<Vec<(u32, Vec<u8>)>, PortError> {
        Ok(self.keys(org)?.verifying.all().map(|(id, key)| (id, key.clone())).collect())
    }

    /// The organisation's active Ed25519 public key.
    ///
    /// # Errors
    /// As [`LocalKeyring::public_keys`].
    pub fn public_key(&self, org: OrgId) -> Result<Vec<u8>, PortError> {
        Ok(self.keys(org)?.signing.public_key().as_ref().to_vec())
    }

    /// The same value under the active data key; `None` when it is under it already.
    ///
    /// # Errors
    /// [`PortError`] when it does not open.
    pub fn reseal(&self, org: OrgId, context: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, PortError> {
        if parse(sealed)?.key_id == self.active_id(org, KeyPurpose::Data)? {
            return Ok(None);
        }
        let plain = zeroize::Zeroizing::new(self.open(org, context, sealed)?);
        self.seal(org, context, &plain).map(Some)
    }

    /// Fingerprint of an account under each known key, with the key's id; the active one first.
    ///
    /// # Errors
    /// As [`LocalKeyring::public_keys`].
    pub fn fingerprints_by_key(
        &self,
        org: OrgId,
        account: &AccountKey,
    ) -> Result<Vec<(u32, Fingerprint)>, PortError> {
        self.tagged(org, |key| account_tag(key, account))
    }

    /// The same of a text.
    ///
    /// # Errors
    /// As above.
    pub fn text_fingerprints_by_key(
        &self,
        org: OrgId,
        kind: &str,
        text: &str,
    ) -> Result<Vec<(u32, Fingerprint)>, PortError> {
        self.tagged(org, |key| text_tag(key, kind, text))
    }

    fn tagged(
        &self,
        org: OrgId,
        tag: impl Fn(&hmac::Key) -> Result<Fingerprint, PortError>,
    ) -> Result<Vec<(u32, Fingerprint)>, PortError> {
        self.keys(org)?.fingerprint.all().map(|(id, key)| Ok((id, tag(key)?))).collect()
    }
}
