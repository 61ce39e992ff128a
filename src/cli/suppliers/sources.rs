//! `sentra suppliers source|connect|disconnect|sync`: live ledgers.

use super::moment;
use crate::adapters::suppliers::csv::RowError;
use crate::adapters::suppliers::sources::{KINDS, Kind, NewSource, Source, SourceError, SyncHow, SyncReport};
use crate::app::syncs::Syncing;
use crate::cli::database::OPERATOR;
use crate::cli::{Failure, Installation, Io, Status};
use crate::limits;
use crate::model::Organisation;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Subcommands of `sentra suppliers source`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SourceCommand {
    /// Add a ledger that is asked for suppliers.
    #[command(after_help = "Examples:\n  \
        sentra suppliers source add ledger postgres url_file=/run/secrets/ledger query_file=suppliers.sql --every 3600\n  \
        sentra suppliers source add books xero client_id=0123456789ABCDEF --every 900\n\n\
        The options of each kind: sentra suppliers source kinds")]
    Add {
        /// Its name.
        name: String,
        /// Its kind: postgres or xero.
        kind: String,
        /// Options, KEY=VALUE; KEY_file=PATH takes the value from a file, as secrets must be given.
        #[arg(value_name = "KEY=VALUE")]
        options: Vec<String>,
        /// Ask it every so many seconds while `sentra serve` runs; without it only `sync` asks.
        #[arg(long, value_name = "SECONDS")]
        every: Option<u64>,
    },
    /// List the sources and how their last syncs ended.
    List,
    /// List the kinds of sources and their options.
    Kinds,
    /// Remove a source with its secrets; what it brought stays.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Arguments of `sentra suppliers sync`.
#[derive(Clone, Debug, clap::Args)]
pub struct SyncArgs {
    /// The source; without it all.
    pub source: Option<String>,
    /// Report what would change and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Ask for all records instead of those that changed.
    #[arg(long)]
    pub full: bool,
}

/// What these commands work on.
pub(super) struct At<'a> {
    pub(super) installation: &'a Installation,
    pub(super) org: &'a Organisation,
    pub(super) syncing: Syncing,
    pub(super) json: bool,
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let help = match &error {
            SourceError::Store(_) => None,
            SourceError::NotConnected => Some("`sentra suppliers connect NAME` asks for consent"),
            SourceError::Refused(_) => Some("correct the source's options or its rights at the ledger"),
            SourceError::Unavailable(_) => Some("try again later; what is on record stays as it is"),
        };
        match (error, help) {
            (SourceError::Store(error), _) => error.into(),
            (error, Some(help)) => Self::new(error.to_string()).help(help),
            (error, None) => Self::new(error.to_string()),
        }
    }
}

/// `sentra suppliers source …`
pub(super) async fn source(at: &At<'_>, command: &SourceCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    let sources = at.syncing.sources();
    match command {
        SourceCommand::Add { name, kind, options, every } => {
            let every = every.map(Duration::from_secs);
            if every.is_some_and(|every| every < limits::SYNC_EVERY_MIN) {
                let least = limits::SYNC_EVERY_MIN.as_secs();
                return Err(Failure::usage(format!("--every is at least {least} seconds"))
                    .help("ledgers count requests by the day: once an hour is enough for most"));
            }
            let new =
                NewSource { name: name.clone(), kind: kind.clone(), options: given(kind, options)?, every };
            sources.add(at.org.id, &new, OPERATOR).await?;
            if at.json {
                return io.json(&json!({ "source": name, "kind": kind }));
            }
            let next = match Kind::named(kind).and_then(|kind| kind.authorization) {
                Some(_) => format!("`sentra suppliers connect {name}` asks for consent"),
                None => format!("`sentra suppliers sync {name} --dry-run` tries it"),
            };
            io.line(&format!("Source {name} is there; {next}"))
        }
        SourceCommand::List => list(at, io).await,
        SourceCommand::Kinds => kinds(io),
        SourceCommand::Remove { name } => {
            sources.remove(at.org.id, name, OPERATOR).await?;
            io.line(&format!("Source {name} is gone; the suppliers that it brought stay"))
        }
    }
}

/// `KEY=VALUE` and `KEY_file=PATH`. A secret on the command line would stand in the shell's history.
fn given(kind: &str, options: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut out = BTreeMap::new();
    let secret = |name: &str| {
        Kind::named(kind)
            .is_some_and(|kind| kind.options.iter().any(|option| option.name == name && option.secret))
    };
    for option in options {
        let (key, value) = option.split_once('=').ok_or_else(|| {
            Failure::usage("an option has the form KEY=VALUE")
                .help("`sentra suppliers source kinds` lists them")
        })?;
        let (key, value) = match key.strip_suffix("_file") {
            Some(key) => (key, read(value)?),
            None if secret(key) => {
                return Err(Failure::usage(format!("`{key}` is a secret"))
                    .help(format!("put it into a file that only you can read, and give {key}_file=PATH")));
            }
            None => (key, value.to_owned()),
        };
        if out.insert(key.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("`{key}` is given twice")));
        }
    }
    Ok(out)
}

fn read(path: &str) -> Result<String, Failure> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        Failure::new(format!("the file of an option cannot be read: {error}"))
            .at(path)
            .help("name a readable file")
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(limits::MAX_MAP_FILE).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}

