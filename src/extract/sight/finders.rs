//! Places that look like a finder pattern of a QR code (ISO/IEC 18004, 6.3.3), counted before somebody combines them.
//!
//! The reader tries every three of them that stand like the corners of a code, 0.2 ms each: a picture of 400 rings in rows
//! keeps it busy for 40 s. Printed pages and photographs show fifteen such places at most, and noise a few hundred that are
//! seen once and stand like nothing.

use crate::limits::{SIGHT_COMPARISONS, SIGHT_CORNERS, SIGHT_FINDERS, SIGHT_PLACES};
use rxing::Point;
use rxing::common::BitMatrix;
use rxing::qrcode::detector::{FinderPattern, FinderPatternFinder};
use std::ops::RangeInclusive;

/// Rows from one that is looked at to the next: what the reader takes.
const EVERY: u32 = FinderPatternFinder::MIN_SKIP;

/// Modules between two corners, as the reader has it.
const MODULES: RangeInclusive<f32> = 9.0..=180.0;

/// What may still be spent on one picture, in all looks at it together.
pub(super) struct Budget {
    /// Threes that stand like the corners of a code.
    corners: usize,
    /// Comparisons of a place that was seen with those seen before: the reader compares each with all.
    comparisons: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { corners: SIGHT_CORNERS, comparisons: SIGHT_COMPARISONS }
    }

    /// Counts what the reader will have to do with a bitmap; false where that is more than is left.
    pub(super) fn allows(&mut self, matrix: &BitMatrix) -> bool {
        let Some(places) = self.places(matrix) else { return false };
        let corners = corners(&places, self.corners);
        let allowed = corners <= self.corners;
        self.corners = self.corners.saturating_sub(corners);
        allowed
    }

    /// The places that were seen in more than one row; `None` where there are more than [`SIGHT_FINDERS`], or more than
    /// [`SIGHT_PLACES`] in all.
    fn places(&mut self, matrix: &BitMatrix) -> Option<Vec<FinderPattern>> {
        let mut finder = FinderPatternFinder::new(matrix);
        for row in (EVERY - 1..matrix.getHeight()).step_by(usize::try_from(EVERY).unwrap_or(1)) {
            let seen = scan(&mut finder, matrix, row);
            let before = finder.getPossibleCenters().len();
            self.comparisons = self.comparisons.checked_sub(seen * before)?;
            if before > SIGHT_PLACES {
                return None;
            }
        }
        let again = finder.getPossibleCenters().iter().filter(|place| place.getCount() >= 2);
        let again: Vec<FinderPattern> = again.copied().collect();
        (again.len() <= SIGHT_FINDERS).then_some(again)
    }
}

/// Looks in one row for black, white, black, white, black in the proportions 1 : 1 : 3 : 1 : 1; says how often they stand
/// there.
fn scan(finder: &mut FinderPatternFinder<'_>, matrix: &BitMatrix, row: u32) -> usize {
    let mut seen = 0;
    let mut runs = [0_u32; 5];
    let mut black = false;
    for column in 0..=matrix.getWidth() {
        let is_black = column < matrix.getWidth() && matrix.get(column, row);
        if is_black == black && column < matrix.getWidth() {
            runs[4] += 1;
            continue;
        }
        // A black run ends: it may be the last of a pattern.
        if black && FinderPatternFinder::foundPatternCross(&runs, 0.0) {
            finder.handlePossibleCenter(&runs, row, column);
            seen += 1;
        }
        runs.rotate_left(1);
        runs[4] = 1;
        black = is_black;
    }
    seen
}

/// How many threes stand like the corners of a code: modules of one size, a right angle between two sides of one length.
/// Ends a little above `most`.
fn corners(places: &[FinderPattern], most: usize) -> usize {
    let mut found = 0;
    for (at, first) in places.iter().enumerate() {
        let rest = places.get(at + 1..).unwrap_or_default();
        for (at, second) in rest.iter().enumerate().filter(|(_, second)| is_alike(first, second)) {
            let rest = rest.get(at + 1..).unwrap_or_default();
            found += rest.iter().filter(|third| is_corner(first, second, third)).count();
            if found > most {
                return found;
            }
        }
    }
    found
}

/// Half a pixel or a twentieth apart, as the reader has it.
fn is_alike(one: &FinderPattern, other: &FinderPattern) -> bool {
    let (one, other) = (one.getEstimatedModuleSize(), other.getEstimatedModuleSize());
    (one - other).abs() <= 0.5 || (one - other).abs() < 0.05 * one.min(other)
}

fn is_corner(first: &FinderPattern, second: &FinderPattern, third: &FinderPattern) -> bool {
    if !is_alike(second, third) {
        return false;
    }
    let mut sides = [(first, second), (second, third), (first, third)].map(|(one, other)| {
        let (one, other) = (Point::from(one), Point::from(other));
        (one.x - other.x).hypot(one.y - other.y)
    });
    sides.sort_by(f32::total_cmp);
    let [short, long, diagonal] = sides;
    let right = short.hypot(long);
    MODULES.contains(&((short + long) / 2.0 / first.getEstimatedModuleSize()))
        && long - short < 0.1 * short
        && (diagonal - right).abs() < 0.1 * diagonal.min(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rxing::qrcode::QRCodeWriter;
    use rxing::{BarcodeFormat, Writer as _};

    /// What one look takes is missing at the next.
    #[test]
    fn comparisons_are_counted_over_all_looks() {
        let text = "https://pay.example/x";
        let matrix = QRCodeWriter.encode(text, &BarcodeFormat::QR_CODE, 200, 200).unwrap();
        let mut budget = Budget::new();
        assert!(budget.allows(&matrix));
        let spent = SIGHT_COMPARISONS - budget.comparisons;
        assert!(spent > 0);
        let mut budget = Budget { corners: SIGHT_CORNERS, comparisons: 2 * spent + 1 };
        let looks: Vec<bool> = (0..3).map(|_| budget.allows(&matrix)).collect();
        assert_eq!(looks, [true, true, false]);
    }
}
