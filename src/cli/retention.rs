//! `sentra retention …`: how long what is kept, what would go, purging now, the reports, and legal holds.

use super::audit::when;
use super::database::{Installation, OPERATOR, open};
use super::{Failure, Globals, Io};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{LegalHold, OrgSetting, Purged, RetentionRun};
use crate::model::{HoldScope, Organisation, Preferences, QuarantineId, Retained, SupplierId, preference};
use clap::{Args, Subcommand};
use serde_json::json;

/// Reports that a table shows unless `--limit` says otherwise.
const TABLE_RUNS: i64 = 20;

/// Commands of `sentra retention`.
#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    /// Show how long each class of data is kept
    #[command(after_help = "Examples:\n  sentra retention show\n  sentra retention show --json")]
    Show,
    /// Change how long classes are kept; an empty value goes back to the default
    #[command(
        after_help = "Examples:\n  sentra retention set body=30d record=365d\n  sentra retention set audit=forever\n  \
                      sentra retention set body="
    )]
    Set {
        /// Classes to change, like body=30d or audit=forever
        #[arg(required = true, value_name = "CLASS=TIME")]
        classes: Vec<String>,
    },
    /// Show what a purge would remove now, and what legal holds keep. Changes nothing
    #[command(after_help = PLAN_HELP)]
    Plan {
        /// As if these classes were kept so long
        #[arg(value_name = "CLASS=TIME")]
        classes: Vec<String>,
    },
    /// Purge now what is older than it is kept, beside a running server too. Audited
    #[command(after_help = RUN_HELP)]
    Run,
    /// Show what the purges did, newest first
    #[command(
        after_help = "Examples:\n  sentra retention report\n  sentra retention report --limit 1 --json"
    )]
    Report {
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = TABLE_RUNS, value_parser = clap::value_parser!(i64).range(1..=400))]
        limit: i64,
    },
    /// Legal holds: what must stay although its time is over
    #[command(subcommand)]
    Hold(HoldCommand),
}

const PLAN_HELP: &str = "\
Times are days (90d) or forever. Held mail that waits for a decision is in no class: time never destroys it.

Examples:
  sentra retention plan
  sentra retention plan body=7d record=90d";
const RUN_HELP: &str = "\
A running server does this by itself (retention.interval_hours in the configuration). Rows go in small transactions, so
that mail flows meanwhile; a purge that is killed is gone on with by the next one.

Examples:
  sentra retention run
  sentra retention run --org Contoso --json";

/// Commands of `sentra retention hold`.
#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Place a legal hold: nothing of its scope is purged, erased or deleted until it is lifted
    #[command(
        after_help = "Examples:\n  sentra retention hold place --all --reason 'claim 4711 of Acme'\n  \
                      sentra retention hold place --supplier SUP-0042 --reason 'police report 17'\n  \
                      sentra retention hold place --entry 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'evidence'"
    )]
    Place {
        #[command(flatten)]
        scope: ScopeArgs,
        /// Why; kept sealed
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lift a legal hold; what it kept goes with the next purge
    #[command(
        after_help = "Example:\n  sentra retention hold lift 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'claim settled'"
    )]
    Lift {
        /// Hold, as `list` tells it
        id: String,
        /// Why; kept sealed
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the legal holds that stand, with who placed them and why. Audited
    #[command(
        after_help = "Examples:\n  sentra retention hold list\n  sentra retention hold list --lifted --json"
    )]
    List {
        /// Those that were lifted too
        #[arg(long)]
        lifted: bool,
    },
}

/// What a hold keeps.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct ScopeArgs {
    /// Everything of the organisation
    #[arg(long)]
    all: bool,
    /// Whatever concerns this supplier
    #[arg(long, value_name = "ID")]
    supplier: Option<String>,
    /// This entry of the quarantine
    #[arg(long, value_name = "ID")]
    entry: Option<QuarantineId>,
}

