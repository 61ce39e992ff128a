//! Reading the results that Exchange Online stamped on a message before it routed it to us.
//!
//! Anyone can write an `Authentication-Results` field into a message. Exchange's own is told by its place: Exchange
//! renames those it receives, and stamps its own above the `Received` field of the hop by which the message entered
//! (`by ….mail.protection.outlook.com`). So only fields above the first hop that is not Microsoft's count, that
//! entering hop included as the border, and of these only the topmost in Exchange's peculiar form without an
//! authserv-id (RFC 8601 section 2.2 would demand one).

use super::{author_domain, is_aligned};
use crate::limits;
use crate::model::{AuthMethod, AuthResults, Domain, Message, PolicyResult};
use std::net::IpAddr;

/// Results of one message by position alone: the caller has made sure that Exchange (or a file's owner) vouches for
/// the message as a whole.
#[must_use]
pub fn upstream_results(message: &Message, octets: &[u8]) -> AuthResults {
    let author = author_domain(message);
    match stamped(message, octets) {
        Some(value) => parse_results(&value, author.as_ref()),
        None => AuthResults::default(),
    }
}

/// The unfolded value of the field that Exchange stamped.
pub(super) fn stamped(message: &Message, octets: &[u8]) -> Option<String> {
    for field in message.headers.iter().take(limits::MAX_HEADER_FIELDS) {
        let value = octets.get(field.value.clone())?;
        let name = field.name.trim();
        if name.eq_ignore_ascii_case("authentication-results") {
            let value = unfold(value);
            if is_exchange_form(&value) {
                return Some(value);
            }
        } else if name.eq_ignore_ascii_case("received") && !is_inner_hop(&unfold(value)) {
            return None;
        }
    }
    None
}

/// Bounded, without line ends, lossy: only ASCII words of it are looked at.
pub(super) fn unfold(value: &[u8]) -> String {
    let value = value.get(..limits::MAX_HEADER_FIELD).unwrap_or(value);
    let text: String = String::from_utf8_lossy(value).chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    text.trim().to_owned()
}

/// Starts with a result at once: `spf=…`, or `dkim=…` on mail that stayed inside the tenant.
fn is_exchange_form(value: &str) -> bool {
    let head = value.split([';', ' ', '\t']).next().unwrap_or("").to_ascii_lowercase();
    head.starts_with("spf=") || head.starts_with("dkim=")
}

/// A hop inside Microsoft's network: what stands below it may still be Microsoft's. The entering hop, by
/// `….mail.protection.outlook.com`, or any hop from or by another host is the border.
pub(super) fn is_inner_hop(received: &str) -> bool {
    let hop = hop(received);
    let by = hop.by.to_ascii_lowercase();
    is_microsoft(&by) && !by.contains(".mail.protection.") && (hop.from.is_empty() || is_microsoft(hop.from))
}

/// One `Received` field (RFC 5321 section 4.4), as far as it is looked at.
#[derive(Debug, Default)]
pub(super) struct Hop<'a> {
    /// What the client called itself.
    pub(super) from: &'a str,
    /// What the server says of the client, behind that name.
    said: Vec<&'a str>,
    /// The server.
    by: &'a str,
}

impl Hop<'_> {
    /// The hop by which a message entered Exchange Online.
    pub(super) fn entered_exchange(&self) -> bool {
        let by = self.by.to_ascii_lowercase();
        is_microsoft(&by) && by.contains(".mail.protection.")
    }

    /// The client's address: the last one that stands in a comment, because the server's own comments stand behind
    /// whatever the client put into its name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let words = self.said.iter().rev().take(MAX_ITEMS);
        words
            .filter_map(|word| {
                word.trim_matches(['(', ')', '[', ']']).trim_start_matches("IPv6:").parse().ok()
            })
            .next()
    }
}

/// Takes a `Received` field apart. `by` inside a comment is the sender's HELO or host name talking.
pub(super) fn hop(received: &str) -> Hop<'_> {
    let mut found = Hop::default();
    let mut depth = 0_usize;
    let mut words = received.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if depth == 0 && word.eq_ignore_ascii_case("from") && found.from.is_empty() {
            found.from = words.next().unwrap_or_default();
            continue;
        }
        if depth == 0 && word.eq_ignore_ascii_case("by") {
            found.by = words.next().unwrap_or_default();
            break;
        }
        depth = depth.saturating_add(word.matches('(').count());
        depth = depth.saturating_sub(word.matches(')').count());
        found.said.push(word);
    }
    found
}

/// Host names of Exchange Online's own hops, the national clouds included.
const MICROSOFT: [&str; 5] =
    [".outlook.com", ".office365.com", ".exchangelabs.com", ".office365.us", ".partner.outlook.cn"];

fn is_microsoft(host: &str) -> bool {
    let host = host.trim_end_matches(['.', ';']).to_ascii_lowercase();
    MICROSOFT.iter().any(|suffix| host.ends_with(suffix))
}

