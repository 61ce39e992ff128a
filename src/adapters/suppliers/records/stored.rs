//! One supplier as it stands on record, with the provenance of everything.

use crate::adapters::store::StoreError;
use crate::adapters::suppliers::rows::{ValueKind, damaged};
use crate::model::{Domain, EmailAddress, SupplierAccount, SupplierId, SupplierRecord};

/// One thing that a supplier is or was known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValue {
    /// Row id.
    pub id: String,
    /// What it is.
    pub kind: ValueKind,
    /// As written.
    pub text: String,
    /// Where it came from: a batch's source.
    pub source: String,
    /// Unix milliseconds.
    pub added_at: i64,
    /// Who brought it.
    pub added_by: String,
    /// Unix milliseconds; `None` while it counts.
    pub retired_at: Option<i64>,
    /// Batch that brought it.
    pub batch: String,
    pub(in crate::adapters::suppliers) fingerprint: String,
    pub(in crate::adapters::suppliers) change: Option<String>,
    pub(in crate::adapters::suppliers) retired_by: Option<String>,
}

/// One account with its provenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAccount {
    /// Row id.
    pub id: String,
    /// Number, holder and state.
    pub account: SupplierAccount,
    /// Where it came from: a batch's source.
    pub source: String,
    /// Who brought it.
    pub added_by: String,
    /// Batch that brought it.
    pub batch: String,
    /// Who verified it, if somebody did.
    pub verified_by: Option<String>,
    /// When, Unix milliseconds.
    pub verified_at: Option<i64>,
    /// How: `import` (its person vouched for the file), `status` (the file of a first record said so) or `case:ID`.
    pub verified_how: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    pub(in crate::adapters::suppliers) fingerprint: String,
    pub(in crate::adapters::suppliers) change: Option<String>,
}

/// One supplier as stored, with provenance; retired values too where they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Identifier.
    pub id: SupplierId,
    /// Name in the ledger.
    pub name: String,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Batch that made it.
    pub batch: String,
    /// What it is known by.
    pub values: Vec<StoredValue>,
    /// Its accounts, oldest first.
    pub accounts: Vec<StoredAccount>,
    pub(in crate::adapters::suppliers) change: Option<String>,
}

/// One step in the life of an account.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct StateChange {
    /// Row id of the account.
    pub account_id: String,
    /// Unix milliseconds.
    pub at: i64,
    /// Who: `operator`, `system` or a user's id.
    pub actor: String,
    /// What it was part of: `import`, `sync`, `edit`, `merge`, `case`.
    pub kind: String,
    /// The batch.
    pub batch: String,
    /// State before.
    pub from: Option<String>,
    /// State after.
    pub to: Option<String>,
    /// Whether the batch was undone since.
    pub undone: bool,
}

impl Stored {
    /// The values of a kind that count, as written.
    pub fn active(&self, kind: ValueKind) -> impl Iterator<Item = &StoredValue> {
        self.values.iter().filter(move |value| value.kind == kind && value.retired_at.is_none())
    }

    /// The record as imported and exported, without provenance.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a stored address or domain that is none.
    pub fn record(&self) -> Result<SupplierRecord, StoreError> {
        let texts = |kind| self.active(kind).map(|value| value.text.clone()).collect::<Vec<_>>();
        let first = |kind| self.active(kind).next().map(|value| value.text.clone());
        let domains = self.active(ValueKind::Domain).map(|v| Domain::parse(&v.text));
        let emails = self.active(ValueKind::Email).map(|v| EmailAddress::parse(&v.text));
        let mut record = SupplierRecord {
            id: self.id.clone(),
            name: self.name.clone(),
            aliases: texts(ValueKind::Alias),
            domains: domains.collect::<Result<_, _>>().map_err(|_| damaged())?,
            emails: emails.collect::<Result<_, _>>().map_err(|_| damaged())?,
            phones: texts(ValueKind::Phone),
            vat_number: first(ValueKind::Tax),
            company_number: first(ValueKind::Company),
            country: self.country.clone(),
            accounts: self.accounts.iter().map(|stored| stored.account.clone()).collect(),
        };
        record.domains.sort();
        record.emails.sort();
        Ok(record)
    }
}
