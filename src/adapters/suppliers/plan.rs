//! What an import decides before it writes: whose record it is, what is new, which states it may give.

use super::batches::{Change, Face};
use super::csv::is_provisional;
use super::draft::Author;
use super::fold::may_be_same;
use super::records::{Stored, StoredAccount, StoredValue};
use super::rows::{ValueKind, sealed};
use crate::adapters::store::StoreError;
use crate::model::{AccountState, Domain, SupplierRecord};
use std::collections::BTreeMap;

/// The records that suppliers of a batch may be.
#[derive(Default)]
pub(super) struct Candidates {
    /// Id in the file → id of the record, which differs where records were merged.
    pub(super) by_id: BTreeMap<String, String>,
    /// What it is known by → ids of the records.
    pub(super) by_value: BTreeMap<(ValueKind, String), Vec<String>>,
    pub(super) stored: BTreeMap<String, Stored>,
}

impl Candidates {
    /// The record that a supplier of the file is: by id, else tax number, else name and domain. `Err`: several fit.
    pub(super) fn resolve(
        &self,
        new: &SupplierRecord,
        tax: Option<&String>,
        name: &str,
    ) -> Result<Option<&Stored>, ()> {
        if !is_provisional(&new.id) {
            return Ok(self.by_id.get(&new.id.0).and_then(|id| self.stored.get(id)));
        }
        if let Some(tax) = tax {
            let mut found = self.standing(ValueKind::Tax, tax);
            if let Some(first) = found.next() {
                return if found.next().is_some() { Err(()) } else { Ok(Some(first)) };
            }
        }
        let mut found = self.standing(ValueKind::Name, name).filter(|stored| {
            let domains: Vec<Domain> =
                stored.active(ValueKind::Domain).filter_map(|v| Domain::parse(&v.text).ok()).collect();
            let has_tax = stored.active(ValueKind::Tax).next().is_some();
            may_be_same(&domains, &new.domains) && (tax.is_none() || !has_tax)
        });
        let first = found.next();
        if first.is_some() && found.next().is_some() { Err(()) } else { Ok(first) }
    }

    fn standing(&self, kind: ValueKind, fingerprint: &str) -> impl Iterator<Item = &Stored> {
        let ids = self.by_value.get(&(kind, fingerprint.to_owned())).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.stored.get(id))
    }
}

/// The state that an import may give: what the file asks for, unless it would verify or forgive by the way. `known`: the
/// supplier was on record before.
pub(super) fn granted(
    old: Option<AccountState>,
    asked: AccountState,
    known: bool,
    verified_flag: bool,
) -> AccountState {
    use AccountState::{Blocked, Pending, Retired, Verified};
    if verified_flag {
        return asked;
    }
    match (old, asked) {
        (None, Verified) if known => Pending,
        (None, asked) => asked,
        // Stricter is always allowed.
        (Some(_), Blocked) => Blocked,
        (Some(Pending | Verified), Retired) => Retired,
        (Some(old), _) => old,
    }
}

/// Everything that the file says a supplier is known by; numbers that the file leaves open are left out.
pub(super) fn values(new: &SupplierRecord) -> Vec<(ValueKind, String)> {
    let mut out = vec![(ValueKind::Name, new.name.clone())];
    out.extend(new.aliases.iter().map(|alias| (ValueKind::Alias, alias.clone())));
    out.extend(new.domains.iter().map(|domain| (ValueKind::Domain, domain.to_string())));
    out.extend(new.emails.iter().map(|email| (ValueKind::Email, email.to_string())));
    out.extend(new.phones.iter().map(|phone| (ValueKind::Phone, phone.clone())));
    out.extend(new.vat_number.iter().map(|number| (ValueKind::Tax, number.clone())));
    out.extend(new.company_number.iter().map(|number| (ValueKind::Company, number.clone())));
    out
}

