//! Writing an organisation into a file.

use super::error::TransferError;
use super::file::Writer;
use super::key::Secret;
use super::record::{BodyRecord, End, KeyRecord, Kind, Manifest};
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::{KeyPurpose, sealed_under};
use crate::adapters::store::{DatedKey, DumpSnapshot, DumpTable, Store};
use crate::limits;
use crate::model::{OrgId, Organisation, QuarantineId};
use serde_json::json;
use sqlx::Row as _;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Rows of all tables, keys included.
    pub rows: u64,
    /// Bodies of held mail.
    pub bodies: u64,
    /// Bodies that rows name and that were not there.
    pub missing: u64,
    /// Octets of the file.
    pub octets: u64,
    /// Number of the newest audit entry.
    pub audit: i64,
}

/// Writes everything that an organisation has, as it is at one moment, into a new file of mode 0600. The file is there when
/// it is whole. Audited before anything is read.
///
/// # Errors
/// [`TransferError`]; then there is no file.
pub async fn export(
    store: &Store,
    organisation: &Organisation,
    path: &Path,
    secret: &Secret,
    actor: &str,
) -> Result<Exported, TransferError> {
    let org = organisation.id;
    if path.symlink_metadata().is_ok() {
        let exists =
            std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it exists, and is not overwritten");
        return Err(TransferError::File(path.display().to_string(), exists));
    }
    let part = beside(path);
    let failed = |error| TransferError::File(part.display().to_string(), error);
    // What a killed export left.
    fs::remove_file(&part).or_else(absent).map_err(failed)?;
    let opened =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
    store.note_read(org, actor, AuditAction::OrgExport, &org.to_string(), json!({})).await?;
    let writer = Writer::new(opened, path, store.ids().ulid().to_string(), secret).await?;
    let written = write(store, organisation, writer).await;
    if written.is_err() {
        fs::remove_file(&part).or_else(absent).map_err(failed)?;
    }
    let exported = written?;
    // Never over a file that came meanwhile: a link fails where a name is taken.
    fs::hard_link(&part, path).and_then(|()| fs::remove_file(&part)).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(exported)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

async fn write(
    store: &Store,
    organisation: &Organisation,
    mut writer: Writer,
) -> Result<Exported, TransferError> {
    let org = organisation.id;
    let at = store.clock().now_ms();
    let mut snapshot = store.database().by_itself(org).snapshot().await?;
    let mut tables = snapshot.tables().await?;
    // Keys are records of their own, wrapped anew; where it is pinned to is this installation's own affair.
    tables.retain(|table| table.owner.is_some() && !["org_keys", "org_pins"].contains(&table.name.as_str()));
    let heads = snapshot.heads().await?;
    let head = heads.into_iter().find(|(of, _, _)| *of == org.to_string());
    let head =
        head.map(|(_, seq, hash)| (seq, hash)).ok_or(TransferError::Damaged("its audit has no head"))?;
    let manifest = Manifest {
        org: org.to_string(),
        name: organisation.name.clone(),
        at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema: snapshot.schema().await?,
        tables,
        head,
    };
    writer.json(Kind::Manifest, &manifest)?;
    let mut end = End::default();
    let ring = writer.key().ring()?;
    let keys = snapshot.keys(org).await?;
    for dated in &keys {
        let wrapped = store.keyring().hand_over(org, &dated.key, &ring)?;
        writer.json(Kind::Key, &KeyRecord::of(dated, &wrapped))?;
        end.keys = end.keys.saturating_add(1);
    }
    for (index, table) in manifest.tables.iter().enumerate() {
        let index = u32::try_from(index).map_err(|_| TransferError::Damaged("too many tables"))?;
        writer.record(Kind::Table, &index.to_le_bytes())?;
        end.rows = end.rows.saturating_add(rows(&mut writer, &mut snapshot, table, org).await?);
    }
    // The database's moment is over: its log may be folded away while the bodies are read.
    drop(snapshot);
    bodies(store, org, &keys, at, &mut writer, &mut end).await?;
    writer.json(Kind::End, &end)?;
    let octets = writer.finish()?;
    let (rows, audit) = (end.rows.saturating_add(end.keys), manifest.head.0);
    Ok(Exported { rows, bodies: end.bodies, missing: end.missing, octets, audit })
}

async fn rows(
    writer: &mut Writer,
    snapshot: &mut DumpSnapshot,
    table: &DumpTable,
    org: OrgId,
) -> Result<u64, TransferError> {
    let mut found = snapshot.rows(table, Some(org)).await?;
    let mut count = 0_u64;
    while let Some(record) = found.next().await? {
        writer.record(Kind::Row, record.get(4..).unwrap_or_default())?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// The bodies that rows name, page by page. One that came after the moment of the export has no row in it and is left out.
async fn bodies(
    store: &Store,
    org: OrgId,
    keys: &[DatedKey],
    at: i64,
    writer: &mut Writer,
    end: &mut End,
) -> Result<(), TransferError> {
    let known =
        |id: u32| keys.iter().any(|dated| dated.key.purpose == KeyPurpose::Data && dated.key.key_id == id);
    let mut after = String::new();
    loop {
        let page = named(store, org, &after, at).await?;
        let Some(last) = page.last() else { return Ok(()) };
        last.clone_into(&mut after);
        for id in &page {
            let parsed: QuarantineId = id.parse().map_err(|_| TransferError::Damaged("an entry's id"))?;
            let Some(octets) = store.bodies().read(org, parsed).await? else {
                end.missing = end.missing.saturating_add(1);
                continue;
            };
            if !sealed_under(&octets).is_some_and(known) {
                return Err(TransferError::Rotating);
            }
            writer.json(Kind::Body, &BodyRecord { id: id.clone(), size: octets.len() as u64 })?;
            for part in octets.chunks(limits::EXPORT_BODY_PART) {
                writer.record(Kind::Octets, part)?;
            }
            end.bodies = end.bodies.saturating_add(1);
        }
    }
}

async fn named(store: &Store, org: OrgId, after: &str, at: i64) -> Result<Vec<String>, TransferError> {
    let sql = "SELECT id FROM quarantine WHERE org_id = $1 AND id > $2 AND state <> 'deleted' AND received_at <= $3 \
               ORDER BY id LIMIT $4";
    let mut read = store.database().scope(org).read().await?;
    let query = sqlx::query(sql).bind(org.to_string()).bind(after).bind(at).bind(limits::STORE_PAGE);
    let rows = query.fetch_all(&mut *read).await.map_err(crate::adapters::store::StoreError::from)?;
    let ids = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<_, _>>();
    Ok(ids.map_err(crate::adapters::store::StoreError::from)?)
}
