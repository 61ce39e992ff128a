//! The organisations in memory: what every RCPT asks, without touching the database.

use super::error::StoreError;
use super::loading::{Loaded, generation};
use super::{Store, SystemRead};
use crate::limits;
use crate::model::{EmailAddress, OrgId, Organisation};
use crate::ports::{OrganisationBook, PortError, Refresh};
use crate::telemetry::{self, Alarm};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::timeout;

/// A snapshot of all organisations, swapped whole by [`Book::refresh`]. An outage of the database leaves it standing.
pub struct Book {
    store: Arc<Store>,
    snapshot: ArcSwapOption<Snapshot>,
    fresh: AtomicBool,
}

struct Snapshot {
    /// By the number of the database; one that was away has none.
    generations: BTreeMap<u64, i64>,
    /// When a token of the snapshot expires, Unix milliseconds.
    stale_at: Option<i64>,
    all: Vec<Arc<Organisation>>,
    by_id: HashMap<OrgId, Arc<Organisation>>,
    by_address: HashMap<String, Arc<Organisation>>,
    by_domain: HashMap<String, Arc<Organisation>>,
    /// Of whom only the addresses are known: their own database never answered this process.
    away: BTreeSet<OrgId>,
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
        let main = generation(&mut read).await?;
        drop(read);
        let pinned = self.poll_pinned().await;
        let now = self.store.clock.now_ms();
        let unchanged = self.snapshot.load().as_ref().is_some_and(|snapshot| {
            let is_known = |(number, generation): (&u64, &i64)| {
                snapshot.generations.get(number).is_some_and(|known| known == generation)
            };
            is_known((&0, &main))
                && pinned.iter().all(is_known)
                && snapshot.stale_at.is_none_or(|at| now < at)
        });
        if unchanged {
            self.store.keyring.confirm();
            return Ok(false);
        }
        let mut loaded = self.store.load().await?;
        for (number, why) in std::mem::take(&mut loaded.broken) {
            telemetry::alarm(Alarm::Database, None, &format!("a pinned database cannot be read: {why}"));
            // Looked at again when something changes there.
            loaded.generations.extend(pinned.get(&number).map(|generation| (number, *generation)));
        }
        let before = self.snapshot.load();
        self.snapshot.store(Some(Arc::new(Snapshot::new(loaded, before.as_deref()))));
        Ok(true)
    }

    /// The generation of each pinned database that answers. Who is away, and that it is back, is told once.
    async fn poll_pinned(&self) -> BTreeMap<u64, i64> {
        let parts = self.store.database.pinned();
        let asking = parts.iter().map(|part| async move {
            let asked = timeout(limits::PINNED_LOAD_TIMEOUT, async {
                let mut read = part.database.system(SystemRead::Organisations).await?;
                let backup = "SELECT at FROM backup_state WHERE name = 'success'";
                let backup: Option<i64> = sqlx::query_scalar(backup).fetch_optional(&mut *read).await?;
                part.note_backup(backup.unwrap_or_default());
                generation(&mut read).await
            });
            asked.await.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
        });
        let mut answers = BTreeMap::new();
        for (part, answer) in parts.iter().zip(join_all(asking).await) {
            let news = part.note(answer.is_err());
            for org in &part.organisations {
                let up = if answer.is_ok() { 1.0 } else { 0.0 };
                metrics::gauge!("sentra_pinned_database_up", "org" => org.to_string()).set(up);
                let age = part.backup_at().map(|at| self.store.clock.now_ms().saturating_sub(at) / 1_000);
                let age = age.and_then(|age| u32::try_from(age).ok()).map_or(f64::NAN, f64::from);
                metrics::gauge!("sentra_pinned_backup_age_seconds", "org" => org.to_string()).set(age);
            }
            match answer {
                Ok(generation) => {
                    answers.insert(part.id, generation);
                    self.store.keyring.confirm_pinned(part.organisations.iter().copied());
                    if news {
                        tracing::info!(database = %part.database.place(), "a pinned database answers again");
                    }
                }
                Err(error) if news => {
                    let only = part.organisations.first().filter(|_| part.organisations.len() == 1).copied();
                    let detail = format!("the pinned database {}: {error}", part.database.place());
                    telemetry::alarm(Alarm::Database, only, &detail);
                }
                Err(_) => {}
            }
        }
        answers
    }

    fn find(&self, pick: impl Fn(&Snapshot) -> Option<&Arc<Organisation>>) -> Option<Arc<Organisation>> {
        self.snapshot.load().as_ref().and_then(|snapshot| pick(snapshot).cloned())
    }
}

impl Snapshot {
    /// Whoever's own database is away stays as it was; of one that was never read the addresses are known.
    fn new(loaded: Loaded, before: Option<&Self>) -> Self {
        let mut all: Vec<Arc<Organisation>> = loaded.organisations.into_iter().map(Arc::new).collect();
        let (mut away, mut stale) = (BTreeSet::new(), BTreeSet::new());
        for gone in loaded.away {
            let id = gone.organisation.id;
            let known = before.filter(|before| !before.away.contains(&id));
            match known.and_then(|before| before.by_id.get(&id)) {
                Some(known) => {
                    stale.insert(id);
                    all.push(Arc::clone(known));
                }
                None => {
                    away.insert(id);
                    all.push(Arc::new(gone.organisation));
                }
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let mut snapshot = Self {
            generations: loaded.generations,
            stale_at: loaded.stale_at,
            all,
            by_id: HashMap::new(),
            by_address: HashMap::new(),
            by_domain: HashMap::new(),
            away,
        };
        for organisation in &snapshot.all {
            snapshot.by_id.insert(organisation.id, Arc::clone(organisation));
            for domain in &organisation.domains {
                let first = snapshot.by_domain.entry(domain.as_str().to_owned());
                first.or_insert_with(|| Arc::clone(organisation));
            }
        }
        // An address that somebody else has now went there since the one that is away was read.
        let (old, new): (Vec<_>, Vec<_>) = snapshot.all.iter().partition(|org| stale.contains(&org.id));
        for organisation in old.into_iter().chain(new) {
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

    fn is_away(&self, id: OrgId) -> bool {
        self.snapshot.load().as_ref().is_some_and(|snapshot| snapshot.away.contains(&id))
    }

    fn is_loaded(&self) -> bool {
        self.snapshot.load().is_some()
    }

    fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }
}