impl ScopeArgs {
    fn scope(self) -> HoldScope {
        match (self.supplier, self.entry) {
            (Some(id), _) => HoldScope::Supplier(SupplierId(id)),
            (None, Some(id)) => HoldScope::Entry(id),
            (None, None) => HoldScope::Organisation,
        }
    }
}

pub(super) async fn run(
    globals: &Globals,
    command: RetentionCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    match command {
        RetentionCommand::Show => show(&org, globals, io),
        RetentionCommand::Set { classes } => set(&at, org, &classes, globals, io).await,
        RetentionCommand::Plan { classes } => plan(&at, &org, &classes, globals, io).await,
        RetentionCommand::Run => {
            let run = at.store.purge(org.id, &org.preferences, OPERATOR).await?;
            told(&org, &run, globals, io)
        }
        RetentionCommand::Report { limit } => report(&at, &org, limit, globals, io).await,
        RetentionCommand::Hold(command) => hold(&at, &org, command, globals, io).await,
    }
}

fn show(org: &Organisation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let mut classes: Vec<Retained> = Retained::ALL.to_vec();
    classes.sort_by_key(|class| class.as_str());
    if globals.json {
        return classes.iter().try_for_each(|class| {
            let known = preference(class.setting());
            io.json(&json!({
                "class": class, "keeps": org.preferences.get(class.setting()),
                "default": known.map(|known| known.default), "what": known.map(|known| known.doc),
            }))
        });
    }
    let row = |class: &Retained| {
        let what = preference(class.setting()).map_or("", |known| known.doc);
        vec![class.as_str().to_owned(), org.preferences.get(class.setting()).to_owned(), what.to_owned()]
    };
    io.table(&["CLASS", "KEPT", "WHAT"], classes.iter().map(row).collect())?;
    io.note("the log goes to standard error and is kept by whoever reads it, not by Sentra");
    Ok(())
}

/// `CLASS=TIME` of a command line, checked; no value: the default.
fn changes(texts: &[String]) -> Result<Vec<OrgSetting>, Failure> {
    let names = || Retained::ALL.map(Retained::as_str).join(", ");
    let change = |text: &String| {
        let wrong = || Failure::usage(format!("{text:?} is not CLASS=TIME")).help("write it like body=90d");
        let (class, value) = text.split_once('=').ok_or_else(wrong)?;
        let class = class.strip_prefix("retention.").unwrap_or(class);
        let known = Retained::from_name(class).and_then(|class| preference(class.setting()));
        let known = known.ok_or_else(|| {
            Failure::usage(format!("there is no class {class:?}"))
                .help(format!("the classes are {}", names()))
        })?;
        if !value.is_empty() && !known.values.allow(value) {
            return Err(Failure::usage(format!("{class} cannot be kept {value:?}"))
                .help(format!("it is one of: {}", known.values.described())));
        }
        Ok(OrgSetting::Preference(known, Some(value.to_owned()).filter(|value| !value.is_empty())))
    };
    texts.iter().map(change).collect()
}

async fn set(
    at: &Installation,
    org: Organisation,
    classes: &[String],
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    // All are read before the first is written.
    for change in changes(classes)? {
        at.store.set_organisation(org.id, &change, OPERATOR).await?;
    }
    let changed = at.store.organisation(org.id).await?.unwrap_or(org);
    show(&changed, globals, io)
}

async fn plan(
    at: &Installation,
    org: &Organisation,
    classes: &[String],
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let mut chosen: Preferences = org.preferences.clone();
    for change in changes(classes)? {
        if let OrgSetting::Preference(known, value) = change {
            chosen.take_up(known.name, value.unwrap_or_else(|| known.default.to_owned()));
        }
    }
    let plan = at.store.retention_plan(org.id, &chosen).await?;
    if globals.json {
        return plan.iter().try_for_each(|part| io.json(part));
    }
    io.table(&["CLASS", "KEPT", "WOULD GO", "OLDEST", "HELD BACK"], plan.iter().map(row).collect())?;
    suspensions(&plan, io);
    Ok(())
}

