//! The facts about payment details: accounts, other ways to be paid, and how the statements fit together.

use super::{AccountStatus, Scheme};
use serde::{Deserialize, Serialize};

/// One account that the message names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountFact {
    /// Outcome of the comparison: `"match"`, `"mismatch"`, `"first"`, `"other_supplier"`, `"unknown"`, `"pending"`,
    /// `"retired"`, `"blocked"`, `"own"`, `"unavailable"`.
    pub status: AccountStatus,
    /// How it is written: `"iban"`, `"uk"`, `"us_aba"`, `"au_bsb"`, `"nz"`, `"ca"`, `"in_ifsc"`, `"mx_clabe"`,
    /// `"bic"` (BIC and account number).
    pub scheme: Scheme,
    /// ISO 3166 alpha-2.
    pub country: String,
    /// Check digits and structure hold. An account that is on record is never called invalid.
    pub valid: bool,
    /// Check digits or structure are wrong. Neither this nor `valid`: nobody can check it.
    pub invalid: bool,
    /// It is on no record as the identified or claimed supplier's, and it lies in another country than the supplier's record
    /// says; without a country there, than the tax numbers in the message do.
    pub country_differs: bool,
    /// The account is on nobody's record: money sent there goes to a new payee.
    pub new_payee: bool,
    /// Delivered mail of the same supplier (without one: of the same sender domain) named it before. A habit, never a
    /// proof: only the record makes an account right.
    pub seen_before: bool,
    /// Other suppliers on record whose delivered mail named it. Counted since the history is kept by account.
    pub elsewhere_suppliers: i64,
    /// Other senders, of no record, whose delivered mail named it.
    pub elsewhere_senders: i64,
    /// It stands only in text that the reader does not see.
    pub hidden: bool,
    /// It was written so that programs miss it: invisible characters inside, letters of another script, circled digits.
    pub disguised: bool,
    /// In which kind of part it was seen first: `"body"`, `"html"`, `"attachment"`.
    pub part: String,
    /// File name of that attachment; empty for the body.
    pub name: String,
    /// The last four characters behind dots. Never for a sentence that a recipient may read.
    pub masked: String,
}

impl Default for AccountFact {
    fn default() -> Self {
        Self {
            status: AccountStatus::Unknown,
            scheme: Scheme::Iban,
            country: String::new(),
            valid: false,
            invalid: false,
            country_differs: false,
            new_payee: false,
            seen_before: false,
            elsewhere_suppliers: 0,
            elsewhere_senders: 0,
            hidden: false,
            disguised: false,
            part: String::new(),
            name: String::new(),
            masked: String::new(),
        }
    }
}

/// One way to be paid other than by a bank account. Where the money would go is not told: rules judge the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MethodFact {
    /// What kind: `"link"`, `"crypto"`, `"payid"`, `"bpay"`, `"upi"`, `"wallet"` (a mail address,
    /// phone number or name at a payment service: PayPal, Zelle, Bizum, PIX …).
    pub kind: String,
    /// The service or currency: `"paypal"`, `"stripe"`, `"bitcoin"` …
    pub provider: String,
    /// Anybody can open such a place for themselves: no bank and no processor checked who is behind it.
    pub personal: bool,
    /// The name in it is that of the supplier or of the sender's domain. Of `"payid"` and `"wallet"`: a mail address of the
    /// sender's domain, or the very address that stands on the supplier's record.
    pub of_supplier: bool,
    /// It is a mail address of a free mail provider (`"payid"`, `"wallet"`), and not that on the record.
    pub free_mail: bool,
    /// It stands only in text that the reader does not see.
    pub hidden: bool,
}

/// How the statements about payment fit together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimFacts {
    /// The body names an account that no document names, while a document names another of the same kind.
    pub body_document_conflict: bool,
    /// An electronic invoice or a QR code names an account that no printed text names, while printed text names another
    /// of the same kind.
    pub printed_conflict: bool,
    /// On one page of a document, recognition of what is seen finds an account, with check digits that hold, that the
    /// page's text does not name, while its text names another of the same kind.
    pub seen_conflict: bool,
    /// Hidden text names an account, while visible text names another.
    pub hidden_conflict: bool,
    /// A BIC stands there whose country is none of the IBANs'.
    pub bic_conflict: bool,
    /// The account is said to be held in a name that is not the supplier's.
    pub payee_differs: bool,
    /// Words offer a telephone number for verifying, and one that the message names is not on the record of the identified
    /// supplier, which has one.
    pub call_back_off_record: bool,
    /// A tax number stands there whose own check digits are wrong.
    pub tax_number_invalid: bool,
    /// Places that announce bank details which could not be put together to an account and compared: half an IBAN, a sort
    /// code or a number alone.
    pub announced: i64,
    /// Different accounts.
    pub accounts: i64,
    /// Different amounts.
    pub amounts: i64,
    /// Different invoice numbers.
    pub invoice_numbers: i64,
}
