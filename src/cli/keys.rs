//! `sentra keys …`: what keys there are, and rotating them while mail flows.

use super::database::{OPERATOR, open};
use super::{Failure, Globals, Installation, Io, arc};
use crate::adapters::keyring::KeyPurpose;
use crate::adapters::store::{KeyProgress, KeyReport, KeyStatus, PurposeStatus};
use crate::limits;
use crate::model::{OrgId, Organisation};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Commands of `sentra keys`.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Keys of each organisation: ids, ages, how much is under each, how far a rotation is
    #[command(after_help = "Examples:\n  sentra keys status\n  sentra keys status --org Contoso --json")]
    Status,
    /// Rotate keys while mail flows; run again, it goes on where it was ended
    #[command(after_help = ROTATE_HELP)]
    Rotate(RotateArgs),
    /// Keys that seal the mail which we change (ARC), and their DNS records
    #[command(subcommand)]
    Arc(arc::ArcCommand),
}

const ROTATE_HELP: &str = "\
A new key is first made known to every node, then used, then everything under the old one is sealed or fingerprinted
anew. The old key is destroyed once nothing is under it: a data key after an hour, a fingerprint key after
two days. Old signatures verify for ever.

Master key: give every server the new key and, as keys.previous_master_key_file, the old one (SIGHUP suffices); run
`sentra keys rotate --purpose master`; then take the old one out of the configuration.

Examples:
  sentra keys rotate
  sentra keys rotate --org Contoso --purpose data
  sentra keys rotate --purpose master --all";

/// Flags of `rotate`.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// Only this key; without it data, fingerprint and signing key
    #[arg(long, value_enum)]
    purpose: Option<Purpose>,
    /// Every organisation
    #[arg(long)]
    all: bool,
    /// Seconds that every node gets to take a new key up; more than 5 only where nodes lose the database for longer
    #[arg(long, value_name = "SECONDS", default_value_t = limits::KEY_SETTLE.as_secs(),
          value_parser = clap::value_parser!(u64).range(3..=3_600))]
    settle: u64,
}

/// What `--purpose` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// Seals stored values and bodies
    Data,
    /// Makes the fingerprints of accounts and names
    Fingerprint,
    /// Signs trace and verdict headers
    Signing,
    /// Wraps the keys above
    Master,
}

pub(super) async fn run(globals: &Globals, command: KeysCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    let at = open(globals).await?;
    match command {
        KeysCommand::Status => status(&at, globals, io).await,
        KeysCommand::Arc(command) => arc::run(&at, globals, command, io).await,
        KeysCommand::Rotate(args) => rotate(&at, globals, &args, io).await,
    }
}

async fn status(at: &Installation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let organisations = match globals.org {
        Some(_) => vec![at.organisation(globals).await?],
        None => at.store.organisations().await?,
    };
    let mut rows = Vec::new();
    for organisation in &organisations {
        let status = at.store.key_status(organisation.id).await?;
        if globals.json {
            io.json(&json!({ "organisation": organisation.name, "keys": status }))?;
        } else {
            rows.extend(table(organisation, &status));
        }
    }
    if globals.json {
        return Ok(());
    }
    io.table(&["ORGANISATION", "PURPOSE", "KEY", "STATE", "SINCE", "MASTER", "VALUES", "ROTATION"], rows)
}

fn table(organisation: &Organisation, status: &KeyStatus) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for purpose in &status.purposes {
        for (index, key) in purpose.keys.iter().enumerate() {
            let master = match &key.master {
                Some(id) if *id == status.master => "current".to_owned(),
                Some(id) => format!("{id} (previous)"),
                None => "unnumbered".to_owned(),
            };
            rows.push(vec![
                if rows.is_empty() { organisation.name.clone() } else { String::new() },
                if index == 0 { purpose.purpose.to_owned() } else { String::new() },
                key.id.to_string(),
                key.state.to_owned(),
                key.since.get(..10).unwrap_or_default().to_owned(),
                master,
                key.values.map_or_else(|| "-".to_owned(), |values| values.to_string()),
                if index == 0 { rotation(purpose) } else { String::new() },
            ]);
        }
    }
    rows
}

fn rotation(purpose: &PurposeStatus) -> String {
    match &purpose.rotation {
        None => "-".to_owned(),
        Some(last) if last.phase == "done" => {
            format!("done {}", last.updated_at.get(..10).unwrap_or_default())
        }
        Some(now) => format!(
            "unfinished ({}, {} of {}): run `sentra keys rotate --purpose {}` again",
            now.phase, now.done, now.total, purpose.purpose
        ),
    }
}

