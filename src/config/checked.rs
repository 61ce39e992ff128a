//! [`Config`]: the checked configuration, in plain fields.

use super::error::Problem;
use super::tls::ServerTls;
use crate::adapters::directory::redis::Options as RedisOptions;
use crate::adapters::keyring::MasterKeySources;
use crate::adapters::{backup, objects, sender_auth, workers};
use crate::model::Domain;
use ipnet::IpNet;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What we run with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// Name in greeting, EHLO and trace lines.
    pub hostname: Domain,
    /// The SMTP front door.
    pub smtp: SmtpConfig,
    /// Our certificate; `None`: no TLS is offered.
    pub tls: Option<ServerTls>,
    /// The way on.
    pub next_hop: NextHopConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Redis, if any.
    pub redis: Option<RedisOptions>,
    /// The master key.
    pub keys: KeysConfig,
    /// The gateway's ARC key, if any.
    pub arc: Option<ArcConfig>,
    /// The store that holds the bodies of held mail.
    pub objects: objects::Options,
    /// Backups, if any.
    pub backup: Option<backup::Options>,
    /// Health pages and web interface.
    pub web: Option<SocketAddr>,
    /// `https://…` of the web interface, without a slash at the end.
    pub public_url: Option<String>,
    /// Prometheus.
    pub metrics: Option<SocketAddr>,
    /// The log.
    pub log: LogConfig,
    /// How attached documents are read.
    pub documents: workers::Options,
    /// Whose word counts on who sent a message.
    pub identity: sender_auth::Options,
    /// Folder of own rules.
    pub rules: Option<PathBuf>,
    /// Whether the history of delivered mail is kept.
    pub history: bool,
    /// How often old data is purged; `None`: only by command.
    pub retention: Option<Duration>,
    /// Mail in transit may finish for so long at SIGTERM.
    pub drain: Duration,
    /// What is allowed and yet unwise, each with its remedy.
    pub warnings: Vec<Problem>,
}

/// The SMTP front door.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// With STARTTLS.
    pub listen: Vec<SocketAddr>,
    /// With TLS at once.
    pub implicit_tls_listen: Vec<SocketAddr>,
    /// Ranges believed without proof.
    pub trust: Vec<IpNet>,
    /// Whether their Authentication-Results are believed.
    pub trust_auth_results: bool,
    /// Exchange Online's ranges.
    pub exchange_ranges: Vec<IpNet>,
    /// Names of Exchange Online's client certificate.
    pub exchange_certificate_names: Vec<Domain>,
    /// Authorities of client certificates; empty: the public ones.
    pub client_ca: Option<PathBuf>,
    /// Octets.
    pub max_message_size: u64,
    /// Count.
    pub max_recipients: usize,
    /// Count.
    pub max_sessions: usize,
    /// Count.
    pub max_sessions_per_peer: usize,
    /// Octets.
    pub bytes_in_flight: u64,
    /// Next command.
    pub command_timeout: Duration,
    /// Next octets of a message.
    pub data_timeout: Duration,
}

/// The way on.
#[derive(Clone, Debug)]
pub struct NextHopConfig {
    /// Authorities believed besides the public ones.
    pub roots: Option<PathBuf>,
    /// Name servers; empty: the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// Per organisation.
    pub connections: usize,
    /// Messages over one connection.
    pub messages_per_connection: usize,
    /// TCP connect.
    pub connect_timeout: Duration,
}

/// The database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `sqlite:/absolute/path` or `postgres://…`.
    pub url: SecretString,
    /// For `migrate`; `None`: `url` serves.
    pub owner_url: Option<SecretString>,
}

/// The gateway's ARC key.
#[derive(Clone)]
pub struct ArcConfig {
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: String,
    /// PKCS #8.
    pub key: zeroize::Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for ArcConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArcConfig({}._domainkey.{})", self.selector, self.domain)
    }
}

/// The master key.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// Where it comes from, and the one before.
    pub master: MasterKeySources,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The log.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// Form.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
    /// Whether addresses and subjects may be written.
    pub personal_data: bool,
}
