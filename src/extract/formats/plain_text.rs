//! Plain text, and formats that are text: CSV, calendar, XML, JSON.

use super::{DocumentFormat, Reading, is_generic, named, octets_as_text};
use crate::model::{Part, PartContent};
use std::borrow::Cow;

/// Anything whose octets are readable as they are.
pub(super) struct PlainText;

impl DocumentFormat for PlainText {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        let kind = part.media_type.as_str();
        matches!(part.content, PartContent::Text(_))
            || matches!(kind, "application/xml" | "application/json" | "application/csv" | "application/ics")
            || kind.ends_with("+xml")
            || kind.ends_with("+json")
            || (is_generic(part) && named(part, &["txt", "csv", "xml", "json", "ics", "log", "md"]))
    }

    fn opens(&self) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        let visible = match &part.content {
            PartContent::Text(text) | PartContent::Html(text) => Cow::Borrowed(text.as_str()),
            PartContent::Binary(octets) => octets_as_text(octets),
            PartContent::Multipart | PartContent::AttachedMessage => Cow::Borrowed(""),
        };
        Reading { visible, ..Reading::default() }
    }
}
