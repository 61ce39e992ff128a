//! One row of a supplier file to typed values.

use super::accounts::{self, CellError};
use super::columns::{Column, Columns};
use super::csv::clean;
use crate::limits;
use crate::model::{AccountState, Domain, EmailAddress, SupplierAccount, SupplierId};

/// The values of one row. Lists keep the order of the file.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: Option<SupplierId>,
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) domains: Vec<Domain>,
    pub(super) emails: Vec<EmailAddress>,
    pub(super) phones: Vec<String>,
    pub(super) vat_number: Option<String>,
    pub(super) company_number: Option<String>,
    pub(super) country: Option<String>,
    pub(super) accounts: Vec<SupplierAccount>,
    pub(super) warnings: Vec<CellError>,
}

/// Mail providers and invoicing services: their domains belong to no supplier, and one on a record would make every
/// customer of theirs that supplier. Addresses there identify by the whole address.
const SHARED_DOMAINS: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "btinternet.com",
    "btopenworld.com",
    "bigpond.com",
    "fastmail.com",
    "free.fr",
    "freshbooks.com",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hotmail.it",
    "hotmail.es",
    "icloud.com",
    "intuit.com",
    "laposte.net",
    "libero.it",
    "live.co.uk",
    "live.com",
    "live.com.au",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "myob.com",
    "ntlworld.com",
    "onmicrosoft.com",
    "optonline.net",
    "optusnet.com.au",
    "orange.fr",
    "outlook.com",
    "outlook.com.au",
    "outlook.de",
    "outlook.fr",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "quickbooks.com",
    "rocketmail.com",
    "sage.com",
    "sbcglobal.net",
    "shaw.ca",
    "sky.com",
    "sympatico.ca",
    "t-online.de",
    "talktalk.net",
    "tiscali.co.uk",
    "verizon.net",
    "virginmedia.com",
    "wanadoo.fr",
    "web.de",
    "xero.com",
    "xtra.co.nz",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.au",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

/// Country names that ledgers write instead of the code.
const COUNTRIES: &[(&str, &str)] = &[
    ("australia", "AU"),
    ("austria", "AT"),
    ("belgium", "BE"),
    ("canada", "CA"),
    ("china", "CN"),
    ("denmark", "DK"),
    ("deutschland", "DE"),
    ("england", "GB"),
    ("españa", "ES"),
    ("finland", "FI"),
    ("france", "FR"),
    ("germany", "DE"),
    ("great britain", "GB"),
    ("hong kong", "HK"),
    ("india", "IN"),
    ("ireland", "IE"),
    ("italia", "IT"),
    ("italy", "IT"),
    ("japan", "JP"),
    ("luxembourg", "LU"),
    ("nederland", "NL"),
    ("netherlands", "NL"),
    ("the netherlands", "NL"),
    ("new zealand", "NZ"),
    ("northern ireland", "GB"),
    ("norway", "NO"),
    ("poland", "PL"),
    ("polska", "PL"),
    ("portugal", "PT"),
    ("scotland", "GB"),
    ("singapore", "SG"),
    ("spain", "ES"),
    ("sweden", "SE"),
    ("switzerland", "CH"),
    ("schweiz", "CH"),
    ("österreich", "AT"),
    ("uk", "GB"),
    ("united kingdom", "GB"),
    ("united states", "US"),
    ("united states of america", "US"),
    ("usa", "US"),
    ("wales", "GB"),
];

/// Whether a domain belongs to everybody who has a mailbox there.
pub(super) fn is_shared(domain: &Domain) -> bool {
    let own = domain.as_str();
    let registrable = domain.registrable();
    // `acme.onmicrosoft.com` is one customer's, `post.xero.com` the service's.
    let whole = if registrable == "onmicrosoft.com" { own } else { registrable };
    SHARED_DOMAINS.contains(&whole)
}

