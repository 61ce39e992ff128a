//! Where links lead that are to be followed for paying: links whose words say so ("Pay now"), addresses that follow such
//! words in plain text, and addresses that speak for themselves (`https://pay.…`, `…/checkout/…`).
//!
//! Which of them matter, the facts say: the page of a known service, of a supplier or of whoever writes is no news.

use super::{anchors, lexicon, percent};
use crate::limits::{MAX_PAY_LINKS, MAX_PAY_PAGES};
use crate::model::PaymentClaims;

/// Octets before an address in which words may say what it is for.
const BEFORE: usize = 80;
/// The family of such words.
const FAMILY: &str = "pay_link";
/// First names of hosts that take payments.
const HOSTS: &[&str] = &[
    "pay",
    "payment",
    "payments",
    "paynow",
    "pay-now",
    "checkout",
    "securepay",
    "secure-pay",
    "payonline",
    "billpay",
    "pay-invoice",
    "payinvoice",
    "zahlung",
    "bezahlen",
    "paiement",
    "pago",
    "pagos",
    "betalen",
    "pagamento",
    "pagamentos",
    "platnosci",
];
/// Pieces of paths that take payments, beside those of the hosts.
const PATHS: &[&str] = &["pay-online", "invoice-payment", "make-payment", "makepayment", "checkouts"];

/// Takes up the links of a page of HTML: text and target, in the order in which they stand in the visible text.
pub(super) fn of_anchors(links: &[(String, String)], visible: &str, claims: &mut PaymentClaims) {
    let mut done = 0;
    for (text, target) in links.iter().take(MAX_PAY_LINKS) {
        // "To pay, click here": the words stand before the link.
        let rest = visible.get(done..).unwrap_or_default();
        let at = (!text.is_empty()).then(|| rest.find(text.as_str())).flatten().map(|at| done + at);
        let before =
            at.and_then(|at| visible.get(super::floor(visible, at.saturating_sub(BEFORE)).max(done)..at));
        let line = before.and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
        if is_for_paying(target) || says_so(text) || says_so(line) {
            add(target, claims);
        }
        done = at.map_or(done, |at| at + text.len());
    }
}

/// Takes up targets that nobody sees, one each.
pub(super) fn of_targets(targets: &[String], claims: &mut PaymentClaims) {
    for target in targets.iter().take(MAX_PAY_LINKS).filter(|target| is_for_paying(target)) {
        add(target, claims);
    }
}

/// Takes up the addresses written out in a text.
pub(super) fn of_text(text: &str, claims: &mut PaymentClaims) {
    let mut done = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), "://").take(MAX_PAY_LINKS) {
        let scheme =
            text.get(..at).unwrap_or_default().bytes().rev().take(8).take_while(u8::is_ascii_alphabetic);
        let start = at - scheme.count();
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | ')' | '|'));
        let address = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let from = super::floor(text, start.saturating_sub(BEFORE)).max(done);
        let before = text.get(from.min(start)..start).unwrap_or_default();
        done = start + address.len();
        if is_for_paying(address) || says_so(before) {
            add(address, claims);
        }
    }
}

fn says_so(words: &str) -> bool {
    !words.trim().is_empty() && lexicon::scan(words).iter().any(|found| found.family == FAMILY)
}

/// Whether host or path speak for themselves.
fn is_for_paying(address: &str) -> bool {
    let lower = address.trim().to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) else {
        return false;
    };
    let mut pieces = rest.split(['?', '#']).next().unwrap_or_default().split('/');
    let host = pieces.next().unwrap_or_default();
    let first = host.split('.').next().unwrap_or_default();
    HOSTS.contains(&first) || pieces.take(4).any(|piece| HOSTS.contains(&piece) || PATHS.contains(&piece))
}

fn add(target: &str, claims: &mut PaymentClaims) {
    let target = behind_wrapping(target);
    let Some(domain) = anchors::target_domain(&target).filter(|_| !is_map(&target)) else { return };
    // A link to write a mail is none to pay.
    let page = !target.trim_start().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    if page && claims.pay_pages.len() < MAX_PAY_PAGES && !claims.pay_pages.contains(&domain) {
        claims.pay_pages.push(domain);
    }
}

/// Whether an address shows a place on a map of a public service, where nobody can be paid: "to pay on collection", and
/// where that is.
fn is_map(target: &str) -> bool {
    const HOSTS: [&str; 7] = [
        "maps.google.com",
        "maps.google.co.uk",
        "maps.app.goo.gl",
        "maps.apple.com",
        "www.openstreetmap.org",
        "what3words.com",
        "w3w.co",
    ];
    const PATHS: [&str; 5] = [
        "www.google.com/maps/",
        "google.com/maps/",
        "goo.gl/maps/",
        "www.google.co.uk/maps/",
        "www.bing.com/maps/",
    ];
    let lower = target.trim().to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    // A way out of the map: folded paths, redirects.
    let leaves = ["/..", "/.%", "%2e", "\\", "/url", "/amp/", "link="].iter().any(|way| rest.contains(way));
    !leaves && (HOSTS.contains(&host) || PATHS.iter().any(|path| rest.starts_with(path)))
}

