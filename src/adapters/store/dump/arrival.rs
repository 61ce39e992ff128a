//! The rows of one organisation on their way into a database that is in use.
//!
//! An organisation without keys is none: `Store::load` leaves it out, so no mail is taken for it. Rows therefore arrive in
//! short transactions beside running mail, and one short transaction at the end brings keys, name and addresses and makes
//! everything count. What a killed arrival leaves is removed by the next one. A row of `settings` says whose arrival it is:
//! each step holds on to it, so that two imports of one organisation cannot mix.

use super::super::error::{StoreError, damaged};
use super::super::scope::WriteTransaction;
use super::super::settings::taken;
use super::super::{Durability, Store, append_audit, config_changed, keys};
use super::load::bound;
use super::row::{Value, decode};
use super::{Kind, Snapshot, Table};
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::WrappedKey;
use crate::adapters::store::Event;
use crate::limits;
use crate::model::OrgId;
use serde_json::json;
use sqlx::AssertSqlSafe;
use tokio::time::{Instant, sleep};

/// The setting that marks an organisation whose import is under way.
const ARRIVING: &str = "org.arriving";
/// Tables whose rows come with the last transaction: what makes mail of the organisation ours, and what is sealed and
/// opened whenever organisations are read. All are small.
const LAST: [&str; 7] =
    ["org_domains", "mailbox_addresses", "executives", "users", "org_tokens", "arc_keys", "settings"];
/// Milliseconds by which outgoing mail is put off until everything is there: nobody must lease it before.
const PUT_OFF: i64 = 1 << 52;

/// A key of an organisation with its dates.
#[derive(Clone, Debug)]
pub struct DatedKey {
    /// The key.
    pub key: WrappedKey,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When its state began, Unix milliseconds.
    pub changed_at: i64,
}

/// An organisation that arrives.
pub struct Arrival<'a> {
    store: &'a Store,
    org: OrgId,
    /// Tells this arrival from others.
    mark: String,
    name: String,
    batch: Vec<Vec<Value>>,
}

impl Snapshot {
    /// One organisation's keys, still wrapped.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn keys(&mut self, org: OrgId) -> Result<Vec<DatedKey>, StoreError> {
        self.read.enter(org).await?;
        let rows = keys::of_one(&mut self.read, org).await?;
        let dated = |row: keys::KeyRow| DatedKey {
            key: row.key,
            created_at: row.created_at,
            changed_at: row.changed_at,
        };
        Ok(rows.into_iter().map(dated).collect())
    }
}

impl Table {
    /// Whether another database's table of this name has the same columns, whatever their order.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let sorted = |table: &Self| {
            let mut columns: Vec<(String, u8)> =
                table.columns.iter().map(|column| (column.name.clone(), kind_number(column.kind))).collect();
            columns.sort();
            columns
        };
        self.name == other.name && self.owner == other.owner && sorted(self) == sorted(other)
    }

    /// The value of a column of text in an encoded row, its length already taken off.
    fn text(&self, values: &[Value], column: &str) -> Option<String> {
        let at = self.columns.iter().position(|known| known.name == column)?;
        match values.get(at) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn set(&self, values: &mut [Value], column: &str, value: Value) {
        let at = self.columns.iter().position(|known| known.name == column);
        if let Some(place) = at.and_then(|at| values.get_mut(at)) {
            *place = value;
        }
    }
}

fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Integer => 0,
        Kind::Text => 1,
        Kind::Bytes => 2,
        Kind::Real => 3,
    }
}

