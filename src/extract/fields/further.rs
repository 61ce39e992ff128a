//! Further values behind the first one of a label: "Sort code: 20-00-00 -> 23-05-80", old and new in cells of one row.
//!
//! A reader takes the last one where a change is told, and any of them where nothing is said.

use super::due_date::is_month;
use super::numbers::{Chunk, Number, chunks};
use super::pairs::is_date;
use super::table::FRAME;
use super::{Label, View};

/// Further values of one label at most.
const FURTHER: usize = 12;
/// Octets between a value and the next.
const GAP: usize = 80;
/// Octets before the first value in which a change is told.
const TOLD_WITHIN: usize = 48;
/// Digits of a day or a year between them.
const DATE: usize = 4;
/// Ends of lines between a value and the next.
const LINES: usize = 2;

/// Signs that lead from an old value to a new one.
const SIGNS: [&str; 9] = ["->", "=>", ">>", "→", "⇒", "➔", "➡", "»", "(old)"];
/// Words that do.
const CHANGES: [&str; 12] = [
    "now",
    "becomes",
    "become",
    "changed",
    "changes",
    "changing",
    "replaced",
    "updated",
    "instead",
    "correction",
    "corrected",
    "closed",
];
/// Words that may: a date beside them, or words before the first value, say so.
const MAY_CHANGE: [&str; 19] = [
    "to",
    "from",
    "until",
    "then",
    "after",
    "will",
    "should",
    "with",
    "old",
    "new",
    "by",
    "previously",
    "formerly",
    "discontinued",
    "active",
    "superseded",
    "today",
    "different",
    "current",
];
/// Beginnings of words before the first value that tell a change.
const TOLD: [&str; 9] =
    ["from", "chang", "amend", "replac", "updat", "switch", "substitut", "correct", "alter"];
/// Words that stand between values where a change is told.
const LED: [&str; 12] =
    ["effect", "please", "use", "read", "account", "number", "no", "a", "c", "pay", "into", "sort"];
/// Words that stand between values and say nothing of a change.
const JOINS: [&str; 11] = ["and", "or", "is", "are", "be", "has", "have", "been", "the", "on", "our"];
/// What stands between two values that are named together.
const BESIDE: [&str; 6] = ["", "/", "and", "or", "&", "~~"];

/// How a value is joined to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// An arrow, or words of a change.
    Change,
    /// A sign, "and", or the next cell of the row.
    Beside,
}

/// A further value.
#[derive(Debug)]
pub(super) struct Further {
    pub(super) joint: Joint,
    pub(super) number: Number,
}

