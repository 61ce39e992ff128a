//! Links to pay: PayPal, Wise, Revolut, Stripe, GoCardless … A known service is not a known payee, so the part of the
//! address that names the payee is kept.
//!
//! Written with or without a scheme (`paypal.me/acme`), found in one Aho-Corasick pass over the addresses of the
//! services. A host that only ends like one (`notpaypal.me`) is none.

use super::{Finder, View, add_method, method};
use crate::limits::MAX_LINKS;
use crate::model::{MethodKind, PaymentClaims, Place};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Longest name of a payee in an address that is kept.
const MAX_SLUG: usize = 64;

/// Beginning of an address, service, and whether anybody can open such an account for themselves without being a
/// merchant (the address then names a person, and nobody checked who).
const SERVICES: &[(&str, &str, bool)] = &[
    ("paypal.me/", "paypal", true),
    ("paypal.com/paypalme/", "paypal", true),
    ("paypal.com/invoice/", "paypal", false),
    ("paypal.com/donate", "paypal", true),
    ("paypal.com/pools/", "paypal", true),
    ("paypal.com/qrcodes/", "paypal", true),
    ("wise.com/pay/", "wise", false),
    ("wise.com/pay/me/", "wise", true),
    ("transferwise.com/pay/", "wise", false),
    ("revolut.me/", "revolut", true),
    ("revolut.com/pay/", "revolut", false),
    ("pay.revolut.com/", "revolut", false),
    ("checkout.revolut.com/", "revolut", false),
    ("monzo.me/", "monzo", true),
    ("monzo.com/pay/", "monzo", true),
    ("cash.app/", "cashapp", true),
    ("cash.me/", "cashapp", true),
    ("venmo.com/", "venmo", true),
    ("account.venmo.com/u/", "venmo", true),
    ("enroll.zellepay.com/", "zelle", true),
    ("bunq.me/", "bunq", true),
    ("tikkie.me/pay/", "tikkie", true),
    ("betaalverzoek.rabobank.nl/", "rabobank", true),
    ("betaalverzoek.ing.nl/", "ing", true),
    ("payconiq.com/", "payconiq", true),
    ("lydia-app.com/pay", "lydia", true),
    ("lydia.me/", "lydia", true),
    ("satispay.com/", "satispay", true),
    ("mobilepay.dk/", "mobilepay", true),
    ("skrill.me/", "skrill", true),
    ("payoneer.com/", "payoneer", true),
    ("link.payoneer.com/", "payoneer", true),
    ("westernunion.com/", "westernunion", true),
    ("moneygram.com/", "moneygram", true),
    ("remitly.com/", "remitly", true),
    ("buy.stripe.com/", "stripe", false),
    ("checkout.stripe.com/", "stripe", false),
    ("invoice.stripe.com/", "stripe", false),
    ("pay.stripe.com/", "stripe", false),
    ("donate.stripe.com/", "stripe", false),
    ("pay.gocardless.com/", "gocardless", false),
    ("gocardless.com/pay/", "gocardless", false),
    ("pay.sumup.com/", "sumup", false),
    ("pay.sumup.io/", "sumup", false),
    ("square.link/", "square", false),
    ("checkout.square.site/", "square", false),
    ("squareup.com/pay-invoice/", "square", false),
    ("in.xero.com/", "xero", false),
    ("connect.intuit.com/", "quickbooks", false),
    ("intuit.me/", "quickbooks", false),
    ("links.notification.intuit.com/", "quickbooks", false),
    ("my.freshbooks.com/", "freshbooks", false),
    ("payments.mollie.com/", "mollie", false),
    ("mollie.com/checkout/", "mollie", false),
    ("paymentlink.mollie.com/", "mollie", false),
    ("pay.klarna.com/", "klarna", false),
    ("app.klarna.com/", "klarna", false),
    ("eu.adyen.link/", "adyen", false),
    ("adyen.link/", "adyen", false),
    ("pay.checkout.com/", "checkout", false),
    ("checkoutshopper-live.adyen.com/", "adyen", false),
    ("rzp.io/", "razorpay", false),
    ("razorpay.me/", "razorpay", true),
    ("pages.razorpay.com/", "razorpay", false),
    ("paytm.me/", "paytm", true),
    ("p.paytm.me/", "paytm", true),
    ("app.bill.com/", "bill", false),
    ("melio.me/", "melio", false),
    ("plooto.co/", "plooto", false),
    ("paynow.stripe.com/", "stripe", false),
    ("upi://pay", "upi", true),
    ("payto://", "payto", false),
];

