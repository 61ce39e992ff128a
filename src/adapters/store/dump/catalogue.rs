//! Tables and columns, as the database itself lists them.

use super::super::error::StoreError;
use crate::model::OrgId;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// 64-bit number: counts, flags, times.
    Integer,
    /// Text.
    Text,
    /// Octets.
    Bytes,
    /// Floating point.
    Real,
}

impl Kind {
    fn of(declared: &str) -> Option<Self> {
        match declared.to_ascii_lowercase().as_str() {
            "bigint" | "integer" | "int" | "int8" => Some(Self::Integer),
            "text" | "character varying" => Some(Self::Text),
            "blob" | "bytea" => Some(Self::Bytes),
            "real" | "double precision" | "double" => Some(Self::Real),
            _ => None,
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Names of the primary key's columns, in the key's order.
    pub key: Vec<String>,
    /// The column that names the organisation; `None`: of no organisation.
    pub owner: Option<String>,
}

impl Table {
    /// All rows in the order of the key; `owned`: of the organisation `$1`.
    pub(super) fn select(&self, owned: bool) -> String {
        let columns = listed(self.columns.iter().map(|column| &column.name));
        let filter = match &self.owner {
            Some(owner) if owned => format!(" WHERE {} = $1", quoted(owner)),
            _ => String::new(),
        };
        let order = match self.key.is_empty() {
            true => columns.clone(),
            false => listed(self.key.iter()),
        };
        format!("SELECT {columns} FROM {}{filter} ORDER BY {order}", quoted(&self.name))
    }

    /// Counts the rows; `owned`: of this organisation.
    pub(super) fn count(&self, owned: Option<OrgId>) -> String {
        let filter = match (&self.owner, owned) {
            // An id holds letters and digits only.
            (Some(owner), Some(org)) => format!(" WHERE {} = '{org}'", quoted(owner)),
            _ => String::new(),
        };
        format!("SELECT COUNT(*) FROM {}{filter}", quoted(&self.name))
    }

    /// Inserts so many rows at once.
    pub(super) fn insert(&self, rows: usize) -> String {
        let columns = listed(self.columns.iter().map(|column| &column.name));
        let width = self.columns.len();
        let row = |index: usize| {
            let marks = (0..width).map(|column| format!("${}", index.saturating_mul(width) + column + 1));
            format!("({})", marks.collect::<Vec<_>>().join(", "))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("INSERT INTO {} ({columns}) VALUES {}", quoted(&self.name), rows.join(", "))
    }

    /// Sets the row that has this row's key; values in the order of the columns.
    pub(super) fn update(&self) -> String {
        let equal = |wanted: bool| {
            let columns = self.columns.iter().enumerate();
            let columns = columns.filter(|(_, column)| self.key.contains(&column.name) == wanted);
            columns.map(|(at, column)| format!("{} = ${}", quoted(&column.name), at + 1)).collect::<Vec<_>>()
        };
        format!(
            "UPDATE {} SET {} WHERE {}",
            quoted(&self.name),
            equal(false).join(", "),
            equal(true).join(" AND ")
        )
    }

    /// Deletes at most `$2` rows of the organisation `$1`.
    pub(in crate::adapters::store) fn delete_some(&self) -> String {
        let (table, key) = (quoted(&self.name), listed(self.key.iter()));
        let owner = self.owner.as_deref().map(quoted).unwrap_or_default();
        format!(
            "DELETE FROM {table} WHERE {owner} = $1 AND ({key}) IN (SELECT {key} FROM {table} WHERE {owner} = $1 LIMIT $2)"
        )
    }

    /// Deletes all rows of the organisation `$1`.
    pub(in crate::adapters::store) fn delete_of_one(&self) -> String {
        let owner = self.owner.as_deref().map(quoted).unwrap_or_default();
        format!("DELETE FROM {} WHERE {owner} = $1", quoted(&self.name))
    }

    pub(super) fn clear(&self) -> String {
        format!("DELETE FROM {}", quoted(&self.name))
    }

    /// The place of the organisation's column.
    pub(super) fn owner_at(&self) -> Option<usize> {
        let owner = self.owner.as_ref()?;
        self.columns.iter().position(|column| column.name == *owner)
    }
}

/// A name as SQL takes it literally.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// Number of the newest migration.
pub(super) async fn schema(read: &mut AnyConnection) -> Result<i64, StoreError> {
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(read).await?;
    Ok(newest.unwrap_or_default())
}

/// Every table, those first that others refer to.
pub(super) async fn tables_of_sqlite(read: &mut AnyConnection) -> Result<Vec<Table>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list \
         WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&mut *read)
    .await?;
    let mut found = BTreeMap::new();
    for name in names {
        let table = match name.as_str() {
            // Its types are the migrator's own.
            "_sqlx_migrations" => continue,
            _ => table(read, &name).await?,
        };
        let parents: Vec<String> = sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_list($1)")
            .bind(&name)
            .fetch_all(&mut *read)
            .await?;
        found.insert(name, (table, parents.into_iter().collect()));
    }
    parents_first(found)
}

/// As [`tables_of_sqlite`], for PostgreSQL.
pub(super) async fn tables_of_postgres(read: &mut AnyConnection) -> Result<Vec<Table>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
         AND tablename NOT IN ('_sqlx_migrations', 'sentra_tables') ORDER BY 1",
    )
    .fetch_all(&mut *read)
    .await?;
    let mut found = BTreeMap::new();
    for name in names {
        let columns = sqlx::query(
            "SELECT a.attname::text, format_type(a.atttypid, NULL), \
             COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint \
             FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
             WHERE a.attrelid = quote_ident($1)::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        );
        let table = table_of(&name, &columns.bind(&name).fetch_all(&mut *read).await?)?;
        let parents: Vec<String> = sqlx::query_scalar(
            "SELECT p.relname::text FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid \
             WHERE k.contype = 'f' AND k.conrelid = quote_ident($1)::regclass",
        )
        .bind(&name)
        .fetch_all(&mut *read)
        .await?;
        found.insert(name, (table, parents.into_iter().collect()));
    }
    parents_first(found)
}

