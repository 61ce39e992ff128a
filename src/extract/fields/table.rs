//! Tables whose first row says what the columns hold: a code and a number stand below their heads, however far apart.

use super::numbers::{Chunk, chunks};
use super::{Hit, Label, View};
use std::ops::Range;

/// Octets of a row at most.
const ROW: usize = 600;
/// Rows of values that are read below the heads.
const ROWS: usize = 6;
/// Columns of a table at most.
const COLUMNS: usize = 24;
/// Octets of a cell before its label.
const BEFORE_LABEL: usize = 3;
/// Digits of a cell that is a value.
const VALUE: usize = 4;

/// A code and a number in one row.
pub(super) struct Row<'v> {
    /// The digits in the code's cell.
    pub(super) code: Vec<Chunk<'v>>,
    /// Those in the number's.
    pub(super) number: Vec<Chunk<'v>>,
    /// The head of the number's column.
    pub(super) account: &'v Hit,
    /// Another column of accounts stands nearer to the code, or behind it: this one may be the customer's.
    pub(super) other: bool,
}

/// The rows below a code's label that heads a column, with each column of account numbers; the likeliest one first. Empty
/// where the label heads no column.
pub(super) fn rows<'v>(view: &'v View, hit: &Hit) -> Vec<Row<'v>> {
    heads(view, hit).map(|(at, accounts, below)| read(view, at, &accounts, below)).unwrap_or_default()
}

/// The column of the label, those of account numbers, and where the row ends.
fn heads<'v>(view: &'v View, hit: &Hit) -> Option<(usize, Vec<(usize, &'v Hit)>, usize)> {
    let row = line(view, hit.start)?;
    let cells = cells(view, &row);
    let at = cells.iter().position(|cell| cell.contains(&hit.start))?;
    let values = |cell: &Range<usize>| digits(view.text.get(cell.clone()).unwrap_or_default()) >= VALUE;
    if cells.len() < 2 || cells.iter().any(values) {
        return None;
    }
    let label = |cell: &Range<usize>| {
        let first = view.labels.partition_point(|label| label.start < cell.start);
        view.labels
            .get(first)
            .filter(|label| label.start <= cell.start + BEFORE_LABEL && label.end <= cell.end)
    };
    let mut accounts: Vec<(usize, &Hit)> = cells
        .iter()
        .enumerate()
        .filter_map(|(column, cell)| Some((column, label(cell)?)))
        .filter(|(column, label)| *column != at && label.label == Label::Account)
        .collect();
    // People write the code first, and what belongs together side by side.
    accounts.sort_by_key(|(column, _)| (*column < at, column.abs_diff(at)));
    (!accounts.is_empty()).then_some((at, accounts, row.end))
}

fn read<'v>(view: &'v View, at: usize, accounts: &[(usize, &'v Hit)], mut below: usize) -> Vec<Row<'v>> {
    let mut rows = Vec::new();
    for _ in 0..ROWS {
        let Some(row) = line(view, below + 1) else { break };
        below = row.end;
        let cells = cells(view, &row);
        let chunks_of = |column: usize| {
            let cell = cells.get(column)?;
            let found = chunks(view, cell.start, cell.end);
            (!found.is_empty()).then_some(found)
        };
        let Some(code) = chunks_of(at) else { continue };
        for (place, (column, account)) in accounts.iter().enumerate() {
            let Some(number) = chunks_of(*column) else { continue };
            rows.push(Row { code: code.clone(), number, account, other: place > 0 });
        }
    }
    rows
}

/// The line around an offset, if it is no longer than a row.
fn line(view: &View, at: usize) -> Option<Range<usize>> {
    let before = view.text.get(crate::extract::floor(&view.text, at.saturating_sub(ROW))..at)?;
    let start = at - before.rfind('\n').map_or_else(|| before.len(), |end| before.len() - end - 1);
    let behind = view.after(at, ROW);
    if behind.is_empty() {
        return None;
    }
    Some(start..at + behind.find('\n').unwrap_or(behind.len()))
}

/// The cells of a row.
fn cells(view: &View, row: &Range<usize>) -> Vec<Range<usize>> {
    let mut from = row.start;
    let text = view.text.get(row.clone()).unwrap_or_default();
    let cells = text.split('\t').take(COLUMNS).map(|cell| {
        let range = from..from + cell.len();
        from = range.end + 1;
        range
    });
    cells.collect()
}

fn digits(cell: &str) -> usize {
    cell.bytes().filter(u8::is_ascii_digit).count()
}