/// Whether a supplier has one of a kind at a time: a new one retires the old.
pub(super) fn is_single(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Name | ValueKind::Tax | ValueKind::Company)
}

/// A value that stops counting.
pub(super) fn retirement(by: &Author<'_>, supplier: &str, value: &StoredValue) -> Change {
    let face =
        |by: Option<String>, at| Face { supplier: Some(supplier.to_owned()), by, at, ..Face::default() };
    Change {
        entity: "value",
        row: value.id.clone(),
        last: value.change.clone(),
        before: face(value.retired_by.clone(), value.retired_at),
        after: face(Some(by.actor.to_owned()), Some(by.now)),
    }
}

/// The part of an account that changes, as it stands.
pub(super) fn account_face(
    by: &Author<'_>,
    supplier: &str,
    stored: &StoredAccount,
) -> Result<Face, StoreError> {
    let holder = stored.account.account_name.as_deref();
    Ok(Face {
        supplier: Some(supplier.to_owned()),
        state: Some(stored.account.state.as_str().to_owned()),
        holder: holder.map(|holder| by.seal(sealed::HOLDER, &stored.id, holder)).transpose()?,
        bic: stored.account.bic.clone(),
        by: stored.verified_by.clone(),
        at: stored.verified_at,
        how: stored.verified_how.clone(),
        ..Face::default()
    })
}

/// An account that takes another state; `how` it was verified, where it is.
pub(super) fn state_change(
    by: &Author<'_>,
    supplier: &str,
    stored: &StoredAccount,
    state: AccountState,
    how: Option<&str>,
) -> Result<Change, StoreError> {
    let before = account_face(by, supplier, stored)?;
    let mut after = Face { state: Some(state.as_str().to_owned()), ..before.clone() };
    if let Some(how) = how {
        after.by = Some(by.actor.to_owned());
        after.at = Some(by.now);
        after.how = Some(how.to_owned());
    }
    Ok(Change { entity: "account", row: stored.id.clone(), last: stored.change.clone(), before, after })
}

/// A supplier's own row with another name or country.
pub(super) fn supplier_change(
    by: &Author<'_>,
    stored: &Stored,
    name: &str,
    country: Option<&str>,
    merged_into: Option<&str>,
) -> Result<Change, StoreError> {
    let face = |name: &str, country: Option<&str>, into: Option<&str>| {
        Ok::<_, StoreError>(Face {
            supplier: into.map(str::to_owned),
            name: Some(by.seal(sealed::NAME, &stored.id.0, name)?),
            country: country.map(str::to_owned),
            ..Face::default()
        })
    };
    Ok(Change {
        entity: "supplier",
        row: stored.id.0.clone(),
        last: stored.change.clone(),
        before: face(&stored.name, stored.country.as_deref(), None)?,
        after: face(name, country, merged_into)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccountState::{Blocked, Pending, Retired, Verified};

    #[test]
    fn an_import_verifies_and_forgives_only_when_told() {
        let rows = [
            ("new supplier", None, Verified, false, false, Verified),
            ("new account of a known supplier", None, Verified, true, false, Pending),
            ("new account of a known supplier, told", None, Verified, true, true, Verified),
            ("pending stays", Some(Pending), Verified, true, false, Pending),
            ("pending, told", Some(Pending), Verified, true, true, Verified),
            ("verified stays without status", Some(Verified), Pending, true, false, Verified),
            ("retire", Some(Verified), Retired, true, false, Retired),
            ("block", Some(Retired), Blocked, true, false, Blocked),
            ("blocked stays", Some(Blocked), Verified, true, false, Blocked),
            ("blocked is not softened", Some(Blocked), Retired, true, false, Blocked),
            ("retired stays", Some(Retired), Verified, true, false, Retired),
            ("blocked, told", Some(Blocked), Verified, true, true, Verified),
        ];
        for (name, old, asked, known, flag, want) in rows {
            assert_eq!(granted(old, asked, known, flag), want, "{name}");
        }
    }
}
