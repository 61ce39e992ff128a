//! Pay.UK's table of modulus checks, where an installation put it into its rules folder.
//!
//! It stands beside the rules because it changes what they see: it is read and reloaded with them and is part of the
//! rule set's hash, so that a verdict can be told from which table it came.

use super::RuleError;
use super::files::{Source, read_file};
use crate::model::uk_modulus::ModulusTable;
use std::path::Path;

/// The weights.
const WEIGHTS: &str = "valacdos.txt";
/// Substituted sort codes; may be missing.
const SUBSTITUTES: &str = "scsubtab.txt";

/// The files of the table that are there.
pub(super) fn read(folder: &Path) -> Result<Vec<Source>, RuleError> {
    let paths = [WEIGHTS, SUBSTITUTES].map(|name| folder.join(name));
    paths.iter().filter(|path| path.is_file()).map(|path| read_file(path)).collect()
}

/// The table of those files; `None` without weights.
pub(super) fn parse(files: &[Source]) -> Result<Option<ModulusTable>, RuleError> {
    let content = |name: &str| files.iter().find(|file| file.name == name).map(|file| file.content.as_str());
    let Some(weights) = content(WEIGHTS) else { return Ok(None) };
    let table = ModulusTable::parse(weights, content(SUBSTITUTES).unwrap_or_default());
    table.map(Some).map_err(|reason| RuleError::Unreadable { file: WEIGHTS.to_owned(), reason })
}
