//! Changes that a person makes to one supplier's record: what it is known by, and the states of its accounts.
//!
//! One edit is one transaction and one batch that can be undone. Values are retired, never overwritten. An account may
//! be made stricter (retired, blocked) by one person; better only by a case that two decide. A new account comes in as
//! `pending`, with a case.

use super::batches::{BatchKind, NewBatch};
use super::draft::{Author, Draft, NewAccount, NewCase};
use super::plan::{is_single, retirement, state_change, supplier_change};
use super::records::{Stored, SupplierRecords, hidden, successor};
use super::rows::ValueKind;
use crate::adapters::audit::AuditAction;
use crate::adapters::store::StoreError;
use crate::limits;
use crate::model::{
    Account, AccountState, Domain, EmailAddress, OrgId, SupplierAccount, SupplierId, is_free_mail,
};
use sqlx::{AnyConnection, Row as _};

/// One step of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditStep {
    /// Adds a value; of a kind that a supplier has one of, it takes the old one's place.
    Add(ValueKind, String),
    /// Retires a value.
    Remove(ValueKind, String),
    /// Retires an account, by its row id.
    Retire(String),
    /// Blocks an account as fraud, by its row id.
    Block(String),
    /// Adds an account as pending, with a case.
    Account(SupplierAccount),
}

/// What an edit did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Edited {
    /// The supplier, under its current id.
    pub supplier: SupplierId,
    /// The batch, for an undo; `None` when the record was as asked.
    pub batch: Option<String>,
    /// Cases opened.
    pub cases: Vec<String>,
    /// The organisation's new generation; `None` when nothing changed.
    pub generation: Option<i64>,
}

/// An edit at work.
struct Editing<'a> {
    by: Author<'a>,
    stored: &'a Stored,
    draft: Draft,
    cases: Vec<String>,
}

impl SupplierRecords {
    /// Changes one supplier's record.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] supplier or account; [`StoreError::Invalid`] for a value that is none, a domain of a
    /// free mail provider or a record that is full; [`StoreError::Conflict`] while an import is at work, or for an
    /// account that is the organisation's own.
    pub async fn edit(
        &self,
        org: OrgId,
        id: &SupplierId,
        steps: &[EditStep],
        actor: &str,
    ) -> Result<Edited, StoreError> {
        let source = "edit";
        let new = NewBatch { kind: BatchKind::Edit, actor, source, hash: None, verified: false };
        let (mut write, batch) = self.change(org, &new).await?;
        let hidden = hidden(&mut write, org).await?;
        let stored = self.standing(&mut write, org, &hidden, id).await?;
        let by = Author {
            keyring: &*self.keyring,
            ids: &*self.ids,
            org,
            batch: &batch,
            actor,
            source,
            now: self.clock.now_ms(),
        };
        let mut editing = Editing { by, stored: &stored, draft: Draft::default(), cases: Vec::new() };
        for step in steps {
            editing.step(&mut write, step).await?;
        }
        let Editing { mut draft, cases, .. } = editing;
        let supplier = stored.id.clone();
        if draft.is_empty() {
            return Ok(Edited { supplier, batch: None, cases, generation: None });
        }
        let changes = std::mem::take(&mut draft.changes);
        let detail = serde_json::json!({
            "steps": steps.iter().map(EditStep::word).collect::<Vec<_>>(), "cases_opened": cases.len(),
        });
        draft.write(&mut write, org, &batch).await?;
        let event = (actor, AuditAction::SupplierEdit, supplier.0.as_str(), detail);
        let generation = self.finish(write, org, &batch, changes, event).await?;
        Ok(Edited { supplier, batch: Some(batch), cases, generation: Some(generation) })
    }

    /// The record that an id stands for now.
    pub(super) async fn standing(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        hidden: &str,
        id: &SupplierId,
    ) -> Result<Stored, StoreError> {
        let missing = || StoreError::NotFound("supplier");
        let id = successor(read, org, hidden, &id.0).await?.ok_or_else(missing)?;
        let mut found = self.load(read, org, hidden, std::slice::from_ref(&id), false).await?;
        found.remove(&id).ok_or_else(missing)
    }
}

impl EditStep {
    /// What the audit says of it: never the value.
    fn word(&self) -> String {
        match self {
            Self::Add(kind, _) => format!("add {}", kind.as_str()),
            Self::Remove(kind, _) => format!("remove {}", kind.as_str()),
            Self::Retire(id) => format!("retire account {id}"),
            Self::Block(id) => format!("block account {id}"),
            Self::Account(_) => "add account".to_owned(),
        }
    }
}

