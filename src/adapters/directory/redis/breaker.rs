//! Whether Redis is worth asking: after one failure no message asks until the background had an answer again.
//!
//! In a cluster one node can fail alone, and an organisation's keys all lie on one node: there the failure stops only
//! that organisation's questions.

use crate::limits;
use crate::model::OrgId;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// The breaker.
#[derive(Default)]
pub(super) struct Breaker {
    /// A connection stands and answered.
    connected: watch::Sender<bool>,
    /// Organisations whose node of the cluster failed; the flag saves the lock while there are none.
    any_suspended: AtomicBool,
    suspended: Mutex<BTreeSet<OrgId>>,
    /// Wakes whoever connects.
    work: Notify,
}

impl Breaker {
    /// Whether this organisation's questions may go out.
    pub(super) fn allows(&self, org: OrgId) -> bool {
        self.is_connected()
            && !(self.any_suspended.load(Ordering::Acquire) && self.suspended().contains(&org))
    }

    pub(super) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// A fresh connection answered.
    pub(super) fn close(&self) {
        self.suspended().clear();
        self.any_suspended.store(false, Ordering::Release);
        self.connected.send_replace(true);
    }

    /// All of Redis failed. True the first time.
    pub(super) fn open(&self) -> bool {
        let was = self.connected.send_replace(false);
        self.work.notify_one();
        was
    }

    /// One organisation's node failed. False when there are too many: then all of Redis counts as away.
    pub(super) fn suspend(&self, org: OrgId) -> bool {
        let mut suspended = self.suspended();
        if suspended.len() >= limits::MAX_SUSPENDED {
            return false;
        }
        suspended.insert(org);
        self.any_suspended.store(true, Ordering::Release);
        self.work.notify_one();
        true
    }

    /// Its node answers again.
    pub(super) fn resume(&self, org: OrgId) {
        let mut suspended = self.suspended();
        suspended.remove(&org);
        self.any_suspended.store(!suspended.is_empty(), Ordering::Release);
    }

    pub(super) fn all_suspended(&self) -> Vec<OrgId> {
        self.suspended().iter().copied().collect()
    }

    /// Waits until a connection answers.
    pub(super) async fn connected(&self) {
        // Our own sender keeps the channel open.
        self.connected.subscribe().wait_for(|connected| *connected).await.ok();
    }

    /// Waits for the next failure.
    pub(super) async fn failure(&self) {
        self.work.notified().await;
    }

    fn suspended(&self) -> std::sync::MutexGuard<'_, BTreeSet<OrgId>> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    #[test]
    fn one_organisation_or_all() {
        let (breaker, one, other) = (Breaker::default(), OrgId(Ulid::from(1)), OrgId(Ulid::from(2)));
        assert!(!breaker.allows(one), "nothing is asked before the first connection");
        breaker.close();
        assert!(breaker.suspend(one) && !breaker.allows(one) && breaker.allows(other));
        breaker.resume(one);
        assert!(breaker.allows(one));
        assert!(breaker.suspend(one) && breaker.open() && !breaker.open());
        assert!(!breaker.allows(one) && !breaker.allows(other));
        breaker.close();
        assert!(breaker.allows(one) && breaker.allows(other));
    }

    #[test]
    fn a_flood_of_failing_organisations_is_not_remembered_one_by_one() {
        let breaker = Breaker::default();
        breaker.close();
        let all = u128::try_from(limits::MAX_SUSPENDED).unwrap();
        assert!((0..all).all(|number| breaker.suspend(OrgId(Ulid::from(number)))));
        assert!(!breaker.suspend(OrgId(Ulid::from(all))));
    }
}