/// One `method=result reason… ptype.property=value…` of the field.
#[derive(Debug, Default)]
struct Item {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl Item {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn domain(&self, name: &str) -> Option<Domain> {
        let value = self.property(name)?;
        let value = value.rsplit_once('@').map_or(value, |(_, domain)| domain);
        Domain::parse(value).ok().filter(|domain| domain.as_str() != "none")
    }
}

/// Parses the value of such a field (RFC 8601 grammar without authserv-id, with or without the recipient domain that
/// older Exchange repeats between results) and concludes for this author.
///
/// `dmarc=bestguesspass` (no record published) vouches for nothing. A method that is reported twice with different
/// results counts by its worse one: part of the text is copied from the sender's own addresses.
#[must_use]
pub fn parse_results(value: &str, author: Option<&Domain>) -> AuthResults {
    let items = items(value);
    let spf = worse(&items, "spf");
    let dmarc = worse(&items, "dmarc");
    let compauth = worse(&items, "compauth");
    let arc = worse(&items, "arc");
    let aligned = |item: &&Item, name: &str| {
        item.domain(name).zip(author).is_some_and(|(domain, author)| is_aligned(author, &domain))
    };
    let dkims = || items.iter().filter(|item| item.method == "dkim");
    let dkim = dkims()
        .find(|item| item.result == "pass" && aligned(item, "header.d"))
        .or_else(|| dkims().find(|item| aligned(item, "header.d")))
        .or_else(|| dkims().next());

    let mut results = AuthResults {
        known: true,
        spf: policy(spf, "smtp.mailfrom"),
        dkim: policy(dkim, "header.d"),
        dmarc: policy(dmarc, "header.from"),
        arc: policy(arc, "header.oldest-pass"),
        compauth: compauth.map(|item| item.result.clone()).unwrap_or_default(),
        compauth_reason: compauth.and_then(|item| item.property("reason")?.parse().ok()),
        ..AuthResults::default()
    };
    let passes = |item: Option<&Item>| item.is_some_and(|item| item.result == "pass");
    // Exchange speaks of the From that it saw. If that is not the one we see, it vouched for somebody else.
    let same_author = author.is_some()
        && dmarc
            .and_then(|item| item.domain("header.from"))
            .is_none_or(|domain| author.is_some_and(|author| is_aligned(author, &domain)));
    let dmarc_passes = passes(dmarc) && dmarc.is_some_and(|item| aligned(&item, "header.from"));
    let dkim_passes = passes(dkim) && dkim.is_some_and(|item| aligned(&item, "header.d"));
    let spf_passes = passes(spf) && spf.is_some_and(|item| aligned(&item, "smtp.mailfrom"));
    results.method = match (same_author, dmarc_passes, dkim_passes, spf_passes, passes(compauth)) {
        (false, ..) => AuthMethod::None,
        (_, true, ..) => AuthMethod::Dmarc,
        (_, _, true, ..) => AuthMethod::Dkim,
        (_, _, _, true, _) => AuthMethod::Spf,
        (.., true) => AuthMethod::Upstream,
        _ => AuthMethod::None,
    };
    results.authenticated = results.method != AuthMethod::None;
    results.policy = dmarc.map(|item| wanted_by_owner(item).to_owned()).unwrap_or_default();
    // Exchange's combined result outranks DMARC alone: reason 130 is a trusted ARC chain that explains the failure.
    results.failed = results.compauth == "fail" || (results.dmarc.result == "fail" && !passes(compauth));
    if results.failed {
        results.authenticated = false;
        results.method = AuthMethod::None;
    }
    results
}

/// What the domain's owner wants done with mail that fails; Exchange tells it only of mail that fails.
fn wanted_by_owner(dmarc: &Item) -> &'static str {
    match dmarc.property("action") {
        Some("none") if dmarc.result == "fail" => "none",
        Some("quarantine") => "quarantine",
        Some("reject" | "oreject" | "pct.reject") => "reject",
        _ => "",
    }
}

fn policy(item: Option<&Item>, property: &str) -> PolicyResult {
    item.map(|item| PolicyResult { result: item.result.clone(), domain: item.domain(property) })
        .unwrap_or_default()
}

/// The item of that method; of several, the first that does not pass.
fn worse<'a>(items: &'a [Item], method: &str) -> Option<&'a Item> {
    let mut of_method = items.iter().filter(|item| item.method == method);
    let first = of_method.next()?;
    if first.result == "pass" {
        of_method.find(|item| item.result != "pass").or(Some(first))
    } else {
        Some(first)
    }
}

/// Items of one field that are looked at; Exchange writes about five.
const MAX_ITEMS: usize = 32;

fn items(value: &str) -> Vec<Item> {
    let plain = without_comments(value);
    plain.split(';').take(MAX_ITEMS).filter_map(item).collect()
}

/// `None` for what has no `method=result`, such as the recipient domain of the old form.
fn item(text: &str) -> Option<Item> {
    let mut words = text.split_ascii_whitespace().map(|word| word.split_once('='));
    let (method, result) = words.next()??;
    Some(Item {
        method: method.to_ascii_lowercase(),
        result: result.to_ascii_lowercase(),
        properties: words
            .take(MAX_ITEMS)
            .flatten()
            .map(|(key, value)| (key.to_ascii_lowercase(), value.trim_matches('"').to_owned()))
            .collect(),
    })
}

/// Removes RFC 5322 comments, nested ones too; one that is never closed swallows the rest.
fn without_comments(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut depth, mut escaped) = (0_usize, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if depth > 0 => escaped = true,
            '(' => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                out.push(' ');
            }
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod tests;
