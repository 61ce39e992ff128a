//! Reads single header fields: addresses, ids, dates, content type. Only named fields reach mail-parser, cut to
//! `limits::MAX_HEADER_FIELD` each and `limits::MAX_HEADER_SECTION` together.

use super::decode;
use crate::limits::{MAX_HEADER_FIELD, MAX_HEADER_SECTION};
use crate::model::{ContentDisposition, HeaderField, Mailbox, Message, TransferEncoding};
use mail_parser::{Address, ContentType, HeaderName, HeaderValue, MessageParser};

/// Fields that say who, what and when.
const TOP_LEVEL: &[&str] =
    &["from", "sender", "reply-to", "to", "cc", "subject", "message-id", "in-reply-to", "references", "date"];
/// Fields that say what a MIME entity is.
const ENTITY: &[&str] = &["content-type", "content-transfer-encoding", "content-disposition", "content-id"];
/// Mailboxes kept of one header field, ids kept of References.
const MAX_ITEMS: usize = 1_000;

/// Copies the named fields, unfolded names first, into a header section that mail-parser can read.
fn collect(octets: &[u8], fields: &[HeaderField], names: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields.iter().filter(|f| names.iter().any(|n| f.name.eq_ignore_ascii_case(n))) {
        let value = octets.get(field.value.clone()).unwrap_or_default();
        let value = value.get(..MAX_HEADER_FIELD).unwrap_or(value);
        if out.len() + value.len() > MAX_HEADER_SECTION {
            break;
        }
        out.extend_from_slice(field.name.as_bytes());
        out.push(b':');
        // Raw 8-bit fields are UTF-8 (RFC 6532) or, in old mail, nearly always windows-1252.
        match std::str::from_utf8(value) {
            Ok(_) => out.extend_from_slice(value.trim_ascii_end()),
            Err(_) => out.extend_from_slice(decode::latin(value).trim_end().as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }
    // mail-parser drops a header section that no body follows.
    out.extend_from_slice(b"\r\n \r\n");
    out
}

/// Reads the addressing fields of the top level. Parts, ranges and gaps are the caller's.
pub(super) fn read_top_level(octets: &[u8], fields: &[HeaderField]) -> Message {
    let section = collect(octets, fields, TOP_LEVEL);
    let mut message = Message::default();
    let Some(parsed) = MessageParser::default().parse_headers(&section) else {
        return message;
    };
    for header in parsed.headers() {
        match &header.name {
            HeaderName::From => add_mailboxes(&mut message.from, &header.value),
            HeaderName::ReplyTo => add_mailboxes(&mut message.reply_to, &header.value),
            HeaderName::To | HeaderName::Cc => add_mailboxes(&mut message.to, &header.value),
            HeaderName::Sender => {
                let mut found = Vec::new();
                add_mailboxes(&mut found, &header.value);
                message.sender = message.sender.take().or(found.into_iter().next());
            }
            HeaderName::Subject => {
                add_subject(&mut message.subject, header.value.as_text().unwrap_or_default())
            }
            HeaderName::InReplyTo | HeaderName::References => {
                add_ids(&mut message.references, &header.value);
            }
            HeaderName::Date if message.date.is_none() => {
                message.date = header.value.as_datetime().map(mail_parser::DateTime::to_timestamp);
            }
            _ => {}
        }
    }
    message.message_id = message_id(octets, fields);
    message
}

/// Of several subjects, which RFC 5322 section 3.6 forbids, some programs show the first and some the last: all are read.
fn add_subject(to: &mut String, text: &str) {
    let text = text.trim();
    if !to.is_empty() && !text.is_empty() && to != text {
        to.push_str(" | ");
        to.push_str(text);
    } else if to.is_empty() {
        text.clone_into(to);
    }
}

/// Message-ID as written, folding removed: it is compared and quoted in replies, so it is not re-generated.
fn message_id(octets: &[u8], fields: &[HeaderField]) -> String {
    let field = fields.iter().find(|f| f.name.eq_ignore_ascii_case("message-id"));
    let value = field.and_then(|f| octets.get(f.value.clone())).unwrap_or_default();
    let text = String::from_utf8_lossy(value.get(..MAX_HEADER_FIELD).unwrap_or(value));
    text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

fn add_mailboxes(to: &mut Vec<Mailbox>, value: &HeaderValue<'_>) {
    let mut add = |name: Option<&str>, address: Option<&str>| {
        let name = name.map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned);
        let address = address.unwrap_or_default().trim().to_owned();
        if to.len() < MAX_ITEMS && (name.is_some() || !address.is_empty()) {
            to.push(Mailbox { name, address });
        }
    };
    match value {
        HeaderValue::Address(Address::List(list)) => {
            list.iter().for_each(|a| add(a.name.as_deref(), a.address.as_deref()));
        }
        HeaderValue::Address(Address::Group(groups)) => {
            // What stands before a group is shown as the name of those who have none.
            for group in groups {
                for one in &group.addresses {
                    add(one.name.as_deref().or(group.name.as_deref()), one.address.as_deref());
                }
            }
        }
        _ => {}
    }
}

fn add_ids(to: &mut Vec<String>, value: &HeaderValue<'_>) {
    let mut add = |id: &str| {
        let id = id.trim().trim_matches(['<', '>']);
        if !id.is_empty() && to.len() < MAX_ITEMS && !to.iter().any(|known| known == id) {
            to.push(id.to_owned());
        }
    };
    match value {
        HeaderValue::Text(id) => add(id),
        // Bounded well below MAX_ITEMS, so that the search for duplicates stays cheap.
        HeaderValue::TextList(ids) => ids.iter().take(200).for_each(|id| add(id)),
        _ => {}
    }
}

/// What the header fields of a MIME entity say.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) media_type: String,
    pub(super) charset: Option<String>,
    pub(super) boundary: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) encoding: TransferEncoding,
    pub(super) disposition: ContentDisposition,
    pub(super) name: Option<String>,
    pub(super) content_id: Option<String>,
    /// A field or a deciding parameter was given twice with different values.
    pub(super) ambiguous: bool,
}

