//! Facts as values of CEL, and what a sentence may name of them.

use crate::model::PLACEHOLDERS;
use cel::Value;
use cel::objects::KeyRef;
use std::collections::BTreeMap;

/// A field of a map value.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(map) => map.get(&KeyRef::String(name)),
        _ => None,
    }
}

/// The text that a placeholder stands for. `facts` is the map of all facts, `account` the one a finding is about.
pub(super) fn named<'a>(facts: &'a Value, account: Option<&'a Value>, name: &str) -> Option<&'a str> {
    let (root, field) = name.split_once('.')?;
    let holder = if root == "account" { account } else { member(facts, root) };
    match member(holder?, field) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    }
}

/// Everything that sentences may name, for whoever says a finding in other words.
pub(super) fn values(facts: &Value, account: Option<&Value>) -> BTreeMap<&'static str, String> {
    let known = |name: &&'static str| named(facts, account, name).map(|text| (*name, text.to_owned()));
    PLACEHOLDERS.iter().filter_map(known).collect()
}
