//! Pages of a PDF as bitmaps, drawn by `hayro`.

use super::grey::Grey;
use crate::limits::RENDERED_PIXELS;
use crate::model::Unread;
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

/// A PDF whose pages are drawn.
pub(in crate::extract) struct Renderer {
    pdf: Pdf,
}

impl Renderer {
    /// Opens a PDF.
    ///
    /// # Errors
    /// Why no page of it can be drawn.
    pub(in crate::extract) fn open(octets: &[u8]) -> Result<Self, Unread> {
        let pdf = Pdf::new(octets.to_vec()).map_err(|_| Unread::Unsupported)?;
        Ok(Self { pdf })
    }

    /// Draws a page, counted from 1, at so many pixels a point or as large as `limits::RENDERED_PIXELS` admits.
    pub(in crate::extract) fn page(&self, number: u32, scale: f32) -> Option<Grey> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let page = self.pdf.pages().get(index)?;
        let scale = fitting(page, scale)?;
        let settings = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
        let quick = RenderSettings { hinting: false, ..RenderSettings::default() };
        // One cache a page: what a page left in it is not carried through the whole document.
        let cache = RenderCache::new();
        let drawn = render(page, &cache, &InterpreterSettings::default(), &quick, &settings);
        let levels = drawn.data().iter().map(|pixel| luma(pixel.r, pixel.g, pixel.b)).collect();
        Grey::new(u32::from(drawn.width()), u32::from(drawn.height()), levels)
    }
}

/// Pixels a point; `None` for a page without an area.
fn fitting(page: &Page<'_>, wanted: f32) -> Option<f32> {
    let (width, height) = page.render_dimensions();
    let area = width * height;
    if !(area.is_finite() && width >= 1.0 && height >= 1.0) {
        return None;
    }
    let fitting = (RENDERED_PIXELS / area).sqrt();
    // Sides of a bitmap are 16 bits wide.
    let longest = 60_000.0 / width.max(height);
    Some(wanted.min(fitting).min(longest)).filter(|scale| width.min(height) * scale >= 1.0)
}

fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1_000).unwrap_or(u8::MAX)
}
