//! Rule files: read within bounds, parsed, and hashed.

use super::RuleError;
use aws_lc_rs::digest::{Context as Digest, SHA256};
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Octets of one rule file: a mistyped path must not fill memory.
const MAX_FILE: u64 = 1_024 * 1_024;

/// A file with its name.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) content: String,
}

/// The `*.toml` files of a folder in the order of their names.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<Source>, RuleError> {
    let unreadable = |path: &Path, error: std::io::Error| RuleError::Unreadable {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    paths.iter().map(|path| read_file(path)).collect()
}

/// A file of a rules folder as text, within [`MAX_FILE`].
pub(super) fn read_file(path: &Path) -> Result<Source, RuleError> {
    let unreadable = |error: std::io::Error| RuleError::Unreadable {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        let reason = format!("has {size} octets, a rule file has at most {MAX_FILE}");
        return Err(RuleError::Unreadable { file: path.display().to_string(), reason });
    }
    let content = fs::read_to_string(path).map_err(unreadable)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Source { name, content })
}

/// A file as what it should hold; a mistake is named with its line.
pub(super) fn parse<T: DeserializeOwned>(file: &Source) -> Result<T, RuleError> {
    toml::from_str(&file.content).map_err(|error| RuleError::Syntax {
        file: file.name.clone(),
        line: line(&file.content, error.span().map_or(0, |span| span.start)),
        reason: error.message().to_owned(),
    })
}

/// The line, from 1, in which an octet stands.
pub(super) fn line(content: &str, offset: usize) -> usize {
    1 + content.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// The first 16 hexadecimal characters of the SHA-256 over names and contents.
pub(super) fn hash<'a>(files: impl Iterator<Item = &'a Source>) -> String {
    let mut digest = Digest::new(&SHA256);
    for file in files {
        for text in [&file.name, &file.content] {
            // The length stands before the text, so that moving octets between files changes the hash.
            digest.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
    digest.finish().as_ref().iter().take(8).fold(String::new(), |mut out, b| {
        // Writing into a String cannot fail.
        write!(out, "{b:02x}").ok();
        out
    })
}
