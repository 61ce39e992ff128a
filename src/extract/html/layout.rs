//! Styles that show text in another order, or other shapes, than the text has: what a declaration does to its element.
//! Nobody lays a page out here; whether it hides a number, `displaced` says.

use super::style::size;
use std::ops::{BitOr, BitOrAssign};

/// What styles do to an element, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Layout(u16);

impl Layout {
    /// Its text runs from right to left.
    pub(super) const RIGHT_TO_LEFT: Self = Self(1);
    /// Its characters are shown in the order of its direction, digits included.
    pub(super) const OVERRIDE: Self = Self(1 << 1);
    /// It is shown before what stands before it on its line.
    pub(super) const TO_THE_LEFT: Self = Self(1 << 2);
    /// It is shown behind what follows it on its line.
    pub(super) const TO_THE_RIGHT: Self = Self(1 << 3);
    /// It changes places with its neighbours.
    pub(super) const MOVED: Self = Self(1 << 4);
    /// What it holds changes places.
    pub(super) const REVERSED: Self = Self(1 << 5);
    /// It is shown somewhere else.
    pub(super) const PLACED: Self = Self(1 << 6);
    /// With a distance it is [`Self::PLACED`].
    pub(super) const RELATIVE: Self = Self(1 << 7);
    /// A distance from where it would stand.
    pub(super) const DISTANCE: Self = Self(1 << 8);
    /// Its characters are mirrored, turned or drawn over each other.
    pub(super) const TURNED: Self = Self(1 << 9);
    /// Its font shows other characters than its text has.
    pub(super) const FOREIGN: Self = Self(1 << 10);
    /// It has a background of its own.
    pub(super) const GROUND: Self = Self(1 << 11);

    /// Whether something of `other` is in it.
    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether both are in it.
    pub(super) fn has_both(self, one: Self, other: Self) -> bool {
        self.has(one) && self.has(other)
    }

    /// Whether it changes what is seen of a text, not only its ground.
    pub(super) fn matters(self) -> bool {
        self.0 & !(Self::GROUND | Self::RELATIVE | Self::DISTANCE | Self::OVERRIDE).0 != 0
            || self.has_both(Self::RELATIVE, Self::DISTANCE)
    }

    /// What one declaration does; `value` is in lower case.
    pub(super) fn of(name: &str, value: &str) -> Self {
        let bare = ["-webkit-", "-moz-", "-ms-", "-o-"].iter().find_map(|vendor| name.strip_prefix(vendor));
        let below = |limit: f32| size(value).is_some_and(|size| size <= limit);
        let when = |holds: bool, what: Self| if holds { what } else { Self::default() };
        match bare.unwrap_or(name) {
            "direction" => when(value == "rtl", Self::RIGHT_TO_LEFT),
            "unicode-bidi" => when(value.contains("override"), Self::OVERRIDE),
            "float" if matches!(value, "left" | "inline-start") => Self::TO_THE_LEFT,
            "float" => when(matches!(value, "right" | "inline-end"), Self::TO_THE_RIGHT),
            "order" | "flex-order" => when(value.trim() != "0", Self::MOVED),
            "box-ordinal-group" => when(value.trim() != "1", Self::MOVED),
            "flex-direction" | "flex-flow" | "flex-wrap" | "box-direction" => {
                when(value.contains("reverse"), Self::REVERSED)
            }
            "display" => when(is_part_of_table(value), Self::MOVED),
            name if name.starts_with("grid-") && !name.starts_with("grid-auto") => {
                when(value.starts_with(|c: char| c.is_ascii_digit() || c == '-'), Self::MOVED)
            }
            "position" if matches!(value, "absolute" | "fixed") => Self::PLACED,
            "position" => when(matches!(value, "relative" | "sticky"), Self::RELATIVE),
            "left" | "top" | "right" | "bottom" | "inset" => when(is_distance(value), Self::DISTANCE),
            "transform" | "rotate" | "scale" => of_transform(name, value),
            "translate" => when(is_distance(value), Self::PLACED),
            "margin" | "margin-left" | "margin-right" | "margin-inline" | "margin-inline-start" => {
                let back = |word: &str| size(word).is_some_and(|size| size <= -4.0);
                when(value.split_whitespace().any(back), Self::PLACED)
            }
            "letter-spacing" => when(below(-4.0), Self::TURNED),
            "word-spacing" => when(below(-8.0), Self::TURNED),
            "background" | "background-color" => {
                when(!matches!(value, "none" | "transparent" | "inherit" | "initial"), Self::GROUND)
            }
            _ => Self::default(),
        }
    }

    /// How the pieces of a number are moved by it, if they are.
    pub(super) fn moves(self) -> Option<Move> {
        if self.has(Self::MOVED | Self::PLACED) || self.has_both(Self::RELATIVE, Self::DISTANCE) {
            Some(Move::Anywhere)
        } else if self.has(Self::TO_THE_RIGHT) {
            Some(Move::Right)
        } else {
            self.has(Self::TO_THE_LEFT).then_some(Move::Left)
        }
    }
}

impl BitOr for Layout {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Layout {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// `display` of the rows that are shown first or last wherever they stand (CSS 2.1 section 17.2).
fn is_part_of_table(value: &str) -> bool {
    matches!(value, "table-header-group" | "table-footer-group" | "table-caption")
}

fn is_distance(value: &str) -> bool {
    value.split_whitespace().any(|word| match size(word) {
        Some(size) => size != 0.0,
        None => word.starts_with("calc") || word.starts_with("var"),
    })
}

/// A shift, or glyphs that stand on their heads.
fn of_transform(name: &str, value: &str) -> Layout {
    let mirrored = (value.contains("scale") || name.ends_with("scale")) && value.contains('-');
    let rotated = name.ends_with("rotate") && value != "none" && size(value) != Some(0.0);
    let turned = ["rotate", "matrix", "skew"].iter().any(|word| value.contains(word));
    if mirrored || rotated || turned {
        Layout::TURNED
    } else if value.contains("translate") {
        Layout::PLACED
    } else {
        Layout::default()
    }
}

/// Where a piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Left,
    Right,
    Anywhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        for (name, value, expected) in [
            ("float", "none", Layout::default()),
            ("order", "0", Layout::default()),
            ("order", "-1", Layout::MOVED),
            ("flex-direction", "row", Layout::default()),
            ("flex-flow", "row-reverse wrap", Layout::REVERSED),
            ("grid-column", "1 / 3", Layout::MOVED),
            ("grid-auto-flow", "row", Layout::default()),
            ("position", "static", Layout::default()),
            ("left", "auto", Layout::default()),
            ("left", "0", Layout::default()),
            ("left", "-2em", Layout::DISTANCE),
            ("transform", "none", Layout::default()),
            ("transform", "scale(1.1)", Layout::default()),
            ("-webkit-transform", "scalex(-1)", Layout::TURNED),
            ("rotate", "180deg", Layout::TURNED),
            ("transform", "translatex(3em)", Layout::PLACED),
            ("margin", "0 auto", Layout::default()),
            ("margin-left", "-1px", Layout::default()),
            ("margin-left", "-3em", Layout::PLACED),
            ("letter-spacing", "-.5px", Layout::default()),
            ("letter-spacing", "-1.2em", Layout::TURNED),
            ("color", "red", Layout::default()),
        ] {
            assert_eq!(Layout::of(name, value), expected, "{name}: {value}");
        }
    }
}
