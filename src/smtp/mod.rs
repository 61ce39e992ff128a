//! The SMTP server: the front door, where every octet is hostile.
//!
//! [`Server::bind`] takes the sockets, [`Server::run`] serves until it is cancelled. A session (`session.rs`, one method
//! per verb; `receive.rs` for message content) speaks RFC 5321 with the peer and hands each transaction to the
//! `MailHandler`. It decides nothing about mail: it frames, bounds, and answers what the handler decided.

mod admission;
mod command;
mod connection;
mod peer;
mod receive;
mod session;
mod tls;

pub use tls::{TlsError, TlsOptions, TlsReload};

use crate::limits;
use crate::model::Domain;
use crate::ports::MailHandler;
use crate::wire::reply::Reply;
use admission::{Admission, BytesInFlight};
use bytes::BytesMut;
use ipnet::IpNet;
use metrics::counter;
use session::Shared;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Reads one command line, its line end included, and says whether it is a command: what `tests/fuzz` calls.
#[doc(hidden)]
#[must_use]
pub fn is_command(line: &[u8]) -> bool {
    command::parse(line, "mx.sentra.example").is_ok()
}

/// Settings of the SMTP server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our name in greeting, EHLO and 421 replies; what `RCPT TO:<postmaster>` is completed with.
    pub hostname: String,
    /// Listeners with STARTTLS.
    pub smtp: Vec<SocketAddr>,
    /// Listeners with implicit TLS.
    pub smtps: Vec<SocketAddr>,
    /// Peers that need neither certificate nor TLS.
    pub trust: Vec<IpNet>,
    /// Addresses that Exchange Online sends from.
    pub exchange_ranges: Vec<IpNet>,
    /// Names in Exchange Online's client certificate.
    pub exchange_names: Vec<Domain>,
    /// Octets of one message.
    pub max_message_size: u64,
    /// Sessions at once.
    pub max_sessions: usize,
    /// Sessions at once from one address outside Exchange's and the trusted ranges.
    pub max_sessions_per_peer: usize,
    /// Octets of messages in memory at once; at least [`Options::max_message_size`].
    pub bytes_in_flight: u64,
    /// Recipients of one transaction.
    pub max_recipients: usize,
    /// Commands of one session.
    pub max_commands: usize,
    /// Transactions of one session.
    pub max_transactions: usize,
    /// Errors of one session.
    pub max_errors: usize,
    /// Waiting for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Waiting for a command.
    pub command_timeout: Duration,
    /// Waiting for the next octets of content.
    pub data_timeout: Duration,
    /// A whole message's content.
    pub message_timeout: Duration,
    /// Life of a session.
    pub session_lifetime: Duration,
    /// Writing replies to a peer that does not read.
    pub reply_timeout: Duration,
    /// Finishing at shutdown.
    pub drain: Duration,
}

/// Exchange Online's addresses towards the internet, from Microsoft's endpoint list.
const EXCHANGE_RANGES: [&str; 6] = [
    "40.92.0.0/15",
    "40.107.0.0/16",
    "52.100.0.0/14",
    "104.47.0.0/17",
    "2a01:111:f400::/48",
    "2a01:111:f403::/48",
];

impl Default for Options {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            smtp: Vec::new(),
            smtps: Vec::new(),
            trust: Vec::new(),
            exchange_ranges: EXCHANGE_RANGES.iter().filter_map(|range| range.parse().ok()).collect(),
            exchange_names: Domain::parse("mail.protection.outlook.com").into_iter().collect(),
            max_message_size: limits::MAX_MESSAGE_SIZE,
            max_sessions: limits::MAX_SESSIONS,
            max_sessions_per_peer: limits::MAX_SESSIONS_PER_PEER,
            bytes_in_flight: limits::MAX_BYTES_IN_FLIGHT,
            max_recipients: limits::MAX_RECIPIENTS,
            max_commands: limits::MAX_COMMANDS,
            max_transactions: limits::MAX_TRANSACTIONS,
            max_errors: limits::MAX_ERRORS,
            handshake_timeout: limits::TLS_HANDSHAKE_TIMEOUT,
            command_timeout: limits::COMMAND_TIMEOUT,
            data_timeout: limits::DATA_TIMEOUT,
            message_timeout: limits::MESSAGE_TIMEOUT,
            session_lifetime: limits::SESSION_LIFETIME,
            reply_timeout: limits::REPLY_TIMEOUT,
            drain: limits::DRAIN,
        }
    }
}

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address is taken, not ours, or needs a privilege.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A trusted range that would make us an open door.
    #[error("trusted range {0} is too wide: list networks of /16 (IPv4) or /32 (IPv6) at most")]
    TrustTooWide(IpNet),
    /// The host name would break the replies it stands in.
    #[error("host name {0:?} is not a fully qualified domain name")]
    Hostname(String),
    /// One message of the largest size would not fit.
    #[error("bytes in flight ({in_flight}) must be at least the message size limit ({message_size})")]
    NoRoomForOneMessage {
        /// Configured octets in flight.
        in_flight: u64,
        /// Configured octets of one message.
        message_size: u64,
    },
}

