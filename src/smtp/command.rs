//! One command line to one command.
//!
//! smtp-proto recognises the verbs. MAIL, RCPT and BDAT are read here, because its parser would lose what we need: it
//! turns `<postmaster>` into the null reverse-path, refuses address literals, strips the quotes that tell
//! `"a@b"@c` from `a@b@c`, decodes xtext that must go onward verbatim, lets a parameter appear twice and lets sizes
//! beyond 64 bits wrap to small ones.

use crate::limits;
use crate::model::{BodyType, DsnNotify, DsnReturn, EmailAddress, MailParameters, Recipient, ReversePath};
use crate::wire::reply::Reply;
use smtp_proto::{Error, Request};

/// A command whose arguments are in order.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    /// EHLO (`esmtp`) or HELO with its argument.
    Hello { esmtp: bool, argument: String },
    /// STARTTLS
    StartTls,
    /// MAIL FROM
    Mail { reverse_path: ReversePath, parameters: MailParameters },
    /// RCPT TO
    Recipient(Recipient),
    /// DATA
    Data,
    /// BDAT: so many octets follow; `last` ends the message.
    Chunk { octets: u64, last: bool },
    /// RSET
    Reset,
    /// NOOP
    Noop,
    /// VRFY
    Verify,
    /// HELP
    Help,
    /// QUIT
    Quit,
}

/// A command that is refused as it stands.
#[derive(Debug, PartialEq)]
pub(super) enum Refused {
    /// Say so and go on.
    Reply(Reply),
    /// Say so and close: a BDAT whose size can't be read is followed by content that would pass for commands.
    ReplyAndClose(Reply),
}

impl From<Reply> for Refused {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// Reads a line, its LF included. `hostname` completes `RCPT TO:<postmaster>` (RFC 5321 4.5.1).
pub(super) fn parse(line: &[u8], hostname: &str) -> Result<Command, Refused> {
    // RFC 5321 2.3.8: CR and LF occur only together, as the line end; a NUL or other control belongs nowhere.
    let well_formed = line.strip_suffix(b"\r\n").filter(|text| !text.iter().any(u8::is_ascii_control));
    let verb_end = line.iter().position(|octet| !octet.is_ascii_alphabetic()).unwrap_or(line.len());
    let verb = line.get(..verb_end).unwrap_or_default().to_ascii_uppercase();
    let Some(text) = well_formed.and_then(|text| std::str::from_utf8(text).ok()) else {
        let reply = Reply::malformed_line();
        return Err(if verb == b"BDAT" { Refused::ReplyAndClose(reply) } else { reply.into() });
    };
    let arguments = text.get(verb_end..).unwrap_or_default();
    match verb.as_slice() {
        // smtp-proto would skip white space before the verb.
        b"" => Err(Reply::unknown_command().into()),
        b"MAIL" => mail(arguments).map_err(Refused::Reply),
        b"RCPT" => recipient(arguments, hostname).map_err(Refused::Reply),
        b"BDAT" => chunk(arguments),
        // RFC 5321 4.1.1: these take no argument, and STARTTLS (RFC 3207) none either.
        b"DATA" | b"RSET" | b"QUIT" | b"STARTTLS" if !arguments.trim_ascii().is_empty() => {
            Err(Reply::bad_arguments("the command takes no argument").into())
        }
        // Known, but not offered.
        b"EXPN" | b"AUTH" | b"ETRN" | b"ATRN" | b"BURL" | b"LHLO" | b"TURN" | b"SEND" | b"SOML" | b"SAML" => {
            Err(Reply::not_implemented().into())
        }
        _ => simple(line),
    }
}

fn simple(line: &[u8]) -> Result<Command, Refused> {
    match Request::parse(&mut line.iter()) {
        Ok(Request::Ehlo { host }) => hello(true, &host),
        Ok(Request::Helo { host }) => hello(false, &host),
        Ok(Request::StartTls) => Ok(Command::StartTls),
        Ok(Request::Data) => Ok(Command::Data),
        Ok(Request::Rset) => Ok(Command::Reset),
        Ok(Request::Noop { .. }) => Ok(Command::Noop),
        Ok(Request::Vrfy { .. }) => Ok(Command::Verify),
        Ok(Request::Help { .. }) => Ok(Command::Help),
        Ok(Request::Quit) => Ok(Command::Quit),
        Ok(_) => Err(Reply::not_implemented().into()),
        Err(Error::SyntaxError { syntax }) => Err(Reply::bad_arguments(syntax).into()),
        Err(_) => Err(Reply::unknown_command().into()),
    }
}

/// RFC 5321 4.1.1.1: the argument is a domain or address literal; it stands in our trace header, so it must be
/// printable and bounded, but many hosts don't know their name and are not refused for that.
fn hello(esmtp: bool, host: &str) -> Result<Command, Refused> {
    if host.len() > limits::MAX_EHLO_ARGUMENT || !host.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(Reply::bad_arguments(if esmtp { "EHLO domain" } else { "HELO domain" }).into());
    }
    Ok(Command::Hello { esmtp, argument: host.to_owned() })
}

