//! Deciding over held mail: releasing, rejecting, deleting, and the steps in between.
//!
//! Every decision is one transaction: the state moves along [`HeldState::may_become`], the outbox gets what is to be
//! sent, the audit learns who and why. Reasons and recipients are private fields there.

use super::error::StoreError;
use super::quarantine::{fetch, state_of};
use super::{Store, audit, bounded};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{EmailAddress, Envelope, HeldState, OrgId, QuarantineId};
use crate::ports::OutboxMail;
use serde_json::{Value, json};
use sqlx::AnyConnection;

/// A decision to release.
#[derive(Clone, Debug)]
pub struct ReleaseOrder<'a> {
    /// A subset of the stored recipients; empty for all of them.
    pub to: &'a [EmailAddress],
    /// Why, in words: never empty.
    pub reason: &'a str,
    /// Who decided.
    pub actor: &'a str,
    /// Notices to the administrators, queued in the same transaction.
    pub notices: Vec<OutboxMail>,
}

impl Store {
    /// Queues a release: the state becomes `releasing` and the outbox has it, both or neither. Returns the new state's
    /// envelope, which names exactly the recipients of this release.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Transition`]; [`StoreError::Invalid`] for an address that is not in the
    /// stored envelope or an empty reason.
    pub async fn release(
        &self,
        org: OrgId,
        id: QuarantineId,
        order: ReleaseOrder<'_>,
    ) -> Result<Envelope, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let row = fetch(&mut write, org, id).await?.ok_or(StoreError::NotFound("quarantine entry"))?;
        let mut envelope = self.detail(org, id, &row)?.envelope;
        let all = envelope.recipients.len();
        for address in order.to {
            if !envelope.recipients.iter().any(|recipient| recipient.address == *address) {
                return Err(StoreError::Invalid(
                    "a release goes to recipients of the stored envelope only".to_owned(),
                ));
            }
        }
        if !order.to.is_empty() {
            envelope.recipients.retain(|recipient| order.to.contains(&recipient.address));
        }
        let now = self.clock.now_ms();
        step(&mut write, org, id, HeldState::Releasing, now).await?;
        self.enqueue_release(&mut write, org, id, &envelope).await?;
        for notice in &order.notices {
            self.enqueue_notice(&mut write, notice, Some(id)).await?;
        }
        let recipients: Vec<String> = envelope.recipients.iter().map(|r| r.address.folded()).collect();
        let counts = json!({ "recipients": recipients.len(), "of": all });
        let private = json!({ "reason": reason(order.reason)?, "recipients": recipients });
        let action = AuditAction::QuarantineRelease;
        self.note_private(&mut write, org, order.actor, action, id, counts, private).await?;
        write.commit().await?;
        Ok(envelope)
    }

    /// Fraud confirmed: the body stays as evidence.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Transition`].
    pub async fn reject(
        &self,
        org: OrgId,
        id: QuarantineId,
        why: Option<&str>,
        actor: &str,
    ) -> Result<(), StoreError> {
        self.decide(org, id, HeldState::Rejected, why, actor).await
    }

    /// The body goes, the row stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Transition`], [`StoreError::Invalid`] for an empty reason,
    /// [`StoreError::Conflict`] for an entry that a legal hold keeps.
    pub async fn delete(
        &self,
        org: OrgId,
        id: QuarantineId,
        why: &str,
        actor: &str,
    ) -> Result<(), StoreError> {
        self.decide(org, id, HeldState::Deleted, Some(why), actor).await?;
        // Row first: a crash here leaves a sealed body that `sweep_bodies` removes, never an entry without its body.
        Ok(self.bodies.delete(org, id).await?)
    }

    /// A step that moves no mail: claiming, giving back, approving, expiring.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Transition`]; [`StoreError::Invalid`] for states that have a function
    /// of their own.
    pub async fn transition(
        &self,
        org: OrgId,
        id: QuarantineId,
        to: HeldState,
        why: Option<&str>,
        actor: &str,
    ) -> Result<(), StoreError> {
        match to {
            HeldState::Held | HeldState::Claimed | HeldState::Approved | HeldState::Expired => {
                self.decide(org, id, to, why, actor).await
            }
            _ => Err(StoreError::Invalid(format!("an entry is not simply made {}", to.as_str()))),
        }
    }

    /// Removes bodies of one organisation that no undeleted row names and that are older than `limits::ORPHAN_AGE`:
    /// what a crash between body and row, or between row and deletion, left behind. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] of database and disk.
    pub async fn sweep_bodies(&self, org: OrgId) -> Result<usize, StoreError> {
        let mut removed = 0_usize;
        let mut old = self.bodies.older_than(org, self.clock.now_ms(), limits::ORPHAN_AGE).await?;
        while let Some(id) = old.next().await? {
            let mut read = self.database.scope(org).read().await?;
            let named = match state_of(&mut read, org, id).await {
                Ok(state) => state != HeldState::Deleted,
                Err(StoreError::NotFound(_)) => false,
                Err(error) => return Err(error),
            };
            if !named {
                self.bodies.delete(org, id).await?;
                removed = removed.saturating_add(1);
            }
        }
        if removed > 0 {
            let mut write = self.database.scope(org).write().await?;
            let detail = json!({ "count": removed });
            self.note(&mut write, org, "system", AuditAction::QuarantineSweep, "bodies", detail).await?;
            write.commit().await?;
        }
        Ok(removed)
    }

    async fn decide(
        &self,
        org: OrgId,
        id: QuarantineId,
        to: HeldState,
        why: Option<&str>,
        actor: &str,
    ) -> Result<(), StoreError> {
        let private = json!({ "reason": why.map(reason).transpose()? });
        let mut write = self.database.scope(org).write().await?;
        if to == HeldState::Deleted {
            self.not_held_by_law(&mut write, org, id).await?;
        }
        let from = step(&mut write, org, id, to, self.clock.now_ms()).await?;
        let detail = json!({ "from": from.as_str(), "to": to.as_str() });
        self.note_private(&mut write, org, actor, decision(to), id, detail, private).await?;
        write.commit().await
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of one audit entry")]
    async fn note_private(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        actor: &str,
        action: AuditAction,
        id: QuarantineId,
        detail: Value,
        private: Value,
    ) -> Result<(), StoreError> {
        let (at, subject) = (self.clock.now_ms(), id.to_string());
        let event =
            audit::Event { org, at, actor, action, subject: &subject, detail, private: Some(private) };
        audit::append(write, self.keyring.as_ref(), event).await
    }
}

