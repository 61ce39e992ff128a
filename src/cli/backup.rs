//! `sentra backup`: make, list, verify and restore backups, and try a restore out.

use super::database::{OPERATOR, keyring, sqlite_path, store};
use super::{Failure, Globals, Io, open};
use crate::adapters::backup::{BackupError, Backups, Made, Manifest, RestoreOrder, Restored, Server};
use crate::adapters::store::Database;
use crate::config::{self, Config};
use crate::limits;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

/// Subcommands of `sentra backup`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Make a backup now, beside a running server too, and remove those that no tier keeps
    ///
    /// Everything in the database at one moment, and the bodies of held mail where they lie in a folder. What did not
    /// change since an earlier backup is not written again. Audited.
    #[command(after_help = "Examples:\n  sentra backup create\n  sentra backup create --full")]
    Create {
        /// Write everything anew, for a store in which something was damaged
        #[arg(long)]
        full: bool,
    },
    /// List the backups there are
    #[command(after_help = "Examples:\n  sentra backup list\n  sentra backup list --json")]
    List,
    /// Read a backup whole and say what is missing or damaged
    #[command(
        after_help = "Examples:\n  sentra backup verify\n  sentra backup verify 01JD3QW9E7V9D2W1Q7W2K4B5NZ"
    )]
    Verify {
        /// Which; without it the newest
        id: Option<String>,
    },
    /// Restore a backup, or try it out with --drill
    Restore(RestoreArgs),
}

/// Arguments of `sentra backup restore` and `sentra restore`.
///
/// SQLite: everything is written beside the old database and compared with the backup; one rename makes it count, so
/// that a restore that is interrupted leaves the old state. Stop `sentra serve` first. The old file is kept as
/// `sentra.db.before-ID`. PostgreSQL: the database that database.url names has to be empty; all rows go in in one
/// transaction, then they are compared. A backup of either engine restores into either. Audited.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  sentra backup restore --drill\n  sentra backup restore 01JD3QW9E7V9D2W1Q7W2K4B5NZ --force"
)]
pub(super) struct RestoreArgs {
    /// Which; without it the newest
    id: Option<String>,
    /// Restore into a scratch database, count rows, walk the audit chains, report, and remove it
    #[arg(long, conflicts_with = "force")]
    drill: bool,
    /// Folder for the scratch database; without it the database's own
    #[arg(long, value_name = "DIR", requires = "drill")]
    scratch: Option<PathBuf>,
    /// Replace a SQLite file that is not empty
    #[arg(long)]
    force: bool,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Store(error) => error.into(),
            error => Self::new(error.to_string()).help(error.help()),
        }
    }
}

/// Runs `sentra backup …`.
pub(super) async fn run(globals: &Globals, command: BackupCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    match command {
        BackupCommand::Create { full } => create(globals, full, io).await,
        BackupCommand::List => list(globals, io).await,
        BackupCommand::Verify { id } => verify(globals, id.as_deref(), io).await,
        BackupCommand::Restore(args) => restore(globals, &args, io).await,
    }
}

/// The backups that the configuration names, over an installation that has its database.
async fn backups(globals: &Globals) -> Result<Backups, Failure> {
    let installation = open(globals).await?;
    let options = installation.config.backup.clone().ok_or_else(none_configured)?;
    Ok(Backups::new(installation.store, options)?)
}

fn none_configured() -> Failure {
    Failure { status: super::Status::Configuration, ..Failure::new("no store for backups is configured") }
        .help(
            "set backup.url, like \"file:/mnt/backup\" or \"s3://BUCKET/PREFIX\"; docs/backup.md tells more",
        )
}

async fn create(globals: &Globals, full: bool, io: &mut Io<'_>) -> Result<(), Failure> {
    let backups = backups(globals).await?;
    let made = create_in_turn(&backups, full).await?;
    if let Some(why) = &made.not_pruned {
        io.note(&format!("warning: {why}"));
    }
    backups.note_created(&made, OPERATOR).await?;
    let elsewhere = backups.not_covered().await?;
    if !elsewhere.is_empty() {
        io.note(&format!(
            "not in this backup, because pinned to a database of their own: {}; docs/pinned.md tells how theirs is made",
            elsewhere.join(", ")
        ));
    }
    if globals.json {
        let mut value = described(&made.manifest);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("chunks_written".to_owned(), made.written.into());
            fields.insert("chunks_shared".to_owned(), made.shared.into());
            fields.insert("pruned".to_owned(), made.pruned.into());
            fields.insert("not_covered".to_owned(), elsewhere.clone().into());
        }
        return io.json(&value);
    }
    let manifest = &made.manifest;
    io.pairs(&[
        ("backup", manifest.id.clone()),
        ("in", backups.shown().to_owned()),
        ("rows", manifest.rows().to_string()),
        ("bodies", bodies(manifest)),
        ("written", format!("{} in {} chunks", size(manifest.written), made.written)),
        ("already there", format!("{} chunks", made.shared)),
        ("removed", format!("{} older backups", made.pruned)),
    ])
}

