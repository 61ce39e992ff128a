//! The story of a held message once somebody decided to let it go: held → releasing → released.
//!
//! The decision itself (who, why, which recipients of the stored envelope) is one transaction of the store, made by the
//! commands: state, outbox row and audit entry, or none of them. From there this module carries it out, and with it the
//! notices that Sentra originates: lease what is due, compose, hand on, note the answer. A try whose answer never came
//! is repeated and marked, because a released invoice that never arrives is worse than one that arrives twice.

use crate::act::{self, Stamp};
use crate::limits;
use crate::message;
use crate::model::{AuthResults, NextHopReply, OrgId, Organisation};
use crate::ports::{
    ChainSealer, Clock, History, Keyring, NextHop, OnwardError, OrganisationBook, Outbox, OutboxItem,
    OutboxState, PortError, SealOutcome, SealRequest, SendResult,
};
use crate::telemetry::{self, Alarm};
use bytes::Bytes;
use futures_util::FutureExt as _;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Sends what the outbox holds.
pub struct Releases {
    /// Where it waits.
    pub outbox: Arc<dyn Outbox>,
    /// Whose next hop it takes.
    pub book: Arc<dyn OrganisationBook>,
    /// The way on.
    pub next_hop: Arc<dyn NextHop>,
    /// Signs the verdict field of a release.
    pub keyring: Arc<dyn Keyring>,
    /// Seals a release.
    pub sealer: Arc<dyn ChainSealer>,
    /// Dates the trace line.
    pub clock: Arc<dyn Clock>,
    /// Learns from what was released.
    pub history: Arc<dyn History>,
    /// Our name in the trace line.
    pub hostname: String,
    /// Words of the banners.
    pub voice: Arc<act::Voice>,
}

impl Releases {
    /// Takes what is due, of every organisation that is not `busy` being sent for.
    ///
    /// # Errors
    /// [`PortError`] when the outbox can't be read: the caller looks again later.
    pub async fn due(&self, busy: &[OrgId]) -> Result<BTreeMap<OrgId, Vec<OutboxItem>>, PortError> {
        let mut due: BTreeMap<OrgId, Vec<OutboxItem>> = BTreeMap::new();
        for item in self.outbox.lease(busy).await? {
            due.entry(item.org).or_default().push(item);
        }
        Ok(due)
    }

    /// Sends what [`Releases::due`] took for one organisation, one after the other: the outbox carries a handful of
    /// mails, and order helps whoever reads them. What a slow next hop leaves no time for is due again later: a mail
    /// must never be sent after its lease ran out. Returns early, between two mails, when `stop` is cancelled.
    pub async fn send_all(&self, due: Vec<OutboxItem>, stop: &CancellationToken) {
        let last_start = Instant::now() + limits::OUTBOX_LEASE / 3;
        for item in due {
            let late = Instant::now() > last_start || stop.is_cancelled();
            if late && item.last_try {
                // Its lease ends by itself, and then it has this try.
                continue;
            }
            let result = if late {
                SendResult::Retry("not tried: the mails before it took too long".to_owned())
            } else {
                // A mail whose composing panics must not keep those behind it.
                let sending = AssertUnwindSafe(self.send(&item)).catch_unwind().await;
                sending.unwrap_or_else(|_| SendResult::Retry("composing it panicked".to_owned()))
            };
            if let Err(error) = self.conclude(&item, &result).await {
                tracing::warn!(outbox = %item.id, %error, "a try could not be noted; it is repeated when its lease ends");
            }
        }
    }

    /// One try.
    async fn send(&self, item: &OutboxItem) -> SendResult {
        let Some(organisation) = self.book.by_id(item.org) else {
            return SendResult::Retry("the organisation is not loaded".to_owned());
        };
        match self.compose(item, &organisation).await {
            Ok(Some(octets)) => self.hand_on(item, &organisation, octets).await,
            Ok(None) => SendResult::Failed("the message was deleted meanwhile".to_owned()),
            Err(error) if error.is_transient() => SendResult::Retry(error.to_string()),
            Err(error) => SendResult::Failed(error.to_string()),
        }
    }

    /// A notice as it is; a release under a new trace line, with a banner that says where it has been.
    async fn compose(
        &self,
        item: &OutboxItem,
        organisation: &Organisation,
    ) -> Result<Option<Bytes>, PortError> {
        if item.kind != "release" {
            return self.outbox.octets(item).await;
        }
        let Some(source) = self.outbox.release_source(item).await? else { return Ok(None) };
        let parsed = message::parse(&source.octets);
        let stamp = Stamp {
            hostname: &self.hostname,
            now_ms: self.clock.now_ms(),
            organisation,
            keyring: self.keyring.as_ref(),
            // What was known of the sender when it came is in the record; nothing is claimed anew.
            auth: &AuthResults::default(),
            passes: act::passes(
                &source.octets,
                organisation,
                &item.envelope.recipients,
                self.keyring.as_ref(),
            ),
            include_return_token: true,
            voice: &self.voice,
        };
        let release = act::Release {
            id: source.id,
            octets: &source.octets,
            message: &parsed,
            envelope: &source.envelope,
            recipients: &item.envelope.recipients,
            score: source.score,
            findings: &source.findings,
            note: "",
        };
        let mail = act::compose_release(&release, &stamp)?;
        Ok(Some(self.sealed(organisation, source.octets, mail.octets).await))
    }

