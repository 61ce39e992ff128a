//! Where a message entered: the address and the HELO name that SPF (RFC 7208) is about.
//!
//! Behind Exchange Online that address is only known from Exchange's own trace: the `Received` field of the hop by which
//! the message entered (`by ….mail.protection.outlook.com`), told by its place like Exchange's results, and contradicted by
//! nothing in those results (`sender IP is …`). A relay inside `smtp.trust` is asked in the same way, the fields that it
//! stamped topmost, as long as the operator believes what it stamps. Everything below could be written by the sender, so
//! without such a hop there is no origin, and SPF stays unknown instead of failing.

use super::upstream::{Hop, hop, is_inner_hop, stamped, unfold};
use crate::limits;
use crate::model::{Message, PeerStanding, ReceivedMail};
use std::net::{IpAddr, Ipv6Addr};

/// Who handed the message to the first host that we believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Its address.
    pub(super) ip: IpAddr,
    /// What it called itself; may be empty.
    pub(super) helo: String,
}

/// The origin, or `None` where nobody who may be believed says it. `believed`: the operator vouches for what trusted
/// peers stamp.
pub(super) fn origin(mail: &ReceivedMail, message: &Message, believed: bool) -> Option<Origin> {
    match mail.peer.standing {
        // Nobody stands between.
        PeerStanding::Unknown => Some(Origin { ip: mail.peer.ip, helo: mail.peer.helo.clone() }),
        PeerStanding::ExchangeByCertificate | PeerStanding::ExchangeByRange => entered(message, &mail.octets),
        PeerStanding::Trusted if believed => {
            entered(message, &mail.octets).or_else(|| relayed(message, &mail.octets))
        }
        PeerStanding::Trusted => None,
    }
}

fn received<'m>(message: &'m Message, octets: &'m [u8]) -> impl Iterator<Item = String> + 'm {
    let fields = message.headers.iter().take(limits::MAX_HEADER_FIELDS);
    fields
        .filter(|field| field.name.trim().eq_ignore_ascii_case("received"))
        .filter_map(|field| octets.get(field.value.clone()).map(unfold))
}

/// The hop by which the message entered Exchange Online.
fn entered(message: &Message, octets: &[u8]) -> Option<Origin> {
    let border = received(message, octets).find(|text| !is_inner_hop(text))?;
    let hop = hop(&border);
    let origin = hop.entered_exchange().then(|| of(&hop)).flatten()?;
    // Another address in Exchange's own result: one of the two was not written by Exchange.
    let said = stamped(message, octets).and_then(|value| sender_ip(&value));
    said.is_none_or(|said| said == origin.ip).then_some(origin)
}

/// The first address outside among the topmost fields, which inner hosts stamped one for another.
fn relayed(message: &Message, octets: &[u8]) -> Option<Origin> {
    for text in received(message, octets).take(limits::TRUSTED_HOPS) {
        let origin = of(&hop(&text))?;
        if !is_inside(origin.ip) {
            return Some(origin);
        }
    }
    None
}

fn of(hop: &Hop<'_>) -> Option<Origin> {
    let helo = hop.from.trim_matches(['[', ']']).to_owned();
    hop.address().map(|ip| Origin { ip, helo })
}

/// `spf=pass (sender IP is 203.0.113.7)`
fn sender_ip(results: &str) -> Option<IpAddr> {
    let (_, rest) = results.split_once("(sender IP is ")?;
    rest.split(')').next()?.trim().parse().ok()
}

/// Addresses that no stranger can come from.
fn is_inside(ip: IpAddr) -> bool {
    let unique_local = |ip: Ipv6Addr| ip.segments().first().is_some_and(|first| first & 0xfe00 == 0xfc00);
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || unique_local(ip) || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse;
    use crate::model::test_support::mail;
    use bytes::Bytes;

    const BORDER: &str = "Received: from mx.acme.example (203.0.113.7) by BN8.mail.protection.outlook.com (10.1.1.1)\r\n via Frontend Transport; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
    const INNER: &str = "Received: from A.namprd03.prod.outlook.com (2603::1) by B.prod.exchangelabs.com (2603::2); Mon, 1 Jun 2026 10:00:00 +0000\r\n";
    const FORGED: &str = "Received: from good.example (198.51.100.1) by C.mail.protection.outlook.com (10.1.1.2); Mon, 1 Jun 2026 09:00:00 +0000\r\n";

    fn found(standing: PeerStanding, head: &str) -> Option<String> {
        let octets = Bytes::from(format!("{head}From: a@acme.example\r\n\r\nx\r\n"));
        let message = parse(&octets);
        let mut mail = mail(None);
        mail.peer.standing = standing;
        mail.octets = octets;
        origin(&mail, &message, true).map(|origin| format!("{} {}", origin.ip, origin.helo))
    }

    #[test]
    fn the_origin_is_where_the_message_entered() {
        use PeerStanding::{ExchangeByRange, Trusted};
        let results = |ip: &str| {
            format!("Authentication-Results: spf=pass (sender IP is {ip}) smtp.mailfrom=a.example\r\n")
        };
        let postfix = "Received: from helo.example (rdns.example [203.0.113.9])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))\r\n\tby relay.contoso.example (Postfix) with ESMTPS id 1; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
        let inside = "Received: from relay (relay [10.0.0.5]) by hub.contoso.example; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
        let injected = "Received: from x (y [198.51.100.1]) (rdns.example [203.0.113.9]) by relay.contoso.example; Mon, 1 Jun 2026 10:00:00 +0000\r\n";
        let border = Some("203.0.113.7 mx.acme.example");
        let relay = Some("203.0.113.9 helo.example");
        for (name, standing, head, expected) in [
            ("entering hop", ExchangeByRange, BORDER.to_owned(), border),
            ("below inner hops", ExchangeByRange, format!("{INNER}{INNER}{BORDER}"), border),
            ("a forged one below", ExchangeByRange, format!("{INNER}{BORDER}{FORGED}"), border),
            ("agreeing results", ExchangeByRange, format!("{}{BORDER}", results("203.0.113.7")), border),
            ("disagreeing results", ExchangeByRange, format!("{}{BORDER}", results("198.51.100.1")), None),
            ("a strange hop above", ExchangeByRange, format!("{postfix}{BORDER}"), None),
            ("no trace at all", ExchangeByRange, String::new(), None),
            ("a trusted relay", Trusted, postfix.to_owned(), relay),
            ("a relay behind a relay", Trusted, format!("{inside}{postfix}"), relay),
            ("HELO that looks like trace", Trusted, injected.to_owned(), Some("203.0.113.9 x")),
            ("only inner hosts", Trusted, inside.repeat(9), None),
            ("a relay without an address", Trusted, "Received: from x by y; z\r\n".to_owned(), None),
        ] {
            assert_eq!(found(standing, &head).as_deref(), expected, "{name}");
        }
        let mut direct = mail(None);
        direct.peer.standing = PeerStanding::Unknown;
        let message = Message::default();
        assert_eq!(origin(&direct, &message, false).map(|origin| origin.ip), Some(direct.peer.ip));
        direct.peer.standing = Trusted;
        assert_eq!(origin(&direct, &message, false), None);
    }
}
