//! Several accounts of one label: the rows of a table below its head, and old and new values behind it.

use super::{Code, Doubtful, Labelled, Pair, REACH, Whose, canonical, judge, sort_code_at};
use crate::extract::fields::further::{self, Further, Joint};
use crate::extract::fields::numbers::{Chunk, Number, account_at, chunks};
use crate::extract::fields::{Hit, View, pairs, table, whose};
use std::collections::BTreeSet;

/// Octets behind the word for an account in a head.
const HEAD: usize = 40;

/// Reads a column of codes with the column of their numbers; false where the label heads none.
pub(super) fn below_heads(view: &View, hit: &Hit, found: &mut Labelled, used: &mut BTreeSet<usize>) -> bool {
    let rows = table::rows(view, hit);
    let goods = whose::is_doubtful(view, hit) && has_one_number_with_codes(view, &rows);
    let mut read = false;
    let mut spaced = false;
    for row in &rows {
        let Some(code) = table::code_in(view, &row.code, &[&[2, 2, 2], &[3, 3]]) else { continue };
        let Some(number) = row.number(view, &REACH.labelled) else {
            // "****6819": the number is not to be looked for in other columns.
            let masked = |cell: &str| table::MASKS.iter().any(|mask| cell.contains(mask));
            read |= view.text.get(row.number.clone()).is_some_and(masked);
            continue;
        };
        read = true;
        found.codes.insert(code.start);
        used.insert(number.start);
        let plain = code.digits.len() == code.end - code.start;
        spaced |= !plain;
        // In another table below, six digits may be a date.
        let date = plain && spaced && pairs::is_date(&code.digits);
        if let Some(beside) = &row.beside {
            let canonical = canonical(&code.digits, &beside.digits);
            found.doubtful.push(Doubtful { canonical, whose: Whose::Branch });
        }
        let canonical = canonical(&code.digits, &number.digits);
        let code = (code.start, code.end, code.digits);
        match judge(view, hit, &code, &number, Some(row.account)) {
            Pair::Account if goods => found.doubtful.push(Doubtful { canonical, whose: Whose::Customers }),
            Pair::Account if row.may_be_other || date => {
                found.doubtful.push(Doubtful { canonical, whose: Whose::Branch })
            }
            Pair::Account => found.sure.push(canonical),
            // A shop's branches stand in tables of its invoices, with the customer.
            Pair::Doubtful(_) => found.doubtful.push(Doubtful { canonical, whose: Whose::Customers }),
            Pair::Nothing => {}
        }
        in_one_cell(view, row, &code, &number, found, used);
    }
    read
}

/// Adds what further numbers in a number's cell make, unless its head speaks of a reference.
fn in_one_cell(
    view: &View,
    row: &table::Row<'_>,
    code: &Code,
    number: &Number,
    found: &mut Labelled,
    used: &mut BTreeSet<usize>,
) {
    let rest = view.text.get(number.end..row.number.end).unwrap_or_default();
    if !rest.contains(|c: char| c.is_ascii_digit()) {
        return;
    }
    let head =
        view.after(row.account.end, HEAD).split(['\n', '\t']).next().unwrap_or_default().to_lowercase();
    if head.contains("ref") {
        return;
    }
    for Further { joint, number } in numbers_behind(view, number, (code.0, code.1)) {
        if number.end > row.number.end {
            break;
        }
        used.insert(number.start);
        let canonical = canonical(&code.2, &number.digits);
        match joint {
            Joint::Change => found.sure.push(canonical),
            Joint::Beside => found.doubtful.push(Doubtful { canonical, whose: Whose::Branch }),
        }
    }
}

/// The number directly behind a label, where it is another than the one that was found.
fn first_behind(view: &View, label: &Hit, found: &Number, code: (usize, usize)) -> Option<Number> {
    let list = chunks(view, label.end, found.start);
    let (first, _) = account_at(view, &list, 0, code)?;
    let directly =
        !view.text.get(label.end..first.start)?.contains(|c: char| c.is_alphanumeric() || c == '\n');
    (directly && first.end <= found.start && REACH.adjacent.contains(&first.digits.len())).then_some(first)
}

