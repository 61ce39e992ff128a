//! Joins an installation's rule set with what one organisation changes about it.
//!
//! Compiled programs are shared: the joined set holds the same rules, without those that are switched off, with other
//! values of parameters, and with the organisation's own rules behind them. What does not fit (any more, after an
//! upgrade say) is left out and told of: the rest still judges, and a rule that was to be switched off then stays on.

use super::compile::{compile, run_tests, well_formed};
use super::files::{Source, line, parse};
use super::parameter::as_value;
use super::source::RuleFile;
use super::{Rule, RuleError, RuleSet};
use crate::limits;
use crate::model::{OWN_RULE_PREFIX, OwnRules};
use std::collections::BTreeMap;
use std::sync::Arc;

impl RuleSet {
    /// This set with an organisation's changes, and what of them could not be taken up.
    #[must_use]
    pub fn joined(&self, own: &OwnRules) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut rules = Vec::with_capacity(self.rules.len().saturating_add(own.rules.len()));
        for rule in &self.rules {
            if own.disabled.contains_key(&rule.code.0) && !rule.required {
                continue;
            }
            rules.push(match own.thresholds.get(&rule.code.0) {
                None => Arc::clone(rule),
                Some(values) => Arc::new(with_values((**rule).clone(), values, &mut problems)),
            });
        }
        unknown(self, own, &mut problems);
        let mut cost = 0_u64;
        for (code, text) in own.rules.iter().take(limits::MAX_OWN_RULES) {
            match self.own_rule(text) {
                Ok(rule) if self.rules.iter().any(|known| known.code == rule.code) => {
                    problems.push(format!("{code}: the installation's rules have this code already"));
                }
                Ok(rule) if rule.code.0 == *code => {
                    cost = cost.saturating_add(rule.cost);
                    if cost > limits::MAX_OWN_COST {
                        problems.push(format!("{code}: the own rules together may take too many steps"));
                        break;
                    }
                    rules.push(Arc::new(match own.thresholds.get(code) {
                        Some(values) => with_values(rule, values, &mut problems),
                        None => rule,
                    }));
                }
                Ok(_) => problems.push(format!("{code}: the rule has another code")),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let joined = Self {
            env: Arc::clone(&self.env),
            rules,
            policy: Arc::clone(&self.policy),
            wording: self.wording.clone(),
            modulus: self.modulus.clone(),
            version: own.version,
            hash: if own.version == 0 {
                self.hash.clone()
            } else {
                format!("{}+{}", self.base_hash(), own.version)
            },
        };
        (joined, problems)
    }

    /// Checks an own rule as written (one `[[rule]]`): as any rule, and that its code begins with
    /// [`OWN_RULE_PREFIX`], that it is bounded, and that it brings tests for and against. Returns its code.
    ///
    /// # Errors
    /// [`RuleError`] with line and reason.
    pub fn check_own(&self, text: &str) -> Result<String, RuleError> {
        self.own_rule(text).map(|rule| rule.code.0)
    }

    /// Checks all changes of an organisation together, before they are stored. What was wrong `before` and still is
    /// does not count: else nothing could be mended step by step.
    ///
    /// # Errors
    /// What is wrong, in words for whoever makes the change.
    pub fn check_changes(&self, before: &OwnRules, after: &OwnRules) -> Result<(), String> {
        if after.rules.len() > limits::MAX_OWN_RULES {
            return Err(format!("an organisation has at most {} rules of its own", limits::MAX_OWN_RULES));
        }
        let new = |code: &str| after.disabled.contains_key(code) && !before.disabled.contains_key(code);
        if let Some(rule) = self.rules.iter().find(|rule| rule.required && new(&rule.code.0)) {
            return Err(format!("{} can never be switched off", rule.code));
        }
        let known = self.joined(before).1;
        let problem = self.joined(after).1.into_iter().find(|problem| !known.contains(problem));
        problem.map_or(Ok(()), Err)
    }

    fn own_rule(&self, text: &str) -> Result<Rule, RuleError> {
        let file = Source { name: "own rule".to_owned(), content: text.to_owned() };
        let refuse = |line: usize, rule: &str, reason: String| RuleError::Rule {
            file: file.name.clone(),
            line,
            rule: rule.to_owned(),
            reason,
        };
        if text.len() > limits::MAX_OWN_RULE {
            return Err(refuse(1, "[[rule]]", format!("has at most {} octets", limits::MAX_OWN_RULE)));
        }
        let mut written = parse::<RuleFile>(&file)?.rule;
        let (Some(spanned), true) = (written.pop(), written.is_empty()) else {
            return Err(refuse(1, "[[rule]]", "there must be exactly one".to_owned()));
        };
        let at = line(text, spanned.span().start);
        let when_at = line(text, spanned.get_ref().when.span().start);
        let source = spanned.into_inner();
        let code = source.code.clone();
        well_formed(&source).map_err(|reason| refuse(at, &code, reason))?;
        if !code.starts_with(OWN_RULE_PREFIX) {
            let reason = format!("the code of an own rule begins with {OWN_RULE_PREFIX}");
            return Err(refuse(at, &code, reason));
        }
        if source.required || !source.enabled {
            let reason = "an own rule has neither `required` nor `enabled`".to_owned();
            return Err(refuse(at, &code, reason));
        }
        let tested = |expect: bool| source.test.iter().any(|test| test.expect == expect);
        if !(tested(true) && tested(false)) {
            let reason = "needs a test that raises it and one that does not".to_owned();
            return Err(refuse(at, &code, reason));
        }
        if source.test.len() > limits::MAX_OWN_TESTS {
            let reason = format!("has at most {} tests", limits::MAX_OWN_TESTS);
            return Err(refuse(at, &code, reason));
        }
        let (rule, tests) = compile(&self.env, source, &file.name)
            .map_err(|fault| refuse(if fault.in_when { when_at } else { at }, &code, fault.reason))?;
        run_tests(&self.env, &rule, &tests).map_err(|reason| refuse(at, &code, reason))?;
        Ok(rule)
    }

    fn base_hash(&self) -> &str {
        self.hash.split('+').next().unwrap_or(&self.hash)
    }
}

fn with_values(mut changed: Rule, values: &BTreeMap<String, i64>, problems: &mut Vec<String>) -> Rule {
    for (name, value) in values {
        match changed.parameters.iter_mut().find(|known| known.name == *name) {
            None => problems.push(format!("{}: there is no parameter `{name}`", changed.code)),
            Some(known) => {
                if let Err(reason) = known.set(*value) {
                    problems.push(format!("{}: {reason}", changed.code));
                }
            }
        }
    }
    changed.bound = as_value(&changed.parameters);
    changed
}

/// What speaks of rules that there are not.
fn unknown(set: &RuleSet, own: &OwnRules, problems: &mut Vec<String>) {
    let known =
        |code: &String| set.rules.iter().any(|rule| rule.code.0 == *code) || own.rules.contains_key(code);
    for code in own.thresholds.keys().chain(own.disabled.keys()).filter(|code| !known(code)) {
        problems.push(format!("there is no rule {code}"));
    }
}
