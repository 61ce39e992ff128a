//! `X-Sentra-Verdict`: the verdict as a header field that anybody with the organisation's public key can check.
//!
//! The signature is Ed25519 over eleven lines that bind the verdict to this message, these recipients and these body
//! octets; [`signed_text`] is their one definition.

use super::fields::{Fields, body_start, first_value};
use super::trace;
use crate::limits::{MAX_CODES_IN_HEADER, MAX_TRACE_RECIPIENTS};
use crate::model::{EmailAddress, Finding, MailId, OrgId, Organisation};
use crate::ports::Keyring;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

/// Field name.
pub(super) const NAME: &str = "X-Sentra-Verdict";
/// Field name of our id.
pub(super) const ID: &str = "X-Sentra-Id";

/// What the field states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedVerdict {
    /// `X-Sentra-Id`.
    pub id: String,
    /// Organisation.
    pub org: String,
    /// `deliver`, `tag` or `quarantine`.
    pub action: String,
    /// Severity name.
    pub severity: String,
    /// 0 to 100.
    pub score: String,
    /// Finding codes, comma-separated.
    pub codes: String,
    /// Unix seconds.
    pub t: String,
}

/// Result of checking a message's verdict header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// Ours and unchanged.
    Valid {
        /// What it states.
        stated: StatedVerdict,
        /// The envelope recipients it was made for.
        recipients: Vec<String>,
        /// Number of the signing key; an older one than the active key's signs nothing new and still verifies.
        key: u32,
    },
    /// There is no verdict header, or no id.
    Absent,
    /// More than one verdict or id header: at most one can be ours.
    Ambiguous,
    /// Not in the form of version 1.
    Malformed,
    /// Made for another organisation.
    OtherOrganisation(String),
    /// The signature does not fit. `recipients_known` is false when the envelope could not be reconstructed: then the
    /// message may be sound, and giving the recipients settles it.
    Mismatch {
        /// What it states, of which nothing is proven.
        stated: StatedVerdict,
        /// The trace header beside it is ours and unchanged, and so is the Message-ID that it is bound to: what was
        /// altered is the verdict or the body.
        traced: bool,
        /// Whether all recipients of the signed envelope were found.
        recipients_known: bool,
    },
}

/// The octets under the signature: each line ended by LF, the recipients folded and sorted.
#[must_use]
pub fn signed_text(
    stated: &StatedVerdict,
    message_id: &str,
    recipients: &[String],
    body_hash: &str,
) -> Vec<u8> {
    let StatedVerdict { id, org, action, severity, score, codes, t } = stated;
    let recipients = recipients.join(",");
    format!(
        "sentra-verdict-v1\n{id}\n{org}\n{action}\n{severity}\n{score}\n{codes}\n{t}\n{message_id}\n{recipients}\n\
         {body_hash}\n"
    )
    .into_bytes()
}

/// Base64url SHA-256 of the segments.
pub(super) fn body_hash(segments: &[Bytes]) -> String {
    let mut context = Context::new(&SHA256);
    segments.iter().for_each(|segment| context.update(segment));
    URL_SAFE_NO_PAD.encode(context.finish())
}

/// Codes for the header: each once, loudest first, as many as fit.
pub(super) fn codes(findings: &[Finding]) -> String {
    let mut out = String::new();
    for code in findings.iter().map(|finding| finding.code.0.as_str()) {
        let sound = code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !sound || code.is_empty() || out.split(',').any(|known| known == code) {
            continue;
        }
        if out.len() + code.len() >= MAX_CODES_IN_HEADER {
            break;
        }
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(code);
    }
    out
}

/// What we state about one message.
pub(super) fn state(
    id: MailId,
    org: OrgId,
    words: [&str; 2],
    score: u8,
    codes: String,
    t: i64,
) -> StatedVerdict {
    let [action, severity] = words.map(str::to_owned);
    let (id, org) = (id.to_string(), org.to_string());
    StatedVerdict { id, org, action, severity, score: score.to_string(), codes, t: t.to_string() }
}

