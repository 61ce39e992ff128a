//! Intents that never got an outcome: what a killed process left behind, in every database.

use super::database::Database;
use super::engine::Durability;
use super::error::{StoreError, damaged};
use super::system::SystemRead;
use crate::limits;
use crate::model::{MailId, OrgId};
use sqlx::Row as _;
use tokio::time::timeout;

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

impl Database {
    /// Intents received before `before_ms` that have no outcome: the newest `limits::MAX_OPEN_INTENTS` and how many
    /// there are in all organisations. Asked at start, by the operator of the machine. A pinned database that is away is
    /// left out.
    ///
    /// # Errors
    /// [`StoreError`] of the main database.
    pub async fn open_intents(&self, before_ms: i64) -> Result<(Vec<OpenIntent>, i64), StoreError> {
        let (mut intents, mut count) = self.open_here(before_ms).await?;
        for part in self.pinned() {
            let looking = timeout(limits::PINNED_LOAD_TIMEOUT, part.database.open_here(before_ms));
            let Ok(Ok((more, also))) = looking.await else { continue };
            intents.extend(more);
            count = count.saturating_add(also);
        }
        intents.sort_by_key(|intent| std::cmp::Reverse(intent.id));
        intents.truncate(limits::MAX_OPEN_INTENTS);
        Ok((intents, count))
    }

    async fn open_here(&self, before_ms: i64) -> Result<(Vec<OpenIntent>, i64), StoreError> {
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

    /// Closes those intents as `unknown`, once reported: the next start reports only newer ones. Returns how many. A
    /// pinned database that is away keeps its own until the next start.
    ///
    /// # Errors
    /// [`StoreError`] of the main database.
    pub async fn settle_intents(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut settled = self.settle_here(before_ms).await?;
        for part in self.pinned() {
            // A start must not wait for one that hangs.
            let settling = timeout(limits::PINNED_LOAD_TIMEOUT, part.database.settle_here(before_ms)).await;
            match settling.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned()))) {
                Ok(more) => settled = settled.saturating_add(more),
                Err(error) => {
                    tracing::warn!(database = %part.database.place(), %error, "open intents were not looked for");
                }
            }
        }
        Ok(settled)
    }

    async fn settle_here(&self, before_ms: i64) -> Result<u64, StoreError> {
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
            settled =
                settled.saturating_add(self.alone().scope(org).execute(Durability::Durable, query).await?);
        }
        Ok(settled)
    }
}
