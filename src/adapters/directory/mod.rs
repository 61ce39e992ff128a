//! The supplier directory: what the mail path asks about a message's addresses, names, numbers and accounts.
//!
//! Three layers answer: a cache in this process, Redis shared by all nodes (if configured), the database. Every cached
//! answer carries the organisation's *generation* under which it was read and counts only while that is the current
//! one; each change to suppliers raises the generation in the change's own transaction. So no layer has to be
//! emptied, and a cache that missed the news is at worst ignored. Keys are fingerprints under the organisation's own
//! key, and what Redis holds is sealed under its data key: neither reading nor writing Redis tells or changes a thing.
//!
//! A layer that fails is passed over; only a failing database is `Unavailable`, and never "not found".

mod local;
pub mod memory;
mod records;
pub mod redis;

use crate::adapters::store::Database;
use crate::limits;
use crate::model::{
    AccountHit, DirectoryAnswer, DirectoryKey, DirectoryQuery, Domain, Fingerprint, Lookup, MatchedBy, OrgId,
    Organisation, SupplierHit, SupplierId,
};
use crate::ports::{Keyring, PortError, SupplierDirectory};
use async_trait::async_trait;
use local::{Entry, Local};
use redis::Redis;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// What is known under one key. Empty means: asked, and there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    suppliers: Vec<SupplierHit>,
    accounts: Vec<AccountHit>,
}

impl Hits {
    /// What was found of the same key under another fingerprint.
    fn add(&mut self, more: Self) {
        for supplier in more.suppliers {
            if !self.suppliers.contains(&supplier) {
                self.suppliers.push(supplier);
            }
        }
        for account in more.accounts {
            if !self.accounts.contains(&account) {
                self.accounts.push(account);
            }
        }
    }
}

/// Domains of one organisation's suppliers, for lookalikes.
type KnownDomains = Arc<Vec<(Domain, SupplierId)>>;

/// The directory.
pub struct Directory {
    database: Database,
    keyring: Arc<dyn Keyring>,
    local: Local,
    redis: Option<Redis>,
}

/// One key of a query with the name under which it is cached.
struct Asked {
    key: DirectoryKey,
    /// `address`, `domain`, …: part of the name in Redis.
    kind: &'static str,
    fingerprint: Fingerprint,
    /// Of keys before, while one is being rotated: rows may still stand under them.
    before: Vec<Fingerprint>,
}

/// Why a lookup found no answer.
enum Failure {
    Database,
    Keys,
}

impl Directory {
    /// Over an open database and, where configured, Redis.
    #[must_use]
    pub fn new(database: Database, keyring: Arc<dyn Keyring>, redis: Option<Redis>) -> Self {
        Self { database, keyring, local: Local::new(), redis }
    }

    /// Whether news of other nodes' changes arrive: always without Redis (the organisations' book brings them).
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.redis.as_ref().is_none_or(Redis::is_subscribed)
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
        let mut found: BTreeMap<Fingerprint, Arc<Hits>> = BTreeMap::new();
        let mut generation = self.generation(organisation);
        // Read before the caches: an answer read across a reconnect must not be trusted afterwards.
        let epoch = self.redis.as_ref().map_or(Some(0), Redis::epoch);

        if let Some(epoch) = epoch {
            for one in &asked {
                let hits = self.local.get(organisation.id, one.fingerprint, generation, epoch).await;
                if let Some(hits) = hits {
                    found.insert(one.fingerprint, hits);
                }
            }
            count("memory", "hit", found.len());
            count("memory", "miss", asked.len().saturating_sub(found.len()));
        }

        let mut stored = None;
        let missing: Vec<&Asked> = asked.iter().filter(|a| !found.contains_key(&a.fingerprint)).collect();
        if let Some(redis) = &self.redis
            && !missing.is_empty()
        {
            let names: Vec<_> = missing.iter().map(|a| (a.kind, a.fingerprint)).collect();
            if let Some(shared) = redis.read(&*self.keyring, organisation.id, generation, &names).await {
                stored = Some(shared.stored);
                // Something newer than what this process had: what it answered itself may be old.
                if shared.generation > generation {
                    generation = shared.generation;
                    found.clear();
                }
                for (fingerprint, hits) in shared.found {
                    let hits = Arc::new(hits);
                    self.keep(organisation.id, fingerprint, generation, epoch, &hits).await;
                    found.insert(fingerprint, hits);
                }
            }
        }

