//! Opens the database: connections for durable, quick and reading work, and the migrations.

use super::error::StoreError;
use super::scope::{ReadTransaction, Scope, WriteTransaction};
use crate::limits;
use crate::model::OrgId;
use sqlx::any::{AnyArguments, AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::{Arc, Once};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

static SQLITE: Migrator = sqlx::migrate!("src/adapters/store/migrations/sqlite");

/// How hard a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// fsynced before it returns: a power cut loses nothing.
    Durable,
    /// Handed to the operating system: survives the process, is fsynced with the next durable commit.
    Quick,
}

/// The database: cheap to clone.
///
/// SQLite has one writer at a time. Writers of this process line up at a fair semaphore instead of polling the file's
/// lock; those of other processes (the command line beside the server) wait by `busy_timeout`.
#[derive(Clone, Debug)]
pub struct Database {
    durable: AnyPool,
    quick: AnyPool,
    reader: AnyPool,
    writing: Arc<Semaphore>,
    path: Arc<PathBuf>,
}

impl Database {
    /// Opens (and for SQLite creates, mode 0600) the database at `url`: `sqlite:PATH` or `sqlite://PATH`.
    ///
    /// The folder has to exist. Nothing is migrated yet.
    ///
    /// # Errors
    /// [`StoreError::Setup`] for a URL of another engine, a path that cannot be created or is no database.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let path = sqlite_path(url)?;
        let prepared = path.clone();
        let path = tokio::task::spawn_blocking(move || prepare_file(&prepared))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))??;
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options = AnyConnectOptions::from_str(&sqlite_url(&path))
            .map_err(|error| setup(&path, &error))?
            .disable_statement_logging();
        let connect = |count: u32, pragmas: &'static str| {
            AnyPoolOptions::new()
                .max_connections(count)
                .acquire_timeout(limits::STORE_ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                // Every acquire would ping the file; a broken connection shows at the statement just as well.
                .test_before_acquire(false)
                .after_connect(move |connection, _| Box::pin(prepare(connection, pragmas)))
                .connect_with(options.clone())
        };
        let opened = async {
            // A pool tries for seconds what can never work; one plain connection tells at once.
            let mut first = AnyConnection::connect_with(&options).await?;
            prepare(&mut first, "PRAGMA synchronous = FULL").await?;
            first.close().await?;
            let durable = connect(1, "PRAGMA synchronous = FULL").await?;
            let quick = connect(1, "PRAGMA synchronous = NORMAL").await?;
            let reader = connect(limits::STORE_READERS, "PRAGMA query_only = ON").await?;
            Ok::<_, sqlx::Error>((durable, quick, reader))
        };
        let (durable, quick, reader) = opened.await.map_err(|error| setup(&path, &error))?;
        let writing = Arc::new(Semaphore::new(1));
        Ok(Self { durable, quick, reader, writing, path: Arc::new(path) })
    }

    /// Brings the schema to this program's version; does nothing when it is there already.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when the database is newer than the program, was altered, or a migration failed.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let _one_writer = self.permit().await?;
        SQLITE.run(&self.durable).await.map_err(|error| StoreError::Setup {
            what: format!("the database {} could not be migrated: {error}", self.path.display()),
            help: match error {
                MigrateError::VersionMissing(_) => "a newer sentra wrote this database: use that version",
                MigrateError::VersionMismatch(_) => "the migration table was altered: restore a backup",
                _ => "see the cause; a failed migration changes nothing",
            },
        })
    }

    /// Brings an empty database to the schema that a backup was made with.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migrate_to(&self, schema: i64) -> Result<(), StoreError> {
        let _one_writer = self.permit().await?;
        SQLITE.run_to(schema, &self.durable).await.map_err(|error| StoreError::Setup {
            what: format!("the database {} could not be given schema {schema}: {error}", self.path.display()),
            help: "see the cause",
        })
    }

    /// Number of the newest migration that this program knows.
    #[must_use]
    pub fn newest_schema() -> i64 {
        SQLITE.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    /// Begins to fill a database that nobody uses yet.
    pub(super) async fn load(&self) -> Result<WriteTransaction, StoreError> {
        self.begin_write(None, Durability::Quick).await
    }

    /// Whether a load may commit in steps: nobody sees the file before it is whole.
    pub(super) fn loads_in_steps(&self) -> bool {
        true
    }

    /// A view of what belongs to no organisation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub(in crate::adapters) async fn read_common(&self) -> Result<ReadTransaction, StoreError> {
        self.begin_read(None).await
    }

    /// Runs one durable statement on what belongs to no organisation. Returns the rows it changed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub(in crate::adapters) async fn execute_common(
        &self,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        self.execute_for(None, Durability::Durable, query).await
    }

    /// The data of one organisation: the way to everything that has an `org_id`.
    #[must_use]
    pub fn scope(&self, org: OrgId) -> Scope {
        Scope::new(self.clone(), org)
    }

    /// For statements that only read: writing through it fails. Goes once nobody uses it: take [`Database::scope`].
    #[must_use]
    pub fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// Begins a durable transaction without an organisation. Goes once nobody uses it: take [`Database::scope`].
    ///
    /// # Errors
    /// As [`Scope::write`].
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        self.begin_write(None, Durability::Durable).await
    }

    pub(super) async fn begin_read(&self, _org: Option<OrgId>) -> Result<ReadTransaction, StoreError> {
        Ok(ReadTransaction::new(self.reader.begin().await?))
    }

    pub(super) async fn begin_write(
        &self,
        _org: Option<OrgId>,
        durability: Durability,
    ) -> Result<WriteTransaction, StoreError> {
        let permit = self.permit().await?;
        let pool = match durability {
            Durability::Durable => &self.durable,
            Durability::Quick => &self.quick,
        };
        // IMMEDIATE: a transaction that reads first and writes later must not fail half-way for want of the lock.
        let transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
        Ok(WriteTransaction::new(transaction, Some(permit)))
    }

    pub(super) async fn execute_for(
        &self,
        _org: Option<OrgId>,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        let _permit = self.permit().await?;
        let pool = match durability {
            Durability::Durable => &self.durable,
            Durability::Quick => &self.quick,
        };
        Ok(query.execute(pool).await?.rows_affected())
    }

    /// Whether the database answers a read right now.
    pub async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.reader).await.is_ok()
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes all connections after their work; the last one folds the write-ahead log back into the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.quick.close().await;
        self.durable.close().await;
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let busy = |_| StoreError::Unavailable("another write takes too long".to_owned());
        let permit =
            tokio::time::timeout(limits::STORE_ACQUIRE_TIMEOUT, Arc::clone(&self.writing).acquire_owned());
        permit.await.map_err(busy)?.map_err(|_| StoreError::Unavailable("closed".to_owned()))
    }
}

