//! The loop guard: `X-Sentra-Trace`, a signed note of how often a message passed us for whom.
//!
//! Recipients appear as short keyed codes bound to the Message-ID, so the field tells nobody an address, and one that
//! is copied to another message, recipient or organisation counts nothing.

use super::fields::{Fields, first_value};
use crate::limits::{MAX_TRACE_FIELDS, MAX_TRACE_RECIPIENTS};
use crate::model::{Fingerprint, OrgId, Organisation, Recipient};
use crate::ports::{Keyring, PortError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Field name.
pub(super) const NAME: &str = "X-Sentra-Trace";

/// A verified trace: recipients of that pass, then those of earlier ones, each with its number of passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) current: Vec<String>,
    pub(super) passes: usize,
    pub(super) older: Vec<(String, usize)>,
}

impl Trace {
    fn count(&self, code: &str) -> usize {
        if self.current.iter().any(|c| c == code) {
            return self.passes;
        }
        self.older.iter().find(|(c, _)| c == code).map_or(0, |(_, passes)| *passes)
    }

    fn lists(&self) -> (String, String) {
        let older: Vec<String> = self.older.iter().map(|(code, passes)| format!("{code}.{passes}")).collect();
        (self.current.join(","), older.join(","))
    }
}

/// How often this message already passed us for any of these recipients, by verified trace fields.
///
/// 0 when the organisation's keys are not loaded: then the message cannot be composed either.
#[must_use]
pub fn passes(
    octets: &[u8],
    organisation: &Organisation,
    recipients: &[Recipient],
    keyring: &dyn Keyring,
) -> usize {
    let message_id = first_value(octets, "message-id");
    let traces = read(octets, organisation.id, &message_id, keyring);
    if traces.is_empty() {
        return 0;
    }
    let codes =
        known_codes(organisation.id, &message_id, &addresses(recipients), keyring).unwrap_or_default();
    codes.iter().flat_map(|code| traces.iter().map(|trace| trace.count(code))).max().unwrap_or(0)
}

/// Folded addresses, sorted, each once: the form of the signed texts.
pub(super) fn addresses(recipients: &[Recipient]) -> Vec<String> {
    let mut folded: Vec<String> = recipients.iter().map(|r| r.address.folded()).collect();
    folded.sort_unstable();
    folded.dedup();
    folded
}

/// The keyed code of each address (sorted, at most [`MAX_TRACE_RECIPIENTS`]).
pub(super) fn codes(
    org: OrgId,
    message_id: &str,
    addresses: &[String],
    keyring: &dyn Keyring,
) -> Result<Vec<String>, PortError> {
    let code = |address: &String| {
        Ok(shortened(&keyring.fingerprint_text(org, "trace", &coded_text(message_id, address))?))
    };
    addresses.iter().take(MAX_TRACE_RECIPIENTS).map(code).collect()
}

/// Every code that an address can have been given: also those under fingerprint keys of before, which mail on its way
/// may still carry.
pub(super) fn known_codes(
    org: OrgId,
    message_id: &str,
    addresses: &[String],
    keyring: &dyn Keyring,
) -> Result<Vec<String>, PortError> {
    let mut codes = Vec::new();
    for address in addresses.iter().take(MAX_TRACE_RECIPIENTS) {
        codes.extend(
            keyring.fingerprints_text(org, "trace", &coded_text(message_id, address))?.iter().map(shortened),
        );
    }
    Ok(codes)
}

fn coded_text(message_id: &str, address: &str) -> String {
    format!("{}:{message_id}{address}", message_id.len())
}

fn shortened(mac: &Fingerprint) -> String {
    URL_SAFE_NO_PAD.encode(mac.0.get(..9).unwrap_or_default())
}

/// The tokens of the field's value for this pass; what earlier, verified fields tell of others is kept.
pub(super) fn stamp(
    octets: &[u8],
    organisation: &Organisation,
    recipients: &[Recipient],
    passes_before: usize,
    keyring: &dyn Keyring,
) -> Result<Vec<String>, PortError> {
    let org = organisation.id;
    let message_id = first_value(octets, "message-id");
    let current = codes(org, &message_id, &addresses(recipients), keyring)?;
    let mut older: Vec<(String, usize)> = Vec::new();
    for trace in read(octets, org, &message_id, keyring) {
        let now = trace.current.iter().map(|code| (code.clone(), trace.passes));
        for (code, passes) in now.chain(trace.older.iter().cloned()) {
            let known = current.contains(&code) || older.iter().any(|(c, _)| *c == code);
            if !known && older.len() < MAX_TRACE_RECIPIENTS {
                older.push((code, passes));
            }
        }
    }
    let trace = Trace { current, passes: passes_before.saturating_add(1), older };
    let (r, o) = trace.lists();
    let signature = keyring.sign(org, &signed_text(org, &message_id, &trace))?;
    Ok(vec![
        "v=1;".to_owned(),
        format!("org={org};"),
        format!("n={};", trace.passes),
        format!("r={r};"),
        format!("o={o};"),
        format!("s={}", URL_SAFE_NO_PAD.encode(signature)),
    ])
}

/// The verified traces of a message.
pub(super) fn read(octets: &[u8], org: OrgId, message_id: &str, keyring: &dyn Keyring) -> Vec<Trace> {
    let fields = Fields::new(octets).filter(|field| field.is_named(octets, NAME));
    fields
        .take(MAX_TRACE_FIELDS)
        .filter_map(|field| {
            let (trace, signature) = parse(&field.value(octets), org)?;
            keyring.verify(org, &signed_text(org, message_id, &trace), &signature).then_some(trace)
        })
        .collect()
}

fn signed_text(org: OrgId, message_id: &str, trace: &Trace) -> Vec<u8> {
    let (r, o) = trace.lists();
    format!("sentra-trace-v1\n{org}\n{message_id}\n{}\n{r}\n{o}\n", trace.passes).into_bytes()
}

fn parse(value: &str, org: OrgId) -> Option<(Trace, Vec<u8>)> {
    let flat: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let part = |name: &str| {
        flat.split(';').find_map(|item| item.split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
    };
    if part("v")? != "1" || part("org")? != org.to_string() {
        return None;
    }
    let list = |text: &str| -> Vec<String> {
        let items = text.split(',').filter(|item| !item.is_empty());
        items.take(MAX_TRACE_RECIPIENTS + 1).map(str::to_owned).collect()
    };
    let older = list(part("o")?).into_iter().map(|item| {
        let (code, passes) = item.split_once('.')?;
        Some((code.to_owned(), passes.parse().ok()?))
    });
    let trace = Trace {
        current: list(part("r")?),
        passes: part("n")?.parse().ok()?,
        older: older.collect::<Option<Vec<_>>>()?,
    };
    Some((trace, URL_SAFE_NO_PAD.decode(part("s")?).ok()?))
}