async fn table(read: &mut AnyConnection, name: &str) -> Result<Table, StoreError> {
    let rows = sqlx::query("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid")
        .bind(name)
        .fetch_all(read)
        .await?;
    table_of(name, &rows)
}

/// From rows of column name, declared type and place in the primary key (from 1, or 0).
fn table_of(name: &str, rows: &[AnyRow]) -> Result<Table, StoreError> {
    let (mut columns, mut key) = (Vec::new(), BTreeMap::new());
    for row in rows {
        let (column, declared, place): (String, String, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let kind = Kind::of(&declared).ok_or_else(|| {
            StoreError::Refused(format!(
                "{name}.{column} has the type {declared}, which a backup cannot hold"
            ))
        })?;
        if place > 0 {
            key.insert(place, column.clone());
        }
        columns.push(Column { name: column, kind });
    }
    Ok(described(name, columns, key.into_values().collect()))
}

fn described(name: &str, columns: Vec<Column>, key: Vec<String>) -> Table {
    let owner = match name {
        "organisations" => Some("id"),
        _ => Some("org_id").filter(|owner| columns.iter().any(|column| column.name == *owner)),
    };
    Table { name: name.to_owned(), columns, key, owner: owner.map(str::to_owned) }
}

/// Orders tables so that each comes after those it refers to.
fn parents_first(mut waiting: BTreeMap<String, (Table, BTreeSet<String>)>) -> Result<Vec<Table>, StoreError> {
    let mut ordered: Vec<Table> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting.keys().cloned().collect();
        let free = |name: &String, parents: &BTreeSet<String>| {
            parents.iter().all(|parent| parent == name || !names.contains(parent))
        };
        let ready: Vec<String> = waiting
            .iter()
            .filter(|(name, (_, parents))| free(name, parents))
            .map(|(name, _)| name.clone())
            .collect();
        if ready.is_empty() {
            return Err(StoreError::Refused("tables refer to each other in a circle".to_owned()));
        }
        ordered.extend(ready.iter().filter_map(|name| waiting.remove(name)).map(|(table, _)| table));
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_circles_are_refused() {
        let table = |name: &str| described(name, Vec::new(), Vec::new());
        let of = |rows: &[(&str, &[&str])]| {
            let one = |(name, parents): &(&str, &[&str])| {
                ((*name).to_owned(), (table(name), parents.iter().map(|name| (*name).to_owned()).collect()))
            };
            parents_first(rows.iter().map(one).collect())
                .map(|tables| tables.into_iter().map(|table| table.name).collect::<Vec<_>>())
        };
        assert_eq!(
            of(&[("a", &["b"]), ("b", &["c"]), ("c", &[]), ("d", &["d"])]).unwrap(),
            ["c", "d", "b", "a"]
        );
        assert!(of(&[("a", &["b"]), ("b", &["a"])]).is_err());
    }

    #[test]
    fn statements_name_columns_and_organisation() {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = vec![column("org_id", Kind::Text), column("x\"y", Kind::Bytes)];
        let table = described("t", columns, vec!["org_id".to_owned()]);
        assert_eq!(
            table.select(true),
            r#"SELECT "org_id", "x""y" FROM "t" WHERE "org_id" = $1 ORDER BY "org_id""#
        );
        assert_eq!(table.insert(2), r#"INSERT INTO "t" ("org_id", "x""y") VALUES ($1, $2), ($3, $4)"#);
        assert_eq!(table.update(), r#"UPDATE "t" SET "x""y" = $2 WHERE "org_id" = $1"#);
        assert_eq!(table.owner_at(), Some(0));
    }
}
