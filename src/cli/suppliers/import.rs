//! `sentra suppliers import` and `template`: a file in, a report out.

use super::{Failure, SuppliersContext, table};
use crate::adapters::suppliers::csv::RowError;
use crate::adapters::suppliers::import::{AccountChange, ImportOptions, ImportReport};
use crate::adapters::suppliers::map::{self, Map};
use crate::adapters::suppliers::reading::{ReadOptions, Reading};
use crate::adapters::suppliers::records::SupplierRecords;
use crate::adapters::suppliers::template;
use crate::limits;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Arguments of `sentra suppliers import`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ImportArgs {
    /// The file, or `-` for standard input.
    pub file: PathBuf,
    /// Report what would change and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// All accounts of the file count as verified, except rows whose status says retired or blocked. Audited.
    #[arg(long)]
    pub verified: bool,
    /// Which columns are which (TOML); `sentra suppliers template --map` prints one to start from.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// The sheet of a workbook; otherwise its first.
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Country of bank details in rows that name none, such as GB or AU.
    #[arg(long, value_name = "CODE", value_parser = country)]
    pub country: Option<String>,
    /// Write the refused rows there, with a last column `reason`: correct them and import that file.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

fn country(text: &str) -> Result<String, String> {
    let fits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
    fits.then(|| text.to_ascii_uppercase())
        .ok_or_else(|| "a country is two letters (ISO 3166), such as GB".to_owned())
}

/// `sentra suppliers template`
pub(super) fn write_template(as_map: bool, out: &mut dyn Write) -> Result<u8, Failure> {
    match as_map {
        true => out.write_all(map::TEMPLATE.as_bytes())?,
        false => template::write(out)?,
    }
    Ok(0)
}

/// `sentra suppliers import`
pub(super) async fn import(
    records: &SupplierRecords,
    context: &SuppliersContext,
    (args, json): (&ImportArgs, bool),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let options = ReadOptions {
        verified: args.verified,
        map: args.map.as_deref().map(read_map).transpose()?,
        sheet: args.sheet.clone(),
        country: args.country.clone(),
    };
    let input = open(&args.file)?;
    let reading = tokio::task::spawn_blocking(move || Reading::of_file(input, options)).await;
    let mut reading = reading
        .map_err(|_| Failure { what: "the file could not be read".to_owned(), help: "report this" })?;
    let source = args.file.file_name().map_or("-".into(), |name| name.to_string_lossy());
    let options = ImportOptions {
        verified: args.verified,
        dry_run: args.dry_run,
        actor: "operator",
        source: &source,
        ..ImportOptions::default()
    };
    let report = match reading.found.stopped {
        true => ImportReport::default(),
        false => records.import(context.org, &mut reading, &options).await?,
    };
    if let (Some(redis), Some(generation)) = (&context.redis, report.generation)
        && let Err(error) = redis.announce(context.org, generation).await
    {
        writeln!(err, "warning: {error}; running servers see the change within a second from the database")?;
    }
    let told = Told { args, source: &source, reading: &reading, report: &report };
    if json {
        writeln!(out, "{}", told.json())?;
    } else {
        told.rows(err)?;
        told.summary(out)?;
    }
    let refused = told.refused();
    let rejects = args.rejects.as_deref().filter(|_| refused > 0);
    let written = rejects.map(|path| write_rejects(path, &mut reading, &report).map(|count| (path, count)));
    if refused > 0 {
        end(args, &source, reading.found.stopped, refused, written.transpose()?, err)?;
    }
    Ok(u8::from(refused > 0))
}

/// The last words of an import that refused something.
fn end(
    args: &ImportArgs,
    source: &str,
    stopped: bool,
    refused: usize,
    rejects: Option<(&Path, usize)>,
    err: &mut dyn Write,
) -> io::Result<()> {
    if stopped {
        writeln!(err, "error: the file was refused as a whole, nothing was imported ({source})")?;
        return writeln!(err, "help: correct what the error above names and import the file again");
    }
    let others = if args.dry_run { "only checked (--dry-run)" } else { "imported" };
    writeln!(err, "error: {refused} rows were refused, the others were {others} ({source})")?;
    match rejects {
        Some((path, count)) => writeln!(
            err,
            "help: {count} rows are in {} with their reasons: correct them there and import that file",
            path.display()
        ),
        None => writeln!(
            err,
            "help: correct these rows and import the file again, what is in already stays as it is; --rejects FILE \
             writes them with their reasons"
        ),
    }
}

/// A file or standard input.
fn open(file: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let failed = |error: io::Error| Failure {
        what: format!("{error} ({})", file.display()),
        help: "name a readable supplier file, or `-` for standard input",
    };
    let opened = std::fs::File::open(file).map_err(failed)?;
    if opened.metadata().map_err(failed)?.is_dir() {
        return Err(failed(io::Error::other("this is a folder")));
    }
    Ok(Box::new(opened))
}

fn read_map(path: &Path) -> Result<Map, Failure> {
    let failed = |what: String| Failure {
        what: format!("{what} ({})", path.display()),
        help: "`sentra suppliers template --map` prints a map with every key explained",
    };
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(limits::MAX_MAP_FILE.saturating_add(1)).read_to_string(&mut text);
    read.map_err(|error| failed(error.to_string()))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > limits::MAX_MAP_FILE {
        return Err(failed(format!("the map is over {} octets", limits::MAX_MAP_FILE)));
    }
    Map::parse(&text).map_err(|error| failed(error.to_string()))
}

/// Writes the reject file beside its place and renames it there, readable by its owner alone: it holds account numbers.
fn write_rejects(path: &Path, reading: &mut Reading, report: &ImportReport) -> Result<usize, Failure> {
    let reason = "several suppliers on record fit: add supplier_id or a tax number";
    let more: BTreeMap<u64, String> =
        report.ambiguous.iter().flat_map(|one| &one.lines).map(|line| (*line, reason.to_owned())).collect();
    let failed = |error: io::Error| Failure {
        what: format!("the reject file cannot be written: {error} ({})", path.display()),
        help: "name a file in a folder that can be written to",
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let count = reading.write_rejects(&more, &mut file).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(count)
}

/// What is told about an import.
struct Told<'a> {
    args: &'a ImportArgs,
    source: &'a str,
    reading: &'a Reading,
    report: &'a ImportReport,
}

impl Told<'_> {
    /// Rows that are not in.
    fn refused(&self) -> usize {
        self.reading.found.rejected.saturating_add(self.report.ambiguous.len())
    }

    fn json(&self) -> Value {
        let found = &self.reading.found;
        let mut all = json!({
            "file": self.source, "format": found.format, "dry_run": self.args.dry_run, "verified": self.args.verified,
            "stopped": found.stopped, "rows": found.rows, "rejected": found.rejected, "suppliers": found.suppliers,
            "accounts": found.accounts, "archived_in_file": found.archived, "without_phone": found.without_phone,
            "free_mail_only": found.free_mail_only, "errors": found.errors, "warnings": found.warnings,
        });
        if let (Some(all), Ok(Value::Object(report))) =
            (all.as_object_mut(), serde_json::to_value(self.report))
        {
            all.extend(report);
        }
        all
    }

    /// Bad rows and what is worth a look.
    fn rows(&self, err: &mut dyn Write) -> io::Result<()> {
        let found = &self.reading.found;
        for (word, rows) in [("error", &found.errors), ("warning", &found.warnings)] {
            for row in rows {
                writeln!(err, "{word}: {}", located(self.source, row))?;
            }
        }
        let more = found.rejected.saturating_sub(found.errors.len());
        if more > 0 {
            writeln!(
                err,
                "error: {more} more rows were refused; --rejects FILE tells all ({})",
                self.source
            )?;
        }
        for supplier in &self.report.ambiguous {
            writeln!(
                err,
                "error: several suppliers on record fit `{}`: add supplier_id or a tax number ({}{})",
                supplier.name,
                self.source,
                supplier.lines.first().map(|line| format!(":{line}")).unwrap_or_default()
            )?;
        }
        Ok(())
    }

    fn summary(&self, out: &mut dyn Write) -> io::Result<()> {
        let (found, report) = (&self.reading.found, self.report);
        if !report.changes.is_empty() {
            let rows = report.changes.iter().map(change_row).collect();
            table(&["SUPPLIER", "NAME", "ACCOUNT", "BEFORE", "AFTER", "NOTE"], rows, out)?;
        }
        if self.args.dry_run {
            writeln!(out, "Dry run: nothing was written.")?;
        }
        writeln!(
            out,
            "{}: {} rows, {} refused. Suppliers: {} new, {} changed, {} unchanged, {} archived. Accounts: {} new, {} \
             changed, {} held back.",
            if found.format.is_empty() { "File" } else { &found.format },
            found.rows,
            found.rejected,
            report.created,
            report.updated,
            report.unchanged,
            found.archived,
            report.accounts_added,
            report.accounts_changed,
            report.accounts_held_back
        )?;
        self.what_now(out)
    }

    /// What the import leaves to people.
    fn what_now(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = self.report;
        for shared in &report.shared {
            match &shared.other {
                Some(other) => writeln!(
                    out,
                    "Account {} of {} stands on the record of {other} too.",
                    shared.account, shared.supplier
                )?,
                None => writeln!(
                    out,
                    "Account {} of {} is the organisation's own; it was not taken.",
                    shared.account, shared.supplier
                )?,
            }
        }
        for proposed in &report.proposed {
            writeln!(
                out,
                "{} also writes from {}: `sentra suppliers edit {} --add-domain {}` if it is theirs.",
                proposed.supplier, proposed.domain, proposed.supplier, proposed.domain
            )?;
        }
        if report.overfull > 0 {
            writeln!(out, "{} values were not taken: their records are full.", report.overfull)?;
        }
        if report.cases_opened > 0 {
            writeln!(out, "{} verification cases: `sentra cases list`.", report.cases_opened)?;
        }
        if let Some(batch) = &report.batch {
            writeln!(out, "`sentra suppliers undo {batch}` takes this import back.")?;
        }
        Ok(())
    }
}

/// `reason (FILE:LINE, column NAME)`
fn located(source: &str, row: &RowError) -> String {
    let line = if row.line == 0 { String::new() } else { format!(":{}", row.line) };
    let column = if row.column.is_empty() { String::new() } else { format!(", column {}", row.column) };
    format!("{} ({source}{line}{column})", row.reason)
}

fn change_row(change: &AccountChange) -> Vec<String> {
    let note = match change.refused {
        Some(asked) => format!("`{asked}` needs --verified or a verification"),
        None if change.case.is_some() => "waits for a verification".to_owned(),
        None => String::new(),
    };
    let before = match change.beside.as_slice() {
        [] => change.from.unwrap_or("–").to_owned(),
        beside => format!("beside {}", beside.join(", ")),
    };
    vec![
        change.supplier.0.clone(),
        change.name.clone(),
        change.account.clone(),
        before,
        change.to.to_owned(),
        note,
    ]
}
