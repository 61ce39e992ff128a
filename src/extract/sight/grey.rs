//! A grey bitmap, and what its size and contrast say about what it can hold.

use crate::limits::{
    PICTURE_PAGE_AREA, PICTURE_PAGE_SIDE, PICTURE_TEXT_AREA, PICTURE_TEXT_SIDE, PICTURE_WRITING,
    RECOGNISED_PIXELS,
};
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer};

/// Difference of two neighbouring pixels that counts as the edge of a stroke; noise of a photograph stays below.
const EDGE: u8 = 24;
/// Pixels below which a picture is doubled before it is recognised: letters of screenshots are 10 pixels high,
/// recognition wants 20.
const TO_DOUBLE: usize = 1_000_000;

/// What a picture of a size can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Kind {
    /// An icon, a logo, a rule: too small for a number that somebody copies from it.
    Decoration,
    /// Some lines of text: a strip, a small screenshot, a large logo.
    Strip,
    /// A page or a good part of one.
    Page,
}

/// A picture in 256 levels of grey; 0 is black.
#[derive(Clone, Debug)]
pub(in crate::extract) struct Grey {
    pub(in crate::extract) width: u32,
    pub(in crate::extract) height: u32,
    /// Row by row, `width * height` of them.
    pub(in crate::extract) pixels: Vec<u8>,
}

impl Grey {
    /// A bitmap of these pixels; `None` where their number does not fit.
    pub(in crate::extract) fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let grey = Self { width, height, pixels };
        (grey.area() > 0 && grey.pixels.len() == grey.area()).then_some(grey)
    }

    /// Pixels.
    pub(in crate::extract) fn area(&self) -> usize {
        area(self.width, self.height)
    }

    /// What a picture of this size can hold.
    pub(in crate::extract) fn kind(&self) -> Kind {
        kind(self.width, self.height)
    }

    /// Whether there are enough edges of strokes for an account number. A plain area, a gradient, a blank scan have none.
    pub(in crate::extract) fn may_hold_writing(&self) -> bool {
        let width = usize::try_from(self.width).unwrap_or(usize::MAX);
        let mut edges = 0_usize;
        for row in self.pixels.chunks_exact(width.max(1)) {
            let pairs = row.iter().zip(row.iter().skip(1));
            edges += pairs.filter(|(left, right)| left.abs_diff(**right) >= EDGE).count();
            if edges >= PICTURE_WRITING {
                return true;
            }
        }
        false
    }

    /// The same at a size that a program for recognition likes: small letters doubled, at most `RECOGNISED_PIXELS`.
    pub(in crate::extract) fn for_recognition(self) -> Self {
        let area = self.area();
        if area <= TO_DOUBLE {
            return self.resized(2.0);
        }
        if area <= RECOGNISED_PIXELS {
            return self;
        }
        // A little less, so that rounding does not exceed it.
        let factor = (to_f64(RECOGNISED_PIXELS) / to_f64(area)).sqrt() * 0.998;
        self.resized(factor)
    }

    /// Half as wide and high.
    pub(in crate::extract) fn halved(self) -> Self {
        self.resized(0.5)
    }

    fn resized(self, factor: f64) -> Self {
        let side = |side: u32| side_of(f64::from(side) * factor);
        let (width, height) = (side(self.width), side(self.height));
        let Some(image): Option<GrayImage> = ImageBuffer::from_raw(self.width, self.height, self.pixels)
        else {
            return Self { width: 0, height: 0, pixels: Vec::new() };
        };
        let image = imageops::resize(&image, width, height, FilterType::Triangle);
        Self { width, height, pixels: image.into_raw() }
    }
}

/// What a picture of this size can hold.
pub(in crate::extract) fn kind(width: u32, height: u32) -> Kind {
    let (side, area) = (width.min(height), area(width, height));
    if side >= PICTURE_PAGE_SIDE && area >= PICTURE_PAGE_AREA {
        Kind::Page
    } else if side >= PICTURE_TEXT_SIDE && area >= PICTURE_TEXT_AREA {
        Kind::Strip
    } else {
        Kind::Decoration
    }
}

/// Pixels of a picture of these sides.
pub(super) fn area(width: u32, height: u32) -> usize {
    let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
    side(width).saturating_mul(side(height))
}

#[expect(clippy::cast_precision_loss, reason = "pixels are far below 2^52")]
fn to_f64(pixels: usize) -> f64 {
    pixels as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped into the range of a side before"
)]
fn side_of(side: f64) -> u32 {
    side.round().clamp(1.0, 65_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_size() {
        for (name, width, height, want) in [
            ("tracking pixel", 1, 1, Kind::Decoration),
            ("social icon", 64, 64, Kind::Decoration),
            ("logo in a signature", 220, 90, Kind::Decoration),
            ("rule", 2_000, 40, Kind::Decoration),
            ("large logo", 400, 200, Kind::Strip),
            ("three lines", 900, 120, Kind::Strip),
            ("screenshot", 800, 500, Kind::Page),
            ("scan at 75 dpi", 620, 877, Kind::Page),
            ("scan at 300 dpi", 2_480, 3_508, Kind::Page),
        ] {
            assert_eq!(kind(width, height), want, "{name}");
        }
    }

    #[test]
    fn plain_areas_hold_no_writing() {
        let plain = Grey::new(1_000, 1_000, vec![200; 1_000_000]).unwrap();
        assert!(!plain.may_hold_writing());
        let gradient = (0..1_000_000_u32).map(|at| u8::try_from((at % 1_000) / 4).unwrap()).collect();
        assert!(!Grey::new(1_000, 1_000, gradient).unwrap().may_hold_writing());
        let strokes = (0..1_000_000_u32).map(|at| if at / 1_000 < 20 && at % 7 < 2 { 0 } else { 255 }).collect();
        assert!(Grey::new(1_000, 1_000, strokes).unwrap().may_hold_writing());
    }
}
