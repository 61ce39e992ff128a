//! The outbox: mail that Sentra itself originates, sent at least once.
//!
//! pending → sending (leased) → sent | failed, or back to pending after an answer of 4xx, or `uncertain` after none.
//! A sender that dies lets its lease run out and the row is due again. Whenever a try may have reached the next hop
//! without our knowing, `maybe_twice` stays on the row: the visible price of never losing one.

mod lease;

use super::error::{StoreError, damaged};
use super::{Store, bounded, decisions, to_rfc3339};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{Envelope, HeldState, OrgId, QuarantineId};
use crate::ports::{
    Keyring as _, Outbox, OutboxItem, OutboxMail, OutboxState, PortError, ReleaseSource, SendResult,
};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::time::Duration;
use ulid::Ulid;

#[async_trait]
impl Outbox for Store {
    async fn lease(&self, busy: &[OrgId]) -> Result<Vec<OutboxItem>, PortError> {
        Ok(self.lease_outbox(busy).await?)
    }

    async fn octets(&self, item: &OutboxItem) -> Result<Option<Bytes>, PortError> {
        Ok(self.outbox_octets(item).await?)
    }

    async fn release_source(&self, item: &OutboxItem) -> Result<Option<ReleaseSource>, PortError> {
        let Some(id) = item.quarantine_id else { return Ok(None) };
        let (entry, octets) = (self.held_entry(item.org, id).await?, self.held_body(item.org, id).await?);
        Ok(entry.zip(octets).map(|(entry, octets)| ReleaseSource {
            id,
            octets,
            envelope: entry.envelope,
            score: entry.summary.score,
            findings: entry.findings,
        }))
    }

    async fn finish(
        &self,
        item: &OutboxItem,
        result: &SendResult,
        notices: Vec<OutboxMail>,
    ) -> Result<Option<OutboxState>, PortError> {
        Ok(self.finish_outbox(item, result, &notices).await?)
    }
}

/// What a reviewer sees of an outbox row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxStatus {
    /// Row id.
    pub id: Ulid,
    /// `notice` or `release`.
    pub kind: String,
    /// State.
    pub state: OutboxState,
    /// Tries so far.
    pub attempts: i64,
    /// The recipients may have it twice.
    pub maybe_twice: bool,
    /// RFC 3339.
    pub next_attempt_at: String,
    /// The next hop's last answer.
    pub last_reply: Option<String>,
}

