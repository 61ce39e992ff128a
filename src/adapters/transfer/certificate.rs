//! What an erasure leaves: a signed statement of what is gone, what remains and why.

use super::file::{from_hex, hex};
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::store::OrganisationErasure;
use crate::ports::PortError;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Something that an erasure cannot reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// What, and where.
    pub what: String,
    /// Why, and what it still tells.
    pub why: String,
    /// Until when, in words or RFC 3339.
    pub until: String,
}

/// The statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// `sentra-erasure-v1`.
    pub form: String,
    /// What was erased, and what there was when the keys were destroyed.
    pub erased: OrganisationErasure,
    /// When everything was gone, RFC 3339.
    pub finished_at: String,
    /// An earlier run was interrupted and this one ended it.
    pub resumed: bool,
    /// Anchors of the audit that were removed.
    pub anchors: u64,
    /// Version of the program.
    pub program: String,
    /// Where: the database, without credentials.
    pub database: String,
    /// What is left, why and until when.
    pub remains: Vec<Remains>,
}

/// The statement with the installation's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The statement.
    pub certificate: Certificate,
    /// Ed25519 public key of the installation's statements, hexadecimal.
    pub public_key: String,
    /// Signature of the statement as JSON without white space, hexadecimal.
    pub signature: String,
}

impl Certificate {
    /// Signs it by the installation's master key.
    ///
    /// # Errors
    /// [`PortError`] of the keys.
    pub fn sign(self, keyring: &LocalKeyring) -> Result<Signed, PortError> {
        let (public_key, signature) = keyring.sign_statement(&self.statement())?;
        Ok(Signed { certificate: self, public_key: hex(&public_key), signature: hex(&signature) })
    }

    fn statement(&self) -> Vec<u8> {
        // Plain data: serialising it cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Signed {
    /// Whether this installation signed it, as it stands.
    #[must_use]
    pub fn holds(&self, keyring: &LocalKeyring) -> bool {
        let (key, signature) = (from_hex(&self.public_key), from_hex(&self.signature));
        key.zip(signature).is_some_and(|(key, signature)| {
            keyring.verifies_statement(&self.certificate.statement(), &key, &signature)
        })
    }

    /// SHA-256 of the signed statement, hexadecimal: what the audits of others note.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(digest(&SHA256, &self.certificate.statement()).as_ref())
    }

    /// As people read it.
    #[must_use]
    pub fn text(&self) -> String {
        let Certificate { erased, finished_at, remains, .. } = &self.certificate;
        let mut out = format!(
            "Certificate of erasure\n\nThe organisation {:?} ({}) was erased from {}.\n\n",
            erased.name, erased.org, self.certificate.database
        );
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing into a String cannot fail.
            out.write_fmt(text).and_then(|()| out.write_char('\n')).ok();
        };
        line(format_args!(
            "Keys destroyed   {} ({} keys), by {}",
            when(erased.at),
            erased.keys,
            erased.actor
        ));
        line(format_args!("Everything gone  {finished_at}"));
        line(format_args!("Rows             {}", erased.rows.values().sum::<u64>()));
        for (table, count) in &erased.rows {
            line(format_args!("  {table:<22} {count}"));
        }
        line(format_args!("Bodies           {} of held mail", erased.bodies));
        line(format_args!("Undecided        {} entries waited for a decision", erased.undecided));
        line(format_args!("Unsent           {} messages were not sent any more", erased.unsent));
        line(format_args!(
            "Audit            {} entries, the last with hash {}",
            erased.audit_head.0, erased.audit_head.1
        ));
        line(format_args!("                 {} anchors removed", self.certificate.anchors));
        line(format_args!("\nWhat remains"));
        if remains.is_empty() {
            line(format_args!("  nothing that this installation knows of"));
        }
        for left in remains {
            line(format_args!("  {}\n    why:   {}\n    until: {}", left.what, left.why, left.until));
        }
        line(format_args!("\nSigned with Ed25519 key {}\nSignature {}", self.public_key, self.signature));
        out
    }
}

/// RFC 3339, UTC.
pub(super) fn when(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms).saturating_mul(1_000_000));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

impl Certificate {
    /// A certificate that everything is gone at `now`, Unix milliseconds.
    #[must_use]
    pub fn of(erased: OrganisationErasure, now: i64, database: String, remains: Vec<Remains>) -> Self {
        Self {
            form: "sentra-erasure-v1".to_owned(),
            erased,
            finished_at: when(now),
            resumed: false,
            anchors: 0,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            database,
            remains,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::keyring::MasterKey;
    use std::collections::BTreeMap;

    #[test]
    fn a_certificate_holds_as_it_stands_and_reads_well() {
        let erased = OrganisationErasure {
            org: "01AAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            name: "Acme".to_owned(),
            actor: "operator".to_owned(),
            at: 1_790_000_000_000,
            rows: BTreeMap::from([("messages".to_owned(), 4)]),
            bodies: 2,
            undecided: 1,
            unsent: 0,
            keys: 3,
            audit_head: (12, "ab".repeat(32)),
            audit_signature: "cd".repeat(64),
        };
        let remains = Remains {
            what: "1 backup".to_owned(),
            why: "it holds the wrapped keys".to_owned(),
            until: "2027-01-01T00:00:00Z".to_owned(),
        };
        let certificate = Certificate::of(erased, 1_790_000_005_000, "sentra.db".to_owned(), vec![remains]);
        let ring = LocalKeyring::new(&MasterKey::from_bytes([1; 32])).unwrap();
        let signed = certificate.sign(&ring).unwrap();
        assert!(signed.holds(&ring));
        let read: Signed = serde_json::from_str(&serde_json::to_string_pretty(&signed).unwrap()).unwrap();
        assert!(read.holds(&ring) && read.hash() == signed.hash());
        let mut altered = signed.clone();
        altered.certificate.erased.bodies = 3;
        assert!(!altered.holds(&ring));
        let other = LocalKeyring::new(&MasterKey::from_bytes([2; 32])).unwrap();
        assert!(!signed.holds(&other), "another installation");
        let text = signed.text();
        for part in ["\"Acme\"", "messages               4", "12 entries", "1 backup", "until: 2027"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
