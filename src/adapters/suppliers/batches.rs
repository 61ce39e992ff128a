//! Changes to the directory as batches: each is seen whole or not at all, and can be undone.
//!
//! A large import must neither block the mail's writes for long nor be seen half. So it *stages*: rows are created in
//! short transactions under a batch that nobody reads, changes to rows that exist are noted beside them, and one short
//! commit makes all of it count. Killed on the way, it leaves rows that nobody sees and the next change clears away.
//! Smaller changes (an edit, a merge, a decision) are one transaction with the same notes.
//!
//! At most one batch of an organisation stages or is being undone, and nothing else changes the directory meanwhile.

mod changes;

pub(super) use changes::{Change, Face, Side, apply, note_changes};

use super::records::SupplierRecords;
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Durability, Event, StoreError, WriteTransaction, append_audit, config_changed};
use crate::limits;
use crate::model::OrgId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::time::Duration;

/// What a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// A file.
    Import,
    /// A live source.
    Sync,
    /// Values or accounts of one supplier.
    Edit,
    /// Two records become one.
    Merge,
    /// A decision on a verification case.
    Case,
}

impl BatchKind {
    /// The name in SQL and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Sync => "sync",
            Self::Edit => "edit",
            Self::Merge => "merge",
            Self::Case => "case",
        }
    }
}

/// One batch as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BatchInfo {
    /// ULID.
    pub id: String,
    /// `import`, `sync`, `edit`, `merge`, `case`.
    pub kind: String,
    /// `staging`, `committed`, `undoing`, `undone`.
    pub state: String,
    /// Who: `operator`, `system` or a user's id.
    pub actor: String,
    /// A file's or source's name, or what was edited.
    pub source: String,
    /// Hex SHA-256 of the file, if it was one.
    pub hash: Option<String>,
    /// Whether its accounts were declared verified.
    pub verified: bool,
    /// What it did, in numbers.
    pub counts: serde_json::Value,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub undone_at: Option<i64>,
    /// Who undid it.
    pub undone_by: Option<String>,
}

/// What a new batch is.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewBatch<'a> {
    pub(super) kind: BatchKind,
    pub(super) actor: &'a str,
    pub(super) source: &'a str,
    pub(super) hash: Option<&'a str>,
    pub(super) verified: bool,
}

/// A batch that another one must wait for.
struct Busy {
    id: String,
    state: String,
    touched_at: i64,
    /// The organisation's current time as this process has it.
    silent_ms: i64,
}

