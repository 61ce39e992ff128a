//! Bank accounts in canonical form and the key under which two written forms are the same account.
//!
//! Sources: ISO 13616 (IBAN), Pay.UK (sort code and account number). The comparison key makes a GB IBAN equal to
//! its sort code and account number, so that a supplier who changes only the way of writing raises no alarm.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How an account is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// International Bank Account Number, ISO 13616.
    Iban,
    /// UK sort code (6 digits) and account number (8 digits).
    Uk,
    /// US ABA routing number (9 digits) and account number.
    UsAba,
    /// Australian BSB (6 digits) and account number.
    AuBsb,
    /// New Zealand bank, branch, account, suffix.
    Nz,
    /// Canadian transit, institution, account.
    Ca,
    /// Indian IFSC and account number.
    InIfsc,
    /// Mexican CLABE: bank 3, place 3, account 11, check digit.
    MxClabe,
    /// BIC (ISO 9362, its first eight characters) and account number: what countries without a scheme of their own use.
    Bic,
}

impl Scheme {
    /// The name in JSON, SQL and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iban => "iban",
            Self::Uk => "uk",
            Self::UsAba => "us_aba",
            Self::AuBsb => "au_bsb",
            Self::Nz => "nz",
            Self::Ca => "ca",
            Self::InIfsc => "in_ifsc",
            Self::MxClabe => "mx_clabe",
            Self::Bic => "bic",
        }
    }
}

/// Why parts do not make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// A character that the scheme does not admit.
    #[error("contains a character that this kind of account never has")]
    Character,
    /// Too short or too long for the scheme.
    #[error("has the wrong length")]
    Length,
    /// The check digits do not fit.
    #[error("has wrong check digits (a digit is mistyped or altered)")]
    CheckDigits,
    /// Right length and check digits, but not this country's structure.
    #[error("does not have the structure of its country")]
    Structure,
}

/// A bank account in its scheme's canonical form (contract: `GB29NWBK60161331926819`, `60161331926819`, …).
///
/// `Debug` and `Display` show the last four characters only; [`Account::reveal`] is the one way to the number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    scheme: Scheme,
    country: [u8; 2],
    canonical: String,
}

impl Account {
    /// From a canonical form that a finder or importer has already validated for shape.
    ///
    /// `country` is ISO 3166 alpha-2. `canonical` follows the contract: IBAN without spaces in upper case, UK
    /// `SSSSSSAAAAAAAA`, US `RRRRRRRRR-ACCOUNT`, AU `BBBBBB-ACCOUNT`, NZ `BB-bbbb-AAAAAAA-SSS`, CA
    /// `TTTTT-III-ACCOUNT`, IN `IFSC-ACCOUNT`, MX 18 digits, BIC `BBBBCCLL-ACCOUNT`.
    ///
    /// # Errors
    /// [`AccountError::Character`] for anything but ASCII letters, digits and `-`; [`AccountError::Length`] outside
    /// 8 to 40 characters. Check digits are the caller's: an account with a wrong one still has to be comparable.
    pub fn from_canonical(scheme: Scheme, country: [u8; 2], canonical: &str) -> Result<Self, AccountError> {
        if !(8..=40).contains(&canonical.len()) {
            return Err(AccountError::Length);
        }
        let ok = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        if !canonical.bytes().all(ok) || !country.iter().all(u8::is_ascii_uppercase) {
            return Err(AccountError::Character);
        }
        Ok(Self { scheme, country, canonical: canonical.to_owned() })
    }

    /// How it was written.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// ISO 3166 alpha-2 country code.
    #[must_use]
    pub fn country(&self) -> &str {
        std::str::from_utf8(&self.country).unwrap_or("ZZ")
    }

    /// The full canonical number. Only for comparing, encrypting and `--reveal`; never for a log.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.canonical
    }

    /// `••••` and the last four characters.
    #[must_use]
    pub fn masked(&self) -> String {
        let tail = self.canonical.len().saturating_sub(4);
        format!("••••{}", self.canonical.get(tail..).unwrap_or(""))
    }

    /// The key under which two written forms are the same account.
    #[must_use]
    pub fn comparison_key(&self) -> AccountKey {
        let c = self.canonical.as_str();
        let text = match self.scheme {
            Scheme::Iban if c.starts_with("GB") && c.len() == 22 => {
                format!("uk|{}|{}", c.get(8..14).unwrap_or(""), c.get(14..22).unwrap_or(""))
            }
            Scheme::Iban => format!("iban|{c}"),
            Scheme::Uk => {
                let (sort, number) = c.split_at_checked(6).unwrap_or((c, ""));
                format!("uk|{sort}|{number:0>8}")
            }
            Scheme::UsAba | Scheme::AuBsb | Scheme::Bic => {
                let (bank, number) = c.split_once('-').unwrap_or((c, ""));
                let number = number.trim_start_matches('0');
                format!("{}|{bank}|{number}", self.scheme.as_str())
            }
            Scheme::Nz => {
                let (head, suffix) = c.rsplit_once('-').unwrap_or((c, ""));
                format!("nz|{}|{suffix:0>3}", head.replace('-', "|"))
            }
            Scheme::Ca | Scheme::InIfsc | Scheme::MxClabe => {
                format!("{}|{}", self.scheme.as_str(), c.replace('-', "|"))
            }
        };
        AccountKey(text)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({} {})", self.scheme.as_str(), self.masked())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The comparison key of an account, in the clear: lives in memory only, leaves the process as [`Fingerprint`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey(String);

impl AccountKey {
    /// The text that is fingerprinted.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(••••)")
    }
}

