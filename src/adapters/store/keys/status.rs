//! What `sentra keys status` tells: which keys there are, how old they are, and how much is under each.

use super::super::{Store, StoreError, to_rfc3339};
use super::of_one;
use super::sealed::SEALED;
use crate::adapters::keyring::{KeyPurpose, sealed_under};
use crate::model::OrgId;
use serde::Serialize;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Number within its purpose.
    pub id: u32,
    /// `staged`, `active`, `old` or `public`.
    pub state: &'static str,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339: when that state began.
    pub since: String,
    /// Number of the master key that wraps it, hexadecimal; `null` for keys wrapped before those had numbers.
    pub master: Option<String>,
    /// Values under it; `null` for signing keys, which nothing is under.
    pub values: Option<i64>,
}

/// A rotation, under way or the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotationStatus {
    /// The new key.
    pub key_id: i64,
    /// `staged`, `working` or `done`.
    pub phase: String,
    /// Values done.
    pub done: i64,
    /// Values there were at its start.
    pub total: i64,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339: last sign of life.
    pub updated_at: String,
}

/// The keys of one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurposeStatus {
    /// `data`, `fingerprint` or `signing`.
    pub purpose: &'static str,
    /// The key that is used.
    pub active: u32,
    /// Values that are not under it.
    pub under_others: i64,
    /// Newest first.
    pub keys: Vec<KeyInfo>,
    /// The last rotation.
    pub rotation: Option<RotationStatus>,
}

/// The keys of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// Organisation.
    pub org: OrgId,
    /// Number of the master key that wraps now, hexadecimal.
    pub master: String,
    /// Keys that are wrapped by another.
    pub under_other_masters: usize,
    /// One entry a purpose.
    pub purposes: Vec<PurposeStatus>,
}

impl Store {
    /// The keys of an organisation and how much is under each. Counts by reading: takes about a second for a million
    /// values.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn key_status(&self, org: OrgId) -> Result<KeyStatus, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let rows = of_one(&mut read, org).await?;
        let rotations = rotations(&mut read, org).await?;
        drop(read);
        let master = self.keyring.master_id();
        let mut purposes = Vec::new();
        for purpose in KeyPurpose::ALL {
            let counts = match purpose {
                KeyPurpose::Data => Some(self.values_by_key(org).await?),
                KeyPurpose::Fingerprint => Some(self.fingerprints_by_key(org).await?),
                KeyPurpose::Signing => None,
            };
            let active = self.keyring.active_id(org, purpose)?;
            let mut keys = Vec::new();
            for row in rows.iter().rev().filter(|row| row.key.purpose == purpose) {
                let wrapped_by = sealed_under(&row.key.wrapped).filter(|id| *id != 0);
                let values = counts.as_ref().map(|by| by.get(&row.key.key_id).copied().unwrap_or(0));
                keys.push(KeyInfo {
                    id: row.key.key_id,
                    state: row.key.state.as_str(),
                    created_at: to_rfc3339(row.created_at)?,
                    since: to_rfc3339(if row.changed_at == 0 { row.created_at } else { row.changed_at })?,
                    master: wrapped_by.map(|id| format!("{id:08x}")),
                    values,
                });
            }
            let others =
                |by: &BTreeMap<u32, i64>| by.iter().filter(|(id, _)| **id != active).map(|(_, n)| n).sum();
            purposes.push(PurposeStatus {
                purpose: purpose.as_str(),
                active,
                under_others: counts.as_ref().map_or(0, others),
                keys,
                rotation: rotations.get(purpose.as_str()).cloned(),
            });
        }
        let others = rows.iter().filter(|row| sealed_under(&row.key.wrapped) != Some(master)).count();
        Ok(KeyStatus { org, master: format!("{master:08x}"), under_other_masters: others, purposes })
    }

    /// How many sealed values, bodies included, lie under which data key.
    pub(super) async fn values_by_key(&self, org: OrgId) -> Result<BTreeMap<u32, i64>, StoreError> {
        let mut by_key: BTreeMap<u32, i64> = BTreeMap::new();
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT body_key_id, COUNT(*) FROM quarantine WHERE org_id = $1 AND state <> 'deleted' \
                   GROUP BY body_key_id";
        let mut counts = Vec::new();
        for row in sqlx::query(sql).bind(org.to_string()).fetch_all(&mut *read).await? {
            let id = u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
            counts.push((id, row.try_get::<i64, _>(1)?));
        }
        for column in SEALED {
            counts.extend(self.sealed_by_key(&mut read, org, column).await?);
        }
        for (id, count) in counts {
            let sum = by_key.entry(id).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(by_key)
    }

    /// How many values a rotation has to look at.
    pub(super) async fn count_for(&self, org: OrgId, purpose: KeyPurpose) -> Result<u64, StoreError> {
        let by_key = match purpose {
            KeyPurpose::Data => self.values_by_key(org).await?,
            KeyPurpose::Fingerprint => self.fingerprints_by_key(org).await?,
            KeyPurpose::Signing => BTreeMap::new(),
        };
        Ok(u64::try_from(by_key.values().sum::<i64>()).unwrap_or(0))
    }
}

async fn rotations(
    read: &mut AnyConnection,
    org: OrgId,
) -> Result<BTreeMap<String, RotationStatus>, StoreError> {
    let sql = "SELECT purpose, key_id, phase, done, total, started_at, updated_at FROM key_rotations WHERE org_id = $1";
    let rows = sqlx::query(sql).bind(org.to_string()).fetch_all(read).await?;
    rows.iter()
        .map(|row| {
            let status = RotationStatus {
                key_id: row.try_get(1)?,
                phase: row.try_get(2)?,
                done: row.try_get(3)?,
                total: row.try_get(4)?,
                started_at: to_rfc3339(row.try_get(5)?)?,
                updated_at: to_rfc3339(row.try_get(6)?)?,
            };
            Ok((row.try_get(0)?, status))
        })
        .collect()
}
