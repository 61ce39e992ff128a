//! The cells of a sheet, row by row (ECMA-376 part 1, 18.3.1.4 and 18.3.1.73).

use super::number;
use super::parts::{SharedTexts, Styles};
use super::xml::{Xml, append, attribute};
use crate::adapters::suppliers::csv::RowError;
use crate::adapters::suppliers::raw::{Mark, RawRow, stop};
use crate::limits;
use quick_xml::events::{BytesStart, Event};

/// A sheet being read.
pub(super) struct Sheet {
    xml: Xml,
    styles: Styles,
    texts: SharedTexts,
    /// Number of the last row.
    line: u64,
    started: bool,
    ended: bool,
}

/// A cell being read.
#[derive(Default)]
struct Cell {
    column: usize,
    kind: String,
    style: Option<usize>,
    value: String,
}

/// What a token means to the sheet.
enum Step {
    Row(Option<u64>),
    EmptyRow(Option<u64>),
    Cell(Cell, Option<usize>, bool),
    TextBegins,
    TextEnds,
    CellEnds,
    RowEnds,
    SheetEnds,
    Begins,
    FileEnds,
    Other,
}

impl Sheet {
    pub(super) fn new(xml: Xml, styles: Styles, texts: SharedTexts) -> Self {
        Self { xml, styles, texts, line: 0, started: false, ended: false }
    }

    /// The next row; false after the last.
    pub(super) fn next(&mut self, row: &mut RawRow) -> Result<bool, RowError> {
        if self.ended {
            return Ok(false);
        }
        let (mut cell, mut in_text, mut value) = (Cell::default(), false, String::new());
        let mut next_column = 0_usize;
        row.clear(self.line);
        loop {
            let step = {
                let event = self.xml.event()?;
                if in_text {
                    append(&event, &mut value);
                }
                step(&event)
            };
            match step {
                Step::Begins => self.started = true,
                Step::Row(line) | Step::EmptyRow(line) if self.started => {
                    self.line = line.unwrap_or_else(|| self.line.saturating_add(1));
                    row.clear(self.line);
                    next_column = 0;
                }
                Step::Cell(begun, column, ends) => {
                    cell = begun;
                    cell.column = column.unwrap_or(next_column);
                    value.clear();
                    if ends {
                        next_column = cell.column.saturating_add(1);
                    }
                }
                Step::TextBegins => in_text = true,
                Step::TextEnds => in_text = false,
                Step::CellEnds => {
                    std::mem::swap(&mut cell.value, &mut value);
                    next_column = cell.column.saturating_add(1);
                    self.put(&cell, row);
                }
                Step::RowEnds => return Ok(true),
                Step::SheetEnds => {
                    self.ended = true;
                    self.xml.drain()?;
                    return Ok(false);
                }
                Step::FileEnds => return Err(stop(0, "the workbook is damaged: the sheet has no end")),
                Step::Row(_) | Step::EmptyRow(_) | Step::Other => {}
            }
        }
    }

    /// Puts a cell into its place in the row.
    fn put(&self, cell: &Cell, row: &mut RawRow) {
        let (text, mark) = self.text(cell);
        if text.is_empty() && mark.is_none() {
            return;
        }
        if cell.column >= limits::MAX_IMPORT_COLUMNS {
            let reason =
                format!("has a cell beyond the {} columns that are read", limits::MAX_IMPORT_COLUMNS);
            return row.refuse("", reason);
        }
        if cell.column < row.cells.len() {
            return row.refuse("", "has a cell twice: the workbook is damaged".to_owned());
        }
        if text.len() > limits::MAX_IMPORT_CELL {
            return row.refuse("", format!("a cell is over {} octets", limits::MAX_IMPORT_CELL));
        }
        while row.cells.len() < cell.column {
            row.cells.push_field("");
        }
        if let Some(mark) = mark.or_else(|| text.contains('\u{fffd}').then_some(Mark::Undecodable)) {
            row.marks.push((cell.column, mark));
        }
        row.cells.push_field(&text);
    }

    fn text(&self, cell: &Cell) -> (String, Option<Mark>) {
        match cell.kind.as_str() {
            "s" => {
                let shared = cell.value.trim().parse::<usize>().ok().and_then(|at| self.texts.get(at));
                shared
                    .map_or_else(|| (cell.value.clone(), Some(Mark::Broken)), |text| (text.to_owned(), None))
            }
            "str" | "inlineStr" => (cell.value.clone(), None),
            "b" => (if cell.value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(), None),
            "e" => (cell.value.clone(), Some(Mark::Broken)),
            "d" => (cell.value.clone(), Some(Mark::Date)),
            _ if cell.value.trim().is_empty() => (String::new(), None),
            _ => number::text(&cell.value, self.styles.format(cell.style)),
        }
    }
}

fn step(event: &Event<'_>) -> Step {
    match event {
        Event::Start(tag) => begun(tag, false),
        Event::Empty(tag) => begun(tag, true),
        Event::End(tag) => match tag.local_name().as_ref() {
            b"v" | b"t" => Step::TextEnds,
            b"c" => Step::CellEnds,
            b"row" => Step::RowEnds,
            b"sheetData" => Step::SheetEnds,
            _ => Step::Other,
        },
        Event::Eof => Step::FileEnds,
        _ => Step::Other,
    }
}

fn begun(tag: &BytesStart<'_>, empty: bool) -> Step {
    let number = |name| attribute(tag, name).and_then(|text| text.parse::<u64>().ok());
    match (tag.local_name().as_ref(), empty) {
        (b"sheetData", false) => Step::Begins,
        (b"sheetData", true) => Step::SheetEnds,
        (b"row", false) => Step::Row(number("r")),
        (b"row", true) => Step::EmptyRow(number("r")),
        (b"c", _) => {
            let column = attribute(tag, "r").as_deref().and_then(column);
            let style = attribute(tag, "s").and_then(|text| text.parse().ok());
            let kind = attribute(tag, "t").unwrap_or_default();
            Step::Cell(Cell { column: 0, kind, style, value: String::new() }, column, empty)
        }
        (b"v" | b"t", false) => Step::TextBegins,
        _ => Step::Other,
    }
}

/// The column of a reference, from 0: `A1` gives 0, `XFD1048576` gives 16,383.
fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_uppercase).take(4);
    let number = letters.fold(0_usize, |sum, letter| {
        sum.saturating_mul(26).saturating_add(usize::from(letter.saturating_sub(b'A'))).saturating_add(1)
    });
    number.checked_sub(1)
}
