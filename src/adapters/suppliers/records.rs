//! Supplier records in the database: reading them.
//!
//! Account numbers and holders' names are sealed under the organisation's data key; what is compared is the
//! fingerprint. [`super::import`] writes.

use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Database, Event, StoreError, append_audit, scheme_from_name};
use crate::limits;
use crate::model::{
    Account, AccountState, Domain, EmailAddress, OrgId, SupplierAccount, SupplierId, SupplierRecord,
};
use crate::ports::{Clock, IdSource, Keyring};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What the sealed columns are bound to.
pub(super) const NUMBER: &str = "supplier_accounts.number";
pub(super) const SHORT: &str = "supplier_accounts.short";
pub(super) const NAME: &str = "supplier_accounts.name";

/// The supplier records of all organisations; every call names one.
#[derive(Clone)]
pub struct SupplierRecords {
    pub(super) database: Database,
    pub(super) keyring: Arc<dyn Keyring>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
}

/// One account as stored, with what the record type does not carry.
pub(super) struct StoredAccount {
    pub(super) fingerprint: String,
    pub(super) account: SupplierAccount,
}

/// One supplier as stored.
pub(super) struct Stored {
    /// Its accounts are in `accounts`, not here.
    pub(super) record: SupplierRecord,
    pub(super) accounts: Vec<StoredAccount>,
}

impl SupplierRecords {
    /// Over an open database. The keyring must have the organisations' keys loaded.
    #[must_use]
    pub fn new(
        database: Database,
        keyring: Arc<dyn Keyring>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self { database, keyring, clock, ids }
    }

    /// Up to `limit` suppliers with ids after `after`, in order of id, with their accounts opened.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Port`] when a sealed value does not open.
    pub async fn page(
        &self,
        org: OrgId,
        after: Option<&SupplierId>,
        limit: i64,
    ) -> Result<Vec<SupplierRecord>, StoreError> {
        let mut read = self.database.reader().begin().await?;
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM suppliers WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3")
                .bind(org.to_string())
                .bind(after.map_or("", |id| id.0.as_str()))
                .bind(limit.clamp(1, limits::STORE_PAGE))
                .fetch_all(&mut *read)
                .await?;
        let mut stored = self.load(&mut read, org, &ids).await?;
        Ok(ids.iter().filter_map(|id| stored.remove(id)).map(Stored::into_record).collect())
    }

    /// One supplier.
    ///
    /// # Errors
    /// As [`SupplierRecords::page`].
    pub async fn get(&self, org: OrgId, id: &SupplierId) -> Result<Option<SupplierRecord>, StoreError> {
        let mut read = self.database.reader().begin().await?;
        let mut stored = self.load(&mut read, org, std::slice::from_ref(&id.0)).await?;
        Ok(stored.remove(&id.0).map(Stored::into_record))
    }

    /// Notes in the audit log that all records leave with their numbers.
    ///
    /// # Errors
    /// [`StoreError`] of the database: then nothing may leave.
    pub async fn note_export(&self, org: OrgId, actor: &str) -> Result<(), StoreError> {
        let mut write = self.database.begin().await?;
        let (action, detail) = (AuditAction::SuppliersExport, serde_json::json!({}));
        let event =
            Event { org, at: self.clock.now_ms(), actor, action, subject: "csv", detail, private: None };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        write.commit().await
    }

    /// The stored records of these ids; ids without one are absent.
    pub(super) async fn load(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        ids: &[String],
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        let org_text = org.to_string();
        let mut out = BTreeMap::new();
        let head =
            "SELECT id, name, vat_number, company_number, country FROM suppliers WHERE org_id = $1 AND id";
        for row in rows_in(read, head, &org_text, ids, "").await? {
            let id: String = row.try_get(0)?;
            let record = SupplierRecord {
                id: SupplierId(id.clone()),
                name: row.try_get(1)?,
                vat_number: row.try_get(2)?,
                company_number: row.try_get(3)?,
                country: row.try_get(4)?,
                aliases: Vec::new(),
                domains: Vec::new(),
                emails: Vec::new(),
                phones: Vec::new(),
                accounts: Vec::new(),
            };
            out.insert(id, Stored { record, accounts: Vec::new() });
        }
        load_lists(read, &org_text, ids, &mut out).await?;
        let head = "SELECT supplier_id, fingerprint, scheme, country, sealed_number, sealed_name, bic, state \
                    FROM supplier_accounts WHERE org_id = $1 AND supplier_id";
        for row in rows_in(read, head, &org_text, ids, " ORDER BY created_at, fingerprint").await? {
            let supplier: String = row.try_get(0)?;
            let account = self.stored_account(org, &row)?;
            if let Some(stored) = out.get_mut(&supplier) {
                stored.accounts.push(account);
            }
        }
        Ok(out)
    }

