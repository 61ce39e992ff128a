//! Background jobs: each runs until it is told to stop, and never ends for an error.

use crate::limits;
use crate::ports::PortError;
use crate::release::Releases;
use crate::telemetry::{self, Alarm, metrics};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The organisations in memory, as their refresher sees them.
#[async_trait]
pub trait Refresh: Send + Sync {
    /// Compares with the database and reads anew where something changed.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer; what is in memory stands.
    async fn refresh(&self) -> Result<(), PortError>;
}

/// Numbers for the gauges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Entries of the quarantine that wait for a decision.
    pub held: u64,
    /// Outbox mails not yet sent.
    pub outbox_pending: u64,
}

/// Whoever can count them.
#[async_trait]
pub trait Count: Send + Sync {
    /// Counts, over all organisations.
    ///
    /// # Errors
    /// [`PortError`] when the database does not answer.
    async fn counts(&self) -> Result<Counts, PortError>;
}

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

/// Sends released mail and notices.
pub async fn send_outbox(releases: Arc<Releases>, stop: CancellationToken) {
    while pause(limits::OUTBOX_POLL, &stop).await {
        if let Err(error) = releases.send_due().await {
            tracing::warn!(%error, "the outbox could not be read; trying again");
        }
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

/// Waits; false when it is time to stop.
async fn pause(length: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(length) => true,
    }
}
