//! `sentra m365 verify-header`

use super::database::open;
use super::{Failure, Globals, Io, Status};
use crate::act::{StatedVerdict, VerifyOutcome, verify_header};
use crate::adapters::store::RecordedVerdict;
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
    let altered = match &outcome {
        VerifyOutcome::Mismatch { stated, traced, recipients_known } => {
            let recorded = at.store.recorded_verdict(org.id, &stated.id).await?;
            Some(Altered::of(stated, *traced, *recipients_known, recorded.as_ref()))
        }
        _ => None,
    };
    if globals.json {
        io.json(&described(&outcome, altered))?;
        return if matches!(outcome, VerifyOutcome::Valid { .. }) {
            Ok(())
        } else {
            Err(Failure::silent(Status::Failed))
        };
    }
    tell(outcome, altered, &file, io)
}

/// What of a message was altered after Sentra, as far as can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Altered {
    /// The Message-ID, or the trace header that is bound to it.
    MessageIdOrTrace,
    /// The verdict: the record says another.
    Verdict,
    /// The body: verdict, Message-ID and recipients are as recorded.
    Body,
    /// The verdict or the body: there is no record to compare with.
    VerdictOrBody,
    /// Perhaps nothing: not all recipients are known.
    Unknown,
}

impl Altered {
    fn of(
        stated: &StatedVerdict,
        traced: bool,
        recipients_known: bool,
        recorded: Option<&RecordedVerdict>,
    ) -> Self {
        let codes: Vec<&str> = stated.codes.split(',').filter(|code| !code.is_empty()).collect();
        match recorded {
            _ if !traced => Self::MessageIdOrTrace,
            Some(record)
                if record.action != stated.action
                    || record.severity != stated.severity
                    || record.score.to_string() != stated.score
                    || !record.codes.iter().map(String::as_str).eq(codes.iter().copied()) =>
            {
                Self::Verdict
            }
            _ if !recipients_known => Self::Unknown,
            Some(_) => Self::Body,
            None => Self::VerdictOrBody,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::MessageIdOrTrace => "message_id_or_trace",
            Self::Verdict => "verdict",
            Self::Body => "body",
            Self::VerdictOrBody => "verdict_or_body",
            Self::Unknown => "unknown",
        }
    }

    /// What is wrong, and what to do.
    fn words(self) -> (&'static str, &'static str) {
        const UNCHECKED: &str = "treat the message as unchecked";
        match self {
            Self::MessageIdOrTrace => (
                "the signature does not fit: Message-ID or X-Sentra-Trace were altered after Sentra",
                UNCHECKED,
            ),
            Self::Verdict => (
                "the signature does not fit: X-Sentra-Verdict was altered, the record says another verdict",
                UNCHECKED,
            ),
            Self::Body => (
                "the signature does not fit: the body was altered after Sentra; the verdict is as recorded",
                UNCHECKED,
            ),
            Self::VerdictOrBody => (
                "the signature does not fit: X-Sentra-Verdict, X-Sentra-Id or the body were altered after Sentra",
                UNCHECKED,
            ),
            Self::Unknown => (
                "the signature does not fit the recipients that are known",
                "give the envelope's recipients with --recipient; if it still does not fit, the message was altered",
            ),
        }
    }
}

fn tell(
    outcome: VerifyOutcome,
    altered: Option<Altered>,
    file: &Path,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let failed = |what: &str, help: &str| Err(Failure::new(what).at(file.display()).help(help));
    match outcome {
        VerifyOutcome::Valid { stated, recipients, key } => io.pairs(&[
            (
                "verdict",
                format!("ours, and the message is unchanged ({} {})", stated.action, stated.severity),
            ),
            ("id", stated.id),
            ("score", stated.score),
            ("codes", stated.codes),
            ("made at", format!("{} (Unix seconds)", stated.t)),
            ("recipients", recipients.join(", ")),
            ("signing key", key.to_string()),
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
        VerifyOutcome::Mismatch { .. } => {
            let (what, help) = altered.unwrap_or(Altered::VerdictOrBody).words();
            failed(what, help)
        }
    }
}

fn described(outcome: &VerifyOutcome, altered: Option<Altered>) -> Value {
    match outcome {
        VerifyOutcome::Valid { stated, recipients, key } => json!({
            "result": "valid", "id": stated.id, "org": stated.org, "action": stated.action,
            "severity": stated.severity, "score": stated.score.parse::<u8>().ok(),
            "codes": stated.codes.split(',').filter(|code| !code.is_empty()).collect::<Vec<_>>(),
            "t": stated.t.parse::<i64>().ok(), "recipients": recipients, "key": key,
        }),
        VerifyOutcome::Absent => json!({ "result": "absent" }),
        VerifyOutcome::Ambiguous => json!({ "result": "ambiguous" }),
        VerifyOutcome::Malformed => json!({ "result": "malformed" }),
        VerifyOutcome::OtherOrganisation(org) => json!({ "result": "other_organisation", "org": org }),
        VerifyOutcome::Mismatch { recipients_known, .. } => json!({
            "result": "mismatch", "recipients_known": recipients_known, "altered": altered.map(Altered::as_str),
        }),
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