        let missing: Vec<&Asked> = asked.iter().filter(|a| !found.contains_key(&a.fingerprint)).collect();
        if !missing.is_empty() {
            let read = self.ask_database(organisation.id, &missing, generation, stored).await?;
            for (fingerprint, hits) in read.found {
                let hits = Arc::new(hits);
                self.keep(organisation.id, fingerprint, read.generation, epoch, &hits).await;
                found.insert(fingerprint, hits);
            }
            generation = read.generation;
        }
        let known_domains = self.known_domains(organisation.id, generation).await?;
        Ok(assemble(&asked, &found, known_domains))
    }

    async fn keep(
        &self,
        org: OrgId,
        fingerprint: Fingerprint,
        generation: i64,
        epoch: Option<u64>,
        hits: &Arc<Hits>,
    ) {
        if let Some(epoch) = epoch {
            let entry = Entry { generation, epoch, hits: Arc::clone(hits) };
            self.local.put(org, fingerprint, entry).await;
        }
    }

    /// Asks the database for what no cache had, and hands it to Redis.
    async fn ask_database(
        &self,
        org: OrgId,
        missing: &[&Asked],
        believed: i64,
        stored: Option<Option<i64>>,
    ) -> Result<FromDatabase, Failure> {
        let keys: Vec<(&DirectoryKey, Fingerprint)> = missing
            .iter()
            .flat_map(|a| std::iter::once(&a.fingerprint).chain(&a.before).map(|print| (&a.key, *print)))
            .collect();
        let read = match records::read(&self.database, org, &keys).await {
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
            .map(|asked| {
                let mut found = hits.remove(&asked.fingerprint).unwrap_or_default();
                asked.before.iter().filter_map(|print| hits.remove(print)).for_each(|more| found.add(more));
                (asked.fingerprint, found)
            })
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
        let cached = self.local.domains(org).await;
        if let Some((at, domains)) = &cached
            && *at >= generation
        {
            return Ok(Arc::clone(domains));
        }
        match records::known_domains(&self.database, org).await {
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

    /// Fingerprints the keys; more than `limits::MAX_DIRECTORY_KEYS` are not asked.
    fn name(&self, org: OrgId, query: DirectoryQuery) -> Result<Vec<Asked>, PortError> {
        let keys = query.keys.into_iter().take(limits::MAX_DIRECTORY_KEYS);
        keys.map(|key| {
            let (kind, prints) = match &key {
                DirectoryKey::Account(account) => ("account", self.keyring.fingerprints(org, account)?),
                DirectoryKey::Address(address) => text(&*self.keyring, org, "address", &address.folded())?,
                DirectoryKey::Domain(domain) => text(&*self.keyring, org, "domain", domain.as_str())?,
                DirectoryKey::Name(name) => text(&*self.keyring, org, "name", name)?,
                DirectoryKey::TaxNumber(number) => text(&*self.keyring, org, "vat", number)?,
                DirectoryKey::CompanyNumber(number) => text(&*self.keyring, org, "company", number)?,
            };
            let mut prints = prints.into_iter();
            let none = || PortError::Permanent { what: "keys", detail: "no fingerprint key".to_owned() };
            let fingerprint = prints.next().ok_or_else(none)?;
            Ok(Asked { key, kind, fingerprint, before: prints.collect() })
        })
        .collect()
    }
}

struct FromDatabase {
    generation: i64,
    found: Vec<(Fingerprint, Hits)>,
}

fn text(
    keyring: &dyn Keyring,
    org: OrgId,
    kind: &'static str,
    text: &str,
) -> Result<(&'static str, Vec<Fingerprint>), PortError> {
    // Only the caches are named by it: the database is asked by the text itself.
    Ok((kind, vec![keyring.fingerprint_text(org, kind, text)?]))
}

fn assemble(
    asked: &[Asked],
    found: &BTreeMap<Fingerprint, Arc<Hits>>,
    known_domains: KnownDomains,
) -> DirectoryAnswer {
    let mut answer = DirectoryAnswer { known_domains, ..DirectoryAnswer::default() };
    for one in asked {
        let Some(hits) = found.get(&one.fingerprint) else { continue };
        match &one.key {
            DirectoryKey::Account(account) if !hits.accounts.is_empty() => {
                answer.accounts.insert(account.clone(), hits.accounts.clone());
            }
            DirectoryKey::Account(_) => {}
            key if !hits.suppliers.is_empty() => {
                answer.suppliers.insert(key.clone(), hits.suppliers.clone());
            }
            _ => {}
        }
    }
    answer
}

/// What led to a supplier, by the kind of key.
fn matched_by(key: &DirectoryKey) -> MatchedBy {
    match key {
        DirectoryKey::Address(_) => MatchedBy::Address,
        DirectoryKey::Domain(_) => MatchedBy::Domain,
        DirectoryKey::TaxNumber(_) => MatchedBy::VatNumber,
        DirectoryKey::CompanyNumber(_) => MatchedBy::CompanyNumber,
        DirectoryKey::Name(_) | DirectoryKey::Account(_) => MatchedBy::Name,
    }
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
