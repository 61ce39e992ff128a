//! Where anchors are kept: away from the database, so that setting it back shows.
//!
//! Anchors lie as `anchors/ORGANISATION/NUMBER.json` in the object store. They hold no personal data and are not sealed:
//! anybody may check them. Whoever can write to database and anchor store alike can replace both; give the anchor
//! store a policy that forbids overwriting (object lock), or let the anchors be mailed.

use super::chain::Anchor;
use crate::limits;
use crate::model::OrgId;
use crate::ports::PortError;
use async_trait::async_trait;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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

/// A folder of anchors.
#[derive(Clone, Debug)]
pub struct FolderAnchors {
    root: PathBuf,
}

impl FolderAnchors {
    /// Anchors below `objects/anchors`.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { root: data.join("objects").join("anchors") }
    }
}

#[async_trait]
impl AnchorStore for FolderAnchors {
    async fn put(&self, org: OrgId, anchor: &Anchor) -> Result<Option<Anchor>, PortError> {
        let (folder, anchor) = (self.root.join(org.to_string()), anchor.clone());
        blocking(move || put(&folder, &anchor)).await
    }

    async fn all(&self, org: OrgId) -> Result<Vec<Anchor>, PortError> {
        let folder = self.root.join(org.to_string());
        blocking(move || read_folder(&folder)).await
    }
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

fn put(folder: &Path, anchor: &Anchor) -> io::Result<Option<Anchor>> {
    let name = folder.join(format!("{:012}.json", anchor.number));
    if name.try_exists()? {
        return read(&name).map(Some);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = folder.join(format!("{:012}.{}.new", anchor.number, std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let mut octets = serde_json::to_vec(anchor).map_err(io::Error::from)?;
    octets.push(b'\n');
    file.write_all(&octets)?;
    file.sync_all()?;
    // A link refuses where a rename would replace: the first of two writers stays.
    let linked = fs::hard_link(&temporary, &name);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return read(&name).map(Some),
        other => other?,
    }
    File::open(folder)?.sync_all()?;
    for above in folder.ancestors().skip(1).take(2) {
        File::open(above)?.sync_all()?;
    }
    Ok(None)
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

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    let failed = |detail: String| PortError::Transient { what: "anchors", detail };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
