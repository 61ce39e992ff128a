//! A supplier file to supplier records, and to a list of what is wrong with it. Pure: nothing is stored.
//!
//! Forgiving in form (encoding, delimiter, header names of Xero, QuickBooks, Sage, MYOB and Business Central, grouping
//! of numbers), strict in substance: a row with a wrong value is refused whole, with line, column and reason, and the
//! other rows stand. One row per bank account; rows of one supplier are folded by `supplier_id`, else tax number, else
//! name and domain. Rows that give no `supplier_id` get a provisional id (see [`is_provisional`]) until
//! [`super::records`] finds or makes the real one.

use super::columns::{Column, Columns};
use super::fold::Folding;
use super::row::{self, Row};
use super::text;
use crate::limits;
use crate::model::{AccountState, SupplierId, SupplierRecord};
use std::borrow::Cow;

/// How a file is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParseOptions {
    /// Every account of the file counts as verified, except rows whose `status` says `retired` or `blocked`.
    pub verified: bool,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowError {
    /// Line of the file, from 1, where the row begins; 0 when the file as a whole is meant.
    pub line: u64,
    /// The column's header as written; empty when the row as a whole is meant.
    pub column: String,
    /// What is wrong and what to do. Holds at most the last four characters of an account.
    pub reason: String,
}

/// A supplier file, read.
#[derive(Clone, Debug, Default)]
pub struct ParsedSuppliers {
    /// Suppliers in the order in which the file first names them.
    pub suppliers: Vec<SupplierRecord>,
    /// Refused rows, at most `limits::MAX_IMPORT_ERRORS`.
    pub errors: Vec<RowError>,
    /// What was taken but is worth a look, as many at most.
    pub warnings: Vec<RowError>,
    /// Data rows, refused ones included; empty ones are not counted.
    pub rows: usize,
    /// Refused rows.
    pub rejected: usize,
    /// Different accounts taken.
    pub accounts: usize,
}

/// Prefix of the ids that stand for "no `supplier_id` in the file"; a file may not use it.
const PROVISIONAL: &str = "line:";

/// Whether an id was made up while reading (`line:7`: the supplier first seen in line 7) and has no meaning beyond.
#[must_use]
pub fn is_provisional(id: &SupplierId) -> bool {
    id.0.starts_with(PROVISIONAL)
}

/// The provisional id of the supplier first seen in a line.
pub(super) fn provisional(line: u64) -> SupplierId {
    SupplierId(format!("{PROVISIONAL}{line}"))
}

/// Reads a supplier file. Never fails: a file that is none at all comes back as one error of line 0 or 1.
#[must_use]
pub fn parse(bytes: &[u8], options: ParseOptions) -> ParsedSuppliers {
    let mut out = ParsedSuppliers::default();
    if bytes.len() > limits::MAX_IMPORT_OCTETS {
        let reason = format!("the file is over {} octets; split it", limits::MAX_IMPORT_OCTETS);
        out.refuse(RowError { line: 0, column: String::new(), reason });
        return out;
    }
    let decoded = text::decode(bytes);
    if decoded.guessed {
        let reason =
            "the file is not UTF-8 and was read as Windows-1252; check letters with accents".to_owned();
        out.warn(RowError { line: 0, column: String::new(), reason });
    }
    let table = text::table(&decoded.text);
    if let Some(line) = text::unclosed_quote(table.body, table.delimiter) {
        let reason = "a quotation mark that opens here is never closed; nothing was read".to_owned();
        out.refuse(RowError { line: line.saturating_add(table.skipped), column: String::new(), reason });
        return out;
    }
    read_table(&table, options, &mut out);
    out
}