static TABLE: LazyLock<AhoCorasick> =
    LazyLock::new(|| super::table(SERVICES.iter().map(|(address, _, _)| address)));

/// A link to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    service: &'static str,
    personal: bool,
    /// The part that names the payee, or the payment.
    slug: String,
}

/// Claims the links of a text.
pub(super) struct Links;

impl Finder for Links {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for link in &view.links {
            claim(link, &view.place, claims);
        }
    }
}

/// The links to pay in a text that still has its URLs; at most `limits::MAX_LINKS`.
pub(super) fn find(text: &str) -> Vec<Link> {
    let bytes = text.as_bytes();
    let mut found: Vec<Link> = Vec::new();
    for hit in TABLE.find_iter(text).take(MAX_LINKS) {
        let Some((_, service, personal)) = SERVICES.get(hit.pattern().as_usize()) else { continue };
        let before = hit.start().checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
        // "notpaypal.me" and "not-paypal.me" are other hosts; "www.paypal.me" is the same one.
        let bounded = !before.is_ascii_alphanumeric() && !matches!(before, b'-' | b'_') && before < 0x80;
        let rest = text.get(hit.end()..).unwrap_or_default();
        let in_slug = |b: &u8| b.is_ascii_alphanumeric() || b"-_.$~%?=&@/".contains(b);
        let length = rest.bytes().take(MAX_SLUG).take_while(in_slug).count();
        let slug = rest.get(..length).unwrap_or_default();
        let slug = payee_of(service, slug).trim_matches(['.', '/', '?', '&', '$', '=']);
        let link = Link { service, personal: *personal, slug: slug.to_owned() };
        if bounded && !slug.is_empty() && !found.contains(&link) {
            found.push(link);
        }
    }
    found
}

/// The piece of the rest of an address that names the payee.
fn payee_of<'a>(service: &str, rest: &'a str) -> &'a str {
    if service == "upi" {
        let payee = rest.split(['?', '&']).find_map(|field| field.strip_prefix("pa="));
        return payee.unwrap_or_default();
    }
    let path = rest.split(['?', '&']).next().unwrap_or(rest);
    // "wise.com/pay/business/acme": the word before is no name.
    let mut words = path.split('/').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    match first {
        "business" | "r" | "i" | "me" | "u" | "p" | "l" | "pay" | "payme" | "invoice" => words.next().unwrap_or(first),
        _ => first,
    }
}

/// Adds a link to the claims.
pub(super) fn claim(link: &Link, place: &Place, claims: &mut PaymentClaims) {
    let kind = if link.service == "upi" { MethodKind::Upi } else { MethodKind::Link };
    let mut found = method(kind, link.service, link.slug.to_ascii_lowercase(), None, place);
    found.personal = link.personal;
    add_method(claims, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_payees() {
        for (text, expected) in [
            ("pay at https://www.paypal.me/AcmeLtd/120GBP now", "paypal:AcmeLtd"),
            ("paypal.me/acme.", "paypal:acme"),
            ("https://paypal.com/paypalme/acme", "paypal:acme"),
            ("https://wise.com/pay/business/acmeltd?utm=1", "wise:acmeltd"),
            ("HTTPS://WISE.COM/pay/me/johns1", "wise:johns1"),
            ("revolut.me/johns1", "revolut:johns1"),
            ("https://buy.stripe.com/test_9AQ", "stripe:test_9AQ"),
            ("https://pay.gocardless.com/AL0003", "gocardless:AL0003"),
            ("upi://pay?pa=acme@okhdfcbank&pn=Acme", "upi:acme@okhdfcbank"),
            ("https://cash.app/$Acme", "cashapp:Acme"),
            ("see notpaypal.me/acme", ""),
            ("see fake-paypal.me/acme", ""),
            ("see https://paypal.me.evil.test/acme", ""),
            ("https://www.paypal.com/uk/home", ""),
            ("paypal.me/", ""),
        ] {
            let found: Vec<String> = find(text).iter().map(|l| format!("{}:{}", l.service, l.slug)).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }
}