/// HMAC-SHA-256 of a comparison key under the organisation's own fingerprint key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Lower-case hexadecimal, 64 characters: the form in SQL, Redis and recorded facts.
    #[must_use]
    pub fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut out, b| {
            // Writing into a String cannot fail.
            write!(out, "{b:02x}").ok();
            out
        })
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_hex().get(..8).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scheme: Scheme, country: &[u8; 2], canonical: &str) -> String {
        let account = Account::from_canonical(scheme, *country, canonical).expect(canonical);
        account.comparison_key().reveal().to_owned()
    }

    #[test]
    fn a_gb_iban_is_its_sort_code_and_account() {
        assert_eq!(
            key(Scheme::Iban, b"GB", "GB29NWBK60161331926819"),
            key(Scheme::Uk, b"GB", "60161331926819")
        );
    }

    #[test]
    fn written_forms_of_one_account_share_a_key() {
        assert_eq!(key(Scheme::AuBsb, b"AU", "082082-012345678"), "au_bsb|082082|12345678");
        assert_eq!(key(Scheme::Nz, b"NZ", "01-0242-0100194-00"), "nz|01|0242|0100194|000");
        assert_eq!(key(Scheme::Ca, b"CA", "00006-003-1234567"), "ca|00006|003|1234567");
        assert_eq!(key(Scheme::Iban, b"DE", "DE89370400440532013000"), "iban|DE89370400440532013000");
    }

    #[test]
    fn names_in_json_and_in_sql_are_the_same() {
        use Scheme::{AuBsb, Bic, Ca, Iban, InIfsc, MxClabe, Nz, Uk, UsAba};
        for scheme in [Iban, Uk, UsAba, AuBsb, Nz, Ca, InIfsc, MxClabe, Bic] {
            assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.as_str());
        }
    }

    /// One account in two written forms, and the account next to it, for every scheme.
    #[test]
    fn forms_of_one_account_are_one_and_neighbours_are_not() {
        use Scheme::{AuBsb, Ca, Iban, InIfsc, Nz, Uk, UsAba};
        type Form<'a> = (Scheme, &'a [u8; 2], &'a str);
        let rows: [(Form, Form, bool); 18] = [
            ((Iban, b"GB", "GB29NWBK60161331926819"), (Uk, b"GB", "60161331926819"), true),
            ((Iban, b"GB", "GB29NWBK60161331926819"), (Uk, b"GB", "60161331926818"), false),
            ((Iban, b"GB", "GB29NWBK60161331926819"), (Uk, b"GB", "60161431926819"), false),
            // The bank's letters and the check digits say nothing that sort code and number do not.
            ((Iban, b"GB", "GB29NWBK60161331926819"), (Iban, b"GB", "GB94BARC60161331926819"), true),
            ((Uk, b"GB", "6016131926819"), (Uk, b"GB", "60161301926819"), true),
            ((Iban, b"DE", "DE89370400440532013000"), (Iban, b"DE", "DE89370400440532013000"), true),
            ((Iban, b"DE", "DE89370400440532013000"), (Iban, b"DE", "DE89370400440532013001"), false),
            ((UsAba, b"US", "021000021-0012345678"), (UsAba, b"US", "021000021-12345678"), true),
            ((UsAba, b"US", "021000021-12345678"), (UsAba, b"US", "026009593-12345678"), false),
            ((AuBsb, b"AU", "082082-012345678"), (AuBsb, b"AU", "082082-12345678"), true),
            ((AuBsb, b"AU", "082082-12345678"), (AuBsb, b"AU", "082083-12345678"), false),
            ((AuBsb, b"AU", "082082-12345678"), (Uk, b"GB", "08208212345678"), false),
            ((Nz, b"NZ", "01-0242-0100194-00"), (Nz, b"NZ", "01-0242-0100194-000"), true),
            ((Nz, b"NZ", "01-0242-0100194-00"), (Nz, b"NZ", "01-0242-0100194-001"), false),
            ((Ca, b"CA", "00006-003-1234567"), (Ca, b"CA", "00006-003-1234567"), true),
            ((Ca, b"CA", "00006-003-1234567"), (Ca, b"CA", "00007-003-1234567"), false),
            (
                (InIfsc, b"IN", "HDFC0001234-50100012345678"),
                (InIfsc, b"IN", "HDFC0001234-50100012345678"),
                true,
            ),
            (
                (InIfsc, b"IN", "HDFC0001234-50100012345678"),
                (InIfsc, b"IN", "HDFC0001234-050100012345678"),
                false,
            ),
        ];
        for ((scheme, country, text), (other, their_country, theirs), same) in rows {
            assert_eq!(
                key(scheme, country, text) == key(other, their_country, theirs),
                same,
                "{text} {theirs}"
            );
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_the_number() {
        let account = Account::from_canonical(Scheme::Uk, *b"GB", "60161331926819").expect("valid");
        assert_eq!(format!("{account:?} {account}"), "Account(uk ••••6819) ••••6819");
        assert_eq!(format!("{:?}", account.comparison_key()), "AccountKey(••••)");
    }
}
