//! How each kind of row gives a person up: deleted, emptied, or sealed anew without what named them.

use super::super::error::{StoreError, damaged};
use super::super::keys::SealedColumn;
use super::super::keys::walk::{KeyValue, bind, equal};
use super::super::{Store, config_changed, directory_changed};
use super::find::Hit;
use super::places::{Place, Plain, Walk};
use super::runs::Erasure;
use crate::adapters::suppliers::rows::ValueKind;
use crate::model::{Envelope, MailParameters, QuarantineId, ReversePath};
use crate::ports::Keyring as _;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

/// What stands where a name stood.
const ERASED: &str = "(erased)";
/// Who did something, when that person was erased.
const ERASED_ACTOR: &str = "erased";

/// Whether the list row of an entry holds nothing of a person any more.
pub(super) fn is_redacted(summary: &Value) -> bool {
    let empty = |field: &str| summary.get(field).and_then(Value::as_str).is_some_and(str::is_empty);
    let nobody = summary.get("recipients").and_then(Value::as_array).is_some_and(Vec::is_empty);
    empty("mail_from") && empty("subject") && empty("message_id") && nobody
}

impl Store {
    /// Erases one row within the caller's transaction. Returns whether there was something to erase.
    pub(super) async fn redact(
        &self,
        write: &mut AnyConnection,
        erasure: &Erasure,
        hit: &Hit,
    ) -> Result<bool, StoreError> {
        let gone = match hit.walk {
            Walk::Outbox => {
                let only = " AND state IN ('sent', 'failed')";
                delete(write, erasure, "outbox", &["id"], &hit.keys, only).await?
            }
            Walk::HeldMarks => {
                delete(write, erasure, "history_held", &["quarantine_id"], &hit.keys, "").await?
            }
            Walk::Quarantine => self.redact_entry(write, erasure, hit).await?,
            Walk::Facts => {
                // No value at all: not even a sealed one.
                let sql =
                    "UPDATE messages SET facts = substr(facts, 1, 0) WHERE org_id = $1 AND length(facts) > 0";
                run(write, erasure, sql.to_owned(), &["id"], &hit.keys).await?
            }
            Walk::History => {
                delete(write, erasure, "history", &["subject", "kind", "detail"], &hit.keys, "").await?
            }
            Walk::Sealed(column, place) => self.redact_text(write, erasure, column, place, hit).await?,
            Walk::Plain(plain) => redact_plain(write, erasure, plain, hit).await?,
            Walk::Persons => delete(write, erasure, "audit_persons", &["pseudonym"], &hit.keys, "").await?,
        };
        Ok(gone > 0)
    }

