//! One connection to a next hop: octets out, replies in, and whether it may be used once more.

use super::reply::{ReplyError, ReplyReader};
use crate::model::{NextHopReply, NextHopTls};
use crate::ports::NextHopCapabilities;
use crate::wire::data_out;
use bytes::BytesMut;
use futures_util::FutureExt as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

/// What a connection leads to. A pooled connection serves only exactly the same route: after a change of host, TLS
/// policy or certificate the old one is never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Host name or address literal.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS policy.
    pub tls: NextHopTls,
    /// Files of the client certificate's chain and key.
    pub certificate: Option<(String, String)>,
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Failure of the connection itself; it is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// Closed or reset, or nothing taken or sent in time.
    #[error("{}", io_words(.0))]
    Io(#[from] io::Error),
    /// It answered something that is no reply.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "closed the connection".to_owned(),
        io::ErrorKind::TimedOut => "did not answer in time".to_owned(),
        _ => format!("connection failed: {error}"),
    }
}

/// Plain or encrypted.
#[derive(Debug)]
pub(super) enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// After STARTTLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// An established session after EHLO (and STARTTLS).
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    unread: BytesMut,
    capabilities: NextHopCapabilities,
    route: Route,
    born: Instant,
    last_used: Instant,
    messages: usize,
    _counted: Counted,
}

impl Connection {
    /// Takes over an established session.
    #[must_use]
    pub(super) fn new(stream: Stream, capabilities: NextHopCapabilities, route: Route) -> Self {
        let now = Instant::now();
        Self {
            stream,
            unread: BytesMut::with_capacity(1_024),
            capabilities,
            route,
            born: now,
            last_used: now,
            messages: 0,
            _counted: Counted::new(),
        }
    }

    /// What the next hop advertised.
    #[must_use]
    pub(super) fn capabilities(&self) -> NextHopCapabilities {
        self.capabilities
    }

    /// Where it leads.
    #[must_use]
    pub(super) fn route(&self) -> &Route {
        &self.route
    }

    /// Notes one more message.
    pub(super) fn count_message(&mut self) {
        self.messages += 1;
        self.last_used = Instant::now();
    }

    /// Writes a command group at once.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub(super) async fn write(&mut self, octets: &[u8], wait: Duration) -> Result<(), ConnectionError> {
        Ok(data_out::write_pieces(&mut self.stream, std::iter::once(octets), wait).await?)
    }

    /// Writes message content.
    ///
    /// # Errors
    /// [`ConnectionError`]; then the next hop did not get the end of the content.
    pub(super) async fn write_content<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Send,
        stall: Duration,
        whole: Duration,
    ) -> Result<(), ConnectionError> {
        let writing = data_out::write_pieces(&mut self.stream, pieces, stall);
        Ok(timeout(whole, writing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub(super) async fn reply(&mut self, wait: Duration) -> Result<NextHopReply, ConnectionError> {
        let reply = timeout(wait, self.read_reply())
            .await
            .map_err(|_| ConnectionError::Io(io::ErrorKind::TimedOut.into()))??;
        metrics::counter!("sentra_next_hop_replies_total", "code" => reply.code.to_string()).increment(1);
        Ok(reply)
    }

    async fn read_reply(&mut self) -> Result<NextHopReply, ConnectionError> {
        let mut reader = ReplyReader::default();
        loop {
            if let Some(reply) = reader.advance(&mut self.unread)? {
                return Ok(reply);
            }
            self.unread.reserve(1_024);
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// One command and its reply.
    ///
    /// # Errors
    /// [`ConnectionError`].
    pub(super) async fn command(
        &mut self,
        octets: &[u8],
        wait: Duration,
    ) -> Result<NextHopReply, ConnectionError> {
        self.write(octets, wait).await?;
        self.reply(wait).await
    }

    /// Whether another transaction may begin: young, not worn out, nothing unread, and the peer has neither spoken
    /// nor closed in the meantime (what it says unasked is a farewell).
    pub(super) fn is_reusable(&mut self, lifetime: Duration, idle: Duration, messages: usize) -> bool {
        let fresh = self.born.elapsed() < lifetime && self.last_used.elapsed() < idle;
        fresh
            && self.messages < messages
            && self.unread.is_empty()
            && self.stream.read_buf(&mut self.unread).now_or_never().is_none()
    }

    /// Marks the connection as just used, when it goes to rest.
    pub(super) fn rest(&mut self) {
        self.last_used = Instant::now();
    }

    /// Takes leave without waiting for an answer.
    pub(super) async fn quit(mut self) {
        let farewell = async {
            self.stream.write_all(b"QUIT\r\n").await.ok();
            self.stream.shutdown().await.ok();
        };
        timeout(Duration::from_secs(1), farewell).await.ok();
    }
}

/// Keeps the gauge of open connections.
#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("sentra_next_hop_connections").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("sentra_next_hop_connections").decrement(1.0);
    }
}
