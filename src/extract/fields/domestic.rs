//! Account numbers as people write them inside a country that also uses IBANs: Poland, Spain, Portugal, France and
//! Germany. Each becomes its IBAN, so that both ways of writing are one account.
//!
//! Only behind the word for an account, and only where the country's own check digits hold (Germany has none that can
//! be checked without the banks' tables, but two labels).

use super::numbers::{run_of_digits, runs_of_digits};
use super::{Finder, Hit, Label, View, add_account};
use crate::model::account_check::mod_97_holds;
use crate::model::{PaymentClaims, Scheme, with_check_digits};

/// Labels that are followed in one text.
const MAX_LABELS: usize = 5_000;
/// Octets behind a label in which the number begins.
const REACH: usize = 60;

/// Finds national forms and claims their IBANs.
pub(super) struct Domestic;

impl Finder for Domestic {
    fn find(&self, view: &View, claims: &mut PaymentClaims) {
        for hit in view.labels.iter().take(MAX_LABELS) {
            match hit.label {
                Label::Account => {
                    plain(view, hit, claims);
                }
                Label::BankCode if !french(view, hit, claims) => {
                    german(view, hit, claims);
                }
                _ => {}
            }
        }
    }
}

fn add(view: &View, claims: &mut PaymentClaims, iban: &str, valid: Option<bool>) {
    if let Some(&[a, b]) = iban.as_bytes().get(..2) {
        add_account(claims, &view.place, Scheme::Iban, [a, b], iban, valid);
    }
}

/// One number behind a label: which country's is said by its length and check digits.
fn plain(view: &View, hit: &Hit, claims: &mut PaymentClaims) {
    if french(view, hit, claims) {
        return;
    }
    for digits in runs_of_digits(view, hit, REACH, 26) {
        let iban = match digits.len() {
            26 => Some(format!("PL{digits}")).filter(|iban| mod_97_holds(iban)),
            20 if spanish_holds(&digits) => with_check_digits("ES", &digits),
            21 if portuguese_holds(&digits) => with_check_digits("PT", &digits),
            _ => None,
        };
        if let Some(iban) = iban {
            add(view, claims, &iban, Some(true));
        }
    }
}

