//! What could not be read, by reason.

use crate::model::{DocumentFacts, Evidence};
use std::collections::BTreeSet;

/// What a gap names that concerns the message as a whole.
const WHOLE: &str = "message";

/// Counts each unread thing once, although the parser, the reader and the document report may all name it. Things of
/// one name stay apart by their reason: a second `invoice.pdf` must not hide behind the first.
pub(super) fn documents(evidence: &Evidence) -> DocumentFacts {
    let claims = &evidence.claims;
    let gaps = evidence
        .message
        .gaps
        .iter()
        .chain(&claims.unchecked)
        .map(|gap| (gap.what.as_str(), gap.why.as_str()));
    let reports = claims.documents.iter().filter(|report| !report.read);
    let reported = reports.map(|report| (report.name.as_str(), report.error.as_deref().unwrap_or("format")));
    let mut named = BTreeSet::new();
    let mut facts = DocumentFacts { total: count(claims.documents.len()), ..DocumentFacts::default() };
    for (what, why) in gaps.chain(reported) {
        if !named.insert((what, why)) {
            continue;
        }
        facts.unread += 1;
        // Each attachment has a report; limits of the whole message may concern any of them.
        let attachment = what == WHOLE || claims.documents.iter().any(|report| report.name == what);
        facts.in_text += i64::from(!attachment && !matches!(why, "password" | "encrypted"));
        let counter = match why {
            "password" | "encrypted" => &mut facts.encrypted,
            "unsupported" => &mut facts.unsupported,
            "limit" => &mut facts.limited,
            "timeout" => &mut facts.timed_out,
            _ => &mut facts.unreadable,
        };
        *counter += 1;
    }
    facts
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
