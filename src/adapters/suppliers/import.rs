//! Supplier records into the database.
//!
//! An import adds and corrects, it never takes away: names, numbers and states are replaced by what the file says,
//! lists grow. The same file twice changes nothing. What it may not do is verify by the way: a new account of a
//! supplier who has a verified one comes in as `pending`, and no account on record becomes `verified`, or stops being
//! `retired` or `blocked`, unless the importing person said `--verified`.

use super::csv::is_provisional;
use super::feed::{Incoming, Lifecycle, SupplierFeed};
use super::plan::{additions, granted, resolve};
use super::records::{NAME, NUMBER, SHORT, Stored, SupplierRecords, rows_in};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Event, StoreError, append_audit, directory_changed};
use crate::limits;
use crate::model::{
    AccountState, OrgId, SupplierAccount, SupplierId, SupplierRecord, fold_company_number, fold_name,
    fold_tax_number,
};
use serde::Serialize;
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// How records are brought in.
#[derive(Clone, Debug)]
pub struct ImportOptions<'a> {
    /// The importing person says that all accounts are verified.
    pub verified: bool,
    /// Report only.
    pub dry_run: bool,
    /// Who imports, for the audit log.
    pub actor: &'a str,
    /// Where from, for the audit log: a file name without its folder.
    pub source: &'a str,
}

/// One account that an import adds or whose state it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The supplier's id; of a new supplier the one it gets.
    pub supplier: SupplierId,
    /// Its name.
    pub name: String,
    /// `••••` and the last four.
    pub account: String,
    /// State before; `None` for a new account.
    pub from: Option<&'static str>,
    /// State after.
    pub to: &'static str,
    /// State that the file asked for, where it was not granted.
    pub refused: Option<&'static str>,
}

/// A supplier of the file that several records fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ambiguous {
    /// Its name in the file.
    pub name: String,
    /// Lines of the file that speak of it.
    pub lines: Vec<u64>,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// New suppliers.
    pub created: usize,
    /// Suppliers with any change, to their accounts included.
    pub updated: usize,
    /// Suppliers that are as the file says.
    pub unchanged: usize,
    /// New accounts.
    pub accounts_added: usize,
    /// Accounts whose state changed.
    pub accounts_changed: usize,
    /// Accounts that the file wants in a state which it may not give.
    pub accounts_held_back: usize,
    /// Each of them, at most `limits::MAX_IMPORT_ERRORS`.
    pub changes: Vec<AccountChange>,
    /// Suppliers without id whose record can't be told: several fit. Not imported.
    pub ambiguous: Vec<Ambiguous>,
    /// The organisation's generation after the last change; `None` when nothing changed.
    pub generation: Option<i64>,
}

/// One supplier of the file beside its record.
struct Planned<'a> {
    id: SupplierId,
    new: &'a SupplierRecord,
    stored: Option<&'a Stored>,
}

impl SupplierRecords {
    /// Brings the suppliers of a feed into the database, `limits::IMPORT_BATCH` a transaction, each with its audit entry and
    /// the organisation's next generation. Tell the other nodes of [`ImportReport::generation`] afterwards.
    ///
    /// # Errors
    /// [`StoreError`]: batches before the failing one stand; the same file again completes the work.
    pub async fn import(
        &self,
        org: OrgId,
        feed: &mut dyn SupplierFeed,
        options: &ImportOptions<'_>,
    ) -> Result<ImportReport, StoreError> {
        let mut report = ImportReport::default();
        loop {
            let batch = feed.next_batch(limits::IMPORT_BATCH)?;
            if batch.is_empty() {
                return Ok(report);
            }
            let batch = batch.as_slice();
            if options.dry_run {
                let mut read = self.database.reader().begin().await?;
                self.batch(&mut read, org, batch, options, &mut report).await?;
                continue;
            }
            let mut write = self.database.begin().await?;
            let mut part = ImportReport::default();
            self.batch(&mut write, org, batch, options, &mut part).await?;
            if part.created > 0 || part.updated > 0 {
                report.generation = Some(self.seal_batch(&mut write, org, &part, options).await?);
            }
            write.commit().await?;
            report.add(part);
        }
    }

