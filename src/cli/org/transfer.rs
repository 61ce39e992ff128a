//! `sentra org export` and `sentra org import`: an organisation as an encrypted file.

use super::OPERATOR;
use crate::adapters::transfer::{self, Secret, TransferError};
use crate::cli::database::{Installation, sqlite_path};
use crate::cli::{Failure, Globals, Io};
use crate::config;
use crate::limits;
use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the secret of an export is.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct SecretArgs {
    /// File whose first line is the passphrase, 16 characters at least
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// File with a key of 64 hexadecimal digits, as `openssl rand -hex 32` makes
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Arguments of `org export`.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The organisation, by name or id
    pub(super) name: String,
    /// File to write, mode 0600; one that exists is refused
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Arguments of `org import`.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// File that `sentra org export` wrote
    file: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
    /// Folder with room for the whole organisation while it is read; without it the database's own
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let help = error.help();
        Self::new(error.to_string()).help(help)
    }
}

/// Makes a secret of a file's text.
type Make = fn(&str) -> Result<Secret, String>;

impl SecretArgs {
    fn read(&self) -> Result<Secret, Failure> {
        let (path, make): (&Path, Make) = match (&self.passphrase_file, &self.key_file) {
            (Some(path), _) => (path, Secret::passphrase),
            (None, Some(path)) => (path, Secret::key),
            (None, None) => {
                return Err(Failure::usage("the export has no secret")
                    .help("give --passphrase-file FILE or --key-file FILE"));
            }
        };
        let text = config::read_bounded(path, limits::MAX_PASSPHRASE_FILE);
        let text = text.map_err(|error| {
            Failure::new(format!("the secret cannot be read: {error}"))
                .at(path.display())
                .help("check the path")
        })?;
        make(&Zeroizing::new(text))
            .map_err(|why| Failure::usage(why).at(path.display()).help("write another one"))
    }
}

pub(super) async fn export(
    at: &Installation,
    globals: &Globals,
    args: &ExportArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let secret = args.secret.read()?;
    let org = super::named(at, &args.name).await?;
    let done =
        transfer::export(&at.store, &org, &args.out, &secret, OPERATOR).await.map_err(
            |error| match error {
                error @ TransferError::File(..) => {
                    Failure::from(error).help("name a new file in a folder with room")
                }
                error => error.into(),
            },
        )?;
    if globals.json {
        return io.json(&json!({
            "org": org.id, "name": org.name, "file": args.out, "rows": done.rows, "bodies": done.bodies,
            "bodies_missing": done.missing, "octets": done.octets, "audit_entries": done.audit,
        }));
    }
    if done.missing > 0 {
        io.note(&format!(
            "warning: {} bodies that the quarantine names are not in the object store",
            done.missing
        ));
    }
    io.pairs(&[
        ("exported", format!("{} ({})", org.name, org.id)),
        ("to", args.out.display().to_string()),
        ("rows", done.rows.to_string()),
        ("bodies", done.bodies.to_string()),
        ("audit", format!("{} entries", done.audit)),
        ("octets", done.octets.to_string()),
    ])
}

pub(super) async fn import(
    at: &Installation,
    globals: &Globals,
    args: &ImportArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let secret = args.secret.read()?;
    let own = sqlite_path(at.config.database.url.expose_secret()).and_then(|path| Path::new(path).parent());
    let scratch = args.scratch.clone().or(own.map(Path::to_path_buf)).unwrap_or_else(std::env::temp_dir);
    let done = transfer::import(&at.store, &args.file, &secret, &scratch, OPERATOR).await;
    let done = done.map_err(|error| Failure::from(error).at(args.file.display()))?;
    let bodies = done.bodies.to_string();
    if globals.json {
        return io.json(&json!({
            "org": done.org, "name": done.name, "exported_at": done.exported_at, "rows": done.rows,
            "bodies": done.bodies, "bodies_missing": done.missing, "audit_entries": done.audit,
        }));
    }
    io.pairs(&[
        ("imported", format!("{} ({})", done.name, done.org)),
        ("rows", done.rows.to_string()),
        ("bodies", bodies),
        ("audit", format!("{} entries, intact from end to end", done.audit)),
    ])?;
    io.note("its tokens and keys are the same as before: point its tenant's rules and its DNS records here, then erase it there");
    Ok(())
}
