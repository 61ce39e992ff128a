//! One sync: a source is asked, what it says is judged like a file, and the difference is taken in as one batch.

use super::keep::{Source, Sources};
use super::{Changes, FAILED, Kind, RowSink, SourceError};
use crate::adapters::store::StoreError;
use crate::adapters::suppliers::findings::Findings;
use crate::adapters::suppliers::import::{AccountChange, ImportOptions, ImportReport};
use crate::adapters::suppliers::reading::{ReadOptions, Reading};
use crate::adapters::suppliers::records::SupplierRecords;
use crate::limits;
use crate::model::OrgId;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// How a source is asked.
#[derive(Clone, Copy, Debug)]
pub struct SyncHow<'a> {
    /// Report only; the source stays where it stands.
    pub dry_run: bool,
    /// All records instead of what changed.
    pub full: bool,
    /// Who asks, for the audit log.
    pub actor: &'a str,
}

/// What a sync did, or would do.
#[derive(Clone, Debug, Default)]
pub struct SyncReport {
    /// The source.
    pub source: String,
    /// What its records say.
    pub found: Findings,
    /// What became of them.
    pub report: ImportReport,
    /// Accounts of the ledger beside a verified one on record: each has a case, nothing else happened.
    pub drift: Vec<AccountChange>,
}

/// Runs syncs.
#[derive(Clone)]
pub struct Syncs {
    sources: Sources,
    records: SupplierRecords,
    turns: Turns,
}

/// Whose turn it is to import into an organisation's directory. Sources of one organisation are read beside each other
/// and taken in one after the other, without either running into the other's import.
type Turns = Arc<Mutex<BTreeMap<OrgId, Arc<Mutex<()>>>>>;

impl Syncs {
    /// Over sources and records of the same database.
    #[must_use]
    pub fn new(sources: Sources, records: SupplierRecords) -> Self {
        Self { sources, records, turns: Turns::default() }
    }

    /// The sources.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Asks one source and takes in the difference. At most one sync of a source at a time.
    ///
    /// # Errors
    /// [`SourceError`]: nothing was taken in. It is kept with the source, too.
    pub async fn sync(&self, org: OrgId, name: &str, how: SyncHow<'_>) -> Result<SyncReport, SourceError> {
        let source = self.sources.get(org, name).await?;
        if !self.sources.lease(org, name).await? {
            let reason = "another sync of this source is at work";
            return Err(StoreError::Taken(reason.to_owned()).into());
        }
        let asked = tokio::time::timeout(limits::SYNC_TIMEOUT, Box::pin(self.ask(org, &source, how))).await;
        let outcome = asked.unwrap_or_else(|_| {
            Err(SourceError::Unavailable(format!("it took over {} s", limits::SYNC_TIMEOUT.as_secs())))
        });
        if how.dry_run {
            self.sources.release(org, name).await?;
            return outcome.map(|(report, _)| report);
        }
        let (cursor, error) = match &outcome {
            // Refused records are asked for again until somebody has corrected them.
            Ok((report, changes)) if is_whole(report) => (changes.cursor.clone(), None),
            Ok((report, _)) => (source.cursor.clone(), Some(incomplete(report))),
            Err(error) => (source.cursor.clone(), Some(error.to_string())),
        };
        self.sources.settle(org, &source, cursor.as_deref(), error.as_deref()).await?;
        outcome.map(|(report, _)| report)
    }

    async fn ask(
        &self,
        org: OrgId,
        source: &Source,
        how: SyncHow<'_>,
    ) -> Result<(SyncReport, Changes), SourceError> {
        let kind = Kind::named(&source.kind).ok_or(StoreError::NotFound("kind of source"))?;
        let options = self.sources.options(org, source).await?;
        let ledger = (kind.build)(options, self.sources.vault(org, &source.name))?;
        let since = source.cursor.as_deref().filter(|_| !how.full);
        let (mut sink, rows) = RowSink::new();
        let format = format!("{} `{}`", kind.name, source.name);
        let reading = tokio::task::spawn_blocking(move || {
            Reading::of_rows(Box::new(rows), format, ReadOptions::default())
        });
        let changes = ledger.changes(since, &mut sink).await;
        let (sent, notes) = (sink.sent(), sink.take_notes());
        match &changes {
            Ok(_) => sink.finish().await,
            Err(_) => sink.fail().await,
        }
        let reading =
            reading.await.map_err(|_| SourceError::Refused("its records cannot be read".to_owned()));
        let changes = match (changes, &reading) {
            (Ok(changes), _) => changes,
            // The reading stopped for a reason of its own, and the source met a closed door.
            (Err(_), Ok(reading)) if stopped(reading) != FAILED => {
                return Err(SourceError::Refused(stopped(reading)));
            }
            (Err(error), _) => return Err(error),
        };
        let mut reading = reading?;
        notes.into_iter().for_each(|note| reading.found.warn(note));
        let mut report = SyncReport { source: source.name.clone(), ..SyncReport::default() };
        // The header alone, or nothing at all: no record has changed.
        if sent <= 1 {
            return Ok((report, changes));
        }
        if reading.found.stopped {
            return Err(SourceError::Refused(stopped(&reading)));
        }
        let options = ImportOptions {
            dry_run: how.dry_run,
            actor: how.actor,
            source: &source.name,
            sync: true,
            ..ImportOptions::default()
        };
        let turn = Arc::clone(self.turns.lock().await.entry(org).or_default());
        let turn = turn.lock().await;
        report.report = self.records.import(org, &mut reading, &options).await?;
        drop(turn);
        report.drift = report.report.changes.iter().filter(|change| drifts(change)).cloned().collect();
        report.found = reading.found;
        Ok((report, changes))
    }
}

/// An account that the ledger has, beside a verified one that the record has.
fn drifts(change: &AccountChange) -> bool {
    change.case.is_some() && !change.beside.is_empty()
}

fn is_whole(report: &SyncReport) -> bool {
    report.found.rejected == 0 && report.report.ambiguous.is_empty()
}

fn incomplete(report: &SyncReport) -> String {
    let count = report.found.rejected.saturating_add(report.report.ambiguous.len());
    format!("{count} records were refused; `sentra suppliers sync {} --dry-run` names them", report.source)
}

/// Why a reading stopped, with the column names of the source but none of its values.
fn stopped(reading: &Reading) -> String {
    reading
        .found
        .errors
        .last()
        .map_or_else(|| "its records cannot be read".to_owned(), |error| error.reason.clone())
}
