//! The steps by which an organisation changes the rules: written to the database by commands, tried out by `backtest`.

use super::super::Failure;
use super::no_rule;
use crate::model::OwnRules;
use crate::rules::RuleSet;
use clap::Args;
use std::path::{Path, PathBuf};

/// Changes that are only tried out.
#[derive(Debug, Default, Args)]
pub(super) struct TrialArgs {
    /// As if this parameter had this value
    #[arg(long = "set", value_name = "CODE.NAME=VALUE")]
    set: Vec<String>,
    /// As if this rule were switched off
    #[arg(long = "disable", value_name = "CODE")]
    disable: Vec<String>,
    /// As if this own rule were added
    #[arg(long = "add", value_name = "FILE")]
    add: Vec<PathBuf>,
}

impl TrialArgs {
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.disable.is_empty() && self.add.is_empty()
    }

    /// The changes over those in force; `set` is the installation's.
    pub(super) fn over(&self, set: &RuleSet, own: &OwnRules) -> Result<OwnRules, Failure> {
        let mut tried = own.clone();
        for text in &self.set {
            let wrong = || Failure::usage(format!("{text:?} is not CODE.NAME=VALUE"));
            let (code, assignment) = text.split_once('.').ok_or_else(wrong)?;
            threshold(&mut tried, set, code, assignment)?;
        }
        for code in &self.disable {
            disable(&mut tried, set, code, "tried out")?;
        }
        for file in &self.add {
            add(&mut tried, set, file, true)?;
        }
        checked(set, own, &tried)?;
        Ok(tried)
    }
}

/// `NAME=VALUE`; without a value the default counts again. Returns name and value.
pub(super) fn threshold(
    own: &mut OwnRules,
    set: &RuleSet,
    code: &str,
    assignment: &str,
) -> Result<(String, Option<i64>), Failure> {
    let wrong = || {
        Failure::usage(format!("{assignment:?} is not NAME=VALUE"))
            .help("VALUE is a whole number; an empty one goes back to the default")
    };
    let (name, value) = assignment.split_once('=').ok_or_else(wrong)?;
    let value = Some(value).filter(|value| !value.is_empty());
    let value = value.map(str::parse::<i64>).transpose().map_err(|_| wrong())?;
    let rule = set.explain(code).ok_or_else(|| no_rule(code))?;
    let names = || rule.parameters.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ");
    if !rule.parameters.iter().any(|known| known.name == name) {
        let has =
            if rule.parameters.is_empty() { "it has none".to_owned() } else { format!("it has {}", names()) };
        return Err(Failure::usage(format!("{code} has no parameter {name:?}")).help(has));
    }
    let values = own.thresholds.entry(code.to_owned()).or_default();
    match value {
        Some(value) => values.insert(name.to_owned(), value),
        None => values.remove(name),
    };
    own.thresholds.retain(|_, values| !values.is_empty());
    Ok((name.to_owned(), value))
}

/// Switches a rule off.
pub(super) fn disable(own: &mut OwnRules, set: &RuleSet, code: &str, reason: &str) -> Result<(), Failure> {
    let rule = set.explain(code).ok_or_else(|| no_rule(code))?;
    if rule.required {
        return Err(Failure::new(format!("{code} can never be switched off"))
            .help("if it is wrong about a supplier, put their account or domain on the record"));
    }
    if reason.trim().is_empty() {
        return Err(Failure::usage("a reason is needed").at("--reason"));
    }
    own.disabled.insert(code.to_owned(), reason.trim().to_owned());
    Ok(())
}

/// Adds a rule from a file; returns its code and whether it took the place of another.
pub(super) fn add(
    own: &mut OwnRules,
    set: &RuleSet,
    file: &Path,
    replace: bool,
) -> Result<(String, bool), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("the rule cannot be read: {error}"))
            .at(file.display())
            .help("name a file that holds one [[rule]]")
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > u64::try_from(crate::limits::MAX_OWN_RULE).unwrap_or(u64::MAX) {
        return Err(Failure::new(format!("a rule has at most {} octets", crate::limits::MAX_OWN_RULE))
            .at(file.display())
            .help("name a file that holds one [[rule]]"));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let code = set.check_own(&text).map_err(|error| super::refused_own(error, file))?;
    let known = own.rules.contains_key(&code);
    if known && !replace {
        return Err(Failure::new(format!("there is a rule {code} already"))
            .help("--replace puts this one in its place"));
    }
    own.rules.insert(code.clone(), text);
    Ok((code, known))
}

/// All changes together; what was wrong `before` and still is stands in nobody's way.
pub(super) fn checked(set: &RuleSet, before: &OwnRules, after: &OwnRules) -> Result<(), Failure> {
    set.check_changes(before, after).map_err(|problem| {
        Failure::new(problem)
            .help("`sentra rules explain CODE` tells the bounds; `sentra rules overrides` what is set")
    })
}
