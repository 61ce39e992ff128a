//! Records of erasures, outside the database: in the store of the backups and in the object store of held mail.
//!
//! A backup made before an erasure still has the person. It cannot be changed (it is signed, and shared with others in
//! chunks), and what is in it lies under the organisation's keys, not under a key of the person's own. So the erasure is
//! recorded where a restore does not reach, before anything is erased, and each restore applies the records that the
//! restored database has not seen. The database tells which by their ids.
//!
//! A record is `erasures/<organisation>/<id>`: the address, wrapped by the master key, so that it opens whichever keys the
//! backup has. It goes when no backup can be old enough to need it.

use crate::adapters::objects::{Key, Objects};
use crate::adapters::store::{Erasure, Store, StoreError};
use crate::limits;
use crate::model::{EmailAddress, OrgId};
use crate::ports::PortError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is needed to erase again.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    address: EmailAddress,
    suppliers: bool,
    /// Unix milliseconds.
    at: i64,
}

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Erasures that the database had not seen.
    pub erasures: u64,
    /// Rows that went again.
    pub rows: u64,
    /// Records that do not open.
    pub unreadable: u64,
}

/// The records of an installation.
pub struct Erasures {
    store: Arc<Store>,
    backups: Option<Objects>,
    /// A record is kept for so many milliseconds.
    keep_ms: i64,
}

impl Erasures {
    /// Beside the bodies of held mail and, where there are any, beside the backups, of which the oldest may be so many
    /// milliseconds old.
    #[must_use]
    pub fn new(store: Arc<Store>, backups: Option<Objects>, oldest_backup_ms: i64) -> Self {
        let grace = i64::try_from(limits::ERASURE_RECORD_GRACE.as_millis()).unwrap_or(i64::MAX);
        Self { store, backups, keep_ms: oldest_backup_ms.saturating_add(grace) }
    }

    fn places(&self, org: OrgId) -> Vec<Objects> {
        // A database of its own is not in these backups: what concerns it goes no further than its own objects.
        let backups = self.backups.clone().filter(|_| !self.store.database().is_pinned(org));
        std::iter::once(self.store.bodies().of(org)).chain(backups).collect()
    }

    /// Records an erasure in every place, durably, before anything is erased; records that no backup needs any more go.
    ///
    /// # Errors
    /// [`StoreError`] when one of the stores does not take it: then nothing may be erased.
    pub async fn note(&self, erasure: &Erasure, address: &EmailAddress) -> Result<(), StoreError> {
        let org = erasure.org;
        let record =
            Record { address: address.clone(), suppliers: erasure.suppliers, at: erasure.started_at };
        let plain = serde_json::to_vec(&record).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let wrapped = self.store.keyring().wrap_by_master(&context(org, &erasure.id), &plain)?;
        for place in self.places(org) {
            place.put(&key(org, &erasure.id), wrapped.clone().into()).await?;
        }
        self.forget_old(org).await
    }

    /// Applies every recorded erasure that the database has not seen to its end, in all its organisations.
    ///
    /// # Errors
    /// [`StoreError`] of database, object stores and keys, of the first organisation that failed; the others were done, and
    /// the next replay goes on.
    pub async fn replay(&self, actor: &str) -> Result<Replayed, StoreError> {
        let (mut done, mut failed) = (Replayed::default(), Ok(()));
        for organisation in self.store.organisations().await? {
            failed = failed.and(self.replay_of(organisation.id, actor, &mut done).await);
        }
        failed.map(|()| done)
    }

    async fn replay_of(&self, org: OrgId, actor: &str, done: &mut Replayed) -> Result<(), StoreError> {
        let (records, unreadable) = self.records(org).await?;
        done.unreadable = done.unreadable.saturating_add(unreadable);
        for (id, record) in records {
            let what = (&record.address, record.suppliers);
            if let Some(rows) = self.store.replay_erasure(org, &id, what, actor).await? {
                done.erasures = done.erasures.saturating_add(1);
                done.rows = done.rows.saturating_add(rows);
            }
        }
        Ok(())
    }

