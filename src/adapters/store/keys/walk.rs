//! Walking through a table in order of its keys, one page after the other.

use super::super::StoreError;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row as _};
use std::fmt;

/// A value of a column that names a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters::store) enum KeyValue {
    Text(String),
    Number(i64),
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// Where a walk is: key values of the last row.
pub(in crate::adapters::store) type Cursor = Vec<KeyValue>;

/// Tables whose rows lie in the order of their keys without the organisation before them.
const KEYED_WITHOUT_ORGANISATION: &[&str] = &[
    "cases",
    "messages",
    "outbox",
    "quarantine",
    "supplier_accounts",
    "supplier_changes",
    "supplier_values",
];

/// The organisation in a `WHERE` of a walk. SQLite would otherwise take some index that begins with it for the narrower
/// way and sort all of the organisation's rows for every page: a walk through 300,000 rows read each of them a thousand
/// times, and held the lock that mail writes under.
pub(super) fn organisation(table: &str) -> &'static str {
    if KEYED_WITHOUT_ORGANISATION.contains(&table) { "org_id || ''" } else { "org_id" }
}

/// ` AND (a, b) > ($3, $4)`
pub(in crate::adapters::store) fn beyond(keys: &str, first: usize, count: usize) -> String {
    format!(" AND ({keys}) > ({})", super::super::placeholders(first, count))
}

/// ` AND a = $4 AND b = $5`
pub(in crate::adapters::store) fn equal(keys: &[&str], first: usize) -> String {
    let numbered = keys.iter().zip(first..);
    numbered.map(|(key, number)| format!(" AND {key} = ${number}")).collect()
}

/// The first `count` columns.
pub(in crate::adapters::store) fn keys_of(row: &AnyRow, count: usize) -> Result<Cursor, StoreError> {
    let one = |at: usize| match row.try_get::<i64, _>(at) {
        Ok(number) => Ok(KeyValue::Number(number)),
        Err(_) => Ok(KeyValue::Text(row.try_get::<String, _>(at)?)),
    };
    (0..count).map(one).collect()
}

/// Binds key values in order.
pub(in crate::adapters::store) fn bind<'q>(
    mut query: Query<'q, Any, AnyArguments>,
    keys: &[KeyValue],
) -> Query<'q, Any, AnyArguments> {
    for key in keys {
        query = match key {
            KeyValue::Text(text) => query.bind(text.clone()),
            KeyValue::Number(number) => query.bind(*number),
        };
    }
    query
}