async fn list(at: &At<'_>, io: &mut Io<'_>) -> Result<(), Failure> {
    let all = at.syncing.sources().list(at.org.id).await?;
    if at.json {
        return all.iter().try_for_each(|source| io.json(source));
    }
    if all.is_empty() {
        return io.line(
            "No sources yet: `sentra suppliers source add` adds a ledger that is asked for suppliers.",
        );
    }
    let rows = all.iter().map(row).collect();
    io.table(&["NAME", "KIND", "EVERY", "CONNECTED", "LAST SUCCESS", "LAST ERROR"], rows)
}

fn row(source: &Source) -> Vec<String> {
    let needs = Kind::named(&source.kind).is_some_and(|kind| kind.authorization.is_some());
    let connected = match (needs, source.connected) {
        (false, _) => "–",
        (true, true) => "yes",
        (true, false) => "no",
    };
    vec![
        source.name.clone(),
        source.kind.clone(),
        if source.every_seconds == 0 { "–".to_owned() } else { format!("{} s", source.every_seconds) },
        connected.to_owned(),
        source.last_ok_at.map(moment).unwrap_or_default(),
        source.last_error.clone().unwrap_or_default(),
    ]
}

/// `sentra suppliers source kinds`
pub(super) fn kinds(io: &mut Io<'_>) -> Result<(), Failure> {
    for kind in KINDS {
        io.line(&format!("{}: {}", kind.name, kind.about))?;
        for option in kind.options {
            let default = match option.default {
                None => " (must be given)".to_owned(),
                Some("") => String::new(),
                Some(default) => format!(" ({default})"),
            };
            let name = if option.secret { format!("{}_file", option.name) } else { option.name.to_owned() };
            io.line(&format!("  {name:<20} {}{default}", option.about))?;
        }
    }
    Ok(())
}

/// `sentra suppliers sync`
pub(super) async fn sync(at: &At<'_>, args: &SyncArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let names = match &args.source {
        Some(name) => vec![name.clone()],
        None => at.syncing.sources().list(at.org.id).await?.into_iter().map(|source| source.name).collect(),
    };
    if names.is_empty() {
        return Err(Failure::new("there are no supplier sources")
            .help("`sentra suppliers source add` adds a ledger that is asked for suppliers"));
    }
    let how = SyncHow { dry_run: args.dry_run, full: args.full, actor: OPERATOR };
    let mut whole = true;
    for name in &names {
        let report = match at.syncing.sync(at.org, name, how).await {
            Ok(report) => report,
            // The others are asked none the less.
            Err(error) if names.len() > 1 => {
                let failure = Failure::from(error).at(name);
                failure.reports.iter().for_each(|report| io.note(report.to_string().trim_end()));
                whole = false;
                continue;
            }
            Err(error) => return Err(Failure::from(error).at(name)),
        };
        whole &= told(at, args, &report, io)?;
    }
    if whole { Ok(()) } else { Err(Failure::silent(Status::Failed)) }
}

/// Says what a sync did; false when records were refused.
fn told(at: &At<'_>, args: &SyncArgs, sync: &SyncReport, io: &mut Io<'_>) -> Result<bool, Failure> {
    let (found, report) = (&sync.found, &sync.report);
    let whole = found.rejected == 0 && report.ambiguous.is_empty();
    if at.json {
        let mut all = json!({
            "source": sync.source, "dry_run": args.dry_run, "records": found.rows, "rejected": found.rejected,
            "drift": sync.drift, "errors": found.errors, "warnings": found.warnings,
        });
        if let (Some(all), Ok(Value::Object(report))) = (all.as_object_mut(), serde_json::to_value(report)) {
            all.extend(report);
        }
        io.json(&all)?;
        return Ok(whole);
    }
    let located = |row: &RowError| {
        let column = if row.column.is_empty() { String::new() } else { format!(", {}", row.column) };
        format!("{} ({} record {}{column})", row.reason, sync.source, row.line)
    };
    for (word, rows) in [("error", &found.errors), ("warning", &found.warnings)] {
        rows.iter().for_each(|row| io.note(&format!("{word}: {}", located(row))));
    }
    for one in &report.ambiguous {
        io.note(&format!("error: several suppliers on record fit `{}` ({})", one.name, sync.source));
    }
    if !sync.drift.is_empty() {
        let rows = sync.drift.iter().map(|change| {
            vec![
                change.supplier.0.clone(),
                change.name.clone(),
                change.account.clone(),
                change.beside.join(", "),
            ]
        });
        io.table(&["SUPPLIER", "NAME", "IN THE LEDGER", "VERIFIED ON RECORD"], rows.collect())?;
    }
    if args.dry_run {
        io.line("Dry run: nothing was written.")?;
    }
    io.line(&format!(
        "{}: {} records, {} refused. Suppliers: {} new, {} changed, {} unchanged. Accounts: {} new, {} changed; {} differ \
         from the verified record.",
        sync.source,
        found.rows,
        found.rejected,
        report.created,
        report.updated,
        report.unchanged,
        report.accounts_added,
        report.accounts_changed,
        sync.drift.len()
    ))?;
    Ok(whole)
}
