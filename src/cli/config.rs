//! `sentra config check | show`

use super::{Failure, Globals, Io};
use crate::config::{self, Origin};
use crate::rules::RuleSet;
use clap::Subcommand;
use serde_json::{Map, json};

/// Commands of `sentra config`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration, its files, secrets and rules, offline
    #[command(
        after_help = "Examples:\n  sentra config check\n  sentra --config /etc/sentra/sentra.toml config check"
    )]
    Check,
    /// Show every value in effect and where it comes from, secrets masked
    #[command(after_help = "Examples:\n  sentra config show\n  sentra config show --json\n  \
                            SENTRA_LOG__LEVEL=debug sentra config show")]
    Show,
}

pub(super) fn run(globals: &Globals, command: &ConfigCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => check(globals, io),
        ConfigCommand::Show => show(globals, io),
    }
}

fn check(globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let config = config::load(&globals.config)?;
    // What `serve` would refuse is said here: rules of one's own are configuration too.
    RuleSet::load(config.rules.as_deref())?;
    for warning in &config.warnings {
        io.note(&format!("warning: {} ({})\nhelp: {}", warning.what, warning.place, warning.help));
    }
    if globals.json {
        let warnings: Vec<&String> = config.warnings.iter().map(|warning| &warning.what).collect();
        return io.json(&json!({ "file": config.file, "valid": true, "warnings": warnings }));
    }
    io.line(&format!("{} is valid", globals.config.display()))
}

fn show(globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let sourced = config::settings(&globals.config)?;
    let entries = config::entries(&sourced);
    if globals.json {
        let mut object = Map::new();
        for (key, value, origin) in &entries {
            let section = object.entry(key.section).or_insert_with(|| json!({}));
            if let Some(section) = section.as_object_mut() {
                let origin = word(origin);
                section.insert(key.name.to_owned(), json!({ "value": value, "origin": origin }));
            }
        }
        return io.json(&object);
    }
    let mut section = "";
    for (key, value, origin) in &entries {
        if key.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = key.section;
            io.line(&format!("{gap}[{section}]"))?;
        }
        io.line(&format!("{} = {value}  # {}", key.name, word(origin)))?;
    }
    Ok(())
}

fn word(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File(line) => format!("file, line {line}"),
        Origin::Environment(name) => name.clone(),
    }
}
