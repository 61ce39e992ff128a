//! Numbers as written: runs of digits, and account numbers put together from groups.

use super::{Hit, Label, View, table};
use crate::extract::floor;
use crate::extract::normalise::CUT;
use std::collections::BTreeSet;

/// Numbers behind one label at most.
const RUNS: usize = 6;

/// Digits behind a comma inside a number at most.
const GROUP: usize = 3;

/// A run of digits that may hold `-`, `.` or `,` between digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) raw: &'a str,
}

impl Chunk<'_> {
    pub(super) fn is_plain(&self) -> bool {
        self.raw.bytes().all(|b| b.is_ascii_digit())
    }
}

/// A number made of one or more chunks: `first..after` index the chunk list.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) digits: String,
}

/// The chunks that begin inside `from..to`. Digits glued to letters (`A12`, `12B`, after `+`) are left out: they are
/// references, phone numbers and measures; only a label may be glued on (`SC200000`).
pub(super) fn chunks<'a>(view: &'a View, from: usize, to: usize) -> Vec<Chunk<'a>> {
    let bytes = view.bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(b' ');
    let word = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80;
    let glued = |b: u8, edge: usize| word(b) && !view.is_label_edge(edge);
    let mut found = Vec::new();
    let mut i = from;
    // Begin at the start of a run even if the window cuts into it.
    while i < to && i > 0 && glued(at(i - 1), i) {
        i += 1;
    }
    while i < to.min(bytes.len()) {
        if !at(i).is_ascii_digit() {
            i += 1;
            continue;
        }
        let start = i;
        let joins = |i: usize| match at(i) {
            b'-' | b'.' => at(i + 1).is_ascii_digit(),
            // Thousands and decimals; what is longer is the next value of a list.
            b',' => {
                (1..=GROUP + 1).take_while(|more| at(i + more).is_ascii_digit()).count().wrapping_sub(1)
                    < GROUP
            }
            _ => false,
        };
        while at(i).is_ascii_digit() || joins(i) {
            i += 1;
        }
        let before = if start == 0 { b' ' } else { at(start - 1) };
        if glued(before, start)
            || glued(at(i), i)
            || matches!(before, b'+' | b'@' | 1)
            || at(i) == b'@'
            || at(i) == b'%'
        {
            continue;
        }
        if let Some(raw) = view.text.get(start..i) {
            found.push(Chunk { start, end: i, raw });
        }
    }
    found
}

/// Whether two chunks are parts of one number in groups: one space or ` - ` between them.
fn grouped(view: &View, left: &Chunk<'_>, right: &Chunk<'_>) -> bool {
    matches!(view.text.get(left.end..right.start), Some(" " | " - " | "- " | " -"))
}

/// Whether two chunks may be groups of one code that a label announces: a few characters that are no letters and no
/// comma stand between them, as people write codes (`20/00/00`, `20 · 00 · 00`, cells of a table).
fn joined(view: &View, left: &Chunk<'_>, right: &Chunk<'_>) -> bool {
    view.text.get(left.end..right.start).is_some_and(|gap| {
        gap.chars().count() <= 3
            && !gap.contains(|c: char| c.is_alphanumeric() || matches!(c, ',' | '\n' | CUT))
    })
}

