//! Verification cases: an account that somebody wants paid, until two people have made sure of it.
//!
//! open → called → approved, or rejected, or withdrawn. A case is opened by an import or sync that brings a bank change,
//! by a person, or by a message. Somebody calls the supplier on a number that was on record for long (never one from a
//! mail), somebody else approves: then the account becomes `verified`. One person may always say no. The rules stand
//! here and in `decide`, so that commands, API and pages cannot differ.

mod decide;

pub use decide::{CallOutcome, Decided};

use super::batches::{BatchKind, NewBatch};
use super::draft::{Author, Draft};
use super::edit::new_case;
use super::records::{Stored, StoredAccount, StoredValue, SupplierRecords, account, hidden};
use super::rows::{ValueKind, damaged, open, sealed};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::StoreError;
use crate::limits;
use crate::model::{Account, AccountState, EmailAddress, OrgId, Preferences, SupplierId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

/// Preference of an organisation: days that a phone number must have been on record to verify a bank change.
const CALL_BACK_DAYS: &str = "cases.call-back-days";

/// States of a case.
pub const CASE_STATES: [&str; 5] = ["open", "called", "approved", "rejected", "withdrawn"];

/// Who acts on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// Whoever operates the machine: may open and reject, never call or approve.
    Operator,
    /// A user of the organisation.
    User {
        /// Id in the users table.
        id: String,
        /// Address, for what people read.
        email: String,
        /// `admin`, `reviewer` or `viewer`.
        role: String,
    },
}

impl Person {
    /// What records call them.
    #[must_use]
    pub fn actor(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::User { id, .. } => id,
        }
    }

    /// What the audit is told: of an address it keeps a pseudonym.
    #[must_use]
    pub fn audited(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::User { email, .. } => email,
        }
    }
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// ULID.
    pub id: String,
    /// The supplier.
    pub supplier: SupplierId,
    /// Row id of the account.
    pub account_id: String,
    /// The account.
    pub account: Account,
    /// `new`: no verified one stands beside it; `changed`: one does; `drift`: the ledger differs from the record.
    pub kind: String,
    /// Row id of the verified account that it would take the place of.
    pub replaces: Option<String>,
    /// `import`, `sync`, `message`, `person`.
    pub origin: String,
    /// The batch or message.
    pub origin_id: Option<String>,
    /// One of [`CASE_STATES`].
    pub state: String,
    /// Who opened it: `operator`, `system` or a user's id.
    pub requested_by: String,
    /// Unix milliseconds.
    pub opened_at: i64,
    /// The number that was called, by its row id.
    pub call_value: Option<String>,
    /// `confirmed`, `denied`, `no-answer`.
    pub call_outcome: Option<String>,
    /// Who called.
    pub called_by: Option<String>,
    /// Unix milliseconds.
    pub called_at: Option<i64>,
    /// What the caller wrote down.
    pub note: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Unix milliseconds.
    pub decided_at: Option<i64>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// A number on record, and whether it may verify a bank change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallNumber {
    /// Row id, which the call names.
    pub id: String,
    /// The number as written.
    pub number: String,
    /// Where it came from.
    pub source: String,
    /// Unix milliseconds.
    pub added_at: i64,
    /// From when it may verify, Unix milliseconds.
    pub usable_from: i64,
    /// Whether it may now.
    pub usable: bool,
}

/// A case with what is needed to work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDetail {
    /// The case.
    pub case: Case,
    /// The supplier's record.
    pub supplier: Stored,
    /// Its numbers.
    pub numbers: Vec<CallNumber>,
}

impl CaseDetail {
    /// The account that would be replaced.
    #[must_use]
    pub fn replaced(&self) -> Option<&StoredAccount> {
        let id = self.case.replaces.as_ref()?;
        self.supplier.accounts.iter().find(|account| account.id == *id)
    }
}

const COLUMNS: &str = "SELECT k.id, k.supplier_id, k.account_id, k.sealed_account, k.kind, k.replaces, k.origin, \
                       k.origin_id, k.state, k.requested_by, k.opened_at, k.call_value_id, k.call_outcome, \
                       k.called_by, k.called_at, k.sealed_note, k.decided_by, k.decided_at, k.sealed_reason \
                       FROM cases k";