/// Where an address leads that a filter or a search engine has wrapped: Safe Links (`url`), Google (`q`, `url`),
/// Proofpoint's URL Defense of version 3.
fn behind_wrapping(address: &str) -> String {
    let lower = address.to_ascii_lowercase();
    let host = lower.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    if host == "urldefense.com"
        && let Some((_, wrapped)) = address.split_once("/v3/__")
    {
        return wrapped.split("__;").next().unwrap_or(wrapped).to_owned();
    }
    let google = matches!(host, "www.google.com" | "google.com" | "maps.google.com" | "maps.google.co.uk");
    let names: &[&str] = if host.ends_with("safelinks.protection.outlook.com") {
        &["url="]
    } else if google {
        &["q=", "url="]
    } else {
        &[]
    };
    let fields = address.split(['?', '&']).skip(1);
    let wrapped = fields.filter_map(|field| names.iter().find_map(|name| field.strip_prefix(name))).next();
    wrapped.map_or_else(|| address.to_owned(), percent::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(claims: &PaymentClaims) -> String {
        claims.pay_pages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn links_by_their_words_and_by_themselves() {
        for (text, target, expected) in [
            ("Pay now", "https://acme-billing.example/x", "acme-billing.example"),
            ("Jetzt bezahlen", "https://evil.example/", "evil.example"),
            ("Payer maintenant", "http://evil.example", "evil.example"),
            ("here", "https://pay.evil.example/1", "pay.evil.example"),
            ("here", "https://evil.example/checkout/1", "evil.example"),
            ("Read more", "https://acme.example/news", ""),
            ("Payday news", "https://acme.example/payday", ""),
            ("Pay now", "mailto:pay@evil.example", ""),
            ("Pay now", "#pay", ""),
            ("to pay on collection", "https://maps.app.goo.gl/abc", ""),
            ("to pay on collection", "https://www.google.com/maps/place/1", ""),
            ("to pay on collection", "https://www.google.com/mapsx", "www.google.com"),
            ("to pay on collection", "https://evil.example/maps/", "evil.example"),
            ("to pay on collection", "https://maps.app.goo.gl.evil.example/", "maps.app.goo.gl.evil.example"),
            ("to pay on collection", "https://maps.app.goo.gl@evil.example/", "evil.example"),
            ("to pay on collection", "http://maps.google.com/maps", "maps.google.com"),
            ("to pay on collection", "https://maps.google.com/maps?q=Acme+Yard", ""),
            ("to pay", "https://maps.google.com/url?q=https%3A%2F%2Fevil.example", "evil.example"),
            ("to pay", "https://www.google.com/maps/../url?q=https://evil.example", "evil.example"),
            ("to pay", "https://www.google.com/maps/%2e%2E/amp/s/evil.example", "www.google.com"),
            ("to pay", "https://maps.app.goo.gl/?link=https://evil.example", "maps.app.goo.gl"),
            (
                "Pay now",
                "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example%2Fx&data=1",
                "evil.example",
            ),
            ("Pay now", "https://urldefense.com/v3/__https://evil.example/x__;!!abc", "evil.example"),
            ("Pay now", "https://www.google.com/url?q=https%3A%2F%2Fevil.example", "evil.example"),
        ] {
            let mut claims = PaymentClaims::default();
            of_anchors(&[(text.to_owned(), target.to_owned())], text, &mut claims);
            assert_eq!(pages(&claims), expected, "{text} {target}");
        }
        let many: Vec<_> =
            (0..100).map(|n| ("Pay now".to_owned(), format!("https://a{n}.example"))).collect();
        let mut claims = PaymentClaims::default();
        of_anchors(&many, "", &mut claims);
        assert_eq!(claims.pay_pages.len(), MAX_PAY_PAGES);
    }

    #[test]
    fn words_before_a_link() {
        for (visible, expected) in [
            ("Your invoice is ready. To pay, click here\n", "b.example"),
            ("Our news: click here. To pay, click here\n", "b.example"),
            ("To pay, call us.\nclick here\n", ""),
        ] {
            let mut claims = PaymentClaims::default();
            let link = |target: &str| ("click here".to_owned(), format!("https://{target}"));
            let links: Vec<_> = match visible.matches("click here").count() {
                2 => vec![link("a.example"), link("b.example")],
                _ => vec![link("b.example")],
            };
            of_anchors(&links, visible, &mut claims);
            assert_eq!(pages(&claims), expected, "{visible}");
        }
    }

    #[test]
    fn addresses_in_plain_text() {
        for (text, expected) in [
            ("Please pay online: https://evil.example/abc", "evil.example"),
            ("You can pay the invoice here:\nhttps://evil.example/abc", "evil.example"),
            ("See our news: https://acme.example/news", ""),
            ("Pay online: https://a.example Terms: https://b.example/terms", "a.example"),
            ("(https://checkout.evil.example/1)", "checkout.evil.example"),
        ] {
            let mut claims = PaymentClaims::default();
            of_text(text, &mut claims);
            assert_eq!(pages(&claims), expected, "{text}");
        }
    }
}
