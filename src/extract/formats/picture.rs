//! Images that decorate: inline, referenced by the HTML, or too small for a page of text. A worker looks for QR codes in
//! them all the same, and recognises those that are as large as a page.

use super::{DocumentFormat, Reading};
use crate::limits::{LEAST_PICTURE, SMALL_PICTURE};
use crate::model::{ContentDisposition, Part, PartContent};


/// Logos and the like; a page-sized image is left to the formats after it.
pub(super) struct Picture;

impl DocumentFormat for Picture {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        let small = matches!(&part.content, PartContent::Binary(octets) if octets.len() < SMALL_PICTURE);
        part.media_type.starts_with("image/")
            && (small || part.content_id.is_some() || part.disposition == ContentDisposition::Inline)
    }

    fn decorates(&self) -> bool {
        true
    }

    fn wants_worker(&self, part: &Part) -> bool {
        matches!(&part.content, PartContent::Binary(octets) if octets.len() >= LEAST_PICTURE)
    }

    fn read<'a>(&self, _part: &'a Part) -> Reading<'a> {
        Reading::default()
    }
}
