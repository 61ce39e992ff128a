//! What the database knows of a batch of a feed: which records its suppliers may be, where its accounts stand already,
//! which cases are open.

use super::Session;
use crate::adapters::store::StoreError;
use crate::adapters::suppliers::csv::is_provisional;
use crate::adapters::suppliers::draft::Author;
use crate::adapters::suppliers::feed::Incoming;
use crate::adapters::suppliers::plan::Candidates;
use crate::adapters::suppliers::records::{StoredAccount, SupplierRecords};
use crate::adapters::suppliers::rows::{ValueKind, rows_in};
use crate::model::{AccountState, OrgId};
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};

impl Session<'_> {
    /// Accounts on record for which no further case is to be opened: one is open, or one was rejected.
    pub(super) async fn handled(
        &self,
        read: &mut AnyConnection,
        by: &Author<'_>,
        hidden: &str,
        candidates: &Candidates,
    ) -> Result<BTreeSet<String>, StoreError> {
        use AccountState::{Pending, Retired};
        let waiting = |a: &&StoredAccount| matches!(a.account.state, Pending | Retired);
        let accounts = candidates.stored.values().flat_map(|stored| stored.accounts.iter().filter(waiting));
        let ids: Vec<String> = accounts.map(|account| account.id.clone()).collect();
        let head = "SELECT account_id FROM cases WHERE org_id = $1 AND batch_id <> $2 \
                    AND state IN ('open', 'called', 'rejected') AND account_id";
        let rows = rows_in(read, head, &by.org.to_string(), hidden, &ids, "").await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// Cases of accounts whose state the batch decides need no call any more.
pub(super) async fn withdraw_cases(
    write: &mut AnyConnection,
    org: OrgId,
    batch: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO supplier_changes (org_id, batch_id, entity, row_id, before_change, before_supplier, \
         before_state, after_supplier, after_state) SELECT k.org_id, c.batch_id, 'case', k.id, k.change_id, \
         k.supplier_id, k.state, k.supplier_id, 'withdrawn' FROM supplier_changes c JOIN cases k \
         ON k.org_id = c.org_id AND k.account_id = c.row_id WHERE c.org_id || '' = $1 AND c.batch_id = $2 \
         AND c.entity = 'account' AND c.before_state <> c.after_state AND c.after_state <> 'pending' \
         AND k.state IN ('open', 'called') AND k.batch_id <> $2",
    )
    .bind(org.to_string())
    .bind(batch)
    .execute(write)
    .await?;
    Ok(())
}

/// Fingerprint → the suppliers on whose records it stands; `None` for the organisation itself.
pub(super) type Elsewhere = BTreeMap<String, Vec<Option<String>>>;

/// Where the accounts of a batch stand already.
pub(super) async fn elsewhere(
    read: &mut AnyConnection,
    by: &Author<'_>,
    hidden: &str,
    incoming: &[Incoming],
) -> Result<Elsewhere, StoreError> {
    let accounts = incoming.iter().flat_map(|one| &one.supplier.accounts);
    // Rows may still stand under a key that is being replaced; what counts is the active one's.
    let mut counts: BTreeMap<String, String> = BTreeMap::new();
    for one in accounts {
        counts.extend(by.account_fingerprints(&one.account)?);
    }
    let fingerprints: Vec<String> = counts.keys().cloned().collect();
    let mut out = Elsewhere::new();
    for head in [
        "SELECT fingerprint, supplier_id FROM supplier_accounts WHERE org_id = $1 AND batch_id <> $2 AND fingerprint",
        "SELECT fingerprint, NULL FROM own_accounts WHERE org_id = $1 AND fingerprint <> $2 AND fingerprint",
    ] {
        for row in rows_in(read, head, &by.org.to_string(), hidden, &fingerprints, " LIMIT 10000").await? {
            let stored: String = row.try_get(0)?;
            let named = counts.get(&stored).cloned().unwrap_or(stored);
            out.entry(named).or_default().push(row.try_get(1)?);
        }
    }
    Ok(out)
}

impl SupplierRecords {
    /// Every record that a supplier of the batch may be.
    pub(super) async fn candidates(
        &self,
        read: &mut AnyConnection,
        by: &Author<'_>,
        hidden: &str,
        incoming: &[Incoming],
    ) -> Result<Candidates, StoreError> {
        let org = by.org.to_string();
        let all = || incoming.iter().map(|one| &one.supplier);
        let given: BTreeSet<String> =
            all().filter(|s| !is_provisional(&s.id)).map(|s| s.id.0.clone()).collect();
        let given: Vec<String> = given.into_iter().collect();
        let mut out = Candidates::default();
        let head =
            "SELECT id, COALESCE(merged_into, id) FROM suppliers WHERE org_id = $1 AND batch_id <> $2 AND id";
        for row in rows_in(read, head, &org, hidden, &given, "").await? {
            out.by_id.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let mut counts: BTreeMap<String, String> = BTreeMap::new();
        for new in all().filter(|s| is_provisional(&s.id)) {
            counts.extend(by.fingerprints(ValueKind::Name, &new.name)?);
            if let Some(tax) = &new.vat_number {
                counts.extend(by.fingerprints(ValueKind::Tax, tax)?);
            }
        }
        let fingerprints: Vec<String> = counts.keys().cloned().collect();
        let head = "SELECT v.kind, v.fingerprint, v.supplier_id FROM supplier_values v JOIN suppliers s \
                    ON s.org_id = v.org_id AND s.id = v.supplier_id WHERE v.org_id = $1 AND v.batch_id <> $2 \
                    AND v.retired_at IS NULL AND s.merged_into IS NULL AND v.fingerprint";
        for row in rows_in(read, head, &org, hidden, &fingerprints, " LIMIT 10000").await? {
            if let Some(kind) = ValueKind::from_name(row.try_get(0)?) {
                let stored: String = row.try_get(1)?;
                let named = counts.get(&stored).cloned().unwrap_or(stored);
                out.by_value.entry((kind, named)).or_default().push(row.try_get(2)?);
            }
        }
        let ids: BTreeSet<String> =
            out.by_id.values().chain(out.by_value.values().flatten()).cloned().collect();
        let ids: Vec<String> = ids.into_iter().collect();
        out.stored = self.load(read, by.org, hidden, &ids, false).await?;
        Ok(out)
    }
}
