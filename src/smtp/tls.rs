//! TLS of the SMTP server: certificate and key, reloadable, and what a client certificate proves.
//!
//! Client certificates are asked for and never required. An unverifiable one costs the peer its names, not the
//! handshake: opportunistic senders present whatever they have. Names are believed only after the chain was verified
//! against the trusted roots. Issuers are never pinned (Exchange Online changes them), and a leaf for server
//! authentication alone is taken too, because public CAs stop issuing the client purpose.

use crate::model::{Domain, TlsInfo};
use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::{DigitallySignedStruct, DistinguishedName, ProtocolVersion, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use webpki::{EndEntityCert, KeyUsage};

/// Files of the TLS server, all PEM.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// Our certificate, followed by its intermediates (Exchange Online fetches none).
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
    /// Roots for client certificates; `None`: the public roots built in.
    pub client_roots: Option<PathBuf>,
}

/// Why certificate, key or roots are unusable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read or holds no such PEM section.
    #[error("{what} {}: {source} (expected a PEM file)", path.display())]
    File {
        /// `certificate`, `key` or `client roots`.
        what: &'static str,
        /// As configured.
        path: PathBuf,
        /// What the reader said.
        source: rustls_pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("{what} {}: holds no certificate", path.display())]
    Empty {
        /// `certificate` or `client roots`.
        what: &'static str,
        /// As configured.
        path: PathBuf,
    },
    /// A root certificate can't be used.
    #[error("client roots {}: {source}", path.display())]
    Root {
        /// As configured.
        path: PathBuf,
        /// What the verifier said.
        source: webpki::Error,
    },
    /// Certificate and key don't fit together, or the key is of an unknown kind.
    #[error("certificate {} and key {}: {source}", certificate.display(), key.display())]
    Pair {
        /// As configured.
        certificate: PathBuf,
        /// As configured.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

/// What one load of the files gave.
struct Loaded {
    config: Arc<ServerConfig>,
    roots: Vec<TrustAnchor<'static>>,
}

/// The TLS set-up in use; clones share it, so one `reload` serves every listener.
#[derive(Clone)]
pub struct TlsReload {
    options: Arc<TlsOptions>,
    loaded: Arc<ArcSwap<Loaded>>,
}

impl std::fmt::Debug for TlsReload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsReload").field("options", &self.options).finish_non_exhaustive()
    }
}

impl TlsReload {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let loaded = load(&options)?;
        Ok(Self { options: Arc::new(options), loaded: Arc::new(ArcSwap::from_pointee(loaded)) })
    }

    /// Reads the files again; new handshakes use them. Reads small files and blocks while doing so.
    ///
    /// # Errors
    /// [`TlsError`]; what was in use stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.loaded.store(Arc::new(load(&self.options)?));
        Ok(())
    }

    /// For the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.loaded.load().config))
    }

    /// What a finished handshake tells: version, suite and the verified names of the client certificate.
    pub(super) fn info(&self, connection: &ServerConnection) -> TlsInfo {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let cipher = connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default()
            // rustls spells `TLS13_AES_…` where IANA says `TLS_AES_…`.
            .replacen("TLS13_", "TLS_", 1);
        let client_names = connection
            .peer_certificates()
            .map(|chain| verified_names(chain, &self.loaded.load().roots, UnixTime::now()))
            .unwrap_or_default();
        TlsInfo { version, cipher, client_names }
    }
}

/// DNS names of the leaf, if the chain leads to one of the roots at this time; else none.
fn verified_names(
    chain: &[CertificateDer<'static>],
    roots: &[TrustAnchor<'static>],
    now: UnixTime,
) -> Vec<Domain> {
    let Some((leaf, intermediates)) = chain.split_first() else { return Vec::new() };
    let Ok(leaf) = EndEntityCert::try_from(leaf) else { return Vec::new() };
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let verified = [KeyUsage::client_auth(), KeyUsage::server_auth()]
        .into_iter()
        .any(|usage| leaf.verify_for_usage(algorithms, roots, intermediates, now, usage, None, None).is_ok());
    if !verified {
        return Vec::new();
    }
    // A wildcard name is no domain and proves no name: `Domain::parse` refuses it.
    leaf.valid_dns_names().filter_map(|name| Domain::parse(name).ok()).collect()
}

fn load(options: &TlsOptions) -> Result<Loaded, TlsError> {
    let chain = certificates("certificate", &options.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&options.key).map_err(|source| TlsError::File {
        what: "key",
        path: options.key.clone(),
        source,
    })?;
    let roots = match &options.client_roots {
        None => webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        Some(path) => certificates("client roots", path)?
            .iter()
            .map(|root| webpki::anchor_from_trusted_cert(root).map(|anchor| anchor.to_owned()))
            .collect::<Result<_, _>>()
            .map_err(|source| TlsError::Root { path: path.clone(), source })?,
    };
    let pair = |source| TlsError::Pair {
        certificate: options.certificate.clone(),
        key: options.key.clone(),
        source,
    };
    // Only ECDHE suites are in this provider: every session is forward-secret.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AskForCertificate { provider: Arc::clone(&provider) });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(pair)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(pair)?;
    // No resumption: each session verifies the client's certificate anew, against the roots and the time of now.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Loaded { config: Arc::new(config), roots })
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |source| TlsError::File { what, path: path.to_owned(), source };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(file)?.collect::<Result<_, _>>().map_err(file)?;
    if found.is_empty() {
        return Err(TlsError::Empty { what, path: path.to_owned() });
    }
    Ok(found)
}

/// Asks for a client certificate, takes any or none, but insists that the peer holds the key of what it shows.
#[derive(Debug)]
struct AskForCertificate {
    provider: Arc<CryptoProvider>,
}

impl AskForCertificate {
    /// A certificate that can't even be parsed (X.509 version 1, say) has no key to check a signature with. It passes
    /// without proof, because [`verified_names`] can't parse it either and so gives it no names.
    fn is_unreadable(certificate: &CertificateDer<'_>) -> bool {
        EndEntityCert::try_from(certificate).is_err()
    }
}

impl ClientCertVerifier for AskForCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Empty: a client should show whatever certificate it has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // The chain is judged after the handshake, by `verified_names`.
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if Self::is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if Self::is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
