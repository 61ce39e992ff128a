//! Notices beside messages that cannot carry a banner: rows of the outbox with a key of their own.
//!
//! They are committed before the message goes onward, due only after a grace time. Once the next hop has taken the
//! message they become due at once; refused, they are taken back. A process that dies in between leaves them to go out
//! by themselves.

use super::Store;
use super::error::StoreError;
use super::outbox::{envelope_context, later, octets_context};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{MailId, OrgId};
use crate::ports::{CompanionNotice, Companions, Keyring as _, PortError};
use async_trait::async_trait;
use serde_json::json;
use sqlx::AnyConnection;
use ulid::Ulid;

#[async_trait]
impl Companions for Store {
    async fn prepare(
        &self,
        org: OrgId,
        about: MailId,
        notices: Vec<CompanionNotice>,
    ) -> Result<Vec<Ulid>, PortError> {
        Ok(self.prepare_companions(org, about, &notices).await?)
    }

    async fn settle(&self, org: OrgId, about: MailId, rows: &[Ulid], arrived: bool) -> Result<(), PortError> {
        Ok(self.settle_companions(org, about, rows, arrived).await?)
    }
}

impl Store {
    async fn prepare_companions(
        &self,
        org: OrgId,
        about: MailId,
        notices: &[CompanionNotice],
    ) -> Result<Vec<Ulid>, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let mut rows = Vec::with_capacity(notices.len());
        for notice in notices {
            rows.extend(self.insert_companion(&mut write, org, notice).await?);
        }
        if !rows.is_empty() {
            let detail = json!({ "notices": rows.len() });
            self.note(&mut write, org, "system", AuditAction::CompanionQueued, &about.to_string(), detail)
                .await?;
        }
        write.commit().await?;
        Ok(rows)
    }

    /// The new row; `None` when this message has its notice already.
    async fn insert_companion(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        notice: &CompanionNotice,
    ) -> Result<Option<Ulid>, StoreError> {
        let (id, now) = (self.ids.ulid(), self.clock.now_ms());
        let octets = self.keyring.seal(org, &octets_context(id), &notice.mail.octets)?;
        let inserted = sqlx::query(
            "INSERT INTO outbox (id, org_id, kind, sealed_envelope, sealed_octets, state, next_attempt_at, \
             created_at, updated_at, dedupe_key) VALUES ($1, $2, 'notice', $3, $4, 'pending', $5, $6, $6, $7) \
             ON CONFLICT (org_id, dedupe_key) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(org.to_string())
        .bind(self.seal_json(org, &envelope_context(id), &notice.mail.envelope)?)
        .bind(octets)
        .bind(later(now, limits::COMPANION_GRACE))
        .bind(now)
        .bind(notice.dedupe_key.as_str())
        .execute(write)
        .await?;
        Ok((inserted.rows_affected() > 0).then_some(id))
    }

    async fn settle_companions(
        &self,
        org: OrgId,
        about: MailId,
        rows: &[Ulid],
        arrived: bool,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        for row in rows {
            let sql = if arrived {
                "UPDATE outbox SET next_attempt_at = $3, updated_at = $3 \
                 WHERE org_id = $1 AND id = $2 AND state = 'pending' AND attempts = 0"
            } else {
                "DELETE FROM outbox WHERE org_id = $1 AND id = $2 AND state = 'pending' AND attempts = 0"
            };
            let mut query = sqlx::query(sql).bind(org.to_string()).bind(row.to_string());
            if arrived {
                query = query.bind(now);
            }
            query.execute(&mut *write).await?;
        }
        if !arrived {
            let detail = json!({ "notices": rows.len() });
            self.note(&mut write, org, "system", AuditAction::CompanionWithdrawn, &about.to_string(), detail)
                .await?;
        }
        write.commit().await
    }
}
