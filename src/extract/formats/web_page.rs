//! HTML bodies and HTML files.

use super::super::html;
use super::{DocumentFormat, Reading, is_generic, named, octets_as_text};
use crate::model::{Part, PartContent};
use std::borrow::Cow;

/// HTML.
pub(super) struct WebPage;

impl DocumentFormat for WebPage {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        matches!(part.content, PartContent::Html(_))
            || (is_generic(part) && named(part, &["htm", "html", "shtml", "xhtml"]))
    }

    fn opens(&self) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        let text = match &part.content {
            PartContent::Html(text) | PartContent::Text(text) => html::read(text),
            PartContent::Binary(octets) => html::read(&octets_as_text(octets)),
            PartContent::Multipart | PartContent::AttachedMessage => return Reading::default(),
        };
        Reading {
            visible: Cow::Owned(text.visible),
            hidden: text.hidden,
            error: text.incomplete.then_some("limit"),
        }
    }
}
