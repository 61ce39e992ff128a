//! A next hop that does what the test asks: a strict SMTP server that shares no line with the product.
//!
//! ```ignore
//! let sink = Sink::start(Behaviour::default()).await;      // port 0 on loopback
//! // … hand a message on to sink.port() …
//! let got = sink.wait_for(1).await;                         // no sleep: returns when it is there
//! assert_eq!(got[0].octets, b"…");
//! sink.set(|b| b.after_data = AfterData::Hang);             // from the next decision on
//! sink.assert_clean();                                      // nothing it received broke the protocol
//! ```
//!
//! Faults can also be asked for by the recipient's local part, whatever the behaviour says: `tempfail@` (451),
//! `permfail@` (550 5.1.1), `configfail@` (550 5.7.64), `closefail@` (the connection is cut instead of an answer),
//! `hangfail@` (no answer). They may have a suffix, as in `tempfail-2@`.

use rustls::ServerConfig;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What happens when a client connects.
#[derive(Clone, Debug)]
pub enum Greeting {
    /// `220`
    Welcome,
    /// These octets instead (`421 4.3.2 busy\r\n`, garbage …).
    Say(String),
    /// Nothing at all.
    Hang,
    /// Close at once.
    Close,
}

/// What happens after the final dot or `BDAT … LAST`.
#[derive(Clone, Debug)]
pub enum AfterData {
    /// Recorded and answered 250.
    Accept,
    /// Not recorded, answered with these octets.
    Say(String),
    /// Not recorded, no answer.
    Hang,
    /// Not recorded, connection cut.
    Close,
    /// Recorded, then cut: the 250 is lost.
    TakeAndClose,
    /// Recorded, no answer.
    TakeAndHang,
}

/// What it advertises and how it answers; read anew at every decision.
#[derive(Clone, Debug)]
pub struct Behaviour {
    pub pipelining: bool,
    pub chunking: bool,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub dsn: bool,
    /// Advertised SIZE; a larger `SIZE=` at MAIL gets 552 5.3.4.
    pub size: Option<u64>,
    /// Offers STARTTLS with this configuration.
    pub tls: Option<Arc<ServerConfig>>,
    pub greeting: Greeting,
    /// Instead of the usual answer, octets with CRLF.
    pub ehlo: Option<String>,
    pub mail: Option<String>,
    pub rcpt: Option<String>,
    /// Instead of 354.
    pub data: Option<String>,
    pub after_data: AfterData,
    /// Cuts the connection after so many messages on it, right behind the last answer.
    pub close_after: Option<usize>,
    /// Hears this verb, in capitals, and never answers.
    pub hang_at: Option<&'static str>,
}

impl Default for Behaviour {
    /// All extensions but STARTTLS, everything accepted.
    fn default() -> Self {
        Self {
            pipelining: true,
            chunking: true,
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            size: Some(157_286_400),
            tls: None,
            greeting: Greeting::Welcome,
            ehlo: None,
            mail: None,
            rcpt: None,
            data: None,
            after_data: AfterData::Accept,
            close_after: None,
            hang_at: None,
        }
    }
}

/// One message as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection, from 1.
    pub connection: usize,
    /// EHLO argument.
    pub helo: String,
    /// Under TLS.
    pub tls: bool,
    /// The client's leaf certificate, DER.
    pub client_certificate: Option<Vec<u8>>,
    /// The whole MAIL line without CRLF.
    pub mail: String,
    /// The whole RCPT lines that were accepted.
    pub recipients: Vec<String>,
    /// Content, unstuffed for DATA.
    pub octets: Vec<u8>,
    /// By BDAT.
    pub bdat: bool,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    messages: Mutex<Vec<Received>>,
    violations: Mutex<Vec<String>>,
    /// Command lines of all connections, `ordinal line`; [`END_OF_DATA`] stands for the end of a message's content.
    commands: Mutex<Vec<String>>,
    heard: watch::Sender<usize>,
    count: watch::Sender<usize>,
    connections: watch::Sender<usize>,
    open: watch::Sender<usize>,
    most_open: AtomicUsize,
    kicked: watch::Sender<usize>,
}

