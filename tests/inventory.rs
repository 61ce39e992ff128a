//! The inventory describes what the databases really have: every column of both engines, no more and no less.

use crate::support::backend::Backend;
use sentra::adapters::store::inventory::{self, ELSEWHERE};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::BTreeSet;

type Columns = BTreeSet<(String, String)>;

async fn columns(peek: &mut AnyConnection, sql: &str) -> Columns {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(peek).await.unwrap();
    rows.iter().map(|row| (row.get::<String, _>(0), row.get::<String, _>(1))).collect()
}

fn described(of_engine: impl Fn(&str) -> bool) -> Columns {
    let tables = inventory::tables().filter(|table| of_engine(table.name));
    tables
        .flat_map(|table| table.fields.iter().map(|field| (table.name.to_owned(), field.name.to_owned())))
        .collect()
}

#[track_caller]
fn assert_same(found: &Columns, described: &Columns) {
    let missing: Vec<_> = found.difference(described).collect();
    assert!(
        missing.is_empty(),
        "stored and not described; add a line in src/adapters/store/inventory and write docs/data.md anew: {missing:?}"
    );
    let gone: Vec<_> = described.difference(found).collect();
    assert!(gone.is_empty(), "described and not there: {gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_sqlite_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let place = Backend::Sqlite.place(folder.path());
    place.open().await.close().await;
    let sql = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c \
               WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'";
    let found = columns(&mut place.peek().await, sql).await;
    assert!(found.len() > 300, "{}", found.len());
    assert_same(&found, &described(|table| table != "sentra_tables"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_postgresql_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let place = Backend::Postgres.place(folder.path());
    let sql = "SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' \
               AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped";
    let found = columns(&mut place.peek().await, sql).await;
    assert!(found.len() > 300, "{}", found.len());
    assert_same(&found, &described(|_| true));
}

/// Names of objects and of keys in Redis are made in few places: what they make is on the list.
#[test]
fn names_outside_the_database_are_described() {
    let mut made = BTreeSet::new();
    let mut waiting = vec![std::path::PathBuf::from("src/adapters")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (start, end) in [("Key::of(\"", "\""), ("\"sentra:1:", "\"")] {
            for piece in code.split(start).skip(1) {
                made.insert(piece.split(end).next().unwrap().to_owned());
            }
        }
    }
    // The probe asks for a listing and writes nothing.
    made.remove("probe");
    assert!(made.len() >= 6, "{made:?}");
    for name in made {
        let name = name.replace("{{{org}}}", "{ORG}").replace("{kind}", "KIND").replace("{}", "FINGERPRINT");
        let known = |thing: &inventory::Elsewhere| {
            thing.name.starts_with(&format!("{name}/")) || thing.name.strip_prefix("sentra:1:") == Some(&name)
        };
        assert!(ELSEWHERE.iter().any(known), "{name} is not in src/adapters/store/inventory/elsewhere.rs");
    }
}
