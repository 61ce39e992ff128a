//! From written bank details to an [`Account`]: shapes, lengths and check digits of the schemes we know.
//!
//! One place for what importers and document readers both need. Shape and ISO 13616 check digits decide whether
//! something is an account at all; a *national* check digit never does (banks reassign ranges faster than anybody's
//! tables), so it comes back as [`CheckDigits`] beside the account and the caller decides what to say.
//!
//! Sources: ISO 13616 and the SWIFT IBAN registry (lengths, BBAN structures), ISO 7064 (mod 97-10), ABA key to
//! routing numbers (3-7-1), Inland Revenue NZ (bank account number validation), Pay.UK (sort codes), RBI (IFSC).

mod iban;

use super::account::{Account, AccountError, Scheme};
use iban::has_structure;

pub use iban::{iban, iban_length, mod_97_holds};

/// What the scheme's own check digits say about an account that has the right shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckDigits {
    /// They fit.
    Passed,
    /// They do not fit: mistyped, altered, or newer than our tables. A warning, never a reason to drop the account.
    Failed,
    /// The scheme has none, or none that can be checked without the bank's tables.
    None,
}

/// An account and what its check digits say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedAccount {
    /// The account in canonical form.
    pub account: Account,
    /// What its check digits say.
    pub check: CheckDigits,
}

/// Written text longer than this is no account: bounds the work on a hostile cell.
const MAX_WRITTEN: usize = 128;

/// Removes what people put between the groups of a number (spaces of any width, hyphens, dashes, dots, slashes) and
/// folds to upper case, full-width forms to ASCII. `None` when something else is in it or it is too long.
#[must_use]
pub fn compact(text: &str) -> Option<String> {
    if text.len() > MAX_WRITTEN * 4 {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match fold(c) {
            Folded::Keep(c) => out.push(c),
            Folded::Separator => {}
            Folded::Foreign => return None,
        }
    }
    (!out.is_empty() && out.len() <= MAX_WRITTEN).then_some(out)
}

/// As [`compact`], digits only, and without dots: `1.23457E+11` is a spreadsheet's rounding and no number.
///
/// # Errors
/// [`AccountError::Character`] for anything but digits and the usual separators, [`AccountError::Length`] for nothing.
pub fn digits(text: &str) -> Result<String, AccountError> {
    if text.contains(['.', ',']) {
        return Err(AccountError::Character);
    }
    if text.trim().is_empty() {
        return Err(AccountError::Length);
    }
    let plain = compact(text).ok_or(AccountError::Character)?;
    if plain.bytes().all(|b| b.is_ascii_digit()) { Ok(plain) } else { Err(AccountError::Character) }
}

enum Folded {
    Keep(char),
    Separator,
    Foreign,
}

fn fold(c: char) -> Folded {
    match c {
        'A'..='Z' | '0'..='9' => Folded::Keep(c),
        'a'..='z' => Folded::Keep(c.to_ascii_uppercase()),
        // Full-width forms stand at a fixed distance from ASCII.
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            let plain = u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
            plain.map_or(Folded::Foreign, |plain| Folded::Keep(plain.to_ascii_uppercase()))
        }
        '-' | '.' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}' => Folded::Separator,
        // Invisible characters that come along with copying.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => Folded::Separator,
        c if c.is_whitespace() => Folded::Separator,
        _ => Folded::Foreign,
    }
}

/// UK sort code (6 digits) and account number; one of 6 or 7 digits is padded to 8 on the left, as the banks do.
/// The modulus tables change several times a year and are not ours: [`CheckDigits::None`].
///
/// # Errors
/// [`AccountError::Character`] or [`AccountError::Length`].
pub fn uk(sort_code: &str, account_number: &str) -> Result<CheckedAccount, AccountError> {
    let sort_code = exactly(digits(sort_code)?, 6)?;
    let number = between(digits(account_number)?, 6, 8)?;
    checked(Scheme::Uk, *b"GB", &format!("{sort_code}{number:0>8}"), CheckDigits::None)
}

/// US ABA routing number (9 digits) and account number (4 to 17 digits).
///
/// # Errors
/// [`AccountError::Character`] or [`AccountError::Length`].
pub fn us(routing_number: &str, account_number: &str) -> Result<CheckedAccount, AccountError> {
    let routing = exactly(digits(routing_number)?, 9)?;
    let number = between(digits(account_number)?, 4, 17)?;
    let check = if aba_holds(&routing) { CheckDigits::Passed } else { CheckDigits::Failed };
    checked(Scheme::UsAba, *b"US", &format!("{routing}-{number}"), check)
}

