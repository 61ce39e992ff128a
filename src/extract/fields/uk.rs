//! UK sort code and account number.
//!
//! A sort code is six digits like any date or reference, so it counts only after (or just before) its label, or
//! directly before an account number that has one. What a shop or a pack may mean as well ("branch code", `S/C 24`) makes
//! no account by itself. Modulus rules (Pay.UK) are data that changes several times a year
//! and is not built in: validity is unknown, never "invalid".

mod several;

use super::columns::number_in_column;
use super::numbers::{Number, Reach, account_at, account_near, chunks, groups};
use super::{Finder, Hit, Label, View, add_account, note_limit, pairs, whose};
use crate::extract::floor;
use crate::model::{PaymentClaims, Scheme};
use several::{below_heads, further_pairs};
use std::collections::BTreeSet;

/// Sort codes of one text at most: bounds the work on a text made of labels.
const MAX_SORT_CODES: usize = 5_000;
/// Octets before a number in which the label of an account is its own.
const NAMED_WITHIN: usize = 90;
/// Octets between a code and the label of a customer's number.
const CUSTOMER_WITHIN: usize = 120;
/// Octets between a label and what stands directly behind it.
const BEHIND: usize = 12;
const REACH: Reach = Reach { labelled: 6..=10, adjacent: 8..=8, distance: 400 };

/// Finds sort code and account number pairs.
pub(super) struct Uk;

/// A code and a number that make no account by themselves.
#[derive(Clone)]
pub(super) struct Doubtful {
    /// The account that they would make.
    pub(super) canonical: String,
    pub(super) whose: Whose,
}

/// What a doubtful pair may be instead of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A shop's branch and the number of a customer.
    Customers,
    /// A shop's branch and somebody's number.
    Branch,
    /// Two numbers without a label.
    Unlabelled,
}

/// What stands beside labels of sort codes.
#[derive(Default)]
struct Labelled {
    sure: Vec<String>,
    doubtful: Vec<Doubtful>,
    /// Where the codes of accounts begin.
    codes: BTreeSet<usize>,
}

/// The accounts of a text, and its pairs that are none by themselves; read once, and asked for by the finder and by
/// [`super::pieces`].
#[derive(Default)]
pub(super) struct UkFound {
    sure: Vec<String>,
    pub(super) doubtful: Vec<Doubtful>,
    /// There were more than are looked at.
    more: bool,
}

/// What a text holds.
pub(super) fn found(view: &View) -> &UkFound {
    view.uk.get_or_init(|| {
        let Labelled { mut sure, mut doubtful, mut codes } = labelled(view);
        let pairs = pairs::find(view, &mut codes);
        let more = pairs.more || view.labels_of(Label::SortCode).nth(MAX_SORT_CODES).is_some();
        for pair in pairs.list {
            let canonical = canonical(&pair.code, &pair.number);
            match pair.doubt {
                None => sure.push(canonical),
                Some(whose) => doubtful.push(Doubtful { canonical, whose }),
            }
        }
        UkFound { sure, doubtful, more }
    })
}

impl Finder for Uk {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        let found = found(view);
        for canonical in &found.sure {
            add_account(claims, &view.place, Scheme::Uk, *b"GB", canonical, None);
        }
        if found.more {
            note_limit(claims);
        }
    }
}

/// A sort code: start, end, digits.
type Code = (usize, usize, String);

/// The sort code that a label at `start..end` announces: the first after it, else the last just before it.
fn sort_code_near(view: &View, start: usize, end: usize, taken: &BTreeSet<usize>) -> Option<Code> {
    let after = chunks(view, end, end + 160);
    let found = (0..after.len()).find_map(|at| sort_code_at(view, &after, at, taken));
    // Before the label only in its own line: "20-00-00 (sort code)".
    found.filter(|code| code.0 - end <= BEHIND).or_else(|| {
        let before = chunks(view, floor(&view.text, start.saturating_sub(24)), start);
        let close = |code: &Code| {
            view.text.get(code.1..start).is_some_and(|gap| !gap.chars().any(|c| c.is_alphabetic() || c == '\n'))
        };
        (0..before.len()).rev().find_map(|at| sort_code_at(view, &before, at, taken)).filter(close)
    })
    .or_else(|| {
        // In a row of values a date may stand in between.
        let mut codes = (0..after.len()).filter_map(|at| sort_code_at(view, &after, at, taken));
        let first = codes.next()?;
        let undated = |code: &Code| !pairs::is_date(&code.2);
        Some(if undated(&first) { first } else { codes.find(undated).unwrap_or(first) })
    })
}

