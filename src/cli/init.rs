//! `sentra init`: a new installation in one folder.
//!
//! Everything is checked before the first file is written, nothing is ever overwritten, and a run that fails takes
//! away again what it made.

use super::database::{OPERATOR, sqlite_path, store};
use super::org::{Profile, created_json, described, next_hop, read_password, token_pairs};
use super::{Failure, Globals, Io, certificate};
use crate::adapters::clock::SystemClock;
use crate::adapters::keyring::MasterKey;
use crate::adapters::store::{self, CreatedOrganisation, Database};
use crate::config::{self, Config, Environment};
use crate::model::{Domain, EmailAddress};
use crate::ports::Clock;
use clap::Args;
use ipnet::IpNet;
use secrecy::ExposeSecret;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  sentra init --dir /etc/sentra --org Contoso --mailbox accounts@contoso.com --hostname gw.contoso.com \\
      --tenant-id 0a1b2c3d-0000-4000-8000-000000000000 --next-hop contoso-com.mail.protection.outlook.com:25 \\
      --admin-email ada@contoso.com
  sentra init --dir ./try --org Test --mailbox ap@test.example --smtp 127.0.0.1:0 --trust 127.0.0.1/32 \\
      --next-hop 127.0.0.1:2525 --next-hop-tls none --yes";

/// Flags of `sentra init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct InitArgs {
    /// Folder of the installation; made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    profile: Profile,
    /// Name of this server, which the certificate carries
    #[arg(long, value_name = "FQDN", value_parser = Domain::parse, default_value = "localhost")]
    hostname: Domain,
    /// Address for SMTP with STARTTLS; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:25")]
    smtp: SocketAddr,
    /// Address for SMTP with TLS at once
    #[arg(long, value_name = "ADDR:PORT")]
    smtps: Option<SocketAddr>,
    /// Address of health pages and web interface
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    web: SocketAddr,
    /// Address of the Prometheus metrics
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9464")]
    metrics: SocketAddr,
    /// Range that may hand mail in unproven, /16 or narrower; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = trusted_range)]
    trust: Vec<IpNet>,
    /// Certificate chain (PEM) to copy; without it a self-signed one is made
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key (PEM) to copy
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Redis, shared by several servers
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Database; without it SQLite in the folder
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// PostgreSQL: URL of the role that owns the tables
    #[arg(long, value_name = "URL", requires = "database")]
    database_owner: Option<String>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

fn trusted_range(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    let net = address.or_else(|_| text.parse::<IpNet>()).map_err(|_| "write a range like 192.0.2.0/24")?;
    if net.prefix_len() < config::NARROWEST_TRUST {
        return Err("wider than /16: every host in it could hand in mail unproven".into());
    }
    Ok(net.trunc())
}

/// What was made so far; taken away again unless [`Made::keep`] is called.
#[derive(Default)]
struct Made {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Made {
    fn folder(&mut self, path: &Path) -> Result<(), Failure> {
        // The topmost folder that is missing is the one to take away.
        let missing =
            path.ancestors().take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists());
        let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        make_folder(path).map_err(|error| cannot_write(path, &error))?;
        self.folders.extend(missing.into_iter().rev());
        Ok(())
    }

    fn file(&mut self, path: PathBuf, content: &[u8]) -> Result<(), Failure> {
        let mut options = fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&path);
        let mut file = opened.map_err(|error| cannot_write(&path, &error))?;
        self.files.push(path.clone());
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| cannot_write(&path, &error))
    }

    fn keep(mut self) -> Vec<PathBuf> {
        self.folders.clear();
        std::mem::take(&mut self.files)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Best effort: what can't be removed is named by the error that a second run gives.
        for file in self.files.iter().rev() {
            fs::remove_file(file).unwrap_or_default();
        }
        for folder in self.folders.iter().rev() {
            fs::remove_dir(folder).unwrap_or_default();
        }
    }
}

/// Makes a folder with its parents, mode 0700; one that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    Failure::new(format!("{} cannot be written: {error}", path.display()))
        .help("choose another --dir, or mend its permissions")
}

fn exists(path: &Path) -> Failure {
    Failure::new(format!("{} exists, and init never overwrites", path.display()))
        .help("choose another --dir, or move the old installation away")
}

