//! Sealed bodies of held mail in a folder: `DIR/objects/<organisation>/<id>`.
//!
//! A body is written to a temporary name, fsynced, renamed and its folder fsynced: after [`Bodies::write`] returns, a
//! power cut loses nothing, and no reader ever sees half a body. A general object store's local backend promises no
//! fsync, therefore this one is our own. Names are ids of ours, never anything a sender wrote.

use crate::model::{OrgId, QuarantineId};
use crate::ports::PortError;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// Suffix of a body that is being written.
const UNFINISHED: &str = ".new";

/// The folder. Cheap to clone; all work happens on threads that may block.
#[derive(Clone, Debug)]
pub struct Bodies {
    root: Arc<PathBuf>,
    /// Organisations whose folder exists and is known to be durable; as many as there are organisations.
    durable: Arc<Mutex<BTreeSet<OrgId>>>,
}

impl Bodies {
    /// Bodies below `data/objects`; folders are made (mode 0700) as they are needed.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { root: Arc::new(data.join("objects")), durable: Arc::default() }
    }

    /// Writes a sealed body durably. An older one of the same id is replaced.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the disk refuses: nothing is kept.
    pub async fn write(&self, org: OrgId, id: QuarantineId, sealed: Vec<u8>) -> Result<(), PortError> {
        let bodies = self.clone();
        run("written", move || {
            bodies.make_folder(org)?;
            write(&bodies.root, org, id, &sealed)
        })
        .await
    }

    /// Reads a sealed body; `None` when there is none.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the disk refuses.
    pub async fn read(&self, org: OrgId, id: QuarantineId) -> Result<Option<Vec<u8>>, PortError> {
        let path = file(&self.root, org, id);
        run("read", move || match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        })
        .await
    }

    /// Whether there is a body of this id.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the disk refuses.
    pub async fn exists(&self, org: OrgId, id: QuarantineId) -> Result<bool, PortError> {
        let path = file(&self.root, org, id);
        run("looked for", move || path.try_exists()).await
    }

    /// Removes a body durably; one that is not there is no error.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the disk refuses.
    pub async fn delete(&self, org: OrgId, id: QuarantineId) -> Result<(), PortError> {
        let root = Arc::clone(&self.root);
        run("deleted", move || {
            let mut found = false;
            for path in [file(&root, org, id), unfinished(&root, org, id)] {
                match fs::remove_file(path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    other => other.map(|()| found = true)?,
                }
            }
            if found { sync_folder(&folder(&root, org)) } else { Ok(()) }
        })
        .await
    }

    /// Ids of one organisation's bodies, unfinished ones included, that were written longer than `age` before `now_ms`.
    ///
    /// # Errors
    /// [`PortError::Transient`] when the disk refuses.
    pub async fn older_than(
        &self,
        org: OrgId,
        now_ms: i64,
        age: Duration,
    ) -> Result<Vec<QuarantineId>, PortError> {
        let folder = folder(&self.root, org);
        let now = Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        run("listed", move || {
            let mut ids = Vec::new();
            let entries = match fs::read_dir(folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ids),
                other => other?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let stem = name.to_str().map(|name| name.trim_end_matches(UNFINISHED));
                let written = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                if let Some(Ok(id)) = stem.map(str::parse)
                    && written.saturating_add(age) < now
                {
                    ids.push(id);
                }
            }
            Ok(ids)
        })
        .await
    }

    /// Makes the organisation's folder and its name in the folders above durable, once.
    fn make_folder(&self, org: OrgId) -> io::Result<()> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(&org) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder(&self.root, org))?;
        sync_folder(&self.root)?;
        self.root.parent().map_or(Ok(()), sync_folder)?;
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(org);
        Ok(())
    }
}

async fn run<T: Send + 'static>(
    done: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    let failed = |detail: String| PortError::Transient {
        what: "objects",
        detail: format!("a quarantined body could not be {done}: {detail}"),
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn folder(root: &Path, org: OrgId) -> PathBuf {
    root.join(org.to_string())
}

fn file(root: &Path, org: OrgId, id: QuarantineId) -> PathBuf {
    folder(root, org).join(id.to_string())
}

fn unfinished(root: &Path, org: OrgId, id: QuarantineId) -> PathBuf {
    folder(root, org).join(format!("{id}{UNFINISHED}"))
}

fn write(root: &Path, org: OrgId, id: QuarantineId, sealed: &[u8]) -> io::Result<()> {
    let folder = folder(root, org);
    let temporary = unfinished(root, org, id);
    let written = write_synced(&temporary, sealed).and_then(|()| fs::rename(&temporary, file(root, org, id)));
    if let Err(error) = written {
        // What cannot be removed now is no body: its name is never read.
        fs::remove_file(&temporary).ok();
        return Err(error);
    }
    sync_folder(&folder)
}

fn write_synced(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use ulid::Ulid;

    #[tokio::test]
    async fn a_body_is_written_read_replaced_and_deleted() {
        let data = tempfile::tempdir().unwrap();
        let bodies = Bodies::new(data.path());
        let (org, id) = (OrgId(Ulid::from_bytes([1; 16])), QuarantineId(Ulid::from_bytes([2; 16])));
        assert_eq!(bodies.read(org, id).await.unwrap(), None);
        bodies.write(org, id, b"one".to_vec()).await.unwrap();
        bodies.write(org, id, b"two".to_vec()).await.unwrap();
        assert_eq!(bodies.read(org, id).await.unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(bodies.read(OrgId(Ulid::from_bytes([3; 16])), id).await.unwrap(), None);
        let path = file(&bodies.root, org, id);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
        bodies.delete(org, id).await.unwrap();
        bodies.delete(org, id).await.unwrap();
        assert_eq!(bodies.read(org, id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_a_passing_error() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("objects"), b"a file where the folder should be").unwrap();
        let bodies = Bodies::new(data.path());
        let (org, id) = (OrgId(Ulid::from_bytes([1; 16])), QuarantineId(Ulid::from_bytes([2; 16])));
        let error = bodies.write(org, id, b"one".to_vec()).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
}
