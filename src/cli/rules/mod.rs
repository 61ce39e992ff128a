//! `sentra rules …`: the rules that judge, for those who write their own.
//!
//! A set is checked whole when it is loaded: keys, names, types, and every rule's own tests. So `lint` and `test` both
//! load it, and differ in what they tell.

mod backtest;
mod diff;
mod edits;
mod explain;
mod impact;
mod overrides;
mod past;
mod why;

use super::database::open;
use super::{Failure, Globals, Io};
use crate::config;
use crate::model::{OWN_RULE_PREFIX, OwnRules};
use crate::rules::{RuleError, RuleSet, vocabulary};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `sentra rules`.
#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
    /// Folder with rules of your own; without it the configuration's rules.folder, if there is a configuration
    #[arg(long, global = true, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// Commands of `sentra rules`.
#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// List the rules in effect: what each says, how loud it is and where it comes from
    #[command(
        after_help = "With --org: as the organisation changes them.\n\nExamples:\n  sentra rules list\n  \
                            sentra rules list --rules ./my-rules --json\n  sentra rules list --org Contoso"
    )]
    List,
    /// Tell everything about one rule, or why a recorded message was judged so
    #[command(after_help = "Examples:\n  sentra rules explain BANK_DETAILS_CHANGED\n  \
                            sentra rules explain SUPPLIER_UNUSUAL --org Contoso --json\n  \
                            sentra rules explain --message 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --org Contoso")]
    Explain(explain::ExplainArgs),
    /// List the facts that rules may speak of
    #[command(
        after_help = "Examples:\n  sentra rules facts\n  sentra rules facts history\n  sentra rules facts --json"
    )]
    Facts {
        /// Only facts whose name begins so
        #[arg(value_name = "PREFIX")]
        prefix: Option<String>,
    },
    /// Run the tests that stand inside the rules
    #[command(after_help = "Example:\n  sentra rules test --rules ./my-rules")]
    Test,
    /// Check a folder of rules; a mistake is named with file and line
    #[command(after_help = "Example:\n  sentra rules lint --rules ./my-rules")]
    Lint,
    /// Tell what changed between two rule sets, as rules: added, removed, and which of their keys changed
    #[command(after_help = diff::HELP)]
    Diff(diff::DiffArgs),
    /// Judge past mail under other rules and tell the difference: new, lost and changed verdicts
    #[command(after_help = backtest::HELP)]
    Backtest(Box<backtest::BacktestArgs>),
    /// Tell what enforcing would have done over past mail: by code, day and supplier
    #[command(after_help = impact::HELP)]
    Impact(impact::ImpactArgs),
    #[command(flatten)]
    Own(overrides::OverrideCommand),
}

pub(super) async fn run(globals: &Globals, args: RulesArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let rules = args.rules.as_deref();
    match args.command {
        RulesCommand::List => {
            let (set, own) = in_force(globals, rules, io).await?;
            match own {
                Some(own) => list(&set.joined(&own).0, globals, io),
                None => list(&set, globals, io),
            }
        }
        RulesCommand::Explain(args) => explain::run(args, rules, globals, io).await,
        RulesCommand::Facts { prefix } => facts(prefix.as_deref().unwrap_or_default(), globals, io),
        RulesCommand::Test => test(&load(folder(globals, rules)?.as_deref())?, globals, io),
        RulesCommand::Lint => {
            let folder = folder(globals, rules)?;
            lint(&load(folder.as_deref())?, folder.as_deref(), globals, io)
        }
        RulesCommand::Diff(args) => diff::run(&args, globals, io),
        RulesCommand::Backtest(args) => backtest::run(&args, rules, globals, io).await,
        RulesCommand::Impact(args) => impact::run(&args, rules, globals, io).await,
        RulesCommand::Own(command) => overrides::run(command, rules, globals, io).await,
    }
}

/// The installation's rules and, where `--org` names an organisation, what it changes about them.
async fn in_force(
    globals: &Globals,
    rules: Option<&Path>,
    io: &mut Io<'_>,
) -> Result<(RuleSet, Option<OwnRules>), Failure> {
    if globals.org.is_none() {
        return Ok((load(folder(globals, rules)?.as_deref())?, None));
    }
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    let set = load(rules.or(at.config.rules.as_deref()))?;
    let own = at.store.own_rules(org.id).await?;
    for problem in set.joined(&own).1 {
        io.note(&format!("warning: {problem}"));
    }
    Ok((set, Some(own)))
}

