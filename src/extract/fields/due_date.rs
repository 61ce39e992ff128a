//! The date by which to pay, in ISO 8601: the first one that a label announces.
//!
//! Day before month, as everywhere but in the United States; the other way round only where the first reading is no
//! date.

use super::{Finder, Label, View};
use crate::model::PaymentClaims;

/// Octets after the label that are looked at.
const REACH: usize = 48;

/// First letters of the months in the languages of the lexicons, folded; the first that fits wins.
const MONTHS: &[(u8, &[&str])] = &[
    (1, &["jan", "ene", "gen", "stycz"]),
    (2, &["feb", "fev", "lut", "luty"]),
    (3, &["mar", "mrz", "maerz", "maa", "mrt"]),
    (4, &["apr", "avr", "abr", "kwi"]),
    (5, &["may", "mai", "mag", "mei", "maj"]),
    (6, &["jun", "juin", "giu", "cze"]),
    (7, &["jul", "juil", "lug", "lip"]),
    (8, &["aug", "aou", "ago", "sie"]),
    (9, &["sep", "set", "wrz"]),
    (10, &["oct", "okt", "ott", "out", "paz"]),
    (11, &["nov", "lis"]),
    (12, &["dec", "dez", "dic", "gru"]),
];

/// Finds the due date.
pub(super) struct DueDate;

impl Finder for DueDate {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        if claims.due_date.is_none() {
            claims.due_date = view.labels_of(Label::DueDate).find_map(|hit| {
                date(view.after(hit.end, REACH))
            });
        }
    }
}

/// The first date in a short text.
fn date(text: &str) -> Option<String> {
    let folded = crate::extract::normalise::fold(text);
    let words: Vec<&str> = folded.split_ascii_whitespace().filter(|w| *w != ".").collect();
    // Up to four words between label and date ("is now on Friday").
    (0..words.len().min(5)).find_map(|at| read(words.get(at..)?))
}

fn read(words: &[&str]) -> Option<String> {
    let [a, b, rest @ ..] = words else { return None };
    let c = rest.first().copied().unwrap_or_default();
    if a.len() == 4
        && let (Some(year), Some(month), Some(day)) = (number(a), number(b), number(c))
    {
        return iso(year, month, day);
    }
    let year = |word: &str| match (word.len(), number(word)) {
        (4, Some(year)) => Some(year),
        (2, Some(year)) => Some(2_000 + year),
        _ => None,
    };
    // "18 de noviembre de 2024"
    let (b, c) = if matches!(*b, "de" | "of") {
        (c, rest.iter().skip(1).find(|w| **w != "de").copied().unwrap_or_default())
    } else if c == "de" {
        (*b, rest.get(1).copied().unwrap_or_default())
    } else {
        (*b, c)
    };
    match (day(a), month(a), number(b), month(b)) {
        (Some(first), _, Some(second), _) => {
            let year = year(c)?;
            iso(year, second, first).or_else(|| iso(year, first, second))
        }
        (Some(day), _, _, Some(month)) => iso(year(c)?, month, day),
        (_, Some(month), _, _) => iso(year(c)?, month, day(b)?),
        _ => None,
    }
}

fn number(word: &str) -> Option<u32> {
    (word.len() <= 4).then(|| word.parse().ok()).flatten()
}

/// `18`, `18th`.
fn day(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (word.len() - digits.len() <= 2 && digits.len() <= 2).then(|| digits.parse().ok()).flatten()
}

/// Whether a word in small letters names a month.
pub(super) fn is_month(word: &str) -> bool {
    month(word).is_some()
}

fn month(word: &str) -> Option<u32> {
    let long_enough = word.len() >= 3 && word.bytes().all(|b| b.is_ascii_lowercase());
    let found = MONTHS.iter().find(|(_, names)| names.iter().any(|name| word.starts_with(name)));
    found.filter(|_| long_enough).map(|(month, _)| u32::from(*month))
}

fn iso(year: u32, month: u32, day: u32) -> Option<String> {
    let month_of = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let year_of = i32::try_from(year).ok().filter(|y| (1_990..=2_100).contains(y))?;
    time::Date::from_calendar_date(year_of, month_of, u8::try_from(day).ok()?).ok()?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}
