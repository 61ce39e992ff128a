//! Opening an installation for a command, and `sentra migrate`.

use super::{Failure, Globals, Io};
use crate::adapters::clock::{SystemClock, UlidSource};
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::objects::{Bodies, Objects};
use crate::adapters::store::{self, Database, Store};
use crate::config::{self, Config};
use crate::model::Organisation;
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Who commands act as in the audit: whoever operates the machine.
pub(super) const OPERATOR: &str = "operator";

/// A configuration and the store it names.
pub struct Installation {
    /// What we run with.
    pub config: Config,
    /// Organisations, quarantine, audit.
    pub store: Arc<Store>,
}

impl Installation {
    /// The organisation that `--org` names, by name or id; without `--org` the only one.
    ///
    /// # Errors
    /// Wrong usage when there are several and none was named; a failure when there is none of that name.
    pub async fn organisation(&self, globals: &Globals) -> Result<Organisation, Failure> {
        let all = self.store.organisations().await?;
        let names = all.iter().map(|org| org.name.clone()).collect::<Vec<_>>().join(", ");
        let Some(wanted) = &globals.org else {
            let count = all.len();
            return match <[Organisation; 1]>::try_from(all) {
                Ok([only]) => Ok(only),
                Err(_) if count == 0 => Err(Failure::new("there is no organisation yet")
                    .help("create one with `sentra org create NAME`")),
                Err(_) => Err(Failure::usage(format!("there are {count} organisations"))
                    .help(format!("name one with --org: {names}"))),
            };
        };
        let found = all.into_iter().find(|org| org.name == *wanted || org.id.to_string() == *wanted);
        found.ok_or_else(|| {
            Failure::new(format!("there is no organisation {wanted:?}")).help(format!("there are: {names}"))
        })
    }
}

/// Opens the installation that `--config` names. An older schema is brought up to date.
///
/// # Errors
/// An invalid configuration, a database that is not there or does not open, a master key that does not fit.
pub async fn open(globals: &Globals) -> Result<Installation, Failure> {
    let config = match globals.without_environment {
        true => config::load_with(&globals.config, &config::Environment::new())?,
        false => config::load(&globals.config)?,
    };
    let url = config.database.url.expose_secret();
    if let Some(path) = sqlite_path(url)
        && !Path::new(path).exists()
    {
        return Err(Failure::new(format!("there is no database at {path}"))
            .at(globals.config.display())
            .help("`sentra migrate` makes an empty one, `sentra init` a whole installation"));
    }
    let database = Database::open(url).await?;
    database.migrate().await?;
    let store = store(&config, database).await?;
    Ok(Installation { config, store })
}

/// A ring under the configured master key, with no organisation's keys yet.
///
/// # Errors
/// A master key that is none.
pub(super) async fn keyring(config: &Config) -> Result<LocalKeyring, Failure> {
    let (master, previous) = config.keys.master.fetch().await?;
    Ok(LocalKeyring::with(&master, &previous)?)
}

/// The store over an opened database.
///
/// # Errors
/// A master key that is none.
pub(super) async fn store(config: &Config, database: Database) -> Result<Arc<Store>, Failure> {
    let keyring = Arc::new(keyring(config).await?);
    let bodies = Bodies::over(Objects::open(&config.objects)?);
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UlidSource::new()));
    Ok(Arc::new(Store::new(database, keyring, clock, ids, bodies)))
}

/// The path of a `sqlite:` URL as the configuration resolved it.
pub(super) fn sqlite_path(url: &str) -> Option<&str> {
    url.strip_prefix("sqlite:").map(|rest| rest.split('?').next().unwrap_or(rest))
}

/// Flags of `sentra migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// PostgreSQL: URL of the role that owns the tables; without it database.owner_url
    #[arg(long, value_name = "URL")]
    database_owner: Option<String>,
}

/// `sentra migrate`
pub(super) async fn migrate(globals: &Globals, args: &MigrateArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let config = config::load(&globals.config)?;
    let url = config.database.url.expose_secret();
    if let Some(folder) = sqlite_path(url).and_then(|path| Path::new(path).parent())
        && !folder.exists()
    {
        super::init::make_folder(folder).map_err(|error| {
            Failure::new(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
    }
    let configured = config.database.owner_url.as_ref().map(ExposeSecret::expose_secret);
    store::migrate(url, args.database_owner.as_deref().or(configured)).await?;
    let shown = config::mask(url);
    if globals.json {
        return io.json(&json!({ "database": shown, "migrated": true }));
    }
    io.line(&format!("{shown} has this version's schema"))
}
