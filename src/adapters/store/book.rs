//! The organisations in memory: what every RCPT asks, without touching the database.

use super::error::StoreError;
use super::organisations::{Loaded, generation};
use super::{Store, SystemRead};
use crate::model::{EmailAddress, OrgId, Organisation};
use crate::ports::{OrganisationBook, PortError, Refresh};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A snapshot of all organisations, swapped whole by [`Book::refresh`]. An outage of the database leaves it standing.
pub struct Book {
    store: Arc<Store>,
    snapshot: ArcSwapOption<Snapshot>,
    fresh: AtomicBool,
}

struct Snapshot {
    generation: i64,
    /// When a token of the snapshot expires, Unix milliseconds.
    stale_at: Option<i64>,
    all: Vec<Arc<Organisation>>,
    by_id: HashMap<OrgId, Arc<Organisation>>,
    by_address: HashMap<String, Arc<Organisation>>,
    by_domain: HashMap<String, Arc<Organisation>>,
}

impl Book {
    /// An empty book: [`Book::refresh`] fills it.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, snapshot: ArcSwapOption::empty(), fresh: AtomicBool::new(false) }
    }

    /// Asks the database for the configuration's generation and reads everything when it changed or a token expired.
    /// Call it every `limits::BOOK_POLL`. True when the snapshot was replaced.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or of the keys; the snapshot stands as it was.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let refreshed = self.try_refresh().await;
        let answered = !matches!(refreshed, Err(StoreError::Unavailable(_)));
        self.fresh.store(answered, Ordering::Relaxed);
        refreshed
    }

    /// All organisations of the snapshot, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Organisation>> {
        self.snapshot.load().as_ref().map(|snapshot| snapshot.all.clone()).unwrap_or_default()
    }

    async fn try_refresh(&self) -> Result<bool, StoreError> {
        let mut read = self.store.database.system(SystemRead::Organisations).await?;
        let current = generation(&mut read).await?;
        drop(read);
        let now = self.store.clock.now_ms();
        let unchanged = self.snapshot.load().as_ref().is_some_and(|snapshot| {
            snapshot.generation == current && snapshot.stale_at.is_none_or(|at| now < at)
        });
        if unchanged {
            self.store.keyring.confirm();
            return Ok(false);
        }
        self.snapshot.store(Some(Arc::new(Snapshot::new(self.store.load().await?))));
        Ok(true)
    }

    fn find(&self, pick: impl Fn(&Snapshot) -> Option<&Arc<Organisation>>) -> Option<Arc<Organisation>> {
        self.snapshot.load().as_ref().and_then(|snapshot| pick(snapshot).cloned())
    }
}

impl Snapshot {
    fn new(loaded: Loaded) -> Self {
        let mut snapshot = Self {
            generation: loaded.generation,
            stale_at: loaded.stale_at,
            all: loaded.organisations.into_iter().map(Arc::new).collect(),
            by_id: HashMap::new(),
            by_address: HashMap::new(),
            by_domain: HashMap::new(),
        };
        for organisation in &snapshot.all {
            snapshot.by_id.insert(organisation.id, Arc::clone(organisation));
            for domain in &organisation.domains {
                let first = snapshot.by_domain.entry(domain.as_str().to_owned());
                first.or_insert_with(|| Arc::clone(organisation));
            }
            for mailbox in &organisation.mailboxes {
                for address in std::iter::once(&mailbox.address).chain(&mailbox.aliases) {
                    snapshot.by_address.insert(address.folded(), Arc::clone(organisation));
                }
            }
        }
        snapshot
    }
}

/// Whether what stands between mailbox and domain is a tag and no route: a relay behind us may read
/// `pay+x%evil.example@…`, `pay+evil.example!x@…` or `"pay+x@evil.example"@…` as an order to send the mail on, and it
/// trusts us.
fn is_plain_tag(address: &EmailAddress, untagged: &EmailAddress) -> bool {
    let tag = address.local().get(untagged.local().len()..).unwrap_or_default();
    !tag.contains(['%', '!', '@', ':', '|'])
}

#[async_trait]
impl Refresh for Book {
    async fn refresh(&self) -> Result<(), PortError> {
        Self::refresh(self).await?;
        Ok(())
    }
}

impl OrganisationBook for Book {
    fn by_recipient(&self, address: &EmailAddress) -> Option<Arc<Organisation>> {
        self.find(|snapshot| {
            let exact = snapshot.by_address.get(&address.folded());
            exact.or_else(|| {
                let untagged = address.without_tag();
                snapshot.by_address.get(&untagged.folded()).filter(|_| is_plain_tag(address, &untagged))
            })
        })
    }

    fn by_domain(&self, address: &EmailAddress) -> Option<Arc<Organisation>> {
        self.find(|snapshot| snapshot.by_domain.get(address.domain().as_str()))
    }

    fn by_id(&self, id: OrgId) -> Option<Arc<Organisation>> {
        self.find(|snapshot| snapshot.by_id.get(&id))
    }

    fn is_loaded(&self) -> bool {
        self.snapshot.load().is_some()
    }

    fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }
}
