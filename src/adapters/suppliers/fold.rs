//! Rows to suppliers: which rows speak of the same one, and what they say together.
//!
//! Two steps, so that a large file needs little memory. [`Index`] assigns each row to a supplier by what identifies it
//! and keeps only keyed hashes of that; [`merge`] later puts the rows of one supplier together.

use super::accounts::CellError;
use super::csv::{is_provisional, provisional};
use super::feed::Incoming;
use super::row::Row;
use crate::limits;
use crate::model::{AccountState, Domain, SupplierAccount, SupplierRecord, fold_name, fold_tax_number};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Two keyed hashes of a text: no file can be made to collide, and no text is kept.
type Key = (u64, u64);

/// The suppliers of a file so far, findable by what identifies them.
#[derive(Default)]
pub(super) struct Index {
    keys: (RandomState, RandomState),
    suppliers: Vec<Known>,
    by_id: HashMap<Key, usize>,
    by_tax: HashMap<Key, (usize, u64)>,
    by_name: HashMap<Key, Vec<usize>>,
    /// First supplier and line of an account, whoever's.
    accounts: HashMap<Key, (usize, u64)>,
}

/// What is kept of one supplier.
struct Known {
    has_id: bool,
    tax: Option<Key>,
    domains: Vec<Key>,
    rows: usize,
}

/// Which supplier a row belongs to, and what is worth saying about that.
pub(super) struct Assigned {
    pub(super) supplier: usize,
    pub(super) warnings: Vec<CellError>,
    /// Accounts that no row had before.
    pub(super) new_accounts: usize,
}

impl Index {
    fn key(&self, kind: &str, text: &str) -> Key {
        (self.keys.0.hash_one((kind, text)), self.keys.1.hash_one((kind, text)))
    }

    /// Suppliers so far.
    pub(super) fn len(&self) -> usize {
        self.suppliers.len()
    }

    /// Assigns a row to its supplier, which it may be the first to name.
    ///
    /// # Errors
    /// Column and reason, when it can't be told whose row it is or too many rows speak of it.
    pub(super) fn assign(&mut self, row: &Row, line: u64) -> Result<Assigned, CellError> {
        let mut warnings = Vec::new();
        let supplier = match self.find(row)? {
            Some(at) => at,
            None => self.add(row)?,
        };
        let tax = row.vat_number.as_deref().map(|tax| self.key("tax", &fold_tax_number(tax)));
        let id = row.id.as_ref().map(|id| self.key("id", &id.0));
        let domains: Vec<Key> = row
            .domains
            .iter()
            .chain(&row.derived)
            .map(|domain| self.key("domain", domain.as_str()))
            .collect();
        if let Some(tax) = tax {
            let (owner, first) = *self.by_tax.entry(tax).or_insert((supplier, line));
            if owner != supplier {
                let reason = format!("stands also on another supplier, in line {first}");
                warnings.push(("vat_number".to_owned(), reason));
            }
        }
        if let Some(id) = id {
            self.by_id.insert(id, supplier);
        }
        if let Some(known) = self.suppliers.get_mut(supplier) {
            if known.rows >= limits::MAX_SUPPLIER_ACCOUNTS {
                let reason = format!("over {} rows speak of this supplier", limits::MAX_SUPPLIER_ACCOUNTS);
                return Err((String::new(), reason));
            }
            known.rows = known.rows.saturating_add(1);
            known.has_id |= id.is_some();
            known.tax = known.tax.or(tax);
            for domain in domains {
                if !known.domains.contains(&domain) && known.domains.len() < limits::MAX_SUPPLIER_VALUES {
                    known.domains.push(domain);
                }
            }
        }
        let new_accounts = self.note_accounts(row, supplier, line, &mut warnings);
        Ok(Assigned { supplier, warnings, new_accounts })
    }

    fn note_accounts(
        &mut self,
        row: &Row,
        supplier: usize,
        line: u64,
        warnings: &mut Vec<CellError>,
    ) -> usize {
        let mut new = 0_usize;
        for account in &row.accounts {
            let key = self.key("account", account.account.comparison_key().reveal());
            let (owner, first) = *self.accounts.entry(key).or_insert_with(|| {
                new = new.saturating_add(1);
                (supplier, line)
            });
            if owner != supplier {
                let reason =
                    format!("account {} stands also on another supplier, in line {first}", account.account);
                warnings.push((String::new(), reason));
            }
        }
        new
    }

    /// By id, else tax number, else name and domain.
    fn find(&self, row: &Row) -> Result<Option<usize>, CellError> {
        if let Some(at) = row.id.as_ref().and_then(|id| self.by_id.get(&self.key("id", &id.0))) {
            return Ok(Some(*at));
        }
        // A row with an id of its own may only join a supplier that has none yet.
        let open = |at: usize| row.id.is_none() || self.suppliers.get(at).is_some_and(|known| !known.has_id);
        let tax = row.vat_number.as_deref().map(|tax| self.key("tax", &fold_tax_number(tax)));
        if let Some((at, _)) = tax.and_then(|tax| self.by_tax.get(&tax)).filter(|(at, _)| open(*at)) {
            return Ok(Some(*at));
        }
        let domains: Vec<Key> = row
            .domains
            .iter()
            .chain(&row.derived)
            .map(|domain| self.key("domain", domain.as_str()))
            .collect();
        let same = |at: &usize| {
            self.suppliers.get(*at).is_some_and(|known| {
                share(&known.domains, &domains) && (tax.is_none() || known.tax.is_none())
            })
        };
        let name = self.key("name", &fold_name(&row.name));
        let named = self.by_name.get(&name).map(Vec::as_slice).unwrap_or_default();
        let mut candidates = named.iter().copied().filter(|at| open(*at)).filter(same);
        let first = candidates.next();
        if first.is_some() && candidates.next().is_some() && row.id.is_none() {
            let reason = "several suppliers of this file have this name: add supplier_id or a tax number";
            return Err(("name".to_owned(), reason.to_owned()));
        }
        Ok(first)
    }