/// The digits of a sort code directly behind its label, or in the cell below it.
pub(super) fn code_behind(view: &View, hit: &Hit, reach: usize) -> Option<String> {
    let below = view.cell_below(hit).and_then(|cell| {
        let groups = cell.trim().split(['-', ' ', '.']);
        let shaped = matches!(*groups.map(str::len).collect::<Vec<_>>(), [6] | [2, 2, 2] | [3, 3]);
        let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
        (shaped && digits.len() == 6).then_some(digits)
    });
    if below.is_some() {
        return below;
    }
    let list = chunks(view, hit.end, hit.end + reach);
    sort_code_at(view, &list, 0, &BTreeSet::new()).map(|(_, _, digits)| digits)
}

fn sort_code_at(view: &View, list: &[super::numbers::Chunk<'_>], at: usize, taken: &BTreeSet<usize>) -> Option<Code> {
    let shapes: [&[usize]; 3] = [&[2, 2, 2], &[3, 3], &[1; 6]];
    let (number, count) = shapes.iter().find_map(|shape| groups(view, list, at, shape))?;
    let plain = list.get(at).is_some_and(|c| count == 1 && c.is_plain());
    // Six bare digits announced by another label ("Account number: 123456 Sort code: …") are not the sort code.
    let foreign = plain
        && view.label_before(number.start, 40).is_some_and(|hit| {
            !matches!(hit.label, Label::SortCode | Label::Account | Label::Iban)
        });
    (!foreign && !taken.contains(&number.start)).then_some((number.start, number.end, number.digits))
}

/// What a code and a number near it are.
enum Pair {
    Account,
    Doubtful(Whose),
    Nothing,
}

/// Judges a code with the number that the label `account`, if any, announces. "Branch code", `S/C` and bare digits are
/// an account where words of paying stand around; so is, behind any code, what is said to be a customer's number.
fn judge(view: &View, hit: &Hit, code: &Code, number: &Number, account: Option<&Hit>) -> Pair {
    let plain = code.2.len() == code.1 - code.0;
    let shops = whose::is_doubtful(view, hit);
    let theirs = account.is_some_and(|account| account.label == Label::Customers);
    let customers = theirs || account.is_some_and(|account| whose::is_customers(view, account));
    let may_be_other = shops && plain && (customers || whose::is_branch(view, hit));
    if !theirs && !may_be_other {
        return Pair::Account;
    }
    let start = account.map_or(hit.start, |account| if theirs { account.start } else { account.start.min(hit.start) });
    let paid = account.is_some_and(|account| whose::is_ordered(view, account) || whose::is_paid_to(view, account))
        || shops && whose::is_paid_to(view, hit)
        || whose::asks_to_pay(view, start, code.1.max(number.end));
    let banks = shops && whose::speaks_of_banks(view, start.min(code.0).min(number.start), code.1.max(number.end));
    // "Sort code 20-00-00, customer account 55779911": nothing else that the code could go with stands between.
    let beside = || account.and_then(|account| view.text.get(code.1..account.start));
    let together = || whose::is_sure(view, hit) && beside().is_some_and(|gap| !gap.contains(char::is_alphabetic));
    match (paid || banks && !customers, shops) {
        (true, _) => Pair::Account,
        (false, true) => {
            // Packs and stock have codes, too, in other lines than the customer's number.
            let (first, last) = (code.0.min(number.start), code.1.max(number.end));
            let apart = view.text.get(first..last).is_some_and(|text| text.contains('\n'));
            let ours = customers && plain && (apart || whose::is_branch(view, hit)) && !banks;
            Pair::Doubtful(if ours { Whose::Customers } else { Whose::Branch })
        }
        (false, false) if together() => Pair::Account,
        (false, false) => Pair::Nothing,
    }
}

/// The label of the account number that begins at `start`.
fn account_of(view: &View, start: usize) -> Option<&Hit> {
    let before = view.labels.partition_point(|other| other.end <= start);
    let labels = view.labels.get(..before).unwrap_or_default().iter().rev();
    labels.take_while(|other| start - other.end <= NAMED_WITHIN).find(|other| matches!(other.label, Label::Account | Label::Customers))
}

/// A customer's number near a code: the nearest one directly behind its label.
fn of_customer<'v>(view: &'v View, hit: &Hit, code: &Code) -> Option<(Number, &'v Hit)> {
    let first = view.labels.partition_point(|other| other.end + CUSTOMER_WITHIN < hit.start);
    let near = view.labels.get(first..).unwrap_or_default().iter();
    let near = near.take_while(|other| other.start <= code.1 + CUSTOMER_WITHIN);
    let customers = near.filter(|other| other.label == Label::Customers);
    let numbers = customers.filter_map(|other| {
        let list = chunks(view, other.end, other.end + 2 * BEHIND);
        let (number, _) = account_at(view, &list, 0, (code.0, code.1))?;
        REACH.labelled.contains(&number.digits.len()).then_some((number, other))
    });
    numbers.min_by_key(|(number, _)| number.start.abs_diff(code.0))
}

