//! Filling a database from the rows of a backup.

use super::super::database::Database;
use super::super::error::{StoreError, damaged};
use super::super::scope::WriteTransaction;
use super::row::{Value, decode};
use super::{Kind, Snapshot, Table};
use crate::limits;
use crate::model::OrgId;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// Takes rows, table by table, into a database whose schema fits and that nobody uses yet.
pub struct Loader {
    database: Database,
    /// None between two steps.
    write: Option<WriteTransaction>,
    batch: Vec<Vec<Value>>,
    /// Rows since the last commit.
    pending: u64,
    entered: Option<String>,
}

impl Loader {
    /// Begins; whatever migrations put into the tables goes first, or where our role may not delete it, is set anew.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Invalid`] when a table is missing there.
    pub async fn begin(database: &Database, tables: &[Table]) -> Result<Self, StoreError> {
        let there = Snapshot::tables(&mut database.snapshot().await?).await?;
        let fits = |table: &Table| {
            there.iter().any(|own| own.name == table.name && own.columns.len() == table.columns.len())
        };
        if let Some(missing) = tables.iter().find(|table| !fits(table)) {
            return Err(StoreError::Invalid(format!("the table {} is not there as it was", missing.name)));
        }
        let mut write = database.load().await?;
        // Under row-level security what belongs to organisations is known to be empty.
        for table in tables.iter().rev().filter(|_| !database.is_secured()) {
            sqlx::query(AssertSqlSafe(table.clear())).execute(&mut *write).await?;
        }
        let (database, batch) = (database.clone(), Vec::new());
        Ok(Self { database, write: Some(write), batch, pending: 0, entered: None })
    }

    /// Takes one encoded row of `table`, its length already taken off.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or of a row that is none.
    pub async fn push(&mut self, table: &Table, record: &[u8]) -> Result<(), StoreError> {
        let values = decode(record, &table.columns)?;
        if let Some(Value::Text(org)) = table.owner_at().and_then(|at| values.get(at))
            && self.entered.as_deref() != Some(org)
        {
            let org = org.clone();
            self.flush(table).await?;
            let id = org.parse::<OrgId>().map_err(|_| damaged("organisation id"))?;
            self.write().await?.enter(id).await?;
            self.entered = Some(org);
        }
        if table.owner.is_none() && self.database.is_secured() {
            return self.set(table, values).await;
        }
        self.batch.push(values);
        let most = limits::RESTORE_VALUES.checked_div(table.columns.len()).unwrap_or(1);
        if self.batch.len() >= most.clamp(1, limits::RESTORE_ROWS) { self.flush(table).await } else { Ok(()) }
    }

    /// The rows of no organisation are those that migrations made.
    async fn set(&mut self, table: &Table, values: Vec<Value>) -> Result<(), StoreError> {
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(table.update())), bound);
        let done = query.execute(&mut **self.write().await?).await?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
        Err(StoreError::Invalid(format!("the table {} has no such row to set", table.name)))
    }

    /// Ends a table: everything taken of it is in the database.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn flush(&mut self, table: &Table) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.batch);
        if rows.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let mut query = sqlx::query(AssertSqlSafe(table.insert(rows.len())));
        for value in rows.into_iter().flatten() {
            query = bound(query, value);
        }
        query.execute(&mut **self.write().await?).await?;
        self.pending = self.pending.saturating_add(count);
        // A file grows in steps, so that its log does not become a second copy of it.
        if self.pending >= limits::RESTORE_COMMIT && self.database.loads_in_steps() {
            self.pending = 0;
            if let Some(done) = self.write.take() {
                done.commit().await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<&mut WriteTransaction, StoreError> {
        let write = match self.write.take() {
            Some(write) => write,
            None => self.database.load().await?,
        };
        Ok(self.write.insert(write))
    }

    /// Makes everything last.
    ///
    /// # Errors
    /// [`StoreError`] of the database; on an engine that loads in one transaction nothing was changed.
    pub async fn finish(self) -> Result<(), StoreError> {
        match self.write {
            Some(write) => write.commit().await,
            None => Ok(()),
        }
    }
}

pub(super) fn bound(query: Query<'_, Any, AnyArguments>, value: Value) -> Query<'_, Any, AnyArguments> {
    match value {
        Value::Null(Kind::Integer) => query.bind(None::<i64>),
        Value::Null(Kind::Text) => query.bind(None::<String>),
        Value::Null(Kind::Bytes) => query.bind(None::<Vec<u8>>),
        Value::Null(Kind::Real) => query.bind(None::<f64>),
        Value::Integer(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Bytes(octets) => query.bind(octets),
        Value::Real(number) => query.bind(number),
    }
}