    fn add(&mut self, row: &Row) -> Result<usize, CellError> {
        let at = self.suppliers.len();
        let name = self.key("name", &fold_name(&row.name));
        let same_name = self.by_name.entry(name).or_default();
        if same_name.len() >= limits::MAX_SAME_NAME {
            let reason = format!("over {} suppliers have this name", limits::MAX_SAME_NAME);
            return Err(("name".to_owned(), reason));
        }
        same_name.push(at);
        self.suppliers.push(Known { has_id: false, tax: None, domains: Vec::new(), rows: 0 });
        Ok(at)
    }
}

/// Same name: one supplier, unless both name domains and share none.
fn share<T: PartialEq>(known: &[T], new: &[T]) -> bool {
    known.is_empty() || new.is_empty() || new.iter().any(|domain| known.contains(domain))
}

/// As above, for records.
pub(super) fn may_be_same(known: &[Domain], new: &[Domain]) -> bool {
    share(known, new)
}

/// Adds a row to what earlier rows said of the supplier. What is worth a look goes to `warn`.
///
/// # Errors
/// Column and reason, when a list of the supplier grows too long; nothing is added then.
pub(super) fn merge(
    known: &mut Option<Incoming>,
    row: Row,
    line: u64,
    warn: &mut dyn FnMut(&str, String),
) -> Result<(), CellError> {
    let into = known.get_or_insert_with(|| Incoming::of(empty(&row, line)));
    let supplier = &mut into.supplier;
    let lists_fit = fits(&supplier.aliases, &row.aliases)
        && fits(&supplier.domains, &row.domains)
        && fits(&into.derived, &row.derived)
        && fits(&supplier.emails, &row.emails)
        && fits(&supplier.phones, &row.phones);
    if !lists_fit {
        let reason = format!("the supplier has over {} values of one kind", limits::MAX_SUPPLIER_VALUES);
        return Err((String::new(), reason));
    }
    into.lines.push(line);
    into.lifecycle = into.lifecycle.max(row.lifecycle);
    if let Some(id) = row.id.filter(|_| is_provisional(&supplier.id)) {
        supplier.id = id;
    }
    if fold_name(&supplier.name) != fold_name(&row.name) {
        warn("name", "differs from this supplier's name in an earlier row, which was kept".to_owned());
    }
    extend(&mut supplier.aliases, row.aliases);
    extend(&mut supplier.domains, row.domains);
    extend(&mut into.derived, row.derived);
    extend(&mut supplier.emails, row.emails);
    extend(&mut supplier.phones, row.phones);
    let mut keep_first = |column: &str, known: &mut Option<String>, new: Option<String>| {
        if known.is_some() && new.is_some() && *known != new {
            warn(column, "differs from an earlier row of this supplier, which was kept".to_owned());
        }
        *known = known.take().or(new);
    };
    keep_first("vat_number", &mut supplier.vat_number, row.vat_number);
    keep_first("company_number", &mut supplier.company_number, row.company_number);
    keep_first("country", &mut supplier.country, row.country);
    for account in row.accounts {
        add_account(&mut supplier.accounts, account, warn);
    }
    Ok(())
}

/// A record that says nothing yet but whose it is.
fn empty(row: &Row, line: u64) -> SupplierRecord {
    SupplierRecord {
        id: row.id.clone().unwrap_or_else(|| provisional(line)),
        name: row.name.clone(),
        aliases: Vec::new(),
        domains: Vec::new(),
        emails: Vec::new(),
        phones: Vec::new(),
        vat_number: None,
        company_number: None,
        country: None,
        accounts: Vec::new(),
    }
}

fn add_account(
    accounts: &mut Vec<SupplierAccount>,
    account: SupplierAccount,
    warn: &mut dyn FnMut(&str, String),
) {
    let key = account.account.comparison_key();
    let Some(known) = accounts.iter_mut().find(|known| known.account.comparison_key() == key) else {
        accounts.push(account);
        return;
    };
    if known.state != account.state {
        let reason = format!(
            "account {} has status {} in an earlier row; the stricter of both was kept",
            account.account,
            known.state.as_str()
        );
        warn("status", reason);
        known.state = stricter(known.state, account.state);
    }
    known.bic = known.bic.take().or(account.bic);
    known.account_name = known.account_name.take().or(account.account_name);
}

/// Blocked before retired before pending before verified: a file that contradicts itself verifies nothing.
fn stricter(a: AccountState, b: AccountState) -> AccountState {
    use AccountState::{Blocked, Own, Pending, Retired, Verified};
    let rank = |state| match state {
        Blocked => 4,
        Retired => 3,
        Pending => 2,
        Verified => 1,
        Own => 0,
    };
    if rank(a) >= rank(b) { a } else { b }
}

/// Whether a list stays within its bound when `new` joins it.
fn fits<T: PartialEq>(known: &[T], new: &[T]) -> bool {
    let added = new.iter().filter(|value| !known.contains(value)).count();
    known.len().saturating_add(added) <= limits::MAX_SUPPLIER_VALUES
}

fn extend<T: PartialEq>(known: &mut Vec<T>, new: Vec<T>) {
    for value in new {
        if !known.contains(&value) {
            known.push(value);
        }
    }
}
