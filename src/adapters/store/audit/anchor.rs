//! Anchors: the signed head on its way out of the machine.

use super::super::error::{StoreError, damaged};
use super::Store;
use super::check::{checkpoint, head, page};
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

pub(super) const ANCHOR: &str = "SELECT number, seq, at, hash, previous, supersedes_after, public_key, signature, stored \
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

pub(super) fn anchor(org: OrgId, row: &AnyRow) -> Result<Anchor, StoreError> {
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
