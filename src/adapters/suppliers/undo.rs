//! Takes a batch back: the exact former state, or a refusal that names what came in between.

use super::batches::{Side, apply, generation};
use super::records::SupplierRecords;
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Event, StoreError, append_audit, config_changed};
use crate::limits;
use crate::model::OrgId;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

/// Something of a batch that was changed since.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UndoConflict {
    /// The supplier concerned.
    pub supplier: String,
    /// `supplier`, `value`, `account`, `case`.
    pub entity: String,
    /// Row id.
    pub row: String,
    /// The later batch.
    pub by: String,
    /// What that was: `import`, `edit`, `merge`, `case`, …
    pub kind: String,
}

/// How an undo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// All is as before the batch; the organisation's new generation.
    Done(i64),
    /// Nothing was changed: these came later. At most `limits::MAX_UNDO_CONFLICTS`.
    Refused(Vec<UndoConflict>),
}

/// Tables whose rows belong to batches: entity, table, column that names the supplier.
const TABLES: [(&str, &str, &str); 4] = [
    ("supplier", "suppliers", "id"),
    ("value", "supplier_values", "supplier_id"),
    ("account", "supplier_accounts", "supplier_id"),
    ("case", "cases", "supplier_id"),
];

/// Older records that were merged into a supplier that would go.
const MERGED_INTO: &str = "SELECT t.merged_into, t.id, COALESCE(t.change_id, t.batch_id) FROM suppliers t JOIN suppliers s \
                           ON s.org_id = t.org_id AND s.id = t.merged_into WHERE t.org_id = $1 AND s.batch_id = $2 \
                           AND t.batch_id <> $2 AND t.merged_into IS NOT NULL LIMIT $3";

impl SupplierRecords {
    /// Undoes a committed batch. Batches are undone in any order as long as nothing later touched the same rows.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] for a batch that is not committed, or a decision of a case,
    /// which stands.
    pub async fn undo(&self, org: OrgId, batch: &str, actor: &str) -> Result<Undo, StoreError> {
        // Looked through before the lock: of a large batch that takes long, and mail waits for a lock on SQLite.
        let mut read = self.database.scope(org).read().await?;
        self.undoable(&mut read, org, batch).await?;
        let seen = generation(&mut read, org).await?;
        let found = conflicts(&mut read, org, batch).await?;
        drop(read);
        if !found.is_empty() {
            return Ok(Undo::Refused(found));
        }
        let mut write = self.quiet(org).await?;
        self.undoable(&mut write, org, batch).await?;
        // Every change raises the generation, as this one just did: then nothing came in between.
        if generation(&mut write, org).await? != seen.saturating_add(1) {
            let found = conflicts(&mut write, org, batch).await?;
            if !found.is_empty() {
                return Ok(Undo::Refused(found));
            }
        }
        let now = self.clock.now_ms();
        apply(&mut write, org, batch, Side::Before, now).await.map_err(|error| match error {
            StoreError::Refused(_) => StoreError::Conflict(
                "a value that the batch replaced was added again since; remove that one first".to_owned(),
            ),
            other => other,
        })?;
        sqlx::query(
            "UPDATE supplier_batches SET state = 'undoing', undone_at = $1, undone_by = $2, touched_at = $1 \
             WHERE org_id = $3 AND id = $4",
        )
        .bind(now)
        .bind(actor)
        .bind(org.to_string())
        .bind(batch)
        .execute(&mut *write)
        .await?;
        let (action, detail) = (AuditAction::SuppliersUndo, serde_json::json!({}));
        let event = Event { org, at: now, actor, action, subject: batch, detail, private: None };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        let generation = generation(&mut write, org).await?;
        write.commit().await?;
        // From here on nobody sees its rows; whoever comes next goes on where this stops.
        self.clear(org, batch).await?;
        Ok(Undo::Done(generation))
    }

    async fn undoable(&self, read: &mut AnyConnection, org: OrgId, batch: &str) -> Result<(), StoreError> {
        let sql = "SELECT kind, state FROM supplier_batches WHERE org_id = $1 AND id = $2";
        let row = sqlx::query(sql).bind(org.to_string()).bind(batch).fetch_optional(&mut *read).await?;
        let row = row.ok_or(StoreError::NotFound("batch"))?;
        let (kind, state): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let why = match (kind, state) {
            ("case", _) => "a decision on a case stands; open a new case to decide again",
            (_, "committed") => return Ok(()),
            (_, "undone" | "undoing") => "this batch is undone already",
            _ => "this batch is still being imported",
        };
        Err(StoreError::Conflict(why.to_owned()))
    }
}

/// Whatever later batches made of rows that this one created or changed, and what they hung onto its suppliers.
async fn conflicts(
    read: &mut AnyConnection,
    org: OrgId,
    batch: &str,
) -> Result<Vec<UndoConflict>, StoreError> {
    let mut out = Vec::new();
    for (entity, table, supplier) in TABLES {
        let created = format!(
            "SELECT t.{supplier}, t.id, t.change_id FROM {table} t WHERE t.org_id = $1 AND t.batch_id = $2 \
             AND t.change_id IS NOT NULL AND t.change_id <> $2 LIMIT $3"
        );
        let changed = format!(
            "SELECT t.{supplier}, t.id, t.change_id FROM supplier_changes c JOIN {table} t ON t.org_id = c.org_id \
             AND t.id = c.row_id WHERE c.org_id || '' = $1 AND c.batch_id = $2 AND c.entity = '{entity}' \
             AND t.change_id <> $2 LIMIT $3"
        );
        // Later rows on a supplier that would go.
        let hanging = format!(
            "SELECT t.{supplier}, t.id, t.batch_id FROM {table} t JOIN suppliers s ON s.org_id = t.org_id \
             AND s.id = t.{supplier} WHERE t.org_id = $1 AND s.batch_id = $2 AND t.batch_id > $2 LIMIT $3"
        );
        let mut all = vec![created, changed, hanging];
        if entity == "supplier" {
            all.push(MERGED_INTO.to_owned());
        }
        for sql in all {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(batch);
            for row in query.bind(limits::MAX_UNDO_CONFLICTS).fetch_all(&mut *read).await? {
                out.push(UndoConflict {
                    supplier: row.try_get(0)?,
                    entity: entity.to_owned(),
                    row: row.try_get(1)?,
                    by: row.try_get(2)?,
                    kind: String::new(),
                });
            }
        }
    }
    let most = usize::try_from(limits::MAX_UNDO_CONFLICTS).unwrap_or(usize::MAX);
    out.sort_by(|a, b| (&a.supplier, &a.entity, &a.row).cmp(&(&b.supplier, &b.entity, &b.row)));
    out.dedup();
    out.truncate(most);
    for conflict in &mut out {
        let sql = "SELECT kind FROM supplier_batches WHERE org_id = $1 AND id = $2";
        let kind = sqlx::query_scalar(sql).bind(org.to_string()).bind(&conflict.by);
        conflict.kind = kind.fetch_optional(&mut *read).await?.unwrap_or_default();
    }
    Ok(out)
}
