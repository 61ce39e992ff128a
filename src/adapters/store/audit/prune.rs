//! Keeping no more than has to be kept: pruning up to a checkpoint, finding a person's entries, letting a whole chain go.

use super::super::error::StoreError;
use super::anchor::{ANCHOR, anchor};
use super::check::checkpoint;
use super::{AuditEntry, Store};
use crate::adapters::audit::{AuditAction, Checkpoint};
use crate::adapters::store::privacy::Subject;
use crate::adapters::store::retention::standing;
use crate::limits;
use crate::model::OrgId;
use crate::ports::Keyring as _;
use serde_json::json;
use sqlx::{AnyConnection, Row as _};

/// What a pruning did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The chain goes on after this entry; 0 when there was nothing to prune.
    pub checkpoint: i64,
    /// Entries removed.
    pub removed: u64,
}

impl Store {
    /// Removes entries older than `before_ms`, up to the newest anchored head among them and no further. The signed
    /// checkpoint of that head is kept; private fields and anchors' rows of what is removed go too. An interrupted run is finished by
    /// the next.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] under a legal hold; [`StoreError`] of database and keys.
    pub async fn prune_audit(&self, org: OrgId, before_ms: i64, actor: &str) -> Result<Pruned, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        if !standing(&mut write, org).await?.ids.is_empty() {
            return Err(StoreError::Conflict(
                "a legal hold stands, and single entries cannot be kept of a pruned chain; `sentra retention hold list` \
                 tells which"
                    .to_owned(),
            ));
        }
        if let Some(next) = self.next_checkpoint(&mut write, org, before_ms).await? {
            insert_checkpoint(&mut write, org, &next).await?;
            let subject = next.seq.to_string();
            let sql = "SELECT COUNT(*) FROM audit WHERE org_id = $1 AND seq <= $2";
            let removed: i64 =
                sqlx::query_scalar(sql).bind(org.to_string()).bind(next.seq).fetch_one(&mut *write).await?;
            let detail = json!({ "removed": removed });
            self.note(&mut write, org, actor, AuditAction::AuditPrune, &subject, detail).await?;
        }
        write.commit().await?;
        let Some(checkpoint) = self.audit_checkpoint(org).await? else {
            return Ok(Pruned { checkpoint: 0, removed: 0 });
        };
        let mut pruned = Pruned { checkpoint: checkpoint.seq, removed: 0 };
        loop {
            let mut write = self.database.scope(org).write().await?;
            let removed = remove_batch(&mut write, org, checkpoint.seq).await?;
            write.commit().await?;
            pruned.removed = pruned.removed.saturating_add(removed);
            if removed == 0 {
                return Ok(pruned);
            }
        }
    }

    /// How many entries a pruning would remove, and when the oldest was written.
    pub(in crate::adapters::store) async fn prunable_audit(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        before_ms: i64,
    ) -> Result<(u64, Option<i64>), StoreError> {
        let next = self.next_checkpoint(read, org, before_ms).await?.map(|next| next.seq);
        // What an interrupted run left goes with the next one.
        let covered = checkpoint(read, org).await?.map(|there| there.seq);
        let Some(last) = next.max(covered) else { return Ok((0, None)) };
        let sql = "SELECT COUNT(*), MIN(at) FROM audit WHERE org_id = $1 AND seq <= $2";
        let row = sqlx::query(sql).bind(org.to_string()).bind(last).fetch_one(read).await?;
        Ok((u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(), row.try_get(1)?))
    }

    /// What a pruning would make the new start; `None` when there is nothing to remove.
    async fn next_checkpoint(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        before_ms: i64,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let sql = format!(
            "{ANCHOR} WHERE org_id = $1 AND stored = 1 AND seq < (SELECT COALESCE(MIN(seq), 9223372036854775807) FROM audit \
             WHERE org_id = $1 AND at >= $2) AND seq > (SELECT COALESCE(MAX(seq), 0) FROM audit_checkpoints \
             WHERE org_id = $1) ORDER BY number DESC LIMIT 1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(before_ms);
        let Some(row) = row.fetch_optional(&mut *read).await? else { return Ok(None) };
        let anchor = anchor(org, &row)?;
        let at = "SELECT at FROM audit WHERE org_id = $1 AND seq = $2 AND hash = $3";
        let at: Option<i64> = sqlx::query_scalar(at)
            .bind(org.to_string())
            .bind(anchor.seq)
            .bind(&anchor.hash)
            .fetch_optional(read)
            .await?;
        let at = at.ok_or_else(|| {
            StoreError::Invalid(
                "an anchor names another entry than the chain has: nothing is pruned".to_owned(),
            )
        })?;
        let mut next = Checkpoint {
            seq: anchor.seq,
            at,
            hash: anchor.hash,
            anchor: anchor.number,
            signature: String::new(),
        };
        next.signature = super::hex(&self.keyring.sign(org, &next.statement(&org.to_string()))?);
        Ok(Some(next))
    }

    /// Entries after `after` that speak of this person, with their private fields, out of the next `limits::STORE_PAGE`
    /// ones; and where to go on, until there is no more.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn audit_about(
        &self,
        org: OrgId,
        subject: &Subject,
        after: i64,
    ) -> Result<(Vec<AuditEntry>, Option<i64>), StoreError> {
        let mut entries = self.audit(org, after).await?;
        let next = entries.last().map(|entry| entry.seq);
        entries.retain(|entry| entry.persons.values().chain(&entry.private).any(|text| subject.is_in(text)));
        Ok((entries, next))
    }
}

