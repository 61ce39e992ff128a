//! The three fields of a set, and a DKIM signature (RFC 6376) of the same make.

use super::canonical::{Field, Outgoing, fields, relaxed};
use super::chain::{Chain, Standing};
use super::key::SealingKey;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Fields that are signed where they stand: those that a reader sees, those that make the body what it is, and the
/// sender's own signatures. Never trace fields and never what the tenant's own rules remove.
const SIGNED: [&str; 15] = [
    "from",
    "reply-to",
    "sender",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "dkim-signature",
];

/// Columns of a line of base64.
const COLUMNS: usize = 72;

/// Makes the fields for one message.
pub(super) struct Signer<'a> {
    pub(super) key: &'a SealingKey,
    /// Our authserv-id.
    pub(super) hostname: &'a str,
    /// Unix seconds.
    pub(super) seconds: i64,
    pub(super) outgoing: &'a Outgoing,
}

impl Signer<'_> {
    /// A `DKIM-Signature` by us: it vouches for the message as it leaves, not for its author.
    pub(super) fn dkim(&self) -> Result<String, &'static str> {
        let (names, covered) = self.headers(None)?;
        let start = format!("v=1; a=rsa-sha256; c=relaxed/relaxed; {}", self.tags(&names));
        self.signed("DKIM-Signature", &start, covered)
    }

    /// The set: seal, message signature and results, in the order in which they are written.
    pub(super) fn set(
        &self,
        chain: &Chain,
        results: &[String],
        signature: Option<&str>,
    ) -> Result<String, &'static str> {
        let i = chain.highest.saturating_add(1);
        let aar = self.results(i, chain, results);
        let (names, covered) = self.headers(signature)?;
        let start = format!("i={i}; a=rsa-sha256; c=relaxed/relaxed; {}", self.tags(&names));
        let ams = self.signed("ARC-Message-Signature", &start, covered)?;
        // Section 5.1.2: under a failed chain the seal covers our own set alone, as if there were no other.
        let mut covered = match chain.standing {
            Standing::Pass => chain.covered.clone(),
            _ => Vec::new(),
        };
        for field in fields(format!("{aar}{ams}").as_bytes()) {
            covered.push(field.relaxed());
        }
        let SealingKey { domain, selector, .. } = self.key;
        let (cv, t) = (chain.standing.as_str(), self.seconds);
        let start = format!("i={i}; a=rsa-sha256; t={t}; cv={cv};\r\n d={domain}; s={selector};");
        let seal = self.signed("ARC-Seal", &start, covered)?;
        Ok(format!("{seal}{ams}{aar}"))
    }

    /// `ARC-Authentication-Results`: what we know of the sender, and what we found of the chain.
    fn results(&self, i: u32, chain: &Chain, results: &[String]) -> String {
        let mut out = format!("ARC-Authentication-Results: i={i}; {}", self.hostname);
        for result in results {
            out.push_str(";\r\n ");
            out.push_str(result);
        }
        out.push_str(";\r\n arc=");
        out.push_str(chain.standing.as_str());
        if let Some(sealer) = chain.sealer.as_deref().filter(|name| is_domain(name)) {
            out.push_str(" header.d=");
            out.push_str(sealer);
        }
        out.push_str("\r\n");
        out
    }

    /// The tags that message signature and DKIM signature share.
    fn tags(&self, names: &[String]) -> String {
        let SealingKey { domain, selector, .. } = self.key;
        let body = STANDARD.encode(self.outgoing.body_hash());
        let mut listed = String::from("h=");
        let mut column = listed.len();
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                listed.push(':');
            }
            if column.saturating_add(name.len()) > COLUMNS {
                listed.push_str("\r\n ");
                column = 0;
            }
            listed.push_str(name);
            column = column.saturating_add(name.len()).saturating_add(1);
        }
        format!("d={domain}; s={selector};\r\n t={}; {listed};\r\n bh={body};", self.seconds)
    }

    /// Names for `h=` and the canonical fields they cover: every instance from the bottom up, as section 5.4.2 of RFC
    /// 6376 counts them, and `from` once more, so that none can be added.
    fn headers(&self, above: Option<&str>) -> Result<(Vec<String>, Vec<Vec<u8>>), &'static str> {
        let own = above.map(|field| fields(field.as_bytes())).unwrap_or_default();
        let all = fields(&self.outgoing.head);
        let signed = |field: &&Field<'_>| SIGNED.iter().any(|name| field.is(name));
        let chosen: Vec<&Field<'_>> = own.iter().chain(&all).filter(signed).collect();
        if chosen.len() > limits::MAX_SIGNED_FIELDS {
            return Err("too_many_fields");
        }
        if !chosen.iter().any(|field| field.is("from")) {
            return Err("no_author");
        }
        let mut names = Vec::with_capacity(chosen.len().saturating_add(1));
        let mut covered = Vec::with_capacity(chosen.len());
        for field in chosen.iter().rev() {
            names.push(String::from_utf8_lossy(field.name).to_ascii_lowercase());
            covered.push(field.relaxed());
        }
        names.push("from".to_owned());
        Ok((names, covered))
    }

    /// A field whose `b=` is the signature over what is covered and the field itself.
    fn signed(&self, name: &str, start: &str, covered: Vec<Vec<u8>>) -> Result<String, &'static str> {
        let unsigned = format!(" {start}\r\n b=");
        let mut text = Vec::new();
        for field in covered {
            text.extend_from_slice(&field);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(&relaxed(name.as_bytes(), unsigned.as_bytes()));
        let signature = self.key.sign(&text).ok_or("signing_failed")?;
        let mut out = format!("{name}:{unsigned}");
        let encoded = STANDARD.encode(signature);
        for (index, line) in encoded.as_bytes().chunks(COLUMNS).enumerate() {
            if index > 0 {
                out.push_str("\r\n ");
            }
            out.push_str(&String::from_utf8_lossy(line));
        }
        out.push_str("\r\n");
        Ok(out)
    }
}

/// What a foreign seal calls its domain may go into a field of ours.
fn is_domain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'.' || octet == b'-')
}
