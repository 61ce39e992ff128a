//! The rows of a table below heads that name a code and an account.

use super::{Budget, CODE, CODES, Layout, VALUE, code_in, digits, head_row, labels_of};
use crate::extract::fields::numbers::{Number, account_at, chunks};
use crate::extract::fields::{Hit, Label, View, whose};
use std::ops::{Range, RangeInclusive};

/// Octets of a cell before its label.
pub(super) const BEFORE_LABEL: usize = 3;
/// Rows of other lengths that are read below the end of a table.
const SHIFTED: usize = 30;
/// Cells of a row that may be empty.
const LOST: usize = 4;
/// Rows above heads that are looked at where none stands below: one of values, and a line between.
const FOOT: usize = 2;
/// Digits of an account number that a row without a code must have, and one that stands in a payee's column.
const WHOLE: usize = 8;

/// A code and a number in one row.
pub(in crate::extract::fields) struct Row<'v> {
    /// The code's cell.
    pub(in crate::extract::fields) code: Range<usize>,
    /// The number's cell.
    pub(in crate::extract::fields) number: Range<usize>,
    /// The head of the number's column.
    pub(in crate::extract::fields) account: &'v Hit,
    /// The number may be something else: another column holds numbers like these and stands nearer to the code, or behind
    /// it; or another table has begun.
    pub(in crate::extract::fields) may_be_other: bool,
    /// Eight digits in a column that may be one of accounts as well: "Payee and number".
    pub(in crate::extract::fields) beside: Option<Number>,
    /// The cell of a Canadian institution.
    pub(in crate::extract::fields) institution: Option<Range<usize>>,
}

impl Row<'_> {
    /// The number in its cell.
    pub(in crate::extract::fields) fn number(
        &self,
        view: &View,
        lengths: &RangeInclusive<usize>,
    ) -> Option<Number> {
        let list = chunks(view, self.number.start, self.number.end);
        let (number, _) = account_at(view, &list, 0, (self.code.start, self.code.end))?;
        lengths.contains(&number.digits.len()).then_some(number)
    }
}

/// The first row of a table.
pub(super) struct Heads<'v> {
    /// The column of the code.
    code: usize,
    /// Those of account numbers.
    accounts: Vec<(usize, &'v Hit)>,
    /// That of a Canadian institution.
    institution: Option<usize>,
    /// Columns whose heads name a payee or an account among others, or say "pay to".
    beside: Vec<usize>,
    /// Nothing but words for an account stands in the heads of the accounts: none is said to be new, or closed.
    plain: bool,
    /// How many columns there are.
    columns: usize,
    /// Where the row begins and ends.
    row: Range<usize>,
}

/// Whether a row has the code of the row above.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    /// Its cell is empty, and nothing else in the row says what it is.
    Maybe,
    No,
}

/// What the rows above one said.
#[derive(Default)]
struct Above {
    /// The code of the last row that had one.
    code: Option<Range<usize>>,
    /// A row of words stood between: another table may have begun.
    another: bool,
    /// So did an empty line, or a sentence: what has not all of the columns is no row of this table.
    ended: bool,
    /// Rows of other lengths so far.
    shifted: usize,
    /// The heads stand below.
    at_foot: bool,
}

pub(super) fn heads<'v>(view: &'v View, hit: &Hit) -> Option<Heads<'v>> {
    let Layout { cells, at: code, row } = head_row(view, hit)?;
    // "Pay to account", "New account": the word for an account may stand behind others.
    let account = |(column, cell): (usize, &Range<usize>)| {
        let found = labels_of(view, cell).find(|label| label.label == Label::Account)?;
        (!is_reference(view, cell, found)).then_some((column, found))
    };
    let mut accounts: Vec<(usize, &Hit)> =
        cells.iter().enumerate().filter(|(column, _)| *column != code).filter_map(account).collect();
    // What belongs together stands side by side, the code first; the bank's account is the payee's.
    accounts.sort_by_key(|(column, label)| {
        let banks = cells.get(*column).is_some_and(|cell| is_banks(view, cell, label));
        (whose::is_customers(view, label), !banks, column.abs_diff(code), *column < code)
    });
    let plain = accounts.iter().all(|(column, label)| {
        let only = |cell| is_only(view, cell, label) || is_banks(view, cell, label);
        whose::is_customers(view, label) || cells.get(*column).is_some_and(only)
    });
    let first = |cell: &Range<usize>| {
        labels_of(view, cell)
            .next()
            .filter(|label| label.start <= cell.start + BEFORE_LABEL)
            .map(|label| label.label)
    };
    let taken = |column: usize| accounts.iter().any(|(at, _)| *at == column);
    let beside = |(column, cell): (usize, &Range<usize>)| {
        (column != code && !taken(column) && names_payee(view, cell)).then_some(column)
    };
    let beside = cells.iter().enumerate().filter_map(beside).collect();
    let institution = cells.iter().position(|cell| first(cell) == Some(Label::Institution));
    (!accounts.is_empty()).then_some(Heads {
        code,
        accounts,
        institution,
        beside,
        plain,
        columns: cells.len(),
        row,
    })
}

