//! What a batch changes of rows that were there before it: noted beside them, then made, or taken back.

use crate::adapters::store::StoreError;
use crate::adapters::suppliers::rows::{Cell, insert};
use crate::model::OrgId;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

/// The part of a row that changes, before or after.
#[derive(Clone, Debug, Default)]
pub(in crate::adapters::suppliers) struct Face {
    /// Supplier it belongs to; of a supplier, the one it was merged into.
    pub(in crate::adapters::suppliers) supplier: Option<String>,
    pub(in crate::adapters::suppliers) state: Option<String>,
    /// Sealed name of a supplier.
    pub(in crate::adapters::suppliers) name: Option<Vec<u8>>,
    /// Sealed holder of an account.
    pub(in crate::adapters::suppliers) holder: Option<Vec<u8>>,
    pub(in crate::adapters::suppliers) bic: Option<String>,
    pub(in crate::adapters::suppliers) country: Option<String>,
    pub(in crate::adapters::suppliers) by: Option<String>,
    pub(in crate::adapters::suppliers) at: Option<i64>,
    pub(in crate::adapters::suppliers) how: Option<String>,
}

impl Face {
    fn cells(self) -> [Cell; 9] {
        [
            Cell::Maybe(self.supplier),
            Cell::Maybe(self.state),
            Cell::MaybeOctets(self.name),
            Cell::MaybeOctets(self.holder),
            Cell::Maybe(self.bic),
            Cell::Maybe(self.country),
            Cell::Maybe(self.by),
            Cell::MaybeNumber(self.at),
            Cell::Maybe(self.how),
        ]
    }
}

/// A row that existed before the batch, as it was and as it becomes.
#[derive(Clone, Debug)]
pub(in crate::adapters::suppliers) struct Change {
    /// `supplier`, `value`, `account` or `case`.
    pub(in crate::adapters::suppliers) entity: &'static str,
    pub(in crate::adapters::suppliers) row: String,
    /// The row's `change_id` so far.
    pub(in crate::adapters::suppliers) last: Option<String>,
    pub(in crate::adapters::suppliers) before: Face,
    pub(in crate::adapters::suppliers) after: Face,
}

/// Notes changes of a batch; [`apply`] makes them.
pub(in crate::adapters::suppliers) async fn note_changes(
    write: &mut AnyConnection,
    org: OrgId,
    batch: &str,
    changes: Vec<Change>,
) -> Result<(), StoreError> {
    const HEAD: &str = "INSERT INTO supplier_changes (org_id, batch_id, entity, row_id, before_change, \
                        before_supplier, before_state, before_name, before_holder, before_bic, before_country, \
                        before_by, before_at, before_how, after_supplier, after_state, after_name, after_holder, \
                        after_bic, after_country, after_by, after_at, after_how)";
    let org = org.to_string();
    let row = |change: Change| {
        let head: [Cell; 5] = [
            org.as_str().into(),
            batch.into(),
            change.entity.into(),
            Cell::Text(change.row),
            Cell::Maybe(change.last),
        ];
        head.into_iter().chain(change.before.cells()).chain(change.after.cells()).collect()
    };
    let rows: Vec<Vec<Cell>> = changes.into_iter().map(row).collect();
    insert(write, HEAD, &rows).await
}

/// Which side of the noted changes is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::suppliers) enum Side {
    /// As it was: an undo.
    Before,
    /// As it becomes.
    After,
}

/// Writes one side of all changes noted under a batch: a statement a table, however many rows.
pub(in crate::adapters::suppliers) async fn apply(
    write: &mut AnyConnection,
    org: OrgId,
    batch: &str,
    side: Side,
    now: i64,
) -> Result<(), StoreError> {
    const TABLES: [(&str, &str, &str); 4] = [
        (
            "supplier",
            "suppliers",
            "sealed_name = c.$_name, country = c.$_country, merged_into = c.$_supplier, updated_at = $3",
        ),
        ("value", "supplier_values", "retired_by = c.$_by, retired_at = c.$_at"),
        (
            "account",
            "supplier_accounts",
            "state = c.$_state, sealed_name = c.$_holder, bic = c.$_bic, verified_by = c.$_by, \
             verified_at = c.$_at, verified_how = c.$_how, updated_at = $3",
        ),
        ("case", "cases", "state = c.$_state, updated_at = $3"),
    ];
    let (prefix, change) = match side {
        Side::Before => ("before", "c.before_change"),
        Side::After => ("after", "c.batch_id"),
    };
    for (entity, table, columns) in TABLES {
        let (count, moved) = counted(write, batch, entity).await?;
        if count == 0 {
            continue;
        }
        // Only a merge moves rows. A column that is set, to the same value even, has its indexes written anew, which makes
        // half of the time that all accounts of a large ledger take.
        let moves = if moved > 0 && entity != "supplier" { "supplier_id = c.$_supplier, " } else { "" };
        let columns = format!("{moves}{columns}").replace("$_", &format!("{prefix}_"));
        // SQLite takes no parameter that the statement does not use.
        let dated = columns.contains("$3");
        let sql = format!(
            "UPDATE {table} SET {columns}, change_id = {change} FROM supplier_changes c WHERE {table}.org_id = $1 \
             AND c.org_id || '' = $1 AND c.batch_id = $2 AND c.entity = '{entity}' AND {table}.id = c.row_id"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(batch);
        let query = if dated { query.bind(now) } else { query };
        query.execute(&mut *write).await?;
    }
    Ok(())
}

/// How many rows of a kind a batch changes, and how many of them it moves to another supplier.
async fn counted(write: &mut AnyConnection, batch: &str, entity: &str) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT COUNT(*), COUNT(CASE WHEN COALESCE(before_supplier, '') <> COALESCE(after_supplier, '') \
               THEN 1 END) FROM supplier_changes WHERE batch_id = $1 AND entity = $2";
    let row = sqlx::query(sql).bind(batch).bind(entity).fetch_one(write).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}
