//! Objects: octets under a name, in a folder, in S3 or in Azure Blob. The URL decides ([`Location`]).
//!
//! Quarantined bodies ([`Bodies`]), backups and audit anchors go through this one type. Whatever is put here was sealed
//! before: a store sees names of ours and ciphertext. After [`Objects::put`] returns, a power cut loses nothing and no
//! reader ever sees half an object: the folder's writer fsyncs and renames (a general library's local backend promises
//! no fsync, therefore it is our own), and the clouds show an upload only when it is complete.
//!
//! Every wait is bounded. A store that is away is [`PortError::Transient`] (senders get 451); one that refuses our
//! credentials is [`PortError::Permanent`]. No error holds a secret, a signature or what the server answered.

mod bodies;
mod cloud;
mod folder;
mod key;
mod location;

pub use bodies::Bodies;
pub use key::Key;
pub use location::{Location, LocationError, Options};

use crate::limits;
use crate::ports::PortError;
use bytes::Bytes;
use cloud::Cloud;
use folder::Folder;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// A store of objects. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    place: Place,
    /// Where it is, without credentials.
    shown: String,
}

#[derive(Clone)]
enum Place {
    Folder(Folder),
    Cloud(Cloud),
    /// None that can be opened, and why.
    Closed(String),
}

/// What a listing says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// Octets.
    pub size: u64,
    /// When it was last written, in Unix milliseconds by the store's clock.
    pub modified_ms: i64,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.shown)
    }
}

impl Objects {
    /// Opens the store that the options name. Nothing is asked of it yet: it may be away and come back.
    ///
    /// # Errors
    /// [`PortError::Permanent`] for a URL or options that make no store.
    pub fn open(options: &Options) -> Result<Self, PortError> {
        let location = options.location().map_err(|error| permanent(&error.to_string()))?;
        let shown = location.to_string();
        let place = match location {
            Location::Folder(path) => Place::Folder(Folder::new(&path)),
            _ => Place::Cloud(Cloud::open(options, &location)?),
        };
        Ok(Self { place, shown })
    }

    /// Objects in a folder of this machine, which is made (mode 0700) when it is first written to.
    #[must_use]
    pub fn folder(path: &Path) -> Self {
        Self { place: Place::Folder(Folder::new(path)), shown: path.display().to_string() }
    }

    /// A store that nothing can be asked of, and why: in the place of one that cannot be opened.
    #[must_use]
    pub fn closed(why: &str) -> Self {
        Self { place: Place::Closed(why.to_owned()), shown: "a store that cannot be opened".to_owned() }
    }

