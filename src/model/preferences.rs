//! What an organisation may choose, one line a choice: name, meaning and which values are valid.
//!
//! A preference is a short text in the `settings` table, set by `sentra org set NAME=VALUE`, checked against this list
//! and cached with the organisation. Whoever needs a choice adds a line to [`PREFERENCES`] and reads it with
//! [`Preferences::get`]; nothing else changes.

use std::collections::BTreeMap;

/// Characters of a value.
const MAX_VALUE: usize = 200;
/// A hundred years: longer is `forever`.
const MAX_DAYS: u32 = 36_500;

/// One thing that an organisation may choose.
#[derive(Clone, Copy, Debug)]
pub struct Preference {
    /// Name in commands, JSON and the database: `group.name`.
    pub name: &'static str,
    /// What it decides, for help and documentation.
    pub doc: &'static str,
    /// Value while nothing is chosen.
    pub default: &'static str,
    /// Which values are valid.
    pub values: Values,
}

/// Which values a preference takes.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number in these bounds, inclusive.
    Number(u32, u32),
    /// A time to keep something: so many days (`90d`) in these bounds, inclusive, or [`FOREVER`].
    Days(u32, u32),
}

/// The value of a [`Values::Days`] that never ends.
pub const FOREVER: &str = "forever";

/// The days of a value like `90d`.
fn days_of(value: &str) -> Option<u32> {
    let number = value.strip_suffix('d')?.parse::<u32>().ok()?;
    (format!("{number}d") == value).then_some(number)
}

impl Values {
    /// Whether this is one of them.
    #[must_use]
    pub fn allow(self, value: &str) -> bool {
        match self {
            Self::OneOf(words) => words.contains(&value),
            Self::Number(least, most) => {
                let number = value.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
                number.is_some_and(|number| number.to_string() == value)
            }
            Self::Days(least, most) => {
                value == FOREVER || days_of(value).is_some_and(|days| (least..=most).contains(&days))
            }
        }
    }

    /// In words, for errors and help.
    #[must_use]
    pub fn described(self) -> String {
        match self {
            Self::OneOf(words) => words.join(", "),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Days(least, most) => format!("{least}d to {most}d, or {FOREVER}"),
        }
    }
}

/// Languages in which banners and notices speak (ISO 639-1).
pub const LANGUAGES: &[&str] = &["en", "de", "fr", "es", "nl", "it", "pt", "pl"];

/// Everything that can be chosen, in the order of its names.
pub const PREFERENCES: &[Preference] = &[
    Preference {
        name: "arc.seal",
        doc: "Which mail is sealed with ARC, so that a receiver who trusts the seal accepts it although its DKIM signature broke; needs a key (sentra keys arc)",
        default: "tagged",
        values: Values::OneOf(&["off", "tagged", "all"]),
    },
    Preference {
        name: "audit.anchor_mail",
        doc: "Mail the audit's newest anchor to the administrators once a day: a copy that whoever holds the servers cannot take back",
        default: "off",
        values: Values::OneOf(&["off", "on"]),
    },
    Preference {
        name: "banner.language",
        doc: "Language of banners and companion notices",
        default: "en",
        values: Values::OneOf(LANGUAGES),
    },
    Preference {
        name: "banner.verified",
        doc: "Show a calm line on mail whose account matches the verified record; it changes such mail, which breaks its DKIM signature",
        default: "off",
        values: Values::OneOf(&["off", "on"]),
    },
    Preference {
        name: "cases.call-back-days",
        doc: "Days that a phone number must have been on a supplier's record before it can verify a bank change",
        default: "30",
        values: Values::Number(0, 365),
    },
    Preference {
        name: "dkim.sign",
        doc: "Which mail gets a DKIM signature of the ARC key's domain besides the sender's own",
        default: "off",
        values: Values::OneOf(&["off", "tagged", "all"]),
    },
    Preference {
        name: "retention.audit",
        doc: "Audit entries; they go only up to an anchored entry",
        default: "2555d",
        values: Values::Days(90, MAX_DAYS),
    },
    Preference {
        name: "retention.body",
        doc: "Bodies of held mail, after it was released, rejected or expired; what waits for a decision never goes",
        default: "90d",
        values: Values::Days(1, MAX_DAYS),
    },
    Preference {
        name: "retention.cases",
        doc: "Verification cases, after they were decided",
        default: "2555d",
        values: Values::Days(365, MAX_DAYS),
    },
    Preference {
        name: "retention.facts",
        doc: "What was established about each message; without it a changed rule cannot be tried on that message",
        default: "180d",
        values: Values::Days(1, MAX_DAYS),
    },
    Preference {
        name: "retention.history",
        doc: "Marks of the sender history, after they were last seen",
        default: "730d",
        values: Values::Days(30, MAX_DAYS),
    },
    Preference {
        name: "retention.imports",
        doc: "Batches of supplier changes (what undo needs) and values that a supplier no longer has",
        default: "1095d",
        values: Values::Days(366, MAX_DAYS),
    },
    Preference {
        name: "retention.outbox",
        doc: "Notices and releases, after they were sent or given up",
        default: "30d",
        values: Values::Days(1, MAX_DAYS),
    },
    Preference {
        name: "retention.record",
        doc: "The record of each message, and entries of the quarantine whose body is gone",
        default: "400d",
        values: Values::Days(30, MAX_DAYS),
    },
    Preference {
        name: "untouchable",
        doc: "A warning (caution, danger) that cannot stand in its message, because that is signed, encrypted, a bounce, a meeting: tell it by headers alone, by a notice of our own to the recipients, or hold the message (in mode enforce)",
        default: "notice",
        values: Values::OneOf(&["headers", "notice", "hold"]),
    },
];

