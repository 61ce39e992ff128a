//! Held mail: holding, listing, showing.
//!
//! The order of a hold is the promise behind its 250: the sealed body is fsynced first, then one durable transaction
//! writes the row, the administrators' notices and the audit entry. A crash in between leaves a body that nobody
//! names, never a row without its body.

use super::error::{StoreError, damaged};
use super::outbox::OutboxStatus;
use super::{Store, from_rfc3339, keys, to_rfc3339};
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::sealed_under;
use crate::limits;
use crate::model::{
    Envelope, Finding, HeldMail, HeldState, HeldSummary, HeldSupplier, OrgId, QuarantineId, Severity,
};
use crate::ports::{HoldOutcome, Keyring as _, OutboxMail, PortError, QuarantineStore};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::sync::Arc;

/// What `list` shows when no state is asked for: everything undecided.
pub const OPEN_STATES: [HeldState; 4] =
    [HeldState::Held, HeldState::Claimed, HeldState::Approved, HeldState::Releasing];

/// A whole entry without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldEntry {
    /// The list row.
    #[serde(flatten)]
    pub summary: HeldSummary,
    /// Findings with text and place.
    pub findings: Vec<Finding>,
    /// The stored envelope.
    pub envelope: Envelope,
    /// Rule set that judged.
    pub ruleset: String,
    /// RFC 3339: when the state last changed.
    pub updated_at: String,
    /// What the outbox did or does about it (notices and releases).
    pub outbox: Vec<OutboxStatus>,
}

/// The part of a list row that tells of content.
#[derive(Serialize, Deserialize)]
struct SealedRow {
    mail_from: String,
    recipients: Vec<String>,
    subject: String,
    message_id: String,
    supplier: Option<HeldSupplier>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SealedDetail {
    pub(super) envelope: Envelope,
    findings: Vec<Finding>,
}

const COLUMNS: &str = "SELECT id, state, received_at, severity, score, codes, size, expires_at, sealed_row, \
                       sealed_detail, ruleset, updated_at FROM quarantine";

#[async_trait]
impl QuarantineStore for Store {
    async fn hold(&self, mail: HeldMail, notices: Vec<OutboxMail>) -> Result<HoldOutcome, PortError> {
        let (org, id) = (mail.org, mail.summary.id);
        // The usual second copy is seen before its body is sealed and written for nothing.
        let mut read = self.database.scope(org).read().await?;
        let older = undecided(&mut read, org, &mail.dedupe_key).await?;
        drop(read);
        if let Some(older) = older {
            // 250 means that the octets are here. A body that the disk lost comes back with its duplicate.
            if !self.bodies.exists(org, older).await? {
                tracing::error!(quarantine = %older, "the body of a held message was missing; its duplicate replaces it");
                self.replace_body(org, older, mail.octets).await?;
            }
            return Ok(HoldOutcome::Duplicate(older));
        }
        let key = self.write_body(org, id, mail.octets.clone()).await?;
        match self.insert_held(&mail, key, notices).await {
            Ok(HoldOutcome::New(id)) => Ok(HoldOutcome::New(id)),
            Ok(duplicate) => {
                self.bodies.delete(org, id).await?;
                Ok(duplicate)
            }
            // The commit may have happened although its answer got lost: the body stays, better without a row than a
            // row without it. `sweep_bodies` removes what no row names.
            Err(error) => Err(error.into()),
        }
    }
}

impl Store {
    /// Entries of these states (of [`OPEN_STATES`] when none is given), newest first, before an id; at most
    /// `limits::STORE_PAGE`: go on with the last one's id.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn held(
        &self,
        org: OrgId,
        states: &[HeldState],
        before: Option<QuarantineId>,
    ) -> Result<Vec<HeldSummary>, StoreError> {
        let states = if states.is_empty() { &OPEN_STATES } else { states };
        let marks = super::placeholders(4, states.len());
        let sql = format!(
            "{COLUMNS} WHERE org_id = $1 AND id < $2 AND state IN ({marks}) ORDER BY id DESC LIMIT $3"
        );
        // Every ULID sorts below `~`.
        let before = before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        let mut query =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(before).bind(limits::STORE_PAGE);
        for state in states {
            query = query.bind(state.as_str());
        }
        let mut read = self.database.scope(org).read().await?;
        let rows = query.fetch_all(&mut *read).await?;
        drop(read);
        rows.iter().map(|row| self.summary(org, row)).collect()
    }

