//! Whether a code and a number beside each other are an account: what the words around say.

use super::super::uk::Whose;
use super::super::{Hit, Label, View, whose};
use super::{ANNOUNCED_WITHIN, Form, Found, GAP, is_paid_to};
use crate::extract::floor;
use std::ops::RangeInclusive;

/// The last two digits of years that mails speak of.
const YEARS: RangeInclusive<u32> = 10..=39;

/// What a pair is.
pub(super) enum Verdict {
    Account,
    Doubtful(Whose),
    Nothing,
}

impl Verdict {
    /// An account if so, else nothing.
    fn account(so: bool) -> Self {
        if so { Self::Account } else { Self::Nothing }
    }

    /// An account where nothing better is there, if so, else nothing.
    fn unlabelled(so: bool) -> Self {
        if so { Self::Doubtful(Whose::Unlabelled) } else { Self::Nothing }
    }
}

/// Judges a pair. `bare` pairs of the text have no words of paying around them: several are a list.
pub(super) fn judge(view: &View, found: &Found, bare: usize) -> Verdict {
    let (start, end) = span(found);
    let date = is_date(&found.code.digits);
    let announced = is_announced(view, start) && !(date && is_row_of_statement(view, start, end));
    if is_behind_bsb(view, start) {
        return Verdict::Nothing;
    }
    let said = announced || !date && whose::names_banks(&line_of(view, start, end));
    match found.form {
        Form::OneWord => judge_one_word(view, found, start, end),
        Form::Tight if said => Verdict::Account,
        _ if is_of_goods(view, start, end) => Verdict::Nothing,
        _ if date && !is_paid_to(view, &found.code) => Verdict::Nothing,
        Form::Tight if found.paying => Verdict::Account,
        Form::Tight => Verdict::unlabelled(bare == 1 && !speaks_of_goods(view, start)),
        Form::Loose | Form::Plain => Verdict::account(announced || found.paying),
    }
}

/// Fourteen digits are an account behind the words for both its parts or for a bank, and with a hyphen also where somebody
/// asks to pay to them. Customers of utilities have as many, and bookings a hyphen.
fn judge_one_word(view: &View, found: &Found, start: usize, end: usize) -> Verdict {
    let label = view.label_before(start, GAP);
    let directly = label
        .filter(|hit| view.text.get(hit.end..start).is_some_and(|gap| !gap.contains(char::is_alphanumeric)));
    let other = directly.is_some_and(|hit| {
        !hit.label.is_payment() && !matches!(hit.label, Label::Bank | Label::Payee | Label::Customers)
    });
    if other || is_of_goods(view, start, end) {
        return Verdict::Nothing;
    }
    let count = view.labels.partition_point(|hit| hit.end <= start);
    let before = view.labels.get(..count).unwrap_or_default().iter().rev();
    let mut near = before.take_while(|hit| hit.end + 2 * GAP > start);
    let both =
        directly.is_some() && near.any(|hit| hit.label == Label::SortCode && whose::is_sure(view, hit));
    let account = directly.filter(|hit| matches!(hit.label, Label::Account | Label::Bank));
    let line = line_before(view, start).to_lowercase();
    if both || account.is_some() && whose::names_banks(&line) {
        return Verdict::Account;
    }
    if found.code.end == found.number.start {
        return Verdict::Nothing;
    }
    match account {
        Some(hit) if whose::is_ordered(view, hit) => Verdict::Account,
        Some(hit) if !whose::is_theirs(view, hit) && is_for_paying(view, found) => {
            Verdict::Doubtful(Whose::Customers)
        }
        Some(_) => Verdict::Nothing,
        None => Verdict::unlabelled(whose::is_order_to(&line)),
    }
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

/// Whether a way of paying stands before a date and an amount behind, as in "BACS 12-11-26 00218454 252.00": a row of a
/// statement, where nobody asks to pay.
fn is_row_of_statement(view: &View, start: usize, end: usize) -> bool {
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
            && matches!(view.text.get(hit.end..start), Some(" " | "\t"))
            && line_before(view, hit.start).trim().is_empty()
    };
    let behind = view.after(end, GAP).split('\n').next().unwrap_or_default();
    let amount = behind.trim_start_matches([' ', '\t', '£', '-']);
    let cents = amount.split_once('.').is_some_and(|(whole, cents)| {
        !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit() || b == b',') && cents.len() >= 2
    });
    cents
        && view.label_before(start, ANNOUNCED_WITHIN).filter(way).is_some()
        && !whose::asks_to_pay(view, start, end)
}

/// Whether the words around ask to pay, or speak of banks.
pub(super) fn is_for_paying(view: &View, found: &Found) -> bool {
    const WORDS: [&str; 9] =
        ["use", "using", "payment", "payments", "paid", "money", "funds", "monies", "zahlung"];
    let (start, end) = span(found);
    let line = line_of(view, start, end);
    let said = || line.split(|c: char| !c.is_alphabetic()).any(|word| WORDS.contains(&word));
    whose::asks_to_pay(view, start, end)
        || whose::speaks_of_banks(view, start, end)
        || said()
        || is_headed_by_change(view, start)
}

/// "New: …", "From 1 December:" before a pair, or in the line above it.
fn is_headed_by_change(view: &View, start: usize) -> bool {
    const CHANGES: [&str; 7] = ["new", "now", "from", "correct", "correction", "updated", "changed"];
    let before = view.text.get(floor(&view.text, start.saturating_sub(ANNOUNCED_WITHIN))..start);
    let Some(head) = before.and_then(|before| before.trim_end().strip_suffix(':')) else { return false };
    let head = head.rsplit(['\n', '.']).next().unwrap_or_default().to_lowercase();
    head.split(|c: char| !c.is_alphabetic()).any(|word| CHANGES.contains(&word))
}

/// The line around a pair, at most [`ANNOUNCED_WITHIN`] octets to either side, in small letters.
fn line_of(view: &View, start: usize, end: usize) -> String {
    let behind = view.after(end, ANNOUNCED_WITHIN).split('\n').next().unwrap_or_default();
    format!("{} {behind}", line_before(view, start)).to_lowercase()
}

/// The line before an offset, at most [`ANNOUNCED_WITHIN`] octets.
pub(super) fn line_before(view: &View, start: usize) -> &str {
    view.line_before(start, ANNOUNCED_WITHIN)
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
pub(in crate::extract::fields) fn is_date(digits: &str) -> bool {
    let pair = |at: usize| digits.get(at..at + 2).and_then(|pair| pair.parse::<u32>().ok()).unwrap_or(0);
    let (a, b, c) = (pair(0), pair(2), pair(4));
    let (day, month) = (1..=31, 1..=12);
    let first = YEARS.contains(&a) && month.contains(&b) && day.contains(&c);
    let last = YEARS.contains(&c)
        && (day.contains(&a) && month.contains(&b) || month.contains(&a) && day.contains(&b));
    first || last
}
