//! Who is at work, and when what was done last: rows of `backup_state`.
//!
//! One node at a time makes, checks or prunes backups. The lease is a row, taken by an update that only succeeds when
//! nobody holds it; it ends by itself when its holder was killed.

use super::error::BackupError;
use crate::adapters::store::{Store, StoreError};
use crate::limits;
use sqlx::Row as _;
use std::sync::Arc;
use tokio::time::Instant;

/// The right to work on the backups.
pub(super) struct Lease {
    store: Arc<Store>,
    holder: String,
    renewed: Instant,
}

/// What was done last, for health pages and gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupState {
    /// The moment of the newest backup, Unix milliseconds; 0: none yet.
    pub backup_at: i64,
    /// Its id.
    pub backup: String,
    /// When a restore was last tried out, Unix milliseconds; 0: never.
    pub drill_at: i64,
    /// Whether that went well.
    pub drill_ok: bool,
}

impl BackupState {
    /// Asks the database.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut read = store.database().read_common().await?;
        let rows = sqlx::query("SELECT name, at, detail FROM backup_state").fetch_all(&mut *read).await?;
        let mut state = Self::default();
        for row in &rows {
            let (name, at, detail): (String, i64, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            match name.as_str() {
                "success" => (state.backup_at, state.backup) = (at, detail),
                "drill" => (state.drill_at, state.drill_ok) = (at, detail == "ok"),
                _ => {}
            }
        }
        Ok(state)
    }
}

impl Lease {
    pub(super) async fn take(store: &Arc<Store>) -> Result<Self, BackupError> {
        let holder = store.ids().ulid().to_string();
        let lease = Self { store: Arc::clone(store), holder, renewed: Instant::now() };
        if lease.hold(true).await? { Ok(lease) } else { Err(BackupError::Busy) }
    }

    async fn hold(&self, fresh: bool) -> Result<bool, BackupError> {
        let now = self.store.clock().now_ms();
        let until = now.saturating_add(i64::try_from(limits::BACKUP_LEASE.as_millis()).unwrap_or(i64::MAX));
        let free = if fresh { "at < $3 OR detail = $2" } else { "$3 >= 0 AND detail = $2" };
        let sql = format!("UPDATE backup_state SET at = $1, detail = $2 WHERE name = 'lease' AND ({free})");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(until).bind(&self.holder).bind(now);
        Ok(self.store.database().execute_common(query).await? == 1)
    }

    pub(super) async fn renew(&mut self) -> Result<(), BackupError> {
        self.renewed = Instant::now();
        if self.hold(false).await? { Ok(()) } else { Err(BackupError::LeaseLost) }
    }

    /// Cheap enough to be asked for every row.
    pub(super) async fn renew_when_due(&mut self) -> Result<(), BackupError> {
        if self.renewed.elapsed() < limits::BACKUP_LEASE / 4 { Ok(()) } else { self.renew().await }
    }

    pub(super) async fn release(self) -> Result<(), BackupError> {
        let sql = "UPDATE backup_state SET at = 0, detail = '' WHERE name = 'lease' AND detail = $1";
        self.store.database().execute_common(sqlx::query(sql).bind(self.holder)).await?;
        Ok(())
    }

    pub(super) async fn succeeded(&self, at: i64, id: &str) -> Result<(), BackupError> {
        self.note("success", at, id).await
    }

    pub(super) async fn note_swept(&self, at: i64) -> Result<(), BackupError> {
        self.note("sweep", at, "").await
    }

    pub(super) async fn swept(&self) -> Result<i64, BackupError> {
        let sql = "SELECT at FROM backup_state WHERE name = 'sweep'";
        let mut read = self.store.database().read_common().await?;
        Ok(sqlx::query_scalar(sql).fetch_one(&mut *read).await.map_err(StoreError::from)?)
    }

    async fn note(&self, name: &str, at: i64, detail: &str) -> Result<(), BackupError> {
        note(&self.store, name, at, detail).await
    }
}

/// Notes how a drill ended, now.
pub(super) async fn note_drill(store: &Store, ok: bool) -> Result<(), BackupError> {
    note(store, "drill", store.clock().now_ms(), if ok { "ok" } else { "failed" }).await
}

async fn note(store: &Store, name: &str, at: i64, detail: &str) -> Result<(), BackupError> {
    let sql = "UPDATE backup_state SET at = $1, detail = $2 WHERE name = $3";
    let query = sqlx::query(sql).bind(at).bind(detail).bind(name);
    store.database().execute_common(query).await?;
    Ok(())
}
