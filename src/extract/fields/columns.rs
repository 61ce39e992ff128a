//! Two columns beside each other: a customer's account on the left, the bank's on the right.
//!
//! A code takes the number nearest to it. Where a page has two columns, that is the one across the gap, and people read on
//! in the column of the code.

use super::numbers::{Number, Reach, nearest_account};
use super::{Hit, Label, View, whose};
use crate::extract::floor;
use std::collections::BTreeSet;

/// Octets before a number in which the label or the head of its column stands.
const HEAD_WITHIN: usize = 90;

/// The number in the column of a code, where the number that was found for it, `left`, stands in the column before.
pub(super) fn number_in_column(
    view: &View,
    hit: &Hit,
    code: (usize, usize),
    left: &Number,
    reach: &Reach,
    used: &BTreeSet<usize>,
) -> Option<Number> {
    if left.end > code.0 {
        return None;
    }
    let span = (hit.start.min(code.0), hit.end.max(code.1));
    let right = nearest_account(view, span, code, reach, used)?;
    let label = view.label_before(right.start, HEAD_WITHIN).filter(|label| label.label == Label::Account)?;
    let found = right.start >= code.1
        && (is_row(view, left, &right) || is_below(view, left, code, label))
        && says_nothing_else(view, left, &right);
    found.then_some(right)
}

/// Whether all words from the left number's label to the right number are labels: none says "new", "closed" or "pay to".
fn says_nothing_else(view: &View, left: &Number, right: &Number) -> bool {
    let Some(first) = view.label_before(left.start, HEAD_WITHIN) else { return false };
    let from = view
        .labels
        .partition_point(|hit| hit.start < floor(&view.text, first.start.saturating_sub(HEAD_WITHIN)));
    let mut at = first.start;
    for hit in view.labels.get(from..).unwrap_or_default().iter().take_while(|hit| hit.start < right.start) {
        if hit.start < at {
            continue;
        }
        if view.text.get(at..hit.start).is_none_or(|gap| gap.contains(char::is_alphabetic)) {
            return false;
        }
        at = hit.end;
    }
    let rest = view.text.get(at..right.start).is_some_and(|gap| !gap.contains(char::is_alphabetic));
    let behind = view
        .after(right.end, HEAD_WITHIN)
        .split('\n')
        .next()
        .unwrap_or_default()
        .contains(char::is_alphabetic);
    rest && !behind && !whose::is_ordered(view, first)
}

/// Whether the numbers and the code between them are a row of values below their heads.
fn is_row(view: &View, left: &Number, right: &Number) -> bool {
    let row = view.text.get(left.end..right.start);
    row.is_some_and(|row| !row.contains(|c: char| c.is_alphabetic() || c == '\n'))
}

/// Whether the label of the right number stands in the line below, behind another label with its value, and that of the
/// left one begins the line of the code.
fn is_below(view: &View, left: &Number, code: (usize, usize), label: &Hit) -> bool {
    let Some(between) = view.text.get(code.1..label.start) else { return false };
    let Some((rest, cell)) = between.split_once('\n') else { return false };
    let line = label.start - cell.len();
    let first = |from: usize| {
        let at = view.labels.partition_point(|hit| hit.start < from);
        view.labels.get(at).filter(|hit| hit.start == from)
    };
    let own = view.text.get(..left.start).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1);
    let valued = cell.bytes().filter(u8::is_ascii_digit).count() >= 3;
    let same = view.text.get(left.end..code.0).is_some_and(|text| !text.contains('\n'));
    rest.trim().is_empty()
        && same
        && valued
        && first(own).is_some()
        && first(line).is_some_and(|hit| hit.start < label.start)
}
