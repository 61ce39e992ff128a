//! The rows that were refused, as a file that can be corrected and imported again.
//!
//! The cells stand as they were read, a last column `reason` says what is wrong. Import reads that column as little as any
//! other that it does not know, so the corrected file may keep it.

use super::export::safe;
use super::raw::RawRow;
use super::reading::Reading;
use ::csv::{StringRecord, Terminator, WriterBuilder};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Columns of a file without a header row before the reason: behind all that is read by position.
const WIDTH: usize = 64;

impl Reading {
    /// Writes the refused rows, and those that the database refused (`more`: line and reason). Says how many.
    ///
    /// # Errors
    /// What `out` or the temporary copy of the file reports.
    pub fn write_rejects(&mut self, more: &BTreeMap<u64, String>, out: &mut dyn Write) -> io::Result<usize> {
        let Some(mut spool) = self.spool.take() else { return Ok(0) };
        let mut places: Vec<u64> = self.refused.clone();
        if !more.is_empty() {
            places.extend(self.taken_places());
        }
        places.sort_unstable();
        let mut writer = WriterBuilder::new().flexible(true).terminator(Terminator::CRLF).from_writer(out);
        if let Some(header) = &self.header {
            writer.write_record(with_reason(header, header.len(), "reason")).map_err(io::Error::from)?;
        }
        let width = self.header.as_ref().map_or(WIDTH, StringRecord::len);
        let (mut raw, mut written) = (RawRow::default(), 0_usize);
        for place in places {
            spool.read(place, &mut raw)?;
            let reason = match (&raw.fault, more.get(&raw.line)) {
                (Some((column, reason)), _) if column.is_empty() => format!("line {}: {reason}", raw.line),
                (Some((column, reason)), _) => format!("line {}, {column}: {reason}", raw.line),
                (None, Some(reason)) => format!("line {}: {reason}", raw.line),
                (None, None) if more.is_empty() => {
                    format!("line {}: does not fit on its supplier's record", raw.line)
                }
                (None, None) => continue,
            };
            writer.write_record(with_reason(&raw.cells, width, &reason)).map_err(io::Error::from)?;
            written = written.saturating_add(1);
        }
        writer.flush()?;
        self.spool = Some(spool);
        Ok(written)
    }
}

/// Cells that a spreadsheet runs none of, padded, and the reason.
fn with_reason(cells: &StringRecord, width: usize, reason: &str) -> Vec<String> {
    let mut out: Vec<String> = cells.iter().map(|cell| safe(cell).into_owned()).collect();
    while out.len() < width {
        out.push(String::new());
    }
    out.push(safe(reason).into_owned());
    out
}
