//! A grey bitmap, and what its size and contrast say about what it can hold.

use crate::limits::{
    PICTURE_CODE, PICTURE_PAGE_AREA, PICTURE_PAGE_SIDE, PICTURE_TEXT_AREA, PICTURE_TEXT_SIDE,
    PICTURE_WRITING, RECOGNISED_PIXELS,
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
        self.has_edges(PICTURE_WRITING)
    }

    /// Whether there are enough edges for a QR code, however small.
    pub(in crate::extract) fn may_hold_code(&self) -> bool {
        self.has_edges(PICTURE_CODE)
    }

    fn has_edges(&self, enough: usize) -> bool {
        let width = usize::try_from(self.width).unwrap_or(usize::MAX);
        let mut edges = 0_usize;
        for row in self.pixels.chunks_exact(width.max(1)) {
            let pairs = row.iter().zip(row.iter().skip(1));
            edges += pairs.filter(|(left, right)| left.abs_diff(**right) >= EDGE).count();
            if edges >= enough {
                return true;
            }
        }
        false
    }

    /// The same at a size that a program for recognition likes: small letters doubled, at most `RECOGNISED_PIXELS`.
    pub(in crate::extract) fn for_recognition(self) -> Self {
        let area = self.area();
        if area <= TO_DOUBLE {
            return self.doubled();
        }
        if area <= RECOGNISED_PIXELS {
            return self;
        }
        // The side of a square of so many pixels: rounded down, so that the area stays within them.
        let (wanted, given) = (RECOGNISED_PIXELS.isqrt(), area.isqrt() + 1);
        self.shrunk(wanted, given)
    }

    /// Half as wide and high.
    pub(in crate::extract) fn halved(&self) -> Self {
        self.shrunk(1, 2)
    }

    /// Dark for light.
    pub(in crate::extract) fn inverted(&self) -> Self {
        Self { pixels: self.pixels.iter().map(|level| u8::MAX - level).collect(), ..*self }
    }

    /// Each pixel so many times in both directions.
    pub(in crate::extract) fn enlarged(&self, times: u32) -> Self {
        let (width, height) = (self.width.saturating_mul(times), self.height.saturating_mul(times));
        let count = usize::try_from(times).unwrap_or(1);
        let row = usize::try_from(self.width).unwrap_or(usize::MAX).max(1);
        let wide = |row: &[u8]| -> Vec<u8> {
            row.iter().flat_map(|level| std::iter::repeat_n(*level, count)).collect()
        };
        let rows = self.pixels.chunks_exact(row).map(wide);
        let pixels = rows.flat_map(|row| std::iter::repeat_n(row, count)).flatten().collect();
        Self { width, height, pixels }
    }

    /// So many parts of so many: each new pixel is the mean of those that it stands for. Our own, because the library's
    /// takes 16 octets a pixel for it.
    fn shrunk(&self, parts: usize, of: usize) -> Self {
        let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
        let (width, height) = (side(self.width), side(self.height));
        let shorter = |side: usize| (side.saturating_mul(parts) / of.max(1)).max(1);
        let (new_width, new_height) = (shorter(width), shorter(height));
        let span = |at: usize, old: usize, new: usize| {
            let start = at * old / new;
            start..((at + 1) * old / new).max(start + 1)
        };
        let mut pixels = Vec::with_capacity(new_width.saturating_mul(new_height));
        for y in 0..new_height {
            let rows: Vec<&[u8]> = span(y, height, new_height)
                .filter_map(|row| self.pixels.get(row * width..(row + 1) * width))
                .collect();
            for x in 0..new_width {
                let columns = span(x, width, new_width);
                let values = rows.iter().filter_map(|row| row.get(columns.clone())).flatten();
                let (sum, count) =
                    values.fold((0_u32, 0_u32), |(sum, count), level| (sum + u32::from(*level), count + 1));
                pixels.push(u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
            }
        }
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        Self { width: side(new_width), height: side(new_height), pixels }
    }

    fn doubled(self) -> Self {
        let (width, height) = (self.width * 2, self.height * 2);
        let image: Option<GrayImage> = ImageBuffer::from_raw(self.width, self.height, self.pixels);
        let pixels = image
            .map(|image| imageops::resize(&image, width, height, FilterType::Triangle).into_raw())
            .unwrap_or_default();
        Self { width, height, pixels }
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
    fn sizes_for_recognition() {
        for (width, height) in
            [(1, 1), (300, 200), (1_654, 2_339), (2_480, 3_508), (20_000, 2_000), (4_001, 1_250)]
        {
            let pixels = vec![7; usize::try_from(width * height).unwrap()];
            let fit = Grey::new(width, height, pixels).unwrap().for_recognition();
            assert!(fit.area() <= RECOGNISED_PIXELS && fit.area() >= 4, "{width} × {height}");
            assert_eq!((fit.pixels.len(), fit.pixels.iter().all(|level| *level == 7)), (fit.area(), true));
        }
        let half = Grey::new(4, 2, vec![0, 100, 255, 255, 100, 200, 255, 255]).unwrap().halved();
        assert_eq!((half.width, half.height, half.pixels), (2, 1, vec![100, 255]));
    }

    #[test]
    fn plain_areas_hold_no_writing() {
        let plain = Grey::new(1_000, 1_000, vec![200; 1_000_000]).unwrap();
        assert!(!plain.may_hold_writing());
        let gradient = (0..1_000_000_u32).map(|at| u8::try_from((at % 1_000) / 4).unwrap()).collect();
        assert!(!Grey::new(1_000, 1_000, gradient).unwrap().may_hold_writing());
        let strokes =
            (0..1_000_000_u32).map(|at| if at / 1_000 < 20 && at % 7 < 2 { 0 } else { 255 }).collect();
        assert!(Grey::new(1_000, 1_000, strokes).unwrap().may_hold_writing());
    }
}