/// The tokens of the field's value.
pub(super) fn tokens(stated: &StatedVerdict, signature: &[u8]) -> Vec<String> {
    vec![
        "v=1;".to_owned(),
        format!("org={};", stated.org),
        format!("action={};", stated.action),
        format!("severity={};", stated.severity),
        format!("score={};", stated.score),
        format!("codes={};", stated.codes),
        format!("t={};", stated.t),
        format!("s={}", URL_SAFE_NO_PAD.encode(signature)),
    ]
}

/// Checks the verdict header of a delivered message.
///
/// The envelope is not part of a stored message. Its recipients are found again by the codes in the trace header, out
/// of the organisation's mailboxes, the addresses in `To` and `Cc` (given in `candidates` by the caller, who can
/// parse) and whatever else `candidates` holds.
#[must_use]
pub fn verify_header(
    octets: &[u8],
    organisation: &Organisation,
    candidates: &[EmailAddress],
    keyring: &dyn Keyring,
) -> VerifyOutcome {
    let values = |name: &str| -> Vec<String> {
        let fields = Fields::new(octets).filter(|field| field.is_named(octets, name));
        fields.take(2).map(|field| field.value(octets)).collect()
    };
    let (id, value) = match (values(ID).as_slice(), values(NAME).as_slice()) {
        ([], _) | (_, []) => return VerifyOutcome::Absent,
        ([id], [value]) => (id.clone(), value.clone()),
        _ => return VerifyOutcome::Ambiguous,
    };
    let Some((stated, signature)) = parse(id, &value) else { return VerifyOutcome::Malformed };
    if stated.org != organisation.id.to_string() {
        return VerifyOutcome::OtherOrganisation(stated.org);
    }
    let message_id = first_value(octets, "message-id");
    let hash = URL_SAFE_NO_PAD
        .encode(aws_lc_rs::digest::digest(&SHA256, octets.get(body_start(octets)..).unwrap_or_default()));
    let (found, traced, recipients_known) =
        recipients(octets, organisation, &message_id, candidates, keyring);
    let mut given: Vec<String> = candidates.iter().map(EmailAddress::folded).collect();
    given.sort_unstable();
    given.dedup();
    for recipients in [found, given] {
        let text = signed_text(&stated, &message_id, &recipients, &hash);
        if let Some(key) = keyring.verified_by(organisation.id, &text, &signature) {
            return VerifyOutcome::Valid { stated, recipients, key };
        }
    }
    VerifyOutcome::Mismatch { stated, traced, recipients_known }
}

/// The envelope recipients that the trace header names, whether there is a sound one, and whether all were found.
fn recipients(
    octets: &[u8],
    organisation: &Organisation,
    message_id: &str,
    candidates: &[EmailAddress],
    keyring: &dyn Keyring,
) -> (Vec<String>, bool, bool) {
    let own = organisation.mailboxes.iter().flat_map(|m| std::iter::once(&m.address).chain(&m.aliases));
    let mut known: Vec<String> = own.chain(candidates).map(EmailAddress::folded).collect();
    known.sort_unstable();
    known.dedup();
    let Some(trace) = trace::read(octets, organisation.id, message_id, keyring).into_iter().next() else {
        return (Vec::new(), false, false);
    };
    let codes = |address: &String| {
        let one = std::slice::from_ref(address);
        trace::known_codes(organisation.id, message_id, one, keyring).unwrap_or_default()
    };
    known.retain(|address| codes(address).iter().any(|code| trace.current.contains(code)));
    // A full trace may have left recipients out.
    let complete = known.len() == trace.current.len() && known.len() < MAX_TRACE_RECIPIENTS;
    (known, true, complete)
}

fn parse(id: String, value: &str) -> Option<(StatedVerdict, Vec<u8>)> {
    let flat: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let part = |name: &str| {
        let mut found =
            flat.split(';').filter_map(|item| item.split_once('=')).filter(|(key, _)| *key == name);
        let first = found.next().map(|(_, value)| value.to_owned());
        if found.next().is_some() { None } else { first }
    };
    if part("v")? != "1" {
        return None;
    }
    let stated = StatedVerdict {
        id,
        org: part("org")?,
        action: part("action")?,
        severity: part("severity")?,
        score: part("score")?,
        codes: part("codes")?,
        t: part("t")?,
    };
    Some((stated, URL_SAFE_NO_PAD.decode(part("s")?).ok()?))
}
