//! `sentra suppliers`: an organisation's supplier records, in and out, found, changed, and changes taken back.
//!
//! Bad rows go to standard error with line, column and reason while the good ones are imported; the exit code is then
//! 1, so that a script notices. Account numbers are masked everywhere but in `export` and
//! `show --reveal`, which are audited.

mod change;
mod import;
mod show;

use super::io::write_table;
pub use import::ImportArgs;

use super::{Failure as Ended, Globals, Io, open};
use crate::adapters::directory::redis::Redis;
use crate::adapters::store::{Database, StoreError};
use crate::adapters::suppliers::records::SupplierRecords;
use crate::model::OrgId;
use crate::ports::{Clock, IdSource, Keyring};
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Arguments of `sentra suppliers`.
#[derive(Clone, Debug, clap::Args)]
pub struct SuppliersArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SuppliersCommand,
}

/// Subcommands of `sentra suppliers`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SuppliersCommand {
    /// Import a supplier file: CSV or Excel, the canonical columns or an export of Xero, QuickBooks, Sage, Sage 50, MYOB, Business Central or NetSuite.
    ///
    /// One row per bank account. A bad row is reported with line, column and reason, the good rows are imported and
    /// the exit code is 1; a file that cannot be read as a whole is refused whole. The same file again changes nothing.
    /// New accounts are `pending` unless their `status` or --verified says otherwise; beside an account that is already
    /// verified a new one is `pending` unless --verified. docs/suppliers.md tells what is read and what is refused.
    #[command(after_help = "Examples:\n  sentra suppliers import suppliers.csv --dry-run\n  \
                            sentra suppliers import suppliers.csv --verified\n  \
                            sentra suppliers import vendors.xlsx --sheet Vendors --map map.toml --country GB\n  \
                            sentra suppliers import suppliers.csv --rejects refused.csv")]
    Import(Box<ImportArgs>),
    /// Print a supplier file to fill in, or with --map a map file for files whose columns are not recognised.
    #[command(after_help = "Examples:\n  sentra suppliers template > suppliers.csv\n  \
                            sentra suppliers template --map > map.toml")]
    Template {
        /// Print the map file.
        #[arg(long)]
        map: bool,
    },
    /// List all suppliers.
    #[command(after_help = "Examples:\n  sentra suppliers list\n  sentra suppliers list --json")]
    List,
    /// Find suppliers by name or part of one, domain, address, phone, tax or company number, account or its last four.
    #[command(after_help = "Examples:\n  sentra suppliers search acme\n  sentra suppliers search 6819")]
    Search {
        /// What to look for: at least two characters.
        text: String,
    },
    /// Show one supplier with where everything came from; account numbers are masked.
    #[command(
        after_help = "Examples:\n  sentra suppliers show SUP-001\n  sentra suppliers show SUP-001 --history"
    )]
    Show {
        /// Its id, as `list` shows it.
        id: String,
        /// Also what is no longer in use, and every change of an account's state.
        #[arg(long)]
        history: bool,
        /// Show full account numbers. Audited.
        #[arg(long)]
        reveal: bool,
    },
    /// Change what a supplier is known by, or retire or block an account. A new account opens a verification case.
    #[command(
        after_help = "Examples:\n  sentra suppliers edit SUP-001 --add-domain acme.example --remove-email old@acme.example\n  \
                            sentra suppliers edit SUP-001 --block-account 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9"
    )]
    Edit(Box<EditArgs>),
    /// Merge one supplier into another: accounts, names, domains and numbers move, its id then means the other.
    #[command(after_help = "Example:\n  sentra suppliers merge SUP-014 SUP-001")]
    Merge {
        /// The record that goes.
        from: String,
        /// The record that stays.
        into: String,
    },
    /// List changes to the directory, newest first: imports, syncs, edits, merges, decisions.
    #[command(after_help = "Example:\n  sentra suppliers batches")]
    Batches {
        /// Show at most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=500))]
        limit: i64,
    },
    /// Take a change back: all is as before it, or nothing happens and what came in between is named. Audited.
    #[command(after_help = "Example:\n  sentra suppliers undo 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9")]
    Undo {
        /// Its id, as `batches` and `import` show it.
        batch: String,
    },
    /// Write all suppliers as CSV with full account numbers, as `import` reads it; with --json one object a line.
    /// Audited.
    #[command(after_help = "Example:\n  sentra suppliers export > suppliers.csv")]
    Export,
}

