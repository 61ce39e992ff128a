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
        (
            "bic",
            &["bic", "account_number"],
            &["HSBCHKHHHKH", "123-456789-838"],
            Some("HK"),
            &["bic HSBCHKHH-123456789838"],
        ),
        ("clabe", &["account_number"], &["002 010 07777777777 1"], None, &["mx_clabe 002010077777777771"]),
        ("nz", &["account_number"], &["01-0242-0100194-00"], None, &["nz 01-0242-0100194-000"]),
        ("nz, digits", &["account_number"], &["010242010019400"], Some("NZ"), &["nz 01-0242-0100194-000"]),
        (
            "iban as number",
            &["Bank Account Number"],
            &["DE89370400440532013000"],
            None,
            &["iban DE89370400440532013000"],
        ),
        ("one cell, GB", &["Bank Account Number"], &["601613 31926819"], Some("GB"), &["uk 60161331926819"]),
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
        ("short iban", &["iban"], &["GB29NWBK6016133192681"], "iban", "IBAN ••••2681 has the wrong length"),
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
