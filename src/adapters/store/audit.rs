//! The audit log: append-only, one hash chain per organisation.
//!
//! An entry's hash is SHA-256 over the JSON array `["sentra-audit-v1", org, seq, at, actor, action, subject, detail,
//! hex(sealed), prev_hash]`; the first entry's `prev_hash` is 64 zeros. Triggers refuse UPDATE and DELETE, and whoever
//! gets around them breaks the chain, which [`Store::verify_audit`] shows. Personal detail is sealed and hashed as
//! stored, so that a chain can be verified without any key.

use super::error::{StoreError, damaged};
use super::{Store, hex};
use crate::limits;
use crate::model::OrgId;
use crate::ports::Keyring as _;
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

const FIRST_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is to be noted.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Whose chain.
    pub org: OrgId,
    /// Unix milliseconds.
    pub at: i64,
    /// Who: `operator` (the machine's), `system`, or a user.
    pub actor: &'a str,
    /// What, `noun.verb`: `quarantine.release`.
    pub action: &'a str,
    /// On what: an id or a name.
    pub subject: &'a str,
    /// Further detail without personal data.
    pub detail: serde_json::Value,
    /// Sealed detail, if any.
    pub sealed: Option<Vec<u8>>,
}

/// One entry as stored. `detail` is JSON text; `private` the unsealed personal detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Position in the organisation's chain, from 1.
    pub seq: i64,
    /// Unix milliseconds.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub subject: String,
    /// JSON text.
    pub detail: String,
    /// Personal detail, unsealed for the reader.
    pub private: Option<String>,
    /// Hex hash of the entry before.
    pub prev_hash: String,
    /// Hex hash of this one.
    pub hash: String,
}

/// What a walk along a chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainCheck {
    /// Unbroken, with this many entries.
    Intact(i64),
    /// The first entry that does not fit (altered, missing or out of order), or the end that was cut off.
    Broken(i64),
}

/// Starts an organisation's chain.
pub(super) async fn start(write: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit_heads (org_id, seq, hash) VALUES ($1, 0, $2)")
        .bind(org.to_string())
        .bind(FIRST_HASH)
        .execute(write)
        .await?;
    Ok(())
}

/// Appends within the caller's transaction: the entry and what it tells of are committed together or not at all.
///
/// # Errors
/// [`StoreError`] when the organisation does not exist or the database fails.
pub async fn append(write: &mut AnyConnection, event: Event<'_>) -> Result<(), StoreError> {
    let org = event.org.to_string();
    // The update takes the chain's lock on engines with row locks before the head is read.
    let head =
        sqlx::query("UPDATE audit_heads SET seq = seq + 1 WHERE org_id = $1 RETURNING seq, hash").bind(&org);
    let head = head.fetch_optional(&mut *write).await?.ok_or(StoreError::NotFound("organisation"))?;
    let (seq, prev_hash): (i64, String) = (head.try_get(0)?, head.try_get(1)?);
    let detail = event.detail.to_string();
    let link = Link {
        org: &org,
        seq,
        at: event.at,
        actor: event.actor,
        action: event.action,
        subject: event.subject,
        detail: &detail,
        sealed: event.sealed.as_deref(),
        prev_hash: &prev_hash,
    };
    let hash = link.hash()?;
    sqlx::query(
        "INSERT INTO audit (org_id, seq, at, actor, action, subject, detail, sealed, prev_hash, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&org)
    .bind(seq)
    .bind(event.at)
    .bind(event.actor)
    .bind(event.action)
    .bind(event.subject)
    .bind(&detail)
    .bind(event.sealed.clone())
    .bind(&prev_hash)
    .bind(&hash)
    .execute(&mut *write)
    .await?;
    sqlx::query("UPDATE audit_heads SET hash = $1 WHERE org_id = $2")
        .bind(hash)
        .bind(org)
        .execute(write)
        .await?;
    Ok(())
}

/// Exactly what is hashed.
struct Link<'a> {
    org: &'a str,
    seq: i64,
    at: i64,
    actor: &'a str,
    action: &'a str,
    subject: &'a str,
    detail: &'a str,
    sealed: Option<&'a [u8]>,
    prev_hash: &'a str,
}

impl Link<'_> {
    fn hash(&self) -> Result<String, StoreError> {
        let sealed = self.sealed.map(hex).unwrap_or_default();
        let canonical = serde_json::to_vec(&(
            "sentra-audit-v1",
            self.org,
            self.seq,
            self.at,
            self.actor,
            self.action,
            self.subject,
            self.detail,
            sealed,
            self.prev_hash,
        ));
        let canonical = canonical.map_err(|error| StoreError::Invalid(error.to_string()))?;
        Ok(hex(digest(&SHA256, &canonical).as_ref()))
    }
}

const COLUMNS: &str = "SELECT seq, at, actor, action, subject, detail, sealed, prev_hash, hash FROM audit";

fn entry(row: &AnyRow) -> Result<(AuditEntry, Option<Vec<u8>>), StoreError> {
    let entry = AuditEntry {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        actor: row.try_get(2)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        detail: row.try_get(5)?,
        private: None,
        prev_hash: row.try_get(7)?,
        hash: row.try_get(8)?,
    };
    Ok((entry, row.try_get(6)?))
}

impl Store {
    /// Entries with `seq > after`, oldest first, at most `limits::STORE_PAGE`; go on with the last one's `seq`.
    ///
    /// # Errors
    /// [`StoreError`] of the database; of the keys for sealed detail.
    pub async fn audit(&self, org: OrgId, after: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = format!("{COLUMNS} WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(org.to_string())
            .bind(after)
            .bind(limits::STORE_PAGE)
            .fetch_all(self.database.reader())
            .await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let (mut entry, sealed) = entry(row)?;
            if let Some(sealed) = sealed {
                let plain = self.keyring.open(org, "audit.sealed", &sealed)?;
                entry.private = Some(String::from_utf8(plain).map_err(|_| damaged("audit detail"))?);
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Walks the organisation's whole chain.
    ///
    /// # Errors
    /// [`StoreError`] of the database; a broken chain is an answer, not an error.
    pub async fn verify_audit(&self, org: OrgId) -> Result<ChainCheck, StoreError> {
        let org = org.to_string();
        let mut snapshot = self.database.reader().begin().await?;
        let head = sqlx::query("SELECT seq, hash FROM audit_heads WHERE org_id = $1").bind(&org);
        let head = head.fetch_optional(&mut *snapshot).await?.ok_or(StoreError::NotFound("organisation"))?;
        let (head_seq, head_hash): (i64, String) = (head.try_get(0)?, head.try_get(1)?);
        let sql = format!("{COLUMNS} WHERE org_id = $1 ORDER BY seq");
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&org).fetch(&mut *snapshot);
        let (mut seq, mut hash) = (0_i64, FIRST_HASH.to_owned());
        while let Some(row) = rows.try_next().await? {
            let (entry, sealed) = entry(&row)?;
            seq = seq.saturating_add(1);
            let link = Link {
                org: &org,
                seq,
                at: entry.at,
                actor: &entry.actor,
                action: &entry.action,
                subject: &entry.subject,
                detail: &entry.detail,
                sealed: sealed.as_deref(),
                prev_hash: &hash,
            };
            if entry.seq != seq || entry.prev_hash != hash || entry.hash != link.hash()? {
                return Ok(ChainCheck::Broken(seq));
            }
            hash = entry.hash;
        }
        if (seq, &hash) == (head_seq, &head_hash) {
            Ok(ChainCheck::Intact(seq))
        } else {
            Ok(ChainCheck::Broken(seq.saturating_add(1)))
        }
    }
}
