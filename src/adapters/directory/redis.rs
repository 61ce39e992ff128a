//! Redis, shared by all nodes: cached answers, each organisation's generation, and news of its changes.
//!
//! Keys are `sentra:1:{ORG}:g` (generation, decimal) and `sentra:1:{ORG}:k:KIND:FINGERPRINT`; the braces keep one
//! organisation's keys on one node of a cluster. Values are sealed under the organisation's data key and bound to their
//! key, so that somebody who writes to Redis can at worst empty the cache. One message costs one MGET at most; writing
//! back, reconnecting and probing happen in the background, and while Redis is away nothing is asked of it.

mod background;
mod breaker;
mod link;
mod target;
mod value;

use super::{Hits, count};
use crate::limits;
use crate::model::{Fingerprint, OrgId};
use crate::ports::{Keyring, PortError};
use breaker::Breaker;
use link::{Link, Places, away};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use target::Target;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use target::Options;

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
    places: Places,
    /// The connection for commands; none before the first one stands.
    link: watch::Sender<Option<Link>>,
    breaker: Breaker,
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
    org: OrgId,
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
    /// Opens connections in the background; returns at once whether or not Redis can be reached. Needs a running
    /// tokio runtime.
    ///
    /// # Errors
    /// As [`Options::check`].
    pub fn connect(options: &Options) -> Result<Self, PortError> {
        let shared = Arc::new(Shared {
            places: Places::new(Target::new(options)?),
            link: watch::Sender::new(None),
            breaker: Breaker::default(),
            epoch: AtomicU64::new(0),
            heard: Mutex::new(HashMap::new()),
        });
        let (writes, queue) = mpsc::channel(limits::REDIS_WRITE_QUEUE);
        let token = CancellationToken::new();
        let tasks = Arc::new(token.clone().drop_guard());
        tokio::spawn(
            token.clone().run_until_cancelled_owned(background::keep_connected(Arc::clone(&shared))),
        );
        tokio::spawn(token.clone().run_until_cancelled_owned(background::listen(Arc::clone(&shared))));
        tokio::spawn(token.run_until_cancelled_owned(background::write_back(Arc::clone(&shared), queue)));
        Ok(Self { shared, writes, _tasks: tasks })
    }

    /// Whether commands are answered and announcements of other nodes arrive.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.is_subscribed() && self.shared.breaker.is_connected()
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
        let mut connected = self.shared.link.subscribe();
        let both = async {
            // A command that announces may have begun to connect just now.
            let link = connected.wait_for(Option::is_some).await.ok().and_then(|link| link.clone());
            let Some(mut link) = link else { return Ok(()) };
            ::redis::cmd("SET").arg(generation_key(org)).arg(generation).exec_async(&mut link).await?;
            let news = format!("{org} {generation}");
            ::redis::cmd("PUBLISH").arg(CHANNEL).arg(news).exec_async(&mut link).await
        };
        match timeout(limits::REDIS_CONNECT_TIMEOUT, both).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(away(&error)),
            Err(_) => {
                Err(PortError::Transient { what: "redis", detail: "did not answer in time".to_owned() })
            }
        }
    }

    /// Ends what stands of an organisation that was erased: its generation, the only key without a time to live of its own.
    /// The answers are sealed under keys that are destroyed, and end within eight minutes. Deleting them would need a scan of
    /// the whole store, and rights that this program does not want.
    ///
    /// # Errors
    /// [`PortError::Transient`] when Redis is away.
    pub async fn forget(&self, org: OrgId) -> Result<(), PortError> {
        let mut connected = self.shared.link.subscribe();
        let end = async {
            let link = connected.wait_for(Option::is_some).await.ok().and_then(|link| link.clone());
            let Some(mut link) = link else { return Ok(()) };
            ::redis::cmd("SET").arg(generation_key(org)).arg(0).arg("EX").arg(1).exec_async(&mut link).await
        };
        match timeout(limits::REDIS_CONNECT_TIMEOUT, end).await {
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
        let Some(mut link) = self.shared.link().filter(|_| self.shared.breaker.allows(org)) else {
            count("redis", "error", names.len());
            return None;
        };
        let keys: Vec<String> =
            names.iter().map(|(kind, fingerprint)| key(org, kind, *fingerprint)).collect();
        let mut command = ::redis::cmd("MGET");
        command.arg(generation_key(org)).arg(&keys);
        let asked = command.query_async::<Vec<Option<Vec<u8>>>>(&mut link);
        let values = match timeout(limits::REDIS_TIMEOUT, asked).await {
            Ok(Ok(values)) => values,
            Ok(Err(error)) => return self.failed(org, error.category(), names.len()),
            Err(_) => return self.failed(org, "no answer in time", names.len()),
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

    fn failed(&self, org: OrgId, why: &str, names: usize) -> Option<Found> {
        self.shared.failed(org, why);
        count("redis", "error", names);
        None
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
        if !self.shared.breaker.allows(org) {
            return;
        }
        let seal = |(kind, fingerprint, hits): (&'static str, Fingerprint, &Hits)| {
            let key = key(org, kind, fingerprint);
            let sealed = value::seal(keyring, org, &key, generation, hits)?;
            (sealed.len() <= limits::MAX_REDIS_VALUE).then_some((key, sealed))
        };
        let put = match stored {
            None => None,
            Some(None) => Some(Put::IfAbsent),
            Some(Some(stored)) => (stored != generation).then_some(Put::Replace),
        };
        let write = Write {
            org,
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

    /// The connection for commands.
    fn link(&self) -> Option<Link> {
        self.link.borrow().clone()
    }

    /// Redis, or this organisation's node of the cluster, failed: it is not asked until the background has an answer.
    fn failed(&self, org: OrgId, why: &str) {
        if self.places.is_cluster() && self.breaker.suspend(org) {
            tracing::debug!(org.id = %org, why, "a node of the redis cluster fails; the database is asked");
        } else if self.breaker.open() {
            tracing::warn!(why, "redis fails; the database is asked until it answers");
        }
    }
}

fn generation_key(org: OrgId) -> String {
    format!("sentra:1:{{{org}}}:g")
}

fn key(org: OrgId, kind: &str, fingerprint: Fingerprint) -> String {
    format!("sentra:1:{{{org}}}:k:{kind}:{}", fingerprint.to_hex())
}
