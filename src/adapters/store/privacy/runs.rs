//! The row of an erasure: who asked, how far it is, how many rows went. It names the person only while it is under way,
//! by a keyed fingerprint.

use super::super::error::{StoreError, damaged};
use super::super::{Event, Store, append_audit, bounded};
use super::places::Place;
use super::subject::Subject;
use crate::adapters::audit::AuditAction;
use crate::model::OrgId;
use serde_json::json;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

/// An erasure under way.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Whose organisation.
    pub org: OrgId,
    /// ULID; the record beside the backups has the same.
    pub id: String,
    /// Unix milliseconds of its first beginning.
    pub started_at: i64,
    /// Contacts on supplier records go too.
    pub suppliers: bool,
    /// Who wants it.
    pub actor: String,
    /// It was begun before and did not come to its end.
    pub resumed: bool,
}

/// Rows that went, by place.
pub(super) type Taken = BTreeMap<Place, u64>;

impl Store {
    /// Begins an erasure, or goes on with one of the same person that was killed.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a reason that is empty or names the person; [`StoreError`] of database and keys.
    pub async fn begin_erasure(
        &self,
        org: OrgId,
        subject: &Subject,
        suppliers: bool,
        reason: &str,
        actor: &str,
    ) -> Result<Erasure, StoreError> {
        let reason = bounded(reason.trim());
        if reason.is_empty() {
            return Err(StoreError::Invalid("a reason is needed".to_owned()));
        }
        if subject.is_in(reason) {
            return Err(StoreError::Invalid(
                "the reason stays in the audit and must not name the person: give a reference, like a ticket"
                    .to_owned(),
            ));
        }
        let mut write = self.database.scope(org).write().await?;
        let mut erasure = Erasure {
            org,
            id: String::new(),
            started_at: 0,
            suppliers,
            actor: actor.to_owned(),
            resumed: false,
        };
        if let Some((id, started_at)) = under_way(&mut write, org, subject).await? {
            return Ok(Erasure { id, started_at, resumed: true, ..erasure });
        }
        (erasure.id, erasure.started_at) = (self.ids.ulid().to_string(), self.clock.now_ms());
        insert(&mut write, &erasure, subject).await?;
        let (at, subject, detail) =
            (erasure.started_at, erasure.id.as_str(), json!({ "suppliers": suppliers }));
        let (action, private) = (AuditAction::PrivacyErase, Some(json!({ "reason": reason })));
        let event = Event { org, at, actor, action, subject, detail, private };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        write.commit().await?;
        Ok(erasure)
    }

    /// Takes up an erasure that this database, being restored from a backup, has not seen to its end. `None`: it has.
    pub(super) async fn begin_replay(
        &self,
        org: OrgId,
        id: &str,
        subject: &Subject,
        suppliers: bool,
        actor: &str,
    ) -> Result<Option<Erasure>, StoreError> {
        let mut erasure = Erasure {
            org,
            id: id.to_owned(),
            started_at: self.clock.now_ms(),
            suppliers,
            actor: actor.to_owned(),
            resumed: true,
        };
        let mut write = self.database.scope(org).write().await?;
        let sql = "SELECT state, started_at FROM privacy_erasures WHERE org_id = $1 AND id = $2";
        let row = sqlx::query(sql).bind(org.to_string()).bind(id).fetch_optional(&mut *write).await?;
        // Another one of the same person may have been under way at the backup's moment.
        let other = under_way(&mut write, org, subject).await?;
        match (row, other) {
            (Some(row), _) => {
                let (state, started_at): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
                if state == "done" {
                    return Ok(None);
                }
                erasure.started_at = started_at;
            }
            (None, Some(_)) => insert_marked(&mut write, &erasure, &format!("replay|{id}")).await?,
            (None, None) => insert(&mut write, &erasure, subject).await?,
        }
        write.commit().await?;
        Ok(Some(erasure))
    }

