//! Two columns beside each other: a customer's account on the left, the bank's on the right.
//!
//! A code takes the number nearest to it. Where a page has two columns, that is the one across the gap, and people read on
//! in the column of the code.

use super::numbers::{Number, Reach, account_at, chunks, nearest_account};
use super::{Hit, Label, View, table, whose};
use std::collections::BTreeSet;

/// Octets before a number in which the label or the head of its column stands.
const HEAD_WITHIN: usize = 90;
/// Digits of a value at least.
const VALUE: usize = 3;

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
        return below_code(view, hit, code, left, reach);
    }
    let between = view.text.get(left.end..code.0)?;
    let line = view.line_start(left.start, HEAD_WITHIN);
    let begins = line.is_some_and(|line| begins_with_label(view, line)) && !between.contains('\n');
    if !begins && between.contains(char::is_alphabetic) {
        return None;
    }
    let span = (hit.start.min(code.0), hit.end.max(code.1));
    let right = nearest_account(view, span, code, reach, used)?;
    let label = view.label_before(right.start, HEAD_WITHIN).filter(|label| label.label == Label::Account)?;
    let found = right.start >= code.1
        && (is_row(view, left, &right) || begins && is_below(view, code, label))
        && says_nothing_else(view, left, &right);
    found.then_some(right)
}

/// The number beside the label below that of a code, where the one that was found stands before it in the same row.
fn below_code(view: &View, hit: &Hit, code: (usize, usize), left: &Number, reach: &Reach) -> Option<Number> {
    let cell = table::beside_label_below(view, hit, Label::Account)?;
    let list = chunks(view, cell.start, cell.end);
    let (right, _) = account_at(view, &list, 0, code)?;
    let row = view.text.get(left.end..right.start)?;
    let found = reach.labelled.contains(&right.digits.len())
        && !row.contains('\n')
        && says_nothing_else(view, left, &right);
    found.then_some(right)
}

/// Whether all words from the left number's label to the right number are labels: none says "new", "closed" or "pay to".
fn says_nothing_else(view: &View, left: &Number, right: &Number) -> bool {
    let Some(first) = view.label_before(left.start, HEAD_WITHIN) else { return false };
    let mut at = first.start;
    for hit in view.labels_in(first.start..right.start) {
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

/// Whether the label of the right number stands in the line below that of the code, behind another label with its value.
fn is_below(view: &View, code: (usize, usize), label: &Hit) -> bool {
    let Some((rest, cell)) = view.text.get(code.1..label.start).and_then(|between| between.split_once('\n'))
    else {
        return false;
    };
    let valued = cell.bytes().filter(u8::is_ascii_digit).count() >= VALUE;
    rest.trim().is_empty() && valued && begins_with_label(view, label.start - cell.len())
}

fn begins_with_label(view: &View, line: usize) -> bool {
    let at = view.labels.partition_point(|hit| hit.start < line);
    view.labels.get(at).is_some_and(|hit| hit.start == line)
}
