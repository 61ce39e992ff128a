//! The engines behind one type: a file of SQLite, a PostgreSQL, and either of them opened only when it is needed.

use super::error::StoreError;
use super::postgres::{self, Postgres};
use super::scope::{ReadTransaction, WriteTransaction};
use super::sqlite::{Sqlite, sqlite_path};
use super::system::SystemRead;
use crate::limits;
use crate::model::OrgId;
use secrecy::{ExposeSecret, SecretString};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use tokio::sync::OnceCell;

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

/// One database.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
    Pinned(Arc<Pinned>),
}

/// A database that organisations are pinned to. It is opened when it is first needed and, after a failure, when it is
/// needed next: its outage concerns nobody else and ends by itself.
#[derive(Debug)]
pub(super) struct Pinned {
    /// Tells it apart from others in this process; never 0, which is the main one.
    id: u64,
    /// `None` until the keys that open it were read.
    url: Option<SecretString>,
    place: String,
    opened: OnceCell<Engine>,
    /// Whether the last look at it failed.
    away: AtomicBool,
    /// The moment of its newest backup as the last look found it, Unix milliseconds; 0: none.
    backup_at: AtomicI64,
}

impl Pinned {
    /// Not opened yet. A URL of neither engine is named when it is used.
    pub(super) fn new(url: Option<SecretString>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let shown = |url: &SecretString| place(url.expose_secret());
        let place = url.as_ref().map_or_else(|| "not opened yet".to_owned(), shown);
        let id = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            url,
            place,
            opened: OnceCell::new(),
            away: AtomicBool::new(false),
            backup_at: AtomicI64::new(0),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn is_at(&self, url: Option<&SecretString>) -> bool {
        self.url.as_ref().map(ExposeSecret::expose_secret) == url.map(ExposeSecret::expose_secret)
    }

    /// Whether it is known where it is.
    pub(super) fn is_known(&self) -> bool {
        self.url.is_some()
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Notes how the last look ended; true when that is news.
    pub(super) fn note(&self, away: bool) -> bool {
        self.away.swap(away, Ordering::Relaxed) != away
    }

    pub(super) fn note_backup(&self, at: i64) {
        self.backup_at.store(at, Ordering::Relaxed);
    }

    pub(super) fn backup_at(&self) -> Option<i64> {
        Some(self.backup_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    async fn opened(&self) -> Result<Engine, StoreError> {
        let not_yet = || StoreError::Unavailable("its pinned database was not opened yet".to_owned());
        let url = self.url.as_ref().ok_or_else(not_yet)?.expose_secret();
        let opened = self.opened.get_or_try_init(|| Self::open(url)).await;
        opened.cloned().map_err(|error| match error {
            // Whatever keeps it from opening (a volume that is not mounted, a schema that waits for the owner) may
            // be mended while we run.
            StoreError::Setup { .. } => StoreError::Unavailable(error.to_string()),
            other => other,
        })
    }

    async fn open(url: &str) -> Result<Engine, StoreError> {
        install_drivers();
        if Postgres::serves(url) {
            let postgres = Postgres::lazy(url, limits::PINNED_CONNECTIONS)?;
            return Ok(Engine::Postgres(Arc::new(postgres)));
        }
        let path = sqlite_path(url)?;
        // Opening would make an empty file where a volume is not mounted.
        if !tokio::fs::try_exists(&path).await.unwrap_or(false) {
            return Err(StoreError::Setup {
                what: format!("there is no database at {}", path.display()),
                help: "mount its volume, or restore it from a backup",
            });
        }
        let sqlite = Sqlite::open(url).await?;
        sqlite.migrate().await?;
        Ok(Engine::Sqlite(Arc::new(sqlite)))
    }
}

/// Where a URL leads, without a password.
pub(super) fn place(url: &str) -> String {
    if Postgres::serves(url) {
        return postgres::parse(url)
            .map_or_else(|_| "a PostgreSQL".to_owned(), |options| postgres::place(&options));
    }
    sqlite_path(url).map_or_else(|_| "an unknown engine".to_owned(), |path| path.display().to_string())
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

impl Engine {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        install_drivers();
        if Postgres::serves(url) {
            return Ok(Self::Postgres(Arc::new(Postgres::open(url).await?)));
        }
        Ok(Self::Sqlite(Arc::new(Sqlite::open(url).await?)))
    }

    /// The engine itself, opened.
    async fn ready(&self) -> Result<Ready, StoreError> {
        let opened = match self {
            Self::Pinned(pinned) => pinned.opened().await?,
            open => open.clone(),
        };
        match opened {
            Self::Sqlite(sqlite) => Ok(Ready::Sqlite(sqlite)),
            Self::Postgres(postgres) => Ok(Ready::Postgres(postgres)),
            Self::Pinned(pinned) => Err(StoreError::Unavailable(format!("{} is not open", pinned.place))),
        }
    }

    pub(super) async fn begin_read(&self, seen: Seen) -> Result<ReadTransaction, StoreError> {
        match self.ready().await? {
            Ready::Sqlite(sqlite) => sqlite.begin_read().await,
            Ready::Postgres(postgres) => postgres.begin_read(seen).await,
        }
    }

    pub(super) async fn begin_write(
        &self,
        seen: Seen,
        durability: Durability,
    ) -> Result<WriteTransaction, StoreError> {
        match self.ready().await? {
            Ready::Sqlite(sqlite) => sqlite.begin_write(durability).await,
            Ready::Postgres(postgres) => postgres.begin_write(seen, durability).await,
        }
    }

    pub(super) async fn execute(
        &self,
        seen: Seen,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        match self.ready().await? {
            Ready::Sqlite(sqlite) => sqlite.execute(durability, query).await,
            Ready::Postgres(postgres) => {
                let mut write = postgres.begin_write(seen, durability).await?;
                let done = query.execute(&mut *write).await?.rows_affected();
                write.commit().await?;
                Ok(done)
            }
        }
    }

    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        match self.ready().await? {
            Ready::Sqlite(sqlite) => sqlite.migrate().await,
            Ready::Postgres(postgres) => postgres.check().await,
        }
    }

    pub(super) async fn close(&self) {
        let opened = match self {
            Self::Pinned(pinned) => pinned.opened.get(),
            open => Some(open),
        };
        match opened {
            Some(Self::Sqlite(sqlite)) => sqlite.close().await,
            Some(Self::Postgres(postgres)) => postgres.close().await,
            _ => {}
        }
    }

    pub(super) fn is_postgres(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) => true,
            Self::Pinned(pinned) => {
                pinned.url.as_ref().is_some_and(|url| Postgres::serves(url.expose_secret()))
            }
        }
    }

    /// The file, or server and database name. Never a password.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Sqlite(sqlite) => sqlite.path().display().to_string(),
            Self::Postgres(postgres) => postgres.place().to_owned(),
            Self::Pinned(pinned) => pinned.place.clone(),
        }
    }
}

enum Ready {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}
