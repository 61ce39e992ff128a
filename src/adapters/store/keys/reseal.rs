//! Sealing the values of a column anew, one small transaction after the other.

use super::super::database::Durability;
use super::super::{Store, StoreError};
use super::key_octets;
use super::sealed::SealedColumn;
use super::walk::{Cursor, KeyValue, beyond, bind, equal, keys_of, organisation};
use crate::adapters::keyring::KeyPurpose;
use crate::limits;
use crate::model::OrgId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

/// What one batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Values that were not under the active key.
    pub(super) seen: u64,
    /// Of these, those that now are.
    pub(super) done: u64,
    /// Of these, those that do not open: damaged.
    pub(super) unreadable: u64,
}

impl Batch {
    pub(super) fn add(&mut self, other: Self) {
        self.seen = self.seen.saturating_add(other.seen);
        self.done = self.done.saturating_add(other.done);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
    }
}

impl Store {
    /// Seals the next values of a column that are not under the active key. `None` as cursor at the end.
    pub(super) async fn reseal_batch(
        &self,
        org: OrgId,
        column: &SealedColumn,
        after: Option<&Cursor>,
    ) -> Result<(Batch, Option<Cursor>), StoreError> {
        let active = self.keyring.active_id(org, KeyPurpose::Data)?;
        let mut write = self.database.scope(org).write_as(Durability::Quick).await?;
        let rows = select(&mut write, org, column, active, after).await?;
        let mut batch = Batch::default();
        let mut last = None;
        for row in &rows {
            let keys = keys_of(row, column.keys.len())?;
            let sealed: Vec<u8> = row.try_get(column.keys.len())?;
            batch.seen = batch.seen.saturating_add(1);
            match self.keyring.reseal(org, &column.context_of(&keys), &sealed) {
                Ok(Some(anew)) => {
                    batch.done = batch
                        .done
                        .saturating_add(update(&mut write, org, column, &keys, &sealed, anew).await?);
                }
                Ok(None) => {}
                // Its key may come with the next look at the database; the rotation is then tried again.
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    batch.unreadable = batch.unreadable.saturating_add(1);
                    let (table, column) = (column.table, column.column);
                    tracing::error!(%error, table, column, "a sealed value cannot be opened and stays as it is");
                }
            }
            last = Some(keys);
        }
        self.note_progress(&mut write, org, KeyPurpose::Data, batch.done).await?;
        write.commit().await?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limits::KEY_BATCH;
        Ok((batch, last.filter(|_| full)))
    }

    /// How many values lie under which key, over all columns; for a key id and each.
    pub(super) async fn sealed_by_key(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        column: &SealedColumn,
    ) -> Result<Vec<(u32, i64)>, StoreError> {
        let SealedColumn { table, column, .. } = column;
        let sql = format!(
            "SELECT substr({column}, 2, 4), COUNT(*) FROM {table} \
             WHERE org_id = $1 AND length({column}) > 0 GROUP BY substr({column}, 2, 4)"
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).fetch_all(read).await?;
        rows.iter()
            .map(|row| {
                let id: Vec<u8> = row.try_get(0)?;
                let id = id.try_into().map(u32::from_be_bytes).unwrap_or_default();
                Ok((id, row.try_get(1)?))
            })
            .collect()
    }
}

/// Rows whose value is there (an emptied one is not) and not under `active`, in order of their keys, after a cursor.
async fn select(
    write: &mut AnyConnection,
    org: OrgId,
    column: &SealedColumn,
    active: u32,
    after: Option<&Cursor>,
) -> Result<Vec<AnyRow>, StoreError> {
    let keys = column.keys.join(", ");
    let SealedColumn { table, column, .. } = column;
    let beyond = after.map(|cursor| beyond(&keys, 3, cursor.len())).unwrap_or_default();
    let org_id = organisation(table);
    let sql = format!(
        "SELECT {keys}, {column} FROM {table} WHERE {org_id} = $1 AND length({column}) > 0 \
         AND substr({column}, 2, 4) <> $2{beyond} ORDER BY {keys} LIMIT {}",
        limits::KEY_BATCH
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(key_octets(active));
    query = bind(query, after.map_or(&[], Vec::as_slice));
    Ok(query.fetch_all(write).await?)
}

/// Replaces a value if it is still the one that was read.
async fn update(
    write: &mut AnyConnection,
    org: OrgId,
    column: &SealedColumn,
    keys: &[KeyValue],
    old: &[u8],
    anew: Vec<u8>,
) -> Result<u64, StoreError> {
    let named = equal(column.keys, 4);
    let SealedColumn { table, column, .. } = column;
    let sql = format!("UPDATE {table} SET {column} = $1 WHERE org_id = $2 AND {column} = $3{named}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(anew).bind(org.to_string()).bind(old.to_vec());
    query = bind(query, keys);
    Ok(query.execute(write).await?.rows_affected())
}
