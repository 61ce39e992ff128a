//! The engines on which one behaviour has to hold, and the macro that makes a test of it for each.

use super::postgres::{PostgresServer, TestDatabase};
use sentra::adapters::store::Database;
use sqlx::{AnyConnection, Connection as _};
use std::path::Path;

/// An engine, or a combination of engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
    /// PostgreSQL with a Redis Cluster before it.
    PostgresAndRedisCluster,
}

/// One test's database on some engine.
pub enum Place {
    /// The URL of a file.
    Sqlite(String),
    Postgres(TestDatabase),
}

impl Backend {
    /// A fresh database: a file in `folder`, or one on the shared server.
    pub fn place(self, folder: &Path) -> Place {
        match self {
            Self::Sqlite => Place::Sqlite(format!("sqlite:{}", folder.join("sentra.db").display())),
            Self::Postgres | Self::PostgresAndRedisCluster => {
                Place::Postgres(tokio::task::block_in_place(|| PostgresServer::shared().database()))
            }
        }
    }
}

impl Place {
    /// What Sentra is given.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(url) => url.clone(),
            Self::Postgres(database) => database.url(),
        }
    }

    /// Opened, with this program's schema.
    pub async fn open(&self) -> Database {
        let database = Database::open(&self.url()).await.unwrap();
        database.migrate().await.unwrap();
        database
    }

    /// A look at the rows past every policy.
    pub async fn peek(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Sqlite(url) => url.clone(),
            Self::Postgres(database) => database.admin_url(),
        };
        AnyConnection::connect(&url).await.unwrap()
    }

    /// Whether statements for PostgreSQL are wanted.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

/// Makes a test of each function, which takes a [`Backend`], on each engine: `on_each_database! { name, … }`. The
/// functions' module denies dead code, so that none is forgotten in the list.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::support::backend::Backend;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(Backend::Postgres).await;
            }
        }
    )+};
}
pub(crate) use on_each_database;

/// As `on_each_database!`, and on PostgreSQL with a Redis Cluster: for behaviour that the cache could change.
macro_rules! on_each_backend {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::support::backend::Backend;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(Backend::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_and_redis_cluster() {
                super::$name(Backend::PostgresAndRedisCluster).await;
            }
        }
    )+};
}
pub(crate) use on_each_backend;
