//! The certificate of an erasure: what went, what remains and why, signed with the organisation's signing key.
//!
//! The signature (Ed25519, RFC 8032) is over the octets of the JSON document as they are, so that anybody checks it with
//! the public key and a common tool; docs/privacy.md has the line. The text says the same for people.

use crate::adapters::keyring::LocalKeyring;
use crate::adapters::store::{Erasure, Planned, PrivacyPlace};
use crate::model::{EmailAddress, OrgId, Organisation};
use crate::ports::{Keyring as _, PortError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The first field of the document; nothing else that the key signs begins so.
const FORMAT: &str = "sentra-erasure-certificate-1";
/// What stands before the 32 octets of an Ed25519 public key in its DER form (RFC 8410 section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Something that remains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remaining {
    /// Where.
    pub place: String,
    /// Rows; `null` where none can be counted.
    pub rows: Option<u64>,
    /// Why, and until when or what to do.
    pub why: String,
}

/// The backups that were made before the erasure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupNote {
    /// How many there are; `None`: no store for backups is configured.
    pub count: Option<u64>,
    /// RFC 3339: when the last of them is over.
    pub until: String,
}

/// What the certificate says.
#[derive(Clone, Debug, Serialize)]
pub struct Certificate {
    format: &'static str,
    /// Id of the erasure, as in the audit.
    pub id: String,
    organisation: String,
    organisation_id: OrgId,
    /// Whose data.
    pub subject: String,
    reason: String,
    /// RFC 3339.
    started_at: String,
    /// RFC 3339: when what remains was looked for.
    looked_at: String,
    program: &'static str,
    /// Rows erased, by place.
    pub erased: BTreeMap<PrivacyPlace, u64>,
    /// What remains.
    pub remains: Vec<Remaining>,
    /// Hexadecimal Ed25519 public key; `sentra audit keys` prints it too.
    public_key: String,
}

/// A certificate with its signature.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The document, exactly as signed.
    pub json: String,
    /// 64 octets over it.
    pub signature: Vec<u8>,
    /// 32 octets.
    pub public_key: Vec<u8>,
    /// The same for people.
    pub text: String,
}

impl Certificate {
    /// Writes down what an erasure did and what a look afterwards (`plan`) found.
    ///
    /// # Errors
    /// [`PortError`] when the organisation's keys are not loaded.
    pub fn new(
        organisation: &Organisation,
        (erasure, subject, reason): (&Erasure, &EmailAddress, &str),
        (erased, plan): (BTreeMap<PrivacyPlace, u64>, &BTreeMap<PrivacyPlace, Planned>),
        backups: &BackupNote,
        (keyring, now_ms): (&LocalKeyring, i64),
    ) -> Result<Self, PortError> {
        let public_key = keyring.public_key(organisation.id)?;
        Ok(Self {
            format: FORMAT,
            id: erasure.id.clone(),
            organisation: organisation.name.clone(),
            organisation_id: organisation.id,
            subject: subject.folded(),
            reason: reason.trim().to_owned(),
            started_at: moment(erasure.started_at),
            looked_at: moment(now_ms),
            program: concat!("sentra ", env!("CARGO_PKG_VERSION")),
            erased,
            remains: remaining(plan, backups),
            public_key: hex(&public_key),
        })
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`PortError`] when the organisation's keys are not loaded.
    pub fn sign(&self, keyring: &LocalKeyring) -> Result<Signed, PortError> {
        let mut json = serde_json::to_string_pretty(self)
            .map_err(|error| PortError::Permanent { what: "certificate", detail: error.to_string() })?;
        json.push('\n');
        let signature = keyring.sign(self.organisation_id, json.as_bytes())?;
        let public_key = keyring.public_key(self.organisation_id)?;
        Ok(Signed { json, signature, public_key, text: self.text() })
    }

    fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        writeln!(out, "Certificate of erasure {}\n", self.id).ok();
        for (name, value) in [
            ("Organisation", &self.organisation),
            ("Person", &self.subject),
            ("Reason", &self.reason),
            ("Begun", &self.started_at),
            ("Looked again", &self.looked_at),
        ] {
            writeln!(out, "{name:<13} {value}").ok();
        }
        writeln!(out, "\nErased").ok();
        if self.erased.is_empty() {
            writeln!(out, "  nothing was there to erase").ok();
        }
        for (place, count) in &self.erased {
            writeln!(out, "  {:<12} {count:>8}", place.as_str()).ok();
        }
        writeln!(out, "\nRemains").ok();
        for left in &self.remains {
            let rows = left.rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string());
            writeln!(out, "  {:<12} {rows:>8}  {}", left.place, left.why).ok();
        }
        writeln!(out, "\nSigned by the Ed25519 key {} over certificate.json.", self.public_key).ok();
        out
    }
}

/// Rows that a look afterwards found, and what cannot be looked for.
fn remaining(plan: &BTreeMap<PrivacyPlace, Planned>, backups: &BackupNote) -> Vec<Remaining> {
    let mut remains = Vec::new();
    for (place, part) in plan {
        let place = place.as_str().to_owned();
        for (why, rows) in &part.stays {
            remains.push(Remaining { place: place.clone(), rows: Some(*rows), why: why.reason().to_owned() });
        }
        if part.goes > 0 {
            let why = "It came in while the erasure was at work; erase again.".to_owned();
            remains.push(Remaining { place, rows: Some(part.goes), why });
        }
    }
    remains.push(Remaining {
        place: "audit_chain".to_owned(),
        rows: None,
        why: "Entries of the audit stay, with salted commitments and random pseudonyms in the place of what was erased; \
              without the erased salts nobody can find the person from them."
            .to_owned(),
    });
    remains.push(Remaining { place: "backups".to_owned(), rows: None, why: of_backups(backups) });
    remains
}

fn of_backups(backups: &BackupNote) -> String {
    match backups.count {
        None => "No store for backups is configured; copies that somebody made otherwise are not known here."
            .to_owned(),
        Some(0) => "No backup made before this erasure is kept.".to_owned(),
        Some(count) => format!(
            "{count} backups made before hold the data, sealed, until {} at the latest; a restore of one erases it again \
             before it counts.",
            backups.until
        ),
    }
}

/// The public key as tools take it (RFC 8410, RFC 7468).
#[must_use]
pub fn public_key_pem(public_key: &[u8]) -> String {
    let der = [&SPKI[..], public_key].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut out, octet| {
        write!(out, "{octet:02x}").ok();
        out
    })
}

/// RFC 3339 in UTC, from Unix milliseconds.
fn moment(ms: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000));
    let format = time::format_description::well_known::Rfc3339;
    time.ok().and_then(|time| time.format(&format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::store::Stays;

    #[test]
    fn what_remains_is_named_with_its_reason() {
        let mut plan = BTreeMap::new();
        let stays = BTreeMap::from([(Stays::LegalHold, 2), (Stays::Undecided, 1)]);
        plan.insert(PrivacyPlace::Quarantine, Planned { goes: 0, stays });
        plan.insert(PrivacyPlace::Facts, Planned { goes: 3, stays: BTreeMap::new() });
        let note = BackupNote { count: Some(4), until: "2027-11-28T00:00:00Z".to_owned() };
        let remains = remaining(&plan, &note);
        let rows: Vec<(&str, Option<u64>)> =
            remains.iter().map(|left| (left.place.as_str(), left.rows)).collect();
        let expected = [
            ("quarantine", Some(2)),
            ("quarantine", Some(1)),
            ("facts", Some(3)),
            ("audit_chain", None),
            ("backups", None),
        ];
        assert_eq!(rows, expected);
        assert!(remains[4].why.contains("2027-11-28"));
        assert!(of_backups(&BackupNote::default()).starts_with("No store"));
    }
}