    /// Where it is, without credentials.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The folder, where it is one.
    #[must_use]
    pub fn local(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder.root()),
            Place::Cloud(_) | Place::Closed(_) => None,
        }
    }

    /// Writes an object durably; an older one of the same name is replaced whole.
    ///
    /// # Errors
    /// [`PortError`]: nothing is kept, or the older object stands.
    pub async fn put(&self, key: &Key, octets: Bytes) -> Result<(), PortError> {
        match &self.place {
            Place::Folder(folder) => folder.put(key, octets).await,
            Place::Cloud(cloud) => bounded(limits::OBJECT_WRITE_TIMEOUT, cloud.put(key, octets)).await,
            Place::Closed(why) => Err(transient(why)),
        }
    }

    /// Reads an object; `None` when there is none.
    ///
    /// # Errors
    /// [`PortError`] of the store; [`PortError::Permanent`] for one larger than `limits::MAX_OBJECT`, which we never write.
    pub async fn get(&self, key: &Key) -> Result<Option<Bytes>, PortError> {
        match &self.place {
            Place::Folder(folder) => folder.get(key).await,
            Place::Cloud(cloud) => bounded(limits::OBJECT_READ_TIMEOUT, cloud.get(key)).await,
            Place::Closed(why) => Err(transient(why)),
        }
    }

    /// What a listing would say of it; `None` when there is none.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn head(&self, key: &Key) -> Result<Option<Entry>, PortError> {
        match &self.place {
            Place::Folder(folder) => folder.head(key).await,
            Place::Cloud(cloud) => bounded(limits::OBJECT_WRITE_TIMEOUT, cloud.head(key)).await,
            Place::Closed(why) => Err(transient(why)),
        }
    }

    /// Removes an object durably; one that is not there is no error.
    ///
    /// # Errors
    /// [`PortError`] of the store.
    pub async fn delete(&self, key: &Key) -> Result<(), PortError> {
        match &self.place {
            Place::Folder(folder) => folder.delete(key).await,
            Place::Cloud(cloud) => bounded(limits::OBJECT_WRITE_TIMEOUT, cloud.delete(key)).await,
            Place::Closed(why) => Err(transient(why)),
        }
    }

    /// Removes the objects directly below `folder`. Returns how many there were.
    ///
    /// # Errors
    /// [`PortError`] of the store: what is gone is gone.
    pub async fn clear(&self, folder: &Key) -> Result<u64, PortError> {
        let mut gone = 0_u64;
        loop {
            // A listing need not tell of what was deleted behind it: it is read anew until it is empty.
            let before = gone;
            let mut listing = self.list(folder);
            while let Some(entry) = listing.next().await? {
                self.delete(&entry.key).await?;
                gone = gone.saturating_add(1);
            }
            if gone == before {
                return Ok(gone);
            }
        }
    }

    /// The objects directly below `folder`, in no promised order, fetched page by page as they are asked for.
    #[must_use]
    pub fn list(&self, folder: &Key) -> Listing {
        match &self.place {
            Place::Folder(local) => Listing(Pages::Folder(local.list(folder))),
            Place::Cloud(cloud) => Listing(Pages::Cloud(cloud.list(folder), folder.clone())),
            Place::Closed(why) => Listing(Pages::Closed(why.clone())),
        }
    }

    /// Removes what a killed process left half-written directly below `folder` longer than `age` before `now_ms`. In a
    /// cloud nothing half-written is ever visible; a life-cycle rule of the bucket removes the parts.
    ///
    /// # Errors
    /// [`PortError`] of the disk.
    pub async fn sweep_unfinished(&self, folder: &Key, now_ms: i64, age: Duration) -> Result<(), PortError> {
        match &self.place {
            Place::Folder(local) => local.sweep_unfinished(folder, now_ms, age).await,
            Place::Cloud(_) => Ok(()),
            Place::Closed(why) => Err(transient(why)),
        }
    }

    /// Whether the store answers and lets us in.
    ///
    /// # Errors
    /// [`PortError`] that says what is wrong.
    pub async fn probe(&self) -> Result<(), PortError> {
        match &self.place {
            Place::Folder(folder) => folder.probe().await,
            Place::Cloud(cloud) => bounded(limits::OBJECT_WRITE_TIMEOUT, cloud.probe()).await,
            Place::Closed(why) => Err(transient(why)),
        }
    }
}

/// Objects of a folder, one after the other.
pub struct Listing(Pages);

enum Pages {
    Folder(mpsc::Receiver<Result<Entry, PortError>>),
    Cloud(BoxStream<'static, Result<Entry, PortError>>, Key),
    Closed(String),
}

impl Listing {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// [`PortError`] of the store: the listing is not complete.
    pub async fn next(&mut self) -> Result<Option<Entry>, PortError> {
        match &mut self.0 {
            Pages::Folder(entries) => entries.recv().await.transpose(),
            Pages::Closed(why) => Err(transient(why)),
            Pages::Cloud(entries, folder) => loop {
                let next = bounded(limits::OBJECT_WRITE_TIMEOUT, async { entries.next().await.transpose() });
                match next.await? {
                    // A cloud has no folders: what lies deeper has the same prefix.
                    Some(entry) if entry.key.is_directly_below(folder) => return Ok(Some(entry)),
                    Some(_) => {}
                    None => return Ok(None),
                }
            },
        }
    }
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, PortError>>,
) -> Result<T, PortError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(transient("the object store does not answer in time")))
}

fn transient(detail: &str) -> PortError {
    PortError::Transient { what: "objects", detail: detail.to_owned() }
}

fn permanent(detail: &str) -> PortError {
    PortError::Permanent { what: "objects", detail: detail.to_owned() }
}
