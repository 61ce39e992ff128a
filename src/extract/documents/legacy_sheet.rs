//! Excel files of before 2007 (`.xls`) and binary ones (`.xlsb`), by calamine.
//!
//! It trusts lengths and positions that records state, and panics where they are false: that ends here, so that what else
//! the file holds is still read. The size of an old workbook is measured before ([`super::biff`]), and it is handed over
//! in a compound file of its own, since two readers of a crooked one may find two workbooks in it. Number formats are not
//! known here, so a sort code may lack its zeros.

use super::reading::Reading;
use super::{biff, cell};
use crate::limits::{SHEET_CELLS, SHEETS};
use crate::model::{SpanKind, Unread};
use calamine::{Data, DataRef, Reader as _, Sheet, SheetVisible, Xls, XlsError, Xlsb, XlsbError};
use cfb::{CompoundFile, Version};
use std::io::{self, Cursor, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads an old workbook, the `stream` of BIFF records; its faults are gaps of the reading.
pub(super) fn read(stream: &[u8], reading: &mut Reading<'_>) {
    if !biff::fits(stream) {
        return reading.gap(Unread::Limit);
    }
    match alone(stream) {
        Ok(octets) => guarded(reading, |reading| read_old(&octets, reading)),
        Err(_) => reading.gap(Unread::Damaged),
    }
}

/// A compound file of nothing but a workbook.
fn alone(stream: &[u8]) -> io::Result<Vec<u8>> {
    let mut file =
        CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::with_capacity(stream.len())))?;
    file.create_stream("/Workbook")?.write_all(stream)?;
    file.flush()?;
    Ok(file.into_inner().into_inner())
}

/// Reads a binary workbook (`.xlsb`); its faults are gaps of the reading.
pub(super) fn read_binary(octets: &[u8], reading: &mut Reading<'_>) {
    guarded(reading, |reading| read_parts(octets, reading));
}

fn guarded(reading: &mut Reading<'_>, read: impl FnOnce(&mut Reading<'_>)) {
    if catch_unwind(AssertUnwindSafe(|| read(reading))).is_err() {
        reading.gap(Unread::Damaged);
    }
}

fn read_old(octets: &[u8], reading: &mut Reading<'_>) {
    let mut book: Xls<_> = match Xls::new(Cursor::new(octets)) {
        Ok(book) => book,
        Err(error) => {
            return reading.gap(if matches!(error, XlsError::Password) {
                Unread::Password
            } else {
                Unread::Damaged
            });
        }
    };
    let sheets = sheets(book.sheets_metadata(), reading);
    let mut cells = Cells::default();
    for (at, sheet) in sheets.iter().enumerate() {
        match book.worksheet_range(&sheet.name) {
            Ok(range) => {
                for (row, _, value) in range.used_cells() {
                    cells.put(row, &text(value));
                }
            }
            Err(_) => reading.gap(Unread::Damaged),
        }
        cells.end(at, sheet, reading);
    }
}

fn read_parts(octets: &[u8], reading: &mut Reading<'_>) {
    let mut book: Xlsb<_> = match Xlsb::new(Cursor::new(octets)) {
        Ok(book) => book,
        Err(error) => {
            return reading.gap(if matches!(error, XlsbError::Password) {
                Unread::Password
            } else {
                Unread::Damaged
            });
        }
    };
    let sheets = sheets(book.sheets_metadata(), reading);
    let mut cells = Cells::default();
    for (at, sheet) in sheets.iter().enumerate() {
        match book.worksheet_cells_reader(&sheet.name) {
            Ok(mut stream) => loop {
                match stream.next_cell() {
                    Ok(Some(found)) => {
                        let row = usize::try_from(found.get_position().0).unwrap_or(0);
                        cells.put(row, &borrowed(found.get_value()));
                    }
                    Ok(None) => break,
                    Err(_) => {
                        reading.gap(Unread::Damaged);
                        break;
                    }
                }
                if cells.left == 0 {
                    break;
                }
            },
            Err(_) => reading.gap(Unread::Damaged),
        }
        cells.end(at, sheet, reading);
    }
}

fn sheets(all: &[Sheet], reading: &mut Reading<'_>) -> Vec<Sheet> {
    if all.len() > SHEETS {
        reading.gap(Unread::Limit);
    }
    reading.file.pages = u32::try_from(all.len()).ok();
    all.iter().take(SHEETS).cloned().collect()
}

/// The text of a sheet being put together.
struct Cells {
    text: String,
    row: Option<usize>,
    left: usize,
}

impl Default for Cells {
    fn default() -> Self {
        Self { text: String::new(), row: None, left: SHEET_CELLS }
    }
}

impl Cells {
    fn put(&mut self, row: usize, shown: &str) {
        if shown.is_empty() || self.left == 0 {
            return;
        }
        self.left -= 1;
        if self.row.is_some_and(|last| last != row) {
            self.text.push('\n');
        }
        self.row = Some(row);
        self.text.push_str(shown);
        self.text.push('\t');
    }

    fn end(&mut self, at: usize, sheet: &Sheet, reading: &mut Reading<'_>) {
        let kind = if sheet.visible == SheetVisible::Visible { SpanKind::Visible } else { SpanKind::Hidden };
        reading.say(kind, u32::try_from(at + 1).ok(), &std::mem::take(&mut self.text));
        self.row = None;
        if self.left == 0 {
            reading.gap(Unread::Limit);
        }
    }
}

fn text(value: &Data) -> String {
    match value {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => cell::show(&number.to_string(), "General"),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTime(date) => cell::show(&date.as_f64().to_string(), "yyyy-mm-dd"),
        Data::Bool(_) | Data::Error(_) | Data::Empty => String::new(),
    }
}

fn borrowed(value: &DataRef<'_>) -> String {
    match value {
        DataRef::SharedString(text) => (*text).to_owned(),
        other => text(&Data::from(other.clone())),
    }
}
