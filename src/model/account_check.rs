//! From written bank details to an [`Account`]: shapes, lengths and check digits of the schemes we know.
//!
//! One place for what importers and document readers both need. Shape and ISO 13616 check digits decide whether
//! something is an account at all; a *national* check digit never does (banks reassign ranges faster than anybody's
//! tables), so it comes back as [`CheckDigits`] beside the account and the caller decides what to say.
//!
//! Sources: ISO 13616 and the SWIFT IBAN registry (lengths, BBAN structures), ISO 7064 (mod 97-10), ABA key to
//! routing numbers (3-7-1), Inland Revenue NZ (bank account number validation), Pay.UK (sort codes), RBI (IFSC).

use super::account::{Account, AccountError, Scheme};

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

/// BBAN structure by country: pairs of count and kind (`n` digits, `a` capital letters, `c` either), as the IBAN
/// registry writes them. The last block are countries that use IBANs without being registered.
const BBAN: &[(&str, &str)] = &[
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
const IBAN_LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;
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

// ── IBAN ───────────────────────────────────────────────────────────────────────────────────────────────────────────

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

fn has_structure(bban: &str, pattern: &str) -> bool {
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

// ── national schemes ───────────────────────────────────────────────────────────────────────────────────────────────

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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ibans() {
        let good = [
            "GB29NWBK60161331926819",
            "DE89 3704 0044 0532 0130 00",
            "fr14 2004 1010 0505 0001 3M02 606",
            "NL91ABNA0417164300",
            "BE68539007547034",
            "IE29AIBK93115212345678",
            "CH9300762011623852957",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "PK36SCBL0000001123456702",
            "MA64011519000001205000534921",
            "ES-15-0049-1806-9121-1186-9374",
            "IBAN GB52CHAS60924280033041",
            "\u{ff24}\u{ff25}89370400440532013000",
        ];
        for text in good {
            assert!(iban(text).is_ok(), "{text}");
        }
        let bad = [
            ("GB82 WEST 1234 5698 7654 33", AccountError::CheckDigits),
            ("DE88370400440532013000", AccountError::CheckDigits),
            ("GL89647100010002067", AccountError::Length),
            ("XX431234", AccountError::Length),
            ("DE12345BEISPIELSTADTBE", AccountError::Structure),
            ("NE20X150GBECHERSCHOKO20X150G", AccountError::Structure),
            ("GE12412345678910111213", AccountError::Structure),
            ("1.23457E+11", AccountError::Character),
            ("", AccountError::Character),
        ];
        for (text, error) in bad {
            assert_eq!(iban(text), Err(error), "{text}");
        }
    }

    #[test]
    fn every_country_has_a_length_that_an_iban_can_have() {
        for (country, _) in BBAN {
            assert!(IBAN_LENGTHS.contains(&iban_length(country).expect(country)), "{country}");
        }
        assert_eq!(iban_length("GB"), Some(22));
        assert_eq!(iban_length("MT"), Some(31));
        assert_eq!(iban_length("US"), None);
    }

    #[test]
    fn national_schemes() {
        use CheckDigits::{Failed, None as Without, Passed};
        let rows = [
            ("uk", uk("60-16-13", "31926819"), Ok(("60161331926819", Without))),
            ("uk padded", uk("60 16 13", "1926819"), Ok(("60161301926819", Without))),
            ("uk zeros lost", uk("8999", "66374958"), Err(AccountError::Length)),
            ("uk rounded", uk("601613", "1.23457E+11"), Err(AccountError::Character)),
            ("us", us("111000025", "1234567"), Ok(("111000025-1234567", Passed))),
            ("us wrong digit", us("112000025", "1234567"), Ok(("112000025-1234567", Failed))),
            ("us no prefix", us("123456789", "1234567"), Ok(("123456789-1234567", Failed))),
            ("au", au("082-082", "012345678"), Ok(("082082-012345678", Without))),
            ("au zeros lost", au("62000", "12345678"), Err(AccountError::Length)),
            ("nz", nz("01-0242-0100194-00"), Ok(("01-0242-0100194-000", Passed))),
            ("nz wrong", nz("01-0242-0100195-00"), Ok(("01-0242-0100195-000", Failed))),
            ("nz digits", nz("010242010019400"), Ok(("01-0242-0100194-000", Passed))),
            ("nz other bank", nz("12-3113-0003869-00"), Ok(("12-3113-0003869-000", Passed))),
            ("ca", ca("00006", "0003", "1234567"), Ok(("00006-003-1234567", Without))),
            ("in", india("hdfc0002854", "123456789012"), Ok(("HDFC0002854-123456789012", Without))),
            ("in letter", india("BOTM0XEEMR", "123456789"), Err(AccountError::Length)),
            ("in without zero", india("HDFC1002854", "123456789"), Err(AccountError::Structure)),
        ];
        for (name, got, want) in rows {
            let got = got.map(|c| (c.account.reveal().to_owned(), c.check));
            assert_eq!(got, want.map(|(text, check)| (text.to_owned(), check)), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(a in "\\PC{0,60}", b in "\\PC{0,60}", c in "\\PC{0,60}") {
            drop((iban(&a), uk(&a, &b), us(&a, &b), au(&a, &b), nz(&a), ca(&a, &b, &c), india(&a, &b)));
        }

        #[test]
        fn one_changed_digit_is_always_noticed(at in 4_usize..22, new in 0_u8..10) {
            let good = "DE89370400440532013000";
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] = b'0' + new;
            let text = String::from_utf8(bytes).expect("ascii");
            prop_assert_eq!(iban(&text).is_ok(), text == good);
        }
    }
}
