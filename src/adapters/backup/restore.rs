//! Restoring: into a scratch database to see that it works (a drill), in the place of the installation's own file, or
//! into an empty database of a PostgreSQL.

use super::Backups;
use super::error::BackupError;
use super::manifest::{BodyLine, Manifest, chunk_ids};
use super::place;
use super::stream::Reader;
use super::vault::Vault;
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::objects::{Bodies, Key, Objects};
use crate::adapters::privacy::{Erasures, Replayed};
use crate::adapters::store::{self, ChainCheck, Database, DumpLoader, Store, StoreError};
use crate::limits;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

/// What a restore put back, and what was compared afterwards.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup holds.
    pub manifest: Manifest,
    /// Audit chains that were walked from end to end, and end where the manifest says.
    pub chains: usize,
    /// Bodies put back, or in a drill those that were read.
    pub bodies: u64,
    /// In a drill: bodies that rows of the backup name and that are neither in it nor in the object store, because they
    /// were deleted since.
    pub absent: u64,
    /// Erasures of people's data that were made since the backup, and were applied again. None in a drill.
    pub replayed: Replayed,
    /// Milliseconds that it took.
    pub took_ms: u64,
}

/// A database of PostgreSQL to restore into.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// As the server's role.
    pub url: &'a str,
    /// As the owner of the tables.
    pub owner_url: Option<&'a str>,
}

/// How a restore goes.
#[derive(Clone, Copy, Debug)]
pub struct RestoreOrder<'a> {
    /// Which backup; `None`: the newest.
    pub id: Option<&'a str>,
    /// Replace a database that is not empty; the old file is kept beside it.
    pub force: bool,
    /// Who wants it, for the audit.
    pub actor: &'a str,
}

impl Backups {
    /// Restores into a database in `scratch`, compares rows and audit chains, and removes it. `keyring`: an empty one
    /// under the same master key.
    ///
    /// # Errors
    /// [`BackupError`] names what is wrong with the backup.
    pub async fn drill(
        &self,
        id: Option<&str>,
        scratch: &Path,
        keyring: Arc<LocalKeyring>,
    ) -> Result<Restored, BackupError> {
        let began = Instant::now();
        let (manifest, vault) = self.open(id).await?;
        let folder = tempfile::Builder::new().prefix(".drill-").tempdir_in(scratch);
        let folder =
            folder.map_err(|error| BackupError::File(format!("a folder in {}", scratch.display()), error))?;
        let store = self.fill(&folder.path().join("drill.db"), &vault, &manifest, keyring).await?;
        let chains = compare(&store, &manifest).await?;
        let read = read_bodies(&vault, &manifest, None).await?;
        let absent = self.absent(&store, &read).await?;
        store.database().close().await;
        let bodies = count(&read);
        let replayed = Replayed::default();
        Ok(Restored { manifest, chains, bodies, absent, replayed, took_ms: millis(began) })
    }

    /// Counts bodies that restored rows name and that are neither in the backup nor in the object store. Whoever deleted
    /// mail since the backup left such rows in it; those that the installation still names are a loss.
    async fn absent(&self, restored: &Store, read: &HashSet<Key>) -> Result<u64, BackupError> {
        let mut absent = HashSet::new();
        // Also tells who has an object store of his own.
        let named = self.store.bodies_named().await?;
        for (org, id) in restored.bodies_named().await? {
            if !read.contains(&Bodies::key(org, id)) && !self.store.bodies().exists(org, id).await? {
                absent.insert((org, id));
            }
        }
        if absent.is_empty() {
            return Ok(0);
        }
        match count(named.iter().filter(|body| absent.contains(body))) {
            0 => Ok(count(&absent)),
            count => {
                let place = self.store.bodies().common().shown().to_owned();
                Err(BackupError::Bodies { count, place })
            }
        }
    }

