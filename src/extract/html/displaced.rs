//! Numbers that a reader sees otherwise than they stand in the text of a page.
//!
//! What is looked for is the one thing that moving text is good for in a fraud: a number that is cut into pieces which
//! are then moved, or a number that is turned over as a whole. Columns, floats and brand fonts of ordinary mail leave
//! numbers whole and raise nothing.

use super::layout::{Layout, Move};
use crate::limits::MAX_DISPLACED;
use std::ops::Range;

/// Stretches of the visible text that are not shown where, or as, they stand.
#[derive(Debug, Default)]
pub(super) struct Displaced {
    pieces: Vec<(Range<usize>, Move)>,
    /// Shown otherwise as a whole.
    turned: Vec<Range<usize>>,
    /// Shown in a font that may have other glyphs.
    foreign: Vec<Range<usize>>,
    /// Run from right to left.
    leftward: Vec<Range<usize>>,
    /// There were more than are kept.
    more: bool,
}

impl Displaced {
    /// Notes an element whose text is `range`.
    pub(super) fn note(&mut self, layout: Layout, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let lists = [
            (layout.has(Layout::TURNED), &mut self.turned),
            (layout.has(Layout::FOREIGN), &mut self.foreign),
            (layout.has(Layout::RIGHT_TO_LEFT) && !layout.has(Layout::OVERRIDE), &mut self.leftward),
        ];
        for (_, list) in lists.into_iter().filter(|(concerned, _)| *concerned) {
            if list.len() < MAX_DISPLACED {
                list.push(range.clone());
            } else {
                self.more = true;
            }
        }
        if let Some(how) = layout.moves() {
            if self.pieces.len() < MAX_DISPLACED {
                self.pieces.push((range, how));
            } else {
                self.more = true;
            }
        }
    }

    /// Whether what a reader sees of a number in this text is not what stands there. `pays` says whether a text holds
    /// an account, `asks` whether it announces one.
    pub(super) fn hides(&self, text: &str, pays: fn(&str) -> bool, asks: fn(&str) -> bool) -> bool {
        let cut = self.pieces.iter().any(|(range, how)| cuts(text, range, *how));
        ((cut || self.more || self.scattered(text)) && asks(text))
            || around(&self.turned, text).is_some_and(|text| pays(&text))
            || self.foreign.iter().any(|range| is_announced(text, range, asks))
            || around(&self.foreign, text).is_some_and(|text| pays(&text))
            || (self.leftward.iter().any(|range| groups_turn(first_line(text, range))) && asks(text))
            || around(&self.leftward, text).is_some_and(|part| groups_turn(&part) && asks(text))
    }

    /// Whether pieces of a few digits are put here and there, with other text between them.
    fn scattered(&self, text: &str) -> bool {
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        let placed = self.pieces.iter().filter(|(_, how)| *how == Move::Anywhere);
        let short =
            placed.filter_map(|(range, _)| short_part(text, range)).filter(|text| text.len() <= SHORT);
        let found: Vec<usize> = short.map(digits).filter(|digits| *digits > 0).collect();
        found.len() >= 3 && found.iter().sum::<usize>() >= MIN_DIGITS
    }
}

/// Octets of a piece that is too short to be a number of its own.
const SHORT: usize = 8;
/// Digits of the shortest number that matters: a sort code.
const MIN_DIGITS: usize = 6;
/// Octets on either side of a piece in which the rest of its number stands.
const NEAR: usize = 28;
/// Octets before and behind a stretch that belong to it: its label, the rest of its line.
const BEFORE: usize = 120;
const BEHIND: usize = 60;

fn part<'t>(text: &'t str, range: &Range<usize>) -> &'t str {
    text.get(range.start..range.end.min(text.len())).unwrap_or_default()
}

/// A stretch without the white space around it, if it is short: many long ones may lie in each other.
fn short_part<'t>(text: &'t str, range: &Range<usize>) -> Option<&'t str> {
    Some(part(text, range)).filter(|part| part.len() <= BEFORE).map(str::trim)
}

/// The head of the first line of a stretch.
fn first_line<'t>(text: &'t str, range: &Range<usize>) -> &'t str {
    let head = text.floor_char_boundary(range.start.saturating_add(BEFORE).min(range.end).min(text.len()));
    part(text, &(range.start..head)).lines().next().unwrap_or_default()
}

/// The octets before and behind an offset, as many as `NEAR`.
fn sides(text: &str, at: usize) -> (&str, &str) {
    let from = text.floor_char_boundary(at.saturating_sub(NEAR));
    let to = text.floor_char_boundary(at.saturating_add(NEAR).min(text.len()));
    (text.get(from..at).unwrap_or_default(), text.get(at..to).unwrap_or_default())
}

