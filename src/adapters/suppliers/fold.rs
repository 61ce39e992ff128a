//! Rows to suppliers: which rows speak of the same one, and what they say together.

use super::accounts::CellError;
use super::csv::{ParsedSuppliers, RowError, is_provisional, provisional};
use super::row::Row;
use crate::limits;
use crate::model::{
    AccountKey, AccountState, Domain, SupplierAccount, SupplierId, SupplierRecord, fold_name, fold_tax_number,
};
use std::collections::HashMap;

/// The suppliers of a file so far, findable by what identifies them.
#[derive(Default)]
pub(super) struct Folding {
    suppliers: Vec<SupplierRecord>,
    by_id: HashMap<SupplierId, usize>,
    by_tax: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
    /// Where an account stands: supplier and place in its list.
    accounts: HashMap<(usize, AccountKey), usize>,
    /// First supplier and line of an account, whoever's.
    first_seen: HashMap<AccountKey, (usize, u64)>,
}

impl Folding {
    /// Adds a row to its supplier, which it may be the first to name.
    ///
    /// # Errors
    /// Column and reason, when it can't be told whose row it is or a record grows too long; nothing is added then.
    pub(super) fn take(&mut self, row: Row, line: u64, out: &mut ParsedSuppliers) -> Result<(), CellError> {
        match self.find(&row)? {
            Some(at) => self.merge(at, row, line, out),
            None => self.add(row, line, out),
        }
    }

    /// By id, else tax number, else name and domain.
    fn find(&self, row: &Row) -> Result<Option<usize>, CellError> {
        if let Some(at) = row.id.as_ref().and_then(|id| self.by_id.get(id)) {
            return Ok(Some(*at));
        }
        // A row with an id of its own may only join a supplier that has none yet.
        let open =
            |at: &usize| row.id.is_none() || self.suppliers.get(*at).is_some_and(|s| is_provisional(&s.id));
        let tax = row.vat_number.as_deref().map(fold_tax_number);
        if let Some(at) = tax.as_ref().and_then(|tax| self.by_tax.get(tax)).filter(|at| open(at)) {
            return Ok(Some(*at));
        }
        let same = |at: &&usize| {
            self.suppliers.get(**at).is_some_and(|known| {
                let known_tax = known.vat_number.as_deref().map(fold_tax_number);
                may_be_same(&known.domains, &row.domains) && (tax.is_none() || known_tax.is_none())
            })
        };
        let named = self.by_name.get(&fold_name(&row.name)).map(Vec::as_slice).unwrap_or_default();
        let mut candidates = named.iter().filter(|at| open(at)).filter(same);
        let first = candidates.next();
        if first.is_some() && candidates.next().is_some() && row.id.is_none() {
            let reason = "several suppliers of this file have this name: add supplier_id or a tax number";
            return Err(("name".to_owned(), reason.to_owned()));
        }
        Ok(first.copied())
    }

    fn add(&mut self, row: Row, line: u64, out: &mut ParsedSuppliers) -> Result<(), CellError> {
        let at = self.suppliers.len();
        let same_name = self.by_name.entry(fold_name(&row.name)).or_default();
        if same_name.len() >= limits::MAX_SAME_NAME {
            return Err((
                "name".to_owned(),
                format!("over {} suppliers have this name", limits::MAX_SAME_NAME),
            ));
        }
        same_name.push(at);
        let id = row.id.clone().unwrap_or_else(|| provisional(line));
        self.by_id.insert(id.clone(), at);
        self.suppliers.push(SupplierRecord {
            id,
            name: row.name.clone(),
            aliases: Vec::new(),
            domains: Vec::new(),
            emails: Vec::new(),
            phones: Vec::new(),
            vat_number: None,
            company_number: None,
            country: None,
            accounts: Vec::new(),
        });
        self.merge(at, row, line, out)
    }