/// A running server may be making one: it is waited for.
async fn create_in_turn(backups: &Backups, full: bool) -> Result<Made, BackupError> {
    let patience = Instant::now() + limits::BACKUP_WAIT;
    loop {
        match backups.create(full).await {
            Err(BackupError::Busy) if Instant::now() < patience => {
                tokio::time::sleep(limits::BACKUP_WAIT_STEP).await;
            }
            made => return made,
        }
    }
}

async fn list(globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let backups = backups(globals).await?;
    let all = backups.list().await?;
    let damaged = all.iter().filter(|(_, backup)| backup.is_err()).count();
    if globals.json {
        for (id, backup) in &all {
            match backup {
                Ok(manifest) => io.json(&described(manifest))?,
                Err(error) => io.json(&json!({ "id": id, "error": error.to_string() }))?,
            }
        }
    } else if all.is_empty() {
        io.line(&format!("there is no backup in {} yet", backups.shown()))?;
    } else {
        let row = |(id, backup): &(String, Result<Manifest, BackupError>)| match backup {
            Ok(manifest) => vec![
                id.clone(),
                time(manifest.at),
                manifest.rows().to_string(),
                bodies(manifest),
                size(manifest.octets),
                size(manifest.written),
            ],
            Err(error) => vec![id.clone(), error.to_string()],
        };
        let header = ["BACKUP", "STATE OF", "ROWS", "BODIES", "HOLDS", "WRITTEN"];
        io.table(&header, all.iter().map(row).collect())?;
    }
    match damaged {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} backups cannot be read"))
            .help("make a new one with `sentra backup create --full`")),
    }
}

async fn verify(globals: &Globals, id: Option<&str>, io: &mut Io<'_>) -> Result<(), Failure> {
    let verified = backups(globals).await?.verify(id).await?;
    let manifest = &verified.manifest;
    if globals.json {
        let mut value = described(manifest);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("whole".to_owned(), verified.findings.is_empty().into());
            fields.insert("findings".to_owned(), verified.findings.clone().into());
        }
        io.json(&value)?;
    } else if verified.findings.is_empty() {
        io.line(&format!(
            "backup {} of {} is whole: {} rows in {} tables, {} bodies",
            manifest.id,
            time(manifest.at),
            verified.rows,
            manifest.tables.len(),
            verified.bodies
        ))?;
    }
    if verified.findings.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::silent(super::Status::Failed);
    for finding in &verified.findings {
        let help = "restore another one, and make a new one with `sentra backup create --full`";
        failure
            .reports
            .extend(Failure::new(finding.clone()).at(format!("backup {}", manifest.id)).help(help).reports);
    }
    Err(failure)
}

/// `sentra backup restore` and `sentra restore`.
pub(super) async fn restore(globals: &Globals, args: &RestoreArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    if args.drill {
        return drill(globals, args, io).await;
    }
    let config = config::load(&globals.config)?;
    let restored = in_place(&config, args).await?;
    report("restored", &restored, globals, io)
}

async fn drill(globals: &Globals, args: &RestoreArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let installation = open(globals).await?;
    let options = installation.config.backup.clone().ok_or_else(none_configured)?;
    let ring = Arc::new(keyring(&installation.config).await?);
    let backups = Backups::new(installation.store, options)?;
    let own = sqlite_path(installation.config.database.url.expose_secret())
        .and_then(|path| Path::new(path).parent());
    let scratch = args.scratch.clone().or(own.map(Path::to_path_buf)).unwrap_or_else(std::env::temp_dir);
    let drill = backups.drill(args.id.as_deref(), &scratch, ring).await;
    backups.note_drill(&drill, OPERATOR).await?;
    report("tried out", &drill?, globals, io)
}