/// Whether moving a piece takes a number apart.
fn cuts(text: &str, range: &Range<usize>, how: Move) -> bool {
    // On a line of its own only what may be nothing but a piece of a number.
    let piece = short_part(text, range);
    let over_lines =
        how == Move::Anywhere && piece.is_some_and(|piece| piece.split_whitespace().all(is_group));
    let head = || cut_at(text, range.start, over_lines);
    let tail = || cut_at(text, range.end, over_lines);
    match how {
        // Floats to the left come in the order of the text, behind each other.
        Move::Left => head(),
        Move::Right | Move::Anywhere => head() || tail(),
    }
}

/// Whether one number stands on both sides of an offset. Amounts side by side are two.
fn cut_at(text: &str, at: usize, over_lines: bool) -> bool {
    let (left, right) = sides(text, at);
    let between = |c: char| c == ' ' || c == '\u{a0}' || c == '-' || (over_lines && matches!(c, '\n' | '\r'));
    let (left, right) = (left.trim_end_matches(between), right.trim_start_matches(between));
    let last = left.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
    let first = right.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
    let of_number = |c: &char| c.is_ascii_digit() || c.is_ascii_uppercase() || between(*c);
    let left_digits = left.chars().rev().take_while(of_number).filter(char::is_ascii_digit).count();
    let right_digits = right.chars().take_while(of_number).filter(char::is_ascii_digit).count();
    let ends_in_decimals = matches!(left.as_bytes(), [.., b'.' | b',', b'0'..=b'9', b'0'..=b'9']);
    is_group(last) && is_group(first) && left_digits + right_digits >= MIN_DIGITS && !ends_in_decimals
}

/// Whether a word may be a group of an account: digits and capitals, or the letters of a country or a bank.
fn is_group(word: &str) -> bool {
    let word = word.trim_matches([',', ';', '.', ':']);
    let capitals =
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'-');
    let digits = word.bytes().any(|b| b.is_ascii_digit());
    capitals && (digits || (matches!(word.len(), 2 | 4) && word != "IBAN"))
}

/// The stretches with what stands around them, each octet once.
fn around(ranges: &[Range<usize>], text: &str) -> Option<String> {
    let mut sorted: Vec<Range<usize>> = ranges
        .iter()
        .map(|range| {
            text.floor_char_boundary(range.start.saturating_sub(BEFORE))
                ..text.floor_char_boundary(range.end.saturating_add(BEHIND).min(text.len()))
        })
        .collect();
    sorted.sort_by_key(|range| range.start);
    let (mut out, mut done) = (String::new(), 0);
    for range in sorted {
        let from = range.start.max(done);
        if from > done && !out.is_empty() {
            out.push_str(super::BETWEEN);
        }
        out.push_str(text.get(from..range.end).unwrap_or_default());
        done = done.max(range.end);
    }
    (!out.is_empty()).then_some(out)
}

/// Whether an account is announced directly before a stretch.
fn is_announced(text: &str, range: &Range<usize>, asks: fn(&str) -> bool) -> bool {
    let (before, _) = sides(text, range.start);
    let line = before.rsplit(['\n', '\r']).next().unwrap_or_default();
    let short = short_part(text, range).map_or(0, str::len);
    (SHORT..=4 * SHORT + 10).contains(&short) && asks(line)
}

/// Whether groups of digits stand in reverse where text runs from right to left: digits with white space between them
/// and no Latin letter before them (UAX 9, rules W7 and N1). Groups with hyphens, dots or colons stay.
pub(in crate::extract) fn groups_turn(text: &str) -> bool {
    text.lines().any(|line| {
        let end = line.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(line.len());
        let (mut digits, mut groups) = (0, 0);
        for word in line.get(..end).unwrap_or_default().split_whitespace() {
            let word = word.trim_matches([',', ';', '.', ':', '(', ')']);
            let count = word.bytes().filter(u8::is_ascii_digit).count();
            let whole = count == word.len() && count > 0;
            (digits, groups) = if whole { (digits + count, groups + 1) } else { (0, 0) };
            if groups >= 2 && digits >= MIN_DIGITS {
                return true;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_right_to_left_turns() {
        for (text, expected) in [
            ("12 34 56", true),
            ("12 34 56, and", true),
            ("1331 6016", true),
            ("12-34-56", false),
            ("Sort code 12 34 56", false),
            ("GB29 6016 1331", false),
            ("12 34", false),
            ("עמוד 12 מתוך 3456789", false),
        ] {
            assert_eq!(groups_turn(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_taken_apart() {
        for (text, over_lines, expected) in [
            ("1331|6926", false, true),
            ("GB29 NWBK| 6016 1331", false, true),
            ("20-00|-00", false, true),
            ("Sort code |20-00-00", false, false),
            ("20-00-00|\nAccount 31926819", false, false),
            ("1331\n|6926", false, false),
            ("1331\n|6926", true, true),
            ("100.00|200.00", true, false),
            ("12|34", false, false),
            ("31926819|Total", false, false),
            ("31926819\n|IBAN", true, false),
        ] {
            let at = text.find('|').expect("mark");
            assert_eq!(cut_at(&text.replace('|', ""), at, over_lines), expected, "{text}");
        }
    }
}
