//! The steps of a case, and who may take them.
//!
//! A call and an approval are by two different users, and neither the requester nor the caller approves. The operator of
//! the machine counts as one person who may only say no: a decision for an account has the names of two people.

use super::{Case, CaseDetail, Person};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{StoreError, WriteTransaction};
use crate::adapters::suppliers::batches::{BatchKind, NewBatch};
use crate::adapters::suppliers::draft::Author;
use crate::adapters::suppliers::plan::state_change;
use crate::adapters::suppliers::records::{StoredAccount, SupplierRecords, hidden};
use crate::adapters::suppliers::rows::{seal, sealed};
use crate::limits;
use crate::model::{AccountState, OrgId};

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The supplier says that the account is theirs.
    Confirmed,
    /// The supplier says that it is not: the account is blocked.
    Denied,
    /// Nobody answered: the case stays open.
    NoAnswer,
}

impl CallOutcome {
    /// The name in SQL, JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Denied => "denied",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// What a step led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// State of the case now.
    pub state: &'static str,
    /// State of the account now.
    pub account: AccountState,
    /// The organisation's new generation.
    pub generation: i64,
}

/// A step at work.
struct Step<'a> {
    write: WriteTransaction,
    batch: String,
    detail: CaseDetail,
    by: &'a Person,
}

impl SupplierRecords {
    /// Records a call to the supplier. `number` is the row id of a number on its record; without it the only usable one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when the person, the number or the state does not allow it.
    pub async fn call_back(
        &self,
        org: OrgId,
        id: &str,
        number: Option<&str>,
        outcome: CallOutcome,
        note: &str,
        by: &Person,
    ) -> Result<Decided, StoreError> {
        may_decide(by)?;
        let mut step = self.step(org, id, by).await?;
        undecided(&step.detail.case)?;
        let number = callable(&step.detail, number)?.to_owned();
        let state = match outcome {
            CallOutcome::Confirmed => "called",
            CallOutcome::Denied => "rejected",
            CallOutcome::NoAnswer => "open",
        };
        let now = self.clock.now_ms();
        let note = self.sealed_text(org, sealed::CASE_NOTE, id, note)?;
        let denied = outcome == CallOutcome::Denied;
        sqlx::query(
            "UPDATE cases SET state = $1, call_value_id = $2, call_outcome = $3, called_by = $4, called_at = $5, \
             sealed_note = $6, decided_by = $7, decided_at = $8, change_id = $9, updated_at = $5 \
             WHERE org_id = $10 AND id = $11",
        )
        .bind(state)
        .bind(&number)
        .bind(outcome.as_str())
        .bind(by.actor())
        .bind(now)
        .bind(note)
        .bind(denied.then(|| by.actor().to_owned()))
        .bind(denied.then_some(now))
        .bind(&step.batch)
        .bind(org.to_string())
        .bind(id)
        .execute(&mut *step.write)
        .await?;
        let blocked = if denied { Some((AccountState::Blocked, None)) } else { None };
        let audit = serde_json::json!({ "number": number, "outcome": outcome.as_str() });
        self.take(org, step, state, blocked, false, (AuditAction::CaseCall, audit)).await
    }

    /// Approves a case whose call was confirmed: the account becomes `verified`; with `retire` the one that it takes
    /// the place of is retired.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when the person or the state does not allow it.
    pub async fn approve(
        &self,
        org: OrgId,
        id: &str,
        retire: bool,
        by: &Person,
    ) -> Result<Decided, StoreError> {
        may_decide(by)?;
        let mut step = self.step(org, id, by).await?;
        let case = &step.detail.case;
        undecided(case)?;
        if case.state != "called" || case.call_outcome.as_deref() != Some("confirmed") {
            return Err(conflict("the supplier was not called yet, or did not confirm the account"));
        }
        if case.called_by.as_deref() == Some(by.actor()) || case.requested_by == by.actor() {
            return Err(conflict(
                "whoever asked for it or made the call cannot approve it: a second person must",
            ));
        }
        let standing =
            case.call_value.as_ref().is_some_and(|id| step.detail.numbers.iter().any(|n| n.id == *id));
        if !standing {
            return Err(conflict("the number that was called is no longer on the record; call again"));
        }
        if !matches!(account(&step.detail)?.account.state, AccountState::Pending | AccountState::Retired) {
            return Err(conflict("the account was blocked or verified meanwhile"));
        }
        let now = self.clock.now_ms();
        decide(&mut step, org, id, "approved", None, now).await?;
        let how = format!("case:{id}");
        let audit = serde_json::json!({ "called_by": step.detail.case.called_by, "retire": retire });
        let verified = Some((AccountState::Verified, Some(how)));
        self.take(org, step, "approved", verified, retire, (AuditAction::CaseApprove, audit)).await
    }

    /// Rejects a case; one person suffices, the operator too. With `fraud` the account is blocked, else retired.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] without a reason; [`StoreError::Conflict`] when it is decided.
    pub async fn reject(
        &self,
        org: OrgId,
        id: &str,
        reason: &str,
        fraud: bool,
        by: &Person,
    ) -> Result<Decided, StoreError> {
        if *by != Person::Operator {
            may_decide(by)?;
        }
        if reason.trim().is_empty() {
            return Err(StoreError::Invalid("a rejection needs a reason".to_owned()));
        }
        let mut step = self.step(org, id, by).await?;
        undecided(&step.detail.case)?;
        let now = self.clock.now_ms();
        let reason = self.sealed_text(org, sealed::CASE_REASON, id, reason)?;
        decide(&mut step, org, id, "rejected", reason, now).await?;
        let state = if fraud { AccountState::Blocked } else { AccountState::Retired };
        let audit = serde_json::json!({ "fraud": fraud });
        self.take(org, step, "rejected", Some((state, None)), false, (AuditAction::CaseReject, audit)).await
    }

