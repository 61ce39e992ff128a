//! The truth file: what is so of each file of a corpus.

use crate::cli::Failure;
use crate::model::{Action, Category};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the truth file inside a corpus.
pub(super) const NAME: &str = "truth.jsonl";

/// What is known of one file. What is missing is not measured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Truth {
    /// Relative to the corpus, with `/`.
    pub(super) file: String,
    /// Whether it is an attempt at fraud.
    pub(super) fraud: Option<bool>,
    /// What must be done with it.
    pub(super) action: Option<Action>,
    pub(super) category: Option<Category>,
    /// Every account in it, canonical.
    #[serde(alias = "ibans")]
    pub(super) accounts: Option<Vec<String>>,
    /// Findings that must be there.
    #[serde(default)]
    pub(super) codes: Vec<String>,
    /// A row of its own in the report.
    pub(super) group: Option<String>,
}

/// Reads a truth file; a line that is wrong is named.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Truth>, Failure> {
    let help = "see `sentra eval --help` for the keys of a line";
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("the truth cannot be read: {error}")).at(path.display()).help(help)
    })?;
    let mut truth = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{}:{}", path.display(), number + 1);
        let entry: Truth = serde_json::from_str(line)
            .map_err(|error| Failure::new(error.to_string()).at(place.clone()).help(help))?;
        if truth.insert(entry.file.clone(), entry).is_some() {
            return Err(Failure::new("this file stands in the truth twice")
                .at(place)
                .help("keep one line a file"));
        }
    }
    Ok(truth)
}
