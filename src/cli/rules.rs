//! `sentra rules …`: the rules that judge, for those who write their own.
//!
//! A set is checked whole when it is loaded: keys, names, types, and every rule's own tests. So `lint` and `test` both
//! load it, and differ in what they tell.

use super::{Failure, Globals, Io};
use crate::config;
use crate::rules::{RuleError, RuleSet};
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
    #[command(after_help = "Examples:\n  sentra rules list\n  sentra rules list --rules ./my-rules --json")]
    List,
    /// Run the tests that stand inside the rules
    #[command(after_help = "Example:\n  sentra rules test --rules ./my-rules")]
    Test,
    /// Check a folder of rules; a mistake is named with file and line
    #[command(after_help = "Example:\n  sentra rules lint --rules ./my-rules")]
    Lint,
}

pub(super) fn run(globals: &Globals, args: &RulesArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let folder = match &args.rules {
        Some(folder) => Some(folder.clone()),
        None if globals.config.exists() => config::load(&globals.config)?.rules,
        None => None,
    };
    let set = RuleSet::load(folder.as_deref()).map_err(|error| refused(error, folder.as_deref()))?;
    let tests: usize = set.rules().map(|rule| rule.tests).sum();
    match args.command {
        RulesCommand::List => list(&set, globals, io),
        RulesCommand::Test if globals.json => set
            .rules()
            .try_for_each(|rule| io.json(&json!({ "code": rule.code, "tests": rule.tests, "failed": 0 }))),
        RulesCommand::Test => io.line(&format!("{tests} tests of {} rules passed", set.rules().count())),
        RulesCommand::Lint if globals.json => io.json(
            &json!({ "valid": true, "rules": set.rules().count(), "tests": tests, "ruleset": set.hash() }),
        ),
        RulesCommand::Lint => {
            let from =
                folder.map_or("built-in rules alone".to_owned(), |folder| folder.display().to_string());
            io.line(&format!("{} rules are right ({from}), rule set {}", set.rules().count(), set.hash()))
        }
    }
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
    report.help =
        Some("docs/architecture.md tells how a rule is written; rules/*.toml are the examples".to_owned());
    Failure { status: super::Status::Failed, ..failure }
}
