//! Background jobs: each runs until it is told to stop, and never ends for an error.

mod backup;
mod retention;
mod syncs;

pub use backup::{BackupPlan, back_up};
pub use retention::retain;
pub use syncs::sync_suppliers;

use crate::limits;
use crate::model::OrgId;
use crate::ports::{AnchorAudit, Count, PortError, Refresh};
use crate::release::Releases;
use crate::telemetry::{self, Alarm, metrics};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Keeps the organisations in memory in step with the database.
pub async fn refresh_book(book: Arc<dyn Refresh>, stop: CancellationToken) {
    let mut away = false;
    while pause(limits::BOOK_POLL, &stop).await {
        match book.refresh().await {
            Ok(()) => away = false,
            // One alarm an outage, not one a second.
            Err(error) if !away => {
                away = true;
                telemetry::alarm(Alarm::Database, None, &error.to_string());
            }
            Err(_) => {}
        }
    }
}

/// Sends released mail and notices: one task for each organisation that has any, so that a next hop that hangs holds
/// up nobody else.
pub async fn send_outbox(releases: Arc<Releases>, stop: CancellationToken) {
    let mut senders: BTreeMap<OrgId, JoinHandle<()>> = BTreeMap::new();
    while pause(limits::OUTBOX_POLL, &stop).await {
        senders.retain(|_, sender| !sender.is_finished());
        if senders.len() >= limits::OUTBOX_SENDERS {
            continue;
        }
        let busy: Vec<OrgId> = senders.keys().copied().collect();
        match releases.due(&busy).await {
            Ok(due) => senders.extend(due.into_iter().map(|(org, items)| {
                let (releases, stop) = (Arc::clone(&releases), stop.clone());
                (org, tokio::spawn(async move { releases.send_all(items, &stop).await }))
            })),
            Err(error) => tracing::warn!(%error, "the outbox could not be read; trying again"),
        }
    }
    // What is not done by then returns to the queue when its lease ends, marked as possibly sent.
    let farewell = async {
        for sender in senders.values_mut() {
            sender.await.ok();
        }
    };
    if tokio::time::timeout(limits::OUTBOX_FAREWELL, farewell).await.is_err() {
        senders.values().for_each(JoinHandle::abort);
    }
}

/// Sets the gauges.
pub async fn measure(counting: Arc<dyn Count>, stop: CancellationToken) {
    while pause(limits::MEASURE_EVERY, &stop).await {
        if let Ok(counts) = counting.counts().await {
            metrics::quarantine_held(counts.held);
            metrics::outbox_pending(counts.outbox_pending);
        }
    }
}

/// Removes bodies that a crash left without an entry, and keys that are over.
pub async fn sweep(counting: Arc<dyn Count>, stop: CancellationToken) {
    while pause(limits::SWEEP_EVERY, &stop).await {
        swept(counting.sweep_bodies().await, "bodies without an entry");
        swept(counting.destroy_keys().await, "old keys under which nothing is left");
    }
}

fn swept(outcome: Result<usize, PortError>, what: &'static str) {
    match outcome {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "{what}: removed"),
        Err(error) => tracing::warn!(%error, "{what}: could not be looked for"),
    }
}

/// Writes the audit's anchors: at the start, and then every hour.
pub async fn anchor(anchoring: Arc<dyn AnchorAudit>, stop: CancellationToken) {
    loop {
        if let Err(error) = anchoring.anchor_all().await {
            tracing::warn!(%error, "the audit could not be anchored; trying again in an hour");
        }
        if !pause(limits::ANCHOR_EVERY, &stop).await {
            return;
        }
    }
}

/// Waits; false when it is time to stop.
async fn pause(length: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(length) => true,
    }
}

/// Messages whose outcome is unknown because the process was killed: their senders have retried or will; they are
/// counted once and then closed.
pub async fn report_open_intents(counting: &dyn Count, before_ms: i64) {
    match counting.settle_open_intents(before_ms).await {
        Ok(0) => {}
        Ok(count) => {
            let detail =
                format!("{count} messages have no outcome: the process ended while they were under way");
            telemetry::alarm(Alarm::OpenIntents, None, &detail);
        }
        Err(error) => telemetry::alarm(Alarm::Database, None, &error.to_string()),
    }
}
