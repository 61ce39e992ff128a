//! Rows as they stand in a file or come from a source, before anybody knows what the columns mean.

use super::accounts::CellError;
use super::csv::RowError;
use ::csv::StringRecord;

/// What a reader knows about a cell beyond its text: spreadsheets keep numbers, and numbers lose zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The cell is a number without a format that keeps leading zeros.
    Number,
    /// The cell is a number of more digits than a spreadsheet keeps (15), or no whole one.
    Rounded,
    /// The cell holds an error such as `#N/A`.
    Broken,
    /// The text has characters that could not be decoded.
    Undecodable,
    /// The cell is a date: a spreadsheet takes `01-02-03` for one.
    Date,
}

impl Mark {
    /// One octet for the spool.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Number => 0,
            Self::Rounded => 1,
            Self::Broken => 2,
            Self::Undecodable => 3,
            Self::Date => 4,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Number, Self::Rounded, Self::Broken, Self::Undecodable, Self::Date]
            .into_iter()
            .find(|mark| mark.code() == code)
    }
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct RawRow {
    /// Line of the file where it begins, from 1; of a source without lines, the number of the record.
    pub(super) line: u64,
    /// Its cells, as many as `limits::MAX_IMPORT_COLUMNS` and each as long as `limits::MAX_IMPORT_CELL` at most.
    pub(super) cells: StringRecord,
    /// What is known about cells, by place.
    pub(super) marks: Vec<(usize, Mark)>,
    /// Why the row as such cannot be read, whatever the columns mean.
    pub(super) fault: Option<CellError>,
}

impl RawRow {
    pub(super) fn clear(&mut self, line: u64) {
        self.line = line;
        self.cells.clear();
        self.marks.clear();
        self.fault = None;
    }

    /// Whether no cell holds anything.
    pub(super) fn is_blank(&self) -> bool {
        self.fault.is_none() && self.cells.iter().all(|cell| cell.trim().is_empty())
    }

    /// The first fault of the row stays.
    pub(super) fn refuse(&mut self, column: &str, reason: String) {
        self.fault.get_or_insert_with(|| (column.to_owned(), reason));
    }
}

/// Where rows come from: the header row first, if there is one.
pub(super) trait Rows: Send {
    /// Reads the next row; false at the end.
    ///
    /// # Errors
    /// The file as a whole cannot be read, and nothing of it may be taken.
    fn next(&mut self, row: &mut RawRow) -> Result<bool, RowError>;

    /// What is worth saying about the file once it is read.
    fn notes(&self) -> Vec<RowError> {
        Vec::new()
    }
}

/// A fault of the file as a whole.
pub(super) fn stop(line: u64, reason: impl Into<String>) -> RowError {
    RowError { line, column: String::new(), reason: reason.into() }
}
