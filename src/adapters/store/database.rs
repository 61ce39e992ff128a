//! The database behind one type, whichever engine the URL names.

use super::error::StoreError;
use super::postgres::Postgres;
use super::scope::{ReadTransaction, Scope, WriteTransaction};
use super::sqlite::Sqlite;
use super::system::SystemRead;
use crate::model::OrgId;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyPool};
use std::sync::{Arc, Once};

/// How hard a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// fsynced before it returns: a power cut loses nothing.
    Durable,
    /// Handed to the operating system: survives the process, is fsynced with the next durable commit.
    Quick,
}

/// Whose rows a transaction sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Those of one organisation.
    Organisation(OrgId),
    /// Those of the tables that a listed read needs.
    System(SystemRead),
    /// No organisation's: only what belongs to none.
    Nothing,
}

/// One opened database.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Engine {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        if Postgres::serves(url) {
            return Ok(Self::Postgres(Arc::new(Postgres::open(url).await?)));
        }
        Ok(Self::Sqlite(Arc::new(Sqlite::open(url).await?)))
    }

    async fn begin_read(&self, seen: Seen) -> Result<ReadTransaction, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_read().await,
            Self::Postgres(postgres) => postgres.begin_read(seen).await,
        }
    }

    async fn begin_write(&self, seen: Seen, durability: Durability) -> Result<WriteTransaction, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_write(durability).await,
            Self::Postgres(postgres) => postgres.begin_write(seen, durability).await,
        }
    }

    async fn execute(
        &self,
        seen: Seen,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute(durability, query).await,
            Self::Postgres(postgres) => {
                let mut write = postgres.begin_write(seen, durability).await?;
                let done = query.execute(&mut *write).await?.rows_affected();
                write.commit().await?;
                Ok(done)
            }
        }
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.migrate().await,
            Self::Postgres(postgres) => postgres.check().await,
        }
    }

    async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// The database: cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    main: Engine,
}

