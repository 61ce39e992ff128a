//! Tables whose first row says what the columns hold: a code and a number stand below their heads, however far apart.

mod heads;

pub(super) use heads::Row;

use super::numbers::{Number, chunks, groups};
use super::{Hit, Label, View};
use heads::{BEFORE_LABEL, heads};
use std::cell::Cell;
use std::ops::Range;

/// Octets of a row at most.
const ROW: usize = 2_400;
/// Rows of values that are read below the heads.
const ROWS: usize = 20_000;
/// Columns of a table at most.
const COLUMNS: usize = 64;
/// Rows below one in which the label that belongs to it may stand.
const BESIDE: usize = 3;
/// Digits of a cell that is a value.
const VALUE: usize = 4;
/// Octets of a code's cell at most.
const CODE: usize = 14;
/// What separates the cells of tables that are drawn with signs.
pub(super) const FRAME: [char; 3] = ['|', '│', '║'];
/// What stands for the digits of a number that is hidden in part.
pub(super) const MASKS: [&str; 5] = ["**", "••", "xx", "XX", "##"];
/// How codes are written: of the UK, Australia, Canada, the United States.
const CODES: [&[usize]; 5] = [&[2, 2, 2], &[3, 3], &[5], &[9], &[3, 3, 3]];

/// What may still be read of the tables of one text: each label of a head reads the rows below again.
pub(super) struct Budget {
    octets: Cell<usize>,
}

impl Budget {
    /// Octets that reading one cell costs beside those of its text.
    const CELL: usize = 64;
    /// How often every octet of a text may be read.
    const TIMES: usize = 24;
    /// Octets that even a short text may read.
    const LEAST: usize = 65_536;

    /// For a text of so many octets.
    pub(super) fn new(octets: usize) -> Self {
        Self { octets: Cell::new(octets.saturating_mul(Self::TIMES).max(Self::LEAST)) }
    }

    /// Whether tables were left unread.
    pub(super) fn is_spent(&self) -> bool {
        self.octets.get() == 0
    }

    /// Leaves the rest unread.
    fn give_up(&self) {
        self.octets.set(0);
    }

    /// False where less than this is left.
    fn take(&self, octets: usize) -> bool {
        self.octets.set(self.octets.get().saturating_sub(octets));
        !self.is_spent()
    }
}

/// A row and where a label stands in it.
struct Layout {
    cells: Vec<Range<usize>>,
    at: usize,
    row: Range<usize>,
}

/// The code in a cell: its first number, in one of these groups.
pub(super) fn code_in(view: &View, cell: &Range<usize>, shapes: &[&[usize]]) -> Option<Number> {
    let list = chunks(view, cell.start, cell.end);
    shapes.iter().find_map(|shape| groups(view, &list, 0, shape)).map(|(code, _)| code)
}

/// The rows below a code's label that heads a column, with each column of account numbers; the likeliest one first. Empty
/// where the label heads no column.
pub(super) fn rows<'v>(view: &'v View, hit: &Hit) -> Vec<Row<'v>> {
    heads(view, hit).map(|heads| heads.read(view)).unwrap_or_default()
}

/// The cells with values below a label that heads a column. Empty where it heads none.
pub(super) fn column(view: &View, hit: &Hit) -> impl Iterator<Item = Range<usize>> {
    let head = head_row(view, hit).filter(|Layout { cells, at, .. }| {
        cells.get(*at).is_some_and(|cell| hit.start <= cell.start + BEFORE_LABEL)
    });
    let rows =
        head.into_iter().flat_map(|Layout { at, row, .. }| below(view, row.end, 1).map(move |row| (at, row)));
    rows.map_while(|(at, (row, cells))| {
        // The line between heads and values.
        if !view.text.get(row).is_some_and(|row| row.contains(char::is_alphanumeric)) {
            return Some(None);
        }
        let cell = cells.get(at)?.clone();
        let labelled = labels_of(view, &cell).next().is_some();
        let valued = digits(view.text.get(cell.clone()).unwrap_or_default()) >= VALUE;
        (!labelled && valued).then_some(Some(cell))
    })
    .flatten()
}

