//! Destroying keys that are over: only when nothing is under them, and only after a time in which nobody can still be
//! sealing with them.

use super::super::{Store, StoreError, config_changed, directory_changed};
use super::{KeyRow, of_one};
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::{KeyPurpose, KeyState, WrappedKey};
use crate::limits;
use crate::model::OrgId;
use serde_json::json;
use std::time::Duration;

/// What happens to a key that is over.
enum End {
    /// Its row goes.
    Gone,
    /// Of a signing key the public half stays.
    Public(WrappedKey),
}

impl Store {
    /// Destroys an organisation's keys that are over. Of a signing key the private half goes. Returns purpose and id of
    /// each. A data key under which something still lies (a damaged value) stays.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn destroy_old_keys(
        &self,
        org: OrgId,
        actor: &str,
    ) -> Result<Vec<(KeyPurpose, u32)>, StoreError> {
        let now = self.clock.now_ms();
        let mut read = self.database.scope(org).read().await?;
        let rows = of_one(&mut read, org).await?;
        drop(read);
        let mut destroyed = Vec::new();
        for row in rows.iter().filter(|row| row.key.state == KeyState::Old) {
            let grace = match row.key.purpose {
                KeyPurpose::Fingerprint => limits::FINGERPRINT_GRACE,
                KeyPurpose::Data | KeyPurpose::Signing => limits::KEY_GRACE,
            };
            if now.saturating_sub(row.changed_at) < milliseconds(grace) {
                continue;
            }
            let Some(end) = self.end_of(org, row).await? else { continue };
            self.end_key(org, row, end, actor, now).await?;
            destroyed.push((row.key.purpose, row.key.key_id));
        }
        if !destroyed.is_empty() {
            self.load().await?;
        }
        Ok(destroyed)
    }

    /// What may be done with an old key; `None` when something is under it. Nobody adds to that any more: its grace is
    /// longer than any process goes on sealing without having looked at the database.
    async fn end_of(&self, org: OrgId, row: &KeyRow) -> Result<Option<End>, StoreError> {
        let id = row.key.key_id;
        Ok(match row.key.purpose {
            KeyPurpose::Data => {
                let left = self.values_by_key(org).await?.get(&id).copied().unwrap_or(0);
                (left == 0).then_some(End::Gone)
            }
            KeyPurpose::Fingerprint => {
                self.refingerprint_pass(org, &mut |_| {}).await?;
                // 0: those of which nobody knows which key made them.
                let by_key = self.fingerprints_by_key(org).await?;
                let under = |key: u32| by_key.get(&key).copied().unwrap_or(0);
                (under(id) == 0 && under(0) == 0).then_some(End::Gone)
            }
            KeyPurpose::Signing => Some(End::Public(self.keyring.without_private_half(org, &row.key)?)),
        })
    }

    async fn end_key(
        &self,
        org: OrgId,
        row: &KeyRow,
        end: End,
        actor: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        let (purpose, id) = (row.key.purpose, i64::from(row.key.key_id));
        let mut write = self.database.scope(org).write().await?;
        match &end {
            End::Gone => {
                let sql = "DELETE FROM org_keys WHERE org_id = $1 AND purpose = $2 AND key_id = $3 AND state = 'old'";
                let query = sqlx::query(sql).bind(org.to_string()).bind(purpose.as_str()).bind(id);
                query.execute(&mut *write).await?;
            }
            End::Public(public) => {
                let sql = "UPDATE org_keys SET state = 'public', wrapped = $1, changed_at = $2 \
                           WHERE org_id = $3 AND purpose = $4 AND key_id = $5 AND state = 'old'";
                let query = sqlx::query(sql).bind(public.wrapped.clone()).bind(now).bind(org.to_string());
                query.bind(purpose.as_str()).bind(id).execute(&mut *write).await?;
            }
        }
        let kept = if matches!(end, End::Gone) { "nothing" } else { "public half" };
        let detail = json!({ "key": id, "kept": kept });
        self.note(&mut write, org, actor, AuditAction::KeysDestroy, purpose.as_str(), detail).await?;
        if purpose == KeyPurpose::Fingerprint {
            directory_changed(&mut write, org).await?;
        }
        config_changed(&mut write).await?;
        write.commit().await
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