pub(super) async fn run(globals: &Globals, mut args: InitArgs, io: &mut Io<'_>) -> Result<(), Failure> {
    let password = args.profile.admin_password_stdin.then(|| read_password(io)).transpose()?;
    let name = complete(globals, &mut args, io)?;
    let new = args.profile.organisation(&name)?;
    let dir = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
    for taken in ["sentra.toml", "keys/master.key", "certs/server.crt", "certs/server.key", "data/sentra.db"]
    {
        if dir.join(taken).symlink_metadata().is_ok() {
            return Err(exists(&dir.join(taken)));
        }
    }
    let mut made = Made::default();
    let config = write_files(&dir, &args, &mut made)?;
    let database = open_database(&config, &mut made).await?;
    let store = store(&config, database).await?;
    let created = store.create_organisation(new, OPERATOR).await?;
    if let (Some(password), Some(email)) = (password, &args.profile.admin_email) {
        store.set_admin_password(created.organisation.id, email, password, OPERATOR).await?;
    }
    store.database().close().await;
    let files = made.keep();
    report(globals, &args, &config, &created, &files, io)
}

/// Asks for what is missing, on a terminal and unless `--yes`. Returns the organisation's name.
fn complete(globals: &Globals, args: &mut InitArgs, io: &mut Io<'_>) -> Result<String, Failure> {
    let asks = io.interactive && !args.yes && !args.profile.admin_password_stdin;
    let mut name = globals.org.clone();
    let profile = &mut args.profile;
    let address =
        |text: &str| EmailAddress::parse(text).map_err(|error| Failure::usage(format!("{text:?}: {error}")));
    if asks {
        if name.is_none() {
            name = io.ask("Name of the organisation")?;
        }
        if profile.mailboxes.is_empty() {
            let answer = io.ask("Mailboxes to protect, comma-separated")?.unwrap_or_default();
            let texts = answer.split(',').map(str::trim).filter(|text| !text.is_empty());
            profile.mailboxes = texts.map(address).collect::<Result<_, _>>()?;
        }
        if profile.next_hop.is_none() {
            profile.next_hop = io.ask("Next hop, HOST:PORT (empty: later)")?;
        }
        if profile.tenant_id.is_none() {
            profile.tenant_id = io.ask("Microsoft 365 tenant id (empty: later)")?;
        }
        if profile.admin_email.is_none() {
            let answer = io.ask("Mail address of the first administrator (empty: later)")?;
            profile.admin_email = answer.as_deref().map(address).transpose()?;
        }
    }
    if let Some(text) = &profile.next_hop {
        // Refused before anything is written.
        next_hop(text, profile.next_hop_tls.into())?;
    }
    let domain = profile.mailboxes.first().map(|mailbox| mailbox.domain().to_string());
    Ok(name.or(domain).unwrap_or_else(|| "default".to_owned()))
}

fn write_files(dir: &Path, args: &InitArgs, made: &mut Made) -> Result<Config, Failure> {
    let (certificate, key) = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => (read_pem(certificate)?, read_pem(key)?),
        _ => {
            let own = certificate::self_signed(&args.hostname, SystemClock.now_ms())?;
            (own.certificate, own.key)
        }
    };
    made.folder(dir)?;
    for folder in ["keys", "certs", "data"] {
        made.folder(&dir.join(folder))?;
    }
    made.file(
        dir.join("keys/master.key"),
        format!("{}\n", MasterKey::generate()?.to_hex().as_str()).as_bytes(),
    )?;
    made.file(dir.join("certs/server.crt"), certificate.as_bytes())?;
    made.file(dir.join("certs/server.key"), key.as_bytes())?;
    let file = dir.join("sentra.toml");
    made.file(file.clone(), toml(args).as_bytes())?;
    // Read back as `serve` will read it, without the environment: what it says has to stand on its own.
    Ok(config::load_with(&file, &Environment::new())?)
}

fn read_pem(path: &Path) -> Result<String, Failure> {
    config::read_bounded(path, crate::limits::MAX_SECRET_FILE).map_err(|error| {
        Failure::new(format!("{} cannot be read: {error}", path.display())).help("name a PEM file")
    })
}