/// Lets the triggers give up a chain whose organisation has no keys any more: a checkpoint without a signature, which no
/// verifier takes, covers all of it.
pub(in crate::adapters::store) async fn let_audit_go(
    write: &mut AnyConnection,
    org: OrgId,
) -> Result<(), StoreError> {
    let sql = "SELECT MAX(seq) FROM audit WHERE org_id = $1";
    let newest: Option<i64> = sqlx::query_scalar(sql).bind(org.to_string()).fetch_one(&mut *write).await?;
    let Some(seq) = newest else { return Ok(()) };
    if checkpoint(write, org).await?.is_some_and(|there| there.seq >= seq) {
        return Ok(());
    }
    let all = Checkpoint { seq, at: 0, hash: String::new(), anchor: 0, signature: String::new() };
    insert_checkpoint(write, org, &all).await
}

async fn remove_batch(write: &mut AnyConnection, org: OrgId, up_to: i64) -> Result<u64, StoreError> {
    let sql = "SELECT MIN(seq) FROM audit WHERE org_id = $1 AND seq <= $2";
    let first: Option<i64> =
        sqlx::query_scalar(sql).bind(org.to_string()).bind(up_to).fetch_one(&mut *write).await?;
    let Some(first) = first else { return Ok(0) };
    let last = up_to.min(first.saturating_add(limits::AUDIT_PRUNE_BATCH));
    let mut removed = 0;
    for sql in [
        "DELETE FROM audit_private WHERE org_id = $1 AND seq <= $2",
        "DELETE FROM audit WHERE org_id = $1 AND seq <= $2",
    ] {
        removed =
            sqlx::query(sql).bind(org.to_string()).bind(last).execute(&mut *write).await?.rows_affected();
    }
    Ok(removed)
}

async fn insert_checkpoint(
    write: &mut AnyConnection,
    org: OrgId,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit_checkpoints (org_id, seq, at, hash, anchor, signature) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(org.to_string())
    .bind(checkpoint.seq)
    .bind(checkpoint.at)
    .bind(&checkpoint.hash)
    .bind(checkpoint.anchor)
    .bind(&checkpoint.signature)
    .execute(write)
    .await?;
    Ok(())
}
