//! Whether a PostgreSQL is fit to be served from: its schema is this program's, and our role cannot get around
//! row-level security.
//!
//! The second wall around an organisation's data is worth nothing under a role that is superuser, bypasses row-level
//! security, owns the tables, or can become such a role. So the server refuses to start as one.

use super::error::StoreError;
use super::system::{SystemRead, system_reads};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("src/adapters/store/migrations/postgres");

/// Tables that belong to no organisation, and why that is so. Every other table that our role may touch has to have
/// row-level security forced.
pub const TABLES_OF_NO_ORGANISATION: [(&str, &str); 4] = [
    ("_sqlx_migrations", "which migrations ran: the schema's own record"),
    ("sentra_tables", "what the server's role may do with each table"),
    ("backup_state", "who is at work on a backup and when the last one was made, of the whole database"),
    ("generations", "counters that tell every node to read again; they name no organisation"),
];

/// Whether the owner's mark of a restore is there.
const UNFINISHED: &str = "SELECT to_regclass('restore_unfinished') IS NOT NULL";

/// Schema and role, in this order.
pub(super) async fn check(connection: &mut AnyConnection, place: &str) -> Result<(), StoreError> {
    schema(connection, place).await?;
    role(connection, place).await?;
    reads_across(connection, place).await
}

async fn schema(connection: &mut AnyConnection, place: &str) -> Result<(), StoreError> {
    let old = |what: &str| StoreError::Setup {
        what: format!("the database {place} {what}"),
        help: "run `sentra migrate` with the owner's URL (database.owner_url); `serve` never changes the schema of PostgreSQL",
    };
    let there = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = '_sqlx_migrations' \
                 AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')";
    let there: i64 = sqlx::query_scalar(there).fetch_one(&mut *connection).await?;
    if there == 0 {
        return Err(old("has no schema of sentra, or not for this role"));
    }
    let unfinished: bool = sqlx::query_scalar(UNFINISHED).fetch_one(&mut *connection).await?;
    if unfinished {
        return Err(StoreError::Setup {
            what: format!("a restore into the database {place} did not come to its end"),
            help: "restore again: into this database while it is empty, otherwise into a new one",
        });
    }
    let applied = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let mut applied: BTreeMap<i64, Vec<u8>> = sqlx::query(applied)
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    for migration in MIGRATIONS.iter() {
        match applied.remove(&migration.version) {
            None => return Err(old("has an older schema than this program needs")),
            Some(checksum) if checksum != *migration.checksum => {
                return Err(StoreError::Setup {
                    what: format!(
                        "the schema of the database {place} was made by other migrations than this program's"
                    ),
                    help: "use the sentra that migrated it, or restore a backup",
                });
            }
            Some(_) => {}
        }
    }
    if applied.is_empty() {
        return Ok(());
    }
    Err(StoreError::Setup {
        what: format!("a newer sentra wrote the database {place}"),
        help: "use that version",
    })
}

/// What makes a role unfit, the worst first: rank, kind, name of the object.
const UNFIT: &str = "\
SELECT 1 AS rank, 'superuser' AS kind, rolname::text AS name FROM pg_roles
    WHERE rolname = session_user AND rolsuper
