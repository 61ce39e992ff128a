//! `sentra suppliers import`: a file in, a report out.

use super::{Failure, SuppliersContext, table};
use crate::adapters::suppliers::csv::{self, ParseOptions, ParsedSuppliers, RowError};
use crate::adapters::suppliers::feed::ListFeed;
use crate::adapters::suppliers::import::{AccountChange, ImportOptions, ImportReport};
use crate::adapters::suppliers::records::SupplierRecords;
use crate::limits;
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;
use tokio::io::AsyncReadExt as _;

/// How a file is imported.
pub(super) struct How<'a> {
    pub(super) file: &'a Path,
    pub(super) dry_run: bool,
    pub(super) verified: bool,
    pub(super) json: bool,
}

pub(super) async fn import(
    records: &SupplierRecords,
    context: &SuppliersContext,
    how: &How<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let bytes = read(how.file).await?;
    let options = ParseOptions { verified: how.verified };
    let parsed = tokio::task::spawn_blocking(move || csv::parse(&bytes, options)).await;
    let parsed =
        parsed.map_err(|_| Failure { what: "the file could not be read".to_owned(), help: "report this" })?;
    let source = how.file.file_name().map_or("-".into(), |name| name.to_string_lossy());
    let options = ImportOptions {
        verified: how.verified,
        dry_run: how.dry_run,
        actor: "operator",
        source: &source,
        ..ImportOptions::default()
    };
    let mut feed = ListFeed::new(parsed.suppliers.iter().cloned());
    let report = records.import(context.org, &mut feed, &options).await?;
    if let (Some(redis), Some(generation)) = (&context.redis, report.generation)
        && let Err(error) = redis.announce(context.org, generation).await
    {
        writeln!(err, "warning: {error}; running servers see the change within a second from the database")?;
    }
    let refused = parsed.rejected > 0 || !report.ambiguous.is_empty();
    if how.json {
        writeln!(out, "{}", as_json(how, &source, &parsed, &report))?;
    } else {
        for (word, rows) in [("error", &parsed.errors), ("warning", &parsed.warnings)] {
            for row in rows {
                writeln!(err, "{word}: {}", located(&source, row))?;
            }
        }
        for supplier in &report.ambiguous {
            writeln!(
                err,
                "error: several suppliers on record fit `{}`: add supplier_id or a tax number ({source})",
                supplier.name
            )?;
        }
        summary(how, &parsed, &report, out)?;
    }
    if refused {
        let count = parsed.rejected.saturating_add(report.ambiguous.len());
        writeln!(err, "error: {count} rows were refused, the others were {} ({source})", past(how.dry_run))?;
        writeln!(
            err,
            "help: correct these rows and import the file again; what is in already stays as it is"
        )?;
    }
    Ok(u8::from(refused))
}

fn past(dry_run: bool) -> &'static str {
    if dry_run { "only checked (--dry-run)" } else { "imported" }
}

/// Reads a file or standard input, up to one octet more than the importer takes.
async fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(limits::MAX_IMPORT_OCTETS).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let done = if file == Path::new("-") {
        tokio::io::stdin().take(most).read_to_end(&mut bytes).await
    } else {
        match tokio::fs::File::open(file).await {
            Ok(file) => file.take(most).read_to_end(&mut bytes).await,
            Err(error) => Err(error),
        }
    };
    let named = |error: io::Error| Failure {
        what: format!("{error} ({})", file.display()),
        help: "name a readable CSV file, or `-` for standard input",
    };
    done.map(|_| bytes).map_err(named)
}

/// `reason (FILE:LINE, column NAME)`
fn located(source: &str, row: &RowError) -> String {
    let line = if row.line == 0 { String::new() } else { format!(":{}", row.line) };
    let column = if row.column.is_empty() { String::new() } else { format!(", column {}", row.column) };
    format!("{} ({source}{line}{column})", row.reason)
}

fn as_json(
    how: &How<'_>,
    source: &str,
    parsed: &ParsedSuppliers,
    report: &ImportReport,
) -> serde_json::Value {
    json!({
        "file": source, "dry_run": how.dry_run, "verified": how.verified,
        "rows": parsed.rows, "rejected": parsed.rejected, "suppliers": parsed.suppliers.len(),
        "accounts": parsed.accounts, "created": report.created, "updated": report.updated,
        "unchanged": report.unchanged, "accounts_added": report.accounts_added,
        "accounts_changed": report.accounts_changed, "accounts_held_back": report.accounts_held_back,
        "changes": report.changes, "ambiguous": report.ambiguous,
        "errors": parsed.errors, "warnings": parsed.warnings,
    })
}

fn summary(
    how: &How<'_>,
    parsed: &ParsedSuppliers,
    report: &ImportReport,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !report.changes.is_empty() {
        let rows = report.changes.iter().map(change_row).collect();
        table(&["SUPPLIER", "NAME", "ACCOUNT", "BEFORE", "AFTER", "NOTE"], rows, out)?;
    }
    if how.dry_run {
        writeln!(out, "Dry run: nothing was written.")?;
    }
    writeln!(
        out,
        "{} rows, {} refused. Suppliers: {} new, {} changed, {} unchanged. Accounts: {} new, {} changed, {} held back.",
        parsed.rows,
        parsed.rejected,
        report.created,
        report.updated,
        report.unchanged,
        report.accounts_added,
        report.accounts_changed,
        report.accounts_held_back
    )
}

fn change_row(change: &AccountChange) -> Vec<String> {
    let note = match change.refused {
        Some(asked) => format!("`{asked}` needs --verified or a verification"),
        None => String::new(),
    };
    vec![
        change.supplier.0.clone(),
        change.name.clone(),
        change.account.clone(),
        change.from.unwrap_or("–").to_owned(),
        change.to.to_owned(),
        note,
    ]
}
