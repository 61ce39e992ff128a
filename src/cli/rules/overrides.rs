//! What an organisation changes about the rules: shown, changed, taken back.

use super::super::database::{Installation, OPERATOR, open};
use super::super::{Failure, Globals, Io};
use super::edits::{add, checked, disable, threshold};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{OwnRulesChange, OwnRulesVersion};
use crate::model::{Organisation, OwnRules};
use crate::rules::RuleSet;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Commands that change an organisation's rules.
#[derive(Debug, Subcommand)]
pub(super) enum OverrideCommand {
    /// Set parameters of a rule for the organisation; an empty value goes back to the default
    #[command(
        after_help = "Examples:\n  sentra rules set-threshold SUPPLIER_UNUSUAL silence=90 --org Contoso\n  \
                            sentra rules set-threshold SUPPLIER_UNUSUAL silence= --org Contoso"
    )]
    SetThreshold {
        /// Code of the rule
        #[arg(value_name = "CODE", value_parser = super::code)]
        code: String,
        /// Parameters with their values
        #[arg(required = true, value_name = "NAME=VALUE")]
        values: Vec<String>,
    },
    /// Switch a rule off for the organisation; required rules stay on
    #[command(
        after_help = "Example:\n  sentra rules disable MANY_AUTHORS --reason 'calendar of our travel agency' --org Contoso"
    )]
    Disable {
        /// Code of the rule
        #[arg(value_name = "CODE", value_parser = super::code)]
        code: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Switch a rule on again
    #[command(after_help = "Example:\n  sentra rules enable MANY_AUTHORS --org Contoso")]
    Enable {
        /// Code of the rule
        #[arg(value_name = "CODE", value_parser = super::code)]
        code: String,
    },
    /// Add a rule of the organisation's own from a file that holds one; its code begins with ORG_
    #[command(after_help = "Examples:\n  sentra rules add foreign-account.toml --org Contoso\n  \
                            sentra rules add foreign-account.toml --replace --org Contoso")]
    Add {
        /// File with the rule (TOML)
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Put it in the place of the own rule with the same code
        #[arg(long)]
        replace: bool,
    },
    /// Remove a rule of the organisation's own
    #[command(after_help = "Example:\n  sentra rules remove ORG_FOREIGN_ACCOUNT --org Contoso")]
    Remove {
        /// Code of the rule
        #[arg(value_name = "CODE", value_parser = super::code)]
        code: String,
    },
    /// Show what the organisation changes about the rules, and what of it no longer fits
    #[command(
        after_help = "Examples:\n  sentra rules overrides --org Contoso\n  sentra rules overrides --versions --json"
    )]
    Overrides(ShowArgs),
    /// Go back to what the organisation changed at an earlier version; that becomes the newest one
    #[command(after_help = "Example:\n  sentra rules revert --to 3 --org Contoso")]
    Revert {
        /// Version, as `overrides --versions` tells it; 0 for no changes
        #[arg(long, value_name = "VERSION")]
        to: i64,
    },
}

/// Arguments of `sentra rules overrides`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// List the versions instead: who made which when
    #[arg(long)]
    versions: bool,
}

pub(super) async fn run(
    command: OverrideCommand,
    rules: Option<&std::path::Path>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    let set = super::load(rules.or(at.config.rules.as_deref()))?;
    let own = at.store.own_rules(org.id).await?;
    match command {
        OverrideCommand::Overrides(args) if args.versions => versions(&at, &org, globals, io).await,
        OverrideCommand::Overrides(_) => show(&set, &own, globals, io),
        change => {
            let (changed, noted) = changed(&at, &org, &set, own.clone(), change).await?;
            checked(&set, &own, &changed)?;
            let change = OwnRulesChange {
                action: noted.action,
                subject: &noted.subject,
                detail: noted.detail,
                private: noted.private,
                actor: OPERATOR,
            };
            let version = at.store.change_own_rules(org.id, &changed, change).await?;
            let now = OwnRules { version, ..changed };
            if globals.json {
                return show(&set, &now, globals, io);
            }
            io.line(&format!(
                "{}: version {version} of its rules; a running server takes it up within a second",
                org.name
            ))
        }
    }
}

/// What the audit will say.
struct Noted {
    action: AuditAction,
    subject: String,
    detail: Value,
    private: Option<Value>,
}