/// The preference of that name.
#[must_use]
pub fn preference(name: &str) -> Option<&'static Preference> {
    PREFERENCES.iter().find(|preference| preference.name == name)
}

/// What an organisation has chosen. What it has not chosen has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences(BTreeMap<&'static str, String>);

impl Preferences {
    /// Takes one choice up. A name or value that this version does not know is left out: the default holds.
    pub fn take_up(&mut self, name: &str, value: String) {
        if let Some(known) = preference(name)
            && value.len() <= MAX_VALUE
            && known.values.allow(&value)
        {
            self.0.insert(known.name, value);
        }
    }

    /// The value of a preference: chosen, or its default; empty for a name that is not in [`PREFERENCES`].
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(value) => value,
            None => preference(name).map_or("", |known| known.default),
        }
    }

    /// A preference whose values are numbers; 0 for any other.
    #[must_use]
    pub fn number(&self, name: &str) -> u32 {
        self.get(name).parse().unwrap_or(0)
    }

    /// A preference whose values are times to keep something; `None`: for ever, or another kind of preference.
    #[must_use]
    pub fn days(&self, name: &str) -> Option<u32> {
        days_of(self.get(name))
    }

    /// All preferences with their values, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        PREFERENCES.iter().map(|known| (known.name, self.get(known.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_valid_value_and_names_are_unique_and_sorted() {
        for known in PREFERENCES {
            assert!(known.values.allow(known.default), "{}", known.name);
        }
        assert!(PREFERENCES.is_sorted_by(|left, right| left.name < right.name));
    }

    #[test]
    fn only_known_values_are_taken_up() {
        let mut chosen = Preferences::default();
        chosen.take_up("banner.language", "de".to_owned());
        chosen.take_up("banner.verified", "maybe".to_owned());
        chosen.take_up("banner.nothing", "on".to_owned());
        assert_eq!(chosen.get("banner.language"), "de");
        assert_eq!(chosen.get("banner.verified"), "off");
        assert_eq!(chosen.get("banner.nothing"), "");
        for (value, valid) in [("0", false), ("1", true), ("01", false), ("365", true), ("366", false)] {
            assert_eq!(Values::Number(1, 365).allow(value), valid, "{value}");
        }
        for (value, valid) in [
            ("0d", false),
            ("1d", true),
            ("01d", false),
            ("30", false),
            ("forever", true),
            ("31d", false),
            ("d", false),
        ] {
            assert_eq!(Values::Days(1, 30).allow(value), valid, "{value}");
        }
        assert_eq!((chosen.days("retention.body"), chosen.days("arc.seal")), (Some(90), None));
        chosen.take_up("retention.body", FOREVER.to_owned());
        assert_eq!(chosen.days("retention.body"), None);
    }
}
