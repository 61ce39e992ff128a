//! Plain text, and formats that are text: CSV, calendar, XML, JSON, reports about mail.

use super::super::documents::is_invoice;
use super::super::{directory, drawn, html};
use super::{DocumentFormat, Reading, escapes, is_generic, named, octets_as_text, octets_of};
use crate::model::{Part, PartContent};
use std::borrow::Cow;

/// Anything whose octets are readable as they are.
pub(super) struct PlainText;

impl DocumentFormat for PlainText {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        let kind = part.media_type.as_str();
        matches!(part.content, PartContent::Text(_))
            || matches!(kind, "application/xml" | "application/json" | "application/csv" | "application/ics")
            // Delivery reports and quoted header sections are shown as text, and can be written by anybody.
            || matches!(kind, "message/delivery-status" | "message/global-delivery-status")
            || matches!(kind, "message/disposition-notification" | "message/feedback-report")
            || matches!(kind, "message/rfc822-headers" | "message/global-headers")
            || kind.ends_with("+xml")
            || kind.ends_with("+json")
            || (is_generic(part) && named(part, &["txt", "csv", "xml", "json", "ics", "log", "md"]))
            || (kind == "application/vnd.ms-excel" && named(part, &["csv"]))
    }

    fn opens(&self) -> bool {
        true
    }

    /// Electronic invoices have fields, and files inside.
    fn wants_worker(&self, part: &Part) -> bool {
        is_invoice(octets_of(part))
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        let text = match &part.content {
            PartContent::Text(text) | PartContent::Html(text) => Cow::Borrowed(text.as_str()),
            PartContent::Binary(octets) => octets_as_text(octets),
            PartContent::Multipart | PartContent::AttachedMessage => Cow::Borrowed(""),
        };
        let text = match directory::is_one(&text) {
            true => Cow::Owned(directory::shown(&text)),
            false => text,
        };
        read_text(text, part.media_type == "text/plain")
    }
}

/// Reads text; what is not `plain` may be markup.
pub(in crate::extract) fn read_text(text: Cow<'_, str>, plain: bool) -> Reading<'_> {
    let text = escapes::undone(text);
    let unknown = holds_encoded_file(&text) || drawn::holds_code(&text) || drawn::turns_groups(&text);
    let error = unknown.then_some("unsupported");
    if plain || !text.contains("</") {
        return Reading { visible: text, error, ..Reading::default() };
    }
    // Markup of some kind: the names of elements are labels ("<IBAN>"), and the text may be cut by them.
    let read = html::read(&text);
    let error = error.or(read.incomplete.then_some("limit")).or(read.drawn.then_some("unsupported"));
    let hidden = read.not_shown();
    // Links stand in the text itself, too.
    let visible = Cow::Owned(format!("{text}\n{}", read.visible));
    Reading { visible, hidden, error, ..Reading::default() }
}

/// Whether a file stands in the text as `uuencode`, `yEnc` or BinHex write it, which some mail clients still show as an
/// attachment.
fn holds_encoded_file(text: &str) -> bool {
    text.lines().any(|line| is_uuencoded(line) || is_yenc(line) || line.starts_with("(This file must be converted with BinHex"))
}

/// `begin 644 invoice.pdf`, `begin-base64 644 invoice.pdf`
fn is_uuencoded(line: &str) -> bool {
    let rest = line.strip_prefix("begin ").or_else(|| line.strip_prefix("begin-base64 "));
    let mode = rest.and_then(|rest| rest.split_once(' '));
    mode.is_some_and(|(mode, name)| {
        (3..=4).contains(&mode.len()) && mode.bytes().all(|b| matches!(b, b'0'..=b'7')) && !name.trim().is_empty()
    })
}

/// `=ybegin line=128 size=123456 name=invoice.pdf`
fn is_yenc(line: &str) -> bool {
    let rest = line.strip_prefix("=ybegin ");
    rest.is_some_and(|rest| rest.contains("size=") && rest.split_once("name=").is_some_and(|(_, name)| !name.trim().is_empty()))
}
