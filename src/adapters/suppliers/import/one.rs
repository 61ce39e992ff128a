//! One supplier of a feed beside its record: its own row, and what it is known by.

use super::known::Elsewhere;
use super::{Planned, Session};
use crate::adapters::store::StoreError;
use crate::adapters::suppliers::draft::{Author, Draft};
use crate::adapters::suppliers::feed::Lifecycle;
use crate::adapters::suppliers::plan::{is_single, retirement, state_change, supplier_change, values};
use crate::adapters::suppliers::records::Stored;
use crate::adapters::suppliers::report::{ProposedDomain, note};
use crate::adapters::suppliers::rows::ValueKind;
use crate::limits;
use crate::model::{AccountState, SupplierId};
use std::collections::{BTreeMap, BTreeSet};

impl Session<'_> {
    /// One supplier: its own row, what it is known by, its accounts.
    pub(super) fn supplier(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        elsewhere: &Elsewhere,
        handled: &BTreeSet<String>,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let before = draft.size();
        match (planned.incoming.lifecycle, planned.stored) {
            (Lifecycle::Archived | Lifecycle::Erased, Some(stored)) => {
                self.archive(by, planned, stored, draft)?;
            }
            (Lifecycle::Archived | Lifecycle::Erased, None) => {
                self.report.archived = self.report.archived.saturating_add(1);
                return Ok(());
            }
            (Lifecycle::Active, _) => {
                self.face(by, planned, draft)?;
                self.accounts(by, planned, elsewhere, handled, draft)?;
            }
        }
        let counter = match (planned.stored, draft.size() > before) {
            (None, _) => &mut self.report.created,
            (Some(_), true) => &mut self.report.updated,
            (Some(_), false) => &mut self.report.unchanged,
        };
        *counter = counter.saturating_add(1);
        Ok(())
    }

    /// A supplier that the ledger no longer uses: nobody should be paid there, and nothing else is believed.
    fn archive(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        stored: &Stored,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        use AccountState::{Pending, Retired, Verified};
        for account in stored.accounts.iter().filter(|a| matches!(a.account.state, Pending | Verified)) {
            self.note(planned, &account.account, Some(account.account.state), Retired, None);
            self.states_change = true;
            draft.changes.push(state_change(by, planned.id, account, Retired, None)?);
        }
        self.report.archived = self.report.archived.saturating_add(1);
        Ok(())
    }

    /// The supplier's own row and what it is known by, where they differ.
    fn face(&mut self, by: &Author<'_>, planned: &Planned<'_>, draft: &mut Draft) -> Result<(), StoreError> {
        let new = &planned.incoming.supplier;
        match planned.stored {
            None => draft.supplier(by, planned.id, &new.name, new.country.as_deref())?,
            Some(stored) => {
                let country = new.country.as_deref().or(stored.country.as_deref());
                if stored.name != new.name || stored.country.as_deref() != country {
                    draft.changes.push(supplier_change(by, stored, &new.name, country, None)?);
                }
            }
        }
        let mut wanted = values(new);
        wanted.extend(self.derived(planned));
        let mut counts: BTreeMap<ValueKind, usize> = BTreeMap::new();
        let mut standing: BTreeSet<(ValueKind, String)> = BTreeSet::new();
        let active =
            planned.stored.into_iter().flat_map(|s| s.values.iter().filter(|v| v.retired_at.is_none()));
        for value in active {
            let count = counts.entry(value.kind).or_default();
            *count = count.saturating_add(1);
            standing.insert((value.kind, value.fingerprint.clone()));
        }
        for (kind, text) in wanted {
            if !standing.insert((kind, by.fingerprint(kind, &text)?)) {
                continue;
            }
            if is_single(kind) {
                let old = planned.stored.into_iter().flat_map(|stored| stored.active(kind));
                draft.changes.extend(old.map(|old| retirement(by, planned.id, old)));
            } else if counts.get(&kind).copied().unwrap_or(0) >= limits::MAX_SUPPLIER_VALUES {
                self.report.overfull = self.report.overfull.saturating_add(1);
                continue;
            }
            let count = counts.entry(kind).or_default();
            *count = count.saturating_add(1);
            draft.value(by, planned.id, kind, &text)?;
        }
        Ok(())
    }

    /// Domains that nobody named: taken where the supplier has none, else only proposed.
    fn derived(&mut self, planned: &Planned<'_>) -> Vec<(ValueKind, String)> {
        let known = |domain: &str| {
            planned.stored.is_some_and(|s| s.active(ValueKind::Domain).any(|value| value.text == domain))
        };
        let named = &planned.incoming.supplier.domains;
        let has_domain =
            !named.is_empty() || planned.stored.is_some_and(|s| s.active(ValueKind::Domain).next().is_some());
        let mut taken = Vec::new();
        for domain in planned.incoming.derived.iter().filter(|d| !named.contains(d) && !known(d.as_str())) {
            if has_domain {
                let supplier = SupplierId(planned.id.to_owned());
                note(&mut self.report.proposed, ProposedDomain { supplier, domain: domain.to_string() });
            } else {
                taken.push((ValueKind::Domain, domain.to_string()));
            }
        }
        taken
    }
}
