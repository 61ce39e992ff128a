//! The rows behind the organisations' keys, and their rotation.
//!
//! A rotation has steps, each a commit, and whoever runs it next goes on at the first that is not done:
//! 1. `staged`: the new key is a row that nobody uses; every node takes it up (`limits::KEY_SETTLE`);
//! 2. `working`: it is the active one; once every node uses it, what is under the old key is sealed or fingerprinted
//!    anew in small batches, each of which says by the values themselves what is left;
//! 3. `done`: nothing is under the old key. It is destroyed after `limits::KEY_GRACE` ([`destroy`]).
//!
//! [`sealed`] lists what a data key seals, [`fingerprints`] what a fingerprint key made. A signing key has nothing to do
//! in step 2; its public half verifies for ever.

mod bodies;
mod destroy;
mod fingerprints;
mod reseal;
mod rotate;
mod sealed;
mod status;
pub(super) mod walk;

pub use rotate::{KeyProgress, KeyReport};
pub use sealed::{SEALED, SealedColumn, WRAPPED};
pub use status::{KeyInfo, KeyStatus, PurposeStatus, RotationStatus};

pub(super) use bodies::note_body;

use super::error::{StoreError, damaged};
use crate::adapters::keyring::{KeyPurpose, KeyState, WrappedKey};
use crate::model::OrgId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;
use std::str::FromStr as _;

/// A row of `org_keys` with its dates.
pub(super) struct KeyRow {
    pub(super) key: WrappedKey,
    /// Unix milliseconds.
    pub(super) created_at: i64,
    /// When its state began, Unix milliseconds.
    pub(super) changed_at: i64,
}

pub(super) async fn insert(
    write: &mut AnyConnection,
    org: OrgId,
    key: &WrappedKey,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO org_keys (org_id, purpose, key_id, wrapped, state, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(org.to_string())
    .bind(key.purpose.as_str())
    .bind(i64::from(key.key_id))
    .bind(&key.wrapped)
    .bind(key.state.as_str())
    .bind(now)
    .execute(write)
    .await?;
    Ok(())
}

/// The keys of all organisations.
pub(super) async fn of_all(read: &mut AnyConnection) -> Result<BTreeMap<OrgId, Vec<WrappedKey>>, StoreError> {
    let mut keys: BTreeMap<OrgId, Vec<WrappedKey>> = BTreeMap::new();
    let rows = sqlx::query(
        "SELECT org_id, purpose, key_id, wrapped, state, created_at, changed_at FROM org_keys ORDER BY org_id",
    );
    for row in rows.fetch_all(read).await? {
        let org = OrgId::from_str(row.try_get(0)?).map_err(|_| damaged("organisation id"))?;
        keys.entry(org).or_default().push(key_row(&row)?.key);
    }
    Ok(keys)
}

/// The keys of one organisation, by purpose and id.
pub(super) async fn of_one(read: &mut AnyConnection, org: OrgId) -> Result<Vec<KeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT org_id, purpose, key_id, wrapped, state, created_at, changed_at FROM org_keys \
         WHERE org_id = $1 ORDER BY purpose, key_id",
    );
    rows.bind(org.to_string()).fetch_all(read).await?.iter().map(key_row).collect()
}

fn key_row(row: &AnyRow) -> Result<KeyRow, StoreError> {
    let key = WrappedKey {
        purpose: KeyPurpose::from_name(row.try_get(1)?).ok_or_else(|| damaged("key"))?,
        key_id: u32::try_from(row.try_get::<i64, _>(2)?).map_err(|_| damaged("key"))?,
        wrapped: row.try_get(3)?,
        state: KeyState::from_name(row.try_get(4)?).ok_or_else(|| damaged("key"))?,
    };
    Ok(KeyRow { key, created_at: row.try_get(5)?, changed_at: row.try_get(6)? })
}

/// Four octets of a sealed value: the number of the key it is under.
fn key_octets(key_id: u32) -> Vec<u8> {
    key_id.to_be_bytes().to_vec()
}
