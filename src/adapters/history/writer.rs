//! The one task that writes. Lessons gather for a second or until there are enough; then each organisation's marks are
//! added up in one transaction, which is not fsynced by itself: a power cut may take the last second, a killed process
//! only what had not been written.

use super::marks::{self, Mark, kind};
use crate::adapters::store::{Database, Durability, StoreError};
use crate::limits;
use crate::model::{Lesson, OrgId, QuarantineId, Seen};
use crate::ports::{Clock, Keyring};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// What is asked of the writer.
pub(super) enum Task {
    Learn(Box<Lesson>),
    Keep(QuarantineId, Box<Lesson>),
    Released(OrgId, QuarantineId),
}

impl Task {
    fn org(&self) -> OrgId {
        match self {
            Self::Learn(lesson) | Self::Keep(_, lesson) => lesson.org,
            Self::Released(org, _) => *org,
        }
    }
}

pub(super) struct Writer {
    database: Database,
    keyring: Arc<dyn Keyring>,
    clock: Arc<dyn Clock>,
    queue: mpsc::Receiver<Task>,
    /// Taken from the queue and not yet committed.
    waiting: Vec<Task>,
    /// Failed tries of what waits.
    tries: usize,
    /// Organisations that this process wrote for: whom upkeep visits.
    active: BTreeSet<OrgId>,
}

impl Writer {
    pub(super) fn new(
        database: Database,
        keyring: Arc<dyn Keyring>,
        clock: Arc<dyn Clock>,
        queue: mpsc::Receiver<Task>,
    ) -> Self {
        let waiting = Vec::with_capacity(limits::HISTORY_BATCH);
        Self { database, keyring, clock, queue, waiting, tries: 0, active: BTreeSet::new() }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut flush = interval(limits::HISTORY_FLUSH);
        let mut upkeep = interval(limits::HISTORY_UPKEEP);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let room = self.waiting.len() < limits::HISTORY_BATCH;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = flush.tick() => self.write().await,
                _ = upkeep.tick() => self.keep_up().await,
                task = self.queue.recv(), if room => match task {
                    Some(task) => {
                        self.waiting.push(task);
                        if self.waiting.len() >= limits::HISTORY_BATCH {
                            self.write().await;
                        }
                    }
                    None => break,
                },
            }
        }
        self.queue.close();
        while let Some(task) = self.queue.recv().await {
            self.waiting.push(task);
            if self.waiting.len() >= limits::HISTORY_BATCH {
                self.write_finally().await;
            }
        }
        self.write_finally().await;
    }

    /// At the end there is no later try.
    async fn write_finally(&mut self) {
        self.tries = limits::HISTORY_TRIES;
        self.write().await;
    }

    /// Writes what waits, organisation by organisation; what fails waits for the next try.
    async fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut by_org: BTreeMap<OrgId, Vec<Task>> = BTreeMap::new();
        for task in self.waiting.drain(..) {
            by_org.entry(task.org()).or_default().push(task);
        }
        let mut failed = Vec::new();
        for (org, tasks) in by_org {
            match self.write_for(org, &tasks).await {
                Ok(()) => {
                    count("written", tasks.len());
                    if self.active.len() < limits::HISTORY_ORGANISATIONS {
                        self.active.insert(org);
                    }
                }
                Err(error) => {
                    tracing::warn!(org.id = %org, %error, "the history could not be written and is tried again");
                    failed.extend(tasks);
                }
            }
        }
        self.tries = if failed.is_empty() { 0 } else { self.tries.saturating_add(1) };
        if self.tries > limits::HISTORY_TRIES {
            count("dropped", failed.len());
            failed.clear();
            self.tries = 0;
        }
        self.waiting = failed;
    }

    async fn write_for(&self, org: OrgId, tasks: &[Task]) -> Result<(), StoreError> {
        let mut sum: BTreeMap<Mark, Seen> = BTreeMap::new();
        let mut kept = Vec::new();
        for task in tasks {
            match task {
                Task::Learn(lesson) => {
                    add(&mut sum, marks::of_lesson(&*self.keyring, lesson)?, lesson.at_ms);
                }
                Task::Keep(id, lesson) => {
                    kept.push((*id, lesson.at_ms, marks::of_lesson(&*self.keyring, lesson)?));
                }
                Task::Released(..) => {}
            }
        }
        let mut write = self.database.scope(org).write_as(Durability::Quick).await?;
        for (id, at_ms, marks) in &kept {
            put_aside(&mut write, org, *id, *at_ms, marks).await?;
        }
        for task in tasks {
            if let Task::Released(_, id) = task {
                take_up(&mut write, org, *id, &mut sum).await?;
            }
        }
        upsert(&mut write, org, &sum).await?;
        write.commit().await
    }

    /// Prunes message ids, and takes up releases that a killed process did not tell of.
    async fn keep_up(&self) {
        for org in self.active.iter().copied() {
            if let Err(error) = self.keep_up_for(org).await {
                tracing::warn!(org.id = %org, %error, "the history could not be pruned");
            }
        }
    }

    async fn keep_up_for(&self, org: OrgId) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write_as(Durability::Quick).await?;
        let mut sum = BTreeMap::new();
        for id in decided(&mut write, org, true).await? {
            take_up(&mut write, org, id, &mut sum).await?;
        }
        upsert(&mut write, org, &sum).await?;
        for id in decided(&mut write, org, false).await? {
            forget(&mut write, org, id).await?;
        }
        let oldest = self
            .clock
            .now_ms()
            .saturating_sub(i64::try_from(limits::HISTORY_THREAD_AGE.as_millis()).unwrap_or(i64::MAX));
        let newest = "SELECT last_seen FROM history WHERE org_id = $1 AND kind = $2 ORDER BY last_seen DESC LIMIT 1 OFFSET $3";
        let full: Option<i64> = sqlx::query_scalar(newest)
            .bind(org.to_string())
            .bind(kind::THREAD)
            .bind(limits::HISTORY_THREADS)
            .fetch_optional(&mut *write)
            .await?;
        let until = oldest.max(full.unwrap_or(oldest));
        sqlx::query("DELETE FROM history WHERE org_id = $1 AND kind = $2 AND last_seen <= $3")
            .bind(org.to_string())
            .bind(kind::THREAD)
            .bind(until)
            .execute(&mut *write)
            .await?;
        write.commit().await
    }
}

