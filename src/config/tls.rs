//! The server's certificate and key, read and found to belong together.

use super::read::read_bounded;
use crate::limits;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The files of the server's certificate chain and key, found to belong together.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// File of the chain.
    pub certificate: PathBuf,
    /// File of the key.
    pub key: PathBuf,
}

/// The certificates of a PEM file.
///
/// # Errors
/// What is wrong with the file, in words.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read_bounded(file, limits::MAX_SECRET_FILE).map_err(|error| error.to_string())?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not valid PEM: {error}"))?;
    if chain.is_empty() {
        return Err("holds no certificate (-----BEGIN CERTIFICATE-----)".into());
    }
    Ok(chain)
}

/// Reads both files.
///
/// # Errors
/// Which of the keys is at fault, and why.
pub(super) fn server(certificate: PathBuf, key: PathBuf) -> Result<ServerTls, (&'static str, String)> {
    let chain = certificates(&certificate)
        .map_err(|why| ("tls.certificate", format!("{}: {why}", certificate.display())))?;
    let at_key = |why: String| ("tls.key", format!("{}: {why}", key.display()));
    let pem = read_bounded(&key, limits::MAX_SECRET_FILE).map_err(|error| at_key(error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| at_key("holds no private key (-----BEGIN PRIVATE KEY-----)".into()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|error| {
        at_key(format!("does not fit the certificate {}: {error}", certificate.display()))
    })?;
    Ok(ServerTls { certificate, key })
}

/// The private key of a PEM file, in PKCS #8.
///
/// # Errors
/// What is wrong with the file, in words.
pub(super) fn private_key(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let pem =
        read_bounded(file, limits::MAX_SECRET_FILE).map(Zeroizing::new).map_err(|error| error.to_string())?;
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(key)) => Ok(Zeroizing::new(key.secret_pkcs8_der().to_vec())),
        Ok(_) => Err("holds a key that is not in PKCS #8 (`openssl pkcs8 -topk8 -nodes` makes it so)".into()),
        Err(_) => Err("holds no private key (-----BEGIN PRIVATE KEY-----)".into()),
    }
}
