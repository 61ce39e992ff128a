//! Legal holds: what must stay although its time is over, who says so and why.

use super::super::error::{StoreError, damaged};
use super::super::settings::taken;
use super::super::{Event, Store, append_audit, bounded, to_rfc3339};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{HoldScope, OrgId, Retained};
use crate::ports::Keyring as _;
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeSet;

/// A legal hold as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegalHold {
    /// ULID.
    pub id: String,
    /// `organisation`, `supplier` or `entry`.
    pub scope: String,
    /// Id of the supplier or entry; empty for the organisation.
    pub target: String,
    /// Why it was placed.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// RFC 3339.
    pub placed_at: String,
    /// Who lifted it.
    pub lifted_by: Option<String>,
    /// RFC 3339; `null` while it stands.
    pub lifted_at: Option<String>,
    /// Why it was lifted.
    pub lifted_reason: Option<String>,
}

/// The holds that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::adapters::store) struct Standing {
    /// Ids of all.
    pub(in crate::adapters::store) ids: Vec<String>,
    /// The whole organisation is held.
    pub(in crate::adapters::store) organisation: bool,
    /// Suppliers, with those that were merged into them.
    pub(in crate::adapters::store) suppliers: BTreeSet<String>,
    /// Entries of the quarantine.
    pub(in crate::adapters::store) entries: BTreeSet<String>,
}

impl Standing {
    /// Why a class is not purged at all; `None` when holds keep single rows of it.
    pub(in crate::adapters::store) fn suspends(&self, class: Retained) -> Option<String> {
        let why = match class {
            _ if self.organisation => "a legal hold on the organisation",
            Retained::Audit if !self.ids.is_empty() => {
                "a legal hold: single entries cannot be taken out of a chain"
            }
            Retained::History if !self.suppliers.is_empty() => {
                "a legal hold on a supplier: the history does not tell readably whose mark is whose"
            }
            _ => return None,
        };
        Some(why.to_owned())
    }
}

/// Reads the holds that stand.
pub(in crate::adapters::store) async fn standing(
    read: &mut AnyConnection,
    org: OrgId,
) -> Result<Standing, StoreError> {
    let sql = "SELECT id, scope, target FROM legal_holds WHERE org_id = $1 AND lifted_at IS NULL ORDER BY id";
    let mut found = Standing::default();
    for row in sqlx::query(sql).bind(org.to_string()).fetch_all(&mut *read).await? {
        let (scope, target): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        match HoldScope::from_columns(&scope, &target).ok_or_else(|| damaged("legal hold"))? {
            HoldScope::Organisation => found.organisation = true,
            HoldScope::Supplier(id) => drop(found.suppliers.insert(id.0)),
            HoldScope::Entry(id) => drop(found.entries.insert(id.to_string())),
        }
        found.ids.push(row.try_get(0)?);
    }
    let merged = "SELECT id FROM suppliers WHERE org_id = $1 AND merged_into = $2";
    let mut waiting: Vec<String> = found.suppliers.iter().cloned().collect();
    while let Some(id) = waiting.pop() {
        let older: Vec<String> =
            sqlx::query_scalar(merged).bind(org.to_string()).bind(id).fetch_all(&mut *read).await?;
        waiting.extend(older.into_iter().filter(|id| found.suppliers.insert(id.clone())));
    }
    Ok(found)
}

const COLUMNS: &str = "SELECT id, scope, target, sealed_reason, placed_by, placed_at, lifted_by, lifted_at, \
                       sealed_lifted FROM legal_holds";

