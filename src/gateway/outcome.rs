//! Record and outcome: the intent before anything leaves, the outcome and the one log line after.

use super::{Inspection, Transaction};
use crate::facts;
use crate::limits;
use crate::model::{
    Action, Category, Class, Disposition, FailPolicy, Family, Finding, FindingCode, MailId, NextHopReply,
    OrgId, Organisation, RefusalReason, Severity, StageTimings,
};
use crate::ports::{MessageRecord, OnwardError, PortError};
use crate::telemetry::{self, Alarm, MailEvent, Personal};

impl Transaction {
    /// Record before act. What changes or withholds a message is on disk first; clean mail's intent is written first
    /// and synced in batches. Without a store the organisation's policy decides: defer, or deliver with a warning.
    pub(super) async fn intend(
        &self,
        organisation: &Organisation,
        inspection: &mut Inspection,
    ) -> Result<(), RefusalReason> {
        let durable = inspection.verdict.action == Action::Tag;
        let written = async {
            let record = self.message_record(organisation, inspection)?;
            self.gateway.journal.intend(record, durable).await
        };
        let error = match tokio::time::timeout(limits::STORE_TIMEOUT, written).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "database: no answer in time".to_owned(),
        };
        let detail = format!("the intent of {} could not be written: {error}", self.mail.id);
        telemetry::alarm(Alarm::Database, Some(organisation.id), &detail);
        let may_pass = organisation.fail_policy == FailPolicy::DeliverUnverified
            && inspection.verdict.would_be != Action::Quarantine;
        if !may_pass {
            return Err(RefusalReason::LocalTrouble);
        }
        let detail = format!("{} passes with a warning, as the organisation wants it", self.mail.id);
        telemetry::alarm(Alarm::DeliveredUnverified, Some(organisation.id), &detail);
        mark_unverified(inspection);
        Ok(())
    }

    fn message_record(
        &self,
        organisation: &Organisation,
        inspection: &Inspection,
    ) -> Result<MessageRecord, PortError> {
        let verdict = &inspection.verdict;
        Ok(MessageRecord {
            id: self.mail.id,
            org: organisation.id,
            received_at_ms: self.mail.received_at_ms,
            action: verdict.action.as_str(),
            severity: verdict.severity.as_str(),
            score: verdict.score,
            category: inspection.evidence.claims.category.as_str(),
            codes: codes(&verdict.findings),
            ruleset: verdict.ruleset.clone(),
            size: u64::try_from(self.mail.octets.len()).unwrap_or(u64::MAX),
            facts: self.recorded_facts(organisation, inspection)?,
        })
    }

    /// Facts as JSON for replay: names of people and digits of accounts as keyed fingerprints, the rest (domains, a
    /// supplier's name) sealed with them under the organisation's key.
    fn recorded_facts(
        &self,
        organisation: &Organisation,
        inspection: &Inspection,
    ) -> Result<Vec<u8>, PortError> {
        let keyring = &self.gateway.keyring;
        let facts = inspection.facts.for_record(|kind, text| {
            let fingerprint = keyring.fingerprint_text(organisation.id, kind, text);
            fingerprint.map(|print| print.to_hex()).unwrap_or_default()
        });
        let mut facts = serde_json::to_vec(&facts).unwrap_or_default();
        if facts.len() > limits::MAX_RECORDED_FACTS {
            facts = br#"{"omitted":"too large"}"#.to_vec();
        }
        keyring.seal(organisation.id, &format!("messages.facts|{}", self.mail.id), &facts)
    }

    /// The outcome row, the metrics and the message's one log line.
    pub(super) fn record(
        &self,
        organisation: &Organisation,
        inspection: &Inspection,
        disposition: &Disposition,
    ) {
        let (reply_code, outcome) = reply_class(disposition);
        self.gateway.journal.outcome(organisation.id, self.mail.id, reply_code, outcome);
        let verdict = &inspection.verdict;
        self.log(
            &MailEvent {
                action: Some(verdict.action),
                would_be: Some(verdict.would_be),
                severity: verdict.severity,
                score: verdict.score,
                codes: &codes(&verdict.findings),
                category: inspection.evidence.claims.category,
                sender_auth: inspection.evidence.auth.outcome(),
                sender_auth_method: inspection.evidence.auth.method.as_str(),
                outcome,
                reply_code,
                next_hop_code: match disposition {
                    Disposition::Relayed(reply) | Disposition::RefusedByNextHop(reply) => Some(reply.code),
                    Disposition::Held(_) | Disposition::Refused(_) => None,
                },
                timings: inspection.timings,
                ..self.event(organisation)
            },
            &inspection.evidence.message.subject,
        );
    }

    /// What reached its mailbox becomes history; what was held does once it is released. A message that would have been
    /// held and passed only because of the organisation's mode teaches no more than that somebody wrote.
    pub(super) fn teach(&self, inspection: &Inspection, disposition: &Disposition) {
        let history = &self.gateway.inspector.sources.history;
        let lesson = |believed| facts::lesson(&inspection.evidence, &inspection.facts, believed);
        match disposition {
            Disposition::Relayed(_) => {
                history.learn(lesson(inspection.verdict.would_be != Action::Quarantine));
            }
            Disposition::Held(id) => history.keep(*id, lesson(true)),
            Disposition::RefusedByNextHop(_) | Disposition::Refused(_) => {}
        }
    }

    /// A message that was refused before it was looked at.
    pub(super) fn refused(&self, organisation: &Organisation, reason: RefusalReason) -> Disposition {
        let disposition = Disposition::Refused(reason);
        let (reply_code, outcome) = reply_class(&disposition);
        self.log(&MailEvent { reply_code, outcome, ..self.event(organisation) }, "");
        disposition
    }

    /// What every line about this transaction says.
    fn event(&self, organisation: &Organisation) -> MailEvent<'static> {
        MailEvent {
            mail_id: self.mail.id,
            org: Some(organisation.id),
            peer_ip: Some(self.mail.peer.ip),
            size: u64::try_from(self.mail.octets.len()).unwrap_or(u64::MAX),
            action: None,
            would_be: None,
            severity: Severity::None,
            score: 0,
            codes: "",
            category: Category::Other,
            sender_auth: "",
            sender_auth_method: "",
            outcome: "",
            reply_code: 0,
            next_hop_code: None,
            timings: StageTimings::default(),
            personal: None,
        }
    }

    /// Who and what is put together only where the operator switched personal data on.
    fn log(&self, event: &MailEvent<'_>, subject: &str) {
        if !telemetry::personal_data() {
            telemetry::mail_event(event);
            return;
        }
        let envelope = &self.mail.envelope;
        let mail_from = envelope.reverse_path.to_string();
        let recipients: Vec<String> = envelope.recipients.iter().map(|to| to.address.to_string()).collect();
        let recipients = recipients.join(",");
        let personal = Some(Personal { mail_from: &mail_from, recipients: &recipients, subject });
        telemetry::mail_event(&MailEvent { personal, ..*event });
    }
}

