//! Taking due mail: of whom there is some, in every database, and then row by row under a lease.

use super::super::database::Database;
use super::super::error::{StoreError, damaged};
use super::super::{Store, SystemRead, placeholders};
use super::{give_up, is_old, later};
use crate::limits;
use crate::model::OrgId;
use crate::ports::OutboxItem;
use futures_util::future::join_all;
use tokio::time::timeout;

const DUE: &str = "((state IN ('pending', 'uncertain') AND next_attempt_at <= $1) \
                   OR (state = 'sending' AND lease_until <= $1))";

/// Whose mail is due in one database, the longest waiting first; but not whose is being sent.
async fn due(database: &Database, busy: &[OrgId], now: i64) -> Result<Vec<OrgId>, StoreError> {
    // The empty name keeps the list from being empty, which not every engine parses.
    let sql = format!(
        "SELECT org_id FROM outbox WHERE {DUE} AND org_id NOT IN ('', {}) \
         GROUP BY org_id ORDER BY MIN(next_attempt_at) LIMIT {}",
        placeholders(2, busy.len().max(1)),
        limits::OUTBOX_BATCH
    );
    let mut whose = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql)).bind(now);
    for org in busy {
        whose = whose.bind(org.to_string());
    }
    if busy.is_empty() {
        whose = whose.bind("");
    }
    let mut read = database.system(SystemRead::OutboxDue).await?;
    let whose = whose.fetch_all(&mut *read).await?;
    whose.iter().map(|org| org.parse().map_err(|_| damaged("outbox row"))).collect()
}

impl Store {
    /// Takes up to `limits::OUTBOX_BATCH` due rows for `limits::OUTBOX_LEASE`, of all organisations but the `busy` ones,
    /// whose mail is being sent: a next hop that hangs must not use up the others' leases. A row that cannot be opened becomes `failed`, so that it never stands in the way of the others.
    ///
    /// # Errors
    /// [`StoreError`] of the database when it does not tell what is due: nothing is leased. An organisation whose rows
    /// cannot be taken waits for the next look.
    pub async fn lease_outbox(&self, busy: &[OrgId]) -> Result<Vec<OutboxItem>, StoreError> {
        let now = self.clock.now_ms();
        // Most looks find nothing: they must not take the write lock.
        let mut whose = due(&self.database, busy, now).await?;
        whose.extend(self.due_elsewhere(busy, now).await);
        let mut items = Vec::new();
        for org in whose {
            let room = limits::OUTBOX_BATCH.saturating_sub(items.len());
            if room == 0 {
                break;
            }
            let leasing = self.lease_of(org, now, room);
            let leased = match self.database.is_pinned(org) {
                true => match timeout(limits::PINNED_LOAD_TIMEOUT, leasing).await {
                    Ok(leased) => leased,
                    // Its database fell silent in the middle: whoever is not pinned to it must not wait for more. What
                    // was taken there all the same is due again when its lease ends.
                    Err(_) => break,
                },
                false => leasing.await,
            };
            match leased {
                Ok(leased) => items.extend(leased),
                // What is leased already must be sent; this one is due again at the next look.
                Err(error) => {
                    tracing::warn!(org.id = %org, %error, "an outbox could not be read; trying again")
                }
            }
        }
        items.sort_by_key(|item| item.id);
        Ok(items)
    }

    /// Whose mail is due in the pinned databases that answer.
    async fn due_elsewhere(&self, busy: &[OrgId], now: i64) -> Vec<OrgId> {
        let mut parts = self.database.pinned();
        parts.retain(|part| !part.is_away());
        // Side by side and not for long: one that hangs, before anybody noticed or within a statement, holds up nobody.
        let looks = parts.iter().map(|part| async move {
            let look = timeout(limits::PINNED_LOAD_TIMEOUT, due(&part.database, busy, now)).await;
            look.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
        });
        let mut whose = Vec::new();
        for (part, look) in parts.iter().zip(join_all(looks).await) {
            match look {
                Ok(more) => whose.extend(more.into_iter().filter(|org| part.organisations.contains(org))),
                // Its outage is told of elsewhere; the others' mail goes on.
                Err(error) => {
                    tracing::debug!(database = %part.database.place(), %error, "no look at an outbox")
                }
            }
        }
        whose
    }

    /// Takes up to `room` due rows of one organisation.
    async fn lease_of(&self, org: OrgId, now: i64, room: usize) -> Result<Vec<OutboxItem>, StoreError> {
        // DUE twice: where writers wait for each other's rows, only the outer one is asked again after the wait.
        let sql = format!(
            "UPDATE outbox SET state = 'sending', attempts = attempts + 1, lease_until = $2, updated_at = $1, \
             maybe_twice = CASE WHEN state = 'pending' THEN maybe_twice ELSE 1 END \
             WHERE org_id = $3 AND {DUE} AND id IN \
             (SELECT id FROM outbox WHERE org_id = $3 AND {DUE} ORDER BY next_attempt_at LIMIT {room}) \
             RETURNING id, org_id, kind, quarantine_id, sealed_envelope, attempts, maybe_twice, created_at"
        );
        let mut write = self.database.scope(org).write().await?;
        let leased = sqlx::query(sqlx::AssertSqlSafe(sql));
        let leased = leased.bind(now).bind(later(now, limits::OUTBOX_LEASE)).bind(org.to_string());
        let rows = leased.fetch_all(&mut *write).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            match self.item(row, now) {
                Ok(item) => items.push(item),
                // Its key is not known here yet: the lease ends by itself, and then it is tried again.
                Err(StoreError::Port(error)) if error.is_transient() && !is_old(row, now)? => {
                    tracing::warn!(%error, "an outbox mail cannot be opened yet");
                }
                Err(error) => give_up(&mut write, org, row, &error).await?,
            }
        }
        write.commit().await?;
        Ok(items)
    }
}
