//! The self-signed certificate of a new installation.

use super::Failure;
use crate::model::Domain;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use time::{Duration, OffsetDateTime};

/// Days that it is valid: long enough to set everything up, then a real one should be there.
const VALID_DAYS: i64 = 825;
/// It is valid a day earlier: clocks differ.
const EARLIER_DAYS: i64 = 1;

/// Certificate and key as PEM.
pub(super) struct SelfSigned {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Makes a certificate for `hostname`, valid from `now` (Unix milliseconds).
pub(super) fn self_signed(hostname: &Domain, now_ms: i64) -> Result<SelfSigned, Failure> {
    let made = || -> Result<SelfSigned, rcgen::Error> {
        let mut names = vec![hostname.as_str().to_owned()];
        if hostname.as_str() == "localhost" {
            names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
        }
        let mut params = CertificateParams::new(names)?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, hostname.as_str());
        params.distinguished_name = name;
        let now = OffsetDateTime::from_unix_timestamp(now_ms / 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        params.not_before = now.saturating_sub(Duration::days(EARLIER_DAYS));
        params.not_after = now.saturating_add(Duration::days(VALID_DAYS));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(SelfSigned { certificate: certificate.pem(), key: key.serialize_pem() })
    };
    made().map_err(|error| Failure::new(format!("no certificate could be made for {hostname}: {error}")))
}
