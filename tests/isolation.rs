//! No organisation reaches another's rows: every table is found in the catalogue and probed, so that none is forgotten.

use crate::support::backend::Backend;
use crate::support::postgres::{PostgresServer, TestDatabase};
use sentra::adapters::store::{Database, SystemRead, TABLES_OF_NO_ORGANISATION};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};

const A: &str = "01AAAAAAAAAAAAAAAAAAAAAAAA";
const B: &str = "01BBBBBBBBBBBBBBBBBBBBBBBB";

/// A table with the columns of one made-up row of each organisation.
struct Table {
    name: String,
    /// The column that names the organisation.
    key: String,
    /// Column names, comma-separated.
    columns: String,
    /// The row's values as SQL, with the organisation as given.
    values: Box<dyn Fn(&str) -> String>,
}

fn belongs_to_none(table: &str) -> bool {
    TABLES_OF_NO_ORGANISATION.iter().any(|(name, why)| *name == table && !why.is_empty())
}

async fn texts(connection: &mut AnyConnection, sql: &str) -> Vec<Vec<String>> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.iter().map(|row| (0..row.len()).map(|at| row.try_get(at).unwrap_or_default()).collect()).collect()
}

/// Every table of an organisation, with a row of A and one of B in each: whatever its columns are, a value that its
/// checks accept.
async fn filled(admin: &mut AnyConnection) -> Vec<Table> {
    let names = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1";
    let mut tables = Vec::new();
    // Foreign keys and triggers would ask for a whole story behind each row.
    admin.execute("SET session_replication_role = replica").await.unwrap();
    for name in texts(admin, names).await.into_iter().flatten() {
        if belongs_to_none(&name) {
            continue;
        }
        let columns = format!(
            "SELECT a.attname::text, a.atttypid::regtype::text, \
             COALESCE((SELECT substring(pg_get_constraintdef(k.oid) from '''([^'']*)''') FROM pg_constraint k \
                       WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] LIMIT 1), '') \
             FROM pg_attribute a WHERE a.attrelid = '{name}'::regclass AND a.attnum > 0 AND NOT a.attisdropped \
             AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attnum"
        );
        let columns = texts(admin, &columns).await;
        let key = if name == "organisations" { "id" } else { "org_id" };
        assert!(
            columns.iter().any(|column| column[0] == key),
            "the table {name} has no {key}: give it one and call sentra_protect, or list it with its reason in \
             TABLES_OF_NO_ORGANISATION"
        );
        let list = columns.iter().map(|column| column[0].clone()).collect::<Vec<_>>().join(", ");
        let values = move |org: &str| {
            let value = |column: &Vec<String>| match (column[0].as_str(), column[1].as_str()) {
                (name, _) if name == key => format!("'{org}'"),
                (_, "bytea") => format!("'\\x{:02x}'", org.as_bytes()[2]),
                (_, "text") if !column[2].is_empty() => format!("'{}'", column[2]),
                (_, "text") => format!("'of {org}'"),
                _ => "1".to_owned(),
            };
            columns.iter().map(value).collect::<Vec<_>>().join(", ")
        };
        let table = Table { name, key: key.to_owned(), columns: list, values: Box::new(values) };
        for org in [A, B] {
            let sql =
                format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.columns, (table.values)(org));
            let done = admin.execute(AssertSqlSafe(sql.clone())).await;
            done.unwrap_or_else(|error| {
                panic!("a made-up row of {} does not fit: {sql}: {error}", table.name)
            });
        }
        tables.push(table);
    }
    tables
}