    /// Adds to what went, within the transaction in which it goes.
    pub(super) async fn note_taken(
        &self,
        write: &mut AnyConnection,
        erasure: &Erasure,
        taken: &Taken,
    ) -> Result<(), StoreError> {
        // The first update takes the row's lock where engines have those: two runs add up.
        let touch = "UPDATE privacy_erasures SET touched_at = $1 WHERE org_id = $2 AND id = $3";
        let touch =
            sqlx::query(touch).bind(self.clock.now_ms()).bind(erasure.org.to_string()).bind(&erasure.id);
        if touch.execute(&mut *write).await?.rows_affected() == 0 {
            return Err(StoreError::NotFound("erasure"));
        }
        let mut sum = taken_of(write, erasure).await?;
        for (place, count) in taken {
            let before = sum.entry(*place).or_default();
            *before = before.saturating_add(*count);
        }
        let text = serde_json::to_string(&sum).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let sql = "UPDATE privacy_erasures SET report = $1 WHERE org_id = $2 AND id = $3";
        let query = sqlx::query(sql).bind(text).bind(erasure.org.to_string()).bind(&erasure.id);
        query.execute(write).await?;
        Ok(())
    }

    /// What went so far, in earlier runs too.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn erased_so_far(&self, erasure: &Erasure) -> Result<BTreeMap<Place, u64>, StoreError> {
        let mut read = self.database.scope(erasure.org).read().await?;
        taken_of(&mut read, erasure).await
    }

    /// Ends an erasure: the row forgets whom it was about, and the audit has the counts.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys: the same command ends it.
    pub async fn end_erasure(&self, erasure: &Erasure, action: AuditAction) -> Result<(), StoreError> {
        let (org, now) = (erasure.org, self.clock.now_ms());
        let mut write = self.database.scope(org).write().await?;
        let erased = taken_of(&mut write, erasure).await?;
        let sql = "UPDATE privacy_erasures SET state = 'done', subject_mark = '', finished_at = $1, touched_at = $1 \
                   WHERE org_id = $2 AND id = $3 AND state = 'running'";
        let done =
            sqlx::query(sql).bind(now).bind(org.to_string()).bind(&erasure.id).execute(&mut *write).await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        let detail = json!({ "erased": erased });
        self.note(&mut write, org, &erasure.actor, action, &erasure.id, detail).await?;
        write.commit().await
    }
}

async fn taken_of(read: &mut AnyConnection, erasure: &Erasure) -> Result<Taken, StoreError> {
    let sql = "SELECT report FROM privacy_erasures WHERE org_id = $1 AND id = $2";
    let query = sqlx::query_scalar::<_, String>(sql).bind(erasure.org.to_string()).bind(&erasure.id);
    let text = query.fetch_optional(read).await?.ok_or(StoreError::NotFound("erasure"))?;
    serde_json::from_str(&text).map_err(|_| damaged("erasure"))
}

/// Id and beginning of the erasure of this person that is under way.
async fn under_way(
    read: &mut AnyConnection,
    org: OrgId,
    subject: &Subject,
) -> Result<Option<(String, i64)>, StoreError> {
    let sql = "SELECT id, started_at FROM privacy_erasures \
               WHERE org_id = $1 AND subject_mark = $2 AND state = 'running'";
    for mark in &subject.marks {
        let query = sqlx::query(sql).bind(org.to_string()).bind(mark.as_str());
        if let Some(row) = query.fetch_optional(&mut *read).await? {
            return Ok(Some((row.try_get(0)?, row.try_get(1)?)));
        }
    }
    Ok(None)
}

async fn insert(write: &mut AnyConnection, erasure: &Erasure, subject: &Subject) -> Result<(), StoreError> {
    let mark = subject.marks.first().ok_or_else(|| damaged("fingerprint key"))?;
    insert_marked(write, erasure, mark).await
}

async fn insert_marked(write: &mut AnyConnection, erasure: &Erasure, mark: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO privacy_erasures (org_id, id, subject_mark, state, actor, started_at, touched_at, report) \
         VALUES ($1, $2, $3, 'running', $4, $5, $5, '{}')",
    )
    .bind(erasure.org.to_string())
    .bind(&erasure.id)
    .bind(mark)
    .bind(&erasure.actor)
    .bind(erasure.started_at)
    .execute(write)
    .await?;
    Ok(())
}
