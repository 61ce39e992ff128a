//! The one list of fingerprints that can be made anew, because what they are made from is kept sealed beside them; and
//! how a rotation of the fingerprint key does it.
//!
//! Before a fingerprint is replaced, the value is fingerprinted under every known key: the stored one must be among
//! them. A value that somebody moved into another row is found so, and is left alone.
//!
//! What cannot be made anew: the facts recorded of past messages and the sender history, of which only fingerprints are
//! kept (the history begins anew), and the codes in trace fields of mail under way, which are found under the old key as
//! long as that is kept (`limits::FINGERPRINT_GRACE`).

use super::super::audit::{PERSON, person_context};
use super::super::database::Durability;
use super::super::error::damaged;
use super::super::{Store, StoreError, scheme_from_name};
use super::reseal::Batch;
use super::walk::{Cursor, KeyValue, beyond, bind, equal, keys_of, organisation};
use crate::adapters::keyring::{KeyPurpose, LocalKeyring};
use crate::adapters::suppliers::rows::{LAST4, ValueKind, open, sealed, tail};
use crate::limits;
use crate::model::{Account, Fingerprint, OrgId};
use crate::ports::Keyring as _;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::BTreeMap;

/// Fingerprints a row under every known key. The row's columns `from` start at the given index.
type Make = fn(&LocalKeyring, OrgId, &AnyRow, usize) -> Made;

/// A column of fingerprints (lower-case hexadecimal).
#[derive(Clone, Copy)]
pub(super) struct FingerprintColumn {
    /// Table; it has `org_id`.
    pub(super) table: &'static str,
    /// Columns that, with the fingerprint, name a row within the organisation.
    pub(super) keys: &'static [&'static str],
    /// The fingerprint.
    pub(super) column: &'static str,
    /// What it is made from.
    pub(super) from: &'static [&'static str],
    /// How.
    pub(super) make: Make,
    /// When another row `x` with the new fingerprint stands in the way of this one `t`; `None`: never.
    pub(super) unless: Option<&'static str>,
    /// What becomes of a row whose fingerprint is there already, entered by a writer that had not yet seen the new key.
    pub(super) second: Second,
}

/// What becomes of a second row of the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// It goes: the first says everything.
    Goes,
    /// It stays as it is and keeps the old key alive: something else refers to it.
    Stays,
}

/// Every column of fingerprints that a rotation makes anew.
pub(super) const FINGERPRINTS: &[FingerprintColumn] = &[
    FingerprintColumn {
        table: "own_accounts",
        keys: &[],
        column: "fingerprint",
        from: &["scheme", "country", "sealed_number"],
        make: own_account,
        unless: Some("1 = 1"),
        second: Second::Goes,
    },
    FingerprintColumn {
        table: "supplier_accounts",
        keys: BY_ID,
        column: "fingerprint",
        from: ACCOUNT,
        make: supplier_account,
        unless: Some("x.supplier_id = t.supplier_id"),
        second: Second::Stays,
    },
    FingerprintColumn {
        table: "supplier_accounts",
        keys: BY_ID,
        column: "last4",
        from: ACCOUNT,
        make: last_four,
        unless: None,
        second: Second::Stays,
    },
    FingerprintColumn {
        table: "supplier_values",
        keys: BY_ID,
        column: "fingerprint",
        from: &["id", "kind", "sealed_value"],
        make: supplier_value,
        unless: Some(
            "x.supplier_id = t.supplier_id AND x.kind = t.kind AND x.retired_at IS NULL AND t.retired_at IS NULL",
        ),
        second: Second::Stays,
    },
    FingerprintColumn {
        table: "cases",
        keys: BY_ID,
        column: "fingerprint",
        from: &["id", "sealed_account"],
        make: case,
        unless: None,
        second: Second::Stays,
    },
    FingerprintColumn {
        table: "audit_persons",
        keys: &["pseudonym"],
        column: "fingerprint",
        from: &["pseudonym", "sealed_name"],
        make: person,
        unless: Some("1 = 1"),
        second: Second::Stays,
    },
];

const BY_ID: &[&str] = &["id"];
const ACCOUNT: &[&str] = &["scheme", "country", "sealed_number", "id"];

/// What [`Make`] gives.
type Made = Result<Vec<(u32, Fingerprint)>, StoreError>;

fn account_of(
    keyring: &LocalKeyring,
    org: OrgId,
    row: &AnyRow,
    at: usize,
    context: &str,
) -> Result<Account, StoreError> {
    let (scheme, country): (String, String) = (row.try_get(at)?, row.try_get(at.saturating_add(1))?);
    let sealed: Vec<u8> = row.try_get(at.saturating_add(2))?;
    let number = String::from_utf8(keyring.open(org, context, &sealed)?).map_err(|_| damaged("account"))?;
    parsed(&scheme, &country, &number)
}

