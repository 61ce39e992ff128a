//! The bank cells of one row to accounts in canonical form.
//!
//! Never guesses: what a spreadsheet has rounded or stripped of zeros is refused with the remedy. Texts name the
//! column and at most the last four characters of a number.

use super::columns::{Column, Columns};
use crate::model::account_check::{self, CheckDigits, CheckedAccount};
use crate::model::{Account, AccountError, Scheme};

/// What is wrong with a cell: header as written, reason.
pub(super) type CellError = (String, String);

/// The accounts of a row: usually one; an IBAN and a national form of two different accounts give two.
#[derive(Default)]
pub(super) struct RowAccounts {
    pub(super) accounts: Vec<Account>,
    /// Header and text of each failed national check digit.
    pub(super) warnings: Vec<CellError>,
}

/// Reads the bank cells of a row. `country` (ISO 3166 alpha-2) decides what a number without a name of its own is.
pub(super) fn read(
    columns: &Columns,
    row: &::csv::StringRecord,
    country: Option<&str>,
) -> Result<RowAccounts, CellError> {
    let mut out = RowAccounts::default();
    let iban_cell = columns.cell(row, Column::Iban);
    if let Some((header, text)) = iban_cell {
        let iban = account_check::iban(text).map_err(|error| refuse(header, "IBAN", text, error))?;
        out.accounts.push(iban);
    }
    let bank = Bank::of(columns, row, country);
    let Some(national) = national(&bank, iban_cell.is_some())? else { return Ok(out) };
    if national.check == CheckDigits::Failed {
        let header = bank.code_header();
        out.warnings.push((header, "has a wrong check digit; imported as it stands".to_owned()));
    }
    let same = |iban: &Account| iban.comparison_key() == national.account.comparison_key();
    match out.accounts.first() {
        Some(iban) if same(iban) => {}
        Some(iban) if iban.country() == national.account.country() => {
            let (header, _) = iban_cell.unwrap_or_default();
            return Err((
                header.to_owned(),
                "names another account than the other bank columns of this row".to_owned(),
            ));
        }
        _ => out.accounts.push(national.account),
    }
    Ok(out)
}

/// The national bank cells of a row: header and text.
struct Bank<'r> {
    country: Option<&'r str>,
    number: Option<(&'r str, &'r str)>,
    sort_code: Option<(&'r str, &'r str)>,
    routing: Option<(&'r str, &'r str)>,
    bsb: Option<(&'r str, &'r str)>,
    transit: Option<(&'r str, &'r str)>,
    institution: Option<(&'r str, &'r str)>,
    ifsc: Option<(&'r str, &'r str)>,
    bic: Option<(&'r str, &'r str)>,
}

impl<'r> Bank<'r> {
    fn of(columns: &'r Columns, row: &'r ::csv::StringRecord, country: Option<&'r str>) -> Self {
        let cell = |column| columns.cell(row, column);
        let mut bank = Self {
            country,
            number: cell(Column::AccountNumber),
            sort_code: cell(Column::SortCode),
            routing: cell(Column::RoutingNumber),
            bsb: cell(Column::Bsb),
            transit: cell(Column::TransitNumber),
            institution: cell(Column::InstitutionNumber),
            ifsc: cell(Column::Ifsc),
            bic: cell(Column::Bic),
        };
        // A bank code without a name of its own is what the country has.
        if let Some(code) = cell(Column::BankCode) {
            let place = match country {
                Some("GB") => &mut bank.sort_code,
                Some("AU") => &mut bank.bsb,
                Some("US") => &mut bank.routing,
                Some("CA") => &mut bank.transit,
                Some("IN") => &mut bank.ifsc,
                _ => return bank,
            };
            *place = place.or(Some(code));
        }
        bank
    }

    fn codes(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        [self.sort_code, self.routing, self.bsb, self.transit, self.institution, self.ifsc]
            .into_iter()
            .flatten()
    }

    fn code_header(&self) -> String {
        self.codes().next().or(self.number).map_or("", |(header, _)| header).to_owned()
    }
}

