//! Password hashes: PBKDF2-HMAC-SHA-256 (RFC 8018), stored as `$pbkdf2-sha256$i=ITERATIONS$SALT$HASH` with salt (16
//! octets) and hash (32 octets) in base64 without padding. The iterations stand in each hash and can rise later.

use super::error::{StoreError, damaged};
use super::{Store, config_changed};
use crate::adapters::audit::AuditAction;
use crate::model::{EmailAddress, OrgId};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::num::NonZeroU32;

/// OWASP's figure for PBKDF2-HMAC-SHA-256.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// More than this in a stored hash is damage, not caution.
const MAX_ITERATIONS: u32 = 10_000_000;
/// Shortest password (NIST SP 800-63B asks for 8; an administrator can release mail).
const MIN_PASSWORD: usize = 12;
/// Longest password in octets.
const MAX_PASSWORD: usize = 1_024;

/// Hashes a password on a thread that may block.
pub(super) async fn hash_password(password: SecretString) -> Result<String, StoreError> {
    let text = password.expose_secret();
    if text.chars().count() < MIN_PASSWORD || text.len() > MAX_PASSWORD {
        return Err(StoreError::Invalid(format!("a password has at least {MIN_PASSWORD} characters")));
    }
    blocking(move || {
        let mut salt = [0_u8; 16];
        rand::fill(&mut salt)
            .map_err(|_| StoreError::Unavailable("the system's random source failed".to_owned()))?;
        let mut hash = [0_u8; 32];
        let secret = password.expose_secret().as_bytes();
        pbkdf2::derive(PBKDF2_HMAC_SHA256, ITERATIONS, &salt, secret, &mut hash);
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        Ok(format!("$pbkdf2-sha256$i={ITERATIONS}${salt}${hash}"))
    })
    .await
}

/// Compares in constant time. Without a hash it computes one all the same, so that timing does not tell who exists.
pub(super) async fn verify_password(
    password: SecretString,
    stored: Option<String>,
) -> Result<bool, StoreError> {
    if password.expose_secret().len() > MAX_PASSWORD {
        return Ok(false);
    }
    blocking(move || {
        let exists = stored.is_some();
        let (iterations, salt, hash) = match stored {
            Some(stored) => parse(&stored).ok_or_else(|| damaged("password hash"))?,
            None => (ITERATIONS, vec![0; 16], vec![0; 32]),
        };
        let secret = password.expose_secret().as_bytes();
        let fits = pbkdf2::verify(PBKDF2_HMAC_SHA256, iterations, &salt, secret, &hash).is_ok();
        Ok(fits && exists)
    })
    .await
}

fn parse(stored: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let mut fields = stored.strip_prefix("$pbkdf2-sha256$i=")?.split('$');
    let iterations = fields.next()?.parse::<NonZeroU32>().ok().filter(|i| i.get() <= MAX_ITERATIONS)?;
    let salt = STANDARD_NO_PAD.decode(fields.next()?).ok()?;
    let hash = STANDARD_NO_PAD.decode(fields.next()?).ok()?;
    (fields.next().is_none() && hash.len() == 32).then_some((iterations, salt, hash))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(error.to_string()))?
}

impl Store {
    /// Sets an administrator's password, and adds the administrator if need be. The hash takes a good part of a
    /// second and is made on a thread that may block.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Invalid`] for a password under 12 characters.
    pub async fn set_admin_password(
        &self,
        org: OrgId,
        email: &EmailAddress,
        password: SecretString,
        actor: &str,
    ) -> Result<(), StoreError> {
        let hash = hash_password(password).await?;
        let mut write = self.database.scope(org).write().await?;
        self.put_admin(&mut write, org, email, Some(hash)).await?;
        self.note(&mut write, org, actor, AuditAction::UserPassword, &email.folded(), json!({})).await?;
        config_changed(&mut write).await?;
        write.commit().await
    }

    /// Whether this is the password of this user. False for users without one; takes as long either way.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn check_password(
        &self,
        org: OrgId,
        email: &EmailAddress,
        password: SecretString,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT password_hash FROM users WHERE org_id = $1 AND folded = $2";
        let query = sqlx::query_scalar::<_, Option<String>>(sql).bind(org.to_string()).bind(email.folded());
        let mut read = self.database.scope(org).read().await?;
        let hash = query.fetch_optional(&mut *read).await?.flatten();
        drop(read);
        verify_password(password, hash).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_fits_its_hash() {
        let hash = hash_password(secret("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$pbkdf2-sha256$i=600000$"), "{hash}");
        assert!(verify_password(secret("correct horse battery"), Some(hash.clone())).await.unwrap());
        assert!(!verify_password(secret("correct horse batterz"), Some(hash)).await.unwrap());
        assert!(!verify_password(secret(""), None).await.unwrap());
        assert!(hash_password(secret("short")).await.is_err());
        assert!(verify_password(secret("x"), Some("$pbkdf2-sha256$i=0$$".to_owned())).await.is_err());
    }
}