    async fn batch(
        &self,
        connection: &mut AnyConnection,
        org: OrgId,
        batch: &[Incoming],
        options: &ImportOptions<'_>,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        let stored = self.candidates(connection, org, batch).await?;
        for Incoming { supplier, derived, lifecycle, lines } in batch {
            let mut new = supplier.clone();
            new.domains.extend(derived.iter().cloned());
            let found = resolve(&new, &stored);
            // Beside known domains a derived one is only a proposal; what the ledger archived is not created.
            match &found {
                Ok(Some(found)) if !found.record.domains.is_empty() => {
                    new.domains.clone_from(&supplier.domains)
                }
                Ok(None) if *lifecycle != Lifecycle::Active => continue,
                _ => {}
            }
            let new = &new;
            let planned = match found {
                Ok(Some(found)) => Planned { id: found.record.id.clone(), new, stored: Some(found) },
                Ok(None) if is_provisional(&new.id) => {
                    Planned { id: SupplierId(self.ids.ulid().to_string()), new, stored: None }
                }
                Ok(None) => Planned { id: new.id.clone(), new, stored: None },
                Err(()) => {
                    report.ambiguous.push(Ambiguous { name: new.name.clone(), lines: lines.clone() });
                    continue;
                }
            };
            let touched = self.write_supplier(connection, org, &planned, options).await?;
            let accounts = self.write_accounts(connection, org, &planned, options, report).await?;
            let counter = match (planned.stored, touched || accounts) {
                (None, _) => &mut report.created,
                (Some(_), true) => &mut report.updated,
                (Some(_), false) => &mut report.unchanged,
            };
            *counter = counter.saturating_add(1);
        }
        Ok(())
    }

    /// Every record that a supplier of the batch may be.
    async fn candidates(
        &self,
        connection: &mut AnyConnection,
        org: OrgId,
        batch: &[Incoming],
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        let text = org.to_string();
        let all = || batch.iter().map(|incoming| &incoming.supplier);
        let given = |s: &&SupplierRecord| !is_provisional(&s.id);
        let mut ids: BTreeSet<String> = all().filter(given).map(|s| s.id.0.clone()).collect();
        let open = || all().filter(|s| is_provisional(&s.id));
        let taxes: BTreeSet<String> =
            open().filter_map(|s| s.vat_number.as_deref()).map(fold_tax_number).collect();
        let names: BTreeSet<String> = open().map(|s| fold_name(&s.name)).collect();
        for (head, values) in [
            ("SELECT id FROM suppliers WHERE org_id = $1 AND folded_vat", taxes),
            ("SELECT id FROM suppliers WHERE org_id = $1 AND folded_name", names),
        ] {
            let values: Vec<String> = values.into_iter().collect();
            for row in rows_in(connection, head, &text, &values, " LIMIT 10000").await? {
                ids.insert(row.try_get(0)?);
            }
        }
        let ids: Vec<String> = ids.into_iter().collect();
        self.load(connection, org, &ids).await
    }

