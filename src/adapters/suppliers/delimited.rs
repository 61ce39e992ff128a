//! Rows of a delimited text (RFC 4180), as a stream in bounded memory.
//!
//! Our own reader, because what matters here is what readers usually forgive: a quotation mark that is never closed
//! swallows the rest of the file, and one inside a quoted cell shifts the columns. The first stops the file, the
//! second refuses the row. Cells that are no UTF-8 are read as Windows-1252, which Excel writes, and said so.

use super::csv::RowError;
use super::raw::{Mark, RawRow, Rows, stop};
use crate::limits;
use encoding_rs::WINDOWS_1252;
use std::io::BufRead;

/// Where the reader stands inside a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first octet of a cell.
    Start,
    /// Inside a cell without quotation marks.
    Plain,
    /// Inside quotation marks.
    Quoted,
    /// After a quotation mark inside quotation marks: the end of the cell, or the first of two.
    Closed,
}

/// A delimited text.
pub(super) struct Delimited<R> {
    input: R,
    delimiter: u8,
    /// Line of the next octet.
    line: u64,
    /// Whether the text claims to be Unicode, so that other octets are damage and not Windows-1252.
    declared: bool,
    cell: Vec<u8>,
    /// Octets read so far.
    octets: u64,
    /// Cells that were read as Windows-1252, and the first one's line.
    guessed: u64,
    guessed_line: u64,
    after_return: bool,
}

impl<R: BufRead + Send> Delimited<R> {
    /// Over octets that begin with line `line`.
    pub(super) fn new(input: R, delimiter: u8, line: u64, declared: bool) -> Self {
        Self {
            input,
            delimiter,
            line,
            declared,
            cell: Vec::new(),
            octets: 0,
            guessed: 0,
            guessed_line: 0,
            after_return: false,
        }
    }

    fn octet(&mut self) -> Result<Option<u8>, RowError> {
        let failed = |line, error: std::io::Error| stop(line, format!("the file cannot be read on: {error}"));
        let octet = match self.input.fill_buf() {
            Ok(buffer) => buffer.first().copied(),
            Err(error) => return Err(failed(self.line, error)),
        };
        if octet.is_some() {
            self.input.consume(1);
            self.octets = self.octets.saturating_add(1);
            if self.octets > limits::MAX_IMPORT_OCTETS {
                let reason = format!("the file is over {} octets; split it", limits::MAX_IMPORT_OCTETS);
                return Err(stop(0, reason));
            }
        }
        Ok(octet)
    }

    /// Puts an octet into the current cell, which stays bounded.
    fn keep(&mut self, octet: u8, row: &mut RawRow) {
        if self.cell.len() < limits::MAX_IMPORT_CELL {
            self.cell.push(octet);
        } else {
            row.refuse("", format!("a cell is over {} octets", limits::MAX_IMPORT_CELL));
        }
    }

    fn end_cell(&mut self, row: &mut RawRow) {
        let at = row.cells.len();
        if at >= limits::MAX_IMPORT_COLUMNS {
            row.refuse("", format!("the row has over {} cells", limits::MAX_IMPORT_COLUMNS));
            self.cell.clear();
            return;
        }
        if let Ok(text) = std::str::from_utf8(&self.cell) {
            if self.declared && text.contains('\u{fffd}') {
                row.marks.push((at, Mark::Undecodable));
            }
            row.cells.push_field(text);
        } else if self.declared {
            row.marks.push((at, Mark::Undecodable));
            row.cells.push_field(&String::from_utf8_lossy(&self.cell));
        } else {
            if self.guessed == 0 {
                self.guessed_line = row.line;
            }
            self.guessed = self.guessed.saturating_add(1);
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(&self.cell);
            row.cells.push_field(&text);
        }
        if self.cell.contains(&0) {
            row.refuse("", "holds a NUL octet, which no spreadsheet writes: the file is damaged".to_owned());
        }
        self.cell.clear();
    }

    /// Counts lines: `\n`, `\r\n` and `\r` each end one.
    fn count(&mut self, octet: u8) {
        match octet {
            b'\n' if self.after_return => {}
            b'\n' | b'\r' => self.line = self.line.saturating_add(1),
            _ => {}
        }
        self.after_return = octet == b'\r';
    }

    /// One octet inside a row. True when it ended the row.
    fn step(&mut self, octet: u8, at: &mut At, row: &mut RawRow) -> bool {
        let ends_row = matches!(octet, b'\n' | b'\r');
        match (*at, octet) {
            (At::Start, b'"') => *at = At::Quoted,
            (At::Quoted, b'"') => *at = At::Closed,
            (At::Quoted, octet) => self.keep(octet, row),
            (At::Closed, b'"') => {
                self.keep(b'"', row);
                *at = At::Quoted;
            }
            (_, octet) if octet == self.delimiter => {
                self.end_cell(row);
                *at = At::Start;
            }
            (At::Start, _) if ends_row => {
                self.end_cell(row);
                return true;
            }
            (At::Plain | At::Closed, _) if ends_row => {
                self.end_cell(row);
                return true;
            }
            // Blanks between the closing mark and the delimiter change nothing.
            (At::Closed, b' ' | b'\t') => {}
            (At::Closed, octet) => {
                let reason = "a quotation mark stands inside a quoted cell: write it twice";
                row.refuse("", reason.to_owned());
                self.keep(octet, row);
            }
            (At::Start | At::Plain, octet) => {
                *at = At::Plain;
                self.keep(octet, row);
            }
        }
        false
    }
}

