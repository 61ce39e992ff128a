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
    if has_iban { Ok(None) } else { alone(header, number, bank.country).map(Some) }
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
                          institution_number, or ifsc, or give the iban";
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
fn rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.trim().split_once(['E', 'e']) else { return false };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',');
    digits(mantissa) && digits(exponent.trim_start_matches(['+', '-'])) && exponent.starts_with(['+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(header: &[&str], cells: &[&str], country: Option<&str>) -> Result<Vec<String>, CellError> {
        let header = ::csv::StringRecord::from(header.to_vec());
        let columns = Columns::from_header(&header, 1, &mut Vec::new()).expect("header");
        let read = read(&columns, &::csv::StringRecord::from(cells.to_vec()), country)?;
        Ok(read.accounts.iter().map(|a| format!("{} {}", a.scheme().as_str(), a.reveal())).collect())
    }

    #[test]
    fn every_scheme_and_its_written_forms() {
        type Good<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Option<&'a str>, &'a [&'a str]);
        let rows: &[Good<'_>] = &[
            ("iban", &["iban"], &["GB29 NWBK 6016 1331 9268 19"], None, &["iban GB29NWBK60161331926819"]),
            ("uk", &["sort_code", "account_number"], &["60-16-13", "31926819"], None, &["uk 60161331926819"]),
            (
                "uk and its iban",
                &["iban", "sort_code", "account_number"],
                &["GB29NWBK60161331926819", "601613", "31926819"],
                None,
                &["iban GB29NWBK60161331926819"],
            ),
            (
                "us",
                &["routing_number", "account_number"],
                &["111000025", "123456"],
                None,
                &["us_aba 111000025-123456"],
            ),
            ("au", &["bsb", "account_number"], &["062 000", "12345678"], None, &["au_bsb 062000-12345678"]),
            (
                "ca",
                &["transit_number", "institution_number", "account_number"],
                &["00006", "003", "1234567"],
                None,
                &["ca 00006-003-1234567"],
            ),
            (
                "ca, nine digits",
                &["routing_number", "account_number"],
                &["000300006", "1234567"],
                Some("CA"),
                &["ca 00006-003-1234567"],
            ),
            (
                "in",
                &["ifsc", "account_number"],
                &["HDFC0002854", "123456789012"],
                None,
                &["in_ifsc HDFC0002854-123456789012"],
            ),
            ("nz", &["account_number"], &["01-0242-0100194-00"], None, &["nz 01-0242-0100194-000"]),
            (
                "nz, digits",
                &["account_number"],
                &["010242010019400"],
                Some("NZ"),
                &["nz 01-0242-0100194-000"],
            ),
            (
                "iban as number",
                &["Bank Account Number"],
                &["DE89370400440532013000"],
                None,
                &["iban DE89370400440532013000"],
            ),
            (
                "one cell, GB",
                &["Bank Account Number"],
                &["601613 31926819"],
                Some("GB"),
                &["uk 60161331926819"],
            ),
            (
                "one cell, AU",
                &["Bank Account Number"],
                &["062-000 12345678"],
                Some("AU"),
                &["au_bsb 062000-12345678"],
            ),
            (
                "bank code by country",
                &["Bank Branch No.", "Bank Account No."],
                &["062000", "12345678"],
                Some("AU"),
                &["au_bsb 062000-12345678"],
            ),
            (
                "iban beside a local number",
                &["iban", "account_number"],
                &["DE89370400440532013000", "532013000"],
                None,
                &["iban DE89370400440532013000"],
            ),
            ("nothing", &["iban", "account_number"], &["", ""], None, &[]),
        ];
        for (name, header, cells, country, want) in rows {
            assert_eq!(
                row(header, cells, *country).as_deref(),
                Ok(&*want.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_number() {
        let uk: &[&str] = &["sort_code", "account_number"];
        type Bad<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a str, &'a str);
        let rows: &[Bad<'_>] = &[
            (
                "typo in iban",
                &["iban"],
                &["GB29NWBK60161331926818"],
                "iban",
                "IBAN ••••6818 has wrong check digits (a digit is mistyped or altered)",
            ),
            (
                "short iban",
                &["iban"],
                &["GB29NWBK6016133192681"],
                "iban",
                "IBAN ••••2681 has the wrong length",
            ),
            (
                "zeros lost",
                uk,
                &["70093", "12345678"],
                "sort_code",
                "sort code has the wrong length; a spreadsheet may have dropped leading zeros: format the column as text and export again",
            ),
            (
                "rounded",
                uk,
                &["200000", "1.23457E+11"],
                "account_number",
                "account number has been rounded by a spreadsheet: format the column as text and export again",
            ),
            (
                "long",
                uk,
                &["200000", "123456789"],
                "account_number",
                "account number ••••6789 has the wrong length",
            ),
            (
                "letters",
                uk,
                &["200000", "12O45678"],
                "account_number",
                "account number ••••5678 contains a character that this kind of account never has",
            ),
            ("no number", uk, &["200000", ""], "sort_code", "stands without an account number"),
            (
                "two codes",
                &["sort_code", "bsb", "account_number"],
                &["200000", "062000", "12345678"],
                "account_number",
                "has bank codes of several countries beside it; keep one",
            ),
            (
                "iban of another account",
                &["iban", "sort_code", "account_number"],
                &["GB29NWBK60161331926819", "601613", "31926818"],
                "iban",
                "names another account than the other bank columns of this row",
            ),
            (
                "ifsc",
                &["ifsc", "account_number"],
                &["HDFC1002854", "123456789"],
                "ifsc",
                "IFSC does not have the structure of its country",
            ),
        ];
        for (name, header, cells, column, reason) in rows {
            assert_eq!(row(header, cells, None), Err(((*column).to_owned(), (*reason).to_owned())), "{name}");
        }
    }

    #[test]
    fn a_failed_national_check_digit_warns_only() {
        let header = ::csv::StringRecord::from(vec!["routing_number", "account_number"]);
        let columns = Columns::from_header(&header, 1, &mut Vec::new()).expect("header");
        let read =
            read(&columns, &::csv::StringRecord::from(vec!["112000025", "123456"]), None).expect("imported");
        assert_eq!((read.accounts.len(), read.warnings.len()), (1, 1));
    }
}
