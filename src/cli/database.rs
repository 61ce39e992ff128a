//! Opening an installation for a command, and `sentra migrate`.

use super::{Failure, Globals, Io};
use crate::adapters::clock::{SystemClock, UlidSource};
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::objects::{Bodies, Objects};
use crate::adapters::store::{self, Away, Database, Store, StoreError};
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
        let away = self.store.organisations_away().await?;
        let names = all.iter().chain(away.iter().map(|away| &away.organisation));
        let names = names.map(|org| org.name.clone()).collect::<Vec<_>>().join(", ");
        let count = all.len().saturating_add(away.len());
        let Some(wanted) = &globals.org else {
            return match (<[Organisation; 1]>::try_from(all), away.first()) {
                (Ok([only]), None) => Ok(only),
                (_, Some(only)) if count == 1 => Err(is_away(only)),
                _ if count == 0 => Err(Failure::new("there is no organisation yet")
                    .help("create one with `sentra org create NAME`")),
                _ => Err(Failure::usage(format!("there are {count} organisations"))
                    .help(format!("name one with --org: {names}"))),
            };
        };
        let is = |org: &Organisation| org.name == *wanted || org.id.to_string() == *wanted;
        if let Some(found) = away.iter().find(|away| is(&away.organisation)) {
            return Err(is_away(found));
        }
        all.into_iter().find(is).ok_or_else(|| {
            Failure::new(format!("there is no organisation {wanted:?}")).help(format!("there are: {names}"))
        })
    }
}

pub(super) fn is_away(away: &Away) -> Failure {
    Failure::new(format!("the database of {} is away: {}", away.organisation.name, away.reason))
        .help("its mail is deferred meanwhile; docs/pinned.md tells what to look at")
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
    /// PostgreSQL: URL of the role that owns the tables; without it database.owner_url. With --org the owner of the tables
    /// of the organisation's own database (`@FILE` reads it from a file)
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
    let given = args.database_owner.as_deref().map(super::org::read_url).transpose()?;
    let given = given.as_ref().map(ExposeSecret::expose_secret);
    if globals.org.is_none() {
        let configured = config.database.owner_url.as_ref().map(ExposeSecret::expose_secret);
        store::migrate(url, given.or(configured)).await?;
        told(&config::mask(url), globals, io)?;
    }
    let database = Database::open(url).await?;
    database.migrate().await?;
    if globals.org.is_none() && !database.has_pins() {
        return Ok(());
    }
    let store = store(&config, database).await?;
    store.settle_creations().await?;
    migrate_pinned(&store, globals, given, io).await
}

/// Files are brought to the schema, of servers it is asked whether they have it: their owner does the work.
async fn migrate_pinned(
    store: &Store,
    globals: &Globals,
    owner: Option<&str>,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let all = store.organisations().await?;
    let away = store.organisations_away().await?;
    let pinned = all.iter().chain(away.iter().map(|away| &away.organisation));
    let mut failed = None;
    for org in pinned {
        let Some(place) = store.database().pinned_place(org.id) else { continue };
        let wanted = globals.org.as_ref().is_none_or(|org_| *org_ == org.name || *org_ == org.id.to_string());
        if !wanted {
            continue;
        }
        match store.migrate_pinned(org.id, owner.filter(|_| globals.org.is_some())).await {
            Ok(()) => told(&place, globals, io)?,
            Err(error) => {
                let what = match error {
                    StoreError::Setup { what, .. } => what,
                    other => other.to_string(),
                };
                let help = format!("sentra migrate --org {} --database-owner URL", org.name);
                failed = Some(Failure::new(format!("{}: {what}", org.name)).help(help));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn told(shown: &str, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return io.json(&json!({ "database": shown, "migrated": true }));
    }
    io.line(&format!("{shown} has this version's schema"))
}
