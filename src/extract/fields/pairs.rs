//! A UK sort code and account number without a label of their own: "Metro Bank 23-05-80 55779911".
//!
//! Six digits and eight are also a date and a reference, an article and its bar code. What stands around decides: words of
//! paying or a bank make them an account; without any they are one only where the message has no other; in a list of
//! goods they are nothing.

mod verdict;

pub(super) use verdict::is_date;

use super::numbers::{Chunk, Number, chunks, groups};
use super::uk::Whose;
use super::{Label, View, whose};
use std::collections::BTreeSet;
use verdict::{Verdict, is_for_paying, judge, line_before};

/// Pairs of one text at most.
const MAX_PAIRS: usize = 10_000;
/// Octets between a code and its number.
const GAP: usize = 24;
/// Octets before a pair in which its bank may be named.
const ANNOUNCED_WITHIN: usize = 80;

/// A code and a number.
pub(super) struct Pair {
    /// Six digits.
    pub(super) code: String,
    /// Eight digits.
    pub(super) number: String,
    /// What it may be instead of an account; `None` where the words around ask to pay there.
    pub(super) doubt: Option<Whose>,
}

struct Found {
    code: Number,
    number: Number,
    /// How code and number are written.
    form: Form,
    /// The words around ask to pay, or speak of banks; not asked of one word.
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
        let found = in_one.or_else(|| forward(view, &list, at)).or_else(|| reversed(view, &list, at));
        let Some((mut found, count)) = found.filter(|(found, _)| !codes.contains(&found.code.start)) else {
            at += 1;
            continue;
        };
        at += count;
        found.paying = found.form != Form::OneWord && is_for_paying(view, &found);
        all.push(found);
    }
    let bare = all.iter().filter(|found| !found.paying).count();
    let judged = all.into_iter().filter_map(|found| {
        let doubt = match judge(view, &found, bare) {
            Verdict::Account => None,
            Verdict::Doubtful(whose) => Some(whose),
            Verdict::Nothing => return None,
        };
        codes.insert(found.code.start);
        Some(Pair { code: found.code.digits, number: found.number.digits, doubt })
    });
    Pairs { list: judged.collect(), more: at < list.len() }
}

/// `200000-55779911`, `20-00-00-55779911` or fourteen digits.
fn in_one_word(view: &View, chunk: &Chunk<'_>) -> Option<Found> {
    let groups: Vec<usize> = chunk.raw.split(['-', '.']).map(str::len).collect();
    // "12,345,678,901" is an amount.
    if chunk.raw.contains(',') {
        return None;
    }
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
        let called = || joins(gap) && is_called_code(view, &code) && is_paid_at(view, &code);
        let named = apart || near && is_labelled(view, &code) || called();
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
    let called = joins(gap)
        && is_called_code(view, &code)
        && (!next.is_plain() || is_paid_at(view, &number_of(first)));
    let form = if gap.len() <= 3 && is_blank(gap) && !next.is_plain() {
        Form::Tight
    } else {
        called.then_some(Form::Loose)?
    };
    Some((Found { code, number: number_of(first), form, paying: false }, 1 + count))
}

fn number_of(chunk: &Chunk<'_>) -> Number {
    Number { start: chunk.start, end: chunk.end, digits: chunk.raw.to_owned() }
}

/// Whether the line before says where to pay: a gate, a site and a tariff have codes and numbers, too.
fn is_paid_at(view: &View, number: &Number) -> bool {
    const PLACES: [&str; 6] = ["paying in", "pay in", "pay into", "pay at", "pay to", "transfer to"];
    let line = line_before(view, number.start).to_lowercase();
    whose::names_banks(&line) || PLACES.iter().any(|place| line.contains(place))
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
    let before = view.line_before(number.start, GAP);
    let behind = view.after(number.end, GAP);
    before.trim().is_empty() && behind.split('\n').next().unwrap_or_default().trim().is_empty()
}
