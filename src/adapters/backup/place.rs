//! Putting a restored SQLite file in the place of the old one.

use super::error::BackupError;
use crate::limits;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// `FILE.WORD` beside the file.
pub(super) fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{word}"));
    PathBuf::from(name)
}

/// SQLite's files beside a database.
fn companions(path: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Removes a database that an earlier try left.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    for file in companions(path).iter().map(PathBuf::as_path).chain([path]) {
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(file, error)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a restore may replace what is there.
pub(super) async fn is_free(path: &Path, force: bool) -> Result<(), BackupError> {
    if force || !path.exists() {
        return Ok(());
    }
    let not_empty = || BackupError::NotEmpty(path.display().to_string());
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    // What cannot even be read may be all that somebody has left.
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(|_| not_empty())?;
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'organisations'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await.map_err(|_| not_empty())?;
    if tables == 0 {
        return Ok(());
    }
    let rows = "SELECT COUNT(*) FROM organisations";
    let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut connection).await.map_err(|_| not_empty())?;
    if rows == 0 { Ok(()) } else { Err(not_empty()) }
}

/// Makes `new` the database at `path`. The old one is kept as `PATH.before-ID`.
pub(super) async fn swap(new: &Path, path: &Path, id: &str, force: bool) -> Result<(), BackupError> {
    if companions(new).iter().any(|file| file.exists()) {
        return Err(BackupError::Internal("the restored file was not closed".to_owned()));
    }
    if path.exists() {
        close_old(path, id, force).await?;
    }
    let (new, path, kept) = (new.to_path_buf(), path.to_path_buf(), beside(path, &format!("before-{id}")));
    let swapping = tokio::task::spawn_blocking(move || {
        File::open(&new).and_then(|file| file.sync_all()).map_err(|error| failed(&new, error))?;
        if path.exists() && !kept.exists() {
            fs::hard_link(&path, &kept).map_err(|error| failed(&kept, error))?;
        }
        fs::rename(&new, &path).map_err(|error| failed(&path, error))?;
        let folder = path.parent().unwrap_or(&path);
        File::open(folder).and_then(|file| file.sync_all()).map_err(|error| failed(folder, error))
    });
    swapping.await.map_err(|error| BackupError::Internal(error.to_string()))?
}

/// Folds the old database's log into it and removes it: beside another file it would be taken for that one's. Fails
/// while anybody else has the database open.
async fn close_old(path: &Path, id: &str, force: bool) -> Result<(), BackupError> {
    let in_use = || BackupError::InUse(path.display().to_string());
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(limits::RESTORE_LOCK);
    let closed = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let mode: String =
            sqlx::query_scalar("PRAGMA journal_mode = DELETE").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(mode)
    };
    match closed.await {
        Ok(mode) if mode == "delete" => Ok(()),
        Ok(_) => Err(in_use()),
        Err(error) if is_busy(&error) || !force => Err(in_use()),
        // A file that is no database any more: its log is kept with it, under its new name.
        Err(_) => {
            let kept = companions(&beside(path, &format!("before-{id}")));
            for (old, kept) in companions(path).iter().zip(&kept).filter(|(old, _)| old.exists()) {
                fs::rename(old, kept).map_err(|error| failed(old, error))?;
            }
            Ok(())
        }
    }
}

/// SQLITE_BUSY and SQLITE_LOCKED, extended codes included (<https://www.sqlite.org/rescode.html>).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| [5, 6].contains(&(code & 0xFF)))
}

fn failed(path: &Path, error: io::Error) -> BackupError {
    BackupError::File(path.display().to_string(), error)
}