/// Further numbers behind one: of eight digits, or, where a change is told, of any length.
fn numbers_behind(view: &View, number: &Number, code: (usize, usize)) -> Vec<Further> {
    let read = |list: &[Chunk<'_>], at: usize| {
        let (number, _) = account_at(view, list, at, code)?;
        let date = number.digits.len() == 6 && pairs::is_date(&number.digits);
        (!date && REACH.labelled.contains(&number.digits.len())).then_some(number)
    };
    let mut numbers = further::behind(view, (number.start, number.end), read);
    let usual = |further: &Further| {
        further.joint == Joint::Change || REACH.adjacent.contains(&further.number.digits.len())
    };
    let count = numbers.iter().take_while(|further| usual(further)).count();
    numbers.truncate(count);
    numbers
}

/// Whether rows have several plain codes and one number: goods or branches, and the customer who buys there.
fn has_one_number_with_codes(view: &View, rows: &[table::Row<'_>]) -> bool {
    let texts = |cell: fn(&table::Row<'_>) -> std::ops::Range<usize>| -> BTreeSet<&str> {
        rows.iter().filter_map(|row| view.text.get(cell(row))).map(str::trim).collect()
    };
    let codes = texts(|row| row.code.clone());
    let plain = codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_digit()));
    codes.len() > 1 && plain && texts(|row| row.number.clone()).len() == 1
}

/// Adds what further codes and numbers behind the first ones make: "20-00-00 -> 23-05-80".
pub(super) fn further_pairs(
    view: &View,
    (hit, account): (&Hit, Option<&Hit>),
    code: Code,
    number: &Number,
    found: &mut Labelled,
    used: &mut BTreeSet<usize>,
) {
    let none = BTreeSet::new();
    let span = (code.0, code.1);
    let codes = further::behind(view, span, |list, at| {
        let (start, end, digits) = sort_code_at(view, list, at, &none)?;
        Some(Number { start, end, digits })
    });
    // "Account number: 55779911 (formerly 31926819), sort code …": the one nearest to the code is not the first.
    if let Some(first) = account.and_then(|label| first_behind(view, label, number, span)) {
        used.insert(first.start);
        found.sure.push(canonical(&code.2, &first.digits));
    }
    let numbers = numbers_behind(view, number, span);
    // Six digits without hyphens beside a code with them are a date, and any date beside a number that has no other.
    let plain = |start: usize, end: usize, digits: &str| end - start == digits.len();
    let spaced = !plain(code.0, code.1, &code.2);
    let dated = |code: &Number| {
        pairs::is_date(&code.digits)
            && (numbers.is_empty() || spaced && plain(code.start, code.end, &code.digits))
    };
    let codes: Vec<_> = codes.into_iter().filter(|code| !dated(&code.number)).collect();
    let first = Number { start: code.0, end: code.1, digits: code.2 };
    // Only behind the label: below it, the next value stands in another column.
    let behind = |label: &Hit, value: &Number| {
        view.text.get(label.end..value.start).is_some_and(|gap| !gap.contains('\n'))
    };
    let labelled = (codes.is_empty() || behind(hit, &first))
        && (numbers.is_empty() || account.is_some_and(|label| behind(label, number)));
    for (code, number, joint) in further::pairs((&first, number), &codes, &numbers) {
        let canonical = canonical(&code.digits, &number.digits);
        match joint {
            Joint::Change => found.sure.push(canonical),
            Joint::Beside if labelled => found.doubtful.push(Doubtful { canonical, whose: Whose::Branch }),
            Joint::Beside => continue,
        }
        found.codes.insert(code.start);
        used.insert(number.start);
    }
}
