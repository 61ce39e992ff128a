//! Numbers for the gauges, and the intents that a killed process left open.

use crate::adapters::store::{JournalWriter, Store};
use crate::ports::{Count, Counts, PortError};
use async_trait::async_trait;
use std::sync::Arc;

/// Store and journal, as the jobs see them.
pub(super) struct Counting {
    pub(super) store: Arc<Store>,
    pub(super) journal: Arc<JournalWriter>,
}

#[async_trait]
impl Count for Counting {
    async fn counts(&self) -> Result<Counts, PortError> {
        let (pending, _failed) = self.store.outbox_counts().await?;
        let held = self.store.held_count().await?;
        Ok(Counts {
            held: u64::try_from(held).unwrap_or_default(),
            outbox_pending: u64::try_from(pending).unwrap_or_default(),
        })
    }

    async fn settle_open_intents(&self, before_ms: i64) -> Result<u64, PortError> {
        Ok(self.journal.settle_intents(before_ms).await?)
    }
}
