//! A warning that the message cannot carry: signed, sealed, a bounce, a meeting, a charset that no ASCII fits into.
//!
//! Whoever could choose a form of mail that takes no banner would choose it. So what the banner cannot say is said by
//! a notice beside the message, or the message is held, as the organisation wants it. The laws hold here too: the
//! notice is durable before the message goes onward, and it is due once the next hop has taken that.

use super::{Inspection, Transaction, outcome};
use crate::act::{self, LeaveReason};
use crate::limits;
use crate::model::{
    Action, Class, Disposition, FailPolicy, Family, Finding, FindingCode, Mode, Organisation, Severity,
};
use crate::ports::{OnwardTransaction, PortError};
use crate::telemetry::{self, Alarm};
use std::sync::Arc;
use tokio::time::{Instant, timeout};
use ulid::Ulid;

/// The finding of a message that is held for want of another way to warn.
const CODE: &str = "WARNING_NOT_POSSIBLE";

impl Transaction {
    /// Why the recipients will not read the banner that the verdict asks for; the verdict becomes `quarantine` where
    /// the organisation holds such mail. Before anything is recorded, so that the record says what is done.
    pub(super) fn weigh_untouchable(
        &self,
        organisation: &Organisation,
        inspection: &mut Inspection,
    ) -> Option<LeaveReason> {
        let verdict = &inspection.verdict;
        if verdict.action != Action::Tag || verdict.severity < Severity::Caution {
            return None;
        }
        let reason = act::foresee(&self.mail, &inspection.evidence.message, verdict).unsaid()?;
        match (organisation.preferences.get("untouchable"), organisation.mode) {
            ("headers", _) => None,
            ("hold", Mode::Enforce) => {
                hold(inspection, reason);
                None
            }
            _ => Some(reason),
        }
    }

    /// Passes the message on; where its warning cannot stand inside, with a notice beside it.
    pub(super) async fn pass_on_with_notice(
        &self,
        organisation: &Arc<Organisation>,
        inspection: &Inspection,
        unsaid: Option<LeaveReason>,
        onward: Box<dyn OnwardTransaction>,
        hard_stop: Instant,
    ) -> Disposition {
        let Some(reason) = unsaid else {
            return self.pass_on(organisation, inspection, onward, hard_stop).await;
        };
        let rows = match self.prepare_notices(organisation, inspection, reason).await {
            Ok(rows) => rows,
            Err(error) if organisation.fail_policy == FailPolicy::DeliverUnverified => {
                let detail = format!("{} passes without its notice: {error}", self.mail.id);
                telemetry::alarm(Alarm::DeliveredUnverified, Some(organisation.id), &detail);
                Vec::new()
            }
            Err(error) => {
                onward.abandon().await;
                return outcome::of_local_trouble(self.mail.id, "companion notice", &error);
            }
        };
        let disposition = self.pass_on(organisation, inspection, onward, hard_stop).await;
        self.settle_notices(organisation, &rows, &disposition).await;
        disposition
    }

    async fn prepare_notices(
        &self,
        organisation: &Organisation,
        inspection: &Inspection,
        reason: LeaveReason,
    ) -> Result<Vec<Ulid>, PortError> {
        let gateway = &self.gateway;
        let about = act::Companion {
            organisation,
            reason,
            hostname: &gateway.hostname,
            now_ms: gateway.clock.now_ms(),
            keyring: gateway.keyring.as_ref(),
        };
        let notices = act::companions(&self.mail, &inspection.verdict, &about)?;
        if notices.is_empty() {
            return Ok(Vec::new());
        }
        telemetry::metrics::companion(reason.as_str());
        let writing = gateway.companions.prepare(organisation.id, self.mail.id, notices);
        timeout(limits::STORE_TIMEOUT, writing).await.unwrap_or_else(|_| {
            Err(PortError::Transient { what: "database", detail: "no answer in time".to_owned() })
        })
    }

    /// What became of the message decides about its notice. Nobody knows after a lost answer: then the notice goes out
    /// after its grace time, because a warning about a message that did not come harms less than one that is missing.
    async fn settle_notices(&self, organisation: &Organisation, rows: &[Ulid], disposition: &Disposition) {
        let arrived = match disposition {
            Disposition::Relayed(_) => true,
            Disposition::RefusedByNextHop(_) => false,
            Disposition::Refused(reason) if reason.is_permanent() => false,
            Disposition::Held(_) | Disposition::Refused(_) => return,
        };
        if rows.is_empty() {
            return;
        }
        let settling = self.gateway.companions.settle(organisation.id, self.mail.id, rows, arrived);
        let why = match timeout(limits::STORE_TIMEOUT, settling).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(mail.id = %self.mail.id, error = why, "a companion notice goes out after its grace time");
    }
}

fn hold(inspection: &mut Inspection, reason: LeaveReason) {
    let verdict = &mut inspection.verdict;
    verdict.action = Action::Quarantine;
    verdict.would_be = Action::Quarantine;
    verdict.findings.truncate(limits::MAX_FINDINGS.saturating_sub(1));
    verdict.findings.push(Finding {
        code: FindingCode(CODE.to_owned()),
        severity: Severity::Caution,
        class: Class::Weak,
        family: Family::Form,
        text: format!("No warning can be put into this message, because it {}.", reason.because()),
        source: None,
    });
}
