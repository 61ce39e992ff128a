//! What is counted over a corpus.

use super::truth::Truth;
use crate::cli::check::Judged;
use crate::model::{Action, Category};
use std::collections::{BTreeMap, BTreeSet};

/// Differences from the truth that are kept for showing.
const MAX_WRONG: usize = 200;

/// How often each action was taken.
#[derive(Debug, Default)]
pub(super) struct Actions(BTreeMap<Action, usize>);

impl Actions {
    pub(super) fn of(&self, action: Action) -> usize {
        self.0.get(&action).copied().unwrap_or(0)
    }

    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Tagged or held.
    pub(super) fn warned(&self) -> usize {
        self.of(Action::Tag) + self.of(Action::Quarantine)
    }
}

/// Accounts found against accounts that are there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Found and there.
    pub(super) right: usize,
    /// Found and not there.
    pub(super) wrong: usize,
    /// There and not found.
    pub(super) missed: usize,
}

/// How often a finding was raised.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signal {
    pub(super) fraud: usize,
    pub(super) genuine: usize,
    /// On files of which the truth does not say.
    pub(super) unknown: usize,
    /// Demanded by the truth, and how often it was there.
    pub(super) demanded: usize,
    pub(super) answered: usize,
}

/// Files of one group, and how many were judged as the truth says in everything.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) files: usize,
    pub(super) right: usize,
}

/// Everything counted.
#[derive(Debug, Default)]
pub(super) struct Measure {
    pub(super) messages: usize,
    pub(super) documents: usize,
    pub(super) unreadable: usize,
    pub(super) ruleset: String,
    pub(super) fraud: Actions,
    pub(super) genuine: Actions,
    pub(super) unknown: Actions,
    /// True category, found category.
    pub(super) categories: BTreeMap<(Category, Category), usize>,
    pub(super) accounts: BTreeMap<String, Found>,
    pub(super) signals: BTreeMap<String, Signal>,
    pub(super) groups: BTreeMap<String, Group>,
    /// File and how it differs from the truth.
    pub(super) wrong: Vec<(String, String)>,
    /// Microseconds of each message, from octets to verdict.
    pub(super) message_us: Vec<u64>,
    /// Microseconds of reading each document.
    pub(super) document_us: Vec<u64>,
    names: BTreeSet<String>,
}

impl Measure {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn add(&mut self, name: &str, kind: &str, truth: Option<&Truth>, judged: &Judged) {
        self.names.insert(name.to_owned());
        self.ruleset.clone_from(&judged.verdict.ruleset);
        if kind == "message" {
            self.messages += 1;
            self.message_us.push(judged.timings.total);
        } else {
            self.documents += 1;
            self.document_us.push(judged.timings.parse + judged.timings.extract);
        }
        let fraud = truth.and_then(|truth| truth.fraud);
        let side = match fraud {
            Some(true) => &mut self.fraud,
            Some(false) => &mut self.genuine,
            None => &mut self.unknown,
        };
        *side.0.entry(judged.verdict.action).or_default() += 1;
        self.signals(fraud, judged);
        let Some(truth) = truth else { return };
        let wrong = self.compare(kind, truth, judged);
        let group =
            self.groups.entry(truth.group.clone().unwrap_or_else(|| "all others".to_owned())).or_default();
        group.files += 1;
        group.right += usize::from(wrong.is_empty());
        let room = MAX_WRONG.saturating_sub(self.wrong.len());
        self.wrong.extend(wrong.into_iter().take(room).map(|what| (name.to_owned(), what)));
    }

    fn signals(&mut self, fraud: Option<bool>, judged: &Judged) {
        let codes: BTreeSet<&str> = judged.verdict.findings.iter().map(|f| f.code.0.as_str()).collect();
        for code in codes {
            let signal = self.signals.entry(code.to_owned()).or_default();
            match fraud {
                Some(true) => signal.fraud += 1,
                Some(false) => signal.genuine += 1,
                None => signal.unknown += 1,
            }
        }
    }

    /// Counts what the truth says; returns how the file differs from it.
    fn compare(&mut self, kind: &str, truth: &Truth, judged: &Judged) -> Vec<String> {
        let mut wrong = Vec::new();
        let action = judged.verdict.action;
        if let Some(expected) = truth.action.filter(|expected| *expected != action) {
            wrong.push(format!("{} instead of {}", action.as_str(), expected.as_str()));
        }
        if let Some(expected) = truth.category {
            let found = judged.facts.mail.category;
            *self.categories.entry((expected, found)).or_default() += 1;
            if expected != found {
                let because = judged.facts.mail.category_because.join(", ");
                wrong.push(format!(
                    "category {} instead of {} ({because})",
                    found.as_str(),
                    expected.as_str()
                ));
            }
        }
        for code in &truth.codes {
            let signal = self.signals.entry(code.clone()).or_default();
            let found = judged.verdict.findings.iter().any(|finding| finding.code.0 == *code);
            signal.demanded += 1;
            signal.answered += usize::from(found);
            if !found {
                wrong.push(format!("no {code}"));
            }
        }
        if let Some(expected) = &truth.accounts {
            let claims = &judged.evidence.claims.accounts;
            let found: BTreeSet<&str> = claims.iter().map(|claim| claim.account.reveal()).collect();
            let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
            let counts = self.accounts.entry(kind.to_owned()).or_default();
            let (missed, false_ones) =
                (expected.difference(&found).count(), found.difference(&expected).count());
            counts.right += expected.intersection(&found).count();
            counts.missed += missed;
            counts.wrong += false_ones;
            // Only how many: a report is no place for account numbers.
            if missed + false_ones > 0 {
                wrong.push(format!("{missed} accounts missed, {false_ones} that are none"));
            }
        }
        wrong
    }
}

/// The value below which this share (0 to 100) of the sorted values lies.
pub(super) fn percentile(values: &[u64], share: usize) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = sorted.len().saturating_sub(1) * share / 100;
    sorted.get(at).copied().unwrap_or(0)
}

/// A part of a whole, from 0 to 1; `None` of nothing.
pub(super) fn share(part: usize, whole: usize) -> Option<f64> {
    let exact = |count: usize| u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
    (whole > 0).then(|| (exact(part) / exact(whole) * 10_000.0).round() / 10_000.0)
}