async fn prepare(connection: &mut AnyConnection, pragmas: &'static str) -> Result<(), sqlx::Error> {
    let busy = limits::STORE_BUSY_TIMEOUT.as_millis();
    connection.execute(AssertSqlSafe(format!("PRAGMA busy_timeout = {busy}"))).await?;
    connection.execute("PRAGMA journal_mode = WAL").await?;
    connection.execute("PRAGMA foreign_keys = ON").await?;
    connection.execute(pragmas).await?;
    Ok(())
}

fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
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
    use std::os::unix::fs::PermissionsExt as _;

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

    #[tokio::test]
    async fn opens_odd_paths_privately_and_migrates_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd name#%41 ü.db");
        let database = Database::open(&format!("sqlite:{}", path.display())).await.unwrap();
        database.migrate().await.unwrap();
        database.migrate().await.unwrap();
        assert!(database.answers().await);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        }
        assert!(path.exists());
        database.close().await;
    }

    #[tokio::test]
    async fn connections_are_as_hard_as_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let database = Database::open(&url).await.unwrap();
        database.migrate().await.unwrap();
        for (durability, synchronous) in [(Durability::Durable, 2_i64), (Durability::Quick, 1)] {
            let mut write = database.begin_write(None, durability).await.unwrap();
            for (pragma, value) in [
                ("PRAGMA synchronous", synchronous),
                ("PRAGMA foreign_keys", 1),
                ("PRAGMA busy_timeout", 5_000),
            ] {
                let found: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *write).await.unwrap();
                assert_eq!(found, value, "{pragma} {durability:?}");
            }
            let mode: String =
                sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *write).await.unwrap();
            assert_eq!(mode, "wal");
        }
        let refused = sqlx::query("UPDATE generations SET value = 2").execute(database.reader()).await;
        assert!(refused.is_err(), "readers cannot write");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let database = Database::open(&url).await.unwrap();
        database.migrate().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (9999, 'later', TRUE, x'00', 0)";
        database.execute_for(None, Durability::Durable, sqlx::query(newer)).await.unwrap();
        let error = database.migrate().await.unwrap_err();
        assert!(error.to_string().contains("a newer sentra wrote this database"), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_transaction_changes_nothing_and_the_next_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let database = Database::open(&url).await.unwrap();
        database.migrate().await.unwrap();
        let set = "UPDATE generations SET value = 77 WHERE name = 'config'";
        let mut write = database.begin().await.unwrap();
        sqlx::query(set).execute(&mut *write).await.unwrap();
        drop(write);
        let value = "SELECT value FROM generations WHERE name = 'config'";
        let mut write = database.begin_write(None, Durability::Quick).await.unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(value).fetch_one(&mut *write).await.unwrap(), 1);
        sqlx::query(set).execute(&mut *write).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(value).fetch_one(database.reader()).await.unwrap(), 77);
    }

    /// A message's deadline can end while its transaction waits for another process's lock. The lock comes later, to a
    /// connection that nobody waits for any more: it must not stay inside a transaction for ever.
    #[tokio::test]
    async fn a_transaction_given_up_while_it_begins_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let (database, other) = (Database::open(&url).await.unwrap(), Database::open(&url).await.unwrap());
        database.migrate().await.unwrap();
        for durability in [Durability::Durable, Durability::Quick] {
            let lock = other.begin().await.unwrap();
            let given_up = tokio::time::timeout(
                std::time::Duration::from_millis(200),
                database.begin_write(None, durability),
            );
            assert!(given_up.await.is_err(), "the other process holds the lock");
            drop(lock);
            let touch = "UPDATE generations SET value = value + 1 WHERE name = 'config'";
            for _ in 0..3 {
                let mut write = database.begin_write(None, durability).await.unwrap();
                sqlx::query(touch).execute(&mut *write).await.unwrap();
                write.commit().await.unwrap();
            }
            let elsewhere = other.execute_for(None, Durability::Quick, sqlx::query(touch)).await;
            assert_eq!(elsewhere.unwrap(), 1, "the write lock was given back");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_named_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing/a.db");
        let error = Database::open(&format!("sqlite:{}", missing.display())).await.unwrap_err();
        assert!(error.to_string().contains("create its folder"), "{error}");
        let other = folder.path().join("other.db");
        std::fs::write(
            &other,
            "this is no database, but long enough to be looked at as if it were one".repeat(20),
        )
        .unwrap();
        let error = Database::open(&format!("sqlite:{}", other.display())).await.unwrap_err();
        assert!(error.to_string().contains("is a database of sentra"), "{error}");
    }
}
