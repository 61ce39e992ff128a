//! What is said about a sender: results of others, signatures, records in DNS.

use super::ignore;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::Dmarc;
use mail_auth::spf::Spf;
use sentra::model::Domain;

/// Authentication-Results (RFC 8601) of the servers before us: a value, and as fields of a message.
pub fn auth_results(octets: &[u8]) {
    let Ok(author) = Domain::parse("supplier.example") else { return };
    let value = String::from_utf8_lossy(octets);
    ignore(sentra::adapters::sender_auth::parse_results(&value, Some(&author)));
    let message = sentra::message::parse(octets);
    ignore(sentra::adapters::sender_auth::upstream_results(&message, octets));
}

/// The fields of DKIM and ARC on a message.
pub fn signatures(octets: &[u8]) {
    let (highest, whole, _) = sentra::adapters::arc::shape(octets);
    assert!(highest > 0 || whole, "no chain, and yet it is broken");
}

/// TXT records of DKIM, DMARC and SPF.
pub fn dns_txt(octets: &[u8]) {
    ignore(DomainKey::parse(octets));
    ignore(Dmarc::parse(octets));
    ignore(Spf::parse(octets));
}
