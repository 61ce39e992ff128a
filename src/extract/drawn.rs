//! What is drawn with characters, and what a text must have for its drawing to matter.

use super::fields::{self, View};
use super::html;
use crate::limits::CODE_SIDE;
use crate::model::{PartKind, PaymentClaims, Place};

/// Lines of a code in characters of half a square, such as `▀`, and in those of eight dots.
const HALF_LINES: usize = CODE_SIDE.div_ceil(2);
const DOT_LINES: usize = CODE_SIDE.div_ceil(4);
/// Times that a line of a code changes between dark and light, at the median and more.
const LEAST_CHANGES: usize = 6;

/// Whether a text holds an account, or announces one with digits behind it.
pub(super) fn pays(text: &str) -> bool {
    let view = View::new(text, Place::of(PartKind::Body, 0));
    if view.asks_for_payment() {
        return true;
    }
    let mut claims = PaymentClaims::default();
    fields::read(text, &view, &mut claims);
    !claims.accounts.is_empty()
}

/// Whether a text has a word that announces an account.
pub(super) fn asks(text: &str) -> bool {
    View::new(text, Place::of(PartKind::Body, 0)).announces_account()
}

/// Whether invisible marks of direction make groups of digits change places (UAX 9), in a text that announces an account.
pub(super) fn turns_groups(text: &str) -> bool {
    let marks = ['\u{200f}', '\u{202b}', '\u{2067}', '\u{61c}'];
    let turned = |line: &str| line.split_once(marks).is_some_and(|(_, rest)| html::groups_turn(rest));
    text.contains(marks) && text.lines().any(turned) && asks(text)
}

/// Whether a code is drawn in characters: as many lines, each as wide, as the smallest QR code has, of nothing but
/// squares, half squares, dots or `#`, and gaps.
pub(super) fn holds_code(text: &str) -> bool {
    let mut run = Run::default();
    text.lines().any(|line| run.takes(line))
}

/// Lines of nothing but squares, one behind the other.
#[derive(Default)]
struct Run {
    lines: usize,
    halves: usize,
    dots: usize,
    /// Changes between dark and light, of which rules and frames have few.
    changes: usize,
}

impl Run {
    /// Whether this line completes a code.
    fn takes(&mut self, line: &str) -> bool {
        let line = line.trim_matches(['\r', '>']);
        let mut row = Row::default();
        if !line.chars().all(|c| row.takes(c)) {
            *self = Self::default();
            return false;
        }
        // An empty line ends nothing: some clients set one between any two.
        if row.dark == 0 {
            return false;
        }
        // Half of a code's width may be gaps that were cut off on the right.
        if row.width < CODE_SIDE / 2 {
            *self = Self::default();
            return false;
        }
        self.lines += 1;
        self.halves += usize::from(row.halves > 0);
        self.dots += usize::from(row.dots > 0);
        self.changes += row.changes;
        let complete = self.lines >= CODE_SIDE
            || (self.lines >= HALF_LINES && self.halves + 2 >= HALF_LINES)
            || (self.lines >= DOT_LINES && self.dots >= DOT_LINES);
        complete && self.changes >= self.lines * LEAST_CHANGES
    }
}

/// One line of squares.
#[derive(Default)]
struct Row {
    width: usize,
    dark: usize,
    halves: usize,
    dots: usize,
    changes: usize,
    before: Option<char>,
}

impl Row {
    /// Counts a character; false for one that is neither a square nor a gap.
    fn takes(&mut self, c: char) -> bool {
        let half = matches!(c, '\u{2580}'..='\u{259f}') && c != '\u{2588}';
        let dots = matches!(c, '\u{2801}'..='\u{28ff}');
        let square = half || dots || matches!(c, '#' | '\u{2588}' | '\u{25a0}' | '\u{25fc}' | '\u{2b1b}');
        let gap = matches!(
            c,
            ' ' | '\t' | '\u{a0}' | '\u{3000}' | '\u{2800}' | '\u{25a1}' | '\u{25fb}' | '\u{2b1c}'
        );
        self.width += 1;
        self.dark += usize::from(square);
        self.halves += usize::from(half);
        self.dots += usize::from(dots);
        self.changes += usize::from(self.before.is_some_and(|before| before != c));
        self.before = Some(c);
        square || gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern as restless as a code.
    fn art(rows: usize, columns: usize, dark: char, light: char) -> String {
        let is_dark = |row: usize, column: usize| (row * 7 + column * column * 3 + row * column) % 5 < 2;
        let square = |row: usize, column: usize| if is_dark(row, column) { dark } else { light };
        let line = |row: usize| (0..columns).map(|column| square(row, column)).collect::<String>() + "\n";
        (0..rows).map(line).collect()
    }

    #[test]
    fn codes_in_characters() {
        for (name, text, expected) in [
            ("hashes", art(21, 21, '#', ' '), true),
            ("double width", art(25, 50, '#', ' '), true),
            ("half squares", art(15, 29, '\u{2580}', '\u{2588}'), true),
            ("squares of emoji", art(21, 21, '\u{2b1b}', '\u{2b1c}'), true),
            ("dots", art(8, 15, '\u{28f7}', '\u{2847}'), true),
            ("behind text", format!("Scan me\n{}", art(23, 23, '\u{2588}', ' ')), true),
            ("too small", art(9, 21, '#', ' '), false),
            ("rules", format!("{}\n", "#".repeat(70)).repeat(30), false),
            ("a frame", format!("#{}#\n", " ".repeat(60)).repeat(30), false),
            ("a chart", "\u{2588}\u{2588}\u{2588}\u{2588} 40 %\n".repeat(30), false),
            ("headings", "## Chapter\ntext\n".repeat(30), false),
            ("rules of half squares", format!("{}\n", "\u{2580}".repeat(70)).repeat(30), false),
        ] {
            assert_eq!(holds_code(&text), expected, "{name}");
        }
    }

    #[test]
    fn marks_of_direction_turn_groups() {
        for (text, expected) in [
            ("Sort code \u{200f}12 34 56", true),
            ("Sort code\n\u{2067}31 92 68 19\u{2069}", true),
            ("Sort code \u{200f}12-34-56", false),
            ("Call \u{200f}12 34 56", false),
            ("Sort code 12 34 56 \u{200f}", false),
        ] {
            assert_eq!(turns_groups(text), expected, "{text}");
        }
    }
}
