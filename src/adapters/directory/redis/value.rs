//! What stands under a key in Redis: the answer and its generation, sealed.

use super::super::Hits;
use crate::model::{AccountHit, AccountState, MatchedBy, OrgId, SupplierHit, SupplierId};
use crate::ports::Keyring;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Value {
    generation: i64,
    suppliers: Vec<Supplier>,
    accounts: Vec<Account>,
}

#[derive(Serialize, Deserialize)]
struct Supplier {
    id: SupplierId,
    name: String,
    has_accounts: bool,
    #[serde(default)]
    country: String,
    #[serde(default)]
    has_phone: bool,
    matched_by: MatchedBy,
}

#[derive(Serialize, Deserialize)]
struct Account {
    supplier: Option<SupplierId>,
    name: String,
    state: AccountState,
}

/// Seals an answer, bound to its key. `None` when the organisation has no keys: then nothing is cached.
pub(super) fn seal(
    keyring: &dyn Keyring,
    org: OrgId,
    key: &str,
    generation: i64,
    hits: &Hits,
) -> Option<Vec<u8>> {
    let supplier = |hit: &SupplierHit| Supplier {
        id: hit.id.clone(),
        name: hit.name.clone(),
        has_accounts: hit.has_accounts,
        country: hit.country.clone(),
        has_phone: hit.has_phone,
        matched_by: hit.matched_by,
    };
    let account = |hit: &AccountHit| Account {
        supplier: hit.supplier.clone(),
        name: hit.supplier_name.clone(),
        state: hit.state,
    };
    let value = Value {
        generation,
        suppliers: hits.suppliers.iter().map(supplier).collect(),
        accounts: hits.accounts.iter().map(account).collect(),
    };
    let plain = serde_json::to_vec(&value).ok()?;
    keyring.seal(org, key, &plain).ok()
}

/// Opens a value. `None` when it is of another generation or was not written by us under this key.
pub(super) fn open(
    keyring: &dyn Keyring,
    org: OrgId,
    key: &str,
    sealed: &[u8],
    generation: i64,
) -> Option<Hits> {
    let plain = keyring.open(org, key, sealed).ok()?;
    let value: Value =
        serde_json::from_slice(&plain).ok().filter(|value: &Value| value.generation == generation)?;
    let supplier = |hit: Supplier| SupplierHit {
        id: hit.id,
        name: hit.name,
        has_accounts: hit.has_accounts,
        country: hit.country,
        has_phone: hit.has_phone,
        matched_by: hit.matched_by,
    };
    let account =
        |hit: Account| AccountHit { supplier: hit.supplier, supplier_name: hit.name, state: hit.state };
    Some(Hits {
        suppliers: value.suppliers.into_iter().map(supplier).collect(),
        accounts: value.accounts.into_iter().map(account).collect(),
    })
}
