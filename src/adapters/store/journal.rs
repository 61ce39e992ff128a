//! The record of every message: an intent before the final dot goes onward, the outcome after.
//!
//! One task writes. While it commits one batch the next intents gather, so that under load many of them share one
//! commit and one statement an organisation (group commit), and a single one waits for nobody. A batch with a durable intent is fsynced
//! before anybody in it is answered; the others survive the process and are fsynced once a second.

use super::database::{Database, Durability};
use super::error::{StoreError, damaged};
use super::system::SystemRead;
use crate::limits;
use crate::model::{MailId, OrgId};
use crate::ports::{Journal, MessageRecord, PortError};
use async_trait::async_trait;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _};
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
        match self.database.execute_for(None, Durability::Durable, touch).await {
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

impl Database {
    /// Intents received before `before_ms` that have no outcome: the newest `limits::MAX_OPEN_INTENTS` and how many
    /// there are in all organisations. Asked at start, by the operator of the machine.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn open_intents(&self, before_ms: i64) -> Result<(Vec<OpenIntent>, i64), StoreError> {
        let count = "SELECT COUNT(*) FROM messages WHERE outcome IS NULL AND received_at < $1";
        let mut read = self.system(SystemRead::OpenIntents).await?;
        let count = sqlx::query_scalar(count).bind(before_ms).fetch_one(&mut *read).await?;
        let rows = sqlx::query(
            "SELECT id, org_id, received_at FROM messages WHERE outcome IS NULL AND received_at < $1 \
             ORDER BY id DESC LIMIT $2",
        );
        let limit = i64::try_from(limits::MAX_OPEN_INTENTS).unwrap_or(i64::MAX);
        let rows = rows.bind(before_ms).bind(limit).fetch_all(&mut *read).await?;
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
        let whose = "SELECT DISTINCT org_id FROM messages WHERE outcome IS NULL AND received_at < $1";
        let mut read = self.system(SystemRead::OpenIntents).await?;
        let whose: Vec<String> = sqlx::query_scalar(whose).bind(before_ms).fetch_all(&mut *read).await?;
        drop(read);
        let sql = "UPDATE messages SET outcome = 'unknown' \
                   WHERE org_id = $1 AND outcome IS NULL AND received_at < $2";
        let mut settled = 0_u64;
        for org in whose {
            let org: OrgId = org.parse().map_err(|_| damaged("organisation id"))?;
            let query = sqlx::query(sql).bind(org.to_string()).bind(before_ms);
            settled = settled.saturating_add(self.scope(org).execute(Durability::Durable, query).await?);
        }
        Ok(settled)
    }
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