    /// The entry stays as a row that tells when something was held and which rules spoke, and of nobody.
    async fn redact_entry(
        &self,
        write: &mut AnyConnection,
        erasure: &Erasure,
        hit: &Hit,
    ) -> Result<u64, StoreError> {
        let id: QuarantineId = hit.id().parse().map_err(|_| damaged("quarantine entry"))?;
        let part = |name: &str| hit.data.get(name).cloned().unwrap_or_default();
        let supplier = part("summary").get("supplier").cloned().unwrap_or_default();
        let row = json!({
            "mail_from": "", "recipients": [], "subject": "", "message_id": "", "supplier": supplier,
        });
        let mut findings = part("detail").get("findings").cloned().unwrap_or_else(|| json!([]));
        for finding in findings.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            finding.insert("text".to_owned(), ERASED.into());
            finding.insert("source".to_owned(), Value::Null);
        }
        let envelope = Envelope {
            reverse_path: ReversePath(None),
            parameters: MailParameters::default(),
            recipients: Vec::new(),
        };
        let detail = json!({ "envelope": envelope, "findings": findings });
        let sql = "UPDATE quarantine SET sealed_row = $1, sealed_detail = $2, dedupe_key = $3 \
                   WHERE org_id = $4 AND id = $5 AND state = 'deleted'";
        let done = sqlx::query(sql)
            .bind(self.seal_json(erasure.org, &format!("quarantine.sealed_row|{id}"), &row)?)
            .bind(self.seal_json(erasure.org, &format!("quarantine.sealed_detail|{id}"), &detail)?)
            .bind(format!("erased|{id}"))
            .bind(erasure.org.to_string())
            .bind(id.to_string())
            .execute(write)
            .await?;
        Ok(done.rows_affected())
    }

    async fn redact_text(
        &self,
        write: &mut AnyConnection,
        erasure: &Erasure,
        column: &SealedColumn,
        place: Place,
        hit: &Hit,
    ) -> Result<u64, StoreError> {
        match (place, column.table) {
            (Place::Audit, _) => delete(write, erasure, column.table, column.keys, &hit.keys, "").await,
            (Place::Suppliers, "supplier_values") => self.redact_value(write, erasure, &hit.id()).await,
            (Place::Cases | Place::LegalHolds, _) => {
                let sealed =
                    self.keyring.seal(erasure.org, &column.context_of(&hit.keys), ERASED.as_bytes())?;
                let (table, name) = (column.table, column.column);
                let keys = equal(column.keys, 3);
                let sql = format!("UPDATE {table} SET {name} = $1 WHERE org_id = $2{keys}");
                let query = sqlx::query(AssertSqlSafe(sql)).bind(sealed).bind(erasure.org.to_string());
                Ok(bind(query, &hit.keys).execute(write).await?.rows_affected())
            }
            _ => Ok(0),
        }
    }

    /// A value of a supplier that named the person becomes one that names nobody, and is retired: batches that refer to
    /// it can still be undone.
    async fn redact_value(
        &self,
        write: &mut AnyConnection,
        erasure: &Erasure,
        id: &str,
    ) -> Result<u64, StoreError> {
        let (org, now) = (erasure.org, self.clock.now_ms());
        let sql = "SELECT kind FROM supplier_values WHERE org_id = $1 AND id = $2";
        let row = sqlx::query(sql).bind(org.to_string()).bind(id).fetch_optional(&mut *write).await?;
        let Some(row) = row else { return Ok(0) };
        let kind = ValueKind::from_name(row.try_get(0)?).ok_or_else(|| damaged("supplier"))?;
        let mark = self.ids.ulid().to_string().to_lowercase();
        let text = match kind {
            ValueKind::Email => format!("erased-{mark}@erased.invalid"),
            ValueKind::Domain => format!("erased-{mark}.invalid"),
            _ => format!("erased {mark}"),
        };
        let done = sqlx::query(
            "UPDATE supplier_values SET sealed_value = $1, fingerprint = $2, retired_at = COALESCE(retired_at, $3), \
             retired_by = COALESCE(retired_by, $4) WHERE org_id = $5 AND id = $6",
        )
        .bind(self.keyring.seal(org, &format!("supplier_values.sealed_value|{id}"), text.as_bytes())?)
        .bind(kind.fingerprint(self.keyring.as_ref(), org, &text)?)
        .bind(now)
        .bind(&erasure.actor)
        .bind(org.to_string())
        .bind(id)
        .execute(&mut *write)
        .await?;
        directory_changed(write, org).await?;
        Ok(done.rows_affected())
    }
}

async fn redact_plain(
    write: &mut AnyConnection,
    erasure: &Erasure,
    plain: &Plain,
    hit: &Hit,
) -> Result<u64, StoreError> {
    let Plain { table, column, keys, .. } = plain;
    match plain.place {
        Place::Users | Place::Executives => {
            let gone = delete(write, erasure, table, keys, &hit.keys, "").await?;
            config_changed(write).await?;
            Ok(gone)
        }
        Place::Actors => {
            let sql = format!("UPDATE {table} SET {column} = '{ERASED_ACTOR}' WHERE org_id = $1");
            run(write, erasure, sql, keys, &hit.keys).await
        }
        _ => Ok(0),
    }
}

async fn delete(
    write: &mut AnyConnection,
    erasure: &Erasure,
    table: &str,
    keys: &[&str],
    values: &[KeyValue],
    only: &str,
) -> Result<u64, StoreError> {
    run(write, erasure, format!("DELETE FROM {table} WHERE org_id = $1{only}"), keys, values).await
}

/// Runs a statement on the row with these keys.
async fn run(
    write: &mut AnyConnection,
    erasure: &Erasure,
    statement: String,
    keys: &[&str],
    values: &[KeyValue],
) -> Result<u64, StoreError> {
    let sql = format!("{statement}{}", equal(keys, 2));
    let query = sqlx::query(AssertSqlSafe(sql)).bind(erasure.org.to_string());
    Ok(bind(query, values).execute(write).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_entry_that_names_nobody_counts_as_redacted() {
        let row = |from: &str, to: &[&str], subject: &str| json!({ "mail_from": from, "recipients": to, "subject": subject, "message_id": "", "supplier": null });
        assert!(is_redacted(&row("", &[], "")));
        // A bounce without a subject still has its recipients.
        for other in [row("a@b.test", &[], ""), row("", &["a@b.test"], ""), row("", &[], "x"), Value::Null] {
            assert!(!is_redacted(&other), "{other}");
        }
    }
}
