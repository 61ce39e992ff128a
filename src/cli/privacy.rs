//! `sentra privacy …`: what is held about a person, and erasing it.

mod export;

use super::database::{Installation, OPERATOR, open};
use super::{Failure, Globals, Io};
use crate::adapters::audit::AuditAction;
use crate::adapters::backup::Backups;
use crate::adapters::privacy::{BackupNote, Certificate, Erasures, Signed, public_key_pem};
use crate::adapters::store::{Event, Planned, PrivacyPlace, Subject, append_audit};
use crate::config::Config;
use crate::model::{EmailAddress, Organisation};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Commands of `sentra privacy`.
#[derive(Debug, Subcommand)]
pub(super) enum PrivacyCommand {
    /// Hand out everything that is held about an address, as JSON and CSV. Audited
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// The person, by mail address
        #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
        subject: EmailAddress,
        /// New folder for records.jsonl, records.csv and the held messages; without it JSON Lines go to standard output
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Erase what is held about an address; without --yes show what would go and what stays. Audited
    #[command(after_help = ERASE_HELP)]
    Erase(EraseArgs),
    /// Apply recorded erasures that this database has not seen, after it was restored by other means. Audited
    ///
    /// `sentra restore` does so by itself.
    #[command(after_help = "Example:\n  sentra privacy replay")]
    Replay,
}

/// Arguments of `sentra privacy erase`.
#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    /// The person, by mail address
    #[arg(long, value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    subject: EmailAddress,
    /// Why: a reference, like a ticket. It stays in the audit, so it must not name the person
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Erase; a run that was interrupted is gone on with
    #[arg(long)]
    yes: bool,
    /// Contacts on supplier records too: mail from the address is then no longer recognised as the supplier's
    #[arg(long)]
    suppliers: bool,
    /// New folder for the certificate: certificate.json, .txt, .sig and public-key.pem
    #[arg(long, value_name = "DIR", requires = "yes")]
    out: Option<PathBuf>,
}

const EXPORT_HELP: &str = "\
Values are opened: the files hold personal data of this person and of those it wrote with. docs/privacy.md tells what each
place is.

Examples:
  sentra privacy export --subject jane@example.com --out jane
  sentra privacy export --org Contoso --subject jane@example.com";
const ERASE_HELP: &str = "\
Legal holds are respected, held mail that waits for a decision stays whole, and the audit's chain stays valid. A restore
of an older backup erases the person again. docs/privacy.md tells what stays and why.

Examples:
  sentra privacy erase --subject jane@example.com --reason 'request 4711'
  sentra privacy erase --subject jane@example.com --reason 'request 4711' --yes --out certificate-4711";

pub(super) async fn run(globals: &Globals, command: PrivacyCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    let at = open(globals).await?;
    match command {
        PrivacyCommand::Replay => replay(&at, globals, io).await,
        PrivacyCommand::Export { subject, out } => {
            let org = at.organisation(globals).await?;
            note_person(&at, &org, AuditAction::PrivacyExport, &subject).await?;
            let subject = at.store.subject(org.id, &subject)?;
            match out {
                Some(folder) => export::to_folder(&at, &org, &subject, &folder, globals, io).await,
                None => export::to_lines(&at, &org, &subject, io).await,
            }
        }
        PrivacyCommand::Erase(args) => {
            let org = at.organisation(globals).await?;
            let subject = at.store.subject(org.id, &args.subject)?;
            if args.yes {
                erase(&at, &org, &subject, &args, globals, io).await
            } else {
                note_person(&at, &org, AuditAction::PrivacyPlan, &args.subject).await?;
                let plan = at.store.privacy_plan(org.id, &subject, args.suppliers).await?;
                show_plan(&plan, globals, io)
            }
        }
    }
}

/// The records of erasures of this installation.
pub(super) fn erasures(at: &Installation) -> Result<Erasures, Failure> {
    let (backups, oldest) = match backups(&at.config, at)? {
        Some(backups) => (Some(backups.objects().clone()), backups.tiers().longest_ms()),
        None => (None, 0),
    };
    Ok(Erasures::new(Arc::clone(&at.store), backups, oldest))
}

fn backups(config: &Config, at: &Installation) -> Result<Option<Backups>, Failure> {
    let options = config.backup.clone();
    Ok(options.map(|options| Backups::new(Arc::clone(&at.store), options)).transpose()?)
}

/// Notes, before anything is shown, about whom somebody asked. The address is a private field: an erasure takes it.
async fn note_person(
    at: &Installation,
    org: &Organisation,
    action: AuditAction,
    address: &EmailAddress,
) -> Result<(), Failure> {
    let mut write = at.store.database().scope(org.id).write().await?;
    let (org, now) = (org.id, at.store.clock().now_ms());
    let private = Some(json!({ "address": address.folded() }));
    let event =
        Event { org, at: now, actor: OPERATOR, action, subject: "person", detail: json!({}), private };
    append_audit(&mut write, at.store.keyring().as_ref(), event).await?;
    Ok(write.commit().await?)
}