impl Shared {
    fn hear(&self, ordinal: usize, line: &str) {
        self.commands.lock().unwrap().push(format!("{ordinal} {line}"));
        self.heard.send_modify(|n| *n += 1);
    }
}

/// Stands among the commands where the content of a message has come to its end.
pub const END_OF_DATA: &str = "(end of data)";

/// The running server; it ends when dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.kicked.send_modify(|n| *n += 1);
    }
}

impl Sink {
    /// On 127.0.0.1, any port.
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::start_on(behaviour, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// On this address: to come back on the same port after an outage.
    pub async fn start_on(behaviour: Behaviour, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("bind the sink");
        let address = listener.local_addr().expect("address of the sink");
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            messages: Mutex::default(),
            violations: Mutex::default(),
            commands: Mutex::default(),
            heard: watch::Sender::new(0),
            count: watch::Sender::new(0),
            connections: watch::Sender::new(0),
            open: watch::Sender::new(0),
            most_open: AtomicUsize::new(0),
            kicked: watch::Sender::new(0),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).ok();
                accepting.connections.send_modify(|n| *n += 1);
                accepting.open.send_modify(|n| *n += 1);
                accepting.most_open.fetch_max(*accepting.open.borrow(), Ordering::Relaxed);
                let ordinal = *accepting.connections.borrow();
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move {
                    let mut kicked = shared.kicked.subscribe();
                    tokio::select! {
                        _ = serve(stream, ordinal, Arc::clone(&shared)) => {}
                        _ = kicked.changed() => {}
                    }
                    shared.open.send_modify(|n| *n -= 1);
                });
            }
        });
        Self { address, shared, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes the behaviour from the next decision on.
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }

    /// What was recorded so far.
    pub fn messages(&self) -> Vec<Received> {
        self.shared.messages.lock().unwrap().clone()
    }

    /// Waits until `n` messages are recorded (30 s at most) and returns all.
    pub async fn wait_for(&self, n: usize) -> Vec<Received> {
        wait(&self.shared.count, |count| *count >= n, "messages").await;
        self.messages()
    }

    /// Waits until a message is recorded for which this holds (30 s at most), and returns it.
    pub async fn wait_for_matching(&self, holds: impl Fn(&Received) -> bool) -> Received {
        let found = || self.messages().into_iter().find(|received| holds(received));
        wait(&self.shared.count, |_| found().is_some(), "a certain message").await;
        found().expect("just seen")
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::Relaxed)
    }

    /// Waits until so many connections are open.
    pub async fn wait_open(&self, n: usize) {
        wait(&self.shared.open, |open| *open == n, "open connections").await;
    }

    /// Cuts all connections and waits until they are closed.
    pub async fn kick(&self) {
        self.shared.kicked.send_modify(|n| *n += 1);
        self.wait_open(0).await;
    }

    /// Every command line so far, as `connection-ordinal line`.
    pub fn commands(&self) -> Vec<String> {
        self.shared.commands.lock().unwrap().clone()
    }

    /// Waits until so many commands that begin with this were heard on all connections (30 s at most).
    pub async fn wait_for_commands(&self, start: &str, n: usize) {
        let heard = |_: &usize| self.count_commands(start) >= n;
        wait(&self.shared.heard, heard, start).await;
    }

    /// How many commands that begin with this were heard on all connections.
    pub fn count_commands(&self, start: &str) -> usize {
        let begins = |line: &&String| line.split_once(' ').is_some_and(|(_, line)| line.starts_with(start));
        self.shared.commands.lock().unwrap().iter().filter(begins).count()
    }

    /// How many recorded messages have this Message-ID.
    pub fn copies(&self, message_id: &str) -> usize {
        let field = format!("Message-ID: <{message_id}>");
        let has = |received: &&Received| memchr::memmem::find(&received.octets, field.as_bytes()).is_some();
        self.shared.messages.lock().unwrap().iter().filter(has).count()
    }

    /// Cuts everything and stops listening: connections are refused from here on.
    pub async fn stop(mut self) -> SocketAddr {
        self.task.abort();
        (&mut self.task).await.ok();
        self.kick().await;
        self.address
    }

    /// Panics if anything received broke the protocol.
    pub fn assert_clean(&self) {
        let violations = self.shared.violations.lock().unwrap();
        assert!(violations.is_empty(), "protocol violations: {violations:?}");
    }
}

