//! A plain SMTP client for tests: says exactly what it is told, octet by octet.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Nothing in these tests waits longer than this for an answer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A reply: its code, and all lines joined by `\n` without codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

/// One session.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects and reads the greeting.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream) };
        let greeting = client.reply().await?;
        if greeting.code != 220 {
            return Err(io::Error::other(format!("greeting {greeting:?}")));
        }
        Ok(client)
    }

    /// Connects and says EHLO.
    pub async fn hello(address: SocketAddr) -> io::Result<Self> {
        let mut client = Self::connect(address).await?;
        let reply = client.say("EHLO client.test").await?;
        if reply.code != 250 {
            return Err(io::Error::other(format!("EHLO {reply:?}")));
        }
        Ok(client)
    }

    /// Writes octets as they are.
    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets).await
    }

    /// Sends one command line and reads the reply.
    pub async fn say(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// Reads one reply, however many lines.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        let read = async {
            let mut text = Vec::new();
            loop {
                let mut line = String::new();
                if self.stream.read_line(&mut line).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let line = line.trim_end();
                let code: u16 = line
                    .get(..3)
                    .and_then(|code| code.parse().ok())
                    .ok_or_else(|| io::Error::other(format!("no reply line: {line:?}")))?;
                text.push(line.get(4..).unwrap_or("").to_owned());
                if line.as_bytes().get(3) != Some(&b'-') {
                    return Ok(Reply { code, text: text.join("\n") });
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// MAIL, RCPT…, DATA, content (dot-stuffed here), final dot. Stops at the first reply that is not positive and
    /// returns it; a refused RCPT among accepted ones is skipped.
    pub async fn send(&mut self, from: &str, to: &[&str], octets: &[u8]) -> io::Result<Reply> {
        let reply = self.say(&format!("MAIL FROM:<{from}>")).await?;
        if reply.code != 250 {
            return Ok(reply);
        }
        let mut accepted = 0;
        let mut last = reply;
        for recipient in to {
            last = self.say(&format!("RCPT TO:<{recipient}>")).await?;
            accepted += usize::from(last.code == 250);
        }
        if accepted == 0 {
            let _ = self.say("RSET").await?;
            return Ok(last);
        }
        let reply = self.say("DATA").await?;
        if reply.code != 354 {
            return Ok(reply);
        }
        self.write(&stuffed(octets)).await?;
        self.reply().await
    }

    /// The rest of what the server says until it closes.
    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        self.stream.read_to_end(&mut octets).await?;
        Ok(octets)
    }
}

/// Dot-stuffs content with CRLF line ends and adds the final dot.
pub fn stuffed(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + 8);
    let mut at_line_start = true;
    for octet in octets {
        if at_line_start && *octet == b'.' {
            out.push(b'.');
        }
        out.push(*octet);
        at_line_start = *octet == b'\n';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
