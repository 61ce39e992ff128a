//! Connections at rest, kept apart by organisation.
//!
//! Exchange Online attributes everything on a connection to the tenant of its certificate, so a connection never
//! serves a second organisation. Whoever opens a transaction holds a permit first; connections at rest need none:
//! one is only made when none rests, so permits bound the connections too.

use super::Options;
use super::connection::{Connection, Route};
use crate::model::OrgId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How often the same organisation's trouble is shouted.
const ALARM_PAUSE: Duration = Duration::from_secs(10);

/// What one organisation has.
#[derive(Debug)]
pub(super) struct OrgPool {
    permits: Arc<Semaphore>,
    resting: Mutex<Vec<Connection>>,
    last_alarm: Mutex<Option<Instant>>,
}

impl OrgPool {
    /// Waits for the right to hold a transaction open.
    ///
    /// # Errors
    /// `None` when none became free in time.
    pub(super) async fn permit(&self, wait: Duration) -> Option<OwnedSemaphorePermit> {
        timeout(wait, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()
    }

    /// A usable connection for exactly this route, the most recently used first. Others are closed on the way.
    pub(super) fn take(&self, route: &Route, options: &Options) -> Option<Connection> {
        loop {
            let mut connection = locked(&self.resting).pop()?;
            if connection.route() == route && is_reusable(&mut connection, options) {
                return Some(connection);
            }
        }
    }

    /// Puts a clean connection to rest.
    pub(super) fn put(&self, mut connection: Connection, options: &Options) {
        connection.rest();
        if is_reusable(&mut connection, options) {
            locked(&self.resting).push(connection);
        }
    }

    /// Whether this trouble is to be logged as an alarm now, or was just before.
    pub(super) fn may_alarm(&self) -> bool {
        let mut last = locked(&self.last_alarm);
        let due = last.is_none_or(|at| at.elapsed() >= ALARM_PAUSE);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    fn take_worn_out(&self, options: &Options) -> Vec<Connection> {
        let mut resting = locked(&self.resting);
        resting.extract_if(.., |connection| !is_reusable(connection, options)).collect()
    }
}

fn is_reusable(connection: &mut Connection, options: &Options) -> bool {
    connection.is_reusable(options.lifetime, options.idle, options.messages_per_connection)
}

/// All organisations' connections.
#[derive(Debug, Default)]
pub(super) struct Pools {
    by_org: Mutex<HashMap<OrgId, Arc<OrgPool>>>,
}

impl Pools {
    /// The organisation's pool, made on first use.
    pub(super) fn of(&self, org: OrgId, connections: usize) -> Arc<OrgPool> {
        let mut by_org = locked(&self.by_org);
        let pool = by_org.entry(org).or_insert_with(|| {
            Arc::new(OrgPool {
                permits: Arc::new(Semaphore::new(connections)),
                resting: Mutex::new(Vec::new()),
                last_alarm: Mutex::new(None),
            })
        });
        Arc::clone(pool)
    }

    /// Closes what has rested too long, until the pools are gone.
    pub(super) async fn reap(pools: Weak<Self>, options: Arc<Options>) {
        loop {
            tokio::time::sleep(options.idle.max(Duration::from_millis(100)) / 4).await;
            let Some(pools) = pools.upgrade() else { return };
            let all: Vec<Arc<OrgPool>> = locked(&pools.by_org).values().cloned().collect();
            drop(pools);
            for pool in all {
                for connection in pool.take_worn_out(&options) {
                    connection.quit().await;
                }
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
