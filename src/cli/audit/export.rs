//! `sentra audit export`: one file that proves itself, written as it is read.

use super::super::database::{Installation, OPERATOR};
use super::super::{Failure, Io};
use crate::adapters::audit::AuditAction;
use crate::adapters::audit::bundle::{self, FORMAT, Header, Key, Line, README};
use crate::model::Organisation;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub(super) async fn run(
    at: &Installation,
    org: &Organisation,
    out: &Path,
    since: Option<i64>,
    reveal: bool,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if out == Path::new("-") {
        return write(at, org, since, reveal, io.out()).await.map(|_| ());
    }
    let failed = |error: std::io::Error| {
        Failure::new(format!("{} cannot be written: {error}", out.display()))
            .help("name a file that does not exist, or `-` for standard output")
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(out).map_err(failed)?;
    let mut writer = BufWriter::new(file);
    let written = write(at, org, since, reveal, &mut writer).await;
    let entries = match written {
        Ok(entries) => entries,
        Err(failure) => {
            // Half an export would look like one that was cut.
            std::fs::remove_file(out).unwrap_or_default();
            return Err(failure);
        }
    };
    writer.flush().and_then(|()| writer.get_ref().sync_all()).map_err(failed)?;
    io.note(&format!("{entries} entries written to {}", out.display()));
    Ok(())
}

async fn write(
    at: &Installation,
    org: &Organisation,
    since: Option<i64>,
    reveal: bool,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    // Noted first: the export holds the entry that tells of it.
    let detail = json!({ "since": since.is_some(), "revealed": reveal });
    at.store.note_read(org.id, OPERATOR, AuditAction::AuditExport, "entries", detail).await?;
    let frame = at.store.audit_frame(org.id, since).await?;
    let header = Header {
        format: FORMAT.to_owned(),
        org: org.id.to_string(),
        name: org.name.clone(),
        exported_at: at.store.clock().now_ms(),
        start: frame.begin,
        readme: README.to_owned(),
    };
    bundle::write(&Line::Header(header), out)?;
    let keys = at.store.audit_keys(org.id).await?;
    for (index, key) in keys.iter().enumerate() {
        let valid_until = keys.get(index.saturating_add(1)).map(|next| next.valid_from);
        let public_key = key.public_key.to_hex();
        let key = Key { key_id: key.key_id, public_key, valid_from: key.valid_from, valid_until };
        bundle::write(&Line::Key(key), out)?;
    }
    if let Some(checkpoint) = frame.checkpoint {
        bundle::write(&Line::Checkpoint(checkpoint), out)?;
    }
    let end = frame.head.as_ref().map_or(0, |head| head.seq);
    for anchor in at.store.stored_anchors(org.id).await? {
        // One that was made since the head was read names an entry that is not in here.
        if anchor.seq <= end {
            bundle::write(&Line::Anchor(anchor), out)?;
        }
    }
    let (mut after, mut entries) = (frame.after, 0_u64);
    loop {
        let lines = at.store.audit_lines(org.id, after, end, reveal).await?;
        let Some(last) = lines.last() else { break };
        after = last.entry.seq;
        for line in lines {
            bundle::write(&Line::Entry(line), out)?;
            entries = entries.saturating_add(1);
        }
    }
    if let Some(head) = frame.head {
        bundle::write(&Line::Head(head), out)?;
    }
    Ok(entries)
}
