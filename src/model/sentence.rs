//! Sentences with a few placeholders: what rules and banners say.
//!
//! A banner's sentence travels in quoted answers to the outside, perhaps to the fraudster. So only a short list of
//! facts may stand in it, and none of them is an account number, a score or a name that the message itself did not
//! already show or claim.

use std::collections::BTreeMap;

/// Facts that a sentence may name.
pub const PLACEHOLDERS: &[&str] = &[
    "supplier.name",
    "sender.domain",
    "reply_to.domain",
    "lookalike.domain",
    "display_name.of",
    "claimed.supplier",
    "account.country",
];
/// Characters of one placeholder's value: what the sender wrote must not push the reason out of sight.
const VALUE_CHARS: usize = 60;
/// Characters of a sentence as written.
pub const MAX_SENTENCE: usize = 240;

/// A checked sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Words(String),
    Fact { name: &'static str, otherwise: String },
}

impl Sentence {
    /// Parses `… {supplier.name|this supplier} …`: the words after the bar stand in for an empty value.
    ///
    /// # Errors
    /// What is wrong, as the end of "the text …".
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > MAX_SENTENCE {
            return Err(format!("must have 1 to {MAX_SENTENCE} characters"));
        }
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some((words, tail)) = rest.split_once('{') {
            let (inside, after) = tail.split_once('}').ok_or("has a `{` without `}`")?;
            let (path, otherwise) = inside.split_once('|').unwrap_or((inside, ""));
            let name = PLACEHOLDERS.iter().find(|known| **known == path).ok_or_else(|| {
                format!("`{{{path}}}` may not stand in a sentence (allowed: {})", PLACEHOLDERS.join(", "))
            })?;
            segments.push(Segment::Words(words.to_owned()));
            segments.push(Segment::Fact { name, otherwise: otherwise.to_owned() });
            rest = after;
        }
        segments.push(Segment::Words(rest.to_owned()));
        Ok(Self(segments))
    }

    /// Whether it speaks of `account`, which only a rule over each account has.
    #[must_use]
    pub fn needs_account(&self) -> bool {
        self.0
            .iter()
            .any(|segment| matches!(segment, Segment::Fact { name, .. } if name.starts_with("account.")))
    }

    /// The sentence with these values; they are made harmless here.
    pub fn render<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut out = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Words(words) => out.push_str(words),
                Segment::Fact { name, otherwise } => {
                    let value = value(name).map(tame).unwrap_or_default();
                    out.push_str(if value.is_empty() { otherwise } else { &value });
                }
            }
        }
        out
    }
}

/// What a finding is about, for whoever says it in other words: its code and the values that its sentences may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// The finding's code.
    pub code: String,
    /// Values by the names in [`PLACEHOLDERS`]; absent ones are unknown.
    pub values: BTreeMap<&'static str, String>,
}

impl Spoken {
    /// A sentence with these values.
    #[must_use]
    pub fn say(&self, sentence: &Sentence) -> String {
        sentence.render(|name| self.values.get(name).map(String::as_str))
    }
}

/// One line, bounded, without control, invisible or direction-changing characters.
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

    #[test]
    fn values_are_tamed_and_missing_ones_replaced() {
        let sentence = Sentence::parse("Not on the record of {supplier.name|this supplier}.").expect("valid");
        for (name, said) in [
            ("Acme", "Not on the record of Acme."),
            ("", "Not on the record of this supplier."),
            ("A\u{202e}B\r\nC", "Not on the record of ABC."),
        ] {
            let spoken =
                Spoken { values: BTreeMap::from([("supplier.name", name.to_owned())]), ..Spoken::default() };
            assert_eq!(spoken.say(&sentence), said);
        }
        assert_eq!(Spoken::default().say(&sentence), "Not on the record of this supplier.");
    }

    #[test]
    fn what_must_not_be_told_is_refused() {
        for text in ["{account.masked}", "{sender.display_name}", "{accounts}", "{supplier.name", ""] {
            assert!(Sentence::parse(text).is_err(), "{text}");
        }
    }
}