/// The values that follow the one at `first` (its octets); `read` takes a number from a list of chunks.
pub(super) fn behind(
    view: &View,
    first: (usize, usize),
    read: impl Fn(&[Chunk<'_>], usize) -> Option<Number>,
) -> Vec<Further> {
    let mut found = Vec::new();
    let mut end = first.1;
    while found.len() < FURTHER {
        let window: usize =
            view.after(end, GAP + GAP / 2).split_inclusive('\n').take(LINES + 1).map(str::len).sum();
        let list = chunks(view, end, end + window);
        // Days and years stand between, "until 30 November 2026".
        let dated = list.iter().take_while(|chunk| is_part_of_date(chunk.raw)).count();
        let next = (0..=dated).find_map(|at| read(&list, at)).filter(|number| number.start >= end);
        let Some(number) = next.filter(|number| !is_written_date(number) && !is_reference(view, number))
        else {
            break;
        };
        let gap = Gap { view, first: first.0, start: end, end: number.start };
        let Some(joint) = gap.joint() else { break };
        end = number.end;
        found.push(Further { joint, number });
    }
    found
}

/// A day, a year, `30.11.2026`.
fn is_part_of_date(raw: &str) -> bool {
    let parts: Vec<usize> = raw.split(['.', '-']).map(str::len).collect();
    matches!(*parts, [1..=DATE] | [1 | 2, 1 | 2, 2 | 4] | [4, 2, 2])
}

/// `30112026`, `2026 11 30`.
fn is_written_date(number: &Number) -> bool {
    let part = |from: usize, to: usize| number.digits.get(from..to).unwrap_or_default();
    let year_last = || part(4, 6) == "20" && is_date(&format!("{}{}", part(0, 4), part(6, 8)));
    let year_first = || part(0, 2) == "20" && is_date(part(2, 8));
    number.digits.len() == 8 && (year_last() || year_first())
}

/// "10023456 as your reference".
fn is_reference(view: &View, number: &Number) -> bool {
    let behind = view.after(number.end, DATE).trim_start();
    behind.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("as"))
        && !behind.get(2..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// Whether a character ends a cell.
fn ends_cell(c: char) -> bool {
    c == '\t' || FRAME.contains(&c)
}

/// The text between two values of a label.
struct Gap<'v> {
    view: &'v View,
    /// Where the first value of the label begins.
    first: usize,
    start: usize,
    end: usize,
}

impl Gap<'_> {
    /// How it joins them, if it does: another label or word makes the second something else.
    fn joint(&self) -> Option<Joint> {
        let text = self.view.text.get(self.start..self.end).filter(|text| text.len() <= GAP)?;
        let lines = text.matches('\n').count();
        let labels = self.view.labels_in(self.start..self.end);
        let own = |label: Label| matches!(label, Label::Account | Label::SortCode);
        let words = Words::of(text)?;
        if lines > LINES || labels.iter().any(|hit| !own(hit.label)) {
            return None;
        }
        if words.change || words.may && (words.month || self.is_told() || lines > 0 && words.headed) {
            return Some(Joint::Change);
        }
        // Another line, or another label, speaks of something else.
        let beside = words.may && !words.led
            || BESIDE.contains(&text.trim_matches(|c: char| c == ' ' || !c.is_ascii()));
        let cells = text.contains(ends_cell) && text.trim_matches(ends_cell).trim().is_empty();
        (lines == 0 && labels.is_empty() && (beside || cells && self.is_row())).then_some(Joint::Beside)
    }

    /// Whether the words before the first value tell a change.
    fn is_told(&self) -> bool {
        let before = self.view.line_before(self.first, TOLD_WITHIN).to_lowercase();
        before.split(|c: char| !c.is_alphabetic()).any(|word| TOLD.iter().any(|told| word.starts_with(told)))
    }

    /// Whether the first value has a cell of its own, behind that of its label.
    fn is_row(&self) -> bool {
        self.view.line_before(self.first, TOLD_WITHIN).trim_end_matches(' ').ends_with(ends_cell)
    }
}

/// What the words of a gap say.
#[derive(Default)]
struct Words {
    change: bool,
    may: bool,
    month: bool,
    led: bool,
    /// "New: …".
    headed: bool,
}

impl Words {
    /// `None` where a word is something else than those above, or a date.
    fn of(text: &str) -> Option<Self> {
        let mut said = Self { change: SIGNS.iter().any(|sign| text.contains(sign)), ..Self::default() };
        said.headed = text.trim_end().ends_with(':');
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let word = word.to_ascii_lowercase();
            let word = word.as_str();
            let day = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let month = is_month(word);
            let date = month || !day.is_empty() && day.len() <= DATE && word.len() <= day.len() + 2;
            match word {
                _ if CHANGES.contains(&word) => said.change = true,
                _ if MAY_CHANGE.contains(&word) => said.may = true,
                _ if LED.contains(&word) => said.led = true,
                _ if date || JOINS.contains(&word) => {}
                _ => return None,
            }
            said.month |= month || word.len() == DATE && word.starts_with("20");
        }
        Some(said)
    }
}

/// Pairs of a code and a number by their places, beyond the first: the last of the shorter list goes with what is left of
/// the other. The joint says how the pair is told; both sides going on is as good as words of a change.
pub(super) fn pairs<'f>(
    first: (&'f Number, &'f Number),
    codes: &'f [Further],
    numbers: &'f [Further],
) -> impl Iterator<Item = (&'f Number, &'f Number, Joint)> {
    (0..codes.len().max(numbers.len())).map(move |at| {
        let side = |list: &'f [Further], first: &'f Number| {
            list.get(at).or(list.last()).map_or(first, |further| &further.number)
        };
        let (code, number) = (codes.get(at), numbers.get(at));
        let joint = match (code, number) {
            (Some(_), Some(_)) => Joint::Change,
            (one, other) => one.or(other).map_or(Joint::Beside, |further| further.joint),
        };
        (side(codes, first.0), side(numbers, first.1), joint)
    })
}
