//! The chain that a message brings: its sets, and whether it holds.

use super::canonical::{Field, fields};
use crate::adapters::dns::Dns;
use crate::limits;
use bytes::Bytes;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// How a chain stands (RFC 8617 section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is none.
    None,
    /// Every seal and the newest message signature hold.
    Pass,
    /// It is broken, or was altered.
    Fail,
    /// It was found broken by an earlier sealer, or is as long as it may be: nothing is added to it (section 5.1).
    Over,
    /// DNS did not answer: nothing may be said for ever about what could not be looked at.
    Unknown,
}

impl Standing {
    /// The word for `cv=` and `arc=`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail | Self::Over => "fail",
            Self::Unknown => "temperror",
        }
    }
}

/// The chain of a message as it came.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) standing: Standing,
    /// The highest instance that any of its fields names.
    pub(super) highest: u32,
    /// Canonical fields of all sets, oldest first, each set in the order results, signature, seal. Only of a chain that
    /// passes.
    pub(super) covered: Vec<Vec<u8>>,
    /// Domain of the newest seal.
    pub(super) sealer: Option<String>,
}

const NAMES: [&str; 3] = ["arc-authentication-results", "arc-message-signature", "arc-seal"];

impl Chain {
    /// Reads and verifies the chain, asking DNS for its keys.
    pub(super) async fn read(dns: &Dns, received: Bytes, deadline: Instant) -> Self {
        let head = head(&received);
        let shape = Shape::of(&fields(head));
        let mut chain = Self {
            standing: Standing::None,
            highest: shape.highest,
            covered: Vec::new(),
            sealer: shape.sealer,
        };
        if shape.highest == 0 {
            return chain;
        }
        if shape.ended || shape.highest >= limits::MAX_ARC_SETS {
            return Self { standing: Standing::Over, ..chain };
        }
        if !shape.whole {
            return Self { standing: Standing::Fail, ..chain };
        }
        let Ok(Ok(resolver)) = timeout_at(deadline, dns.resolver()).await else {
            return Self { standing: Standing::Unknown, ..chain };
        };
        let authenticator = MessageAuthenticator(resolver.clone());
        let handle = Handle::current();
        let octets = received.clone();
        let work = tokio::task::spawn_blocking(move || {
            let Some(message) = AuthenticatedMessage::parse(&octets) else { return Standing::Fail };
            handle
                .block_on(timeout_at(deadline, authenticator.verify_arc(&message)))
                .map_or(Standing::Unknown, |output| standing(output.result()))
        });
        // A panic there is a failure to look.
        chain.standing = work.await.unwrap_or(Standing::Unknown);
        if chain.standing == Standing::Pass {
            chain.covered = shape.covered;
        }
        chain
    }
}

fn standing(result: &DkimResult) -> Standing {
    match result {
        DkimResult::Pass => Standing::Pass,
        DkimResult::TempError(_) => Standing::Unknown,
        DkimResult::None | DkimResult::Neutral(_) | DkimResult::Fail(_) | DkimResult::PermError(_) => {
            Standing::Fail
        }
    }
}

/// The header section, at most as much as one may be.
fn head(octets: &[u8]) -> &[u8] {
    let most = octets.get(..limits::MAX_SEALED_HEAD).unwrap_or(octets);
    let end = memchr::memmem::find(most, b"\r\n\r\n").map_or(most.len(), |at| at.saturating_add(2));
    most.get(..end).unwrap_or(most)
}

/// What the fields look like before any key is asked for.
struct Shape {
    highest: u32,
    /// Exactly one field of each kind for each instance from 1.
    whole: bool,
    /// The newest seal says `cv=fail`.
    ended: bool,
    covered: Vec<Vec<u8>>,
    sealer: Option<String>,
}

impl Shape {
    fn of(fields: &[Field<'_>]) -> Self {
        let mut found: Vec<(u32, usize, &Field<'_>)> = Vec::new();
        let mut whole = true;
        for field in fields {
            let Some(kind) = NAMES.iter().position(|name| field.is(name)) else { continue };
            match instance(field) {
                Some(i) => found.push((i, kind, field)),
                None => whole = false,
            }
        }
        found.sort_by_key(|(i, kind, _)| (*i, *kind));
        let highest = found.last().map_or(0, |(i, ..)| *i);
        let expected = (1..=highest).flat_map(|i| (0..NAMES.len()).map(move |kind| (i, kind)));
        whole &= found.iter().map(|(i, kind, _)| (*i, *kind)).eq(expected);
        let newest = found.last().filter(|(_, kind, _)| *kind == 2).map(|(_, _, field)| *field);
        let newest_tag = |name: &str| newest.and_then(|field| tag(field.value, name));
        Self {
            // A field without an instance makes a chain that cannot be whole.
            highest: if highest == 0 && !whole { 1 } else { highest },
            whole,
            ended: newest_tag("cv").is_some_and(|cv| cv.eq_ignore_ascii_case("fail")),
            covered: found.iter().map(|(_, _, field)| field.relaxed()).collect(),
            sealer: newest_tag("d"),
        }
    }
}

/// See [`super::shape`].
pub(super) fn shape(octets: &[u8]) -> (u32, bool, usize) {
    let shape = Shape::of(&fields(head(octets)));
    let signed = AuthenticatedMessage::parse(octets).map_or(0, |message| {
        let signatures = message.dkim_headers.len();
        signatures.saturating_add(message.as_headers.len()).saturating_add(message.ams_headers.len())
    });
    (shape.highest, shape.whole, signed)
}

/// `i=` of an ARC field, 1 to 50 (section 4.2.1). In the results it stands first.
fn instance(field: &Field<'_>) -> Option<u32> {
    let number = tag(field.value, "i")?.parse().ok()?;
    (1..=limits::MAX_ARC_SETS).contains(&number).then_some(number)
}

/// The value of a tag, white space removed (RFC 6376 section 3.2).
fn tag(value: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let (_, value) = text
        .split(';')
        .filter_map(|item| item.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(i: u32, cv: &str) -> String {
        format!(
            "ARC-Seal: i={i}; a=rsa-sha256; cv={cv}; d=a.example; s=x; b=\r\nARC-Message-Signature: i={i}; bh=\r\n\
             ARC-Authentication-Results: i={i}; mx.example; spf=pass\r\n"
        )
    }

    #[test]
    fn a_chain_is_whole_or_it_is_broken() {
        let (one, two) = (set(1, "none"), set(2, "pass"));
        for (name, head, highest, whole, ended) in [
            ("none", "From: a\r\n".to_owned(), 0, true, false),
            ("one", one.clone(), 1, true, false),
            ("two, any order", format!("{one}{two}"), 2, true, false),
            ("a gap", two.clone(), 2, false, false),
            ("twice", format!("{one}{one}"), 1, false, false),
            ("a part", "ARC-Seal: i=1; cv=none; d=a\r\n".to_owned(), 1, false, false),
            ("no instance", format!("ARC-Seal: cv=none\r\n{one}"), 1, false, false),
            ("only no instance", "ARC-Seal: cv=none\r\n".to_owned(), 1, false, false),
            ("beyond the limit", set(51, "pass"), 1, false, false),
            ("ended", format!("{}{one}", set(2, "fail")), 2, true, true),
        ] {
            let shape = Shape::of(&fields(head.as_bytes()));
            assert_eq!((shape.highest, shape.whole, shape.ended), (highest, whole, ended), "{name}");
        }
    }
}