    /// With its ARC set, where the organisation wants one on mail that we change.
    async fn sealed(&self, organisation: &Organisation, received: Bytes, composed: Bytes) -> Bytes {
        let request = SealRequest::wanted(organisation, true).filter(|_| !has_bare_newline(&composed));
        let Some(request) = request else { return composed };
        let outgoing = vec![composed.clone()];
        let request = SealRequest { received, outgoing, now_ms: self.clock.now_ms(), ..request };
        match self.sealer.seal(request).await {
            SealOutcome::Sealed { fields, cv } => {
                telemetry::metrics::arc(cv);
                Bytes::from([fields, composed].concat())
            }
            SealOutcome::NotSealed(why) => {
                telemetry::metrics::arc(why);
                composed
            }
        }
    }

    async fn hand_on(
        &self,
        item: &OutboxItem,
        organisation: &Arc<Organisation>,
        octets: Bytes,
    ) -> SendResult {
        let envelope = &item.envelope;
        let Some((first, others)) = envelope.recipients.split_first() else {
            return SendResult::Failed("no recipient".to_owned());
        };
        let opened =
            self.next_hop.open(organisation, &envelope.reverse_path, &envelope.parameters, first).await;
        let (mut onward, reply) = match opened {
            Ok(opened) => opened,
            Err(error) => return of_error(&error),
        };
        let mut refused = (!reply.is_positive()).then_some(reply);
        for recipient in others {
            match onward.recipient(recipient).await {
                Ok(reply) if reply.is_positive() => {}
                Ok(reply) => refused = Some(reply),
                Err(error) => return of_error(&error),
            }
        }
        // All or nothing: a part that was sent could not be told from the part that was not at the next try.
        if let Some(reply) = refused {
            onward.abandon().await;
            return of_reply(&reply);
        }
        let bare_newlines = has_bare_newline(&octets);
        match onward.send(&[octets], bare_newlines).await {
            Ok(reply) => of_reply(&reply),
            Err(error) => of_error(&error),
        }
    }

    /// Notes the result. After a 250 of the next hop a lost note means a second mail, so it is tried more than once.
    async fn conclude(&self, item: &OutboxItem, result: &SendResult) -> Result<(), PortError> {
        let mut noted = self.outbox.finish(item, result, Vec::new()).await;
        for _ in 0..limits::OUTBOX_NOTE_RETRIES {
            if noted.is_ok() {
                break;
            }
            tokio::time::sleep(limits::OUTBOX_POLL).await;
            noted = self.outbox.finish(item, result, Vec::new()).await;
        }
        let state = noted?;
        if let (Some(OutboxState::Sent), Some(id)) = (state, item.quarantine_id)
            && item.kind == "release"
        {
            self.history.released(item.org, id);
        }
        if state == Some(OutboxState::Failed) {
            let detail = format!("{} {} was given up after {} tries", item.kind, item.id, item.attempt);
            telemetry::alarm(Alarm::OutboxFailed, Some(item.org), &detail);
        }
        Ok(())
    }
}

fn of_reply(reply: &NextHopReply) -> SendResult {
    let text = format!("{} {}", reply.code, reply.lines.join(" "));
    match reply {
        reply if reply.is_positive() => SendResult::Sent(text),
        reply if reply.is_transient() => SendResult::Retry(text),
        _ => SendResult::Failed(text),
    }
}

fn of_error(error: &OnwardError) -> SendResult {
    match error {
        OnwardError::Unavailable { .. } => SendResult::Retry(error.to_string()),
        OnwardError::Uncertain { .. } => SendResult::Uncertain(error.to_string()),
        OnwardError::NotExpressible(_) => SendResult::Failed(error.to_string()),
    }
}

/// Whether the octets may travel by BDAT only.
fn has_bare_newline(octets: &[u8]) -> bool {
    memchr::memchr2_iter(b'\r', b'\n', octets).any(|at| {
        let before = at.checked_sub(1).and_then(|before| octets.get(before));
        match octets.get(at) {
            Some(b'\n') => before != Some(&b'\r'),
            _ => octets.get(at.saturating_add(1)) != Some(&b'\n'),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::has_bare_newline;

    #[test]
    fn bare_newlines_are_seen() {
        for (octets, bare) in [
            (&b"a\r\nb\r\n"[..], false),
            (b"", false),
            (b"a\nb", true),
            (b"a\rb", true),
            (b"\n", true),
            (b"a\r", true),
            (b"a\r\r\n", true),
        ] {
            assert_eq!(has_bare_newline(octets), bare, "{octets:?}");
        }
    }
}
