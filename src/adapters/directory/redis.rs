//! Redis, shared by all nodes: cached answers, each organisation's generation, and news of its changes.
//!
//! Keys are `sentra:1:{ORG}:g` (generation, decimal) and `sentra:1:{ORG}:k:KIND:FINGERPRINT`; the braces keep one
//! organisation's keys on one node of a cluster. Values are sealed under the organisation's data key and bound to their
//! key, so that somebody who writes to Redis can at worst empty the cache. One message costs one MGET at most; writing
//! back, reconnecting and probing happen in the background, and while Redis is away nothing is asked of it.

mod link;
mod value;

use super::{Hits, count};
use crate::limits;
use crate::model::{Fingerprint, OrgId};
use crate::ports::{Keyring, PortError};
use futures_util::StreamExt as _;
use link::{Link, Subscription, Urls};
use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Channel on which changes are announced: `ORG GENERATION`.
const CHANNEL: &str = "sentra:1:invalidate";
/// Organisations whose newest generation is remembered; beyond it their book alone says.
const MAX_HEARD: usize = 100_000;

/// The connection to Redis: cheap to clone. Its background tasks end with the last clone.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
    writes: mpsc::Sender<Write>,
    _tasks: Arc<DropGuard>,
}

struct Shared {
    link: Link,
    urls: Urls,
    /// Whether Redis answered last: while it did not, no message asks it.
    answers: AtomicBool,
    /// Number of the running subscription; 0 while there is none.
    epoch: AtomicU64,
    /// The newest generation of each organisation that was announced or read.
    heard: Mutex<HashMap<OrgId, i64>>,
}

/// What one read found.
pub(super) struct Found {
    /// The current generation as far as this node and Redis know.
    pub(super) generation: i64,
    /// The generation that stands in Redis.
    pub(super) stored: Option<i64>,
    pub(super) found: Vec<(Fingerprint, Hits)>,
}

/// Answers on their way into Redis.
struct Write {
    entries: Vec<(String, Vec<u8>)>,
    generation: Option<(String, i64, Put)>,
}

/// How a generation is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    /// Only where there is none: somebody may announce a newer one meanwhile.
    IfAbsent,
    /// Redis holds one that the database does not: it was restored, or an announcement was lost.
    Replace,
}

impl Redis {
    /// Opens connections in the background; returns at once whether or not Redis can be reached.
    ///
    /// `urls`: `redis://`, `rediss://` (TLS) or `redis+unix://` for one server; several of them, or one
    /// `redis-cluster://a:1,b:2` (`rediss-cluster://`), for a cluster. Needs a running tokio runtime.
    ///
    /// # Errors
    /// [`PortError::Permanent`] for a URL of another shape; it is not repeated, it may hold a password.
    pub fn connect(urls: &[secrecy::SecretString]) -> Result<Self, PortError> {
        let urls = Urls::parse(urls)?;
        let shared = Arc::new(Shared {
            link: Link::open(&urls)?,
            urls,
            answers: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            heard: Mutex::new(HashMap::new()),
        });
        let (writes, queue) = mpsc::channel(limits::REDIS_WRITE_QUEUE);
        let token = CancellationToken::new();
        let tasks = Arc::new(token.clone().drop_guard());
        tokio::spawn(token.clone().run_until_cancelled_owned(listen(Arc::clone(&shared))));
        tokio::spawn(token.run_until_cancelled_owned(write_back(Arc::clone(&shared), queue)));
        Ok(Self { shared, writes, _tasks: tasks })
    }

    /// Whether announcements of other nodes arrive.
    #[must_use]
    pub fn is_subscribed(&self) -> bool {
        self.epoch().is_some()
    }

    /// The running subscription, if there is one.
    pub(super) fn epoch(&self) -> Option<u64> {
        Some(self.shared.epoch.load(Ordering::Acquire)).filter(|epoch| *epoch != 0)
    }

    /// The newest generation that was announced or read; 0 for none.
    pub(super) fn heard(&self, org: OrgId) -> i64 {
        self.shared.heard().get(&org).copied().unwrap_or(0)
    }

