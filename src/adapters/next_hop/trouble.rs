//! Which answers of the next hop speak of configuration and not of the message.
//!
//! Such an answer must not become a bounce to the supplier: the administrator can repair the connector, the
//! certificate or the address list within the day for which Exchange Online keeps the mail. So each of these gives
//! the sender 451 and the operator an alarm, wherever in the transaction it appears. Everything else is about the
//! message or the recipient and is passed on.

use crate::model::NextHopReply;

/// One kind of answer: enhanced code (subject, range of detail), a word that its text must hold, and the remedy.
struct Row {
    subject: u16,
    detail: std::ops::RangeInclusive<u16>,
    word: Option<&'static str>,
    remedy: &'static str,
}

/// The answers of Exchange Online that mean "this connection is not yours to use". The class (4 or 5) is not looked
/// at: Exchange sends some of them as either.
const CONFIGURATION: [Row; 6] = [
    Row {
        subject: 7,
        detail: 64..=64,
        word: None,
        remedy: "TenantAttribution: check the inbound connector, its certificate name and the certificate's chain",
    },
    Row {
        subject: 7,
        detail: 68..=68,
        word: None,
        remedy: "RejectDirectSend is on and no inbound connector matches: create or enable the connector",
    },
    Row {
        subject: 7,
        detail: 750..=750,
        word: None,
        remedy: "sending from unregistered domains is blocked: make the certificate's domain an accepted domain",
    },
    Row {
        subject: 7,
        detail: 606..=649,
        word: None,
        remedy: "this address is on Exchange Online's block list: have it delisted",
    },
    // `5.4.1 Recipient address rejected` is about the recipient and passed on.
    Row {
        subject: 4,
        detail: 1..=1,
        word: Some("relay access denied"),
        remedy: "the next hop does not relay for us: check the host name and the inbound connector",
    },
    Row {
        subject: 4,
        detail: 62..=62,
        word: None,
        remedy: "wrong host name or region: use the tenant's <name>.mail.protection.outlook.com",
    },
];

/// What to do when the reply speaks of configuration, and `None` when it is about the message or recipient.
#[must_use]
pub(super) fn configuration_trouble(reply: &NextHopReply) -> Option<&'static str> {
    if reply.is_positive() {
        return None;
    }
    // RFC 5321 section 3.8: the server closes the connection; nothing was said about the message.
    if reply.code == 421 {
        return Some("the next hop is closing the connection; it is shutting down or limits connections");
    }
    let (_, subject, detail) = reply.enhanced?;
    let says = |word: &str| reply.lines.iter().any(|line| line.to_ascii_lowercase().contains(word));
    CONFIGURATION
        .iter()
        .find(|row| row.subject == subject && row.detail.contains(&detail) && row.word.is_none_or(says))
        .map(|row| row.remedy)
}

/// Whether a refusal of MAIL is the answer to its SIZE (RFC 1870 section 6.2): that one is about the message.
#[must_use]
pub(super) fn is_too_large(reply: &NextHopReply) -> bool {
    reply.code == 552 || matches!(reply.enhanced, Some((5, 3, 4) | (5, 2, 3)))
}

/// Code and enhanced code for a log line or alarm; the text may name an address and stays out.
#[must_use]
pub(super) fn code_text(reply: &NextHopReply) -> String {
    match reply.enhanced {
        Some((class, subject, detail)) => format!("{} {class}.{subject}.{detail}", reply.code),
        None => reply.code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (configuration, code, enhanced, text) in [
            (true, 550, Some((5, 7, 64)), "TenantAttribution; Relay Access Denied"),
            (true, 451, Some((4, 7, 64)), "TenantAttribution"),
            (true, 550, Some((5, 7, 68)), "TenantInboundAttribution; Direct Send not allowed"),
            (true, 550, Some((5, 7, 750)), "Service unavailable. Client blocked"),
            (false, 550, Some((5, 7, 605)), "no such range"),
            (true, 550, Some((5, 7, 606)), "Access denied, banned sending IP"),
            (true, 550, Some((5, 7, 649)), "Access denied, banned sending IP"),
            (false, 550, Some((5, 7, 650)), "no such range"),
            (true, 550, Some((5, 4, 1)), "Relay Access Denied"),
            (true, 554, Some((5, 4, 1)), "[a@b.example]: relay access denied"),
            (false, 550, Some((5, 4, 1)), "Recipient address rejected: Access denied"),
            (true, 451, Some((4, 4, 62)), "Mail sent to the wrong Office 365 region. ATTR35"),
            (true, 421, Some((4, 3, 2)), "concurrent connections per resource forest"),
            (true, 421, None, ""),
            (false, 550, Some((5, 7, 509)), "Access denied, sending domain does not pass DMARC verification"),
            (false, 550, Some((5, 1, 10)), "RecipientNotFound"),
            (false, 550, Some((5, 6, 11)), "bare line feeds"),
            (false, 552, Some((5, 2, 2)), "mailbox full"),
            (false, 451, Some((4, 7, 500)), "Server busy"),
            (false, 550, Some((5, 7, 1)), "Service unavailable"),
            (false, 550, None, "5.7.64 only in words"),
            (false, 250, Some((2, 7, 64)), "fine"),
        ] {
            let reply = NextHopReply { code, enhanced, lines: vec![text.to_owned()] };
            assert_eq!(configuration_trouble(&reply).is_some(), configuration, "{code} {enhanced:?} {text}");
        }
    }
}