fn add(sum: &mut BTreeMap<Mark, Seen>, marks: Vec<Mark>, at_ms: i64) {
    let once = Seen { first_ms: at_ms, last_ms: at_ms, times: 1 };
    // A message counts once, however often it names a thing.
    for mark in BTreeSet::from_iter(marks) {
        let seen = sum.entry(mark).or_default();
        *seen = seen.and(once);
    }
}

/// Puts the marks of a held message aside. A second try of the same hold changes nothing.
async fn put_aside(
    write: &mut AnyConnection,
    org: OrgId,
    id: QuarantineId,
    at_ms: i64,
    marks: &[Mark],
) -> Result<(), StoreError> {
    let marks = serde_json::to_string(marks).map_err(|error| StoreError::Invalid(error.to_string()))?;
    sqlx::query(
        "INSERT INTO history_held (org_id, quarantine_id, held_at, marks) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (org_id, quarantine_id) DO NOTHING",
    )
    .bind(org.to_string())
    .bind(id.to_string())
    .bind(at_ms)
    .bind(marks)
    .execute(write)
    .await?;
    Ok(())
}

/// Adds what was put aside to the sum, and removes it: each release teaches once.
async fn take_up(
    write: &mut AnyConnection,
    org: OrgId,
    id: QuarantineId,
    sum: &mut BTreeMap<Mark, Seen>,
) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT held_at, marks FROM history_held WHERE org_id = $1 AND quarantine_id = $2")
        .bind(org.to_string())
        .bind(id.to_string())
        .fetch_optional(&mut *write)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let text: String = row.try_get(1)?;
    // One that cannot be read teaches nothing.
    let marks: Vec<Mark> = serde_json::from_str(&text).unwrap_or_default();
    add(sum, marks, row.try_get(0)?);
    forget(write, org, id).await
}

async fn forget(write: &mut AnyConnection, org: OrgId, id: QuarantineId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM history_held WHERE org_id = $1 AND quarantine_id = $2")
        .bind(org.to_string())
        .bind(id.to_string())
        .execute(write)
        .await?;
    Ok(())
}

/// Held messages with something put aside that were released (and not told of), or that never will be.
async fn decided(
    write: &mut AnyConnection,
    org: OrgId,
    released: bool,
) -> Result<Vec<QuarantineId>, StoreError> {
    let states = if released { "= 'released'" } else { "IN ('rejected', 'deleted', 'expired')" };
    let sql = format!(
        "SELECT h.quarantine_id FROM history_held h JOIN quarantine q ON q.org_id = h.org_id AND q.id = h.quarantine_id \
         WHERE h.org_id = $1 AND q.state {states} ORDER BY h.quarantine_id LIMIT {}",
        limits::HISTORY_MISSED
    );
    let ids: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(org.to_string()).fetch_all(write).await?;
    Ok(ids.iter().filter_map(|id| QuarantineId::from_str(id).ok()).collect())
}

/// Adds marks up, in statements of a few sizes, each prepared once.
async fn upsert(write: &mut AnyConnection, org: OrgId, sum: &BTreeMap<Mark, Seen>) -> Result<(), StoreError> {
    let rows: Vec<(&Mark, &Seen)> = sum.iter().collect();
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let mut size = limits::HISTORY_STATEMENT;
        while size > rest.len() {
            size /= 2;
        }
        let (now, later) = rest.split_at(size.max(1));
        rest = later;
        let mut sql = String::from(
            "INSERT INTO history (org_id, subject, kind, detail, first_seen, last_seen, times) VALUES ",
        );
        for number in 0..now.len() {
            let first = number.saturating_mul(6).saturating_add(2);
            let comma = if number == 0 { "" } else { ", " };
            // Writing into a String cannot fail.
            let marks = (first..first.saturating_add(6)).map(|mark| format!("${mark}")).collect::<Vec<_>>();
            write!(sql, "{comma}($1, {})", marks.join(", ")).ok();
        }
        sql.push_str(
            " ON CONFLICT (org_id, subject, kind, detail) DO UPDATE SET \
             first_seen = CASE WHEN excluded.first_seen < history.first_seen THEN excluded.first_seen \
             ELSE history.first_seen END, \
             last_seen = CASE WHEN excluded.last_seen > history.last_seen THEN excluded.last_seen \
             ELSE history.last_seen END, times = history.times + excluded.times",
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
        for (mark, seen) in now {
            query = query
                .bind(mark.subject.as_str())
                .bind(mark.kind.as_str())
                .bind(mark.detail.as_str())
                .bind(seen.first_ms)
                .bind(seen.last_ms)
                .bind(seen.times);
        }
        query.execute(&mut *write).await?;
    }
    Ok(())
}

/// Counts `sentra_history_lessons_total`.
pub(super) fn count(result: &'static str, lessons: usize) {
    let lessons = u64::try_from(lessons).unwrap_or(u64::MAX);
    metrics::counter!("sentra_history_lessons_total", "result" => result).increment(lessons);
}
