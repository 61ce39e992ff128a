//! The organisations' ARC keys: made, published, used, retired.
//!
//! A key begins as `new`: it signs nothing before its record is published. One key of an organisation is `active`. A key
//! that was becomes `old`: its record has to stay as long as mail that it sealed is verified, so nothing removes it by
//! itself.

use super::error::{StoreError, damaged};
use super::{Store, config_changed, to_rfc3339};
use crate::adapters::arc::{SealingKey, generate, record};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{Domain, OrgId};
use crate::ports::Keyring as _;
use serde::Serialize;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::Arc;

/// An ARC key as it is told of; its private half is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArcKey {
    /// `d=` of its seals.
    pub domain: String,
    /// `s=` of its seals.
    pub selector: String,
    /// `new`, `active` or `old`.
    pub state: String,
    /// DNS name of its record.
    pub name: String,
    /// The record (TXT).
    pub record: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339: when that state began.
    pub since: String,
}

const COLUMNS: &str = "SELECT domain, selector, state, public_key, created_at, changed_at FROM arc_keys";

impl Store {
    /// Makes a key that signs nothing yet. Takes a good part of a second of a processor.
    ///
    /// # Errors
    /// [`StoreError::Taken`] for a selector that is used; [`StoreError::Invalid`] for one that DNS cannot hold or when
    /// there are too many keys.
    pub async fn generate_arc_key(
        &self,
        org: OrgId,
        domain: &Domain,
        selector: &str,
        actor: &str,
    ) -> Result<ArcKey, StoreError> {
        checked_selector(selector)?;
        let made = tokio::task::spawn_blocking(generate).await;
        let (private, public) = made.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        let context = context(domain.as_str(), selector);
        let sealed = self.keyring.seal(org, &context, &private)?;
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        if all(&mut write, org).await?.len() >= limits::MAX_ARC_KEYS {
            return Err(StoreError::Invalid(format!(
                "there are {} ARC keys already; `sentra keys arc remove` takes old ones away",
                limits::MAX_ARC_KEYS
            )));
        }
        sqlx::query(
            "INSERT INTO arc_keys (org_id, domain, selector, state, public_key, sealed_key, created_at, changed_at) \
             VALUES ($1, $2, $3, 'new', $4, $5, $6, $6)",
        )
        .bind(org.to_string())
        .bind(domain.as_str())
        .bind(selector)
        .bind(&public)
        .bind(sealed)
        .bind(now)
        .execute(&mut *write)
        .await
        .map_err(super::settings::taken("there is a key of this domain and selector"))?;
        let subject = format!("{selector}._domainkey.{domain}");
        self.note(&mut write, org, actor, AuditAction::ArcGenerate, &subject, json!({})).await?;
        write.commit().await?;
        let at = to_rfc3339(now)?;
        Ok(ArcKey {
            domain: domain.to_string(),
            selector: selector.to_owned(),
            state: "new".to_owned(),
            name: subject,
            record: record(&public),
            created_at: at.clone(),
            since: at,
        })
    }

