//! The history of delivered mail: one table of what was seen when and how often, under keyed fingerprints.
//!
//! A row is a *mark*: a subject (the fingerprint of an address, a domain, a supplier, an invoice number of a party), a
//! kind, a detail, first and last time, and how often. Details are fingerprints too, or steps of a small scale (days,
//! amounts on a log scale): neither an address nor a number can be read from it without the organisation's key, and
//! rotating that key begins a new history. Marks are only ever added up, so that nodes need not know of each other.
//!
//! Reading is one statement, and before it a small one where suppliers are asked for: which records were merged into them.
//! Writing is `writer`'s: one task, in batches, off the mail's path.

mod marks;
mod read;
mod writer;

pub(in crate::adapters) use marks::{KINDS, prints_of_address};

use crate::adapters::store::Database;
use crate::limits;
use crate::model::{HistoryAnswer, HistoryQuery, Lesson, Lookup, OrgId, QuarantineId};
use crate::ports::{Clock, History, Keyring};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use writer::{Task, Writer};

/// The history in the database.
#[derive(Clone)]
pub struct DatabaseHistory {
    database: Database,
    keyring: Arc<dyn Keyring>,
    tasks: mpsc::Sender<Task>,
}

impl DatabaseHistory {
    /// Starts the writing task. It ends, with everything written, when `stop` is cancelled; await the handle before
    /// the database is closed.
    #[must_use]
    pub fn start(
        database: Database,
        keyring: Arc<dyn Keyring>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (tasks, queue) = mpsc::channel(limits::HISTORY_QUEUE);
        let writer = Writer::new(database.clone(), Arc::clone(&keyring), clock, queue);
        (Self { database, keyring, tasks }, tokio::spawn(writer.run(stop)))
    }

    fn hand_over(&self, task: Task) {
        if self.tasks.try_send(task).is_err() {
            writer::count("dropped", 1);
        }
    }
}

#[async_trait]
impl History for DatabaseHistory {
    async fn look_up(&self, org: OrgId, query: HistoryQuery, deadline: Instant) -> Lookup<HistoryAnswer> {
        let Ok(asked) = read::Asked::name(&*self.keyring, org, query) else {
            return Lookup::Unavailable("keys");
        };
        match timeout_at(deadline, asked.read(&self.database, &*self.keyring, org)).await {
            Ok(Ok(answer)) => Lookup::Found(answer),
            Ok(Err(error)) => {
                tracing::warn!(org.id = %org, error = %error, "the history could not be read");
                Lookup::Unavailable("database")
            }
            Err(_) => Lookup::Unavailable("deadline"),
        }
    }

    fn learn(&self, lesson: Lesson) {
        self.hand_over(Task::Learn(Box::new(lesson)));
    }

    fn keep(&self, id: QuarantineId, lesson: Lesson) {
        self.hand_over(Task::Keep(id, Box::new(lesson)));
    }

    fn released(&self, org: OrgId, id: QuarantineId) {
        self.hand_over(Task::Released(org, id));
    }
}

/// No history: `sentra check` judges files one by one, and an operator may switch it off.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

#[async_trait]
impl History for NoHistory {
    async fn look_up(&self, _: OrgId, _: HistoryQuery, _: Instant) -> Lookup<HistoryAnswer> {
        Lookup::Unavailable("off")
    }
    fn learn(&self, _: Lesson) {}
    fn keep(&self, _: QuarantineId, _: Lesson) {}
    fn released(&self, _: OrgId, _: QuarantineId) {}
}