    /// Writes the supplier's own columns and lists where they differ; says whether any did.
    async fn write_supplier(
        &self,
        connection: &mut AnyConnection,
        org: OrgId,
        planned: &Planned<'_>,
        options: &ImportOptions<'_>,
    ) -> Result<bool, StoreError> {
        let (new, old) = (planned.new, planned.stored.map(|s| &s.record));
        let keep = |new: &Option<String>, old: Option<&Option<String>>| {
            new.clone().or_else(|| old.cloned().flatten())
        };
        let vat = keep(&new.vat_number, old.map(|o| &o.vat_number));
        let company = keep(&new.company_number, old.map(|o| &o.company_number));
        let country = keep(&new.country, old.map(|o| &o.country));
        let columns_differ = old.is_none_or(|old| {
            (&old.name, &old.vat_number, &old.company_number, &old.country)
                != (&new.name, &vat, &company, &country)
        });
        let (org, id) = (org.to_string(), planned.id.0.as_str());
        if columns_differ && !options.dry_run {
            let now = self.clock.now_ms();
            sqlx::query(
                "INSERT INTO suppliers (org_id, id, name, folded_name, vat_number, folded_vat, company_number, \
                 folded_company, country, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (org_id, id) DO UPDATE SET \
                 name = excluded.name, folded_name = excluded.folded_name, vat_number = excluded.vat_number, \
                 folded_vat = excluded.folded_vat, company_number = excluded.company_number, \
                 folded_company = excluded.folded_company, country = excluded.country, \
                 updated_at = excluded.updated_at",
            )
            .bind(&org)
            .bind(id)
            .bind(&new.name)
            .bind(fold_name(&new.name))
            .bind(&vat)
            .bind(vat.as_deref().map(fold_tax_number))
            .bind(&company)
            .bind(company.as_deref().map(fold_company_number))
            .bind(&country)
            .bind(now)
            .execute(&mut *connection)
            .await?;
        }
        let additions = additions(new, old);
        if !options.dry_run {
            for (sql, first, second) in &additions {
                let query = sqlx::query(*sql).bind(&org).bind(id).bind(first);
                let query = if second.is_empty() { query } else { query.bind(second) };
                query.execute(&mut *connection).await?;
            }
        }
        Ok(columns_differ || !additions.is_empty())
    }

    /// Adds new accounts and changes states as far as the import may; says whether anything changed.
    async fn write_accounts(
        &self,
        connection: &mut AnyConnection,
        org: OrgId,
        planned: &Planned<'_>,
        options: &ImportOptions<'_>,
        report: &mut ImportReport,
    ) -> Result<bool, StoreError> {
        let known = planned.stored.map(|stored| stored.accounts.as_slice()).unwrap_or_default();
        let has_verified = known.iter().any(|k| k.account.state == AccountState::Verified);
        let mut changed = false;
        for new in &planned.new.accounts {
            let fingerprint = self.keyring.fingerprint(org, &new.account.comparison_key())?.to_hex();
            let old = known.iter().find(|k| k.fingerprint == fingerprint).map(|k| &k.account);
            let state = granted(old.map(|o| o.state), new.state, has_verified, options.verified);
            let details_differ = old.is_some_and(|old| {
                new.bic.is_some() && new.bic != old.bic
                    || new.account_name.is_some() && new.account_name != old.account_name
            });
            let state_differs = old.is_none_or(|old| old.state != state);
            report.note(planned, new, old.map(|o| o.state), state);
            if !(details_differ || state_differs) {
                continue;
            }
            changed = true;
            if !options.dry_run {
                let put = Put { id: &planned.id, fingerprint: &fingerprint, account: new, state };
                self.put_account(connection, org, &put, options).await?;
            }
        }
        Ok(changed)
    }

