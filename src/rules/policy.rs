//! The combination table: what findings amount to together.
//!
//! Its rows are CEL over the facts and over a summary of the findings: `codes` (all codes), `decisive` (the actions
//! of decisive findings), `strong` (the families of strong and decisive findings, each once), `weak` and `trust` (how
//! many). All rows that hold count: the highest action and the loudest severity win.

use super::source::ScoreSource;
use crate::model::{Action, Class, Finding, Severity};
use cel::{Context, Program, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The policy, checked.
pub(super) struct Policy {
    pub(super) rows: Vec<Row>,
    pub(super) score: ScoreSource,
    pub(super) file: String,
}

/// One row.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) when: Program,
    pub(super) source: String,
    pub(super) action: Action,
    pub(super) severity: Option<Severity>,
    pub(super) why: String,
}

/// What the rows may ask about the findings.
#[derive(Default)]
pub(super) struct Summary {
    codes: BTreeSet<String>,
    decisive: BTreeSet<&'static str>,
    strong: BTreeSet<&'static str>,
    weak: i64,
    trust: i64,
}

impl Summary {
    pub(super) fn add(&mut self, finding: &Finding, action: Option<Action>) {
        self.codes.insert(finding.code.0.clone());
        match finding.class {
            Class::Decisive => {
                self.decisive.extend(action.map(Action::as_str));
                self.strong.insert(finding.family.as_str());
            }
            Class::Strong => {
                self.strong.insert(finding.family.as_str());
            }
            Class::Weak => self.weak += 1,
            Class::Trust => self.trust += 1,
        }
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, Value)> {
        let texts =
            |set: &BTreeSet<&'static str>| set.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
        let codes: Vec<Value> = self.codes.iter().map(|code| Value::String(Arc::new(code.clone()))).collect();
        vec![
            ("codes", codes.into()),
            ("decisive", texts(&self.decisive).into()),
            ("strong", texts(&self.strong).into()),
            ("weak", Value::Int(self.weak)),
            ("trust", Value::Int(self.trust)),
        ]
    }

    /// A summary in which every list has an entry, for checking rows when they are loaded.
    pub(super) fn sample() -> Self {
        Self {
            codes: BTreeSet::from(["CODE".to_owned()]),
            decisive: BTreeSet::from(["tag"]),
            strong: BTreeSet::from(["form"]),
            weak: 0,
            trust: 0,
        }
    }
}

impl Policy {
    /// Action and severity by the rows that hold; `None` for a row that could not be evaluated.
    pub(super) fn decide(&self, findings: &[Finding], context: &Context) -> Option<(Action, Severity)> {
        let loudest = findings.iter().map(|finding| finding.severity).max().unwrap_or_default();
        let mut decision = (Action::Deliver, Severity::None);
        for row in &self.rows {
            match row.when.execute(context) {
                Ok(Value::Bool(true)) => {
                    decision.0 = decision.0.max(row.action);
                    decision.1 = decision.1.max(row.severity.unwrap_or(loudest));
                }
                Ok(Value::Bool(false)) => {}
                _ => return None,
            }
        }
        Some(decision)
    }

    /// 0 to 100: the action's base, and what each different code adds.
    pub(super) fn score(&self, action: Action, findings: &[Finding]) -> u8 {
        let counted: BTreeSet<(&str, Class)> =
            findings.iter().map(|finding| (finding.code.0.as_str(), finding.class)).collect();
        let base = self.score.base.get(&action).copied().unwrap_or_default();
        let add = |class: Class| self.score.add.get(&class).copied().unwrap_or_default();
        counted.into_iter().fold(base, |score, (_, class)| score.saturating_add(add(class))).min(100)
    }
}
