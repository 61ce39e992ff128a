//! From one rule as written to one that can judge: checked, compiled, tested.

use super::judge::{accounts, bind, holds, variables};
use super::parameter::{Parameter, as_value};
use super::source::{RuleSource, TestSource};
use super::{RULE_FAILED, Rule, RuleTest, check, cost};
use crate::limits;
use crate::model::{Action, Class, Facts, FindingCode, Sentence};
use cel::{Env, Program};
use std::sync::Arc;

/// Why a rule was refused.
pub(super) struct Fault {
    /// It is about the expression.
    pub(super) in_when: bool,
    pub(super) reason: String,
}

impl Fault {
    fn of_rule(reason: impl Into<String>) -> Self {
        Self { in_when: false, reason: reason.into() }
    }

    fn of_when(reason: impl Into<String>) -> Self {
        Self { in_when: true, reason: reason.into() }
    }
}

/// What can be told from a rule's keys alone.
pub(super) fn well_formed(source: &RuleSource) -> Result<(), String> {
    let code_ok = source.code.starts_with(|c: char| c.is_ascii_uppercase())
        && source.code.len() <= 64
        && source.code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !code_ok {
        return Err("a code is written UPPER_SNAKE, with at most 64 characters".to_owned());
    }
    if source.code == RULE_FAILED {
        return Err("this code belongs to the engine".to_owned());
    }
    let decisive = source.class == Class::Decisive;
    match source.action {
        None if decisive => Err("a decisive rule needs `action = \"tag\"` or `\"quarantine\"`".to_owned()),
        Some(Action::Deliver) => {
            Err("no rule can ask for delivery: a good sign never cancels a bad one".to_owned())
        }
        Some(_) if !decisive => Err("only a decisive rule has an `action`".to_owned()),
        _ if source.advice.chars().count() > 200 => Err("`advice` has at most 200 characters".to_owned()),
        _ if source.when.get_ref().chars().count() > limits::MAX_RULE_EXPRESSION => {
            Err(format!("`when` has at most {} characters", limits::MAX_RULE_EXPRESSION))
        }
        _ => Ok(()),
    }
}

/// Compiles and checks one rule.
pub(super) fn compile(
    env: &Arc<Env>,
    source: RuleSource,
    file: &str,
) -> Result<(Rule, Vec<TestSource>), Fault> {
    let each_account = source.each.is_some();
    let when_text = source.when.into_inner();
    let when = Program::compile(&when_text).map_err(|error| Fault::of_when(error.to_string()))?;
    let parameters = Parameter::read(source.parameters).map_err(Fault::of_rule)?;
    let bound = as_value(&parameters);
    let sample = cel::to_value(Facts::sample()).map_err(|error| Fault::of_rule(error.to_string()))?;
    let mut names = variables(&sample);
    if each_account {
        names.extend(accounts(&sample).first().map(|account| ("account", account.clone())));
    }
    names.extend(bound.clone().map(|bound| ("param", bound)));
    check::check(when.expression(), &names, &bind(env, &names))
        .map_err(|reason| Fault::of_when(format!("`when`: {reason}")))?;
    let cost = cost::checked(when.expression(), each_account)
        .map_err(|reason| Fault::of_when(format!("`when`: {reason}")))?;
    let text = Sentence::parse(&source.text).map_err(|reason| Fault::of_rule(format!("`text` {reason}")))?;
    if text.needs_account() && !each_account {
        return Err(Fault::of_rule("`text` speaks of `account` without `each = \"accounts\"`"));
    }
    let told = |test: &TestSource| RuleTest { name: test.name.clone(), expect: test.expect };
    let rule = Rule {
        code: FindingCode(source.code),
        title: source.title,
        severity: source.severity,
        class: source.class,
        family: source.family,
        action: source.action,
        required: source.required,
        each_account,
        place: source.place,
        when: Arc::new(when),
        source: when_text,
        parameters,
        bound,
        cost,
        text,
        text_source: source.text,
        advice: source.advice,
        help: source.help,
        references: source.references,
        file: file.to_owned(),
        tests: source.test.iter().map(told).collect(),
    };
    Ok((rule, source.test))
}

/// A rule's own tests.
pub(super) fn run_tests(env: &Arc<Env>, rule: &Rule, tests: &[TestSource]) -> Result<(), String> {
    for test in tests {
        let facts = cel::to_value(&test.facts).map_err(|error| error.to_string())?;
        let context = bind(env, &variables(&facts));
        let raised = if rule.each_account {
            accounts(&facts).iter().try_fold(false, |raised, account| {
                let mut scope = context.new_inner_scope();
                scope.add_variable_from_value("account", account.clone());
                holds(rule, &scope).map(|held| raised || held)
            })
        } else {
            holds(rule, &context)
        };
        let raised = raised.map_err(|failed| format!("test \"{}\": {}", test.name, failed.0))?;
        if raised != test.expect {
            let did = if raised { "was raised" } else { "was not raised" };
            return Err(format!("test \"{}\" failed: it {did}", test.name));
        }
    }
    Ok(())
}