impl Store {
    /// Begins: `row` is the organisation's own row, its length already taken off. What an earlier import of it left is
    /// removed first.
    ///
    /// # Errors
    /// [`StoreError::Taken`] for an organisation of this id or name that is here; [`StoreError::Conflict`] for one that is
    /// being erased.
    pub async fn begin_arrival(
        &self,
        org: OrgId,
        table: &Table,
        row: &[u8],
    ) -> Result<Arrival<'_>, StoreError> {
        let mut values = decode(row, &table.columns)?;
        let name = table.text(&values, "name").ok_or_else(|| damaged("organisation"))?;
        let all = self.organisations().await?;
        if let Some(there) = all.iter().find(|there| there.id == org || there.name == name) {
            return Err(StoreError::Taken(format!(
                "the organisation {:?} ({}) is here already, and an import never changes one",
                there.name, there.id
            )));
        }
        if self.database.is_pinned(org) {
            return Err(StoreError::Taken(format!(
                "the organisation {org} is here, with a database of its own: an import never changes one"
            )));
        }
        if let Some(left) = self.left(org).await? {
            if left.is_erasure() {
                return Err(StoreError::Conflict(format!(
                    "the organisation {:?} is being erased here: end that with `sentra org erase` first",
                    left.name()
                )));
            }
            self.remove_everything(org, &mut |_| {}).await?;
            self.remove_organisation(org).await?;
        }
        let mark = self.ids.ulid().to_string();
        table.set(&mut values, "name", Value::Text(format!("arriving {org}")));
        let mut write = self.database.scope(org).write().await?;
        insert(&mut write, table, vec![values]).await?;
        sqlx::query("INSERT INTO settings (org_id, name, value) VALUES ($1, $2, $3)")
            .bind(org.to_string())
            .bind(ARRIVING)
            .bind(&mark)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(Arrival { store: self, org, mark, name, batch: Vec::new() })
    }
}

async fn insert(
    write: &mut WriteTransaction,
    table: &Table,
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    let mut query = sqlx::query(AssertSqlSafe(table.insert(rows.len())));
    for value in rows.into_iter().flatten() {
        query = bound(query, value);
    }
    let taken = taken("an address or id of the organisation belongs to another one of this installation");
    query.execute(&mut **write).await.map_err(taken)?;
    Ok(())
}

