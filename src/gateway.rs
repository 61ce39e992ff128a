//! The story of one message, from MAIL FROM to the reply after the data.
//!
//! [`Inspector::inspect`] is the part that looks and judges (parse, extract, gather, establish, judge); it is the same
//! for the wire and for `sentra check`. [`Transaction`] is the part that answers: recipients against the organisations,
//! proof of the tenant, then deliver, tag or quarantine, and the record.
//!
//! Four laws hold here: 250 only after someone else holds the mail or it is committed here; received octets are
//! spliced, never re-serialised; a failure to look is a fact; clean mail leaves byte-identical below what we prepend.

mod envelope;
mod outcome;
pub mod proof;
mod seal;
mod stopwatch;
mod untouchable;

use crate::act;
use crate::evidence::{self, Sources};
use crate::extract;
use crate::facts;
use crate::limits;
use crate::message;
use crate::model::{
    Action, Disposition, Document, Evidence, Facts, HeldSupplier, MailId, MailParameters, Message, Mode,
    Organisation, PaymentClaims, Peer, Places, ReceivedMail, Recipient, RecipientOutcome, RefusalReason,
    ReversePath, StageTimings, SupplierId, Verdict,
};
use crate::ports::{
    ChainSealer, Clock, Companions, DocumentReader, DocumentRequest, IdSource, Journal, Keyring, MailHandler,
    MailTransaction, NextHop, OnwardTransaction, OrganisationBook, QuarantineStore,
};
use crate::rules::{RuleSet, RunningRules};
use crate::telemetry::{self, Alarm};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use stopwatch::Stopwatch;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

pub use envelope::Unproven;

/// Looks at a message and judges it. Nothing it does changes anything.
pub struct Inspector {
    /// Sender authentication, supplier directory, history.
    pub sources: Sources,
    /// Opens what is not text, where it can do no harm.
    pub documents: Arc<dyn DocumentReader>,
    /// The running rules, with what organisations change about them.
    pub rules: Arc<RunningRules>,
    /// Bounds the inspections that run beside the async threads.
    pub blocking: Arc<Semaphore>,
}

/// Everything that is known about a message once it has been judged.
pub struct Inspection {
    /// Message, claims, and the answers from outside.
    pub evidence: Evidence,
    /// What was established.
    pub facts: Facts,
    /// The judgement.
    pub verdict: Verdict,
    /// How long each stage took.
    pub timings: StageTimings,
}

impl Inspector {
    /// The journey from octets to verdict, one stage a line. Never fails: what could not be looked at is a fact.
    pub async fn inspect(&self, organisation: &Arc<Organisation>, mail: &ReceivedMail) -> Inspection {
        let mut watch = Stopwatch::start();

        let rules = self.rules_of(organisation).await;
        let message = self.parse(mail).await;
        watch.lap(|timings| &mut timings.parse);
        let documents = self.read_documents(&message).await;
        let mut claims = self.extract(mail, &message, documents).await;
        if let Some(table) = rules.modulus() {
            claims.check_uk_modulus(table);
        }
        watch.lap(|timings| &mut timings.extract);
        let evidence = evidence::gather(&self.sources, Arc::clone(organisation), mail, message, claims).await;
        watch.lap(|timings| &mut timings.gather);
        let facts = facts::establish(&evidence);
        let places = Places::of(&evidence.claims);
        let mut verdict = rules.judge(&facts, &places, organisation.mode);
        telemetry::metrics::rule_errors(&verdict.broken);
        if organisation.mode != Mode::Monitor && organisation.preferences.get("banner.verified") == "on" {
            verdict.show_verified();
        }
        watch.lap(|timings| &mut timings.judge);

        Inspection { evidence, facts, verdict, timings: watch.timings() }
    }

    /// The rules that judge this organisation's mail. What of its own no longer fits is told to a person.
    async fn rules_of(&self, organisation: &Arc<Organisation>) -> Arc<RuleSet> {
        if let Some(known) = self.rules.known(organisation) {
            return known;
        }
        let (running, whose) = (Arc::clone(&self.rules), Arc::clone(organisation));
        let (rules, problems) = self.elsewhere(move || running.of(&whose)).await;
        for problem in problems {
            telemetry::alarm(Alarm::OwnRules, Some(organisation.id), &problem);
        }
        rules
    }

    async fn parse(&self, mail: &ReceivedMail) -> Arc<Message> {
        let octets = mail.octets.clone();
        self.aside(octets.len(), move || Arc::new(message::parse(&octets))).await
    }

