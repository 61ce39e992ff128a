//! The notice beside a message that cannot carry its banner: signed, sealed, a bounce, a meeting.
//!
//! One for each protected mailbox that the message reaches, never to its sender, with the null reverse-path and
//! `Auto-Submitted`, so that nothing answers it. It says the warning first, then which message it is about; what comes
//! from that message is one line, bounded, without account digits and without anything that a mail client would make
//! a link of. A signed field lets us know our own notices again, should one come back.

use super::banner::{look, one_line};
use super::block::{Block, date, return_token};
use super::displayed::LeaveReason;
use super::fields::{Fields, body_start, first_value};
use super::hold::dedupe_key;
use super::notice::{author, encoded, quoted, transfer_encoded};
use super::verdict_header::body_hash;
use crate::limits::{MAX_COMPANION_NOTICES, MAX_NOTICE_FIELDS};
use crate::model::{
    EmailAddress, Envelope, MailParameters, OrgId, Organisation, ReceivedMail, Recipient, ReversePath,
    Verdict,
};
use crate::ports::{CompanionNotice, Keyring, OutboxMail, PortError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Field by which we know our notices.
const NAME: &str = "X-Sentra-Notice";
/// Octets of a Message-ID that is referred to.
const MAX_MESSAGE_ID: usize = 250;

/// What a notice is made from, beside the message and its verdict.
pub struct Companion<'a> {
    /// Whose mail it is.
    pub organisation: &'a Organisation,
    /// Why the banner could not be put in.
    pub reason: LeaveReason,
    /// Our name.
    pub hostname: &'a str,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// Signs the notice.
    pub keyring: &'a dyn Keyring,
}

/// One notice for each protected mailbox, at most [`MAX_COMPANION_NOTICES`]; none about a notice of our own.
///
/// # Errors
/// [`PortError`] when the clock or the return token cannot stand in a header, or the keys are not loaded.
pub fn companions(
    mail: &ReceivedMail,
    verdict: &Verdict,
    about: &Companion<'_>,
) -> Result<Vec<CompanionNotice>, PortError> {
    if is_own_notice(&mail.octets, about.organisation.id, about.keyring) {
        return Ok(Vec::new());
    }
    let body = transfer_encoded(&text(mail, verdict, about));
    let key = dedupe_key(mail, about.organisation);
    let readers = readers(&mail.envelope.recipients, about.organisation);
    readers
        .iter()
        .enumerate()
        .map(|(n, (mailbox, reader))| {
            let octets = octets(mail, verdict, about, (n, reader), &body)?;
            let notice = OutboxMail {
                org: about.organisation.id,
                envelope: envelope(reader),
                octets: Bytes::from(octets),
                kind: "notice",
            };
            Ok(CompanionNotice { mail: notice, dedupe_key: format!("{key}|{}", mailbox.folded()) })
        })
        .collect()
}

/// Each protected mailbox that the message reaches, with the address by which it does: many tagged forms of one
/// address are one reader.
fn readers<'a>(
    recipients: &'a [Recipient],
    organisation: &'a Organisation,
) -> Vec<(&'a EmailAddress, &'a EmailAddress)> {
    let mut readers: Vec<(&EmailAddress, &EmailAddress)> = Vec::new();
    for recipient in recipients {
        let mailbox =
            organisation.mailbox_for(&recipient.address).map_or(&recipient.address, |own| &own.address);
        if !readers.iter().any(|(known, _)| *known == mailbox) {
            readers.push((mailbox, &recipient.address));
        }
        if readers.len() >= MAX_COMPANION_NOTICES {
            break;
        }
    }
    readers
}

fn envelope(reader: &EmailAddress) -> Envelope {
    Envelope {
        reverse_path: ReversePath(None),
        parameters: MailParameters { smtputf8: !reader.local().is_ascii(), ..MailParameters::default() },
        recipients: vec![Recipient { address: reader.clone(), notify: None, orcpt: None }],
    }
}

fn octets(
    mail: &ReceivedMail,
    verdict: &Verdict,
    about: &Companion<'_>,
    (n, reader): (usize, &EmailAddress),
    body: &[u8],
) -> Result<Vec<u8>, PortError> {
    let Companion { organisation, hostname, keyring, .. } = about;
    let message_id = format!("<companion.{}.{n}@{hostname}>", mail.id);
    let subject = format!("{}: {}", look(verdict.severity).label, defanged(&quoted(&sender(mail))));
    let mut block = Block::new("\r\n");
    block.field("Date", &[date(about.now_ms)?]);
    block.field("From", &[format!("Sentra <sentra@{hostname}>")]);
    block.field("To", &[format!("<{reader}>")]);
    block.field("Subject", &encoded(&subject));
    block.field("Message-ID", std::slice::from_ref(&message_id));
    if let Some(id) = sound_message_id(&mail.octets) {
        // Shows it beside the message in a list by conversation.
        block.field("In-Reply-To", std::slice::from_ref(&id));
        block.field("References", &[id]);
    }
    block.field("Auto-Submitted", &["auto-generated".to_owned()]);
    if let Some(token) = return_token(organisation)? {
        block.field("X-Sentra-Return", &[token]);
    }
    let hash = body_hash(&[Bytes::copy_from_slice(body)]);
    let signature = keyring.sign(organisation.id, &signed_text(organisation.id, &message_id, &hash))?;
    let signature = format!("s={}", URL_SAFE_NO_PAD.encode(signature));
    block.field(NAME, &["v=1;".to_owned(), format!("org={};", organisation.id), signature]);
    block.field("MIME-Version", &["1.0".to_owned()]);
    block.field("Content-Type", &["text/plain; charset=utf-8".to_owned()]);
    block.field("Content-Transfer-Encoding", &["base64".to_owned()]);
    let mut octets = block.finish();
    octets.extend_from_slice(b"\r\n");
    octets.extend_from_slice(body);
    Ok(octets)
}

