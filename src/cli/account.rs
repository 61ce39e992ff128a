//! An account as an operator types it, in one of the contract's canonical forms.

use super::Failure;
use crate::model::{Account, Scheme};

/// Reads an IBAN, or a national number in its canonical form; spaces are ignored, letters become upper case.
///
/// # Errors
/// Wrong usage, for what has none of the forms or an IBAN with wrong check digits. The number is not repeated.
pub(super) fn parse(text: &str) -> Result<Account, Failure> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    let groups: Vec<&str> = text.split('-').collect();
    let digits = |group: &str, least: usize, most: usize| {
        (least..=most).contains(&group.len()) && group.bytes().all(|octet| octet.is_ascii_digit())
    };
    let ifsc = |group: &str| {
        let (bank, branch) = group.split_at_checked(5).unwrap_or((group, ""));
        bank.len() == 5
            && bank.ends_with('0')
            && branch.len() == 6
            && bank.bytes().take(4).all(|octet| octet.is_ascii_uppercase())
    };
    let found = match groups.as_slice() {
        [only] if digits(only, 14, 14) => Some((Scheme::Uk, *b"GB")),
        [only] if is_iban(only) => only.as_bytes().first_chunk::<2>().map(|country| (Scheme::Iban, *country)),
        [bank, number] if digits(bank, 9, 9) && digits(number, 4, 17) => Some((Scheme::UsAba, *b"US")),
        [bank, number] if digits(bank, 6, 6) && digits(number, 4, 9) => Some((Scheme::AuBsb, *b"AU")),
        [bank, number] if ifsc(bank) && digits(number, 5, 18) => Some((Scheme::InIfsc, *b"IN")),
        [transit, bank, number] if digits(transit, 5, 5) && digits(bank, 3, 3) && digits(number, 5, 12) => {
            Some((Scheme::Ca, *b"CA"))
        }
        [bank, branch, number, suffix]
            if digits(bank, 2, 2) && digits(branch, 4, 4) && digits(number, 7, 8) && digits(suffix, 2, 3) =>
        {
            Some((Scheme::Nz, *b"NZ"))
        }
        _ => None,
    };
    let account = found.and_then(|(scheme, country)| Account::from_canonical(scheme, country, &text).ok());
    account.ok_or_else(|| {
        Failure::usage("this is no account number that Sentra knows, or its check digits are wrong").help(
            "an IBAN; UK 14 digits (sort code, account); US 123456789-ACCOUNT; AU 123456-ACCOUNT; \
             NZ 12-1234-1234567-123; CA 12345-123-ACCOUNT; IN IFSC-ACCOUNT",
        )
    })
}

/// ISO 13616: 15 to 34 characters, country, two check digits, remainder 1 of 97 after moving the first four back.
fn is_iban(text: &str) -> bool {
    let (head, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    let shape = (15..=34).contains(&text.len())
        && head.bytes().take(2).all(|octet| octet.is_ascii_uppercase())
        && head.bytes().skip(2).all(|octet| octet.is_ascii_digit())
        && rest.bytes().all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit());
    let remainder = rest.chars().chain(head.chars()).fold(0_u32, |sum, c| {
        let value = c.to_digit(36).unwrap_or(0);
        (sum * if value > 9 { 100 } else { 10 } + value) % 97
    });
    shape && remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms_are_read_and_others_refused_without_repeating_them() {
        let rows = [
            ("gb29 nwbk 6016 1331 9268 19", Some((Scheme::Iban, "GB29NWBK60161331926819"))),
            ("60161331926819", Some((Scheme::Uk, "60161331926819"))),
            ("021000021-12345678", Some((Scheme::UsAba, "021000021-12345678"))),
            ("062000-12345678", Some((Scheme::AuBsb, "062000-12345678"))),
            ("12-3140-0171323-050", Some((Scheme::Nz, "12-3140-0171323-050"))),
            ("12345-001-1234567", Some((Scheme::Ca, "12345-001-1234567"))),
            ("hdfc0001234-50100012345678", Some((Scheme::InIfsc, "HDFC0001234-50100012345678"))),
            ("GB28NWBK60161331926819", None),
            ("é", None),
            ("", None),
            ("87654321", None),
        ];
        for (text, expected) in rows {
            match (parse(text), expected) {
                (Ok(account), Some((scheme, canonical))) => {
                    assert_eq!((account.scheme(), account.reveal()), (scheme, canonical), "{text}");
                }
                (Err(failure), None) => {
                    assert!(text.is_empty() || !format!("{failure:?}").contains(text), "{text}");
                }
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }
}