/// The national account of a row, if there is one. Where an IBAN stands beside them, bank cells that make no account
/// by themselves (a German bank code, say) are left alone: the IBAN says it all.
fn national(bank: &Bank<'_>, has_iban: bool) -> Result<Option<CheckedAccount>, CellError> {
    let Some((header, number)) = bank.number else {
        return match bank.codes().next() {
            Some((code, _)) if !has_iban => {
                Err((code.to_owned(), "stands without an account number".to_owned()))
            }
            _ => Ok(None),
        };
    };
    let kinds = [bank.sort_code, bank.routing, bank.bsb, bank.transit, bank.ifsc];
    if kinds.iter().flatten().count() > 1 {
        return Err((
            header.to_owned(),
            "has bank codes of several countries beside it; keep one".to_owned(),
        ));
    }
    let build = |made: Result<CheckedAccount, AccountError>, code: (&str, &str), kind: &str| {
        made.map(Some).map_err(|error| blame(error, code, kind, (header, number)))
    };
    if let Some(code) = bank.sort_code {
        return build(account_check::uk(code.1, number), code, "sort code");
    }
    if let Some(code) = bank.bsb {
        return build(account_check::au(code.1, number), code, "BSB");
    }
    if let Some(code) = bank.ifsc {
        return build(account_check::india(code.1, number), code, "IFSC");
    }
    if let Some(code) = bank.routing.or(bank.transit) {
        return routed(bank, code, number)
            .map(Some)
            .map_err(|(error, kind)| blame(error, code, kind, (header, number)));
    }
    if has_iban {
        return Ok(None);
    }
    if let Some(code) = bank.bic.filter(|code| decides(code.1)) {
        return build(account_check::bic(code.1, number), code, "BIC");
    }
    alone(header, number, bank.country).map(Some)
}

/// A routing number (United States) or a transit number (Canada): nine digits may be either, the Canadian ones then
/// being zero, institution, transit as in electronic payments.
fn routed(
    bank: &Bank<'_>,
    code: (&str, &str),
    number: &str,
) -> Result<CheckedAccount, (AccountError, &'static str)> {
    let plain = account_check::digits(code.1).map_err(|error| (error, "bank code"))?;
    if let Some((_, institution)) = bank.institution {
        return account_check::ca(&plain, institution, number)
            .map_err(|error| (error, "transit or institution number"));
    }
    match (bank.country, plain.len(), plain.get(1..4), plain.get(4..9), plain.get(..5), plain.get(5..)) {
        (Some("CA"), 9, Some(institution), Some(transit), _, _) if plain.starts_with('0') => {
            account_check::ca(transit, institution, number).map_err(|error| (error, "routing number"))
        }
        (Some("CA"), 8, _, _, Some(transit), Some(institution)) => {
            account_check::ca(transit, institution, number).map_err(|error| (error, "transit number"))
        }
        _ => account_check::us(&plain, number).map_err(|error| (error, "routing number")),
    }
}

/// Whether a BIC and a number are all that its country has: neither IBANs nor a scheme of its own.
fn decides(bic: &str) -> bool {
    let country = bic.trim().get(4..6).map(str::to_ascii_uppercase).unwrap_or_default();
    !country.is_empty() && !account_check::has_own_form(&country)
}

