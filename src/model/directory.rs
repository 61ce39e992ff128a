//! Question and answer between a message and the verified supplier records.

use super::{AccountKey, AccountState, Domain, EmailAddress, KnownDomains, MatchedBy, SupplierId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The outcome of asking the outside. The third is never treated as the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The answer.
    Found(T),
    /// Asked, and there is none.
    NotFound,
    /// Could not be asked: why, in stable words.
    Unavailable(&'static str),
}

/// One thing to look up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirectoryKey {
    /// A sender address on a supplier's record.
    Address(EmailAddress),
    /// A domain on a supplier's record: the exact one or its registrable domain.
    Domain(Domain),
    /// A name in folded form (see `model::supplier::fold_name`).
    Name(String),
    /// A tax number.
    TaxNumber(String),
    /// A company registration number.
    CompanyNumber(String),
    /// A telephone number in folded form (see `model::phone_forms`).
    Phone(String),
    /// An account.
    Account(AccountKey),
}

/// All questions of one message, asked in one round trip. At most `limits::MAX_DIRECTORY_KEYS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryQuery {
    /// The keys, in no particular order, without duplicates.
    pub keys: Vec<DirectoryKey>,
}

/// A supplier that a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplierHit {
    /// Its id.
    pub id: SupplierId,
    /// Its name as the ledger has it.
    pub name: String,
    /// Whether at least one account (in any state but pending) is on its record.
    pub has_accounts: bool,
    /// Its country on the record (ISO 3166 alpha-2); empty when none stands there.
    pub country: String,
    /// A number to call back stands on its record.
    pub has_phone: bool,
    /// What led here, strongest first.
    pub matched_by: MatchedBy,
}

/// One record entry for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHit {
    /// Whose record; `None` when it is the organisation's own account.
    pub supplier: Option<SupplierId>,
    /// Name of that supplier (or of the organisation).
    pub supplier_name: String,
    /// Its state there.
    pub state: AccountState,
}

/// Answers to a [`DirectoryQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryAnswer {
    /// Per non-account key: the suppliers it stands on (usually one). Keys without a hit are absent.
    pub suppliers: BTreeMap<DirectoryKey, Vec<SupplierHit>>,
    /// Per account key: the records it stands on. Keys without a hit are absent.
    pub accounts: BTreeMap<AccountKey, Vec<AccountHit>>,
    /// Every domain on any supplier's record of this organisation, for lookalikes; shared, not copied.
    pub known_domains: Arc<KnownDomains>,
}