    async fn put_account(
        &self,
        connection: &mut AnyConnection,
        org: OrgId,
        put: &Put<'_>,
        options: &ImportOptions<'_>,
    ) -> Result<(), StoreError> {
        let account = &put.account.account;
        let seal = |context: &str, text: &str| self.keyring.seal(org, context, text.as_bytes());
        let name = put.account.account_name.as_deref().map(|name| seal(NAME, name)).transpose()?;
        let now = self.clock.now_ms();
        let verified = put.state == AccountState::Verified;
        // The number as first written stays: another form of it has the same fingerprint.
        sqlx::query(
            "INSERT INTO supplier_accounts (org_id, supplier_id, fingerprint, scheme, country, sealed_number, \
             sealed_short, sealed_name, bic, state, source, verified_by, verified_at, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) \
             ON CONFLICT (org_id, supplier_id, fingerprint) DO UPDATE SET \
             sealed_name = COALESCE(excluded.sealed_name, supplier_accounts.sealed_name), \
             bic = COALESCE(excluded.bic, supplier_accounts.bic), state = excluded.state, \
             verified_by = COALESCE(supplier_accounts.verified_by, excluded.verified_by), \
             verified_at = COALESCE(supplier_accounts.verified_at, excluded.verified_at), \
             updated_at = excluded.updated_at",
        )
        .bind(org.to_string())
        .bind(&put.id.0)
        .bind(put.fingerprint)
        .bind(account.scheme().as_str())
        .bind(account.country())
        .bind(seal(NUMBER, account.reveal())?)
        .bind(seal(SHORT, &account.masked())?)
        .bind(name)
        .bind(put.account.bic.as_deref())
        .bind(put.state.as_str())
        .bind("import")
        .bind(verified.then_some(options.actor))
        .bind(verified.then_some(now))
        .bind(now)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The next generation and the audit entry, in the batch's own transaction.
    async fn seal_batch(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        part: &ImportReport,
        options: &ImportOptions<'_>,
    ) -> Result<i64, StoreError> {
        directory_changed(write, org).await?;
        let generation = sqlx::query_scalar("SELECT directory_generation FROM organisations WHERE id = $1")
            .bind(org.to_string())
            .fetch_optional(&mut *write)
            .await?
            .ok_or(StoreError::NotFound("organisation"))?;
        let verified = part.changes.iter().filter(|change| change.to == "verified").count();
        let detail = serde_json::json!({
            "created": part.created, "updated": part.updated, "accounts_added": part.accounts_added,
            "accounts_changed": part.accounts_changed, "accounts_verified": verified,
            "accounts_held_back": part.accounts_held_back, "verified_flag": options.verified,
        });
        let event = Event {
            org,
            at: self.clock.now_ms(),
            actor: options.actor,
            action: AuditAction::SuppliersImport,
            subject: options.source,
            detail,
            private: None,
        };
        append_audit(write, self.keyring.as_ref(), event).await?;
        Ok(generation)
    }
}

/// One account on its way into the table.
struct Put<'a> {
    id: &'a SupplierId,
    fingerprint: &'a str,
    account: &'a SupplierAccount,
    state: AccountState,
}

impl ImportReport {
    /// Counts one account of the file.
    fn note(
        &mut self,
        planned: &Planned<'_>,
        account: &SupplierAccount,
        from: Option<AccountState>,
        to: AccountState,
    ) {
        // A file without statuses asks for `pending`, which says nothing against what is on record.
        let refused = to != account.state && !(account.state == AccountState::Pending && from.is_some());
        let changed = from != Some(to);
        let counter = match from {
            None => &mut self.accounts_added,
            Some(_) => &mut self.accounts_changed,
        };
        *counter = counter.saturating_add(usize::from(changed));
        self.accounts_held_back = self.accounts_held_back.saturating_add(usize::from(refused));
        if (changed || refused) && self.changes.len() < limits::MAX_IMPORT_ERRORS {
            self.changes.push(AccountChange {
                supplier: planned.id.clone(),
                name: planned.new.name.clone(),
                account: account.account.masked(),
                from: from.map(AccountState::as_str),
                to: to.as_str(),
                refused: refused.then(|| account.state.as_str()),
            });
        }
    }

    fn add(&mut self, part: Self) {
        for (sum, part) in [
            (&mut self.created, part.created),
            (&mut self.updated, part.updated),
            (&mut self.unchanged, part.unchanged),
            (&mut self.accounts_added, part.accounts_added),
            (&mut self.accounts_changed, part.accounts_changed),
            (&mut self.accounts_held_back, part.accounts_held_back),
        ] {
            *sum = sum.saturating_add(part);
        }
        let room = limits::MAX_IMPORT_ERRORS.saturating_sub(self.changes.len());
        self.changes.extend(part.changes.into_iter().take(room));
        self.ambiguous.extend(part.ambiguous);
    }
}