    fn merge(&mut self, at: usize, row: Row, line: u64, out: &mut ParsedSuppliers) -> Result<(), CellError> {
        let Some(supplier) = self.suppliers.get_mut(at) else { return Ok(()) };
        if supplier.accounts.len().saturating_add(row.accounts.len()) > limits::MAX_SUPPLIER_ACCOUNTS {
            let reason = format!("the supplier has over {} accounts", limits::MAX_SUPPLIER_ACCOUNTS);
            return Err((String::new(), reason));
        }
        let lists_fit = fits(&supplier.aliases, &row.aliases)
            && fits(&supplier.domains, &row.domains)
            && fits(&supplier.emails, &row.emails)
            && fits(&supplier.phones, &row.phones);
        if !lists_fit {
            let reason = format!("the supplier has over {} values of one kind", limits::MAX_SUPPLIER_VALUES);
            return Err((String::new(), reason));
        }
        if let Some(id) = row.id.filter(|id| *id != supplier.id) {
            self.by_id.insert(id.clone(), at);
            supplier.id = id;
        }
        if fold_name(&supplier.name) != fold_name(&row.name) {
            let reason = "differs from this supplier's name in an earlier row, which was kept".to_owned();
            out.warn(RowError { line, column: "name".to_owned(), reason });
        }
        extend(&mut supplier.aliases, row.aliases);
        extend(&mut supplier.domains, row.domains);
        extend(&mut supplier.emails, row.emails);
        extend(&mut supplier.phones, row.phones);
        if let Some(tax) = &row.vat_number {
            self.by_tax.entry(fold_tax_number(tax)).or_insert(at);
        }
        let mut keep_first = |column: &str, known: &mut Option<String>, new: Option<String>| {
            if known.is_some() && new.is_some() && *known != new {
                let reason = "differs from an earlier row of this supplier, which was kept".to_owned();
                out.warn(RowError { line, column: column.to_owned(), reason });
            }
            *known = known.take().or(new);
        };
        keep_first("vat_number", &mut supplier.vat_number, row.vat_number);
        keep_first("company_number", &mut supplier.company_number, row.company_number);
        keep_first("country", &mut supplier.country, row.country);
        for account in row.accounts {
            self.account(at, account, line, out);
        }
        Ok(())
    }

    fn account(&mut self, at: usize, account: SupplierAccount, line: u64, out: &mut ParsedSuppliers) {
        let Some(supplier) = self.suppliers.get_mut(at) else { return };
        let key = account.account.comparison_key();
        let (owner, first_line) = *self.first_seen.entry(key.clone()).or_insert((at, line));
        if owner != at {
            let reason =
                format!("account {} stands also on another supplier, in line {first_line}", account.account);
            out.warn(RowError { line, column: String::new(), reason });
        }
        let place = supplier.accounts.len();
        let known = *self.accounts.entry((at, key)).or_insert(place);
        match supplier.accounts.get_mut(known) {
            Some(known) => {
                if known.state != account.state {
                    let reason = format!(
                        "account {} has status {} in an earlier row; the stricter of both was kept",
                        account.account,
                        known.state.as_str()
                    );
                    out.warn(RowError { line, column: "status".to_owned(), reason });
                    known.state = stricter(known.state, account.state);
                }
                known.bic = known.bic.take().or(account.bic);
                known.account_name = known.account_name.take().or(account.account_name);
            }
            None => {
                supplier.accounts.push(account);
                out.accounts = out.accounts.saturating_add(1);
            }
        }
    }

    /// Hands the suppliers over, with what can be said of the file as a whole.
    pub(super) fn finish(self, out: &mut ParsedSuppliers) {
        let mut note = |count: usize, reason: &str| {
            if count > 0 {
                out.warn(RowError { line: 0, column: String::new(), reason: format!("{count} {reason}") });
            }
        };
        let count = |lacks: fn(&SupplierRecord) -> bool| self.suppliers.iter().filter(|s| lacks(s)).count();
        note(count(|s| s.phones.is_empty()), "suppliers have no phone number: a call-back is not possible");
        note(
            count(|s| s.domains.is_empty() && s.emails.is_empty()),
            "suppliers have no domain and no address: their mail can only be recognised by numbers in it",
        );
        out.suppliers = self.suppliers;
    }
}

/// Same name: one supplier, unless both name domains and share none.
pub(super) fn may_be_same(known: &[Domain], new: &[Domain]) -> bool {
    known.is_empty() || new.is_empty() || new.iter().any(|domain| known.contains(domain))
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