impl Editing<'_> {
    async fn step(&mut self, read: &mut AnyConnection, step: &EditStep) -> Result<(), StoreError> {
        match step {
            EditStep::Add(kind, text) => self.add(*kind, text),
            EditStep::Remove(kind, text) => self.remove(*kind, text),
            EditStep::Retire(id) => self.stricter(id, AccountState::Retired),
            EditStep::Block(id) => self.stricter(id, AccountState::Blocked),
            EditStep::Account(account) => self.account(read, account).await,
        }
    }

    fn add(&mut self, kind: ValueKind, text: &str) -> Result<(), StoreError> {
        let text = checked(kind, text)?;
        let id = self.stored.id.0.as_str();
        let fingerprint = self.by.fingerprint(kind, &text)?;
        let stands = self.stored.active(kind).any(|value| value.fingerprint == fingerprint);
        if kind == ValueKind::Name && self.stored.name != text {
            let country = self.stored.country.as_deref();
            self.draft.changes.push(supplier_change(&self.by, self.stored, &text, country, None)?);
        }
        if stands {
            return Ok(());
        }
        if is_single(kind) {
            self.draft.changes.extend(self.stored.active(kind).map(|old| retirement(&self.by, id, old)));
        } else if self.stored.active(kind).count() >= limits::MAX_SUPPLIER_VALUES {
            let most = limits::MAX_SUPPLIER_VALUES;
            return Err(StoreError::Invalid(format!("the record has {most} values of this kind already")));
        }
        self.draft.value(&self.by, id, kind, &text)
    }

    fn remove(&mut self, kind: ValueKind, text: &str) -> Result<(), StoreError> {
        if kind == ValueKind::Name {
            return Err(StoreError::Invalid("a supplier has a name; set another one instead".to_owned()));
        }
        let fingerprint = self.by.fingerprint(kind, text.trim())?;
        let found = self.stored.active(kind).find(|value| value.fingerprint == fingerprint);
        let found = found.ok_or(StoreError::NotFound("value on this record"))?;
        self.draft.changes.push(retirement(&self.by, &self.stored.id.0, found));
        Ok(())
    }

    fn stricter(&mut self, id: &str, state: AccountState) -> Result<(), StoreError> {
        let found = self.stored.accounts.iter().find(|account| account.id == id);
        let found = found.ok_or(StoreError::NotFound("account on this record"))?;
        match found.account.state {
            same if same == state => Ok(()),
            AccountState::Blocked => {
                Err(StoreError::Conflict("a blocked account is only unblocked by a case".to_owned()))
            }
            _ => {
                self.draft.changes.push(state_change(&self.by, &self.stored.id.0, found, state, None)?);
                Ok(())
            }
        }
    }

    async fn account(
        &mut self,
        read: &mut AnyConnection,
        account: &SupplierAccount,
    ) -> Result<(), StoreError> {
        let id = self.stored.id.0.as_str();
        let fingerprint = self.by.account_fingerprint(&account.account)?;
        if self.stored.accounts.iter().any(|known| known.fingerprint == fingerprint) {
            return Ok(());
        }
        if self.stored.accounts.len() >= limits::MAX_SUPPLIER_ACCOUNTS {
            let most = limits::MAX_SUPPLIER_ACCOUNTS;
            return Err(StoreError::Invalid(format!("the record has {most} accounts already")));
        }
        for (print, _) in self.by.account_fingerprints(&account.account)? {
            not_own(read, self.by.org, &print).await?;
        }
        let state = AccountState::Pending;
        let new = NewAccount { supplier: id, fingerprint: &fingerprint, account, state, verified_how: None };
        let account_id = self.draft.account(&self.by, &new)?;
        let case = new_case(self.stored, &account_id, &fingerprint, &account.account, "person", None);
        self.cases.push(self.draft.case(&self.by, case)?);
        Ok(())
    }
}

/// A case for an account of this supplier: `changed` where a verified one stands beside it.
pub(super) fn new_case<'a>(
    stored: &'a Stored,
    account_id: &'a str,
    fingerprint: &'a str,
    account: &'a Account,
    origin: &'static str,
    origin_id: Option<String>,
) -> NewCase<'a> {
    let verified: Vec<_> =
        stored.accounts.iter().filter(|a| a.account.state == AccountState::Verified).collect();
    let kind = if verified.is_empty() { "new" } else { "changed" };
    let replaces = match verified.as_slice() {
        [only] => Some(only.id.clone()),
        _ => None,
    };
    NewCase { supplier: &stored.id.0, account_id, fingerprint, account, kind, replaces, origin, origin_id }
}

/// Refuses an account that is the organisation's own.
async fn not_own(read: &mut AnyConnection, org: OrgId, fingerprint: &str) -> Result<(), StoreError> {
    let sql = "SELECT COUNT(*) FROM own_accounts WHERE org_id = $1 AND fingerprint = $2";
    let row = sqlx::query(sql).bind(org.to_string()).bind(fingerprint).fetch_one(read).await?;
    if row.try_get::<i64, _>(0)? > 0 {
        return Err(StoreError::Conflict("this account is the organisation's own".to_owned()));
    }
    Ok(())
}

/// A value as a person typed it, fit for the record.
fn checked(kind: ValueKind, text: &str) -> Result<String, StoreError> {
    let text = text.trim();
    let plain = !text.is_empty()
        && text.chars().count() <= limits::MAX_SUPPLIER_TEXT
        && !text.chars().any(|c| c.is_control() || crate::model::is_invisible(c));
    let wrong = |what: &str| StoreError::Invalid(what.to_owned());
    if !plain {
        return Err(wrong("a value has 1 to 256 printable characters"));
    }
    match kind {
        ValueKind::Domain => {
            let domain = Domain::parse(text).map_err(|_| wrong("this is no domain"))?;
            if is_free_mail(&domain) {
                return Err(wrong("everybody writes from a free mail domain; add the exact address instead"));
            }
            Ok(domain.to_string())
        }
        ValueKind::Email => {
            Ok(EmailAddress::parse(text).map_err(|_| wrong("this is no mail address"))?.to_string())
        }
        ValueKind::Phone if text.chars().filter(char::is_ascii_digit).count() < 5 => {
            Err(wrong("a phone number has at least five digits"))
        }
        _ => Ok(text.to_owned()),
    }
}
