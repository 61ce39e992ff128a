//! What the rules would have done over a time in which they only watched: by code, day and supplier.

use super::replay::{Outcome, Stamp, one_more};
use crate::limits;
use crate::model::Action;
use serde::Serialize;
use std::collections::BTreeMap;

/// Messages that would have been marked, and held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages in all.
    pub messages: u64,
    /// Would have been tagged.
    pub tag: u64,
    /// Would have been held.
    pub quarantine: u64,
}

/// A supplier's counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SupplierCounts {
    /// Name in the ledger when the message came.
    pub name: String,
    /// Counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One message that would have been marked or held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Which.
    #[serde(flatten)]
    pub message: Stamp,
    /// What would have been done.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Id of the supplier; empty when none was recognised.
    pub supplier: String,
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// Everything.
    pub total: Counts,
    /// By code, of the messages that would have been marked or held.
    pub codes: BTreeMap<String, Counts>,
    /// By day (UTC).
    pub days: BTreeMap<String, Counts>,
    /// By id of the supplier; the empty id: none was recognised.
    pub suppliers: BTreeMap<String, SupplierCounts>,
    /// The first that would have been marked or held.
    pub examples: Vec<Example>,
    #[serde(skip)]
    wanted: usize,
}

impl Impact {
    /// Nothing yet; keeps so many examples.
    #[must_use]
    pub fn new(examples: usize) -> Self {
        Self { wanted: examples.min(limits::MAX_EXAMPLES), ..Self::default() }
    }

    /// Counts one message. `supplier`: id and name.
    pub fn add(&mut self, message: Stamp, outcome: Outcome, supplier: (&str, &str)) {
        let action = outcome.action;
        self.total.count(action);
        let day = message.received_at.get(..10).unwrap_or_default().to_owned();
        if let Some(counts) = row(&mut self.days, &day) {
            counts.count(action);
        }
        if let Some(known) = row(&mut self.suppliers, supplier.0) {
            known.counts.count(action);
            supplier.1.clone_into(&mut known.name);
        }
        if action == Action::Deliver {
            return;
        }
        for code in &outcome.codes {
            if let Some(counts) = row(&mut self.codes, code) {
                counts.count(action);
            }
        }
        if self.examples.len() < self.wanted {
            self.examples.push(Example { message, outcome, supplier: supplier.0.to_owned() });
        }
    }
}

impl Counts {
    fn count(&mut self, action: Action) {
        one_more(&mut self.messages);
        match action {
            Action::Deliver => {}
            Action::Tag => one_more(&mut self.tag),
            Action::Quarantine => one_more(&mut self.quarantine),
        }
    }
}

/// The row of a key; `None`: it is new and there are too many.
fn row<'a, T: Default>(rows: &'a mut BTreeMap<String, T>, key: &str) -> Option<&'a mut T> {
    if rows.len() >= limits::MAX_REPORT_ROWS && !rows.contains_key(key) {
        return None;
    }
    Some(rows.entry(key.to_owned()).or_default())
}
