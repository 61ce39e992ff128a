//! Composes a held message that a person released.
//!
//! The stored octets, Message-ID and Date go out as they came, under a new trace line. The verdict header says
//! `action=deliver` and `severity=info`, because people decided so and a tenant's rules must not treat the message as a
//! threat again; score and codes stay, for the record. The banner says that it was held and released.

use super::block::date;
use super::compose::{Draft, Stamp, assemble};
use crate::model::{
    Action, Envelope, Finding, MailId, MailParameters, Message, QuarantineId, Recipient, Severity,
};
use crate::ports::{OutboxMail, PortError};
use bytes::{Bytes, BytesMut};

/// A held message and the decision about it.
pub struct Release<'a> {
    /// The entry.
    pub id: QuarantineId,
    /// The octets as received.
    pub octets: &'a Bytes,
    /// Their parsed form.
    pub message: &'a Message,
    /// The envelope as received.
    pub envelope: &'a Envelope,
    /// Who gets it: a subset of the envelope's recipients.
    pub recipients: &'a [Recipient],
    /// The score when it was held.
    pub score: u8,
    /// The findings when it was held.
    pub findings: &'a [Finding],
    /// A sentence for the reader, harmless when quoted to the outside; empty for the usual one.
    pub note: &'a str,
}

/// The mail for the outbox.
///
/// # Errors
/// [`PortError::Permanent`] when no recipient is left, or one is not of the stored envelope; otherwise as
/// [`super::compose()`].
pub fn compose_release(release: &Release<'_>, stamp: &Stamp<'_>) -> Result<OutboxMail, PortError> {
    let known = |r: &Recipient| release.envelope.recipients.iter().any(|own| own.address == r.address);
    if release.recipients.is_empty() || !release.recipients.iter().all(known) {
        return Err(PortError::Permanent {
            what: "release",
            detail: "the recipients must be some of those the message was sent to".to_owned(),
        });
    }
    let id = MailId(release.id.0);
    let received =
        vec![format!("by {}", stamp.hostname), format!("(Sentra quarantine) id {id};"), date(stamp.now_ms)?];
    let draft = Draft {
        id,
        octets: release.octets,
        message: release.message,
        reverse_path: &release.envelope.reverse_path,
        recipients: release.recipients,
        received,
        action: Action::Deliver,
        severity: Severity::Info,
        score: release.score,
        findings: release.findings,
        words: Some(stamp.voice.of_release(id, stamp.organisation, release.recipients, release.note)),
        subject_prefix: None,
    };
    let outgoing = assemble(&draft, stamp)?;
    let size = outgoing.segments.iter().map(Bytes::len).sum();
    let mut octets = BytesMut::with_capacity(size);
    outgoing.segments.iter().for_each(|segment| octets.extend_from_slice(segment));
    Ok(OutboxMail {
        org: stamp.organisation.id,
        envelope: Envelope {
            reverse_path: release.envelope.reverse_path.clone(),
            // The declared size was that of the message as it came.
            parameters: MailParameters { size: None, ..release.envelope.parameters.clone() },
            recipients: release.recipients.to_vec(),
        },
        octets: octets.freeze(),
        kind: "release",
    })
}
