//! The database: the main one, and those that organisations are pinned to, behind one type.
//!
//! The organisation decides where a transaction takes place ([`Database::scope`]); whatever belongs to none takes place
//! in the main one. Which organisations are pinned is read from the main one: their ids when its schema is checked
//! ([`Database::migrate`]), where they are once the keys can open it ([`Database::pin`]). In between, and while its own
//! database is away, a pinned organisation's data is unavailable; it is never looked for in the main one.

pub use super::engine::Durability;
use super::engine::{Engine, Pinned, Seen};
use super::error::{StoreError, damaged};
use super::postgres::Postgres;
use super::scope::{ReadTransaction, Scope, WriteTransaction};
use super::sqlite::Sqlite;
use super::system::SystemRead;
use crate::limits;
use crate::model::OrgId;
use arc_swap::ArcSwap;
use secrecy::SecretString;
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::timeout;

/// Which organisations have a database of their own.
type Pins = BTreeMap<OrgId, Arc<Pinned>>;

/// The database: cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    main: Engine,
    /// `None`: one database by itself, whoever may be pinned elsewhere.
    pins: Option<Arc<ArcSwap<Pins>>>,
}

/// A database that organisations are pinned to.
#[derive(Clone, Debug)]
pub struct PinnedPart {
    /// Tells it apart from others in this process; never 0.
    pub id: u64,
    /// Who is pinned to it.
    pub organisations: Vec<OrgId>,
    /// That database by itself.
    pub database: Database,
    pinned: Arc<Pinned>,
}

impl PinnedPart {
    /// Notes whether it answered; true when that is news.
    pub(super) fn note(&self, away: bool) -> bool {
        self.pinned.note(away)
    }

    /// Notes the moment of its newest backup, Unix milliseconds.
    pub(super) fn note_backup(&self, at: i64) {
        self.pinned.note_backup(at);
    }

    /// When its newest backup was made, Unix milliseconds, as the last look found it; `None` without one.
    #[must_use]
    pub fn backup_at(&self) -> Option<i64> {
        self.pinned.backup_at()
    }

