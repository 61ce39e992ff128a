//! What only the owner of the tables does on PostgreSQL: migrations, the server's role, its rights.

use super::error::StoreError;
use super::postgres::{Postgres, connect, parse};
use super::postgres_checks::MIGRATIONS;
use super::system::{SystemRead, system_reads};
use super::{Database, bounded};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::migrate::MigrateError;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use std::num::NonZeroU32;

/// Brings the database at `url` to this program's schema. On PostgreSQL this is done as the owner of the tables at
/// `owner_url`, and the role of `url` is made (where the owner may make roles) and gets its rights; both may be done
/// again at any time.
///
/// # Errors
/// [`StoreError::Setup`] names what is missing; a failed migration changes nothing.
pub async fn migrate(url: &str, owner_url: Option<&str>) -> Result<(), StoreError> {
    if !Postgres::serves(url) {
        let database = Database::open(url).await?;
        database.migrate().await?;
        database.close().await;
        return Ok(());
    }
    bring(url, owner_url, None).await?;
    // What we leave behind must be what `serve` accepts.
    let database = Database::open(url).await?;
    database.migrate().await?;
    database.close().await;
    Ok(())
}

/// Gives an empty PostgreSQL database the schema that a backup was made with, and opens it to be filled.
///
/// # Errors
/// [`StoreError::Conflict`] when there are organisations in it; otherwise as [`migrate`].
pub(in crate::adapters) async fn open_to_fill(
    url: &str,
    owner_url: Option<&str>,
    schema: i64,
) -> Result<Database, StoreError> {
    bring(url, owner_url, Some(schema)).await?;
    as_owner(owner_url, UNFINISHED_BEGINS).await?;
    Database::open_unchecked(url)
}

/// Brings a database that a restore filled to this program's schema, and opens it to be compared. Nobody is served from
/// it before [`restored`].
///
/// # Errors
/// As [`migrate`].
pub(in crate::adapters) async fn filled(url: &str, owner_url: Option<&str>) -> Result<Database, StoreError> {
    bring(url, owner_url, None).await?;
    Database::open_unchecked(url)
}

/// A restored database was compared, and counts.
///
/// # Errors
/// As [`migrate`].
pub(in crate::adapters) async fn restored(url: &str, owner_url: Option<&str>) -> Result<(), StoreError> {
    as_owner(owner_url, UNFINISHED_ENDS).await?;
    let database = Database::open(url).await?;
    database.migrate().await?;
    database.close().await;
    Ok(())
}

/// The table that says that a restore is under way: the rows are loaded in one transaction, but what is compared and
/// erased again afterwards is not. [`super::postgres_checks`] refuses a database that has it.
const UNFINISHED_BEGINS: &str = "CREATE TABLE IF NOT EXISTS restore_unfinished ()";
const UNFINISHED_ENDS: &str = "DROP TABLE IF EXISTS restore_unfinished";

async fn as_owner(owner_url: Option<&str>, sql: &'static str) -> Result<(), StoreError> {
    let owner_url = owner_url.ok_or_else(no_owner)?;
    let mut connection = connect(owner_url).await?;
    sqlx::query(sql).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

fn no_owner() -> StoreError {
    setup(
        "migrations of PostgreSQL need the URL of the role that owns the tables",
        "set database.owner_url (or owner_url_file), or name it with --database-owner",
    )
}

/// Schema and rights, as the owner. With `empty_at` only a database without organisations, and to that schema.
async fn bring(url: &str, owner_url: Option<&str>, empty_at: Option<i64>) -> Result<(), StoreError> {
    let owner_url = owner_url.ok_or_else(no_owner)?;
    let (server, owner) = (parse(url)?, parse(owner_url)?);
    if !Postgres::serves(owner_url) || server.get_username() == owner.get_username() {
        return Err(setup(
            "the server's role and the owner of the tables are the same",
            "make two roles: docs/operations.md, \"PostgreSQL\", has the SQL",
        ));
    }
    sqlx::any::install_default_drivers();
    let mut connection = connect(owner_url).await?;
    match empty_at {
        Some(schema) => {
            is_empty(&mut connection, owner.get_database().unwrap_or_default()).await?;
            MIGRATIONS.run_to(schema, &mut connection).await.map_err(failed)?;
        }
        None => MIGRATIONS.run(&mut connection).await.map_err(failed)?,
    }
    rights(&mut connection, url, server.get_username()).await?;
    connection.close().await?;
    Ok(())
}

/// Refuses a database with organisations in it, whatever its schema.
async fn is_empty(connection: &mut AnyConnection, name: &str) -> Result<(), StoreError> {
    let there =
        "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'organisations'";
    let there: i64 = sqlx::query_scalar(there).fetch_one(&mut *connection).await?;
    if there == 0 {
        return Ok(());
    }
    let mut read = connection.begin().await?;
    // The policies bind the owner too.
    let seen = format!("SELECT set_config('sentra.system', '{}', true)", SystemRead::Organisations.name());
    sqlx::query(AssertSqlSafe(seen)).execute(&mut *read).await?;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM organisations").fetch_one(&mut *read).await?;
    read.rollback().await?;
    if count == 0 { Ok(()) } else { Err(StoreError::Conflict(format!("the database {name} is not empty"))) }
}

/// The role and its rights, and the reads across organisations, all or nothing.
async fn rights(connection: &mut AnyConnection, url: &str, role: &str) -> Result<(), StoreError> {
    let exists = "SELECT COUNT(*) FROM pg_roles WHERE rolname = $1";
    let exists: i64 = sqlx::query_scalar(exists).bind(role).fetch_one(&mut *connection).await?;
    let mut write = connection.begin().await?;
    // Two at once would trip over each other's grants.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('sentra.rights'))").execute(&mut *write).await?;
    if exists == 0 {
        create_role(&mut write, url, role).await?;
    }
    let expected = system_reads(&SystemRead::ALL);
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sentra_tables WHERE to_regclass(quote_ident(name)) IS NOT NULL ORDER BY name",
    )
    .fetch_all(&mut *write)
    .await?;
    for table in tables {
        let reads = expected.get(&table).map_or("", String::as_str);
        let sql = "SELECT sentra_read_across($1, $2)";
        sqlx::query(sql).bind(&table).bind(reads).execute(&mut *write).await?;
    }
    sqlx::query("SELECT sentra_grant($1)").bind(role).execute(&mut *write).await?;
    Ok(write.commit().await?)
}

