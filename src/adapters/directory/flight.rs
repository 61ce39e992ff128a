//! Look-ups under way: whoever misses a key that another message is just looking up waits for that answer, so that a
//! thousand messages about one supplier after a change cost one read and not a thousand.
//!
//! A look-up that is given up (its message ran out of time) lands nothing: those who waited look themselves. One that
//! failed tells them so, because the database would tell each of them the same.

use super::{Failure, Hits};
use crate::model::{Fingerprint, OrgId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What a look-up brought, under which generation.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    pub(super) generation: i64,
    pub(super) found: BTreeMap<Fingerprint, Arc<Hits>>,
}

/// `None` while it is under way.
type Outcome = Option<Result<Arc<Landed>, Failure>>;
type Key = (OrgId, [u8; 32]);

/// The look-ups of this process.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Key, watch::Receiver<Outcome>>>);

/// Which keys the caller has to look up, and whom to wait for about the others.
pub(super) struct Boarded<'a> {
    pub(super) own: Own<'a>,
    pub(super) others: Vec<watch::Receiver<Outcome>>,
}

/// The caller's look-up. Dropped without [`Own::land`] it was given up.
pub(super) struct Own<'a> {
    flights: &'a Flights,
    keys: Vec<Key>,
    result: watch::Sender<Outcome>,
}

impl Flights {
    /// Takes over the keys that nobody looks up yet.
    pub(super) fn board(&self, org: OrgId, keys: impl Iterator<Item = Fingerprint>) -> Boarded<'_> {
        let (result, receiver) = watch::channel(None);
        let (mut own, mut others) = (Vec::new(), Vec::<watch::Receiver<Outcome>>::new());
        let mut flights = self.all();
        for fingerprint in keys {
            let key = (org, fingerprint.0);
            match flights.get(&key) {
                Some(other) if other.same_channel(&receiver) => {}
                Some(other) => {
                    if !others.iter().any(|known| known.same_channel(other)) {
                        others.push(other.clone());
                    }
                }
                None => {
                    flights.insert(key, receiver.clone());
                    own.push(key);
                }
            }
        }
        drop(flights);
        Boarded { own: Own { flights: self, keys: own, result }, others }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Outcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own<'_> {
    /// Whether this key is the caller's to look up.
    pub(super) fn holds(&self, fingerprint: Fingerprint) -> bool {
        self.keys.iter().any(|(_, key)| *key == fingerprint.0)
    }

    /// Tells those who wait. Later misses look anew (the caches have the answer by then).
    pub(super) fn land(self, outcome: Result<Arc<Landed>, Failure>) {
        self.result.send_replace(Some(outcome));
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.all();
        for key in &self.keys {
            flights.remove(key);
        }
    }
}

/// The other's outcome; `None` when it was given up.
pub(super) async fn outcome(mut other: watch::Receiver<Outcome>) -> Outcome {
    other.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ulid::Ulid;

    const ORG: OrgId = OrgId(Ulid(1));

    fn key(number: u8) -> Fingerprint {
        Fingerprint([number; 32])
    }

    #[tokio::test]
    async fn each_key_is_looked_up_once_and_both_get_the_answer() {
        let flights = Flights::default();
        let first = flights.board(ORG, [key(1), key(2), key(1)].into_iter());
        assert!(first.others.is_empty() && first.own.holds(key(1)) && first.own.holds(key(2)));
        let second = flights.board(ORG, [key(2), key(3), key(1)].into_iter());
        assert_eq!(second.others.len(), 1, "one look-up to wait for");
        assert!(!second.own.holds(key(2)) && second.own.holds(key(3)));
        let elsewhere = flights.board(OrgId(Ulid(2)), std::iter::once(key(1)));
        assert!(elsewhere.own.holds(key(1)), "organisations do not share");
        let landed = Landed { generation: 7, found: BTreeMap::from([(key(2), Arc::default())]) };
        first.own.land(Ok(Arc::new(landed)));
        for other in second.others {
            let Some(Ok(landed)) = outcome(other).await else { panic!("it landed") };
            assert!(landed.generation == 7 && landed.found.contains_key(&key(2)));
        }
        assert!(flights.board(ORG, std::iter::once(key(1))).own.holds(key(1)), "it is over");
    }

    #[tokio::test]
    async fn one_given_up_lands_nothing_and_one_failed_says_so() {
        let flights = Flights::default();
        let first = flights.board(ORG, std::iter::once(key(1)));
        let mut second = flights.board(ORG, std::iter::once(key(1)));
        drop(first);
        assert!(outcome(second.others.remove(0)).await.is_none());
        let third = flights.board(ORG, std::iter::once(key(1)));
        let mut fourth = flights.board(ORG, std::iter::once(key(1)));
        third.own.land(Err(Failure::Database));
        assert!(matches!(outcome(fourth.others.remove(0)).await, Some(Err(Failure::Database))));
    }
}
