//! PDF, read by [`crate::extract::pdf`]: its texts become spans, its attached files are opened in turn.

use super::reading::Reading;
use super::{File, Format};
use crate::extract::pdf;
use crate::model::{SpanKind, Unread};

/// Portable Document Format (ISO 32000).
pub(super) struct Pdf;

impl Format for Pdf {
    fn media_type(&self) -> &'static str {
        "application/pdf"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        pdf::is_pdf(file.octets)
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let found = pdf::read(file.octets);
        for text in &found.texts {
            let kind = match (text.recognised, text.hidden) {
                (true, _) => SpanKind::Ocr,
                (false, true) => SpanKind::Hidden,
                (false, false) => SpanKind::Visible,
            };
            reading.say(kind, text.page, &text.text);
        }
        for (_, target) in &found.links {
            reading.link(target);
        }
        for file in found.attached {
            reading.embed(&file.name, &file.media_type, file.octets);
        }
        for why in &found.gaps {
            reading.gap(match *why {
                "password" => Unread::Password,
                "limit" => Unread::Limit,
                "unsupported" => Unread::Unsupported,
                _ => Unread::Damaged,
            });
        }
        reading.file.producer = found.producer;
        reading.file.pages = u32::try_from(found.pages).ok();
        reading.file.updates = u32::try_from(found.updates).unwrap_or(u32::MAX);
        reading.file.encrypted = found.encrypted;
    }
}
