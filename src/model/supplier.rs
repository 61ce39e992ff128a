//! Supplier records: what the organisation knows, and how sure it is.

use super::{Account, Domain, EmailAddress, SupplierId, is_invisible, one_script};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// State of an account on file (design: only a verification by call-back, approved by a second person, verifies).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// On file, not verified.
    Pending,
    /// Verified: payments may go there.
    Verified,
    /// Was verified, no longer used.
    Retired,
    /// Known fraud.
    Blocked,
    /// The organisation's own account.
    Own,
}

impl AccountState {
    /// The name in SQL, CSV and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Retired => "retired",
            Self::Blocked => "blocked",
            Self::Own => "own",
        }
    }

    /// The state by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Verified, Self::Retired, Self::Blocked, Self::Own]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// Outcome of comparing one account found in a message with the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// On the identified supplier's record, verified.
    Match,
    /// Supplier known, account not theirs.
    Mismatch,
    /// Supplier known, none on record.
    First,
    /// On another supplier's record.
    OtherSupplier,
    /// No supplier recognised.
    Unknown,
    /// On the record, not yet verified.
    Pending,
    /// On the record, no longer used.
    Retired,
    /// Known fraud.
    Blocked,
    /// The organisation's own.
    Own,
    /// The directory could not be asked.
    Unavailable,
}

impl AccountStatus {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::First => "first",
            Self::OtherSupplier => "other_supplier",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Retired => "retired",
            Self::Blocked => "blocked",
            Self::Own => "own",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What identified a supplier, strongest first. By [`MatchedBy::Name`] alone it is only claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// Exact sender address.
    Address,
    /// Sender domain.
    Domain,
    /// Tax number in the message.
    VatNumber,
    /// Company number in the message.
    CompanyNumber,
    /// Name only: claimed, not identified.
    Name,
}

impl MatchedBy {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Domain => "domain",
            Self::VatNumber => "vat_number",
            Self::CompanyNumber => "company_number",
            Self::Name => "name",
        }
    }
}

/// One account on a supplier's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplierAccount {
    /// The account.
    pub account: Account,
    /// BIC, if known.
    pub bic: Option<String>,
    /// Name of the account holder, if known.
    pub account_name: Option<String>,
    /// State on file.
    pub state: AccountState,
}

/// A supplier as imported, listed and exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplierRecord {
    /// Identifier.
    pub id: SupplierId,
    /// Name in the ledger.
    pub name: String,
    /// Trading names.
    pub aliases: Vec<String>,
    /// Domains.
    pub domains: Vec<Domain>,
    /// Sender addresses.
    pub emails: Vec<EmailAddress>,
    /// Call-back numbers as written.
    pub phones: Vec<String>,
    /// Tax number, canonical.
    pub vat_number: Option<String>,
    /// Company number, canonical.
    pub company_number: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    /// Accounts.
    pub accounts: Vec<SupplierAccount>,
}

/// Folds a company or person name for comparison, as it looks and not as it is encoded: compatibility forms and letters
/// of other scripts among Latin ones are undone, lower case, letters and digits only with single spaces, legal forms (`ltd`, `limited`, `plc`, `gmbh`, `llc`, `inc`, `bv`, `sarl`, `sas`, `srl`, `spa`, `ag`, `kg`, `co`, …) dropped.
#[must_use]
pub fn fold_name(name: &str) -> String {
    const LEGAL_FORMS: &[&str] = &[
        "ltd",
        "limited",
        "plc",
        "llp",
        "llc",
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "co",
        "company",
        "gmbh",
        "ag",
        "kg",
        "ohg",
        "ug",
        "mbh",
        "bv",
        "nv",
        "sa",
        "sas",
        "sarl",
        "srl",
        "spa",
        "sl",
        "ab",
        "as",
        "oy",
        "aps",
        "pty",
        "the",
        "and",
    ];
    let composed: String = name.nfkc().filter(|c| !is_invisible(*c)).collect();
    let lower = one_script(&composed).to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let kept: Vec<&str> = words.iter().copied().filter(|word| !LEGAL_FORMS.contains(word)).collect();
    if kept.is_empty() { words.join(" ") } else { kept.join(" ") }
}

/// Country prefixes of tax numbers: people write a number with and without.
const TAX_PREFIXES: &[&str] = &[
    "AT", "AU", "BE", "BG", "CA", "CH", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "EU", "FI", "FR", "GB",
    "GR", "HR", "HU", "IE", "IN", "IT", "LT", "LU", "LV", "MT", "NL", "NO", "NZ", "PL", "PT", "RO", "SE",
    "SI", "SK", "US", "XI",
];

/// Folds a tax number for comparison: letters and digits only, upper case, without its country prefix.
#[must_use]
pub fn fold_tax_number(number: &str) -> String {
    let plain = compact_number(number);
    match plain.split_at_checked(2) {
        Some((prefix, rest)) if TAX_PREFIXES.contains(&prefix) && rest.len() >= 5 => rest.to_owned(),
        _ => plain,
    }
}

/// Folds a company registration number for comparison: letters and digits only, upper case, no leading zeros.
#[must_use]
pub fn fold_company_number(number: &str) -> String {
    compact_number(number).trim_start_matches('0').to_owned()
}

fn compact_number(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_and_company_numbers_fold() {
        assert_eq!(fold_tax_number("GB 980 7806 84"), fold_tax_number("980780684"));
        assert_eq!(fold_tax_number("51 824 753 556"), "51824753556");
        assert_eq!(fold_tax_number("DE12"), "DE12", "too short to hold a prefix");
        assert_eq!(fold_company_number("0123-4567"), fold_company_number("1234567"));
    }

    #[test]
    fn names_fold_without_legal_form_and_punctuation() {
        for (name, folded) in [
            ("Acme Building Supplies Ltd.", "acme building supplies"),
            ("ACME  Building-Supplies Limited", "acme building supplies"),
            ("The Co", "the co"),
            ("Müller & Söhne GmbH", "müller söhne"),
            ("Ac\u{200b}me Ｂau", "acme bau"),
            ("Аcme Bаu", "acme bau"),
        ] {
            assert_eq!(fold_name(name), folded);
        }
    }
}
