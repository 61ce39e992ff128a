//! One judgement: rules to findings, findings to verdict.

use super::policy::Summary;
use super::text::{member, named, values};
use super::{RULE_FAILED, Rule, RuleSet};
use crate::limits::MAX_FINDINGS;
use crate::model::{
    Action, Class, Facts, Family, Finding, FindingCode, Mode, Place, Places, Severity, Spoken, Verdict,
};
use cel::{Context, Env, Value};
use std::sync::Arc;

/// A finding with what orders it and what it brings about.
pub(super) struct Raised<'a> {
    pub(super) finding: Finding,
    pub(super) action: Option<Action>,
    advice: &'a str,
    /// The account it is about.
    pub(super) account: Option<&'a Value>,
    /// Rule order, then account order.
    pub(super) order: (usize, usize),
}

/// The names of the facts and their values.
pub(super) fn variables(facts: &Value) -> Vec<(&'static str, Value)> {
    const NAMES: &[&str] = &[
        "mail",
        "sender",
        "reply_to",
        "lookalike",
        "display_name",
        "claimed",
        "links",
        "supplier",
        "accounts",
        "payment_methods",
        "documents",
        "phrases",
        "claims",
        "directory",
        "history",
        "conversation",
    ];
    NAMES.iter().filter_map(|name| member(facts, name).map(|value| (*name, value.clone()))).collect()
}

/// A context in which the variables are bound.
pub(super) fn bind<'v>(env: &Arc<Env>, variables: &[(&'static str, Value)]) -> Context<'v, 'v> {
    let mut context = Context::with_env(Arc::clone(env));
    for (name, value) in variables {
        context.add_variable_from_value(*name, value.clone());
    }
    context
}

/// The accounts in a value of all facts.
pub(super) fn accounts(facts: &Value) -> &[Value] {
    match member(facts, "accounts") {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

pub(super) fn judge(set: &RuleSet, facts: &Facts, places: &Places, mode: Mode) -> Verdict {
    // Facts are plain structures of texts, numbers and flags: they always have a value. Should that ever change,
    // every rule fails, and says so.
    let facts = cel::to_value(facts).unwrap_or(Value::Null);
    let context = bind(&set.env, &variables(&facts));
    let (mut raised, broken) = raise_all(set, &facts, &context, places);
    let mut summary = Summary::default();
    for item in &raised {
        summary.add(&item.finding, item.action);
    }
    let mut findings: Vec<Finding> = raised.iter().map(|item| item.finding.clone()).collect();
    let mut policy_context = context.new_inner_scope();
    for (name, value) in summary.variables() {
        policy_context.add_variable_from_value(name, value);
    }
    let (would_be, severity) = set.policy.decide(&findings, &policy_context).unwrap_or_else(|| {
        // A policy that can't be evaluated must not let a mail pass as clean.
        let item = failed(usize::MAX);
        findings.push(item.finding.clone());
        raised.push(item);
        let decisive = raised.iter().filter_map(|item| item.action).max().unwrap_or(Action::Tag);
        (decisive.max(Action::Tag), Severity::Caution)
    });
    let score = set.policy.score(would_be, &findings);
    findings.truncate(MAX_FINDINGS);
    let loudest = raised.first().filter(|_| would_be != Action::Deliver);
    Verdict {
        action: in_mode(would_be, mode),
        would_be,
        severity,
        score,
        ruleset: set.hash.clone(),
        spoken: raised
            .first()
            .map(|item| Spoken { code: item.finding.code.0.clone(), values: values(&facts, item.account) }),
        headline: loudest.map(|item| item.finding.text.clone()).unwrap_or_default(),
        advice: loudest.map(|item| item.advice.to_owned()).unwrap_or_default(),
        findings,
        broken,
    }
}

pub(super) fn in_mode(action: Action, mode: Mode) -> Action {
    match mode {
        Mode::Enforce => action,
        Mode::Tag => action.min(Action::Tag),
        Mode::Monitor => Action::Deliver,
    }
}

/// Every finding, loudest first, then the more decisive, then in rule order; and the rules that could not be evaluated.
pub(super) fn raise_all<'a>(
    set: &'a RuleSet,
    facts: &'a Value,
    context: &Context,
    places: &Places,
) -> (Vec<Raised<'a>>, Vec<FindingCode>) {
    let accounts = accounts(facts);
    let scopes: Vec<Context> = accounts
        .iter()
        .map(|account| {
            let mut scope = context.new_inner_scope();
            scope.add_variable_from_value("account", account.clone());
            scope
        })
        .collect();
    let mut raised = Vec::new();
    let mut broken: Vec<FindingCode> = Vec::new();
    for (index, rule) in set.rules.iter().enumerate() {
        if rule.each_account {
            for (number, (scope, account)) in scopes.iter().zip(accounts).enumerate() {
                match holds(rule, scope) {
                    Ok(true) => {
                        let place = places.accounts.get(number).cloned();
                        raised.push(raise(rule, facts, Some(account), place, (index, number)));
                    }
                    Ok(false) => {}
                    Err(Failed(_)) => broken.push(rule.code.clone()),
                }
            }
            continue;
        }
        match holds(rule, context) {
            Ok(true) => {
                let place = rule.place.as_ref().and_then(|family| places.phrases.get(family)).cloned();
                raised.push(raise(rule, facts, None, place, (index, 0)));
            }
            Ok(false) => {}
            Err(Failed(_)) => broken.push(rule.code.clone()),
        }
    }
    broken.dedup();
    if !broken.is_empty() {
        raised.push(failed(set.rules.len()));
    }
    raised.sort_by(|left, right| {
        let loud = right.finding.severity.cmp(&left.finding.severity);
        loud.then(left.finding.class.cmp(&right.finding.class)).then(left.order.cmp(&right.order))
    });
    (raised, broken)
}

/// The rule could not be evaluated, and why.
pub(super) struct Failed(pub(super) String);

/// Whether a rule holds; `context` has the facts and, for a rule over each account, the account.
pub(super) fn holds(rule: &Rule, context: &Context) -> Result<bool, Failed> {
    let value = match &rule.bound {
        None => rule.when.execute(context),
        Some(bound) => {
            let mut scope = context.new_inner_scope();
            scope.add_variable_from_value("param", bound.clone());
            rule.when.execute(&scope)
        }
    };
    match value {
        Ok(Value::Bool(held)) => Ok(held),
        Ok(other) => Err(Failed(format!("gives {} instead of true or false", other.type_of()))),
        Err(error) => Err(Failed(error.to_string())),
    }
}

fn raise<'a>(
    rule: &'a Rule,
    facts: &'a Value,
    account: Option<&'a Value>,
    source: Option<Place>,
    order: (usize, usize),
) -> Raised<'a> {
    let finding = Finding {
        code: rule.code.clone(),
        severity: rule.severity,
        class: rule.class,
        family: rule.family,
        text: rule.text.render(|name| named(facts, account, name)),
        source,
    };
    Raised { finding, action: rule.action, advice: &rule.advice, account, order }
}

/// Stands for rules that could not be evaluated: an unfinished check is never a pass.
fn failed(order: usize) -> Raised<'static> {
    let finding = Finding {
        code: FindingCode(RULE_FAILED.to_owned()),
        severity: Severity::Caution,
        class: Class::Strong,
        family: Family::Form,
        text: "Not every check of this message could be completed.".to_owned(),
        source: None,
    };
    Raised {
        finding,
        action: None,
        advice: "Before paying, call the supplier on the number in your records.",
        account: None,
        order: (order, 0),
    }
}
