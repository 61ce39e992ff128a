//! PDF, read by [`crate::extract::pdf`]: its texts become spans, its attached files are opened in turn, and pages whose
//! text does not say all that is seen are drawn and looked at.

use super::reading::Reading;
use super::seen::{self, Writing};
use super::{File, Format};
use crate::extract::pdf::{self, PageLook};
use crate::extract::sight::Renderer;
use crate::limits::{RENDERED_CODE_SCALE, RENDERED_PAGES, RENDERED_SCALE};
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
        for (shown, target) in &found.anchors {
            reading.anchor(shown, target);
        }
        for file in found.attached {
            reading.embed(&file.name, &file.media_type, file.octets);
        }
        for why in &found.gaps {
            match *why {
                "password" => reading.gap(Unread::Password),
                "limit" => reading.gap(Unread::Limit),
                // The pages that are meant are looked at below.
                "unsupported" => {}
                _ => reading.gap(Unread::Damaged),
            }
        }
        reading.file.producer = found.producer;
        reading.file.make = found.make;
        reading.file.pages = u32::try_from(found.pages).ok();
        reading.file.updates = u32::try_from(found.updates).unwrap_or(u32::MAX);
        reading.file.encrypted = found.encrypted;
        if !found.looks.is_empty() && reading.looks() {
            look(file.octets, found.looks, reading);
        }
    }
}

/// Draws the pages that ask for it, those first whose text is nowhere else.
fn look(octets: &[u8], mut looks: Vec<PageLook>, reading: &mut Reading<'_>) {
    looks.sort_by_key(|look| (std::cmp::Reverse(writing(look)), look.page));
    let renderer = Renderer::open(octets);
    for (at, look) in looks.iter().enumerate() {
        let writing = writing(look);
        let drawn = renderer.as_ref().ok().filter(|_| at < RENDERED_PAGES && reading.budget.pixels > 0);
        let Some(grey) = drawn.and_then(|renderer| renderer.page(look.page, scale(writing))) else {
            if writing == Writing::Required {
                reading.gap(Unread::Unsupported);
            }
            continue;
        };
        reading.budget.pixels = reading.budget.pixels.saturating_sub(grey.area());
        if look.codes {
            seen::codes(&grey, Some(look.page), reading);
        }
        seen::hand_on(grey, Some(look.page), writing, reading);
    }
}

fn scale(writing: Writing) -> f32 {
    if writing == Writing::Ignore { RENDERED_CODE_SCALE } else { RENDERED_SCALE }
}

fn writing(look: &PageLook) -> Writing {
    match (look.required, look.doubtful) {
        (true, _) => Writing::Required,
        (false, true) => Writing::Welcome,
        (false, false) => Writing::Ignore,
    }
}