const MAIL_SYNTAX: &str = "MAIL FROM:<reverse-path> [parameters]";
const RCPT_SYNTAX: &str = "RCPT TO:<forward-path> [parameters]";

/// RFC 5321 4.1.1.2
fn mail(arguments: &str) -> Result<Command, Reply> {
    let (path, rest) = path(arguments, "FROM:").ok_or_else(|| Reply::bad_arguments(MAIL_SYNTAX))?;
    let mut parameters = MailParameters::default();
    for (key, value) in split_parameters(rest)? {
        match (key.as_str(), value) {
            ("SIZE", Some(value)) => parameters.size = Some(size(value)?),
            ("BODY", Some(value)) => parameters.body = Some(body(value)?),
            ("SMTPUTF8", None) => parameters.smtputf8 = true,
            ("RET", Some(value)) => parameters.ret = Some(dsn_return(value)?),
            ("ENVID", Some(value)) if is_xtext(value) => parameters.envid = Some(value.to_owned()),
            ("SIZE" | "BODY" | "SMTPUTF8" | "RET" | "ENVID", _) => {
                return Err(Reply::bad_arguments(MAIL_SYNTAX));
            }
            // RFC 5321 4.1.1.11
            _ => return Err(Reply::unknown_parameter()),
        }
    }
    // RFC 6531 3.5
    if !path.is_ascii() && !parameters.smtputf8 {
        return Err(Reply::needs_smtputf8());
    }
    // RFC 5321 4.5.5: the null reverse-path of notifications.
    let reverse_path = match path {
        "" => ReversePath(None),
        path => ReversePath(Some(mailbox(path).ok_or_else(Reply::bad_sender)?)),
    };
    Ok(Command::Mail { reverse_path, parameters })
}

/// RFC 5321 4.1.1.3
fn recipient(arguments: &str, hostname: &str) -> Result<Command, Reply> {
    let (path, rest) = path(arguments, "TO:").ok_or_else(|| Reply::bad_arguments(RCPT_SYNTAX))?;
    let mut notify = None;
    let mut orcpt = None;
    for (key, value) in split_parameters(rest)? {
        match (key.as_str(), value) {
            ("NOTIFY", Some(value)) => notify = Some(dsn_notify(value)?),
            ("ORCPT", Some(value)) if is_original_recipient(value) => orcpt = Some(value.to_owned()),
            ("NOTIFY" | "ORCPT", _) => return Err(Reply::bad_arguments(RCPT_SYNTAX)),
            // RFC 5321 4.1.1.11
            _ => return Err(Reply::unknown_parameter()),
        }
    }
    let address = if path.eq_ignore_ascii_case("postmaster") {
        EmailAddress::parse(&format!("{path}@{hostname}")).ok()
    } else {
        mailbox(path)
    };
    let address = address.ok_or_else(Reply::bad_recipient)?;
    Ok(Command::Recipient(Recipient { address, notify, orcpt }))
}

/// RFC 3030 section 2. Sizes of more than 12 digits can't be read to their end by anybody.
fn chunk(arguments: &str) -> Result<Command, Refused> {
    let mut words = arguments.split_ascii_whitespace();
    let octets = words
        .next()
        .filter(|word| word.len() <= 12 && word.bytes().all(|octet| octet.is_ascii_digit()))
        .and_then(|word| word.parse().ok());
    let last = match words.next() {
        None => Some(false),
        Some(word) if word.eq_ignore_ascii_case("LAST") => Some(true),
        Some(_) => None,
    };
    match (arguments.starts_with(' '), octets, last, words.next()) {
        (true, Some(octets), Some(last), None) => Ok(Command::Chunk { octets, last }),
        _ => Err(Refused::ReplyAndClose(Reply::bad_arguments("BDAT chunk-size [LAST]"))),
    }
}

/// `FROM:<path> rest` gives path and rest. A space after the colon is wrong but common.
fn path<'a>(arguments: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let arguments = arguments.strip_prefix(' ')?.trim_start_matches(' ');
    let given = arguments.get(..keyword.len())?;
    if !given.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let inside = arguments.get(keyword.len()..)?.trim_start_matches(' ').strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inside.find(|c| {
        let closes = c == '>' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        closes
    })?;
    let rest = inside.get(end + 1..)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some((inside.get(..end)?, rest))
}