    /// Has the documents read that need a process of their own: side by side, under one deadline. Most mail has none.
    async fn read_documents(&self, message: &Message) -> extract::Documents {
        let deadline = Instant::now() + limits::DOCUMENTS_DEADLINE;
        let wanted = extract::wanted(message);
        let reads = wanted.iter().map(|part| async move {
            let request = DocumentRequest {
                name: &part.name,
                media_type: &part.media_type,
                octets: &part.octets,
                inline: part.inline,
            };
            let read = self.documents.read(request, deadline).await;
            (part.index, read.unwrap_or_else(Document::unread))
        });
        join_all(reads).await.into_iter().collect()
    }

    async fn extract(
        &self,
        mail: &ReceivedMail,
        message: &Arc<Message>,
        documents: extract::Documents,
    ) -> PaymentClaims {
        let text: usize = documents.values().map(Document::text_octets).sum();
        let message = Arc::clone(message);
        let size = mail.octets.len().max(text);
        self.aside(size, move || extract::payment_claims(&message, &documents)).await
    }

    /// Pure work on foreign octets. What is large is done off the async threads, so that one invoice of many megabytes
    /// does not make every other session wait.
    async fn aside<T: Send + 'static>(&self, octets: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
        if octets <= limits::INLINE_INSPECTION { work() } else { self.elsewhere(work).await }
    }

    /// Work on a thread of its own kind, so many at once as there are permits.
    async fn elsewhere<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.blocking).acquire_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        match task.await {
            Ok(done) => done,
            // The work panicked: resume on this task, where `finish` turns it into 451 and counts it.
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

/// The parts of a gateway; built once by the composition root, shared by every transaction.
pub struct Gateway {
    /// Name in trace fields and `Authentication-Results`.
    pub hostname: String,
    /// Looks and judges.
    pub inspector: Inspector,
    /// The organisations.
    pub book: Arc<dyn OrganisationBook>,
    /// The way on.
    pub next_hop: Arc<dyn NextHop>,
    /// Intent and outcome of each message.
    pub journal: Arc<dyn Journal>,
    /// Held mail.
    pub quarantine: Arc<dyn QuarantineStore>,
    /// Notices beside mail that cannot carry a banner.
    pub companions: Arc<dyn Companions>,
    /// Keys of the organisations.
    pub keyring: Arc<dyn Keyring>,
    /// Seals what we pass on.
    pub sealer: Arc<dyn ChainSealer>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Arc<dyn IdSource>,
    /// Words of the banners.
    pub voice: Arc<act::Voice>,
    /// Transactions per organisation whose tenant is not yet proven.
    pub unproven: Arc<Unproven>,
}

/// The gateway as the SMTP server holds it.
pub struct Handler(pub Arc<Gateway>);

#[async_trait]
impl MailHandler for Handler {
    async fn open(
        &self,
        peer: &Peer,
        reverse_path: ReversePath,
        parameters: MailParameters,
    ) -> Result<Box<dyn MailTransaction>, RefusalReason> {
        let gateway = Arc::clone(&self.0);
        let mail = ReceivedMail {
            id: MailId(gateway.ids.ulid()),
            envelope: crate::model::Envelope { reverse_path, parameters, recipients: Vec::new() },
            peer: peer.clone(),
            received_at_ms: gateway.clock.now_ms(),
            octets: Bytes::new(),
            bare_newlines: false,
        };
        Ok(Box::new(Transaction {
            gateway,
            mail,
            organisation: None,
            onward: None,
            unproven: None,
            started: Instant::now(),
        }))
    }
}

/// One transaction under way.
pub struct Transaction {
    gateway: Arc<Gateway>,
    /// What we know of the mail so far: no octets before `finish`.
    mail: ReceivedMail,
    /// Whose onward transaction it is, from the moment it opens.
    organisation: Option<Arc<Organisation>>,
    /// The next hop's side of it.
    onward: Option<Box<dyn OnwardTransaction>>,
    /// Counts against the organisation's cap until the headers prove the tenant.
    unproven: Option<envelope::UnprovenGuard>,
    started: Instant,
}

#[async_trait]
impl MailTransaction for Transaction {
    fn id(&self) -> MailId {
        self.mail.id
    }

    async fn recipient(&mut self, recipient: Recipient) -> RecipientOutcome {
        self.offer(recipient).await
    }

    fn accepted(&self) -> usize {
        self.mail.envelope.recipients.len()
    }

    /// A panic in one message's story is that message's trouble: 451, counted, the sender keeps the mail.
    async fn finish(mut self: Box<Self>, octets: Bytes, bare_newlines: bool) -> Disposition {
        self.mail.octets = octets;
        self.mail.bare_newlines = bare_newlines;
        let id = self.mail.id;
        match AssertUnwindSafe(self.journey()).catch_unwind().await {
            Ok(disposition) => disposition,
            Err(_) => {
                tracing::error!(mail_id = %id, "the message is deferred: its task panicked");
                Disposition::Refused(RefusalReason::LocalTrouble)
            }
        }
    }
}

impl Transaction {
    /// From the last octet to the reply.
    async fn journey(mut self: Box<Self>) -> Disposition {
        let received = Instant::now();
        let (Some(organisation), Some(onward)) = (self.organisation.take(), self.onward.take()) else {
            return Disposition::Refused(RefusalReason::LocalTrouble);
        };
        if let Err(reason) = self.prove(&organisation) {
            onward.abandon().await;
            return self.refused(&organisation, reason);
        }
        self.unproven = None;

        let inspecting = self.gateway.inspector.inspect(&organisation, &self.mail);
        let Ok(mut inspection) = timeout_at(received + limits::INSPECTION_HARD_STOP, inspecting).await else {
            onward.abandon().await;
            outcome::of_overload(self.mail.id, &organisation);
            return self.refused(&organisation, RefusalReason::Overloaded);
        };
        let acting = Instant::now();
        let unsaid = self.weigh_untouchable(&organisation, &mut inspection);
        let disposition = match self.intend(&organisation, &mut inspection).await {
            Err(reason) => {
                onward.abandon().await;
                Disposition::Refused(reason)
            }
            Ok(()) if inspection.verdict.action == Action::Quarantine => {
                // Side by side: a next hop that is slow to forget the transaction delays nobody's 250.
                tokio::join!(self.hold(&organisation, &inspection), onward.abandon()).0
            }
            Ok(()) => {
                let hard_stop = received + limits::VERDICT_HARD_STOP;
                self.pass_on_with_notice(&organisation, &inspection, unsaid, onward, hard_stop).await
            }
        };
        inspection.timings.act = stopwatch::micros(acting.elapsed());
        inspection.timings.total = stopwatch::micros(self.started.elapsed());
        self.record(&organisation, &inspection, &disposition);
        self.teach(&inspection, &disposition);
        disposition
    }

    /// Deliver or tag: prepend, splice, hand on.
    async fn pass_on(
        &self,
        organisation: &Arc<Organisation>,
        inspection: &Inspection,
        onward: Box<dyn OnwardTransaction>,
        hard_stop: Instant,
    ) -> Disposition {
        let gateway = &self.gateway;
        let stamp = act::Stamp {
            hostname: &gateway.hostname,
            now_ms: gateway.clock.now_ms(),
            organisation,
            keyring: gateway.keyring.as_ref(),
            auth: &inspection.evidence.auth,
            passes: self.passes(organisation),
            include_return_token: true,
            voice: &gateway.voice,
        };
        match act::compose(&self.mail, &inspection.evidence.message, &inspection.verdict, &stamp) {
            Ok(outgoing) => {
                let segments = self.sealed(organisation, inspection, outgoing).await;
                let sending = onward.send(&segments, self.mail.bare_newlines);
                match timeout_at(hard_stop, sending).await {
                    Ok(answer) => outcome::of_send(answer, self.mail.id),
                    Err(_) => outcome::of_late_send(self.mail.id, organisation.id),
                }
            }
            Err(error) => {
                onward.abandon().await;
                outcome::of_local_trouble(self.mail.id, "stamp", &error)
            }
        }
    }

    /// Quarantine: sealed, fsynced, row and notices committed, then and only then 250.
    async fn hold(&self, organisation: &Arc<Organisation>, inspection: &Inspection) -> Disposition {
        let gateway = &self.gateway;
        let now_ms = gateway.clock.now_ms();
        let (message, verdict) = (&inspection.evidence.message, &inspection.verdict);
        let supplier = identified(&inspection.facts);
        let held = act::held_mail(&self.mail, organisation, message, verdict, supplier);
        let notices = match act::notices(&held, organisation, &gateway.hostname, now_ms) {
            Ok(notices) => notices,
            Err(error) => return outcome::of_local_trouble(self.mail.id, "notices", &error),
        };
        match tokio::time::timeout(limits::HOLD_TIMEOUT, gateway.quarantine.hold(held, notices)).await {
            Ok(Ok(held)) => Disposition::Held(held.id()),
            Ok(Err(error)) => outcome::of_local_trouble(self.mail.id, "quarantine", &error),
            Err(_) => outcome::of_timeout(self.mail.id, "quarantine"),
        }
    }
}

/// The supplier that a held entry is listed under.
fn identified(facts: &Facts) -> Option<HeldSupplier> {
    let supplier = &facts.supplier;
    supplier
        .identified
        .then(|| HeldSupplier { id: SupplierId(supplier.id.clone()), name: supplier.name.clone() })
}