    /// Whether the last look at it failed.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.pinned.is_away()
    }
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
        Ok(Self { main: Engine::open(url).await?, pins: Some(Arc::default()) })
    }

    /// A PostgreSQL whose schema may be older than this program's, to be filled by a restore.
    pub(super) fn open_unchecked(url: &str) -> Result<Self, StoreError> {
        Ok(Self { main: Engine::Postgres(Arc::new(Postgres::unchecked(url)?)), pins: None })
    }

    /// This database by itself: of organisations that are pinned elsewhere it has only what routes their mail.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self { main: self.main.clone(), pins: None }
    }

    /// Whether organisations that are pinned elsewhere are looked for there.
    pub(super) fn follows_pins(&self) -> bool {
        self.pins.is_some()
    }

    /// Makes sure that the schema is this program's. SQLite is brought to it; PostgreSQL is only checked, the role that
    /// we connect as included: there [`super::migrate`] does the work as the owner of the tables.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when the database is newer than the program, was altered, or a migration failed; on
    /// PostgreSQL when the schema is old or the role could get around row-level security.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.main.migrate().await?;
        self.find_pins().await
    }

    /// Notes who is pinned elsewhere, so that nobody takes the main database for theirs.
    async fn find_pins(&self) -> Result<(), StoreError> {
        let Some(pins) = &self.pins else { return Ok(()) };
        let sql = "SELECT org_id FROM org_pins WHERE sealed_database IS NOT NULL";
        let mut read = self.system(SystemRead::Organisations).await?;
        let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *read).await?;
        if found.is_empty() {
            return Ok(());
        }
        let closed = Arc::new(Pinned::new(None));
        let mut next = Pins::clone(&pins.load());
        for org in found {
            let org = org.parse().map_err(|_| damaged("organisation id"))?;
            next.entry(org).or_insert_with(|| Arc::clone(&closed));
        }
        pins.store(Arc::new(next));
        Ok(())
    }

    /// Sets which organisations are pinned, and where (`None`: nobody knows); those not named stay pinned unless `only`
    /// these are. Databases that stay the same stay open.
    pub(super) fn pin(&self, urls: &BTreeMap<OrgId, Option<SecretString>>, only: bool) {
        let Some(pins) = &self.pins else { return };
        let known = pins.load();
        let mut opened: Vec<Arc<Pinned>> = known.values().cloned().collect();
        let mut next = if only { Pins::new() } else { Pins::clone(&known) };
        for (org, url) in urls {
            let same = opened.iter().find(|pinned| pinned.is_at(url.as_ref())).cloned();
            let pinned = same.unwrap_or_else(|| {
                let new = Arc::new(Pinned::new(url.clone()));
                opened.push(Arc::clone(&new));
                new
            });
            next.insert(*org, pinned);
        }
        pins.store(Arc::new(next));
    }

    /// Whether anybody is pinned elsewhere.
    #[must_use]
    pub fn has_pins(&self) -> bool {
        self.pins.as_ref().is_some_and(|pins| !pins.load().is_empty())
    }

    /// The databases that organisations are pinned to; those that were not opened yet are left out.
    #[must_use]
    pub fn pinned(&self) -> Vec<PinnedPart> {
        let Some(pins) = &self.pins else { return Vec::new() };
        let mut parts: BTreeMap<u64, PinnedPart> = BTreeMap::new();
        for (org, pinned) in pins.load().iter().filter(|(_, pinned)| pinned.is_known()) {
            let part = parts.entry(pinned.id()).or_insert_with(|| PinnedPart {
                id: pinned.id(),
                organisations: Vec::new(),
                database: Self { main: Engine::Pinned(Arc::clone(pinned)), pins: None },
                pinned: Arc::clone(pinned),
            });
            part.organisations.push(*org);
        }
        parts.into_values().collect()
    }

    /// Sums a count over all organisations of all databases, for a gauge. A pinned one that is away is not counted.
    pub(super) async fn count_everywhere(&self, sql: &'static str) -> Result<i64, StoreError> {
        let mut read = self.system(SystemRead::Gauges).await?;
        let mut sum: i64 = sqlx::query_scalar(sql).fetch_one(&mut *read).await?;
        drop(read);
        for part in self.pinned().iter().filter(|part| !part.is_away()) {
            let counting = async {
                let mut read = part.database.system(SystemRead::Gauges).await?;
                Ok::<i64, StoreError>(sqlx::query_scalar(sql).fetch_one(&mut *read).await?)
            };
            // The gauge of everybody must not wait for one that hangs.
            let Ok(Ok(counted)) = timeout(limits::PINNED_LOAD_TIMEOUT, counting).await else { continue };
            sum = sum.saturating_add(counted);
        }
        Ok(sum)
    }

    /// Whether an organisation's data is elsewhere than in the main database.
    #[must_use]
    pub fn is_pinned(&self, org: OrgId) -> bool {
        self.pins.as_ref().is_some_and(|pins| pins.load().contains_key(&org))
    }

    /// Where an organisation's own database is; `None` for one that is in the main one.
    #[must_use]
    pub fn pinned_place(&self, org: OrgId) -> Option<String> {
        self.is_pinned(org).then(|| self.part_of(org).1.place())
    }

    /// The database of one organisation by itself.
    #[must_use]
    pub fn by_itself(&self, org: OrgId) -> Self {
        self.part_of(org).1
    }

    /// The same, and its number: 0 is the main one.
    pub(super) fn part_of(&self, org: OrgId) -> (u64, Self) {
        let pinned = self.pins.as_ref().and_then(|pins| pins.load().get(&org).cloned());
        match pinned {
            Some(pinned) => (pinned.id(), Self { main: Engine::Pinned(pinned), pins: None }),
            None => (0, self.alone()),
        }
    }

    /// Brings an empty database to the schema that a backup was made with.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn migrate_to(&self, schema: i64) -> Result<(), StoreError> {
        match &self.main {
            Engine::Sqlite(sqlite) => sqlite.migrate_to(schema).await,
            other => Err(StoreError::Setup {
                what: format!("the database {} cannot be given an older schema", other.place()),
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
        !self.main.is_postgres()
    }

    /// Whether an organisation's rows lie in a PostgreSQL.
    #[must_use]
    pub fn is_on_postgres(&self, org: OrgId) -> bool {
        self.part_of(org).1.main.is_postgres()
    }

    /// Whether a transaction sees one organisation at a time.
    pub(super) fn is_secured(&self) -> bool {
        self.main.is_postgres()
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

    /// The data of one organisation, in its database: the way to everything that has an `org_id`.
    #[must_use]
    pub fn scope(&self, org: OrgId) -> Scope {
        Scope::new(self.clone(), org)
    }

    /// A consistent view across organisations of the main database for this one purpose; those of a pinned one are
    /// asked with [`Database::pinned`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub async fn system(&self, read: SystemRead) -> Result<ReadTransaction, StoreError> {
        self.begin_read(Seen::System(read)).await
    }

    /// Begins a durable transaction without an organisation. Goes once nobody uses it: take [`Database::scope`].
    ///
    /// # Errors
    /// As [`Scope::write`].
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        self.begin_write(Seen::Nothing, Durability::Durable).await
    }

    pub(super) async fn begin_read(&self, seen: Seen) -> Result<ReadTransaction, StoreError> {
        self.engine(seen).begin_read(seen).await
    }

    pub(super) async fn begin_write(
        &self,
        seen: Seen,
        durability: Durability,
    ) -> Result<WriteTransaction, StoreError> {
        self.engine(seen).begin_write(seen, durability).await
    }

    pub(super) async fn execute_for(
        &self,
        seen: Seen,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        self.engine(seen).execute(seen, durability, query).await
    }

    /// Where a transaction takes place.
    fn engine(&self, seen: Seen) -> Engine {
        let Seen::Organisation(org) = seen else { return self.main.clone() };
        let pinned = self.pins.as_ref().and_then(|pins| pins.load().get(&org).cloned());
        pinned.map_or_else(|| self.main.clone(), Engine::Pinned)
    }

    /// Whether the main database answers a read right now.
    pub async fn answers(&self) -> bool {
        let Ok(mut read) = self.begin_read(Seen::Nothing).await else { return false };
        sqlx::query("SELECT 1").execute(&mut *read).await.is_ok()
    }

    /// Which database it is: the file, or server and database name. Never a password.
    #[must_use]
    pub fn place(&self) -> String {
        self.main.place()
    }

    /// Closes all connections after their work.
    pub async fn close(&self) {
        self.main.close().await;
        for part in self.pinned() {
            part.database.main.close().await;
        }
    }
}

#[cfg(test)]
mod tests;
