//! The mail that tells an organisation's administrators that something is held.
//!
//! It carries the return token, so that the tenant delivers it without routing it to us again, goes out with the null
//! reverse-path, so that nothing ever answers it, and quotes no account beyond its last four digits.

use super::banner::one_line;
use super::block::{Block, date, return_token};
use super::fields::first_value;
use crate::model::{
    EmailAddress, Envelope, HeldMail, MailParameters, Organisation, Recipient, ReversePath, Severity,
};
use crate::ports::{OutboxMail, PortError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Findings that a notice lists; the page of the message shows all.
const MAX_LISTED: usize = 8;
/// Recipients that a notice names.
const MAX_NAMED: usize = 10;
/// Characters of any text that is quoted from the message.
const MAX_QUOTED: usize = 200;
/// Fewest digits in a row that could be an account number.
const ACCOUNT_DIGITS: usize = 8;
/// Octets of text in one encoded word: 75 less its frame, in base64 (RFC 2047 section 2).
const ENCODED_WORD: usize = 45;

/// One notice for each administrator of the organisation.
///
/// # Errors
/// [`PortError::Permanent`] when the clock or the return token cannot stand in a header.
pub fn notices(
    held: &HeldMail,
    organisation: &Organisation,
    hostname: &str,
    now_ms: i64,
) -> Result<Vec<OutboxMail>, PortError> {
    let date = date(now_ms)?;
    let token = return_token(organisation)?;
    let subject = encoded(&subject(held));
    let body = transfer_encoded(&body(held, organisation));
    let mails = organisation.admin_emails.iter().enumerate().map(|(n, admin)| {
        let mut block = Block::new("\r\n");
        block.field("Date", std::slice::from_ref(&date));
        block.field("From", &[format!("Sentra <sentra@{hostname}>")]);
        block.field("To", &[format!("<{admin}>")]);
        block.field("Subject", &subject);
        block.field("Message-ID", &[format!("<notice.{}.{n}@{hostname}>", held.summary.id)]);
        block.field("Auto-Submitted", &["auto-generated".to_owned()]);
        if let Some(token) = &token {
            block.field("X-Sentra-Return", std::slice::from_ref(token));
        }
        block.field("MIME-Version", &["1.0".to_owned()]);
        block.field("Content-Type", &["text/plain; charset=utf-8".to_owned()]);
        block.field("Content-Transfer-Encoding", &["base64".to_owned()]);
        let mut octets = block.finish();
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(&body);
        OutboxMail {
            org: organisation.id,
            envelope: envelope(admin),
            octets: Bytes::from(octets),
            kind: "notice",
        }
    });
    Ok(mails.collect())
}

fn envelope(admin: &EmailAddress) -> Envelope {
    let ascii = admin.local().is_ascii();
    Envelope {
        reverse_path: ReversePath(None),
        parameters: MailParameters { smtputf8: !ascii, ..MailParameters::default() },
        recipients: vec![Recipient { address: admin.clone(), notify: None, orcpt: None }],
    }
}

fn subject(held: &HeldMail) -> String {
    let what = match &held.summary.supplier {
        Some(supplier) => format!(" in the name of {}", quoted(&supplier.name)),
        None => String::new(),
    };
    match held.summary.severity {
        Severity::Danger => format!("Held, do not pay: a message{what} needs review"),
        _ => format!("Held: a message{what} needs review"),
    }
}

/// The notice's text.
fn body(held: &HeldMail, organisation: &Organisation) -> String {
    let summary = &held.summary;
    let mut lines = vec![
        format!("Sentra held a message to {} for review.", quoted(&organisation.name)),
        "It was not delivered, and nobody else was told.".to_owned(),
        String::new(),
        format!("From:      {}", author(&held.octets)),
        format!("Sent by:   {}", if summary.mail_from.is_empty() { "<>" } else { &summary.mail_from }),
        format!("To:        {}", recipients(&summary.recipients)),
        format!("Subject:   {}", quoted(&summary.subject)),
        format!("Received:  {}", summary.received_at),
    ];
    if let Some(supplier) = &summary.supplier {
        lines.push(format!("Supplier:  {} ({})", quoted(&supplier.name), quoted(&supplier.id.0)));
    }
    lines.extend([String::new(), "Why it is held:".to_owned()]);
    for finding in held.findings.iter().filter(|f| f.severity >= Severity::Caution).take(MAX_LISTED) {
        lines.push(format!("  - {} [{}]", quoted(&finding.text), finding.code));
    }
    let id = summary.id;
    lines.extend([
        String::new(),
        "What to do:".to_owned(),
        "  1. Do not reply to the message to confirm it, and do not call a number from it.".to_owned(),
        "  2. Call the supplier under the number in your own records.".to_owned(),
        format!("  3. Look at the message:   sentra quarantine show {id}"),
        format!("     If it is genuine:      sentra quarantine release {id} --reason TEXT"),
        format!("     If it is fraud:        sentra quarantine reject {id}"),
        String::new(),
        "The message stays held until somebody decides. This notice was made by Sentra; nobody reads replies."
            .to_owned(),
        String::new(),
    ]);
    lines.join("\r\n")
}

fn recipients(all: &[String]) -> String {
    let named: Vec<&str> = all.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", named.join(", "))
}

/// The author's address; the display name only where it is plain text.
pub(super) fn author(octets: &[u8]) -> String {
    let from = first_value(octets, "from");
    let shown = if from.contains("=?") {
        from.rsplit_once('<').map_or("(encoded)", |(_, address)| address.trim_end_matches('>'))
    } else {
        &from
    };
    quoted(shown)
}

/// Text of foreign origin: one line, bounded, without digits that could be an account beyond the last four.
pub(super) fn quoted(text: &str) -> String {
    mask_accounts(&one_line(text).chars().take(MAX_QUOTED).collect::<String>())
}

/// Replaces all but the last four digits of runs of digits (single spaces, dots and hyphens between them allowed) that
/// are long enough for an account. Dates in ISO form stay.
fn mask_accounts(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut run: Vec<usize> = Vec::new();
    let mut gap = 0;
    for i in 0..=chars.len() {
        match chars.get(i).copied() {
            Some(c) if c.is_numeric() => {
                run.push(i);
                gap = 0;
            }
            Some(' ' | '.' | '-' | '/') if !run.is_empty() && gap == 0 => gap = 1,
            _ => {
                mask_run(&mut chars, &run);
                run.clear();
                gap = 0;
            }
        }
    }
    chars.into_iter().collect()
}

fn mask_run(chars: &mut [char], run: &[usize]) {
    let (Some(&first), Some(&last)) = (run.first(), run.last()) else { return };
    let is_date = run.len() == 8
        && last - first == 9
        && [4, 7].into_iter().all(|at| chars.get(first + at) == Some(&'-'));
    if run.len() < ACCOUNT_DIGITS || is_date {
        return;
    }
    for &at in run.get(..run.len().saturating_sub(4)).unwrap_or_default() {
        if let Some(digit) = chars.get_mut(at) {
            *digit = '•';
        }
    }
}

/// A header text as tokens: words as they are when ASCII, else encoded words (RFC 2047).
pub(super) fn encoded(text: &str) -> Vec<String> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) && !text.contains("=?") {
        return text.split(' ').map(str::to_owned).collect();
    }
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > ENCODED_WORD {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect()
}

pub(super) fn transfer_encoded(text: &str) -> Vec<u8> {
    let encoded = STANDARD.encode(text);
    let mut out = Vec::with_capacity(encoded.len() + encoded.len() / 38 + 2);
    for line in encoded.as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_masked_and_dates_are_not() {
        for (text, expected) in [
            ("account 60161331926819", "account ••••••••••6819"),
            ("GB29 NWBK 6016 1331 9268 19", "GB29 NWBK •••• •••• ••68 19"),
            ("60-16-13 31926819 now", "••-••-•• ••••6819 now"),
            ("on 2026-11-23, invoice 4711", "on 2026-11-23, invoice 4711"),
            ("1234567", "1234567"),
        ] {
            assert_eq!(mask_accounts(text), expected);
        }
    }

    #[test]
    fn subjects_are_encoded_in_words_of_legal_length() {
        assert_eq!(encoded("plain text"), ["plain", "text"]);
        let words = encoded(&"Müller ".repeat(20));
        assert!(words.len() > 1 && words.iter().all(|word| word.len() <= 75 && word.is_ascii()));
    }
}