impl Database {
    /// Opens the database at `url`: `sqlite:PATH` or `sqlite://PATH`, which is created (mode 0600) in a folder that has
    /// to exist, or `postgres://USER@HOST/DATABASE`.
    ///
    /// Nothing is migrated or checked yet.
    ///
    /// # Errors
    /// [`StoreError::Setup`] for a URL of another engine, a path that cannot be created or is no database, a server that
    /// refuses.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self { main: Engine::open(url).await? })
    }

    /// A PostgreSQL whose schema may be older than this program's, to be filled by a restore.
    pub(super) fn open_unchecked(url: &str) -> Result<Self, StoreError> {
        Ok(Self { main: Engine::Postgres(Arc::new(Postgres::unchecked(url)?)) })
    }

    /// Makes sure that the schema is this program's. SQLite is brought to it; PostgreSQL is only checked, the role that
    /// we connect as included: there [`super::migrate`] does the work as the owner of the tables.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when the database is newer than the program, was altered, or a migration failed; on
    /// PostgreSQL when the schema is old or the role could get around row-level security.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.main.migrate().await
    }

    /// Brings an empty database to the schema that a backup was made with.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migrate_to(&self, schema: i64) -> Result<(), StoreError> {
        match &self.main {
            Engine::Sqlite(sqlite) => sqlite.migrate_to(schema).await,
            Engine::Postgres(postgres) => Err(StoreError::Setup {
                what: format!("the database {} cannot be given an older schema", postgres.place()),
                help: "only its owner can: `sentra backup restore` does it with database.owner_url",
            }),
        }
    }

    /// Number of the newest migration that this program knows.
    #[must_use]
    pub fn newest_schema() -> i64 {
        // Both engines have the same numbers.
        Sqlite::newest_schema()
    }

    /// Begins to fill a database that nobody uses yet.
    pub(super) async fn load(&self) -> Result<WriteTransaction, StoreError> {
        self.begin_write(Seen::Nothing, Durability::Quick).await
    }

    /// Whether a load may commit in steps: nobody sees the file before it is whole.
    pub(super) fn loads_in_steps(&self) -> bool {
        matches!(self.main, Engine::Sqlite(_))
    }

    /// Whether a transaction sees one organisation at a time.
    pub(super) fn is_secured(&self) -> bool {
        matches!(self.main, Engine::Postgres(_))
    }

    /// A view of what belongs to no organisation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub(in crate::adapters) async fn read_common(&self) -> Result<ReadTransaction, StoreError> {
        self.begin_read(Seen::Nothing).await
    }

    /// Runs one durable statement on what belongs to no organisation. Returns the rows it changed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub(in crate::adapters) async fn execute_common(
        &self,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        self.execute_for(Seen::Nothing, Durability::Durable, query).await
    }

    /// The data of one organisation: the way to everything that has an `org_id`.
    #[must_use]
    pub fn scope(&self, org: OrgId) -> Scope {
        Scope::new(self.clone(), org)
    }

    /// A consistent view across organisations for this one purpose.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub async fn system(&self, read: SystemRead) -> Result<ReadTransaction, StoreError> {
        self.main.begin_read(Seen::System(read)).await
    }

    /// For statements that only read: writing through it fails. Goes once nobody uses it: take [`Database::scope`].
    #[must_use]
    pub fn reader(&self) -> &AnyPool {
        match &self.main {
            Engine::Sqlite(sqlite) => sqlite.reader(),
            Engine::Postgres(postgres) => postgres.pool(),
        }
    }

    /// Begins a durable transaction without an organisation. Goes once nobody uses it: take [`Database::scope`].
    ///
    /// # Errors
    /// As [`Scope::write`].
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        self.begin_write(Seen::Nothing, Durability::Durable).await
    }

    pub(super) async fn begin_read(&self, seen: Seen) -> Result<ReadTransaction, StoreError> {
        self.main.begin_read(seen).await
    }

    pub(super) async fn begin_write(
        &self,
        seen: Seen,
        durability: Durability,
    ) -> Result<WriteTransaction, StoreError> {
        self.main.begin_write(seen, durability).await
    }

    pub(super) async fn execute_for(
        &self,
        seen: Seen,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        self.main.execute(seen, durability, query).await
    }

    /// Whether the database answers a read right now.
    pub async fn answers(&self) -> bool {
        let Ok(mut read) = self.begin_read(Seen::Nothing).await else { return false };
        sqlx::query("SELECT 1").execute(&mut *read).await.is_ok()
    }

    /// Which database it is: the file, or server and database name. Never a password.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.main {
            Engine::Sqlite(sqlite) => sqlite.path().display().to_string(),
            Engine::Postgres(postgres) => postgres.place().to_owned(),
        }
    }

    /// Closes all connections after their work.
    pub async fn close(&self) {
        self.main.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

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
            let mut write = database.begin_write(Seen::Nothing, durability).await.unwrap();
            for (pragma, value) in [
                ("PRAGMA synchronous", synchronous),
                ("PRAGMA foreign_keys", 1),
                ("PRAGMA busy_timeout", 10_000),
            ] {
                let found: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *write).await.unwrap();
                assert_eq!(found, value, "{pragma} {durability:?}");
            }
            let mode: String =
                sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *write).await.unwrap();
            assert_eq!(mode, "wal");
        }
        let refused = sqlx::query("UPDATE generations SET value = 2")
            .execute(&mut *database.begin_read(Seen::Nothing).await.unwrap())
            .await;
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
        database.execute_for(Seen::Nothing, Durability::Durable, sqlx::query(newer)).await.unwrap();
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
        let mut write = database.begin_write(Seen::Nothing, Durability::Quick).await.unwrap();
        assert_eq!(sqlx::query_scalar::<_, i64>(value).fetch_one(&mut *write).await.unwrap(), 1);
        sqlx::query(set).execute(&mut *write).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(
            sqlx::query_scalar::<_, i64>(value)
                .fetch_one(&mut *database.begin_read(Seen::Nothing).await.unwrap())
                .await
                .unwrap(),
            77
        );
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
                database.begin_write(Seen::Nothing, durability),
            );
            assert!(given_up.await.is_err(), "the other process holds the lock");
            drop(lock);
            let touch = "UPDATE generations SET value = value + 1 WHERE name = 'config'";
            for _ in 0..3 {
                let mut write = database.begin_write(Seen::Nothing, durability).await.unwrap();
                sqlx::query(touch).execute(&mut *write).await.unwrap();
                write.commit().await.unwrap();
            }
            let elsewhere = other.execute_for(Seen::Nothing, Durability::Quick, sqlx::query(touch)).await;
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