impl Noted {
    fn new(action: AuditAction, subject: impl Into<String>, detail: Value) -> Self {
        Self { action, subject: subject.into(), detail, private: None }
    }
}

async fn changed(
    at: &Installation,
    org: &Organisation,
    set: &RuleSet,
    mut own: OwnRules,
    command: OverrideCommand,
) -> Result<(OwnRules, Noted), Failure> {
    let noted = match command {
        OverrideCommand::SetThreshold { code, values } => {
            let joined = set.joined(&own).0;
            let mut told = serde_json::Map::new();
            for text in &values {
                let (name, value) = threshold(&mut own, &joined, &code, text)?;
                told.insert(name, value.map_or_else(|| "default".into(), Value::from));
            }
            Noted::new(AuditAction::RulesThreshold, code, json!({ "values": told }))
        }
        OverrideCommand::Disable { code, reason } => {
            disable(&mut own, set, &code, &reason)?;
            let private = Some(json!({ "reason": reason.trim() }));
            Noted { private, ..Noted::new(AuditAction::RulesDisable, code, json!({})) }
        }
        OverrideCommand::Enable { code } => {
            own.disabled.remove(&code).ok_or_else(|| {
                Failure::new(format!("{code} is not switched off"))
                    .help("`sentra rules overrides` tells what is")
            })?;
            Noted::new(AuditAction::RulesEnable, code, json!({}))
        }
        OverrideCommand::Add { file, replace } => {
            let (code, replaced) = add(&mut own, set, &file, replace)?;
            Noted::new(AuditAction::RulesAdd, code, json!({ "replaced": replaced }))
        }
        OverrideCommand::Remove { code } => {
            own.rules.remove(&code).ok_or_else(|| {
                Failure::usage(format!("{code} is no rule of {}'s own", org.name))
                    .help("`sentra rules overrides` lists them; other rules are switched off with `sentra rules disable`")
            })?;
            own.thresholds.remove(&code);
            Noted::new(AuditAction::RulesRemove, code, json!({}))
        }
        OverrideCommand::Revert { to } => {
            let old =
                if to == 0 { Some(OwnRules::default()) } else { at.store.own_rules_at(org.id, to).await? };
            let old = old.ok_or_else(|| {
                Failure::new(format!("there is no version {to}"))
                    .help("`sentra rules overrides --versions` lists them")
            })?;
            own = OwnRules { version: own.version, ..old };
            Noted::new(AuditAction::RulesRevert, "rules", json!({ "to": to }))
        }
        OverrideCommand::Overrides(_) => return Err(Failure::usage("nothing to change")),
    };
    Ok((own, noted))
}

async fn versions(
    at: &Installation,
    org: &Organisation,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let all = at.store.own_rules_versions(org.id).await?;
    if globals.json {
        return all.iter().try_for_each(|version| io.json(version));
    }
    let row = |version: &OwnRulesVersion| {
        vec![version.version.to_string(), version.changed_by.clone(), version.changed_at.clone()]
    };
    io.table(&["VERSION", "BY", "AT"], all.iter().map(row).collect())
}

fn show(set: &RuleSet, own: &OwnRules, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let (joined, problems) = set.joined(own);
    if globals.json {
        return io.json(&json!({
            "version": own.version, "ruleset": joined.hash(), "thresholds": own.thresholds,
            "disabled": own.disabled, "rules": own.rules, "problems": problems,
        }));
    }
    for problem in &problems {
        io.note(&format!("warning: {problem}"));
    }
    if own.is_empty() {
        return io.line(&format!("version {}: the rules are as shipped and configured", own.version));
    }
    let mut rows = Vec::new();
    for (code, values) in &own.thresholds {
        let values = values.iter().map(|(name, value)| format!("{name}={value}"));
        rows.push(vec![code.clone(), "set".to_owned(), values.collect::<Vec<_>>().join(" ")]);
    }
    for (code, reason) in &own.disabled {
        rows.push(vec![code.clone(), "off".to_owned(), reason.clone()]);
    }
    for code in own.rules.keys() {
        let title = joined.explain(code).map_or_else(String::new, |rule| rule.title.to_owned());
        rows.push(vec![code.clone(), "own".to_owned(), title]);
    }
    io.table(&["CODE", "CHANGE", "WHAT"], rows)?;
    io.line(&format!("version {}, rule set {}", own.version, joined.hash()))
}
