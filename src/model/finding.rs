//! Findings: what a rule states about a message, in stable codes and plain words.

use super::Place;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How loud a finding or verdict is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to say.
    #[default]
    None,
    /// Good or neutral news.
    Info,
    /// Check one fact before paying.
    Caution,
    /// Do not pay.
    Danger,
}

impl Severity {
    /// The name in JSON, headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Caution => "caution",
            Self::Danger => "danger",
        }
    }
}

/// How much a finding decides (design section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Decides the action alone.
    Decisive,
    /// Alone a tag; combined, more.
    Strong,
    /// Counts only beside others.
    Weak,
    /// A good sign; never cancels a bad one.
    Trust,
}

impl Class {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decisive => "decisive",
            Self::Strong => "strong",
            Self::Weak => "weak",
            Self::Trust => "trust",
        }
    }
}

/// Two findings of one family count once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Who sent it.
    Identity,
    /// Where the money would go.
    Payment,
    /// The thread it claims to belong to.
    Conversation,
    /// How it pushes.
    Pressure,
    /// How it is made, and what could not be read.
    Form,
}

impl Family {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Payment => "payment",
            Self::Conversation => "conversation",
            Self::Pressure => "pressure",
            Self::Form => "form",
        }
    }
}

/// A stable UPPER_SNAKE code, such as `BANK_DETAILS_CHANGED`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FindingCode(pub String);

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One statement about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code.
    pub code: FindingCode,
    /// Loudness.
    pub severity: Severity,
    /// Class.
    pub class: Class,
    /// Family.
    pub family: Family,
    /// One plain sentence for the recipient: harmless when quoted to the outside.
    pub text: String,
    /// Where in the message, if at a place.
    pub source: Option<Place>,
}