    /// Tells all nodes that an organisation's suppliers changed. Call it after the change is committed.
    ///
    /// # Errors
    /// [`PortError::Transient`] when Redis is away: the other nodes then learn it from the database within a second.
    pub async fn announce(&self, org: OrgId, generation: i64) -> Result<(), PortError> {
        self.shared.hear(org, generation);
        let mut link = self.shared.link.clone();
        let both = async {
            ::redis::cmd("SET").arg(generation_key(org)).arg(generation).exec_async(&mut link).await?;
            ::redis::cmd("PUBLISH")
                .arg(CHANNEL)
                .arg(format!("{org} {generation}"))
                .exec_async(&mut link)
                .await
        };
        match timeout(limits::REDIS_CONNECT_TIMEOUT, both).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(away(&error)),
            Err(_) => {
                Err(PortError::Transient { what: "redis", detail: "did not answer in time".to_owned() })
            }
        }
    }

    /// One round trip: the generation and every named answer that is current. `None` when Redis can't be asked.
    pub(super) async fn read(
        &self,
        keyring: &dyn Keyring,
        org: OrgId,
        generation: i64,
        names: &[(&'static str, Fingerprint)],
    ) -> Option<Found> {
        if !self.shared.answers.load(Ordering::Acquire) {
            count("redis", "error", names.len());
            return None;
        }
        let keys: Vec<String> =
            names.iter().map(|(kind, fingerprint)| key(org, kind, *fingerprint)).collect();
        let mut command = ::redis::cmd("MGET");
        command.arg(generation_key(org)).arg(&keys);
        let mut link = self.shared.link.clone();
        let answer =
            timeout(limits::REDIS_TIMEOUT, command.query_async::<Vec<Option<Vec<u8>>>>(&mut link)).await;
        let Ok(Ok(values)) = answer else {
            self.shared.lost();
            count("redis", "error", names.len());
            return None;
        };
        let mut values = values.into_iter();
        let stored =
            values.next().flatten().and_then(|text| std::str::from_utf8(&text).ok()?.parse::<i64>().ok());
        if let Some(stored) = stored {
            self.shared.hear(org, stored);
        }
        let generation = generation.max(stored.unwrap_or(0));
        let mut found = Vec::new();
        for (((_, fingerprint), key), sealed) in names.iter().zip(&keys).zip(values) {
            let hits = sealed.and_then(|sealed| value::open(keyring, org, key, &sealed, generation));
            found.extend(hits.map(|hits| (*fingerprint, hits)));
        }
        count("redis", "hit", found.len());
        count("redis", "miss", names.len().saturating_sub(found.len()));
        Some(Found { generation, stored, found })
    }

    /// Hands answers of the database over for writing; dropped when Redis is away or the queue is full.
    ///
    /// `stored`: what the last read found as generation, if there was one.
    pub(super) fn write<'a>(
        &self,
        keyring: &dyn Keyring,
        org: OrgId,
        generation: i64,
        stored: Option<Option<i64>>,
        hits: impl Iterator<Item = (&'static str, Fingerprint, &'a Hits)>,
    ) {
        if !self.shared.answers.load(Ordering::Acquire) {
            return;
        }
        let seal = |(kind, fingerprint, hits): (&'static str, Fingerprint, &Hits)| {
            let key = key(org, kind, fingerprint);
            let sealed = value::seal(keyring, org, &key, generation, hits)?;
            Some((key, sealed))
        };
        let put = match stored {
            None => None,
            Some(None) => Some(Put::IfAbsent),
            Some(Some(stored)) => (stored != generation).then_some(Put::Replace),
        };
        let write = Write {
            entries: hits.filter_map(seal).collect(),
            generation: put.map(|put| (generation_key(org), generation, put)),
        };
        if self.writes.try_send(write).is_err() {
            tracing::debug!("the queue to Redis is full; answers were not cached");
        }
    }

    /// The database, read after `believed` was heard, says less: the rumour was wrong (a restored database).
    pub(super) fn correct(&self, org: OrgId, believed: i64, actual: i64) {
        let mut heard = self.shared.heard();
        if heard.get(&org) == Some(&believed) && actual < believed {
            heard.insert(org, actual);
        }
    }
}