    /// Wraps an organisation's records by the current master key. Returns how many were under another.
    ///
    /// # Errors
    /// [`StoreError`] of the object stores, or of a record that no known master key opens.
    pub async fn rewrap(&self, org: OrgId) -> Result<u64, StoreError> {
        let mut count = 0_u64;
        for place in self.places(org) {
            for id in ids(&place, org).await? {
                let Some(wrapped) = read(&place, org, &id).await? else { continue };
                if let Some(anew) = self.store.keyring().rewrap_by_master(&context(org, &id), &wrapped)? {
                    place.put(&key(org, &id), anew.into()).await?;
                    count = count.saturating_add(1);
                }
            }
        }
        Ok(count)
    }

    /// Removes the records of an organisation that is erased whole: they name people, and nothing of it is left to erase.
    ///
    /// # Errors
    /// [`StoreError`] of the object stores: a next run goes on.
    pub async fn forget(&self, org: OrgId) -> Result<(), StoreError> {
        for place in self.places(org) {
            for id in ids(&place, org).await? {
                place.delete(&key(org, &id)).await?;
            }
        }
        Ok(())
    }

    /// All records that open, oldest first, and the number of those that do not.
    async fn records(&self, org: OrgId) -> Result<(BTreeMap<String, Record>, u64), StoreError> {
        let (mut records, mut closed) = (BTreeMap::new(), BTreeSet::new());
        for place in self.places(org) {
            for id in ids(&place, org).await? {
                if records.contains_key(&id) {
                    continue;
                }
                let Some(wrapped) = read(&place, org, &id).await? else { continue };
                match self.opened(org, &id, &wrapped) {
                    Some(record) => drop(records.insert(id, record)),
                    None => drop(closed.insert(id)),
                }
            }
        }
        closed.retain(|id| !records.contains_key(id));
        for id in &closed {
            tracing::error!(org.id = %org, erasure = %id, "the record of an erasure does not open: name the master key before");
        }
        Ok((records, u64::try_from(closed.len()).unwrap_or(u64::MAX)))
    }

    fn opened(&self, org: OrgId, id: &str, wrapped: &[u8]) -> Option<Record> {
        let plain = self.store.keyring().unwrap_by_master(&context(org, id), wrapped).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    async fn forget_old(&self, org: OrgId) -> Result<(), StoreError> {
        let before = self.store.clock().now_ms().saturating_sub(self.keep_ms);
        for place in self.places(org) {
            for id in ids(&place, org).await? {
                let began = ulid::Ulid::from_string(&id).map(|id| i64::try_from(id.timestamp_ms()));
                if began.is_ok_and(|began| began.is_ok_and(|began| began < before)) {
                    place.delete(&key(org, &id)).await?;
                }
            }
        }
        Ok(())
    }
}

fn folder(org: OrgId) -> Key {
    Key::of("erasures").join(&Key::of(org))
}

fn key(org: OrgId, id: &str) -> Key {
    folder(org).join(&Key::of(id))
}

fn context(org: OrgId, id: &str) -> String {
    format!("erasure|{org}|{id}")
}

async fn ids(place: &Objects, org: OrgId) -> Result<Vec<String>, PortError> {
    let mut listing = place.list(&folder(org));
    let mut ids = Vec::new();
    while let Some(entry) = listing.next().await? {
        if entry.size > limits::MAX_ERASURE_RECORD as u64
            || ulid::Ulid::from_string(entry.key.name()).is_err()
        {
            continue;
        }
        if ids.len() >= limits::MAX_ERASURE_RECORDS {
            return Err(PortError::Permanent {
                what: "objects",
                detail: format!("there are more than {} records of erasures", limits::MAX_ERASURE_RECORDS),
            });
        }
        ids.push(entry.key.name().to_owned());
    }
    ids.sort_unstable();
    Ok(ids)
}

async fn read(place: &Objects, org: OrgId, id: &str) -> Result<Option<Vec<u8>>, PortError> {
    Ok(place.get(&key(org, id)).await?.map(Vec::from))
}
