//! Every trait that can block, fail or be faked, in one folder: one file a theme, all read as `ports::Name`.
//!
//! The mail path (`smtp` → `gateway` → `evidence`, `act`) knows the outside only through these. Adapters implement
//! them; tests run against the real adapters. Each error enum answers [`PortError::is_transient`].

mod background;
mod kept;
mod known;
mod onward;

pub use background::*;
pub use kept::*;
pub use known::*;
pub use onward::*;

use crate::model::{AccountKey, Fingerprint, OrgId};

/// Failure of a port. The text names the thing and the remedy and holds no secret and no account number.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Worth trying again: the other side is away, slow or busy.
    #[error("{what}: {detail}")]
    Transient {
        /// Which part (`database`, `redis`, `objects`, `keys`).
        what: &'static str,
        /// What happened.
        detail: String,
    },
    /// Will fail again: data, configuration or programming.
    #[error("{what}: {detail}")]
    Permanent {
        /// Which part.
        what: &'static str,
        /// What happened and what to do.
        detail: String,
    },
}

impl PortError {
    /// Whether a retry may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}

// ── keys, time, chance ─────────────────────────────────────────────────────────────────────────────────────────────

/// The organisations' keys. In memory once loaded: these calls neither block nor wait.
pub trait Keyring: Send + Sync {
    /// HMAC-SHA-256 of `v1|` + comparison key under the organisation's fingerprint key.
    ///
    /// # Errors
    /// [`PortError`] when the organisation has no keys loaded.
    fn fingerprint(&self, org: OrgId, key: &AccountKey) -> Result<Fingerprint, PortError>;
    /// HMAC-SHA-256 of any other text (address, domain, name) under the same key, domain-separated by `kind`.
    ///
    /// # Errors
    /// As above.
    fn fingerprint_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Fingerprint, PortError>;
    /// Under every fingerprint key that may still be on record: the first is [`Keyring::fingerprint`], which is what is
    /// written; whoever looks up asks for all of them. More than one only while a rotation is under way or recent.
    ///
    /// # Errors
    /// As above.
    fn fingerprints(&self, org: OrgId, key: &AccountKey) -> Result<Vec<Fingerprint>, PortError> {
        Ok(vec![self.fingerprint(org, key)?])
    }
    /// The same for [`Keyring::fingerprint_text`].
    ///
    /// # Errors
    /// As above.
    fn fingerprints_text(&self, org: OrgId, kind: &str, text: &str) -> Result<Vec<Fingerprint>, PortError> {
        Ok(vec![self.fingerprint_text(org, kind, text)?])
    }
    /// Ed25519 signature by the organisation's signing key.
    ///
    /// # Errors
    /// As above.
    fn sign(&self, org: OrgId, message: &[u8]) -> Result<Vec<u8>, PortError>;
    /// Verifies a signature of [`Keyring::sign`], also one by an earlier signing key.
    fn verify(&self, org: OrgId, message: &[u8], signature: &[u8]) -> bool;
    /// The number of the signing key that made a signature; `None` when none of the organisation's did.
    fn verified_by(&self, org: OrgId, message: &[u8], signature: &[u8]) -> Option<u32> {
        self.verify(org, message, signature).then_some(1)
    }
    /// AES-256-GCM under the organisation's data key; `context` is bound in: `table.column`, and `|` + the row's id where
    /// that never changes. Nonce and key id are part of the returned octets.
    ///
    /// # Errors
    /// As above.
    fn seal(&self, org: OrgId, context: &str, plain: &[u8]) -> Result<Vec<u8>, PortError>;
    /// Reverses [`Keyring::seal`].
    ///
    /// # Errors
    /// [`PortError::Permanent`] when organisation, context or octets do not fit; [`PortError::Transient`] when the key is
    /// not known here (yet).
    fn open(&self, org: OrgId, context: &str, sealed: &[u8]) -> Result<Vec<u8>, PortError>;
}

/// The wall clock.
pub trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;
}

/// Source of identifiers.
pub trait IdSource: Send + Sync {
    /// A fresh ULID, never before returned by this process.
    fn ulid(&self) -> ulid::Ulid;
}
