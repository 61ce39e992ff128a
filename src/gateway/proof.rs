//! Is this really the tenant's Exchange Online?
//!
//! A Microsoft certificate or address proves *some* tenant only. So every peer outside the trusted ranges must show,
//! in the headers that its tenant's Exchange stamps on the way out: exactly one `X-MS-Exchange-CrossTenant-Id` equal to
//! the registered tenant, exactly one `X-OriginatorOrg` among the registered domains, and exactly one
//! `X-Sentra-Ingress` holding a token that is valid now. A known organisation with a failed proof gets 4xx: its
//! administrator can repair the rule while Exchange keeps the mail.

use crate::model::{Domain, Organisation, PeerStanding, RefusalReason};
use memchr::{memchr, memchr2};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

/// What the connection alone must show before the onward transaction opens.
///
/// # Errors
/// [`RefusalReason::ProofFailed`]: nobody we know, or an organisation that has not yet set both tenant id and token.
pub fn by_connection(standing: PeerStanding, organisation: &Organisation) -> Result<(), RefusalReason> {
    match standing {
        PeerStanding::Trusted => Ok(()),
        PeerStanding::Unknown => Err(RefusalReason::ProofFailed),
        PeerStanding::ExchangeByCertificate | PeerStanding::ExchangeByRange => {
            if organisation.tenant_id.is_some() && !organisation.ingress_tokens.is_empty() {
                Ok(())
            } else {
                Err(RefusalReason::ProofFailed)
            }
        }
    }
}

/// What the headers must show before the final dot goes onward.
///
/// # Errors
/// [`RefusalReason::ProofFailed`] when a field is missing, doubled or wrong.
pub fn by_headers(
    standing: PeerStanding,
    organisation: &Organisation,
    octets: &[u8],
) -> Result<(), RefusalReason> {
    if standing == PeerStanding::Trusted {
        return Ok(());
    }
    let tenant = sole(octets, "X-MS-Exchange-CrossTenant-Id");
    let originator = sole(octets, "X-OriginatorOrg").and_then(|text| Domain::parse(&text).ok());
    let token = sole(octets, "X-Sentra-Ingress");
    let proven = tenant
        .zip(organisation.tenant_id.as_ref())
        .is_some_and(|(shown, registered)| shown.eq_ignore_ascii_case(registered))
        && originator.is_some_and(|domain| organisation.domains.contains(&domain))
        && token.is_some_and(|shown| is_current(&shown, organisation));
    if proven { Ok(()) } else { Err(RefusalReason::ProofFailed) }
}

/// Compares with every valid token in constant time, so that an answer's delay tells nothing.
fn is_current(shown: &str, organisation: &Organisation) -> bool {
    organisation.ingress_tokens.iter().fold(false, |found, token| {
        found | bool::from(token.expose_secret().as_bytes().ct_eq(shown.as_bytes()))
    })
}

/// The value of a field that must stand exactly once.
fn sole(octets: &[u8], name: &str) -> Option<String> {
    let mut values = fields(octets).filter(|(field, _)| is_named(field, name)).map(|(_, value)| value);
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    std::str::from_utf8(first).ok().map(|text| text.trim().to_owned())
}

/// How many `Received` fields stand in the header section (RFC 5321 section 6.3).
#[must_use]
pub fn received_fields(octets: &[u8]) -> usize {
    fields(octets).filter(|(field, _)| is_named(field, "Received")).count()
}

/// Obsolete syntax admits white space between name and colon (RFC 5322 4.5); it must not hide a second field.
fn is_named(field: &[u8], name: &str) -> bool {
    field.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
}

/// Name and raw value (folded lines included) of every field of the header section. No limit on their number: a
/// doubled field behind thousands of others must still be found; the walk is linear. Only an empty line ends the
/// section, not one of white space or control characters, and a field may begin after a bare CR: what some reader
/// would take for a second field counts as one.
fn fields(octets: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (mut rest, mut after_lf) = (octets, true);
    std::iter::from_fn(move || {
        let mut length = line_length(rest);
        let line = rest.get(..length)?;
        if line.is_empty() || after_lf && matches!(line, b"\n" | b"\r\n") {
            return None;
        }
        while rest.get(length).is_some_and(|octet| *octet == b' ' || *octet == b'\t') {
            length = length.saturating_add(line_length(rest.get(length..)?));
        }
        let (field, remaining) = rest.split_at_checked(length)?;
        (rest, after_lf) = (remaining, field.ends_with(b"\n"));
        Some(field)
    })
    .map(|field| match memchr(b':', field) {
        Some(colon) => {
            let (name, value) = field.split_at(colon);
            (name, value.get(1..).unwrap_or_default())
        }
        None => (field, &[][..]),
    })
}

