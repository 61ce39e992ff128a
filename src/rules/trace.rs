//! Why a message was judged as it was: which rules fired, on which facts, and which were one condition away.

use super::handbook::one_line;
use super::judge::{Failed, accounts, bind, holds, raise_all, variables};
use super::policy::Summary;
use super::spell::{alternatives, is_denial, paths, spell};
use super::text::member;
use super::{Rule, RuleSet};
use crate::model::{Action, Class, Facts, Family, Mode, Places, Severity, Verdict};
use cel::{Context, Value};
use serde::Serialize;
use std::collections::BTreeMap;

/// A judgement with its reasons.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The judgement.
    pub verdict: Verdict,
    /// Rules that fired, loudest first.
    pub fired: Vec<Fired>,
    /// Rules that one condition kept from firing, in rule order.
    pub near: Vec<Near>,
    /// Rows of the policy that held.
    pub rows: Vec<String>,
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fired {
    /// Code.
    pub code: String,
    /// How loud.
    pub severity: Severity,
    /// How much it decides.
    pub class: Class,
    /// Kind of evidence.
    pub family: Family,
    /// What it leads to alone, if it is decisive.
    pub action: Option<Action>,
    /// The recipient's sentence.
    pub text: String,
    /// Its condition.
    pub condition: String,
    /// Number of the account it is about, from 1.
    pub account: Option<usize>,
    /// The facts that it read.
    pub values: BTreeMap<String, String>,
}

/// A rule that nearly fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Code.
    pub code: String,
    /// The condition that did not hold.
    pub missing: String,
    /// Those that held.
    pub met: Vec<String>,
    /// Number of the account it is about, from 1.
    pub account: Option<usize>,
    /// The facts that the missing condition read.
    pub values: BTreeMap<String, String>,
}

impl RuleSet {
    /// Judges and tells why.
    #[must_use]
    pub fn trace(&self, facts: &Facts, mode: Mode) -> Trace {
        let verdict = self.judge(facts, &Places::default(), mode);
        let facts = cel::to_value(facts).unwrap_or(Value::Null);
        let context = bind(&self.env, &variables(&facts));
        let (raised, _) = raise_all(self, &facts, &context, &Places::default());
        let mut summary = Summary::default();
        for item in &raised {
            summary.add(&item.finding, item.action);
        }
        let mut policy_context = context.new_inner_scope();
        for (name, value) in summary.variables() {
            policy_context.add_variable_from_value(name, value);
        }
        let held = |row: &&super::policy::Row| row.when.execute(&policy_context) == Ok(Value::Bool(true));
        let rows = self.policy.rows.iter().filter(held).map(|row| row.name.clone()).collect();
        let fired = raised.iter().map(|item| {
            let rule = self.rules.get(item.order.0).map(AsRef::as_ref);
            Fired {
                code: item.finding.code.0.clone(),
                severity: item.finding.severity,
                class: item.finding.class,
                family: item.finding.family,
                action: item.action,
                text: item.finding.text.clone(),
                condition: rule.map(|rule| one_line(&rule.source)).unwrap_or_default(),
                account: item.account.map(|_| item.order.1.saturating_add(1)),
                values: rule
                    .map(|rule| values(&paths(rule.when.expression()), &facts, item.account, rule))
                    .unwrap_or_default(),
            }
        });
        let fired = fired.collect();
        let near = self.rules.iter().flat_map(|rule| near_misses(rule, &facts, &context)).collect();
        Trace { verdict, fired, near, rows }
    }
}

/// Where one rule was one condition away; for a rule over each account, the first such account.
fn near_misses(rule: &Rule, facts: &Value, context: &Context) -> Option<Near> {
    if !rule.each_account {
        return near_miss(rule, facts, None, context);
    }
    let of_account = |(number, account): (usize, &Value)| {
        let mut scope = context.new_inner_scope();
        scope.add_variable_from_value("account", account.clone());
        let near = near_miss(rule, facts, Some(account), &scope)?;
        Some(Near { account: Some(number.saturating_add(1)), ..near })
    };
    accounts(facts).iter().enumerate().find_map(of_account)
}

/// The first way to hold in which all conditions but one are met, and one that is met says more than "not".
fn near_miss(rule: &Rule, facts: &Value, account: Option<&Value>, context: &Context) -> Option<Near> {
    if !matches!(holds(rule, context), Ok(false) | Err(Failed(_))) {
        return None;
    }
    let mut scope = context.new_inner_scope();
    if let Some(bound) = &rule.bound {
        scope.add_variable_from_value("param", bound.clone());
    }
    let way = |way: Vec<&cel::common::ast::IdedExpr>| {
        let (met, missing): (Vec<_>, Vec<_>) =
            way.into_iter().partition(|part| scope.resolve(part) == Ok(Value::Bool(true)));
        let ([missing], true) = (missing.as_slice(), met.iter().any(|part| !is_denial(part))) else {
            return None;
        };
        Some(Near {
            code: rule.code.0.clone(),
            missing: spell(missing),
            met: met.iter().map(|part| spell(part)).collect(),
            account: None,
            values: values(&paths(missing), facts, account, rule),
        })
    };
    alternatives(rule.when.expression()).into_iter().find_map(way)
}

/// The facts of these names with their values, as text.
fn values(
    names: &std::collections::BTreeSet<String>,
    facts: &Value,
    account: Option<&Value>,
    rule: &Rule,
) -> BTreeMap<String, String> {
    let named = |name: &String| {
        let mut steps = name.split('.');
        let first = match steps.next()? {
            "account" => account?,
            "param" => rule.bound.as_ref()?,
            root => member(facts, root)?,
        };
        Some((name.clone(), shown(first, steps)))
    };
    names.iter().filter_map(named).collect()
}

/// Elements of a list that are shown.
const SHOWN: usize = 8;

fn shown<'a>(value: &Value, mut steps: impl Iterator<Item = &'a str> + Clone) -> String {
    match value {
        Value::List(list) => {
            let elements = list.iter().take(SHOWN).map(|element| shown(element, steps.clone()));
            let more = if list.len() > SHOWN { ", …" } else { "" };
            format!("[{}{more}]", elements.collect::<Vec<_>>().join(", "))
        }
        Value::Map(_) => match steps.next().and_then(|step| member(value, step)) {
            Some(inner) => shown(inner, steps),
            None => "{…}".to_owned(),
        },
        Value::String(text) => format!("{text:?}"),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        _ => "…".to_owned(),
    }
}
