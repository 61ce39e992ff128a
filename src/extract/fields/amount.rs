//! Amounts with a currency: `£1,234.50`, `GBP 1,234.50`, `EUR 1.234,50`, `1 234,50 €`.

use super::{Finder, View};
use crate::limits::MAX_CLAIMED_VALUES;
use crate::model::{Money, PaymentClaims};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Currency signs and codes.
const CURRENCIES: &[(&str, &str)] = &[
    ("£", "GBP"), ("€", "EUR"), ("A$", "AUD"), ("NZ$", "NZD"), ("C$", "CAD"), ("US$", "USD"), ("$", "USD"),
    ("₹", "INR"), ("zł", "PLN"), ("GBP", "GBP"), ("EUR", "EUR"), ("USD", "USD"), ("CHF", "CHF"), ("AUD", "AUD"),
    ("NZD", "NZD"), ("CAD", "CAD"), ("INR", "INR"), ("PLN", "PLN"), ("SEK", "SEK"), ("NOK", "NOK"), ("DKK", "DKK"),
    ("CZK", "CZK"), ("HUF", "HUF"), ("RON", "RON"), ("BGN", "BGN"), ("AED", "AED"), ("ZAR", "ZAR"), ("SGD", "SGD"),
    ("HKD", "HKD"), ("CNY", "CNY"), ("TRY", "TRY"),
];
/// Currencies of one text that are looked at.
const MAX_SIGNS: usize = 5_000;

#[expect(clippy::expect_used, reason = "the words are constants; a test builds the table")]
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .match_kind(aho_corasick::MatchKind::LeftmostLongest)
        .build(CURRENCIES.iter().map(|(sign, _)| sign))
        .expect("constant words")
});

/// Finds amounts.
pub(super) struct Amount;

impl Finder for Amount {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for found in SIGNS.find_iter(&view.text).take(MAX_SIGNS) {
            if claims.amounts.len() >= MAX_CLAIMED_VALUES {
                return;
            }
            let Some((_, currency)) = CURRENCIES.get(found.pattern().as_usize()) else { continue };
            let after = view.text.get(found.end()..).unwrap_or_default();
            let before = view.text.get(..found.start()).unwrap_or_default();
            if let Some(minor) = leading(after).or_else(|| trailing(before)) {
                let money = Money { minor, currency: (*currency).to_owned() };
                if !claims.amounts.contains(&money) {
                    claims.amounts.push(money);
                }
            }
        }
    }
}

/// Octets of a number at most.
const REACH: usize = 24;

fn belongs(b: u8) -> bool {
    b.is_ascii_digit() || matches!(b, b'.' | b',' | b'\'' | b' ')
}

/// The number right after a sign.
fn leading(after: &str) -> Option<i64> {
    let rest = after.strip_prefix([' ', ':', '\t']).unwrap_or(after);
    let (negative, rest) = rest.strip_prefix('-').map_or((false, rest), |r| (true, r));
    rest.bytes().next().filter(u8::is_ascii_digit)?;
    let length = rest.bytes().take(REACH).take_while(|b| belongs(*b)).count();
    let text = rest.get(..length)?;
    if rest.as_bytes().get(length).is_some_and(u8::is_ascii_alphabetic) && !text.ends_with(' ') {
        return None;
    }
    minor_units(whole_groups(text, false)).map(|minor| if negative { -minor } else { minor })
}

/// The number right before a sign.
fn trailing(before: &str) -> Option<i64> {
    let rest = before.strip_suffix([' ', '\t']).unwrap_or(before);
    rest.bytes().next_back().filter(u8::is_ascii_digit)?;
    let length = rest.bytes().rev().take(REACH).take_while(|b| belongs(*b)).count();
    let text = rest.get(rest.len() - length..)?;
    let left = rest.len().checked_sub(length + 1).and_then(|i| rest.as_bytes().get(i));
    if left.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-') && !text.starts_with(' ') {
        return None;
    }
    minor_units(whole_groups(text, true))
}

/// Keeps the space-separated words that form one number: further words must be groups of three digits.
fn whole_groups(text: &str, from_end: bool) -> String {
    let words: Vec<&str> = text.split(' ').filter(|w| !w.is_empty()).collect();
    let group = |w: &str| w.split(['.', ',']).next().is_some_and(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()));
    let head = |w: &str| w.len() <= 3 && w.bytes().all(|b| b.is_ascii_digit());
    if from_end {
        let mut start = words.len().saturating_sub(1);
        while start > 0 && words.get(start).is_some_and(|w| group(w)) && words.get(start - 1).is_some_and(|w| head(w)) {
            start -= 1;
        }
        return words.get(start..).unwrap_or_default().concat();
    }
    let mut end = 1;
    while words.get(end - 1).is_some_and(|w| head(w)) && words.get(end).is_some_and(|w| group(w)) {
        end += 1;
    }
    words.get(..end).unwrap_or_default().concat()
}

/// Hundredths of a number with either way of writing decimals.
fn minor_units(text: impl AsRef<str>) -> Option<i64> {
    let text = text.as_ref().trim_end_matches(['.', ',', '\'']);
    let decimals = text.rfind(['.', ',']).filter(|at| matches!(text.len() - at - 1, 1 | 2));
    let (whole, cents) = decimals.map_or((text, ""), |at| (text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or("")));
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let cents = format!("{cents:0<2}");
    if whole.len() > 12 {
        return None;
    }
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok()?)
}
