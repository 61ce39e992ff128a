//! Keeping the chain provable and no larger than it has to be: anchors, pruning, erasing.

use super::super::error::{StoreError, damaged};
use super::check::{checkpoint, head, page};
use super::{AuditEntry, Store, pseudonym};
use crate::adapters::audit::{Anchor, AnchorStore, AuditAction, Checkpoint, FIRST_HASH, PublicKey};
use crate::limits;
use crate::model::OrgId;
use crate::ports::Keyring as _;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

/// What anchoring did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchoring {
    /// The newest anchor is in the anchor store and names the newest entry.
    Anchored(Anchor),
    /// The anchor store has another anchor of this number: the database was set back, or is not the one it was.
    Contradicted {
        /// The number.
        number: i64,
        /// The newest entry that the anchor store knows of.
        theirs: i64,
    },
}

/// What a pruning did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The chain goes on after this entry; 0 when there was nothing to prune.
    pub checkpoint: i64,
    /// Entries removed.
    pub removed: u64,
}

/// What an erasure did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedAudit {
    /// Private fields deleted.
    pub fields: u64,
    /// Pseudonyms that are nobody's now.
    pub persons: u64,
}

/// A public signing key, as an export names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Number of the key.
    pub key_id: i64,
    /// The key.
    pub public_key: PublicKey,
    /// Unix milliseconds.
    pub valid_from: i64,
}

const ANCHOR: &str = "SELECT number, seq, at, hash, previous, supersedes_after, public_key, signature, stored \
                      FROM audit_anchors";

impl Store {
    /// Writes the signed head to the anchor store, and before it whatever an earlier run could not write.
    ///
    /// # Errors
    /// [`StoreError`] of database, keys and anchor store: what is not written is written by the next run.
    pub async fn anchor_audit(&self, org: OrgId, anchors: &dyn AnchorStore) -> Result<Anchoring, StoreError> {
        let newest = self.next_anchor(org, None).await?;
        for anchor in self.unstored_anchors(org).await? {
            if let Some(there) = anchors.put(org, &anchor).await?
                && there.statement() != anchor.statement()
            {
                let theirs = anchors.all(org).await?.iter().map(|anchor| anchor.seq).max();
                return Ok(Anchoring::Contradicted {
                    number: anchor.number,
                    theirs: theirs.unwrap_or(there.seq),
                });
            }
            let sql = "UPDATE audit_anchors SET stored = 1 WHERE org_id = $1 AND number = $2";
            let mut write = self.database.scope(org).write().await?;
            sqlx::query(sql).bind(org.to_string()).bind(anchor.number).execute(&mut *write).await?;
            write.commit().await?;
        }
        Ok(Anchoring::Anchored(newest))
    }

    /// Accepts that the database was restored to an older state: the next anchor follows the newest one in the anchor
    /// store and says from which entry on those before it no longer count. Returns that entry's number.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the anchor store does not contradict the database; [`StoreError`] of database, keys
    /// and anchor store.
    pub async fn accept_restored_audit(
        &self,
        org: OrgId,
        anchors: &dyn AnchorStore,
        actor: &str,
        reason: &str,
    ) -> Result<i64, StoreError> {
        let theirs = anchors.all(org).await?;
        let Some(newest) = theirs.iter().max_by_key(|anchor| anchor.number) else {
            return Err(StoreError::Invalid(
                "there are no anchors that a restore could contradict".to_owned(),
            ));
        };
        let report = self.audit_report(org, theirs.clone()).await?;
        if report.is_good() {
            return Err(StoreError::Invalid("no anchor contradicts the database".to_owned()));
        }
        // The common part ends at the newest anchor that both know.
        let common = self.common_anchor(org, &theirs).await?;
        let mut write = self.database.scope(org).write().await?;
        let sql = "DELETE FROM audit_anchors WHERE org_id = $1 AND seq > $2";
        sqlx::query(sql).bind(org.to_string()).bind(common).execute(&mut *write).await?;
        let (subject, detail) = ((newest.number.saturating_add(1)).to_string(), json!({ "seq": common }));
        let event = super::Event {
            org,
            at: self.clock.now_ms(),
            actor,
            action: AuditAction::AuditAcceptRestore,
            subject: &subject,
            detail,
            private: Some(json!({ "reason": reason })),
        };
        super::append(&mut write, self.keyring.as_ref(), event).await?;
        write.commit().await?;
        self.next_anchor(org, Some((newest, common))).await?;
        Ok(common)
    }

