//! `sentra quarantine …`: held mail from the machine's own command line.
//!
//! Commands act as the operator of the machine and are audited as such. Releasing here is break-glass: it needs a
//! reason, and the organisation's administrators are told.

use super::database::{OPERATOR, open};
use super::{Failure, Globals, Installation, Io, notice};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{HeldEntry, OutboxStatus, ReleaseOrder};
use crate::model::{EmailAddress, HeldState, HeldSummary, OrgId, QuarantineId};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Rows that a table shows unless `--limit` says otherwise.
const TABLE_ROWS: usize = 100;

/// Commands of `sentra quarantine`.
#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// List held mail: what is undecided, unless --state says otherwise
    #[command(
        after_help = "Examples:\n  sentra quarantine list\n  sentra quarantine list --state released --state rejected --json"
    )]
    List {
        /// Only this state; may be repeated: held, claimed, approved, releasing, released, rejected, deleted, expired
        #[arg(long = "state", value_name = "STATE", value_parser = state)]
        states: Vec<HeldState>,
        /// Rows at most (table: 100; JSON: all)
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one entry: envelope, findings, what the outbox did
    #[command(after_help = "Example:\n  sentra quarantine show 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9")]
    Show {
        /// Entry
        id: QuarantineId,
    },
    /// Send an entry on to its recipients without a second person's approval (break-glass, audited, told to the
    /// administrators)
    #[command(after_help = RELEASE_EXAMPLES)]
    Release(ReleaseArgs),
    /// Fraud confirmed: the entry is never released, its body is kept as evidence
    #[command(
        after_help = "Example:\n  sentra quarantine reject 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'supplier denies the change'"
    )]
    Reject {
        /// Entry
        id: QuarantineId,
        /// Why; goes into the audit
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Delete an entry's body; the row stays
    #[command(
        after_help = "Example:\n  sentra quarantine delete 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'asked by data subject'"
    )]
    Delete {
        /// Entry
        id: QuarantineId,
        /// Why; goes into the audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write an entry's received octets (.eml) to a file or standard output
    #[command(
        after_help = "Examples:\n  sentra quarantine export 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --output held.eml\n  \
                            sentra quarantine export 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 | sentra check -"
    )]
    Export {
        /// Entry
        id: QuarantineId,
        /// File to write; never overwritten
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

const RELEASE_EXAMPLES: &str = "\
Examples:
  sentra quarantine release 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'called the supplier on the known number'
  sentra quarantine release 01JD3ZV8M2T5Y7Q9W1E3R5T7Y9 --reason 'checked' --to accounts@contoso.com";

/// Flags of `release`.
#[derive(Debug, Args)]
pub(super) struct ReleaseArgs {
    /// Entry
    id: QuarantineId,
    /// Why; goes into the audit and to the administrators
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only to this recipient of the stored envelope; may be repeated
    #[arg(long = "to", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
    to: Vec<EmailAddress>,
}

fn state(text: &str) -> Result<HeldState, String> {
    HeldState::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = HeldState::ALL.iter().map(|state| state.as_str()).collect();
        format!("the states are {}", names.join(", "))
    })
}

pub(super) async fn run(
    globals: &Globals,
    command: QuarantineCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    match command {
        QuarantineCommand::List { states, limit } => {
            let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
            read(&at, org.id, AuditAction::QuarantineList, "entries", json!({ "states": names })).await?;
            list(&at, org.id, globals, &states, limit, io).await
        }
        QuarantineCommand::Show { id } => {
            read(&at, org.id, AuditAction::QuarantineShow, &id.to_string(), json!({})).await?;
            let entry = at.store.held_entry(org.id, id).await?.ok_or_else(|| missing(id))?;
            show(&entry, globals, io)
        }
        QuarantineCommand::Release(args) => {
            let notices = notice::released(&at, &org, args.id, &args.reason);
            let order = ReleaseOrder { to: &args.to, reason: &args.reason, actor: OPERATOR, notices };
            let envelope = at.store.release(org.id, args.id, order).await?;
            let recipients: Vec<String> = envelope.recipients.iter().map(|r| r.address.to_string()).collect();
            if globals.json {
                return io.json(&json!({ "id": args.id, "state": "releasing", "recipients": recipients }));
            }
            let recipients = recipients.join(", ");
            io.line(&format!(
                "{} is queued for {recipients}; a running server sends it within seconds",
                args.id
            ))
        }
        QuarantineCommand::Reject { id, reason } => {
            at.store.reject(org.id, id, reason.as_deref(), OPERATOR).await?;
            decided(id, HeldState::Rejected, globals, io)
        }
        QuarantineCommand::Delete { id, reason } => {
            at.store.delete(org.id, id, &reason, OPERATOR).await?;
            decided(id, HeldState::Deleted, globals, io)
        }
        QuarantineCommand::Export { id, output } => export(&at, org.id, id, output, io).await,
    }
}