/// The folder that counts: the one named, else the configuration's, if there is a configuration.
fn folder(globals: &Globals, named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    match named {
        Some(folder) => Ok(Some(folder.to_owned())),
        None if globals.config.exists() => Ok(config::load(&globals.config)?.rules),
        None => Ok(None),
    }
}

fn load(folder: Option<&Path>) -> Result<RuleSet, Failure> {
    RuleSet::load(folder).map_err(|error| refused(error, folder))
}

fn test(set: &RuleSet, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return set
            .rules()
            .try_for_each(|rule| io.json(&json!({ "code": rule.code, "tests": rule.tests, "failed": 0 })));
    }
    let tests: usize = set.rules().map(|rule| rule.tests).sum();
    io.line(&format!("{tests} tests of {} rules passed", set.rules().count()))
}

fn lint(set: &RuleSet, folder: Option<&Path>, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let tests: usize = set.rules().map(|rule| rule.tests).sum();
    let warnings = set.warnings();
    if globals.json {
        return io.json(&json!({
            "valid": true, "rules": set.rules().count(), "tests": tests, "ruleset": set.hash(), "warnings": warnings,
        }));
    }
    for warning in warnings {
        io.note(&format!("warning: {warning}"));
    }
    let from = folder.map_or("built-in rules alone".to_owned(), |folder| folder.display().to_string());
    io.line(&format!("{} rules are right ({from}), rule set {}", set.rules().count(), set.hash()))
}

fn facts(prefix: &str, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let mut wanted = vocabulary().iter().filter(|fact| fact.name.starts_with(prefix)).peekable();
    if wanted.peek().is_none() {
        return Err(Failure::usage(format!("there is no fact {prefix:?}"))
            .help("`sentra rules facts` lists them all; docs/rules.md explains them"));
    }
    if globals.json {
        return wanted.try_for_each(|fact| io.json(fact));
    }
    let row = |fact: &crate::rules::FactDoc| {
        vec![fact.name.clone(), fact.kind.to_owned(), fact.unit.unwrap_or("-").to_owned(), fact.doc.clone()]
    };
    io.table(&["FACT", "TYPE", "UNIT", "MEANING"], wanted.map(row).collect())
}

fn list(set: &RuleSet, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return set.rules().try_for_each(|rule| io.json(&rule));
    }
    let row = |rule: crate::rules::RuleSummary<'_>| {
        let action = rule.action.map_or("-", crate::model::Action::as_str);
        let cells = [
            rule.code,
            rule.title,
            rule.severity.as_str(),
            rule.class.as_str(),
            rule.family.as_str(),
            action,
        ];
        cells.into_iter().chain([rule.file]).map(str::to_owned).collect()
    };
    io.table(
        &["CODE", "SAYS", "SEVERITY", "CLASS", "FAMILY", "ALONE", "FILE"],
        set.rules().map(row).collect(),
    )
}

/// A rule set names files without their folder; here the folder is known.
fn refused(error: RuleError, folder: Option<&Path>) -> Failure {
    let mut failure = Failure::from(error);
    let Some(report) = failure.reports.last_mut() else { return failure };
    if let (Some(folder), Some(place)) = (folder, &report.place)
        && !Path::new(place).starts_with(folder)
    {
        report.place = Some(folder.join(place).display().to_string());
    }
    report.help = Some("docs/rules.md tells how a rule is written; rules/*.toml are the examples".to_owned());
    Failure { status: super::Status::Failed, ..failure }
}

/// An own rule has no file name of its own: the file that was named is the place.
fn refused_own(error: RuleError, file: &Path) -> Failure {
    let reason = match &error {
        RuleError::Rule { line, rule, reason, .. } => format!("line {line}: {rule}: {reason}"),
        RuleError::Syntax { line, reason, .. } => format!("line {line}: {reason}"),
        RuleError::Unreadable { reason, .. } => reason.clone(),
    };
    Failure::new(format!("the rule is refused: {reason}"))
        .at(file.display())
        .help("docs/rules.md tells how a rule is written; rules/*.toml are the examples")
}

/// A code as people type it: the case does not matter.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks of a parser")]
fn code(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.trim().to_ascii_uppercase())
}

/// No rule of that code: what to do.
fn no_rule(code: &str) -> Failure {
    let help = match code.starts_with(OWN_RULE_PREFIX) {
        true => {
            "it would be an organisation's own: `sentra rules overrides --org NAME` lists those, and --org NAME finds them"
        }
        false => "`sentra rules list` lists them",
    };
    Failure::usage(format!("there is no rule {code:?}")).help(help)
}
