//! The person: an address in the forms under which rows may have it.

use super::super::audit::PERSON;
use super::super::error::StoreError;
use crate::adapters::history;
use crate::adapters::keyring::LocalKeyring;
use crate::model::{EmailAddress, OrgId};
use crate::ports::Keyring as _;
use std::fmt;

/// What the mark of an erasure under way is separated by.
const MARK: &str = "privacy.subject";

/// A person, by address. Fingerprints are made under every key under which rows may stand.
pub struct Subject {
    address: EmailAddress,
    folded: String,
    /// Of the address: in recorded facts.
    facts: Vec<String>,
    /// Of the address in its roles in the sender history.
    pub(super) history: Vec<String>,
    /// Of the person behind a pseudonym of the audit.
    pub(super) persons: Vec<String>,
    /// Of an erasure under way; the first is the one that is written.
    pub(super) marks: Vec<String>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(••••)")
    }
}

impl Subject {
    pub(super) fn of(keyring: &LocalKeyring, org: OrgId, address: &EmailAddress) -> Result<Self, StoreError> {
        let folded = address.folded();
        let prints = |kind: &str| -> Result<Vec<String>, StoreError> {
            let all = keyring.fingerprints_text(org, kind, &folded)?;
            Ok(all.iter().map(|print| print.to_hex()).collect())
        };
        Ok(Self {
            facts: prints("address")?,
            history: history::prints_of_address(keyring, org, address)?,
            persons: prints(PERSON)?,
            marks: prints(MARK)?,
            address: address.clone(),
            folded,
        })
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &EmailAddress {
        &self.address
    }

    /// Whether a text names the address, and not a longer one that it is part of.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        mentions(text, &self.folded)
    }

    /// The same of octets; soft line breaks of quoted-printable (RFC 2045 section 6.7) do not hide it.
    pub(super) fn is_in_octets(&self, octets: &[u8]) -> bool {
        let text = String::from_utf8_lossy(octets);
        self.is_in(&text) || (text.contains("=\r\n") && self.is_in(&text.replace("=\r\n", "")))
    }

    /// Whether recorded facts are of a message in which the address had a part.
    pub(super) fn is_in_facts(&self, facts: &[u8]) -> bool {
        let text = String::from_utf8_lossy(facts);
        self.facts.iter().any(|print| text.contains(print.as_str())) || self.is_in(&text)
    }

    /// `%address%` for LIKE with `\` as escape.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::from("%");
        for c in self.folded.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        pattern
    }
}

/// Whether `text` holds this folded address with nothing on either side that makes it another one.
fn mentions(text: &str, folded: &str) -> bool {
    let text = text.to_lowercase();
    text.match_indices(folded).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let mut after = text.get(at.saturating_add(folded.len())..).unwrap_or_default().chars();
        let (next, second) = (after.next(), after.next());
        let longer_local = before.is_some_and(|c| c.is_alphanumeric() || "._+-%".contains(c));
        let longer_domain = match next {
            Some('.') => second.is_some_and(char::is_alphanumeric),
            Some(c) => c.is_alphanumeric() || c == '-' || c == '_',
            None => false,
        };
        !longer_local && !longer_domain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_found_in_a_longer_one() {
        for (text, found) in [
            ("bob@example.com", true),
            ("Bob@Example.COM", true),
            ("From: Bob <bob@example.com>", true),
            ("write to bob@example.com.", true),
            ("[\"bob@example.com\",\"eve@example.com\"]", true),
            ("rfc822;bob@example.com", true),
            ("notbob@example.com", false),
            ("x.bob@example.com", false),
            ("a+bob@example.com", false),
            ("bob@example.com.evil.test", false),
            ("bob@example.community", false),
            ("bob@example.com-x", false),
            ("notbob@example.com and bob@example.com", true),
            ("", false),
        ] {
            assert_eq!(mentions(text, "bob@example.com"), found, "{text}");
        }
    }
}
