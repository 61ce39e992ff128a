//! An audit export: one file of JSON lines that proves itself.
//!
//! In this order: a `header`, the organisation's `key`s, the `checkpoint` the chain goes on from (if it was pruned), the
//! `anchor`s, the entries (`entry`), and last the signed `head`: a file that was cut lacks it. Everything needed
//! to verify is inside; [`verify`] reads it a line at a time and needs neither configuration nor database nor key.

use super::chain::{Anchor, Checkpoint, Entry, Head, PublicKey, Revealed};
use super::report::{Completeness, Report, Start};
use super::verify::Verifier;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};

/// The word in the header.
pub const FORMAT: &str = "sentra-audit-export-v1";

/// How to verify, for whoever finds the file alone.
pub const README: &str = "Audit of one organisation. Verify with `sentra audit verify FILE [--anchors DIR] [--key HEX]`, or by \
docs/audit.md: each entry's `hash` is SHA-256 over netstrings (length in octets, `:`, octets, `,`) of sentra-audit-v2, \
org, seq, at, actor, action, subject, detail, private, prev_hash; `prev_hash` is the hash before it, 64 zeros in the \
first; the head's signature is Ed25519 over netstrings of sentra-audit-head-v1, org, seq, at, hash by one of the keys. \
`private` holds SHA-256(salt, value) for each private field. Compare the key with one you have from elsewhere.";

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// First line.
    Header(Header),
    /// A public signing key.
    Key(Key),
    /// Where a pruned chain goes on from.
    Checkpoint(Checkpoint),
    /// An anchor as it was written to the anchor store.
    Anchor(Anchor),
    /// An entry.
    Entry(EntryLine),
    /// Last line.
    Head(Head),
}

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// Organisation id.
    pub org: String,
    /// Its name.
    pub name: String,
    /// Unix milliseconds.
    pub exported_at: i64,
    /// Where the entries begin.
    pub start: Begin,
    /// [`README`].
    pub readme: String,
}

/// Where the entries of an export begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Begin {
    /// At the chain's first entry.
    Genesis,
    /// After the checkpoint of the export.
    Checkpoint,
    /// In the middle, after this entry.
    Partial {
        /// Number of the entry before.
        seq: i64,
        /// Its hash.
        hash: String,
    },
}

/// A public signing key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    /// Number of the key.
    pub key_id: i64,
    /// 64 hexadecimal digits.
    pub public_key: String,
    /// Unix milliseconds.
    pub valid_from: i64,
    /// Unix milliseconds: when the next key took its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub valid_until: Option<i64>,
}

/// An entry with what stands beside the chain, as far as the exporter was asked to reveal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EntryLine {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// Private fields with their salts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revealed: BTreeMap<String, Revealed>,
    /// Private fields that were erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
    /// Who stands behind pseudonyms. Not part of any proof.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub persons: BTreeMap<String, String>,
}

/// Writes one line.
///
/// # Errors
/// The writer's.
pub fn write(line: &Line, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Why an export could not be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file or the anchors could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is not what an export has there.
    #[error("line {0} is not a line of an audit export, or stands in the wrong place")]
    Line(u64),
    /// A line is too long.
    #[error("line {0} is longer than {most} octets", most = limits::MAX_AUDIT_LINE)]
    TooLong(u64),
    /// Anchors that are too many.
    #[error("there are more than {most} anchors", most = limits::MAX_AUDIT_ANCHORS)]
    TooManyAnchors,
}

/// Reads the anchors of one organisation.
pub type ReadAnchors<'a> = dyn Fn(&str) -> io::Result<Vec<Anchor>> + 'a;

/// What is brought to the verification besides the export.
pub struct Evidence<'a> {
    /// Anchors of an organisation that were kept elsewhere; `None`: none were given.
    pub anchors: Option<&'a ReadAnchors<'a>>,
    /// Keys known from elsewhere; empty: those in the export are believed, and the report says so.
    pub keys: &'a [PublicKey],
}

/// What an export proves.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Name of the organisation as the header gives it.
    pub name: String,
    /// The report.
    pub report: Report,
    /// The keys that were believed.
    pub keys: Vec<PublicKey>,
}

