//! Messages inside documents (`.eml`, MHTML, the content of opaque signatures): their texts, and their attachments.

use super::super::formats;
use super::reading::Reading;
use super::text::take;
use super::{File, Format};
use crate::model::{PartContent, SpanKind, Unread};

/// Octets in which a header section shows itself.
const HEAD: usize = 2_048;

/// Messages.
pub(super) struct Mail;

impl Format for Mail {
    fn media_type(&self) -> &'static str {
        "message/rfc822"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        if formats::is_elsewhere(file.media_type) {
            return false;
        }
        file.media_type == "message/rfc822"
            || file.named(&["eml", "mht", "mhtml"])
            || looks_like_mail(&formats::octets_as_text(file.head(HEAD)))
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let message = (reading.parse)(file.octets);
        for gap in &message.gaps {
            reading.gap(if gap.why == "limit" { Unread::Limit } else { Unread::Damaged });
        }
        reading.say(SpanKind::Visible, None, &message.subject);
        for (at, part) in message.parts.iter().enumerate() {
            let name = part.name.clone().unwrap_or_else(|| format!("part-{}", at + 1));
            match &part.content {
                PartContent::Text(text) if part.name.is_none() => {
                    take(reading, &formats::read_text(text.as_str().into(), part.media_type == "text/plain"));
                }
                PartContent::Html(text) if part.name.is_none() => {
                    take(reading, &formats::read_page(text, formats::Opened::InMail));
                }
                PartContent::Text(text) | PartContent::Html(text) => {
                    reading.embed(&name, &part.media_type, text.clone().into_bytes());
                }
                PartContent::Binary(octets) => reading.embed(&name, &part.media_type, octets.clone()),
                PartContent::Multipart | PartContent::AttachedMessage => {}
            }
        }
    }
}

/// A header field on the first line, and one that only mail has among the first.
fn looks_like_mail(head: &str) -> bool {
    let field = |line: &str| {
        let (name, _) = line.split_once(':')?;
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        named.then(|| name.to_ascii_lowercase())
    };
    let mut lines = head.lines();
    if lines.next().and_then(field).is_none() {
        return false;
    }
    let mut names = head.lines().take_while(|line| !line.is_empty()).filter_map(field);
    names.any(|name| matches!(name.as_str(), "mime-version" | "received" | "message-id" | "content-type"))
}
