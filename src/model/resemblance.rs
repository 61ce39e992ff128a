//! How one domain may be made to look like another.

use serde::{Deserialize, Serialize};

/// Words that are put before or after a company's name to make a new domain.
pub(super) const AFFIXES: &[&str] = &[
    "ltd",
    "limited",
    "group",
    "accounts",
    "account",
    "accounting",
    "payments",
    "payment",
    "pay",
    "billing",
    "bill",
    "invoice",
    "invoices",
    "invoicing",
    "finance",
    "financial",
    "ar",
    "uk",
    "us",
    "usa",
    "eu",
    "au",
    "int",
    "intl",
    "international",
    "global",
    "co",
    "company",
    "corp",
    "inc",
    "llc",
    "plc",
    "gmbh",
    "ag",
    "online",
    "mail",
    "email",
    "secure",
    "office",
    "hq",
    "team",
    "support",
    "service",
    "services",
    "portal",
    "the",
    "my",
    "remittance",
    "credit",
    "treasury",
    "bank",
    "banking",
    "dept",
    "department",
    "info",
    "admin",
    "ap",
    "receivables",
    "payables",
    "verify",
    "update",
    "notice",
    "web",
    "net",
    "com",
    "org",
    "rechnung",
    "buchhaltung",
    "facturation",
    "compta",
    "facturas",
];
/// Countries' endings: only behind or before a hyphen, because many words end so.
pub(super) const HYPHENED: &[&str] =
    &["de", "fr", "es", "it", "nl", "pl", "pt", "ie", "nz", "ca", "in", "at", "ch", "be"];

/// How a domain imitates another, clearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resemblance {
    /// Letters that look alike, also of other scripts (`acrne`, `аcme`).
    Homoglyph,
    /// The whole known domain inside another one (`acme.co.uk.evil.example`, `acme-co-uk.example`).
    Subdomain,
    /// Hyphens added or left out.
    Hyphen,
    /// A letter exchanged for its neighbour on the keyboard.
    Keyboard,
    /// A letter or two added, left out, exchanged or swapped.
    Edit,
    /// A word added.
    Affix,
    /// Another ending.
    Tld,
}

impl Resemblance {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Homoglyph => "homoglyph",
            Self::Subdomain => "subdomain",
            Self::Keyboard => "keyboard",
            Self::Edit => "edit",
            Self::Hyphen => "hyphen",
            Self::Affix => "affix",
            Self::Tld => "tld",
        }
    }

    /// Whether the name itself is spelled like the other: letters that look alike or a few changed.
    #[must_use]
    pub fn is_spelling(self) -> bool {
        matches!(self, Self::Homoglyph | Self::Keyboard | Self::Edit)
    }
}

/// Whether two names differ in one letter that stands beside the other's on a keyboard (QWERTY, QWERTZ or AZERTY).
pub(super) fn is_mistyped(left: &str, right: &str) -> bool {
    let mut differing = left.chars().zip(right.chars()).filter(|(a, b)| a != b);
    let one = differing.next();
    left.chars().count() == right.chars().count()
        && differing.next().is_none()
        && one.is_some_and(|(a, b)| are_neighbours(a, b))
}

fn are_neighbours(a: char, b: char) -> bool {
    const ROWS: &[&[&str]] = &[
        &["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"],
        &["1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"],
        &["1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"],
    ];
    ROWS.iter().any(|rows| {
        let place = |wanted: char| {
            rows.iter()
                .enumerate()
                .find_map(|(row, keys)| keys.chars().position(|key| key == wanted).map(|at| (row, at)))
        };
        let Some(((row_a, at_a), (row_b, at_b))) = place(a).zip(place(b)) else { return false };
        // Each row stands half a key to the right of the one above.
        match row_b.checked_sub(row_a) {
            Some(0) => at_a.abs_diff(at_b) == 1,
            Some(1) => at_a == at_b || at_a == at_b.saturating_add(1),
            Some(_) => false,
            None => row_a.saturating_sub(row_b) == 1 && (at_b == at_a || at_b == at_a.saturating_add(1)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_the_keyboard() {
        for (left, right, expected) in [
            ("acmes", "acmed", true),
            ("acmes", "acmew", true),
            ("brook", "brpok", true),
            ("acmes", "acmep", false),
            ("acmes", "acmess", false),
            ("acmes", "scmrs", false),
            ("zebra", "yebra", false),
            ("zinc", "tinc", true),
        ] {
            assert_eq!(is_mistyped(left, right), expected, "{left} {right}");
        }
    }
}