fn read_table(table: &text::Table<'_>, options: ParseOptions, out: &mut ParsedSuppliers) {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(table.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(table.body.as_bytes());
    let mut record = ::csv::StringRecord::new();
    let mut folding = Folding::default();
    let mut columns: Option<Columns> = None;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            // The text is UTF-8 and rows may differ in length, so no row can fail; were one to, it would be reported.
            Err(error) => {
                out.refuse(RowError { line: 0, column: String::new(), reason: error.to_string() });
                break;
            }
        }
        let line = record.position().map_or(0, ::csv::Position::line).saturating_add(table.skipped);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let Some(columns) = &columns else {
            match header(&record, line, out) {
                Header::Named(found) => columns = Some(found),
                Header::ByPosition(found) => {
                    take(&found, &record, line, options, &mut folding, out);
                    columns = Some(found);
                }
                Header::Unusable => return,
            }
            continue;
        };
        if out.rows >= limits::MAX_IMPORT_ROWS {
            let reason = format!("the file has over {} rows; the rest was not read", limits::MAX_IMPORT_ROWS);
            out.refuse(RowError { line, column: String::new(), reason });
            break;
        }
        take(columns, &record, line, options, &mut folding, out);
    }
    if out.rows == 0 && out.errors.is_empty() {
        let reason = "the file has no rows below its header".to_owned();
        out.refuse(RowError { line: 0, column: String::new(), reason });
    }
    folding.finish(out);
}

enum Header {
    Named(Columns),
    ByPosition(Columns),
    Unusable,
}

/// The first row: a header, or a Sage 50 record.
fn header(record: &::csv::StringRecord, line: u64, out: &mut ParsedSuppliers) -> Header {
    if record.len() > limits::MAX_IMPORT_COLUMNS {
        let reason = format!("the header row has over {} columns", limits::MAX_IMPORT_COLUMNS);
        out.refuse(RowError { line, column: String::new(), reason });
        return Header::Unusable;
    }
    let mut duplicates = Vec::new();
    match Columns::from_header(record, line, &mut duplicates) {
        Some(columns) if columns.has(Column::Name) => {
            duplicates.into_iter().for_each(|warning| out.warn(warning));
            return Header::Named(columns);
        }
        Some(_) => {}
        None => {
            if let Some(columns) = Columns::sage_50(record) {
                let reason = "there is no header row; read by position as a Sage 50 supplier file".to_owned();
                out.warn(RowError { line, column: String::new(), reason });
                return Header::ByPosition(columns);
            }
        }
    }
    let reason = "there is no column `name` (or a ledger's word for it) in the header row".to_owned();
    out.refuse(RowError { line, column: String::new(), reason });
    Header::Unusable
}

/// Takes one data row: into the suppliers, or into the errors.
fn take(
    columns: &Columns,
    record: &::csv::StringRecord,
    line: u64,
    options: ParseOptions,
    folding: &mut Folding,
    out: &mut ParsedSuppliers,
) {
    out.rows = out.rows.saturating_add(1);
    let refused = match row::read(columns, record) {
        Ok(mut row) => {
            settle_states(&mut row, options);
            for (column, reason) in std::mem::take(&mut row.warnings) {
                out.warn(RowError { line, column, reason });
            }
            folding.take(row, line, out).err()
        }
        Err(refused) => Some(refused),
    };
    if let Some((column, reason)) = refused {
        out.refuse(RowError { line, column, reason });
    }
}

/// What `--verified` does to a row.
fn settle_states(row: &mut Row, options: ParseOptions) {
    for account in &mut row.accounts {
        if options.verified && account.state == AccountState::Pending {
            account.state = AccountState::Verified;
        }
    }
}

impl ParsedSuppliers {
    /// Notes a refused row.
    pub(super) fn refuse(&mut self, error: RowError) {
        self.rejected = self.rejected.saturating_add(1);
        if self.errors.len() < limits::MAX_IMPORT_ERRORS {
            self.errors.push(error);
        }
    }

    /// Notes a warning.
    pub(super) fn warn(&mut self, warning: RowError) {
        if self.warnings.len() < limits::MAX_IMPORT_ERRORS {
            self.warnings.push(warning);
        }
    }
}

/// Text fit for a record: trimmed, without control and direction characters, single spaces.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
    };
    let text = text.trim();
    if !text.contains(|c: char| invisible(c) || c.is_whitespace() && c != ' ') && !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    let spaced: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !invisible(*c)).collect();
    Cow::Owned(spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests;