/// Octets of the first line, its line end included; 0 at the end. A bare CR ends a line too.
fn line_length(octets: &[u8]) -> usize {
    let Some(at) = memchr2(b'\r', b'\n', octets) else { return octets.len() };
    let crlf = octets.get(at..at.saturating_add(2)) == Some(b"\r\n");
    at.saturating_add(if crlf { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FailPolicy, Mode, OrgId};

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn contoso() -> Organisation {
        Organisation {
            id: OrgId(ulid::Ulid::nil()),
            name: "Contoso".to_owned(),
            mode: Mode::Enforce,
            tenant_id: Some(TENANT.to_owned()),
            domains: vec![Domain::parse("contoso.example").unwrap()],
            mailboxes: vec![],
            executives: vec![],
            admin_emails: vec![],
            next_hop: None,
            ingress_tokens: vec!["old-token".to_owned().into(), "new-token".to_owned().into()],
            return_token: None,
            client_certificate: None,
            fail_policy: FailPolicy::Defer,
            subject_prefix: None,
            preferences: crate::model::Preferences::default(),
            mailbox_languages: std::collections::BTreeMap::new(),
            wording: None,
            own_rules: None,
            directory_generation: 0,
        }
    }

    fn proven(headers: &str) -> bool {
        let octets = format!("{headers}\r\nX-Sentra-Ingress: new-token\r\n in the body\r\n");
        by_headers(PeerStanding::ExchangeByCertificate, &contoso(), octets.as_bytes()).is_ok()
    }

    #[test]
    fn the_tenant_is_proven_by_three_fields_each_exactly_once() {
        let good = format!(
            "Subject: x\r\nX-MS-Exchange-CrossTenant-Id: {TENANT}\r\nX-OriginatorOrg: contoso.example\r\nX-Sentra-Ingress: old-token\r\n"
        );
        let rows = [
            ("complete", good.clone(), true),
            ("new token", good.replace("old-token", "new-token"), true),
            ("folded", good.replace("Ingress: ", "Ingress:\r\n "), true),
            ("wrong tenant", good.replace(TENANT, "99999999-2222-3333-4444-555555555555"), false),
            ("wrong token", good.replace("old-token", "guess"), false),
            ("empty token", good.replace("old-token", ""), false),
            ("other tenant's domain", good.replace("contoso.example", "fabrikam.example"), false),
            ("second tenant id", format!("X-MS-Exchange-CrossTenant-Id: {TENANT}\r\n{good}"), false),
            (
                "second, with space before the colon",
                format!("x-ms-exchange-crosstenant-id : other\r\n{good}"),
                false,
            ),
            ("second behind a form feed", format!("{good}\x0c\r\nX-OriginatorOrg: a.example\r\n"), false),
            ("second behind white space", format!(" \r\n{good} \r\nX-OriginatorOrg: a.example\r\n"), false),
            ("second behind CR CR LF", format!("{good}\r\r\nX-OriginatorOrg: a.example\r\n"), false),
            ("second after a bare CR", format!("{good}A: b\rX-OriginatorOrg: a.example\r\n"), false),
            ("line feeds only", good.replace("\r\n", "\n"), true),
            ("token only in the body", good.replace("X-Sentra-Ingress: old-token\r\n", ""), false),
            (
                "second behind many fields",
                format!("{good}{}X-OriginatorOrg: a.example\r\n", "A: b\r\n".repeat(5_000)),
                false,
            ),
        ];
        for (name, headers, expected) in rows {
            assert_eq!(proven(&headers), expected, "{name}");
        }
    }

    #[test]
    fn an_organisation_without_tenant_id_or_token_accepts_no_peer_outside_the_trusted_ranges() {
        let ready = contoso();
        let mut no_tenant = contoso();
        no_tenant.tenant_id = None;
        let mut no_token = contoso();
        no_token.ingress_tokens.clear();
        let exchange = PeerStanding::ExchangeByRange;
        assert!(by_connection(exchange, &ready).is_ok());
        assert!(by_connection(PeerStanding::Unknown, &ready).is_err());
        for organisation in [no_tenant, no_token] {
            assert!(by_connection(exchange, &organisation).is_err());
            assert!(by_connection(PeerStanding::Trusted, &organisation).is_ok());
        }
    }
}
