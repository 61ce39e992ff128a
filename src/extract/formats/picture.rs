//! Images that decorate: inline, referenced by the HTML, or too small for a page of text.

use super::{DocumentFormat, Reading};
use crate::model::{ContentDisposition, Part, PartContent};

/// Octets below which an image cannot be a scanned page.
const SMALL: usize = 30 * 1_024;

/// Logos and the like; a page-sized image is left to the formats after it.
pub(super) struct Picture;

impl DocumentFormat for Picture {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        let small = matches!(&part.content, PartContent::Binary(octets) if octets.len() < SMALL);
        part.media_type.starts_with("image/")
            && (small || part.content_id.is_some() || part.disposition == ContentDisposition::Inline)
    }

    fn read<'a>(&self, _part: &'a Part) -> Reading<'a> {
        Reading::default()
    }
}