/// What the audit calls a step to this state that no outbox row concludes.
fn decision(to: HeldState) -> AuditAction {
    match to {
        HeldState::Held => AuditAction::QuarantineHeld,
        HeldState::Claimed => AuditAction::QuarantineClaimed,
        HeldState::Approved => AuditAction::QuarantineApproved,
        HeldState::Releasing => AuditAction::QuarantineRelease,
        HeldState::Released => AuditAction::QuarantineReleased,
        HeldState::Rejected => AuditAction::QuarantineRejected,
        HeldState::Deleted => AuditAction::QuarantineDeleted,
        HeldState::Expired => AuditAction::QuarantineExpired,
    }
}

/// Moves an entry along the state table within the caller's transaction; returns the state it was in.
pub(super) async fn step(
    write: &mut AnyConnection,
    org: OrgId,
    id: QuarantineId,
    to: HeldState,
    now: i64,
) -> Result<HeldState, StoreError> {
    let from = state_of(&mut *write, org, id).await?;
    if !from.may_become(to) {
        return Err(StoreError::Transition { from, to });
    }
    // The old state is asked for again: on an engine with row locks somebody may have been faster.
    let sql =
        "UPDATE quarantine SET state = $1, updated_at = $2 WHERE org_id = $3 AND id = $4 AND state = $5";
    let moved = sqlx::query(sql)
        .bind(to.as_str())
        .bind(now)
        .bind(org.to_string())
        .bind(id.to_string())
        .bind(from.as_str())
        .execute(write)
        .await?;
    if moved.rows_affected() == 1 { Ok(from) } else { Err(StoreError::Transition { from, to }) }
}

fn reason(text: &str) -> Result<&str, StoreError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(StoreError::Invalid("a reason is needed".to_owned()));
    }
    Ok(bounded(text))
}
