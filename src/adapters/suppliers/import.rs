//! A feed of suppliers into the database: one batch, seen whole or not at all.
//!
//! An import adds and corrects, it never takes away: names, numbers and states are replaced by what the file says,
//! lists grow. The same file twice changes nothing. What it may not do is verify by the way: no account on record
//! becomes `verified`, or stops being `retired` or `blocked`, and no new account of a known supplier is better than
//! `pending`, unless the importing person said `--verified`; a verification case is opened instead. How it is written
//! without stopping the mail is told in [`super::batches`].

use super::batches::{BatchKind, NewBatch, Side, apply, generation, raise};
use super::csv::is_provisional;
use super::draft::{Author, Draft, NewAccount, NewCase};
use super::feed::{Incoming, Lifecycle, SupplierFeed};
use super::plan::{
    Candidates, account_face, granted, is_single, retirement, state_change, supplier_change, values,
};
use super::records::{Stored, StoredAccount, SupplierRecords, hidden};
use super::report::note;
pub use super::report::{AccountChange, Ambiguous, ImportReport, ProposedDomain, SharedAccount};
use super::rows::{ValueKind, rows_in};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Durability, Event, StoreError, append_audit, config_changed};
use crate::limits;
use crate::model::{AccountState, OrgId, SupplierAccount, SupplierId};
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// How records are brought in.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions<'a> {
    /// The importing person says that all accounts are verified.
    pub verified: bool,
    /// Report only.
    pub dry_run: bool,
    /// Who imports, for the audit log.
    pub actor: &'a str,
    /// Where from, for the audit log: a file name without its folder, or a source's name.
    pub source: &'a str,
    /// A live source, not a file: an account beside a verified one is drift.
    pub sync: bool,
    /// Hex SHA-256 of the file, if it is one.
    pub hash: Option<&'a str>,
}

/// One import at work.
struct Session<'a> {
    records: &'a SupplierRecords,
    org: OrgId,
    /// Empty in a dry run.
    batch: String,
    options: &'a ImportOptions<'a>,
    now: i64,
    report: ImportReport,
    /// Whether accounts on record change their state: their open cases end then.
    states_change: bool,
    rows: usize,
}

/// One supplier of the feed beside its record.
struct Planned<'a> {
    id: &'a str,
    incoming: &'a Incoming,
    stored: Option<&'a Stored>,
}

impl SupplierRecords {
    /// Brings the suppliers of a feed into the database as one batch. Tell the other nodes of
    /// [`ImportReport::generation`] afterwards.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of the feed stands then. [`StoreError::Conflict`] when another import is at work.
    pub async fn import(
        &self,
        org: OrgId,
        feed: &mut dyn SupplierFeed,
        options: &ImportOptions<'_>,
    ) -> Result<ImportReport, StoreError> {
        let kind = if options.sync { BatchKind::Sync } else { BatchKind::Import };
        let new = NewBatch {
            kind,
            actor: options.actor,
            source: options.source,
            hash: options.hash,
            verified: options.verified,
        };
        let batch = if options.dry_run { String::new() } else { self.stage(org, &new).await? };
        let mut session = Session {
            records: self,
            org,
            batch: batch.clone(),
            options,
            now: self.clock.now_ms(),
            report: ImportReport::default(),
            states_change: false,
            rows: 0,
        };
        let done = session.run(feed).await;
        if options.dry_run {
            return done.map(|()| session.report);
        }
        match done {
            Ok(()) if session.rows > 0 => match session.commit().await {
                Ok(report) => Ok(report),
                Err(error) => {
                    self.give_up(org, &batch).await?;
                    Err(error)
                }
            },
            Ok(()) => {
                self.give_up(org, &batch).await?;
                Ok(session.report)
            }
            // Whoever comes next clears away what this attempt cannot.
            Err(error) => {
                self.give_up(org, &batch).await.ok();
                Err(error)
            }
        }
    }
}

