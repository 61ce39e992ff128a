//! Documents that ended a worker, by SHA-256: the newest, in memory.

use crate::model::Unread;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::{HashMap, VecDeque};

/// SHA-256 of a document.
pub(super) type Hash = [u8; 32];

pub(super) fn hash(octets: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, octets).as_ref());
    hash
}

/// What they did.
pub(super) struct Killers {
    most: usize,
    known: HashMap<Hash, Unread>,
    order: VecDeque<Hash>,
}

impl Killers {
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<Unread> {
        self.known.get(hash).copied()
    }

    pub(super) fn add(&mut self, hash: Hash, why: Unread) {
        if self.known.insert(hash, why).is_none() {
            self.order.push_back(hash);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let mut killers = Killers::new(2);
        let [a, b, c] = [hash(b"a"), hash(b"b"), hash(b"c")];
        killers.add(a, Unread::Timeout);
        killers.add(b, Unread::Limit);
        killers.add(b, Unread::Limit);
        killers.add(c, Unread::Limit);
        assert_eq!(
            (killers.get(&a), killers.get(&b), killers.get(&c)),
            (None, Some(Unread::Limit), Some(Unread::Limit))
        );
    }
}
