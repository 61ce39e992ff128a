//! Rows of an Excel workbook (.xlsx, ECMA-376), as a stream in bounded memory.
//!
//! Our own walk over the sheet's XML, because an importer of account numbers must know what usual readers hide: whether
//! a cell is text or a number, and with which number format. A number has lost its leading zeros, unless the format
//! (`00-00-00`) puts them back, and keeps 15 digits only. Every part is unpacked under a limit, so an archive that
//! unpacks to a thousand times its size costs time and no memory.

mod number;
mod parts;
mod sheet;
mod xml;

use super::csv::RowError;
use super::raw::{RawRow, Rows, stop};
use crate::limits;
use parts::{Package, Styles};
use sheet::Sheet;
use std::io::{self, Read, Seek, SeekFrom};

/// One sheet of a workbook.
pub(super) struct Workbook {
    name: String,
    sheet: Sheet,
}

impl Workbook {
    /// Opens a workbook at a sheet, or at its first visible one.
    pub(super) fn open(input: impl Read, wanted: Option<&str>) -> Result<Self, RowError> {
        let mut file = tempfile::tempfile().map_err(unreadable)?;
        let copied = io::copy(&mut input.take(limits::MAX_WORKBOOK.saturating_add(1)), &mut file);
        if copied.map_err(unreadable)? > limits::MAX_WORKBOOK {
            let reason =
                format!("the workbook is over {} octets: save its sheet as CSV", limits::MAX_WORKBOOK);
            return Err(stop(0, reason));
        }
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let mut package = Package::open(file)?;
        let (name, part) = package.sheet(wanted)?;
        let styles = Styles::read(&mut package)?;
        let texts = parts::shared_texts(&mut package)?;
        let sheet = Sheet::new(package.part(&part)?, styles, texts);
        Ok(Self { name, sheet })
    }

    /// The name of the sheet.
    pub(super) fn sheet(&self) -> &str {
        &self.name
    }
}

impl Rows for Workbook {
    fn next(&mut self, row: &mut RawRow) -> Result<bool, RowError> {
        self.sheet.next(row)
    }
}

fn unreadable(error: io::Error) -> RowError {
    stop(0, format!("the workbook cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
