//! The command line: one file a noun. Commands write through an [`Io`] handed in and return a [`Failure`] that carries
//! the exit status; nothing else prints or exits.
//!
//! Exit statuses: 0 done, 1 failed, 2 wrong usage, 3 configuration invalid.

mod account;
mod arc;
mod audit;
mod backup;
mod cases;
mod certificate;
pub mod check;
mod config;
mod database;
mod demo;
pub mod eval;
mod failure;
mod init;
mod io;
mod keys;
mod m365;
mod notice;
mod org;
mod privacy;
mod quarantine;
mod recogniser;
mod retention;
mod rules;
mod serve;
pub mod suppliers;
mod worker;

pub use database::{Installation, open};
pub use failure::{Failure, Report, Status};
pub use io::Io;

use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// A mail-flow gateway for Microsoft 365 that stops payment fraud by mail.
#[derive(Debug, Parser)]
#[command(name = "sentra", version, arg_required_else_help = true, max_term_width = 110, after_help = GUIDE)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

const GUIDE: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 configuration invalid.

Examples:
  sentra demo --exit
  sentra check invoice.eml --suppliers suppliers.csv
  sentra init --dir /etc/sentra --org Contoso --mailbox accounts@contoso.com
  sentra --config /etc/sentra/sentra.toml config check
  sentra quarantine list --json";

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Globals {
    /// Configuration file
    #[arg(long, global = true, env = "SENTRA_CONFIG", value_name = "FILE", default_value = "sentra.toml")]
    pub config: PathBuf,
    /// Print JSON: one object, or one a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Organisation, by name or id; needed as soon as there is more than one
    #[arg(long, global = true, value_name = "NAME")]
    pub org: Option<String>,
    /// The file alone counts: no setting of the environment may lead a demo to somebody's database.
    #[arg(skip)]
    pub without_environment: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new installation: configuration, keys, certificate, database, one organisation
    Init(Box<init::InitArgs>),
    /// Bring the database's schema to this version; on PostgreSQL also give the server's role its rights
    Migrate(database::MigrateArgs),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Organisations: mailboxes, next hop, tokens and all that belongs to one
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// Held mail
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Run the gateway: SMTP, health pages, background jobs
    Serve,
    /// The whole product in a temporary folder: sends sample mail and prints the verdicts
    Demo(demo::DemoArgs),
    /// Judge .eml files offline: no mail is sent, nothing is stored
    Check(check::CheckArgs),
    /// Measure how a folder of messages and documents is judged
    Eval(eval::EvalArgs),
    /// Backups: create, list, verify, restore, drill
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Restore a backup, or try it out with --drill
    Restore(backup::RestoreArgs),
    /// The audit: list, export, verify, anchor, prune
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Suppliers: import, list, search, show, edit, merge, undo, export
    Suppliers(suppliers::SuppliersArgs),
    /// Verification cases: bank accounts that two people make sure of
    #[command(subcommand)]
    Cases(cases::CasesCommand),
    /// The rules that judge: list, explain, test, replay over past mail, change for an organisation
    Rules(rules::RulesArgs),
    /// The organisations' keys: status, rotation
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// How long data is kept, purging, legal holds
    #[command(subcommand)]
    Retention(retention::RetentionCommand),
    /// One person's data: export, erase
    #[command(subcommand)]
    Privacy(privacy::PrivacyCommand),
    /// Microsoft 365
    #[command(subcommand)]
    M365(m365::M365Command),
    /// Read documents for the gateway, which starts this by itself
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// Recognise text in an image for the gateway, which starts this by itself
    #[command(hide = true)]
    Recogniser(recogniser::RecogniserArgs),
}

/// Runs the program with this process's arguments and streams.
#[must_use]
pub fn main() -> ExitCode {
    let mut io = Io::of_process();
    run(std::env::args_os(), &mut io).into()
}

/// Runs one command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> Status {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, io),
    };
    match dispatch(&cli.globals, cli.command, io) {
        Ok(()) => io.finish(),
        Err(failure) => io.fail(&failure),
    }
}

fn dispatch(globals: &Globals, command: Command, io: &mut Io<'_>) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::run(globals, io),
        Command::Demo(args) => demo::run(&args, io),
        Command::Worker(args) => worker::run(args),
        Command::Recogniser(args) => recogniser::run(&args),
        command => runtime()?.block_on(execute(globals, command, io)),
    }
}

/// Runs a command that ends by itself on the runtime of the caller: the demo makes its installation so. Settings of the
/// environment do not count.
///
/// # Errors
/// The command's own.
pub(crate) async fn run_within<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let mut cli = Cli::try_parse_from(arguments).map_err(|error| Failure::usage(error.to_string()))?;
    cli.globals.without_environment = true;
    // All commands are in this one future: too much for the caller's.
    Box::pin(execute(&cli.globals, cli.command, io)).await
}

async fn execute(globals: &Globals, command: Command, io: &mut Io<'_>) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::run(globals, *args, io).await,
        Command::Migrate(args) => database::migrate(globals, &args, io).await,
        Command::Config(command) => config::run(globals, &command, io),
        Command::Org(command) => org::run(globals, command, io).await,
        Command::Rules(args) => rules::run(globals, args, io).await,
        Command::Keys(command) => keys::run(globals, command, io).await,
        Command::Retention(command) => retention::run(globals, command, io).await,
        Command::Privacy(command) => privacy::run(globals, command, io).await,
        Command::M365(command) => m365::run(globals, command, io).await,
        Command::Audit(command) => Box::pin(audit::run(globals, command, io)).await,
        Command::Quarantine(command) => quarantine::run(globals, command, io).await,
        Command::Backup(command) => backup::run(globals, command, io).await,
        Command::Restore(args) => backup::restore(globals, &args, io).await,
        Command::Check(args) => check::command(globals, args, io).await,
        Command::Eval(args) => eval::command(globals, args, io).await,
        Command::Cases(command) => cases::run(globals, command, io).await,
        Command::Suppliers(args) => suppliers::command(globals, &args.command, io).await,
        Command::Serve | Command::Demo(_) | Command::Worker(_) | Command::Recogniser(_) => {
            Err(Failure::usage("serve, demo, worker and recogniser make a runtime of their own, or none"))
        }
    }
}

/// Help and version go to standard output with status 0, wrong usage to standard error with status 2.
fn usage(error: &clap::Error, io: &mut Io<'_>) -> Status {
    let text = error.render();
    if error.use_stderr() {
        let text = if io.colour_errors { text.ansi().to_string() } else { text.to_string() };
        // Every error of this program ends with its `help:` line; clap words it otherwise.
        let (own, pointer): (Vec<&str>, Vec<&str>) =
            text.trim_end().lines().partition(|line| !line.starts_with("For more information"));
        io.complain(own.join("\n").trim_end());
        let help = if pointer.is_empty() {
            "\n"
        } else {
            "\nhelp: the same command with --help tells what it takes\n"
        };
        io.complain(help);
        return Status::Usage;
    }
    let text = if io.colour { text.ansi().to_string() } else { text.to_string() };
    match io.text(&text) {
        Ok(()) => io.finish(),
        Err(failure) => io.fail(&failure),
    }
}

/// A runtime for one command; `serve` makes its own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))
}

/// The whole command tree, for man pages, completions and tests.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
