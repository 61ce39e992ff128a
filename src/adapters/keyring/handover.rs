//! Keys that leave one installation for another, and statements of the installation itself.

use super::organisation::WrappedKey;
use super::{LocalKeyring, wrapping_context};
use crate::model::OrgId;
use crate::ports::PortError;

impl LocalKeyring {
    /// The same key, wrapped by the master key of another ring.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when no master key of this ring opens it.
    pub fn hand_over(&self, org: OrgId, row: &WrappedKey, to: &Self) -> Result<WrappedKey, PortError> {
        let context = wrapping_context(org, row.purpose, row.key_id, row.state);
        let plain = self.masters.load().unwrap(&context, &row.wrapped)?;
        let wrapped = to.masters.load().wrap(&context, &plain)?;
        Ok(WrappedKey { wrapped, ..row.clone() })
    }

    /// Signs a statement of the installation, for when an organisation's own key is no more: Ed25519, by a key derived from the
    /// present master key. Returns public key and signature.
    ///
    /// # Errors
    /// [`PortError::Permanent`] without a master key.
    pub fn sign_statement(&self, statement: &[u8]) -> Result<(Vec<u8>, Vec<u8>), PortError> {
        self.masters.load().sign(statement)
    }

    /// Whether one of the known master keys signed a statement, with this public key.
    #[must_use]
    pub fn verifies_statement(&self, statement: &[u8], public_key: &[u8], signature: &[u8]) -> bool {
        self.masters.load().verifies(statement, public_key, signature)
    }
}