UNION ALL SELECT 2, 'bypassrls', rolname::text FROM pg_roles WHERE rolname = session_user AND rolbypassrls
UNION ALL SELECT 3, 'createrole', rolname::text FROM pg_roles WHERE rolname = session_user AND rolcreaterole
UNION ALL SELECT 4, 'other', current_user::text WHERE current_user <> session_user
UNION ALL SELECT 5, 'member', rolname::text FROM pg_roles
    WHERE (rolsuper OR rolbypassrls OR rolcreaterole OR rolname IN
        ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
    AND rolname <> session_user AND pg_has_role(session_user, oid, 'MEMBER')
UNION ALL SELECT 6, 'owner', c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm')
    AND pg_has_role(session_user, c.relowner, 'MEMBER')
UNION ALL SELECT 7, 'schema', nspname::text FROM pg_namespace WHERE nspname = current_schema()
    AND (pg_has_role(session_user, nspowner, 'MEMBER') OR has_schema_privilege(session_user, oid, 'CREATE'))
UNION ALL SELECT 8, 'database', datname::text FROM pg_database
    WHERE datname = current_database() AND pg_has_role(session_user, datdba, 'MEMBER')
UNION ALL SELECT 9, 'privilege', c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
    AND has_table_privilege(session_user, c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
UNION ALL SELECT 10, 'audit', c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relname = 'audit'
    AND has_table_privilege(session_user, c.oid, 'UPDATE')
UNION ALL SELECT 11, 'unforced', c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
    AND has_table_privilege(session_user, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
UNION ALL SELECT 12, 'view', c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('v', 'm')
    AND has_table_privilege(session_user, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
    AND NOT (c.relkind = 'v' AND COALESCE('security_invoker=true' = ANY (c.reloptions), false))
ORDER BY rank, name";

async fn role(connection: &mut AnyConnection, place: &str) -> Result<(), StoreError> {
    let rows = sqlx::query(UNFIT).fetch_all(connection).await?;
    for row in rows {
        let (kind, name): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        if kind == "unforced" && TABLES_OF_NO_ORGANISATION.iter().any(|(table, _)| *table == name) {
            continue;
        }
        return Err(unfit(place, &kind, &name));
    }
    Ok(())
}

fn unfit(place: &str, kind: &str, name: &str) -> StoreError {
    let apart =
        "connect as a role of its own that owns nothing: docs/operations.md, \"PostgreSQL\", has the SQL";
    let (why, help) = match kind {
        "superuser" => (format!("the role {name} is superuser"), apart),
        "bypassrls" => (format!("the role {name} has BYPASSRLS"), apart),
        "createrole" => {
            (format!("the role {name} has CREATEROLE and can make itself a member of others"), apart)
        }
        "other" => (format!("the session acts as the role {name}, not as the one that logged in"), apart),
        "member" => (format!("the role can SET ROLE to {name}"), "revoke that membership: REVOKE … FROM …"),
        "owner" => (format!("the role owns {name}, or is a member of its owner"), apart),
        "schema" => (
            format!("the role may create objects in the schema {name}"),
            "REVOKE CREATE ON SCHEMA … FROM PUBLIC, and from the role",
        ),
        "database" => (format!("the role owns the database {name}, or is a member of its owner"), apart),
        "privilege" => (
            format!("the role has TRUNCATE, REFERENCES or TRIGGER on {name}"),
            "run `sentra migrate`: it gives the role what it needs and takes the rest",
        ),
        "audit" => (
            "the role may change audit entries".to_owned(),
            "run `sentra migrate`: it gives the role what it needs and takes the rest",
        ),
        "unforced" => (
            format!("row-level security is not forced on the table {name}"),
            "ALTER TABLE … FORCE ROW LEVEL SECURITY as its owner, or take the table out of this schema",
        ),
        _ => (format!("{name} shows rows past row-level security"), "take it out of this schema"),
    };
    StoreError::Setup { what: format!("the database {place} is not served: {why}"), help }
}

/// The policies must let exactly those reads cross organisations that this program lists.
async fn reads_across(connection: &mut AnyConnection, place: &str) -> Result<(), StoreError> {
    let found = "SELECT name, system_reads FROM sentra_tables WHERE system_reads <> '' ORDER BY name";
    let found: BTreeMap<String, String> = sqlx::query(found)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    if found == system_reads(&SystemRead::ALL) {
        return Ok(());
    }
    Err(StoreError::Setup {
        what: format!("the database {place} lets other reads cross organisations than this program makes"),
        help: "run `sentra migrate` with the owner's URL",
    })
}