async fn wait(watched: &watch::Sender<usize>, done: impl FnMut(&usize) -> bool, what: &str) {
    let mut receiver = watched.subscribe();
    let waiting = receiver.wait_for(done);
    let end = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(end.is_ok(), "waited 30 s for {what}; now {}", *watched.borrow());
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

struct Session {
    io: BufReader<Box<dyn Duplex>>,
    shared: Arc<Shared>,
    ordinal: usize,
    helo: Option<String>,
    tls: bool,
    client_certificate: Option<Vec<u8>>,
    mail: Option<String>,
    recipients: Vec<String>,
    chunks: Vec<u8>,
    taken: usize,
}

/// The session is over.
struct End;
type Step = Result<(), End>;

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

async fn serve(stream: TcpStream, ordinal: usize, shared: Arc<Shared>) -> Step {
    let greeting = shared.behaviour.lock().unwrap().greeting.clone();
    let mut tcp = stream;
    match greeting {
        Greeting::Welcome => tcp.write_all(b"220 sink.example ESMTP\r\n").await?,
        Greeting::Say(octets) => tcp.write_all(octets.as_bytes()).await?,
        Greeting::Hang => std::future::pending().await,
        Greeting::Close => return Err(End),
    }
    // STARTTLS needs the naked socket, so that part of the dialog is held before anything is boxed.
    let mut plain = BufReader::new(tcp);
    let mut early = Vec::new();
    let mut helo = None;
    loop {
        let offered = shared.behaviour.lock().unwrap().tls.clone();
        let Some(config) = offered else { break };
        let mut line = Vec::new();
        if plain.read_until(b'\n', &mut line).await? == 0 {
            return Err(End);
        }
        if line.eq_ignore_ascii_case(b"STARTTLS\r\n") {
            plain.get_mut().write_all(b"220 2.0.0 go ahead\r\n").await?;
            if !plain.buffer().is_empty() {
                shared.violations.lock().unwrap().push("data behind STARTTLS".to_owned());
            }
            let stream = TlsAcceptor::from(config).accept(plain.into_inner()).await?;
            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let certificate = certificate.map(|leaf| leaf.as_ref().to_vec());
            return Session::new(Box::new(stream), ordinal, shared, true, certificate).run(Vec::new()).await;
        }
        if !line.to_ascii_uppercase().starts_with(b"EHLO ") {
            early = line;
            break;
        }
        helo = Some(String::from_utf8_lossy(&line[5..]).trim_end().to_owned());
        let answer = ehlo_answer(&shared.behaviour.lock().unwrap(), false);
        shared.hear(ordinal, String::from_utf8_lossy(&line).trim_end());
        plain.get_mut().write_all(answer.as_bytes()).await?;
    }
    early.extend_from_slice(plain.buffer());
    let mut session = Session::new(Box::new(plain.into_inner()), ordinal, shared, false, None);
    session.helo = helo;
    session.run(early).await
}

fn ehlo_answer(behaviour: &Behaviour, tls: bool) -> String {
    if let Some(answer) = &behaviour.ehlo {
        return answer.clone();
    }
    let mut lines = vec!["sink.example".to_owned()];
    for (on, keyword) in [
        (behaviour.pipelining, "PIPELINING"),
        (behaviour.chunking, "CHUNKING"),
        (behaviour.eight_bit_mime, "8BITMIME"),
        (behaviour.smtputf8, "SMTPUTF8"),
        (behaviour.dsn, "DSN"),
        (behaviour.tls.is_some() && !tls, "STARTTLS"),
        (true, "ENHANCEDSTATUSCODES"),
        (true, "X-UNHEARD-OF with parameters"),
    ] {
        if on {
            lines.push(keyword.to_owned());
        }
    }
    if let Some(size) = behaviour.size {
        lines.push(format!("SIZE {size}"));
    }
    let last = lines.pop().unwrap();
    lines.iter().map(|line| format!("250-{line}\r\n")).collect::<String>() + &format!("250 {last}\r\n")
}

impl Session {
    fn new(
        io: Box<dyn Duplex>,
        ordinal: usize,
        shared: Arc<Shared>,
        tls: bool,
        client_certificate: Option<Vec<u8>>,
    ) -> Self {
        Self {
            io: BufReader::new(io),
            shared,
            ordinal,
            helo: None,
            tls,
            client_certificate,
            mail: None,
            recipients: Vec::new(),
            chunks: Vec::new(),
            taken: 0,
        }
    }

    fn behaviour(&self) -> Behaviour {
        self.shared.behaviour.lock().unwrap().clone()
    }

    fn violation(&self, what: impl Into<String>) {
        self.shared.violations.lock().unwrap().push(what.into());
    }

    async fn say(&mut self, octets: &str) -> Step {
        self.io.get_mut().write_all(octets.as_bytes()).await?;
        Ok(self.io.get_mut().flush().await?)
    }

    async fn run(mut self, early: Vec<u8>) -> Step {
        let mut early = std::io::Cursor::new(early);
        loop {
            let mut line = Vec::new();
            std::io::BufRead::read_until(&mut early, b'\n', &mut line).expect("a Vec");
            if !line.ends_with(b"\n") && self.io.read_until(b'\n', &mut line).await? == 0 {
                return Err(End);
            }
            let Some(line) = line.strip_suffix(b"\r\n") else {
                self.violation(format!("line without CRLF: {line:?}"));
                return Err(End);
            };
            if line.contains(&b'\r') {
                self.violation("CR in a command");
            }
            let line = String::from_utf8_lossy(line).into_owned();
            self.shared.hear(self.ordinal, &line);
            self.command(&line).await?;
        }
    }

    async fn command(&mut self, line: &str) -> Step {
        let verb = line.split(' ').next().unwrap_or("").to_ascii_uppercase();
        if self.behaviour().hang_at.is_some_and(|hung| hung == verb) {
            std::future::pending::<()>().await;
        }
        match verb.as_str() {
            "EHLO" => {
                self.helo = line.split_once(' ').map(|(_, name)| name.to_owned());
                let answer = ehlo_answer(&self.behaviour(), self.tls);
                self.say(&answer).await
            }
            "MAIL" => self.mail(line).await,
            "RCPT" => self.rcpt(line).await,
            "DATA" => self.data().await,
            "BDAT" => self.bdat(line).await,
            "RSET" => {
                self.forget();
                self.say("250 2.0.0 reset\r\n").await
            }
            "NOOP" => self.say("250 2.0.0 ok\r\n").await,
            "QUIT" => {
                self.say("221 2.0.0 bye\r\n").await?;
                Err(End)
            }
            _ => {
                self.violation(format!("unknown command {line:?}"));
                self.say("500 5.5.1 what?\r\n").await
            }
        }
    }

    fn forget(&mut self) {
        self.mail = None;
        self.recipients.clear();
        self.chunks.clear();
    }

    async fn mail(&mut self, line: &str) -> Step {
        if self.helo.is_none() || self.mail.is_some() || !line.starts_with("MAIL FROM:<") {
            self.violation(format!("MAIL out of order or form: {line:?}"));
            return self.say("503 5.5.1 out of order\r\n").await;
        }
        let behaviour = self.behaviour();
        for parameter in line.split(' ').skip(2) {
            let key = parameter.split('=').next().unwrap_or("");
            let known = match key {
                "SIZE" => behaviour.size.is_some(),
                "BODY" => behaviour.eight_bit_mime,
                "SMTPUTF8" => behaviour.smtputf8,
                "RET" | "ENVID" => behaviour.dsn,
                _ => false,
            };
            if !known {
                self.violation(format!("parameter not advertised: {parameter}"));
                return self.say("555 5.5.4 unknown parameter\r\n").await;
            }
            let declared = parameter.strip_prefix("SIZE=").and_then(|size| size.parse::<u64>().ok());
            if declared.zip(behaviour.size).is_some_and(|(declared, limit)| declared > limit) {
                return self.say("552 5.3.4 too large\r\n").await;
            }
        }
        if let Some(answer) = behaviour.mail {
            return self.say(&answer).await;
        }
        self.mail = Some(line.to_owned());
        self.say("250 2.1.0 sender ok\r\n").await
    }

    async fn rcpt(&mut self, line: &str) -> Step {
        if self.mail.is_none() {
            return self.say("503 5.5.1 MAIL first\r\n").await;
        }
        if !line.starts_with("RCPT TO:<") {
            self.violation(format!("RCPT out of form: {line:?}"));
        }
        let behaviour = self.behaviour();
        if line.contains("> ") && !behaviour.dsn {
            self.violation(format!("parameter not advertised: {line}"));
        }
        let local =
            line.trim_start_matches("RCPT TO:<").split(['@', '-']).next().unwrap_or("").to_ascii_lowercase();
        match local.as_str() {
            "tempfail" => return self.say("451 4.2.1 try later\r\n").await,
            "permfail" => return self.say("550 5.1.1 no such user\r\n").await,
            "configfail" => return self.say("550 5.7.64 TenantAttribution; Relay Access Denied\r\n").await,
            "closefail" => return Err(End),
            "hangfail" => std::future::pending().await,
            _ => {}
        }
        if let Some(answer) = behaviour.rcpt {
            return self.say(&answer).await;
        }
        self.recipients.push(line.to_owned());
        self.say("250 2.1.5 recipient ok\r\n").await
    }

    async fn data(&mut self) -> Step {
        if self.recipients.is_empty() {
            return self.say("554 5.5.1 no valid recipients\r\n").await;
        }
        if let Some(answer) = self.behaviour().data {
            return self.say(&answer).await;
        }
        self.say("354 go on\r\n").await?;
        let mut octets = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.io.read_until(b'\n', &mut line).await? == 0 {
                return Err(End);
            }
            let body = line.strip_suffix(b"\r\n").unwrap_or(&line);
            if body.len() + 2 != line.len() || body.contains(&b'\r') {
                self.violation("bare CR or LF in DATA");
            }
            if line == b".\r\n" {
                return self.end_of_data(octets, false).await;
            }
            octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    async fn bdat(&mut self, line: &str) -> Step {
        let mut words = line.split(' ').skip(1);
        let length: Option<usize> = words.next().and_then(|word| word.parse().ok());
        let last = words.next().map(|word| word.eq_ignore_ascii_case("LAST"));
        let (Some(length), Some(true) | None) = (length, last) else {
            self.violation(format!("BDAT out of form: {line:?}"));
            return Err(End);
        };
        if !self.behaviour().chunking {
            self.violation("BDAT without CHUNKING");
        }
        let mut chunk = vec![0; length];
        self.io.read_exact(&mut chunk).await?;
        self.chunks.extend_from_slice(&chunk);
        if self.recipients.is_empty() {
            return self.say("554 5.5.1 no valid recipients\r\n").await;
        }
        if last.is_none() {
            return self.say("250 2.0.0 chunk ok\r\n").await;
        }
        let octets = std::mem::take(&mut self.chunks);
        self.end_of_data(octets, true).await
    }

    async fn end_of_data(&mut self, octets: Vec<u8>, bdat: bool) -> Step {
        self.shared.hear(self.ordinal, END_OF_DATA);
        let received = Received {
            connection: self.ordinal,
            helo: self.helo.clone().unwrap_or_default(),
            tls: self.tls,
            client_certificate: self.client_certificate.clone(),
            mail: self.mail.take().unwrap_or_default(),
            recipients: std::mem::take(&mut self.recipients),
            octets,
            bdat,
        };
        self.forget();
        let behaviour = self.behaviour();
        let record = |received| {
            self.shared.messages.lock().unwrap().push(received);
            self.shared.count.send_modify(|n| *n += 1);
        };
        match behaviour.after_data {
            AfterData::Accept => record(received),
            AfterData::Say(answer) => return self.say(&answer).await,
            AfterData::Hang => std::future::pending().await,
            AfterData::Close => return Err(End),
            AfterData::TakeAndClose => {
                record(received);
                return Err(End);
            }
            AfterData::TakeAndHang => {
                record(received);
                std::future::pending().await
            }
        }
        self.taken += 1;
        self.say("250 2.6.0 <id@sink.example> queued\r\n").await?;
        if behaviour.close_after.is_some_and(|limit| self.taken >= limit) { Err(End) } else { Ok(()) }
    }
}