/// The digits of `groups` (lengths) read from chunk `at`, either one chunk with dashes or consecutive chunks. The
/// number of chunks used is returned too.
pub(super) fn groups(
    view: &View,
    list: &[Chunk<'_>],
    at: usize,
    lengths: &[usize],
) -> Option<(Number, usize)> {
    let first = list.get(at)?;
    let total: usize = lengths.iter().sum();
    let digits: String = first.raw.chars().filter(char::is_ascii_digit).collect();
    let number = |start: usize, end: usize, digits: String| Number { start, end, digits };
    if digits.len() == total {
        let shape: Vec<usize> = first.raw.split(['-', '.']).map(str::len).collect();
        let one = first.is_plain() || (shape == lengths && !first.raw.contains(','));
        return one.then(|| (number(first.start, first.end, digits), 1));
    }
    consecutive(list, at, lengths, |left, right| joined(view, left, right))
}

/// The digits of consecutive chunks of these lengths, each pair of them `joined`.
fn consecutive(
    list: &[Chunk<'_>],
    at: usize,
    lengths: &[usize],
    joined: impl Fn(&Chunk<'_>, &Chunk<'_>) -> bool,
) -> Option<(Number, usize)> {
    let run = list.get(at..at + lengths.len())?;
    let fits = run.iter().zip(lengths).all(|(c, n)| c.is_plain() && c.raw.len() == *n)
        && run.windows(2).all(|w| matches!(w, [a, b] if joined(a, b)));
    let (first, last) = (run.first()?, run.last()?);
    let digits = run.iter().map(|c| c.raw).collect();
    fits.then_some((Number { start: first.start, end: last.end, digits }, lengths.len()))
}

/// A number in groups that the end of a line took apart, behind the label of an account in its first line.
fn wrapped(view: &View, list: &[Chunk<'_>], at: usize) -> Option<(Number, usize)> {
    let first = list.get(at)?;
    let label = view.label_before(first.start, 90).filter(|hit| hit.label == Label::Account)?;
    let between = view.text.get(label.end..first.start)?;
    if between.contains(|c: char| c.is_alphanumeric() || c == '\n') {
        return None;
    }
    let broken = |left: &Chunk<'_>, right: &Chunk<'_>| {
        joined(view, left, right) || view.text.get(left.end..right.start) == Some("\n")
    };
    GROUPS.iter().find_map(|lengths| consecutive(list, at, lengths, broken))
}

/// How account numbers are written in groups.
const GROUPS: [&[usize]; 9] =
    [&[4, 4], &[2, 2, 2, 2], &[3, 3], &[3, 4], &[4, 3], &[3, 3, 3], &[2, 3, 3], &[3, 3, 2], &[1; 8]];
/// Groups with spaces between them; with hyphens or slashes they are dates.
const SPACED: [&[usize]; 3] = [&[4, 2, 2], &[2, 2, 4], &[2, 4, 2]];

/// Where and how an account number may stand beside its bank code.
pub(super) struct Reach {
    /// Digits admitted when a label announces the number.
    pub(super) labelled: std::ops::RangeInclusive<usize>,
    /// Digits admitted without a label, directly after the bank code.
    pub(super) adjacent: std::ops::RangeInclusive<usize>,
    /// Octets between bank code and account number at most.
    pub(super) distance: usize,
}

/// The account number that belongs to a bank code which, with its label, fills `span` (the code itself `code`).
/// The nearest one wins that no other bank code has used (`used` holds starts).
pub(super) fn account_near(
    view: &View,
    span: (usize, usize),
    code: (usize, usize),
    reach: &Reach,
    used: &mut BTreeSet<usize>,
) -> Option<Number> {
    let number = nearest_account(view, span, code, reach, used)?;
    used.insert(number.start);
    Some(number)
}

/// The same; the number stays free for other codes.
pub(super) fn nearest_account(
    view: &View,
    span: (usize, usize),
    code: (usize, usize),
    reach: &Reach,
    used: &BTreeSet<usize>,
) -> Option<Number> {
    let from = floor(&view.text, span.0.saturating_sub(reach.distance));
    let list = chunks(view, from, span.1 + reach.distance);
    let mut best: Option<(usize, Number)> = None;
    let mut at = 0;
    while at < list.len() {
        let Some((number, count)) = account_at(view, &list, at, code) else {
            at += 1;
            continue;
        };
        at += count;
        let distance =
            if number.end <= span.0 { span.0 - number.end } else { number.start.saturating_sub(span.1) };
        let farther = best.as_ref().is_some_and(|(nearest, _)| distance >= *nearest);
        if farther || distance > reach.distance || used.contains(&number.start) {
            continue;
        }
        let between = view.text.get(code.1..number.start).unwrap_or("x");
        let adjacent = number.start >= code.1
            && between.len() <= 12
            && !between.chars().any(char::is_alphabetic)
            && reach.adjacent.contains(&number.digits.len());
        let announced = view.label_before(number.start, 90).is_some_and(|hit| {
            // The code's own label announces the code: a few digits behind it are a postcode in the next column.
            let own = hit.start >= span.0 && hit.end <= span.1;
            let digits = if own { &reach.adjacent } else { &reach.labelled };
            hit.label.is_payment() && digits.contains(&number.digits.len())
        });
        if adjacent || announced {
            best = Some((distance, number));
        }
    }
    best.map(|(_, number)| number)
}

/// An account number at chunk `at`: one run, or groups such as `1234-5678`, `12 34 56 78`, outside the bank code.
pub(super) fn account_at(
    view: &View,
    list: &[Chunk<'_>],
    at: usize,
    code: (usize, usize),
) -> Option<(Number, usize)> {
    let outside = |n: &Number| n.end <= code.0 || n.start >= code.1;
    let first = list.get(at)?;
    let free = |count: usize| {
        // Neither a group more before nor after, else it is part of something longer (a phone number).
        let before = at.checked_sub(1).and_then(|i| list.get(i));
        let after = list.get(at + count);
        let last = list.get(at + count - 1);
        !before.is_some_and(|c| c.end != code.1 && c.is_plain() && grouped(view, c, first))
            && !last.zip(after).is_some_and(|(l, c)| c.start != code.0 && c.is_plain() && grouped(view, l, c))
    };
    for lengths in GROUPS {
        if let Some((number, count)) = groups(view, list, at, lengths)
            && (count == 1 || free(count))
            && outside(&number)
        {
            return Some((number, count));
        }
    }
    let spaced =
        |lengths: &&[usize]| consecutive(list, at, lengths, |left, right| grouped(view, left, right));
    if let Some((number, count)) = SPACED.iter().find_map(spaced)
        && free(count)
        && outside(&number)
    {
        return Some((number, count));
    }
    if let Some((number, count)) = wrapped(view, list, at).filter(|(number, _)| outside(number)) {
        return Some((number, count));
    }
    let number = Number { start: first.start, end: first.end, digits: first.raw.to_owned() };
    (first.is_plain() && (4..=18).contains(&first.raw.len()) && outside(&number)).then_some((number, 1))
}

/// The numbers that a label announces: those in its column, where it heads one, else the ones behind it in one line.
pub(super) fn runs_of_digits(view: &View, hit: &Hit, reach: usize, most: usize) -> Vec<String> {
    let column = table::column(view, hit).map(|cell| run_of_digits(view, cell.start, cell.len(), most));
    let column: Vec<String> = column.collect();
    if !column.is_empty() {
        return column;
    }
    let Some((first, mut end)) = run_at(view, hit.end, reach, most) else { return Vec::new() };
    let mut runs = vec![first];
    // An old number may stand before the new one.
    while runs.len() < RUNS
        && let Some((next, after)) = run_at(view, end, reach, most)
        && view.text.get(end..after).is_some_and(|line| !line.contains('\n'))
    {
        end = after;
        runs.push(next);
    }
    runs
}

/// The digits that begin within `reach` octets behind `from`, groups of them put together up to `most` digits: one
/// space, hyphen, dot or slash between groups. Empty when there are none, when they are glued to a word, or more.
pub(super) fn run_of_digits(view: &View, from: usize, reach: usize, most: usize) -> String {
    run_at(view, from, reach, most).map(|(digits, _)| digits).unwrap_or_default()
}

/// The same, and where the digits end.
fn run_at(view: &View, from: usize, reach: usize, most: usize) -> Option<(String, usize)> {
    let window = view.after(from, reach + most * 2);
    let start = window.find(|c: char| c.is_ascii_digit()).filter(|start| *start <= reach)?;
    let glued = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() || c == CUT || c == '@');
    let before = window.get(..start).and_then(|text| text.chars().next_back());
    if glued(before) && !view.is_label_edge(from + start) || before == Some('+') {
        return None;
    }
    let mut digits = String::new();
    let mut gap = 0;
    let mut end = start;
    for (at, c) in window.get(start..).unwrap_or_default().char_indices() {
        match c {
            '0'..='9' => {
                digits.push(c);
                gap = 0;
                end = start + at + 1;
            }
            ' ' | '-' | '.' | '/' if gap == 0 => gap = 1,
            c if gap == 0 && c.is_alphabetic() => return None,
            _ => break,
        }
        if digits.len() > most {
            return None;
        }
    }
    Some((digits, from + end))
}
