//! The database as streams of rows, table by table, and back again: what backups are made of.
//!
//! Rows and not pages, for both engines: a backup of one can be restored into the other, rows can be counted and chains
//! walked, and a row that did not change has the same octets wherever the engine moved it. [`Snapshot`] reads everything
//! at one moment while others go on writing; [`Loader`] fills a database that has the same schema and no rows yet.
//! Which tables and columns there are is asked of the database itself, so that no new one can be forgotten.

mod arrival;
mod catalogue;
mod load;
mod row;

pub use arrival::{Arrival, DatedKey, arrival_detail};
pub use catalogue::Table;
use catalogue::{Column, Kind};
pub use load::Loader;

use super::database::Database;
use super::error::{StoreError, damaged};
use super::scope::ReadTransaction;
use super::system::SystemRead;
use crate::model::OrgId;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

/// Tables that are of the engine or of the moment, not of the organisations.
const LEFT_OUT: [&str; 3] = ["_sqlx_migrations", "sentra_tables", "backup_state"];

/// Reads a row with two columns of each kind, its length already taken off; how many values it has: what `tests/fuzz`
/// calls.
#[doc(hidden)]
#[must_use]
pub fn row_values(record: &[u8]) -> Option<usize> {
    let kinds = [Kind::Integer, Kind::Text, Kind::Bytes, Kind::Real];
    let columns = kinds.iter().chain(&kinds).map(|kind| Column { name: String::new(), kind: *kind });
    row::decode(record, &columns.collect::<Vec<_>>()).ok().map(|values| values.len())
}

/// The whole database at one moment. It ends when dropped.
pub struct Snapshot {
    read: ReadTransaction,
    /// Whose rows are asked for one after the other, where the engine shows one organisation at a time.
    organisations: Option<Vec<OrgId>>,
}

/// Rows of one table, as they come.
pub struct Rows<'a> {
    rows: BoxStream<'a, Result<AnyRow, sqlx::Error>>,
    columns: &'a [Column],
    record: Vec<u8>,
}

impl Rows<'_> {
    /// The next row, encoded with its length before it; `None` at the end.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next(&mut self) -> Result<Option<&[u8]>, StoreError> {
        let Some(found) = self.rows.try_next().await? else { return Ok(None) };
        self.record.clear();
        row::encode(&found, self.columns, &mut self.record)?;
        Ok(Some(&self.record))
    }
}

impl Database {
    /// A view of everything, for a backup.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut read = self.system(SystemRead::Organisations).await?;
        // A transaction sees the moment of its first read.
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM organisations ORDER BY id").fetch_all(&mut *read).await?;
        let ids = ids.iter().map(|id| id.parse().map_err(|_| damaged("organisation id")));
        let organisations = self.is_secured().then(|| ids.collect::<Result<_, _>>()).transpose()?;
        Ok(Snapshot { read, organisations })
    }
}

impl Snapshot {
    /// Number of the newest migration.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn schema(&mut self) -> Result<i64, StoreError> {
        catalogue::schema(&mut self.read).await
    }

    /// Every table with rows of ours, those before others that these refer to.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Refused`] for tables that refer to each other in a circle or columns
    /// of an unknown type, which no migration of ours makes.
    pub async fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        let mut tables = match self.organisations {
            Some(_) => catalogue::tables_of_postgres(&mut self.read).await?,
            None => catalogue::tables_of_sqlite(&mut self.read).await?,
        };
        tables.retain(|table| !LEFT_OUT.contains(&table.name.as_str()));
        Ok(tables)
    }

    /// The parts in which a table is read: by organisation where the engine shows only one at a time.
    #[must_use]
    pub fn parts(&self, table: &Table) -> Vec<Option<OrgId>> {
        match (&self.organisations, &table.owner) {
            (Some(organisations), Some(_)) => organisations.iter().copied().map(Some).collect(),
            _ => vec![None],
        }
    }

    /// The rows of one part, in the order of the key.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn rows<'a>(
        &'a mut self,
        table: &'a Table,
        part: Option<OrgId>,
    ) -> Result<Rows<'a>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(table.select(part.is_some())));
        if let Some(org) = part {
            self.read.enter(org).await?;
            query = query.bind(org.to_string());
        }
        Ok(Rows { rows: query.fetch(&mut *self.read), columns: &table.columns, record: Vec::new() })
    }

    /// Counts a table's rows, as the engine counts them.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let mut sum = 0_u64;
        for part in self.parts(table) {
            if let Some(org) = part {
                self.read.enter(org).await?;
            }
            let counted: i64 =
                sqlx::query_scalar(AssertSqlSafe(table.count(part))).fetch_one(&mut *self.read).await?;
            sum = sum.saturating_add(u64::try_from(counted).unwrap_or_default());
        }
        Ok(sum)
    }

    /// Counts one organisation's rows of a table.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn count_of(&mut self, table: &Table, org: OrgId) -> Result<u64, StoreError> {
        self.read.enter(org).await?;
        let sql = AssertSqlSafe(table.count(Some(org)));
        let counted: i64 = sqlx::query_scalar(sql).fetch_one(&mut *self.read).await?;
        Ok(u64::try_from(counted).unwrap_or_default())
    }

    /// Head of every audit chain: organisation, number of entries, hash of the newest. An organisation without keys, which
    /// is arriving or being erased, has none that could be checked.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn heads(&mut self) -> Result<Vec<(String, i64, String)>, StoreError> {
        let sql = "SELECT org_id, seq, hash FROM audit_heads h \
                   WHERE EXISTS (SELECT 1 FROM org_keys k WHERE k.org_id = h.org_id) ORDER BY org_id";
        let mut heads = Vec::new();
        let parts =
            self.organisations.as_ref().map_or(vec![None], |all| all.iter().copied().map(Some).collect());
        for part in parts {
            if let Some(org) = part {
                self.read.enter(org).await?;
            }
            for row in sqlx::query(sql).fetch_all(&mut *self.read).await? {
                heads.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            }
        }
        Ok(heads)
    }
}
