//! Documents under a false flag: a PDF declared as text, an archive declared as a signature or a picture.
//!
//! The recipient's computer opens a file by its name and its first octets and never looks at the declared type. What
//! they say is a document is therefore not read as anything else.

use super::opaque::Opaque;
use super::{DocumentFormat, Reading, named};
use crate::model::{Part, PartContent};

/// First octets of documents and archives, as octets and as text in windows-1252.
const MARKS: &[(&[u8], &str)] = &[
    (b"%PDF", "%PDF"),
    (b"PK\x03\x04", "PK\x03\x04"),
    (b"\xD0\xCF\x11\xE0", "ÐÏ\x11à"),
    (b"{\\rtf", "{\\rtf"),
    (b"Rar!", "Rar!"),
    (b"7z\xBC\xAF", "7z¼¯"),
    (b"\x1F\x8B", "\x1F‹"),
];
/// Extensions that programs open as documents, archives or disk images whatever their type.
const EXTENSIONS: &[&str] = &[
    "pdf", "doc", "docx", "docm", "dot", "dotx", "rtf", "odt", "xls", "xlsx", "xlsm", "xlsb", "ods", "ppt", "pptx", "odp",
    "pages", "numbers", "zip", "7z", "rar", "gz", "tar", "cab", "iso", "img", "one", "xps", "msg", "tif", "tiff",
];

/// Content that only the reader of its own kind can read.
pub(super) struct Disguised;

impl DocumentFormat for Disguised {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        let marked = match &part.content {
            PartContent::Binary(octets) => MARKS.iter().any(|(mark, _)| octets.trim_ascii_start().starts_with(mark)),
            PartContent::Text(text) | PartContent::Html(text) => {
                MARKS.iter().any(|(_, mark)| text.trim_start().starts_with(mark))
            }
            PartContent::Multipart | PartContent::AttachedMessage => return false,
        };
        marked || named(part, EXTENSIONS)
    }

    fn wants_worker(&self, _part: &Part) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        Opaque.read(part)
    }
}
