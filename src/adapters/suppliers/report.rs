//! What an import did, or would do.

use crate::limits;
use crate::model::SupplierId;
use serde::Serialize;

/// One account that an import adds or whose state it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The supplier's id; of a new supplier the one it gets.
    pub supplier: SupplierId,
    /// Its name.
    pub name: String,
    /// `••••` and the last four.
    pub account: String,
    /// State before; `None` for a new account.
    pub from: Option<&'static str>,
    /// State after.
    pub to: &'static str,
    /// State that the file asked for, where it was not granted.
    pub refused: Option<&'static str>,
    /// `••••` and the last four of the verified accounts that stand beside a new one.
    pub beside: Vec<String>,
    /// The verification case that was opened; in a dry run `new`.
    pub case: Option<String>,
}

/// A supplier of the file that several records fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ambiguous {
    /// Its name in the file.
    pub name: String,
    /// Lines of the file that speak of it.
    pub lines: Vec<u64>,
}

/// An account of the file that stands on another record too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedAccount {
    /// The supplier that the file gives it to.
    pub supplier: SupplierId,
    /// `••••` and the last four.
    pub account: String,
    /// The other supplier; `None` for the organisation itself, whose account is not taken.
    pub other: Option<SupplierId>,
    /// Lines of the file that speak of it.
    pub lines: Vec<u64>,
}

/// A domain that nobody named, beside known ones: for a person to add with `sentra suppliers edit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProposedDomain {
    /// The supplier on record.
    pub supplier: SupplierId,
    /// The domain that an address or website of the file has.
    pub domain: String,
}

/// What an import did, or would do. The lists hold at most `limits::MAX_IMPORT_ERRORS` each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The batch, for `sentra suppliers undo`; `None` when nothing changed or it was a dry run.
    pub batch: Option<String>,
    /// New suppliers.
    pub created: usize,
    /// Suppliers with any change, to their accounts included.
    pub updated: usize,
    /// Suppliers that are as the file says.
    pub unchanged: usize,
    /// Suppliers that the ledger archived: accounts retired, or never taken.
    pub archived: usize,
    /// New accounts.
    pub accounts_added: usize,
    /// Accounts whose state changed.
    pub accounts_changed: usize,
    /// Accounts that the file wants in a state which it may not give.
    pub accounts_held_back: usize,
    /// Verification cases opened.
    pub cases_opened: usize,
    /// Values that were not taken because a record holds `limits::MAX_SUPPLIER_VALUES` of their kind.
    pub overfull: usize,
    /// Each account that is new, changed or held back.
    pub changes: Vec<AccountChange>,
    /// Suppliers without id whose record can't be told: several fit. Not imported.
    pub ambiguous: Vec<Ambiguous>,
    /// New accounts that stand on another record too.
    pub shared: Vec<SharedAccount>,
    /// Domains that were not taken.
    pub proposed: Vec<ProposedDomain>,
    /// The organisation's generation after the change; `None` when nothing changed.
    pub generation: Option<i64>,
}

impl ImportReport {
    /// Numbers for the audit log and the list of batches.
    #[must_use]
    pub(super) fn counts(&self, verified: bool) -> serde_json::Value {
        let now_verified = self.changes.iter().filter(|change| change.to == "verified").count();
        serde_json::json!({
            "created": self.created, "updated": self.updated, "archived": self.archived,
            "accounts_added": self.accounts_added, "accounts_changed": self.accounts_changed,
            "accounts_verified": now_verified, "accounts_held_back": self.accounts_held_back,
            "cases_opened": self.cases_opened, "verified_flag": verified,
        })
    }
}

/// Adds to a list of the report unless it is full.
pub(super) fn note<T>(list: &mut Vec<T>, item: T) {
    if list.len() < limits::MAX_IMPORT_ERRORS {
        list.push(item);
    }
}
