//! What changed between two rule sets, told as rules and not as lines.

use super::handbook::one_line;
use super::{Rule, RuleSet};
use crate::model::{Action, Severity};
use serde::Serialize;
use std::collections::BTreeMap;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `rule`, `policy` or `score`.
    pub kind: &'static str,
    /// Code of the rule, name of the row, or part of the score.
    pub name: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// What differs: before and after.
    pub fields: BTreeMap<String, (Option<String>, Option<String>)>,
}

type Fields = BTreeMap<String, String>;

/// The differences from one set to another: rules by code, then rows of the policy, then the score.
#[must_use]
pub fn changes(from: &RuleSet, to: &RuleSet) -> Vec<Change> {
    let rules = |set: &RuleSet| -> BTreeMap<String, Fields> {
        set.rules.iter().map(|rule| (rule.code.0.clone(), of_rule(rule))).collect()
    };
    let rows = |set: &RuleSet| -> BTreeMap<String, Fields> {
        let row = |row: &super::policy::Row| {
            let fields = [
                ("when", one_line(&row.source)),
                ("action", row.action.as_str().to_owned()),
                ("severity", row.severity.map_or("that of the loudest", Severity::as_str).to_owned()),
                ("why", one_line(&row.why)),
            ];
            (row.name.clone(), named(fields))
        };
        set.policy.rows.iter().map(row).collect()
    };
    let score = |set: &RuleSet| -> BTreeMap<String, Fields> {
        let score = &set.policy.score;
        let base = score.base.iter().map(|(action, value)| (action.as_str(), value.to_string()));
        let add = score.add.iter().map(|(class, value)| (class.as_str(), value.to_string()));
        BTreeMap::from([("base".to_owned(), named(base)), ("add".to_owned(), named(add))])
    };
    let mut all = compared("rule", rules(from), rules(to));
    all.extend(compared("policy", rows(from), rows(to)));
    all.extend(compared("score", score(from), score(to)));
    all
}

fn named<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn of_rule(rule: &Rule) -> Fields {
    let flag = |flag: bool| flag.to_string();
    let mut fields = named([
        ("title", rule.title.clone()),
        ("severity", rule.severity.as_str().to_owned()),
        ("class", rule.class.as_str().to_owned()),
        ("family", rule.family.as_str().to_owned()),
        ("action", rule.action.map_or("-", Action::as_str).to_owned()),
        ("required", flag(rule.required)),
        ("each account", flag(rule.each_account)),
        ("when", one_line(&rule.source)),
        ("text", rule.text_source.clone()),
        ("advice", rule.advice.clone()),
        ("trigger", one_line(&rule.help.trigger)),
        ("what to do", one_line(&rule.help.action)),
        ("false alarm", one_line(&rule.help.false_alarm)),
        ("references", rule.references.join("; ")),
        ("tests", rule.tests.len().to_string()),
    ]);
    for known in &rule.parameters {
        let value = format!("{} ({} to {} {})", known.value, known.min, known.max, known.unit);
        fields.insert(format!("parameter {}", known.name), value);
    }
    fields
}

fn compared(
    kind: &'static str,
    mut from: BTreeMap<String, Fields>,
    to: BTreeMap<String, Fields>,
) -> Vec<Change> {
    let mut found: BTreeMap<String, Change> = BTreeMap::new();
    let mut note = |name: String, change: &'static str, before: &Fields, after: &Fields| {
        let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
        let differs = names.filter(|name| before.get(*name) != after.get(*name));
        let fields: BTreeMap<_, _> = differs
            .map(|name| (name.clone(), (before.get(name).cloned(), after.get(name).cloned())))
            .collect();
        if !fields.is_empty() {
            found.insert(name.clone(), Change { kind, name, change, fields });
        }
    };
    for (name, after) in to {
        match from.remove(&name) {
            None => note(name, "added", &Fields::new(), &after),
            Some(before) => note(name, "changed", &before, &after),
        }
    }
    for (name, before) in from {
        note(name, "removed", &before, &Fields::new());
    }
    found.into_values().collect()
}
