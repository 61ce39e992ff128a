//! A feed of suppliers into the database: one batch, seen whole or not at all.
//!
//! An import adds and corrects, it never takes away: names, numbers and states are replaced by what the file says,
//! lists grow. The same file twice changes nothing. What it may not do is verify by the way: no account on record
//! becomes `verified`, or stops being `retired` or `blocked`, and no new account of a known supplier is better than
//! `pending`, unless the importing person said `--verified`; a verification case is opened instead. How it is written
//! without stopping the mail is told in [`super::batches`].

mod accounts;
mod known;
mod one;

use super::batches::{BatchKind, NewBatch, Side, apply, generation, raise};
use super::csv::is_provisional;
use super::draft::{Author, Draft};
use super::feed::{Incoming, SupplierFeed};
use super::records::{Stored, SupplierRecords, hidden};
use super::report::note;
pub use super::report::{AccountChange, Ambiguous, ImportReport, ProposedDomain, SharedAccount};
use super::rows::ValueKind;
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Durability, Event, StoreError, append_audit, config_changed};
use crate::limits;
use crate::model::OrgId;
use known::{elsewhere, withdraw_cases};

/// How records are brought in.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions<'a> {
    /// The importing person says that all accounts are verified.
    pub verified: bool,
    /// Report only.
    pub dry_run: bool,
    /// Who imports, for the audit log.
    pub actor: &'a str,
    /// Where from, for the audit log: a file name without its folder, or a source's name.
    pub source: &'a str,
    /// A live source, not a file: an account beside a verified one is drift.
    pub sync: bool,
    /// Hex SHA-256 of the file, if it is one.
    pub hash: Option<&'a str>,
}

/// One import at work.
struct Session<'a> {
    records: &'a SupplierRecords,
    org: OrgId,
    /// Empty in a dry run.
    batch: String,
    options: &'a ImportOptions<'a>,
    now: i64,
    report: ImportReport,
    /// Whether accounts on record change their state: their open cases end then.
    states_change: bool,
    rows: usize,
}

/// One supplier of the feed beside its record.
struct Planned<'a> {
    id: &'a str,
    incoming: &'a Incoming,
    stored: Option<&'a Stored>,
}

impl SupplierRecords {
    /// Brings the suppliers of a feed into the database as one batch. Tell the other nodes of
    /// [`ImportReport::generation`] afterwards.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of the feed stands then. [`StoreError::Conflict`] when another import is at work.
    pub async fn import(
        &self,
        org: OrgId,
        feed: &mut dyn SupplierFeed,
        options: &ImportOptions<'_>,
    ) -> Result<ImportReport, StoreError> {
        let kind = if options.sync { BatchKind::Sync } else { BatchKind::Import };
        let new = NewBatch {
            kind,
            actor: options.actor,
            source: options.source,
            hash: options.hash,
            verified: options.verified,
        };
        let batch = if options.dry_run { String::new() } else { self.stage(org, &new).await? };
        let mut session = Session {
            records: self,
            org,
            batch: batch.clone(),
            options,
            now: self.clock.now_ms(),
            report: ImportReport::default(),
            states_change: false,
            rows: 0,
        };
        let done = session.run(feed).await;
        if options.dry_run {
            return done.map(|()| session.report);
        }
        match done {
            Ok(()) if session.rows > 0 => match session.commit().await {
                Ok(report) => Ok(report),
                Err(error) => {
                    self.give_up(org, &batch).await?;
                    Err(error)
                }
            },
            Ok(()) => {
                self.give_up(org, &batch).await?;
                Ok(session.report)
            }
            // Whoever comes next clears away what this attempt cannot.
            Err(error) => {
                self.give_up(org, &batch).await.ok();
                Err(error)
            }
        }
    }
}