/// RFC 5321 4.1.2 Mailbox, with a source route (appendix C) dropped.
fn mailbox(path: &str) -> Option<EmailAddress> {
    let path = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    let (local, domain) = path.rsplit_once('@')?;
    let well_formed = match local.strip_prefix('"') {
        Some(rest) => is_quoted_rest(rest),
        // Dots are not checked: addresses such as `a..b@` exist and can be passed on quoted.
        None => local
            .chars()
            .all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)),
    };
    // No white space: `EmailAddress` would trim it, and we pass on what was written.
    let domain_ok = !domain.is_empty() && !domain.contains(char::is_whitespace);
    (well_formed && domain_ok).then(|| EmailAddress::parse(path).ok()).flatten()
}

/// What follows the opening quote: text, escapes and the closing quote at the very end.
fn is_quoted_rest(rest: &str) -> bool {
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            '"' => return chars.next().is_none(),
            _ => {}
        }
    }
    false
}

/// `KEY[=value]` items, keys in upper case.
///
/// # Errors
/// A parameter given twice, or one that is no parameter.
fn split_parameters(rest: &str) -> Result<Vec<(String, Option<&str>)>, Reply> {
    let mut parameters: Vec<(String, Option<&str>)> = Vec::new();
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        let key = key.to_ascii_uppercase();
        let repeated = parameters.iter().any(|(known, _)| *known == key);
        if repeated || key.is_empty() || !word.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Reply::bad_arguments("each parameter once, as KEY or KEY=value"));
        }
        // Each parameter that is understood comes once, so a list longer than those is refused by its first stranger.
        parameters.push((key, value));
        if parameters.len() > 8 {
            return Err(Reply::unknown_parameter());
        }
    }
    Ok(parameters)
}

/// RFC 1870 section 5: 1 to 20 digits. What does not fit 64 bits is too big for anybody.
fn size(value: &str) -> Result<u64, Reply> {
    if value.is_empty() || value.len() > 20 || !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Reply::bad_arguments("SIZE=octets"));
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

/// RFC 6152; BINARYMIME (RFC 3030) is not offered.
fn body(value: &str) -> Result<BodyType, Reply> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(BodyType::SevenBit),
        "8BITMIME" => Ok(BodyType::EightBitMime),
        "BINARYMIME" => Err(Reply::unknown_parameter()),
        _ => Err(Reply::bad_arguments("BODY=7BIT or BODY=8BITMIME")),
    }
}

/// RFC 3461 4.3
fn dsn_return(value: &str) -> Result<DsnReturn, Reply> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Ok(DsnReturn::Full),
        "HDRS" => Ok(DsnReturn::Hdrs),
        _ => Err(Reply::bad_arguments("RET=FULL or RET=HDRS")),
    }
}

/// RFC 3461 4.1
fn dsn_notify(value: &str) -> Result<DsnNotify, Reply> {
    let mut notify = DsnNotify::default();
    for word in value.split(',') {
        let flag = match word.to_ascii_uppercase().as_str() {
            "NEVER" => &mut notify.never,
            "SUCCESS" => &mut notify.success,
            "FAILURE" => &mut notify.failure,
            "DELAY" => &mut notify.delay,
            _ => return Err(Reply::bad_arguments("NOTIFY=NEVER or a list of SUCCESS, FAILURE, DELAY")),
        };
        *flag = true;
    }
    if notify.never && (notify.success || notify.failure || notify.delay) {
        return Err(Reply::bad_arguments("NOTIFY=NEVER stands alone"));
    }
    Ok(notify)
}

/// RFC 3461 section 4: printable ASCII but `+` and `=`, or `+` with two upper-case hexadecimal digits.
fn is_xtext(value: &str) -> bool {
    let mut octets = value.bytes();
    while let Some(octet) = octets.next() {
        let hex = |digit: Option<u8>| matches!(digit, Some(b'0'..=b'9' | b'A'..=b'F'));
        match octet {
            b'+' if hex(octets.next()) && hex(octets.next()) => {}
            b'+' | b'=' => return false,
            octet if octet.is_ascii_graphic() => {}
            _ => return false,
        }
    }
    !value.is_empty() && value.len() <= limits::MAX_DSN_VALUE
}

/// RFC 3461 4.2: address type, semicolon, xtext.
fn is_original_recipient(value: &str) -> bool {
    value.split_once(';').is_some_and(|(kind, address)| {
        !kind.is_empty()
            && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && is_xtext(address)
    }) && value.len() <= limits::MAX_DSN_VALUE
}

#[cfg(test)]
mod tests;
