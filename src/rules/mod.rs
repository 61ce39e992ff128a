//! Judges: facts to findings to verdict, by the rules in `rules/`.
//!
//! What facts mean stands in `rules/*.toml` and nowhere in Rust: a rule is a CEL expression over [`Facts`] with a code,
//! words and its own tests, and `rules/policy.toml` says what findings amount to together. The shipped files are part
//! of the binary; a folder may override or add rules. A rule set is checked whole when it is loaded ([`RuleSet::load`])
//! and judges without failing afterwards ([`RuleSet::judge`]).

mod check;
mod handbook;
mod judge;
mod load;
mod modulus;
mod policy;
mod source;
mod text;

use crate::model::uk_modulus::ModulusTable;
use crate::model::{
    Action, Class, Facts, Family, FindingCode, Mode, Places, Sentence, Severity, Verdict, Wording,
};
use cel::{Env, Program};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use handbook::handbook;
pub use load::RuleError;

/// The code of the finding that stands for a rule which could not be evaluated.
pub const RULE_FAILED: &str = "RULE_FAILED";

/// A checked set of rules with the policy over them. Immutable; swap the whole set to change it.
pub struct RuleSet {
    env: Arc<Env>,
    rules: Vec<Rule>,
    policy: policy::Policy,
    /// The installation's own banner texts.
    wording: Wording,
    /// The installation's table of UK modulus checks.
    modulus: Option<Arc<ModulusTable>>,
    hash: String,
}

/// One checked rule.
struct Rule {
    code: FindingCode,
    title: String,
    severity: Severity,
    class: Class,
    family: Family,
    action: Option<Action>,
    each_account: bool,
    /// Family of phrases whose place is the finding's source.
    place: Option<String>,
    when: Program,
    source: String,
    text: Sentence,
    advice: String,
    help: source::Help,
    references: Vec<String>,
    file: String,
    /// Its own tests, which passed when it was loaded.
    tests: usize,
}

/// What can be told of a rule without its expression.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct RuleSummary<'a> {
    /// Code of the finding.
    pub code: &'a str,
    /// What it says, in a few words.
    pub title: &'a str,
    /// How loud it is.
    pub severity: Severity,
    /// How much it decides.
    pub class: Class,
    /// Kind of evidence.
    pub family: Family,
    /// What it leads to alone, if it is decisive.
    pub action: Option<Action>,
    /// File name, without folder.
    pub file: &'a str,
    /// Its own tests, all passed.
    pub tests: usize,
}

impl RuleSet {
    /// The shipped rules, overridden and completed by the `*.toml` files of a folder.
    ///
    /// A rule of the folder replaces the shipped one of the same code; a `policy.toml` there replaces the shipped one
    /// whole; files of its `banner/` change texts and colours of banners. Everything is checked: keys, names, types, codes, and every rule's own tests.
    ///
    /// # Errors
    /// [`RuleError`] names file, line or rule, and reason; the caller keeps the set it has.
    pub fn load(folder: Option<&Path>) -> Result<Self, RuleError> {
        load::load(folder)
    }

    /// Judges one message. Never fails: a rule that can't be evaluated is itself a finding.
    #[must_use]
    pub fn judge(&self, facts: &Facts, places: &Places, mode: Mode) -> Verdict {
        judge::judge(self, facts, places, mode)
    }

    /// The installation's own banner texts and colours, from the files of the folder's `banner/`; mostly empty.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    /// The table of UK modulus checks in the rules folder (`valacdos.txt`, `scsubtab.txt`), if there is one.
    #[must_use]
    pub fn modulus(&self) -> Option<&Arc<ModulusTable>> {
        self.modulus.as_ref()
    }

    /// The first 16 hexadecimal characters of the SHA-256 over all rule files: names the set in records.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// All rules, in rule order.
    pub fn rules(&self) -> impl Iterator<Item = RuleSummary<'_>> {
        self.rules.iter().map(|rule| RuleSummary {
            code: &rule.code.0,
            title: &rule.title,
            severity: rule.severity,
            class: rule.class,
            family: rule.family,
            action: rule.action,
            file: &rule.file,
            tests: rule.tests,
        })
    }

    /// The codes of all rules, in rule order.
    pub fn codes(&self) -> impl Iterator<Item = &FindingCode> {
        self.rules.iter().map(|rule| &rule.code)
    }
}

/// Reads and checks the text of one rule file, alone; how many rules it has: what `tests/fuzz` calls.
///
/// # Errors
/// [`RuleError`], as [`RuleSet::load`].
#[doc(hidden)]
pub fn check_text(content: &str) -> Result<usize, RuleError> {
    load::check_text(content)
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleSet({} rules, {})", self.rules.len(), self.hash)
    }
}

#[cfg(test)]
mod tests;