impl Entity {
    /// The defaults of RFC 2045 section 5.2, and of RFC 2046 section 5.1.5 inside a multipart/digest.
    pub(super) fn new(in_digest: bool) -> Self {
        Self {
            media_type: if in_digest { "message/rfc822" } else { "text/plain" }.to_owned(),
            charset: None,
            boundary: None,
            parameters: Vec::new(),
            encoding: TransferEncoding::Identity,
            disposition: ContentDisposition::None,
            name: None,
            content_id: None,
            ambiguous: false,
        }
    }
}

/// Fields that decide how a body is read.
const DECIDING: &[&str] = &["content-type", "content-transfer-encoding"];

/// Whether a deciding field is there twice with different values.
fn contradicts(octets: &[u8], fields: &[HeaderField]) -> bool {
    let value = |field: &HeaderField| {
        let value = octets.get(field.value.clone()).unwrap_or_default();
        value.iter().filter(|b| !b.is_ascii_whitespace()).map(u8::to_ascii_lowercase).collect::<Vec<u8>>()
    };
    DECIDING.iter().any(|name| {
        let mut same = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).map(value);
        same.next().is_some_and(|first| same.any(|other| other != first))
    })
}

/// Reads the Content-* fields of one entity; of a field given twice the first counts, and a contradiction is noted.
pub(super) fn read_entity(octets: &[u8], fields: &[HeaderField], in_digest: bool) -> Entity {
    let mut entity = Entity { ambiguous: contradicts(octets, fields), ..Entity::new(in_digest) };
    let section = collect(octets, fields, ENTITY);
    let Some(parsed) = MessageParser::default().parse_headers(&section) else {
        return entity;
    };
    let mut typed = false;
    let mut disposed = false;
    let mut encoded = false;
    for header in parsed.headers() {
        match (&header.name, &header.value) {
            (HeaderName::ContentType, HeaderValue::ContentType(value)) if !typed => {
                typed = true;
                read_content_type(&mut entity, value);
            }
            (HeaderName::ContentTransferEncoding, value) if !encoded => {
                encoded = true;
                entity.encoding = transfer_encoding(value.as_text().unwrap_or_default());
            }
            (HeaderName::ContentDisposition, HeaderValue::ContentType(value)) if !disposed => {
                disposed = true;
                entity.disposition = match value.ctype().trim().to_ascii_lowercase().as_str() {
                    "inline" => ContentDisposition::Inline,
                    "" => ContentDisposition::None,
                    // RFC 2183 section 2.8: unknown types are attachments.
                    _ => ContentDisposition::Attachment,
                };
                // The name in the disposition is the one that clients show.
                entity.name = value.attribute("filename").map(clean_name).or(entity.name.take());
            }
            (HeaderName::ContentId, value) => {
                let id = value.as_text().map(|id| id.trim().trim_matches(['<', '>']).to_owned());
                entity.content_id = id.filter(|id| !id.is_empty());
            }
            _ => {}
        }
    }
    entity
}

