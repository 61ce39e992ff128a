//! One row of a supplier file to typed values.

use super::accounts::{self, CellError};
use super::columns::{Column, Columns, fold_header};
use super::csv::clean;
use super::feed::Lifecycle;
use super::lifecycle;
use super::lists::{COUNTRIES, is_shared};
use super::raw::{Mark, RawRow};
use crate::limits;
use crate::model::{AccountState, Domain, EmailAddress, SupplierAccount, SupplierId, abn_holds};

/// The values of one row. Lists keep the order of the file.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: Option<SupplierId>,
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) domains: Vec<Domain>,
    /// Domains that only addresses and website have.
    pub(super) derived: Vec<Domain>,
    pub(super) lifecycle: Lifecycle,
    pub(super) emails: Vec<EmailAddress>,
    pub(super) phones: Vec<String>,
    pub(super) vat_number: Option<String>,
    pub(super) company_number: Option<String>,
    pub(super) country: Option<String>,
    pub(super) accounts: Vec<SupplierAccount>,
    pub(super) warnings: Vec<CellError>,
}

/// Reads a row; the first wrong value refuses it.
pub(super) fn read(columns: &Columns, raw: &RawRow) -> Result<Row, CellError> {
    if let Some(fault) = &raw.fault {
        return Err(fault.clone());
    }
    let record = &raw.cells;
    check_shape(columns, record)?;
    let mut warnings = Vec::new();
    let country = country(columns, record, &mut warnings);
    let bank_country = country.as_deref().or(columns.country.as_deref());
    check_marks(columns, raw, bank_country, &mut warnings)?;
    let name = name(columns, record)?;
    let emails = emails(columns, record)?;
    let bank = accounts::read(columns, record, bank_country)?;
    warnings.extend(bank.warnings);
    let (bic, account_name) = (bic(columns, record)?, optional(columns, record, Column::AccountName)?);
    let (mut state, mut lifecycle) = state(columns, record)?;
    lifecycle = lifecycle.max(lifecycle::of(columns, record, &mut warnings));
    if lifecycle != Lifecycle::Active && state != AccountState::Blocked {
        state = AccountState::Retired;
    }
    if bank.accounts.is_empty()
        && columns.cell(record, Column::Status).is_some()
        && lifecycle == Lifecycle::Active
    {
        warnings.push(fault("status", "stands without an account and was ignored"));
    }
    let accounts = bank.accounts.into_iter().map(|account| SupplierAccount {
        account,
        bic: bic.clone(),
        account_name: account_name.clone(),
        state,
    });
    let accounts = accounts.collect();
    let domains = domains(columns, record, &mut warnings)?;
    Ok(Row {
        id: supplier_id(columns, record)?,
        aliases: aliases(columns, record, &name)?,
        derived: derived(columns, record, &emails, &domains),
        domains,
        lifecycle,
        phones: phones(columns, record)?,
        vat_number: vat_number(columns, record, &mut warnings)?,
        company_number: number(columns, record, Column::CompanyNumber)?.map(|(_, number)| number),
        name,
        emails,
        country,
        accounts,
        warnings,
    })
}

fn name(columns: &Columns, record: &::csv::StringRecord) -> Result<String, CellError> {
    let (header, name) = columns.cell(record, Column::Name).ok_or_else(|| fault("name", "is empty"))?;
    let mut name = short(header, name)?;
    if !name.chars().any(char::is_alphanumeric) {
        return Err(fault("name", "has no letter or digit"));
    }
    // MYOB's cards of persons.
    if let Some(first) = optional(columns, record, Column::FirstName)? {
        name = short(header, &format!("{first} {name}"))?;
    }
    Ok(name)
}

