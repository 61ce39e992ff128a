//! Showing entries, with or without what stands beside the chain.

use super::super::error::{StoreError, damaged};
use super::{COLUMNS, Store, entry, field_names, open, person_context, pseudonym};
use crate::adapters::audit::Revealed;
use crate::limits;
use crate::model::OrgId;
use crate::ports::Keyring as _;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

/// One entry, with what stands beside the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Position in the organisation's chain, from 1.
    pub seq: i64,
    /// Unix milliseconds.
    pub at: i64,
    /// Who: a fixed name or a pseudonym.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what: an id, a name or a pseudonym.
    pub subject: String,
    /// JSON text.
    pub detail: String,
    /// Names of the private fields.
    pub fields: Vec<String>,
    /// JSON text of an object: the private fields that are still there, for whoever asked to see them.
    pub private: Option<String>,
    /// Private fields that were erased, for whoever asked to see them.
    pub erased: Vec<String>,
    /// Who stands behind pseudonyms of this entry, for whoever asked to see it.
    pub persons: BTreeMap<String, String>,
    /// Hex hash of the entry before.
    pub prev_hash: String,
    /// Hex hash of this one.
    pub hash: String,
}

/// Which entries a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditQuery<'a> {
    /// From this time, Unix milliseconds.
    pub since: Option<i64>,
    /// Before this time, Unix milliseconds.
    pub until: Option<i64>,
    /// Of this actor: a fixed name, a pseudonym or an address.
    pub actor: Option<&'a str>,
    /// Of this action, or of all of a noun (`quarantine`).
    pub action: Option<&'a str>,
    /// Before this entry.
    pub before: Option<i64>,
    /// With private fields and the persons behind pseudonyms.
    pub reveal: bool,
}

impl Store {
    /// Entries with `seq > after`, oldest first, with their private fields, at most `limits::STORE_PAGE`; go on with the
    /// last one's `seq`.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn audit(&self, org: OrgId, after: i64) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = format!("{COLUMNS} WHERE org_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
        let mut read = self.database.scope(org).read().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(org.to_string())
            .bind(after)
            .bind(limits::STORE_PAGE)
            .fetch_all(&mut *read)
            .await?;
        self.described(&mut read, org, &rows, true).await
    }

    /// Entries that fit, newest first, at most `limits::STORE_PAGE`; go on before the last one's `seq`. Whoever reveals
    /// private fields notes that first ([`Store::note_read`]).
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn audit_list(
        &self,
        org: OrgId,
        query: &AuditQuery<'_>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let actor = match query.actor {
            Some(address) if address.contains('@') => {
                match pseudonym(&mut read, self.keyring.as_ref(), org, address).await? {
                    Some(pseudonym) => pseudonym,
                    None => return Ok(Vec::new()),
                }
            }
            actor => actor.unwrap_or_default().to_owned(),
        };
        let action = query.action.unwrap_or_default();
        let sql = format!(
            "{COLUMNS} WHERE org_id = $1 AND seq < $2 AND at >= $3 AND at < $4 AND ($5 = '' OR actor = $5) \
             AND ($6 = '' OR action = $6 OR action LIKE $7) ORDER BY seq DESC LIMIT $8"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(org.to_string())
            .bind(query.before.unwrap_or(i64::MAX))
            .bind(query.since.unwrap_or(i64::MIN))
            .bind(query.until.unwrap_or(i64::MAX))
            .bind(actor)
            .bind(action)
            // Actions are names of the registry, without wildcards.
            .bind(format!("{action}.%"))
            .bind(limits::STORE_PAGE)
            .fetch_all(&mut *read)
            .await?;
        self.described(&mut read, org, &rows, query.reveal).await
    }

    async fn described(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        rows: &[AnyRow],
        reveal: bool,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let entry = entry(row)?;
            let fields = field_names(&entry)?;
            let mut described = AuditEntry {
                seq: entry.seq,
                at: entry.at,
                actor: entry.actor,
                action: entry.action,
                subject: entry.subject,
                detail: entry.detail,
                fields,
                private: None,
                erased: Vec::new(),
                persons: BTreeMap::new(),
                prev_hash: entry.prev_hash,
                hash: entry.hash,
            };
            if reveal {
                self.reveal(read, org, &mut described).await?;
            }
            entries.push(described);
        }
        Ok(entries)
    }

    /// Adds what stands beside the chain.
    async fn reveal(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        entry: &mut AuditEntry,
    ) -> Result<(), StoreError> {
        if !entry.fields.is_empty() {
            let there = self.private_fields(read, org, entry.seq, entry.seq).await?;
            let there = there.into_iter().map(|(_, field, value)| Ok((field, value?)));
            let there = there.collect::<Result<BTreeMap<String, Revealed>, StoreError>>()?;
            entry.erased = entry.fields.iter().filter(|field| !there.contains_key(*field)).cloned().collect();
            let mut object = serde_json::Map::new();
            for (field, value) in there {
                let value = serde_json::from_str(&value.value).map_err(|_| damaged("audit detail"))?;
                object.insert(field, value);
            }
            entry.private = Some(Value::Object(object).to_string());
        }
        for pseudonym in [&entry.actor, &entry.subject] {
            if pseudonym.starts_with("person:")
                && let Some(name) = self.person(read, org, pseudonym).await?
            {
                entry.persons.insert(pseudonym.clone(), name);
            }
        }
        Ok(())
    }

    /// The private fields of entries `first..=last` that are still there. A value that does not open is an answer too.
    pub(super) async fn private_fields(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        first: i64,
        last: i64,
    ) -> Result<Vec<(i64, String, Result<Revealed, StoreError>)>, StoreError> {
        let sql = "SELECT seq, field, sealed FROM audit_private \
                   WHERE org_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq, field";
        let rows = sqlx::query(sql).bind(org.to_string()).bind(first).bind(last).fetch_all(read).await?;
        let opened = |row: &AnyRow| {
            let (seq, field): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let sealed: Vec<u8> = row.try_get(2)?;
            let value = open(self.keyring.as_ref(), org, seq, &field, &sealed);
            Ok((seq, field, value))
        };
        rows.iter().map(opened).collect()
    }

    /// The name behind a pseudonym; `None` once it was erased.
    pub(super) async fn person(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        pseudonym: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT sealed_name FROM audit_persons WHERE org_id = $1 AND pseudonym = $2";
        let query = sqlx::query_scalar::<_, Vec<u8>>(sql).bind(org.to_string()).bind(pseudonym);
        let Some(sealed) = query.fetch_optional(read).await? else { return Ok(None) };
        let name = self.keyring.open(org, &person_context(pseudonym), &sealed)?;
        Ok(Some(String::from_utf8(name).map_err(|_| damaged("name of a person"))?))
    }
}
