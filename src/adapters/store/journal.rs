//! The record of every message: an intent before the final dot goes onward, the outcome after.
//!
//! One task writes. While it commits one batch the next intents gather, so that under load many of them share one
//! commit and one statement an organisation (group commit), and a single one waits for nobody. A batch with a durable intent is fsynced
//! before anybody in it is answered; the others survive the process and are fsynced once a second.
//!
//! Each database has a task of its own ([`Lane`]): what joins in one commit lies in one database, and while a pinned one
//! is away nobody else's mail waits for it.

use super::database::Database;
use super::engine::{Durability, Seen};
use super::error::StoreError;
use crate::limits;
use crate::model::{MailId, OrgId};
use crate::ports::{Journal, MessageRecord, PortError};
use async_trait::async_trait;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The journal's front: hands records to the writing task of the organisation's database.
#[derive(Clone, Debug)]
pub struct JournalWriter {
    database: Database,
    lanes: Arc<Mutex<BTreeMap<u64, Lane>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Closed when the last front is dropped.
    _alive: mpsc::Sender<()>,
}

/// The way to one writing task.
#[derive(Clone, Debug)]
struct Lane {
    intents: mpsc::Sender<Intent>,
    outcomes: mpsc::Sender<Outcome>,
}

struct Intent {
    record: MessageRecord,
    durable: bool,
    done: oneshot::Sender<Result<(), PortError>>,
}

#[derive(Clone, Copy)]
struct Outcome {
    id: MailId,
    reply_code: u16,
    outcome: &'static str,
}

impl JournalWriter {
    /// Starts. The tasks end, with everything written and fsynced, when `stop` is cancelled or the last clone is dropped;
    /// await the handle before the database is closed.
    #[must_use]
    pub fn start(database: Database, stop: CancellationToken) -> (Self, JoinHandle<()>) {
        let (alive, mut gone) = mpsc::channel(1);
        let tasks = TaskTracker::new();
        let lanes = Arc::default();
        let journal = Self { database, lanes, tasks: tasks.clone(), stop: stop.clone(), _alive: alive };
        let ended = tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = gone.recv() => {}
            }
            tasks.close();
            tasks.wait().await;
        });
        (journal, ended)
    }

    /// The lane of an organisation's database, which is opened with its first record.
    fn lane(&self, org: OrgId) -> Result<Lane, PortError> {
        let (number, database) = self.database.part_of(org);
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // Databases that nobody is pinned to any more: their tasks end with the way to them.
        if lanes.len() > limits::MAX_PINNED_DATABASES.saturating_mul(2) {
            lanes.retain(|known, _| *known == 0 || *known == number);
        }
        if let Some(lane) = lanes.get(&number) {
            return Ok(lane.clone());
        }
        if self.stop.is_cancelled() {
            return Err(closed());
        }
        let (intents, intents_in) = mpsc::channel(limits::JOURNAL_QUEUE);
        let (outcomes, outcomes_in) = mpsc::channel(limits::JOURNAL_OUTCOMES);
        let writer = Writer {
            database,
            intents: intents_in,
            outcomes: outcomes_in,
            open: BTreeMap::new(),
            unwritten: Vec::with_capacity(limits::JOURNAL_BATCH),
            dirty: false,
        };
        self.tasks.spawn(writer.run(self.stop.clone()));
        let lane = Lane { intents, outcomes };
        lanes.insert(number, lane.clone());
        Ok(lane)
    }
}

fn closed() -> PortError {
    PortError::Transient { what: "database", detail: "the journal is closed".to_owned() }
}

#[async_trait]
impl Journal for JournalWriter {
    async fn intend(&self, record: MessageRecord, durable: bool) -> Result<(), PortError> {
        let lane = self.lane(record.org)?;
        let (done, written) = oneshot::channel();
        lane.intents.send(Intent { record, durable, done }).await.map_err(|_| closed())?;
        drop(lane);
        written.await.map_err(|_| closed())?
    }

