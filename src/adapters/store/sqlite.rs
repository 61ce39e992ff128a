//! SQLite: one file in WAL mode, with connections for durable, quick and reading work.
//!
//! SQLite has one writer at a time. Writers of this process line up at a fair semaphore instead of polling the file's
//! lock; those of other processes (the command line beside the server) wait by `busy_timeout`. None of them folds the
//! log back into the file: that is told in [`log`].

mod log;

use super::engine::Durability;
use super::error::StoreError;
use super::scope::{ReadTransaction, WriteTransaction};
use crate::limits;
use log::Folding;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

static MIGRATIONS: Migrator = sqlx::migrate!("src/adapters/store/migrations/sqlite");

/// An open file.
#[derive(Debug)]
pub(super) struct Sqlite {
    durable: AnyPool,
    quick: AnyPool,
    reader: AnyPool,
    writing: Arc<Semaphore>,
    folding: Folding,
    path: PathBuf,
}

impl Sqlite {
    /// Opens (and creates, mode 0600) the file at `url`: `sqlite:PATH` or `sqlite://PATH`. The folder has to exist.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let path = sqlite_path(url)?;
        let prepared = path.clone();
        let path = tokio::task::spawn_blocking(move || prepare_file(&prepared))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))??;
        let options = AnyConnectOptions::from_str(&sqlite_url(&path))
            .map_err(|error| setup(&path, &error))?
            .disable_statement_logging();
        let connect = |count: u32, pragmas: String| {
            let pragmas: Arc<str> = pragmas.into();
            AnyPoolOptions::new()
                .max_connections(count)
                .acquire_timeout(limits::STORE_ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                // Every acquire would ping the file; a broken connection shows at the statement just as well.
                .test_before_acquire(false)
                .after_connect(move |connection, _| Box::pin(prepare(connection, Arc::clone(&pragmas))))
                .connect_with(options.clone())
        };
        let opened = async {
            // A pool tries for seconds what can never work; one plain connection tells at once.
            let mut first = AnyConnection::connect_with(&options).await?;
            prepare(&mut first, Arc::from("PRAGMA synchronous = FULL")).await?;
            first.close().await?;
            let durable = connect(1, format!("PRAGMA synchronous = FULL; {}", writes())).await?;
            let quick = connect(1, format!("PRAGMA synchronous = NORMAL; {}", writes())).await?;
            let reader = connect(limits::STORE_READERS, "PRAGMA query_only = ON".to_owned()).await?;
            let folder = connect(1, "PRAGMA synchronous = FULL".to_owned()).await?;
            Ok::<_, sqlx::Error>((durable, quick, reader, folder))
        };
        let (durable, quick, reader, folder) = opened.await.map_err(|error| setup(&path, &error))?;
        let writing = Arc::new(Semaphore::new(1));
        let folding = Folding::start(folder, Arc::clone(&writing));
        Ok(Self { durable, quick, reader, writing, folding, path })
    }

    /// Brings the schema to this program's version; does nothing when it is there already.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let _one_writer = self.permit().await?;
        MIGRATIONS.run(&self.durable).await.map_err(|error| StoreError::Setup {
            what: format!("the database {} could not be migrated: {error}", self.path.display()),
            help: match error {
                MigrateError::VersionMissing(_) => "a newer sentra wrote this database: use that version",
                MigrateError::VersionMismatch(_) => "the migration table was altered: restore a backup",
                _ => "see the cause; a failed migration changes nothing",
            },
        })
    }

    /// Brings an empty file to an older schema, for a backup made with it.
    pub(super) async fn migrate_to(&self, schema: i64) -> Result<(), StoreError> {
        let _one_writer = self.permit().await?;
        MIGRATIONS.run_to(schema, &self.durable).await.map_err(|error| StoreError::Setup {
            what: format!("the database {} could not be given schema {schema}: {error}", self.path.display()),
            help: "see the cause",
        })
    }

    /// Number of the newest migration that this program knows.
    pub(super) fn newest_schema() -> i64 {
        MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    pub(super) async fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(ReadTransaction::new(self.reader.begin().await?, false))
    }

    pub(super) async fn begin_write(&self, durability: Durability) -> Result<WriteTransaction, StoreError> {
        let permit = self.permit().await?;
        // IMMEDIATE: a transaction that reads first and writes later must not fail half-way for want of the lock.
        let transaction = self.writer(durability).begin_with("BEGIN IMMEDIATE").await?;
        Ok(WriteTransaction::alone(transaction, permit))
    }

    /// One statement is a transaction of its own: one round trip.
    pub(super) async fn execute(
        &self,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        let _permit = self.permit().await?;
        Ok(query.execute(self.writer(durability)).await?.rows_affected())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The last connection folds the write-ahead log back into the file.
    pub(super) async fn close(&self) {
        self.folding.close().await;
        self.reader.close().await;
        self.quick.close().await;
        self.durable.close().await;
    }

    fn writer(&self, durability: Durability) -> &AnyPool {
        match durability {
            Durability::Durable => &self.durable,
            Durability::Quick => &self.quick,
        }
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let busy = |_| StoreError::Unavailable("another write takes too long".to_owned());
        let permit =
            tokio::time::timeout(limits::STORE_ACQUIRE_TIMEOUT, Arc::clone(&self.writing).acquire_owned());
        permit.await.map_err(busy)?.map_err(|_| StoreError::Unavailable("closed".to_owned()))
    }
}

