//! What all sessions share and use up: places for sessions and memory for messages.

use super::Options;
use super::peer;
use metrics::gauge;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts sessions, in all and per peer.
#[derive(Debug)]
pub(super) struct Admission {
    total: Arc<Semaphore>,
    per_peer: Mutex<HashMap<IpAddr, usize>>,
}

/// A session's place; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    counted: Option<IpAddr>,
    _total: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(options: &Options) -> Self {
        let total = options.max_sessions.min(Semaphore::MAX_PERMITS);
        Self { total: Arc::new(Semaphore::new(total)), per_peer: Mutex::new(HashMap::new()) }
    }

    /// A place for one more session from this address; the name of the limit where there is none.
    pub(super) fn admit(self: &Arc<Self>, options: &Options, ip: IpAddr) -> Result<Place, &'static str> {
        let total = Arc::clone(&self.total).try_acquire_owned().map_err(|_| "sessions")?;
        let counted = (!peer::is_exempt(options, ip)).then(|| peer::counting_key(ip));
        if let Some(key) = counted {
            let mut per_peer = self.per_peer.lock().unwrap_or_else(PoisonError::into_inner);
            let count = per_peer.entry(key).or_insert(0);
            if *count >= options.max_sessions_per_peer {
                return Err("sessions_per_peer");
            }
            *count += 1;
        }
        gauge!("sentra_smtp_sessions").increment(1.0);
        Ok(Place { admission: Arc::clone(self), counted, _total: total })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        gauge!("sentra_smtp_sessions").decrement(1.0);
        let Some(key) = self.counted else { return };
        let mut per_peer = self.admission.per_peer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = per_peer.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                per_peer.remove(&key);
            }
        }
    }
}

/// Octets of messages that the whole process may hold, counted in KiB.
#[derive(Clone, Debug)]
pub(super) struct BytesInFlight(Arc<Semaphore>);

impl BytesInFlight {
    pub(super) fn new(octets: u64) -> Self {
        let kib = usize::try_from(octets / 1_024).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(kib.min(Semaphore::MAX_PERMITS))))
    }

    /// Whether so many octets could be had right now.
    pub(super) fn has_room_for(&self, octets: u64) -> bool {
        u64::try_from(self.0.available_permits()).unwrap_or(u64::MAX) >= octets.div_ceil(1_024)
    }

    /// An empty reservation that can grow.
    pub(super) fn reservation(&self) -> Reservation {
        Reservation { pool: Arc::clone(&self.0), permit: None }
    }
}

/// Memory that one message may use; held from the first octet until its verdict, given back on drop.
#[derive(Debug)]
pub(super) struct Reservation {
    pool: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Reservation {
    /// Octets reserved.
    pub(super) fn octets(&self) -> usize {
        self.permit.as_ref().map_or(0, |permit| permit.num_permits().saturating_mul(1_024))
    }

    /// Grows to at least `octets`; false, and unchanged, when the pool has no room.
    pub(super) fn grow_to(&mut self, octets: usize) -> bool {
        let missing = octets.saturating_sub(self.octets()).div_ceil(1_024);
        let Ok(missing) = u32::try_from(missing) else { return false };
        if missing == 0 {
            return true;
        }
        match Arc::clone(&self.pool).try_acquire_many_owned(missing) {
            Ok(more) => {
                match &mut self.permit {
                    Some(permit) => permit.merge(more),
                    None => self.permit = Some(more),
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Gives everything back at once.
    pub(super) fn release(&mut self) {
        self.permit = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_per_peer_and_given_back() {
        let options = Options {
            max_sessions: 3,
            max_sessions_per_peer: 1,
            trust: vec!["127.0.0.1/32".parse().unwrap()],
            ..Options::default()
        };
        let admission = Arc::new(Admission::new(&options));
        let (stranger, other): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let trusted: IpAddr = "127.0.0.1".parse().unwrap();
        let first = admission.admit(&options, stranger).unwrap();
        assert_eq!(admission.admit(&options, stranger).unwrap_err(), "sessions_per_peer");
        let _second = admission.admit(&options, trusted).unwrap();
        let _third = admission.admit(&options, trusted).unwrap();
        assert_eq!(admission.admit(&options, other).unwrap_err(), "sessions");
        drop(first);
        let _again = admission.admit(&options, stranger).unwrap();
    }

    #[test]
    fn reservations_grow_and_return() {
        let pool = BytesInFlight::new(10 * 1_024);
        let mut one = pool.reservation();
        assert!(one.grow_to(5_000) && one.grow_to(8 * 1_024));
        assert_eq!(one.octets(), 8 * 1_024);
        let mut two = pool.reservation();
        assert!(!two.grow_to(4 * 1_024));
        assert!(pool.has_room_for(2_048) && !pool.has_room_for(2_049));
        one.release();
        assert!(two.grow_to(10 * 1_024));
        drop(two);
        assert!(pool.has_room_for(10 * 1_024));
    }
}
