//! Images. A small one decorates; what a large one shows is not known without recognition.

use super::reading::Reading;
use super::{File, Format};
use crate::limits::SMALL_PICTURE;
use crate::model::Unread;

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
        kind(file.octets).unwrap_or_default().clone_into(&mut reading.file.media_type);
        if file.octets.len() >= SMALL_PICTURE {
            reading.gap(Unread::Unsupported);
        }
    }
}

fn kind(octets: &[u8]) -> Option<&'static str> {
    let webp = octets.starts_with(b"RIFF") && octets.get(8..12) == Some(b"WEBP");
    let found = MARKS.iter().find(|(mark, kind)| {
        octets.starts_with(mark) && (*kind != "image/bmp" || octets.get(6..10) == Some(&[0; 4]))
    });
    found.map(|(_, kind)| *kind).or(webp.then_some("image/webp"))
}
