//! A query on a PostgreSQL database (Supabase among them): the ledger's own tables, or a view made for us.
//!
//! The query's column names say what is what, as the header row of a file does: `SELECT id AS supplier_id, …`. It is
//! read through a cursor in a transaction for reading with a statement timeout, as text, so that no number loses digits;
//! a second statement, or one that writes, is refused by the server.

use super::{Changes, Kind, OptionSpec, Options, RowSink, SourceError, SupplierSource, TokenVault};
use crate::adapters::suppliers::raw::RawRow;
use crate::limits;
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, ValueRef as _};
use std::str::FromStr as _;

/// The registry's entry.
pub(super) const KIND: Kind = Kind {
    name: "postgres",
    about: "A query on a PostgreSQL database, Supabase among them; its column names are those of a supplier file.",
    options: &[
        OptionSpec {
            name: "url",
            secret: true,
            default: None,
            about: "postgres://USER:PASSWORD@HOST/DATABASE; give it a role that may only read.",
        },
        OptionSpec { name: "query", secret: false, default: None, about: "One SELECT statement." },
        OptionSpec {
            name: "tls",
            secret: false,
            default: Some("verify-full"),
            about: "verify-full, verify-ca, require, or off for a server on this machine.",
        },
        OptionSpec {
            name: "ca",
            secret: false,
            default: Some(""),
            about: "PEM file of the authority that signed the server's certificate; otherwise the public ones.",
        },
    ],
    check,
    build,
    authorization: None,
};

fn check(options: &Options) -> Result<(), String> {
    connection(options)?;
    let query = options.get("query").trim();
    if query.is_empty() || query.len() > limits::MAX_STORED_TEXT.saturating_mul(8) {
        return Err("`query` is empty or too long".to_owned());
    }
    Ok(())
}

fn connection(options: &Options) -> Result<PgConnectOptions, String> {
    // The parser's own words may quote the password.
    let at = PgConnectOptions::from_str(options.get("url"))
        .map_err(|_| "`url` is no address of the form postgres://USER:PASSWORD@HOST/DATABASE".to_owned())?;
    let local = at.get_socket().is_some() || matches!(at.get_host(), "localhost" | "127.0.0.1" | "::1") || at.get_host().starts_with('/');
    let mode = match options.get("tls") {
        "verify-full" => PgSslMode::VerifyFull,
        "verify-ca" => PgSslMode::VerifyCa,
        "require" => PgSslMode::Require,
        "off" if local => PgSslMode::Disable,
        "off" => return Err("`tls` may be off only for a server on this machine".to_owned()),
        _ => return Err("`tls` is verify-full, verify-ca, require or off".to_owned()),
    };
    let at = match options.get("ca") {
        "" => at,
        file => at.ssl_root_cert(file),
    };
    let timeout = limits::SYNC_STATEMENT_TIMEOUT.as_millis().to_string();
    Ok(at
        .ssl_mode(mode)
        .application_name("sentra")
        .statement_cache_capacity(0)
        .options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", timeout.as_str()),
            ("idle_in_transaction_session_timeout", timeout.as_str()),
            ("DateStyle", "ISO"),
        ])
        .disable_statement_logging())
}

fn build(options: Options, _: Box<dyn TokenVault>) -> Result<Box<dyn SupplierSource>, SourceError> {
    let at = connection(&options).map_err(SourceError::Refused)?;
    let query = options.get("query").trim().trim_end_matches(';').to_owned();
    Ok(Box::new(Postgres { at, query }))
}

struct Postgres {
    at: PgConnectOptions,
    query: String,
}

#[async_trait]
impl SupplierSource for Postgres {
    async fn changes(&self, _: Option<&str>, out: &mut RowSink) -> Result<Changes, SourceError> {
        let connecting = PgConnection::connect_with(&self.at);
        let connected = tokio::time::timeout(limits::CONNECT_TIMEOUT, connecting).await;
        let mut connection = connected
            .map_err(|_| SourceError::Unavailable("it did not answer in time".to_owned()))?
            .map_err(|error| failed(&error))?;
        let read = Box::pin(self.read(&mut connection, out)).await;
        // It has only read.
        connection.close().await.ok();
        read.map(|()| Changes::default())
    }
}

impl Postgres {
    async fn read(&self, connection: &mut PgConnection, out: &mut RowSink) -> Result<(), SourceError> {
        let run = |sql: String| sqlx::query(AssertSqlSafe(sql));
        run("BEGIN READ ONLY".to_owned()).execute(&mut *connection).await.map_err(|error| failed(&error))?;
        // Prepared, so it is one statement; a cursor's is one that reads.
        run(format!("DECLARE sentra_suppliers NO SCROLL CURSOR FOR {}", self.query))
            .execute(&mut *connection)
            .await
            .map_err(|error| failed(&error))?;
        let mut line = 0_u64;
        loop {
            let before = line;
            // The simple protocol answers in text.
            let fetch = format!("FETCH {} FROM sentra_suppliers", limits::SYNC_FETCH);
            let mut rows = sqlx::raw_sql(AssertSqlSafe(fetch)).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await.map_err(|error| failed(&error))? {
                if line == 0 {
                    out.send(header(&row)).await?;
                }
                line = line.saturating_add(1);
                out.send(raw(&row, line)).await?;
            }
            if line == before {
                return Ok(());
            }
        }
    }
}

fn header(row: &PgRow) -> RawRow {
    let names: Vec<&str> = row.columns().iter().map(|column| column.name()).collect();
    RawRow { cells: names.into(), ..RawRow::default() }
}

fn raw(row: &PgRow, line: u64) -> RawRow {
    let mut out = RawRow { line, ..RawRow::default() };
    for at in 0..row.columns().len().min(limits::MAX_IMPORT_COLUMNS) {
        let value = row.try_get_raw(at).ok().filter(|value| !value.is_null());
        let text = value.and_then(|value| value.as_str().ok().map(str::to_owned)).unwrap_or_default();
        if text.len() > limits::MAX_IMPORT_CELL {
            out.refuse("", format!("a value is over {} octets", limits::MAX_IMPORT_CELL));
        }
        out.cells.push_field(text.get(..limits::MAX_IMPORT_CELL).unwrap_or(&text));
    }
    out
}

/// What the server said about the query is the operator's to read; what it said about connecting may name a password.
fn failed(error: &sqlx::Error) -> SourceError {
    match error {
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            let message: String = inner.message().chars().filter(|c| !c.is_control()).take(300).collect();
            match code.get(..2).unwrap_or("") {
                // Authorisation, and everything about the statement.
                "28" => SourceError::Refused("it does not accept the user and password of `url`".to_owned()),
                "22" | "25" | "34" | "3F" | "42" => SourceError::Refused(format!("{message} (SQLSTATE {code})")),
                _ => SourceError::Unavailable(format!("{message} (SQLSTATE {code})")),
            }
        }
        sqlx::Error::Tls(_) => SourceError::Refused("its certificate is not trusted, or it offers no TLS".to_owned()),
        _ => SourceError::Unavailable("no connection, or it broke off".to_owned()),
    }
}
