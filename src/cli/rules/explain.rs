//! `sentra rules explain`: everything about one rule.

use super::super::{Failure, Globals, Io};
use super::no_rule;
use crate::model::{Action, Severity};
use crate::rules::{Explanation, RuleSet};
use clap::Args;

/// Arguments of `sentra rules explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Code of the rule
    #[arg(value_name = "CODE")]
    code: String,
}

pub(super) async fn run(
    set: &RuleSet,
    args: ExplainArgs,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let told = set.explain(&args.code).ok_or_else(|| no_rule(&args.code))?;
    if globals.json {
        return io.json(&told);
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
