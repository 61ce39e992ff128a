//! What an import decides before it writes: whose record it is, what is new, which states it may give.

use super::csv::is_provisional;
use super::fold::may_be_same;
use super::records::Stored;
use crate::model::{AccountState, SupplierRecord, fold_name, fold_tax_number};
use std::collections::{BTreeMap, BTreeSet};

/// The record that a supplier of the file is: by id, else tax number, else name and domain. `Err`: several fit.
pub(super) fn resolve<'a>(
    new: &SupplierRecord,
    stored: &'a BTreeMap<String, Stored>,
) -> Result<Option<&'a Stored>, ()> {
    if !is_provisional(&new.id) {
        return Ok(stored.get(&new.id.0));
    }
    let tax = new.vat_number.as_deref().map(fold_tax_number);
    let tax_of = |s: &Stored| s.record.vat_number.as_deref().map(fold_tax_number);
    let mut by_tax = stored.values().filter(|s| tax.is_some() && tax_of(s) == tax);
    if let Some(first) = by_tax.next() {
        return if by_tax.next().is_some() { Err(()) } else { Ok(Some(first)) };
    }
    let name = fold_name(&new.name);
    let mut by_name = stored.values().filter(|s| {
        fold_name(&s.record.name) == name
            && may_be_same(&s.record.domains, &new.domains)
            && (tax.is_none() || s.record.vat_number.is_none())
    });
    let first = by_name.next();
    if first.is_some() && by_name.next().is_some() { Err(()) } else { Ok(first) }
}

/// The state that an import may give: what the file asks for, unless it would verify or forgive by the way.
pub(super) fn granted(
    old: Option<AccountState>,
    asked: AccountState,
    has_verified: bool,
    verified_flag: bool,
) -> AccountState {
    use AccountState::{Blocked, Pending, Retired, Verified};
    if verified_flag {
        return asked;
    }
    match (old, asked) {
        (None, Verified) if has_verified => Pending,
        (None, asked) => asked,
        // Stricter is always allowed.
        (Some(_), Blocked) => Blocked,
        (Some(Pending | Verified), Retired) => Retired,
        (Some(old), _) => old,
    }
}

/// Values of lists that are not on the record yet: statement and values after organisation and supplier.
pub(super) fn additions(
    new: &SupplierRecord,
    old: Option<&SupplierRecord>,
) -> Vec<(&'static str, String, String)> {
    const ALIAS: &str = "INSERT INTO supplier_aliases (org_id, supplier_id, folded, alias) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT DO NOTHING";
    const DOMAIN: &str = "INSERT INTO supplier_domains (org_id, supplier_id, domain) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    const EMAIL: &str = "INSERT INTO supplier_emails (org_id, supplier_id, folded, email) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT DO NOTHING";
    const PHONE: &str =
        "INSERT INTO supplier_phones (org_id, supplier_id, phone) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let mut out = Vec::new();
    // The table keeps one alias a folded form.
    let mut aliases: BTreeSet<String> = old.iter().flat_map(|o| &o.aliases).map(|a| fold_name(a)).collect();
    for alias in &new.aliases {
        let folded = fold_name(alias);
        if aliases.insert(folded.clone()) {
            out.push((ALIAS, folded, alias.clone()));
        }
    }
    for domain in new.domains.iter().filter(|d| old.is_none_or(|o| !o.domains.contains(d))) {
        out.push((DOMAIN, domain.to_string(), String::new()));
    }
    for email in new.emails.iter().filter(|e| old.is_none_or(|o| !o.emails.contains(e))) {
        out.push((EMAIL, email.folded(), email.to_string()));
    }
    for phone in new.phones.iter().filter(|p| old.is_none_or(|o| !o.phones.contains(p))) {
        out.push((PHONE, phone.clone(), String::new()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccountState::{Blocked, Pending, Retired, Verified};

    #[test]
    fn an_import_verifies_and_forgives_only_when_told() {
        let rows = [
            ("new, first account", None, Verified, false, false, Verified),
            ("new beside a verified one", None, Verified, true, false, Pending),
            ("new beside a verified one, told", None, Verified, true, true, Verified),
            ("pending stays", Some(Pending), Verified, false, false, Pending),
            ("pending, told", Some(Pending), Verified, false, true, Verified),
            ("verified stays without status", Some(Verified), Pending, true, false, Verified),
            ("retire", Some(Verified), Retired, true, false, Retired),
            ("block", Some(Retired), Blocked, true, false, Blocked),
            ("blocked stays", Some(Blocked), Verified, true, false, Blocked),
            ("blocked is not softened", Some(Blocked), Retired, true, false, Blocked),
            ("retired stays", Some(Retired), Verified, false, false, Retired),
            ("blocked, told", Some(Blocked), Verified, false, true, Verified),
        ];
        for (name, old, asked, has_verified, flag, want) in rows {
            assert_eq!(granted(old, asked, has_verified, flag), want, "{name}");
        }
    }
}