/// Verifies an export, a line at a time.
///
/// # Errors
/// [`BundleError`] when it cannot be read; a broken chain is an answer, not an error.
pub fn verify(input: &mut dyn BufRead, evidence: &Evidence<'_>) -> Result<Verified, BundleError> {
    let mut lines = Lines { input, number: 0 };
    let Some(Line::Header(header)) = lines.next()? else { return Err(BundleError::Line(1)) };
    if header.format != FORMAT {
        return Err(BundleError::Line(1));
    }
    let mut preamble = Preamble::default();
    let mut line = lines.next()?;
    while let Some(next) = line {
        match next {
            Line::Key(key) => preamble.keys.push(key),
            Line::Checkpoint(checkpoint) if preamble.checkpoint.is_none() => {
                preamble.checkpoint = Some(checkpoint);
            }
            Line::Anchor(_) if preamble.anchors.len() >= limits::MAX_AUDIT_ANCHORS => {
                return Err(BundleError::TooManyAnchors);
            }
            Line::Anchor(anchor) => preamble.anchors.push(anchor),
            other => {
                line = Some(other);
                break;
            }
        }
        line = lines.next()?;
    }
    let keys = preamble.keys(evidence)?;
    let accepts =
        |statement: &[u8], signature: &[u8]| keys.iter().any(|key| key.accepts(statement, signature));
    let mut verifier = Verifier::new(&header.org, &accepts);
    let independent = preamble.begin(&header, evidence, &mut verifier)?;
    let head = walk(line, &mut lines, &mut verifier)?;
    let mut report = verifier.finish(head.as_ref());
    say_what_came_with_it(&mut report, independent, evidence.keys.is_empty());
    Ok(Verified { name: header.name, report, keys })
}

/// What stands between header and entries.
#[derive(Default)]
struct Preamble {
    keys: Vec<Key>,
    checkpoint: Option<Checkpoint>,
    anchors: Vec<Anchor>,
}

impl Preamble {
    fn keys(&self, evidence: &Evidence<'_>) -> Result<Vec<PublicKey>, BundleError> {
        if !evidence.keys.is_empty() {
            return Ok(evidence.keys.to_vec());
        }
        let parsed = self.keys.iter().map(|key| PublicKey::from_hex(&key.public_key));
        parsed.collect::<Result<_, _>>().map_err(|_| BundleError::Line(2))
    }

    /// Gives the verifier anchors and start. Returns whether the anchors came from elsewhere.
    fn begin(
        self,
        header: &Header,
        evidence: &Evidence<'_>,
        verifier: &mut Verifier<'_>,
    ) -> Result<bool, BundleError> {
        let independent = evidence.anchors.is_some();
        verifier.anchors(match evidence.anchors {
            Some(read) => read(&header.org)?,
            None => self.anchors,
        });
        match (&header.start, self.checkpoint) {
            (Begin::Genesis, None) => {}
            (Begin::Checkpoint, Some(checkpoint)) => verifier.checkpoint(&checkpoint),
            (Begin::Partial { seq, hash }, _) => verifier.partial(*seq, hash),
            (Begin::Genesis, Some(_)) | (Begin::Checkpoint, None) => return Err(BundleError::Line(1)),
        }
        Ok(independent)
    }
}

/// Reads the entries, and the head if it is there.
fn walk(
    mut line: Option<Line>,
    lines: &mut Lines<'_>,
    verifier: &mut Verifier<'_>,
) -> Result<Option<Head>, BundleError> {
    while let Some(next) = line {
        match next {
            Line::Entry(line) => {
                verifier.entry(&line.entry);
                verifier.private(&line.entry, &line.revealed, &line.erased);
            }
            Line::Head(head) => {
                // Whatever follows the head was put in.
                return if lines.next()?.is_none() {
                    Ok(Some(head))
                } else {
                    Err(BundleError::Line(lines.number))
                };
            }
            _ => return Err(BundleError::Line(lines.number)),
        }
        line = lines.next()?;
    }
    Ok(None)
}

/// Evidence that came in the same file proves nothing against whoever made the file.
fn say_what_came_with_it(report: &mut Report, independent: bool, own_keys: bool) {
    if !independent {
        if report.completeness == Completeness::Anchored {
            report.completeness = Completeness::SignedHead;
        }
        if report.proof.take().is_some() {
            report.not_proven.retain(|text| !text.starts_with("that nothing is missing after"));
            report.not_proven.push(
                "that the whole chain was not set back to an older state before it was exported: \
                 the anchors that would show it came with the export; give those kept elsewhere"
                    .to_owned(),
            );
        }
    }
    if own_keys {
        report.not_proven.push(
            "that the keys are the organisation's: they came with the export; compare them with those you know, \
             or give those with --key"
                .to_owned(),
        );
    }
    if report.start == Start::Partial {
        report.not_proven.push("that the part begins where it says".to_owned());
    }
}

/// Lines of bounded length.
struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<Line>, BundleError> {
        self.number = self.number.saturating_add(1);
        let most = u64::try_from(limits::MAX_AUDIT_LINE).unwrap_or(u64::MAX);
        let mut octets = Vec::new();
        let read = (&mut *self.input).take(most).read_until(b'\n', &mut octets)?;
        if read == 0 {
            return Ok(None);
        }
        if octets.last() != Some(&b'\n') && read >= limits::MAX_AUDIT_LINE {
            return Err(BundleError::TooLong(self.number));
        }
        serde_json::from_slice(&octets).map(Some).map_err(|_| BundleError::Line(self.number))
    }
}
