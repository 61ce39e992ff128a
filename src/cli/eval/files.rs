//! The files of a corpus: which there are, which are messages, and how a document becomes one.

use crate::cli::Failure;
use crate::limits::MAX_MESSAGE_SIZE;
use base64::Engine as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Files of one corpus at most: a mistyped folder must not be walked for hours.
const MAX_FILES: usize = 1_000_000;

/// A file of the corpus.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) struct File {
    /// Relative to the corpus, with `/`: the name in the truth and in the report.
    pub(in crate::cli) name: String,
    pub(in crate::cli) path: PathBuf,
}

/// A file as a message.
pub(in crate::cli) struct Read {
    pub(in crate::cli) octets: Vec<u8>,
    /// `message`, or the extension of a document.
    pub(super) kind: String,
}

/// Every file below a folder in the order of names, without hidden ones, notes and the truth.
pub(in crate::cli) fn list(corpus: &Path, truth: Option<&Path>) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![corpus.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |error: io::Error| {
            Failure::new(format!("the folder cannot be read: {error}"))
                .at(folder.display())
                .help("give a folder with messages and documents")
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let note = path.extension().is_some_and(|extension| extension == "md" || extension == "jsonl");
            // Links are not followed: a corpus may hold anything, but not the way out of it.
            if kind.is_dir() && !hidden {
                folders.push(path);
            } else if kind.is_file() && !hidden && !note && truth != Some(path.as_path()) {
                let relative = path.strip_prefix(corpus).unwrap_or(&path);
                let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
                files.push(File { name: parts.join("/"), path });
            }
            if files.len() > MAX_FILES {
                return Err(
                    Failure::new(format!("there are more than {MAX_FILES} files")).at(corpus.display())
                );
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads a file as a message, a document wrapped into one.
pub(in crate::cli) fn read(path: &Path) -> io::Result<Read> {
    let mut octets = Vec::new();
    std::fs::File::open(path)?.take(MAX_MESSAGE_SIZE + 1).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > MAX_MESSAGE_SIZE) {
        return Err(io::Error::other(format!("is larger than {MAX_MESSAGE_SIZE} octets")));
    }
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let extension =
        extension.filter(|text| text.len() <= 8 && text.bytes().all(|b| b.is_ascii_alphanumeric()));
    match extension {
        Some(extension) if extension != "eml" && !begins_like_a_message(&octets) => {
            Ok(Read { octets: wrap(&octets, &extension), kind: extension })
        }
        _ => Ok(Read { octets, kind: "message".to_owned() }),
    }
}

/// Whether a file begins with a header field, or with the line that stands before one in a mailbox file.
fn begins_like_a_message(octets: &[u8]) -> bool {
    let line = octets.split(|b| *b == b'\n').next().unwrap_or_default();
    if line.starts_with(b"From ") {
        return true;
    }
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    name.len() < line.len()
        && (2..=60).contains(&name.len())
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// The document as the one attachment of a message that says nothing else. Its own name is left out: it would be read.
fn wrap(octets: &[u8], extension: &str) -> Vec<u8> {
    let media_type = match extension {
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        "csv" => "text/csv",
        "txt" => "text/plain",
        "htm" | "html" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    };
    let head = format!(
        "From: sender@corpus.invalid\r\nTo: recipient@corpus.invalid\r\nMIME-Version: 1.0\r\n\
         Content-Type: {media_type}; name=\"document.{extension}\"\r\n\
         Content-Disposition: attachment; filename=\"document.{extension}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let mut message = head.into_bytes();
    let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
    for line in encoded.as_bytes().chunks(76) {
        message.extend_from_slice(line);
        message.extend_from_slice(b"\r\n");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_documents() {
        for (octets, expected) in [
            (&b"Return-Path: <a@b.test>\r\n"[..], true),
            (b"From ilug-admin@linux.ie  Mon Aug", true),
            (b"%PDF-1.4\n", false),
            (b"<?xml version=\"1.0\"?>\n", false),
            (b"iban;name\n", false),
            (b"", false),
        ] {
            assert_eq!(begins_like_a_message(octets), expected, "{octets:?}");
        }
    }
}