fn parsed(scheme: &str, country: &str, number: &str) -> Result<Account, StoreError> {
    let bad = || damaged("account");
    let scheme = scheme_from_name(scheme).ok_or_else(bad)?;
    let country = <[u8; 2]>::try_from(country.as_bytes()).map_err(|_| bad())?;
    Account::from_canonical(scheme, country, number).map_err(|_| bad())
}

fn own_account(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Made {
    let account = account_of(keyring, org, row, at, "own_accounts.sealed_number")?;
    Ok(keyring.fingerprints_by_key(org, &account.comparison_key())?)
}

fn numbered(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Result<Account, StoreError> {
    let id: String = row.try_get(at.saturating_add(3))?;
    account_of(keyring, org, row, at, &format!("{}|{id}", sealed::NUMBER))
}

fn supplier_account(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Made {
    Ok(keyring.fingerprints_by_key(org, &numbered(keyring, org, row, at)?.comparison_key())?)
}

fn last_four(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Made {
    Ok(keyring.text_fingerprints_by_key(org, LAST4, tail(&numbered(keyring, org, row, at)?))?)
}

fn supplier_value(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Made {
    let (id, kind): (String, String) = (row.try_get(at)?, row.try_get(at.saturating_add(1))?);
    let kind = ValueKind::from_name(&kind).ok_or_else(|| damaged("supplier"))?;
    let octets: Vec<u8> = row.try_get(at.saturating_add(2))?;
    let text = open(keyring, org, sealed::VALUE, &id, &octets)?;
    Ok(kind.fingerprints_by_key(keyring, org, &text)?)
}

fn case(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Made {
    let (id, octets): (String, Vec<u8>) = (row.try_get(at)?, row.try_get(at.saturating_add(1))?);
    let text = open(keyring, org, sealed::CASE_ACCOUNT, &id, &octets)?;
    let mut parts = text.splitn(3, '|');
    let mut part = || parts.next().ok_or_else(|| damaged("account"));
    let account = parsed(part()?, part()?, part()?)?;
    Ok(keyring.fingerprints_by_key(org, &account.comparison_key())?)
}

fn person(keyring: &LocalKeyring, org: OrgId, row: &AnyRow, at: usize) -> Made {
    let (pseudonym, sealed): (String, Vec<u8>) = (row.try_get(at)?, row.try_get(at.saturating_add(1))?);
    let name = keyring.open(org, &person_context(&pseudonym), &sealed)?;
    let name = String::from_utf8(name).map_err(|_| damaged("name"))?;
    Ok(keyring.text_fingerprints_by_key(org, PERSON, &name)?)
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
            let stored = printed(&keys);
            match self.judge(org, column, row, &stored, width)? {
                Found::Active => {}
                Found::Other { anew, .. } => {
                    batch.seen = batch.seen.saturating_add(1);
                    if rename(&mut write, org, column, &keys, &anew).await? {
                        batch.done = batch.done.saturating_add(1);
                    } else {
                        batch.unreadable = batch.unreadable.saturating_add(1);
                    }
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
                    let stored = printed(&keys);
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
        "SELECT {named}, {} FROM {} WHERE {} = $1{beyond} ORDER BY {named} LIMIT {}",
        column.from.join(", "),
        column.table,
        organisation(column.table),
        limits::KEY_BATCH
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    query = bind(query, after.map_or(&[], Vec::as_slice));
    Ok(query.fetch_all(read).await?)
}

/// The fingerprint stands last.
fn printed(keys: &[KeyValue]) -> String {
    keys.last().map(ToString::to_string).unwrap_or_default()
}

/// Gives a row its new fingerprint. False when another row has it already and this one has to stay.
async fn rename(
    write: &mut AnyConnection,
    org: OrgId,
    column: &FingerprintColumn,
    keys: &[KeyValue],
    anew: &str,
) -> Result<bool, StoreError> {
    let (table, print, stored) = (column.table, column.column, printed(keys));
    let others = keys.get(..column.keys.len()).unwrap_or_default();
    let named = equal(column.keys, 4);
    let free = column.unless.map_or_else(String::new, |same| {
        format!(
            " AND NOT EXISTS (SELECT 1 FROM {table} x WHERE x.org_id = t.org_id AND x.{print} = $1 AND {same})"
        )
    });
    let sql = format!("UPDATE {table} AS t SET {print} = $1 WHERE org_id = $2 AND {print} = $3{named}{free}");
    let query =
        sqlx::query(AssertSqlSafe(sql)).bind(anew.to_owned()).bind(org.to_string()).bind(stored.clone());
    if bind(query, others).execute(&mut *write).await?.rows_affected() > 0 {
        return Ok(true);
    }
    tracing::error!(
        table,
        "a value was entered twice during the rotation of its key; the first entry counts"
    );
    if column.second == Second::Stays {
        return Ok(false);
    }
    let sql = format!("DELETE FROM {table} WHERE org_id = $1 AND {print} = $2{}", equal(column.keys, 3));
    let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(stored);
    bind(query, others).execute(write).await?;
    Ok(true)
}
