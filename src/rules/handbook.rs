//! Writes `docs/findings.md`: what every code means and what to do about it.

use super::{RULE_FAILED, Rule, RuleSet};
use crate::model::Severity;
use std::fmt::Write as _;

/// The handbook of a rule set, as Markdown.
#[must_use]
pub fn handbook(set: &RuleSet) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    write(set, &mut out).ok();
    out
}

fn write(set: &RuleSet, out: &mut String) -> std::fmt::Result {
    out.push_str(INTRODUCTION);
    out.push_str("\n| code | says | class | family | severity |\n|---|---|---|---|---|\n");
    for rule in &set.rules {
        let (code, class, family) = (&rule.code, rule.class.as_str(), rule.family.as_str());
        writeln!(
            out,
            "| [{code}](#{}) | {} | {class} | {family} | {} |",
            anchor(rule),
            rule.title,
            rule.severity.as_str()
        )?;
    }
    for rule in &set.rules {
        entry(rule, out)?;
    }
    out.push_str(ENGINE);
    writeln!(out, "\n## What findings amount to together (`{}`)\n", set.policy.file)?;
    out.push_str("All rows that hold count; the highest action and the loudest severity win.\n\n");
    out.push_str("| row | action | severity | why |\n|---|---|---|---|\n");
    for row in &set.policy.rows {
        let severity = row.severity.map_or("that of the loudest finding", Severity::as_str);
        writeln!(out, "| {} | {} | {severity} | {} |", row.name, row.action.as_str(), row.why)?;
    }
    out.push_str("\nThe conditions themselves:\n\n");
    for row in &set.policy.rows {
        writeln!(out, "- {}: `{}`", row.name, one_line(&row.source))?;
    }
    Ok(())
}

fn entry(rule: &Rule, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n## {}\n", rule.code)?;
    let action = rule.action.map(|action| format!(", alone: {}", action.as_str())).unwrap_or_default();
    writeln!(
        out,
        "**{}.** {}, {}, {}{action} (`{}`).\n",
        rule.title,
        rule.class.as_str(),
        rule.family.as_str(),
        rule.severity.as_str(),
        rule.file,
    )?;
    writeln!(out, "- **When:** {}", rule.help.trigger)?;
    writeln!(out, "- **What to do:** {}", rule.help.action)?;
    writeln!(out, "- **Typical false alarm:** {}", rule.help.false_alarm)?;
    writeln!(out, "- **Advice to the recipient:** {}", rule.advice)?;
    writeln!(out, "- **Condition:** `{}`", one_line(&rule.source))?;
    for known in &rule.parameters {
        writeln!(
            out,
            "- **Parameter** `{}`: {} {}, from {} to {}. {}",
            known.name, known.default, known.unit, known.min, known.max, known.doc
        )?;
    }
    if rule.required {
        out.push_str("- **Required:** an organisation cannot switch it off.\n");
    }
    for reference in &rule.references {
        writeln!(out, "- **See:** {reference}")?;
    }
    Ok(())
}

fn anchor(rule: &Rule) -> String {
    rule.code.0.to_lowercase()
}

pub(super) fn one_line(source: &str) -> String {
    source.split_whitespace().collect::<Vec<_>>().join(" ")
}

const INTRODUCTION: &str = "# Findings

<!-- Generated from rules/*.toml. Change the rules, then: SENTRA_BLESS=1 cargo test handbook -->

Every statement that Sentra makes about a message has a code. Codes are stable: scripts and reports may rely on them.

- **Class** says how much a finding decides: `decisive` decides alone, `strong` alone leads to a warning and more in
  company, `weak` counts only beside others, `trust` is a good sign and never cancels a bad one.
- **Family** is the kind of evidence (`identity`, `payment`, `conversation`, `pressure`, `form`); strong findings of one
  family count once.
- **Severity** is how loud the finding is: `info`, `caution` (check one fact before paying), `danger` (do not pay).
";

const ENGINE: &str = concat!(
    "\n## RULE_FAILED\n\n**A check could not be completed.** strong, form, caution (raised by the engine itself).\n\n",
    "- **When:** a rule met facts that it could not be evaluated on.\n",
    "- **What to do:** treat the message as unchecked; report the rule to whoever wrote it.\n",
    "- **Typical false alarm:** a rule of one's own that was never tested with an empty list.\n",
);

// The text above is fixed and the code is a constant elsewhere: keep both in step.
const _: () = assert!(matches!(RULE_FAILED.as_bytes(), b"RULE_FAILED"));
