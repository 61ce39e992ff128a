//! Reading an organisation from a file.
//!
//! First into a scratch database of the schema that the file was written with: that checks the file to its end, the rows by
//! the schema's own rules, and the audit from end to end, and migrates what is older. Bodies wait beside it. Only then
//! does the organisation arrive in the installation ([`Arrival`]), where it counts with one transaction.

use super::error::TransferError;
use super::file::Reader;
use super::key::Secret;
use super::record::{BodyRecord, End, KeyRecord, Kind, Manifest, bounded, parsed};
use crate::adapters::keyring::{LocalKeyring, WrappedKey};
use crate::adapters::objects::{Bodies, Objects};
use crate::adapters::store::{
    Arrival, ChainCheck, Database, DatedKey, DumpLoader, DumpSnapshot, DumpTable, Store, arrival_detail,
};
use crate::limits;
use crate::model::{OrgId, QuarantineId};
use std::path::Path;
use std::sync::Arc;

/// What arrived.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Which organisation.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// When it was exported, Unix milliseconds.
    pub exported_at: i64,
    /// Rows of all tables, keys included.
    pub rows: u64,
    /// Bodies of held mail.
    pub bodies: u64,
    /// Bodies that were missing when it was exported.
    pub missing: u64,
    /// Number of the newest audit entry that came with it.
    pub audit: i64,
}

/// What the scratch database holds.
struct Scratch {
    store: Store,
    org: OrgId,
    manifest: Manifest,
    keys: Vec<DatedKey>,
    end: End,
    ring: LocalKeyring,
}

/// Imports an organisation. All or nothing: killed anywhere, nobody sees anything of it, and it can be run again. `scratch`
/// is a folder of this machine with room for the whole.
///
/// # Errors
/// [`TransferError`]; then nothing counts.
pub async fn import(
    store: &Store,
    path: &Path,
    secret: &Secret,
    scratch: &Path,
    actor: &str,
) -> Result<Imported, TransferError> {
    let folder = tempfile::Builder::new().prefix(".import-").tempdir_in(scratch);
    let folder =
        folder.map_err(|error| TransferError::File(format!("a folder in {}", scratch.display()), error))?;
    let read = read(store, path, secret, folder.path()).await?;
    let arrived = arrive(store, &read, actor).await;
    read.store.database().close().await;
    arrived
}

/// The whole file into the scratch database, checked.
async fn read(store: &Store, path: &Path, secret: &Secret, folder: &Path) -> Result<Scratch, TransferError> {
    let mut reader = Reader::open(path, secret).await?;
    let ring = reader.key().ring()?;
    let (kind, octets) = reader.record()?;
    if kind != Kind::Manifest {
        return Err(TransferError::Damaged("it does not begin with what it holds"));
    }
    let manifest: Manifest = parsed(&octets)?;
    if manifest.schema > Database::newest_schema() {
        return Err(TransferError::Newer(bounded(&manifest.program)));
    }
    let org: OrgId = manifest.org.parse().map_err(|_| TransferError::Damaged("the organisation's id"))?;
    let database = Database::open(&format!("sqlite:{}", folder.join("import.db").display())).await?;
    database.migrate_to(manifest.schema).await?;
    let fits = |own: &[DumpTable]| {
        let fit = |table: &DumpTable| {
            table.owner.is_some() && table.name != "org_pins" && own.iter().any(|own| own.is_like(table))
        };
        manifest.tables.iter().all(fit)
    };
    if !fits(&database.snapshot().await?.tables().await?) {
        return Err(TransferError::Damaged("its tables are not those of its version"));
    }
    let bodies = Bodies::over(Objects::folder(&folder.join("bodies")));
    let tables = manifest.tables.as_slice();
    let mut load = Load { tables, org, bodies: &bodies, keys: Vec::new(), found: End::default() };
    let end = load.all(&mut reader, &database).await?;
    let keys = load.keys;
    database.migrate().await?;
    let (clock, ids) = (Arc::clone(store.clock()), Arc::clone(store.ids()));
    let inner = Arc::new(reader.key().ring()?);
    let scratch = Store::new(database, inner, clock, ids, bodies);
    let scratch = Scratch { store: scratch, org, manifest, keys, end, ring };
    check(&scratch).await?;
    Ok(scratch)
}

/// One walk through the records.
struct Load<'a> {
    tables: &'a [DumpTable],
    org: OrgId,
    bodies: &'a Bodies,
    keys: Vec<DatedKey>,
    found: End,
}