/// Bound sockets, with the addresses they really have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// With STARTTLS.
    pub smtp: Vec<SocketAddr>,
    /// With implicit TLS.
    pub smtps: Vec<SocketAddr>,
}

/// The bound server, not yet serving.
pub struct Server {
    options: Options,
    tls: TlsReload,
    handler: Arc<dyn MailHandler>,
    /// With whether TLS starts at once.
    listeners: Vec<(TcpListener, bool)>,
    addresses: Addresses,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Checks the options and binds every listener.
    ///
    /// # Errors
    /// [`BindError`] names the option.
    pub async fn bind(
        options: Options,
        tls: TlsReload,
        handler: Arc<dyn MailHandler>,
    ) -> Result<Self, BindError> {
        if let Some(range) = peer::too_wide(&options.trust) {
            return Err(BindError::TrustTooWide(range));
        }
        if Domain::parse(&options.hostname).is_err()
            || !options.hostname.bytes().all(|o| o.is_ascii_graphic())
        {
            return Err(BindError::Hostname(options.hostname));
        }
        let (in_flight, message_size) = (options.bytes_in_flight, options.max_message_size);
        if in_flight < message_size {
            return Err(BindError::NoRoomForOneMessage { in_flight, message_size });
        }
        let mut listeners = Vec::new();
        let mut addresses = Addresses::default();
        for (wanted, bound, implicit_tls) in
            [(&options.smtp, &mut addresses.smtp, false), (&options.smtps, &mut addresses.smtps, true)]
        {
            for &address in wanted {
                let listen = |source| BindError::Listen { address, source };
                let listener = TcpListener::bind(address).await.map_err(listen)?;
                bound.push(listener.local_addr().map_err(listen)?);
                listeners.push((listener, implicit_tls));
            }
        }
        Ok(Self { options, tls, handler, listeners, addresses })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until cancelled, then drains: listeners close, waiting sessions get 421, messages under way finish
    /// within [`Options::drain`]. A verdict that is still being carried out after that is not cut: its task lives on
    /// as long as the runtime does.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { options, tls, handler, listeners, .. } = self;
        let shared = Arc::new(Shared {
            admission: Arc::new(Admission::new(&options)),
            bytes: BytesInFlight::new(options.bytes_in_flight),
            options,
            tls,
            handler,
            shutdown: shutdown.clone(),
            cut: CancellationToken::new(),
        });
        let tracker = TaskTracker::new();
        for (listener, implicit_tls) in listeners {
            tracker.spawn(accept(listener, implicit_tls, Arc::clone(&shared), tracker.clone()));
        }
        shutdown.cancelled().await;
        tracker.close();
        // The last seconds are for telling those who still send content that it will not be taken.
        let farewell = limits::LINGER.saturating_mul(2).min(shared.options.drain / 2);
        if timeout(shared.options.drain.saturating_sub(farewell), tracker.wait()).await.is_err() {
            shared.cut.cancel();
            if timeout(farewell, tracker.wait()).await.is_err() {
                warn!(sessions = tracker.len(), "smtp sessions still busy after the drain time");
            }
        }
    }
}

/// Takes connections until shutdown; the listener closes when this returns.
async fn accept(listener: TcpListener, implicit_tls: bool, shared: Arc<Shared>, tracker: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // An IPv4 peer of a dual-stack socket is judged by its IPv4 address.
                let ip = address.ip().to_canonical();
                match shared.admission.admit(&shared.options, ip) {
                    Ok(place) => {
                        tracker.spawn(session::serve(Arc::clone(&shared), stream, ip, implicit_tls, place));
                    }
                    Err(limit) => turn_away(stream, implicit_tls, limit, &shared.options.hostname),
                }
            }
            // Out of descriptors, or the peer was gone already: neither ends the listener.
            Err(error) => {
                warn!(%error, "smtp accept failed");
                sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

/// 421 without a session: written if the socket takes it at once, never waited for.
fn turn_away(stream: TcpStream, implicit_tls: bool, limit: &'static str, hostname: &str) {
    counter!("sentra_smtp_limits_total", "limit" => limit).increment(1);
    debug!(limit, "smtp session refused");
    if implicit_tls {
        return;
    }
    let mut reply = BytesMut::new();
    Reply::too_many_sessions(hostname).write_to(&mut reply);
    if let Err(error) = stream.into_std().and_then(|mut stream| stream.write_all(&reply)) {
        debug!(%error, "smtp refusal not written");
    }
}
