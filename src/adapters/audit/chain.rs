//! What is hashed and what is signed, octet by octet.
//!
//! A statement is a sequence of fields, each written as a netstring: its length in octets in decimal digits, a colon,
//! the octets, a comma (`5:hello,`). No field can run into the next, and nothing depends on how a JSON library escapes.
//! Numbers are decimal digits; hashes and signatures lower-case hexadecimal.

use crate::ports::PortError;
use aws_lc_rs::digest::{Context, SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What the first entry of a chain names as the hash before it.
pub const FIRST_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry as it is chained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the organisation's chain, from 1, without gaps.
    pub seq: i64,
    /// Unix milliseconds by the server's clock.
    pub at: i64,
    /// Who: a fixed name, or the pseudonym of a person.
    pub actor: String,
    /// What, `noun.verb`.
    pub action: String,
    /// On what: an id, a name, or the pseudonym of a person.
    pub subject: String,
    /// JSON text, hashed exactly as it stands here.
    pub detail: String,
    /// JSON text: an object of field names and commitments ([`commitment`]), sorted by name; `{}` without any.
    pub private: String,
    /// Hash of the entry before.
    pub prev_hash: String,
    /// Hash of this one.
    pub hash: String,
}

impl Entry {
    /// The hash that this entry should have in the organisation's chain.
    #[must_use]
    pub fn digest(&self, org: &str) -> String {
        let mut statement = Statement::new("sentra-audit-v2");
        statement.text(org).number(self.seq).number(self.at).text(&self.actor).text(&self.action);
        statement.text(&self.subject).text(&self.detail).text(&self.private).text(&self.prev_hash);
        sha256_hex(&statement.0)
    }
}

/// The newest entry of a chain, signed by the organisation. As entries are numbered from 1 without gaps, `seq` is also
/// how many were ever written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the newest entry.
    pub seq: i64,
    /// Its time.
    pub at: i64,
    /// Its hash.
    pub hash: String,
    /// Ed25519 over [`Head::statement`].
    pub signature: String,
}

impl Head {
    /// What is signed.
    #[must_use]
    pub fn statement(&self, org: &str) -> Vec<u8> {
        let mut statement = Statement::new("sentra-audit-head-v1");
        statement.text(org).number(self.seq).number(self.at).text(&self.hash);
        statement.0
    }
}

/// A signed head on its way out of the machine. Each names the one before, so that none can be taken away in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// `sentra-audit-anchor-v1`.
    pub format: String,
    /// Organisation.
    pub org: String,
    /// From 1, without gaps.
    pub number: i64,
    /// Number of the newest entry, and so how many were ever written.
    pub seq: i64,
    /// Unix milliseconds: when it was anchored.
    pub at: i64,
    /// Hash of that entry.
    pub hash: String,
    /// [`Anchor::digest`] of the one before; [`FIRST_HASH`] in the first.
    pub previous: String,
    /// Set after a restore that somebody accepted: anchors before this one that name a later entry no longer count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes_after: Option<i64>,
    /// The key that signed it, for whoever has no other source. Not part of the statement.
    pub public_key: String,
    /// Ed25519 over [`Anchor::statement`].
    pub signature: String,
}

impl Anchor {
    /// The word in `format`.
    pub const FORMAT: &'static str = "sentra-audit-anchor-v1";

    /// What is signed.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let mut statement = Statement::new(&self.format);
        statement.text(&self.org).number(self.number).number(self.seq).number(self.at).text(&self.hash);
        statement.text(&self.previous);
        statement.text(&self.supersedes_after.map(|seq| seq.to_string()).unwrap_or_default());
        statement.0
    }

    /// SHA-256 of [`Anchor::statement`]: what the next anchor names.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(&self.statement())
    }
}

/// What stays of a chain's beginning once it was pruned: where the rest goes on from, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the last entry that was removed.
    pub seq: i64,
    /// Its time.
    pub at: i64,
    /// Its hash.
    pub hash: String,
    /// The anchor that names this or a later entry.
    pub anchor: i64,
    /// Ed25519 over [`Checkpoint::statement`].
    pub signature: String,
}

