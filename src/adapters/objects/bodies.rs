//! Sealed bodies of held mail: `<organisation>/<id>` in the organisation's object store.

use super::{Key, Objects};
use crate::model::{OrgId, QuarantineId};
use crate::ports::PortError;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where bodies are: one store for all, and another for each organisation that is pinned to one of its own.
#[derive(Clone, Debug)]
pub struct Bodies {
    common: Objects,
    pinned: Arc<ArcSwap<BTreeMap<OrgId, Objects>>>,
}

impl Bodies {
    /// Bodies in this store.
    #[must_use]
    pub fn over(common: Objects) -> Self {
        Self { common, pinned: Arc::default() }
    }

    /// Bodies below `data/objects`; folders are made (mode 0700) as they are needed.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self::over(Objects::folder(&data.join("objects")))
    }

    /// The store of whoever is not pinned.
    #[must_use]
    pub fn common(&self) -> &Objects {
        &self.common
    }

    /// The store of an organisation.
    #[must_use]
    pub fn of(&self, org: OrgId) -> Objects {
        self.pinned.load().get(&org).unwrap_or(&self.common).clone()
    }

    /// Whether an organisation has a store of its own.
    #[must_use]
    pub fn is_pinned(&self, org: OrgId) -> bool {
        self.pinned.load().contains_key(&org)
    }

    /// Sets which organisations have a store of their own; if `only` these have, those not named use the common one.
    pub fn pin(&self, pinned: &BTreeMap<OrgId, Objects>, only: bool) {
        let mut next = if only { BTreeMap::new() } else { BTreeMap::clone(&self.pinned.load()) };
        next.extend(pinned.iter().map(|(org, objects)| (*org, objects.clone())));
        self.pinned.store(Arc::new(next));
    }

    /// The name of a body.
    #[must_use]
    pub fn key(org: OrgId, id: QuarantineId) -> Key {
        Key::of(org).join(&Key::of(id))
    }

    /// Writes a sealed body durably. An older one of the same id is replaced.
    ///
    /// # Errors
    /// [`PortError`] when the store refuses or is away: nothing is kept.
    pub async fn write(&self, org: OrgId, id: QuarantineId, sealed: Vec<u8>) -> Result<(), PortError> {
        self.of(org).put(&Self::key(org, id), sealed.into()).await
    }

    /// Reads a sealed body; `None` when there is none.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn read(&self, org: OrgId, id: QuarantineId) -> Result<Option<Vec<u8>>, PortError> {
        Ok(self.of(org).get(&Self::key(org, id)).await?.map(Vec::from))
    }

    /// Whether there is a body of this id.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn exists(&self, org: OrgId, id: QuarantineId) -> Result<bool, PortError> {
        Ok(self.of(org).head(&Self::key(org, id)).await?.is_some())
    }

    /// Removes a body durably; one that is not there is no error.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn delete(&self, org: OrgId, id: QuarantineId) -> Result<(), PortError> {
        self.of(org).delete(&Self::key(org, id)).await
    }

    /// How many bodies an organisation has.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn count(&self, org: OrgId) -> Result<u64, PortError> {
        let mut listing = self.of(org).list(&Key::of(org));
        let mut count = 0_u64;
        while listing.next().await?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// Removes all bodies of an organisation, half-written ones too. Returns how many there were.
    ///
    /// # Errors
    /// [`PortError`] of the store: what is gone is gone, a next call goes on.
    pub async fn erase(&self, org: OrgId, now_ms: i64) -> Result<u64, PortError> {
        let (objects, folder) = (self.of(org), Key::of(org));
        objects.sweep_unfinished(&folder, now_ms, Duration::ZERO).await?;
        let gone = objects.clear(&folder).await?;
        Ok(gone)
    }

    /// One organisation's bodies that were written longer than `age` before `now_ms`, one after the other; half-written
    /// ones of that age are removed on the way.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn older_than(&self, org: OrgId, now_ms: i64, age: Duration) -> Result<OldBodies, PortError> {
        let (objects, folder) = (self.of(org), Key::of(org));
        objects.sweep_unfinished(&folder, now_ms, age).await?;
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Ok(OldBodies { listing: objects.list(&folder), before: now_ms.saturating_sub(age) })
    }
}

/// A walk over old bodies.
pub struct OldBodies {
    listing: super::Listing,
    before: i64,
}

impl OldBodies {
    /// The next id; `None` at the end.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn next(&mut self) -> Result<Option<QuarantineId>, PortError> {
        while let Some(entry) = self.listing.next().await? {
            if entry.modified_ms < self.before
                && let Ok(id) = entry.key.name().parse()
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
