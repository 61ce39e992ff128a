//! `sentra rules explain`: everything about one rule, with what an organisation changes about it.

use super::super::database::open;
use super::super::{Failure, Globals, Io};
use super::{no_rule, why};
use crate::model::{Action, OwnRules, Severity};
use crate::rules::{Explanation, RuleSet};
use clap::Args;
use serde_json::json;
use std::path::Path;

/// Arguments of `sentra rules explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Code of the rule
    #[arg(value_name = "CODE", value_parser = super::code, required_unless_present = "message")]
    code: Option<String>,
    /// A recorded message (X-Sentra-Id): why it was judged so, and what nearly spoke against it. Audited
    #[arg(long, value_name = "ID", conflicts_with = "code")]
    message: Option<String>,
}

/// `rules`: the folder that --rules names.
pub(super) async fn run(
    args: ExplainArgs,
    rules: Option<&Path>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let Some(id) = args.message else {
        let code = args.code.unwrap_or_default();
        let (set, own) = super::in_force(globals, rules, io).await?;
        return one(&set, own.as_ref(), &code, globals, io);
    };
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    let base = super::load(rules.or(at.config.rules.as_deref()))?;
    why::run(&at, &org, &base, &id, globals, io).await
}

/// `own`: what the organisation that --org names changes.
fn one(
    set: &RuleSet,
    own: Option<&OwnRules>,
    code: &str,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if let Some(reason) = own.and_then(|own| own.disabled.get(code)) {
        io.note(&format!("note: the organisation switched {code} off: {reason}"));
    }
    let joined = own.map(|own| set.joined(own).0);
    let told = joined.as_ref().and_then(|joined| joined.explain(code)).or_else(|| set.explain(code));
    let told = told.ok_or_else(|| no_rule(code))?;
    if globals.json {
        let mut object = serde_json::to_value(&told).unwrap_or_default();
        if let (Some(object), Some(own)) = (object.as_object_mut(), own) {
            let overrides = json!({
                "version": own.version, "disabled": own.disabled.get(code), "thresholds": own.thresholds.get(code),
                "own": own.rules.contains_key(code),
            });
            object.insert("overrides".to_owned(), overrides);
        }
        return io.json(&object);
    }
    head(&told, io)?;
    facts(&told, io)?;
    policy(&told, io)?;
    tests(&told, io)
}

fn head(told: &Explanation<'_>, io: &mut Io<'_>) -> Result<(), Failure> {
    let alone = told.action.map_or_else(String::new, |action| format!(", alone: {}", action.as_str()));
    let kind =
        format!("{}, {}, {}{alone}", told.class.as_str(), told.family.as_str(), told.severity.as_str());
    let each = if told.each_account { "each account" } else { "the message" };
    let required = if told.required { "no: the product stands for it" } else { "yes" };
    let mut pairs = vec![
        ("code", told.code.to_owned()),
        ("says", told.title.to_owned()),
        ("kind", kind),
        ("when", told.trigger.to_owned()),
        ("what to do", told.what_to_do.to_owned()),
        ("false alarm", told.false_alarm.to_owned()),
        ("sentence", told.text.to_owned()),
        ("advice", told.advice.to_owned()),
        ("condition", told.condition.clone()),
        ("asked of", each.to_owned()),
        ("can be off", required.to_owned()),
        ("steps", format!("{} at most", told.cost)),
        ("file", told.file.to_owned()),
    ];
    pairs.extend(told.references.iter().map(|reference| ("see", reference.clone())));
    io.pairs(&pairs)
}

fn facts(told: &Explanation<'_>, io: &mut Io<'_>) -> Result<(), Failure> {
    if !told.parameters.is_empty() {
        io.line("")?;
        let row = |known: &crate::rules::Parameter| {
            let bounds = format!("{} to {} {}", known.min, known.max, known.unit);
            vec![
                format!("param.{}", known.name),
                known.value.to_string(),
                known.default.to_string(),
                bounds,
                known.doc.clone(),
            ]
        };
        let rows = told.parameters.iter().map(row).collect();
        io.table(&["PARAMETER", "VALUE", "DEFAULT", "BOUNDS", "DECIDES"], rows)?;
    }
    if told.facts.is_empty() {
        return Ok(());
    }
    io.line("")?;
    let row = |fact: &crate::rules::FactDoc| {
        vec![fact.name.clone(), fact.kind.to_owned(), fact.unit.unwrap_or("-").to_owned(), fact.doc.clone()]
    };
    io.table(&["FACT", "TYPE", "UNIT", "MEANING"], told.facts.iter().map(row).collect())
}

fn policy(told: &Explanation<'_>, io: &mut Io<'_>) -> Result<(), Failure> {
    io.line("")?;
    if told.policy.is_empty() {
        return io.line("The policy makes nothing of it alone, and no row names it.");
    }
    let row = |effect: &crate::rules::PolicyEffect| {
        let with = if effect.alone { "alone".to_owned() } else { effect.condition.clone() };
        let severity = effect.severity.map_or("that of the loudest", Severity::as_str);
        vec![effect.row.clone(), Action::as_str(effect.action).to_owned(), severity.to_owned(), with]
    };
    io.table(&["POLICY", "ACTION", "SEVERITY", "WHEN"], told.policy.iter().map(row).collect())
}

fn tests(told: &Explanation<'_>, io: &mut Io<'_>) -> Result<(), Failure> {
    io.line("")?;
    let row = |test: &crate::rules::RuleTest| {
        vec![if test.expect { "raised" } else { "not raised" }.to_owned(), test.name.clone()]
    };
    io.table(&["TEST", "CASE"], told.tests.iter().map(row).collect())
}
