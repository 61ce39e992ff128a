//! Reading a chain out, page by page, for an export.

use super::super::error::StoreError;
use super::check::{checkpoint, head, page};
use super::{Store, field_names};
use crate::adapters::audit::bundle::{Begin, EntryLine};
use crate::adapters::audit::{Checkpoint, Entry, FIRST_HASH, Head, Revealed};
use crate::model::OrgId;
use sqlx::AnyConnection;
use std::collections::BTreeMap;

/// The frame of an export.
#[derive(Clone, Debug)]
pub struct ExportFrame {
    /// Where the entries begin.
    pub begin: Begin,
    /// Number of the entry before the first one.
    pub after: i64,
    /// The checkpoint, if the chain was pruned and the export begins there.
    pub checkpoint: Option<Checkpoint>,
    /// The head at which it ends.
    pub head: Option<Head>,
}

impl Store {
    /// What an export of the chain as it is now begins and ends with. `since`: only entries from this time on.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn audit_frame(&self, org: OrgId, since: Option<i64>) -> Result<ExportFrame, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let head = head(&mut read, org).await?;
        let checkpoint = checkpoint(&mut read, org).await?;
        let start = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.seq);
        let first = match since {
            None => None,
            Some(since) => {
                let sql = "SELECT MIN(seq) FROM audit WHERE org_id = $1 AND at >= $2 AND seq > $3";
                let query = sqlx::query_scalar::<_, Option<i64>>(sql).bind(org.to_string()).bind(since);
                // Nothing that new: the export has no entry and begins at its head.
                let none = head.as_ref().map_or(0, |head| head.seq).saturating_add(1);
                Some(query.bind(start).fetch_one(&mut *read).await?.unwrap_or(none))
            }
        };
        let after = first.map_or(start, |first| first.saturating_sub(1));
        let begin = if after > start {
            let before = page(&mut read, org, after.saturating_sub(1), after).await?;
            let hash = before.first().map_or_else(|| FIRST_HASH.to_owned(), |entry| entry.hash.clone());
            Begin::Partial { seq: after, hash }
        } else if checkpoint.is_some() {
            Begin::Checkpoint
        } else {
            Begin::Genesis
        };
        let checkpoint = checkpoint.filter(|_| matches!(begin, Begin::Checkpoint));
        Ok(ExportFrame { begin, after, checkpoint, head })
    }

    /// Entries with `after < seq <= end`, oldest first, at most `limits::STORE_PAGE`, with what stands beside the chain if
    /// it is to be revealed.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys.
    pub async fn audit_lines(
        &self,
        org: OrgId,
        after: i64,
        end: i64,
        reveal: bool,
    ) -> Result<Vec<EntryLine>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let entries = page(&mut read, org, after, end).await?;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let mut private: BTreeMap<i64, BTreeMap<String, Revealed>> = BTreeMap::new();
        for (seq, field, value) in self.private_fields(&mut read, org, first.seq, last.seq).await? {
            private.entry(seq).or_default().insert(field, value?);
        }
        let mut lines = Vec::with_capacity(entries.len());
        for entry in entries {
            let there = private.remove(&entry.seq).unwrap_or_default();
            lines.push(self.line(&mut read, org, entry, there, reveal).await?);
        }
        Ok(lines)
    }

    async fn line(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        entry: Entry,
        there: BTreeMap<String, Revealed>,
        reveal: bool,
    ) -> Result<EntryLine, StoreError> {
        let names = if entry.private == "{}" { Vec::new() } else { field_names(&entry)? };
        let erased = names.into_iter().filter(|name| !there.contains_key(name)).collect();
        let mut persons = BTreeMap::new();
        for pseudonym in [&entry.actor, &entry.subject] {
            if reveal
                && pseudonym.starts_with("person:")
                && let Some(name) = self.person(read, org, pseudonym).await?
            {
                persons.insert(pseudonym.clone(), name);
            }
        }
        Ok(EntryLine { entry, revealed: if reveal { there } else { BTreeMap::new() }, erased, persons })
    }
}
