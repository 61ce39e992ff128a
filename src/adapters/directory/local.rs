//! The cache in this process: fingerprint to answer, bounded in number and age.

use super::{Hits, KnownDomains};
use crate::limits;
use crate::model::{Fingerprint, OrgId};
use moka::future::Cache;
use std::sync::Arc;

/// Organisations whose suppliers' domains are kept.
const DOMAIN_LISTS: u64 = 1_000;

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
}

impl Local {
    pub(super) fn new() -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(limits::CACHE_ENTRIES)
                .time_to_live(limits::CACHE_TTL)
                .build(),
            domains: Cache::builder().max_capacity(DOMAIN_LISTS).time_to_live(limits::CACHE_TTL).build(),
        }
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
