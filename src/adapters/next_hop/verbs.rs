//! The commands of one transaction as octets, with parameters passed on only as far as the next hop takes them.

use crate::limits;
use crate::model::{
    BodyType, DsnNotify, DsnReturn, EmailAddress, MailParameters, Recipient, RefusalReason, ReversePath,
};
use crate::ports::NextHopCapabilities;
use std::fmt::Write as _;

/// `MAIL FROM:<…>` with parameters and CRLF.
///
/// # Errors
/// [`RefusalReason::Utf8Undeliverable`] when SMTPUTF8 is needed and the next hop has none.
pub(super) fn mail(
    reverse_path: &ReversePath,
    parameters: &MailParameters,
    next_hop: NextHopCapabilities,
) -> Result<String, RefusalReason> {
    let needs_utf8 = parameters.smtputf8 || reverse_path.0.as_ref().is_some_and(|a| !is_ascii(a));
    if needs_utf8 && !next_hop.smtputf8 {
        return Err(RefusalReason::Utf8Undeliverable);
    }
    let mut line = format!("MAIL FROM:<{reverse_path}>");
    if let Some((declared, limit)) = parameters.size.zip(next_hop.size) {
        let size = size_with_margin(declared, limit);
        write(&mut line, format_args!(" SIZE={size}"));
    }
    if let Some(body) = parameters.body.filter(|_| next_hop.eight_bit_mime) {
        line.push_str(match body {
            BodyType::SevenBit => " BODY=7BIT",
            BodyType::EightBitMime => " BODY=8BITMIME",
        });
    }
    if needs_utf8 {
        line.push_str(" SMTPUTF8");
    }
    if next_hop.dsn {
        match parameters.ret {
            Some(DsnReturn::Full) => line.push_str(" RET=FULL"),
            Some(DsnReturn::Hdrs) => line.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(envid) = parameters.envid.as_deref().filter(|value| is_parameter(value)) {
            write(&mut line, format_args!(" ENVID={envid}"));
        }
    }
    line.push_str("\r\n");
    Ok(line)
}

/// `RCPT TO:<…>` with parameters and CRLF.
///
/// # Errors
/// [`RefusalReason::Utf8Undeliverable`] for an address that needs SMTPUTF8 in a transaction without it.
pub(super) fn rcpt(
    recipient: &Recipient,
    utf8: bool,
    next_hop: NextHopCapabilities,
) -> Result<String, RefusalReason> {
    if !utf8 && !is_ascii(&recipient.address) {
        return Err(RefusalReason::Utf8Undeliverable);
    }
    let mut line = format!("RCPT TO:<{}>", recipient.address);
    if next_hop.dsn {
        if let Some(notify) = recipient.notify.as_ref().and_then(notify_words) {
            write(&mut line, format_args!(" NOTIFY={notify}"));
        }
        if let Some(orcpt) = recipient.orcpt.as_deref().filter(|value| is_parameter(value)) {
            write(&mut line, format_args!(" ORCPT={orcpt}"));
        }
    }
    line.push_str("\r\n");
    Ok(line)
}

/// Room for what we prepend, without lifting a message that fits over the next hop's limit (0: none).
fn size_with_margin(declared: u64, limit: u64) -> u64 {
    let wanted = declared.saturating_add(limits::SIZE_MARGIN);
    if limit == 0 { wanted } else { wanted.min(limit.max(declared)) }
}

fn notify_words(notify: &DsnNotify) -> Option<String> {
    if notify.never {
        return Some("NEVER".to_owned());
    }
    let words: Vec<&str> =
        [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")]
            .into_iter()
            .filter_map(|(set, word)| set.then_some(word))
            .collect();
    (!words.is_empty()).then(|| words.join(","))
}

/// RFC 5321 esmtp-value: what holds anything else could end the command and start another.
fn is_parameter(value: &str) -> bool {
    !value.is_empty() && value.len() <= 1_024 && value.bytes().all(|b| b.is_ascii_graphic())
}

fn is_ascii(address: &EmailAddress) -> bool {
    address.local().is_ascii()
}

fn write(line: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    line.write_fmt(text).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: NextHopCapabilities = NextHopCapabilities {
        pipelining: true,
        chunking: true,
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        size: Some(1_000_000),
    };

    fn path(text: &str) -> ReversePath {
        ReversePath(EmailAddress::parse(text).ok())
    }

    fn everything() -> MailParameters {
        MailParameters {
            size: Some(5_000),
            body: Some(BodyType::EightBitMime),
            smtputf8: true,
            ret: Some(DsnReturn::Hdrs),
            envid: Some("QQ314159".to_owned()),
        }
    }

    #[test]
    fn parameters_go_only_where_they_are_understood() {
        assert_eq!(
            mail(&path("a@b.example"), &everything(), ALL).expect("all advertised"),
            "MAIL FROM:<a@b.example> SIZE=70536 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159\r\n"
        );
        let plain = NextHopCapabilities { smtputf8: true, ..NextHopCapabilities::default() };
        assert_eq!(
            mail(&ReversePath(None), &everything(), plain).expect("SMTPUTF8 is advertised"),
            "MAIL FROM:<> SMTPUTF8\r\n"
        );
        assert_eq!(
            mail(&path("a@b.example"), &everything(), NextHopCapabilities::default()),
            Err(RefusalReason::Utf8Undeliverable)
        );
        assert_eq!(
            mail(&path("jürgen@b.example"), &MailParameters::default(), NextHopCapabilities::default()),
            Err(RefusalReason::Utf8Undeliverable)
        );
    }

    #[test]
    fn recipients() {
        let recipient = Recipient {
            address: EmailAddress::parse("Accounts@contoso.com").expect("valid"),
            notify: Some(DsnNotify { failure: true, delay: true, ..DsnNotify::default() }),
            orcpt: Some("rfc822;accounts@contoso.com".to_owned()),
        };
        assert_eq!(
            rcpt(&recipient, false, ALL).expect("ASCII"),
            "RCPT TO:<Accounts@contoso.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;accounts@contoso.com\r\n"
        );
        assert_eq!(
            rcpt(&recipient, false, NextHopCapabilities::default()).expect("ASCII"),
            "RCPT TO:<Accounts@contoso.com>\r\n"
        );
        let hostile = Recipient { orcpt: Some("rfc822;x\r\nDATA".to_owned()), notify: None, ..recipient };
        assert_eq!(rcpt(&hostile, false, ALL).expect("ASCII"), "RCPT TO:<Accounts@contoso.com>\r\n");
    }

    #[test]
    fn the_margin_never_lifts_a_message_over_the_limit() {
        for (declared, limit, expected) in [
            (1_000, 0, 1_000 + limits::SIZE_MARGIN),
            (1_000, 1_000_000, 1_000 + limits::SIZE_MARGIN),
            (999_000, 1_000_000, 1_000_000),
            (2_000_000, 1_000_000, 2_000_000),
            (u64::MAX, 0, u64::MAX),
        ] {
            assert_eq!(size_with_margin(declared, limit), expected, "{declared} of {limit}");
        }
    }
}