/// Reads a row; the first wrong value refuses it.
pub(super) fn read(columns: &Columns, record: &::csv::StringRecord) -> Result<Row, CellError> {
    check_shape(columns, record)?;
    let mut warnings = Vec::new();
    let (_, name) = columns.cell(record, Column::Name).ok_or_else(|| fault("name", "is empty"))?;
    let name = short("name", name)?;
    if !name.chars().any(char::is_alphanumeric) {
        return Err(fault("name", "has no letter or digit"));
    }
    let emails = emails(columns, record)?;
    let country = country(columns, record, &mut warnings);
    let bank = accounts::read(columns, record, country.as_deref())?;
    warnings.extend(bank.warnings);
    let (bic, account_name, state) =
        (bic(columns, record)?, optional(columns, record, Column::AccountName)?, state(columns, record)?);
    if bank.accounts.is_empty() && columns.cell(record, Column::Status).is_some() {
        warnings.push(fault("status", "stands without an account and was ignored"));
    }
    let accounts = bank.accounts.into_iter().map(|account| SupplierAccount {
        account,
        bic: bic.clone(),
        account_name: account_name.clone(),
        state,
    });
    let accounts = accounts.collect();
    Ok(Row {
        id: supplier_id(columns, record)?,
        aliases: aliases(columns, record, &name)?,
        domains: domains(columns, record, &emails, &mut warnings)?,
        phones: phones(columns, record)?,
        vat_number: number(columns, record, Column::VatNumber)?,
        company_number: number(columns, record, Column::CompanyNumber)?,
        name,
        emails,
        country,
        accounts,
        warnings,
    })
}

/// A row with more cells than the header has shifted: nothing in it can be trusted.
fn check_shape(columns: &Columns, record: &::csv::StringRecord) -> Result<(), CellError> {
    if record.iter().skip(columns.count).any(|cell| !cell.trim().is_empty()) {
        let reason = format!(
            "the row has {} cells, the header {}: a value that holds the delimiter needs quotation marks",
            record.len(),
            columns.count
        );
        return Err((String::new(), reason));
    }
    if record.iter().any(|cell| cell.len() > limits::MAX_IMPORT_CELL) {
        return Err((String::new(), format!("a cell is over {} octets", limits::MAX_IMPORT_CELL)));
    }
    Ok(())
}

fn fault(column: &str, reason: &str) -> CellError {
    (column.to_owned(), reason.to_owned())
}

/// A text value of bounded length.
fn short(column: &str, text: &str) -> Result<String, CellError> {
    let text = clean(text);
    if text.chars().count() > limits::MAX_SUPPLIER_TEXT {
        return Err((column.to_owned(), format!("is over {} characters", limits::MAX_SUPPLIER_TEXT)));
    }
    Ok(unquoted_formula(&text).to_owned())
}

/// The apostrophe that an export puts before a text that a spreadsheet would run as a formula is not part of it.
fn unquoted_formula(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => text,
    }
}