/// Codes of the findings, comma-separated, each once, loudest first.
fn codes(findings: &[Finding]) -> String {
    let mut list: Vec<&str> = Vec::new();
    for finding in findings {
        if !list.contains(&finding.code.0.as_str()) {
            list.push(&finding.code.0);
        }
    }
    list.join(",")
}

/// The organisation chose to receive mail while the store is away: it always carries a warning.
fn mark_unverified(inspection: &mut Inspection) {
    let verdict = &mut inspection.verdict;
    let text = "This message could not be checked against your records.".to_owned();
    verdict.action = Action::Tag;
    verdict.severity = verdict.severity.max(Severity::Caution);
    if verdict.headline.is_empty() {
        verdict.headline.clone_from(&text);
        verdict.advice =
            "Before paying, compare the bank details with your records and call the supplier on the number you have on file."
                .to_owned();
    }
    verdict.findings.insert(
        0,
        Finding {
            code: FindingCode("DELIVERED_UNVERIFIED".to_owned()),
            severity: Severity::Caution,
            class: Class::Strong,
            family: Family::Form,
            text,
            source: None,
        },
    );
}

/// Reply code and outcome word of a disposition.
fn reply_class(disposition: &Disposition) -> (u16, &'static str) {
    match disposition {
        Disposition::Relayed(reply) => (reply.code, "relayed"),
        Disposition::Held(_) => (250, "held"),
        Disposition::RefusedByNextHop(reply) if reply.is_transient() => (reply.code, "deferred"),
        Disposition::RefusedByNextHop(reply) => (reply.code, "rejected"),
        Disposition::Refused(reason) if reason.is_permanent() => (550, "refused"),
        Disposition::Refused(_) => (451, "deferred"),
    }
}

/// The next hop's answer after the data.
pub(super) fn of_send(answer: Result<NextHopReply, OnwardError>, id: MailId) -> Disposition {
    match answer {
        Ok(reply) if reply.is_positive() => Disposition::Relayed(reply),
        Ok(reply) => Disposition::RefusedByNextHop(reply),
        Err(error) => Disposition::Refused(of_onward_error(&error, id)),
    }
}

/// Configuration and outages are ours to repair: 451 and an alarm. What the message itself needs and the next hop
/// does not offer is told to the sender.
pub(super) fn of_onward_error(error: &OnwardError, id: MailId) -> RefusalReason {
    match error {
        OnwardError::NotExpressible(reason) => *reason,
        OnwardError::Unavailable { .. } | OnwardError::Uncertain { .. } => {
            telemetry::alarm(Alarm::NextHop, None, &format!("{id}: {error}"));
            RefusalReason::NextHopUnavailable
        }
    }
}

/// The next hop's answer did not come in time. Whether it took the message nobody knows, so the sender keeps it.
pub(super) fn of_late_send(id: MailId, org: OrgId) -> Disposition {
    telemetry::alarm(Alarm::NextHop, Some(org), &format!("{id}: no answer to the data in time"));
    Disposition::Refused(RefusalReason::NextHopUnavailable)
}

/// The message could not be looked at in time. The sender keeps it.
pub(super) fn of_overload(id: MailId, organisation: &Organisation) {
    tracing::error!(mail.id = %id, org.id = %organisation.id, "a message could not be inspected in time and is deferred");
}

/// Store or keys failed: the sender keeps the mail.
pub(super) fn of_local_trouble(id: MailId, stage: &'static str, error: &PortError) -> Disposition {
    telemetry::alarm(Alarm::Database, None, &format!("{id}: {stage}: {error}"));
    Disposition::Refused(RefusalReason::LocalTrouble)
}

/// The same, when no answer came in time.
pub(super) fn of_timeout(id: MailId, stage: &'static str) -> Disposition {
    telemetry::alarm(Alarm::Database, None, &format!("{id}: {stage}: no answer in time"));
    Disposition::Refused(RefusalReason::LocalTrouble)
}