impl Store {
    /// Places a legal hold: from its commit on nothing of its scope is purged or erased. Returns its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a supplier or entry that is not there; [`StoreError::Taken`] when the same hold stands
    /// already; [`StoreError::Invalid`] for an empty reason, or too many holds.
    pub async fn place_hold(
        &self,
        org: OrgId,
        scope: &HoldScope,
        reason: &str,
        actor: &str,
    ) -> Result<String, StoreError> {
        let reason = stated(reason)?;
        let (id, now) = (self.ids.ulid().to_string(), self.clock.now_ms());
        let mut write = self.database.scope(org).write().await?;
        self.found(&mut write, org, scope).await?;
        let count = "SELECT COUNT(*) FROM legal_holds WHERE org_id = $1 AND lifted_at IS NULL";
        let standing: i64 = sqlx::query_scalar(count).bind(org.to_string()).fetch_one(&mut *write).await?;
        if standing >= limits::MAX_LEGAL_HOLDS {
            let most = limits::MAX_LEGAL_HOLDS;
            return Err(StoreError::Invalid(format!(
                "an organisation has at most {most} legal holds at once: hold the organisation instead"
            )));
        }
        sqlx::query(
            "INSERT INTO legal_holds (org_id, id, scope, target, sealed_reason, placed_by, placed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(org.to_string())
        .bind(&id)
        .bind(scope.kind())
        .bind(scope.target())
        .bind(self.keyring.seal(org, &reason_context(&id), reason.as_bytes())?)
        .bind(actor)
        .bind(now)
        .execute(&mut *write)
        .await
        .map_err(taken("this legal hold stands already"))?;
        let detail = json!({ "scope": scope.kind(), "target": scope.target() });
        let private = Some(json!({ "reason": reason }));
        let event =
            Event { org, at: now, actor, action: AuditAction::HoldPlace, subject: &id, detail, private };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Lifts a legal hold: what it kept goes with the next run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a hold that does not stand; [`StoreError::Invalid`] for an empty reason.
    pub async fn lift_hold(&self, org: OrgId, id: &str, reason: &str, actor: &str) -> Result<(), StoreError> {
        let (reason, now) = (stated(reason)?, self.clock.now_ms());
        let mut write = self.database.scope(org).write().await?;
        let lifted = sqlx::query(
            "UPDATE legal_holds SET lifted_by = $1, lifted_at = $2, sealed_lifted = $3 \
             WHERE org_id = $4 AND id = $5 AND lifted_at IS NULL",
        )
        .bind(actor)
        .bind(now)
        .bind(self.keyring.seal(org, &lifted_context(id), reason.as_bytes())?)
        .bind(org.to_string())
        .bind(id)
        .execute(&mut *write)
        .await?;
        if lifted.rows_affected() == 0 {
            return Err(StoreError::NotFound("standing legal hold"));
        }
        let private = Some(json!({ "reason": reason }));
        let (action, detail) = (AuditAction::HoldLift, json!({}));
        let event = Event { org, at: now, actor, action, subject: id, detail, private };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        write.commit().await
    }

    /// The legal holds, newest first: those that stand, or with the lifted ones; at most `limits::STORE_PAGE`. Reasons may name
    /// people: whoever shows them notes that first ([`Store::note_read`]).
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn holds(&self, org: OrgId, lifted: bool) -> Result<Vec<LegalHold>, StoreError> {
        let standing = if lifted { "" } else { " AND lifted_at IS NULL" };
        let sql = format!("{COLUMNS} WHERE org_id = $1{standing} ORDER BY id DESC LIMIT $2");
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(limits::STORE_PAGE);
        let rows = rows.fetch_all(&mut *read).await?;
        drop(read);
        rows.iter().map(|row| self.hold_of(org, row)).collect()
    }

    fn hold_of(&self, org: OrgId, row: &AnyRow) -> Result<LegalHold, StoreError> {
        let id: String = row.try_get(0)?;
        let opened = |context: String, sealed: Vec<u8>| {
            let plain = self.keyring.open(org, &context, &sealed)?;
            String::from_utf8(plain).map_err(|_| damaged("legal hold"))
        };
        let reason = opened(reason_context(&id), row.try_get(3)?)?;
        let lifted_reason = row.try_get::<Option<Vec<u8>>, _>(8)?;
        let lifted_reason = lifted_reason.map(|sealed| opened(lifted_context(&id), sealed)).transpose()?;
        Ok(LegalHold {
            scope: row.try_get(1)?,
            target: row.try_get(2)?,
            reason,
            placed_by: row.try_get(4)?,
            placed_at: to_rfc3339(row.try_get(5)?)?,
            lifted_by: row.try_get(6)?,
            lifted_at: row.try_get::<Option<i64>, _>(7)?.map(to_rfc3339).transpose()?,
            lifted_reason,
            id,
        })
    }

    /// A hold on something that is not there would protect nothing, silently.
    async fn found(&self, read: &mut AnyConnection, org: OrgId, scope: &HoldScope) -> Result<(), StoreError> {
        let (sql, what) = match scope {
            HoldScope::Organisation => return Ok(()),
            HoldScope::Supplier(_) => {
                ("SELECT COUNT(*) FROM suppliers WHERE org_id = $1 AND id = $2", "supplier")
            }
            HoldScope::Entry(_) => {
                ("SELECT COUNT(*) FROM quarantine WHERE org_id = $1 AND id = $2", "quarantine entry")
            }
        };
        let query = sqlx::query_scalar::<_, i64>(sql).bind(org.to_string()).bind(scope.target());
        if query.fetch_one(read).await? == 0 { Err(StoreError::NotFound(what)) } else { Ok(()) }
    }
}

fn stated(reason: &str) -> Result<&str, StoreError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(StoreError::Invalid("a reason is needed".to_owned()));
    }
    Ok(bounded(reason))
}

fn reason_context(id: &str) -> String {
    format!("legal_holds.sealed_reason|{id}")
}

fn lifted_context(id: &str) -> String {
    format!("legal_holds.sealed_lifted|{id}")
}
