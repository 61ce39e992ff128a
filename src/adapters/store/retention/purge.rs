//! A run: class by class, step by step, some rows a transaction.

use super::super::decisions;
use super::super::error::{StoreError, damaged};
use super::super::{Store, placeholders};
use super::steps::{Cursor, How, Step};
use super::{Purged, RetentionRun, RunState, standing, steps};
use crate::adapters::audit::AuditAction;
use crate::adapters::history;
use crate::limits;
use crate::model::{HeldState, OrgId, Preferences, QuarantineId, Retained};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A run under way.
struct Run<'a> {
    org: OrgId,
    id: &'a str,
    actor: &'a str,
    classes: Vec<Purged>,
}

impl Run<'_> {
    /// The part of the report that tells of a class.
    fn part(&mut self, class: Retained) -> Option<&mut Purged> {
        self.classes.iter_mut().find(|part| part.class == class)
    }

    fn count(&mut self, class: Retained, removed: u64, held_back: u64) {
        if let Some(part) = self.part(class) {
            part.count = part.count.saturating_add(removed);
            part.held_back = part.held_back.saturating_add(held_back);
        }
    }
}

/// What one transaction did.
struct Batch {
    /// Where to go on; `None`: nothing is left.
    next: Option<Cursor>,
    /// Bodies whose rows no longer name them.
    bodies: Vec<QuarantineId>,
}

impl Store {
    /// Removes what is older than the organisation wants it kept, in small transactions with pauses between them, and
    /// stores a report. A run that is killed is gone on with by the next one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] while another one is at work; [`StoreError`] of database, keys and object store: what went
    /// so far is in the report.
    pub async fn purge(
        &self,
        org: OrgId,
        chosen: &Preferences,
        actor: &str,
    ) -> Result<RetentionRun, StoreError> {
        let now = self.clock.now_ms();
        let classes = Retained::ALL.into_iter().map(|class| Purged::new(class, chosen, now));
        let classes = classes.collect::<Result<Vec<_>, _>>()?;
        let id = self.begin_run(org, &classes, actor).await?;
        let mut run = Run { org, id: &id, actor, classes };
        let mut ended = Ok(());
        for class in Retained::ALL {
            if let Some(before) = class.keeps_since(chosen, now) {
                ended = self.purge_class(&mut run, class, before).await;
            }
            if ended.is_err() {
                break;
            }
        }
        let state = if ended.is_ok() { RunState::Done } else { RunState::Failed };
        let classes = run.classes;
        // Whoever took our place has the word now.
        if !matches!(ended, Err(StoreError::Conflict(_))) {
            let noted = self.end_run(org, &id, state, &classes, actor).await;
            ended = ended.and(noted);
        }
        ended?;
        let runs = self.retention_runs(org, limits::MAX_RETENTION_RUNS).await?;
        runs.into_iter().find(|run| run.id == id).ok_or_else(|| damaged("report of a purge"))
    }

    async fn purge_class(&self, run: &mut Run<'_>, class: Retained, before: i64) -> Result<(), StoreError> {
        if self.suspended(run, class).await? {
            return Ok(());
        }
        match class {
            Retained::Audit => {
                let pruned = self.prune_audit(run.org, before, run.actor).await?;
                run.count(class, pruned.removed, 0);
            }
            Retained::History => self.purge_history(run, before).await?,
            _ => {
                for step in steps::of(class) {
                    self.purge_step(run, class, step, before).await?;
                }
            }
        }
        if class == Retained::Imports { self.purge_orphans(run).await } else { Ok(()) }
    }

    /// A hold that was placed just now counts from here on.
    async fn suspended(&self, run: &mut Run<'_>, class: Retained) -> Result<bool, StoreError> {
        let mut read = self.database.scope(run.org).read().await?;
        let why = standing(&mut read, run.org).await?.suspends(class);
        let suspended = why.is_some();
        if let Some(part) = run.part(class) {
            part.suspended = why;
        }
        Ok(suspended)
    }

    async fn purge_step(
        &self,
        run: &mut Run<'_>,
        class: Retained,
        step: &'static Step,
        before: i64,
    ) -> Result<(), StoreError> {
        let mut read = self.database.scope(run.org).read().await?;
        let all = step.count(&mut read, run.org, before, false).await?;
        let free = step.count(&mut read, run.org, before, true).await?;
        drop(read);
        run.count(class, 0, all.count.saturating_sub(free.count));
        let mut cursor = Some(Cursor::default());
        while let Some(after) = cursor {
            let began = Instant::now();
            let batch = self.purge_batch(run, class, step, before, &after).await?;
            // Row first: a crash here leaves sealed bodies that `sweep_bodies` removes, never an entry without its body.
            for body in batch.bodies {
                self.bodies.delete(run.org, body).await?;
            }
            cursor = batch.next;
            pause(began).await;
        }
        Ok(())
    }

