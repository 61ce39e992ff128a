//! Why the program does not start.

use crate::adapters::next_hop::TlsError as NextHopTlsError;
use crate::adapters::store::StoreError;
use crate::ports::PortError;
use crate::rules::RuleError;
use crate::smtp::{BindError, TlsError};
use std::io;
use std::net::SocketAddr;

/// One part that could not be made ready; the text names it and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Database or schema.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys or Redis.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The store of backups.
    #[error("[backup] cannot be used: {0}")]
    Backup(String),
    /// Rules.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// Server certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// None configured: Exchange hands mail over under TLS only.
    #[error("no server certificate is configured (tls.certificate, tls.key)")]
    NoCertificate,
    /// Roots of the next hop.
    #[error(transparent)]
    NextHop(#[from] NextHopTlsError),
    /// SMTP listeners.
    #[error(transparent)]
    Smtp(#[from] BindError),
    /// Another listener.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Key of the configuration.
        key: &'static str,
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