impl<R: BufRead + Send> Rows for Delimited<R> {
    fn next(&mut self, row: &mut RawRow) -> Result<bool, RowError> {
        let mut first = self.octet()?;
        // The second half of `\r\n`.
        if self.after_return && first == Some(b'\n') {
            self.after_return = false;
            first = self.octet()?;
        }
        row.clear(self.line);
        self.cell.clear();
        let (mut at, mut opened, mut length) = (At::Start, self.line, 0_usize);
        let Some(mut octet) = first else { return Ok(false) };
        loop {
            let before = at;
            let line = self.line;
            self.count(octet);
            if self.step(octet, &mut at, row) {
                return Ok(true);
            }
            if at == At::Quoted && before == At::Start {
                (opened, length) = (line, 0);
            }
            length = length.saturating_add(1);
            if at == At::Quoted && length > limits::MAX_IMPORT_QUOTED {
                return Err(never_closed(opened));
            }
            match self.octet()? {
                Some(next) => octet = next,
                None if at == At::Quoted => return Err(never_closed(opened)),
                None => {
                    self.end_cell(row);
                    return Ok(true);
                }
            }
        }
    }

    fn notes(&self) -> Vec<RowError> {
        if self.guessed == 0 {
            return Vec::new();
        }
        let reason = format!(
            "{} cells are not UTF-8 and were read as Windows-1252, the first in this line; check letters with accents",
            self.guessed
        );
        vec![stop(self.guessed_line, reason)]
    }
}

fn never_closed(line: u64) -> RowError {
    stop(line, "a quotation mark that opens here is never closed; nothing was read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &[u8], delimiter: u8) -> Result<Vec<(u64, Vec<String>, bool)>, RowError> {
        let mut reader = Delimited::new(text, delimiter, 1, false);
        let (mut row, mut out) = (RawRow::default(), Vec::new());
        while reader.next(&mut row)? {
            out.push((row.line, row.cells.iter().map(str::to_owned).collect(), row.fault.is_some()));
        }
        Ok(out)
    }

    fn plain(text: &str) -> Vec<(u64, Vec<String>)> {
        rows(text.as_bytes(), b',').expect(text).into_iter().map(|(line, cells, _)| (line, cells)).collect()
    }

    #[test]
    fn lines_quotes_and_ends() {
        let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        for (text, want) in [
            ("a,b\nc", vec![(1, cells(&["a", "b"])), (2, cells(&["c"]))]),
            ("a\r\n\r\nb\r\n", vec![(1, cells(&["a"])), (2, cells(&[""])), (3, cells(&["b"]))]),
            ("a\rb\r", vec![(1, cells(&["a"])), (2, cells(&["b"]))]),
            ("\"x\r\ny\",z\nq", vec![(1, cells(&["x\r\ny", "z"])), (3, cells(&["q"]))]),
            ("\"say \"\"hi\"\"\" ,z", vec![(1, cells(&["say \"hi\"", "z"]))]),
            ("5\" pipe,z", vec![(1, cells(&["5\" pipe", "z"]))]),
            (",\n", vec![(1, cells(&["", ""]))]),
            ("", vec![]),
        ] {
            assert_eq!(plain(text), want, "{text:?}");
        }
    }

    #[test]
    fn what_readers_usually_forgive() {
        assert_eq!(rows(b"a\n1,\"x\ny,z\n", b',').unwrap_err().line, 2, "never closed");
        let shifted = rows(b"\"Smith \"Bob\" Ltd\",x\ny\n", b',').unwrap();
        assert_eq!(shifted.iter().map(|(_, _, fault)| *fault).collect::<Vec<_>>(), [true, false]);
        assert!(rows(b"a\0b,c\n", b',').unwrap()[0].2, "NUL");
        let long = [vec![b'x'; limits::MAX_IMPORT_CELL + 1], b"\ny\n".to_vec()].concat();
        let read = rows(&long, b',').unwrap();
        assert_eq!((read[0].2, read[0].1[0].len(), read[1].2), (true, limits::MAX_IMPORT_CELL, false));
        let wide = [vec![b','; 1_000_000], b"\ny\n".to_vec()].concat();
        let read = rows(&wide, b',').unwrap();
        assert_eq!((read[0].2, read[0].1.len(), read[1].2), (true, limits::MAX_IMPORT_COLUMNS, false));
        let open = [b"\"".to_vec(), vec![b'x'; limits::MAX_IMPORT_QUOTED + 10], b"\"\n".to_vec()].concat();
        assert_eq!(rows(&open, b',').unwrap_err().line, 1, "a cell without end is not collected");
    }

    #[test]
    fn a_cell_that_is_no_utf_8_is_windows_1252_and_said_so() {
        let mut reader = Delimited::new(&b"Z\xc3\xbcrich,x\nM\xfcller,y\n"[..], b',', 1, false);
        let (mut row, mut seen) = (RawRow::default(), Vec::new());
        while reader.next(&mut row).expect("reads") {
            seen.push(row.cells.get(0).unwrap_or_default().to_owned());
        }
        assert_eq!(seen, ["Zürich", "Müller"]);
        assert_eq!(reader.notes().iter().map(|note| note.line).collect::<Vec<_>>(), [2]);
        let mut declared = Delimited::new(&b"M\xfcller\n"[..], b',', 1, true);
        assert!(declared.next(&mut row).expect("reads"));
        assert_eq!(row.marks, [(0, Mark::Undecodable)]);
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_writes_is_read_back(
            table in proptest::collection::vec(proptest::collection::vec("[a-c\",;\r\n é]{0,6}", 2..5), 1..8)
        ) {
            let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).expect("writes");
            }
            let text = writer.into_inner().expect("flushes");
            let read: Vec<Vec<String>> =
                rows(&text, b',').expect("reads").into_iter().map(|(_, cells, _)| cells).collect();
            prop_assert_eq!(read, table);
        }

        #[test]
        fn no_octets_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            rows(&text, b',').ok();
        }
    }
}