    /// Restores in the place of the SQLite file `path` and the bodies beside it. Everything is written next to the old
    /// file and compared; one rename makes it count. Killed before that, the old database is as it was.
    ///
    /// # Errors
    /// [`BackupError::NotEmpty`] without `force`; [`BackupError::InUse`] while anybody has the database open.
    pub async fn restore(
        &self,
        order: RestoreOrder<'_>,
        path: &Path,
        bodies: &Bodies,
        keyring: Arc<LocalKeyring>,
    ) -> Result<Restored, BackupError> {
        let began = Instant::now();
        let (manifest, vault) = self.open(order.id).await?;
        place::is_free(path, order.force).await?;
        let new = place::beside(path, "restoring");
        place::remove(&new)?;
        let store = self.fill(&new, &vault, &manifest, keyring).await?;
        let chains = compare(&store, &manifest).await?;
        note(&store, &manifest, order.actor).await?;
        // Bodies first: one that no row names is swept, a row without its body is a loss.
        let bodies = count(&read_bodies(&vault, &manifest, Some(bodies.common())).await?);
        // Before it counts, and after the bodies came back: those of erased people go again.
        let replayed = self.replay(&store, order.actor).await?;
        store.database().close().await;
        place::swap(&new, path, &manifest.id, order.force).await?;
        Ok(Restored { manifest, chains, bodies, absent: 0, replayed, took_ms: millis(began) })
    }

    /// Restores into an empty database of PostgreSQL: the schema as it was, all rows in one transaction, this program's
    /// schema, then the comparison. Killed before the transaction's end, the database is empty as before; killed between
    /// that and the end of the comparison, it is marked, and nobody is served from it.
    ///
    /// # Errors
    /// [`BackupError::Occupied`] for a database with organisations in it, whether forced or not.
    pub async fn restore_into(
        &self,
        order: RestoreOrder<'_>,
        server: Server<'_>,
        bodies: &Bodies,
        keyring: Arc<LocalKeyring>,
    ) -> Result<Restored, BackupError> {
        let began = Instant::now();
        let (manifest, vault) = self.open(order.id).await?;
        let opened = store::open_to_fill(server.url, server.owner_url, manifest.schema).await;
        let database = opened.map_err(|error| match error {
            StoreError::Conflict(_) => BackupError::Occupied(shown(server.url)),
            error => error.into(),
        })?;
        // Bodies first: one that no row names is swept, a row without its body is a loss.
        let bodies = count(&read_bodies(&vault, &manifest, Some(bodies.common())).await?);
        let loaded = load(&database, &vault, &manifest).await;
        database.close().await;
        loaded?;
        let store = self.over(store::filled(server.url, server.owner_url).await?.alone(), keyring);
        let chains = compare(&store, &manifest).await?;
        note(&store, &manifest, order.actor).await?;
        let replayed = self.replay(&store, order.actor).await?;
        store.database().close().await;
        store::restored(server.url, server.owner_url).await?;
        Ok(Restored { manifest, chains, bodies, absent: 0, replayed, took_ms: millis(began) })
    }

    /// Erases again whom the restored database knows because the backup is older than the erasure.
    async fn replay(&self, restored: &Arc<Store>, actor: &str) -> Result<Replayed, BackupError> {
        let oldest = self.options.tiers.longest_ms();
        let erasures = Erasures::new(Arc::clone(restored), Some(self.objects.clone()), oldest);
        Ok(erasures.replay(actor).await?)
    }

    /// Fills a new SQLite file: the schema as it was, the rows, then this program's schema.
    async fn fill(
        &self,
        path: &Path,
        vault: &Vault,
        manifest: &Manifest,
        keyring: Arc<LocalKeyring>,
    ) -> Result<Arc<Store>, BackupError> {
        // By itself: what is pinned elsewhere is not in the backup, and not touched.
        let database = Database::open(&format!("sqlite:{}", path.display())).await?.alone();
        database.migrate_to(manifest.schema).await?;
        load(&database, vault, manifest).await?;
        database.migrate().await?;
        Ok(self.over(database, keyring))
    }

    fn over(&self, database: Database, keyring: Arc<LocalKeyring>) -> Arc<Store> {
        let (clock, ids) = (Arc::clone(self.store.clock()), Arc::clone(self.store.ids()));
        Arc::new(Store::new(database, keyring, clock, ids, self.store.bodies().clone()))
    }
}