/// "A/c ref": a customer's reference.
fn is_reference(view: &View, cell: &Range<usize>, label: &Hit) -> bool {
    let behind = view.text.get(label.end..cell.end).unwrap_or_default().trim_start();
    behind.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("ref"))
}

/// Whether a label is all that a cell says.
fn is_only(view: &View, cell: &Range<usize>, label: &Hit) -> bool {
    let around = [cell.start..label.start, label.end..cell.end];
    around
        .iter()
        .all(|rest| view.text.get(rest.clone()).is_some_and(|rest| !rest.contains(char::is_alphanumeric)))
}

/// "Bank account no": whether a cell says no more than that an account is a bank's.
fn is_banks(view: &View, cell: &Range<usize>, label: &Hit) -> bool {
    let before = view.text.get(cell.start..label.start).unwrap_or_default();
    let said =
        view.text.get(cell.start..cell.start + 4).is_some_and(|word| word.eq_ignore_ascii_case("bank"));
    said && (before.is_empty() || before.trim().eq_ignore_ascii_case("bank"))
        && is_only(view, &(label.start..cell.end), label)
}

/// Whether a cell speaks of an account, a payee or of paying anywhere.
fn names_payee(view: &View, cell: &Range<usize>) -> bool {
    labels_of(view, cell).any(|label| matches!(label.label, Label::Account | Label::Payee | Label::Bank))
}

