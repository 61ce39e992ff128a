//! The running rules: the installation's set, and the joined sets of organisations that change something about it.
//!
//! A joined set is made once per change, by whichever message comes first, and kept; programs are shared with the
//! installation's set, so that it costs little memory.

use super::RuleSet;
use crate::limits;
use crate::model::{OrgId, Organisation, OwnRules};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The rules that judge now. Cheap to ask for, from any thread.
#[derive(Debug)]
pub struct RunningRules {
    base: ArcSwap<RuleSet>,
    joined: Mutex<BTreeMap<OrgId, Joined>>,
}

#[derive(Debug)]
struct Joined {
    /// The set it was made from.
    base: Arc<RuleSet>,
    /// What the organisation changes; a version alone could be that of an earlier life, before an import.
    own: Arc<OwnRules>,
    set: Arc<RuleSet>,
}

impl RunningRules {
    /// Over an installation's set.
    #[must_use]
    pub fn new(base: RuleSet) -> Self {
        Self { base: ArcSwap::from_pointee(base), joined: Mutex::new(BTreeMap::new()) }
    }

    /// The installation's set.
    #[must_use]
    pub fn base(&self) -> Arc<RuleSet> {
        self.base.load_full()
    }

    /// Takes a new set up; joined sets are made again.
    pub fn replace(&self, base: RuleSet) {
        self.base.store(Arc::new(base));
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The set that judges an organisation's mail, where it is made already: the usual case, and quick.
    #[must_use]
    pub fn known(&self, organisation: &Organisation) -> Option<Arc<RuleSet>> {
        let base = self.base();
        let Some(own) = &organisation.own_rules else { return Some(base) };
        let joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        let known = joined.get(&organisation.id)?;
        let same = Arc::ptr_eq(&known.own, own) || (known.own.version == own.version && known.own == *own);
        let current = same && Arc::ptr_eq(&known.base, &base);
        current.then(|| Arc::clone(&known.set))
    }

    /// The set that judges an organisation's mail, and what of its changes could not be taken up: told once, to
    /// whoever had the set made. Making it compiles the organisation's own rules: milliseconds.
    #[must_use]
    pub fn of(&self, organisation: &Organisation) -> (Arc<RuleSet>, Vec<String>) {
        if let Some(known) = self.known(organisation) {
            return (known, Vec::new());
        }
        let base = self.base();
        let Some(own) = &organisation.own_rules else { return (base, Vec::new()) };
        // Outside the lock: others do not wait. Two at once make the same set, and the last one stays.
        let (set, problems) = base.joined(own);
        let set = Arc::new(set);
        let mut joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        if joined.len() >= limits::MAX_JOINED_SETS {
            joined.pop_first();
        }
        joined.insert(organisation.id, Joined { base, own: Arc::clone(own), set: Arc::clone(&set) });
        (set, problems)
    }
}
