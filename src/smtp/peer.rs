//! How far a connection proves who the peer is. The tenant is proven later, by headers.

use super::Options;
use crate::limits::{WIDEST_TRUST_V4, WIDEST_TRUST_V6};
use crate::model::{PeerStanding, TlsInfo};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// What the connection proves: its address, and the names of its verified client certificate.
///
/// Exchange's address ranges count only inside TLS: Exchange Online always encrypts towards us, so a plain session
/// from there is something else.
pub(super) fn standing(options: &Options, ip: IpAddr, tls: Option<&TlsInfo>) -> PeerStanding {
    if contains(&options.trust, ip) {
        return PeerStanding::Trusted;
    }
    match tls {
        Some(tls) if tls.client_names.iter().any(|name| options.exchange_names.contains(name)) => {
            PeerStanding::ExchangeByCertificate
        }
        Some(_) if contains(&options.exchange_ranges, ip) => PeerStanding::ExchangeByRange,
        _ => PeerStanding::Unknown,
    }
}

/// Whether an address lies in one of the ranges.
pub(super) fn contains(ranges: &[IpNet], ip: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(&ip))
}

/// Whether sessions from this address are exempt from the limit per peer: Exchange Online sends for many from few
/// addresses, and trusted relays are few.
pub(super) fn is_exempt(options: &Options, ip: IpAddr) -> bool {
    contains(&options.trust, ip) || contains(&options.exchange_ranges, ip)
}

/// The first trusted range that is too wide to be anybody's own network.
pub(super) fn too_wide(trust: &[IpNet]) -> Option<IpNet> {
    trust.iter().copied().find(|range| match range {
        IpNet::V4(net) => net.prefix_len() < WIDEST_TRUST_V4,
        IpNet::V6(net) => net.prefix_len() < WIDEST_TRUST_V6,
    })
}

/// What sessions are counted by: the IPv4 address, or the /64 that one IPv6 subscriber holds.
pub(super) fn counting_key(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Domain;

    fn tls(names: &[&str]) -> TlsInfo {
        TlsInfo {
            version: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            client_names: names.iter().map(|name| Domain::parse(name).unwrap()).collect(),
        }
    }

    #[test]
    fn standing_follows_address_and_certificate() {
        let options = Options { trust: vec!["127.0.0.0/8".parse().unwrap()], ..Options::default() };
        let exchange = tls(&["outlook.com", "mail.protection.outlook.com"]);
        let other = tls(&["mail.protection.outlook.com.evil.example"]);
        let none = tls(&[]);
        let cases = [
            ("trusted, plain", "127.0.0.1", None, PeerStanding::Trusted),
            ("trusted, with certificate", "127.0.0.1", Some(&exchange), PeerStanding::Trusted),
            ("certificate", "198.51.100.1", Some(&exchange), PeerStanding::ExchangeByCertificate),
            ("certificate in range", "40.107.1.1", Some(&exchange), PeerStanding::ExchangeByCertificate),
            ("other name", "198.51.100.1", Some(&other), PeerStanding::Unknown),
            ("range in TLS", "40.107.1.1", Some(&none), PeerStanding::ExchangeByRange),
            ("range, plain", "40.107.1.1", None, PeerStanding::Unknown),
            ("IPv6 range in TLS", "2a01:111:f403::1", Some(&none), PeerStanding::ExchangeByRange),
            ("nobody", "198.51.100.1", Some(&none), PeerStanding::Unknown),
        ];
        for (name, ip, tls, expected) in cases {
            assert_eq!(standing(&options, ip.parse().unwrap(), tls), expected, "{name}");
        }
    }

    #[test]
    fn wide_trust_is_noticed() {
        let cases = [
            ("10.0.0.0/8", true),
            ("0.0.0.0/0", true),
            ("10.1.0.0/16", false),
            ("127.0.0.1/32", false),
            ("2001:db8::/31", true),
            ("2001:db8::/32", false),
        ];
        for (range, wide) in cases {
            assert_eq!(too_wide(&[range.parse().unwrap()]).is_some(), wide, "{range}");
        }
    }

    #[test]
    fn ipv6_subscribers_count_as_one() {
        let key = |text: &str| counting_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::3"), key("2001:db8:1:2:ffff::"));
        assert_ne!(key("2001:db8:1:2::3"), key("2001:db8:1:3::3"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
