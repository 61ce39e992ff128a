//! Phone numbers, behind a label or in international form: a changed number for calling back is as telling as a
//! changed account, and no phone number is ever taken for one.

use super::{Finder, Label, View, add_once};
use crate::model::PaymentClaims;

/// Octets behind the label that are looked at.
const REACH: usize = 40;
/// Numbers of one text that are looked at.
const MAX_PHONES: usize = 2_000;

/// Finds phone numbers.
pub(super) struct Phone;

impl Finder for Phone {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for hit in view.labels_of(Label::Phone).take(MAX_PHONES) {
            let window = view.after(hit.end, REACH).split('\n').find(|line| line.chars().any(|c| c.is_ascii_digit()));
            let start = window.and_then(|line| line.find(|c: char| c == '+' || c.is_ascii_digit() || c == '('));
            // A word or two may stand between ("call us on").
            if let Some((line, start)) = window.zip(start).filter(|(_, start)| *start <= 16)
                && let Some(number) = number(line.get(start..).unwrap_or_default())
            {
                add_once(&mut claims.phones, number);
            }
        }
        for at in memchr::memchr_iter(b'+', view.bytes()).take(MAX_PHONES) {
            let before = at.checked_sub(1).and_then(|i| view.bytes().get(i)).copied().unwrap_or(b' ');
            if !before.is_ascii_alphanumeric()
                && let Some(number) = number(view.after(at, REACH))
            {
                add_once(&mut claims.phones, number);
            }
        }
    }
}

/// `+442079460018`, or the digits of a national number: 7 to 15 of them (ITU-T E.164), with what people put between.
pub(super) fn number(text: &str) -> Option<String> {
    let mut digits = String::new();
    let international = text.starts_with('+') || text.starts_with("00");
    // "+44 (0)20": the zero is dialled inside the country only.
    let text = if international { text.replacen("(0)", "", 1) } else { text.to_owned() };
    let mut gap = 0;
    for c in text.chars() {
        match c {
            '0'..='9' => {
                digits.push(c);
                gap = 0;
            }
            '+' if digits.is_empty() => {}
            ' ' | '-' | '.' | '(' | ')' | '/' if gap < 3 => gap += 1,
            _ => break,
        }
        if digits.len() > 15 {
            return None;
        }
    }
    let digits = digits.strip_prefix("00").map_or(digits.clone(), str::to_owned);
    if !(7..=15).contains(&digits.len()) {
        return None;
    }
    Some(if international { format!("+{digits}") } else { digits })
}
