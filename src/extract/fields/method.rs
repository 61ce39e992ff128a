//! Names under which money can be received without an account number: BPAY and `PayID` (Australia), UPI (India).

use super::{Finder, Hit, Label, View, add_method, method};
use crate::limits::MAX_LINKS;
use crate::model::{MethodKind, PaymentClaims, abn_holds, luhn_holds};

/// Octets between a label and its value.
const REACH: usize = 60;
/// Octets between a biller code and its reference.
const PAIR: usize = 120;
/// Banks and services behind the `@` of a UPI address (NPCI's list of members, the common ones).
const UPI_HANDLES: &[&str] = &[
    "okhdfcbank", "okicici", "oksbi", "okaxis", "ybl", "ibl", "axl", "paytm", "ptyes", "ptaxis", "pthdfc", "ptsbi",
    "upi", "apl", "yapl", "rapl", "icici", "hdfcbank", "sbi", "axisbank", "kotak", "yesbank", "barodampay", "pnb",
    "cnrb", "idfcbank", "federal", "indus", "idbi", "freecharge", "jupiteraxis", "fam", "slice", "airtel", "postbank",
];

/// Finds BPAY, `PayID` and UPI.
pub(super) struct Method;

impl Finder for Method {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for hit in view.labels.iter().take(MAX_LINKS) {
            match hit.label {
                Label::Biller => bpay(view, hit, claims),
                Label::PayId => pay_id(view, hit, claims),
                Label::Upi => upi(view, hit, claims),
                _ => {}
            }
        }
    }
}

/// Digits at the beginning of a text, single spaces between groups admitted, and the octets they fill.
fn digits(text: &str) -> (String, usize) {
    let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let rest = text.get(start..).unwrap_or_default();
    let mut found = String::new();
    let mut end = 0;
    for (at, b) in rest.bytes().enumerate().take(40) {
        match b {
            b'0'..=b'9' => {
                found.push(char::from(b));
                end = at + 1;
            }
            b' ' if end == at => {}
            _ => break,
        }
    }
    (found, start + end)
}

/// `Biller Code: 23796 Ref: 1234 5678`. The check digit of a reference is the biller's choice, mostly Luhn: one that
/// fits says something, one that does not says nothing.
fn bpay(view: &View, hit: &Hit, claims: &mut PaymentClaims) {
    let window = view.after(hit.end, REACH);
    let (biller, length) = digits(window);
    if !(3..=10).contains(&biller.len()) || length > 30 {
        return;
    }
    let rest = view.after(hit.end + length, PAIR);
    let lower = rest.to_ascii_lowercase();
    let Some(at) = ["ref", "crn", "customer reference"].iter().filter_map(|word| lower.find(word)).min() else { return };
    let (reference, _) = digits(rest.get(at..).unwrap_or_default());
    if (2..=20).contains(&reference.len()) {
        // BPAY calls it MOD10V01.
        let valid = luhn_holds(&reference).then_some(true);
        add_method(claims, method(MethodKind::Bpay, "bpay", format!("{biller}-{reference}"), valid, &view.place));
    }
}

/// The first word behind a label that looks like a mail address, or as long as `form` accepts it.
fn word_after<'a>(view: &'a View, hit: &Hit, form: impl Fn(&str) -> bool) -> Option<&'a str> {
    let window = view.after(hit.end, REACH);
    let window = window.split('\n').take(2).find(|line| line.chars().any(char::is_alphanumeric))?;
    let words = window.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | ',' | ';' | '"'));
    words.map(|word| word.trim_matches(['.', ':', '-'])).find(|word| form(word))
}

pub(super) fn is_address(word: &str) -> bool {
    let sound = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    word.len() <= 100 && word.split_once('@').is_some_and(|(local, domain)| sound(local) && sound(domain))
}

/// A mail address, an Australian phone number, an ABN.
fn pay_id(view: &View, hit: &Hit, claims: &mut PaymentClaims) {
    let address = word_after(view, hit, |word| is_address(word) && word.rsplit('@').next().is_some_and(|d| d.contains('.')));
    let value = address.map(str::to_ascii_lowercase).or_else(|| {
        let window = view.after(hit.end, REACH).split('\n').next().unwrap_or_default();
        let (number, length) = digits(window);
        let plus = window.get(..length).is_some_and(|text| text.contains('+'));
        let phone = number.len() == 11 && number.starts_with("61") && plus
            || number.len() == 10 && number.starts_with('0');
        let abn = abn_holds(&number);
        (length <= 40 && (phone || abn)).then_some(number)
    });
    if let Some(value) = value {
        let mut found = method(MethodKind::PayId, "payid", value, None, &view.place);
        found.personal = true;
        add_method(claims, found);
    }
}

/// `name@bank`, which looks like a mail address without a top-level domain.
fn upi(view: &View, hit: &Hit, claims: &mut PaymentClaims) {
    let known = |word: &str| {
        let handle = word.rsplit('@').next().unwrap_or_default();
        is_address(word) && (UPI_HANDLES.iter().any(|h| h.eq_ignore_ascii_case(handle)) || !handle.contains('.'))
    };
    if let Some(word) = word_after(view, hit, known) {
        let mut found = method(MethodKind::Upi, "upi", word.to_ascii_lowercase(), None, &view.place);
        found.personal = true;
        add_method(claims, found);
    }
}
