//! The one list of fingerprints that can be made anew, because what they are made from is kept sealed beside them; and
//! how a rotation of the fingerprint key does it.
//!
//! Before a fingerprint is replaced, the value is fingerprinted under every known key: the stored one must be among
//! them. A value that somebody moved into another row is found so, and is left alone.
//!
//! What cannot be made anew: the facts recorded of past messages, the sender history, and the codes in trace fields of
//! mail under way. They are found under the old key as long as that is kept (`limits::FINGERPRINT_GRACE`).

use super::super::database::Durability;
use super::super::error::damaged;
use super::super::{Store, StoreError, scheme_from_name};
use super::reseal::{Batch, Cursor, beyond, equal, keys_of};
use crate::adapters::keyring::{KeyPurpose, LocalKeyring};
use crate::limits;
use crate::model::{Account, Fingerprint, OrgId};
use crate::ports::Keyring as _;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::BTreeMap;

/// Fingerprints a row under every known key. The row's columns `from` start at the given index.
type Make = fn(&LocalKeyring, OrgId, &AnyRow, usize) -> Result<Vec<(u32, Fingerprint)>, StoreError>;

/// A column of fingerprints (lower-case hexadecimal).
#[derive(Clone, Copy)]
pub(super) struct FingerprintColumn {
    /// Table; it has `org_id`.
    pub(super) table: &'static str,
    /// Text columns that, with the fingerprint, name a row within the organisation.
    pub(super) keys: &'static [&'static str],
    /// The fingerprint.
    pub(super) column: &'static str,
    /// What it is made from.
    pub(super) from: &'static [&'static str],
    /// How.
    pub(super) make: Make,
    /// Other columns that hold the same fingerprint and follow it: table, column.
    pub(super) followers: &'static [(&'static str, &'static str)],
}

const ACCOUNT: &[&str] = &["scheme", "country", "sealed_number"];

/// Every column of fingerprints that a rotation makes anew.
pub(super) const FINGERPRINTS: &[FingerprintColumn] = &[
    FingerprintColumn {
        table: "own_accounts",
        keys: &[],
        column: "fingerprint",
        from: ACCOUNT,
        make: |keyring, org, row, at| account(keyring, org, row, at, "own_accounts.sealed_number"),
        followers: &[],
    },
    FingerprintColumn {
        table: "supplier_accounts",
        keys: &["supplier_id"],
        column: "fingerprint",
        from: ACCOUNT,
        make: |keyring, org, row, at| account(keyring, org, row, at, "supplier_accounts.number"),
        followers: &[],
    },
];

fn account(
    keyring: &LocalKeyring,
    org: OrgId,
    row: &AnyRow,
    at: usize,
    context: &str,
) -> Result<Vec<(u32, Fingerprint)>, StoreError> {
    let bad = || damaged("account");
    let scheme = scheme_from_name(row.try_get(at)?).ok_or_else(bad)?;
    let country: String = row.try_get(at.saturating_add(1))?;
    let country = <[u8; 2]>::try_from(country.as_bytes()).map_err(|_| bad())?;
    let sealed: Vec<u8> = row.try_get(at.saturating_add(2))?;
    let number = String::from_utf8(keyring.open(org, context, &sealed)?).map_err(|_| bad())?;
    let account = Account::from_canonical(scheme, country, &number).map_err(|_| bad())?;
    Ok(keyring.fingerprints_by_key(org, &account.comparison_key())?)
}

impl Store {
    /// Makes the next fingerprints of a column anew where they are not the active key's. `None` as cursor at the end.
    pub(super) async fn refingerprint_batch(
        &self,
        org: OrgId,
        column: &FingerprintColumn,
        after: Option<&Cursor>,
    ) -> Result<(Batch, Option<Cursor>), StoreError> {
        let mut write = self.database.scope(org).write_as(Durability::Quick).await?;
        let rows = select(&mut write, org, column, after).await?;
        let mut batch = Batch::default();
        let (mut last, width) = (None, column.keys.len().saturating_add(1));
        for row in &rows {
            let keys = keys_of(row, width)?;
            let stored = keys.last().cloned().unwrap_or_default();
            match self.judge(org, column, row, &stored, width)? {
                Found::Active => {}
                Found::Other { anew, .. } => {
                    batch.seen = batch.seen.saturating_add(1);
                    rename(&mut write, org, column, &keys, &anew).await?;
                    batch.done = batch.done.saturating_add(1);
                }
                Found::Unknown => {
                    batch.seen = batch.seen.saturating_add(1);
                    batch.unreadable = batch.unreadable.saturating_add(1);
                }
            }
            last = Some(keys);
        }
        self.note_progress(&mut write, org, KeyPurpose::Fingerprint, batch.done).await?;
        write.commit().await?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limits::KEY_BATCH;
        Ok((batch, last.filter(|_| full)))
    }

