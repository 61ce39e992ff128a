//! The seam between whoever reads suppliers (a file, a live source) and whoever writes them.
//!
//! A feed is whole before its first batch: its reader has seen the last row, every supplier appears once with all that
//! the file says about it, and what could not be read is already reported. So a writer never begins with half a file,
//! and may walk the feed twice (once to plan, once to write) in bounded memory.

use crate::adapters::store::StoreError;
use crate::model::{Domain, SupplierRecord};

/// What the ledger does with a supplier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifecycle {
    /// In use.
    #[default]
    Active,
    /// Archived, inactive or blocked for payment in the ledger. On record its accounts are retired, never made better;
    /// one that is not on record is not created.
    Archived,
    /// Its personal data were erased in the ledger: as archived, and its names, addresses and numbers in the file are
    /// placeholders that must not be taken.
    Erased,
}

/// One supplier on its way in, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The supplier. Its id may be provisional, see [`super::csv::is_provisional`]. Its domains are those that the file
    /// names as such.
    pub supplier: SupplierRecord,
    /// Domains that nobody named but that its addresses and website have, free mail left out. They are taken where the
    /// supplier has no domain yet; beside known ones they are only proposed, because a changed address in the ledger is
    /// how a forged domain gets onto a record.
    pub derived: Vec<Domain>,
    /// What the ledger does with it.
    pub lifecycle: Lifecycle,
    /// Lines of the file, from 1, that speak of it; empty for a source without lines.
    pub lines: Vec<u64>,
}

impl Incoming {
    /// An active supplier that no file names.
    #[must_use]
    pub fn of(supplier: SupplierRecord) -> Self {
        Self { supplier, derived: Vec::new(), lifecycle: Lifecycle::Active, lines: Vec::new() }
    }
}

/// A feed could not be read on: the temporary copy of a file is gone or damaged.
#[derive(Debug, thiserror::Error)]
#[error("the suppliers could not be read on: {0}")]
pub struct FeedError(#[from] std::io::Error);

impl From<FeedError> for StoreError {
    fn from(error: FeedError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Suppliers, a batch at a time. Reading may touch the disk for some milliseconds a batch.
pub trait SupplierFeed: Send {
    /// Up to `most` further suppliers in the order of the file; none at the end.
    ///
    /// # Errors
    /// [`FeedError`]: nothing of the feed may stand then.
    fn next_batch(&mut self, most: usize) -> Result<Vec<Incoming>, FeedError>;
    /// Starts over with the first supplier.
    fn rewind(&mut self);
}

/// A feed of what is in memory already.
#[derive(Clone, Debug, Default)]
pub struct ListFeed {
    incoming: Vec<Incoming>,
    at: usize,
}

impl ListFeed {
    /// Of suppliers without lines.
    #[must_use]
    pub fn new(suppliers: impl IntoIterator<Item = SupplierRecord>) -> Self {
        Self { incoming: suppliers.into_iter().map(Incoming::of).collect(), at: 0 }
    }
}

impl SupplierFeed for ListFeed {
    fn next_batch(&mut self, most: usize) -> Result<Vec<Incoming>, FeedError> {
        let batch: Vec<Incoming> = self.incoming.iter().skip(self.at).take(most).cloned().collect();
        self.at = self.at.saturating_add(batch.len());
        Ok(batch)
    }

    fn rewind(&mut self) {
        self.at = 0;
    }
}