    /// The organisation's ARC keys: active, new, old; newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn arc_keys(&self, org: OrgId) -> Result<Vec<ArcKey>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        all(&mut read, org).await
    }

    /// Lets a key seal from now on; the one before becomes old.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn activate_arc_key(
        &self,
        org: OrgId,
        domain: &str,
        selector: &str,
        actor: &str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        let retire =
            "UPDATE arc_keys SET state = 'old', changed_at = $1 WHERE org_id = $2 AND state = 'active'";
        sqlx::query(retire).bind(now).bind(org.to_string()).execute(&mut *write).await?;
        let activate = "UPDATE arc_keys SET state = 'active', changed_at = $1 \
                        WHERE org_id = $2 AND domain = $3 AND selector = $4";
        let query = sqlx::query(activate).bind(now).bind(org.to_string()).bind(domain).bind(selector);
        if query.execute(&mut *write).await?.rows_affected() == 0 {
            return Err(StoreError::NotFound("ARC key"));
        }
        let subject = format!("{selector}._domainkey.{domain}");
        self.note(&mut write, org, actor, AuditAction::ArcActivate, &subject, json!({})).await?;
        config_changed(&mut write).await?;
        write.commit().await
    }

    /// Removes a key that does not seal.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] for the active one.
    pub async fn remove_arc_key(
        &self,
        org: OrgId,
        domain: &str,
        selector: &str,
        actor: &str,
    ) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let keys = all(&mut write, org).await?;
        let key = keys.iter().find(|key| key.domain == domain && key.selector == selector);
        match key.map(|key| key.state.as_str()) {
            None => return Err(StoreError::NotFound("ARC key")),
            Some("active") => {
                let what = "this key seals: rotate to another one before it is removed";
                return Err(StoreError::Invalid(what.to_owned()));
            }
            Some(_) => {}
        }
        let sql =
            "DELETE FROM arc_keys WHERE org_id = $1 AND domain = $2 AND selector = $3 AND state <> 'active'";
        let query = sqlx::query(sql).bind(org.to_string()).bind(domain).bind(selector);
        query.execute(&mut *write).await?;
        let subject = format!("{selector}._domainkey.{domain}");
        self.note(&mut write, org, actor, AuditAction::ArcRemove, &subject, json!({})).await?;
        write.commit().await
    }

    /// The active keys of all organisations of a database. Their data keys have been taken up.
    pub(super) async fn read_arc_keys(
        &self,
        read: &mut AnyConnection,
    ) -> Result<BTreeMap<OrgId, Arc<SealingKey>>, StoreError> {
        let mut keys = BTreeMap::new();
        let sql = "SELECT org_id, domain, selector, sealed_key FROM arc_keys WHERE state = 'active'";
        for row in sqlx::query(sql).fetch_all(read).await? {
            let org = OrgId::from_str(row.try_get(0)?).map_err(|_| damaged("organisation id"))?;
            match self.sealing_key(org, &row) {
                Ok(key) => {
                    keys.insert(org, Arc::new(key));
                }
                // Mail of this organisation goes on without a seal; everything else is as it was.
                Err(error) => tracing::error!(%org, %error, "an ARC key cannot be opened"),
            }
        }
        Ok(keys)
    }

    fn sealing_key(&self, org: OrgId, row: &AnyRow) -> Result<SealingKey, StoreError> {
        let (domain, selector): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let sealed: Vec<u8> = row.try_get(3)?;
        let der = zeroize::Zeroizing::new(self.keyring.open(org, &context(&domain, &selector), &sealed)?);
        let parsed = Domain::parse(&domain).map_err(|_| damaged("domain"))?;
        Ok(SealingKey::from_pkcs8(&parsed, &selector, &der)?)
    }
}

fn context(domain: &str, selector: &str) -> String {
    format!("arc_keys.sealed_key|{domain}|{selector}")
}

async fn all(read: &mut AnyConnection, org: OrgId) -> Result<Vec<ArcKey>, StoreError> {
    let sql = format!("{COLUMNS} WHERE org_id = $1 ORDER BY state, created_at DESC, selector DESC");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).fetch_all(read).await?;
    rows.iter()
        .map(|row| {
            let (domain, selector): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let public: String = row.try_get(3)?;
            Ok(ArcKey {
                name: format!("{selector}._domainkey.{domain}"),
                domain,
                selector,
                state: row.try_get(2)?,
                record: record(&public),
                created_at: to_rfc3339(row.try_get(4)?)?,
                since: to_rfc3339(row.try_get(5)?)?,
            })
        })
        .collect()
}

/// A selector is one or more labels (RFC 6376 section 3.1); one is enough here.
fn checked_selector(selector: &str) -> Result<(), StoreError> {
    let ok = (1..=63).contains(&selector.len())
        && selector
            .bytes()
            .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-')
        && !selector.starts_with('-')
        && !selector.ends_with('-');
    ok.then_some(()).ok_or_else(|| {
        StoreError::Invalid("a selector has 1 to 63 lower-case letters, digits and hyphens".to_owned())
    })
}
