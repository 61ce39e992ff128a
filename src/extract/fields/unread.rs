//! What the label of a sort code announces and no finder reads: letters among its digits ("2O-47-II"), a code "as usual"
//! with a number beside it. People can pay to both, so the message must not pass as one without bank details.

use super::numbers::chunks;
use super::{Hit, Label, View, uk, whose};
use crate::extract::floor;

/// Octets behind a label in which its code stands.
const REACH: usize = 24;
/// Octets around a label in which a number stands beside it.
const AROUND: usize = 80;
/// Digits and letters of a code.
const CODE: usize = 6;
/// Digits of it at least.
const DIGITS: usize = 3;
/// Letters that are taken for digits.
const IMITATIONS: [char; 8] = ['O', 'o', 'I', 'l', 'i', 'S', 'B', 'Z'];

/// The word directly behind the label of a sort code, if letters like digits stand in it.
pub(super) fn mixed_code(view: &View, hit: &Hit) -> Option<String> {
    if hit.label != Label::SortCode
        || !whose::is_sure(view, hit)
        || uk::code_behind(view, hit, REACH).is_some()
    {
        return None;
    }
    let behind = view.after(hit.end, REACH * 2);
    let start = |text: &'_ str| text.trim_start_matches([' ', ':', '.', '-', '=', '#', '(', '\t']).len();
    let text = behind.get(behind.len() - start(behind)..)?;
    let text = text.strip_prefix("is ").unwrap_or(text);
    let word = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | '|')).next()?;
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let code: String = word.chars().filter(|c| !matches!(c, '-' | '.' | '/')).collect();
    let meant = code.len() == CODE && code.chars().all(|c| c.is_ascii_digit() || IMITATIONS.contains(&c));
    (meant && (DIGITS..CODE).contains(&digits)).then(|| word.to_owned())
}

/// Eight digits in the line of a sort code that is said to be known: "sort code as usual, number now 55779911".
pub(super) fn number_with_known_code(view: &View, hit: &Hit) -> Option<String> {
    const KNOWN: [&str; 4] = ["usual", "same", "unchanged", "always"];
    const BEFORE: [&str; 8] = ["number", "no", "account", "acc", "c", "into", "to", "now"];
    if hit.label != Label::SortCode || !whose::is_sure(view, hit) {
        return None;
    }
    let from = floor(&view.text, hit.start.saturating_sub(AROUND));
    let before = view.line_before(hit.start, AROUND);
    let behind = view.after(hit.end, AROUND).split('\n').next()?;
    let known = format!("{before} {behind}").to_lowercase();
    if !known.split(|c: char| !c.is_alphabetic()).any(|word| KNOWN.contains(&word)) {
        return None;
    }
    let list = chunks(view, hit.start - before.len(), hit.end + behind.len());
    let mut numbers = list.iter().filter(|chunk| {
        let others = view.label_before(chunk.start, REACH).is_some_and(|label| {
            !label.label.is_payment() && !matches!(label.label, Label::Bank | Label::Payee)
        });
        let text = view.text.get(from..chunk.start).unwrap_or_default().trim_end();
        let last = text.trim_end_matches(':').rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let said = BEFORE.iter().any(|word| word.eq_ignore_ascii_case(last));
        chunk.is_plain() && chunk.raw.len() == 8 && said && !others
    });
    let number = numbers.next()?;
    let alone = numbers.next().is_none()
        && list.iter().all(|chunk| chunk.raw.bytes().filter(u8::is_ascii_digit).count() != 6);
    alone.then(|| number.raw.to_owned())
}
