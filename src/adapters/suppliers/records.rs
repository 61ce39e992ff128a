//! Supplier records in the database: reading them.
//!
//! Texts and numbers are sealed (see [`super::rows`]); rows that a running import created, or a running undo takes away,
//! are not seen. [`super::import`], [`super::edit`], [`super::merge`] and [`super::cases`] write, each change as a batch
//! of [`super::batches`].

mod stored;

pub use stored::{StateChange, Stored, StoredAccount, StoredValue};

use super::rows::{ValueKind, damaged, open, rows_in, sealed};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Database, Event, StoreError, append_audit, scheme_from_name};
use crate::limits;
use crate::model::{Account, AccountState, OrgId, SupplierAccount, SupplierId, SupplierRecord};
use crate::ports::{Clock, IdSource, Keyring};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The supplier records of all organisations; every call names one.
#[derive(Clone)]
pub struct SupplierRecords {
    pub(super) database: Database,
    pub(super) keyring: Arc<dyn Keyring>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
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

    /// Up to `limit` suppliers with ids after `after`, in order of id, with their accounts opened. Merged ones are left
    /// out: their records are their successors'.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Port`] when a sealed value does not open.
    pub async fn page(
        &self,
        org: OrgId,
        after: Option<&SupplierId>,
        limit: i64,
    ) -> Result<Vec<SupplierRecord>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let hidden = hidden(&mut read, org).await?;
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM suppliers WHERE org_id = $1 AND id > $2 AND batch_id <> $3 AND merged_into IS NULL \
             ORDER BY id LIMIT $4",
        )
        .bind(org.to_string())
        .bind(after.map_or("", |id| id.0.as_str()))
        .bind(&hidden)
        .bind(limit.clamp(1, limits::STORE_PAGE))
        .fetch_all(&mut *read)
        .await?;
        let mut stored = self.load(&mut read, org, &hidden, &ids, false).await?;
        ids.iter().filter_map(|id| stored.remove(id)).map(|stored| stored.record()).collect()
    }

    /// One supplier; by a merged id its successor.
    ///
    /// # Errors
    /// As [`SupplierRecords::page`].
    pub async fn get(&self, org: OrgId, id: &SupplierId) -> Result<Option<SupplierRecord>, StoreError> {
        self.detail(org, id, false).await?.map(|stored| stored.record()).transpose()
    }

    /// One supplier with the provenance of everything, by a merged id its successor; with `history` retired values too.
    ///
    /// # Errors
    /// As [`SupplierRecords::page`].
    pub async fn detail(
        &self,
        org: OrgId,
        id: &SupplierId,
        history: bool,
    ) -> Result<Option<Stored>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let hidden = hidden(&mut read, org).await?;
        let Some(id) = successor(&mut read, org, &hidden, &id.0).await? else { return Ok(None) };
        let mut stored = self.load(&mut read, org, &hidden, std::slice::from_ref(&id), history).await?;
        Ok(stored.remove(&id))
    }

    /// What became of the states of a supplier's accounts, oldest first; at most `limits::STORE_PAGE`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn state_changes(&self, org: OrgId, stored: &Stored) -> Result<Vec<StateChange>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let ids: Vec<String> = stored.accounts.iter().map(|account| account.id.clone()).collect();
        let head = "SELECT c.row_id, COALESCE(b.committed_at, b.created_at), b.actor, b.kind, b.id, c.before_state, \
                    c.after_state, b.state FROM supplier_changes c JOIN supplier_batches b ON b.id = c.batch_id \
                    AND b.org_id = c.org_id WHERE c.org_id = $1 AND b.state <> 'staging' AND c.batch_id <> $2 \
                    AND c.entity = 'account' AND c.row_id";
        let mut out = Vec::new();
        for row in rows_in(&mut read, head, &org.to_string(), "", &ids, "").await? {
            out.push(StateChange {
                account_id: row.try_get(0)?,
                at: row.try_get(1)?,
                actor: row.try_get(2)?,
                kind: row.try_get(3)?,
                batch: row.try_get(4)?,
                from: row.try_get(5)?,
                to: row.try_get(6)?,
                undone: row.try_get::<String, _>(7)? != "committed",
            });
        }
        out.retain(|change| change.from != change.to);
        out.sort_by(|a, b| (a.at, &a.batch).cmp(&(b.at, &b.batch)));
        out.truncate(usize::try_from(limits::STORE_PAGE).unwrap_or(usize::MAX));
        Ok(out)
    }

    /// Notes in the audit log that all records leave with their numbers.
    ///
    /// # Errors
    /// [`StoreError`] of the database: then nothing may leave.
    pub async fn note_export(&self, org: OrgId, actor: &str) -> Result<(), StoreError> {
        self.note(org, actor, AuditAction::SuppliersExport, "csv", serde_json::json!({})).await
    }

    /// Notes in the audit log what somebody saw.
    ///
    /// # Errors
    /// [`StoreError`] of the database: then nothing may be shown.
    pub async fn note(
        &self,
        org: OrgId,
        actor: &str,
        action: AuditAction,
        subject: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let event = Event { org, at: self.clock.now_ms(), actor, action, subject, detail, private: None };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        write.commit().await
    }

    /// The stored records of these ids; ids without one are absent.
    pub(super) async fn load(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        hidden: &str,
        ids: &[String],
        history: bool,
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        let text = org.to_string();
        let mut out = BTreeMap::new();
        let head = "SELECT id, sealed_name, country, created_at, batch_id, change_id FROM suppliers \
                    WHERE org_id = $1 AND batch_id <> $2 AND id";
        for row in rows_in(read, head, &text, hidden, ids, "").await? {
            let id: String = row.try_get(0)?;
            let stored = Stored {
                id: SupplierId(id.clone()),
                name: open(&*self.keyring, org, sealed::NAME, &id, &row.try_get::<Vec<u8>, _>(1)?)?,
                country: row.try_get(2)?,
                created_at: row.try_get(3)?,
                batch: row.try_get(4)?,
                change: row.try_get(5)?,
                values: Vec::new(),
                accounts: Vec::new(),
            };
            out.insert(id, stored);
        }
        const ACTIVE: &str = " AND retired_at IS NULL";
        const RETIRED: &str = " AND retired_at IS NOT NULL";
        let head = "SELECT supplier_id, id, kind, sealed_value, source, added_at, added_by, retired_at, \
                    retired_by, batch_id, change_id FROM supplier_values WHERE org_id = $1 AND batch_id <> $2 \
                    AND supplier_id";
        for tail in [ACTIVE, RETIRED].into_iter().take(if history { 2 } else { 1 }) {
            for row in rows_in(read, head, &text, hidden, ids, tail).await? {
                let value = self.stored_value(org, &row)?;
                if let Some(stored) = out.get_mut(row.try_get::<&str, _>(0)?) {
                    stored.values.push(value);
                }
            }
        }
        let head = "SELECT supplier_id, id, scheme, country, sealed_number, sealed_name, bic, state, \
                    source, added_by, batch_id, verified_by, verified_at, verified_how, created_at, change_id \
                    FROM supplier_accounts WHERE org_id = $1 AND batch_id <> $2 AND supplier_id";
        for row in rows_in(read, head, &text, hidden, ids, "").await? {
            let account = self.stored_account(org, &row)?;
            if let Some(stored) = out.get_mut(row.try_get::<&str, _>(0)?) {
                stored.accounts.push(account);
            }
        }
        // Sorted here: an ORDER BY makes SQLite walk all of the organisation's rows in that order.
        for stored in out.values_mut() {
            stored.values.sort_by(|a, b| (a.kind, &a.text, a.added_at).cmp(&(b.kind, &b.text, b.added_at)));
            stored.accounts.sort_by(|a, b| a.id.cmp(&b.id));
        }
        Ok(out)
    }

    fn stored_value(&self, org: OrgId, row: &AnyRow) -> Result<StoredValue, StoreError> {
        let id: String = row.try_get(1)?;
        let kind = ValueKind::from_name(row.try_get(2)?).ok_or_else(damaged)?;
        let text = open(&*self.keyring, org, sealed::VALUE, &id, &row.try_get::<Vec<u8>, _>(3)?)?;
        Ok(StoredValue {
            // Made anew: the stored one may be of an older key that is being replaced.
            fingerprint: kind.fingerprint(&*self.keyring, org, &text)?,
            id,
            kind,
            text,
            source: row.try_get(4)?,
            added_at: row.try_get(5)?,
            added_by: row.try_get(6)?,
            retired_at: row.try_get(7)?,
            retired_by: row.try_get(8)?,
            batch: row.try_get(9)?,
            change: row.try_get(10)?,
        })
    }

    fn stored_account(&self, org: OrgId, row: &AnyRow) -> Result<StoredAccount, StoreError> {
        let id: String = row.try_get(1)?;
        let (scheme, country): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
        let number = open(&*self.keyring, org, sealed::NUMBER, &id, &row.try_get::<Vec<u8>, _>(4)?)?;
        let holder: Option<Vec<u8>> = row.try_get(5)?;
        let holder =
            holder.map(|sealed| open(&*self.keyring, org, sealed::HOLDER, &id, &sealed)).transpose()?;
        let account = account(scheme, country, &number)?;
        Ok(StoredAccount {
            // Made anew, as with values.
            fingerprint: self.keyring.fingerprint(org, &account.comparison_key())?.to_hex(),
            id,
            account: SupplierAccount {
                account,
                bic: row.try_get(6)?,
                account_name: holder,
                state: AccountState::from_name(row.try_get(7)?).ok_or_else(damaged)?,
            },
            source: row.try_get(8)?,
            added_by: row.try_get(9)?,
            batch: row.try_get(10)?,
            verified_by: row.try_get(11)?,
            verified_at: row.try_get(12)?,
            verified_how: row.try_get(13)?,
            created_at: row.try_get(14)?,
            change: row.try_get(15)?,
        })
    }
}

