//! What one organisation changes about the rules: thresholds, rules switched off, rules of its own.
//!
//! It is a document with a version that grows with every change. `rules` joins it with the installation's set; a
//! verdict names both, so that what judged a message can be told later.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the code of an organisation's own rule begins: no shipped rule ever does.
pub const OWN_RULE_PREFIX: &str = "ORG_";

/// An organisation's changes to the rules, at one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnRules {
    /// Grows by one with every change; 0: nothing was ever changed.
    #[serde(skip)]
    pub version: i64,
    /// Values of parameters: code, then name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, BTreeMap<String, i64>>,
    /// Codes of rules that are switched off, each with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub disabled: BTreeMap<String, String>,
    /// Rules of its own by code: each a `[[rule]]` as it was written (TOML).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, String>,
}

impl OwnRules {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.thresholds.is_empty() && self.disabled.is_empty() && self.rules.is_empty()
    }
}
