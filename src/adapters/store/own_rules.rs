//! What organisations change about the rules: a sealed document a version, none ever overwritten.
//!
//! Old versions stay, so that a verdict can be replayed under the rules that gave it. Every change is one transaction:
//! the new version, its audit entry, and the word to all nodes that the configuration changed.

use super::error::{StoreError, damaged};
use super::{Event, Store, append_audit, config_changed, placed, to_rfc3339};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{OrgId, Organisation, OwnRules};
use crate::ports::Keyring as _;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One version of an organisation's changes, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnRulesVersion {
    /// From 1.
    pub version: i64,
    /// Who made it.
    pub changed_by: String,
    /// RFC 3339.
    pub changed_at: String,
}

/// What the audit says of a change.
#[derive(Clone, Debug)]
pub struct OwnRulesChange<'a> {
    /// What was done.
    pub action: AuditAction,
    /// Code of the rule.
    pub subject: &'a str,
    /// Open fields, the new version apart.
    pub detail: Value,
    /// Fields that can be erased.
    pub private: Option<Value>,
    /// Who did it.
    pub actor: &'a str,
}

impl Store {
    /// What an organisation changes now; version 0 when it never changed anything.
    ///
    /// # Errors
    /// [`StoreError`] of the database and the keys.
    pub async fn own_rules(&self, org: OrgId) -> Result<OwnRules, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let version = latest(&mut read, org).await?;
        let found = if version == 0 { None } else { self.version_of(&mut read, org, version).await? };
        Ok(found.unwrap_or_default())
    }

    /// What it changed at a version; `None`: it never had that version, or it is no longer kept.
    ///
    /// # Errors
    /// [`StoreError`] of the database and the keys.
    pub async fn own_rules_at(&self, org: OrgId, version: i64) -> Result<Option<OwnRules>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        self.version_of(&mut read, org, version).await
    }

    /// The versions that are kept, newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn own_rules_versions(&self, org: OrgId) -> Result<Vec<OwnRulesVersion>, StoreError> {
        let sql = "SELECT version, changed_by, changed_at FROM org_rules WHERE org_id = $1 \
                   ORDER BY version DESC LIMIT $2";
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sql).bind(org.to_string()).bind(limits::MAX_RULE_VERSIONS);
        let version = |row: &sqlx::any::AnyRow| {
            Ok(OwnRulesVersion {
                version: row.try_get(0)?,
                changed_by: row.try_get(1)?,
                changed_at: to_rfc3339(row.try_get(2)?)?,
            })
        };
        rows.fetch_all(&mut *read).await?.iter().map(version).collect()
    }

    /// Makes `changed` the next version. `changed.version` is the version that it was made from.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else was faster; [`StoreError`] of the database and the keys.
    pub async fn change_own_rules(
        &self,
        org: OrgId,
        changed: &OwnRules,
        change: OwnRulesChange<'_>,
    ) -> Result<i64, StoreError> {
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        let current = latest(&mut write, org).await?;
        if current != changed.version {
            return Err(faster());
        }
        let version = current.saturating_add(1);
        let sealed = self.seal_json(org, &context(version), changed)?;
        sqlx::query(
            "INSERT INTO org_rules (org_id, version, sealed, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(org.to_string())
        .bind(version)
        .bind(sealed)
        .bind(change.actor)
        .bind(now)
        .execute(&mut *write)
        .await
        .map_err(|error| match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => faster(),
            _ => error.into(),
        })?;
        let sql = "DELETE FROM org_rules WHERE org_id = $1 AND version <= $2";
        let gone = version.saturating_sub(limits::MAX_RULE_VERSIONS);
        sqlx::query(sql).bind(org.to_string()).bind(gone).execute(&mut *write).await?;
        let mut detail = change.detail;
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("version".to_owned(), version.into());
        }
        let OwnRulesChange { action, subject, private, actor, .. } = change;
        let event = Event { org, at: now, actor, action, subject, detail, private };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        write.commit().await?;
        Ok(version)
    }

    async fn version_of(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        version: i64,
    ) -> Result<Option<OwnRules>, StoreError> {
        let sql = "SELECT sealed FROM org_rules WHERE org_id = $1 AND version = $2";
        let sealed = sqlx::query_scalar(sql).bind(org.to_string()).bind(version);
        let Some(sealed) = sealed.fetch_optional(read).await? else { return Ok(None) };
        let own: OwnRules = self.open_json(org, &context(version), sealed)?;
        Ok(Some(OwnRules { version, ..own }))
    }

    /// Gives every organisation its newest version. One that this program does not understand counts as no change: it
    /// was checked when it was written, perhaps by another version.
    pub(super) async fn load_own_rules(
        &self,
        read: &mut AnyConnection,
        by_id: &mut BTreeMap<OrgId, &mut Organisation>,
    ) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT r.org_id, r.version, r.sealed FROM org_rules r WHERE r.version = \
             (SELECT MAX(newest.version) FROM org_rules newest WHERE newest.org_id = r.org_id)",
        );
        for row in rows.fetch_all(read).await? {
            let Some((id, org)) = placed(&row, by_id)? else { continue };
            let version: i64 = row.try_get(1)?;
            let plain = self.keyring.open(id, &context(version), &row.try_get::<Vec<u8>, _>(2)?)?;
            match serde_json::from_slice::<OwnRules>(&plain) {
                Ok(own) => org.own_rules = Some(Arc::new(OwnRules { version, ..own })),
                Err(_) => {
                    tracing::warn!(org.id = %id, version, "the organisation's own rules are not understood");
                }
            }
        }
        Ok(())
    }
}

/// The newest version; 0: none.
async fn latest(read: &mut AnyConnection, org: OrgId) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(version), 0) FROM org_rules WHERE org_id = $1";
    let version: Option<i64> = sqlx::query_scalar(sql).bind(org.to_string()).fetch_one(read).await?;
    version.ok_or_else(|| damaged("version of the rules"))
}

fn context(version: i64) -> String {
    format!("org_rules.sealed|{version}")
}

fn faster() -> StoreError {
    StoreError::Conflict("somebody else changed the rules meanwhile: look at them and try again".to_owned())
}
