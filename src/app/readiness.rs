//! What `/readyz` asks.

use super::Parts;
use crate::adapters::directory::redis::Redis;
use crate::adapters::store::{Book, Store};
use crate::ports::{BackUp, OrganisationBook as _};
use crate::web::{Dependencies, DependencyState, Readiness};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Asks the parts that mail depends on.
pub(super) struct Dependent {
    store: Arc<Store>,
    book: Arc<Book>,
    redis: Option<Redis>,
    draining: CancellationToken,
    backups: Option<Arc<dyn BackUp>>,
}

impl Dependent {
    pub(super) fn new(parts: &Parts, draining: CancellationToken) -> Self {
        let backups = parts.backups.clone();
        let (store, book) = (Arc::clone(&parts.store), Arc::clone(&parts.book));
        Self { store, book, redis: parts.redis.clone(), draining, backups }
    }
}

#[async_trait]
impl Readiness for Dependent {
    async fn dependencies(&self) -> Dependencies {
        let failed_unless = |fine: bool| if fine { DependencyState::Ok } else { DependencyState::Failed };
        // The book holds an organisation only together with its keys.
        let loaded = failed_unless(self.book.is_loaded());
        // Side by side: each may take as long as the page waits.
        let (database, objects) =
            tokio::join!(self.store.database().answers(), self.store.bodies().common().probe());
        let now = self.store.clock().now_ms();
        let (mut pinned, mut pinned_backup_age_seconds) = (BTreeMap::new(), BTreeMap::new());
        for part in self.store.database().pinned() {
            let state = if part.is_away() { DependencyState::Degraded } else { DependencyState::Ok };
            let age = part.backup_at().and_then(|at| u64::try_from(now.saturating_sub(at) / 1_000).ok());
            for org in part.organisations {
                pinned.insert(org.to_string(), state);
                pinned_backup_age_seconds.insert(org.to_string(), age);
            }
        }
        Dependencies {
            pinned,
            pinned_backup_age_seconds,
            database: failed_unless(database),
            // Clean mail needs no object store: taking every node away would only hold that up too.
            objects: if objects.is_ok() { DependencyState::Ok } else { DependencyState::Degraded },
            redis: match &self.redis {
                None => DependencyState::Absent,
                Some(redis) if redis.is_healthy() => DependencyState::Ok,
                Some(_) => DependencyState::Degraded,
            },
            keys: loaded,
            book: loaded,
            backup: match &self.backups {
                Some(backups) => backups.ages().await.ok(),
                None => None,
            },
            draining: self.draining.is_cancelled(),
        }
    }
}
