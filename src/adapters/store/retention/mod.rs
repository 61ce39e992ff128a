//! Keeping no more than an organisation wants kept: what would go (a plan), what went (a run and its report), and what
//! must stay whatever its age (legal holds).
//!
//! [`steps`] is the one list of what is purged by age. A run works through it in small transactions, each of which
//! removes some rows and notes how many in the run's report, so that mail gets the database in between and a killed run
//! leaves nothing half done and nothing uncounted; the next one goes on. Held mail that waits for a decision is in no
//! step: it is never destroyed by time.

mod holds;
mod purge;
mod runs;
mod steps;

pub use holds::LegalHold;
pub(super) use holds::{Standing, standing};
pub use runs::{RetentionRun, RunState};

use super::error::StoreError;
use super::{Store, to_rfc3339};
use crate::adapters::history;
use crate::limits;
use crate::model::{FOREVER, OrgId, Preferences, QuarantineId, Retained};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use steps::{Cursor, Step};

/// What of a class would go, or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Which class.
    pub class: Retained,
    /// `90d`, or `forever`.
    pub keeps: String,
    /// RFC 3339: what is older goes; `null` for what is kept for ever.
    pub before: Option<String>,
    /// Rows (of `facts` and `body`: values) that would go, or went.
    pub count: u64,
    /// RFC 3339: the oldest of them. Only in a plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub oldest: Option<String>,
    /// Those that are old enough and stay, because a legal hold keeps them.
    pub held_back: u64,
    /// Why nothing of the class goes, where that is so: a legal hold that cannot be told apart by rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suspended: Option<String>,
}

impl Purged {
    fn new(class: Retained, chosen: &Preferences, now: i64) -> Result<Self, StoreError> {
        let keeps = chosen.days(class.setting()).map_or(FOREVER.to_owned(), |days| format!("{days}d"));
        let before = class.keeps_since(chosen, now).map(to_rfc3339).transpose()?;
        Ok(Self { class, keeps, before, count: 0, oldest: None, held_back: 0, suspended: None })
    }
}

/// Rows and the age of the oldest one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    oldest: Option<i64>,
    held_back: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.held_back = self.held_back.saturating_add(other.held_back);
        self.oldest = [self.oldest, other.oldest].into_iter().flatten().min();
    }
}

impl Store {
    /// What a run would remove now, class by class. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn retention_plan(&self, org: OrgId, chosen: &Preferences) -> Result<Vec<Purged>, StoreError> {
        let now = self.clock.now_ms();
        let mut read = self.database.scope(org).read().await?;
        let holds = standing(&mut read, org).await?;
        let mut plan = Vec::new();
        for class in Retained::ALL {
            let mut purged = Purged::new(class, chosen, now)?;
            purged.suspended = holds.suspends(class);
            if let (Some(before), None) = (class.keeps_since(chosen, now), &purged.suspended) {
                let tally = self.tally(&mut read, org, class, before, &holds).await?;
                (purged.count, purged.held_back) = (tally.count, tally.held_back);
                purged.oldest = tally.oldest.map(to_rfc3339).transpose()?;
            }
            plan.push(purged);
        }
        Ok(plan)
    }

    async fn tally(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        class: Retained,
        before: i64,
        holds: &Standing,
    ) -> Result<Tally, StoreError> {
        let mut sum = Tally::default();
        match class {
            Retained::Audit => {
                let (count, oldest) = self.prunable_audit(read, org, before).await?;
                sum.add(Tally { count, oldest, held_back: 0 });
            }
            Retained::History => {
                for kind in history::KINDS {
                    sum.add(steps::old_marks(read, org, kind, before).await?);
                }
            }
            _ => {}
        }
        for step in steps::of(class) {
            let all = step.count(read, org, before, false).await?;
            let mut free = step.count(read, org, before, true).await?;
            if !holds.suppliers.is_empty() && step.has_concerns() {
                free = self.walk(read, org, step, before, holds).await?;
            }
            sum.add(Tally { held_back: all.count.saturating_sub(free.count), ..free });
        }
        Ok(sum)
    }

    /// Counts by looking at each: what a row says of suppliers is sealed.
    async fn walk(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        step: &Step,
        before: i64,
        holds: &Standing,
    ) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let mut cursor = Cursor::default();
        loop {
            let page = step.page(read, org, before, &cursor, limits::RETENTION_BATCH, true).await?;
            let Some(last) = page.last() else { return Ok(tally) };
            cursor = last.cursor();
            for row in page.iter().filter(|row| !self.concerns(org, row, holds)) {
                tally.add(Tally { count: 1, oldest: Some(row.at), held_back: 0 });
            }
        }
    }

    /// Refuses for an entry of the quarantine that a legal hold keeps.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] then; [`StoreError`] of database and keys.
    pub(super) async fn not_held_by_law(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        id: QuarantineId,
    ) -> Result<(), StoreError> {
        let holds = standing(read, org).await?;
        let mut held = holds.organisation || holds.entries.contains(&id.to_string());
        if !held && !holds.suppliers.is_empty() {
            let row = steps::entry(read, org, &id.to_string()).await?;
            held = row.is_some_and(|row| self.concerns(org, &row, &holds));
        }
        if !held {
            return Ok(());
        }
        Err(StoreError::Conflict(
            "a legal hold keeps this entry; `sentra retention hold list` tells which".to_owned(),
        ))
    }

    /// Whether a row speaks of a supplier that a hold protects. One that cannot be read may: it stays.
    fn concerns(&self, org: OrgId, row: &steps::Row, holds: &Standing) -> bool {
        row.sealed.iter().any(|(context, sealed)| {
            let opened: Result<serde_json::Value, _> = self.open_json(org, context, sealed.clone());
            match opened {
                Ok(value) => {
                    let id = value.pointer("/supplier/id").and_then(serde_json::Value::as_str);
                    id.is_some_and(|id| holds.suppliers.contains(id))
                }
                Err(_) => true,
            }
        })
    }
}