    fn stored_account(&self, org: OrgId, row: &AnyRow) -> Result<StoredAccount, StoreError> {
        let scheme = scheme_from_name(row.try_get::<String, _>(2)?.as_str()).ok_or_else(damaged)?;
        let country: String = row.try_get(3)?;
        let country: [u8; 2] = country.as_bytes().try_into().map_err(|_| damaged())?;
        let number = self.open(org, NUMBER, &row.try_get::<Vec<u8>, _>(4)?)?;
        let name: Option<Vec<u8>> = row.try_get(5)?;
        let state: String = row.try_get(7)?;
        Ok(StoredAccount {
            fingerprint: row.try_get(1)?,
            account: SupplierAccount {
                account: Account::from_canonical(scheme, country, &number).map_err(|_| damaged())?,
                bic: row.try_get(6)?,
                account_name: name.map(|sealed| self.open(org, NAME, &sealed)).transpose()?,
                state: AccountState::from_name(&state).ok_or_else(damaged)?,
            },
        })
    }

    fn open(&self, org: OrgId, context: &str, sealed: &[u8]) -> Result<String, StoreError> {
        String::from_utf8(self.keyring.open(org, context, sealed)?).map_err(|_| damaged())
    }
}

impl Stored {
    fn into_record(self) -> SupplierRecord {
        let accounts = self.accounts.into_iter().map(|stored| stored.account).collect();
        SupplierRecord { accounts, ..self.record }
    }
}

async fn load_lists(
    read: &mut AnyConnection,
    org: &str,
    ids: &[String],
    out: &mut BTreeMap<String, Stored>,
) -> Result<(), StoreError> {
    const LISTS: [&str; 4] = [
        "SELECT supplier_id, alias FROM supplier_aliases WHERE org_id = $1 AND supplier_id",
        "SELECT supplier_id, domain FROM supplier_domains WHERE org_id = $1 AND supplier_id",
        "SELECT supplier_id, email FROM supplier_emails WHERE org_id = $1 AND supplier_id",
        "SELECT supplier_id, phone FROM supplier_phones WHERE org_id = $1 AND supplier_id",
    ];
    for (list, head) in LISTS.into_iter().enumerate() {
        for row in rows_in(read, head, org, ids, "").await? {
            let (supplier, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let Some(Stored { record, .. }) = out.get_mut(&supplier) else { continue };
            match list {
                0 => record.aliases.push(value),
                1 => record.domains.push(Domain::parse(&value).map_err(|_| damaged())?),
                2 => record.emails.push(EmailAddress::parse(&value).map_err(|_| damaged())?),
                _ => record.phones.push(value),
            }
        }
    }
    // Sorted here: an ORDER BY makes SQLite walk all of the organisation's values in that order.
    for Stored { record, .. } in out.values_mut() {
        record.aliases.sort();
        record.domains.sort();
        record.emails.sort();
        record.phones.sort();
    }
    Ok(())
}

/// Runs `head IN (values) tail` with the organisation as `$1`. `head` and `tail` are fixed texts of this program.
pub(in crate::adapters) async fn rows_in(
    read: &mut AnyConnection,
    head: &'static str,
    org: &str,
    values: &[String],
    tail: &'static str,
) -> Result<Vec<AnyRow>, StoreError> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("{head} IN ({}){tail}", placeholders(2, values.len()));
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org);
    for value in values {
        query = query.bind(value);
    }
    Ok(query.fetch_all(read).await?)
}

/// `$2, $3, $4` for three values from the second on.
pub(in crate::adapters) fn placeholders(from: usize, count: usize) -> String {
    let mut out = String::with_capacity(count.saturating_mul(6));
    for n in from..from.saturating_add(count) {
        let comma = if n == from { "" } else { ", " };
        // Writing into a String cannot fail.
        write!(out, "{comma}${n}").ok();
    }
    out
}

fn damaged() -> StoreError {
    StoreError::Refused("a stored supplier is not readable; restore it from a backup".to_owned())
}