/// A number without any bank code: an IBAN, a New Zealand account, or bank code and account in one cell.
fn alone(header: &str, text: &str, country: Option<&str>) -> Result<CheckedAccount, CellError> {
    let compact = account_check::compact(text).unwrap_or_default();
    if compact.get(..2).is_some_and(|c| c.bytes().all(|b| b.is_ascii_uppercase())) {
        let account =
            account_check::iban(text).map_err(|error| refuse(header, "account number", text, error))?;
        return Ok(CheckedAccount { account, check: CheckDigits::None });
    }
    if country == Some("NZ") || country.is_none() && looks_like_nz(text) {
        return account_check::nz(text)
            .map_err(|error| refuse(header, "New Zealand account number", text, error));
    }
    if rounded(text) {
        return Err(refuse(header, "account number", text, AccountError::Character));
    }
    if country == Some("MX") || account_check::clabe_holds(&compact) {
        return account_check::clabe(text).map_err(|error| refuse(header, "CLABE", text, error));
    }
    let split = |at: usize| compact.split_at_checked(at).unwrap_or((&compact, ""));
    let made = match country {
        Some("GB") if compact.len() == 14 => Some((Scheme::Uk, split(6))),
        Some("AU") if compact.len() > 9 => Some((Scheme::AuBsb, split(6))),
        Some("US") if compact.len() > 12 => Some((Scheme::UsAba, split(9))),
        _ => None,
    };
    match made {
        Some((Scheme::Uk, (code, number))) => account_check::uk(code, number),
        Some((Scheme::AuBsb, (code, number))) => account_check::au(code, number),
        Some((_, (code, number))) => account_check::us(code, number),
        None => {
            let reason = "stands without a bank code: add sort_code, routing_number, bsb, transit_number and \
                          institution_number, ifsc, or bic, or give the iban";
            return Err((header.to_owned(), reason.to_owned()));
        }
    }
    .map_err(|error| refuse(header, "account number", text, error))
}

/// `bb-bbbb-aaaaaaa-ss`: no other scheme is written in four groups of these lengths.
fn looks_like_nz(text: &str) -> bool {
    let lengths: Vec<usize> =
        text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|l| *l > 0).take(5).collect();
    matches!(*lengths.as_slice(), [2, 4, 7 | 8, 2 | 3])
}

/// Which of the two cells is wrong, and the words for it.
fn blame(error: AccountError, code: (&str, &str), kind: &str, number: (&str, &str)) -> CellError {
    let number_error = account_check::digits(number.1).err();
    let code_length = account_check::compact(code.1).map_or(0, |c| c.len());
    let code_wrong = match kind {
        "sort code" | "BSB" => code_length != 6 || account_check::digits(code.1).is_err(),
        "routing number" => code_length != 9 || account_check::digits(code.1).is_err(),
        "IFSC" => code_length != 11 || error == AccountError::Structure,
        "BIC" => !matches!(code_length, 8 | 11) || error == AccountError::Structure,
        "bank code" => true,
        _ => {
            number_error.is_none()
                && !(4..=12).contains(&account_check::compact(number.1).map_or(0, |c| c.len()))
        }
    };
    if code_wrong {
        return refuse_code(code.0, kind, code.1, error);
    }
    refuse(number.0, "account number", number.1, number_error.unwrap_or(error))
}

/// As [`refuse`], for a bank code: short, so that no digit of it is repeated.
fn refuse_code(header: &str, kind: &str, text: &str, error: AccountError) -> CellError {
    let zeros =
        error == AccountError::Length && matches!(kind, "sort code" | "BSB" | "routing number" | "bank code");
    let remedy = if rounded(text) {
        "has been rounded by a spreadsheet: format the column as text and export again".to_owned()
    } else if zeros {
        format!(
            "{error}; a spreadsheet may have dropped leading zeros: format the column as text and export again"
        )
    } else {
        error.to_string()
    };
    (header.to_owned(), format!("{kind} {remedy}"))
}

fn refuse(header: &str, kind: &str, text: &str, error: AccountError) -> CellError {
    let compact = account_check::compact(text).unwrap_or_default();
    let tail = compact.len().checked_sub(4).filter(|rest| *rest >= 4).and_then(|at| compact.get(at..));
    let which = tail.map_or_else(String::new, |tail| format!(" ••••{tail}"));
    let reason = if rounded(text) {
        format!("{kind} has been rounded by a spreadsheet: format the column as text and export again")
    } else {
        format!("{kind}{which} {error}")
    };
    (header.to_owned(), reason)
}

/// `1.23457E+11`: what a spreadsheet leaves of a long number.
pub(super) fn rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.trim().split_once(['E', 'e']) else { return false };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',');
    digits(mantissa) && digits(exponent.trim_start_matches(['+', '-'])) && exponent.starts_with(['+', '-'])
}

#[cfg(test)]
mod tests;