impl Store {
    /// Queues a mail that belongs to no entry.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn enqueue(&self, mail: &OutboxMail) -> Result<(), StoreError> {
        let mut write = self.database.scope(mail.org).write().await?;
        self.enqueue_notice(&mut write, mail, None).await?;
        write.commit().await
    }

    /// The octets to send: the notice's own, or the held mail's as received. `None` when that was deleted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] of database, disk and keys.
    pub async fn outbox_octets(&self, item: &OutboxItem) -> Result<Option<Bytes>, StoreError> {
        if let (Some(id), "release") = (item.quarantine_id, item.kind.as_str()) {
            return self.held_body(item.org, id).await;
        }
        let sql = "SELECT sealed_octets FROM outbox WHERE org_id = $1 AND id = $2";
        let query = sqlx::query_scalar::<_, Option<Vec<u8>>>(sql);
        let query = query.bind(item.org.to_string()).bind(item.id.to_string());
        let mut read = self.database.scope(item.org).read().await?;
        let sealed = query.fetch_optional(&mut *read).await?.flatten();
        drop(read);
        let Some(sealed) = sealed else { return Ok(None) };
        Ok(Some(Bytes::from(self.keyring.open(item.org, &octets_context(item.id), &sealed)?)))
    }

    /// Notes how a try ended. A release's success makes its entry `released`, its final failure `held` again, in the
    /// same transaction and audited. `notices` are queued only if the row ends as failed. Returns the row's new
    /// state; `None` when the lease had run out and somebody else has the row.
    ///
    /// # Errors
    /// [`StoreError`] of the database: the row returns when its lease ends.
    pub async fn finish_outbox(
        &self,
        item: &OutboxItem,
        result: &SendResult,
        notices: &[OutboxMail],
    ) -> Result<Option<OutboxState>, StoreError> {
        let now = self.clock.now_ms();
        let (state, reply) = match result {
            SendResult::Sent(reply) => (OutboxState::Sent, reply),
            SendResult::Failed(reply) => (OutboxState::Failed, reply),
            SendResult::Retry(reply) | SendResult::Uncertain(reply) if item.last_try => {
                (OutboxState::Failed, reply)
            }
            SendResult::Retry(reply) => (OutboxState::Pending, reply),
            SendResult::Uncertain(reply) => (OutboxState::Uncertain, reply),
        };
        let twice = i64::from(item.maybe_twice || matches!(result, SendResult::Uncertain(_)));
        let reply = self.keyring.seal(item.org, &reply_context(item.id), bounded(reply).as_bytes())?;
        let mut write = self.database.scope(item.org).write().await?;
        let updated = sqlx::query(
            "UPDATE outbox SET state = $1, sealed_reply = $2, next_attempt_at = $3, updated_at = $4, \
             maybe_twice = $5, lease_until = NULL \
             WHERE org_id = $6 AND id = $7 AND state = 'sending' AND attempts = $8",
        )
        .bind(state.as_str())
        .bind(reply)
        .bind(later(now, back_off(item.attempt)))
        .bind(now)
        .bind(twice)
        .bind(item.org.to_string())
        .bind(item.id.to_string())
        .bind(item.attempt)
        .execute(&mut *write)
        .await?;
        if updated.rows_affected() == 0 {
            return Ok(None);
        }
        self.conclude(&mut write, item, state, notices, now).await?;
        write.commit().await?;
        Ok(Some(state))
    }

    /// Rows that are not yet sent or given up, and rows given up: for metrics.
    ///
    /// # Errors
    /// [`StoreError`] of the main database; a pinned one that is away is not counted.
    pub async fn outbox_counts(&self) -> Result<(i64, i64), StoreError> {
        let pending = "SELECT COUNT(*) FROM outbox WHERE state IN ('pending', 'sending', 'uncertain')";
        let failed = "SELECT COUNT(*) FROM outbox WHERE state = 'failed'";
        let pending = self.database.count_everywhere(pending).await?;
        Ok((pending, self.database.count_everywhere(failed).await?))
    }

    /// What a final state of an outbox row means for its entry.
    async fn conclude(
        &self,
        write: &mut AnyConnection,
        item: &OutboxItem,
        state: OutboxState,
        notices: &[OutboxMail],
        now: i64,
    ) -> Result<(), StoreError> {
        let released = match state {
            OutboxState::Sent => HeldState::Released,
            OutboxState::Failed => HeldState::Held,
            _ => return Ok(()),
        };
        if state == OutboxState::Failed {
            for notice in notices {
                self.enqueue_notice(write, notice, item.quarantine_id).await?;
            }
        }
        let detail = json!({ "attempts": item.attempt, "maybe_twice": item.maybe_twice });
        let (Some(id), "release") = (item.quarantine_id, item.kind.as_str()) else {
            if state == OutboxState::Failed {
                let (action, subject) = (AuditAction::NoticeFailed, item.id.to_string());
                self.note(write, item.org, "system", action, &subject, detail).await?;
            }
            return Ok(());
        };
        match decisions::step(write, item.org, id, released, now).await {
            Ok(_) => {}
            // Never a reason to send again: what was sent stays noted as sent.
            Err(StoreError::Transition { from, to }) => {
                tracing::error!(quarantine = %id, from = from.as_str(), to = to.as_str(), "state moved during a release");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let action = if state == OutboxState::Sent {
            AuditAction::QuarantineReleased
        } else {
            AuditAction::QuarantineReleaseFailed
        };
        self.note(write, item.org, "system", action, &id.to_string(), detail).await
    }

    pub(super) async fn enqueue_release(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        id: QuarantineId,
        envelope: &Envelope,
    ) -> Result<(), StoreError> {
        self.insert_outbox(write, org, "release", Some(id), envelope, None).await
    }

    pub(super) async fn enqueue_notice(
        &self,
        write: &mut AnyConnection,
        mail: &OutboxMail,
        about: Option<QuarantineId>,
    ) -> Result<(), StoreError> {
        self.insert_outbox(write, mail.org, "notice", about, &mail.envelope, Some(&mail.octets)).await
    }

    async fn insert_outbox(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        kind: &str,
        quarantine_id: Option<QuarantineId>,
        envelope: &Envelope,
        octets: Option<&Bytes>,
    ) -> Result<(), StoreError> {
        let (id, now) = (self.ids.ulid(), self.clock.now_ms());
        let octets = octets.map(|octets| self.keyring.seal(org, &octets_context(id), octets)).transpose()?;
        sqlx::query(
            "INSERT INTO outbox (id, org_id, kind, quarantine_id, sealed_envelope, sealed_octets, state, \
             next_attempt_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7, $7)",
        )
        .bind(id.to_string())
        .bind(org.to_string())
        .bind(kind)
        .bind(quarantine_id.map(|id| id.to_string()))
        .bind(self.seal_json(org, &envelope_context(id), envelope)?)
        .bind(octets)
        .bind(now)
        .execute(write)
        .await?;
        Ok(())
    }

    pub(super) async fn outbox_of(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        id: QuarantineId,
    ) -> Result<Vec<OutboxStatus>, StoreError> {
        let sql = "SELECT id, kind, state, attempts, maybe_twice, next_attempt_at, sealed_reply FROM outbox \
                   WHERE org_id = $1 AND quarantine_id = $2 ORDER BY id";
        let rows = sqlx::query(sql).bind(org.to_string()).bind(id.to_string()).fetch_all(read).await?;
        let status = |row: &AnyRow| {
            let id = Ulid::from_string(row.try_get(0)?).map_err(|_| damaged("outbox row"))?;
            let reply = match row.try_get::<Option<Vec<u8>>, _>(6)? {
                Some(sealed) => Some(self.keyring.open(org, &reply_context(id), &sealed)?),
                None => None,
            };
            Ok(OutboxStatus {
                id,
                kind: row.try_get(1)?,
                state: OutboxState::from_name(row.try_get(2)?).ok_or_else(|| damaged("outbox row"))?,
                attempts: row.try_get(3)?,
                maybe_twice: row.try_get::<i64, _>(4)? != 0,
                next_attempt_at: to_rfc3339(row.try_get(5)?)?,
                last_reply: reply.map(|reply| String::from_utf8_lossy(&reply).into_owned()),
            })
        };
        rows.iter().map(status).collect()
    }

    fn item(&self, row: &AnyRow, now: i64) -> Result<OutboxItem, StoreError> {
        let bad = || damaged("outbox row");
        let id = Ulid::from_string(row.try_get(0)?).map_err(|_| bad())?;
        let org = row.try_get::<String, _>(1)?.parse().map_err(|_| bad())?;
        let quarantine_id = row.try_get::<Option<String>, _>(3)?;
        let created_at: i64 = row.try_get(7)?;
        Ok(OutboxItem {
            id,
            org,
            kind: row.try_get(2)?,
            quarantine_id: quarantine_id.map(|id| id.parse().map_err(|_| bad())).transpose()?,
            envelope: self.open_json(org, &envelope_context(id), row.try_get(4)?)?,
            attempt: row.try_get(5)?,
            maybe_twice: row.try_get::<i64, _>(6)? != 0,
            last_try: now >= later(created_at, limits::OUTBOX_LIFETIME),
        })
    }
}

/// What cannot be opened never stands in the way of the others.
async fn give_up(
    write: &mut AnyConnection,
    org: OrgId,
    row: &AnyRow,
    error: &StoreError,
) -> Result<(), StoreError> {
    let id: String = row.try_get(0)?;
    tracing::error!(outbox = %id, %error, "an outbox mail cannot be opened and is given up");
    let sql = "UPDATE outbox SET state = 'failed', lease_until = NULL WHERE id = $1 AND org_id = $2";
    sqlx::query(sql).bind(id).bind(org.to_string()).execute(write).await?;
    Ok(())
}

/// Whether a leased row is past its lifetime.
fn is_old(row: &AnyRow, now: i64) -> Result<bool, StoreError> {
    Ok(now >= later(row.try_get(7)?, limits::OUTBOX_LIFETIME))
}

/// 30 s, 60 s, 120 s … up to the longest pause.
fn back_off(attempt: i64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    limits::OUTBOX_RETRY_FIRST.saturating_mul(1 << doublings).min(limits::OUTBOX_RETRY_MAX)
}

pub(super) fn later(at: i64, by: Duration) -> i64 {
    at.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

pub(super) fn envelope_context(id: Ulid) -> String {
    format!("outbox.sealed_envelope|{id}")
}

pub(super) fn octets_context(id: Ulid) -> String {
    format!("outbox.sealed_octets|{id}")
}

fn reply_context(id: Ulid) -> String {
    format!("outbox.sealed_reply|{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (attempt, seconds) in [(0, 30), (1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (i64::MAX, 900)] {
            assert_eq!(back_off(attempt).as_secs(), seconds, "attempt {attempt}");
        }
    }
}
