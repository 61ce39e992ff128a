//! What is purged by age: one entry a kind of row, with the condition under which it may go.

use super::super::error::StoreError;
use super::Tally;
use crate::model::{OrgId, Retained};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

/// What is done with rows that are old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// They are deleted.
    Delete,
    /// The recorded facts are emptied, the row stays.
    EmptyFacts,
    /// The body of an entry is deleted, the row stays as `deleted`.
    DeleteBody,
    /// The row of an entry is deleted with whatever hangs on it.
    DeleteEntry,
}

/// A sealed value that tells which supplier a row concerns: SQL of the value, the context of its seal, SQL of the id in it.
struct Concern {
    value: &'static str,
    context: &'static str,
    key: &'static str,
}

/// One kind of row. Conditions speak of the row as `t`; every table has `org_id` and `id`.
pub(super) struct Step {
    class: Retained,
    pub(super) table: &'static str,
    /// The time from which it is kept.
    at: &'static str,
    /// Under which condition it may go at all.
    only: &'static str,
    /// The quarantine entry that it belongs to; empty: none.
    entry: &'static str,
    /// Whether it concerns the supplier of the hold `h`; empty: none.
    supplier: &'static str,
    concerns: &'static [Concern],
    pub(super) how: How,
}

const SUMMARY_OF_ENTRY: Concern =
    Concern { value: "t.sealed_row", context: "quarantine.sealed_row", key: "t.id" };
const FACTS_OF_ENTRY: Concern = Concern {
    value: "(SELECT m.facts FROM messages m WHERE m.org_id = t.org_id AND m.id = t.id)",
    context: "messages.facts",
    key: "t.id",
};
const FACTS: Concern = Concern { value: "t.facts", context: "messages.facts", key: "t.id" };
const ENTRY_OF_OUTBOX: Concern = Concern {
    value: "(SELECT q.sealed_row FROM quarantine q WHERE q.org_id = t.org_id AND q.id = t.quarantine_id)",
    context: "quarantine.sealed_row",
    key: "t.quarantine_id",
};
const FACTS_OF_OUTBOX: Concern = Concern {
    value: "(SELECT m.facts FROM messages m WHERE m.org_id = t.org_id AND m.id = t.quarantine_id)",
    context: "messages.facts",
    key: "t.quarantine_id",
};

/// States of an entry that waits for a decision or its delivery.
const UNDECIDED: &str = "('held', 'claimed', 'approved', 'releasing')";

const STEPS: &[Step] = &[
    Step {
        class: Retained::Outbox,
        table: "outbox",
        at: "t.updated_at",
        only: "t.state IN ('sent', 'failed') AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.org_id = t.org_id \
               AND q.id = t.quarantine_id AND q.state IN {UNDECIDED})",
        entry: "t.quarantine_id",
        supplier: "",
        concerns: &[ENTRY_OF_OUTBOX, FACTS_OF_OUTBOX],
        how: How::Delete,
    },
    Step {
        class: Retained::Body,
        table: "quarantine",
        at: "t.updated_at",
        only: "t.state IN ('released', 'rejected', 'expired')",
        entry: "t.id",
        supplier: "",
        concerns: &[SUMMARY_OF_ENTRY, FACTS_OF_ENTRY],
        how: How::DeleteBody,
    },
    Step {
        class: Retained::Facts,
        table: "messages",
        at: "t.received_at",
        only: "length(t.facts) > 0",
        entry: "t.id",
        supplier: "",
        concerns: &[FACTS],
        how: How::EmptyFacts,
    },
    Step {
        class: Retained::Record,
        table: "messages",
        at: "t.received_at",
        only: "t.outcome IS NOT NULL AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.org_id = t.org_id \
               AND q.id = t.id AND q.state IN {UNDECIDED})",
        entry: "t.id",
        supplier: "",
        concerns: &[FACTS],
        how: How::Delete,
    },
    Step {
        class: Retained::Record,
        table: "quarantine",
        at: "t.updated_at",
        only: "t.state = 'deleted' AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.org_id = t.org_id \
               AND o.quarantine_id = t.id AND o.state NOT IN ('sent', 'failed'))",
        entry: "t.id",
        supplier: "",
        concerns: &[SUMMARY_OF_ENTRY, FACTS_OF_ENTRY],
        how: How::DeleteEntry,
    },
    Step {
        class: Retained::Cases,
        table: "cases",
        at: "COALESCE(t.decided_at, t.updated_at)",
        only: "t.state IN ('approved', 'rejected', 'withdrawn')",
        entry: "",
        supplier: "t.supplier_id = h.target",
        concerns: &[],
        how: How::Delete,
    },
    // A value that the batch which retired it could bring back stays as long as that batch,
    // and goes with the run after it: a plan then says exactly what a run does.
    Step {
        class: Retained::Imports,
        table: "supplier_values",
        at: "t.retired_at",
        only: "t.retired_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM supplier_batches b WHERE b.org_id = t.org_id \
               AND b.id = t.change_id) AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.org_id = t.org_id \
               AND k.call_value_id = t.id)",
        entry: "",
        supplier: "t.supplier_id = h.target",
        concerns: &[],
        how: How::Delete,
    },
    // What a batch changed goes after it: a batch that is there can be undone whole.
    Step {
        class: Retained::Imports,
        table: "supplier_batches",
        at: "t.created_at",
        only: "t.state IN ('committed', 'undone') AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.org_id = t.org_id \
               AND k.batch_id = t.id AND k.state IN ('open', 'called'))",
        entry: "",
        supplier: "EXISTS (SELECT 1 FROM supplier_changes c WHERE c.org_id = t.org_id AND c.batch_id = t.id \
                   AND (c.row_id = h.target OR c.before_supplier = h.target OR c.after_supplier = h.target))",
        concerns: &[],
        how: How::Delete,
    },
];