/// Arguments of `sentra suppliers edit`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct EditArgs {
    /// Its id, as `list` shows it.
    pub id: String,
    /// Set the name; the old one is kept in the history.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Set the tax number.
    #[arg(long, value_name = "NUMBER")]
    pub tax_number: Option<String>,
    /// Set the company number.
    #[arg(long, value_name = "NUMBER")]
    pub company_number: Option<String>,
    /// Add a trading name.
    #[arg(long, value_name = "NAME")]
    pub add_alias: Vec<String>,
    /// Take a trading name out of use.
    #[arg(long, value_name = "NAME")]
    pub remove_alias: Vec<String>,
    /// Add a domain that its mail comes from.
    #[arg(long, value_name = "DOMAIN")]
    pub add_domain: Vec<String>,
    /// Take a domain out of use.
    #[arg(long, value_name = "DOMAIN")]
    pub remove_domain: Vec<String>,
    /// Add an exact sender address.
    #[arg(long, value_name = "ADDRESS")]
    pub add_email: Vec<String>,
    /// Take an address out of use.
    #[arg(long, value_name = "ADDRESS")]
    pub remove_email: Vec<String>,
    /// Add a number to call back; it verifies bank changes only after some days on record.
    #[arg(long, value_name = "NUMBER")]
    pub add_phone: Vec<String>,
    /// Take a number out of use.
    #[arg(long, value_name = "NUMBER")]
    pub remove_phone: Vec<String>,
    /// Add an account as pending, with a verification case.
    #[arg(long, value_name = "IBAN_OR_ACCOUNT")]
    pub add_account: Vec<String>,
    /// Retire an account, by its id as `show` tells it.
    #[arg(long, value_name = "ACCOUNT-ID")]
    pub retire_account: Vec<String>,
    /// Block an account as fraud, by its id as `show` tells it.
    #[arg(long, value_name = "ACCOUNT-ID")]
    pub block_account: Vec<String>,
}

/// What the command works on.
pub struct SuppliersContext {
    /// The migrated database.
    pub database: Database,
    /// Keys, loaded.
    pub keyring: Arc<dyn Keyring>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Source of ids.
    pub ids: Arc<dyn IdSource>,
    /// Whose suppliers.
    pub org: OrgId,
    /// Where to announce changes, if Redis is configured.
    pub redis: Option<Redis>,
}

/// Why a command ended early: text and remedy.
struct Failure {
    what: String,
    help: &'static str,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let help = match &error {
            StoreError::NotFound(_) => "`sentra suppliers list`, `show` and `batches` tell the ids",
            StoreError::Invalid(_) => "the same command with --help tells what it takes",
            StoreError::Conflict(_) => "look at what is on record now, and try again",
            _ => "try again; if it stays so, check disk and permissions",
        };
        Self { what: error.to_string(), help }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { what: format!("the output cannot be written: {error}"), help: "check where it goes" }
    }
}

/// `sentra suppliers …` on the installation that the configuration names.
pub(super) async fn command(
    globals: &Globals,
    command: &SuppliersCommand,
    io: &mut Io<'_>,
) -> Result<(), Ended> {
    let (out, err) = io.streams();
    // It needs no installation.
    if let SuppliersCommand::Template { map } = command {
        return match import::write_template(*map, out) {
            Ok(code) => Ended::unless_done(code),
            Err(failure) => Err(Ended::new(failure.what).help(failure.help)),
        };
    }
    let at = open(globals).await?;
    let organisation = at.organisation(globals).await?;
    let redis = match &at.config.redis {
        Some(redis) => Some(Redis::connect(redis)?),
        None => None,
    };
    let context = SuppliersContext {
        database: at.store.database().clone(),
        keyring: Arc::clone(at.store.keyring()) as _,
        clock: Arc::clone(at.store.clock()),
        ids: Arc::clone(at.store.ids()),
        org: organisation.id,
        redis,
    };
    Ended::unless_done(run(command, &context, globals.json, out, err).await)
}

/// Runs the command. Data goes to `out`, problems to `err`; the result is the exit code (0 done, 1 failed or partly
/// refused).
pub async fn run(
    command: &SuppliersCommand,
    context: &SuppliersContext,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let records = SupplierRecords::new(
        context.database.clone(),
        Arc::clone(&context.keyring),
        Arc::clone(&context.clock),
        Arc::clone(&context.ids),
    );
    let done = match command {
        SuppliersCommand::Import(args) => {
            Box::pin(import::import(&records, context, (args, json), out, err)).await
        }
        SuppliersCommand::Template { map } => import::write_template(*map, out),
        SuppliersCommand::List => show::list(&records, context.org, json, out).await,
        SuppliersCommand::Search { text } => show::search(&records, context.org, text, json, out).await,
        SuppliersCommand::Show { id, history, reveal } => {
            let how = show::How { history: *history, reveal: *reveal, json };
            show::show(&records, context.org, id, &how, out).await
        }
        SuppliersCommand::Export => show::export(&records, context.org, json, out).await,
        SuppliersCommand::Edit(args) => change::edit(&records, context, args, json, out, err).await,
        SuppliersCommand::Merge { from, into } => {
            change::merge(&records, context, (from, into), json, out, err).await
        }
        SuppliersCommand::Batches { limit } => {
            change::batches(&records, context.org, *limit, json, out).await
        }
        SuppliersCommand::Undo { batch } => change::undo(&records, context, batch, json, out, err).await,
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            // Nobody is left to tell when standard error is closed.
            writeln!(err, "error: {}\nhelp: {}", failure.what, failure.help).ok();
            1
        }
    }
}

fn table(header: &[&str], rows: Vec<Vec<String>>, out: &mut dyn Write) -> io::Result<()> {
    write_table(header, rows, io::stdout().is_terminal(), out)
}

/// Tells running servers that the directory changed; without Redis they learn it from the database.
async fn announce(context: &SuppliersContext, generation: i64, err: &mut dyn Write) -> io::Result<()> {
    if let Some(redis) = &context.redis
        && let Err(error) = redis.announce(context.org, generation).await
    {
        writeln!(err, "warning: {error}; running servers see the change within a second from the database")?;
    }
    Ok(())
}

/// A moment in UTC for people and JSON; empty for one that no calendar has.
pub(super) fn moment(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}
