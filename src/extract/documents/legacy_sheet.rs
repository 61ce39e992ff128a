//! Excel files of before 2007 (`.xls`) and binary ones (`.xlsb`), by calamine.
//!
//! It allots an old sheet as a rectangle, so two cells in opposite corners cost what the process may have: the worker
//! dies of it and the document is unread. Number formats are not known here, so a sort code may lack its zeros.

use super::cell;
use super::reading::Reading;
use crate::limits::{SHEET_CELLS, SHEETS};
use crate::model::{SpanKind, Unread};
use calamine::{Data, DataRef, Reader as _, Sheet, SheetVisible, Xls, XlsError, Xlsb, XlsbError};
use std::io::Cursor;

pub(super) fn read(octets: &[u8], reading: &mut Reading<'_>) {
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

/// Whether a workbook names a sheet that begins outside its own stream (BoundSheet8, [MS-XLS] 2.4.28): calamine panics
/// there.
pub(super) fn points_outside(stream: &[u8]) -> bool {
    const BOUND_SHEET: u16 = 0x0085;
    const EOF: u16 = 0x000A;
    let mut rest = stream;
    while let Some((&[a, b, c, d], tail)) = rest.split_first_chunk::<4>() {
        let (kind, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        let Some((body, next)) = tail.split_at_checked(length) else { return false };
        let begins = body.first_chunk::<4>().and_then(|at| usize::try_from(u32::from_le_bytes(*at)).ok());
        if kind == BOUND_SHEET && begins.is_none_or(|begins| begins > stream.len()) {
            return true;
        }
        if kind == EOF {
            return false;
        }
        rest = next;
    }
    false
}

pub(super) fn read_binary(octets: &[u8], reading: &mut Reading<'_>) {
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