async fn create_role(write: &mut AnyConnection, url: &str, role: &str) -> Result<(), StoreError> {
    let cannot = |why: &str| {
        setup(
            &format!("the server's role {role:?} does not exist and cannot be made: {why}"),
            "CREATE ROLE … LOGIN PASSWORD '…' as an administrator: docs/operations.md, \"PostgreSQL\", has the SQL",
        )
    };
    let may = "SELECT COUNT(*) FROM pg_roles WHERE rolname = current_user AND (rolcreaterole OR rolsuper)";
    let may: i64 = sqlx::query_scalar(may).fetch_one(&mut *write).await?;
    if may == 0 {
        return Err(cannot("the owner may not make roles"));
    }
    let verifier = match password(url) {
        Some(password) if password.is_ascii() && !password.is_empty() => scram_verifier(&password)?,
        Some(_) => return Err(cannot("its password has characters that only the server can prepare")),
        None => return Err(cannot("its URL has no password")),
    };
    let quoted: String =
        sqlx::query_scalar("SELECT quote_ident($1)").bind(role).fetch_one(&mut *write).await?;
    // The verifier, not the password: statements may be logged by the server.
    let sql = format!(
        "CREATE ROLE {quoted} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION PASSWORD '{verifier}'"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(write).await?;
    Ok(())
}

/// The password of a URL, percent-decoded.
fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let (credentials, _) = authority.rsplit_once('@')?;
    let (_, encoded) = credentials.split_once(':')?;
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(octets).ok()
}

/// What the server stores instead of a password (RFC 5803): `SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER`.
fn scram_verifier(password: &str) -> Result<String, StoreError> {
    const ITERATIONS: NonZeroU32 = NonZeroU32::new(4_096).unwrap();
    let mut salt = [0_u8; 16];
    rand::fill(&mut salt)
        .map_err(|_| StoreError::Unavailable("the system's random source failed".to_owned()))?;
    let mut salted = [0_u8; 32];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, ITERATIONS, &salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let stored = digest(&SHA256, hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    let (salt, stored, server) =
        (STANDARD.encode(salt), STANDARD.encode(stored.as_ref()), STANDARD.encode(server.as_ref()));
    Ok(format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}"))
}

fn failed(error: MigrateError) -> StoreError {
    StoreError::Setup {
        what: format!("the database could not be migrated: {}", bounded(&error.to_string())),
        help: match error {
            MigrateError::VersionMissing(_) => "a newer sentra wrote this database: use that version",
            MigrateError::VersionMismatch(_) => "the migration table was altered: restore a backup",
            _ => "see the cause (the owner needs CREATE on the schema); a failed migration changes nothing",
        },
    }
}

fn setup(what: &str, help: &'static str) -> StoreError {
    StoreError::Setup { what: what.to_owned(), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_taken_from_urls() {
        for (url, expected) in [
            ("postgres://app:secret@host/db", Some("secret")),
            ("postgres://app:p%40ss%3A%2f@host:5432/db?sslmode=require", Some("p@ss:/")),
            ("postgres://app@host/db", None),
            ("postgres:///db?user=app", None),
            ("postgres://app:%4@host/db", None),
        ] {
            assert_eq!(password(url).as_deref(), expected, "{url}");
        }
    }
}
