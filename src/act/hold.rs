//! Makes a quarantine entry of a message that is held.

use super::fields::{Fields, body_start};
use crate::model::{
    Finding, HeldMail, HeldState, HeldSummary, HeldSupplier, Message, Organisation, PeerStanding,
    QuarantineId, ReceivedMail, Verdict,
};
use aws_lc_rs::digest::{Context, SHA256};
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Characters of subject and Message-ID in a list row (RFC 5322's longest line).
const MAX_TEXT: usize = 998;
/// Exchange's own id of a message, the same when it hands one in again.
const NETWORK_MESSAGE_ID: &str = "x-ms-exchange-crosstenant-network-message-id";

/// The entry for a message: list row, findings, envelope, octets, and the key that recognises the same message.
///
/// Its id is the transaction's, so that reply, log line and entry carry one number; a duplicate keeps the older id.
#[must_use]
pub fn held_mail(
    mail: &ReceivedMail,
    organisation: &Organisation,
    message: &Message,
    verdict: &Verdict,
    supplier: Option<HeldSupplier>,
) -> HeldMail {
    let summary = HeldSummary {
        id: QuarantineId(mail.id.0),
        state: HeldState::Held,
        received_at: rfc3339(mail.received_at_ms),
        mail_from: mail.envelope.reverse_path.to_string(),
        recipients: mail.envelope.recipients.iter().map(|r| r.address.to_string()).collect(),
        subject: bounded(&message.subject),
        message_id: bounded(&message.message_id),
        severity: verdict.severity,
        score: verdict.score,
        codes: codes(&verdict.findings),
        supplier,
        expires_at: None,
        size: u64::try_from(mail.octets.len()).unwrap_or(u64::MAX),
    };
    HeldMail {
        org: organisation.id,
        summary,
        findings: verdict.findings.clone(),
        envelope: mail.envelope.clone(),
        dedupe_key: dedupe_key(mail, organisation),
        ruleset: verdict.ruleset.clone(),
        octets: mail.octets.clone(),
    }
}

/// Hex SHA-256 over organisation, reverse-path, sorted recipients, From, Subject, Message-ID and body; with Exchange's
/// message id only from a peer that is proven to be Exchange. Each field is preceded by its length, so that no two
/// different messages can be written into the same octets.
pub(super) fn dedupe_key(mail: &ReceivedMail, organisation: &Organisation) -> String {
    let mut context = Context::new(&SHA256);
    let mut add = |field: &[u8]| {
        context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(field);
    };
    add(b"sentra-held-v1");
    add(organisation.id.to_string().as_bytes());
    add(mail.envelope.reverse_path.0.as_ref().map(|path| path.folded()).unwrap_or_default().as_bytes());
    add(super::trace::addresses(&mail.envelope.recipients).join(",").as_bytes());
    let octets = &mail.octets;
    let value_of = |name: &str| {
        let values: Vec<String> =
            Fields::new(octets).filter(|f| f.is_named(octets, name)).map(|f| f.value(octets)).collect();
        values.join("\n")
    };
    add(value_of("from").as_bytes());
    add(value_of("subject").as_bytes());
    add(value_of("message-id").as_bytes());
    if matches!(mail.peer.standing, PeerStanding::ExchangeByCertificate | PeerStanding::ExchangeByRange) {
        add(value_of(NETWORK_MESSAGE_ID).as_bytes());
    } else {
        add(b"");
    }
    add(octets.get(body_start(octets)..).unwrap_or_default());
    context.finish().as_ref().iter().fold(String::with_capacity(64), |mut out, b| {
        // Writing into a String cannot fail.
        write!(out, "{b:02x}").ok();
        out
    })
}

fn codes(findings: &[Finding]) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for finding in findings {
        if !codes.contains(&finding.code.0) {
            codes.push(finding.code.0.clone());
        }
    }
    codes
}

/// RFC 3339 in UTC, to the second.
fn rfc3339(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000))
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn bounded(text: &str) -> String {
    super::banner::one_line(text).chars().take(MAX_TEXT).collect()
}