    /// The next rows of a step, in one transaction with what the report says of them.
    async fn purge_batch(
        &self,
        run: &mut Run<'_>,
        class: Retained,
        step: &'static Step,
        before: i64,
        after: &Cursor,
    ) -> Result<Batch, StoreError> {
        let most =
            if step.how == How::DeleteBody { limits::RETENTION_BODIES } else { limits::RETENTION_BATCH };
        let mut write = self.database.scope(run.org).write().await?;
        let holds = standing(&mut write, run.org).await?;
        if holds.suspends(class).is_some() {
            return Ok(Batch { next: None, bodies: Vec::new() });
        }
        let open = !holds.suppliers.is_empty();
        let page = step.page(&mut write, run.org, before, after, most, open).await?;
        let Some(last) = page.last() else { return Ok(Batch { next: None, bodies: Vec::new() }) };
        let next = Some(last.cursor()).filter(|_| i64::try_from(page.len()).is_ok_and(|rows| rows >= most));
        let free = page.iter().filter(|row| !self.concerns(run.org, row, &holds));
        let ids: Vec<String> = free.map(|row| row.id.clone()).collect();
        let held_back = u64::try_from(page.len().saturating_sub(ids.len())).unwrap_or_default();
        let bodies = self.take(&mut write, run, step, &ids).await?;
        run.count(class, u64::try_from(ids.len()).unwrap_or_default(), held_back);
        self.touch_run(&mut write, run.org, run.id, &run.classes).await?;
        write.commit().await?;
        Ok(Batch { next, bodies })
    }

    /// Removes these rows; returns whose bodies are to go once that is committed.
    async fn take(
        &self,
        write: &mut AnyConnection,
        run: &Run<'_>,
        step: &Step,
        ids: &[String],
    ) -> Result<Vec<QuarantineId>, StoreError> {
        let mut bodies = Vec::new();
        if ids.is_empty() {
            return Ok(bodies);
        }
        match step.how {
            How::Delete => by_ids(write, run.org, &format!("DELETE FROM {}", step.table), "id", ids).await?,
            How::EmptyFacts => {
                // No value at all: not even a sealed one.
                by_ids(write, run.org, "UPDATE messages SET facts = substr(facts, 1, 0)", "id", ids).await?;
            }
            How::DeleteBody => {
                let now = self.clock.now_ms();
                for id in ids {
                    let id = id.parse().map_err(|_| damaged("quarantine entry"))?;
                    decisions::step(write, run.org, id, HeldState::Deleted, now).await?;
                    bodies.push(id);
                }
                self.note_entries(write, run, "body", ids).await?;
            }
            How::DeleteEntry => {
                by_ids(write, run.org, "DELETE FROM outbox", "quarantine_id", ids).await?;
                by_ids(write, run.org, "DELETE FROM history_held", "quarantine_id", ids).await?;
                by_ids(write, run.org, "DELETE FROM quarantine", "id", ids).await?;
                self.note_entries(write, run, "record", ids).await?;
            }
        }
        Ok(bodies)
    }

    /// Somebody may ask one day where an entry went.
    async fn note_entries(
        &self,
        write: &mut AnyConnection,
        run: &Run<'_>,
        class: &str,
        ids: &[String],
    ) -> Result<(), StoreError> {
        let detail = json!({ "run": run.id, "entries": ids });
        self.note(write, run.org, run.actor, AuditAction::RetentionPurge, class, detail).await
    }

    async fn purge_history(&self, run: &mut Run<'_>, before: i64) -> Result<(), StoreError> {
        let sql = format!(
            "DELETE FROM history WHERE org_id = $1 AND kind = $2 AND last_seen < $3 AND (subject, detail) IN \
             (SELECT subject, detail FROM history WHERE org_id = $1 AND kind = $2 AND last_seen < $3 LIMIT {})",
            limits::RETENTION_BATCH
        );
        for kind in history::KINDS {
            loop {
                let began = Instant::now();
                let mut write = self.database.scope(run.org).write().await?;
                if standing(&mut write, run.org).await?.suspends(Retained::History).is_some() {
                    return Ok(());
                }
                let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(run.org.to_string()).bind(kind);
                let gone = query.bind(before).execute(&mut *write).await?.rows_affected();
                if gone == 0 {
                    break;
                }
                run.count(Retained::History, gone, 0);
                self.touch_run(&mut write, run.org, run.id, &run.classes).await?;
                write.commit().await?;
                pause(began).await;
            }
        }
        Ok(())
    }

    /// Notes of changes whose batch is gone: nobody can read or undo them any more.
    async fn purge_orphans(&self, run: &mut Run<'_>) -> Result<(), StoreError> {
        let sql = format!(
            "DELETE FROM supplier_changes WHERE org_id = $1 AND (batch_id, entity, row_id) IN \
             (SELECT c.batch_id, c.entity, c.row_id FROM supplier_changes c WHERE c.org_id = $1 AND NOT EXISTS \
             (SELECT 1 FROM supplier_batches b WHERE b.org_id = $1 AND b.id = c.batch_id) LIMIT {})",
            limits::RETENTION_BATCH
        );
        loop {
            let began = Instant::now();
            let mut write = self.database.scope(run.org).write().await?;
            let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(run.org.to_string());
            if query.execute(&mut *write).await?.rows_affected() == 0 {
                return Ok(());
            }
            self.touch_run(&mut write, run.org, run.id, &run.classes).await?;
            write.commit().await?;
            pause(began).await;
        }
    }
}

/// Runs `statement` on the rows whose `column` is one of these.
async fn by_ids(
    write: &mut AnyConnection,
    org: OrgId,
    statement: &str,
    column: &str,
    ids: &[String],
) -> Result<(), StoreError> {
    let marks = placeholders(2, ids.len());
    let sql = format!("{statement} WHERE org_id = $1 AND {column} IN ({marks})");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    ids.iter().fold(query, |query, id| query.bind(id.as_str())).execute(write).await?;
    Ok(())
}

/// Mail gets the database for as long as the batch had it.
async fn pause(began: Instant) {
    sleep(began.elapsed().clamp(limits::RETENTION_PAUSE, Duration::from_secs(1))).await;
}
