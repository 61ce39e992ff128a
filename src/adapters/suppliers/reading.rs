//! One reading of a supplier file or source: what it says, what is wrong with it, and the feed of its suppliers.
//!
//! Two walks. The first reads every row once, judges it, assigns it to its supplier and spools it; after it everything
//! that is wrong is known and the file is no longer needed. The second, as often as the feed is walked, puts the rows of
//! each supplier together. A preview and an import are the same reading.

use super::accounts::CellError;
use super::columns::{Column, Columns};
use super::csv::{ParseOptions, RowError};
use super::feed::{FeedError, Incoming, Lifecycle, SupplierFeed};
pub use super::findings::Findings;
use super::fold::{Index, merge};
use super::format;
use super::map::Map;
use super::raw::{RawRow, Rows, stop};
use super::row::{self, Row};
use super::spool::{Spool, SpoolWriter};
use super::text::Hashing;
use crate::limits;
use crate::model::{AccountState, SupplierRecord};
use ::csv::StringRecord;
use std::collections::BTreeSet;
use std::io::{self, Read};

/// How a file or source is read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Every account counts as verified, except those whose `status` says retired or blocked.
    pub verified: bool,
    /// Which columns are which, instead of recognising them.
    pub map: Option<Map>,
    /// The sheet of a workbook; otherwise the map's, otherwise the first.
    pub sheet: Option<String>,
    /// Country (ISO 3166 alpha-2, upper case) of bank details in rows that name none.
    pub country: Option<String>,
}

impl From<ParseOptions> for ReadOptions {
    fn from(options: ParseOptions) -> Self {
        Self { verified: options.verified, ..Self::default() }
    }
}

/// Where a row lies and whose it is.
#[derive(Clone, Copy, Debug)]
struct RowPlace {
    supplier: usize,
    place: u64,
}

/// A file or source that was read to its end.
pub struct Reading {
    /// What was found.
    pub found: Findings,
    pub(super) spool: Option<Spool>,
    pub(super) columns: Option<Columns>,
    /// The header row as written; `None` where the file has none.
    pub(super) header: Option<StringRecord>,
    /// Places of the refused rows, in the order of the file.
    pub(super) refused: Vec<u64>,
    taken: Vec<RowPlace>,
    options: ReadOptions,
    /// Place in `taken` of the next supplier's first row.
    at: usize,
}

impl Reading {
    /// Reads a file of any known format to its end.
    #[must_use]
    pub fn of_file(input: Box<dyn Read + Send>, options: ReadOptions) -> Self {
        let (input, sum) = Hashing::over(input);
        let mut reading = match format::open(input, &options) {
            Ok((name, rows)) => Self::of_rows(rows, name, options),
            Err(error) => {
                let mut reading = Self::new(options);
                reading.found.stop(error);
                reading
            }
        };
        reading.found.hash = sum.take();
        reading
    }

    /// Reads rows to their end, the header row first.
    pub(super) fn of_rows(mut rows: Box<dyn Rows>, format: String, options: ReadOptions) -> Self {
        let mut reading = Self::new(options);
        reading.found.format = format;
        let mut walk = FirstWalk { spool: SpoolWriter::new(), index: Index::default() };
        let walked = reading.walk(rows.as_mut(), &mut walk);
        for note in rows.notes() {
            reading.found.warn(note);
        }
        let spooled = walk.spool.finish();
        match (walked, spooled) {
            (Ok(()), Ok(spool)) => {
                reading.spool = Some(spool);
                reading.found.suppliers = walk.index.len();
                drop(walk.index);
                if let Err(error) = reading.settle() {
                    reading.found.stop(stop(0, error.to_string()));
                }
            }
            (Err(error), spool) => {
                reading.found.stop(error);
                // For the reject file.
                reading.spool = spool.ok();
            }
            (_, Err(error)) => reading.found.stop(unwritable(&error)),
        }
        if reading.found.stopped {
            reading.taken.clear();
            (reading.found.suppliers, reading.found.accounts) = (0, 0);
        }
        reading
    }

    fn new(options: ReadOptions) -> Self {
        Self {
            found: Findings::default(),
            spool: None,
            columns: None,
            header: None,
            refused: Vec::new(),
            taken: Vec::new(),
            options,
            at: 0,
        }
    }

