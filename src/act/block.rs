//! The header block that stands above every message we pass on: trace, verdict, sender authentication, tokens.
//!
//! Every value that comes from the mail or its peer is reduced to the characters its place admits, so that nothing
//! received can add a line or a field to the block.

use crate::model::{AuthResults, MailId, Organisation, Peer, PolicyResult, Recipient};
use crate::ports::PortError;
use secrecy::ExposeSecret as _;
use std::fmt::Write as _;
use std::net::IpAddr;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Where a header line is folded, if it can be (RFC 5322 section 2.1.1).
const COLUMNS: usize = 78;
/// Octets of a HELO name that are repeated.
const MAX_HELO: usize = 255;

/// A growing header block.
pub(super) struct Block {
    out: String,
    newline: &'static str,
}

impl Block {
    pub(super) fn new(newline: &'static str) -> Self {
        Self { out: String::with_capacity(2_048), newline }
    }

    /// Appends a field, folded between tokens. Tokens hold no line ends.
    pub(super) fn field(&mut self, name: &str, tokens: &[String]) {
        self.out.push_str(name);
        self.out.push(':');
        let first = name.len() + 1;
        let mut column = first;
        for token in tokens.iter().filter(|token| !token.is_empty()) {
            if column > first && column + 1 + token.len() > COLUMNS {
                self.out.push_str(self.newline);
                self.out.push(' ');
                column = 1;
            } else {
                self.out.push(' ');
                column += 1;
            }
            self.out.push_str(token);
            column += token.len();
        }
        self.out.push_str(self.newline);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}

/// RFC 5322 date of Unix milliseconds, in UTC.
///
/// # Errors
/// [`PortError::Permanent`] outside the years 1900 to 9999.
pub(super) fn date(now_ms: i64) -> Result<String, PortError> {
    let wrong = || PortError::Permanent {
        what: "clock",
        detail: format!("{now_ms} ms is no time that a Date field can hold; set the machine's clock"),
    };
    let at = OffsetDateTime::from_unix_timestamp(now_ms.div_euclid(1_000)).map_err(|_| wrong())?;
    at.format(&Rfc2822).map_err(|_| wrong())
}

/// The tokens of our `Received` line (RFC 5321 section 4.4). The recipient is named only when there is one: a list
/// would disclose blind copies.
pub(super) fn received(
    id: MailId,
    peer: &Peer,
    recipients: &[Recipient],
    utf8: bool,
    hostname: &str,
    now_ms: i64,
) -> Result<Vec<String>, PortError> {
    let mut tokens = vec!["from".to_owned(), helo(&peer.helo)];
    tokens.push(match peer.ip.to_canonical() {
        IpAddr::V4(ip) => format!("([{ip}])"),
        IpAddr::V6(ip) => format!("([IPv6:{ip}])"),
    });
    if let Some(tls) = &peer.tls {
        let cipher: String = tls.cipher.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        tokens.push(format!("(using {} with {cipher})", tls.version));
    }
    // RFC 3848 and RFC 6531 section 3.7.3.
    let protocol = match (utf8, peer.esmtp, peer.tls.is_some()) {
        (true, _, true) => "UTF8SMTPS",
        (true, _, false) => "UTF8SMTP",
        (false, _, true) => "ESMTPS",
        (false, true, false) => "ESMTP",
        (false, false, false) => "SMTP",
    };
    tokens.push(format!("by {hostname} (Sentra)"));
    tokens.push(format!("with {protocol} id {id}"));
    if let [only] = recipients {
        let address = only.address.to_string();
        if address.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>') {
            tokens.push(format!("for <{address}>"));
        }
    }
    if let Some(last) = tokens.last_mut() {
        last.push(';');
    }
    tokens.push(date(now_ms)?);
    Ok(tokens)
}

