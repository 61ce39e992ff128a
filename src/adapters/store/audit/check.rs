//! Walking an organisation's chain in the database, a page at a time.

use super::super::error::StoreError;
use super::{COLUMNS, ChainCheck, Store, entry, field_names};
use crate::adapters::audit::{Anchor, Checkpoint, Entry, Head, Report, Revealed, Verifier};
use crate::limits;
use crate::model::OrgId;
use crate::ports::Keyring as _;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

impl Store {
    /// Walks the organisation's whole chain, and says in short what it found.
    ///
    /// # Errors
    /// [`StoreError`] of the database; a broken chain is an answer, not an error.
    pub async fn verify_audit(&self, org: OrgId) -> Result<ChainCheck, StoreError> {
        let report = self.audit_report(org, Vec::new()).await?;
        Ok(match report.findings.first() {
            Some(finding) => ChainCheck::Broken(finding.seq),
            None => ChainCheck::Intact(report.last),
        })
    }

    /// Walks the organisation's whole chain and compares it with anchors that were kept elsewhere.
    ///
    /// # Errors
    /// [`StoreError`] of the database; a broken chain is an answer, not an error.
    pub async fn audit_report(&self, org: OrgId, anchors: Vec<Anchor>) -> Result<Report, StoreError> {
        let accepts = |statement: &[u8], signature: &[u8]| self.keyring.verify(org, statement, signature);
        let mut verifier = Verifier::new(&org.to_string(), &accepts);
        verifier.anchors(anchors);
        let mut snapshot = self.database.scope(org).read().await?;
        let head = head(&mut snapshot, org).await?;
        let mut after = 0;
        if let Some(checkpoint) = checkpoint(&mut snapshot, org).await? {
            verifier.checkpoint(&checkpoint);
            // A pruning that was interrupted leaves some of what the checkpoint covers.
            after = checkpoint.seq;
        }
        let end = head.as_ref().map_or(i64::MAX, |head| head.seq);
        loop {
            let page = page(&mut snapshot, org, after, end).await?;
            let (Some(first), Some(last)) = (page.first(), page.last()) else { break };
            let mut private = self.private_of(&mut snapshot, org, first.seq, last.seq).await?;
            after = last.seq;
            for entry in &page {
                verifier.entry(entry);
                check_private(&mut verifier, entry, &mut private)?;
            }
            // Whatever is left belongs to no entry; entries of this page only are asked for.
            for (seq, field) in private.into_values().flat_map(|fields| fields.orphans) {
                verifier.private_unreadable(seq, &field);
            }
        }
        let beyond = beyond(&mut snapshot, org, end).await?;
        Ok(verifier.finish_with(head.as_ref(), beyond))
    }

    async fn private_of(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        first: i64,
        last: i64,
    ) -> Result<BTreeMap<i64, Fields>, StoreError> {
        let mut all: BTreeMap<i64, Fields> = BTreeMap::new();
        for (seq, field, value) in self.private_fields(read, org, first, last).await? {
            let fields = all.entry(seq).or_default();
            match value {
                Ok(value) => drop(fields.opened.insert(field, value)),
                Err(StoreError::Port(_) | StoreError::Refused(_)) => fields.orphans.push((seq, field)),
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

/// Private fields of one entry.
#[derive(Default)]
struct Fields {
    opened: BTreeMap<String, Revealed>,
    /// Those that do not open, or whose entry is gone.
    orphans: Vec<(i64, String)>,
}

fn check_private(
    verifier: &mut Verifier<'_>,
    entry: &Entry,
    private: &mut BTreeMap<i64, Fields>,
) -> Result<(), StoreError> {
    let fields = private.remove(&entry.seq).unwrap_or_default();
    if entry.private == "{}" && fields.opened.is_empty() && fields.orphans.is_empty() {
        return Ok(());
    }
    for (seq, field) in &fields.orphans {
        verifier.private_unreadable(*seq, field);
    }
    let there = |name: &String| {
        fields.opened.contains_key(name) || fields.orphans.iter().any(|(_, field)| field == name)
    };
    // An entry whose commitments cannot be read was altered, which is said already.
    let names = field_names(entry).unwrap_or_default();
    let erased: Vec<String> = names.into_iter().filter(|name| !there(name)).collect();
    verifier.private(entry, &fields.opened, &erased);
    Ok(())
}

/// The signed head; `None` when its row is gone.
pub(super) async fn head(read: &mut AnyConnection, org: OrgId) -> Result<Option<Head>, StoreError> {
    let sql = "SELECT seq, at, hash, signature FROM audit_heads WHERE org_id = $1";
    let Some(row) = sqlx::query(sql).bind(org.to_string()).fetch_optional(read).await? else {
        return Ok(None);
    };
    let (seq, at) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Some(Head { seq, at, hash: row.try_get(2)?, signature: row.try_get(3)? }))
}

/// Where the chain goes on from, if it was pruned.
pub(super) async fn checkpoint(
    read: &mut AnyConnection,
    org: OrgId,
) -> Result<Option<Checkpoint>, StoreError> {
    let sql = "SELECT seq, at, hash, anchor, signature FROM audit_checkpoints \
               WHERE org_id = $1 ORDER BY seq DESC LIMIT 1";
    let Some(row) = sqlx::query(sql).bind(org.to_string()).fetch_optional(read).await? else {
        return Ok(None);
    };
    Ok(Some(Checkpoint {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        hash: row.try_get(2)?,
        anchor: row.try_get(3)?,
        signature: row.try_get(4)?,
    }))
}

/// Entries with `after < seq <= end`, oldest first.
pub(super) async fn page(
    read: &mut AnyConnection,
    org: OrgId,
    after: i64,
    end: i64,
) -> Result<Vec<Entry>, StoreError> {
    let sql = format!("{COLUMNS} WHERE org_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(org.to_string())
        .bind(after)
        .bind(end)
        .bind(limits::STORE_PAGE)
        .fetch_all(read)
        .await?;
    rows.iter().map(entry).collect()
}

/// The newest entry, where it lies beyond a head that was read together with it: entries appended meanwhile come with
/// a newer head.
async fn beyond(read: &mut AnyConnection, org: OrgId, end: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT (SELECT MAX(seq) FROM audit WHERE org_id = $1), \
               (SELECT MAX(seq) FROM audit_heads WHERE org_id = $1)";
    let row = sqlx::query(sql).bind(org.to_string()).fetch_one(read).await?;
    let (newest, head): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(newest.filter(|newest| *newest > end && head.is_none_or(|head| *newest > head)))
}