/// The first row of values below a label that stands in a row of heads.
pub(super) fn first_row<'v>(view: &'v View, hit: &Hit) -> Option<&'v str> {
    let Layout { row, .. } = head_row(view, hit)?;
    let mut rows = below(view, row.end, 1).filter_map(|(row, _)| view.text.get(row));
    rows.next()
}

/// The value beside a label of the same column in one of the rows below: "Sort code" and its code stand above "Account
/// number" and this one, where each row has two labels with their values.
pub(super) fn beside_label_below(view: &View, hit: &Hit, label: Label) -> Option<Range<usize>> {
    let row = line(view, hit.start)?;
    let at = cells(view, &row).iter().position(|cell| cell.contains(&hit.start))?;
    below(view, row.end, 1).take(BESIDE).find_map(|(_, cells)| {
        let (head, value) = (cells.get(at)?, cells.get(at + 1)?);
        let labelled = labels_of(view, head).next()?.label == label;
        let valued = digits(view.text.get(head.clone())?) > 0 || labels_of(view, value).next().is_some();
        (labelled && !valued).then(|| value.clone())
    })
}

/// The cells of a label's row, its own among them, if it holds no values.
fn head_row(view: &View, hit: &Hit) -> Option<Layout> {
    let row = line(view, hit.start)?;
    if !view.tables.take(row.len()) {
        return None;
    }
    let cells = cells(view, &row);
    let at = cells.iter().position(|cell| cell.contains(&hit.start))?;
    let values = |cell: &Range<usize>| digits(view.text.get(cell.clone()).unwrap_or_default()) >= VALUE;
    (cells.len() >= 2 && !cells.iter().any(values)).then_some(Layout { cells, at, row })
}

/// The rows below the one that ends at `end`, with their cells, of which so many are read.
fn below(
    view: &View,
    mut end: usize,
    read: usize,
) -> impl Iterator<Item = (Range<usize>, Vec<Range<usize>>)> {
    let mut rows = 0;
    std::iter::from_fn(move || {
        rows += 1;
        if rows > ROWS {
            view.tables.give_up();
        }
        let row = line(view, end + 1).filter(|row| view.tables.take(row.len() + read * Budget::CELL))?;
        end = row.end;
        let cells = cells(view, &row);
        Some((row, cells))
    })
}

/// The row above the one that begins at `start`.
fn above(view: &View, start: usize) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    let row = line(view, start.checked_sub(1)?)?;
    let cells = cells(view, &row);
    Some((row, cells))
}

/// The labels inside a cell.
fn labels_of<'v>(view: &'v View, cell: &Range<usize>) -> impl Iterator<Item = &'v Hit> {
    let end = cell.end;
    view.labels_in(cell.clone()).iter().take_while(move |label| label.end <= end)
}

/// The line around an offset, if it is no longer than a row to either side.
fn line(view: &View, at: usize) -> Option<Range<usize>> {
    let start = view.line_start(at, ROW)?;
    let behind = view.after(at, ROW);
    let length = match behind.find('\n') {
        Some(length) => length,
        None if !behind.is_empty() && at + behind.len() == view.text.len() => behind.len(),
        None => return None,
    };
    Some(start..at + length)
}

/// The cells of a row: between tabs, or between the lines of a frame, whose cells are filled up with blanks.
fn cells(view: &View, row: &Range<usize>) -> Vec<Range<usize>> {
    let text = view.text.get(row.clone()).unwrap_or_default();
    let framed = text.matches(FRAME).nth(1).is_some();
    let separators: &[char] = if framed { &FRAME } else { &['\t'] };
    let mut from = row.start;
    let cells = text.split_inclusive(separators).take(COLUMNS).map(|cell| {
        let inner = cell.trim_end_matches(separators);
        let blank = if framed { inner.len() - inner.trim_start().len() } else { 0 };
        let range = from + blank..from + inner.len();
        from += cell.len();
        range
    });
    let mut cells: Vec<_> = cells.collect();
    if text.ends_with(separators) {
        cells.push(row.end..row.end);
    }
    cells
}

fn digits(cell: &str) -> usize {
    cell.bytes().filter(u8::is_ascii_digit).count()
}
