//! Tables whose first row says what the columns hold: a code and a number stand below their heads, however far apart.

use super::numbers::{Number, account_at, chunks, groups};
use super::{Hit, Label, View, whose};
use std::ops::{Range, RangeInclusive};

/// Octets of a row at most.
const ROW: usize = 600;
/// Rows of values that are read below the heads.
const ROWS: usize = 30;
/// Columns of a table at most.
const COLUMNS: usize = 24;
/// Octets of a cell before its label.
const BEFORE_LABEL: usize = 3;
/// Digits of a cell that is a value.
const VALUE: usize = 4;
/// Cells of a row that may be empty.
const LOST: usize = 4;
/// Octets of a code's cell at most.
const CODE: usize = 14;
/// What separates the cells of tables that are drawn with signs.
const FRAME: [char; 3] = ['|', '│', '║'];
/// How codes are written: of the UK, Australia, Canada, the United States.
const CODES: [&[usize]; 5] = [&[2, 2, 2], &[3, 3], &[5], &[9], &[3, 3, 3]];

/// A code and a number in one row.
pub(super) struct Row<'v> {
    /// The code's cell.
    pub(super) code: Range<usize>,
    /// The number's cell.
    pub(super) number: Range<usize>,
    /// The head of the number's column.
    pub(super) account: &'v Hit,
    /// Another column holds numbers like these and stands nearer to the code, or behind it: this one may be the customer's.
    pub(super) may_be_customers: bool,
    /// Eight digits right of the code, in a column that may be one of accounts as well: "Payee and number".
    pub(super) beside: Option<Number>,
    /// The cells below labels.
    labelled: Vec<(Label, Range<usize>)>,
}

impl Row<'_> {
    /// The cell in the column of a label.
    pub(super) fn cell(&self, label: Label) -> Option<Range<usize>> {
        self.labelled.iter().find(|(head, _)| *head == label).map(|(_, cell)| cell.clone())
    }

    /// The number in its cell.
    pub(super) fn number(&self, view: &View, lengths: &RangeInclusive<usize>) -> Option<Number> {
        let list = chunks(view, self.number.start, self.number.end);
        let (number, _) = account_at(view, &list, 0, (self.code.start, self.code.end))?;
        lengths.contains(&number.digits.len()).then_some(number)
    }
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
pub(super) fn column(view: &View, hit: &Hit) -> Vec<Range<usize>> {
    let Some((cells, at, end)) = head_row(view, hit) else { return Vec::new() };
    let mut values = Vec::new();
    if cells.get(at).is_none_or(|cell| hit.start > cell.start + BEFORE_LABEL) {
        return values;
    }
    let mut below = end;
    for _ in 0..ROWS {
        let Some(row) = line(view, below + 1) else { break };
        below = row.end;
        // The line between heads and values.
        if !view.text.get(row.clone()).is_some_and(|row| row.contains(char::is_alphanumeric)) {
            continue;
        }
        let Some(cell) = self::cells(view, &row).get(at).cloned() else { break };
        let labelled = labels_of(view, &cell).next().is_some();
        if labelled || digits(view.text.get(cell.clone()).unwrap_or_default()) < VALUE {
            break;
        }
        values.push(cell);
    }
    values
}

/// The cells of a label's row, its own among them, and where the row ends, if it holds no values.
fn head_row(view: &View, hit: &Hit) -> Option<(Vec<Range<usize>>, usize, usize)> {
    let row = line(view, hit.start)?;
    let cells = cells(view, &row);
    let at = cells.iter().position(|cell| cell.contains(&hit.start))?;
    let values = |cell: &Range<usize>| digits(view.text.get(cell.clone()).unwrap_or_default()) >= VALUE;
    (cells.len() >= 2 && !cells.iter().any(values)).then_some((cells, at, row.end))
}

/// The first row of a table.
struct Heads<'v> {
    /// The column of the code.
    code: usize,
    /// Those of account numbers.
    accounts: Vec<(usize, &'v Hit)>,
    /// All with labels.
    labels: Vec<(usize, Label)>,
    /// The column right of the code is headed by words that name a payee or an account among others.
    beside: bool,
    /// Nothing but words for an account stands in the heads of the accounts: none is said to be new, or closed.
    plain: bool,
    /// How many columns there are.
    columns: usize,
    /// Where the row ends.
    end: usize,
}

fn heads<'v>(view: &'v View, hit: &Hit) -> Option<Heads<'v>> {
    let (cells, code, end) = head_row(view, hit)?;
    let label = |(column, cell): (usize, &Range<usize>)| {
        let first = labels_of(view, cell).next();
        first.filter(|label| label.start <= cell.start + BEFORE_LABEL).map(|label| (column, label))
    };
    let all: Vec<(usize, &Hit)> = cells.iter().enumerate().filter_map(label).collect();
    // "Pay to account", "New account": the word for an account may stand behind others.
    let account = |(column, cell): (usize, &Range<usize>)| {
        labels_of(view, cell).find(|label| label.label == Label::Account).map(|label| (column, label))
    };
    let mut accounts: Vec<(usize, &Hit)> =
        cells.iter().enumerate().filter(|(column, _)| *column != code).filter_map(account).collect();
    // What belongs together stands side by side, the code first.
    accounts.sort_by_key(|(column, label)| {
        (whose::is_customers(view, label), column.abs_diff(code), *column < code)
    });
    let plain = accounts.iter().all(|(column, label)| {
        whose::is_customers(view, label) || cells.get(*column).is_some_and(|cell| is_only(view, cell, label))
    });
    let taken = accounts.iter().any(|(column, _)| *column == code + 1);
    let beside = !taken && cells.get(code + 1).is_some_and(|cell| names_payee(view, cell));
    let labels = all.iter().map(|(column, label)| (*column, label.label)).collect();
    (!accounts.is_empty()).then_some(Heads {
        code,
        accounts,
        labels,
        beside,
        plain,
        columns: cells.len(),
        end,
    })
}

