//! `sentra suppliers`: import, list, show and export an organisation's supplier records.
//!
//! Bad rows go to standard error with line, column and reason while the good ones are imported; the exit code is then
//! 1, so that a script notices. Account numbers are masked everywhere but in `export`, which is audited.

mod import;

use super::io::write_table;
pub use import::ImportArgs;

use super::{Failure as Ended, Globals, Io, open};
use crate::adapters::directory::redis::Redis;
use crate::adapters::store::{Database, StoreError};
use crate::adapters::suppliers::export;
use crate::adapters::suppliers::records::SupplierRecords;
use crate::limits;
use crate::model::{AccountState, OrgId, SupplierAccount, SupplierId, SupplierRecord};
use crate::ports::{Clock, IdSource, Keyring};
use serde_json::json;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

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
    /// Show one supplier; account numbers are masked.
    #[command(after_help = "Example:\n  sentra suppliers show SUP-001")]
    Show {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Write all suppliers as CSV with full account numbers, as `import` reads it; with --json one object a line.
    /// Audited.
    #[command(after_help = "Example:\n  sentra suppliers export > suppliers.csv")]
    Export,
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
        Self { what: error.to_string(), help: "try again; if it stays so, check disk and permissions" }
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
        SuppliersCommand::List => list(&records, context.org, json, out).await,
        SuppliersCommand::Show { id } => show(&records, context.org, id, json, out).await,
        SuppliersCommand::Export => write_export(&records, context.org, json, out).await,
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

/// Accounts of a supplier by state.
fn counts(supplier: &SupplierRecord) -> [(&'static str, usize); 4] {
    [AccountState::Verified, AccountState::Pending, AccountState::Retired, AccountState::Blocked]
        .map(|state| (state.as_str(), supplier.accounts.iter().filter(|a| a.state == state).count()))
}

async fn list(records: &SupplierRecords, org: OrgId, json: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    let mut rows = Vec::new();
    let mut after: Option<SupplierId> = None;
    loop {
        let page = records.page(org, after.as_ref(), limits::STORE_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for supplier in &page {
            let counts = counts(supplier);
            let domains: Vec<&str> = supplier.domains.iter().map(|d| d.as_str()).collect();
            if json {
                let accounts: serde_json::Map<String, serde_json::Value> =
                    counts.iter().map(|(state, count)| ((*state).to_owned(), json!(count))).collect();
                let line = json!({
                    "id": supplier.id, "name": supplier.name, "domains": domains, "country": supplier.country,
                    "accounts": accounts,
                });
                writeln!(out, "{line}")?;
            } else {
                let mut row = vec![supplier.id.0.clone(), supplier.name.clone(), domains.join(", ")];
                row.extend(counts.iter().map(|(_, count)| count.to_string()));
                rows.push(row);
            }
        }
    }
    if !json && after.is_none() {
        writeln!(out, "No suppliers yet: `sentra suppliers import FILE.csv` brings them in.")?;
    } else if !json {
        table(&["ID", "NAME", "DOMAINS", "VERIFIED", "PENDING", "RETIRED", "BLOCKED"], rows, out)?;
    }
    Ok(0)
}

/// A supplier as JSON; `reveal` adds the full account numbers.
fn described(supplier: &SupplierRecord, reveal: bool) -> serde_json::Value {
    let accounts = supplier.accounts.iter().map(|a| {
        let mut account = json!({
            "scheme": a.account.scheme().as_str(), "country": a.account.country(), "masked": a.account.masked(),
            "bic": a.bic, "account_name": a.account_name, "state": a.state,
        });
        if let Some(object) = account.as_object_mut().filter(|_| reveal) {
            object.insert("value".to_owned(), a.account.reveal().into());
        }
        account
    });
    json!({
        "id": supplier.id, "name": supplier.name, "aliases": supplier.aliases, "domains": supplier.domains,
        "emails": supplier.emails, "phones": supplier.phones, "vat_number": supplier.vat_number,
        "company_number": supplier.company_number, "country": supplier.country,
        "accounts": accounts.collect::<Vec<_>>(),
    })
}

async fn show(
    records: &SupplierRecords,
    org: OrgId,
    id: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let found = records.get(org, &SupplierId(id.to_owned())).await?;
    let supplier = found.ok_or_else(|| Failure {
        what: format!("there is no supplier `{}`", id.escape_debug()),
        help: "`sentra suppliers list` shows the ids",
    })?;
    if json {
        writeln!(out, "{}", described(&supplier, false))?;
        return Ok(0);
    }
    let joined = |values: Vec<String>| values.join(", ");
    for (label, value) in [
        ("Id", supplier.id.0.clone()),
        ("Name", supplier.name.clone()),
        ("Aliases", joined(supplier.aliases.clone())),
        ("Domains", joined(supplier.domains.iter().map(ToString::to_string).collect())),
        ("E-mail", joined(supplier.emails.iter().map(ToString::to_string).collect())),
        ("Phones", joined(supplier.phones.clone())),
        ("Tax number", supplier.vat_number.clone().unwrap_or_default()),
        ("Company number", supplier.company_number.clone().unwrap_or_default()),
        ("Country", supplier.country.clone().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            writeln!(out, "{label:<15} {value}")?;
        }
    }
    let row = |a: &SupplierAccount| {
        vec![
            a.account.scheme().as_str().to_owned(),
            a.account.country().to_owned(),
            a.account.masked(),
            a.bic.clone().unwrap_or_default(),
            a.account_name.clone().unwrap_or_default(),
            a.state.as_str().to_owned(),
        ]
    };
    let rows = supplier.accounts.iter().map(row).collect();
    writeln!(out)?;
    table(&["SCHEME", "COUNTRY", "ACCOUNT", "BIC", "HOLDER", "STATE"], rows, out)?;
    Ok(0)
}

async fn write_export(
    records: &SupplierRecords,
    org: OrgId,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    // Noted before the first number leaves.
    records.note_export(org, "operator").await?;
    let mut after: Option<SupplierId> = None;
    let mut first = true;
    loop {
        let page = records.page(org, after.as_ref(), limits::STORE_PAGE).await?;
        if json {
            page.iter().try_for_each(|supplier| writeln!(out, "{}", described(supplier, true)))?;
        } else if first || !page.is_empty() {
            export::write(&page, first, out)?;
        }
        first = false;
        let Some(last) = page.last() else { return Ok(0) };
        after = Some(last.id.clone());
    }
}