/// Whether an ABA routing number has an assigned prefix (00–12, 21–32, 61–72, 80) and its 3-7-1 check digit holds.
#[must_use]
pub fn aba_holds(routing: &str) -> bool {
    let prefix = routing.get(..2).and_then(|p| p.parse::<u8>().ok());
    let assigned = matches!(prefix, Some(0..=12 | 21..=32 | 61..=72 | 80));
    let all_digits = routing.len() == 9 && routing.bytes().all(|b| b.is_ascii_digit());
    let sum: u32 = routing
        .chars()
        .filter_map(|c| c.to_digit(10))
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(d, w)| d * w)
        .sum();
    all_digits && assigned && sum > 0 && sum.is_multiple_of(10)
}

/// Australian BSB (6 digits) and account number (4 to 10 digits). Neither has a check digit.
///
/// # Errors
/// [`AccountError::Character`] or [`AccountError::Length`].
pub fn au(bsb: &str, account_number: &str) -> Result<CheckedAccount, AccountError> {
    let bsb = exactly(digits(bsb)?, 6)?;
    let number = between(digits(account_number)?, 4, 10)?;
    checked(Scheme::AuBsb, *b"AU", &format!("{bsb}-{number}"), CheckDigits::None)
}

/// Canadian transit (5 digits), institution (3, or 4 with the leading zero of the EFT form) and account number
/// (4 to 12 digits). No check digit.
///
/// # Errors
/// [`AccountError::Character`] or [`AccountError::Length`].
pub fn ca(transit: &str, institution: &str, account_number: &str) -> Result<CheckedAccount, AccountError> {
    let transit = exactly(digits(transit)?, 5)?;
    let institution = digits(institution)?;
    let institution = match institution.strip_prefix('0') {
        Some(rest) if institution.len() == 4 => rest.to_owned(),
        _ => exactly(institution, 3)?,
    };
    let number = between(digits(account_number)?, 4, 12)?;
    checked(Scheme::Ca, *b"CA", &format!("{transit}-{institution}-{number}"), CheckDigits::None)
}

/// Indian IFSC (four letters, a zero, six letters or digits) and account number (6 to 18 digits).
///
/// # Errors
/// [`AccountError::Character`], [`AccountError::Length`] or [`AccountError::Structure`].
pub fn india(ifsc: &str, account_number: &str) -> Result<CheckedAccount, AccountError> {
    let ifsc = exactly(compact(ifsc).ok_or(AccountError::Character)?, 11)?;
    if !has_structure(&ifsc, "4a1n6c") || ifsc.as_bytes().get(4) != Some(&b'0') {
        return Err(AccountError::Structure);
    }
    let number = between(digits(account_number)?, 6, 18)?;
    checked(Scheme::InIfsc, *b"IN", &format!("{ifsc}-{number}"), CheckDigits::None)
}

/// Mexican CLABE: bank (3 digits), place (3), account (11), check digit.
///
/// # Errors
/// [`AccountError::Character`] or [`AccountError::Length`].
pub fn clabe(text: &str) -> Result<CheckedAccount, AccountError> {
    let number = exactly(digits(text)?, 18)?;
    let check = if clabe_holds(&number) { CheckDigits::Passed } else { CheckDigits::Failed };
    checked(Scheme::MxClabe, *b"MX", &number, check)
}

/// Whether the last of a CLABE's eighteen digits is right: weights 3, 7, 1, each product modulo 10 (Banco de México).
#[must_use]
pub fn clabe_holds(number: &str) -> bool {
    let mut digits = number.chars().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits.by_ref().take(17).zip([3, 7, 1].into_iter().cycle()).map(|(d, w)| d * w % 10).sum();
    number.len() == 18 && number.bytes().any(|b| b != b'0') && digits.next() == Some((10 - sum % 10) % 10)
}

/// BIC (ISO 9362, of which the bank's first eight characters count) and account number (6 to 18 digits), as countries
/// without a scheme of their own use them.
///
/// # Errors
/// [`AccountError::Character`], [`AccountError::Length`] or [`AccountError::Structure`].
pub fn bic(bic: &str, account_number: &str) -> Result<CheckedAccount, AccountError> {
    let code = compact(bic).ok_or(AccountError::Character)?;
    let bank = code.get(..8).filter(|_| matches!(code.len(), 8 | 11)).ok_or(AccountError::Length)?;
    let country =
        bank.get(4..6).filter(|country| super::is_country(country)).ok_or(AccountError::Structure)?;
    let (true, Some(country)) = (has_structure(bank, "6a2c"), country.as_bytes().first_chunk::<2>()) else {
        return Err(AccountError::Structure);
    };
    let number = between(digits(account_number)?, 6, 18)?;
    checked(Scheme::Bic, *country, &format!("{bank}-{number}"), CheckDigits::None)
}

