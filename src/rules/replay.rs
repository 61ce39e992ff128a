//! Past messages judged twice, and the difference counted: bounded memory however many messages there are.

use crate::limits;
use crate::model::{Action, Severity, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Which message it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// Id of the message, or name of the file.
    pub id: String,
    /// Id of the organisation; empty for a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub org: String,
    /// RFC 3339; empty for a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub received_at: String,
}

/// What a judgement came to, before the mode softens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What `enforce` does.
    pub action: Action,
    /// How loud.
    pub severity: Severity,
    /// Codes, each once.
    pub codes: BTreeSet<String>,
}

impl Outcome {
    /// Of a verdict.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        Self {
            action: verdict.would_be,
            severity: verdict.severity,
            codes: verdict.findings.iter().map(|finding| finding.code.0.clone()).collect(),
        }
    }
}

/// One message that is judged otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Which.
    #[serde(flatten)]
    pub message: Stamp,
    /// `new` (delivered before), `lost` (delivered now) or `changed`.
    pub change: &'static str,
    /// Before.
    pub before: Outcome,
    /// After.
    pub after: Outcome,
}

/// How often a code is raised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodeCount {
    /// Messages before.
    pub before: u64,
    /// Messages after.
    pub after: u64,
    /// Messages that gained it.
    pub gained: u64,
    /// Messages that lost it.
    pub lost: u64,
}

/// The difference over all messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Messages judged twice.
    pub messages: u64,
    /// Tagged or held now, delivered before.
    pub new: u64,
    /// Delivered now, tagged or held before.
    pub lost: u64,
    /// Otherwise different in action, severity or codes.
    pub changed: u64,
    /// Messages by action before and after, as `deliver>tag`.
    pub actions: BTreeMap<String, u64>,
    /// By code.
    pub codes: BTreeMap<String, CodeCount>,
    /// The first that differ, in the order in which they came.
    pub examples: Vec<Compared>,
    /// So many examples at most.
    #[serde(skip)]
    pub wanted: usize,
}

impl Comparison {
    /// Nothing yet; keeps so many examples.
    #[must_use]
    pub fn new(examples: usize) -> Self {
        Self { wanted: examples.min(limits::MAX_EXAMPLES), ..Self::default() }
    }

    /// Counts one message.
    pub fn add(&mut self, message: impl FnOnce() -> Stamp, before: Outcome, after: Outcome) {
        one_more(&mut self.messages);
        let pair = format!("{}>{}", before.action.as_str(), after.action.as_str());
        one_more(self.actions.entry(pair).or_default());
        for code in before.codes.union(&after.codes) {
            self.count(code, before.codes.contains(code), after.codes.contains(code));
        }
        let (count, change) = match (before.action, after.action) {
            _ if before == after => return,
            (Action::Deliver, after) if after != Action::Deliver => (&mut self.new, "new"),
            (before, Action::Deliver) if before != Action::Deliver => (&mut self.lost, "lost"),
            _ => (&mut self.changed, "changed"),
        };
        one_more(count);
        if self.examples.len() < self.wanted {
            self.examples.push(Compared { message: message(), change, before, after });
        }
    }

    /// Messages that are judged otherwise.
    #[must_use]
    pub fn different(&self) -> u64 {
        self.new.saturating_add(self.lost).saturating_add(self.changed)
    }

    fn count(&mut self, code: &str, before: bool, after: bool) {
        if self.codes.len() >= limits::MAX_REPORT_ROWS && !self.codes.contains_key(code) {
            return;
        }
        let count = self.codes.entry(code.to_owned()).or_default();
        for (holds, number) in [
            (before, &mut count.before),
            (after, &mut count.after),
            (after && !before, &mut count.gained),
            (before && !after, &mut count.lost),
        ] {
            *number = number.saturating_add(u64::from(holds));
        }
    }
}

pub(super) fn one_more(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(action: Action, codes: &[&str]) -> Outcome {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        Outcome { action, severity: Severity::Caution, codes }
    }

    #[test]
    fn new_lost_and_changed_are_told_apart_and_examples_are_bounded() {
        use Action::{Deliver, Quarantine, Tag};
        let mut sum = Comparison::new(2);
        for (number, (before, after)) in [
            (outcome(Deliver, &[]), outcome(Deliver, &[])),
            (outcome(Deliver, &[]), outcome(Tag, &["A"])),
            (outcome(Quarantine, &["A"]), outcome(Deliver, &["B"])),
            (outcome(Tag, &["A"]), outcome(Tag, &["A", "B"])),
        ]
        .into_iter()
        .enumerate()
        {
            let stamp = Stamp { id: number.to_string(), org: String::new(), received_at: String::new() };
            sum.add(|| stamp, before, after);
        }
        assert_eq!((sum.messages, sum.new, sum.lost, sum.changed), (4, 1, 1, 1));
        assert_eq!(sum.codes["A"], CodeCount { before: 2, after: 2, gained: 1, lost: 1 });
        let ids: Vec<&str> = sum.examples.iter().map(|example| example.message.id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