/// The steps of a class.
pub(super) fn of(class: Retained) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| step.class == class)
}

/// Where a walk is: time and id of the last row.
#[derive(Clone, Debug)]
pub(super) struct Cursor(i64, String);

impl Default for Cursor {
    fn default() -> Self {
        Self(i64::MIN, String::new())
    }
}

/// A row that is old enough.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: i64,
    /// Context and sealed value of what tells its supplier.
    pub(super) sealed: Vec<(String, Vec<u8>)>,
}

impl Row {
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(self.at, self.id.clone())
    }
}

impl Step {
    /// Whether only opening a row tells which supplier it concerns.
    pub(super) fn has_concerns(&self) -> bool {
        !self.concerns.is_empty()
    }

    /// `FROM … WHERE` of the rows that are old enough; `free`: those that no hold keeps, as far as columns tell.
    fn old(&self, free: bool) -> String {
        let Self { table, at, only, entry, supplier, .. } = self;
        let only = only.replace("{UNDECIDED}", UNDECIDED);
        let mut kept = Vec::new();
        if !entry.is_empty() {
            kept.push(format!("(h.scope = 'entry' AND h.target = {entry})"));
        }
        if !supplier.is_empty() {
            kept.push(format!("(h.scope = 'supplier' AND {supplier})"));
        }
        let held = format!(
            " AND NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.org_id = t.org_id AND h.lifted_at IS NULL AND ({}))",
            kept.join(" OR ")
        );
        let held = if free && !kept.is_empty() { held } else { String::new() };
        format!("FROM {table} t WHERE t.org_id = $1 AND {at} < $2 AND {only}{held}")
    }

    /// How many rows are old enough, and the oldest.
    pub(super) async fn count(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        before: i64,
        free: bool,
    ) -> Result<Tally, StoreError> {
        let sql = format!("SELECT COUNT(*), MIN({}) {}", self.at, self.old(free));
        counted(&sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(before).fetch_one(read).await?)
    }

    /// The next rows that are old enough and that no hold keeps, as far as columns tell, oldest first. `open`: with what
    /// tells their supplier.
    pub(super) async fn page(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        before: i64,
        after: &Cursor,
        most: i64,
        open: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let concerns = if open { self.concerns } else { &[] };
        let values: String =
            concerns.iter().map(|concern| format!(", {}, {}", concern.key, concern.value)).collect();
        let sql = format!(
            "SELECT t.id, {at}{values} {old} AND ({at}, t.id) > ($3, $4) ORDER BY {at}, t.id LIMIT $5",
            at = self.at,
            old = self.old(true)
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(before);
        let rows = query.bind(after.0).bind(after.1.as_str()).bind(most).fetch_all(read).await?;
        rows.iter().map(|row| read_row(row, concerns)).collect()
    }
}

/// Id, time, and pairs of key and sealed value.
fn read_row(row: &AnyRow, concerns: &[Concern]) -> Result<Row, StoreError> {
    let mut found = Row { id: row.try_get(0)?, at: row.try_get(1)?, sealed: Vec::new() };
    for (number, concern) in concerns.iter().enumerate() {
        let at = number.saturating_mul(2).saturating_add(2);
        let key: Option<String> = row.try_get(at)?;
        let sealed: Option<Vec<u8>> = row.try_get(at.saturating_add(1))?;
        if let (Some(key), Some(sealed)) = (key, sealed.filter(|sealed| !sealed.is_empty())) {
            found.sealed.push((format!("{}|{key}", concern.context), sealed));
        }
    }
    Ok(found)
}

/// One entry of the quarantine with what tells its supplier.
pub(super) async fn entry(read: &mut AnyConnection, org: OrgId, id: &str) -> Result<Option<Row>, StoreError> {
    const CONCERNS: &[Concern] = &[SUMMARY_OF_ENTRY, FACTS_OF_ENTRY];
    let values: String =
        CONCERNS.iter().map(|concern| format!(", {}, {}", concern.key, concern.value)).collect();
    let sql =
        format!("SELECT t.id, t.updated_at{values} FROM quarantine t WHERE t.org_id = $1 AND t.id = $2");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(id).fetch_optional(read).await?;
    row.map(|row| read_row(&row, CONCERNS)).transpose()
}

/// Marks of one kind that were last seen before.
pub(super) async fn old_marks(
    read: &mut AnyConnection,
    org: OrgId,
    kind: &str,
    before: i64,
) -> Result<Tally, StoreError> {
    let sql =
        "SELECT COUNT(*), MIN(last_seen) FROM history WHERE org_id = $1 AND kind = $2 AND last_seen < $3";
    counted(&sqlx::query(sql).bind(org.to_string()).bind(kind).bind(before).fetch_one(read).await?)
}

fn counted(row: &AnyRow) -> Result<Tally, StoreError> {
    let count = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
    Ok(Tally { count, oldest: row.try_get(1)?, held_back: 0 })
}
