//! `--own`: the organisation's own accounts, as a person writes them.

use crate::model::{Account, Scheme};

/// Reads an IBAN or the canonical form of another scheme. Six digits, a hyphen and an account are a UK and an
/// Australian form alike: both are meant then. `None` when the text is no account.
pub(super) fn parse(text: &str) -> Option<Vec<Account>> {
    let compact: String =
        text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let digits: String = compact.chars().filter(char::is_ascii_digit).collect();
    let only = |extra: &[char]| compact.chars().all(|c| c.is_ascii_digit() || extra.contains(&c));
    let account = |scheme, country: &[u8; 2], canonical: &str| {
        Account::from_canonical(scheme, *country, canonical).ok()
    };
    if let Some(country) = iban_country(&compact) {
        return account(Scheme::Iban, &country, &compact).map(|account| vec![account]);
    }
    let groups: Vec<usize> = compact.split('-').map(str::len).collect();
    let found: Vec<Option<Account>> = match groups.as_slice() {
        [9, _] if only(&['-']) => vec![account(Scheme::UsAba, b"US", &compact)],
        [6, 8] if only(&['-']) => {
            vec![account(Scheme::Uk, b"GB", &digits), account(Scheme::AuBsb, b"AU", &compact)]
        }
        [6, _] if only(&['-']) => vec![account(Scheme::AuBsb, b"AU", &compact)],
        [2, 4, 7, 2 | 3] if only(&['-']) => vec![account(Scheme::Nz, b"NZ", &compact)],
        [5, 3, _] if only(&['-']) => vec![account(Scheme::Ca, b"CA", &compact)],
        [11, _] if compact.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            vec![account(Scheme::InIfsc, b"IN", &compact)]
        }
        _ if digits.len() == 14 && only(&['-']) => vec![account(Scheme::Uk, b"GB", &digits)],
        _ => Vec::new(),
    };
    let found: Vec<Account> = found.into_iter().flatten().collect();
    (!found.is_empty()).then_some(found)
}

/// Two letters, two digits, then letters and digits: 15 to 34 characters (ISO 13616).
fn iban_country(compact: &str) -> Option<[u8; 2]> {
    let &[a, b, c, d, ..] = compact.as_bytes() else { return None };
    let shape = a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit();
    let rest = compact.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (shape && rest && (15..=34).contains(&compact.len())).then_some([a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms_are_recognised() {
        for (text, schemes) in [
            ("GB29 NWBK 6016 1331 9268 19", vec![Scheme::Iban]),
            ("60161331926819", vec![Scheme::Uk]),
            ("60-16-13 31926819", vec![Scheme::Uk]),
            ("601613-31926819", vec![Scheme::Uk, Scheme::AuBsb]),
            ("082082-012345", vec![Scheme::AuBsb]),
            ("111000025-123456789", vec![Scheme::UsAba]),
            ("01-0242-0100194-00", vec![Scheme::Nz]),
            ("00006-003-1234567", vec![Scheme::Ca]),
            ("HDFC0002854-123456789", vec![Scheme::InIfsc]),
            ("hello", vec![]),
            ("123", vec![]),
        ] {
            let found = parse(text).unwrap_or_default();
            assert_eq!(found.iter().map(Account::scheme).collect::<Vec<_>>(), schemes, "{text}");
        }
    }
}
