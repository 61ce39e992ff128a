//! The mailbox side of the demo: an independent SMTP server (mailin-embedded) that keeps what it is given.

use mailin_embedded::{Handler, Response, Server, SslConfig, response};
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

/// Octets of one message that the receiver keeps; the samples are far smaller.
const MAX_KEPT: usize = 1024 * 1024;
/// Sessions at once; the gateway pools its connections.
const THREADS: u32 = 8;

/// What arrived, by Message-ID.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Mailbox {
    /// The message with this Message-ID (with brackets), as it arrived.
    pub(super) fn get(&self, message_id: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(message_id).cloned()
    }
}

/// Listens on a free loopback port until the process ends.
///
/// # Errors
/// When no port can be bound or the server can't be set up.
pub(super) fn start() -> io::Result<(SocketAddr, Mailbox)> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mailbox = Mailbox::default();
    let mut server = Server::new(Session { mailbox: mailbox.clone(), octets: Vec::new() });
    server
        .with_name("mailbox.demo")
        .with_ssl(SslConfig::None)
        .map_err(|error| io::Error::other(error.to_string()))?
        .with_num_threads(THREADS)
        .with_tcp_listener(listener);
    std::thread::Builder::new().name("demo-mailbox".to_owned()).spawn(move || {
        // Serves until the process ends; an error here means that nobody can be delivered to, which the table shows.
        if let Err(error) = server.serve() {
            tracing::error!(%error, "the demo's mailbox ended");
        }
    })?;
    Ok((address, mailbox))
}

#[derive(Clone)]
struct Session {
    mailbox: Mailbox,
    octets: Vec<u8>,
}

impl Handler for Session {
    fn data_start(&mut self, _domain: &str, _from: &str, _is8bit: bool, _to: &[String]) -> Response {
        self.octets.clear();
        response::OK
    }

    fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        let room = MAX_KEPT.saturating_sub(self.octets.len());
        self.octets.extend_from_slice(octets.get(..octets.len().min(room)).unwrap_or_default());
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let octets = std::mem::take(&mut self.octets);
        let id = super::samples::message_id(&octets);
        self.mailbox.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, octets);
        response::OK
    }
}