impl Checkpoint {
    /// What is signed.
    #[must_use]
    pub fn statement(&self, org: &str) -> Vec<u8> {
        let mut statement = Statement::new("sentra-audit-checkpoint-v1");
        statement.text(org).number(self.seq).number(self.at).text(&self.hash).number(self.anchor);
        statement.0
    }
}

/// A private field, opened: enough to check its commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revealed {
    /// 32 random octets, hexadecimal.
    pub salt: String,
    /// JSON text of the value.
    pub value: String,
}

/// What the chain holds of a private field: SHA-256 of the salt's octets followed by the value's JSON text. Without the
/// salt, which is deleted with the value, nobody can tell by trying what the value was.
#[must_use]
pub fn commitment(salt: &[u8], value: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(value.as_bytes());
    hex(context.finish().as_ref())
}

/// An organisation's public signing key: 32 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// From 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`PortError::Permanent`] for any other text.
    pub fn from_hex(text: &str) -> Result<Self, PortError> {
        let octets = from_hex(text.trim()).filter(|octets| octets.len() == 32);
        octets.map(Self).ok_or_else(|| PortError::Permanent {
            what: "audit",
            detail: "a public key has 64 hexadecimal digits".to_owned(),
        })
    }

    /// From its octets.
    #[must_use]
    pub fn from_octets(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Whether this key signed these octets.
    #[must_use]
    pub fn accepts(&self, statement: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(statement, signature).is_ok()
    }
}

/// SHA-256 as 64 hexadecimal digits.
#[must_use]
pub fn sha256_hex(octets: &[u8]) -> String {
    hex(digest(&SHA256, octets).as_ref())
}

/// Octets of lower- or upper-case hexadecimal digits.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len().saturating_mul(2)), |mut out, octet| {
        // Writing into a String cannot fail.
        write!(out, "{octet:02x}").ok();
        out
    })
}

/// Netstrings, one after the other.
struct Statement(Vec<u8>);

impl Statement {
    fn new(kind: &str) -> Self {
        let mut statement = Self(Vec::with_capacity(512));
        statement.text(kind);
        statement
    }

    fn text(&mut self, field: &str) -> &mut Self {
        self.0.extend_from_slice(field.len().to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(field.as_bytes());
        self.0.push(b',');
        self
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.text(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of docs/audit.md, computed there by other means (coreutils).
    #[test]
    fn the_documented_example_holds() {
        let entry = Entry {
            seq: 1,
            at: 1_764_288_000_000,
            actor: "operator".to_owned(),
            action: "org.create".to_owned(),
            subject: "Contoso".to_owned(),
            detail: r#"{"mode":"enforce"}"#.to_owned(),
            private: "{}".to_owned(),
            prev_hash: FIRST_HASH.to_owned(),
            hash: String::new(),
        };
        let doc = include_str!("../../../docs/audit.md");
        let digest = entry.digest("01JD3ZV8M2T5Y7Q9W1E3R5T7Y9");
        assert!(doc.contains(&digest), "docs/audit.md shows another hash than {digest}");
        let salted = commitment(&[0; 32], r#""called back""#);
        assert!(doc.contains(&salted), "docs/audit.md shows another commitment than {salted}");
    }

    #[test]
    fn no_field_runs_into_the_next() {
        let entry = |actor: &str, action: &str| Entry {
            seq: 1,
            at: 0,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: String::new(),
            detail: "{}".to_owned(),
            private: "{}".to_owned(),
            prev_hash: FIRST_HASH.to_owned(),
            hash: String::new(),
        };
        assert_ne!(entry("a", "bc").digest("o"), entry("ab", "c").digest("o"));
        assert_ne!(entry("a,1:b", "").digest("o"), entry("a", "b").digest("o"));
        assert_ne!(entry("a", "b").digest("o"), entry("a", "b").digest("p"));
    }

    #[test]
    fn hexadecimal_goes_both_ways_and_nothing_else_does() {
        assert_eq!(from_hex("00fFa0"), Some(vec![0, 255, 160]));
        assert_eq!(hex(&[0, 255, 160]), "00ffa0");
        for wrong in ["0", "0g", "é", "+1"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
