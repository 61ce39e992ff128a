//! Folds SQLite's write-ahead log back into the file, beside the writers.
//!
//! Left to itself SQLite has the committing connection do that, after every thousand pages: a small write of the mail's
//! then pays for what a large import wrote, and everybody behind it waits. Here a task with a connection of its own does
//! it. A *passive* checkpoint (<https://www.sqlite.org/c3ref/wal_checkpoint_v2.html>) stops no writer, but a log is
//! begun anew only once it is folded to its end, and beside a busy writer that never happens. So a log that has grown
//! gets its last pages folded while the writers of this process stand still. Of several processes on one file each does
//! this for what it writes itself.

use crate::limits;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The task at work; it ends with this.
#[derive(Debug)]
pub(super) struct Folding {
    pool: AnyPool,
    stop: CancellationToken,
}

/// The log as a checkpoint left it, in pages.
#[derive(Clone, Copy, Debug)]
struct Log {
    pages: i64,
    folded: i64,
}

/// How to look at the log.
#[derive(Clone, Copy)]
enum Mode {
    /// Only tell.
    Noop,
    /// Fold what can be folded without anybody waiting.
    Passive,
}

impl Folding {
    /// Starts it. `pool` has one connection, which nobody else uses; `writing` is what this process's writers line up at.
    pub(super) fn start(pool: AnyPool, writing: Arc<Semaphore>) -> Self {
        let stop = CancellationToken::new();
        tokio::spawn(run(pool.clone(), writing, stop.clone()));
        Self { pool, stop }
    }

    /// Ends it and its connection.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.pool.close().await;
    }
}

impl Drop for Folding {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Log {
    fn unfolded(self) -> i64 {
        self.pages.saturating_sub(self.folded)
    }
}

async fn run(pool: AnyPool, writing: Arc<Semaphore>, stop: CancellationToken) {
    let mut tick = interval(limits::STORE_LOG_POLL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fails = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let folded = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            folded = fold(&pool, &writing) => folded,
        };
        match folded {
            Ok(()) => fails = false,
            // The log grows until it works again; nothing is lost by that.
            Err(error) if !fails => {
                fails = true;
                tracing::warn!(%error, "the database's write-ahead log could not be folded back and is tried again");
            }
            Err(_) => {}
        }
    }
}

async fn fold(pool: &AnyPool, writing: &Semaphore) -> Result<(), sqlx::Error> {
    let mut before = checkpoint(pool, Mode::Noop).await?;
    if before.unfolded() < limits::STORE_LOG_FOLD {
        return Ok(());
    }
    let mut log = checkpoint(pool, Mode::Passive).await?;
    for _ in 0..limits::STORE_LOG_ROUNDS {
        // A reader that began long ago, such as a backup, keeps the rest; or a process beside us is at it.
        if log.unfolded() <= limits::STORE_LOG_REST || log.folded == before.folded {
            break;
        }
        before = log;
        log = checkpoint(pool, Mode::Passive).await?;
    }
    let near = log.pages >= limits::STORE_LOG_PAGES && log.unfolded() <= limits::STORE_LOG_REST;
    if near || log.pages >= limits::STORE_LOG_MOST && log.folded != before.folded {
        // Closed only with the database.
        let Ok(_standing_still) = writing.acquire().await else { return Ok(()) };
        checkpoint(pool, Mode::Passive).await?;
    }
    Ok(())
}

/// Where another connection is at it already, this one only tells, as `Noop` does.
async fn checkpoint(pool: &AnyPool, mode: Mode) -> Result<Log, sqlx::Error> {
    let mode = match mode {
        Mode::Noop => "NOOP",
        Mode::Passive => "PASSIVE",
    };
    let row = sqlx::query(AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"))).fetch_one(pool).await?;
    Ok(Log { pages: row.try_get(1)?, folded: row.try_get(2)? })
}

#[cfg(test)]
mod tests {
    use super::super::Sqlite;
    use super::*;
    use crate::adapters::store::database::Durability;
    use std::time::Duration;

    /// However long one writes without pause, the log does not grow for ever, and no committing writer folds it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_busy_writer_does_not_keep_the_log_growing() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let sqlite = Sqlite::open(&format!("sqlite:{}", path.display())).await.unwrap();
        sqlite.migrate().await.unwrap();
        let create = sqlx::query("CREATE TABLE filler (octets BLOB NOT NULL)");
        sqlite.execute(Durability::Quick, create).await.unwrap();
        let log = folder.path().join("a.db-wal");
        let most = u64::try_from(limits::STORE_LOG_MOST).unwrap() * 4_096;
        let mut begun_anew = 0;
        let mut first = Vec::new();
        for _ in 0..4_000 {
            let query = sqlx::query("INSERT INTO filler VALUES (randomblob(200000))");
            sqlite.execute(Durability::Quick, query).await.unwrap();
            let (size, head) = (std::fs::metadata(&log).unwrap().len(), head(&log));
            assert!(size < most + most / 4, "{size}");
            begun_anew += u32::from(head != first);
            first = head;
            if begun_anew >= 4 {
                return;
            }
        }
        panic!("the log was begun anew only {begun_anew} times");
    }

    /// The header of a log, with the salts that change when it is begun anew.
    fn head(log: &std::path::Path) -> Vec<u8> {
        use std::io::Read as _;
        let mut head = [0; 32];
        std::fs::File::open(log).unwrap().read_exact(&mut head).unwrap();
        head.to_vec()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_written_is_folded_soon() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let sqlite = Sqlite::open(&url).await.unwrap();
        sqlite.migrate().await.unwrap();
        for sql in ["CREATE TABLE filler (octets BLOB)", "INSERT INTO filler VALUES (randomblob(9000000))"] {
            sqlite.execute(Durability::Quick, sqlx::query(sql)).await.unwrap();
        }
        let patient = async {
            while checkpoint(&sqlite.folding.pool, Mode::Noop).await.unwrap().unfolded() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), patient).await.expect("it is folded");
        sqlite.close().await;
        assert!(!folder.path().join("a.db-wal").exists(), "nothing holds the file open");
    }
}