/// An account from its stored parts.
pub(super) fn account(scheme: &str, country: &str, number: &str) -> Result<Account, StoreError> {
    let scheme = scheme_from_name(scheme).ok_or_else(damaged)?;
    let country: [u8; 2] = country.as_bytes().try_into().map_err(|_| damaged())?;
    Account::from_canonical(scheme, country, number).map_err(|_| damaged())
}
/// The batch whose rows do not count: one that is being imported or undone. Empty for none.
pub(in crate::adapters) async fn hidden(read: &mut AnyConnection, org: OrgId) -> Result<String, StoreError> {
    let sql = "SELECT id FROM supplier_batches WHERE org_id = $1 AND state IN ('staging', 'undoing')";
    let found: Option<String> = sqlx::query_scalar(sql).bind(org.to_string()).fetch_optional(read).await?;
    Ok(found.unwrap_or_default())
}

/// The id under which a supplier's record stands now; `None` when there is none of this id.
pub(super) async fn successor(
    read: &mut AnyConnection,
    org: OrgId,
    hidden: &str,
    id: &str,
) -> Result<Option<String>, StoreError> {
    let sql =
        "SELECT COALESCE(merged_into, id) FROM suppliers WHERE org_id = $1 AND id = $2 AND batch_id <> $3";
    Ok(sqlx::query_scalar(sql).bind(org.to_string()).bind(id).bind(hidden).fetch_optional(read).await?)
}