    async fn step<'a>(&self, org: OrgId, id: &str, by: &'a Person) -> Result<Step<'a>, StoreError> {
        let new = NewBatch {
            kind: BatchKind::Case,
            actor: by.actor(),
            source: "case",
            hash: None,
            verified: false,
        };
        let (mut write, batch) = self.change(org, &new).await?;
        let hidden = hidden(&mut write, org).await?;
        let case = self.one(&mut write, org, &hidden, id).await?.ok_or(StoreError::NotFound("case"))?;
        let supplier = self.standing(&mut write, org, &hidden, &case.supplier).await?;
        let numbers = self.numbers(&mut write, org, &supplier).await?;
        Ok(Step { write, batch, detail: CaseDetail { case, supplier, numbers }, by })
    }

    /// Gives the account its state, retires the replaced one where asked, writes the audit entry and commits.
    async fn take(
        &self,
        org: OrgId,
        step: Step<'_>,
        state: &'static str,
        becomes: Option<(AccountState, Option<String>)>,
        retire: bool,
        (action, audit): (AuditAction, serde_json::Value),
    ) -> Result<Decided, StoreError> {
        let Step { write, batch, detail, by } = step;
        let author = Author {
            keyring: &*self.keyring,
            ids: &*self.ids,
            org,
            batch: &batch,
            actor: by.actor(),
            source: "case",
            now: self.clock.now_ms(),
        };
        let supplier = detail.supplier.id.0.as_str();
        let found = account(&detail)?;
        let mut account = found.account.state;
        let mut changes = Vec::new();
        if let Some((state, how)) = becomes
            // One person makes nothing better than it is: what is blocked stays so.
            && (account != AccountState::Blocked || how.is_some())
            && account != state
        {
            changes.push(state_change(&author, supplier, found, state, how.as_deref())?);
            account = state;
        }
        let replaced = detail.replaced().filter(|old| retire && old.account.state == AccountState::Verified);
        if let Some(old) = replaced {
            changes.push(state_change(&author, supplier, old, AccountState::Retired, None)?);
        }
        let event = (by.audited(), action, detail.case.id.as_str(), audit);
        let generation = self.finish(write, org, &batch, changes, event).await?;
        Ok(Decided { state, account, generation })
    }

    fn sealed_text(
        &self,
        org: OrgId,
        context: &str,
        row: &str,
        text: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let text: String = text.trim().chars().take(limits::MAX_STORED_TEXT).collect();
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(seal(&*self.keyring, org, context, row, &text)?))
    }
}

async fn decide(
    step: &mut Step<'_>,
    org: OrgId,
    id: &str,
    state: &str,
    reason: Option<Vec<u8>>,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE cases SET state = $1, decided_by = $2, decided_at = $3, sealed_reason = $4, change_id = $5, \
         updated_at = $3 WHERE org_id = $6 AND id = $7",
    )
    .bind(state)
    .bind(step.by.actor())
    .bind(now)
    .bind(reason)
    .bind(&step.batch)
    .bind(org.to_string())
    .bind(id)
    .execute(&mut *step.write)
    .await?;
    Ok(())
}

fn account(detail: &CaseDetail) -> Result<&StoredAccount, StoreError> {
    let found = detail.supplier.accounts.iter().find(|account| account.id == detail.case.account_id);
    found.ok_or_else(|| conflict("the account is no longer on the supplier's record"))
}

/// The number to call: the one named, or the only usable one.
fn callable<'a>(detail: &'a CaseDetail, wanted: Option<&str>) -> Result<&'a str, StoreError> {
    let usable: Vec<_> = detail.numbers.iter().filter(|number| number.usable).collect();
    match (wanted, usable.as_slice()) {
        (Some(id), _) => match detail.numbers.iter().find(|number| number.id == id) {
            Some(number) if number.usable => Ok(&number.id),
            Some(_) => Err(conflict(
                "this number came onto the record too recently to verify a bank change: whoever changes an account \
                 may have changed the number too",
            )),
            None => Err(StoreError::NotFound("number on the supplier's record")),
        },
        (None, [only]) => Ok(&only.id),
        (None, []) => Err(conflict(
            "the supplier has no number that was on record long enough; find one by other means, add it with \
             `sentra suppliers edit`, and reject the case if it cannot wait",
        )),
        (None, _) => Err(conflict("the supplier has several numbers: name the one that was called")),
    }
}

fn undecided(case: &Case) -> Result<(), StoreError> {
    match case.state.as_str() {
        "open" | "called" => Ok(()),
        state => Err(StoreError::Conflict(format!("the case is {state} already"))),
    }
}

/// Whether a person may call and approve.
fn may_decide(by: &Person) -> Result<(), StoreError> {
    match by {
        Person::Operator => Err(conflict(
            "the operator alone decides no case: name the person who acts, an administrator or reviewer",
        )),
        Person::User { role, .. } if role == "admin" || role == "reviewer" => Ok(()),
        Person::User { .. } => Err(conflict("only administrators and reviewers work on cases")),
    }
}

fn conflict(what: &str) -> StoreError {
    StoreError::Conflict(what.to_owned())
}