impl Session<'_> {
    async fn run(&mut self, feed: &mut dyn SupplierFeed) -> Result<(), StoreError> {
        let mut beat_at = self.now;
        loop {
            let incoming = feed.next_batch(limits::IMPORT_BATCH)?;
            if incoming.is_empty() {
                return Ok(());
            }
            let draft = self.draft(&incoming).await?;
            let now = self.records.clock.now_ms();
            let silent = now.saturating_sub(beat_at) > super::batches::millis(limits::IMPORT_LEASE) / 3;
            if self.options.dry_run || draft.is_empty() && !silent {
                continue;
            }
            beat_at = now;
            self.rows = self.rows.saturating_add(draft.size());
            let mut write = self.records.database.scope(self.org).write_as(Durability::Quick).await?;
            self.records.beat(&mut write, self.org, &self.batch).await?;
            draft.write(&mut write, self.org, &self.batch).await?;
            write.commit().await?;
        }
    }

    /// What one batch of suppliers adds and changes.
    async fn draft(&mut self, incoming: &[Incoming]) -> Result<Draft, StoreError> {
        let records = self.records;
        let mut read = records.database.scope(self.org).read().await?;
        // What this import staged so far counts for itself.
        let hidden = if self.options.dry_run { hidden(&mut read, self.org).await? } else { String::new() };
        let batch = self.batch.clone();
        let by = Author {
            keyring: &*records.keyring,
            ids: &*records.ids,
            org: self.org,
            batch: &batch,
            actor: self.options.actor,
            source: self.options.source,
            now: self.now,
        };
        let candidates = records.candidates(&mut read, &by, &hidden, incoming).await?;
        let elsewhere = elsewhere(&mut read, &by, &hidden, incoming).await?;
        let handled = self.handled(&mut read, &by, &hidden, &candidates).await?;
        drop(read);
        let mut draft = Draft::default();
        for one in incoming {
            let new = &one.supplier;
            let tax = new.vat_number.as_deref().map(|tax| by.fingerprint(ValueKind::Tax, tax)).transpose()?;
            let name = by.fingerprint(ValueKind::Name, &new.name)?;
            let Ok(stored) = candidates.resolve(new, tax.as_ref(), &name) else {
                let ambiguous = Ambiguous { name: new.name.clone(), lines: one.lines.clone() };
                note(&mut self.report.ambiguous, ambiguous);
                continue;
            };
            let id = match stored {
                Some(stored) => stored.id.0.clone(),
                None if is_provisional(&new.id) => records.ids.ulid().to_string(),
                None => new.id.0.clone(),
            };
            let planned = Planned { id: &id, incoming: one, stored };
            self.supplier(&by, &planned, &elsewhere, &handled, &mut draft)?;
        }
        Ok(draft)
    }

    /// Makes all of it count.
    async fn commit(mut self) -> Result<ImportReport, StoreError> {
        let (org, batch) = (self.org, self.batch.clone());
        let now = self.records.clock.now_ms();
        let scope = self.records.database.scope(org);
        if self.states_change {
            // Only noted, and nobody decides a case while a batch stages: it need not lengthen the commit.
            let mut write = scope.write_as(Durability::Quick).await?;
            self.records.beat(&mut write, org, &batch).await?;
            withdraw_cases(&mut write, org, &batch).await?;
            write.commit().await?;
        }
        let mut write = scope.write().await?;
        raise(&mut write, org).await?;
        self.records.beat(&mut write, org, &batch).await?;
        apply(&mut write, org, &batch, Side::After, now).await?;
        let counts = self.report.counts(self.options.verified);
        sqlx::query(
            "UPDATE supplier_batches SET state = 'committed', committed_at = $1, counts = $2 \
             WHERE org_id = $3 AND id = $4",
        )
        .bind(now)
        .bind(counts.to_string())
        .bind(org.to_string())
        .bind(&batch)
        .execute(&mut *write)
        .await?;
        let mut detail = counts;
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("batch".to_owned(), batch.as_str().into());
        }
        let action =
            if self.options.sync { AuditAction::SuppliersSync } else { AuditAction::SuppliersImport };
        let (actor, subject) = (self.options.actor, self.options.source);
        let event = Event { org, at: now, actor, action, subject, detail, private: None };
        append_audit(&mut write, self.records.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        self.report.generation = Some(generation(&mut write, org).await?);
        self.report.batch = Some(batch);
        write.commit().await?;
        Ok(self.report)
    }
}
