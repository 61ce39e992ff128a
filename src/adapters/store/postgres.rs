//! PostgreSQL: one pool, as a role that row-level security binds.
//!
//! Every transaction begins with one round trip that also says how hard its commit is and whose rows it sees, both for
//! this transaction only: the next one on the same connection starts with nothing. Schema and role are checked before
//! first use ([`super::postgres_checks`]); migrations run elsewhere, as the owner ([`super::postgres_owner`]).

use super::engine::{Durability, Seen};
use super::error::{StoreError, is_lost_connection};
use super::postgres_checks;
use super::postgres_reach::Reach;
use super::scope::{ReadTransaction, WriteTransaction};
use crate::limits;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _,
    Transaction,
};
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A server's database.
#[derive(Debug)]
pub(super) struct Postgres {
    pool: AnyPool,
    place: String,
    reach: Arc<Reach>,
    /// Set once schema and role were found in order.
    checked: OnceCell<()>,
}

impl Postgres {
    /// Whether a URL names this engine.
    pub(super) fn serves(url: &str) -> bool {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }

    /// Opens a pool and tries one connection, so that a wrong address or password shows at once.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let opened = Self::lazy(url, limits::STORE_CONNECTIONS)?;
        connect(url).await?.close().await?;
        Ok(opened)
    }

    /// Opens a pool of at most so many connections without making one: the first use connects.
    pub(super) fn lazy(url: &str, connections: u32) -> Result<Self, StoreError> {
        let place = place(&parse(url)?);
        let options = options(url, &place)?;
        let reach = Reach::new(options.clone(), place.clone());
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(limits::STORE_CONNECT_TIMEOUT)
            // A lost connection shows when a transaction begins, which is then begun on another one.
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect_lazy_with(options);
        Ok(Self { pool, place, reach, checked: OnceCell::new() })
    }

    /// As [`Postgres::lazy`], for a database with an older schema that a restore fills.
    pub(super) fn unchecked(url: &str) -> Result<Self, StoreError> {
        let lazy = Self::lazy(url, limits::STORE_CONNECTIONS)?;
        Ok(Self { checked: OnceCell::new_with(Some(())), ..lazy })
    }

    /// Whether the schema is this program's and our role is bound by row-level security; asked once.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let checking = async {
            let mut connection = self.pool.acquire().await?;
            postgres_checks::check(&mut connection, &self.place).await
        };
        self.checked.get_or_try_init(|| checking).await.copied()
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// One snapshot for all its statements.
    pub(super) async fn begin_read(&self, seen: Seen) -> Result<ReadTransaction, StoreError> {
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY{}", setting(seen));
        Ok(ReadTransaction::new(self.begin(begin).await?, true))
    }

    pub(super) async fn begin_write(
        &self,
        seen: Seen,
        durability: Durability,
    ) -> Result<WriteTransaction, StoreError> {
        let hard = match durability {
            Durability::Durable => "on",
            Durability::Quick => "off",
        };
        let begin = format!("BEGIN; SET LOCAL synchronous_commit = {hard}{}", setting(seen));
        Ok(WriteTransaction::secured(self.begin(begin).await?))
    }

    async fn begin(&self, begin: String) -> Result<Transaction<'static, Any>, StoreError> {
        self.reach.during(self.begin_somewhere(begin)).await
    }

    /// After a restart of the server every idle connection is dead and tells only now: nothing was begun on it, so the
    /// next one is tried, as often as there may be idle ones.
    async fn begin_somewhere(&self, begin: String) -> Result<Transaction<'static, Any>, StoreError> {
        self.check().await?;
        for _ in 0..limits::STORE_CONNECTIONS {
            match self.pool.begin_with(AssertSqlSafe(begin.clone())).await {
                Err(error) if is_lost_connection(&error) => {}
                other => return Ok(other?),
            }
        }
        Ok(self.pool.begin_with(AssertSqlSafe(begin)).await?)
    }
}

/// Ids are ULIDs and names of reads are literals of ours: nothing in them needs quoting.
fn setting(seen: Seen) -> String {
    match seen {
        Seen::Organisation(org) => format!("; SELECT set_config('sentra.org', '{org}', true)"),
        Seen::System(read) => format!("; SELECT set_config('sentra.system', '{}', true)", read.name()),
        Seen::Nothing => String::new(),
    }
}

