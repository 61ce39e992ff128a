//! Finding: one page of a walk, opened and searched.
//!
//! A value that does not open is damaged: nobody can read it, so it tells of nobody; it is logged and left to whoever
//! mends it. A key that is not known here yet is another matter, and an error.

use super::super::error::StoreError;
use super::super::keys::SealedColumn;
use super::super::keys::walk::{Cursor, KeyValue, beyond, bind, keys_of};
use super::super::quarantine::body_context;
use super::super::{Store, to_rfc3339};
use super::places::{Plain, Walk};
use super::subject::Subject;
use crate::limits;
use crate::model::{OrgId, QuarantineId};
use crate::ports::Keyring as _;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use std::sync::Arc;

/// Octets of the salt before a private value of the audit.
const SALT: usize = 32;

/// A row in which the person has a part.
pub(super) struct Hit {
    pub(super) walk: Walk,
    /// Values of the columns that name the row.
    pub(super) keys: Vec<KeyValue>,
    /// What it says, opened.
    pub(super) data: Value,
}

impl Hit {
    /// The row's key as a text.
    pub(super) fn row(&self) -> String {
        self.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
    }

    /// The first column of the key.
    pub(super) fn id(&self) -> String {
        self.keys.first().map(ToString::to_string).unwrap_or_default()
    }
}

/// One page of a walk.
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    /// Where to go on; `None` at the end.
    pub(super) next: Option<Cursor>,
}

/// The cursor after a page that was full.
fn next_of(rows: &[AnyRow], keys: usize, most: i64) -> Result<Option<Cursor>, StoreError> {
    let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= most;
    rows.last().filter(|_| full).map(|row| keys_of(row, keys)).transpose()
}

impl Store {
    /// The next page of a walk.
    pub(super) async fn find(
        &self,
        org: OrgId,
        subject: &Subject,
        walk: Walk,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        match walk {
            Walk::Outbox => self.find_outbox(org, subject, after).await,
            Walk::HeldMarks => self.find_held_marks(org, subject, after).await,
            Walk::Quarantine => self.find_entries(org, subject, after).await,
            Walk::Facts => self.find_facts(org, subject, after).await,
            Walk::History => self.find_history(org, subject, after).await,
            Walk::Sealed(column, _) => self.find_sealed(org, subject, walk, column, after).await,
            Walk::Plain(plain) => self.find_plain(org, subject, walk, plain, after).await,
            Walk::Persons => self.find_persons(org, subject).await,
        }
    }