async fn rotate(
    at: &Installation,
    globals: &Globals,
    args: &RotateArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let organisations = match (args.all, &globals.org) {
        (true, Some(_)) => return Err(Failure::usage("--all and --org exclude each other").help("keep one")),
        (true, None) => at.store.organisations().await?,
        (false, _) => vec![at.organisation(globals).await?],
    };
    let mut unreadable = 0_u64;
    for organisation in &organisations {
        if args.purpose == Some(Purpose::Master) {
            let count = at.store.rewrap_keys(organisation.id, OPERATOR).await?;
            super::privacy::erasures(at)?.rewrap(organisation.id).await?;
            tell_master(organisation, count, globals, io)?;
            continue;
        }
        for purpose in purposes(args.purpose) {
            let report = rotate_one(at, organisation.id, purpose, args, globals.json, io).await?;
            unreadable = unreadable.saturating_add(report.unreadable);
            tell(organisation, &report, globals, io)?;
        }
        for (purpose, id) in at.store.destroy_old_keys(organisation.id, OPERATOR).await? {
            io.note(&format!("{}: {} key {id} is destroyed", organisation.name, purpose.as_str()));
        }
    }
    if args.all
        && let Some(away) = at.store.organisations_away().await?.first()
    {
        let name = &away.organisation.name;
        return Err(Failure::new(format!("the keys of {name} were not touched: its own database is away"))
            .help("run the command again once it answers; until then keep the master key before this one"));
    }
    if unreadable > 0 {
        return Err(Failure::new(format!("{unreadable} values could not be opened and stay as they are"))
            .help("the log names their tables; restore them from a backup. The old key is kept meanwhile"));
    }
    Ok(())
}

fn purposes(chosen: Option<Purpose>) -> Vec<KeyPurpose> {
    match chosen {
        Some(Purpose::Data) => vec![KeyPurpose::Data],
        Some(Purpose::Fingerprint) => vec![KeyPurpose::Fingerprint],
        Some(Purpose::Signing) => vec![KeyPurpose::Signing],
        Some(Purpose::Master) | None => KeyPurpose::ALL.to_vec(),
    }
}

async fn rotate_one(
    at: &Installation,
    org: OrgId,
    purpose: KeyPurpose,
    args: &RotateArgs,
    quiet: bool,
    io: &mut Io<'_>,
) -> Result<KeyReport, Failure> {
    // A bar only where somebody looks at it.
    let mut bar = (!quiet && io.terminal && std::io::stderr().is_terminal()).then(std::io::stderr);
    let settle = Duration::from_secs(args.settle);
    let mut draw = |progress: KeyProgress| {
        if let Some(bar) = &mut bar {
            // A terminal that went away is no reason to stop.
            write!(bar, "\r\x1b[K{}", line(progress)).and_then(|()| bar.flush()).ok();
        }
    };
    let report = at.store.rotate_key(org, purpose, settle, OPERATOR, &mut draw).await;
    if let Some(bar) = &mut bar {
        write!(bar, "\r\x1b[K").and_then(|()| bar.flush()).ok();
    }
    Ok(report?)
}

/// `data [######      ] 120/240 values`
fn line(progress: KeyProgress) -> String {
    const WIDTH: u64 = 30;
    let name = progress.purpose.as_str();
    let total = progress.total.max(progress.done);
    let filled = progress.done.saturating_mul(WIDTH).checked_div(total).unwrap_or(0);
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { ' ' }).collect();
    format!("{name} [{bar}] {}/{total} {}", progress.done, progress.step)
}

fn tell(
    organisation: &Organisation,
    report: &KeyReport,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let purpose = report.purpose.as_str();
    if globals.json {
        return io.json(&json!({
            "organisation": organisation.name, "purpose": purpose, "key": report.key_id, "resumed": report.resumed,
            "values": report.done, "unreadable": report.unreadable,
        }));
    }
    let how = if report.resumed { "finished" } else { "done" };
    let what = match report.purpose {
        KeyPurpose::Data => format!("{} values sealed anew", report.done),
        KeyPurpose::Fingerprint => {
            format!("{} fingerprints made anew; the sender history begins anew", report.done)
        }
        KeyPurpose::Signing => "earlier signatures still verify".to_owned(),
    };
    io.line(&format!(
        "{}: {purpose} key {} is used, rotation {how}: {what}",
        organisation.name, report.key_id
    ))
}

fn tell_master(
    organisation: &Organisation,
    count: u64,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if globals.json {
        return io.json(&json!({ "organisation": organisation.name, "purpose": "master", "keys": count }));
    }
    io.line(&format!("{}: {count} keys wrapped by the current master key", organisation.name))
}
