//! The accounts of one supplier of a feed: what an import may change of them, and what becomes a case.

use super::known::Elsewhere;
use super::{Planned, Session};
use crate::adapters::store::StoreError;
use crate::adapters::suppliers::draft::{Author, Draft, NewAccount, NewCase};
use crate::adapters::suppliers::feed::Lifecycle;
use crate::adapters::suppliers::plan::{account_face, granted, state_change};
use crate::adapters::suppliers::records::StoredAccount;
use crate::adapters::suppliers::report::{AccountChange, SharedAccount, note};
use crate::limits;
use crate::model::{AccountState, SupplierAccount, SupplierId};
use std::collections::BTreeSet;

impl Session<'_> {
    /// Adds new accounts and changes states as far as the import may; the rest becomes cases.
    pub(super) fn accounts(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        elsewhere: &Elsewhere,
        handled: &BTreeSet<String>,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let known = planned.stored.map(|stored| stored.accounts.as_slice()).unwrap_or_default();
        let mut room = limits::MAX_SUPPLIER_ACCOUNTS.saturating_sub(known.len());
        let mut seen = BTreeSet::new();
        for new in &planned.incoming.supplier.accounts {
            let fingerprint = by.account_fingerprint(&new.account)?;
            if !seen.insert(fingerprint.clone()) {
                continue;
            }
            let old = known.iter().find(|k| k.fingerprint == fingerprint);
            if old.is_none() && (self.shared(planned, new, elsewhere.get(&fingerprint)) || room == 0) {
                continue;
            }
            let old_state = old.map(|old| old.account.state);
            let state = granted(old_state, new.state, planned.stored.is_some(), self.options.verified);
            let case = match old {
                None => {
                    room = room.saturating_sub(1);
                    let how = if self.options.verified { "import" } else { "status" };
                    let how = (state == AccountState::Verified).then_some(how);
                    let account = NewAccount {
                        supplier: planned.id,
                        fingerprint: &fingerprint,
                        account: new,
                        state,
                        verified_how: how,
                    };
                    let id = draft.account(by, &account)?;
                    let opens = planned.stored.is_some() && state == AccountState::Pending;
                    opens.then(|| self.case(by, planned, new, &id, &fingerprint, draft)).transpose()?
                }
                Some(old) => {
                    self.changed(by, planned, new, old, state, draft)?;
                    let asks = new.state == AccountState::Verified
                        && matches!(state, AccountState::Pending | AccountState::Retired);
                    let opens = asks && !handled.contains(&old.id);
                    opens.then(|| self.case(by, planned, new, &old.id, &fingerprint, draft)).transpose()?
                }
            };
            self.note(planned, new, old_state, state, case);
        }
        Ok(())
    }

    /// An account on record: another state, or a holder or BIC that was not known.
    fn changed(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        new: &SupplierAccount,
        old: &StoredAccount,
        state: AccountState,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let was = &old.account;
        let differs = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        let details = differs(&new.bic, &was.bic) || differs(&new.account_name, &was.account_name);
        if state == was.state && !details {
            return Ok(());
        }
        self.states_change |= state != was.state;
        let how = (state == AccountState::Verified && was.state != state).then_some("import");
        let mut change = state_change(by, planned.id, old, state, how)?;
        if details {
            let mut described = old.clone();
            described.account.bic = new.bic.clone().or_else(|| was.bic.clone());
            described.account.account_name = new.account_name.clone().or_else(|| was.account_name.clone());
            let face = account_face(by, planned.id, &described)?;
            (change.after.bic, change.after.holder) = (face.bic, face.holder);
        }
        draft.changes.push(change);
        Ok(())
    }

    /// Opens a case for an account that the import may not verify.
    fn case(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        new: &SupplierAccount,
        account_id: &str,
        fingerprint: &str,
        draft: &mut Draft,
    ) -> Result<String, StoreError> {
        self.report.cases_opened = self.report.cases_opened.saturating_add(1);
        let verified: Vec<_> = verified(planned).collect();
        let (kind, origin) = match (verified.is_empty(), self.options.sync) {
            (true, sync) => ("new", if sync { "sync" } else { "import" }),
            (false, true) => ("drift", "sync"),
            (false, false) => ("changed", "import"),
        };
        let replaces = match verified.as_slice() {
            [only] => Some(only.id.clone()),
            _ => None,
        };
        let case = NewCase {
            supplier: planned.id,
            account_id,
            fingerprint,
            account: &new.account,
            kind,
            replaces,
            origin,
            origin_id: Some(self.batch.clone()),
        };
        let id = draft.case(by, case)?;
        Ok(if self.options.dry_run { "new".to_owned() } else { id })
    }

    /// Notes where else a new account stands. True when it must not be taken: it is the organisation's own.
    fn shared(
        &mut self,
        planned: &Planned<'_>,
        new: &SupplierAccount,
        others: Option<&Vec<Option<String>>>,
    ) -> bool {
        let others = others.map(Vec::as_slice).unwrap_or_default();
        for other in others.iter().filter(|other| other.as_deref() != Some(planned.id)) {
            let shared = SharedAccount {
                supplier: SupplierId(planned.id.to_owned()),
                account: new.account.masked(),
                other: other.clone().map(SupplierId),
                lines: planned.incoming.lines.clone(),
            };
            note(&mut self.report.shared, shared);
        }
        others.contains(&None)
    }

    /// Counts one account of the feed.
    pub(super) fn note(
        &mut self,
        planned: &Planned<'_>,
        account: &SupplierAccount,
        from: Option<AccountState>,
        to: AccountState,
        case: Option<String>,
    ) {
        let archived = planned.incoming.lifecycle != Lifecycle::Active;
        // A file without statuses asks for `pending`, which says nothing against what is on record.
        let refused =
            !archived && to != account.state && !(account.state == AccountState::Pending && from.is_some());
        let changed = from != Some(to);
        let report = &mut self.report;
        let counter = match from {
            None => &mut report.accounts_added,
            Some(_) => &mut report.accounts_changed,
        };
        *counter = counter.saturating_add(usize::from(changed));
        report.accounts_held_back = report.accounts_held_back.saturating_add(usize::from(refused));
        if changed || refused {
            let beside = if from.is_none() {
                verified(planned).map(|a| a.account.account.masked()).collect()
            } else {
                Vec::new()
            };
            let change = AccountChange {
                supplier: SupplierId(planned.id.to_owned()),
                name: planned.incoming.supplier.name.clone(),
                account: account.account.masked(),
                from: from.map(AccountState::as_str),
                to: to.as_str(),
                refused: refused.then(|| account.state.as_str()),
                beside,
                case,
            };
            note(&mut report.changes, change);
        }
    }
}

/// The accounts of the record that payments go to.
fn verified<'a>(planned: &Planned<'a>) -> impl Iterator<Item = &'a StoredAccount> + use<'a> {
    let accounts = planned.stored.map(|stored| stored.accounts.as_slice()).unwrap_or_default();
    accounts.iter().filter(|account| account.account.state == AccountState::Verified)
}
