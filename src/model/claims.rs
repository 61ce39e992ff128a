//! What a message says about money, each statement with the place where it stood.

use super::account_check::CheckDigits;
use super::uk_modulus::ModulusTable;
use super::{Account, Category, Domain, Gap, Scheme, SpanKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a statement stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// text/plain body (or another inline text).
    Body,
    /// text/html body.
    Html,
    /// An attachment, attached messages included.
    Attachment,
}

/// By what other means than reading text a statement was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    /// Fields for programs: an electronic invoice, a field code, a custom property.
    Machine,
    /// The payer's fields of an electronic invoice: nobody is asked to pay there.
    Payer,
    /// A QR code.
    Qr,
    /// Recognition of an image.
    Ocr,
}

/// The place of a statement: part, file, page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Which kind of part.
    pub part: PartKind,
    /// File name of an attachment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Page number from 1, where the format has pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Index into [`super::Message::parts`]; not shown outside.
    #[serde(skip)]
    pub index: usize,
    /// Text that the recipient does not see (`display:none`, font size 0 …).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// By what other means than reading text; `None` for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Means>,
}

impl Place {
    /// Visible text of a part.
    #[must_use]
    pub fn of(part: PartKind, index: usize) -> Self {
        Self { part, name: None, page: None, index, hidden: false, means: None }
    }

    /// The same place for a stretch of a document.
    #[must_use]
    pub fn within(mut self, kind: SpanKind, page: Option<u32>) -> Self {
        self.page = page;
        self.hidden = kind == SpanKind::Hidden;
        self.means = match kind {
            SpanKind::Visible | SpanKind::Hidden => None,
            SpanKind::Machine => Some(Means::Machine),
            SpanKind::Payer => Some(Means::Payer),
            SpanKind::Qr => Some(Means::Qr),
            SpanKind::Ocr => Some(Means::Ocr),
        };
        self
    }

    /// Whether a person reads it there as it is.
    #[must_use]
    pub fn is_print(&self) -> bool {
        !self.hidden && self.means.is_none()
    }
}

/// A value and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub place: Place,
}

/// An account that the message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountClaim {
    /// The account in canonical form.
    pub account: Account,
    /// Whether check digits and structure hold; `None` where the scheme has none that we can check.
    pub valid: Option<bool>,
    /// First place where it was seen.
    pub place: Place,
    /// Every further place.
    pub also_at: Vec<Place>,
    /// It was written so that programs miss it: invisible characters inside, letters of another script, circled
    /// digits, an `O` for a zero.
    pub disguised: bool,
}

impl AccountClaim {
    /// Scheme of the account.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.account.scheme()
    }
}

/// A way to be paid other than by a bank account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MethodKind {
    /// Biller code and reference of Australia's BPAY.
    Bpay,
    /// Australia's `PayID`: a mail address, a phone number or an ABN that stands for an account.
    PayId,
    /// India's UPI: `name@bank`.
    Upi,
    /// The address of a crypto currency.
    Crypto,
    /// A page on which to pay.
    Link,
    /// A mail address, phone number or name at a payment service: PayPal, Zelle, Bizum, PIX …
    Wallet,
}

impl MethodKind {
    /// The name in JSON and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bpay => "bpay",
            Self::PayId => "payid",
            Self::Upi => "upi",
            Self::Crypto => "crypto",
            Self::Link => "link",
            Self::Wallet => "wallet",
        }
    }
}

/// A way to be paid that the message names. `Debug` does not show where the money would go.
#[derive(Clone, PartialEq, Eq)]
pub struct MethodClaim {
    /// What kind.
    pub kind: MethodKind,
    /// The service or currency: `paypal`, `stripe`, `bitcoin` …
    pub provider: &'static str,
    /// Who is paid there: biller and reference, address, name in a link. For comparing and `--reveal` only.
    pub value: String,
    /// Whether its own checksum holds; `None` where it has none that we can check.
    pub valid: Option<bool>,
    /// Anybody can open such a place for themselves: no bank and no processor checked who is behind it.
    pub personal: bool,
    /// First place where it was seen.
    pub place: Place,
}

impl MethodClaim {
    /// Dots and the last four characters.
    #[must_use]
    pub fn masked(&self) -> String {
        let hidden = self.value.chars().count().saturating_sub(4);
        format!("••••{}", self.value.chars().skip(hidden).collect::<String>())
    }
}

impl std::fmt::Debug for MethodClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MethodClaim({} {} {})", self.kind.as_str(), self.provider, self.masked())
    }
}

