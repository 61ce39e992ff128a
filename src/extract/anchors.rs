//! Links whose text shows one address and which lead to another.

use crate::limits::MAX_MISLEADING_LINKS;
use crate::model::{Domain, EmailAddress, MisleadingLink, PaymentClaims};
use std::net::Ipv4Addr;

/// Compares what a link shows with where it leads, and takes up what differs by its registrable domain.
pub(super) fn read(anchors: &[(String, String)], claims: &mut PaymentClaims) {
    for (shown, target) in anchors {
        let Some(link) = misleading(shown, target) else { continue };
        if claims.links.len() < MAX_MISLEADING_LINKS && !claims.links.contains(&link) {
            claims.links.push(link);
        }
    }
}

/// What a link shows and where it leads, where these are two registrable domains.
pub(super) fn misleading(shown: &str, target: &str) -> Option<MisleadingLink> {
    let (shown, target) = shown_domain(shown).zip(target_domain(target))?;
    (shown.registrable() != target.registrable()).then_some(MisleadingLink { shown, target })
}

/// The domain that a text shows, if it is nothing but an address.
fn shown_domain(text: &str) -> Option<Domain> {
    let text = text.trim().trim_end_matches(['.', ',', '>']).trim_start_matches('<');
    if text.is_empty() || text.len() > 300 || text.contains(char::is_whitespace) {
        return None;
    }
    if let Ok(address) = EmailAddress::parse(text) {
        return dotted(address.domain().clone());
    }
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    // `Rechnung.pdf` and `z.B.` are no addresses: without a scheme a text must begin like one.
    let bare = bare.or_else(|| lower.starts_with("www.").then_some(lower.as_str()))?;
    host(bare)
}

/// The domain that a link leads to.
pub(super) fn target_domain(target: &str) -> Option<Domain> {
    let lower = target.trim().to_lowercase();
    if let Some(address) = lower.strip_prefix("mailto:") {
        let address = address.split('?').next()?;
        return EmailAddress::parse(address).ok().and_then(|address| dotted(address.domain().clone()));
    }
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))?;
    // A bare address is nobody's, and nobody who is shown.
    match name(rest)?.parse::<Ipv4Addr>() {
        Ok(address) => Domain::parse(&format!("[{address}]")).ok(),
        Err(_) => host(rest),
    }
}

fn name(rest: &str) -> Option<&str> {
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    // `https://acme.example@evil.example` leads to the second.
    authority.rsplit('@').next()?.split(':').next()
}

fn host(rest: &str) -> Option<Domain> {
    Domain::parse(name(rest)?).ok().and_then(dotted)
}

/// Without single labels and numbers.
fn dotted(domain: Domain) -> Option<Domain> {
    let top = domain.as_str().rsplit('.').next()?;
    let named = domain.as_str().contains('.') && top.chars().any(|c| c.is_ascii_alphabetic());
    named.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_compared_with_where_it_leads() {
        for (name, shown, target, expected) in [
            ("another domain", "https://www.acme.example/pay", "https://evil.example/x", true),
            ("another domain, no scheme", "www.acme.example", "http://evil.example", true),
            ("before the at sign", "https://acme.example", "https://acme.example@evil.example/", true),
            ("a mail address", "accounts@acme.example", "mailto:accounts@evil.example?subject=x", true),
            ("a bare address", "https://acme.example", "http://203.0.113.9/pay", true),
            ("the same", "https://acme.example/pay", "https://acme.example/pay?id=1", false),
            ("below the same", "www.acme.example", "https://click.acme.example/1", false),
            ("words", "Pay now", "https://evil.example", false),
            ("a file name", "invoice.pdf", "https://evil.example", false),
            ("inside the page", "https://acme.example", "#top", false),
            ("no name", "http://10.0.0.1/", "https://evil.example", false),
        ] {
            let mut claims = PaymentClaims::default();
            read(&[(shown.to_owned(), target.to_owned())], &mut claims);
            assert_eq!(!claims.links.is_empty(), expected, "{name}");
        }
        let many: Vec<_> =
            (0..100).map(|n| (format!("www.a{n}.example"), "https://b.example".to_owned())).collect();
        let mut claims = PaymentClaims::default();
        read(&many, &mut claims);
        assert_eq!(claims.links.len(), MAX_MISLEADING_LINKS);
    }
}