    /// One entry; `None` when this organisation has none of that id.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn held_entry(&self, org: OrgId, id: QuarantineId) -> Result<Option<HeldEntry>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let Some(row) = fetch(&mut read, org, id).await? else { return Ok(None) };
        let detail = self.detail(org, id, &row)?;
        Ok(Some(HeldEntry {
            summary: self.summary(org, &row)?,
            findings: detail.findings,
            envelope: detail.envelope,
            ruleset: row.try_get(10)?,
            updated_at: to_rfc3339(row.try_get(11)?)?,
            outbox: self.outbox_of(&mut read, org, id).await?,
        }))
    }

    /// The received octets of an entry, exactly as they came; `None` once deleted.
    ///
    /// # Errors
    /// [`StoreError`] of database, disk and keys; [`StoreError::NotFound`] for an id of no entry of this organisation.
    pub async fn held_body(&self, org: OrgId, id: QuarantineId) -> Result<Option<Bytes>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        if state_of(&mut read, org, id).await? == HeldState::Deleted {
            return Ok(None);
        }
        drop(read);
        let sealed = self.bodies.read(org, id).await?.ok_or_else(|| damaged("quarantined body"))?;
        let keyring = Arc::clone(&self.keyring);
        let opened = tokio::task::spawn_blocking(move || keyring.open(org, &body_context(id), &sealed)).await;
        Ok(Some(Bytes::from(opened.map_err(|error| StoreError::Unavailable(error.to_string()))??)))
    }

    /// [`Store::held_body`] for somebody who takes it out of the system: audited.
    ///
    /// # Errors
    /// As [`Store::held_body`]; [`StoreError::NotFound`] also once deleted.
    pub async fn export_held(&self, org: OrgId, id: QuarantineId, actor: &str) -> Result<Bytes, StoreError> {
        let body = self.held_body(org, id).await?.ok_or(StoreError::NotFound("quarantined body"))?;
        let mut write = self.database.scope(org).write().await?;
        self.note(&mut write, org, actor, AuditAction::QuarantineExport, &id.to_string(), json!({})).await?;
        write.commit().await?;
        Ok(body)
    }

    /// Every entry of the main database whose body is there to stay: all but the deleted ones, organisation by
    /// organisation.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn bodies_named(&self) -> Result<Vec<(OrgId, QuarantineId)>, StoreError> {
        let mut named = Vec::new();
        for organisation in self.organisations_here().await? {
            let org = organisation.id;
            let mut read = self.database.scope(org).read().await?;
            let sql = "SELECT id FROM quarantine WHERE org_id = $1 AND state <> 'deleted' ORDER BY id";
            let ids: Vec<String> =
                sqlx::query_scalar(sql).bind(org.to_string()).fetch_all(&mut *read).await?;
            for id in ids {
                named.push((org, id.parse().map_err(|_| damaged("quarantine entry"))?));
            }
        }
        Ok(named)
    }

    /// Entries of all organisations that wait for a decision, for the metric.
    ///
    /// # Errors
    /// [`StoreError`] of the main database; a pinned one that is away is not counted.
    pub async fn held_count(&self) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM quarantine WHERE state IN ('held', 'claimed', 'approved')";
        self.database.count_everywhere(sql).await
    }

    /// A body that the disk lost, again; its row names the key that sealed this copy.
    async fn replace_body(&self, org: OrgId, id: QuarantineId, octets: Bytes) -> Result<(), StoreError> {
        let key = self.write_body(org, id, octets).await?;
        let mut write = self.database.scope(org).write().await?;
        keys::note_body(&mut write, org, id, key).await?;
        write.commit().await
    }

    /// Seals and writes a body; returns the number of the key that sealed it.
    async fn write_body(&self, org: OrgId, id: QuarantineId, octets: Bytes) -> Result<u32, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let sealing = move || keyring.seal(org, &body_context(id), &octets);
        let sealed = tokio::task::spawn_blocking(sealing).await;
        let sealed = sealed.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        let key = sealed_under(&sealed).ok_or_else(|| damaged("quarantined body"))?;
        self.bodies.write(org, id, sealed).await?;
        Ok(key)
    }

    async fn insert_held(
        &self,
        mail: &HeldMail,
        body_key: u32,
        notices: Vec<OutboxMail>,
    ) -> Result<HoldOutcome, StoreError> {
        let (org, id, row) = (mail.org, mail.summary.id, &mail.summary);
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        let inserted = sqlx::query(
            "INSERT INTO quarantine (id, org_id, state, received_at, severity, score, codes, size, expires_at, \
             ruleset, dedupe_key, sealed_row, sealed_detail, updated_at, body_key_id) \
             VALUES ($1, $2, 'held', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
        )
        .bind(id.to_string())
        .bind(org.to_string())
        .bind(from_rfc3339(&row.received_at)?)
        .bind(row.severity.as_str())
        .bind(i64::from(row.score))
        .bind(row.codes.join(","))
        .bind(i64::try_from(row.size).unwrap_or(i64::MAX))
        .bind(row.expires_at.as_deref().map(from_rfc3339).transpose()?)
        .bind(&mail.ruleset)
        .bind(&mail.dedupe_key)
        .bind(self.seal_json(org, &row_context(id), &SealedRow::of(row))?)
        .bind(self.seal_json(org, &detail_context(id), &SealedDetail::of(mail))?)
        .bind(now)
        .bind(i64::from(body_key))
        .execute(&mut *write)
        .await?;
        if inserted.rows_affected() == 0 {
            let older = undecided(&mut write, org, &mail.dedupe_key).await?;
            return older
                .map(HoldOutcome::Duplicate)
                .ok_or_else(|| StoreError::Taken(format!("the id {id} is already used in the quarantine")));
        }
        for notice in &notices {
            self.enqueue_notice(&mut write, notice, Some(id)).await?;
        }
        let detail = json!({ "severity": row.severity.as_str(), "score": row.score, "codes": row.codes });
        self.note(&mut write, org, "system", AuditAction::QuarantineHold, &id.to_string(), detail).await?;
        write.commit().await?;
        Ok(HoldOutcome::New(id))
    }

    fn summary(&self, org: OrgId, row: &AnyRow) -> Result<HeldSummary, StoreError> {
        let id = row.try_get::<String, _>(0)?.parse().map_err(|_| damaged("quarantine entry"))?;
        let content: SealedRow = self.open_json(org, &row_context(id), row.try_get(8)?)?;
        let codes: String = row.try_get(5)?;
        Ok(HeldSummary {
            id,
            state: HeldState::from_name(row.try_get(1)?).ok_or_else(|| damaged("state"))?,
            received_at: to_rfc3339(row.try_get(2)?)?,
            mail_from: content.mail_from,
            recipients: content.recipients,
            subject: content.subject,
            message_id: content.message_id,
            severity: severity_from_name(row.try_get(3)?)?,
            score: u8::try_from(row.try_get::<i64, _>(4)?).map_err(|_| damaged("score"))?,
            codes: codes.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect(),
            supplier: content.supplier,
            expires_at: row.try_get::<Option<i64>, _>(7)?.map(to_rfc3339).transpose()?,
            size: u64::try_from(row.try_get::<i64, _>(6)?).map_err(|_| damaged("size"))?,
        })
    }

    pub(super) fn detail(
        &self,
        org: OrgId,
        id: QuarantineId,
        row: &AnyRow,
    ) -> Result<SealedDetail, StoreError> {
        self.open_json(org, &detail_context(id), row.try_get(9)?)
    }
}

