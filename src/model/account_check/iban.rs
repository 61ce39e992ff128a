//! IBANs (ISO 13616): length and structure by country, check digits by ISO 7064.

use super::compact;
use crate::model::account::{Account, AccountError, Scheme};

/// BBAN structure by country: pairs of count and kind (`n` digits, `a` capital letters, `c` either), as the IBAN
/// registry writes them. The last block are countries that use IBANs without being registered.
pub(super) const BBAN: &[(&str, &str)] = &[
    ("AD", "8n12c"),
    ("AE", "19n"),
    ("AL", "8n16c"),
    ("AT", "16n"),
    ("AZ", "4a20c"),
    ("BA", "16n"),
    ("BE", "12n"),
    ("BG", "4a6n8c"),
    ("BH", "4a14c"),
    ("BI", "23n"),
    ("BR", "23n1a1c"),
    ("BY", "4c4n16c"),
    ("CH", "5n12c"),
    ("CR", "18n"),
    ("CY", "8n16c"),
    ("CZ", "20n"),
    ("DE", "18n"),
    ("DJ", "23n"),
    ("DK", "14n"),
    ("DO", "4c20n"),
    ("EE", "16n"),
    ("EG", "25n"),
    ("ES", "20n"),
    ("FI", "14n"),
    ("FK", "2a12n"),
    ("FO", "14n"),
    ("FR", "10n11c2n"),
    ("GB", "4a14n"),
    ("GE", "2a16n"),
    ("GI", "4a15c"),
    ("GL", "14n"),
    ("GR", "7n16c"),
    ("GT", "24c"),
    ("HN", "4a20n"),
    ("HR", "17n"),
    ("HU", "24n"),
    ("IE", "4a14n"),
    ("IL", "19n"),
    ("IQ", "4a15n"),
    ("IS", "22n"),
    ("IT", "1a10n12c"),
    ("JO", "4a4n18c"),
    ("KW", "4a22c"),
    ("KZ", "3n13c"),
    ("LB", "4n20c"),
    ("LC", "4a24c"),
    ("LI", "5n12c"),
    ("LT", "16n"),
    ("LU", "3n13c"),
    ("LV", "4a13c"),
    ("LY", "21n"),
    ("MC", "10n11c2n"),
    ("MD", "20c"),
    ("ME", "18n"),
    ("MK", "3n10c2n"),
    ("MN", "16n"),
    ("MR", "23n"),
    ("MT", "4a5n18c"),
    ("MU", "4a19n3a"),
    ("NI", "4a20n"),
    ("NL", "4a10n"),
    ("NO", "11n"),
    ("OM", "3n16c"),
    ("PK", "4a16c"),
    ("PL", "24n"),
    ("PS", "4a21c"),
    ("PT", "21n"),
    ("QA", "4a21c"),
    ("RO", "4a16c"),
    ("RS", "18n"),
    ("RU", "14n15c"),
    ("SA", "2n18c"),
    ("SC", "4a20n3a"),
    ("SD", "14n"),
    ("SE", "20n"),
    ("SI", "15n"),
    ("SK", "20n"),
    ("SM", "1a10n12c"),
    ("SO", "19n"),
    ("ST", "21n"),
    ("SV", "4a20n"),
    ("TL", "19n"),
    ("TN", "20n"),
    ("TR", "6n16c"),
    ("UA", "6n19c"),
    ("VA", "18n"),
    ("VG", "4a16n"),
    ("XK", "16n"),
    ("YE", "4a4n18c"),
    // In use, not in the registry.
    ("AO", "21n"),
    ("BF", "2c22n"),
    ("BJ", "2c22n"),
    ("CF", "23n"),
    ("CG", "23n"),
    ("CI", "2c22n"),
    ("CM", "23n"),
    ("CV", "21n"),
    ("DZ", "22n"),
    ("GA", "23n"),
    ("GQ", "23n"),
    ("GW", "2c19n"),
    ("IR", "22n"),
    ("KM", "23n"),
    ("MA", "24n"),
    ("MG", "23n"),
    ("ML", "2c22n"),
    ("MZ", "21n"),
    ("NE", "2c22n"),
    ("SN", "2c22n"),
    ("TD", "23n"),
    ("TG", "2c22n"),
];

/// Shortest and longest IBAN of any country (Norway 15; the standard's ceiling 34).
pub(super) const IBAN_LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// The length of a country's IBAN, where the country is known to use them.
#[must_use]
pub fn iban_length(country: &str) -> Option<usize> {
    let lengths = runs(bban(country)?).map(|(count, _)| count);
    Some(4_usize.saturating_add(lengths.sum()))
}

/// Whether ISO 7064 mod 97-10 holds: country and check digits moved to the end, letters as 10 to 35, remainder 1.
#[must_use]
pub fn mod_97_holds(iban: &str) -> bool {
    let Some((head, tail)) = iban.split_at_checked(4) else { return false };
    let mut remainder = 0_u32;
    for c in tail.chars().chain(head.chars()) {
        let Some(value) = c.to_digit(36) else { return false };
        let shift = if value > 9 { 100 } else { 10 };
        remainder = (remainder * shift + value) % 97;
    }
    remainder == 1
}

/// An IBAN in any grouping and case.
///
/// A country that is not in the table is accepted when the check digits hold: refusing what we do not know would make
/// its accounts invisible.
///
/// # Errors
/// [`AccountError::Character`], [`AccountError::Length`] (of the country), [`AccountError::CheckDigits`],
/// [`AccountError::Structure`] (a letter where the country has digits), in this order.
pub fn iban(text: &str) -> Result<Account, AccountError> {
    let iban = compact(text).ok_or(AccountError::Character)?;
    let iban = iban.strip_prefix("IBAN").unwrap_or(&iban);
    if !IBAN_LENGTHS.contains(&iban.len()) {
        return Err(AccountError::Length);
    }
    let [a, b, c, d, ..] = *iban.as_bytes() else { return Err(AccountError::Length) };
    if !(a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return Err(AccountError::Character);
    }
    let (head, tail) = iban.split_at_checked(4).ok_or(AccountError::Length)?;
    let country = head.get(..2).unwrap_or("");
    if iban_length(country).is_some_and(|length| length != iban.len()) {
        return Err(AccountError::Length);
    }
    if !mod_97_holds(iban) {
        return Err(AccountError::CheckDigits);
    }
    if bban(country).is_some_and(|pattern| !has_structure(tail, pattern)) {
        return Err(AccountError::Structure);
    }
    Account::from_canonical(Scheme::Iban, [a, b], iban)
}

fn bban(country: &str) -> Option<&'static str> {
    BBAN.iter().find(|(code, _)| *code == country).map(|(_, pattern)| *pattern)
}

/// The runs of a pattern: `8n12c` gives (8, `n`), (12, `c`).
fn runs(pattern: &str) -> impl Iterator<Item = (usize, char)> {
    let mut count = 0_usize;
    pattern.chars().filter_map(move |c| match c.to_digit(10) {
        Some(digit) => {
            count = count * 10 + digit as usize;
            None
        }
        None => Some((std::mem::take(&mut count), c)),
    })
}

/// Whether text has the structure of a pattern.
pub(super) fn has_structure(bban: &str, pattern: &str) -> bool {
    let mut rest = bban.bytes();
    let fits = runs(pattern).all(|(count, kind)| {
        (0..count).all(|_| {
            rest.next().is_some_and(|b| match kind {
                'n' => b.is_ascii_digit(),
                'a' => b.is_ascii_uppercase(),
                _ => b.is_ascii_alphanumeric(),
            })
        })
    });
    fits && rest.next().is_none()
}
