//! Purging by itself what is older than the organisations keep it.

use super::pause;
use crate::limits;
use crate::ports::Retain;
use crate::telemetry::{self, Alarm, metrics};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Purges whatever organisation's turn it is, one after the other.
pub async fn retain(retention: Arc<dyn Retain>, every: Duration, stop: CancellationToken) {
    loop {
        match retention.due(every).await {
            Ok(due) => {
                for org in due {
                    // What is removed so far stays removed and counted; the next run goes on.
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = purge(retention.as_ref(), org) => {}
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "purges could not be looked up; trying again"),
        }
        if !pause(limits::RETENTION_POLL, &stop).await {
            return;
        }
    }
}

async fn purge(retention: &dyn Retain, org: crate::model::OrgId) {
    match retention.purge(org).await {
        Ok(Some(done)) => {
            metrics::retention_run(true);
            let mut removed = 0_u64;
            for (class, count) in done.removed {
                metrics::retention_removed(class, count);
                removed = removed.saturating_add(count);
            }
            tracing::info!(org.id = %org, removed, "purged what was older than is kept");
        }
        Ok(None) => {}
        Err(error) => {
            metrics::retention_run(false);
            let detail = format!("a purge failed and is tried again: {error}");
            telemetry::alarm(Alarm::Retention, Some(org), &detail);
        }
    }
}
