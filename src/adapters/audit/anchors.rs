//! Where anchors are kept: away from the database, so that setting it back shows.
//!
//! Anchors lie as `anchors/ORGANISATION/NUMBER.json` in the object store. They hold no personal data and are not sealed:
//! anybody may check them. Whoever can write to database and anchor store alike can replace both; give the anchor
//! store a policy that forbids overwriting (object lock), or let the anchors be mailed.

use super::chain::Anchor;
use crate::adapters::objects::{Bodies, Key};
use crate::limits;
use crate::model::OrgId;
use crate::ports::PortError;
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// A place for anchors.
#[async_trait]
pub trait AnchorStore: Send + Sync {
    /// Writes an anchor durably. One of the same number that is already there stays: it is the answer.
    ///
    /// # Errors
    /// [`PortError`] when it could not be written.
    async fn put(&self, org: OrgId, anchor: &Anchor) -> Result<Option<Anchor>, PortError>;
    /// All anchors of one organisation, in any order, at most `limits::MAX_AUDIT_ANCHORS`.
    ///
    /// # Errors
    /// [`PortError`] when they could not be read.
    async fn all(&self, org: OrgId) -> Result<Vec<Anchor>, PortError>;
}

#[async_trait]
impl AnchorStore for Bodies {
    async fn put(&self, org: OrgId, anchor: &Anchor) -> Result<Option<Anchor>, PortError> {
        let (objects, key) = (self.of(org), key(org, anchor.number)?);
        // Two servers write the same octets here: the row from which they come is made once.
        if let Some(there) = objects.get(&key).await? {
            return parse(&there).map(Some).ok_or_else(|| not_an_anchor(key.as_str()));
        }
        let mut octets = serde_json::to_vec(anchor).map_err(|_| not_an_anchor(key.as_str()))?;
        octets.push(b'\n');
        objects.put(&key, octets.into()).await?;
        Ok(None)
    }

    async fn all(&self, org: OrgId) -> Result<Vec<Anchor>, PortError> {
        let objects = self.of(org);
        let mut listing = objects.list(&folder(org));
        let mut keys = Vec::new();
        while let Some(entry) = listing.next().await? {
            if keys.len() >= limits::MAX_AUDIT_ANCHORS {
                let detail = format!("there are more than {} anchors", limits::MAX_AUDIT_ANCHORS);
                return Err(PortError::Permanent { what: "anchors", detail });
            }
            keys.push(entry.key);
        }
        let read = |key: Key| {
            let objects = objects.clone();
            async move {
                let octets = objects.get(&key).await?;
                octets.and_then(|octets| parse(&octets)).ok_or_else(|| not_an_anchor(key.as_str()))
            }
        };
        stream::iter(keys).map(read).buffer_unordered(limits::ANCHOR_READS).try_collect().await
    }
}

/// Removes an organisation's anchors from where its bodies are. Returns how many there were.
///
/// # Errors
/// [`PortError`] of the store, which may forbid it (object lock): what is gone is gone.
pub async fn erase_anchors(bodies: &Bodies, org: OrgId) -> Result<u64, PortError> {
    bodies.of(org).clear(&folder(org)).await
}

fn folder(org: OrgId) -> Key {
    Key::of("anchors").join(&Key::of(org))
}

fn key(org: OrgId, number: i64) -> Result<Key, PortError> {
    let name = format!("{}/{number:012}.json", folder(org).as_str());
    Key::parse(&name).ok_or_else(|| not_an_anchor(&name))
}

fn parse(octets: &[u8]) -> Option<Anchor> {
    serde_json::from_slice(octets).ok()
}

fn not_an_anchor(name: &str) -> PortError {
    PortError::Permanent { what: "anchors", detail: format!("{name} is not an anchor of an audit") }
}

/// The anchors of one organisation in a copy of the anchor store: the folder of one organisation, or that of all.
///
/// # Errors
/// The folder's; [`ErrorKind::InvalidData`] for a file that is no anchor.
pub fn read_copy(folder: &Path, org: &str) -> io::Result<Vec<Anchor>> {
    fs::metadata(folder)?;
    let mut anchors = read_folder(folder)?;
    anchors.extend(read_folder(&folder.join(org))?);
    anchors.retain(|anchor| anchor.org == org);
    Ok(anchors)
}

fn read_folder(folder: &Path) -> io::Result<Vec<Anchor>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut anchors = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") || !path.is_file() {
            continue;
        }
        if anchors.len() >= limits::MAX_AUDIT_ANCHORS {
            return Err(io::Error::other(format!(
                "there are more than {} anchors",
                limits::MAX_AUDIT_ANCHORS
            )));
        }
        anchors.push(read(&path)?);
    }
    Ok(anchors)
}

fn read(path: &Path) -> io::Result<Anchor> {
    let mut text = Vec::new();
    File::open(path)?.take(limits::MAX_AUDIT_ANCHOR).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(|_| {
        io::Error::new(ErrorKind::InvalidData, format!("{} is not an anchor of an audit", path.display()))
    })
}