/// Código Cuenta Cliente: the digits nine and ten check bank with branch and the number, weights 1 2 4 8 5 10 9 7 3 6
/// modulo 11.
fn spanish_holds(digits: &str) -> bool {
    const WEIGHTS: [u32; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let check = |ten: &str| {
        let sum: u32 = ten.chars().filter_map(|c| c.to_digit(10)).zip(WEIGHTS).map(|(d, w)| d * w).sum();
        match 11 - sum % 11 {
            10 => 1,
            11 => 0,
            other => other,
        }
    };
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let given = |at: usize| part(at, at + 1).parse::<u32>().unwrap_or(99);
    check(&format!("00{}", part(0, 8))) == given(8) && check(part(10, 20)) == given(9) && part(0, 8) != "00000000"
}

/// Número de Identificação Bancária: the last two of 21 digits are 98 minus the rest times 100 modulo 97.
fn portuguese_holds(digits: &str) -> bool {
    let remainder = digits.chars().filter_map(|c| c.to_digit(10)).fold(0, |rest, d| (rest * 10 + d) % 97);
    digits.len() == 21 && remainder == 1
}

/// Relevé d'identité bancaire: bank 5, branch 5, account 11 (letters admitted), key 2, in groups of any kind.
fn french(view: &View, hit: &Hit, claims: &mut PaymentClaims) -> bool {
    let window = view.after(hit.end, 140);
    // The table of a RIB has heads: "Code banque Code guichet N° de compte Clé".
    let Some(start) = window.find(|c: char| c.is_ascii_digit()) else { return false };
    if start > REACH {
        return false;
    }
    if hit.label == Label::BankCode && labelled_parts(view, claims, window) {
        return true;
    }
    let mut rib = String::new();
    let mut rest = window.get(start..).unwrap_or_default().chars();
    for c in rest.by_ref() {
        match c {
            '0'..='9' | 'A'..='Z' if rib.len() < 23 => rib.push(c),
            ' ' | '\t' | '\n' | '-' | '.' | '|' | '/' => {}
            _ => break,
        }
        if rib.len() == 23 {
            break;
        }
    }
    // A number that goes on is a longer one's beginning.
    let bounded = rib.len() == 23
        && !rest.next().is_some_and(|c| c.is_ascii_digit())
        && rib.bytes().take(10).all(|b| b.is_ascii_digit())
        && rib.bytes().skip(21).all(|b| b.is_ascii_digit());
    if !bounded || !rib_holds(&rib) {
        return false;
    }
    let Some(iban) = with_check_digits("FR", &rib) else { return false };
    add(view, claims, &iban, Some(true));
    true
}

/// `Code banque 30006 Code guichet 00001 N° de compte … Clé 89`: the parts, each behind its own words.
fn labelled_parts(view: &View, claims: &mut PaymentClaims, window: &str) -> bool {
    let words = window.split(|c: char| !c.is_ascii_alphanumeric());
    let parts = words.filter(|word| word.bytes().any(|b| b.is_ascii_digit()));
    let mut rib = String::new();
    for part in parts {
        if rib.len() >= 23 {
            break;
        }
        rib.push_str(part);
    }
    let shaped = rib.len() == 23
        && rib.bytes().take(10).chain(rib.bytes().skip(21)).all(|b| b.is_ascii_digit())
        && rib.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    if !shaped || !rib_holds(&rib) {
        return false;
    }
    let Some(iban) = with_check_digits("FR", &rib) else { return false };
    add(view, claims, &iban, Some(true));
    true
}

/// The key: 89 × bank + 15 × branch + 3 × account + key is a multiple of 97, letters counting A, J = 1, B, K, S = 2 …
fn rib_holds(rib: &str) -> bool {
    let value = |b: u8| match b {
        b'0'..=b'9' => u64::from(b - b'0'),
        b'A'..=b'I' => u64::from(b - b'A') + 1,
        b'J'..=b'R' => u64::from(b - b'J') + 1,
        _ => u64::from(b.saturating_sub(b'S')) + 2,
    };
    let number = |from: usize, to: usize| {
        rib.bytes().skip(from).take(to - from).fold(0_u64, |all, b| all * 10 + value(b))
    };
    let sum = 89 * number(0, 5) + 15 * number(5, 10) + 3 * number(10, 21) + number(21, 23);
    number(0, 5) > 0 && sum.is_multiple_of(97)
}

/// `BLZ 370 400 44, Konto 532013000`: eight digits of the bank, up to ten of the account, both with their labels.
fn german(view: &View, hit: &Hit, claims: &mut PaymentClaims) {
    let bank = run_of_digits(view, hit.end, 40, 8);
    if bank.len() != 8 || bank.starts_with('0') {
        return;
    }
    let near = |other: &&Hit| other.label == Label::Account && other.start.abs_diff(hit.start) <= 120;
    // The nearest: one further off may be the customer's.
    let numbers = view.labels.iter().filter(near).filter_map(|other| {
        let number = run_of_digits(view, other.end, 40, 10);
        let sound = (3..=10).contains(&number.len()) && number != bank;
        sound.then(|| (other.start.abs_diff(hit.start), number))
    });
    if let Some((_, number)) = numbers.min_by_key(|(distance, _)| *distance)
        && let Some(iban) = with_check_digits("DE", &format!("{bank}{number:0>10}"))
    {
        add(view, claims, &iban, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_check_digits() {
        assert!(spanish_holds("21000418450200051332"));
        assert!(!spanish_holds("21000418460200051332"));
        assert!(portuguese_holds("000201231234567890154"));
        assert!(!portuguese_holds("000201231234567890155"));
        assert!(rib_holds("20041010050500013M02606"));
        assert!(!rib_holds("20041010050500013M02607"));
    }
}
