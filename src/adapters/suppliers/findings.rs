//! What reading a supplier file or source found, beside the suppliers.

use super::csv::RowError;
use crate::limits;

/// What a reading found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What was read, in words: `CSV`, `Excel sheet …`.
    pub format: String,
    /// Refused rows, at most `limits::MAX_IMPORT_ERRORS`.
    pub errors: Vec<RowError>,
    /// What was taken but is worth a look, as many at most.
    pub warnings: Vec<RowError>,
    /// Data rows, refused ones included; empty ones are not counted.
    pub rows: usize,
    /// Refused rows.
    pub rejected: usize,
    /// Suppliers.
    pub suppliers: usize,
    /// Different accounts taken.
    pub accounts: usize,
    /// Suppliers that the ledger no longer uses.
    pub archived: usize,
    /// Suppliers without a phone number: a call-back is not possible.
    pub without_phone: usize,
    /// Suppliers that only a free mail address stands for.
    pub free_mail_only: usize,
    /// The file as a whole cannot be read: nothing of it is taken.
    pub stopped: bool,
}

impl Findings {
    pub(super) fn refuse(&mut self, error: RowError) {
        self.rejected = self.rejected.saturating_add(1);
        if self.errors.len() < limits::MAX_IMPORT_ERRORS {
            self.errors.push(error);
        }
    }

    pub(super) fn warn(&mut self, warning: RowError) {
        if self.warnings.len() < limits::MAX_IMPORT_ERRORS {
            self.warnings.push(warning);
        }
    }

    pub(super) fn stop(&mut self, error: RowError) {
        self.stopped = true;
        self.refuse(error);
    }
}