impl SupplierRecords {
    /// The batches of an organisation, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn batches(&self, org: OrgId, limit: i64) -> Result<Vec<BatchInfo>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(
            "SELECT id, kind, state, actor, source, hash, verified, counts, created_at, undone_at, undone_by \
             FROM supplier_batches WHERE org_id = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(org.to_string())
        .bind(limit.clamp(1, limits::STORE_PAGE))
        .fetch_all(&mut *read)
        .await?;
        rows.iter().map(batch_info).collect()
    }

    /// Opens a staging batch: waits while another one is at work, and clears away what a killed one left.
    pub(super) async fn stage(&self, org: OrgId, new: &NewBatch<'_>) -> Result<String, StoreError> {
        for _ in 0..limits::IMPORT_WAITS {
            self.settle(org).await?;
            let mut write = self.database.scope(org).write().await?;
            lock(&mut write, org).await?;
            // Another one may have come in between.
            if self.busy(&mut write, org).await?.is_some() {
                continue;
            }
            let batch = self.ids.ulid().to_string();
            put_batch(&mut write, org, &batch, "staging", new, self.clock.now_ms()).await?;
            write.commit().await?;
            return Ok(batch);
        }
        Err(busy())
    }

    /// Begins a change that is one transaction: the directory is locked, its generation raised, its batch written.
    pub(super) async fn change(
        &self,
        org: OrgId,
        new: &NewBatch<'_>,
    ) -> Result<(WriteTransaction, String), StoreError> {
        let mut write = self.quiet(org).await?;
        let batch = self.ids.ulid().to_string();
        put_batch(&mut write, org, &batch, "committed", new, self.clock.now_ms()).await?;
        Ok((write, batch))
    }

    /// A transaction in which nothing else changes the directory; its generation is raised.
    pub(super) async fn quiet(&self, org: OrgId) -> Result<WriteTransaction, StoreError> {
        for _ in 0..limits::IMPORT_WAITS {
            self.settle(org).await?;
            let mut write = self.database.scope(org).write().await?;
            raise(&mut write, org).await?;
            // Another one may have come in between.
            if self.busy(&mut write, org).await?.is_none() {
                return Ok(write);
            }
        }
        Err(busy())
    }

    /// Notes and makes the changes of a batch begun by [`SupplierRecords::change`], with its counts and audit entry, and
    /// commits. Returns the organisation's new generation.
    pub(super) async fn finish(
        &self,
        mut write: WriteTransaction,
        org: OrgId,
        batch: &str,
        changes: Vec<Change>,
        event: (&str, AuditAction, &str, serde_json::Value),
    ) -> Result<i64, StoreError> {
        let now = self.clock.now_ms();
        note_changes(&mut write, org, batch, changes).await?;
        apply(&mut write, org, batch, Side::After, now).await?;
        let (actor, action, subject, mut detail) = event;
        let sql = "UPDATE supplier_batches SET counts = $1 WHERE org_id = $2 AND id = $3";
        sqlx::query(sql)
            .bind(detail.to_string())
            .bind(org.to_string())
            .bind(batch)
            .execute(&mut *write)
            .await?;
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("batch".to_owned(), batch.into());
        }
        let event = Event { org, at: now, actor, action, subject, detail, private: None };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        let generation = generation(&mut write, org).await?;
        write.commit().await?;
        Ok(generation)
    }

    /// Waits for a batch at work and takes away the rows of one that was killed or is being undone.
    pub(super) async fn settle(&self, org: OrgId) -> Result<(), StoreError> {
        let lease = millis(limits::IMPORT_LEASE);
        for _ in 0..limits::IMPORT_WAITS {
            let mut read = self.database.scope(org).read().await?;
            let found = self.busy(&mut read, org).await?;
            drop(read);
            let Some(busy) = found else { return Ok(()) };
            if busy.state == "undoing" || busy.silent_ms >= lease {
                let mut write = self.database.scope(org).write().await?;
                let sql = "UPDATE supplier_batches SET state = 'undoing' WHERE org_id = $1 AND id = $2 \
                           AND touched_at = $3 AND state IN ('staging', 'undoing')";
                let taken = sqlx::query(sql).bind(org.to_string()).bind(&busy.id).bind(busy.touched_at);
                let taken = taken.execute(&mut *write).await?.rows_affected() == 1;
                write.commit().await?;
                if taken {
                    self.clear(org, &busy.id).await?;
                }
                continue;
            }
            tokio::time::sleep(limits::IMPORT_POLL).await;
        }
        Err(busy())
    }

    async fn busy(&self, read: &mut AnyConnection, org: OrgId) -> Result<Option<Busy>, StoreError> {
        let sql = "SELECT id, state, touched_at FROM supplier_batches WHERE org_id = $1 \
                   AND state IN ('staging', 'undoing')";
        let row = sqlx::query(sql).bind(org.to_string()).fetch_optional(read).await?;
        let Some(row) = row else { return Ok(None) };
        let touched_at: i64 = row.try_get(2)?;
        let silent_ms = self.clock.now_ms().saturating_sub(touched_at);
        Ok(Some(Busy { id: row.try_get(0)?, state: row.try_get(1)?, touched_at, silent_ms }))
    }

    /// Tells that a staging batch is alive. Fails when another process took it for dead and cleared it away.
    pub(super) async fn beat(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        batch: &str,
    ) -> Result<(), StoreError> {
        let sql =
            "UPDATE supplier_batches SET touched_at = $1 WHERE org_id = $2 AND id = $3 AND state = 'staging'";
        let beat = sqlx::query(sql).bind(self.clock.now_ms()).bind(org.to_string()).bind(batch);
        if beat.execute(write).await?.rows_affected() == 1 {
            return Ok(());
        }
        Err(StoreError::Conflict(
            "the import was silent for too long and was given up; start it again".to_owned(),
        ))
    }

    /// Gives a staging batch up: nothing of it was ever seen.
    pub(super) async fn give_up(&self, org: OrgId, batch: &str) -> Result<(), StoreError> {
        let sql = "UPDATE supplier_batches SET state = 'undoing' WHERE org_id = $1 AND id = $2 AND state = 'staging'";
        let query = sqlx::query(sql).bind(org.to_string()).bind(batch);
        if self.database.scope(org).execute(Durability::Durable, query).await? == 1 {
            self.clear(org, batch).await?;
        }
        Ok(())
    }

    /// Runs a statement that takes at most `$3` rows until it finds none. Mail's writes come in between.
    async fn few_at_a_time(&self, org: OrgId, batch: &str, sql: &str) -> Result<(), StoreError> {
        let scope = self.database.scope(org);
        loop {
            let query = sqlx::query(AssertSqlSafe(sql.to_owned())).bind(org.to_string()).bind(batch);
            if scope.execute(Durability::Quick, query.bind(limits::IMPORT_CLEAR_ROWS)).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Deletes the rows that a hidden batch created, a few at a time, then the batch itself, or, where it once counted,
    /// calls it undone.
    pub(super) async fn clear(&self, org: OrgId, batch: &str) -> Result<(), StoreError> {
        let scope = self.database.scope(org);
        for (table, key) in [
            ("cases", "org_id || ''"),
            ("supplier_accounts", "org_id || ''"),
            ("supplier_values", "org_id || ''"),
            ("suppliers", "org_id"),
        ] {
            // Found by their keys: by the batch or the organisation SQLite would look at all that is left each time.
            let sql = format!(
                "DELETE FROM {table} WHERE {key} = $1 AND id IN (SELECT id FROM {table} \
                 WHERE org_id = $1 AND batch_id = $2 LIMIT $3)"
            );
            self.few_at_a_time(org, batch, &sql).await?;
        }
        for entity in ["supplier", "value", "account", "case"] {
            let sql = format!(
                "DELETE FROM supplier_changes WHERE org_id || '' = $1 AND batch_id = $2 AND entity = '{entity}' \
                 AND row_id IN (SELECT row_id FROM supplier_changes WHERE org_id || '' = $1 AND batch_id = $2 \
                 AND entity = '{entity}' LIMIT $3) AND EXISTS (SELECT 1 FROM supplier_batches b \
                 WHERE b.org_id = $1 AND b.id = $2 AND b.committed_at IS NULL)"
            );
            self.few_at_a_time(org, batch, &sql).await?;
        }
        let mut write = scope.write().await?;
        for sql in [
            "DELETE FROM supplier_batches WHERE org_id = $1 AND id = $2 AND committed_at IS NULL",
            "UPDATE supplier_batches SET state = 'undone' WHERE org_id = $1 AND id = $2 AND state = 'undoing'",
        ] {
            sqlx::query(sql).bind(org.to_string()).bind(batch).execute(&mut *write).await?;
        }
        write.commit().await
    }
}

async fn put_batch(
    write: &mut AnyConnection,
    org: OrgId,
    id: &str,
    state: &str,
    new: &NewBatch<'_>,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO supplier_batches (id, org_id, kind, state, actor, source, hash, verified, counts, created_at, \
         touched_at, committed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{}', $9, $9, $10)",
    )
    .bind(id)
    .bind(org.to_string())
    .bind(new.kind.as_str())
    .bind(state)
    .bind(new.actor)
    .bind(new.source)
    .bind(new.hash)
    .bind(i64::from(new.verified))
    .bind(now)
    .bind((state == "committed").then_some(now))
    .execute(write)
    .await?;
    Ok(())
}

