//! `sentra m365 verify-header`

use super::database::open;
use super::{Failure, Globals, Io, Status};
use crate::act::{VerifyOutcome, verify_header};
use crate::limits;
use crate::model::EmailAddress;
use clap::Subcommand;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Commands of `sentra m365`.
#[derive(Debug, Subcommand)]
pub(super) enum M365Command {
    /// Check that a delivered message's X-Sentra-Verdict is ours and fits the message
    #[command(after_help = VERIFY_HELP)]
    VerifyHeader {
        /// Message (.eml) as it was delivered, or `-` for standard input
        file: PathBuf,
        /// Envelope recipient, where the address is not one of the protected ones; may be repeated
        #[arg(long = "recipient", value_name = "ADDRESS", value_parser = EmailAddress::parse)]
        recipients: Vec<EmailAddress>,
    },
}

const VERIFY_HELP: &str = "\
Exit status 0 only if the signature is ours and message, body and recipients are those it was made for.

Examples:
  sentra m365 verify-header delivered.eml
  sentra m365 verify-header delivered.eml --recipient accounts+acme@contoso.com --json";

pub(super) async fn run(globals: &Globals, command: M365Command, io: &mut Io<'_>) -> Result<(), Failure> {
    let M365Command::VerifyHeader { file, recipients } = command;
    let octets = read(&file, io)?;
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    let outcome = verify_header(&octets, &org, &recipients, at.store.keyring().as_ref());
    if globals.json {
        io.json(&described(&outcome))?;
        return if matches!(outcome, VerifyOutcome::Valid { .. }) {
            Ok(())
        } else {
            Err(Failure::silent(Status::Failed))
        };
    }
    let place = file.display();
    let failed = |what: &str, help: &str| Err(Failure::new(what).at(&place).help(help));
    match outcome {
        VerifyOutcome::Valid { stated, recipients } => io.pairs(&[
            (
                "verdict",
                format!("ours, and the message is unchanged ({} {})", stated.action, stated.severity),
            ),
            ("id", stated.id),
            ("score", stated.score),
            ("codes", stated.codes),
            ("made at", format!("{} (Unix seconds)", stated.t)),
            ("recipients", recipients.join(", ")),
        ]),
        VerifyOutcome::Absent => failed(
            "the message has no X-Sentra-Verdict or no X-Sentra-Id",
            "it did not pass Sentra: look at the tenant's routing rule and its exceptions",
        ),
        VerifyOutcome::Ambiguous => failed(
            "the message has more than one X-Sentra-Verdict or X-Sentra-Id",
            "Sentra removes foreign ones: it was altered on the way, treat it as unchecked",
        ),
        VerifyOutcome::Malformed => failed(
            "X-Sentra-Verdict is not in the form of version 1",
            "it was altered on the way: treat it as unchecked",
        ),
        VerifyOutcome::OtherOrganisation(other) => {
            failed(&format!("the verdict was made for organisation {other:?}"), "name that one with --org")
        }
        VerifyOutcome::Mismatch { recipients_known: true } => failed(
            "the signature does not fit",
            "header, body or Message-ID were altered after Sentra: treat the message as unchecked",
        ),
        VerifyOutcome::Mismatch { recipients_known: false } => failed(
            "the signature does not fit the recipients that are known",
            "give the envelope's recipients with --recipient; if it still does not fit, the message was altered",
        ),
    }
}

fn described(outcome: &VerifyOutcome) -> Value {
    match outcome {
        VerifyOutcome::Valid { stated, recipients } => json!({
            "result": "valid", "id": stated.id, "org": stated.org, "action": stated.action,
            "severity": stated.severity, "score": stated.score.parse::<u8>().ok(),
            "codes": stated.codes.split(',').filter(|code| !code.is_empty()).collect::<Vec<_>>(),
            "t": stated.t.parse::<i64>().ok(), "recipients": recipients,
        }),
        VerifyOutcome::Absent => json!({ "result": "absent" }),
        VerifyOutcome::Ambiguous => json!({ "result": "ambiguous" }),
        VerifyOutcome::Malformed => json!({ "result": "malformed" }),
        VerifyOutcome::OtherOrganisation(org) => json!({ "result": "other_organisation", "org": org }),
        VerifyOutcome::Mismatch { recipients_known } => {
            json!({ "result": "mismatch", "recipients_known": recipients_known })
        }
    }
}

/// The message, at most what SMTP would take plus our own headers.
fn read(file: &Path, io: &mut Io<'_>) -> Result<Vec<u8>, Failure> {
    const OUR_HEADERS: u64 = 1_024 * 1_024;
    let limit = limits::MAX_MESSAGE_SIZE.saturating_add(OUR_HEADERS);
    let mut octets = Vec::new();
    let read = if file == Path::new("-") {
        (&mut io.input).take(limit.saturating_add(1)).read_to_end(&mut octets)
    } else {
        File::open(file).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut octets))
    };
    read.map_err(|error| {
        Failure::new(format!("the message cannot be read: {error}"))
            .at(file.display())
            .help("name the message's file, or `-` for standard input")
    })?;
    if octets.len() as u64 > limit {
        return Err(Failure::new(format!("the message is larger than {limit} octets")).at(file.display()));
    }
    Ok(octets)
}
