//! The sentences of rules: fixed words with a few placeholders.
//!
//! A banner's sentence travels in quoted answers to the outside, perhaps to the fraudster. So only a short list of
//! facts may stand in it, and none of them is an account number, a score or a name that the message itself did not
//! already show or claim.

use cel::Value;
use cel::objects::KeyRef;

/// Facts that a sentence may name.
pub(super) const PLACEHOLDERS: &[&str] = &[
    "supplier.name",
    "sender.domain",
    "reply_to.domain",
    "lookalike.domain",
    "display_name.of",
    "account.country",
];
/// Characters of one placeholder's value: what the sender wrote must not push the reason out of sight.
const VALUE_CHARS: usize = 60;
/// Characters of a sentence as written in a rule file.
const MAX_TEXT: usize = 240;

/// A sentence, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Words(String),
    Fact { root: String, field: String, otherwise: String },
}

impl Template {
    /// Parses `… {supplier.name|this supplier} …`: the words after the bar stand in for an empty value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return Err(format!("must have 1 to {MAX_TEXT} characters"));
        }
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some((words, tail)) = rest.split_once('{') {
            let (inside, after) = tail.split_once('}').ok_or("has a `{` without `}`")?;
            let (path, otherwise) = inside.split_once('|').unwrap_or((inside, ""));
            let (root, field) = path.split_once('.').ok_or_else(|| format!("`{{{path}}}` is no fact"))?;
            if !PLACEHOLDERS.contains(&path) {
                return Err(format!(
                    "`{{{path}}}` may not stand in a sentence (allowed: {})",
                    PLACEHOLDERS.join(", ")
                ));
            }
            segments.push(Segment::Words(words.to_owned()));
            segments.push(Segment::Fact {
                root: root.to_owned(),
                field: field.to_owned(),
                otherwise: otherwise.to_owned(),
            });
            rest = after;
        }
        segments.push(Segment::Words(rest.to_owned()));
        Ok(Self(segments))
    }

    /// Whether it speaks of `account`, which only a rule over each account has.
    pub(super) fn needs_account(&self) -> bool {
        self.0.iter().any(|segment| matches!(segment, Segment::Fact { root, .. } if root == "account"))
    }

    /// The sentence. `facts` is the map of all facts, `account` the one the finding is about.
    pub(super) fn render(&self, facts: &Value, account: Option<&Value>) -> String {
        let mut out = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Words(words) => out.push_str(words),
                Segment::Fact { root, field, otherwise } => {
                    let holder = if root == "account" { account } else { member(facts, root) };
                    let value = match holder.and_then(|holder| member(holder, field)) {
                        Some(Value::String(value)) => tame(value),
                        _ => String::new(),
                    };
                    out.push_str(if value.is_empty() { otherwise } else { &value });
                }
            }
        }
        out
    }
}

/// A field of a map value.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(map) => map.get(&KeyRef::String(name)),
        _ => None,
    }
}

/// One line, bounded, without control, invisible or direction-changing characters and braces of our own.
fn tame(value: &str) -> String {
    let harmless = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    value.chars().filter(harmless).take(VALUE_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Facts, SupplierFacts};

    #[test]
    fn values_are_tamed_and_missing_ones_replaced() {
        let template = Template::parse("Not on the record of {supplier.name|this supplier}.").expect("valid");
        for (name, sentence) in [
            ("Acme", "Not on the record of Acme."),
            ("", "Not on the record of this supplier."),
            ("A\u{202e}B\r\nC", "Not on the record of ABC."),
        ] {
            let supplier = SupplierFacts { name: name.to_owned(), ..SupplierFacts::default() };
            let facts = cel::to_value(Facts { supplier, ..Facts::default() }).expect("facts");
            assert_eq!(template.render(&facts, None), sentence);
        }
    }

    #[test]
    fn what_must_not_be_told_is_refused() {
        for text in ["{account.masked}", "{sender.display_name}", "{accounts}", "{supplier.name", ""] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
