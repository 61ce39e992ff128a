//! Recorded facts, read back for replaying: page by page, so that memory does not grow with the traffic.

use super::error::{StoreError, damaged};
use super::record::RecordedVerdict;
use super::{Store, to_rfc3339};
use crate::limits;
use crate::model::{Facts, OrgId};
use crate::ports::Keyring as _;
use sqlx::Row as _;
use sqlx::any::AnyRow;

/// One recorded message.
#[derive(Clone, Debug)]
pub struct RecordedMessage {
    /// `X-Sentra-Id`.
    pub id: String,
    /// Unix milliseconds.
    pub received_at_ms: i64,
    /// The same, RFC 3339.
    pub received_at: String,
    /// What was decided then.
    pub verdict: RecordedVerdict,
    /// The rule set that decided: hash, and the version of the organisation's changes behind a `+`.
    pub ruleset: String,
    /// What was established.
    pub facts: RecordedFacts,
}

/// What became of a message's facts.
#[derive(Clone, Debug)]
pub enum RecordedFacts {
    /// They are there.
    Known(Box<Facts>),
    /// Retention emptied them.
    Purged,
    /// They were too large to be kept, or another version wrote them and this one cannot read them.
    Unreadable,
}

/// From when to when, Unix milliseconds; `until` is not included.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// From.
    pub since: i64,
    /// Until.
    pub until: i64,
}

const COLUMNS: &str = "SELECT id, received_at, action, severity, score, codes, ruleset, facts FROM messages";

impl Store {
    /// The next messages of a period after one of them (none: from the beginning), in the order in which they came,
    /// `limits::STORE_PAGE` at most. An empty page is the end.
    ///
    /// # Errors
    /// [`StoreError`] of the database and the keys.
    pub async fn recorded_page(
        &self,
        org: OrgId,
        period: Period,
        after: Option<&RecordedMessage>,
    ) -> Result<Vec<RecordedMessage>, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE org_id = $1 AND (received_at, id) > ($2, $3) AND received_at < $4 \
             ORDER BY received_at, id LIMIT $5"
        );
        // No id is empty, so that every message of the first millisecond is behind it.
        let (at, id) = after.map_or((period.since, ""), |last| (last.received_at_ms, last.id.as_str()));
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(org.to_string())
            .bind(at)
            .bind(id)
            .bind(period.until)
            .bind(limits::STORE_PAGE)
            .fetch_all(&mut *read)
            .await?;
        drop(read);
        rows.iter().map(|row| self.recorded(org, row)).collect()
    }

    /// One recorded message; `None` when there is none of that id (any more).
    ///
    /// # Errors
    /// [`StoreError`] of the database and the keys.
    pub async fn recorded_message(
        &self,
        org: OrgId,
        id: &str,
    ) -> Result<Option<RecordedMessage>, StoreError> {
        let sql = format!("{COLUMNS} WHERE org_id = $1 AND id = $2");
        let mut read = self.database.scope(org).read().await?;
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(id);
        let row = query.fetch_optional(&mut *read).await?;
        row.map(|row| self.recorded(org, &row)).transpose()
    }

    fn recorded(&self, org: OrgId, row: &AnyRow) -> Result<RecordedMessage, StoreError> {
        let id: String = row.try_get(0)?;
        let codes: String = row.try_get(5)?;
        let sealed: Vec<u8> = row.try_get(7)?;
        let at: i64 = row.try_get(1)?;
        let facts = if sealed.is_empty() {
            RecordedFacts::Purged
        } else {
            let plain = self.keyring.open(org, &format!("messages.facts|{id}"), &sealed)?;
            let facts = serde_json::from_slice(&plain);
            facts.map_or(RecordedFacts::Unreadable, |facts| RecordedFacts::Known(Box::new(facts)))
        };
        Ok(RecordedMessage {
            id,
            received_at_ms: at,
            received_at: to_rfc3339(at).map_err(|_| damaged("time of a message"))?,
            verdict: RecordedVerdict {
                action: row.try_get(2)?,
                severity: row.try_get(3)?,
                score: row.try_get(4)?,
                codes: codes.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
            },
            ruleset: row.try_get(6)?,
            facts,
        })
    }
}
