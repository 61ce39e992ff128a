//! The supplier directory: what the mail path asks about a message's addresses, names, numbers and accounts.
//!
//! Three layers answer: a cache in this process, Redis shared by all nodes (if configured), the database. Every cached
//! answer carries the organisation's *generation* under which it was read and counts only while that is the current
//! one; each change to suppliers raises the generation in the change's own transaction. So no layer has to be
//! emptied, and a cache that missed the news is at worst ignored. Keys are fingerprints under the organisation's own
//! key, and what Redis holds is sealed under its data key: neither reading nor writing Redis tells or changes a thing.
//!
//! A layer that fails is passed over; only a failing database is `Unavailable`, and never "not found".

mod asked;
mod flight;
mod local;
pub mod memory;
mod records;
pub mod redis;

use crate::adapters::store::Database;
use crate::limits;
use crate::model::{
    AccountHit, DirectoryAnswer, DirectoryKey, DirectoryQuery, Domain, Fingerprint, Lookup, OrgId,
    Organisation, SupplierHit, SupplierId,
};
use crate::ports::{Keyring, SupplierDirectory};
use asked::{Asked, View, assemble, matched_by};
use async_trait::async_trait;
use flight::{Flights, Landed, Own};
use local::{Entry, Local};
use redis::Redis;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// What is known under one key. Empty means: asked, and there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    suppliers: Vec<SupplierHit>,
    accounts: Vec<AccountHit>,
}

/// Domains of one organisation's suppliers, for lookalikes.
type KnownDomains = Arc<Vec<(Domain, SupplierId)>>;

/// The directory.
pub struct Directory {
    database: Database,
    keyring: Arc<dyn Keyring>,
    local: Local,
    flights: Flights,
    redis: Option<Redis>,
    reads: AtomicU64,
}

/// Why a lookup found no answer.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Database,
    Keys,
}

impl Directory {
    /// Over an open database and, where configured, Redis.
    #[must_use]
    pub fn new(database: Database, keyring: Arc<dyn Keyring>, redis: Option<Redis>) -> Self {
        let (local, flights, reads) = (Local::new(), Flights::default(), AtomicU64::new(0));
        Self { database, keyring, local, flights, redis, reads }
    }