fn row(part: &Purged) -> Vec<String> {
    let oldest = part.oldest.as_deref().map_or("-", |at| at.get(..10).unwrap_or(at));
    vec![
        part.class.as_str().to_owned(),
        part.keeps.clone(),
        part.count.to_string(),
        oldest.to_owned(),
        part.held_back.to_string(),
    ]
}

fn suspensions(parts: &[Purged], io: &mut Io<'_>) {
    for part in parts {
        if let Some(why) = &part.suspended {
            io.note(&format!("{} is not purged: {why}", part.class.as_str()));
        }
    }
}

fn told(org: &Organisation, run: &RetentionRun, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return io.json(run);
    }
    let row = |part: &Purged| {
        vec![
            part.class.as_str().to_owned(),
            part.keeps.clone(),
            part.count.to_string(),
            part.held_back.to_string(),
        ]
    };
    io.table(&["CLASS", "KEPT", "REMOVED", "HELD BACK"], run.classes.iter().map(row).collect())?;
    suspensions(&run.classes, io);
    io.line(&format!("{}: purge {} is {}", org.name, run.id, run.state.as_str()))
}

async fn report(
    at: &Installation,
    org: &Organisation,
    limit: i64,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let runs = at.store.retention_runs(org.id, limit).await?;
    if globals.json {
        return runs.iter().try_for_each(|run| io.json(run));
    }
    if runs.is_empty() {
        return io.line(&format!("nothing of {} was purged yet", org.name));
    }
    let row = |run: &RetentionRun| {
        let removed = run.classes.iter().filter(|part| part.count > 0);
        let removed: Vec<String> =
            removed.map(|part| format!("{} {}", part.count, part.class.as_str())).collect();
        vec![
            run.id.clone(),
            run.started_at.get(..19).unwrap_or_default().to_owned(),
            run.actor.clone(),
            run.state.as_str().to_owned(),
            if removed.is_empty() { "nothing".to_owned() } else { removed.join(", ") },
        ]
    };
    io.table(&["PURGE", "BEGAN", "BY", "STATE", "REMOVED"], runs.iter().map(row).collect())
}

async fn hold(
    at: &Installation,
    org: &Organisation,
    command: HoldCommand,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    match command {
        HoldCommand::Place { scope, reason } => {
            let scope = scope.scope();
            let id = at.store.place_hold(org.id, &scope, &reason, OPERATOR).await?;
            if globals.json {
                return io.json(&json!({ "id": id, "scope": scope.kind(), "target": scope.target() }));
            }
            io.line(&format!("legal hold {id} stands"))
        }
        HoldCommand::Lift { id, reason } => {
            at.store.lift_hold(org.id, &id, &reason, OPERATOR).await?;
            if globals.json {
                return io.json(&json!({ "id": id, "lifted_at": when(at.store.clock().now_ms()) }));
            }
            io.line(&format!("legal hold {id} is lifted; what it kept goes with the next purge"))
        }
        HoldCommand::List { lifted } => {
            let (action, detail) = (AuditAction::HoldList, json!({ "lifted": lifted }));
            at.store.note_read(org.id, OPERATOR, action, "holds", detail).await?;
            let holds = at.store.holds(org.id, lifted).await?;
            if globals.json {
                return holds.iter().try_for_each(|hold| io.json(hold));
            }
            let row = |hold: &LegalHold| {
                vec![
                    hold.id.clone(),
                    if hold.target.is_empty() {
                        hold.scope.clone()
                    } else {
                        format!("{} {}", hold.scope, hold.target)
                    },
                    hold.placed_by.clone(),
                    hold.placed_at.get(..10).unwrap_or_default().to_owned(),
                    hold.lifted_at.as_deref().map_or("-", |at| at.get(..10).unwrap_or(at)).to_owned(),
                    hold.reason.clone(),
                ]
            };
            io.table(&["HOLD", "SCOPE", "BY", "SINCE", "LIFTED", "REASON"], holds.iter().map(row).collect())
        }
    }
}
