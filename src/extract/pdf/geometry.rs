//! The little geometry that reading needs: matrices, and rectangles along the axes. Units are points.

use lopdf::Object;

/// `[a b c d e f]` of ISO 32000-1, 8.3.3: row vectors times matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix(pub(super) [f32; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) fn of(operands: &[Object]) -> Option<Self> {
        let numbers = numbers(operands);
        <[f32; 6]>::try_from(numbers.as_slice()).ok().map(Self)
    }

    pub(super) const fn shift(x: f32, y: f32) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// This, then `after`.
    pub(super) fn then(&self, after: &Self) -> Self {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, after.0);
        Self([
            a * g + b * i,
            a * h + b * j,
            c * g + d * i,
            c * h + d * j,
            e * g + f * i + k,
            e * h + f * j + l,
        ])
    }

    pub(super) fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }
}

/// A rectangle along the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f32,
    pub(super) bottom: f32,
    pub(super) right: f32,
    pub(super) top: f32,
}

impl Area {
    /// More than any page.
    pub(super) const EVERYTHING: Self =
        Self { left: f32::MIN, bottom: f32::MIN, right: f32::MAX, top: f32::MAX };

    /// `[x y x y]`, corners in any order.
    pub(super) fn of(operands: &[Object]) -> Option<Self> {
        let [a, b, c, d] = <[f32; 4]>::try_from(numbers(operands).as_slice()).ok()?;
        Some(Self { left: a.min(c), bottom: b.min(d), right: a.max(c), top: b.max(d) })
    }

    /// The smallest area around points; `None` without a point.
    pub(super) fn around(points: impl IntoIterator<Item = (f32, f32)>) -> Option<Self> {
        let points = points.into_iter().map(|(x, y)| Self { left: x, bottom: y, right: x, top: y });
        points.reduce(|a, b| a.joined(&b))
    }

    /// Where a unit square or another area comes to lie under a matrix.
    pub(super) fn under(&self, matrix: &Matrix) -> Self {
        let corners = [
            (self.left, self.bottom),
            (self.right, self.bottom),
            (self.left, self.top),
            (self.right, self.top),
        ];
        Self::around(corners.map(|(x, y)| matrix.apply(x, y))).unwrap_or(*self)
    }

    pub(super) const fn joined(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            bottom: self.bottom.min(other.bottom),
            right: self.right.max(other.right),
            top: self.top.max(other.top),
        }
    }

    /// What both share; empty areas hold no point.
    pub(super) const fn shared(&self, other: &Self) -> Self {
        Self {
            left: self.left.max(other.left),
            bottom: self.bottom.max(other.bottom),
            right: self.right.min(other.right),
            top: self.top.min(other.top),
        }
    }

    pub(super) fn holds(&self, x: f32, y: f32) -> bool {
        self.left <= x && x <= self.right && self.bottom <= y && y <= self.top
    }

    /// In square points.
    pub(super) fn size(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.top - self.bottom).max(0.0)
    }
}

/// The operands that are numbers, as numbers; anything else counts as zero.
pub(super) fn numbers(operands: &[Object]) -> Vec<f32> {
    operands.iter().take(8).map(|operand| operand.as_float().unwrap_or_default()).collect()
}
