//! Supplier records as a file that the importer reads: canonical columns, one row per account.
//!
//! Texts that a spreadsheet would run as a formula (beginning with `=`, `+`, `-`, `@`, tab or return) get an
//! apostrophe before them, which the importer takes off again.

use super::columns::CANONICAL;
use crate::model::{Account, Scheme, SupplierAccount, SupplierRecord};
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes the header row (where `header` says so) and one row per account; a supplier without accounts gets one row.
///
/// # Errors
/// What `out` reports.
pub fn write(suppliers: &[SupplierRecord], header: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
    if header {
        writer.write_record(CANONICAL).map_err(io::Error::from)?;
    }
    for supplier in suppliers {
        if supplier.accounts.is_empty() {
            writer.write_record(row(supplier, None)).map_err(io::Error::from)?;
        }
        for account in &supplier.accounts {
            writer.write_record(row(supplier, Some(account))).map_err(io::Error::from)?;
        }
    }
    writer.flush()
}

fn row(supplier: &SupplierRecord, account: Option<&SupplierAccount>) -> [String; 20] {
    let bank = account.map_or_else(BankCells::default, |a| BankCells::of(&a.account));
    let text = |value: &Option<String>| value.as_deref().map(safe).unwrap_or_default().into_owned();
    let of_account = |value: Option<&Option<String>>| value.map(text).unwrap_or_default();
    [
        safe(&supplier.id.0).into_owned(),
        safe(&supplier.name).into_owned(),
        list(supplier.aliases.iter().map(String::as_str)),
        list(supplier.domains.iter().map(|d| d.as_str())),
        list(supplier.emails.iter().map(ToString::to_string)),
        list(supplier.phones.iter().map(String::as_str)),
        text(&supplier.vat_number),
        text(&supplier.company_number),
        text(&supplier.country),
        bank.iban,
        Some(of_account(account.map(|a| &a.bic))).filter(|bic| !bic.is_empty()).unwrap_or(bank.bic),
        bank.sort_code,
        bank.account_number,
        bank.routing_number,
        bank.bsb,
        bank.transit_number,
        bank.institution_number,
        bank.ifsc,
        of_account(account.map(|a| &a.account_name)),
        account.map(|a| a.state.as_str().to_owned()).unwrap_or_default(),
    ]
}

/// The bank columns of one account.
#[derive(Default)]
struct BankCells {
    iban: String,
    /// That of an account that is nothing but BIC and number.
    bic: String,
    sort_code: String,
    account_number: String,
    routing_number: String,
    bsb: String,
    transit_number: String,
    institution_number: String,
    ifsc: String,
}

impl BankCells {
    fn of(account: &Account) -> Self {
        let number = account.reveal();
        let mut cells = Self::default();
        let (head, tail) = number.split_once('-').unwrap_or((number, ""));
        let (code, account_number) = match account.scheme() {
            Scheme::Iban => (&mut cells.iban, ""),
            Scheme::Uk => {
                let (sort_code, rest) = number.split_at_checked(6).unwrap_or((number, ""));
                sort_code.clone_into(&mut cells.sort_code);
                rest.clone_into(&mut cells.account_number);
                return cells;
            }
            Scheme::Nz | Scheme::MxClabe => {
                number.clone_into(&mut cells.account_number);
                return cells;
            }
            Scheme::Ca => {
                let (institution, rest) = tail.split_once('-').unwrap_or((tail, ""));
                institution.clone_into(&mut cells.institution_number);
                (&mut cells.transit_number, rest)
            }
            Scheme::UsAba => (&mut cells.routing_number, tail),
            Scheme::AuBsb => (&mut cells.bsb, tail),
            Scheme::InIfsc => (&mut cells.ifsc, tail),
            Scheme::Bic => (&mut cells.bic, tail),
        };
        head.clone_into(code);
        account_number.clone_into(&mut cells.account_number);
        cells
    }
}

/// Values joined by `|`, which inside a value becomes `/`.
fn list<T: AsRef<str>>(values: impl Iterator<Item = T>) -> String {
    let joined: Vec<String> = values.map(|value| value.as_ref().replace('|', "/")).collect();
    safe(&joined.join("|")).into_owned()
}

/// A text that no spreadsheet runs: an apostrophe before what would be a formula, and before apostrophes that the import
/// would take for one of ours.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}