async fn load(database: &Database, vault: &Vault, manifest: &Manifest) -> Result<(), BackupError> {
    let tables: Vec<_> = manifest.tables.iter().map(|dump| dump.table.clone()).collect();
    let mut loader = DumpLoader::begin(database, &tables).await?;
    for dump in &manifest.tables {
        let mut reader = Reader::new(vault, &chunk_ids(&dump.index)?);
        let mut rows = 0_u64;
        while let Some(record) = reader.next(&dump.table.name).await? {
            loader.push(&dump.table, record).await?;
            rows = rows.saturating_add(1);
        }
        loader.flush(&dump.table).await?;
        if rows != dump.rows {
            let (table, expected) = (dump.table.name.clone(), dump.rows);
            return Err(BackupError::Rows { table, expected, found: rows });
        }
    }
    Ok(loader.finish().await?)
}

/// Counts every table in the database itself, and walks every chain to the head that the manifest names.
async fn compare(store: &Store, manifest: &Manifest) -> Result<usize, BackupError> {
    let mut snapshot = store.database().snapshot().await?;
    for dump in &manifest.tables {
        let found = snapshot.count(&dump.table).await?;
        if found != dump.rows {
            let (table, expected) = (dump.table.name.clone(), dump.rows);
            return Err(BackupError::Rows { table, expected, found });
        }
    }
    let heads = snapshot.heads().await?;
    drop(snapshot);
    let organisations = store.organisations().await?;
    for head in &manifest.heads {
        let broken = || BackupError::Chain(head.org.clone());
        if !heads.iter().any(|(org, seq, hash)| (org, *seq, hash) == (&head.org, head.seq, &head.hash)) {
            return Err(broken());
        }
        let org = organisations.iter().find(|organisation| organisation.id.to_string() == head.org);
        if store.verify_audit(org.ok_or_else(broken)?.id).await? != ChainCheck::Intact(head.seq) {
            return Err(broken());
        }
    }
    Ok(manifest.heads.len())
}

/// Notes the restore in every chain. Mail that was on its way then may have arrived since.
async fn note(store: &Store, manifest: &Manifest, actor: &str) -> Result<(), BackupError> {
    for organisation in store.organisations().await? {
        let mut write = store.database().scope(organisation.id).write().await?;
        let sql = "UPDATE outbox SET maybe_twice = 1 \
                   WHERE org_id = $1 AND state IN ('pending', 'sending', 'uncertain')";
        let query = sqlx::query(sql).bind(organisation.id.to_string());
        query.execute(&mut *write).await.map_err(crate::adapters::store::StoreError::from)?;
        let detail = json!({ "at": manifest.at, "rows": manifest.rows() });
        let action = AuditAction::BackupRestore;
        store.note(&mut write, organisation.id, actor, action, &manifest.id, detail).await?;
        write.commit().await?;
    }
    Ok(())
}

/// Reads every body; writes those to `target` that are not there yet. Returns their names.
async fn read_bodies(
    vault: &Vault,
    manifest: &Manifest,
    target: Option<&Objects>,
) -> Result<HashSet<Key>, BackupError> {
    let damaged = || BackupError::Damaged("the list of bodies".to_owned());
    let mut reader = Reader::new(vault, &chunk_ids(&manifest.bodies.index)?);
    let mut read = HashSet::new();
    while let Some(line) = reader.next("bodies").await? {
        let line: BodyLine = serde_json::from_slice(line).map_err(|_| damaged())?;
        let key = Key::parse(&line.key).ok_or_else(damaged)?;
        read.insert(key.clone());
        if let Some(target) = target
            && target.head(&key).await?.is_some_and(|entry| entry.size == line.size)
        {
            continue;
        }
        let mut octets = Vec::new();
        for part in chunk_ids(&line.parts)? {
            octets.extend_from_slice(&vault.get(&part).await?);
            if octets.len() as u64 > limits::MAX_OBJECT {
                return Err(damaged());
            }
        }
        if octets.len() as u64 != line.size {
            return Err(BackupError::Damaged(format!("the body {key}")));
        }
        if let Some(target) = target {
            target.put(&key, octets.into()).await?;
        }
    }
    Ok(read)
}

fn count<T>(all: impl IntoIterator<Item = T>) -> u64 {
    u64::try_from(all.into_iter().count()).unwrap_or(u64::MAX)
}

/// Of a URL what may be shown: the part after user and password.
fn shown(url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('?').next().unwrap_or_default().to_owned()
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