    /// Opens a value; `None` for one that is absent, empty or damaged.
    pub(super) fn opened(
        &self,
        org: OrgId,
        context: &str,
        sealed: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else { return Ok(None) };
        match self.keyring.open(org, context, &sealed) {
            Ok(plain) => Ok(Some(plain)),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "a sealed value cannot be opened: it is not searched");
                Ok(None)
            }
        }
    }

    /// `SELECT …` with the org's id as `$1`, after a cursor over `keys`, ordered by them, one page.
    async fn page_of(
        &self,
        org: OrgId,
        select: &str,
        keys: &[&str],
        after: Option<&Cursor>,
        most: i64,
        more: &[String],
    ) -> Result<Vec<AnyRow>, StoreError> {
        let listed = keys.join(", ");
        let first = more.len().saturating_add(2);
        let beyond = after.map_or_else(String::new, |_| beyond(&listed, first, keys.len()));
        let sql = format!("{select}{beyond} ORDER BY {listed} LIMIT {most}");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
        for value in more {
            query = query.bind(value.clone());
        }
        if let Some(after) = after {
            query = bind(query, after);
        }
        let mut read = self.database.scope(org).read().await?;
        Ok(query.fetch_all(&mut *read).await?)
    }

    async fn find_outbox(
        &self,
        org: OrgId,
        subject: &Subject,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        const SELECT: &str = "SELECT t.id, t.kind, t.state, t.created_at, t.quarantine_id, t.sealed_envelope, \
            t.sealed_octets, t.sealed_reply, \
            (SELECT q.sealed_row FROM quarantine q WHERE q.org_id = t.org_id AND q.id = t.quarantine_id), \
            (SELECT m.facts FROM messages m WHERE m.org_id = t.org_id AND m.id = t.quarantine_id) \
            FROM outbox t WHERE t.org_id = $1";
        let most = limits::PRIVACY_PAGE;
        let rows = self.page_of(org, SELECT, &["t.id"], after, most, &[]).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let id: String = row.try_get(0)?;
            let about = row.try_get::<Option<String>, _>(4)?.unwrap_or_default();
            let open = |context: String, at: usize| self.opened(org, &context, row.try_get(at)?);
            let envelope = open(format!("outbox.sealed_envelope|{id}"), 5)?.unwrap_or_default();
            let octets = open(format!("outbox.sealed_octets|{id}"), 6)?.unwrap_or_default();
            let reply = open(format!("outbox.sealed_reply|{id}"), 7)?.unwrap_or_default();
            let entry = open(format!("quarantine.sealed_row|{about}"), 8)?.unwrap_or_default();
            let facts = open(format!("messages.facts|{about}"), 9)?.unwrap_or_default();
            let named = [&envelope, &octets, &reply, &entry].iter().any(|part| subject.is_in_octets(part));
            if !named && !subject.is_in_facts(&facts) {
                continue;
            }
            let data = json!({
                "kind": row.try_get::<String, _>(1)?, "state": row.try_get::<String, _>(2)?,
                "created_at": to_rfc3339(row.try_get(3)?)?, "entry": about, "envelope": parsed(&envelope),
                "text": String::from_utf8_lossy(&octets), "reply": String::from_utf8_lossy(&reply),
            });
            hits.push(Hit { walk: Walk::Outbox, keys: vec![KeyValue::Text(id)], data });
        }
        Ok(Found { hits, next: next_of(&rows, 1, most)? })
    }

    async fn find_held_marks(
        &self,
        org: OrgId,
        subject: &Subject,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        let select = "SELECT quarantine_id, held_at, marks FROM history_held WHERE org_id = $1";
        let most = limits::PRIVACY_PAGE;
        let rows = self.page_of(org, select, &["quarantine_id"], after, most, &[]).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let marks: String = row.try_get(2)?;
            if subject.history.iter().any(|print| marks.contains(print.as_str())) {
                let data =
                    json!({ "held_at": to_rfc3339(row.try_get(1)?)?, "marks": parsed(marks.as_bytes()) });
                hits.push(Hit { walk: Walk::HeldMarks, keys: keys_of(row, 1)?, data });
            }
        }
        Ok(Found { hits, next: next_of(&rows, 1, most)? })
    }

    async fn find_entries(
        &self,
        org: OrgId,
        subject: &Subject,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        const SELECT: &str = "SELECT t.id, t.state, t.received_at, t.sealed_row, t.sealed_detail, \
            (SELECT m.facts FROM messages m WHERE m.org_id = t.org_id AND m.id = t.id) \
            FROM quarantine t WHERE t.org_id = $1";
        let most = limits::PRIVACY_ENTRIES;
        let rows = self.page_of(org, SELECT, &["t.id"], after, most, &[]).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let (id, state): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let open =
                |context: &str, at: usize| self.opened(org, &format!("{context}|{id}"), row.try_get(at)?);
            let summary = open("quarantine.sealed_row", 3)?.unwrap_or_default();
            let detail = open("quarantine.sealed_detail", 4)?.unwrap_or_default();
            let facts = open("messages.facts", 5)?.unwrap_or_default();
            if state == "deleted" && super::redact::is_redacted(&parsed(&summary)) {
                continue;
            }
            let named = subject.is_in_octets(&summary)
                || subject.is_in_octets(&detail)
                || subject.is_in_facts(&facts)
                || (state != "deleted" && self.head_names(org, &id, subject).await?);
            if named {
                let data = json!({
                    "state": state, "received_at": to_rfc3339(row.try_get(2)?)?, "summary": parsed(&summary),
                    "detail": parsed(&detail),
                });
                hits.push(Hit { walk: Walk::Quarantine, keys: vec![KeyValue::Text(id)], data });
            }
        }
        Ok(Found { hits, next: next_of(&rows, 1, most)? })
    }

    /// Whether the header fields of a held body name the person: Cc, Reply-To and others that the envelope has not.
    async fn head_names(&self, org: OrgId, id: &str, subject: &Subject) -> Result<bool, StoreError> {
        let Ok(id) = id.parse::<QuarantineId>() else { return Ok(false) };
        let Some(sealed) = self.bodies.read(org, id).await? else { return Ok(false) };
        let keyring = Arc::clone(&self.keyring);
        let opening = move || keyring.open(org, &body_context(id), &sealed);
        let opened = tokio::task::spawn_blocking(opening).await;
        match opened.map_err(|error| StoreError::Unavailable(error.to_string()))? {
            Ok(octets) => Ok(subject.is_in_octets(head(&octets))),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    async fn find_facts(
        &self,
        org: OrgId,
        subject: &Subject,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        const SELECT: &str = "SELECT id, received_at, action, severity, category, codes, facts FROM messages \
            WHERE org_id = $1 AND length(facts) > 0";
        let most = limits::PRIVACY_PAGE;
        let rows = self.page_of(org, SELECT, &["id"], after, most, &[]).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let id: String = row.try_get(0)?;
            let facts = self.opened(org, &format!("messages.facts|{id}"), row.try_get(6)?)?;
            let Some(facts) = facts.filter(|facts| subject.is_in_facts(facts)) else { continue };
            let data = json!({
                "received_at": to_rfc3339(row.try_get(1)?)?, "action": row.try_get::<String, _>(2)?,
                "severity": row.try_get::<String, _>(3)?, "category": row.try_get::<String, _>(4)?,
                "codes": row.try_get::<String, _>(5)?, "facts": parsed(&facts),
            });
            hits.push(Hit { walk: Walk::Facts, keys: vec![KeyValue::Text(id)], data });
        }
        Ok(Found { hits, next: next_of(&rows, 1, most)? })
    }

    async fn find_history(
        &self,
        org: OrgId,
        subject: &Subject,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        let marks = super::super::placeholders(2, subject.history.len());
        let select = format!(
            "SELECT subject, kind, detail, first_seen, last_seen, times FROM history WHERE org_id = $1 \
             AND (subject IN ({marks}) OR detail IN ({marks}))"
        );
        let (keys, most) = (["subject", "kind", "detail"], limits::PRIVACY_PAGE);
        let rows = self.page_of(org, &select, &keys, after, most, &subject.history).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let data = json!({
                "kind": row.try_get::<String, _>(1)?, "first_seen": to_rfc3339(row.try_get(3)?)?,
                "last_seen": to_rfc3339(row.try_get(4)?)?, "times": row.try_get::<i64, _>(5)?,
            });
            hits.push(Hit { walk: Walk::History, keys: keys_of(row, 3)?, data });
        }
        Ok(Found { hits, next: next_of(&rows, 3, most)? })
    }

    async fn find_sealed(
        &self,
        org: OrgId,
        subject: &Subject,
        walk: Walk,
        column: &SealedColumn,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        let (table, name, most) = (column.table, column.column, limits::PRIVACY_PAGE);
        let select = format!(
            "SELECT {}, {name} FROM {table} WHERE org_id = $1 AND length({name}) > 0",
            column.keys.join(", ")
        );
        let rows = self.page_of(org, &select, column.keys, after, most, &[]).await?;
        let count = column.keys.len();
        let mut hits = Vec::new();
        for row in &rows {
            let keys = keys_of(row, count)?;
            let Some(plain) = self.opened(org, &column.context_of(&keys), row.try_get(count)?)? else {
                continue;
            };
            let text = if table == "audit_private" { plain.get(SALT..) } else { plain.get(..) };
            let text = String::from_utf8_lossy(text.unwrap_or_default()).into_owned();
            if subject.is_in(&text) {
                hits.push(Hit { walk, keys, data: json!({ "text": text }) });
            }
        }
        Ok(Found { hits, next: next_of(&rows, count, most)? })
    }

    async fn find_plain(
        &self,
        org: OrgId,
        subject: &Subject,
        walk: Walk,
        plain: &Plain,
        after: Option<&Cursor>,
    ) -> Result<Found, StoreError> {
        let Plain { table, keys, column, .. } = plain;
        let most = limits::PRIVACY_PAGE;
        let select = format!(
            "SELECT {}, {column} FROM {table} WHERE org_id = $1 AND lower({column}) LIKE $2 ESCAPE '\\'",
            keys.join(", ")
        );
        let rows = self.page_of(org, &select, keys, after, most, &[subject.pattern()]).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let text: String = row.try_get(keys.len())?;
            if subject.is_in(&text) {
                hits.push(Hit { walk, keys: keys_of(row, keys.len())?, data: json!({ "text": text }) });
            }
        }
        Ok(Found { hits, next: next_of(&rows, keys.len(), most)? })
    }

    async fn find_persons(&self, org: OrgId, subject: &Subject) -> Result<Found, StoreError> {
        let marks = super::super::placeholders(2, subject.persons.len());
        let select = format!(
            "SELECT pseudonym, created_at FROM audit_persons WHERE org_id = $1 AND fingerprint IN ({marks})"
        );
        let most = limits::PRIVACY_PAGE;
        let rows = self.page_of(org, &select, &["pseudonym"], None, most, &subject.persons).await?;
        let mut hits = Vec::new();
        for row in &rows {
            let data = json!({ "since": to_rfc3339(row.try_get(1)?)? });
            hits.push(Hit { walk: Walk::Persons, keys: keys_of(row, 1)?, data });
        }
        Ok(Found { hits, next: None })
    }
}

/// JSON of ours, for showing; `null` for what is none.
fn parsed(octets: &[u8]) -> Value {
    serde_json::from_slice(octets).unwrap_or_default()
}

/// The header fields of a message, up to the first empty line and `limits::PRIVACY_HEADERS`.
fn head(octets: &[u8]) -> &[u8] {
    let bounded = octets.get(..limits::PRIVACY_HEADERS.min(octets.len())).unwrap_or_default();
    let end = bounded.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bounded.len());
    bounded.get(..end).unwrap_or(bounded)
}
