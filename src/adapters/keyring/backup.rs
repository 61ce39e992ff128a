//! What backups need of the master key: their own key is wrapped by it.

use super::sealing::{open, parse, seal};
use super::{LocalKeyring, permanent};
use crate::ports::PortError;
use zeroize::Zeroizing;

impl LocalKeyring {
    /// Wraps a key that belongs to no organisation.
    ///
    /// # Errors
    /// [`PortError`] when the random source fails.
    pub fn wrap_by_master(&self, context: &str, key: &[u8]) -> Result<Vec<u8>, PortError> {
        seal(&self.master, 0, context, key)
    }

    /// Undoes [`LocalKeyring::wrap_by_master`].
    ///
    /// # Errors
    /// [`PortError::Permanent`] when another master key wrapped it.
    pub fn unwrap_by_master(&self, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, PortError> {
        let opened = open(&self.master, context, &parse(wrapped)?);
        opened.map(Zeroizing::new).map_err(|_| permanent("the master key does not open it"))
    }

    /// The same key under the current master key; `None` when it is under it already.
    ///
    /// # Errors
    /// As [`LocalKeyring::unwrap_by_master`].
    pub fn rewrap_by_master(&self, context: &str, wrapped: &[u8]) -> Result<Option<Vec<u8>>, PortError> {
        self.unwrap_by_master(context, wrapped).map(|_| None)
    }
}