/// Whether accounts of a country (ISO 3166 alpha-2) have a written form of their own here, an IBAN or a national one. A
/// BIC and a number are all that the others have.
#[must_use]
pub fn has_own_form(country: &str) -> bool {
    iban_length(country).is_some() || matches!(country, "US" | "AU" | "NZ" | "CA" | "IN" | "MX")
}

/// New Zealand account: bank (2), branch (4), account (7; 8 with a leading zero), suffix (2 or 3), with separators
/// or as 15 or 16 digits.
///
/// # Errors
/// [`AccountError::Character`] or [`AccountError::Length`].
pub fn nz(text: &str) -> Result<CheckedAccount, AccountError> {
    let groups = text.trim().split(|c: char| matches!(fold(c), Folded::Separator));
    let groups: Vec<&str> = groups.filter(|g| !g.is_empty()).take(5).collect();
    let (bank, branch, base, suffix) = match *groups.as_slice() {
        [bank, branch, base, suffix] => (digits(bank)?, digits(branch)?, digits(base)?, digits(suffix)?),
        _ => {
            let all = between(digits(text)?, 15, 16)?;
            let part = |from: usize, to: usize| all.get(from..to).unwrap_or("").to_owned();
            (part(0, 2), part(2, 6), part(6, 13), part(13, all.len()))
        }
    };
    let base = match base.strip_prefix('0') {
        Some(rest) if base.len() == 8 => rest.to_owned(),
        _ => between(base, 6, 7)?,
    };
    let (bank, branch, suffix) = (between(bank, 1, 2)?, between(branch, 3, 4)?, between(suffix, 1, 3)?);
    let canonical = format!("{bank:0>2}-{branch:0>4}-{base:0>7}-{suffix:0>3}");
    let check = nz_check(&format!("{bank:0>2}"), &format!("{branch:0>4}"), &format!("{base:0>8}"));
    checked(Scheme::Nz, *b"NZ", &canonical, check)
}

/// The weighted sum that Inland Revenue publishes, for the banks whose algorithm needs no suffix (A, B, D and F).
fn nz_check(bank: &str, branch: &str, base: &str) -> CheckDigits {
    let Ok(bank) = bank.parse::<u8>() else { return CheckDigits::None };
    // Weights of branch and account base, and the modulus.
    let (weights, modulus): ([u32; 12], u32) = match bank {
        // E and G also weigh the suffix, 31 has no check.
        4 | 9 | 26 | 28 | 29 | 31 => return CheckDigits::None,
        8 => ([0, 0, 0, 0, 0, 7, 6, 5, 4, 3, 2, 1], 11),
        25 | 33 => ([0, 0, 0, 0, 0, 1, 7, 3, 1, 7, 3, 1], 10),
        1..=3 | 6 | 10..=24 | 27 | 30 | 35 | 38 if base < "00990000" => {
            ([6, 3, 7, 9, 0, 0, 10, 5, 8, 4, 2, 1], 11)
        }
        1..=3 | 6 | 10..=24 | 27 | 30 | 35 | 38 => ([0, 0, 0, 0, 0, 0, 10, 5, 8, 4, 2, 1], 11),
        _ => return CheckDigits::None,
    };
    let digits = branch.chars().chain(base.chars()).filter_map(|c| c.to_digit(10));
    let sum: u32 = digits.zip(weights).map(|(digit, weight)| digit * weight).sum();
    if sum.is_multiple_of(modulus) { CheckDigits::Passed } else { CheckDigits::Failed }
}

fn exactly(text: String, length: usize) -> Result<String, AccountError> {
    between(text, length, length)
}

fn between(text: String, shortest: usize, longest: usize) -> Result<String, AccountError> {
    if (shortest..=longest).contains(&text.len()) { Ok(text) } else { Err(AccountError::Length) }
}

fn checked(
    scheme: Scheme,
    country: [u8; 2],
    canonical: &str,
    check: CheckDigits,
) -> Result<CheckedAccount, AccountError> {
    Ok(CheckedAccount { account: Account::from_canonical(scheme, country, canonical)?, check })
}

#[cfg(test)]
mod tests;
