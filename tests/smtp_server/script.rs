//! A mail handler that does what the recipient's local part says, and reports what it saw.

use async_trait::async_trait;
use bytes::Bytes;
use sentra::model::{
    Disposition, MailId, MailParameters, NextHopReply, Peer, QuarantineId, Recipient, RecipientOutcome,
    RefusalReason, ReversePath,
};
use sentra::ports::{MailHandler, MailTransaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, mpsc};
use ulid::Ulid;

/// What the handler saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Opened(Peer, ReversePath, MailParameters),
    Offered(Recipient),
    Finishing,
    Finished(Bytes, bool),
    Aborted,
}

/// Does what the local part of the recipient says: `refused`, `other`, `stranger`, `unproven`, `panic-rcpt`, `panic`, `held`,
/// `bounced`, `slow` (waits for a permit); anything else is accepted.
pub struct Script {
    pub events: mpsc::Sender<Event>,
    /// Permits for `slow` messages to end.
    pub permits: Arc<Semaphore>,
    pub ids: AtomicU64,
}

struct ScriptTransaction {
    events: mpsc::Sender<Event>,
    permits: Arc<Semaphore>,
    id: MailId,
    accepted: Vec<String>,
    finished: bool,
}

impl Script {
    pub fn next_hop(code: u16, enhanced: (u8, u16, u16), text: &str) -> NextHopReply {
        NextHopReply { code, enhanced: Some(enhanced), lines: vec![text.to_owned()] }
    }
}

#[async_trait]
impl MailHandler for Script {
    async fn open(
        &self,
        peer: &Peer,
        reverse_path: ReversePath,
        parameters: MailParameters,
    ) -> Result<Box<dyn MailTransaction>, RefusalReason> {
        if reverse_path.0.as_ref().is_some_and(|address| address.local() == "panic-open") {
            panic!("asked for");
        }
        self.events.try_send(Event::Opened(peer.clone(), reverse_path, parameters)).unwrap();
        Ok(Box::new(ScriptTransaction {
            events: self.events.clone(),
            permits: Arc::clone(&self.permits),
            id: MailId(Ulid(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))),
            accepted: Vec::new(),
            finished: false,
        }))
    }
}

#[async_trait]
impl MailTransaction for ScriptTransaction {
    fn id(&self) -> MailId {
        self.id
    }

    async fn recipient(&mut self, recipient: Recipient) -> RecipientOutcome {
        let local = recipient.address.local().to_owned();
        self.events.try_send(Event::Offered(recipient)).unwrap();
        match local.as_str() {
            "refused" => {
                RecipientOutcome::RefusedByNextHop(Script::next_hop(550, (5, 1, 10), "no such mailbox"))
            }
            "other" => RecipientOutcome::Refused(RefusalReason::OtherOrganisation),
            "stranger" => RecipientOutcome::Refused(RefusalReason::NotProtected),
            "unproven" => RecipientOutcome::Refused(RefusalReason::ProofFailed),
            "panic-rcpt" => panic!("asked for"),
            _ => {
                self.accepted.push(local);
                RecipientOutcome::Accepted(Script::next_hop(250, (2, 1, 5), "ok"))
            }
        }
    }

    fn accepted(&self) -> usize {
        self.accepted.len()
    }

    async fn finish(mut self: Box<Self>, octets: Bytes, bare_newlines: bool) -> Disposition {
        self.events.try_send(Event::Finishing).unwrap();
        let is = |name: &str| self.accepted.iter().any(|local| local == name);
        let disposition = if is("panic") {
            panic!("asked for")
        } else if is("held") {
            Disposition::Held(QuarantineId(Ulid(1)))
        } else if is("bounced") {
            Disposition::RefusedByNextHop(Script::next_hop(554, (5, 6, 0), "content refused"))
        } else {
            if is("slow") {
                self.permits.acquire().await.unwrap().forget();
            }
            Disposition::Relayed(Script::next_hop(250, (2, 6, 0), "queued"))
        };
        self.finished = true;
        self.events.try_send(Event::Finished(octets, bare_newlines)).unwrap();
        disposition
    }
}

impl Drop for ScriptTransaction {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody listens any more when the test is over.
            drop(self.events.try_send(Event::Aborted));
        }
    }
}