/// Makes changes of one organisation's directory wait for each other, on engines with row locks.
pub(super) async fn lock(write: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
    let sql = "UPDATE organisations SET directory_generation = directory_generation WHERE id = $1";
    found(sqlx::query(sql).bind(org.to_string()).execute(write).await?.rows_affected())
}

/// The next generation: caches of the directory end. Also a [`lock`].
pub(super) async fn raise(write: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
    let sql = "UPDATE organisations SET directory_generation = directory_generation + 1 WHERE id = $1";
    found(sqlx::query(sql).bind(org.to_string()).execute(write).await?.rows_affected())
}

fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::NotFound("organisation")) }
}

pub(super) async fn generation(read: &mut AnyConnection, org: OrgId) -> Result<i64, StoreError> {
    let sql = "SELECT directory_generation FROM organisations WHERE id = $1";
    let found = sqlx::query_scalar(sql).bind(org.to_string()).fetch_optional(read).await?;
    found.ok_or(StoreError::NotFound("organisation"))
}

fn batch_info(row: &AnyRow) -> Result<BatchInfo, StoreError> {
    let counts: String = row.try_get(7)?;
    Ok(BatchInfo {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        state: row.try_get(2)?,
        actor: row.try_get(3)?,
        source: row.try_get(4)?,
        hash: row.try_get(5)?,
        verified: row.try_get::<i64, _>(6)? == 1,
        counts: serde_json::from_str(&counts).unwrap_or_default(),
        created_at: row.try_get(8)?,
        undone_at: row.try_get(9)?,
        undone_by: row.try_get(10)?,
    })
}

fn busy() -> StoreError {
    StoreError::Conflict(
        "another import or undo of this organisation is at work; try again when it is done".to_owned(),
    )
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