    /// How many fingerprints were made by which key. 0 stands for none that is known.
    pub(super) async fn fingerprints_by_key(&self, org: OrgId) -> Result<BTreeMap<u32, i64>, StoreError> {
        let mut found: BTreeMap<u32, i64> = BTreeMap::new();
        let active = self.keyring.active_id(org, KeyPurpose::Fingerprint)?;
        for column in FINGERPRINTS {
            let mut cursor: Option<Cursor> = None;
            loop {
                let mut read = self.database.scope(org).read().await?;
                let rows = select(&mut read, org, column, cursor.as_ref()).await?;
                drop(read);
                let width = column.keys.len().saturating_add(1);
                for row in &rows {
                    let keys = keys_of(row, width)?;
                    let stored = keys.last().cloned().unwrap_or_default();
                    let key = match self.judge(org, column, row, &stored, width)? {
                        Found::Active => active,
                        Found::Other { key, .. } => key,
                        Found::Unknown => 0,
                    };
                    let count = found.entry(key).or_default();
                    *count = count.saturating_add(1);
                    cursor = Some(keys);
                }
                if i64::try_from(rows.len()).unwrap_or(i64::MAX) < limits::KEY_BATCH {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Under which key a stored fingerprint was made.
    fn judge(
        &self,
        org: OrgId,
        column: &FingerprintColumn,
        row: &AnyRow,
        stored: &str,
        width: usize,
    ) -> Result<Found, StoreError> {
        let made = match (column.make)(&self.keyring, org, row, width) {
            Ok(made) => made,
            Err(StoreError::Port(error)) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                let table = column.table;
                tracing::error!(%error, table, "what a fingerprint was made from cannot be opened");
                return Ok(Found::Unknown);
            }
        };
        let Some(anew) = made.first().map(|(_, print)| print.to_hex()) else { return Ok(Found::Unknown) };
        match made.iter().position(|(_, print)| print.to_hex() == stored) {
            Some(0) => Ok(Found::Active),
            Some(at) => Ok(Found::Other { anew, key: made.get(at).map_or(0, |(key, _)| *key) }),
            None => {
                let table = column.table;
                tracing::error!(table, "a fingerprint does not fit the value beside it and stays as it is");
                Ok(Found::Unknown)
            }
        }
    }
}

/// Which key made a stored fingerprint.
enum Found {
    /// The active one.
    Active,
    /// Another that is known; this is what the active one makes.
    Other { anew: String, key: u32 },
    /// None: the value beside it is another's, or does not open.
    Unknown,
}

/// The next rows: keys, fingerprint, and what it is made from.
async fn select(
    read: &mut AnyConnection,
    org: OrgId,
    column: &FingerprintColumn,
    after: Option<&Cursor>,
) -> Result<Vec<AnyRow>, StoreError> {
    let keys: Vec<&str> = column.keys.iter().copied().chain([column.column]).collect();
    let named = keys.join(", ");
    let beyond = after.map(|cursor| beyond(&named, 2, cursor.len())).unwrap_or_default();
    let sql = format!(
        "SELECT {named}, {} FROM {} WHERE org_id = $1{beyond} ORDER BY {named} LIMIT {}",
        column.from.join(", "),
        column.table,
        limits::KEY_BATCH
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    for key in after.into_iter().flatten() {
        query = query.bind(key);
    }
    Ok(query.fetch_all(read).await?)
}

/// Gives a row its new fingerprint. Where a writer that had not yet seen the new key entered the same account a second
/// time, the row that is there already stays and the latecomer goes.
async fn rename(
    write: &mut AnyConnection,
    org: OrgId,
    column: &FingerprintColumn,
    keys: &[String],
    anew: &str,
) -> Result<(), StoreError> {
    let (table, print) = (column.table, column.column);
    let stored = keys.last().cloned().unwrap_or_default();
    let others = keys.get(..column.keys.len()).unwrap_or_default();
    let there = equal(column.keys, 3);
    let sql = format!("SELECT 1 FROM {table} WHERE org_id = $1 AND {print} = $2{there}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(anew);
    for key in others {
        query = query.bind(key);
    }
    if query.fetch_optional(&mut *write).await?.is_some() {
        tracing::error!(table, "an account was entered twice during the rotation of its key; the first entry stays");
        let sql = format!("DELETE FROM {table} WHERE org_id = $1 AND {print} = $2{there}");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(stored);
        for key in others {
            query = query.bind(key);
        }
        query.execute(write).await?;
        return Ok(());
    }
    let named = equal(column.keys, 4);
    let sql = format!("UPDATE {table} SET {print} = $1 WHERE org_id = $2 AND {print} = $3{named}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(anew).bind(org.to_string()).bind(&stored);
    for key in others {
        query = query.bind(key);
    }
    query.execute(&mut *write).await?;
    for (table, print) in column.followers {
        let sql = format!("UPDATE {table} SET {print} = $1 WHERE org_id = $2 AND {print} = $3");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(anew).bind(org.to_string()).bind(&stored);
        query.execute(&mut *write).await?;
    }
    Ok(())
}
