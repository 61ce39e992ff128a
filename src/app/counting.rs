//! Numbers for the gauges, and the intents that a killed process left open.

use crate::adapters::store::Store;
use crate::ports::{Count, Counts, PortError};
use async_trait::async_trait;
use std::sync::Arc;

/// The store, as the jobs see it.
pub(super) struct Counting(pub(super) Arc<Store>);

#[async_trait]
impl Count for Counting {
    async fn counts(&self) -> Result<Counts, PortError> {
        let (pending, _failed) = self.0.outbox_counts().await?;
        let held = self.0.held_count().await?;
        Ok(Counts {
            held: u64::try_from(held).unwrap_or_default(),
            outbox_pending: u64::try_from(pending).unwrap_or_default(),
        })
    }

    async fn sweep_bodies(&self) -> Result<usize, PortError> {
        let (mut removed, mut failed) = (0_usize, None);
        for organisation in self.0.organisations().await? {
            match self.0.sweep_bodies(organisation.id).await {
                Ok(count) => removed = removed.saturating_add(count),
                // One whose own place is away keeps nobody else's from being swept.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(removed), |error| Err(error.into()))
    }

    async fn destroy_keys(&self) -> Result<usize, PortError> {
        let (mut destroyed, mut failed) = (0_usize, None);
        for organisation in self.0.organisations().await? {
            match self.0.destroy_old_keys(organisation.id, "system").await {
                Ok(keys) => destroyed = destroyed.saturating_add(keys.len()),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(destroyed), |error| Err(error.into()))
    }

    async fn settle_open_intents(&self, before_ms: i64) -> Result<u64, PortError> {
        Ok(self.0.database().settle_intents(before_ms).await?)
    }
}