/// The notice's text: the warning first, because lists of mail show the first line.
fn text(mail: &ReceivedMail, verdict: &Verdict, about: &Companion<'_>) -> String {
    let (headline, advice) = super::compose::words_of(verdict);
    let received = OffsetDateTime::from_unix_timestamp(mail.received_at_ms.div_euclid(1_000)).ok();
    let subject = first_value(&mail.octets, "subject");
    let subject = if subject.contains("=?") { "(encoded)".to_owned() } else { defanged(&quoted(&subject)) };
    [
        one_line(headline),
        one_line(advice),
        String::new(),
        "This is about a message that was delivered to you:".to_owned(),
        format!("  From:      {}", defanged(&author(&mail.octets))),
        format!("  Sent by:   {}", defanged(&quoted(&sender(mail)))),
        format!("  Subject:   {subject}"),
        format!("  Received:  {}", received.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()),
        String::new(),
        format!("The warning could not be put into the message itself, because it {}.", about.reason.because()),
        "The message was not changed.".to_owned(),
        String::new(),
        "What to do:".to_owned(),
        "  1. Do not pay, and do not change bank details, because of that message alone.".to_owned(),
        "  2. Do not reply to it to confirm, and do not call a number from it.".to_owned(),
        "  3. Call the sender under the number in your own records.".to_owned(),
        String::new(),
        "This notice was made by Sentra, which checks payment mail for your organisation; nobody reads replies."
            .to_owned(),
        String::new(),
    ]
    .join("\r\n")
}

/// The reverse-path, or the address in From where that is null.
fn sender(mail: &ReceivedMail) -> String {
    match &mail.envelope.reverse_path.0 {
        Some(address) => address.to_string(),
        None => "a mail system (no return address)".to_owned(),
    }
}

/// Text of foreign origin in which no mail client finds a link: the marks of one get a space.
fn defanged(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        let follows = rest.peek().is_some_and(|next| next.is_alphanumeric());
        let inside = before.is_some_and(char::is_alphanumeric) && follows;
        if (c == '.' && inside && !text.contains('@')) || (c == ':' && rest.peek() == Some(&'/')) {
            out.push(' ');
        }
        before = Some(c);
    }
    out
}

/// The message's id, where it can be repeated in a field of ours.
fn sound_message_id(octets: &[u8]) -> Option<String> {
    let id = first_value(octets, "message-id");
    let inner = id.strip_prefix('<')?.strip_suffix('>')?;
    let sound = inner.len() <= MAX_MESSAGE_ID
        && inner.contains('@')
        && inner.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\'));
    sound.then_some(id)
}

fn signed_text(org: OrgId, message_id: &str, body_hash: &str) -> Vec<u8> {
    format!("sentra-notice-v1\n{org}\n{message_id}\n{body_hash}\n").into_bytes()
}

/// Whether these octets are a notice that we wrote for this organisation: one that came back is told of by nobody.
fn is_own_notice(octets: &[u8], org: OrgId, keyring: &dyn Keyring) -> bool {
    let body = octets.get(body_start(octets)..).unwrap_or_default();
    let fields = Fields::new(octets).filter(|field| field.is_named(octets, NAME)).take(MAX_NOTICE_FIELDS);
    let signatures: Vec<Vec<u8>> = fields
        .filter_map(|field| {
            let flat: String = field.value(octets).chars().filter(|c| !c.is_whitespace()).collect();
            let signature = flat.split(';').find_map(|item| item.strip_prefix("s="))?;
            URL_SAFE_NO_PAD.decode(signature).ok()
        })
        .collect();
    if signatures.is_empty() {
        return false;
    }
    let hash = body_hash(&[Bytes::copy_from_slice(body)]);
    let text = signed_text(org, &first_value(octets, "message-id"), &hash);
    signatures.iter().any(|signature| keyring.verify(org, &text, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_becomes_a_link() {
        for (text, expected) in [
            ("Invoice 4711, see www.evil.example/pay", "Invoice 4711, see www. evil. example/pay"),
            ("https://evil.example", "https: //evil. example"),
            ("billing@supplier.example", "billing@supplier.example"),
            ("Total. Pay now.", "Total. Pay now."),
        ] {
            assert_eq!(defanged(text), expected);
        }
    }

    #[test]
    fn only_sound_message_ids_are_repeated() {
        for (field, sound) in [
            ("<a@b.example>", true),
            ("a@b.example", false),
            ("<a b@c>", false),
            ("<a@b> <c@d>", false),
            ("<no-at>", false),
        ] {
            let octets = format!("Message-ID: {field}\r\n\r\n");
            assert_eq!(sound_message_id(octets.as_bytes()).is_some(), sound, "{field}");
        }
    }
}