async fn replay(at: &Installation, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let done = erasures(at)?.replay(OPERATOR).await?;
    if globals.json {
        io.json(&json!({ "erasures": done.erasures, "rows": done.rows, "unreadable": done.unreadable }))?;
    } else {
        io.line(&format!("{} erasures applied again, {} rows went", done.erasures, done.rows))?;
    }
    if done.unreadable == 0 {
        return Ok(());
    }
    Err(Failure::new(format!("{} records of erasures do not open", done.unreadable))
        .help("name the master key that they were made under as a previous one, and run this again"))
}

fn show_plan(
    plan: &BTreeMap<PrivacyPlace, Planned>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if globals.json {
        let places: BTreeMap<&str, Value> =
            plan.iter().map(|(place, part)| (place.as_str(), json!(part))).collect();
        return io.json(&json!({ "dry_run": true, "places": places }));
    }
    let mut rows = Vec::new();
    for (place, part) in plan {
        rows.push(vec![place.as_str().to_owned(), part.goes.to_string(), String::new(), String::new()]);
        for (why, count) in &part.stays {
            rows.push(vec![String::new(), String::new(), count.to_string(), why.reason().to_owned()]);
        }
    }
    if rows.is_empty() {
        io.line("nothing is held about this address")?;
    } else {
        io.table(&["PLACE", "GOES", "STAYS", "WHY"], rows)?;
    }
    io.line("Nothing was changed. --yes erases.")
}

async fn erase(
    at: &Installation,
    org: &Organisation,
    subject: &Subject,
    args: &EraseArgs,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if let Some(folder) = &args.out {
        new_folder(folder)?;
    }
    let store = &at.store;
    let erasure = store.begin_erasure(org.id, subject, args.suppliers, &args.reason, OPERATOR).await?;
    if erasure.resumed {
        io.note("an erasure of this person was interrupted; going on with it");
    }
    // Before anything goes: a restore in between must find the record.
    erasures(at)?.note(&erasure, subject.address()).await?;
    store.run_erasure(&erasure, subject).await?;
    let plan = store.privacy_plan(org.id, subject, args.suppliers).await?;
    let erased = store.erased_so_far(&erasure).await?;
    let backups = backup_note(at, erasure.started_at).await?;
    let keyring = store.keyring();
    let certificate = Certificate::new(
        org,
        (&erasure, subject.address(), &args.reason),
        (erased, &plan),
        &backups,
        (keyring, store.clock().now_ms()),
    )?;
    let signed = certificate.sign(keyring)?;
    // The certificate before the end: whoever was interrupted here gets it from the same command.
    if let Some(folder) = &args.out {
        write_certificate(folder, &signed)?;
    }
    store.end_erasure(&erasure, AuditAction::PrivacyErased).await?;
    if globals.json {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(&signed.signature);
        return io.json(&json!({
            "certificate": certificate, "signed": signed.json, "signature": base64,
            "public_key": public_key_pem(&signed.public_key),
        }));
    }
    io.text(&signed.text)?;
    if let Some(folder) = &args.out {
        io.note(&format!("certificate written to {}", folder.display()));
    }
    Ok(())
}

/// The backups that were made before a moment, and when the last of them is over.
async fn backup_note(at: &Installation, before: i64) -> Result<BackupNote, Failure> {
    let Some(backups) = backups(&at.config, at)? else { return Ok(BackupNote::default()) };
    let all = backups.list().await?;
    // One that cannot be read may hold anything.
    let older = all.iter().filter(|(_, found)| !found.as_ref().is_ok_and(|made| made.at > before));
    let until = before.saturating_add(backups.tiers().longest_ms());
    Ok(BackupNote {
        count: Some(u64::try_from(older.count()).unwrap_or(u64::MAX)),
        until: super::audit::when(until),
    })
}

fn new_folder(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        return Err(Failure::new(format!("{} is there already", folder.display())).help("name a new folder"));
    }
    super::init::make_folder(folder)
        .map_err(|error| Failure::new(format!("the folder {} cannot be made: {error}", folder.display())))
}

fn write_certificate(folder: &Path, signed: &Signed) -> Result<(), Failure> {
    let pem = public_key_pem(&signed.public_key);
    let files: [(&str, &[u8]); 4] = [
        ("certificate.json", signed.json.as_bytes()),
        ("certificate.txt", signed.text.as_bytes()),
        ("certificate.sig", &signed.signature),
        ("public-key.pem", pem.as_bytes()),
    ];
    for (name, octets) in files {
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        let written = options.write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
            file.write_all(octets)?;
            file.sync_all()
        });
        written.map_err(|error| {
            Failure::new(format!("{} cannot be written: {error}", path.display()))
                .help("the same command with another --out goes on and writes the certificate")
        })?;
    }
    Ok(())
}