/// What the reader noticed about cells: nothing of it is guessed away.
fn check_marks(
    columns: &Columns,
    raw: &RawRow,
    country: Option<&str>,
    warnings: &mut Vec<CellError>,
) -> Result<(), CellError> {
    let exact = matches!(country, Some("CA" | "IN" | "NZ"))
        || [Column::TransitNumber, Column::InstitutionNumber, Column::Ifsc]
            .into_iter()
            .any(|column| columns.cell(&raw.cells, column).is_some());
    for (header, column, mark) in columns.marked(raw) {
        let reason = match mark {
            Mark::Broken => "holds an error of the spreadsheet instead of a value",
            Mark::Undecodable => "has characters that are not of the file's encoding: save the file as UTF-8",
            Mark::Rounded if column.is_identifier() => {
                "is a number of more digits than a spreadsheet keeps: format the column as text and enter it again"
            }
            Mark::Date if column.is_identifier() => {
                "is a date: a spreadsheet took the number for one; format the column as text and enter it again"
            }
            Mark::Number if column == Column::AccountNumber && exact => {
                "is a number, and leading zeros may be lost: format the column as text and enter it again"
            }
            Mark::Number if column == Column::Phones => {
                warnings.push(fault(header, "is a number: a leading zero or + may be lost"));
                continue;
            }
            Mark::Number | Mark::Rounded | Mark::Date => continue,
        };
        return Err(fault(header, reason));
    }
    for column in [Column::SupplierId, Column::VatNumber, Column::CompanyNumber, Column::Phones] {
        if let Some((header, _)) = columns.cells(&raw.cells, column).find(|(_, text)| accounts::rounded(text))
        {
            return Err(fault(
                header,
                "has been rounded by a spreadsheet: format the column as text and export again",
            ));
        }
    }
    Ok(())
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
    Ok(text.into_owned())
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

/// The domains that the row names as such.
fn domains(
    columns: &Columns,
    record: &::csv::StringRecord,
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
    Ok(out)
}

/// Where the row names no domain: those of its website and addresses.
fn derived(
    columns: &Columns,
    record: &::csv::StringRecord,
    emails: &[EmailAddress],
    named: &[Domain],
) -> Vec<Domain> {
    let mut out = Vec::new();
    if !named.is_empty() {
        return out;
    }
    let website = columns.cell(record, Column::Website).and_then(|(_, text)| website_domain(text));
    for domain in website.into_iter().chain(emails.iter().map(|email| email.domain().clone())) {
        let usable = !is_shared(&domain) && psl::domain_str(domain.as_str()).is_some();
        if usable && !out.contains(&domain) && out.len() < limits::MAX_SUPPLIER_VALUES {
            out.push(domain);
        }
    }
    out
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
) -> Result<Option<(String, String)>, CellError> {
    let Some((header, text)) = columns.cell(record, column) else { return Ok(None) };
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).take(64).collect();
    if plain.is_empty() || !plain.bytes().any(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    if !(4..=32).contains(&plain.len()) {
        return Err(fault(header, "has the wrong length for such a number"));
    }
    Ok(Some((header.to_owned(), plain)))
}

/// The tax number; an Australian one is checked (ATO: subtract 1 from the first digit, weights, modulus 89).
fn vat_number(
    columns: &Columns,
    record: &::csv::StringRecord,
    warnings: &mut Vec<CellError>,
) -> Result<Option<String>, CellError> {
    let Some((header, plain)) = number(columns, record, Column::VatNumber)? else { return Ok(None) };
    if fold_header(&header) == "abn" && !abn_holds(&plain) {
        warnings.push(fault(&header, "has a wrong check digit; imported as it stands"));
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

/// The state that the row asks for. Ledgers write their own words into such a column: those that only say whether the
/// supplier is in use say nothing about its account.
fn state(columns: &Columns, record: &::csv::StringRecord) -> Result<(AccountState, Lifecycle), CellError> {
    let Some((header, text)) = columns.cell(record, Column::Status) else {
        return Ok((AccountState::Pending, Lifecycle::Active));
    };
    match text.to_ascii_lowercase().as_str() {
        "active" | "enabled" => Ok((AccountState::Pending, Lifecycle::Active)),
        "inactive" | "archived" | "disabled" => Ok((AccountState::Retired, Lifecycle::Archived)),
        text => AccountState::from_name(text)
            .filter(|state| *state != AccountState::Own)
            .map(|state| (state, Lifecycle::Active))
            .ok_or_else(|| fault(header, "is none of pending, verified, retired, blocked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn australian_business_numbers_have_a_check_digit() {
        for (number, holds) in
            [("51824753556", true), ("51824753557", false), ("5182475355", false), ("", false)]
        {
            assert_eq!(abn_holds(number), holds, "{number}");
        }
    }
}
