//! What the tests of the SMTP server share: a scripted handler, certificates, a raw client.

use async_trait::async_trait;
use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sentra::model::{
    Disposition, MailId, MailParameters, NextHopReply, Peer, QuarantineId, Recipient, RecipientOutcome,
    RefusalReason, ReversePath,
};
use sentra::ports::{MailHandler, MailTransaction};
use sentra::smtp::{Options, Server, TlsOptions, TlsReload};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

/// Longest that a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the handler saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Opened(Peer, ReversePath, MailParameters),
    Offered(Recipient),
    Finishing,
    Finished(Bytes, bool),
    Aborted,
}

/// Does what the local part of the recipient says: `refused`, `other`, `stranger`, `panic-rcpt`, `panic`, `held`,
/// `bounced`, `slow` (waits for a permit); anything else is accepted.
pub struct Script {
    events: mpsc::Sender<Event>,
    /// Permits for `slow` messages to end.
    pub permits: Arc<Semaphore>,
    ids: AtomicU64,
}

struct ScriptTransaction {
    events: mpsc::Sender<Event>,
    permits: Arc<Semaphore>,
    id: MailId,
    accepted: Vec<String>,
    finished: bool,
}

impl Script {
    pub fn next_hop(code: u16, enhanced: (u8, u16, u16), text: &str) -> NextHopReply {
        NextHopReply { code, enhanced: Some(enhanced), lines: vec![text.to_owned()] }
    }
}

#[async_trait]
impl MailHandler for Script {
    async fn open(
        &self,
        peer: &Peer,
        reverse_path: ReversePath,
        parameters: MailParameters,
    ) -> Result<Box<dyn MailTransaction>, RefusalReason> {
        if reverse_path.0.as_ref().is_some_and(|address| address.local() == "panic-open") {
            panic!("asked for");
        }
        self.events.try_send(Event::Opened(peer.clone(), reverse_path, parameters)).unwrap();
        Ok(Box::new(ScriptTransaction {
            events: self.events.clone(),
            permits: Arc::clone(&self.permits),
            id: MailId(Ulid(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))),
            accepted: Vec::new(),
            finished: false,
        }))
    }
}

#[async_trait]
impl MailTransaction for ScriptTransaction {
    fn id(&self) -> MailId {
        self.id
    }

    async fn recipient(&mut self, recipient: Recipient) -> RecipientOutcome {
        let local = recipient.address.local().to_owned();
        self.events.try_send(Event::Offered(recipient)).unwrap();
        match local.as_str() {
            "refused" => {
                RecipientOutcome::RefusedByNextHop(Script::next_hop(550, (5, 1, 10), "no such mailbox"))
            }
            "other" => RecipientOutcome::Refused(RefusalReason::OtherOrganisation),
            "stranger" => RecipientOutcome::Refused(RefusalReason::NotProtected),
            "panic-rcpt" => panic!("asked for"),
            _ => {
                self.accepted.push(local);
                RecipientOutcome::Accepted(Script::next_hop(250, (2, 1, 5), "ok"))
            }
        }
    }

    fn accepted(&self) -> usize {
        self.accepted.len()
    }

    async fn finish(mut self: Box<Self>, octets: Bytes, bare_newlines: bool) -> Disposition {
        self.events.try_send(Event::Finishing).unwrap();
        let is = |name: &str| self.accepted.iter().any(|local| local == name);
        let disposition = if is("panic") {
            panic!("asked for")
        } else if is("held") {
            Disposition::Held(QuarantineId(Ulid(1)))
        } else if is("bounced") {
            Disposition::RefusedByNextHop(Script::next_hop(554, (5, 6, 0), "content refused"))
        } else {
            if is("slow") {
                self.permits.acquire().await.unwrap().forget();
            }
            Disposition::Relayed(Script::next_hop(250, (2, 6, 0), "queued"))
        };
        self.finished = true;
        self.events.try_send(Event::Finished(octets, bare_newlines)).unwrap();
        disposition
    }
}

impl Drop for ScriptTransaction {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.events.try_send(Event::Aborted);
        }
    }
}

/// A certificate authority of our own.
pub struct Authority {
    pub certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A leaf with its key.
pub struct Leaf {
    pub certificate: CertificateDer<'static>,
    pub key: KeyPair,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn leaf(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Leaf {
        self.leaf_with(leaf_params(name, usage))
    }

    pub fn expired_leaf(&self, name: &str) -> Leaf {
        let mut params = leaf_params(name, ExtendedKeyUsagePurpose::ClientAuth);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.leaf_with(params)
    }

    fn leaf_with(&self, params: CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Leaf { certificate, key }
    }
}

fn leaf_params(name: &str, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    params
}

impl Leaf {
    /// Signed by nobody but itself.
    pub fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = leaf_params(name, ExtendedKeyUsagePurpose::ClientAuth);
        Self { certificate: params.self_signed(&key).unwrap().der().clone(), key }
    }

    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// Writes certificate and key as PEM.
    pub fn write(&self, certificate: &Path, key: &Path) {
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(&self.certificate);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        std::fs::write(certificate, pem).unwrap();
        std::fs::write(key, self.key.serialize_pem()).unwrap();
    }
}

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
    #[allow(clippy::await_holding_lock, reason = "each test has one reader")]
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
    tls: Option<Box<dyn Stream>>,
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
        let _ = timeout(PATIENCE, self.stream().write_all(octets)).await.expect("a reading server");
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
