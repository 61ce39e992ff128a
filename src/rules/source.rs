//! The rule files as written.

use crate::model::{Action, Class, Facts, Family, Severity};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// The rule files that are part of the binary, in the order in which their rules count.
pub(super) const SHIPPED: &[(&str, &str)] = &[
    ("accounts.toml", include_str!("../../rules/accounts.toml")),
    ("methods.toml", include_str!("../../rules/methods.toml")),
    ("identity.toml", include_str!("../../rules/identity.toml")),
    ("conversation.toml", include_str!("../../rules/conversation.toml")),
    ("pressure.toml", include_str!("../../rules/pressure.toml")),
    ("form.toml", include_str!("../../rules/form.toml")),
];

/// The shipped policy.
pub(super) const SHIPPED_POLICY: (&str, &str) = ("policy.toml", include_str!("../../rules/policy.toml"));

/// One file of rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RuleSource>>,
}

/// One `[[rule]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSource {
    /// UPPER_SNAKE, stable.
    pub(super) code: String,
    /// A few words for lists.
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) class: Class,
    pub(super) family: Family,
    /// What a decisive finding alone brings about.
    pub(super) action: Option<Action>,
    /// `accounts`: evaluated for each account, as `account`.
    pub(super) each: Option<Each>,
    /// Family of phrases whose place is shown as the source.
    pub(super) place: Option<String>,
    /// `false` in an overriding file switches a rule off.
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    /// Nobody may switch it off: the product stands for what it says.
    #[serde(default)]
    pub(super) required: bool,
    /// Numbers that an organisation may set, `param.NAME` in the expression.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, ParameterSource>,
    /// The CEL expression.
    pub(super) when: Spanned<String>,
    /// The sentence for the recipient.
    pub(super) text: String,
    /// What to do.
    pub(super) advice: String,
    pub(super) help: Help,
    #[serde(default)]
    pub(super) references: Vec<String>,
    #[serde(default)]
    pub(super) test: Vec<TestSource>,
}

/// A number that an organisation may set within bounds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterSource {
    pub(super) default: i64,
    /// Least value.
    pub(super) min: i64,
    /// Greatest value.
    pub(super) max: i64,
    /// What it counts: `days`, `messages` …
    pub(super) unit: String,
    /// What it decides.
    pub(super) doc: String,
}

fn yes() -> bool {
    true
}

/// What a rule is evaluated for each of.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Each {
    Accounts,
}

/// The handbook's paragraph.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Help {
    /// When it is raised.
    pub(super) trigger: String,
    /// What the reviewer does.
    pub(super) action: String,
    /// What typically raises it for nothing.
    pub(super) false_alarm: String,
}

/// A rule's own test: plain facts, changed as said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSource {
    pub(super) name: String,
    #[serde(default)]
    pub(super) facts: Facts,
    /// Whether the rule is raised (for any account).
    pub(super) expect: bool,
}

/// `policy.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    pub(super) row: Vec<Spanned<RowSource>>,
    pub(super) score: ScoreSource,
    /// What must come out of facts.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "only the tests judge it"))]
    pub(super) combination: Vec<CombinationSource>,
}

/// A test of rules and policy together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "an installation's own rules may change what comes out: only the tests judge it"
    )
)]
pub(super) struct CombinationSource {
    pub(super) name: String,
    #[serde(default)]
    pub(super) facts: Facts,
    /// What must be done.
    pub(super) action: Action,
    /// How loud it must be; absent: not tested.
    pub(super) severity: Option<Severity>,
    /// Codes that must be among the findings.
    #[serde(default)]
    pub(super) codes: Vec<String>,
}

/// One row of the combination table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowSource {
    pub(super) name: String,
    pub(super) when: Spanned<String>,
    pub(super) action: Action,
    /// Absent: that of the loudest finding.
    pub(super) severity: Option<Severity>,
    /// Why, for the handbook.
    pub(super) why: String,
}

/// How the score (0 to 100) is made. It only sorts the queue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScoreSource {
    /// Where the score starts, by action.
    pub(super) base: BTreeMap<Action, u8>,
    /// What each different code adds, by class.
    pub(super) add: BTreeMap<Class, u8>,
}