impl Load<'_> {
    async fn all(&mut self, reader: &mut Reader, database: &Database) -> Result<End, TransferError> {
        let tables = self.tables;
        let mut loader = DumpLoader::begin(database, tables).await?;
        let mut table: Option<&DumpTable> = None;
        loop {
            let (kind, octets) = reader.record()?;
            match (kind, table) {
                (Kind::Key, _) => self.key(&octets)?,
                (Kind::Table, before) => {
                    if let Some(before) = before {
                        loader.flush(before).await?;
                    }
                    let index = octets.first_chunk::<4>().map(|at| u32::from_le_bytes(*at));
                    let index = index.and_then(|index| usize::try_from(index).ok());
                    let next = index.and_then(|index| tables.get(index));
                    table = Some(next.ok_or(TransferError::Damaged("a table"))?);
                }
                (Kind::Row, Some(table)) => {
                    loader.push(table, &octets).await?;
                    self.found.rows = self.found.rows.saturating_add(1);
                }
                (Kind::Body, _) => self.body(reader, &octets).await?,
                (Kind::End, last) => {
                    if let Some(last) = last {
                        loader.flush(last).await?;
                    }
                    loader.finish().await?;
                    return self.end(reader, &octets);
                }
                _ => return Err(TransferError::Damaged("a record out of place")),
            }
        }
    }

    fn key(&mut self, octets: &[u8]) -> Result<(), TransferError> {
        let key = parsed::<KeyRecord>(octets)?.key().ok_or(TransferError::Damaged("a key"))?;
        self.found.keys = self.found.keys.saturating_add(1);
        // One of each purpose is active; the others are those that a rotation leaves.
        if self.keys.len() >= limits::MAX_KEY_VERSIONS.saturating_mul(64) {
            return Err(TransferError::Damaged("too many keys"));
        }
        self.keys.push(key);
        Ok(())
    }

    fn end(&self, reader: &Reader, octets: &[u8]) -> Result<End, TransferError> {
        let end: End = parsed(octets)?;
        if !reader.is_done() || (End { missing: end.missing, ..self.found }) != end {
            return Err(TransferError::Damaged("it does not hold as much as it says"));
        }
        Ok(end)
    }

    async fn body(&mut self, reader: &mut Reader, octets: &[u8]) -> Result<(), TransferError> {
        let body: BodyRecord = parsed(octets)?;
        let id: QuarantineId = body.id.parse().map_err(|_| TransferError::Damaged("a body's id"))?;
        if body.size > limits::MAX_OBJECT {
            return Err(TransferError::Damaged("a body is too large"));
        }
        let mut all = Vec::new();
        while (all.len() as u64) < body.size {
            let (kind, part) = reader.record()?;
            all.extend_from_slice(&part);
            if kind != Kind::Octets || part.is_empty() || all.len() as u64 > body.size {
                return Err(TransferError::Damaged("a body"));
            }
        }
        self.bodies.write(self.org, id, all).await?;
        self.found.bodies = self.found.bodies.saturating_add(1);
        Ok(())
    }
}

/// The keys open, no row is another organisation's, and the audit holds to the head that the manifest names.
async fn check(scratch: &Scratch) -> Result<(), TransferError> {
    let (store, org) = (&scratch.store, scratch.org);
    let wrapped: Vec<WrappedKey> = scratch.keys.iter().map(|dated| dated.key.clone()).collect();
    store.keyring().load(org, &wrapped).map_err(|_| TransferError::Damaged("its keys do not open"))?;
    let mut snapshot = store.database().snapshot().await?;
    for table in owned(&mut snapshot).await? {
        if snapshot.count(&table).await? != snapshot.count_of(&table, org).await? {
            return Err(TransferError::Damaged("rows of another organisation are in it"));
        }
        if table.name == "organisations" && snapshot.count(&table).await? != 1 {
            return Err(TransferError::Damaged("the organisation itself is not in it"));
        }
    }
    drop(snapshot);
    match store.verify_audit(org).await? {
        ChainCheck::Intact(last) if last == scratch.manifest.head.0 => Ok(()),
        ChainCheck::Intact(last) | ChainCheck::Broken(last) => Err(TransferError::Chain(last)),
    }
}

async fn owned(snapshot: &mut DumpSnapshot) -> Result<Vec<DumpTable>, TransferError> {
    let mut tables = snapshot.tables().await?;
    tables.retain(|table| table.owner.is_some());
    Ok(tables)
}

async fn arrive(store: &Store, scratch: &Scratch, actor: &str) -> Result<Imported, TransferError> {
    let (org, manifest, end) = (scratch.org, &scratch.manifest, scratch.end);
    let mut keys = Vec::with_capacity(scratch.keys.len());
    for dated in &scratch.keys {
        let key = scratch.ring.hand_over(org, &dated.key, store.keyring())?;
        keys.push(DatedKey { key, ..dated.clone() });
    }
    let mut snapshot = scratch.store.database().snapshot().await?;
    let tables = owned(&mut snapshot).await?;
    let own = tables.iter().find(|table| table.name == "organisations");
    let own = own.ok_or(TransferError::Damaged("the organisation itself is not in it"))?;
    let row = snapshot.rows(own, Some(org)).await?.next().await?.map(<[u8]>::to_vec).unwrap_or_default();
    let mut arrival = store.begin_arrival(org, own, row.get(4..).unwrap_or_default()).await?;
    for table in tables.iter().filter(|table| Arrival::comes_in_steps(table)) {
        let mut rows = snapshot.rows(table, Some(org)).await?;
        while let Some(record) = rows.next().await? {
            arrival.push(table, record.get(4..).unwrap_or_default()).await?;
        }
        arrival.flush(table).await?;
    }
    // Bodies before the rows count: one that no row names is swept, a row without its body is a loss.
    let mut waiting = scratch.store.bodies().older_than(org, i64::MAX, std::time::Duration::ZERO).await?;
    while let Some(id) = waiting.next().await? {
        if let Some(octets) = scratch.store.bodies().read(org, id).await? {
            store.bodies().write(org, id, octets).await?;
        }
    }
    let rows = end.rows.saturating_add(end.keys);
    let detail = arrival_detail(rows, end.bodies, manifest.at);
    arrival.finish(&mut snapshot, &tables, &keys, actor, detail).await?;
    Ok(Imported {
        org,
        name: manifest.name.clone(),
        exported_at: manifest.at,
        rows,
        bodies: end.bodies,
        missing: end.missing,
        audit: manifest.head.0,
    })
}