/// Runs a statement in a transaction with these settings; the rows it changed or found, or the refusal.
async fn attempt(role: &mut AnyConnection, settings: &[(&str, &str)], sql: &str) -> Result<u64, String> {
    let mut attempt = role.begin().await.unwrap();
    for (name, value) in settings {
        let set = format!("SELECT set_config('{name}', '{value}', true)");
        attempt.execute(AssertSqlSafe(set)).await.unwrap();
    }
    let done = if sql.starts_with("SELECT") {
        sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut *attempt)
            .await
            .map(i64::unsigned_abs)
    } else {
        attempt.execute(AssertSqlSafe(sql.to_owned())).await.map(|done| done.rows_affected())
    };
    done.map_err(|error| error.to_string())
}

fn refused(done: &Result<u64, String>) -> bool {
    done.as_ref().is_err_and(|why| why.contains("row-level security") || why.contains("permission denied"))
}

async fn connect(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

fn database() -> TestDatabase {
    tokio::task::block_in_place(|| PostgresServer::shared().database())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_of_the_catalogue_keeps_organisations_apart() {
    let database = database();
    keeps_organisations_apart(&database.admin_url(), &database.url()).await;
}

/// The probe, over a database with this program's schema, as superuser and as the role that the server has.
pub async fn keeps_organisations_apart(admin_url: &str, role_url: &str) {
    let mut admin = connect(admin_url).await;
    let tables = filled(&mut admin).await;
    assert!(tables.len() >= 19, "only {} tables were found", tables.len());
    let mut role = connect(role_url).await;
    for table in &tables {
        let (name, key, columns) = (&table.name, &table.key, &table.columns);
        let forced = format!(
            "SELECT COUNT(*) FROM pg_class WHERE oid = '{name}'::regclass AND relrowsecurity AND relforcerowsecurity"
        );
        assert_eq!(
            attempt(&mut role, &[], &forced).await,
            Ok(1),
            "row-level security is not forced on {name}"
        );
        let count = format!("SELECT COUNT(*) FROM {name}");
        let steal = format!("SELECT COUNT(*) FROM {name} WHERE {key} = '{A}'");
        let (insert, other) = (
            format!("INSERT INTO {name} ({columns}) VALUES ({})", (table.values)(A)),
            format!("UPDATE {name} SET {key} = '{A}' WHERE {key} = '{B}'"),
        );
        let (update, delete) = (
            format!("UPDATE {name} SET {key} = {key} WHERE {key} = '{A}'"),
            format!("DELETE FROM {name} WHERE {key} = '{A}'"),
        );
        for (who, settings) in [
            ("nobody", vec![]),
            ("the empty name", vec![("sentra.org", "")]),
            ("an unknown read", vec![("sentra.system", "everything")]),
        ] {
            assert_eq!(attempt(&mut role, &settings, &count).await, Ok(0), "{who} sees rows of {name}");
            assert!(refused(&attempt(&mut role, &settings, &insert).await), "{who} inserts into {name}");
        }
        let as_b = [("sentra.org", B)];
        assert_eq!(attempt(&mut role, &as_b, &count).await, Ok(1), "B sees its own row of {name} alone");
        assert_eq!(attempt(&mut role, &as_b, &steal).await, Ok(0), "B sees A's row of {name}");
        assert!(refused(&attempt(&mut role, &as_b, &insert).await), "B inserts into {name} as A");
        let given = attempt(&mut role, &as_b, &other).await;
        // A trigger of the table may be faster than the policy.
        assert!(given.is_err(), "B hands its row of {name} to A: {given:?}");
        for sql in [&update, &delete] {
            let done = attempt(&mut role, &as_b, sql).await;
            assert!(done == Ok(0) || refused(&done), "B reaches A's row: {sql}: {done:?}");
        }
        let truncated = attempt(&mut role, &as_b, &format!("TRUNCATE {name}")).await;
        assert!(refused(&truncated), "{name} is truncated: {truncated:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listed_read_sees_its_tables_and_writes_nothing() {
    let database = database();
    let mut admin = connect(&database.admin_url()).await;
    let tables = filled(&mut admin).await;
    let mut role = connect(&database.url()).await;
    for read in SystemRead::ALL {
        let settings = [("sentra.system", read.name())];
        for table in &tables {
            let (name, key) = (table.name.as_str(), &table.key);
            let seen = attempt(&mut role, &settings, &format!("SELECT COUNT(*) FROM {name}")).await;
            let expected = if read.tables().contains(&name) { 2 } else { 0 };
            assert_eq!(seen, Ok(expected), "{} in {name}", read.name());
            let update = attempt(&mut role, &settings, &format!("UPDATE {name} SET {key} = {key}")).await;
            assert!(update == Ok(0) || refused(&update), "{} writes {name}: {update:?}", read.name());
            let delete = attempt(&mut role, &settings, &format!("DELETE FROM {name}")).await;
            assert!(delete == Ok(0) || refused(&delete), "{} deletes from {name}: {delete:?}", read.name());
        }
        for table in read.tables() {
            assert!(tables.iter().any(|found| found.name == *table), "{} names no table", read.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_else_in_the_schema_shows_rows() {
    let database = database();
    let others = "SELECT COUNT(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE n.nspname = 'public' AND c.relkind NOT IN ('r', 'p', 'i', 'I', 'S', 't')";
    assert_eq!(database.admin(others), "0", "a view needs security_invoker and a probe of its own");
    let definers = "SELECT COUNT(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
                    WHERE n.nspname = 'public' AND p.prosecdef";
    assert_eq!(database.admin(definers), "0", "a function that runs as its owner sees every row");
}

/// What a transaction says about itself ends with it, whichever way it ends and whoever gets the connection next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_connection_knows_nothing_of_the_organisation_before() {
    let database = database();
    let mut admin = connect(&database.admin_url()).await;
    filled(&mut admin).await;
    // By itself: the rows that were filled in say of both that they are pinned elsewhere.
    let store = Database::open(&database.url()).await.unwrap().alone();
    store.migrate().await.unwrap();
    let (a, b) = (A.parse().unwrap(), B.parse().unwrap());
    let count = "SELECT COUNT(*) FROM users";
    for round in 0..40 {
        // Several at a time, so that connections change hands.
        let work = (0..6).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let scope = store.scope(if number % 2 == 0 { a } else { b });
                let mut write = scope.write().await.unwrap();
                let seen: i64 = sqlx::query_scalar(count).fetch_one(&mut *write).await.unwrap();
                assert_eq!(seen, 1);
                match (round + number) % 3 {
                    0 => write.commit().await.unwrap(),
                    1 => drop(write),
                    _ => {
                        // Given up in the middle of a statement.
                        let slow = sqlx::query("SELECT 1 FROM pg_sleep(5)").execute(&mut *write);
                        tokio::time::timeout(std::time::Duration::from_millis(1), slow).await.ok();
                    }
                }
            })
        });
        for done in work.collect::<Vec<_>>() {
            done.await.unwrap();
        }
        let mut read = store.system(SystemRead::OutboxDue).await.unwrap();
        let sql = "SELECT COALESCE(current_setting('sentra.org', true), '')";
        let left: String = sqlx::query_scalar(sql).fetch_one(&mut *read).await.unwrap();
        assert_eq!(left, "");
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *read).await.unwrap(), 0);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_of_sqlite_names_its_organisation() {
    let folder = tempfile::tempdir().unwrap();
    let place = Backend::Sqlite.place(folder.path());
    place.open().await.close().await;
    let mut peek = place.peek().await;
    let names = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'";
    let names = texts(&mut peek, names).await;
    assert!(names.len() > 19);
    for name in names.into_iter().flatten() {
        let key = if name == "organisations" { "id" } else { "org_id" };
        let columns = texts(&mut peek, &format!("SELECT name FROM pragma_table_info('{name}')")).await;
        assert!(
            belongs_to_none(&name) || columns.into_iter().flatten().any(|column| column == key),
            "the table {name} has no {key} and is not in TABLES_OF_NO_ORGANISATION"
        );
    }
}