impl Shared {
    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<OrgId, i64>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, org: OrgId, generation: i64) {
        let mut heard = self.heard();
        if heard.len() >= MAX_HEARD && !heard.contains_key(&org) {
            return;
        }
        let known = heard.entry(org).or_insert(generation);
        *known = generation.max(*known);
    }

    /// Redis failed: nothing is asked of it until the background has an answer again.
    fn lost(&self) {
        if self.answers.swap(false, Ordering::AcqRel) {
            tracing::warn!("redis does not answer; the database is asked until it does");
        }
    }

    /// Asks whether Redis answers commands.
    async fn probe(&self) -> bool {
        let mut link = self.link.clone();
        let ping = ::redis::cmd("PING");
        let answers =
            matches!(timeout(limits::REDIS_CONNECT_TIMEOUT, ping.exec_async(&mut link)).await, Ok(Ok(())));
        if answers && !self.answers.swap(true, Ordering::AcqRel) {
            tracing::info!("redis answers");
        }
        answers
    }
}

/// Keeps a subscription for as long as the process wants one: connects, listens, and starts again when it ends.
async fn listen(shared: Arc<Shared>) {
    let (mut number, mut pause) = (0_u64, limits::REDIS_RETRY_FIRST);
    loop {
        if let Ok(Ok(mut subscription)) =
            timeout(limits::REDIS_CONNECT_TIMEOUT, shared.urls.subscribe(number, CHANNEL)).await
            && shared.probe().await
        {
            number = number.wrapping_add(1).max(1);
            shared.epoch.store(number, Ordering::Release);
            pause = limits::REDIS_RETRY_FIRST;
            hear_until_lost(&shared, &mut subscription).await;
            shared.epoch.store(0, Ordering::Release);
            tracing::warn!("redis: the subscription to changes was lost; connecting again");
        } else {
            number = number.wrapping_add(1).max(1);
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(limits::REDIS_RETRY_MAX);
    }
}

/// Takes announcements in until the connection ends or stays silent when probed.
async fn hear_until_lost(shared: &Shared, subscription: &mut Subscription) {
    loop {
        let next: Result<Option<_>, _> = timeout(limits::REDIS_PROBE, subscription.news.next()).await;
        match next {
            Ok(Some(message)) => {
                let text = std::str::from_utf8(message.get_payload_bytes()).unwrap_or_default();
                let parsed = text.split_once(' ').and_then(|(org, generation)| {
                    Some((OrgId::from_str(org).ok()?, generation.parse::<i64>().ok()?))
                });
                if let Some((org, generation)) = parsed {
                    shared.hear(org, generation);
                }
            }
            Ok(None) => return,
            Err(_) => {
                let ping = subscription.control.ping::<::redis::Value>();
                if !matches!(timeout(limits::REDIS_CONNECT_TIMEOUT, ping).await, Ok(Ok(_))) {
                    return;
                }
                if !shared.answers.load(Ordering::Acquire) {
                    shared.probe().await;
                }
            }
        }
    }
}

/// Writes queued answers, one pipeline each.
async fn write_back(shared: Arc<Shared>, mut queue: mpsc::Receiver<Write>) {
    // A little longer than in this process, so that a restarted node finds a warm cache.
    let lifetime = limits::CACHE_TTL.saturating_add(Duration::from_secs(60)).as_secs();
    while let Some(write) = queue.recv().await {
        let mut pipeline = ::redis::pipe();
        for (key, value) in &write.entries {
            pipeline.cmd("SET").arg(key).arg(value.as_slice()).arg("EX").arg(lifetime).ignore();
        }
        if let Some((key, generation, put)) = &write.generation {
            let command = pipeline.cmd("SET").arg(key).arg(*generation);
            if *put == Put::IfAbsent {
                command.arg("NX");
            }
            command.ignore();
        }
        let mut link = shared.link.clone();
        if !matches!(timeout(limits::REDIS_CONNECT_TIMEOUT, pipeline.exec_async(&mut link)).await, Ok(Ok(())))
        {
            shared.lost();
        }
    }
}

fn generation_key(org: OrgId) -> String {
    format!("sentra:1:{{{org}}}:g")
}

fn key(org: OrgId, kind: &str, fingerprint: Fingerprint) -> String {
    format!("sentra:1:{{{org}}}:k:{kind}:{}", fingerprint.to_hex())
}

/// A failure without the server's address, which may stand beside a password in the URL.
fn away(error: &::redis::RedisError) -> PortError {
    PortError::Transient { what: "redis", detail: error.category().to_owned() }
}