impl Arrival<'_> {
    /// Whether the rows of a table arrive in steps; the others come with [`Arrival::finish`].
    #[must_use]
    pub fn comes_in_steps(table: &Table) -> bool {
        let name = table.name.as_str();
        table.owner.is_some() && !["organisations", "org_keys"].contains(&name) && !LAST.contains(&name)
    }

    /// Takes one encoded row of the organisation, its length already taken off.
    ///
    /// # Errors
    /// [`StoreError`] of the database; [`StoreError::Conflict`] when another import of the organisation began.
    pub async fn push(&mut self, table: &Table, record: &[u8]) -> Result<(), StoreError> {
        let mut values = decode(record, &table.columns)?;
        if table.name == "outbox" {
            for column in ["next_attempt_at", "lease_until"] {
                let at = table.columns.iter().position(|known| known.name == column);
                if let Some(Value::Integer(time)) = at.and_then(|at| values.get_mut(at)) {
                    *time = time.saturating_add(PUT_OFF);
                }
            }
        }
        self.batch.push(values);
        let most = limits::RESTORE_VALUES.checked_div(table.columns.len()).unwrap_or(1);
        if self.batch.len() >= most.clamp(1, limits::RESTORE_ROWS) { self.flush(table).await } else { Ok(()) }
    }

    /// Ends a table.
    ///
    /// # Errors
    /// As [`Arrival::push`].
    pub async fn flush(&mut self, table: &Table) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.batch);
        if rows.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let mut write = self.store.database.scope(self.org).write_as(Durability::Quick).await?;
        let hold = "UPDATE settings SET value = value WHERE org_id = $1 AND name = $2 AND value = $3";
        self.with_mark(&mut write, hold).await?;
        insert(&mut write, table, rows).await?;
        write.commit().await?;
        // Mail gets the database in between.
        sleep(started.elapsed().clamp(limits::RETENTION_PAUSE, limits::ARRIVAL_PAUSE)).await;
        Ok(())
    }

    async fn with_mark(&self, write: &mut WriteTransaction, sql: &'static str) -> Result<(), StoreError> {
        let query = sqlx::query(sql).bind(self.org.to_string()).bind(ARRIVING).bind(&self.mark);
        if query.execute(&mut **write).await?.rows_affected() == 1 {
            return Ok(());
        }
        Err(StoreError::Conflict("another import of this organisation began: this one gives way".to_owned()))
    }

    /// Makes it count: the rest of its rows out of `from`, and its keys, wrapped by this installation's master key. The
    /// import is noted in its audit. Mail that was on its way may have been sent by where it came from.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another organisation has one of its addresses or its name; then nothing counts.
    pub async fn finish(
        self,
        from: &mut Snapshot,
        tables: &[Table],
        dated: &[DatedKey],
        actor: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let wrapped: Vec<WrappedKey> = dated.iter().map(|dated| dated.key.clone()).collect();
        self.store.keyring.load(self.org, &wrapped)?;
        let finished = self.make_it_count(from, tables, dated, actor, detail).await;
        if finished.is_err() {
            self.store.keyring.forget(self.org);
        }
        finished
    }

    async fn make_it_count(
        &self,
        from: &mut Snapshot,
        tables: &[Table],
        dated: &[DatedKey],
        actor: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let (org, now) = (self.org, self.store.clock.now_ms());
        let mut write = self.store.database.scope(org).write().await?;
        self.with_mark(&mut write, "DELETE FROM settings WHERE org_id = $1 AND name = $2 AND value = $3")
            .await?;
        for table in tables.iter().filter(|table| LAST.contains(&table.name.as_str())) {
            let mut rows = from.rows(table, Some(org)).await?;
            while let Some(record) = rows.next().await? {
                let values = decode(record.get(4..).unwrap_or_default(), &table.columns)?;
                insert(&mut write, table, vec![values]).await?;
            }
        }
        for dated in dated {
            keys::insert(&mut write, org, &dated.key, dated.created_at).await?;
            let sql =
                "UPDATE org_keys SET changed_at = $1 WHERE org_id = $2 AND purpose = $3 AND key_id = $4";
            sqlx::query(sql)
                .bind(dated.changed_at)
                .bind(org.to_string())
                .bind(dated.key.purpose.as_str())
                .bind(i64::from(dated.key.key_id))
                .execute(&mut *write)
                .await?;
        }
        self.settle(&mut write).await?;
        let action = AuditAction::OrgImport;
        let subject = org.to_string();
        let event = Event { org, at: now, actor, action, subject: &subject, detail, private: None };
        append_audit(&mut write, self.store.keyring.as_ref(), event).await?;
        config_changed(&mut write).await?;
        write.commit().await
    }

    /// What differs from where it came from: caches of its directory end, anchors are written anew, outgoing mail is due.
    async fn settle(&self, write: &mut WriteTransaction) -> Result<(), StoreError> {
        let org = self.org.to_string();
        sqlx::query(
            "UPDATE organisations SET name = $1, directory_generation = directory_generation + 1 WHERE id = $2",
        )
        .bind(&self.name)
        .bind(&org)
        .execute(&mut **write)
        .await
        .map_err(taken("an organisation of that name exists"))?;
        sqlx::query("UPDATE audit_anchors SET stored = 0 WHERE org_id = $1")
            .bind(&org)
            .execute(&mut **write)
            .await?;
        sqlx::query(
            "UPDATE outbox SET next_attempt_at = next_attempt_at - $1, lease_until = lease_until - $1, maybe_twice = \
             CASE WHEN state IN ('pending', 'sending', 'uncertain') THEN 1 ELSE maybe_twice END WHERE org_id = $2",
        )
        .bind(PUT_OFF)
        .bind(&org)
        .execute(&mut **write)
        .await?;
        Ok(())
    }
}

/// What an organisation's import says in its audit.
#[must_use]
pub fn arrival_detail(rows: u64, bodies: u64, exported_at: i64) -> serde_json::Value {
    json!({ "rows": rows, "bodies": bodies, "exported_at": exported_at })
}
