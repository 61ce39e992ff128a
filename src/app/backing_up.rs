//! The backups, as the job and the health page see them.

use crate::adapters::backup::{BackupError, BackupState, Backups};
use crate::adapters::store::Store;
use crate::ports::{BackUp, BackupAges, BackupDone, PortError};
use async_trait::async_trait;
use std::sync::Arc;

/// Makes backups of the running installation.
pub(super) struct BackingUp {
    pub(super) backups: Backups,
    pub(super) store: Arc<Store>,
}

#[async_trait]
impl BackUp for BackingUp {
    async fn ages(&self) -> Result<BackupAges, PortError> {
        let state = BackupState::read(&self.store).await?;
        let now = self.store.clock().now_ms();
        let age =
            |at: i64| (at > 0).then(|| u64::try_from(now.saturating_sub(at) / 1_000).unwrap_or_default());
        Ok(BackupAges {
            backup_seconds: age(state.backup_at),
            drill_seconds: age(state.drill_at),
            drill_ok: state.drill_ok,
        })
    }

    async fn back_up(&self) -> Result<Option<BackupDone>, PortError> {
        let before = BackupState::read(&self.store).await?.backup_at;
        let made = match self.backups.create(false).await {
            Err(BackupError::Busy) => return Ok(None),
            other => other.map_err(port_error)?,
        };
        // One entry a day: one every few minutes would bury everything else, and change every database for nothing.
        if made.manifest.at / DAY_MS != before / DAY_MS {
            self.backups.note_created(&made, "system").await.map_err(port_error)?;
        }
        let (id, rows) = (made.manifest.id.clone(), made.manifest.rows());
        Ok(Some(BackupDone { id, rows, written: made.manifest.written }))
    }
}

const DAY_MS: i64 = 86_400_000;

fn port_error(error: BackupError) -> PortError {
    match error {
        BackupError::Port(error) => error,
        BackupError::Store(error) => error.into(),
        error => PortError::Permanent { what: "backup", detail: format!("{error} (help: {})", error.help()) },
    }
}