impl SupplierRecords {
    /// The user of an organisation with this address, as somebody who acts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]
    pub async fn person(&self, org: OrgId, email: &EmailAddress) -> Result<Person, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT id, email, role FROM users WHERE org_id = $1 AND folded = $2";
        let row =
            sqlx::query(sql).bind(org.to_string()).bind(email.folded()).fetch_optional(&mut *read).await?;
        let row = row.ok_or(StoreError::NotFound("user"))?;
        Ok(Person::User { id: row.try_get(0)?, email: row.try_get(1)?, role: row.try_get(2)? })
    }

    /// The addresses of users by their ids, for what people read.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn user_names(
        &self,
        org: OrgId,
    ) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT id, email FROM users WHERE org_id = $1 LIMIT 10000";
        let rows = sqlx::query(sql).bind(org.to_string()).fetch_all(&mut *read).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Cases in one of the states, newest first, older than `before` where it is given; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn cases(
        &self,
        org: OrgId,
        states: &[&str],
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Case>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let hidden = hidden(&mut read, org).await?;
        let marks = super::rows::placeholders(5, states.len().max(1));
        let sql = format!(
            "{COLUMNS} WHERE k.org_id = $1 AND k.batch_id <> $2 AND k.id < $3 AND k.state IN ({marks}) \
             ORDER BY k.id DESC LIMIT $4"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(org.to_string())
            .bind(hidden)
            // Sorts after every id.
            .bind(before.unwrap_or("~"))
            .bind(limit.clamp(1, limits::STORE_PAGE));
        let query = match states {
            [] => query.bind("open"),
            some => some.iter().fold(query, |query, state| query.bind((*state).to_owned())),
        };
        let rows = query.fetch_all(&mut *read).await?;
        rows.iter().map(|row| self.opened(org, row)).collect()
    }

    /// One case with the supplier's record and its numbers.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn case(&self, org: OrgId, id: &str) -> Result<Option<CaseDetail>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let hidden = hidden(&mut read, org).await?;
        let Some(case) = self.one(&mut read, org, &hidden, id).await? else { return Ok(None) };
        let supplier = self.standing(&mut read, org, &hidden, &case.supplier).await?;
        let numbers = self.numbers(&mut read, org, &supplier).await?;
        Ok(Some(CaseDetail { case, supplier, numbers }))
    }

    /// Opens a case for an account that is on record as pending or retired.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] for an account in another state or with an open case.
    pub async fn open_case(
        &self,
        org: OrgId,
        supplier: &SupplierId,
        account_id: &str,
        by: &Person,
    ) -> Result<String, StoreError> {
        let actor = by.actor();
        let new = NewBatch { kind: BatchKind::Case, actor, source: "case", hash: None, verified: false };
        let (mut write, batch) = self.change(org, &new).await?;
        let hidden = hidden(&mut write, org).await?;
        let stored = self.standing(&mut write, org, &hidden, supplier).await?;
        let found = stored.accounts.iter().find(|account| account.id == account_id);
        let found = found.ok_or(StoreError::NotFound("account on this record"))?;
        if !matches!(found.account.state, AccountState::Pending | AccountState::Retired) {
            let what = format!("the account is {}: there is nothing to verify", found.account.state.as_str());
            return Err(StoreError::Conflict(what));
        }
        let sql = "SELECT COUNT(*) FROM cases WHERE org_id = $1 AND account_id = $2 AND state IN ('open', 'called')";
        let open: i64 =
            sqlx::query_scalar(sql).bind(org.to_string()).bind(account_id).fetch_one(&mut *write).await?;
        if open > 0 {
            return Err(StoreError::Conflict("this account has an open case already".to_owned()));
        }
        let author = Author {
            keyring: &*self.keyring,
            ids: &*self.ids,
            org,
            batch: &batch,
            actor,
            source: "case",
            now: self.clock.now_ms(),
        };
        let mut draft = Draft::default();
        let case = new_case(&stored, account_id, &found.fingerprint, &found.account.account, "person", None);
        let id = draft.case(&author, case)?;
        draft.write(&mut write, org, &batch).await?;
        let detail = serde_json::json!({ "supplier": stored.id, "account": account_id });
        self.finish(write, org, &batch, Vec::new(), (by.audited(), AuditAction::CaseOpen, &id, detail))
            .await?;
        Ok(id)
    }

    async fn one(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        hidden: &str,
        id: &str,
    ) -> Result<Option<Case>, StoreError> {
        let sql = format!("{COLUMNS} WHERE k.org_id = $1 AND k.batch_id <> $2 AND k.id = $3");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(hidden).bind(id);
        query.fetch_optional(read).await?.map(|row| self.opened(org, &row)).transpose()
    }

    fn opened(&self, org: OrgId, row: &AnyRow) -> Result<Case, StoreError> {
        let id: &str = row.try_get(0)?;
        let text = open(&*self.keyring, org, sealed::CASE_ACCOUNT, id, &row.try_get::<Vec<u8>, _>(3)?)?;
        let mut parts = text.splitn(3, '|');
        let mut part = || parts.next().ok_or_else(damaged);
        let account = account(part()?, part()?, part()?)?;
        let opened = |context: &str, at: usize| {
            let octets: Option<Vec<u8>> = row.try_get(at)?;
            octets.map(|octets| open(&*self.keyring, org, context, id, &octets)).transpose()
        };
        Ok(Case {
            id: id.to_owned(),
            supplier: SupplierId(row.try_get(1)?),
            account_id: row.try_get(2)?,
            account,
            kind: row.try_get(4)?,
            replaces: row.try_get(5)?,
            origin: row.try_get(6)?,
            origin_id: row.try_get(7)?,
            state: row.try_get(8)?,
            requested_by: row.try_get(9)?,
            opened_at: row.try_get(10)?,
            call_value: row.try_get(11)?,
            call_outcome: row.try_get(12)?,
            called_by: row.try_get(13)?,
            called_at: row.try_get(14)?,
            note: opened(sealed::CASE_NOTE, 15)?,
            decided_by: row.try_get(16)?,
            decided_at: row.try_get(17)?,
            reason: opened(sealed::CASE_REASON, 18)?,
        })
    }

    /// The numbers of a supplier, and from when each may verify a bank change: some days after it came, so that whoever
    /// changes a number and an account gains nothing by it; at once where it came with the supplier's first record in a
    /// file that the importing person vouched for.
    async fn numbers(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        supplier: &Stored,
    ) -> Result<Vec<CallNumber>, StoreError> {
        let days = call_back_days(read, org).await?;
        let wait = days.saturating_mul(86_400_000);
        let sql = "SELECT verified FROM supplier_batches WHERE org_id = $1 AND id = $2";
        let vouched: Option<i64> =
            sqlx::query_scalar(sql).bind(org.to_string()).bind(&supplier.batch).fetch_optional(read).await?;
        let now = self.clock.now_ms();
        let number = |value: &StoredValue| {
            let first = vouched == Some(1) && value.batch == supplier.batch;
            let usable_from = if first { value.added_at } else { value.added_at.saturating_add(wait) };
            CallNumber {
                id: value.id.clone(),
                number: value.text.clone(),
                source: value.source.clone(),
                added_at: value.added_at,
                usable_from,
                usable: usable_from <= now,
            }
        };
        Ok(supplier.active(ValueKind::Phone).map(number).collect())
    }
}

/// Days that a number must have been on record: what the organisation chose, or the default.
async fn call_back_days(read: &mut AnyConnection, org: OrgId) -> Result<i64, StoreError> {
    let sql = "SELECT value FROM settings WHERE org_id = $1 AND name = $2";
    let value: Option<String> =
        sqlx::query_scalar(sql).bind(org.to_string()).bind(CALL_BACK_DAYS).fetch_optional(read).await?;
    let mut chosen = Preferences::default();
    if let Some(value) = value {
        chosen.take_up(CALL_BACK_DAYS, value);
    }
    Ok(i64::from(chosen.number(CALL_BACK_DAYS)))
}
