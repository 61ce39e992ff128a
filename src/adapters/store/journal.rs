//! The record of every message: an intent before the final dot goes onward, the outcome after.
//!
//! One task writes. While it commits one batch the next intents gather, so that under load many of them share one
//! statement and one commit (group commit), and a single one waits for nobody. A batch with a durable intent is fsynced
//! before anybody in it is answered; the others survive the process and are fsynced once a second.

use super::database::{Database, Durability};
use super::error::{StoreError, damaged};
use crate::limits;
use crate::model::{MailId, OrgId};
use crate::ports::{Journal, MessageRecord, PortError};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The journal's front: hands records to the writing task.
#[derive(Clone, Debug)]
pub struct JournalWriter {
    intents: mpsc::Sender<Intent>,
    outcomes: mpsc::Sender<Outcome>,
}

/// An intent without outcome: sent onward or not, nobody here knows. The sender got no 250 from us in that session
/// unless only the outcome row was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// Message.
    pub id: MailId,
    /// Organisation.
    pub org: OrgId,
    /// Unix milliseconds.
    pub received_at_ms: i64,
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
    /// Starts the writing task. It ends, with everything written and fsynced, when `stop` is cancelled or the last
    /// clone is dropped; await the handle before the database is closed.
    #[must_use]
    pub fn start(database: Database, stop: CancellationToken) -> (Self, JoinHandle<()>) {
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
        (Self { intents, outcomes }, tokio::spawn(writer.run(stop)))
    }
}

#[async_trait]
impl Journal for JournalWriter {
    async fn intend(&self, record: MessageRecord, durable: bool) -> Result<(), PortError> {
        let gone = || PortError::Transient { what: "database", detail: "the journal is closed".to_owned() };
        let (done, written) = oneshot::channel();
        self.intents.send(Intent { record, durable, done }).await.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }

    fn outcome(&self, id: MailId, reply_code: u16, outcome: &'static str) {
        if self.outcomes.try_send(Outcome { id, reply_code, outcome }).is_err() {
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

    async fn insert(&self, batch: &[Intent], durable: bool) -> Result<u64, StoreError> {
        let mut sql = String::from(
            "INSERT INTO messages (id, org_id, received_at, action, severity, score, category, codes, ruleset, \
             size, facts) VALUES ",
        );
        rows_of_placeholders(&mut sql, batch.len(), 11);
        // A retry of the same intent is no error.
        sql.push_str(" ON CONFLICT (id) DO NOTHING");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for Intent { record, .. } in batch {
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
        let durability = if durable { Durability::Durable } else { Durability::Quick };
        self.database.execute(durability, query).await
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

    async fn update(&self) -> Result<u64, StoreError> {
        let Some(last) = self.unwritten.last() else { return Ok(0) };
        // Repeating the last row up to a power of two keeps the number of different statements small.
        let count = self.unwritten.len().next_power_of_two();
        let mut sql =
            String::from("UPDATE messages SET reply_code = v.column3, outcome = v.column4 FROM (VALUES ");
        rows_of_placeholders(&mut sql, count, 4);
        sql.push_str(") AS v WHERE messages.id = v.column1 AND messages.org_id = v.column2");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (org, outcome) in self.unwritten.iter().chain(std::iter::repeat(last)).take(count) {
            query = query
                .bind(outcome.id.to_string())
                .bind(org.to_string())
                .bind(i64::from(outcome.reply_code))
                .bind(outcome.outcome);
        }
        self.database.execute(Durability::Quick, query).await
    }

    /// A durable commit, however small, fsyncs the log with all quick commits before it.
    async fn sync(&mut self) {
        if !self.dirty {
            return;
        }
        let touch = sqlx::query("UPDATE generations SET value = value + 1 WHERE name = 'journal'");
        match self.database.execute(Durability::Durable, touch).await {
            Ok(_) => self.dirty = false,
            Err(error) => tracing::warn!(%error, "the journal could not be synced and is tried again"),
        }
    }
}

impl Database {
    /// Intents received before `before_ms` that have no outcome: the newest `limits::MAX_OPEN_INTENTS` and how many
    /// there are in all organisations. Asked at start, by the operator of the machine.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn open_intents(&self, before_ms: i64) -> Result<(Vec<OpenIntent>, i64), StoreError> {
        let count = "SELECT COUNT(*) FROM messages WHERE outcome IS NULL AND received_at < $1";
        let count = sqlx::query_scalar(count).bind(before_ms).fetch_one(self.reader()).await?;
        let rows = sqlx::query(
            "SELECT id, org_id, received_at FROM messages WHERE outcome IS NULL AND received_at < $1 \
             ORDER BY id DESC LIMIT $2",
        );
        let limit = i64::try_from(limits::MAX_OPEN_INTENTS).unwrap_or(i64::MAX);
        let rows = rows.bind(before_ms).bind(limit).fetch_all(self.reader()).await?;
        let intent = |row: &sqlx::any::AnyRow| {
            Ok(OpenIntent {
                id: row.try_get::<String, _>(0)?.parse().map_err(|_| damaged("message id"))?,
                org: row.try_get::<String, _>(1)?.parse().map_err(|_| damaged("organisation id"))?,
                received_at_ms: row.try_get(2)?,
            })
        };
        Ok((rows.iter().map(intent).collect::<Result<_, StoreError>>()?, count))
    }

    /// Closes those intents as `unknown`, once reported: the next start reports only newer ones. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn settle_intents(&self, before_ms: i64) -> Result<u64, StoreError> {
        let sql = "UPDATE messages SET outcome = 'unknown' WHERE outcome IS NULL AND received_at < $1";
        self.execute(Durability::Durable, sqlx::query(sql).bind(before_ms)).await
    }
}

/// `($1, $2), ($3, $4)`
fn rows_of_placeholders(sql: &mut String, rows: usize, columns: usize) {
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            // Writing into a String cannot fail.
            write!(sql, "{comma}${}", row.saturating_mul(columns).saturating_add(column)).ok();
        }
        sql.push(')');
    }
}

fn ticker(period: std::time::Duration) -> Interval {
    let mut ticker = interval(period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}