/// Where the code directly behind a label, or in the cell below it, begins.
fn branch_of(view: &View, hit: &Hit) -> Option<usize> {
    let none = BTreeSet::new();
    let behind = || sort_code_at(view, &chunks(view, hit.end, hit.end + BEHIND), 0, &none);
    let Some(cell) = view.cell_below(hit) else { return behind().map(|code| code.0) };
    sort_code_near(view, hit.start, hit.end, &none).filter(|code| code.2 == cell.trim()).map(|code| code.0)
}

/// Whether a code stands directly beside its label, or in the cell below it.
fn stands_beside(view: &View, hit: &Hit, code: &Code) -> bool {
    let directly = || view.text.get(hit.end..code.0).is_some_and(|gap| !gap.contains(|c: char| c.is_ascii_digit()));
    code.1 <= hit.start || code.0 < hit.end + BEHIND && directly() || branch_of(view, hit) == Some(code.0)
}

/// Codes behind their labels with the numbers near them. Those whose label can mean nothing else choose first: the
/// branch of a shop must not take their number.
fn labelled(view: &View) -> Labelled {
    let mut found = Labelled::default();
    // The branch of a shop is no account number either.
    let branches = view.labels_of(Label::SortCode).filter(|hit| whose::is_doubtful(view, hit));
    let mut used: BTreeSet<usize> =
        branches.take(MAX_SORT_CODES).filter_map(|hit| branch_of(view, hit)).collect();
    for sure in [true, false] {
        let hits = view.labels_of(Label::SortCode).filter(|hit| whose::is_doubtful(view, hit) != sure);
        for hit in hits.take(MAX_SORT_CODES).filter(|hit| !whose::is_other_word(view, hit)) {
            if below_heads(view, hit, &mut found, &mut used) {
                continue;
            }
            let Some(code) = sort_code_near(view, hit.start, hit.end, &found.codes) else { continue };
            // "S/C 0045": a shop's word announces what stands directly behind it and nothing else.
            if !sure && !stands_beside(view, hit, &code) {
                continue;
            }
            found.codes.insert(code.0);
            let span = (hit.start.min(code.0), hit.end.max(code.1));
            let mut near = account_near(view, span, (code.0, code.1), &REACH, &mut used);
            if let Some(left) = near.as_mut()
                && let Some(right) = number_in_column(view, hit, (code.0, code.1), left, &REACH, &used)
            {
                used.insert(right.start);
                let left = std::mem::replace(left, right);
                let canonical = canonical(&code.2, &left.digits);
                found.doubtful.push(Doubtful { canonical, whose: Whose::Branch });
            }
            let near = near.map(|number| (account_of(view, number.start), number));
            let of_customer = || of_customer(view, hit, &code).map(|(number, label)| (Some(label), number));
            let Some((account, number)) = near.or_else(of_customer) else { continue };
            let canonical = canonical(&code.2, &number.digits);
            match judge(view, hit, &code, &number, account) {
                Pair::Account => {
                    found.sure.push(canonical);
                    further_pairs(view, (hit, account), code, &number, &mut found, &mut used);
                }
                Pair::Doubtful(whose) => found.doubtful.push(Doubtful { canonical, whose }),
                Pair::Nothing => {}
            }
        }
    }
    found
}

/// Six and eight digits after the rules for account numbers of other lengths (Pay.UK, Vocalink specification of
/// modulus checking, "non-standard account numbers").
pub(super) fn canonical(sort_code: &str, number: &str) -> String {
    match number.len() {
        // The first digit replaces the last one of the sort code.
        9 => {
            let (head, tail) = number.split_at_checked(1).unwrap_or(("", number));
            format!("{}{head}{tail}", sort_code.get(..5).unwrap_or(sort_code))
        }
        // The Co-operative Bank (08-…) uses the first eight digits, NatWest the last eight.
        10 if sort_code.starts_with("08") => format!("{sort_code}{}", number.get(..8).unwrap_or(number)),
        10 => format!("{sort_code}{}", number.get(2..).unwrap_or(number)),
        _ => format!("{sort_code}{number:0>8}"),
    }
}
