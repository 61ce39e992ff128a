//! What the tests of the SMTP server share: a running server and a raw client.

use super::certificates::{Authority, Leaf};
use super::script::{Event, Script};
use bytes::Bytes;
use rcgen::ExtendedKeyUsagePurpose;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use sentra::model::Peer;
use sentra::smtp::{Options, Server, TlsOptions, TlsReload};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// Longest that a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server before the script.
pub struct World {
    pub smtp: SocketAddr,
    pub smtps: SocketAddr,
    pub authority: Authority,
    pub tls: TlsReload,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub permits: Arc<Semaphore>,
    pub shutdown: CancellationToken,
    pub running: JoinHandle<()>,
    events: Mutex<mpsc::Receiver<Event>>,
    _folder: tempfile::TempDir,
}

impl World {
    /// Loopback is trusted: no TLS needed.
    pub async fn trusted() -> Self {
        Self::start(trusting()).await
    }

    pub async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test CA");
        let path = |name: &str| folder.path().join(name);
        let (certificate, key, roots) = (path("server.pem"), path("server.key"), path("roots.pem"));
        authority.leaf("mx.example", ExtendedKeyUsagePurpose::ServerAuth).write(&certificate, &key);
        std::fs::write(&roots, authority.certificate.pem()).unwrap();
        let tls = TlsReload::load(TlsOptions {
            certificate: certificate.clone(),
            key: key.clone(),
            client_roots: Some(roots),
        })
        .unwrap();
        let (sender, events) = mpsc::channel(10_000);
        let permits = Arc::new(Semaphore::new(0));
        let script = Script { events: sender, permits: Arc::clone(&permits), ids: AtomicU64::new(1) };
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let options = Options {
            hostname: "mx.example".to_owned(),
            smtp: vec![loopback],
            smtps: vec![loopback],
            ..options
        };
        let server = Server::bind(options, tls.clone(), Arc::new(script)).await.unwrap();
        let addresses = server.addresses().clone();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(server.run(shutdown.clone()));
        Self {
            smtp: addresses.smtp[0],
            smtps: addresses.smtps[0],
            authority,
            tls,
            certificate,
            key,
            permits,
            shutdown,
            running,
            events: Mutex::new(events),
            _folder: folder,
        }
    }

    /// The next thing that the handler saw.
    #[expect(clippy::await_holding_lock, reason = "each test has one reader")]
    pub async fn event(&self) -> Event {
        let mut events = self.events.lock().unwrap();
        timeout(PATIENCE, events.recv()).await.expect("an event").expect("a running server")
    }

    /// Events up to the first that fits.
    pub async fn event_that(&self, fits: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.event().await;
            if fits(&event) {
                return event;
            }
        }
    }

    /// Octets and bare-newline flag of the next finished message.
    pub async fn finished(&self) -> (Bytes, bool) {
        match self.event_that(|event| matches!(event, Event::Finished(..))).await {
            Event::Finished(octets, bare) => (octets, bare),
            _ => unreachable!(),
        }
    }

    /// The peer of the next transaction.
    pub async fn opened(&self) -> Peer {
        match self.event_that(|event| matches!(event, Event::Opened(..))).await {
            Event::Opened(peer, ..) => peer,
            _ => unreachable!(),
        }
    }

    /// A plain connection after the greeting.
    pub async fn connect(&self) -> Client {
        let mut client = self.knock().await;
        assert_eq!(client.reply().await, "220 mx.example ESMTP ready\r\n");
        client
    }

    /// A plain connection, nothing read.
    pub async fn knock(&self) -> Client {
        Client::new(TcpStream::connect(self.smtp).await.unwrap())
    }

    /// A plain connection after EHLO.
    pub async fn greeted(&self) -> Client {
        let mut client = self.connect().await;
        client.say("EHLO client.example\r\n", "250").await;
        client
    }

    /// A connection after STARTTLS and EHLO, or the handshake's error.
    pub async fn encrypted(&self, config: ClientConfig) -> std::io::Result<Client> {
        let mut client = self.greeted().await;
        client.say("STARTTLS\r\n", "220 2.0.0").await;
        let mut client = client.start_tls(config).await?;
        client.send(b"EHLO client.example\r\n").await;
        // With TLS 1.3 the server's verdict on our certificate shows with its first answer.
        match client.try_reply().await {
            Some(reply) if reply.starts_with("250") => Ok(client),
            _ => Err(std::io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// A client that trusts our authority and shows nothing.
    pub fn client_config(&self) -> ClientConfig {
        self.config_builder().with_no_client_auth()
    }

    /// A client that shows a certificate.
    pub fn client_config_with(&self, leaf: &Leaf) -> ClientConfig {
        let chain = vec![leaf.certificate.clone()];
        self.config_builder().with_client_auth_cert(chain, leaf.private_key()).unwrap()
    }

    pub fn config_builder(&self) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        client_builder(&self.authority, rustls::ALL_VERSIONS)
    }
}

pub fn client_builder(
    authority: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

pub fn trusting() -> Options {
    Options { trust: vec!["127.0.0.0/16".parse().unwrap()], ..Options::default() }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A client that sends raw octets.
pub struct Client {
    plain: Option<TcpStream>,
    tls: Option<Box<tokio_rustls::client::TlsStream<TcpStream>>>,
    buffer: Vec<u8>,
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { plain: Some(stream), tls: None, buffer: Vec::new() }
    }

    pub async fn start_tls(self, config: ClientConfig) -> std::io::Result<Self> {
        assert_eq!(self.buffer, b"", "nothing may follow the 220");
        let name = ServerName::try_from("mx.example").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, self.plain.unwrap()).await?;
        Ok(Self { plain: None, tls: Some(Box::new(stream)), buffer: Vec::new() })
    }

    /// Keeps the connection open without the memory of its TLS state.
    pub fn forget_tls(&mut self) {
        self.plain = self.tls.take().map(|stream| stream.into_inner().0);
        self.buffer = Vec::new();
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match (&mut self.plain, &mut self.tls) {
            (Some(stream), _) => stream,
            (None, Some(stream)) => &mut **stream,
            (None, None) => unreachable!(),
        }
    }

    pub async fn send(&mut self, octets: &[u8]) {
        timeout(PATIENCE, self.stream().write_all(octets)).await.expect("a reading server").unwrap();
        timeout(PATIENCE, self.stream().flush()).await.expect("a reading server").unwrap();
    }

    /// Sends what the server may refuse to read to its end.
    pub async fn send_anyway(&mut self, octets: &[u8]) {
        drop(timeout(PATIENCE, self.stream().write_all(octets)).await.expect("a reading server"));
    }

    /// One reply, all its lines; `None` when the connection ended first.
    pub async fn try_reply(&mut self) -> Option<String> {
        loop {
            let mut end = 0;
            for line in self.buffer.split_inclusive(|octet| *octet == b'\n') {
                end += line.len();
                if line.ends_with(b"\r\n") && line.get(3) == Some(&b' ') {
                    return Some(String::from_utf8(self.buffer.drain(..end).collect()).unwrap());
                }
            }
            let mut chunk = [0; 4_096];
            match timeout(PATIENCE, self.stream().read(&mut chunk)).await.expect("a reply in time") {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
            }
        }
    }

    pub async fn reply(&mut self) -> String {
        self.try_reply().await.expect("a reply")
    }

    /// Sends and checks how the reply begins.
    pub async fn say(&mut self, octets: &str, expected: &str) -> String {
        self.send(octets.as_bytes()).await;
        self.expect(expected).await
    }

    pub async fn expect(&mut self, expected: &str) -> String {
        let reply = self.reply().await;
        assert!(reply.starts_with(expected), "expected {expected:?}, got {reply:?}");
        reply
    }

    /// The server closed, and said nothing more.
    pub async fn expect_end(&mut self) {
        assert_eq!(self.try_reply().await, None);
        assert_eq!(self.buffer, b"");
    }

    /// MAIL and RCPT.
    pub async fn envelope(&mut self, local: &str) {
        self.say("MAIL FROM:<a@sender.example>\r\n", "250 2.1.0").await;
        self.say(&format!("RCPT TO:<{local}@acme.example>\r\n"), "250 2.1.5").await;
    }
}