async fn in_place(config: &Config, args: &RestoreArgs) -> Result<Restored, Failure> {
    let options = config.backup.clone().ok_or_else(none_configured)?;
    let url = config.database.url.expose_secret();
    let path = sqlite_path(url).map(Path::new);
    if let Some(folder) = path.and_then(Path::parent).filter(|folder| !folder.exists()) {
        super::init::make_folder(folder).map_err(|error| {
            Failure::new(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
    }
    // The old database may be damaged or gone: what the backups need of a store (clock, ids, where bodies lie) hangs on
    // an empty one of our own.
    let folder = path.and_then(Path::parent).map_or_else(std::env::temp_dir, Path::to_path_buf);
    let scratch = tempfile::tempdir_in(&folder).map_err(|error| {
        Failure::new(format!("a folder in {} cannot be made: {error}", folder.display()))
            .help("check space and permissions")
    })?;
    let aside = Database::open(&format!("sqlite:{}", scratch.path().join("aside.db").display())).await?;
    let store = store(config, aside).await?;
    let bodies = store.bodies().clone();
    let backups = Backups::new(Arc::clone(&store), options)?;
    let order = RestoreOrder { id: args.id.as_deref(), force: args.force, actor: OPERATOR };
    let ring = Arc::new(keyring(config).await?);
    let owner_url = config.database.owner_url.as_ref().map(|url| url.expose_secret());
    let restored = match path {
        Some(path) => backups.restore(order, path, &bodies, ring).await,
        None => backups.restore_into(order, Server { url, owner_url }, &bodies, ring).await,
    };
    store.database().close().await;
    Ok(restored?)
}

fn report(done: &str, restored: &Restored, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let manifest = &restored.manifest;
    if globals.json {
        let mut value = described(manifest);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("done".to_owned(), done.into());
            fields.insert("chains".to_owned(), restored.chains.into());
            fields.insert("bodies_absent".to_owned(), restored.absent.into());
            fields.insert("erasures_replayed".to_owned(), restored.replayed.erasures.into());
            fields.insert("erasures_unreadable".to_owned(), restored.replayed.unreadable.into());
            fields.insert("duration_ms".to_owned(), restored.took_ms.into());
        }
        return io.json(&value);
    }
    let row = |dump: &crate::adapters::backup::TableDump| {
        vec![dump.table.name.clone(), dump.rows.to_string(), "as in the backup".to_owned()]
    };
    io.table(&["TABLE", "ROWS", ""], manifest.tables.iter().map(row).collect())?;
    if restored.absent > 0 {
        io.note(&format!("{} bodies were deleted since this backup was made", restored.absent));
    }
    if restored.replayed.erasures > 0 {
        let replayed = restored.replayed;
        io.note(&format!(
            "{} erasures of people's data are younger than this backup and were applied again ({} rows)",
            replayed.erasures, replayed.rows
        ));
    }
    if restored.replayed.unreadable > 0 {
        io.note(&format!(
            "warning: {} records of erasures do not open; name the master key before as a previous one and run \
             `sentra privacy replay` before `sentra serve`",
            restored.replayed.unreadable
        ));
    }
    io.pairs(&[
        (done, format!("backup {} of {}", manifest.id, time(manifest.at))),
        ("rows", manifest.rows().to_string()),
        ("audit chains", format!("{} intact to the heads of the backup", restored.chains)),
        ("bodies", format!("{} ({} missing when it was made)", restored.bodies, manifest.bodies.missing)),
        (
            "took",
            format!("{:.1} s", f64::from(u32::try_from(restored.took_ms).unwrap_or(u32::MAX)) / 1_000.0),
        ),
    ])
}

fn described(manifest: &Manifest) -> Value {
    json!({
        "id": manifest.id,
        "at": time(manifest.at),
        "program": manifest.program,
        "schema": manifest.schema,
        "rows": manifest.rows(),
        "tables": manifest.tables.iter().map(|dump| (dump.table.name.clone(), dump.rows.into())).collect::<serde_json::Map<_, _>>(),
        "heads": manifest.heads,
        "bodies": { "copied": manifest.bodies.copied, "count": manifest.bodies.count, "missing": manifest.bodies.missing, "in": manifest.bodies.place },
        "chunks": manifest.chunks,
        "octets": manifest.octets,
        "written_octets": manifest.written,
    })
}

fn bodies(manifest: &Manifest) -> String {
    match manifest.bodies.copied {
        true => manifest.bodies.count.to_string(),
        false => format!("stay in {}", manifest.bodies.place),
    }
}

fn time(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

fn size(octets: u64) -> String {
    match octets {
        0..10_000 => format!("{octets} B"),
        10_000..10_000_000 => format!("{} kB", octets / 1_000),
        _ => format!("{} MB", octets / 1_000_000),
    }
}
