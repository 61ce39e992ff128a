//! One organisation's view of the database: the only way to organisation data.
//!
//! A [`Scope`] names the organisation when a transaction begins, so that an engine with row-level security shows and
//! takes nothing but its rows. Statements name `org_id` as well: both walls must fail before data crosses.

use super::database::Database;
use super::engine::{Durability, Seen};
use super::error::StoreError;
use crate::model::OrgId;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Transaction};
use std::ops::{Deref, DerefMut};
use tokio::sync::OwnedSemaphorePermit;

/// One organisation's data. Cheap to make and to clone; holds no connection.
#[derive(Clone, Debug)]
pub struct Scope {
    database: Database,
    org: OrgId,
}

impl Scope {
    pub(super) fn new(database: Database, org: OrgId) -> Self {
        Self { database, org }
    }

    /// Whose data.
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// A consistent view for reading; writing through it fails. It ends when dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub async fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.database.begin_read(Seen::Organisation(self.org)).await
    }

    /// Begins a durable transaction: once committed, a power cut loses nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the write lock or a connection cannot be had in time.
    pub async fn write(&self) -> Result<WriteTransaction, StoreError> {
        self.write_as(Durability::Durable).await
    }

    /// Begins a transaction of either kind.
    ///
    /// # Errors
    /// As [`Scope::write`].
    pub async fn write_as(&self, durability: Durability) -> Result<WriteTransaction, StoreError> {
        self.database.begin_write(Seen::Organisation(self.org), durability).await
    }

    /// Runs one writing statement as a transaction of its own. Returns the rows it changed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn execute(
        &self,
        durability: Durability,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<u64, StoreError> {
        self.database.execute_for(Seen::Organisation(self.org), durability, query).await
    }
}

/// A consistent view for reading.
#[derive(Debug)]
pub struct ReadTransaction {
    transaction: Transaction<'static, Any>,
    /// Under row-level security.
    secured: bool,
}

impl ReadTransaction {
    pub(super) fn new(transaction: Transaction<'static, Any>, secured: bool) -> Self {
        Self { transaction, secured }
    }
}

impl ReadTransaction {
    /// Goes on with another organisation of the same database: for a backup, which reads all of them at one moment.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub(super) async fn enter(&mut self, org: OrgId) -> Result<(), StoreError> {
        if self.secured { enter(&mut self.transaction, org).await } else { Ok(()) }
    }
}

/// For the rest of this transaction, or until the next one is entered.
async fn enter(transaction: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
    let sql = "SELECT set_config('sentra.org', $1, true)";
    sqlx::query(sql).bind(org.to_string()).execute(transaction).await?;
    Ok(())
}

impl Deref for ReadTransaction {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for ReadTransaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

/// A transaction that may write. Dropped without [`WriteTransaction::commit`] it is rolled back.
#[derive(Debug)]
pub struct WriteTransaction {
    transaction: Transaction<'static, Any>,
    // Declared last, so that the rollback of a dropped transaction is queued before the next writer starts.
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The only writer of this process.
    Alone { _permit: OwnedSemaphorePermit },
    /// Under row-level security, beside others.
    Secured,
}

impl WriteTransaction {
    pub(super) fn alone(transaction: Transaction<'static, Any>, permit: OwnedSemaphorePermit) -> Self {
        Self { transaction, kind: Kind::Alone { _permit: permit } }
    }

    pub(super) fn secured(transaction: Transaction<'static, Any>) -> Self {
        Self { transaction, kind: Kind::Secured }
    }

    /// Goes on with another organisation of the same database: for work that shares one commit between many.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub(super) async fn enter(&mut self, org: OrgId) -> Result<(), StoreError> {
        match self.kind {
            Kind::Secured => enter(&mut self.transaction, org).await,
            Kind::Alone { .. } => Ok(()),
        }
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing was changed, or the answer was lost.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for WriteTransaction {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for WriteTransaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}