impl SealedRow {
    fn of(row: &HeldSummary) -> Self {
        Self {
            mail_from: row.mail_from.clone(),
            recipients: row.recipients.clone(),
            subject: row.subject.clone(),
            message_id: row.message_id.clone(),
            supplier: row.supplier.clone(),
        }
    }
}

impl SealedDetail {
    fn of(mail: &HeldMail) -> Self {
        Self { envelope: mail.envelope.clone(), findings: mail.findings.clone() }
    }
}

pub(super) async fn state_of(
    read: &mut AnyConnection,
    org: OrgId,
    id: QuarantineId,
) -> Result<HeldState, StoreError> {
    let sql = "SELECT state FROM quarantine WHERE org_id = $1 AND id = $2";
    let query = sqlx::query_scalar::<_, String>(sql).bind(org.to_string()).bind(id.to_string());
    let state = query.fetch_optional(read).await?.ok_or(StoreError::NotFound("quarantine entry"))?;
    HeldState::from_name(&state).ok_or_else(|| damaged("state"))
}

pub(super) async fn fetch(
    read: &mut AnyConnection,
    org: OrgId,
    id: QuarantineId,
) -> Result<Option<AnyRow>, StoreError> {
    let sql = format!("{COLUMNS} WHERE org_id = $1 AND id = $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(id.to_string());
    Ok(query.fetch_optional(read).await?)
}

/// The undecided entry of the same message, if there is one.
async fn undecided(
    read: &mut AnyConnection,
    org: OrgId,
    dedupe_key: &str,
) -> Result<Option<QuarantineId>, StoreError> {
    let sql = "SELECT id FROM quarantine WHERE org_id = $1 AND dedupe_key = $2 \
               AND state IN ('held', 'claimed', 'approved', 'releasing')";
    let query = sqlx::query_scalar::<_, String>(sql).bind(org.to_string()).bind(dedupe_key);
    let id = query.fetch_optional(read).await?;
    id.map(|id| id.parse().map_err(|_| damaged("quarantine entry"))).transpose()
}

fn severity_from_name(name: &str) -> Result<Severity, StoreError> {
    [Severity::None, Severity::Info, Severity::Caution, Severity::Danger]
        .into_iter()
        .find(|severity| severity.as_str() == name)
        .ok_or_else(|| damaged("severity"))
}

fn row_context(id: QuarantineId) -> String {
    format!("quarantine.sealed_row|{id}")
}

fn detail_context(id: QuarantineId) -> String {
    format!("quarantine.sealed_detail|{id}")
}

pub(super) fn body_context(id: QuarantineId) -> String {
    format!("quarantine.body|{id}")
}