fn optional(
    columns: &Columns,
    record: &::csv::StringRecord,
    column: Column,
) -> Result<Option<String>, CellError> {
    let cell = columns.cell(record, column);
    let text = cell.map(|(header, text)| short(header, text)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}

fn supplier_id(columns: &Columns, record: &::csv::StringRecord) -> Result<Option<SupplierId>, CellError> {
    let Some((header, text)) = columns.cell(record, Column::SupplierId) else { return Ok(None) };
    let id = SupplierId(short(header, text)?);
    if super::csv::is_provisional(&id) {
        return Err(fault(header, "may not begin with `line:`"));
    }
    Ok((!id.0.is_empty()).then_some(id))
}

/// The values of a list column, split by `separators`, without duplicates.
fn list(
    columns: &Columns,
    record: &::csv::StringRecord,
    column: Column,
    separators: &[char],
) -> Result<Vec<(String, String)>, CellError> {
    let mut out: Vec<(String, String)> = Vec::new();
    for (header, cell) in columns.cells(record, column) {
        for value in cell.split(separators) {
            let value = short(header, value)?;
            if value.is_empty() || out.iter().any(|(_, known)| *known == value) {
                continue;
            }
            if out.len() >= limits::MAX_SUPPLIER_VALUES {
                return Err((header.to_owned(), format!("has over {} values", limits::MAX_SUPPLIER_VALUES)));
            }
            out.push((header.to_owned(), value));
        }
    }
    Ok(out)
}

fn aliases(columns: &Columns, record: &::csv::StringRecord, name: &str) -> Result<Vec<String>, CellError> {
    let all = list(columns, record, Column::Aliases, &['|'])?;
    Ok(all.into_iter().map(|(_, alias)| alias).filter(|alias| alias != name).collect())
}

fn phones(columns: &Columns, record: &::csv::StringRecord) -> Result<Vec<String>, CellError> {
    let all = list(columns, record, Column::Phones, &['|', ';'])?;
    // "n/a", "tbc": no number at all is no phone.
    Ok(all
        .into_iter()
        .map(|(_, phone)| phone)
        .filter(|phone| phone.chars().any(|c| c.is_ascii_digit()))
        .collect())
}

fn emails(columns: &Columns, record: &::csv::StringRecord) -> Result<Vec<EmailAddress>, CellError> {
    let all = list(columns, record, Column::Emails, &['|', ';', ',', ' ', '\t', '\n', '\r'])?;
    let parse = |(header, text): (String, String)| {
        let plain = text.trim_matches(['<', '>']).trim_start_matches("mailto:");
        EmailAddress::parse(plain).map_err(|error| (header, error.to_string()))
    };
    all.into_iter().map(parse).collect()
}

/// The domains of a row: those given, else those of its website and addresses that belong to nobody else.
fn domains(
    columns: &Columns,
    record: &::csv::StringRecord,
    emails: &[EmailAddress],
    warnings: &mut Vec<CellError>,
) -> Result<Vec<Domain>, CellError> {
    let mut out = Vec::new();
    for (header, text) in list(columns, record, Column::Domains, &['|', ';', ',', ' ', '\t', '\n', '\r'])? {
        let domain = Domain::parse(text.trim_start_matches('@'))
            .map_err(|error| (header.clone(), error.to_string()))?;
        if is_shared(&domain) {
            warnings.push((
                header,
                format!(
                    "{domain} is shared by many senders and was not taken; their addresses identify them"
                ),
            ));
        } else if psl::domain_str(domain.as_str()).is_none() {
            return Err((header, format!("{domain} is a public suffix, not the domain of a company")));
        } else if !out.contains(&domain) {
            out.push(domain);
        }
    }
    if !out.is_empty() {
        return Ok(out);
    }
    let website = columns.cell(record, Column::Website).and_then(|(_, text)| website_domain(text));
    let derived = website.into_iter().chain(emails.iter().map(|email| email.domain().clone()));
    for domain in derived {
        let usable = !is_shared(&domain) && psl::domain_str(domain.as_str()).is_some();
        if usable && !out.contains(&domain) && out.len() < limits::MAX_SUPPLIER_VALUES {
            out.push(domain);
        }
    }
    Ok(out)
}

fn website_domain(text: &str) -> Option<Domain> {
    let rest = text.trim().split_once("://").map_or(text, |(_, rest)| rest).trim();
    let host = rest.split(['/', '?', '#', ':', ' ']).next()?.rsplit('@').next()?;
    let host = host
        .get(..4)
        .filter(|www| www.eq_ignore_ascii_case("www."))
        .and_then(|_| host.get(4..))
        .unwrap_or(host);
    Domain::parse(host)
        .ok()
        .filter(|domain| domain.as_str().contains('.') && !domain.as_str().starts_with('['))
}

/// A tax or company number: capital letters and digits.
fn number(
    columns: &Columns,
    record: &::csv::StringRecord,
    column: Column,
) -> Result<Option<String>, CellError> {
    let Some((header, text)) = columns.cell(record, column) else { return Ok(None) };
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).take(64).collect();
    if plain.is_empty() || !plain.bytes().any(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    if !(4..=32).contains(&plain.len()) {
        return Err(fault(header, "has the wrong length for such a number"));
    }
    Ok(Some(plain))
}

fn country(columns: &Columns, record: &::csv::StringRecord, warnings: &mut Vec<CellError>) -> Option<String> {
    let (header, text) = columns.cell(record, Column::Country)?;
    let folded = text.to_lowercase();
    if let Some((_, code)) = COUNTRIES.iter().find(|(name, _)| *name == folded) {
        return Some((*code).to_owned());
    }
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Some(text.to_ascii_uppercase());
    }
    warnings.push(fault(header, "is no country code of two letters (ISO 3166) and was ignored"));
    None
}

fn bic(columns: &Columns, record: &::csv::StringRecord) -> Result<Option<String>, CellError> {
    let Some((header, text)) = columns.cell(record, Column::Bic) else { return Ok(None) };
    let bic: String =
        text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).take(16).collect();
    let letters = bic.get(..6).is_some_and(|head| head.bytes().all(|b| b.is_ascii_uppercase()));
    if letters && matches!(bic.len(), 8 | 11) && bic.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(Some(bic))
    } else {
        Err(fault(header, "is no BIC: eight or eleven letters and digits, the first six letters (ISO 9362)"))
    }
}

fn state(columns: &Columns, record: &::csv::StringRecord) -> Result<AccountState, CellError> {
    let Some((header, text)) = columns.cell(record, Column::Status) else { return Ok(AccountState::Pending) };
    AccountState::from_name(&text.to_ascii_lowercase())
        .filter(|state| *state != AccountState::Own)
        .ok_or_else(|| fault(header, "is none of pending, verified, retired, blocked"))
}
