//! Further values behind the first one of a label: "Sort code: 20-00-00 -> 23-05-80", old and new in cells of one row.
//!
//! A reader takes the last one where a change is told, and any of them where nothing is said.

use super::View;
use super::due_date::is_month;
use super::numbers::{Chunk, Number, chunks};
use super::pairs::is_date;

/// Further values of one label at most.
const FURTHER: usize = 6;
/// Octets between a value and the next.
const GAP: usize = 48;
/// Digits of a day or a year between them.
const DATE: usize = 4;

/// Words that lead from an old value to a new one.
const CHANGES: [&str; 17] = [
    "to", "now", "new", "becomes", "become", "changed", "changes", "changing", "then", "until", "from",
    "will", "replaced", "updated", "instead", "use", "after",
];
/// Words that stand between values and say nothing of a change.
const JOINS: [&str; 15] =
    ["and", "or", "is", "are", "be", "has", "have", "been", "by", "the", "on", "our", "with", "please", "of"];

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

/// The values that follow the one that ends at `end`, in its line; `read` takes a number from a list of chunks.
pub(super) fn behind(
    view: &View,
    mut end: usize,
    read: impl Fn(&[Chunk<'_>], usize) -> Option<Number>,
) -> Vec<Further> {
    let mut found = Vec::new();
    while found.len() < FURTHER {
        let line = view.after(end, 2 * GAP).split('\n').next().unwrap_or_default().len();
        let list = chunks(view, end, end + line);
        // Days and years stand between, "until 30 November 2026".
        let dated = list.iter().take_while(|chunk| chunk.is_plain() && chunk.raw.len() <= DATE).count();
        let next = (0..=dated).find_map(|at| read(&list, at));
        let Some(number) = next.filter(|number| number.start >= end && !is_written_date(number)) else {
            break;
        };
        let Some(joint) = view.text.get(end..number.start).and_then(|gap| joint(view, end, gap)) else {
            break;
        };
        end = number.end;
        found.push(Further { joint, number });
    }
    found
}

/// `30 11 2026`, `2026 11 30`: eight digits in groups.
fn is_written_date(number: &Number) -> bool {
    let part = |from: usize, to: usize| number.digits.get(from..to).unwrap_or_default();
    let year_last = || part(4, 6) == "20" && is_date(&format!("{}{}", part(0, 4), part(6, 8)));
    let year_first = || part(0, 2) == "20" && is_date(part(2, 8));
    number.end - number.start > number.digits.len()
        && number.digits.len() == 8
        && (year_last() || year_first())
}

/// How the text between two values joins them, if it does: a label or another word makes the second something else.
fn joint(view: &View, start: usize, gap: &str) -> Option<Joint> {
    let labelled = !view.labels_in(start..start + gap.len()).is_empty();
    if gap.len() > GAP || gap.contains('\n') || labelled {
        return None;
    }
    let arrow = ["->", "=>", ">>", "→", "⇒", "➔", "➡", "»"].iter().any(|arrow| gap.contains(arrow));
    let mut changed = arrow;
    for word in gap.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_ascii_lowercase();
        let change = CHANGES.contains(&word.as_str());
        let day = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let date = is_month(&word) || !day.is_empty() && day.len() <= DATE && word.len() <= day.len() + 2;
        if !change && !date && !JOINS.contains(&word.as_str()) {
            return None;
        }
        changed |= change;
    }
    Some(if changed { Joint::Change } else { Joint::Beside })
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