    /// Seq of the newest anchor that names an entry as this database has it.
    async fn common_anchor(&self, org: OrgId, theirs: &[Anchor]) -> Result<i64, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let mut sorted: Vec<&Anchor> = theirs.iter().collect();
        sorted.sort_by_key(|anchor| std::cmp::Reverse(anchor.seq));
        for anchor in sorted {
            let here = page(&mut read, org, anchor.seq.saturating_sub(1), anchor.seq).await?;
            if here.first().is_some_and(|entry| entry.hash == anchor.hash) {
                return Ok(anchor.seq);
            }
        }
        Ok(0)
    }

    /// The anchor of the newest entry: the one that is there, or a new row.
    async fn next_anchor(&self, org: OrgId, restored: Option<(&Anchor, i64)>) -> Result<Anchor, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        // The head's row lock keeps two servers from making the same anchor.
        let lock = "UPDATE audit_heads SET seq = seq WHERE org_id = $1";
        sqlx::query(lock).bind(org.to_string()).execute(&mut *write).await?;
        let head = head(&mut write, org).await?.ok_or(StoreError::NotFound("organisation"))?;
        let newest = newest_anchor(&mut write, org).await?;
        if restored.is_none()
            && let Some(newest) = &newest
            && newest.seq == head.seq
        {
            return Ok(newest.clone());
        }
        let before = restored.map(|(anchor, _)| anchor).or(newest.as_ref());
        let mut anchor = Anchor {
            format: Anchor::FORMAT.to_owned(),
            org: org.to_string(),
            number: before.map_or(0, |anchor| anchor.number).saturating_add(1),
            seq: head.seq,
            at: self.clock.now_ms(),
            hash: head.hash,
            previous: before.map_or_else(|| FIRST_HASH.to_owned(), Anchor::digest),
            supersedes_after: restored.map(|(_, common)| common),
            public_key: PublicKey::from_octets(self.keyring.public_key(org)?).to_hex(),
            signature: String::new(),
        };
        anchor.signature = super::hex(&self.keyring.sign(org, &anchor.statement())?);
        insert_anchor(&mut write, &anchor).await?;
        write.commit().await?;
        Ok(anchor)
    }

    async fn unstored_anchors(&self, org: OrgId) -> Result<Vec<Anchor>, StoreError> {
        let sql = format!("{ANCHOR} WHERE org_id = $1 AND stored = 0 ORDER BY number LIMIT $2");
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(limits::ANCHOR_BATCH);
        rows.fetch_all(&mut *read).await?.iter().map(|row| anchor(org, row)).collect()
    }

    /// The anchors that are in the anchor store as far as the database knows, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn stored_anchors(&self, org: OrgId) -> Result<Vec<Anchor>, StoreError> {
        let sql = format!("{ANCHOR} WHERE org_id = $1 AND stored = 1 ORDER BY number LIMIT $2");
        let most = i64::try_from(limits::MAX_AUDIT_ANCHORS).unwrap_or(i64::MAX);
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(most);
        rows.fetch_all(&mut *read).await?.iter().map(|row| anchor(org, row)).collect()
    }

    /// Marks the newest anchor as mailed if none was for `limits::ANCHOR_MAIL_EVERY`, and queues the mails in the same
    /// transaction. Returns whether it did.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys: nothing is queued.
    pub async fn mail_anchor(
        &self,
        anchor: &Anchor,
        org: OrgId,
        mails: &[crate::ports::OutboxMail],
    ) -> Result<bool, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let every = i64::try_from(limits::ANCHOR_MAIL_EVERY.as_millis()).unwrap_or(i64::MAX);
        let sql = "UPDATE audit_anchors SET mailed = 1 WHERE org_id = $1 AND number = $2 AND mailed = 0 \
                   AND NOT EXISTS (SELECT 1 FROM audit_anchors o WHERE o.org_id = $1 AND o.mailed = 1 AND o.at > $3)";
        let marked = sqlx::query(sql)
            .bind(org.to_string())
            .bind(anchor.number)
            .bind(self.clock.now_ms().saturating_sub(every))
            .execute(&mut *write)
            .await?;
        if marked.rows_affected() == 0 {
            return Ok(false);
        }
        for mail in mails {
            self.enqueue_notice(&mut write, mail, None).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// Where the chain goes on from, if it was pruned.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn audit_checkpoint(&self, org: OrgId) -> Result<Option<Checkpoint>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        checkpoint(&mut read, org).await
    }

    /// Removes entries older than `before_ms`, up to the newest anchored head among them and no further. The signed
    /// checkpoint of that head is kept; private fields and anchors' rows of what is removed go too. An interrupted run is finished by
    /// the next.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn prune_audit(&self, org: OrgId, before_ms: i64, actor: &str) -> Result<Pruned, StoreError> {
        let mut write = self.database.scope(org).write().await?;
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

    /// What a pruning would make the new start; `None` when there is nothing to remove.
    async fn next_checkpoint(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        before_ms: i64,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let sql = format!(
            "{ANCHOR} WHERE org_id = $1 AND stored = 1 AND seq < (SELECT COALESCE(MIN(seq), 0) FROM audit \
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

    /// Entries after `after` that speak of this address, with their private fields, out of the next `limits::STORE_PAGE`
    /// ones; and where to go on, until there is no more.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn audit_about(
        &self,
        org: OrgId,
        address: &str,
        after: i64,
    ) -> Result<(Vec<AuditEntry>, Option<i64>), StoreError> {
        let mut entries = self.audit(org, after).await?;
        let next = entries.last().map(|entry| entry.seq);
        let folded = address.to_lowercase();
        entries.retain(|entry| {
            let named = |text: &String| text.to_lowercase().contains(&folded);
            entry.persons.values().any(|name| *name == folded) || entry.private.as_ref().is_some_and(named)
        });
        Ok((entries, next))
    }

    /// Erases what the audit holds of an address: private fields that contain it, and the name behind its pseudonym. The
    /// chain stays valid and tells that something was erased.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys: what was erased so far stays erased; a second run does the rest.
    pub async fn erase_from_audit(
        &self,
        org: OrgId,
        address: &str,
        actor: &str,
    ) -> Result<ErasedAudit, StoreError> {
        let folded = address.to_lowercase();
        let mut erased = ErasedAudit::default();
        let mut after = 0;
        loop {
            let (fields, next) = self.fields_naming(org, &folded, after).await?;
            let mut write = self.database.scope(org).write().await?;
            for (seq, field) in &fields {
                let sql = "DELETE FROM audit_private WHERE org_id = $1 AND seq = $2 AND field = $3";
                let gone =
                    sqlx::query(sql).bind(org.to_string()).bind(seq).bind(field).execute(&mut *write).await?;
                erased.fields = erased.fields.saturating_add(gone.rows_affected());
            }
            write.commit().await?;
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        let mut write = self.database.scope(org).write().await?;
        if let Some(pseudonym) = pseudonym(&mut write, self.keyring.as_ref(), org, &folded).await? {
            let sql = "DELETE FROM audit_persons WHERE org_id = $1 AND pseudonym = $2";
            let gone = sqlx::query(sql).bind(org.to_string()).bind(pseudonym).execute(&mut *write).await?;
            erased.persons = gone.rows_affected();
        }
        let detail = json!({ "fields": erased.fields, "persons": erased.persons });
        self.note(&mut write, org, actor, AuditAction::AuditErase, "private fields", detail).await?;
        write.commit().await?;
        Ok(erased)
    }

    /// Private fields that contain a text, out of those of the next entries that have any.
    async fn fields_naming(
        &self,
        org: OrgId,
        folded: &str,
        after: i64,
    ) -> Result<(Vec<(i64, String)>, Option<i64>), StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT MAX(seq) FROM (SELECT seq FROM audit_private WHERE org_id = $1 AND seq > $2 \
                   ORDER BY seq LIMIT $3) AS next_ones";
        let last: Option<i64> = sqlx::query_scalar(sql)
            .bind(org.to_string())
            .bind(after)
            .bind(limits::STORE_PAGE)
            .fetch_one(&mut *read)
            .await?;
        let Some(last) = last else { return Ok((Vec::new(), None)) };
        let fields = self.private_fields(&mut read, org, after.saturating_add(1), last).await?;
        let mut naming = Vec::new();
        for (seq, field, value) in fields {
            if value?.value.to_lowercase().contains(folded) {
                naming.push((seq, field));
            }
        }
        Ok((naming, Some(last)))
    }

    /// The organisation's public signing keys, as far as they are loaded.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn audit_keys(&self, org: OrgId) -> Result<Vec<SigningKey>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT key_id, created_at FROM org_keys WHERE org_id = $1 AND purpose = 'signing' \
                   ORDER BY key_id DESC LIMIT 1";
        let row = sqlx::query(sql).bind(org.to_string()).fetch_one(&mut *read).await?;
        let public_key = PublicKey::from_octets(self.keyring.public_key(org)?);
        Ok(vec![SigningKey { key_id: row.try_get(0)?, public_key, valid_from: row.try_get(1)? }])
    }

    /// Removes an organisation's whole audit within the transaction that erases the organisation. A checkpoint of the
    /// newest entry lets it go; then that goes too.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn drop_audit(&self, write: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
        let Some(head) = head(write, org).await? else { return Ok(()) };
        let mut last =
            Checkpoint { seq: head.seq, at: head.at, hash: head.hash, anchor: 0, signature: String::new() };
        last.signature = super::hex(&self.keyring.sign(org, &last.statement(&org.to_string()))?);
        if checkpoint(write, org).await?.is_none_or(|there| there.seq < last.seq) {
            insert_checkpoint(write, org, &last).await?;
        }
        for sql in [
            "DELETE FROM audit_private WHERE org_id = $1",
            "DELETE FROM audit_persons WHERE org_id = $1",
            "DELETE FROM audit WHERE org_id = $1",
            "DELETE FROM audit_heads WHERE org_id = $1",
            "DELETE FROM audit_anchors WHERE org_id = $1",
            "DELETE FROM audit_checkpoints WHERE org_id = $1",
        ] {
            sqlx::query(sql).bind(org.to_string()).execute(&mut *write).await?;
        }
        Ok(())
    }
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

