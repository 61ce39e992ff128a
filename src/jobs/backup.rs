//! Backups by themselves, and the alarm when they stop.

use super::pause;
use crate::limits;
use crate::ports::{BackUp, BackupAges};
use crate::telemetry::{self, Alarm, metrics};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// When backups are due.
#[derive(Clone, Copy, Debug)]
pub struct BackupPlan {
    /// One so often.
    pub interval: Duration,
    /// The newest being older than this is an alarm.
    pub alarm_after: Duration,
}

/// Makes a backup whenever the newest is old enough, whichever node made it.
pub async fn back_up(backups: Arc<dyn BackUp>, plan: BackupPlan, stop: CancellationToken) {
    let mut not_before = Instant::now();
    let mut watch = Watch { plan, since: Instant::now(), stale: false };
    while pause(limits::BACKUP_POLL.min(plan.interval), &stop).await {
        let Ok(ages) = backups.ages().await else { continue };
        metrics::backup_ages(ages.backup_seconds, ages.drill_seconds);
        watch.look(ages);
        let due = ages.backup_seconds.is_none_or(|age| age >= plan.interval.as_secs());
        if !due || Instant::now() < not_before {
            continue;
        }
        let began = Instant::now();
        // Not cut by a shutdown in the middle: what is written already is found again by the next one.
        let made = tokio::select! {
            made = backups.back_up() => made,
            () = stop.cancelled() => return,
        };
        not_before = Instant::now() + began.elapsed() * limits::BACKUP_SHARE;
        match made {
            Ok(Some(done)) => {
                metrics::backup_written(done.written);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let (backup, rows, written_bytes) = (done.id, done.rows, done.written);
                tracing::info!(%backup, rows, written_bytes, duration_ms = took, "a backup was made");
            }
            Ok(None) => {}
            Err(error) => {
                not_before = not_before.max(Instant::now() + limits::BACKUP_RETRY);
                telemetry::alarm(Alarm::Backup, None, &format!("a backup failed: {error}"));
            }
        }
    }
}

/// One alarm when backups get old, not one every few seconds.
struct Watch {
    plan: BackupPlan,
    since: Instant,
    stale: bool,
}

impl Watch {
    fn look(&mut self, ages: BackupAges) {
        // A server that has just started may find an old one, or none: it gets the time to make one.
        let age = ages.backup_seconds.map_or(Duration::MAX, Duration::from_secs).min(self.since.elapsed());
        let stale = age > self.plan.alarm_after;
        if stale && !self.stale {
            let minutes = self.plan.alarm_after.as_secs() / 60;
            let detail = format!(
                "the newest backup is older than {minutes} minutes: `sentra backup create` says what is wrong"
            );
            telemetry::alarm(Alarm::Backup, None, &detail);
        }
        self.stale = stale;
    }
}
