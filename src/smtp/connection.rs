//! The octets of one session: lines in, replies out, plain or TLS. Every wait has a deadline.

use super::tls::TlsReload;
use crate::limits;
use crate::model::TlsInfo;
use crate::wire::reply::Reply;
use bytes::BytesMut;
use memchr::memchr;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::server::TlsStream;

/// Why nothing more can be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer closed or the connection failed.
    Gone,
    /// The deadline passed.
    TimedOut,
    /// A line or a message without end.
    Endless,
    /// The server is shutting down.
    ShuttingDown,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// One command line.
#[derive(Debug)]
pub(super) enum Line {
    /// Complete, with its LF.
    Whole(BytesMut),
    /// Longer than `limits::MAX_COMMAND_LINE`; it was skipped to its end.
    TooLong,
}

enum Transport {
    Plain(TcpStream),
    // Boxed: a TLS session is some kilobytes, a plain one a descriptor.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection with its buffers, which are small while it idles.
pub(super) struct Connection {
    transport: Transport,
    input: BytesMut,
    output: BytesMut,
    /// Octets of an over-long line skipped so far.
    skipped: usize,
    reply_timeout: Duration,
}

impl Connection {
    pub(super) fn plain(stream: TcpStream, reply_timeout: Duration) -> Self {
        Self {
            transport: Transport::Plain(stream),
            input: BytesMut::new(),
            output: BytesMut::new(),
            skipped: 0,
            reply_timeout,
        }
    }

    /// The server's side of the handshake. What the peer sent in plain text before it is dropped unread (RFC 3207
    /// section 4.2): it could have been injected by somebody else.
    pub(super) async fn start_tls(
        mut self,
        tls: &TlsReload,
        limit: Duration,
    ) -> Result<(Self, TlsInfo), io::Error> {
        self.flush().await.map_err(|_| io::ErrorKind::ConnectionAborted)?;
        let Transport::Plain(stream) = self.transport else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let stream = Box::pin(timeout(limit, tls.acceptor().accept(stream))).await??;
        let info = tls.info(stream.get_ref().1);
        let transport = Transport::Tls(Box::new(stream));
        let reply_timeout = self.reply_timeout;
        Ok((
            Self { transport, input: BytesMut::new(), output: BytesMut::new(), skipped: 0, reply_timeout },
            info,
        ))
    }

    /// Queues a reply; it is written before the next wait for input (RFC 2920 section 3.2).
    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.write_to(&mut self.output);
    }

    /// Writes what is queued. Cancel-safe: what was written is no longer queued.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        if self.output.is_empty() {
            return Ok(());
        }
        let Self { transport, output, reply_timeout, .. } = self;
        let write = async {
            while !output.is_empty() {
                let written = match transport {
                    Transport::Plain(stream) => stream.write_buf(output).await?,
                    Transport::Tls(stream) => stream.write_buf(output).await?,
                };
                if written == 0 {
                    return Err(Ended::Gone);
                }
            }
            match transport {
                Transport::Plain(_) => {}
                Transport::Tls(stream) => stream.flush().await?,
            }
            Ok(())
        };
        timeout(*reply_timeout, write).await.map_err(|_| Ended::TimedOut)??;
        // Replies are short and come seldom: an idle session keeps no buffer for them.
        *output = BytesMut::new();
        Ok(())
    }

    /// The next line. Cancel-safe.
    pub(super) async fn line(&mut self, deadline: Instant) -> Result<Line, Ended> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr(b'\n', self.input.get(searched..).unwrap_or_default()) {
                let line = self.input.split_to(searched + at + 1);
                let length = line.len() + std::mem::take(&mut self.skipped);
                if self.output.len() > limits::MAX_COLLECTED_REPLIES {
                    self.flush().await?;
                }
                let too_long = length > limits::MAX_COMMAND_LINE;
                return Ok(if too_long { Line::TooLong } else { Line::Whole(line) });
            }
            searched = self.input.len();
            if searched > limits::MAX_COMMAND_LINE {
                self.skipped += searched;
                self.input.clear();
                searched = 0;
                if self.skipped > limits::MAX_SKIPPED_LINE {
                    return Err(Ended::Endless);
                }
            }
            self.fill(limits::COMMAND_READ, deadline).await?;
        }
    }

    /// What was read and not yet used; content is taken from its front.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Writes what is queued, then reads at least one octet. Cancel-safe.
    pub(super) async fn fill(&mut self, room: usize, deadline: Instant) -> Result<(), Ended> {
        self.flush().await?;
        self.input.reserve(room);
        let read = async {
            match &mut self.transport {
                Transport::Plain(stream) => stream.read_buf(&mut self.input).await,
                Transport::Tls(stream) => stream.read_buf(&mut self.input).await,
            }
        };
        match timeout_at(deadline, read).await {
            Err(_) => Err(Ended::TimedOut),
            Ok(Ok(0)) => Err(Ended::Gone),
            Ok(read) => Ok(read.map(drop)?),
        }
    }

    /// Gives back the large buffer that content needed.
    pub(super) fn shrink(&mut self) {
        // Not by `capacity()`, which counts only what is left behind the octets that were used up.
        self.input = BytesMut::from(self.input.as_ref());
    }

    /// Writes what is queued, says that we are done and waits a little for the peer to see it: closing a socket with
    /// unread input resets the connection, and a reset can destroy our last reply before the peer reads it.
    pub(super) async fn close(mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let linger = async {
            match &mut self.transport {
                Transport::Plain(stream) => stream.shutdown().await?,
                Transport::Tls(stream) => stream.shutdown().await?,
            }
            let mut dropped = 0;
            while dropped < limits::MAX_LINGER_OCTETS {
                self.input.clear();
                self.input.reserve(limits::COMMAND_READ);
                let read = match &mut self.transport {
                    Transport::Plain(stream) => stream.read_buf(&mut self.input).await?,
                    Transport::Tls(stream) => stream.get_mut().0.read_buf(&mut self.input).await?,
                };
                if read == 0 {
                    break;
                }
                dropped += read;
            }
            Ok::<(), io::Error>(())
        };
        // Whether the peer saw it or not, the connection ends here.
        drop(timeout(limits::LINGER, linger).await);
    }
}
