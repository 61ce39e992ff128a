//! Reports of runs: one row each, which is also the lease of the one that is at work.

use super::super::error::{StoreError, damaged};
use super::super::settings::taken;
use super::super::{Store, to_rfc3339};
use super::Purged;
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::OrgId;
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::time::Duration;

/// How far a run is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// At work, or killed less than `limits::RETENTION_LEASE` ago.
    Running,
    /// Everything that was to go is gone.
    Done,
    /// Ended by an error; the next run goes on.
    Failed,
    /// Killed; the next run went on.
    Interrupted,
}

impl RunState {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::Interrupted];

    /// The name in SQL and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The report of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetentionRun {
    /// ULID.
    pub id: String,
    /// Who: `operator`, or `system` for the scheduled one.
    pub actor: String,
    /// How it ended.
    pub state: RunState,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: Option<String>,
    /// What went, class by class: exact, also of a run that was killed.
    pub classes: Vec<Purged>,
}

impl Store {
    /// The newest reports first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn retention_runs(&self, org: OrgId, limit: i64) -> Result<Vec<RetentionRun>, StoreError> {
        let sql = "SELECT id, actor, state, started_at, finished_at, report FROM retention_runs \
                   WHERE org_id = $1 ORDER BY id DESC LIMIT $2";
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sql).bind(org.to_string()).bind(limit.clamp(1, limits::MAX_RETENTION_RUNS));
        rows.fetch_all(&mut *read).await?.iter().map(run_of).collect()
    }

    /// Whether no run was brought to its end for so long, and none failed within `limits::RETENTION_RETRY`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn retention_due(&self, org: OrgId, every: Duration) -> Result<bool, StoreError> {
        let ago = |time: Duration| {
            self.clock.now_ms().saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        };
        let sql = "SELECT COUNT(*) FROM retention_runs WHERE org_id = $1 \
                   AND (state = 'done' AND started_at > $2 OR state = 'failed' AND finished_at > $3)";
        let mut read = self.database.scope(org).read().await?;
        let query = sqlx::query_scalar::<_, i64>(sql).bind(org.to_string()).bind(ago(every));
        Ok(query.bind(ago(limits::RETENTION_RETRY)).fetch_one(&mut *read).await? == 0)
    }

    /// Begins a run: takes the place of one that was killed, refuses beside one that is at work.
    pub(super) async fn begin_run(
        &self,
        org: OrgId,
        classes: &[Purged],
        actor: &str,
    ) -> Result<String, StoreError> {
        let (id, now) = (self.ids.ulid().to_string(), self.clock.now_ms());
        let lease = i64::try_from(limits::RETENTION_LEASE.as_millis()).unwrap_or(i64::MAX);
        let mut write = self.database.scope(org).write().await?;
        let killed = "UPDATE retention_runs SET state = 'interrupted', finished_at = $2 \
                      WHERE org_id = $1 AND state = 'running' AND touched_at < $3";
        sqlx::query(killed)
            .bind(org.to_string())
            .bind(now)
            .bind(now.saturating_sub(lease))
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO retention_runs (org_id, id, actor, state, started_at, touched_at, report) \
             VALUES ($1, $2, $3, 'running', $4, $4, $5)",
        )
        .bind(org.to_string())
        .bind(&id)
        .bind(actor)
        .bind(now)
        .bind(written(classes)?)
        .execute(&mut *write)
        .await
        .map_err(taken("another purge"))
        .map_err(|error| match error {
            StoreError::Taken(_) => StoreError::Conflict(
                "another purge of this organisation is at work, or was killed less than five minutes ago"
                    .to_owned(),
            ),
            other => other,
        })?;
        let older = "DELETE FROM retention_runs WHERE org_id = $1 AND id NOT IN (SELECT id FROM retention_runs \
                     WHERE org_id = $1 ORDER BY id DESC LIMIT $2)";
        sqlx::query(older)
            .bind(org.to_string())
            .bind(limits::MAX_RETENTION_RUNS)
            .execute(&mut *write)
            .await?;
        let kept: serde_json::Map<_, _> =
            classes.iter().map(|class| (class.class.as_str().to_owned(), json!(class.before))).collect();
        self.note(&mut write, org, actor, AuditAction::RetentionBegin, &id, json!({ "before": kept }))
            .await?;
        write.commit().await?;
        Ok(id)
    }

    /// Writes how far the run is, within the transaction that removed something.
    pub(super) async fn touch_run(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        id: &str,
        classes: &[Purged],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE retention_runs SET touched_at = $1, report = $2 \
                   WHERE org_id = $3 AND id = $4 AND state = 'running'";
        let query = sqlx::query(sql).bind(self.clock.now_ms()).bind(written(classes)?).bind(org.to_string());
        if query.bind(id).execute(write).await?.rows_affected() == 1 {
            return Ok(());
        }
        Err(StoreError::Conflict(
            "the purge was silent for too long and another one took its place".to_owned(),
        ))
    }

    pub(super) async fn end_run(
        &self,
        org: OrgId,
        id: &str,
        state: RunState,
        classes: &[Purged],
        actor: &str,
    ) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write().await?;
        self.touch_run(&mut write, org, id, classes).await?;
        let sql = "UPDATE retention_runs SET state = $1, finished_at = $2 WHERE org_id = $3 AND id = $4";
        let query = sqlx::query(sql).bind(state.as_str()).bind(self.clock.now_ms()).bind(org.to_string());
        query.bind(id).execute(&mut *write).await?;
        let removed: serde_json::Map<_, _> =
            classes.iter().map(|class| (class.class.as_str().to_owned(), class.count.into())).collect();
        let detail = json!({ "state": state.as_str(), "removed": removed });
        self.note(&mut write, org, actor, AuditAction::RetentionEnd, id, detail).await?;
        write.commit().await
    }
}

fn written(classes: &[Purged]) -> Result<String, StoreError> {
    serde_json::to_string(classes).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn run_of(row: &AnyRow) -> Result<RetentionRun, StoreError> {
    let (state, report): (String, String) = (row.try_get(2)?, row.try_get(5)?);
    Ok(RetentionRun {
        id: row.try_get(0)?,
        actor: row.try_get(1)?,
        state: RunState::ALL
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| damaged("report of a purge"))?,
        started_at: to_rfc3339(row.try_get(3)?)?,
        finished_at: row.try_get::<Option<i64>, _>(4)?.map(to_rfc3339).transpose()?,
        classes: serde_json::from_str(&report).map_err(|_| damaged("report of a purge"))?,
    })
}
