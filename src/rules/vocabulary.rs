//! The facts that rules may speak of, as documentation: name, kind, unit, example, meaning.
//!
//! It is read from the source of the fact structures themselves, which is part of the binary for this: the comment
//! beside a field is the reference, and there is no second list that could fall behind.

use super::text::member;
use crate::model::Facts;
use cel::Value;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

const SOURCES: [&str; 4] = [
    include_str!("../model/facts.rs"),
    include_str!("../model/facts_claimed.rs"),
    include_str!("../model/facts_past.rs"),
    include_str!("../model/facts_payment.rs"),
];
/// The version that first had a vocabulary; later facts say `Since VERSION.` in their comment.
const FIRST: &str = "0.1.0";

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactDoc {
    /// As a rule writes it: `sender.domain`; of a list's elements `accounts[].status`.
    pub name: String,
    /// `flag`, `number`, `text` or `texts`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What a number counts.
    pub unit: Option<&'static str>,
    /// The version that has it first.
    pub since: String,
    /// A value, as a rule would write it.
    pub example: String,
    /// What it says.
    pub doc: String,
}

/// All facts, in the order of the structures.
#[must_use]
pub fn vocabulary() -> &'static [FactDoc] {
    static ALL: OnceLock<Vec<FactDoc>> = OnceLock::new();
    ALL.get_or_init(build)
}

/// The fact of a path as expressions have it (`account.status`, `accounts.status`, `sender.domain`).
pub(super) fn lookup(path: &str) -> Option<FactDoc> {
    let name = match path.split_once('.') {
        Some(("account", field)) => format!("accounts[].{field}"),
        Some(("param", _)) => return None,
        Some(_) | None => path.to_owned(),
    };
    let all = vocabulary();
    let exact = all.iter().find(|fact| fact.name == name);
    let in_list = || all.iter().find(|fact| fact.name.replace("[]", "") == name);
    if let Some(found) = exact.or_else(in_list) {
        return Some(found.clone());
    }
    // A list as a whole: `size(accounts)`.
    let (_, kind, doc) = fields("Facts").into_iter().find(|(field, ..)| *field == name)?;
    kind.starts_with("Vec<").then(|| FactDoc {
        name,
        kind: "list",
        unit: None,
        since: FIRST.to_owned(),
        example: "[…]".to_owned(),
        doc,
    })
}

fn build() -> Vec<FactDoc> {
    let sample = cel::to_value(Facts::sample()).unwrap_or(Value::Null);
    let mut all = Vec::new();
    for (group, kind, _) in fields("Facts") {
        let (structure, list) = match kind.strip_prefix("Vec<").and_then(|rest| rest.strip_suffix('>')) {
            Some(element) => (element.to_owned(), true),
            None => (kind, false),
        };
        let example = member(&sample, &group).and_then(|value| match value {
            Value::List(list) => list.first(),
            other => Some(other),
        });
        for (field, kind, doc) in fields(&structure) {
            let value = example.and_then(|example| member(example, &field));
            let (doc, since) = since(doc);
            let brackets = if list { "[]" } else { "" };
            all.push(FactDoc {
                name: format!("{group}{brackets}.{field}"),
                kind: named(&kind),
                unit: (kind == "i64").then(|| unit(&field)),
                since,
                example: value.map(literal).unwrap_or_default(),
                doc,
            });
        }
    }
    all
}

/// The public fields of a structure: name, type, comment.
fn fields(structure: &str) -> Vec<(String, String, String)> {
    let head = format!("pub struct {structure} {{");
    let body = SOURCES.iter().find_map(|source| source.split_once(&head)).map_or("", |(_, rest)| rest);
    let (mut found, mut comment) = (Vec::new(), String::new());
    for text in body.lines().map(str::trim).take_while(|text| *text != "}") {
        if let Some(words) = text.strip_prefix("///") {
            let gap = if comment.is_empty() { "" } else { " " };
            comment.push_str(gap);
            comment.push_str(words.trim());
        } else if let Some((name, kind)) =
            text.strip_prefix("pub ").and_then(|field| field.trim_end_matches(',').split_once(": "))
        {
            found.push((name.to_owned(), kind.to_owned(), std::mem::take(&mut comment)));
        }
    }
    found
}

fn named(kind: &str) -> &'static str {
    match kind {
        "bool" => "flag",
        "i64" => "number",
        kind if kind.starts_with("Vec<") => "texts",
        _ => "text",
    }
}

fn unit(field: &str) -> &'static str {
    if field.ends_with("_days") {
        "days"
    } else if field.ends_with("_usual") {
        "times"
    } else {
        "count"
    }
}

/// Takes `Since 0.2.` out of a comment.
fn since(doc: String) -> (String, String) {
    match doc.split_once("Since ") {
        Some((before, after)) => {
            let version: String = after.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let rest = after.get(version.len()..).unwrap_or_default();
            let doc = format!("{}{rest}", before.trim_end()).trim().to_owned();
            (doc, version.trim_end_matches('.').to_owned())
        }
        None => (doc, FIRST.to_owned()),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::List(_) => "[]".to_owned(),
        _ => String::new(),
    }
}

/// Writes `docs/rules.md`: how a rule is written, and the vocabulary as tables, one a group.
#[must_use]
pub fn guide() -> String {
    let groups: BTreeMap<String, String> =
        fields("Facts").into_iter().map(|(name, _, doc)| (name, doc)).collect();
    let mut out = include_str!("guide_head.md").to_owned();
    let mut current = "";
    for fact in vocabulary() {
        let group = fact.name.split(['.', '[']).next().unwrap_or_default();
        if group != current {
            current = group;
            let doc = groups.get(group).map_or("", String::as_str);
            // Writing into a String cannot fail.
            write!(out, "\n### `{group}`\n{doc}\n\n| fact | type | unit | since | example | meaning |\n")
                .ok();
            out.push_str("|---|---|---|---|---|---|\n");
        }
        let (unit, doc) = (fact.unit.unwrap_or("-"), fact.doc.replace('|', "\\|"));
        writeln!(
            out,
            "| `{}` | {} | {unit} | {} | `{}` | {doc} |",
            fact.name, fact.kind, fact.since, fact.example
        )
        .ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_told_of_with_kind_example_and_meaning() {
        let json = serde_json::to_value(Facts::sample()).unwrap();
        let mut names: Vec<String> = Vec::new();
        for (group, value) in json.as_object().unwrap() {
            let (value, brackets) = match value {
                serde_json::Value::Array(list) => (&list[0], "[]"),
                other => (other, ""),
            };
            for field in value.as_object().unwrap().keys() {
                names.push(format!("{group}{brackets}.{field}"));
            }
        }
        names.sort_unstable();
        let mut told: Vec<String> = vocabulary().iter().map(|fact| fact.name.clone()).collect();
        told.sort_unstable();
        assert_eq!(told, names);
        for fact in vocabulary() {
            assert!(!fact.doc.is_empty() && !fact.example.is_empty(), "{}", fact.name);
        }
    }

    #[test]
    fn paths_of_expressions_are_found() {
        for (path, name) in [
            ("sender.domain", Some("sender.domain")),
            ("account.status", Some("accounts[].status")),
            ("accounts.hidden", Some("accounts[].hidden")),
            ("accounts", Some("accounts")),
            ("param.silence", None),
            ("weather.fine", None),
        ] {
            assert_eq!(lookup(path).map(|fact| fact.name).as_deref(), name, "{path}");
        }
        assert_eq!(since("A fact. Since 0.2.".to_owned()), ("A fact.".to_owned(), "0.2".to_owned()));
    }
}
