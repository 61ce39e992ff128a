//! Writing out what is held about a person: JSON Lines and a flat CSV, written as they are found.

use super::super::database::{Installation, OPERATOR};
use super::super::{Failure, Globals, Io};
use crate::adapters::store::{HeldAbout, PrivacyPlace, Subject};
use crate::adapters::suppliers::export::safe;
use crate::model::{Organisation, QuarantineId};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// One object a line on standard output.
pub(super) async fn to_lines(
    at: &Installation,
    org: &Organisation,
    subject: &Subject,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    at.store.privacy_export(org.id, subject, &mut |held| io.json(&held)).await
}

/// Files of an export, as they are written.
struct Files {
    folder: PathBuf,
    lines: BufWriter<File>,
    table: BufWriter<File>,
    count: u64,
    entries: Vec<QuarantineId>,
}

/// `records.jsonl`, `records.csv` and each held message as `held-ID.eml`, in a new folder.
pub(super) async fn to_folder(
    at: &Installation,
    org: &Organisation,
    subject: &Subject,
    folder: &Path,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    super::new_folder(folder)?;
    let mut files = Files {
        folder: folder.to_owned(),
        lines: BufWriter::new(create(&folder.join("records.jsonl"))?),
        table: BufWriter::new(create(&folder.join("records.csv"))?),
        count: 0,
        entries: Vec::new(),
    };
    files.table.write_all(b"place,table,row,field,value\r\n")?;
    at.store.privacy_export(org.id, subject, &mut |held| files.take(&held)).await?;
    let mut messages = 0_u64;
    for id in std::mem::take(&mut files.entries) {
        if at.store.held_body(org.id, id).await?.is_some() {
            let octets = at.store.export_held(org.id, id, OPERATOR).await?;
            create(&folder.join(format!("held-{id}.eml")))?.write_all(&octets)?;
            messages = messages.saturating_add(1);
        }
    }
    for file in [&mut files.lines, &mut files.table] {
        file.flush()?;
        file.get_ref().sync_all()?;
    }
    if globals.json {
        return io.json(&json!({ "folder": files.folder, "records": files.count, "messages": messages }));
    }
    io.line(&format!("{} records and {messages} held messages written to {}", files.count, folder.display()))
}

impl Files {
    fn take(&mut self, held: &HeldAbout) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.lines, held).map_err(std::io::Error::from)?;
        self.lines.write_all(b"\n")?;
        let mut cells = Vec::new();
        flatten("", &held.data, &mut cells);
        for (field, value) in cells {
            let row = [held.place.as_str(), held.table.as_str(), held.row.as_str(), &field, &value];
            let quoted: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
            write!(self.table, "{}\r\n", quoted.join(","))?;
        }
        if held.place == PrivacyPlace::Quarantine
            && held.data.get("state").and_then(Value::as_str) != Some("deleted")
            && let Ok(id) = held.row.parse()
        {
            self.entries.push(id);
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        Failure::new(format!("{} cannot be written: {error}", path.display()))
            .help("name a new folder on a disk with room")
    })
}

/// The leaves of a document, each under its path.
fn flatten(path: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&below(name), value, cells);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                flatten(&below(&at.to_string()), value, cells);
            }
        }
        Value::String(text) => cells.push((path.to_owned(), text.clone())),
        other => cells.push((path.to_owned(), other.to_string())),
    }
}

/// A cell that is one cell whatever is in it (RFC 4180), and that no spreadsheet runs.
fn quoted(cell: &str) -> String {
    format!("\"{}\"", safe(cell).replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_cells_that_nobody_runs() {
        let mut cells = Vec::new();
        flatten("", &json!({ "a": { "b": [1, "x"] }, "c": null, "d": true }), &mut cells);
        let expected = [("a.b.0", "1"), ("a.b.1", "x"), ("d", "true")];
        assert_eq!(cells, expected.map(|(path, value)| (path.to_owned(), value.to_owned())));
        assert_eq!(quoted("=1+\"2\""), "\"'=1+\"\"2\"\"\"");
        assert_eq!(quoted("plain, text"), "\"plain, text\"");
    }
}
