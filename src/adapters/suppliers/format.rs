//! Which format a file is: by its first octets, never by its name.

use super::csv::RowError;
use super::delimited::Delimited;
use super::raw::{Rows, stop};
use super::reading::ReadOptions;
use super::text::{self, Decoding};
use super::workbook::Workbook;
use super::xero_dump;
use std::io::Read;

/// What every `.xlsx` file begins with: it is a zip archive, in the second form an empty one.
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// What an `.xls` file and a password-protected workbook begin with: an OLE compound file.
const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];

/// The rows of a file, and its format in words.
pub(super) fn open(
    input: Box<dyn Read + Send>,
    options: &ReadOptions,
) -> Result<(String, Box<dyn Rows>), RowError> {
    let failed = |error: std::io::Error| stop(0, format!("the file cannot be read: {error}"));
    let opened = text::open(input).map_err(failed)?;
    let map = options.map.as_ref();
    if ZIP.iter().any(|begin| opened.head.starts_with(begin)) {
        let sheet = options.sheet.as_deref().or(map.and_then(|map| map.sheet.as_deref()));
        let workbook = Workbook::open(opened.all, sheet)?;
        return Ok((format!("Excel sheet `{}`", workbook.sheet()), Box::new(workbook)));
    }
    if opened.head.starts_with(COMPOUND) {
        let reason = "this is an old Excel file (.xls) or one with a password: save it as .xlsx or CSV";
        return Err(stop(0, reason));
    }
    if map.is_none() && xero_dump::looks_so(&opened.head) {
        return Ok(("Xero contacts (JSON)".to_owned(), Box::new(xero_dump::read(opened.all)?)));
    }
    let decoding = map.and_then(|map| map.decoding).unwrap_or_else(|| Decoding::sniff(&opened.head));
    let mut decoded = decoding.decode(opened.all).map_err(failed)?;
    let table = text::table(&mut *decoded, map.and_then(|map| map.delimiter)).map_err(failed)?;
    let first = table.skipped.saturating_add(1);
    Ok(("CSV".to_owned(), Box::new(Delimited::new(decoded, table.delimiter, first, decoding.declared))))
}
