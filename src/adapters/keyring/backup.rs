//! What backups need of the master key: their own key is wrapped by it.

use super::LocalKeyring;
use super::sealing::parse;
use crate::ports::PortError;
use zeroize::Zeroizing;

impl LocalKeyring {
    /// Wraps a key that belongs to no organisation.
    ///
    /// # Errors
    /// [`PortError`] when the random source fails.
    pub fn wrap_by_master(&self, context: &str, key: &[u8]) -> Result<Vec<u8>, PortError> {
        self.masters.load().wrap(context, key)
    }

    /// Undoes [`LocalKeyring::wrap_by_master`], also of the previous master key.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when no known master key wrapped it.
    pub fn unwrap_by_master(&self, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, PortError> {
        self.masters.load().unwrap(context, wrapped)
    }

    /// The same key under the current master key; `None` when it is under it already.
    ///
    /// # Errors
    /// As [`LocalKeyring::unwrap_by_master`].
    pub fn rewrap_by_master(&self, context: &str, wrapped: &[u8]) -> Result<Option<Vec<u8>>, PortError> {
        let masters = self.masters.load();
        let key = masters.unwrap(context, wrapped)?;
        if parse(wrapped)?.key_id == masters.current() {
            return Ok(None);
        }
        masters.wrap(context, &key).map(Some)
    }
}