/// The configuration of a new installation: what was said, and nothing else.
fn toml(args: &InitArgs) -> String {
    let text = |value: &str| toml::Value::from(value).to_string();
    let mut out = String::from(
        "# Sentra's configuration. What is not here has its default: docs/configuration.md lists every key.\n\
         # Paths start at this file's folder. Check with `sentra config check`.\n",
    );
    let mut push = |line: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        out.write_fmt(line).and_then(|()| out.write_char('\n')).unwrap_or_default();
    };
    push(format_args!(
        "\n[server]\n# Name in greeting and trace lines; its address should resolve back to it."
    ));
    push(format_args!("hostname = {}", text(args.hostname.as_str())));
    push(format_args!("\n[smtp]\n# Mail comes in here, with STARTTLS."));
    push(format_args!("listen = [{}]", text(&args.smtp.to_string())));
    if let Some(smtps) = args.smtps {
        push(format_args!("# The same with TLS from the first octet."));
        push(format_args!("implicit_tls_listen = [{}]", text(&smtps.to_string())));
    }
    if !args.trust.is_empty() {
        let ranges: Vec<String> = args.trust.iter().map(|net| text(&net.to_string())).collect();
        push(format_args!("# These may hand mail in without certificate, token or TLS."));
        push(format_args!("trust = [{}]", ranges.join(", ")));
    }
    push(format_args!("\n[tls]\ncertificate = \"certs/server.crt\"\nkey = \"certs/server.key\""));
    push(format_args!("\n[database]"));
    push(format_args!("url = {}", text(args.database.as_deref().unwrap_or("sqlite:data/sentra.db"))));
    if let Some(owner) = &args.database_owner {
        push(format_args!(
            "# Only `sentra migrate` uses it: it may as well stand elsewhere (SENTRA_DATABASE__OWNER_URL_FILE, --database-owner).\nowner_url = {}",
            text(owner)
        ));
    }
    if let Some(redis) = &args.redis {
        push(format_args!("\n[redis]\nurl = {}", text(redis)));
    }
    push(format_args!(
        "\n[keys]\n# Keep a copy of this key elsewhere: without it, held mail and bank details are lost."
    ));
    push(format_args!("master_key_file = \"keys/master.key\""));
    push(format_args!("\n[objects]\npath = \"data\""));
    push(format_args!("\n[web]\nlisten = {}", text(&args.web.to_string())));
    push(format_args!("\n[metrics]\nlisten = {}", text(&args.metrics.to_string())));
    out
}

async fn open_database(config: &Config, made: &mut Made) -> Result<Database, Failure> {
    let url = &config.database.url;
    if let Some(path) = sqlite_path(url.expose_secret()) {
        if Path::new(path).symlink_metadata().is_ok() {
            return Err(exists(Path::new(path)));
        }
        // SQLite keeps its log beside the file; all of it goes if this run fails.
        made.files.extend(["", "-wal", "-shm"].map(|suffix| PathBuf::from(format!("{path}{suffix}"))));
    }
    if let Some(owner) = &config.database.owner_url {
        store::migrate(url.expose_secret(), Some(owner.expose_secret())).await?;
    }
    let database = Database::open(url.expose_secret()).await?;
    database.migrate().await?;
    Ok(database)
}

fn report(
    globals: &Globals,
    args: &InitArgs,
    config: &Config,
    created: &CreatedOrganisation,
    files: &[PathBuf],
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let file = config.file.display();
    if globals.json {
        let files: Vec<&PathBuf> = files.iter().filter(|file| file.exists()).collect();
        return io.json(&json!({
            "config": config.file,
            "files": files,
            "certificate_self_signed": args.certificate.is_none(),
            "organisation": described(&created.organisation),
            "ingress_token": created_json(created).get("ingress_token"),
            "return_token": created_json(created).get("return_token"),
        }));
    }
    io.line(&format!("Sentra is set up in {}.\n", args.dir.display()))?;
    let org = &created.organisation;
    io.pairs(&[
        ("organisation", format!("{} ({}), mode {}", org.name, org.id, org.mode.as_str())),
        ("mailboxes", org.mailboxes.iter().map(|m| m.address.to_string()).collect::<Vec<_>>().join(", ")),
        (
            "certificate",
            if args.certificate.is_none() { "self-signed: replace it" } else { "copied" }.to_owned(),
        ),
    ])?;
    io.line("\nThese tokens are shown this once; the tenant's mail flow rules carry them:")?;
    io.pairs(&token_pairs(created))?;
    io.line("\nNext:")?;
    if org.mailboxes.is_empty() {
        io.line(&format!("  sentra --config {file} org mailbox add ADDRESS   what to protect"))?;
    }
    if org.next_hop.is_none() {
        io.line(&format!("  sentra --config {file} org set next-hop=HOST:PORT   where mail goes on"))?;
    }
    if org.tenant_id.is_none() {
        io.line(&format!(
            "  sentra --config {file} org set tenant-id=GUID   or Exchange Online is not accepted"
        ))?;
    }
    if org.admin_emails.is_empty() {
        io.line(&format!("  sentra --config {file} org admin add ADDRESS   who is told of held mail"))?;
    }
    io.line(&format!("  sentra --config {file} suppliers import FILE --verified   whom you pay"))?;
    io.line(&format!("  sentra --config {file} serve"))?;
    io.line(&format!("\nKeep a copy of {}/keys/master.key elsewhere.", args.dir.display()))
}
