//! A small supplier file to supplier records, and to a list of what is wrong with it. Pure: nothing is stored.
//!
//! Forgiving in form (encoding, delimiter, header names of Xero, QuickBooks, Sage, MYOB, Business Central and NetSuite,
//! grouping of numbers), strict in substance: a row with a wrong value is refused whole, with line, column and reason,
//! and the other rows stand. Large files are walked with [`super::reading::Reading`] instead. One row per bank account; rows of one supplier are folded by `supplier_id`, else tax number, else
//! name and domain. Rows that give no `supplier_id` get a provisional id (see [`is_provisional`]) until
//! [`super::records`] finds or makes the real one.

use super::feed::SupplierFeed as _;
use super::reading::Reading;
use crate::limits;
use crate::model::{SupplierId, SupplierRecord};
use std::borrow::Cow;
use std::io::Cursor;

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

/// Reads a supplier file that is in memory. Never fails: a file that is none at all comes back as one error of line 0
/// or 1. Domains that only addresses and website have count as the supplier's.
#[must_use]
pub fn parse(bytes: &[u8], options: ParseOptions) -> ParsedSuppliers {
    let mut reading = Reading::of_file(Box::new(Cursor::new(bytes.to_vec())), options.into());
    let mut suppliers = Vec::new();
    loop {
        match reading.next_batch(limits::IMPORT_BATCH) {
            Ok(batch) if batch.is_empty() => break,
            Ok(batch) => suppliers.extend(batch.into_iter().map(|incoming| {
                let mut supplier = incoming.supplier;
                supplier.domains.extend(incoming.derived);
                supplier
            })),
            Err(error) => {
                reading.found.refuse(RowError { line: 0, column: String::new(), reason: error.to_string() });
                break;
            }
        }
    }
    let found = reading.found;
    ParsedSuppliers {
        suppliers,
        errors: found.errors,
        warnings: found.warnings,
        rows: found.rows,
        rejected: found.rejected,
        accounts: found.accounts,
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