/// A plain connection outside any pool, with our settings.
pub(super) async fn connect(url: &str) -> Result<AnyConnection, StoreError> {
    let place = place(&parse(url)?);
    let opening = async {
        let mut connection = AnyConnection::connect_with(&options(url, &place)?).await?;
        prepare(&mut connection).await?;
        Ok::<_, StoreError>(connection)
    };
    let refused = |detail: String| StoreError::Setup {
        what: format!("the database {place} cannot be opened: {detail}"),
        help: "check that the server runs, and address, user and password of database.url",
    };
    match tokio::time::timeout(limits::STORE_ACQUIRE_TIMEOUT, opening).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(StoreError::Unavailable(detail) | StoreError::Refused(detail))) => Err(refused(detail)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(refused("no answer in time".to_owned())),
    }
}

/// Bounds that must not depend on how the server is configured.
async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let lock = limits::STORE_LOCK_TIMEOUT.as_millis();
    let idle = limits::STORE_IDLE_TRANSACTION.as_millis();
    let sql = format!(
        "SET lock_timeout = {lock}; SET idle_in_transaction_session_timeout = {idle}; \
         SET client_min_messages = warning"
    );
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// What the URL says.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    // The parser's own words may quote a part of the password.
    PgConnectOptions::from_str(url).map_err(|_| StoreError::Setup {
        what: "the database URL cannot be read".to_owned(),
        help: "write postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full, special characters percent-encoded",
    })
}

fn options(url: &str, place: &str) -> Result<AnyConnectOptions, StoreError> {
    let options = AnyConnectOptions::from_str(url).map_err(|_| StoreError::Setup {
        what: format!("the URL of the database {place} cannot be read"),
        help: "write postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full",
    })?;
    Ok(options.disable_statement_logging())
}

/// `user@host:port/database`
pub(super) fn place(options: &PgConnectOptions) -> String {
    let mut place = String::new();
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let database = options.get_database().unwrap_or(options.get_username());
    // Writing into a String cannot fail.
    write!(place, "{}@{host}:{}/{database}", options.get_username(), options.get_port()).ok();
    place
}

/// What is wrong with a database URL before anything is opened: what and remedy.
///
/// A server beyond this machine is spoken to in the clear only by a URL that says so: the driver's own default would
/// fall back to that without a word.
#[must_use]
pub fn complain_about_url(url: &str) -> Option<(&'static str, &'static str)> {
    if !Postgres::serves(url) {
        return None;
    }
    let Ok(options) = parse(url) else {
        return Some((
            "cannot be read as a PostgreSQL URL",
            "write \"postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full\", special characters percent-encoded",
        ));
    };
    let host = options.get_host();
    let loopback =
        host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let local = options.get_socket().is_some() || host == "localhost" || loopback || host.starts_with('/');
    let explicit = url.contains("sslmode=") || url.contains("ssl-mode=");
    let encrypted =
        matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    (!local && !encrypted && !explicit).then_some((
        "does not say whether the connection is encrypted",
        "add ?sslmode=verify-full (with &sslrootcert=FILE for an authority of your own)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_server_is_not_spoken_to_in_the_clear_by_accident() {
        for (url, fine) in [
            ("sqlite:a.db", true),
            ("postgres://a:b@localhost/x", true),
            ("postgres://a:b@127.0.0.1:5433/x", true),
            ("postgres://a:b@[::1]/x", true),
            ("postgres:///x?host=/var/run/postgresql&user=a", true),
            ("postgres://a:b@db.example/x", false),
            ("postgres://a:b@10.0.0.5/x", false),
            ("postgres://a:b@db.example/x?sslmode=verify-full", true),
            ("postgresql://a:b@db.example/x?sslmode=require", true),
            ("postgres://a:b@db.example/x?sslmode=disable", true),
            ("postgres://a:hunter2 @:x/y", false),
        ] {
            let complaint = complain_about_url(url);
            assert_eq!(complaint.is_none(), fine, "{url}: {complaint:?}");
        }
    }

    #[test]
    fn places_hold_no_password() {
        let place = |url: &str| place(&parse(url).unwrap());
        assert_eq!(place("postgres://app:hunter2@db.example:6432/sentra"), "app@db.example:6432/sentra");
        assert_eq!(place("postgres:///sentra?host=/run/pg&user=app&port=5433"), "app@/run/pg:5433/sentra");
        assert!(!format!("{:?}", parse("postgres://app:hunter2@db:port/x")).contains("hunter2"));
    }
}
