//! A bound on what one message may make us ask.
//!
//! `mail-auth` asks the cache that it is given before it asks DNS. This one holds nothing (the shared resolver caches) and
//! counts: when the questions of a mechanism are used up, it answers for DNS, and the mechanism ends with an error of its
//! own instead of a "no".

use hickory_resolver::proto::op::ResponseCode;
use mail_auth::{DnsError, DnssecStatus, Error, MX, Parameters, RecordSet, ResolverCache, Txt};
use std::borrow::Borrow;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Questions that are left to one mechanism.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    left: AtomicUsize,
    over: AtomicBool,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        Self { most, left: AtomicUsize::new(most), over: AtomicBool::new(false) }
    }

    /// Whether more was to be asked than is allowed.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Questions asked.
    pub(super) fn used(&self) -> usize {
        self.most.saturating_sub(self.left.load(Ordering::Relaxed))
    }

    fn take(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if taken.is_err() {
            self.over.store(true, Ordering::Relaxed);
        }
        taken.is_ok()
    }
}

/// What `mail-auth` takes for an answer when nothing may be asked any more.
trait Refusal {
    fn refusal() -> Self;
}

impl Refusal for Txt {
    fn refusal() -> Self {
        Self::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::Refused)))
    }
}

impl<T> Refusal for RecordSet<T> {
    fn refusal() -> Self {
        Self { rrset: Vec::new().into(), dnssec_status: DnssecStatus::Indeterminate }
    }
}

macro_rules! counted {
    ($($key:ty => $value:ty),*) => {$(
        impl ResolverCache<$key, $value> for Budget {
            fn get<Q>(&self, _: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                (!self.take()).then(<$value as Refusal>::refusal)
            }

            fn remove<Q>(&self, _: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: $key, _: $value, _: Instant) {}
        }
    )*};
}

counted! {
    Box<str> => Txt,
    Box<str> => RecordSet<MX>,
    Box<str> => RecordSet<Ipv4Addr>,
    Box<str> => RecordSet<Ipv6Addr>,
    IpAddr => RecordSet<Box<str>>
}

/// Parameters of a check that asks within the budget.
pub(super) fn within<P>(
    budget: &Budget,
    params: P,
) -> Parameters<'_, P, Budget, Budget, Budget, Budget, Budget> {
    Parameters {
        params,
        cache_txt: Some(budget),
        cache_mx: Some(budget),
        cache_ptr: Some(budget),
        cache_ipv4: Some(budget),
        cache_ipv6: Some(budget),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let budget = Budget::new(2);
        let asked: Vec<bool> =
            (0..3).map(|_| ResolverCache::<Box<str>, Txt>::get(&budget, "a.example.").is_some()).collect();
        assert_eq!((asked, budget.used(), budget.is_over()), (vec![false, false, true], 2, true));
        let empty: Option<RecordSet<Ipv4Addr>> = ResolverCache::<Box<str>, _>::get(&budget, "a.example.");
        assert!(empty.is_some_and(|set| set.rrset.is_empty()));
    }
}