impl<'v> Heads<'v> {
    /// The rows below, or, where none is, the one above: some write the heads at the foot.
    pub(super) fn read(&self, view: &View) -> Vec<Row<'v>> {
        let mut rows = Vec::new();
        let mut above = Above::default();
        for (row, cells) in super::below(view, self.row.end, self.accounts.len()) {
            self.read_row(view, row, &cells, &mut above, &mut rows);
        }
        let mut start = self.row.start;
        // Only below nothing: an empty form has its values above in another table.
        let last = super::below(view, self.row.end, 1).next().is_none_or(|(row, cells)| {
            cells.len() <= 1 && digits(view.text.get(row).unwrap_or_default()) == 0
        });
        for _ in 0..if last { FOOT } else { 0 } {
            let Some((row, cells)) = super::above(view, start).filter(|_| rows.is_empty()) else { break };
            start = row.start;
            above.at_foot = true;
            if cells.len() == self.columns {
                self.read_row(view, row, &cells, &mut above, &mut rows);
            }
        }
        // Six digits above may be anything.
        let plain = |row: &&mut Row<'v>| {
            view.text
                .get(row.code.clone())
                .is_some_and(|code| code.trim().bytes().all(|b| b.is_ascii_digit()))
        };
        rows.iter_mut().filter(plain).for_each(|row| row.may_be_other |= above.at_foot);
        rows
    }

    fn read_row(
        &self,
        view: &View,
        row: Range<usize>,
        cells: &[Range<usize>],
        above: &mut Above,
        rows: &mut Vec<Row<'v>>,
    ) {
        let text = |cell: &Range<usize>| view.text.get(cell.clone()).unwrap_or_default();
        let whole_row = view.text.get(row).unwrap_or_default();
        if above.code.is_some()
            && (whole_row.trim().is_empty() || cells.len() == 1 && whole_row.contains(char::is_alphabetic))
        {
            above.ended = true;
        }
        if cells.len() != self.columns {
            match cells {
                [cell] if !above.ended => Self::read_rest(view, cell, rows),
                [_] => {}
                cells => self.read_shifted(view, cells, above, rows),
            }
            return;
        }
        if above.code.is_some() && digits(whole_row) == 0 {
            above.ended = true;
            above.another |= heads_another(whole_row);
        }
        let valued = |column: usize| cells.get(column).filter(|cell| digits(text(cell)) >= VALUE);
        let own = valued(self.code);
        let again = if own.is_some() || above.ended { Again::No } else { self.says_again(view, cells) };
        let code = match again {
            Again::No => own.cloned(),
            _ => above.code.clone(),
        };
        let Some(code) = code else { return };
        if own.is_some() {
            above.code = Some(code.clone());
        }
        let mut beside = self.beside.iter().find_map(|column| whole(view, cells.get(*column)?, &code));
        for (place, (column, account)) in self.accounts.iter().enumerate() {
            let Some(number) = valued(*column).cloned() else { continue };
            if own.is_none() && whole(view, &number, &code).is_none() {
                continue;
            }
            rows.push(Row {
                code: code.clone(),
                number,
                account,
                may_be_other: above.another
                    || again == Again::Maybe
                    || place > 0 && (self.plain || whose::is_customers(view, account)),
                beside: beside.take(),
                institution: self.institution.and_then(|column| cells.get(column).cloned()),
            });
        }
    }

    /// Whether a row without a code of its own has that of the row above.
    fn says_again(&self, view: &View, cells: &[Range<usize>]) -> Again {
        const SAME: [&str; 8] = ["\"", "''", "”", "as before", "as above", "same", "ditto", "unchanged"];
        const NOW: [&str; 6] = ["new", "now", "from", "current", "correct", "changed"];
        let text =
            |cell: &Range<usize>| view.text.get(cell.clone()).unwrap_or_default().trim().to_lowercase();
        let code = cells.get(self.code).map(text).unwrap_or_default();
        if SAME.iter().any(|same| code.starts_with(same)) {
            return Again::Yes;
        }
        let taken = |column: usize| column == self.code || self.accounts.iter().any(|(at, _)| *at == column);
        let others =
            cells.iter().enumerate().filter(|(column, _)| !taken(*column)).map(|(_, cell)| text(cell));
        let says_now = |cell: &str| cell.split(|c: char| !c.is_alphabetic()).any(|word| NOW.contains(&word));
        let silent = others.into_iter().all(|cell| !cell.contains(char::is_alphanumeric) || says_now(&cell));
        if silent && !code.contains(char::is_alphanumeric) { Again::Maybe } else { Again::No }
    }

    /// A number alone below the number of the row above: a second line of its cell.
    fn read_rest(view: &View, cell: &Range<usize>, rows: &mut Vec<Row<'v>>) {
        let Some(last) = rows.last() else { return };
        let beyond = |text: &str| text.trim().is_empty();
        let directly =
            last.number.end <= cell.start && view.text.get(last.number.end..cell.start).is_some_and(beyond);
        let alone = view.text.get(cell.clone()).is_some_and(|text| !text.contains(char::is_alphabetic));
        if directly && alone && whole(view, cell, &last.code).is_some() {
            let (code, account, institution) = (last.code.clone(), last.account, last.institution.clone());
            rows.push(Row {
                code,
                number: cell.clone(),
                account,
                may_be_other: true,
                beside: None,
                institution,
            });
        }
    }

    /// Reads a row with fewer cells than heads, or more: empty cells are lost in the text, so a value stands up to so many
    /// columns beside its own. Where several cells could be meant, each is only one that may be the customer's.
    fn read_shifted(&self, view: &View, cells: &[Range<usize>], above: &mut Above, rows: &mut Vec<Row<'v>>) {
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
        above.shifted += 1;
        if above.ended && above.shifted > SHIFTED {
            return;
        }
        if lost > LOST || !view.tables.take((lost + 1) * (lost + 1) * self.accounts.len() * Budget::CELL) {
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
                        may_be_other: false,
                        beside: None,
                        institution: None,
                    });
                }
            }
        }
        let found = rows.get_mut(before..).unwrap_or_default();
        let several = found.len() > 1 || above.ended;
        found.iter_mut().for_each(|row| row.may_be_other = several);
    }
}

/// Whether a row of words is the head of another table: of invoices, orders, payments.
fn heads_another(row: &str) -> bool {
    const HEADS: [&str; 18] = [
        "date",
        "datum",
        "invoice",
        "rechnung",
        "facture",
        "factuur",
        "amount",
        "betrag",
        "montant",
        "due",
        "order",
        "ref",
        "total",
        "qty",
        "description",
        "item",
        "balance",
        "paid",
    ];
    let row = row.to_lowercase();
    row.split(|c: char| !c.is_alphabetic()).filter(|word| HEADS.contains(word)).nth(1).is_some()
}

/// An account number of eight digits in a cell that holds nothing else of its kind before.
fn whole(view: &View, cell: &Range<usize>, code: &Range<usize>) -> Option<Number> {
    let list = chunks(view, cell.start, cell.end);
    let at = list.iter().position(|chunk| chunk.is_plain() && chunk.raw.len() == WHOLE)?;
    account_at(view, &list, at, (code.start, code.end)).map(|(number, _)| number)
}