/// Notes that content of held mail is about to be shown: no note, nothing shown.
async fn read(
    at: &Installation,
    org: OrgId,
    action: AuditAction,
    subject: &str,
    detail: Value,
) -> Result<(), Failure> {
    Ok(at.store.note_read(org, OPERATOR, action, subject, detail).await?)
}

fn missing(id: QuarantineId) -> Failure {
    Failure::new(format!("there is no entry {id} in this organisation's quarantine"))
        .help("`sentra quarantine list` shows what is undecided; --org names another organisation")
}

fn decided(id: QuarantineId, state: HeldState, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return io.json(&json!({ "id": id, "state": state }));
    }
    io.line(&format!("{id} is {}", state.as_str()))
}

async fn list(
    at: &Installation,
    org: OrgId,
    globals: &Globals,
    states: &[HeldState],
    limit: Option<usize>,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let limit = limit.unwrap_or(if globals.json { usize::MAX } else { TABLE_ROWS });
    let (mut rows, mut before, mut count, mut more) = (Vec::new(), None, 0_usize, false);
    // Page by page: every page begins before the last one's oldest id, so this ends with the table.
    'pages: loop {
        let page = at.store.held(org, states, before).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for entry in &page {
            if count >= limit {
                more = true;
                break 'pages;
            }
            count = count.saturating_add(1);
            if globals.json {
                io.json(entry)?;
            } else {
                rows.push(row(entry));
            }
        }
    }
    if globals.json {
        return Ok(());
    }
    io.table(&["ID", "STATE", "RECEIVED", "SEVERITY", "SCORE", "FROM", "SUBJECT", "CODES"], rows)?;
    if more {
        io.note(&format!("there are more; --limit N shows more than {limit}"));
    }
    Ok(())
}

fn row(entry: &HeldSummary) -> Vec<String> {
    vec![
        entry.id.to_string(),
        entry.state.as_str().to_owned(),
        entry.received_at.clone(),
        entry.severity.as_str().to_owned(),
        entry.score.to_string(),
        if entry.mail_from.is_empty() { "<>".to_owned() } else { entry.mail_from.clone() },
        entry.subject.clone(),
        entry.codes.join(","),
    ]
}

fn show(entry: &HeldEntry, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    if globals.json {
        return io.json(entry);
    }
    let summary = &entry.summary;
    let supplier = summary.supplier.as_ref().map(|supplier| format!("{} ({})", supplier.name, supplier.id));
    io.pairs(&[
        ("id", summary.id.to_string()),
        ("state", format!("{} since {}", summary.state.as_str(), entry.updated_at)),
        ("received", summary.received_at.clone()),
        ("from", if summary.mail_from.is_empty() { "<>".to_owned() } else { summary.mail_from.clone() }),
        ("to", summary.recipients.join(", ")),
        ("subject", summary.subject.clone()),
        ("message id", summary.message_id.clone()),
        ("severity", format!("{}, score {}", summary.severity.as_str(), summary.score)),
        ("supplier", supplier.unwrap_or_else(|| "-".to_owned())),
        ("size", format!("{} octets", summary.size)),
        ("expires", summary.expires_at.clone().unwrap_or_else(|| "never".to_owned())),
    ])?;
    if !entry.findings.is_empty() {
        io.line("")?;
        let finding = |finding: &crate::model::Finding| {
            vec![finding.severity.as_str().to_owned(), finding.code.to_string(), finding.text.clone()]
        };
        io.table(&["SEVERITY", "CODE", "FINDING"], entry.findings.iter().map(finding).collect())?;
    }
    if !entry.outbox.is_empty() {
        io.line("")?;
        io.table(
            &["OUTBOX", "STATE", "TRIES", "LAST ANSWER"],
            entry.outbox.iter().map(outbox_row).collect(),
        )?;
    }
    Ok(())
}

fn outbox_row(mail: &OutboxStatus) -> Vec<String> {
    let state = mail.state.as_str();
    vec![
        mail.kind.clone(),
        if mail.maybe_twice { format!("{state} (may arrive twice)") } else { state.to_owned() },
        mail.attempts.to_string(),
        mail.last_reply.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

async fn export(
    at: &Installation,
    org: OrgId,
    id: QuarantineId,
    output: Option<PathBuf>,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let Some(path) = output else {
        let octets = at.store.export_held(org, id, OPERATOR).await?;
        return Ok(io.out().write_all(&octets)?);
    };
    let failed = |error: std::io::Error| {
        Failure::new(format!("{} cannot be written: {error}", path.display()))
            .help("name a file that does not exist")
    };
    // The file first: an export that is audited also happened.
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    let octets = match at.store.export_held(org, id, OPERATOR).await {
        Ok(octets) => octets,
        Err(error) => {
            std::fs::remove_file(&path).unwrap_or_default();
            return Err(error.into());
        }
    };
    file.write_all(&octets).and_then(|()| file.sync_all()).map_err(failed)?;
    io.note(&format!("{} octets written to {}", octets.len(), path.display()));
    Ok(())
}