    fn walk(&mut self, rows: &mut dyn Rows, walk: &mut FirstWalk) -> Result<(), RowError> {
        let mut raw = RawRow::default();
        while rows.next(&mut raw)? {
            if raw.is_blank() {
                continue;
            }
            let Some(columns) = &self.columns else {
                if self.begin(&raw)? {
                    self.take(walk, &mut raw)?;
                }
                continue;
            };
            if columns.repeats_header(&raw.cells) && self.header.is_some() {
                let reason = "says the header row again and was left out";
                self.found.warn(stop(raw.line, reason));
                continue;
            }
            if self.found.rows >= limits::MAX_IMPORT_ROWS {
                let reason = format!("the file has over {} rows: split it", limits::MAX_IMPORT_ROWS);
                return Err(stop(raw.line, reason));
            }
            self.take(walk, &mut raw)?;
        }
        if self.found.rows == 0 {
            return Err(stop(0, "the file has no rows below its header"));
        }
        Ok(())
    }

    /// The first row: a header, or a supplier already (then true).
    fn begin(&mut self, raw: &RawRow) -> Result<bool, RowError> {
        if let Some((_, reason)) = &raw.fault {
            return Err(stop(raw.line, format!("the header row cannot be read: {reason}")));
        }
        let (mut columns, has_header) = match &self.options.map {
            Some(map) => {
                let header = map.has_header.then_some(&raw.cells);
                let columns = Columns::from_map(map, header).map_err(|reason| stop(raw.line, reason))?;
                (columns, map.has_header)
            }
            None => self.recognise(raw)?,
        };
        columns.country = self.options.country.clone().or(columns.country);
        self.header = has_header.then(|| raw.cells.clone());
        self.columns = Some(columns);
        Ok(!has_header)
    }

    fn recognise(&mut self, raw: &RawRow) -> Result<(Columns, bool), RowError> {
        let mut duplicates = Vec::new();
        match Columns::from_header(&raw.cells, raw.line, &mut duplicates) {
            Some(columns) if columns.has(Column::Name) => {
                duplicates.into_iter().for_each(|warning| self.found.warn(warning));
                return Ok((columns, true));
            }
            Some(_) => {}
            None => {
                if let Some(columns) = Columns::sage_50(&raw.cells) {
                    let reason = "there is no header row; read by position as a Sage 50 supplier file";
                    self.found.warn(stop(raw.line, reason));
                    return Ok((columns, false));
                }
            }
        }
        Err(stop(raw.line, "there is no column `name` (or a ledger's word for it) in the header row"))
    }

    /// Takes one data row: to its supplier, or to the refused ones.
    fn take(&mut self, walk: &mut FirstWalk, raw: &mut RawRow) -> Result<(), RowError> {
        self.found.rows = self.found.rows.saturating_add(1);
        let line = raw.line;
        let judged = self.judge(raw).and_then(|mut row| {
            let warnings = std::mem::take(&mut row.warnings);
            walk.index.assign(&row, line).map(|assigned| (assigned, warnings))
        });
        match judged {
            Ok((assigned, warnings)) => {
                for (column, reason) in warnings.into_iter().chain(assigned.warnings) {
                    self.found.warn(RowError { line, column, reason });
                }
                self.found.accounts = self.found.accounts.saturating_add(assigned.new_accounts);
                let place = walk.spool.push(raw).map_err(|error| unwritable(&error))?;
                self.taken.push(RowPlace { supplier: assigned.supplier, place });
            }
            Err((column, reason)) => {
                raw.fault = Some((column.clone(), reason.clone()));
                let place = walk.spool.push(raw).map_err(|error| unwritable(&error))?;
                self.refused.push(place);
                self.found.refuse(RowError { line, column, reason });
            }
        }
        Ok(())
    }

    fn judge(&self, raw: &RawRow) -> Result<Row, CellError> {
        let columns =
            self.columns.as_ref().ok_or_else(|| (String::new(), "there are no columns".to_owned()))?;
        let mut row = row::read(columns, raw)?;
        for account in &mut row.accounts {
            if self.options.verified && account.state == AccountState::Pending {
                account.state = AccountState::Verified;
            }
        }
        Ok(row)
    }

    /// Places of the rows that were taken.
    pub(super) fn taken_places(&self) -> impl Iterator<Item = u64> {
        self.taken.iter().map(|row| row.place)
    }

