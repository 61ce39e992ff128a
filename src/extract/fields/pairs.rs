//! A UK sort code and account number without a label of their own: "Metro Bank 23-05-80 55779911".
//!
//! Six digits and eight are also a date and a reference, an article and its bar code. What stands around decides: words of
//! paying or a bank make them an account; without any they are one only where the message has no other; in a list of
//! goods they are nothing.

use super::numbers::{Chunk, Number, chunks, groups};
use super::{Hit, Label, View, whose};
use crate::extract::floor;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Pairs of one text at most.
const MAX_PAIRS: usize = 5_000;
/// Octets between a code and its number.
const GAP: usize = 24;
/// Octets before a pair in which its bank may be named.
const ANNOUNCED_WITHIN: usize = 80;

/// The last two digits of years that mails speak of.
const YEARS: RangeInclusive<u32> = 10..=39;

/// A code and a number.
pub(super) struct Pair {
    /// Six digits.
    pub(super) code: String,
    /// Eight digits.
    pub(super) number: String,
    /// The words around ask to pay there.
    pub(super) sure: bool,
}

struct Found {
    code: Number,
    number: Number,
    /// How code and number are written.
    form: Form,
    /// The words around ask to pay, or speak of banks.
    paying: bool,
}

/// How a pair is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `20-00-00 55779911`: nobody writes anything else so, but goods and dates.
    Tight,
    /// `20 00 00 and 5577 9911`, or one below the other: an account only among words of paying.
    Loose,
    /// `200000` and `55779911` in lines of their own, directly behind a label, or with more than a space between.
    Plain,
    /// `200000-55779911`, or the fourteen digits without a hyphen.
    OneWord,
}

/// The pairs of a text.
pub(super) struct Pairs {
    pub(super) list: Vec<Pair>,
    /// There were more than [`MAX_PAIRS`].
    pub(super) more: bool,
}

/// The pairs of a text, but those whose code stands in `codes` already; theirs are added.
pub(super) fn find(view: &View, codes: &mut BTreeSet<usize>) -> Pairs {
    let list = chunks(view, 0, view.text.len());
    let mut all = Vec::new();
    let mut at = 0;
    while at < list.len() && all.len() < MAX_PAIRS {
        let in_one = list.get(at).and_then(|chunk| in_one_word(view, chunk)).map(|found| (found, 1));
        // "10023456 20-00-00 55779911": people read on from the code.
        let back = || forward(view, &list, at + 1).is_none().then(|| reversed(view, &list, at)).flatten();
        let found = in_one.or_else(|| forward(view, &list, at)).or_else(back);
        let Some((mut found, count)) = found.filter(|(found, _)| !codes.contains(&found.code.start)) else {
            at += 1;
            continue;
        };
        at += count;
        found.paying = is_for_paying(view, &found);
        all.push(found);
    }
    let bare = all.iter().filter(|found| !found.paying).count();
    let judged = all.into_iter().filter_map(|found| {
        let sure = judge(view, &found, bare)?;
        codes.insert(found.code.start);
        Some(Pair { code: found.code.digits, number: found.number.digits, sure })
    });
    Pairs { list: judged.collect(), more: at < list.len() }
}

/// `200000-55779911`, `20-00-00-55779911` or fourteen digits.
fn in_one_word(view: &View, chunk: &Chunk<'_>) -> Option<Found> {
    let groups: Vec<usize> = chunk.raw.split(['-', '.']).map(str::len).collect();
    let plain = match *groups {
        [14] => true,
        [6, 8] | [2, 2, 2, 8] => false,
        _ => return None,
    };
    let from = if plain { chunk.start + 6 } else { chunk.end - 8 };
    let until = if plain { from } else { from - 1 };
    let part = |start: usize, end: usize| {
        let digits = view.text.get(start..end)?.chars().filter(char::is_ascii_digit).collect();
        Some(Number { start, end, digits })
    };
    let (code, number) = (part(chunk.start, until)?, part(from, chunk.end)?);
    Some(Found { code, number, form: Form::OneWord, paying: false })
}

