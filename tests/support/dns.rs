//! A name server of records that the test writes while it runs: over UDP, and over TCP for what is too long for that.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const A: u16 = 1;
const CNAME: u16 = 5;
const MX: u16 = 15;
const TXT: u16 = 16;
/// Octets of a UDP answer (RFC 1035 section 4.2.1); longer ones are cut and asked for again over TCP.
const UDP: usize = 512;

#[derive(Default)]
struct Zone {
    texts: BTreeMap<String, String>,
    addresses: BTreeMap<String, [u8; 4]>,
    exchanges: BTreeMap<String, String>,
    aliases: BTreeMap<String, String>,
    /// Suffixes of names that get no answer at all.
    silent: Vec<String>,
    /// Suffixes of names that the server fails to find out about (SERVFAIL).
    failing: Vec<String>,
    asked: Vec<String>,
}

/// Answers until it is dropped.
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl NameServer {
    /// One without records: every name does not exist.
    pub async fn start() -> Self {
        let (socket, listener) = sockets().await;
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<Zone>> = Arc::default();
        let (of_udp, of_tcp) = (Arc::clone(&zone), Arc::clone(&zone));
        let udp = tokio::spawn(async move {
            let mut query = [0; 1_024];
            while let Ok((length, peer)) = socket.recv_from(&mut query).await {
                let Some(mut answer) = answer(&query[..length], &mut of_udp.lock().unwrap()) else {
                    continue;
                };
                if answer.len() > UDP {
                    // Header and question, with the bit that says that the rest did not fit.
                    answer.truncate(question_end(&query[..length]));
                    answer[2] |= 0x02;
                    answer[6..12].fill(0);
                }
                socket.send_to(&answer, peer).await.ok();
            }
        });
        let tcp = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let zone = Arc::clone(&of_tcp);
                tokio::spawn(async move {
                    while let Ok(length) = stream.read_u16().await {
                        let mut query = vec![0; usize::from(length)];
                        if stream.read_exact(&mut query).await.is_err() {
                            return;
                        }
                        let Some(answer) = answer(&query, &mut zone.lock().unwrap()) else { continue };
                        let mut framed = u16::try_from(answer.len()).unwrap().to_be_bytes().to_vec();
                        framed.extend(answer);
                        stream.write_all(&framed).await.ok();
                    }
                });
            }
        });
        Self { address, zone, tasks: [udp, tcp] }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes a TXT record, or changes it.
    pub fn publish(&self, name: &str, text: &str) {
        self.zone.lock().unwrap().texts.insert(name.to_owned(), text.to_owned());
    }

    /// Publishes an A record.
    pub fn publish_address(&self, name: &str, address: [u8; 4]) {
        self.zone.lock().unwrap().addresses.insert(name.to_owned(), address);
    }

    /// Publishes an MX record.
    pub fn publish_exchange(&self, name: &str, exchange: &str) {
        self.zone.lock().unwrap().exchanges.insert(name.to_owned(), exchange.to_owned());
    }

    /// Publishes a CNAME record.
    pub fn publish_alias(&self, name: &str, other: &str) {
        self.zone.lock().unwrap().aliases.insert(name.to_owned(), other.to_owned());
    }

    /// Leaves questions below a name without an answer from now on.
    pub fn silence(&self, suffix: &str) {
        self.zone.lock().unwrap().silent.push(suffix.to_owned());
    }

    /// Answers questions below a name with SERVFAIL from now on.
    pub fn fail(&self, suffix: &str) {
        self.zone.lock().unwrap().failing.push(suffix.to_owned());
    }

    /// How many questions came for names below that one.
    pub fn asked(&self, suffix: &str) -> usize {
        self.zone.lock().unwrap().asked.iter().filter(|name| name.ends_with(suffix)).count()
    }

    /// Answers nobody from now on.
    pub fn stop(&self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }

    /// All TXT records.
    pub fn records(&self) -> BTreeMap<String, String> {
        self.zone.lock().unwrap().texts.clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Both kinds of socket on one port.
async fn sockets() -> (tokio::net::UdpSocket, tokio::net::TcpListener) {
    for _ in 0..50 {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(listener) = tokio::net::TcpListener::bind(socket.local_addr().unwrap()).await {
            return (socket, listener);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

fn question_end(query: &[u8]) -> usize {
    12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 5
}

fn answer(query: &[u8], zone: &mut Zone) -> Option<Vec<u8>> {
    let mut end = 12;
    let mut labels = Vec::new();
    while query[end] != 0 {
        let length = usize::from(query[end]);
        labels.push(String::from_utf8_lossy(&query[end + 1..=end + length]).to_lowercase());
        end += length + 1;
    }
    let kind = u16::from_be_bytes([query[end + 1], query[end + 2]]);
    let name = labels.join(".");
    zone.asked.push(name.clone());
    let below = |suffixes: &[String]| suffixes.iter().any(|suffix| name.ends_with(suffix.as_str()));
    if below(&zone.silent) {
        return None;
    }
    let record = match zone.aliases.get(&name) {
        Some(other) => Some((CNAME, wire_name(other))),
        None => data(kind, &name, zone).map(|data| (kind, data)),
    };
    let code = match (below(&zone.failing), &record) {
        (true, _) => 2,
        (_, Some(_)) => 0,
        (_, None) => 3,
    };
    let record = record.filter(|_| code == 0);
    let count = u8::from(record.is_some());
    let mut out = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
    out.extend(&query[12..end + 5]);
    if let Some((kind, data)) = record {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 1]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn data(kind: u16, name: &str, zone: &Zone) -> Option<Vec<u8>> {
    match kind {
        TXT => zone.texts.get(name).map(|text| {
            let mut data = Vec::new();
            for piece in text.as_bytes().chunks(255) {
                data.push(u8::try_from(piece.len()).unwrap());
                data.extend(piece);
            }
            data
        }),
        A => zone.addresses.get(name).map(|address| address.to_vec()),
        MX => zone.exchanges.get(name).map(|exchange| [vec![0, 10], wire_name(exchange)].concat()),
        _ => None,
    }
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
