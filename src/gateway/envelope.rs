//! RCPT by RCPT: which organisation, is this a protected mailbox, what does the next hop say.

use super::{Transaction, outcome, proof};
use crate::act;
use crate::limits;
use crate::model::{OrgId, Organisation, PeerStanding, Recipient, RecipientOutcome, RefusalReason};
use crate::telemetry::{self, Alarm};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

impl Transaction {
    /// Answers one RCPT. The onward transaction opens with the first recipient that is ours to accept, so the sender
    /// sees the next hop's own answer for each.
    pub(super) async fn offer(&mut self, recipient: Recipient) -> RecipientOutcome {
        let organisation = match self.organisation_for(&recipient) {
            Ok(organisation) => organisation,
            Err(reason) => return RecipientOutcome::Refused(reason),
        };
        let answer = match &mut self.onward {
            Some(onward) => onward.recipient(&recipient).await,
            None => {
                if let Err(reason) = self.reserve_unproven(&organisation) {
                    return RecipientOutcome::Refused(reason);
                }
                let envelope = &self.mail.envelope;
                let (path, parameters) = (&envelope.reverse_path, &envelope.parameters);
                let opened = self.gateway.next_hop.open(&organisation, path, parameters, &recipient).await;
                opened.map(|(onward, reply)| {
                    self.onward = Some(onward);
                    // From here on, whatever the answer: no other organisation's recipient may ride on this connection.
                    self.organisation = Some(Arc::clone(&organisation));
                    reply
                })
            }
        };
        match answer {
            Ok(reply) if reply.is_positive() => {
                self.mail.envelope.recipients.push(recipient);
                RecipientOutcome::Accepted(reply)
            }
            Ok(reply) => RecipientOutcome::RefusedByNextHop(reply),
            Err(error) => RecipientOutcome::Refused(outcome::of_onward_error(&error, self.mail.id)),
        }
    }

    /// The organisation that protects the recipient, if this peer may speak for it and the transaction is not
    /// already another organisation's.
    fn organisation_for(&self, recipient: &Recipient) -> Result<Arc<Organisation>, RefusalReason> {
        let book = &self.gateway.book;
        if !book.is_loaded() {
            return Err(RefusalReason::LocalTrouble);
        }
        let standing = self.mail.peer.standing;
        let Some(organisation) = book.by_recipient(&recipient.address) else {
            return Err(match book.by_domain(&recipient.address) {
                // As for a protected address: a stranger learns nothing from the difference and rings no bell.
                Some(_) if standing == PeerStanding::Unknown => RefusalReason::ProofFailed,
                Some(organisation) => {
                    let detail = "mail for an address of the organisation's own domain that is not a protected mailbox";
                    telemetry::alarm(Alarm::OwnDomainNotProtected, Some(organisation.id), detail);
                    RefusalReason::OwnDomainNotProtected
                }
                None if standing == PeerStanding::Unknown => RefusalReason::UnknownPeer,
                None => RefusalReason::NotProtected,
            });
        };
        if standing != PeerStanding::Unknown && book.is_away(organisation.id) {
            return Err(RefusalReason::LocalTrouble);
        }
        if let Err(reason) = proof::by_connection(standing, &organisation) {
            // Strangers must not be able to ring alarms; Exchange without a registered tenant is our own omission.
            if standing != PeerStanding::Unknown {
                let detail =
                    "Exchange hands mail over, but the organisation has no tenant id or no ingress token";
                telemetry::alarm(Alarm::ProofFailed, Some(organisation.id), detail);
            }
            return Err(reason);
        }
        match &self.organisation {
            Some(first) if first.id != organisation.id => Err(RefusalReason::OtherOrganisation),
            _ => Ok(organisation),
        }
    }

    /// Until the headers prove the tenant, a peer outside the trusted ranges holds one of the organisation's places.
    fn reserve_unproven(&mut self, organisation: &Organisation) -> Result<(), RefusalReason> {
        if self.unproven.is_none() && self.mail.peer.standing != PeerStanding::Trusted {
            let guard = Unproven::reserve(&self.gateway.unproven, organisation.id)
                .ok_or(RefusalReason::TooManyUnproven)?;
            self.unproven = Some(guard);
        }
        Ok(())
    }

    /// What the connection could not prove, the headers must; and no message passes us a third time.
    pub(super) fn prove(&self, organisation: &Organisation) -> Result<(), RefusalReason> {
        if let Err(reason) = proof::by_headers(self.mail.peer.standing, organisation, &self.mail.octets) {
            let detail = "tenant id, originator or ingress token is missing, doubled or wrong";
            telemetry::alarm(Alarm::ProofFailed, Some(organisation.id), detail);
            return Err(reason);
        }
        let too_often = self.passes(organisation) >= limits::MAX_OWN_PASSES;
        if too_often || proof::received_fields(&self.mail.octets) > limits::MAX_RECEIVED_FIELDS {
            let detail =
                "a message came a third time: the return rule does not recognise what Sentra hands back";
            telemetry::alarm(Alarm::Loop, Some(organisation.id), detail);
            return Err(RefusalReason::Loop);
        }
        Ok(())
    }

    /// How often this message has passed us already for these recipients.
    pub(super) fn passes(&self, organisation: &Organisation) -> usize {
        let keyring = self.gateway.keyring.as_ref();
        act::passes(&self.mail.octets, organisation, &self.mail.envelope.recipients, keyring)
    }
}

/// Counts unproven transactions per organisation.
#[derive(Default)]
pub struct Unproven(Mutex<HashMap<OrgId, usize>>);

/// One counted transaction; counts down when dropped.
pub(super) struct UnprovenGuard(Arc<Unproven>, OrgId);

impl Unproven {
    /// Takes a place, or says that none is left.
    fn reserve(this: &Arc<Self>, org: OrgId) -> Option<UnprovenGuard> {
        let mut counts = this.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(org).or_default();
        if *count >= limits::MAX_UNPROVEN_TRANSACTIONS {
            return None;
        }
        *count = count.saturating_add(1);
        Some(UnprovenGuard(Arc::clone(this), org))
    }
}

impl Drop for UnprovenGuard {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_has_a_bounded_number_of_unproven_transactions() {
        let counter = Arc::new(Unproven::default());
        let org = OrgId(ulid::Ulid::nil());
        let mut held: Vec<_> = (0..limits::MAX_UNPROVEN_TRANSACTIONS)
            .map(|_| Unproven::reserve(&counter, org).expect("a place"))
            .collect();
        assert!(Unproven::reserve(&counter, org).is_none());
        held.pop();
        assert!(Unproven::reserve(&counter, org).is_some());
    }
}
