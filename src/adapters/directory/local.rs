//! The cache in this process: fingerprint to answer, bounded in octets and age.

use super::{Hits, KnownDomains};
use crate::limits;
use crate::model::{Fingerprint, OrgId};
use moka::future::Cache;
use std::sync::Arc;
use tokio::sync::Mutex;

/// An answer and what has to hold for it to count.
#[derive(Clone)]
pub(super) struct Entry {
    /// The organisation's generation under which it was read.
    pub(super) generation: i64,
    /// The subscription during which it was read: after a gap in the news, older answers are not trusted.
    pub(super) epoch: u64,
    pub(super) hits: Arc<Hits>,
}

/// The cache.
pub(super) struct Local {
    entries: Cache<(OrgId, [u8; 32]), Entry>,
    domains: Cache<OrgId, (i64, KnownDomains)>,
    reading: Cache<OrgId, Arc<Mutex<()>>>,
}

/// Octets that an entry without content takes, key and bookkeeping included (estimated).
const LEAST_WEIGHT: u64 = 256;

fn weight(hits: &Hits) -> u32 {
    let suppliers = hits.suppliers.iter().map(|hit| hit.id.0.len() + hit.name.len() + 64);
    let accounts = hits.accounts.iter().map(|hit| hit.supplier_name.len() + 96);
    let content: usize = suppliers.chain(accounts).sum();
    octets(content)
}

fn domain_weight(list: &KnownDomains) -> u32 {
    octets(list.iter().map(|(domain, id)| domain.as_str().len() + id.0.len() + 48).sum())
}

fn octets(content: usize) -> u32 {
    let whole = LEAST_WEIGHT.saturating_add(u64::try_from(content).unwrap_or(u64::MAX));
    u32::try_from(whole).unwrap_or(u32::MAX)
}

impl Local {
    pub(super) fn new() -> Self {
        Self {
            entries: Cache::builder()
                .weigher(|_, entry: &Entry| weight(&entry.hits))
                .max_capacity(limits::CACHE_OCTETS)
                .time_to_live(limits::CACHE_TTL)
                .build(),
            domains: Cache::builder()
                .weigher(|_, (_, list): &(i64, KnownDomains)| domain_weight(list))
                .max_capacity(limits::DOMAIN_CACHE_OCTETS)
                .time_to_live(limits::CACHE_TTL)
                .build(),
            reading: Cache::builder()
                .max_capacity(limits::DOMAIN_CACHE_OCTETS / LEAST_WEIGHT)
                .time_to_idle(limits::CACHE_TTL)
                .build(),
        }
    }

    /// Held while an organisation's domains are read, so that all who miss them wait for one reading.
    pub(super) async fn reading(&self, org: OrgId) -> Arc<Mutex<()>> {
        self.reading.get_with(org, async { Arc::default() }).await
    }

    pub(super) async fn get(
        &self,
        org: OrgId,
        fingerprint: Fingerprint,
        generation: i64,
        epoch: u64,
    ) -> Option<Arc<Hits>> {
        let entry = self.entries.get(&(org, fingerprint.0)).await?;
        (entry.generation == generation && entry.epoch == epoch).then_some(entry.hits)
    }

    pub(super) async fn put(&self, org: OrgId, fingerprint: Fingerprint, entry: Entry) {
        self.entries.insert((org, fingerprint.0), entry).await;
    }

    pub(super) async fn domains(&self, org: OrgId) -> Option<(i64, KnownDomains)> {
        self.domains.get(&org).await
    }

    pub(super) async fn put_domains(&self, org: OrgId, generation: i64, domains: KnownDomains) {
        self.domains.insert(org, (generation, domains)).await;
    }
}
