//! All that was drawn on one page, and which of it a person sees.

use super::geometry::Area;
use super::layout::Glyph;
use super::paint::Ink;
use crate::limits::PDF_AREAS;

/// A character and what decides whether it is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) glyph: Glyph,
    /// Middle of the character on the page.
    pub(super) at: (f32, f32),
    pub(super) ink: Option<Ink>,
    pub(super) order: usize,
    /// Hidden by what stood before it; what came later is judged at the end.
    pub(super) hidden: bool,
    /// Drawn without ink, as scanners add recognised text.
    pub(super) invisible: bool,
}

/// A filled area or an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    pub(super) area: Area,
    /// `None`: an image or a pattern, of unknown colour.
    pub(super) ink: Option<Ink>,
    pub(super) order: usize,
    /// Whether it hides what lies below.
    pub(super) opaque: bool,
}

/// All that was drawn on one page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) drawn: Vec<Drawn>,
    pub(super) filled: Vec<Filled>,
    /// Text that the file gives in place of its glyphs, with what the glyphs say.
    pub(super) replaced: Vec<(String, String)>,
    /// Codes whose text the file does not give.
    pub(super) unknown_codes: usize,
    /// Square points of images.
    pub(super) image_size: f32,
    /// Images that are large enough for a QR code.
    pub(super) pictures: usize,
    /// Parts of filled paths: codes are drawn square by square, too.
    pub(super) shapes: usize,
    /// Digits were drawn in a font whose statements about digits disagree.
    pub(super) doubtful: bool,
    /// Where links lie and where they lead.
    pub(super) links: Vec<(Area, String)>,
    /// A content stream could not be followed to its end.
    pub(super) damaged: bool,
}

impl Page {
    /// The place in the order of drawing of what comes next.
    pub(super) fn order(&self) -> usize {
        self.drawn.len() + self.filled.len()
    }

    /// Notes a filled area or an image.
    pub(super) fn fill(&mut self, area: Area, ink: Option<Ink>, opaque: bool) {
        // Rules and borders cover nothing.
        let thick = area.right - area.left > 2.0 && area.top - area.bottom > 2.0;
        if thick && self.filled.len() < PDF_AREAS {
            let order = self.order();
            self.filled.push(Filled { area, ink, order, opaque });
        }
    }

    /// Whether a person sees the character: it is not covered later, and stands out from its ground.
    pub(super) fn shows(&self, drawn: &Drawn) -> bool {
        if drawn.hidden {
            return false;
        }
        let (x, y) = drawn.at;
        let mut ground = Some(Ink::WHITE);
        for filled in self.filled.iter().filter(|filled| filled.area.holds(x, y)) {
            if filled.order < drawn.order {
                ground = if filled.opaque { filled.ink } else { None };
            } else if filled.opaque {
                return false;
            }
        }
        match (drawn.ink, ground) {
            (Some(ink), Some(ground)) => ink.differs(&ground),
            // Over an image or in a pattern: most likely seen.
            _ => true,
        }
    }
}