/// Code and number from chunk `at` on, and how many chunks they take.
fn forward(view: &View, list: &[Chunk<'_>], at: usize) -> Option<(Found, usize)> {
    let first = list.get(at)?;
    let (code, count) = groups(view, list, at, &[2, 2, 2])?;
    let next = list.get(at + count)?;
    let (number, more) =
        [&[4, 4][..], &[2, 2, 2, 2]].iter().find_map(|shape| groups(view, list, at + count, shape))?;
    let gap = view.text.get(code.end..number.start)?;
    let plain = first.is_plain() && count == 1;
    let near = gap.len() <= 6 && is_blank(gap) && !gap.contains('\n');
    let form = if plain {
        let lines = gap.matches('\n').count() <= 2 && gap.trim().is_empty();
        let alone = lines && is_alone(view, &code) && is_alone(view, &number);
        let apart = near && gap.contains(|c: char| !c.is_whitespace());
        let named = apart || near && is_labelled(view, &code) || joins(gap) && is_called_code(view, &code);
        (alone || named).then_some(Form::Plain)
    } else if near && count == 1 && next.raw.len() == 8 && next.is_plain() {
        Some(Form::Tight)
    } else {
        joins(gap).then_some(Form::Loose)
    };
    Some((Found { code, number, form: form?, paying: false }, count + more))
}

/// `55779911 (20-00-00)`, "55779911, code 20-00-00": the sort code behind the number, in one line.
fn reversed(view: &View, list: &[Chunk<'_>], at: usize) -> Option<(Found, usize)> {
    let first = list.get(at).filter(|first| first.is_plain() && first.raw.len() == 8)?;
    let next = list.get(at + 1)?;
    let (code, count) = groups(view, list, at + 1, &[2, 2, 2])?;
    let gap = view.text.get(first.end..code.start).filter(|gap| !gap.contains('\n'))?;
    let called = joins(gap) && is_called_code(view, &code);
    let form = if gap.len() <= 3 && is_blank(gap) && !next.is_plain() {
        Form::Tight
    } else {
        called.then_some(Form::Loose)?
    };
    let number = Number { start: first.start, end: first.end, digits: first.raw.to_owned() };
    Some((Found { code, number, form, paying: false }, 1 + count))
}

/// Whether the word directly before is "code" and nothing says whose: "pay at Barclays: code 200000".
fn is_called_code(view: &View, code: &Number) -> bool {
    let line = line_before(view, code.start).trim_end_matches([':', ' ']).to_lowercase();
    let before = line.strip_suffix("code");
    before.is_some_and(|before| !before.trim_end().ends_with(char::is_alphanumeric))
}

fn is_blank(gap: &str) -> bool {
    !gap.contains(char::is_alphanumeric)
}

/// Whether what stands between a code and a number joins them: "and", "number", a line's end.
fn joins(gap: &str) -> bool {
    const JOINERS: [&str; 22] = [
        "and", "number", "no", "nr", "a", "c", "ac", "acc", "acct", "account", "with", "then", "und",
        "nummer", "konto", "the", "for", "code", "but", "as", "of", "now",
    ];
    gap.len() <= GAP
        && gap.matches('\n').count() <= 2
        && gap
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty())
            .all(|word| JOINERS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// Whether bank details or an account are announced directly before a code: "Bank: 200000 / 55779911".
fn is_labelled(view: &View, code: &Number) -> bool {
    view.label_before(code.start, 4).is_some_and(|hit| {
        matches!(hit.label, Label::Bank | Label::Account)
            && view.text.get(hit.end..code.start).is_some_and(is_blank)
    })
}

/// Whether "pay to", "transfer to" and the like stand directly before a code.
fn is_paid_to(view: &View, code: &Number) -> bool {
    let line = line_before(view, code.start).trim_end_matches([' ', ':']).to_lowercase();
    is_labelled(view, code) && line.ends_with(" to")
}

/// Whether nothing else stands in the line of a number.
fn is_alone(view: &View, number: &Number) -> bool {
    let from = floor(&view.text, number.start.saturating_sub(GAP));
    let before =
        view.text.get(from..number.start).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    let behind = view.after(number.end, GAP);
    before.trim().is_empty() && behind.split('\n').next().unwrap_or_default().trim().is_empty()
}

/// Whether a pair is an account: `Some(true)` for certain, `Some(false)` if nothing better is there. `bare` pairs of the
/// text have no words of paying around them: several are a list.
fn judge(view: &View, found: &Found, bare: usize) -> Option<bool> {
    let (start, end) = span(found);
    let date = is_date(&found.code.digits);
    let announced = is_announced(view, start) && !(date && is_row_of_statement(view, start));
    if is_behind_bsb(view, start) {
        return None;
    }
    let said = announced || !date && whose::names_banks(&line_of(view, start, end));
    match found.form {
        Form::OneWord => judge_one_word(view, found, start, end),
        Form::Tight if said => Some(true),
        _ if is_of_goods(view, start, end) => None,
        _ if date && !is_paid_to(view, &found.code) => None,
        Form::Tight if found.paying => Some(true),
        Form::Tight => (bare == 1 && !speaks_of_goods(view, start)).then_some(false),
        Form::Loose | Form::Plain => (announced || found.paying).then_some(true),
    }
}

/// Fourteen digits are an account behind the words for both its parts or for a bank; with a hyphen also behind those for an
/// account, and among words of paying. A customer of a utility has as many.
fn judge_one_word(view: &View, found: &Found, start: usize, end: usize) -> Option<bool> {
    let label = view.label_before(start, GAP);
    let directly = label
        .filter(|hit| view.text.get(hit.end..start).is_some_and(|gap| !gap.contains(char::is_alphanumeric)));
    let other = directly.is_some_and(|hit| {
        !hit.label.is_payment() && !matches!(hit.label, Label::Bank | Label::Payee | Label::Customers)
    });
    if other || is_of_goods(view, start, end) {
        return None;
    }
    let line = line_before(view, start).to_lowercase();
    let count = view.labels.partition_point(|hit| hit.end <= start);
    let before = view.labels.get(..count).unwrap_or_default().iter().rev();
    let mut near = before.take_while(|hit| hit.end + 2 * GAP > start);
    let both =
        directly.is_some() && near.any(|hit| hit.label == Label::SortCode && whose::is_sure(view, hit));
    let account = directly.filter(|hit| matches!(hit.label, Label::Account | Label::Bank));
    if both || account.is_some() && whose::names_banks(&line) {
        return Some(true);
    }
    let hyphen = found.code.end < found.number.start;
    (hyphen && found.paying).then_some(account.is_some_and(|hit| !whose::is_theirs(view, hit)))
}

fn span(found: &Found) -> (usize, usize) {
    (found.code.start.min(found.number.start), found.code.end.max(found.number.end))
}

/// Whether bank details are announced just before: "Bank: …", "Account: …".
fn is_announced(view: &View, start: usize) -> bool {
    let near = |hit: &Hit| {
        view.text.get(hit.end..start).is_some_and(|gap| !gap.contains('\n') || hit.label == Label::Bank)
    };
    view.label_before(start, ANNOUNCED_WITHIN)
        .is_some_and(|hit| matches!(hit.label, Label::Bank | Label::Account | Label::Payee) && near(hit))
}

/// Whether a way of paying stands before a date, as in "BACS 12-11-26 00218454", a row of a statement.
fn is_row_of_statement(view: &View, start: usize) -> bool {
    const WAYS: [&str; 11] = [
        "bacs",
        "chaps",
        "eft",
        "faster payment",
        "faster payments",
        "bank transfer",
        "virement",
        "transferencia",
        "transferência",
        "bonifico",
        "przelew",
    ];
    let way = |hit: &&Hit| {
        let said = view.text.get(hit.start..hit.end).unwrap_or_default().to_lowercase();
        WAYS.contains(&said.as_str())
            && view.text.get(hit.end..start).is_some_and(|gap| gap.trim().is_empty())
    };
    view.label_before(start, ANNOUNCED_WITHIN).filter(way).is_some()
}

/// Whether the words around ask to pay, or speak of banks.
fn is_for_paying(view: &View, found: &Found) -> bool {
    const WORDS: [&str; 9] =
        ["use", "using", "payment", "payments", "paid", "money", "funds", "monies", "zahlung"];
    let (start, end) = span(found);
    let line = line_of(view, start, end);
    let said = || line.split(|c: char| !c.is_alphabetic()).any(|word| WORDS.contains(&word));
    whose::asks_to_pay(view, start, end) || whose::speaks_of_banks(view, start, end) || said()
}

/// The line around a pair, at most [`ANNOUNCED_WITHIN`] octets to either side, in small letters.
fn line_of(view: &View, start: usize, end: usize) -> String {
    let behind = view.after(end, ANNOUNCED_WITHIN).split('\n').next().unwrap_or_default();
    format!("{} {behind}", line_before(view, start)).to_lowercase()
}

/// The line before an offset, at most [`ANNOUNCED_WITHIN`] octets.
fn line_before(view: &View, start: usize) -> &str {
    let from = floor(&view.text, start.saturating_sub(ANNOUNCED_WITHIN));
    view.text.get(from..start).unwrap_or_default().rsplit('\n').next().unwrap_or_default()
}

/// Whether a BSB is announced just before: the six digits are that.
fn is_behind_bsb(view: &View, start: usize) -> bool {
    let first = view.labels.partition_point(|other| other.end + ANNOUNCED_WITHIN < start);
    let near = view.labels.get(first..).unwrap_or_default().iter();
    near.take_while(|other| other.start < start).any(|other| other.label == Label::Bsb)
}

/// Whether the line speaks of goods before the pair.
fn speaks_of_goods(view: &View, start: usize) -> bool {
    const GOODS: [&str; 21] = [
        "code",
        "artikel",
        "article",
        "art",
        "item",
        "cat",
        "part",
        "product",
        "barcode",
        "ean",
        "sku",
        "sic",
        "ewc",
        "tariff",
        "commodity",
        "model",
        "stock",
        "serial",
        "batch",
        "order",
        "auftrag",
    ];
    let line = line_of(view, start, start);
    line.split(|c: char| !c.is_alphabetic()).any(|word| GOODS.contains(&word))
}

/// Whether a pair is a number of goods: "part no 12-34-56 78901234", "20-30-40 12345678 pieces". Only a word directly
/// beside it says so, and people read it so too.
fn is_of_goods(view: &View, start: usize, end: usize) -> bool {
    const UNITS: [&str; 14] = [
        "pcs", "pieces", "piece", "units", "unit", "off", "each", "ea", "kg", "mm", "items", "stück", "stk",
        "st.",
    ];
    let between = |hit: &Hit| view.text.get(hit.end..start).unwrap_or("x");
    let other = view.label_before(start, 16).is_some_and(|hit| {
        matches!(
            hit.label,
            Label::Other
                | Label::Customers
                | Label::InvoiceNumber
                | Label::Vat
                | Label::Company
                | Label::Phone
        ) && between(hit).chars().all(|c| !c.is_alphanumeric() && c != '\n')
    });
    let behind = view.after(end, 16).trim_start_matches([' ', '\t', 'x']);
    let unit =
        behind.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')')).next().unwrap_or_default();
    other || UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit))
}

/// Whether six digits can be day, month and year of these decades, in one of their usual orders.
pub(super) fn is_date(digits: &str) -> bool {
    let pair = |at: usize| digits.get(at..at + 2).and_then(|pair| pair.parse::<u32>().ok()).unwrap_or(0);
    let (a, b, c) = (pair(0), pair(2), pair(4));
    let (day, month) = (1..=31, 1..=12);
    let first = YEARS.contains(&a) && month.contains(&b) && day.contains(&c);
    let last = YEARS.contains(&c)
        && (day.contains(&a) && month.contains(&b) || month.contains(&a) && day.contains(&b));
    first || last
}
