//! The rows of a file on disk between the two walks over it.
//!
//! A file is read once; its rows are kept in a temporary file that has no name, so that it is gone with the process.
//! Small files stay in memory. The second walk reads rows by their place, so memory grows with the number of rows by
//! some octets each and not with the file.

use super::raw::{Mark, RawRow};
use crate::limits;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use tempfile::SpooledTempFile;

/// Rows being written.
pub(super) struct SpoolWriter {
    file: BufWriter<SpooledTempFile>,
    length: u64,
    buffer: Vec<u8>,
}

/// Rows to be read by their place.
pub(super) struct Spool {
    file: BufReader<SpooledTempFile>,
    buffer: Vec<u8>,
    at: u64,
}

impl SpoolWriter {
    pub(super) fn new() -> Self {
        let file = BufWriter::new(SpooledTempFile::new(limits::IMPORT_IN_MEMORY));
        Self { file, length: 0, buffer: Vec::new() }
    }

    /// Appends a row and says where it lies.
    pub(super) fn push(&mut self, row: &RawRow) -> io::Result<u64> {
        let place = self.length;
        self.buffer.clear();
        put_number(&mut self.buffer, row.line);
        put_number(&mut self.buffer, wide(row.cells.len()));
        for cell in &row.cells {
            put_text(&mut self.buffer, cell);
        }
        put_number(&mut self.buffer, wide(row.marks.len()));
        for (at, mark) in &row.marks {
            put_number(&mut self.buffer, wide(*at));
            self.buffer.push(mark.code());
        }
        let (column, reason) = row.fault.as_ref().map_or(("", ""), |(column, reason)| (column, reason));
        put_text(&mut self.buffer, column);
        put_text(&mut self.buffer, reason);
        self.file.write_all(&wide(self.buffer.len()).to_le_bytes())?;
        self.file.write_all(&self.buffer)?;
        self.length = self.length.saturating_add(8).saturating_add(wide(self.buffer.len()));
        Ok(place)
    }

    pub(super) fn finish(self) -> io::Result<Spool> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spool { file: BufReader::new(file), buffer: Vec::new(), at: 0 })
    }
}

impl Spool {
    /// Reads the row at a place that [`SpoolWriter::push`] gave.
    pub(super) fn read(&mut self, place: u64, row: &mut RawRow) -> io::Result<()> {
        let distance = i64::try_from(place)
            .ok()
            .zip(i64::try_from(self.at).ok())
            .and_then(|(to, from)| to.checked_sub(from))
            .ok_or_else(damaged)?;
        self.file.seek_relative(distance)?;
        let mut length = [0_u8; 8];
        self.file.read_exact(&mut length)?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| damaged())?;
        if length > limits::MAX_IMPORT_ROW {
            return Err(damaged());
        }
        self.buffer.resize(length, 0);
        self.file.read_exact(&mut self.buffer)?;
        self.at = place.saturating_add(8).saturating_add(wide(length));
        decode(&self.buffer, row).ok_or_else(damaged)
    }
}

fn decode(mut octets: &[u8], row: &mut RawRow) -> Option<()> {
    let octets = &mut octets;
    row.clear(number(octets)?);
    for _ in 0..number(octets)? {
        row.cells.push_field(text(octets)?);
    }
    for _ in 0..number(octets)? {
        let at = usize::try_from(number(octets)?).ok()?;
        let (code, rest) = octets.split_first()?;
        *octets = rest;
        row.marks.push((at, Mark::from_code(*code)?));
    }
    let (column, reason) = (text(octets)?, text(octets)?);
    if !reason.is_empty() {
        row.fault = Some((column.to_owned(), reason.to_owned()));
    }
    Some(())
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, wide(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn number(octets: &mut &[u8]) -> Option<u64> {
    let (head, rest) = octets.split_first_chunk::<8>()?;
    *octets = rest;
    Some(u64::from_le_bytes(*head))
}

fn text<'a>(octets: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(number(octets)?).ok()?;
    let (head, rest) = octets.split_at_checked(length)?;
    *octets = rest;
    std::str::from_utf8(head).ok()
}

fn damaged() -> io::Error {
    io::Error::other("the temporary copy of the file is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_any_order() {
        let row = |line: u64| RawRow {
            line,
            cells: ::csv::StringRecord::from(vec![format!("a{line}"), String::new(), "é\n".repeat(3)]),
            marks: vec![(2, Mark::Rounded)],
            fault: line.is_multiple_of(2).then(|| ("c".to_owned(), "why".to_owned())),
        };
        let mut writer = SpoolWriter::new();
        let places: Vec<u64> = (0..100).map(|line| writer.push(&row(line)).expect("writes")).collect();
        let mut spool = writer.finish().expect("finishes");
        let mut read = RawRow::default();
        for line in [99_u64, 0, 50, 51, 3] {
            spool.read(places[usize::try_from(line).unwrap()], &mut read).expect("reads");
            let want = row(line);
            assert_eq!(
                (read.line, &read.cells, &read.marks, &read.fault),
                (want.line, &want.cells, &want.marks, &want.fault)
            );
        }
        assert!(spool.read(1 << 40, &mut read).is_err());
    }
}
