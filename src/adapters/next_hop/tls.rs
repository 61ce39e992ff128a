//! TLS towards next hops: one client configuration an organisation, with its own certificate.
//!
//! Exchange Online attributes a connection to a tenant by the client certificate, so neither a configuration nor
//! its session tickets are ever shared between organisations. Certificates are read again when a file changes, so a
//! renewal needs no restart; one that can't be read stops the connection, it is never left out silently.

use super::connection::Route;
use crate::model::{NextHopTls, OrgId};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio_rustls::TlsConnector;

/// Why there is no TLS configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or is no PEM of the expected kind.
    #[error("cannot read {what} from {path}: {detail}")]
    File {
        /// `the certificate chain`, `the private key` or `root certificates`.
        what: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// Certificate and key do not fit, or the key is of an unknown kind.
    #[error("the client certificate can't be used: {0}")]
    Certificate(String),
}

type Stamp = (Option<SystemTime>, Option<SystemTime>);

#[derive(Debug)]
struct Cached {
    tls: NextHopTls,
    certificate: Option<(String, String)>,
    stamp: Stamp,
    config: Arc<ClientConfig>,
}

/// Makes and keeps the configurations.
#[derive(Debug)]
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    cache: Mutex<HashMap<OrgId, Cached>>,
}

impl TlsConfigs {
    /// `extra_roots`: a PEM file of further trusted roots (a private CA), beside the public ones.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub(super) fn new(extra_roots: Option<&Path>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = extra_roots {
            for certificate in read_certificates("root certificates", path)? {
                roots.add(certificate).map_err(|error| file_error("root certificates", path, error))?;
            }
        }
        Ok(Self {
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            roots: Arc::new(roots),
            cache: Mutex::new(HashMap::new()),
        })
    }

    /// The organisation's connector. Looks at the certificate's files, so it must not run on an async thread.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) fn connector(&self, org: OrgId, route: &Route) -> Result<TlsConnector, TlsError> {
        let stamp =
            route.certificate.as_ref().map_or((None, None), |(chain, key)| (modified(chain), modified(key)));
        {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |cached: &&Cached| {
                cached.tls == route.tls && cached.certificate == route.certificate && cached.stamp == stamp
            };
            if let Some(cached) = cache.get(&org).filter(fits) {
                return Ok(TlsConnector::from(Arc::clone(&cached.config)));
            }
        }
        let config = Arc::new(self.build(route)?);
        let cached = Cached {
            tls: route.tls,
            certificate: route.certificate.clone(),
            stamp,
            config: Arc::clone(&config),
        };
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).insert(org, cached);
        Ok(TlsConnector::from(config))
    }

    fn build(&self, route: &Route) -> Result<ClientConfig, TlsError> {
        let unusable = |error: rustls::Error| TlsError::Certificate(error.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = if route.tls == NextHopTls::Required {
            let verifier = WebPkiServerVerifier::builder_with_provider(
                Arc::clone(&self.roots),
                Arc::clone(&self.provider),
            )
            .build()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
            builder.with_webpki_verifier(verifier)
        } else {
            let verifier = AnyCertificate { provider: Arc::clone(&self.provider) };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        };
        match &route.certificate {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => {
                let chain = read_certificates("the certificate chain", Path::new(chain))?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| file_error("the private key", Path::new(key), error))?;
                builder.with_client_auth_cert(chain, key).map_err(unusable)
            }
        }
    }
}

fn modified(path: &str) -> Option<SystemTime> {
    std::fs::metadata(PathBuf::from(path)).and_then(|metadata| metadata.modified()).ok()
}

fn read_certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_error(what, path, error))?;
    if certificates.is_empty() {
        return Err(file_error(what, path, "holds no certificate"));
    }
    Ok(certificates)
}

fn file_error(what: &'static str, path: &Path, detail: impl std::fmt::Display) -> TlsError {
    TlsError::File { what, path: path.display().to_string(), detail: detail.to_string() }
}

/// Accepts any certificate: opportunistic TLS (RFC 7435) keeps out those who only listen, and the only alternative
/// would be plain text. The handshake's signature is still checked, so the peer owns the key it shows.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