/// The labels inside a cell.
fn labels_of<'v>(view: &'v View, cell: &Range<usize>) -> impl Iterator<Item = &'v Hit> {
    let end = cell.end;
    view.labels_in(cell.clone()).iter().take_while(move |label| label.end <= end)
}

/// Whether a label is all that a cell says.
fn is_only(view: &View, cell: &Range<usize>, label: &Hit) -> bool {
    let around = [cell.start..label.start, label.end..cell.end];
    around
        .iter()
        .all(|rest| view.text.get(rest.clone()).is_some_and(|rest| !rest.contains(char::is_alphanumeric)))
}

/// Whether a cell speaks of an account or a payee anywhere.
fn names_payee(view: &View, cell: &Range<usize>) -> bool {
    labels_of(view, cell).any(|label| matches!(label.label, Label::Account | Label::Payee))
}

impl<'v> Heads<'v> {
    fn read(&self, view: &View) -> Vec<Row<'v>> {
        let mut rows = Vec::new();
        let mut below = self.end;
        for _ in 0..ROWS {
            let Some(row) = line(view, below + 1) else { break };
            below = row.end;
            let cells = cells(view, &row);
            if cells.len() > 1 && cells.len() != self.columns {
                self.read_shifted(view, &cells, &mut rows);
                continue;
            }
            let valued = |column: usize| {
                let cell = cells.get(column)?;
                (digits(view.text.get(cell.clone())?) >= VALUE).then(|| cell.clone())
            };
            let Some(code) = valued(self.code) else { continue };
            let mut beside = cells.get(self.code + 1).filter(|_| self.beside).and_then(|cell| {
                let list = chunks(view, cell.start, cell.end);
                let at = list.iter().position(|chunk| chunk.is_plain() && chunk.raw.len() == 8)?;
                account_at(view, &list, at, (code.start, code.end)).map(|(number, _)| number)
            });
            for (place, (column, account)) in self.accounts.iter().enumerate() {
                let Some(number) = valued(*column) else { continue };
                let labelled =
                    self.labels.iter().filter_map(|(at, label)| Some((*label, cells.get(*at)?.clone())));
                let labelled = labelled.collect();
                rows.push(Row {
                    code: code.clone(),
                    number,
                    account,
                    may_be_customers: place > 0 && self.plain,
                    beside: beside.take(),
                    labelled,
                });
            }
        }
        rows
    }
}

impl<'v> Heads<'v> {
    /// Reads a row with fewer cells than heads, or more: empty cells are lost in the text, so a value stands up to so many
    /// columns beside its own. Where several cells could be meant, each is only one that may be the customer's.
    fn read_shifted(&self, view: &View, cells: &[Range<usize>], rows: &mut Vec<Row<'v>>) {
        let lost = self.columns.abs_diff(cells.len());
        let near = |column: usize| {
            let fewer = cells.len() < self.columns;
            let first = if fewer { column.saturating_sub(lost) } else { column };
            first..=if fewer { column } else { column + lost }
        };
        let text = |at: usize| cells.get(at).and_then(|cell| view.text.get(cell.clone())).unwrap_or_default();
        let is_code = |at: &usize| {
            let cell = cells.get(*at).cloned().unwrap_or_default();
            !text(*at).contains('/') && cell.len() <= CODE && code_in(view, &cell, &CODES).is_some()
        };
        let is_number = |at: &usize| {
            let cell = cells.get(*at).cloned().unwrap_or_default();
            let list = chunks(view, cell.start, cell.end);
            !text(*at).contains(char::is_alphabetic) && account_at(view, &list, 0, (0, 0)).is_some()
        };
        if lost > LOST {
            return;
        }
        let before = rows.len();
        for code in near(self.code).filter(is_code) {
            for (column, account) in &self.accounts {
                for number in near(*column).filter(|at| *at != code).filter(is_number) {
                    let (Some(code), Some(number)) = (cells.get(code).cloned(), cells.get(number).cloned())
                    else {
                        continue;
                    };
                    rows.push(Row {
                        code,
                        number,
                        account,
                        may_be_customers: false,
                        beside: None,
                        labelled: Vec::new(),
                    });
                }
            }
        }
        let found = rows.get_mut(before..).unwrap_or_default();
        let several = found.len() > 1;
        found.iter_mut().for_each(|row| row.may_be_customers = several);
    }
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
