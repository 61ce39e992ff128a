//! Keys that seal: RSA of 2048 bits, which every verifier takes. (RFC 8617 section 4.1.2 allows Ed25519; Microsoft's
//! verifier does not.)

use crate::model::{Domain, OrgId};
use crate::ports::PortError;
use arc_swap::ArcSwap;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A key with the name under which its public half is published.
pub struct SealingKey {
    pub(super) domain: String,
    pub(super) selector: String,
    pair: KeyPair,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({}._domainkey.{})", self.selector, self.domain)
    }
}

impl SealingKey {
    /// From PKCS #8.
    ///
    /// # Errors
    /// [`PortError::Permanent`] for what is no RSA key of at least 2048 bits.
    pub fn from_pkcs8(domain: &Domain, selector: &str, der: &[u8]) -> Result<Self, PortError> {
        let pair =
            KeyPair::from_pkcs8(der).map_err(|_| failed("an ARC key is no RSA key of 2048 bits or more"))?;
        Ok(Self { domain: domain.as_str().to_owned(), selector: selector.to_owned(), pair })
    }

    /// Where its record is published.
    #[must_use]
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// What is published there.
    ///
    /// # Errors
    /// [`PortError::Permanent`] when the key has no public half, which no key that was read lacks.
    pub fn record(&self) -> Result<String, PortError> {
        public(&self.pair).map(|key| record(&key))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0_u8; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
        Some(signature)
    }
}

/// Makes a key: its PKCS #8 and its public half in base64.
///
/// # Errors
/// [`PortError::Permanent`] when the random source fails.
pub fn generate() -> Result<(Zeroizing<Vec<u8>>, String), PortError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| failed("an ARC key could not be made"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| failed("an ARC key could not be written"))?;
    Ok((Zeroizing::new(der.as_ref().to_vec()), public(&pair)?))
}

/// The DNS record of a public half (RFC 6376 section 3.6.1).
#[must_use]
pub fn record(public: &str) -> String {
    format!("v=DKIM1; k=rsa; p={public}")
}

fn public(pair: &KeyPair) -> Result<String, PortError> {
    let der: PublicKeyX509Der<'_> =
        pair.public_key().as_der().map_err(|_| failed("an ARC key has no public half"))?;
    Ok(STANDARD.encode(der.as_ref()))
}

fn failed(detail: &str) -> PortError {
    PortError::Permanent { what: "arc", detail: detail.to_owned() }
}

/// The organisations' own keys that are used now. Swapped whole when the configuration is read; reading takes no lock.
#[derive(Default)]
pub struct ArcKeys(ArcSwap<BTreeMap<OrgId, Arc<SealingKey>>>);

impl ArcKeys {
    /// The key that an organisation seals with.
    #[must_use]
    pub fn active(&self, org: OrgId) -> Option<Arc<SealingKey>> {
        self.0.load().get(&org).cloned()
    }

    /// Takes the place of all that were known.
    pub fn replace(&self, keys: BTreeMap<OrgId, Arc<SealingKey>>) {
        self.0.store(Arc::new(keys));
    }
}