async fn newest_anchor(read: &mut AnyConnection, org: OrgId) -> Result<Option<Anchor>, StoreError> {
    let sql = format!("{ANCHOR} WHERE org_id = $1 ORDER BY number DESC LIMIT 1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).fetch_optional(read).await?;
    row.as_ref().map(|row| anchor(org, row)).transpose()
}

async fn insert_anchor(write: &mut AnyConnection, anchor: &Anchor) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit_anchors (org_id, number, seq, at, hash, previous, supersedes_after, public_key, signature) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&anchor.org)
    .bind(anchor.number)
    .bind(anchor.seq)
    .bind(anchor.at)
    .bind(&anchor.hash)
    .bind(&anchor.previous)
    .bind(anchor.supersedes_after)
    .bind(&anchor.public_key)
    .bind(&anchor.signature)
    .execute(write)
    .await?;
    Ok(())
}

fn anchor(org: OrgId, row: &AnyRow) -> Result<Anchor, StoreError> {
    let number: i64 = row.try_get(0)?;
    if number < 1 {
        return Err(damaged("anchor"));
    }
    Ok(Anchor {
        format: Anchor::FORMAT.to_owned(),
        org: org.to_string(),
        number,
        seq: row.try_get(1)?,
        at: row.try_get(2)?,
        hash: row.try_get(3)?,
        previous: row.try_get(4)?,
        supersedes_after: row.try_get(5)?,
        public_key: row.try_get(6)?,
        signature: row.try_get(7)?,
    })
}