/// An amount of money in minor units (pence, cents).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    /// Minor units; two decimals are assumed (ISO 4217 exponents come with the document readers).
    pub minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

impl Money {
    /// `1234.50`
    #[must_use]
    pub fn decimal(&self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let abs = self.minor.unsigned_abs();
        let (whole, cents) = (abs / 100, abs % 100);
        format!("{sign}{whole}.{cents:02}")
    }
}

/// What became of one attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentReport {
    /// File name, or a made-up one (`part-3`).
    pub name: String,
    /// Media type as declared.
    pub media_type: String,
    /// Whether its text was read in full.
    pub read: bool,
    /// Why not.
    pub error: Option<String>,
    /// How a PDF was made (see [`super::DocumentFile::make`]).
    #[serde(skip)]
    pub make: Option<String>,
}

/// A link whose text shows another address than the one it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisleadingLink {
    /// What the reader sees.
    pub shown: Domain,
    /// Where it leads.
    pub target: Domain,
}

/// Alias that reads well in the claims: something unread.
pub type Unchecked = Gap;

/// Everything the message says about a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentClaims {
    /// What kind of business mail this is, by its words and documents.
    pub category: Category,
    /// What decided that, strongest first: where it stood, the phrase or structure, and its points.
    pub category_because: Vec<String>,
    /// Accounts, each once, in order of appearance.
    pub accounts: Vec<AccountClaim>,
    /// Where bank details are announced that could not be put together to an account: half an IBAN, a sort code or a number
    /// alone.
    pub announced: Vec<Place>,
    /// Ways to be paid other than by a bank account, each once.
    pub methods: Vec<MethodClaim>,
    /// BICs that a label announces.
    pub bics: Vec<Sourced<String>>,
    /// In whose name the account is said to be held.
    pub payees: Vec<String>,
    /// Companies in whose name it presents itself: letterheads of documents, signatures of bodies.
    pub names: Vec<Sourced<String>>,
    /// Links that show another address than theirs.
    pub links: Vec<MisleadingLink>,
    /// Where links lead that are to be followed for paying, by their words or their address; each once.
    pub pay_pages: Vec<Domain>,
    /// What the payer is to write beside the payment.
    pub references: Vec<String>,
    /// Phone numbers: `+` and digits, or the digits of a national number.
    pub phones: Vec<String>,
    /// Amounts with currency, each once.
    pub amounts: Vec<Money>,
    /// Invoice numbers as written.
    pub invoice_numbers: Vec<String>,
    /// ISO 8601 date.
    pub due_date: Option<String>,
    /// Tax numbers (VAT …) in canonical form (`GB980780684`).
    pub tax_numbers: Vec<String>,
    /// A tax number stands there whose own check digits are wrong.
    pub tax_number_invalid: bool,
    /// Company registration numbers in canonical form.
    pub company_numbers: Vec<String>,
    /// Lexicon families that matched (`bank_change`, `urgency`, `invoice`, `remittance` …) with the phrase.
    pub phrases: Vec<Sourced<(String, String)>>,
    /// Attachments.
    pub documents: Vec<DocumentReport>,
    /// What could not be read.
    pub unchecked: Vec<Unchecked>,
}

impl PaymentClaims {
    /// How the documents were made that name an account, each make once: leaflets and terms beside an invoice come from
    /// anywhere.
    #[must_use]
    pub fn makes(&self) -> BTreeSet<&str> {
        let places =
            self.accounts.iter().flat_map(|claim| std::iter::once(&claim.place).chain(&claim.also_at));
        let named: BTreeSet<&str> = places.filter_map(|place| place.name.as_deref()).collect();
        let with_account = self.documents.iter().filter(|report| named.contains(report.name.as_str()));
        with_account.filter_map(|report| report.make.as_deref()).collect()
    }

    /// Takes up what a table of modulus checks says of the UK accounts. A GB IBAN is checked by its sort code and
    /// number too; its own check digits stay the stronger witness, so it is never made invalid.
    pub fn check_uk_modulus(&mut self, table: &ModulusTable) {
        for claim in self.accounts.iter_mut().filter(|claim| claim.account.scheme() == Scheme::Uk) {
            let Some((sort_code, number)) = claim.account.reveal().split_at_checked(6) else { continue };
            claim.valid = match table.check(sort_code, number) {
                CheckDigits::Passed => Some(true),
                CheckDigits::Failed => Some(false),
                CheckDigits::None => None,
            };
        }
    }
}