fn helo(given: &str) -> String {
    let admitted = |c: &char| c.is_ascii_alphanumeric() || "-._:[]".contains(*c);
    let name: String = given.chars().filter(admitted).take(MAX_HELO).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// The tokens of `Authentication-Results` (RFC 8601): what we verified or believed.
pub(super) fn authentication_results(hostname: &str, auth: &AuthResults) -> Vec<String> {
    let mut tokens = vec![format!("{hostname};")];
    let methods: [(&str, &PolicyResult, &str); 4] = [
        ("spf", &auth.spf, "smtp.mailfrom"),
        ("dkim", &auth.dkim, "header.d"),
        ("dmarc", &auth.dmarc, "header.from"),
        ("arc", &auth.arc, "header.d"),
    ];
    for (method, policy, property) in methods {
        let word = policy.result.as_str();
        let sound = !word.is_empty() && word.len() <= 16 && word.bytes().all(|b| b.is_ascii_alphabetic());
        if !auth.known || !sound {
            continue;
        }
        let mut token = format!("{method}={}", word.to_ascii_lowercase());
        if let Some(domain) = &policy.domain {
            // Writing into a String cannot fail.
            write!(token, " {property}={domain}").ok();
        }
        token.push(';');
        tokens.push(token);
    }
    match tokens.last_mut() {
        Some(last) if last.contains('=') => {
            last.pop();
        }
        _ => tokens.push("none".to_owned()),
    }
    tokens
}

/// What we know of the sender, one `method=result` each, for whoever seals it.
#[must_use]
pub fn sealed_results(auth: &AuthResults) -> Vec<String> {
    let mut tokens = authentication_results("", auth);
    tokens.remove(0);
    // How the chain stands is for the sealer to say, who verified it.
    tokens.retain(|token| token != "none" && !token.starts_with("arc="));
    tokens.iter().map(|token| token.trim_end_matches(';').to_owned()).collect()
}

/// The return token as the tenant's rule expects it.
///
/// # Errors
/// [`PortError::Permanent`] when a header cannot hold the token: without it the mail would be routed to us again.
pub(super) fn return_token(organisation: &Organisation) -> Result<Option<String>, PortError> {
    let Some(token) = &organisation.return_token else { return Ok(None) };
    let token = token.expose_secret();
    if token.is_empty() || token.len() > 200 || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(PortError::Permanent {
            what: "organisation",
            detail: "the return token has characters that a header cannot hold; rotate it with \
                     `sentra org token rotate`"
                .to_owned(),
        });
    }
    Ok(Some(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Domain, EmailAddress, PeerStanding, TlsInfo};

    fn peer(helo: &str, tls: bool) -> Peer {
        let info = TlsInfo {
            version: "TLSv1.3",
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            client_names: Vec::new(),
        };
        Peer {
            ip: "2001:db8::1".parse().expect("address"),
            helo: helo.to_owned(),
            esmtp: true,
            tls: tls.then_some(info),
            standing: PeerStanding::Unknown,
        }
    }

    fn to(address: &str) -> Recipient {
        Recipient { address: EmailAddress::parse(address).expect("address"), notify: None, orcpt: None }
    }

    fn rendered(name: &str, tokens: &[String]) -> String {
        let mut block = Block::new("\r\n");
        block.field(name, tokens);
        String::from_utf8(block.finish()).expect("text")
    }

    #[test]
    fn received_says_who_how_and_when() {
        let id = MailId(ulid::Ulid(7));
        let one = [to("accounts@contoso.example")];
        let tokens =
            received(id, &peer("mail.example", true), &one, false, "mx.sentra.example", 0).expect("date");
        assert_eq!(
            rendered("Received", &tokens),
            "Received: from mail.example ([IPv6:2001:db8::1])\r\n\
             \x20(using TLSv1.3 with TLS13_AES_256_GCM_SHA384) by mx.sentra.example (Sentra)\r\n\
             \x20with ESMTPS id 00000000000000000000000007 for <accounts@contoso.example>;\r\n\
             \x20Thu, 01 Jan 1970 00:00:00 +0000\r\n"
        );
        let two = [to("a@contoso.example"), to("b@contoso.example")];
        let tokens = received(id, &peer("x", false), &two, false, "mx", 0).expect("date");
        assert!(!tokens.iter().any(|token| token.starts_with("for")));
    }

    #[test]
    fn nothing_received_adds_a_line() {
        let nasty = peer("evil\r\nX-Injected: (1) ;", false);
        let tokens = received(MailId(ulid::Ulid(7)), &nasty, &[], false, "mx", 0).expect("date");
        assert_eq!(tokens.get(1).map(String::as_str), Some("evilX-Injected:1"));
        let domain = Domain::parse("a.example").ok();
        let auth = AuthResults {
            known: true,
            spf: PolicyResult { result: "pass\r\nX: y".to_owned(), domain: domain.clone() },
            dkim: PolicyResult { result: "Pass".to_owned(), domain },
            ..AuthResults::default()
        };
        assert_eq!(authentication_results("mx", &auth), ["mx;", "dkim=pass header.d=a.example"]);
    }

    #[test]
    fn unknown_authentication_claims_nothing() {
        let auth = AuthResults {
            spf: PolicyResult { result: "pass".to_owned(), domain: None },
            ..AuthResults::default()
        };
        assert_eq!(authentication_results("mx", &auth), ["mx;", "none"]);
    }
}