    /// Whether news of other nodes' changes arrive: always without Redis (the organisations' book brings them).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.redis.as_ref().is_none_or(Redis::is_subscribed)
    }

    /// Reads the list of an organisation's domains ahead of its first message.
    pub async fn warm_domains(&self, organisation: &Organisation) {
        // Where it fails, the first message reads it.
        self.known_domains(organisation.id, self.generation(organisation)).await.ok();
    }

    /// How often the database was read, the lists of domains aside.
    #[must_use]
    pub fn database_reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The newest generation that this node has heard of.
    fn generation(&self, organisation: &Organisation) -> i64 {
        let heard = self.redis.as_ref().map_or(0, |redis| redis.heard(organisation.id));
        organisation.directory_generation.max(heard)
    }

    async fn answer(
        &self,
        organisation: &Organisation,
        query: DirectoryQuery,
    ) -> Result<DirectoryAnswer, Failure> {
        let asked = self.name(organisation.id, query).map_err(|_| Failure::Keys)?;
        let mut view = View {
            org: organisation.id,
            generation: self.generation(organisation),
            epoch: self.redis.as_ref().map_or(Some(0), Redis::epoch),
            found: BTreeMap::new(),
        };
        self.remember(&asked, &mut view).await;
        for _ in 0..limits::MAX_FLIGHT_WAITS {
            let missing = view.missing(&asked);
            if missing.is_empty() {
                break;
            }
            self.look_together(&missing, &mut view).await?;
        }
        let missing = view.missing(&asked);
        if !missing.is_empty() {
            let landed = self.look(&missing, &view).await?;
            view.accept(landed.generation, landed.found);
        }
        let known_domains = self.known_domains(organisation.id, view.generation).await?;
        Ok(assemble(&asked, &view.found, known_domains))
    }

    /// What this process has in memory.
    async fn remember(&self, asked: &[Asked], view: &mut View) {
        let all: Vec<&Asked> = asked.iter().collect();
        view.found = self.recall(&all, view).await;
        if view.epoch.is_some() {
            count("memory", "hit", view.found.len());
            count("memory", "miss", asked.len().saturating_sub(view.found.len()));
        }
    }

    async fn recall(&self, asked: &[&Asked], view: &View) -> BTreeMap<Fingerprint, Arc<Hits>> {
        let mut found = BTreeMap::new();
        if let Some(epoch) = view.epoch {
            for one in asked {
                let hits = self.local.get(view.org, one.fingerprint, view.generation, epoch).await;
                found.extend(hits.map(|hits| (one.fingerprint, hits)));
            }
        }
        found
    }

    /// Looks up what nobody else is looking up, and waits for the others about the rest.
    async fn look_together(&self, missing: &[&Asked], view: &mut View) -> Result<(), Failure> {
        let boarded = self.flights.board(view.org, missing.iter().map(|one| one.fingerprint));
        let own: Vec<&Asked> =
            missing.iter().copied().filter(|one| boarded.own.holds(one.fingerprint)).collect();
        if !own.is_empty() {
            let landed = self.land(boarded.own, self.look(&own, view).await)?;
            view.accept(landed.generation, landed.found.clone());
        }
        for other in boarded.others {
            let Some(outcome) = flight::outcome(other).await else { continue };
            let landed = outcome?;
            // It may have begun before the change that this message has heard of.
            if landed.generation >= view.generation {
                let wanted = missing.iter().filter_map(|one| {
                    Some((one.fingerprint, Arc::clone(landed.found.get(&one.fingerprint)?)))
                });
                let wanted: Vec<_> = wanted.collect();
                count("flight", "hit", wanted.len());
                view.accept(landed.generation, wanted);
            }
        }
        Ok(())
    }

    fn land(&self, own: Own<'_>, outcome: Result<Landed, Failure>) -> Result<Arc<Landed>, Failure> {
        let outcome = outcome.map(Arc::new);
        own.land(outcome.clone());
        outcome
    }

    /// Asks Redis in one round trip and the database for the rest, and keeps what was found.
    async fn look(&self, missing: &[&Asked], view: &View) -> Result<Landed, Failure> {
        let (mut stored, mut generation) = (None, view.generation);
        // Somebody may have landed the answer between this message's miss and its own look-up.
        let mut found = self.recall(missing, view).await;
        let absent: Vec<&Asked> =
            missing.iter().copied().filter(|one| !found.contains_key(&one.fingerprint)).collect();
        if let Some(redis) = &self.redis
            && !absent.is_empty()
        {
            let names: Vec<_> = absent.iter().map(|a| (a.kind, a.fingerprint)).collect();
            if let Some(shared) = redis.read(&*self.keyring, view.org, generation, &names).await {
                stored = Some(shared.stored);
                if shared.generation > generation {
                    found.clear();
                }
                generation = shared.generation;
                for (fingerprint, hits) in shared.found {
                    found.insert(fingerprint, self.keep(view, fingerprint, generation, hits).await);
                }
            }
        }
        let rest: Vec<&Asked> =
            missing.iter().copied().filter(|one| !found.contains_key(&one.fingerprint)).collect();
        if !rest.is_empty() {
            let read = self.ask_database(view.org, &rest, generation, stored).await?;
            if read.generation > generation {
                found.clear();
            }
            generation = read.generation;
            for (fingerprint, hits) in read.found {
                found.insert(fingerprint, self.keep(view, fingerprint, generation, hits).await);
            }
        }
        Ok(Landed { generation, found })
    }

    async fn keep(&self, view: &View, fingerprint: Fingerprint, generation: i64, hits: Hits) -> Arc<Hits> {
        let hits = Arc::new(hits);
        if let Some(epoch) = view.epoch {
            let entry = Entry { generation, epoch, hits: Arc::clone(&hits) };
            self.local.put(view.org, fingerprint, entry).await;
        }
        hits
    }

    /// Asks the database for what no cache had, and hands it to Redis.
    async fn ask_database(
        &self,
        org: OrgId,
        missing: &[&Asked],
        believed: i64,
        stored: Option<Option<i64>>,
    ) -> Result<FromDatabase, Failure> {
        let keys: Vec<(&DirectoryKey, Fingerprint)> =
            missing.iter().map(|a| (&a.key, a.fingerprint)).collect();
        self.reads.fetch_add(1, Ordering::Relaxed);
        let read = match records::read(&self.database, &*self.keyring, org, &keys).await {
            Ok(read) => read,
            Err(error) => {
                count("database", "error", missing.len());
                tracing::warn!(org.id = %org, error = %error, "the supplier directory could not be read");
                return Err(Failure::Database);
            }
        };
        let mut hits = read.hits;
        let found: Vec<(Fingerprint, Hits)> = missing
            .iter()
            .map(|asked| (asked.fingerprint, hits.remove(&asked.fingerprint).unwrap_or_default()))
            .collect();
        let empty = found.iter().filter(|(_, hits)| *hits == Hits::default()).count();
        count("database", "hit", found.len().saturating_sub(empty));
        count("database", "miss", empty);
        if let Some(redis) = &self.redis {
            let named = missing
                .iter()
                .zip(&found)
                .map(|(asked, (fingerprint, hits))| (asked.kind, *fingerprint, hits));
            redis.write(&*self.keyring, org, read.generation, stored, named);
            redis.correct(org, believed, read.generation);
        }
        Ok(FromDatabase { generation: read.generation, found })
    }

    async fn known_domains(&self, org: OrgId, generation: i64) -> Result<KnownDomains, Failure> {
        let current = |cached: &Option<(i64, KnownDomains)>| match cached {
            Some((at, domains)) if *at >= generation => Some(Arc::clone(domains)),
            _ => None,
        };
        if let Some(domains) = current(&self.local.domains(org).await) {
            return Ok(domains);
        }
        let reading = self.local.reading(org).await;
        let _one_at_a_time = reading.lock().await;
        let cached = self.local.domains(org).await;
        if let Some(domains) = current(&cached) {
            return Ok(domains);
        }
        match records::known_domains(&self.database, &*self.keyring, org).await {
            Ok((at, domains)) => {
                let domains = Arc::new(domains);
                self.local.put_domains(org, at, Arc::clone(&domains)).await;
                Ok(domains)
            }
            // The list serves lookalikes only: yesterday's is better than an unchecked message.
            Err(error) => {
                tracing::warn!(org.id = %org, error = %error, "the suppliers' domains could not be read");
                cached.map(|(_, domains)| domains).ok_or(Failure::Database)
            }
        }
    }
}

struct FromDatabase {
    generation: i64,
    found: Vec<(Fingerprint, Hits)>,
}

/// Counts `sentra_cache_requests_total`, one per key.
fn count(layer: &'static str, result: &'static str, keys: usize) {
    if keys > 0 {
        let keys = u64::try_from(keys).unwrap_or(u64::MAX);
        metrics::counter!("sentra_cache_requests_total", "layer" => layer, "result" => result)
            .increment(keys);
    }
}

#[async_trait]
impl SupplierDirectory for Directory {
    async fn look_up(
        &self,
        organisation: &Organisation,
        query: DirectoryQuery,
        deadline: Instant,
    ) -> Lookup<DirectoryAnswer> {
        match tokio::time::timeout_at(deadline, self.answer(organisation, query)).await {
            Ok(Ok(answer)) => Lookup::Found(answer),
            Ok(Err(Failure::Database)) => Lookup::Unavailable("database"),
            Ok(Err(Failure::Keys)) => Lookup::Unavailable("keys"),
            Err(_) => Lookup::Unavailable("deadline"),
        }
    }
}
