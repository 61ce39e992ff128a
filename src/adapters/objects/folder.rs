//! Objects as files: written to a temporary name, fsynced, renamed, and the folder fsynced.

use super::{Entry, Key, permanent};
use crate::limits;
use crate::ports::PortError;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, DirEntry, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Suffix of a file that is being written.
pub(super) const UNFINISHED: &str = ".new";

/// Makes temporary names unlike: two writers of one name must not write into one file.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// A folder of objects. Cheap to clone; all work happens on threads that may block.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: Arc<PathBuf>,
    /// Folders that exist and are known to be durable; as many as there are organisations, and a few.
    durable: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: Arc::new(root.to_path_buf()), durable: Arc::default() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) async fn put(&self, key: &Key, octets: Bytes) -> Result<(), PortError> {
        let (own, path) = (self.clone(), self.path(key));
        run("written", move || {
            let folder = path.parent().unwrap_or(&own.root);
            own.make_folder(folder)?;
            write(&path, &octets)?;
            sync_folder(folder)
        })
        .await
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, PortError> {
        let path = self.path(key);
        let read = run("read", move || match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(mut file) => {
                let size = file.metadata()?.len();
                if size > limits::MAX_OBJECT {
                    return Ok(Some(None));
                }
                let mut octets = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
                io::Read::read_to_end(&mut file, &mut octets)?;
                Ok(Some(Some(Bytes::from(octets))))
            }
        });
        match read.await? {
            None => Ok(None),
            Some(Some(octets)) => Ok(Some(octets)),
            Some(None) => Err(permanent("an object is larger than any that is ever written")),
        }
    }

    pub(super) async fn head(&self, key: &Key) -> Result<Option<Entry>, PortError> {
        let (key, path) = (key.clone(), self.path(key));
        run("looked for", move || match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(data) => entry(key, &data).map(Some),
        })
        .await
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), PortError> {
        let path = self.path(key);
        run("deleted", move || match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        })
        .await
    }

    /// A thread walks the folder and waits whenever the reader is behind.
    pub(super) fn list(&self, folder: &Key) -> mpsc::Receiver<Result<Entry, PortError>> {
        let (sender, receiver) = mpsc::channel(limits::OBJECT_LIST_AHEAD);
        let (path, folder) = (self.path(folder), folder.clone());
        tokio::task::spawn_blocking(move || {
            let walked = walk(&path, |found| {
                let Some(key) = Key::parse(&format!("{folder}/{}", found.file_name().to_string_lossy()))
                else {
                    return Ok(true);
                };
                match found.metadata() {
                    Ok(data) if data.is_file() => Ok(sender.blocking_send(Ok(entry(key, &data)?)).is_ok()),
                    Ok(_) => Ok(true),
                    // Deleted since its name was read.
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
                    Err(error) => Err(error),
                }
            });
            if let Err(error) = walked {
                // A reader that went away wants to know nothing more.
                sender.blocking_send(Err(failed("listed", &error.to_string()))).ok();
            }
        });
        receiver
    }

    pub(super) async fn sweep_unfinished(
        &self,
        folder: &Key,
        now_ms: i64,
        age: Duration,
    ) -> Result<(), PortError> {
        let path = self.path(folder);
        let before = Duration::from_millis(u64::try_from(now_ms).unwrap_or(0)).saturating_sub(age);
        run("swept", move || {
            walk(&path, |found| {
                if found.file_name().to_string_lossy().ends_with(UNFINISHED)
                    && found.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default() < before
                {
                    fs::remove_file(found.path())?;
                }
                Ok(true)
            })
        })
        .await
    }

    /// The folder, or else what it will be made in, can be written to.
    pub(super) async fn probe(&self) -> Result<(), PortError> {
        let root = Arc::clone(&self.root);
        run("looked for", move || {
            let there = if root.try_exists()? { Some(root.as_path()) } else { root.parent() };
            let data = fs::metadata(there.unwrap_or(&root))?;
            if data.is_dir() { Ok(()) } else { Err(io::Error::from(ErrorKind::NotADirectory)) }
        })
        .await
    }

    fn path(&self, key: &Key) -> PathBuf {
        key.segments().fold(self.root.to_path_buf(), |path, segment| path.join(segment))
    }

    /// Makes a folder and its name in the folders above durable, once.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for above in folder.ancestors().skip(1) {
            sync_folder(above)?;
            if above == self.root.parent().unwrap_or(&self.root) {
                break;
            }
        }
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_path_buf());
        Ok(())
    }
}

/// Calls `each` for every entry until it says false; a folder that is not there has none.
fn walk(path: &Path, mut each: impl FnMut(&DirEntry) -> io::Result<bool>) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for found in entries {
        if !each(&found?)? {
            break;
        }
    }
    Ok(())
}

fn entry(key: Key, data: &Metadata) -> io::Result<Entry> {
    let modified = data.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified_ms = i64::try_from(modified.as_millis()).unwrap_or(i64::MAX);
    Ok(Entry { key, size: data.len(), modified_ms })
}

async fn run<T: Send + 'static>(
    done: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(done, &error.to_string())),
        Err(error) => Err(failed(done, &error.to_string())),
    }
}

fn failed(done: &str, detail: &str) -> PortError {
    PortError::Transient { what: "objects", detail: format!("an object could not be {done}: {detail}") }
}

fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{writer}{UNFINISHED}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write_synced(&temporary, octets).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // What cannot be removed now is no object: its name is never read.
        fs::remove_file(&temporary).ok();
        return Err(error);
    }
    Ok(())
}

fn write_synced(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
