//! The key of the backups: made at the first one, kept beside them, wrapped by the master key.
//!
//! From its 32 octets three keys are derived: one seals chunks and manifests (AES-256-GCM), one names chunks
//! (HMAC-SHA-256, so that a name tells nothing to whoever has no key), one signs manifests (Ed25519).

use super::error::BackupError;
use super::hex;
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::objects::{Key, Objects};
use crate::ports::{IdSource, PortError};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

/// The keys of one store of backups.
pub(super) struct BackupKey {
    /// Its name.
    pub(super) id: String,
    /// Its octets, wrapped: a copy goes into each manifest.
    pub(super) wrapped: Vec<u8>,
    sealing: RandomizedNonceKey,
    naming: hmac::Key,
    signing: Ed25519KeyPair,
}

impl BackupKey {
    /// The newest key in the store; a fresh one where there is none.
    pub(super) async fn current(
        objects: &Objects,
        keyring: &LocalKeyring,
        ids: &dyn IdSource,
    ) -> Result<Self, BackupError> {
        let mut newest: Option<Key> = None;
        let mut listing = objects.list(&Key::of("keys"));
        while let Some(entry) = listing.next().await? {
            newest = newest.max(Some(entry.key));
        }
        if let Some(place) = newest {
            let id = place.name().to_owned();
            let wrapped =
                objects.get(&place).await?.ok_or_else(|| BackupError::Missing(place.to_string()))?;
            let key = Self::unwrap(&id, &wrapped, keyring)?;
            // The master key may have changed since: then the old one is no longer needed after this.
            let again = keyring.rewrap_by_master(&context(&id), &wrapped).map_err(BackupError::Port)?;
            let Some(wrapped) = again else { return Ok(key) };
            objects.put(&place, wrapped.clone().into()).await?;
            return Ok(Self { wrapped, ..key });
        }
        let id = ids.ulid().to_string();
        let mut root = Zeroizing::new([0_u8; 32]);
        rand::fill(root.as_mut_slice()).map_err(|_| BackupError::Port(random_failed()))?;
        let wrapped = keyring.wrap_by_master(&context(&id), root.as_slice())?;
        objects.put(&Key::of("keys").join(&Key::of(&id)), wrapped.clone().into()).await?;
        Self::derive(&id, &root, wrapped)
    }

    /// The key of this id, from the store or else from the copy in a manifest.
    pub(super) async fn of(
        id: &str,
        copy: &[u8],
        objects: &Objects,
        keyring: &LocalKeyring,
    ) -> Result<Self, BackupError> {
        let place = Key::of("keys").join(&Key::of(id));
        if let Some(wrapped) = objects.get(&place).await?
            && let Ok(key) = Self::unwrap(id, &wrapped, keyring)
        {
            return Ok(key);
        }
        Self::unwrap(id, copy, keyring)
    }

    fn unwrap(id: &str, wrapped: &[u8], keyring: &LocalKeyring) -> Result<Self, BackupError> {
        let wrong = || BackupError::WrongKey(id.to_owned());
        let octets = keyring.unwrap_by_master(&context(id), wrapped).map_err(|_| wrong())?;
        let root: [u8; 32] = octets.as_slice().try_into().map_err(|_| wrong())?;
        Self::derive(id, &Zeroizing::new(root), wrapped.to_vec())
    }

    fn derive(id: &str, root: &[u8; 32], wrapped: Vec<u8>) -> Result<Self, BackupError> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, root);
        let part = |label: &str| hmac::sign(&root, label.as_bytes());
        let unusable = |_| BackupError::Internal("a key could not be derived".to_owned());
        let sealing = part("sentra-backup-seal-v1");
        let signing = part("sentra-backup-sign-v1");
        Ok(Self {
            id: id.to_owned(),
            wrapped,
            sealing: RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).map_err(unusable)?,
            naming: hmac::Key::new(hmac::HMAC_SHA256, part("sentra-backup-name-v1").as_ref()),
            signing: Ed25519KeyPair::from_seed_unchecked(signing.as_ref())
                .map_err(|_| BackupError::Internal("a key could not be derived".to_owned()))?,
        })
    }

    /// The name of a chunk: what it is and what it holds, under the key.
    pub(super) fn name(&self, kind: &str, content: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.naming);
        context.update(kind.as_bytes());
        context.update(b"|");
        context.update(content);
        let mut name = [0_u8; 32];
        // SHA-256 tags are 32 octets.
        for (to, from) in name.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        name
    }

    /// Nonce, ciphertext, tag; bound to `name`, so that one thing cannot stand in for another.
    pub(super) fn seal(&self, name: &str, mut octets: Vec<u8>) -> Result<Vec<u8>, BackupError> {
        let sealed = self.sealing.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut octets);
        let nonce = sealed.map_err(|_| BackupError::Internal("sealing failed".to_owned()))?;
        let mut out = Vec::with_capacity(octets.len().saturating_add(NONCE_LEN));
        out.extend_from_slice(nonce.as_ref());
        out.append(&mut octets);
        Ok(out)
    }

    /// Undoes [`BackupKey::seal`].
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, BackupError> {
        let damaged = || BackupError::Damaged(name.to_owned());
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut octets = rest.to_vec();
        let opened = self.sealing.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(name.as_bytes()),
            &mut octets,
        );
        let length = opened.map_err(|_| damaged())?.len();
        octets.truncate(length);
        Ok(octets)
    }

    pub(super) fn sign(&self, statement: &[u8]) -> Result<String, BackupError> {
        let signature = self.signing.try_sign(statement);
        signature
            .map(|signature| hex(signature.as_ref()))
            .map_err(|_| BackupError::Internal("signing failed".to_owned()))
    }

    pub(super) fn verifies(&self, statement: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.signing.public_key()).verify(statement, signature).is_ok()
    }

    pub(super) fn public(&self) -> String {
        hex(self.signing.public_key().as_ref())
    }
}

fn context(id: &str) -> String {
    format!("backup|key|{id}")
}

fn random_failed() -> PortError {
    PortError::Transient { what: "keys", detail: "the system's random source failed".to_owned() }
}