impl Session<'_> {
    async fn run(&mut self, feed: &mut dyn SupplierFeed) -> Result<(), StoreError> {
        let mut beat_at = self.now;
        loop {
            let incoming = feed.next_batch(limits::IMPORT_BATCH)?;
            if incoming.is_empty() {
                return Ok(());
            }
            let draft = self.draft(&incoming).await?;
            let now = self.records.clock.now_ms();
            let silent = now.saturating_sub(beat_at) > super::batches::millis(limits::IMPORT_LEASE) / 3;
            if self.options.dry_run || draft.is_empty() && !silent {
                continue;
            }
            beat_at = now;
            self.rows = self.rows.saturating_add(draft.size());
            let mut write = self.records.database.scope(self.org).write_as(Durability::Quick).await?;
            self.records.beat(&mut write, self.org, &self.batch).await?;
            draft.write(&mut write, self.org, &self.batch).await?;
            write.commit().await?;
        }
    }

    /// What one batch of suppliers adds and changes.
    async fn draft(&mut self, incoming: &[Incoming]) -> Result<Draft, StoreError> {
        let records = self.records;
        let mut read = records.database.scope(self.org).read().await?;
        // What this import staged so far counts for itself.
        let hidden = if self.options.dry_run { hidden(&mut read, self.org).await? } else { String::new() };
        let batch = self.batch.clone();
        let by = Author {
            keyring: &*records.keyring,
            ids: &*records.ids,
            org: self.org,
            batch: &batch,
            actor: self.options.actor,
            source: self.options.source,
            now: self.now,
        };
        let candidates = records.candidates(&mut read, &by, &hidden, incoming).await?;
        let elsewhere = elsewhere(&mut read, &by, &hidden, incoming).await?;
        let handled = self.handled(&mut read, &by, &hidden, &candidates).await?;
        drop(read);
        let mut draft = Draft::default();
        for one in incoming {
            let new = &one.supplier;
            let tax = new.vat_number.as_deref().map(|tax| by.fingerprint(ValueKind::Tax, tax)).transpose()?;
            let name = by.fingerprint(ValueKind::Name, &new.name)?;
            let Ok(stored) = candidates.resolve(new, tax.as_ref(), &name) else {
                let ambiguous = Ambiguous { name: new.name.clone(), lines: one.lines.clone() };
                note(&mut self.report.ambiguous, ambiguous);
                continue;
            };
            let id = match stored {
                Some(stored) => stored.id.0.clone(),
                None if is_provisional(&new.id) => records.ids.ulid().to_string(),
                None => new.id.0.clone(),
            };
            let planned = Planned { id: &id, incoming: one, stored };
            self.supplier(&by, &planned, &elsewhere, &handled, &mut draft)?;
        }
        Ok(draft)
    }

    /// One supplier: its own row, what it is known by, its accounts.
    fn supplier(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        elsewhere: &Elsewhere,
        handled: &BTreeSet<String>,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let before = draft.size();
        match (planned.incoming.lifecycle, planned.stored) {
            (Lifecycle::Archived | Lifecycle::Erased, Some(stored)) => {
                self.archive(by, planned, stored, draft)?;
            }
            (Lifecycle::Archived | Lifecycle::Erased, None) => {
                self.report.archived = self.report.archived.saturating_add(1);
                return Ok(());
            }
            (Lifecycle::Active, _) => {
                self.face(by, planned, draft)?;
                self.accounts(by, planned, elsewhere, handled, draft)?;
            }
        }
        let counter = match (planned.stored, draft.size() > before) {
            (None, _) => &mut self.report.created,
            (Some(_), true) => &mut self.report.updated,
            (Some(_), false) => &mut self.report.unchanged,
        };
        *counter = counter.saturating_add(1);
        Ok(())
    }

    /// A supplier that the ledger no longer uses: nobody should be paid there, and nothing else is believed.
    fn archive(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        stored: &Stored,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        use AccountState::{Pending, Retired, Verified};
        for account in stored.accounts.iter().filter(|a| matches!(a.account.state, Pending | Verified)) {
            self.note(planned, &account.account, Some(account.account.state), Retired, None);
            self.states_change = true;
            draft.changes.push(state_change(by, planned.id, account, Retired, None)?);
        }
        self.report.archived = self.report.archived.saturating_add(1);
        Ok(())
    }

    /// The supplier's own row and what it is known by, where they differ.
    fn face(&mut self, by: &Author<'_>, planned: &Planned<'_>, draft: &mut Draft) -> Result<(), StoreError> {
        let new = &planned.incoming.supplier;
        match planned.stored {
            None => draft.supplier(by, planned.id, &new.name, new.country.as_deref())?,
            Some(stored) => {
                let country = new.country.as_deref().or(stored.country.as_deref());
                if stored.name != new.name || stored.country.as_deref() != country {
                    draft.changes.push(supplier_change(by, stored, &new.name, country, None)?);
                }
            }
        }
        let mut wanted = values(new);
        wanted.extend(self.derived(planned));
        let mut counts: BTreeMap<ValueKind, usize> = BTreeMap::new();
        let mut standing: BTreeSet<(ValueKind, String)> = BTreeSet::new();
        let active =
            planned.stored.into_iter().flat_map(|s| s.values.iter().filter(|v| v.retired_at.is_none()));
        for value in active {
            let count = counts.entry(value.kind).or_default();
            *count = count.saturating_add(1);
            standing.insert((value.kind, value.fingerprint.clone()));
        }
        for (kind, text) in wanted {
            if !standing.insert((kind, by.fingerprint(kind, &text)?)) {
                continue;
            }
            if is_single(kind) {
                let old = planned.stored.into_iter().flat_map(|stored| stored.active(kind));
                draft.changes.extend(old.map(|old| retirement(by, planned.id, old)));
            } else if counts.get(&kind).copied().unwrap_or(0) >= limits::MAX_SUPPLIER_VALUES {
                self.report.overfull = self.report.overfull.saturating_add(1);
                continue;
            }
            let count = counts.entry(kind).or_default();
            *count = count.saturating_add(1);
            draft.value(by, planned.id, kind, &text)?;
        }
        Ok(())
    }

    /// Domains that nobody named: taken where the supplier has none, else only proposed.
    fn derived(&mut self, planned: &Planned<'_>) -> Vec<(ValueKind, String)> {
        let known = |domain: &str| {
            planned.stored.is_some_and(|s| s.active(ValueKind::Domain).any(|value| value.text == domain))
        };
        let named = &planned.incoming.supplier.domains;
        let has_domain =
            !named.is_empty() || planned.stored.is_some_and(|s| s.active(ValueKind::Domain).next().is_some());
        let mut taken = Vec::new();
        for domain in planned.incoming.derived.iter().filter(|d| !named.contains(d) && !known(d.as_str())) {
            if has_domain {
                let supplier = SupplierId(planned.id.to_owned());
                note(&mut self.report.proposed, ProposedDomain { supplier, domain: domain.to_string() });
            } else {
                taken.push((ValueKind::Domain, domain.to_string()));
            }
        }
        taken
    }

    /// Adds new accounts and changes states as far as the import may; the rest becomes cases.
    fn accounts(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        elsewhere: &Elsewhere,
        handled: &BTreeSet<String>,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let known = planned.stored.map(|stored| stored.accounts.as_slice()).unwrap_or_default();
        let mut room = limits::MAX_SUPPLIER_ACCOUNTS.saturating_sub(known.len());
        let mut seen = BTreeSet::new();
        for new in &planned.incoming.supplier.accounts {
            let fingerprint = by.account_fingerprint(&new.account)?;
            if !seen.insert(fingerprint.clone()) {
                continue;
            }
            let old = known.iter().find(|k| k.fingerprint == fingerprint);
            if old.is_none() && (self.shared(planned, new, elsewhere.get(&fingerprint)) || room == 0) {
                continue;
            }
            let old_state = old.map(|old| old.account.state);
            let state = granted(old_state, new.state, planned.stored.is_some(), self.options.verified);
            let case = match old {
                None => {
                    room = room.saturating_sub(1);
                    let how = if self.options.verified { "import" } else { "status" };
                    let how = (state == AccountState::Verified).then_some(how);
                    let account = NewAccount {
                        supplier: planned.id,
                        fingerprint: &fingerprint,
                        account: new,
                        state,
                        verified_how: how,
                    };
                    let id = draft.account(by, &account)?;
                    let opens = planned.stored.is_some() && state == AccountState::Pending;
                    opens.then(|| self.case(by, planned, new, &id, &fingerprint, draft)).transpose()?
                }
                Some(old) => {
                    self.changed(by, planned, new, old, state, draft)?;
                    let asks = new.state == AccountState::Verified
                        && matches!(state, AccountState::Pending | AccountState::Retired);
                    let opens = asks && !handled.contains(&old.id);
                    opens.then(|| self.case(by, planned, new, &old.id, &fingerprint, draft)).transpose()?
                }
            };
            self.note(planned, new, old_state, state, case);
        }
        Ok(())
    }

    /// An account on record: another state, or a holder or BIC that was not known.
    fn changed(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        new: &SupplierAccount,
        old: &StoredAccount,
        state: AccountState,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let was = &old.account;
        let differs = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        let details = differs(&new.bic, &was.bic) || differs(&new.account_name, &was.account_name);
        if state == was.state && !details {
            return Ok(());
        }
        self.states_change |= state != was.state;
        let how = (state == AccountState::Verified && was.state != state).then_some("import");
        let mut change = state_change(by, planned.id, old, state, how)?;
        if details {
            let mut described = old.clone();
            described.account.bic = new.bic.clone().or_else(|| was.bic.clone());
            described.account.account_name = new.account_name.clone().or_else(|| was.account_name.clone());
            let face = account_face(by, planned.id, &described)?;
            (change.after.bic, change.after.holder) = (face.bic, face.holder);
        }
        draft.changes.push(change);
        Ok(())
    }

    /// Opens a case for an account that the import may not verify.
    fn case(
        &mut self,
        by: &Author<'_>,
        planned: &Planned<'_>,
        new: &SupplierAccount,
        account_id: &str,
        fingerprint: &str,
        draft: &mut Draft,
    ) -> Result<String, StoreError> {
        self.report.cases_opened = self.report.cases_opened.saturating_add(1);
        let verified: Vec<_> = verified(planned).collect();
        let (kind, origin) = match (verified.is_empty(), self.options.sync) {
            (true, sync) => ("new", if sync { "sync" } else { "import" }),
            (false, true) => ("drift", "sync"),
            (false, false) => ("changed", "import"),
        };
        let replaces = match verified.as_slice() {
            [only] => Some(only.id.clone()),
            _ => None,
        };
        let case = NewCase {
            supplier: planned.id,
            account_id,
            fingerprint,
            account: &new.account,
            kind,
            replaces,
            origin,
            origin_id: Some(self.batch.clone()),
        };
        let id = draft.case(by, case)?;
        Ok(if self.options.dry_run { "new".to_owned() } else { id })
    }

    /// Notes where else a new account stands. True when it must not be taken: it is the organisation's own.
    fn shared(
        &mut self,
        planned: &Planned<'_>,
        new: &SupplierAccount,
        others: Option<&Vec<Option<String>>>,
    ) -> bool {
        let others = others.map(Vec::as_slice).unwrap_or_default();
        for other in others.iter().filter(|other| other.as_deref() != Some(planned.id)) {
            let shared = SharedAccount {
                supplier: SupplierId(planned.id.to_owned()),
                account: new.account.masked(),
                other: other.clone().map(SupplierId),
                lines: planned.incoming.lines.clone(),
            };
            note(&mut self.report.shared, shared);
        }
        others.contains(&None)
    }

    /// Counts one account of the feed.
    fn note(
        &mut self,
        planned: &Planned<'_>,
        account: &SupplierAccount,
        from: Option<AccountState>,
        to: AccountState,
        case: Option<String>,
    ) {
        let archived = planned.incoming.lifecycle != Lifecycle::Active;
        // A file without statuses asks for `pending`, which says nothing against what is on record.
        let refused =
            !archived && to != account.state && !(account.state == AccountState::Pending && from.is_some());
        let changed = from != Some(to);
        let report = &mut self.report;
        let counter = match from {
            None => &mut report.accounts_added,
            Some(_) => &mut report.accounts_changed,
        };
        *counter = counter.saturating_add(usize::from(changed));
        report.accounts_held_back = report.accounts_held_back.saturating_add(usize::from(refused));
        if changed || refused {
            let beside = if from.is_none() {
                verified(planned).map(|a| a.account.account.masked()).collect()
            } else {
                Vec::new()
            };
            let change = AccountChange {
                supplier: SupplierId(planned.id.to_owned()),
                name: planned.incoming.supplier.name.clone(),
                account: account.account.masked(),
                from: from.map(AccountState::as_str),
                to: to.as_str(),
                refused: refused.then(|| account.state.as_str()),
                beside,
                case,
            };
            note(&mut report.changes, change);
        }
    }

    /// Accounts on record for which no further case is to be opened: one is open, or one was rejected.
    async fn handled(
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

    /// Makes all of it count.
    async fn commit(mut self) -> Result<ImportReport, StoreError> {
        let (org, batch) = (self.org, self.batch.clone());
        let now = self.records.clock.now_ms();
        let mut write = self.records.database.scope(org).write().await?;
        raise(&mut write, org).await?;
        self.records.beat(&mut write, org, &batch).await?;
        if self.states_change {
            withdraw_cases(&mut write, org, &batch).await?;
        }
        apply(&mut write, org, &batch, Side::After, now).await?;
        let counts = self.report.counts(self.options.verified);
        sqlx::query(
            "UPDATE supplier_batches SET state = 'committed', committed_at = $1, counts = $2 \
             WHERE org_id = $3 AND id = $4",
        )
        .bind(now)
        .bind(counts.to_string())
        .bind(org.to_string())
        .bind(&batch)
        .execute(&mut *write)
        .await?;
        let mut detail = counts;
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("batch".to_owned(), batch.as_str().into());
        }
        let action =
            if self.options.sync { AuditAction::SuppliersSync } else { AuditAction::SuppliersImport };
        let (actor, subject) = (self.options.actor, self.options.source);
        let event = Event { org, at: now, actor, action, subject, detail, private: None };
        append_audit(&mut write, self.records.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        self.report.generation = Some(generation(&mut write, org).await?);
        self.report.batch = Some(batch);
        write.commit().await?;
        Ok(self.report)
    }
}

/// The accounts of the record that payments go to.
fn verified<'a>(planned: &Planned<'a>) -> impl Iterator<Item = &'a StoredAccount> + use<'a> {
    let accounts = planned.stored.map(|stored| stored.accounts.as_slice()).unwrap_or_default();
    accounts.iter().filter(|account| account.account.state == AccountState::Verified)
}

/// Cases of accounts whose state the batch decides need no call any more.
async fn withdraw_cases(write: &mut AnyConnection, org: OrgId, batch: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO supplier_changes (org_id, batch_id, entity, row_id, before_change, before_supplier, \
         before_state, after_supplier, after_state) SELECT k.org_id, c.batch_id, 'case', k.id, k.change_id, \
         k.supplier_id, k.state, k.supplier_id, 'withdrawn' FROM supplier_changes c JOIN cases k \
         ON k.org_id = c.org_id AND k.account_id = c.row_id WHERE c.org_id = $1 AND c.batch_id = $2 \
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
type Elsewhere = BTreeMap<String, Vec<Option<String>>>;

/// Where the accounts of a batch stand already.
async fn elsewhere(
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
    async fn candidates(
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
