//! An account as a person types it: an IBAN, or one of the canonical forms of a national number.

use super::Failure;
use crate::model::{Account, Scheme, account_check};

/// Reads an IBAN or a national number; spaces are ignored, letters become upper case. Six digits, a hyphen and eight
/// digits are a UK and an Australian form alike: both are meant then.
///
/// # Errors
/// Wrong usage, for what has none of the forms or an IBAN with wrong check digits. The number is not repeated.
pub(super) fn parse(text: &str) -> Result<Vec<Account>, Failure> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    let joined: String = text.chars().filter(|c| *c != '-').collect();
    let groups: Vec<&str> = text.split('-').collect();
    let digits = |group: &str, least: usize, most: usize| {
        (least..=most).contains(&group.len()) && group.bytes().all(|octet| octet.is_ascii_digit())
    };
    let iban = || text.as_bytes().first_chunk::<2>().map(|country| (Scheme::Iban, *country, &text));
    let found = match groups.as_slice() {
        [number] if account_check::clabe_holds(number) => vec![Some((Scheme::MxClabe, *b"MX", &text))],
        [_] if is_iban(&text) => vec![iban()],
        [bank, number] if digits(bank, 9, 9) && digits(number, 4, 17) => {
            vec![Some((Scheme::UsAba, *b"US", &text))]
        }
        [bank, number] if digits(bank, 6, 6) && digits(number, 8, 8) => {
            vec![Some((Scheme::Uk, *b"GB", &joined)), Some((Scheme::AuBsb, *b"AU", &text))]
        }
        [bank, number] if digits(bank, 6, 6) && digits(number, 4, 9) => {
            vec![Some((Scheme::AuBsb, *b"AU", &text))]
        }
        [bank, number] if is_ifsc(bank) && digits(number, 5, 18) => {
            vec![Some((Scheme::InIfsc, *b"IN", &text))]
        }
        [transit, bank, number] if digits(transit, 5, 5) && digits(bank, 3, 3) && digits(number, 5, 12) => {
            vec![Some((Scheme::Ca, *b"CA", &text))]
        }
        [bank, branch, number, suffix]
            if digits(bank, 2, 2) && digits(branch, 4, 4) && digits(number, 7, 8) && digits(suffix, 2, 3) =>
        {
            vec![Some((Scheme::Nz, *b"NZ", &text))]
        }
        _ if digits(&joined, 14, 14) => vec![Some((Scheme::Uk, *b"GB", &joined))],
        _ => Vec::new(),
    };
    let foreign = match groups.as_slice() {
        [bic, number] => account_check::bic(bic, number).ok(),
        _ => None,
    };
    let accounts: Vec<Account> = found
        .into_iter()
        .flatten()
        .filter_map(|(scheme, country, canonical)| Account::from_canonical(scheme, country, canonical).ok())
        .chain(foreign.map(|checked| checked.account))
        .collect();
    if !accounts.is_empty() {
        return Ok(accounts);
    }
    Err(Failure::usage("this is no account number that Sentra knows, or its check digits are wrong").help(
        "an IBAN; UK 14 digits (sort code, account); US 123456789-ACCOUNT; AU 123456-ACCOUNT; \
         NZ 12-1234-1234567-123; CA 12345-123-ACCOUNT; IN IFSC-ACCOUNT; MX 18 digits (CLABE); elsewhere BIC-ACCOUNT",
    ))
}

/// An Indian bank's code: four letters, a zero, six characters for the branch.
fn is_ifsc(group: &str) -> bool {
    let (bank, branch) = group.split_at_checked(5).unwrap_or((group, ""));
    bank.len() == 5
        && bank.ends_with('0')
        && branch.len() == 6
        && bank.bytes().take(4).all(|octet| octet.is_ascii_uppercase())
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
    fn written_forms_are_read_and_others_refused_without_repeating_them() {
        let rows: [(&str, &[(Scheme, &str)]); 18] = [
            ("gb29 nwbk 6016 1331 9268 19", &[(Scheme::Iban, "GB29NWBK60161331926819")]),
            ("60161331926819", &[(Scheme::Uk, "60161331926819")]),
            ("60-16-13 31926819", &[(Scheme::Uk, "60161331926819")]),
            ("601613-31926819", &[(Scheme::Uk, "60161331926819"), (Scheme::AuBsb, "601613-31926819")]),
            ("082082-012345", &[(Scheme::AuBsb, "082082-012345")]),
            ("021000021-12345678", &[(Scheme::UsAba, "021000021-12345678")]),
            ("12-3140-0171323-050", &[(Scheme::Nz, "12-3140-0171323-050")]),
            ("01-0242-0100194-00", &[(Scheme::Nz, "01-0242-0100194-00")]),
            ("12345-001-1234567", &[(Scheme::Ca, "12345-001-1234567")]),
            ("hdfc0001234-50100012345678", &[(Scheme::InIfsc, "HDFC0001234-50100012345678")]),
            ("002010077777777771", &[(Scheme::MxClabe, "002010077777777771")]),
            ("hsbchkhh-123456789838", &[(Scheme::Bic, "HSBCHKHH-123456789838")]),
            ("GB28NWBK60161331926819", &[]),
            ("é", &[]),
            ("", &[]),
            ("hello", &[]),
            ("4711", &[]),
            ("87654321", &[]),
        ];
        for (text, expected) in rows {
            match parse(text) {
                Ok(accounts) => {
                    let got: Vec<_> = accounts.iter().map(|a| (a.scheme(), a.reveal())).collect();
                    assert_eq!(got, expected, "{text}");
                }
                Err(failure) => {
                    assert!(expected.is_empty(), "{text}");
                    assert!(text.is_empty() || !format!("{failure:?}").contains(text), "{text}");
                }
            }
        }
    }
}