fn read_content_type(entity: &mut Entity, value: &ContentType<'_>) {
    let main = value.ctype().trim().to_ascii_lowercase();
    let sub = value.subtype().unwrap_or_default().trim().to_ascii_lowercase();
    entity.media_type = match (main.is_empty(), sub.is_empty()) {
        (true, _) => "text/plain".to_owned(),
        // "text" or "plain" alone: unusable, which RFC 2045 5.2 lets us read as plain text.
        (false, true) if main == "text" || main == "plain" => "text/plain".to_owned(),
        (false, true) if main == "html" => "text/html".to_owned(),
        (false, true) if main == "multipart" => "multipart/mixed".to_owned(),
        (false, true) => "application/octet-stream".to_owned(),
        (false, false) => format!("{main}/{sub}"),
    };
    for attribute in value.attributes().unwrap_or_default().iter().take(64) {
        let name = attribute.name.to_ascii_lowercase();
        let text = attribute.value.as_ref();
        match name.as_str() {
            "boundary" => entity.ambiguous |= !set_once(&mut entity.boundary, text),
            "charset" => entity.ambiguous |= !set_once(&mut entity.charset, text.trim()),
            "name" if entity.name.is_none() => entity.name = Some(clean_name(text)),
            _ => {}
        }
        entity.parameters.push((name, text.to_owned()));
    }
}

/// Sets a parameter that counts once; false when it already had another value.
fn set_once(parameter: &mut Option<String>, text: &str) -> bool {
    parameter.get_or_insert_with(|| text.to_owned()).eq_ignore_ascii_case(text)
}

/// A file name without path, control and direction characters, at most 255 characters: it is shown to people.
pub(super) fn clean_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let bidi =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    last.chars().filter(|c| !c.is_control() && !bidi(*c)).take(255).collect::<String>().trim().to_owned()
}

fn transfer_encoding(text: &str) -> TransferEncoding {
    // Comments and parameters do occur ("base64; charset=…").
    let text = text.trim_start();
    let text =
        text.strip_prefix('(').and_then(|comment| comment.split_once(')')).map_or(text, |(_, rest)| rest);
    let word = text.split([';', '(', ' ', '\t', '"']).find(|w| !w.is_empty()).unwrap_or_default();
    match word.trim().to_ascii_lowercase().as_str() {
        "" | "7bit" | "8bit" | "binary" | "7-bit" | "8-bit" => TransferEncoding::Identity,
        "base64" => TransferEncoding::Base64,
        "quoted-printable" => TransferEncoding::QuotedPrintable,
        _ => TransferEncoding::Unknown,
    }
}