/// What a writing connection is given: memory for the pages of a transaction, which otherwise go to the log and come
/// back, several times; and the log left alone, unless whose task it is does not keep up at all.
fn writes() -> String {
    let (cache, log) = (limits::STORE_WRITER_CACHE_KIB, limits::STORE_LOG_KEPT);
    let backstop = limits::STORE_LOG_MOST.saturating_mul(4);
    format!(
        "PRAGMA cache_size = -{cache}; PRAGMA wal_autocheckpoint = {backstop}; PRAGMA journal_size_limit = {log}"
    )
}

async fn prepare(connection: &mut AnyConnection, pragmas: Arc<str>) -> Result<(), sqlx::Error> {
    let busy = limits::STORE_BUSY_TIMEOUT.as_millis();
    connection.execute(AssertSqlSafe(format!("PRAGMA busy_timeout = {busy}"))).await?;
    connection.execute("PRAGMA journal_mode = WAL").await?;
    connection.execute("PRAGMA foreign_keys = ON").await?;
    for pragma in pragmas.split(';') {
        connection.execute(AssertSqlSafe(pragma.trim().to_owned())).await?;
    }
    Ok(())
}

pub(super) fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    let path = path.filter(|path| !path.is_empty() && !path.contains(":memory:"));
    let Some(path) = path else {
        // The URL may hold a password: only its scheme is repeated.
        let scheme = url.split(':').next().unwrap_or_default();
        return Err(StoreError::Setup {
            what: format!("a database URL starting with {scheme:?} cannot be opened"),
            help: "write sqlite:PATH with the path of a file",
        });
    };
    Ok(PathBuf::from(path.split('?').next().unwrap_or(path)))
}

/// Creates the file with mode 0600 (SQLite gives its log and index the same mode) and returns its absolute path.
fn prepare_file(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |error: &std::io::Error| StoreError::Setup {
        what: format!("the database {} cannot be opened: {error}", path.display()),
        help: match error.kind() {
            ErrorKind::NotFound => "create its folder, or correct the path",
            ErrorKind::PermissionDenied => "run as the user who owns the file",
            _ => "see the cause",
        },
    };
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .and_then(|_| path.canonicalize())
        .map_err(|error| failed(&error))
}

/// The URL of an absolute path, with everything percent-encoded that a URL parser would take for itself.
fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            url.push(char::from(*byte));
        } else {
            // Writing into a String cannot fail.
            write!(url, "%{byte:02X}").ok();
        }
    }
    url
}

fn setup(path: &Path, error: &sqlx::Error) -> StoreError {
    StoreError::Setup {
        what: format!("the database {} cannot be opened: {error}", path.display()),
        help: "check the path, its permissions and that the file is a database of sentra",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_sqlite_are_opened() {
        for (url, path) in [
            ("sqlite:data/x.db", Some("data/x.db")),
            ("sqlite:///srv/x.db?mode=rwc", Some("/srv/x.db")),
            ("sqlite::memory:", None),
            ("sqlite:", None),
            ("postgres://user:secret@host/db", None),
        ] {
            let found = sqlite_path(url);
            assert_eq!(found.as_ref().ok().map(PathBuf::as_path), path.map(Path::new), "{url}");
            assert!(!format!("{found:?}").contains("secret"));
        }
    }
}