    fn outcome(&self, org: OrgId, id: MailId, reply_code: u16, outcome: &'static str) {
        let outcome = Outcome { id, reply_code, outcome };
        if !self.lane(org).is_ok_and(|lane| lane.outcomes.try_send(outcome).is_ok()) {
            dropped();
        }
    }
}

fn dropped() {
    metrics::counter!("sentra_journal_outcomes_dropped_total").increment(1);
}

struct Writer {
    database: Database,
    intents: mpsc::Receiver<Intent>,
    outcomes: mpsc::Receiver<Outcome>,
    /// Whose the open intents are: an update names the organisation, an outcome does not.
    open: BTreeMap<MailId, OrgId>,
    /// Outcomes taken from the queue and not yet committed.
    unwritten: Vec<(OrgId, Outcome)>,
    /// Something was committed quickly since the last fsync.
    dirty: bool,
}

impl Writer {
    async fn run(mut self, stop: CancellationToken) {
        let mut sync = ticker(limits::JOURNAL_SYNC);
        let mut flush = ticker(limits::JOURNAL_FLUSH);
        loop {
            // In this order: the ticks are rare and must not starve under load.
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = sync.tick() => self.sync().await,
                _ = flush.tick() => self.write_outcomes(1).await,
                intent = self.intents.recv() => match intent {
                    Some(first) => {
                        self.write_intents(first).await;
                        self.write_outcomes(limits::JOURNAL_BATCH).await;
                    }
                    None => break,
                },
            }
        }
        self.intents.close();
        self.outcomes.close();
        while let Some(first) = self.intents.recv().await {
            self.write_intents(first).await;
        }
        self.write_outcomes(1).await;
        self.sync().await;
    }

    async fn write_intents(&mut self, first: Intent) {
        let mut batch = Vec::with_capacity(limits::JOURNAL_BATCH);
        batch.push(first);
        while batch.len() < limits::JOURNAL_BATCH {
            let Ok(next) = self.intents.try_recv() else { break };
            batch.push(next);
        }
        let durable = batch.iter().any(|intent| intent.durable);
        let written = self.insert(&batch, durable).await;
        if written.is_ok() {
            self.dirty |= !durable;
            for intent in &batch {
                self.remember(intent.record.id, intent.record.org);
            }
        }
        for intent in batch {
            let answer = written.as_ref().map(|_| ()).map_err(|error| PortError::Transient {
                what: "database",
                detail: format!("the intent could not be recorded: {error}"),
            });
            // Whoever no longer waits has given the message up; its intent stays open and is reported.
            intent.done.send(answer).ok();
        }
    }

    fn remember(&mut self, id: MailId, org: OrgId) {
        if self.open.len() >= limits::JOURNAL_OPEN {
            self.open.pop_first();
        }
        self.open.insert(id, org);
    }

    async fn insert(&self, batch: &[Intent], durable: bool) -> Result<(), StoreError> {
        let durability = if durable { Durability::Durable } else { Durability::Quick };
        let mut groups: BTreeMap<OrgId, Vec<&MessageRecord>> = BTreeMap::new();
        for Intent { record, .. } in batch {
            groups.entry(record.org).or_default().push(record);
        }
        let statements = groups.into_iter().map(|(org, records)| (org, inserting(&records))).collect();
        self.write_groups(durability, statements).await
    }

    /// One statement an organisation, one commit for all of them.
    async fn write_groups(
        &self,
        durability: Durability,
        statements: Vec<(OrgId, Statement<'_>)>,
    ) -> Result<(), StoreError> {
        let Some(first) = statements.first().map(|(org, _)| *org) else { return Ok(()) };
        let scope = self.database.scope(first);
        if statements.len() == 1 {
            for (_, statement) in statements {
                scope.execute(durability, statement).await?;
            }
            return Ok(());
        }
        let mut write = scope.write_as(durability).await?;
        for (org, statement) in statements {
            write.enter(org).await?;
            statement.execute(&mut *write).await?;
        }
        write.commit().await
    }

    /// Writes what waits, in whole batches, as long as there are at least `enough`.
    async fn write_outcomes(&mut self, enough: usize) {
        loop {
            while self.unwritten.len() < limits::JOURNAL_BATCH {
                let Ok(outcome) = self.outcomes.try_recv() else { break };
                match self.open.remove(&outcome.id) {
                    Some(org) => self.unwritten.push((org, outcome)),
                    None => dropped(),
                }
            }
            if self.unwritten.len() < enough {
                return;
            }
            if let Err(error) = self.update().await {
                tracing::warn!(%error, "outcomes could not be recorded and are tried again");
                return;
            }
            self.unwritten.clear();
            self.dirty = true;
        }
    }

    async fn update(&self) -> Result<(), StoreError> {
        let mut groups: BTreeMap<OrgId, Vec<Outcome>> = BTreeMap::new();
        for (org, outcome) in &self.unwritten {
            groups.entry(*org).or_default().push(*outcome);
        }
        let statements =
            groups.into_iter().map(|(org, outcomes)| (org, completing(org, &outcomes))).collect();
        self.write_groups(Durability::Quick, statements).await
    }

    /// A durable commit, however small, fsyncs the log with all quick commits before it.
    async fn sync(&mut self) {
        if !self.dirty {
            return;
        }
        let touch = sqlx::query("UPDATE generations SET value = value + 1 WHERE name = 'journal'");
        match self.database.execute_for(Seen::Nothing, Durability::Durable, touch).await {
            Ok(_) => self.dirty = false,
            Err(error) => tracing::warn!(%error, "the journal could not be synced and is tried again"),
        }
    }
}