    /// The suppliers as a whole, once: what their rows say against each other, and what they lack.
    fn settle(&mut self) -> Result<(), FeedError> {
        // Stable, so the rows of one supplier keep their order.
        self.taken.sort_by_key(|row| row.supplier);
        let mut refused = BTreeSet::new();
        while let Some(rows) = self.next_rows() {
            let (incoming, lost) = self.together(&rows, true)?;
            refused.extend(lost);
            let Some(incoming) = incoming else { continue };
            self.count(&incoming);
        }
        self.taken.retain(|row| !refused.contains(&row.place));
        self.refused.extend(refused);
        self.at = 0;
        let found = &mut self.found;
        let notes = [
            (found.without_phone, "suppliers have no phone number: a call-back is not possible"),
            (
                found.free_mail_only,
                "suppliers have no domain of their own: only their exact addresses identify them",
            ),
        ];
        for (count, reason) in notes.into_iter().filter(|(count, _)| *count > 0) {
            found.warn(stop(0, format!("{count} {reason}")));
        }
        Ok(())
    }

    fn count(&mut self, incoming: &Incoming) {
        let supplier = &incoming.supplier;
        let found = &mut self.found;
        let add = |count: &mut usize, yes: bool| *count = count.saturating_add(usize::from(yes));
        let active = incoming.lifecycle == Lifecycle::Active;
        add(&mut found.archived, !active);
        add(&mut found.without_phone, active && supplier.phones.is_empty());
        let known = !supplier.domains.is_empty() || !incoming.derived.is_empty();
        add(&mut found.free_mail_only, active && !known);
    }

    /// The rows of the next supplier.
    fn next_rows(&mut self) -> Option<Vec<RowPlace>> {
        let first = *self.taken.get(self.at)?;
        let rows: Vec<RowPlace> = self
            .taken
            .iter()
            .skip(self.at)
            .take_while(|row| row.supplier == first.supplier)
            .copied()
            .collect();
        self.at = self.at.saturating_add(rows.len());
        Some(rows)
    }

    /// One supplier of its rows, and the places of those that do not fit on it. The first time they are reported.
    fn together(
        &mut self,
        rows: &[RowPlace],
        report: bool,
    ) -> Result<(Option<Incoming>, Vec<u64>), FeedError> {
        let (mut incoming, mut lost, mut raw) = (None, Vec::new(), RawRow::default());
        for at in rows {
            let spool = self.spool.as_mut().ok_or_else(|| io::Error::other("the rows are gone"))?;
            spool.read(at.place, &mut raw)?;
            let line = raw.line;
            let row = self.judge(&raw).map_err(|(_, reason)| io::Error::other(reason))?;
            let mut warnings = Vec::new();
            let mut warn = |column: &str, reason: String| {
                warnings.push(RowError { line, column: column.to_owned(), reason });
            };
            let merged = merge(&mut incoming, row, line, &mut warn);
            if !report {
                continue;
            }
            warnings.into_iter().for_each(|warning| self.found.warn(warning));
            if let Err((column, reason)) = merged {
                lost.push(at.place);
                self.found.refuse(RowError { line, column, reason });
            }
        }
        Ok((incoming.map(finished), lost))
    }
}

/// What an erased supplier's placeholders are worth: nothing. A domain that one row derived and another names is named.
fn finished(mut incoming: Incoming) -> Incoming {
    if !incoming.supplier.domains.is_empty() {
        incoming.derived.clear();
    }
    if incoming.lifecycle == Lifecycle::Erased {
        incoming.derived.clear();
        let supplier = incoming.supplier;
        incoming.supplier = SupplierRecord {
            aliases: Vec::new(),
            domains: Vec::new(),
            emails: Vec::new(),
            phones: Vec::new(),
            vat_number: None,
            company_number: None,
            accounts: Vec::new(),
            ..supplier
        };
    }
    incoming
}

/// What the first walk builds beside the findings.
struct FirstWalk {
    spool: SpoolWriter,
    index: Index,
}

fn unwritable(error: &io::Error) -> RowError {
    stop(0, format!("the rows cannot be kept in the temporary folder: {error}"))
}

impl SupplierFeed for Reading {
    fn next_batch(&mut self, most: usize) -> Result<Vec<Incoming>, FeedError> {
        let mut batch = Vec::new();
        while batch.len() < most {
            let Some(rows) = self.next_rows() else { break };
            let (incoming, _) = self.together(&rows, false)?;
            batch.extend(incoming);
        }
        Ok(batch)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }
}
