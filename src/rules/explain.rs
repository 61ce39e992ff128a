//! Everything that can be told of one rule.

use super::handbook::one_line;
use super::judge::{bind, variables};
use super::policy::Summary;
use super::spell::paths;
use super::vocabulary::{FactDoc, lookup};
use super::{Parameter, Rule, RuleSet, RuleTest};
use crate::model::{Action, Class, Facts, Family, Finding, Severity};
use cel::Value;
use serde::Serialize;

/// One rule, told whole.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation<'a> {
    /// Code of its finding.
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
    /// Nobody may switch it off.
    pub required: bool,
    /// Evaluated for each account.
    pub each_account: bool,
    /// File name, without folder.
    pub file: &'a str,
    /// Its condition (CEL).
    pub condition: String,
    /// Steps at worst.
    pub cost: u64,
    /// Its parameters.
    pub parameters: &'a [Parameter],
    /// The facts that it reads.
    pub facts: Vec<FactDoc>,
    /// What the policy makes of it.
    pub policy: Vec<PolicyEffect>,
    /// When it is raised, in words.
    pub trigger: &'a str,
    /// What the reviewer does.
    pub what_to_do: &'a str,
    /// What raises it for nothing.
    pub false_alarm: &'a str,
    /// The recipient's sentence, with its placeholders.
    pub text: &'a str,
    /// Advice to the recipient.
    pub advice: &'a str,
    /// Where to read more.
    pub references: &'a [String],
    /// Its own tests.
    pub tests: &'a [RuleTest],
}

/// A row of the policy that this rule can bring about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyEffect {
    /// Name of the row.
    pub row: String,
    /// What it does.
    pub action: Action,
    /// Its severity; `None`: that of the loudest finding.
    pub severity: Option<Severity>,
    /// The finding alone is enough.
    pub alone: bool,
    /// The row's condition.
    pub condition: String,
    /// Why the row is there.
    pub why: String,
}

impl RuleSet {
    /// The rule of a code; `None`: there is none.
    #[must_use]
    pub fn explain(&self, code: &str) -> Option<Explanation<'_>> {
        let rule = self.rules.iter().find(|rule| rule.code.0 == code)?;
        Some(Explanation {
            code: &rule.code.0,
            title: &rule.title,
            severity: rule.severity,
            class: rule.class,
            family: rule.family,
            action: rule.action,
            required: rule.required,
            each_account: rule.each_account,
            file: &rule.file,
            condition: one_line(&rule.source),
            cost: rule.cost,
            parameters: &rule.parameters,
            facts: paths(rule.when.expression()).iter().filter_map(|name| lookup(name)).collect(),
            policy: self.effects(rule),
            trigger: &rule.help.trigger,
            what_to_do: &rule.help.action,
            false_alarm: &rule.help.false_alarm,
            text: &rule.text_source,
            advice: &rule.advice,
            references: &rule.references,
            tests: &rule.tests,
        })
    }

    /// Rows that hold when this rule alone fired on plain facts, and rows that name its code.
    fn effects(&self, rule: &Rule) -> Vec<PolicyEffect> {
        let finding = Finding {
            code: rule.code.clone(),
            severity: rule.severity,
            class: rule.class,
            family: rule.family,
            text: String::new(),
            source: None,
        };
        let mut summary = Summary::default();
        summary.add(&finding, rule.action);
        let facts = cel::to_value(Facts::default()).unwrap_or(Value::Null);
        let mut names = variables(&facts);
        names.extend(summary.variables());
        let context = bind(&self.env, &names);
        let quoted = format!("\"{}\"", rule.code);
        let rows = self.policy.rows.iter().filter_map(|row| {
            let alone = row.when.execute(&context) == Ok(Value::Bool(true));
            (alone || row.source.contains(&quoted)).then(|| PolicyEffect {
                row: row.name.clone(),
                action: row.action,
                severity: row.severity,
                alone,
                condition: one_line(&row.source),
                why: row.why.clone(),
            })
        });
        rows.collect()
    }
}