type Statement<'q> = Query<'q, Any, AnyArguments>;

/// One statement for all intents of one organisation. A retry of the same intent is no error.
fn inserting<'q>(records: &[&'q MessageRecord]) -> Statement<'q> {
    let mut sql = String::from(
        "INSERT INTO messages (id, org_id, received_at, action, severity, score, category, codes, ruleset, \
         size, facts) VALUES ",
    );
    rows_of_placeholders(&mut sql, records.len(), 11);
    sql.push_str(" ON CONFLICT (id) DO NOTHING");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for record in records {
        query = query
            .bind(record.id.to_string())
            .bind(record.org.to_string())
            .bind(record.received_at_ms)
            .bind(record.action)
            .bind(record.severity)
            .bind(i64::from(record.score))
            .bind(record.category)
            .bind(record.codes.as_str())
            .bind(record.ruleset.as_str())
            .bind(i64::try_from(record.size).unwrap_or(i64::MAX))
            .bind(record.facts.as_slice());
    }
    query
}

/// One statement for all outcomes of one organisation.
fn completing(org: OrgId, outcomes: &[Outcome]) -> Statement<'static> {
    // Repeating the last row up to a power of two keeps the number of different statements small.
    let count = outcomes.len().next_power_of_two();
    let mut sql =
        String::from("UPDATE messages SET reply_code = v.column2, outcome = v.column3 FROM (VALUES ");
    let org_at = rows_of_placeholders(&mut sql, count, 3);
    // Writing into a String cannot fail.
    write!(sql, ") AS v WHERE messages.id = v.column1 AND messages.org_id = ${org_at}").ok();
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for outcome in outcomes.iter().chain(outcomes.last().into_iter().cycle()).take(count) {
        query = query.bind(outcome.id.to_string()).bind(i64::from(outcome.reply_code)).bind(outcome.outcome);
    }
    query.bind(org.to_string())
}

/// `($1, $2), ($3, $4)`; returns the next number.
fn rows_of_placeholders(sql: &mut String, rows: usize, columns: usize) -> usize {
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            // Writing into a String cannot fail.
            write!(sql, "{comma}${}", row.saturating_mul(columns).saturating_add(column)).ok();
        }
        sql.push(')');
    }
    rows.saturating_mul(columns).saturating_add(1)
}

fn ticker(period: std::time::Duration) -> Interval {
    let mut ticker = interval(period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}
