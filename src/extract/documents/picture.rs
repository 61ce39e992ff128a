//! Images: decoded, searched for QR codes, handed on for recognition. A small one decorates; what a page-sized one says is
//! not known before somebody recognised it.

use super::reading::Reading;
use super::seen::{self, Writing};
use super::{File, Format};
use crate::limits::LEAST_PICTURE;

/// First octets of the usual kinds.
const MARKS: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1A\n", "image/png"),
    (b"\xFF\xD8\xFF", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
];

/// Images.
pub(super) struct Picture;

impl Format for Picture {
    fn accepts(&self, file: &File<'_>) -> bool {
        kind(file.octets).is_some()
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let kind = kind(file.octets).unwrap_or_default();
        kind.clone_into(&mut reading.file.media_type);
        if file.octets.len() < LEAST_PICTURE || !reading.looks() {
            return;
        }
        // What the mail shows inside its text counts as read (a logo, a banner); a page of it is recognised all the same.
        let most = if file.inline { Writing::Welcome } else { Writing::Required };
        seen::picture(file.octets, kind, most, reading);
    }
}

/// The media type by the first octets.
pub(super) fn kind(octets: &[u8]) -> Option<&'static str> {
    let webp = octets.starts_with(b"RIFF") && octets.get(8..12) == Some(b"WEBP");
    let found = MARKS.iter().find(|(mark, kind)| {
        octets.starts_with(mark) && (*kind != "image/bmp" || octets.get(6..10) == Some(&[0; 4]))
    });
    found.map(|(_, kind)| *kind).or(webp.then_some("image/webp"))
}
