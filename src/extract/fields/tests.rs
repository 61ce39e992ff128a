//! Tables of written forms and of traps, per kind of value.

use super::View;
use crate::model::{PartKind, PaymentClaims, Place};
use proptest::prelude::*;

pub(super) fn claims(text: &str) -> PaymentClaims {
    let place = Place::of(PartKind::Body, 0);
    let view = View::new(text, place);
    let mut claims = PaymentClaims::default();
    super::read(text, &view, &mut claims);
    claims
}

fn accounts(text: &str) -> Vec<(String, Option<bool>)> {
    claims(text).accounts.iter().map(|c| (c.account.reveal().to_owned(), c.valid)).collect()
}

/// Name, text, the accounts in it with their validity.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, Option<bool>)]);

fn check(rows: &[Row<'_>]) {
    for (name, text, expected) in rows {
        let expected: Vec<(String, Option<bool>)> =
            expected.iter().map(|(a, v)| ((*a).to_owned(), *v)).collect();
        assert_eq!(accounts(text), expected, "{name}: {text:?}");
    }
}

const GB: (&str, Option<bool>) = ("GB29NWBK60161331926819", Some(true));

#[test]
fn ibans_as_written() {
    check(&[
        ("compact", "GB29NWBK60161331926819", &[GB]),
        ("groups", "IBAN: GB29 NWBK 6016 1331 9268 19.", &[GB]),
        ("no-break spaces", "GB29\u{a0}NWBK\u{a0}6016\u{a0}1331\u{a0}9268\u{a0}19", &[GB]),
        ("thin spaces", "GB29\u{2009}NWBK\u{2009}6016\u{2009}1331\u{2009}9268\u{2009}19", &[GB]),
        ("dots", "GB29.NWBK.6016.1331.9268.19", &[GB]),
        ("hyphens", "GB29-NWBK-6016-1331-9268-19", &[GB]),
        ("lower case behind a label", "iban gb29nwbk60161331926819", &[GB]),
        ("line break", "GB29 NWBK 6016\r\n1331 9268 19", &[GB]),
        ("quoted line break", "> IBAN GB29 NWBK 6016\n> 1331 9268 19", &[GB]),
        ("table cells", "GB29\tNWBK\t6016\t1331\t9268\t19", &[GB]),
        ("glued label", "IBANGB29NWBK60161331926819", &[GB]),
        ("zero width", "GB29\u{200b}NWBK6016133\u{200d}1926819", &[GB]),
        ("full width", "ＧＢ２９ＮＷＢＫ６０１６１３３１９２６８１９", &[GB]),
        ("cyrillic letters", "IBAN GВ29NWВК60161331926819", &[GB]),
        ("letter O for zero", "IBAN GB29NWBK6O161331926819", &[GB]),
        ("arabic digits", "GB٢٩NWBK٦٠١٦١٣٣١٩٢٦٨١٩", &[GB]),
        ("brackets", "(GB29NWBK60161331926819)", &[GB]),
        ("spanish grouping", "ES 58 0049 0290 3424 1352 8341", &[("ES5800490290342413528341", Some(true))]),
        ("spanish hyphens", "ES15-0049-1806-9121-1186-9374", &[("ES1500491806912111869374", Some(true))]),
        ("belgian", "BE68 5390 0754 7034", &[("BE68539007547034", Some(true))]),
        ("norwegian", "NO93 8601 1117 947", &[("NO9386011117947", Some(true))]),
        ("maltese", "MT84MALT011000012345MTLCAST001S", &[("MT84MALT011000012345MTLCAST001S", Some(true))]),
        ("pakistani", "PK36SCBL0000001123456702", &[("PK36SCBL0000001123456702", Some(true))]),
        (
            "unregistered",
            "IBAN MA64011519000001205000534921",
            &[("MA64011519000001205000534921", Some(true))],
        ),
        ("slashes", "IBAN: GB29/NWBK/6016/1331/9268/19", &[GB]),
        ("bullets", "GB29 • NWBK • 6016 • 1331 • 9268 • 19", &[GB]),
        ("brackets around groups", "IBAN [GB29][NWBK][6016][1331][9268][19]", &[GB]),
        ("underlined", "G\u{332}B\u{332}29NWBK60161331926819", &[GB]),
        ("circled digits", "GB②⑨NWBK60161331926819", &[GB]),
        ("small capitals", "IBAN ɢʙ29ɴᴡʙᴋ60161331926819", &[GB]),
        ("turned around", "IBAN \u{202e}91862913316106KBWN92BG\u{202c}", &[GB]),
        ("small letters without a label", "pay gb29 nwbk 6016 1331 9268 19", &[GB]),
        (
            "many digits in small letters",
            "pay de89 3704 0044 0532 0130 00",
            &[("DE89370400440532013000", Some(true))],
        ),
        ("glued to a word", "KtoGB29NWBK60161331926819", &[GB]),
        ("glued to another script", "账号GB29NWBK60161331926819", &[GB]),
        ("a word glued on", "IBAN:GB29NWBK60161331926819BIC:NWBKGB2L", &[GB]),
        ("behind a creditor identifier", "Creditor ID DE98ZZZ09999999999 GB29NWBK60161331926819", &[GB]),
        ("in a link to pay", "payto://iban/GB29NWBK60161331926819?amount=1", &[GB]),
        ("no link", "IBAN://GB29 NWBK 6016 1331 9268 19", &[GB]),
        (
            "another structure than the registry's, behind a label",
            "IBAN DZ3512341234123412341234",
            &[("DZ3512341234123412341234", Some(true))],
        ),
        (
            "two",
            "GB29NWBK60161331926819 DE89370400440532013000 GB29 NWBK 6016 1331 9268 19",
            &[GB, ("DE89370400440532013000", Some(true))],
        ),
        (
            "wrong check digits behind a label",
            "IBAN: DE88370400440532013000",
            &[("DE88370400440532013000", Some(false))],
        ),
    ]);
}

#[test]
fn what_is_no_iban() {
    check(&[
        ("wrong check digits", "GB82 WEST 1234 5698 7654 33", &[]),
        ("length", "GL89647100010002067", &[]),
        ("too short", "XX431234", &[]),
        ("words", "DE12345 Beispielstadt Be", &[]),
        ("article list", "NE20 x 150g Becher Schoko 20 x 150g", &[]),
        ("address", "DE37 Tor 1 DE12347 Metalls", &[]),
        ("phone", "DE75 645 Frankfurt Telefo", &[]),
        ("structure", "GE12412345678910111213", &[]),
        ("creditor reference", "RF18 5390 0754 7034", &[]),
        ("creditor identifier", "Gläubiger-ID: DE98ZZZ09999999999", &[]),
        ("inside a word", "XGB29NWBK60161331926819", &[]),
        ("longer", "GB29NWBK601613319268190", &[]),
        ("url", "https://x.test/GB29/NWBK/60161331926819", &[]),
        ("joined over a url", "GB29 NWBK https://x.test 6016 1331 9268 19", &[]),
    ]);
}

const UK: (&str, Option<bool>) = ("20000055779911", None);

#[test]
fn sort_codes_as_written() {
    check(&[
        ("BSB in the head of a table", "BSB\tAccount number\n062345\t12345678", &[("062345-12345678", None)]),
        ("dashes", "Sort code: 20-00-00 Account number: 55779911", &[UK]),
        ("groups over the end of a line", "Sort code: 20-00-00, A/c no: 5577\n9911", &[UK]),
        ("pairs over the end of a line", "Sort code: 20-00-00, A/c no: 55 77\n99 11", &[UK]),
        ("a customer's, they say", "Sort code 20-00-00\nCustomer account number 55779911", &[UK]),
        ("another number's customer", "Sort code 20-00-00, quoting your account number 55779911", &[]),
        (
            "a bank's branch",
            "Our bank's branch code is 200000 and our account number is 55779911. (IBAN: DE89 3704 0044 0532 0130 00)",
            &[("DE89370400440532013000", Some(true)), UK],
        ),
        ("rows of other numbers", "Sort code: 20-00-00\nAccount no:\n5577\n9911", &[]),
        ("spaces", "Sort Code 20 00 00, Account No. 55779911", &[UK]),
        ("compact", "sort code 200000 acc no 55779911", &[UK]),
        ("en dash", "Sort code 20–00–00\nAccount 55779911", &[UK]),
        ("abbreviations", "S/C 20-00-00 A/C 55779911", &[UK]),
        ("account first", "Account number 55779911\nSort code 20-00-00", &[UK]),
        ("next lines", "Sort Code:\n20-00-00\nAccount Number:\n55779911", &[UK]),
        ("columns", "Sort code\tAccount number\n20-00-00\t55779911", &[UK]),
        (
            "columns, account first",
            "Account name\tAccount number\tSort code\nAcme Ltd\t55779911\t20-00-00",
            &[UK],
        ),
        (
            "further columns",
            "Bank\tSort code\tAccount no\tInvoice no\nHSBC\t20-00-00\t55779911\t1234567",
            &[UK],
        ),
        ("no label, code behind", "Please use 55779911 (20-00-00) from now on", &[UK]),
        ("a date behind a number", "Invoice 55779911 (20-11-24) is due", &[]),
        ("glued", "sort code:20-00-00account number:55779911", &[UK]),
        ("behind the code", "20-00-00 (sort code) 55779911 (account number)", &[UK]),
        ("under one label", "Account: 20-00-00 55779911", &[UK]),
        ("without a label", "Barclays, 20-00-00, 55779911", &[UK]),
        ("announced as bank details", "BACS: 11-12-13 55779911", &[("11121355779911", None)]),
        ("slashes", "Sort code 20/00/00 account 55779911", &[UK]),
        ("two hyphens", "Sort code 20--00--00 account 55779911", &[UK]),
        ("cells", "Sort code\t20\t00\t00\tAccount\t5577\t9911", &[UK]),
        ("digit by digit", "Sort code 2 0 0 0 0 0 account 5 5 7 7 9 9 1 1", &[UK]),
        ("glued labels", "SC200000 AC55779911", &[UK]),
        ("everything glued", "Sortcode:200000Account:55779911", &[UK]),
        ("names of fields", "Sort_code: 20_00_00 Account_number: 55779911", &[UK]),
        ("other scripts", "Sоrt cоde 20-00-00 аccount numbеr 55779911", &[UK]),
        ("other labels", "Sorting code 20-00-00, S.C. no", &[]),
        ("sorting code", "Sorting code 20-00-00, a/c 55779911", &[UK]),
        ("slash", "Sort code / Account: 20-00-00 / 55779911", &[UK]),
        ("grouped account", "Sort code 20-00-00 Account 5577 9911", &[UK]),
        ("seven digits", "Sort code 20-00-00 Account number 5779911", &[("20000005779911", None)]),
        ("six digits", "Sort code 20-00-00 Account number 579911", &[("20000000579911", None)]),
        ("ten digits", "Sort code 60-00-00 Account number 0155779911", &[("60000055779911", None)]),
        (
            "ten digits, co-operative",
            "Sort code 08-00-00 Account number 5577991100",
            &[("08000055779911", None)],
        ),
        ("nine digits", "Sort code 09-01-20 Account number 655779911", &[("09012655779911", None)]),
        (
            "two pairs",
            "Sort code 20-00-00 Account 55779911\nSort code 60-16-13 Account 31926819",
            &[UK, ("60161331926819", None)],
        ),
        (
            "two pairs, account first",
            "Account 55779911 Sort code 20-00-00\nAccount 31926819 Sort code 60-16-13",
            &[UK, ("60161331926819", None)],
        ),
        (
            "with iban",
            "Sort code 60-16-13 Account 31926819 IBAN GB29NWBK60161331926819",
            &[GB, ("60161331926819", None)],
        ),
    ]);
}

#[test]
fn what_is_no_sort_code() {
    check(&[
        ("date", "20-10-24 account 55779911", &[]),
        ("no account", "Sort code 20-00-00", &[]),
        ("phone", "Sort code 20-00-00 Tel: 020 7946 0018", &[]),
        (
            "signature",
            "Tel: 020 7946 0018 | Company No. 01234567 | VAT No. GB980780684 | Account manager 07700 900123",
            &[],
        ),
        ("vat", "Sort code 20-00-00. VAT no 980780684", &[]),
        ("invoice number", "Sort code 20-00-00, invoice 10023456", &[]),
        ("no sort code", "Your account number with us is 12345678", &[]),
        ("dates only", "Invoice date 12-05-24 due date 12-06-24 ref 12345678", &[]),
    ]);
}

#[test]
fn accounts_of_other_countries() {
    check(&[
        (
            "us",
            "Routing number: 111000025 Account number: 0012345678",
            &[("111000025-0012345678", Some(true))],
        ),
        (
            "us, wrong check digit",
            "ABA 111000026\nAccount # 123456789",
            &[("111000026-123456789", Some(false))],
        ),
        ("us, unlabelled", "111000025 account 0012345678", &[]),
        ("au", "BSB: 082-082 Account number: 012345678", &[("082082-012345678", None)]),
        (
            "au, a postcode in the next column",
            "High Street 1 BSB 033-278\n12345 Town Account no 177470168",
            &[("033278-177470168", None)],
        ),
        ("au, a postcode alone", "High Street 1 BSB 033-278\n12345 Town", &[]),
        ("au, spaces", "BSB 062 000\nAcc No 1234 5678", &[("062000-12345678", None)]),
        ("nz", "Bank account: 01-0242-0100194-00", &[("01-0242-0100194-000", Some(true))]),
        ("nz, wrong", "Account 01-0242-0100195-00", &[("01-0242-0100195-000", Some(false))]),
        ("ca", "Transit 00006 Institution 003 Account 1234567", &[("00006-003-1234567", None)]),
        (
            "ca, electronic",
            "Institution no: 0003, transit no: 00006, account no: 1234567",
            &[("00006-003-1234567", None)],
        ),
        ("in", "IFSC: HDFC0002854, A/C No: 50100012345678", &[("HDFC0002854-50100012345678", None)]),
        ("in, no code", "IFSC PUNBX000000 Account 50100012345678", &[]),
    ]);
}

#[test]
fn amounts() {
    for (text, expected) in [
        ("Total £1,234.50", "1234.50 GBP"),
        ("GBP 1,234.50", "1234.50 GBP"),
        ("EUR 1.234,50", "1234.50 EUR"),
        ("1 234,50 €", "1234.50 EUR"),
        ("1.234,50 EUR", "1234.50 EUR"),
        ("CHF 1'234.50", "1234.50 CHF"),
        ("$5", "5.00 USD"),
        ("A$12.5", "12.50 AUD"),
        ("£1,234,567", "1234567.00 GBP"),
        ("-£5.00", "5.00 GBP"),
        ("2 units at £10.00", "10.00 GBP"),
        ("£", ""),
        ("EUROPE 12", ""),
        ("£99999999999999999999", ""),
    ] {
        let found: Vec<String> =
            claims(text).amounts.iter().map(|m| format!("{} {}", m.decimal(), m.currency)).collect();
        assert_eq!(found.join(","), expected, "{text}");
    }
}

#[test]
fn invoice_numbers() {
    for (text, expected) in [
        ("Invoice No: INV-10023", "INV-10023"),
        ("Invoice 2024-004711 for your order", "2024-004711"),
        ("INVOICE NUMBER\n100234", "100234"),
        ("Rechnungsnummer RE/2024/0815", "RE/2024/0815"),
        ("Facture n° F2024-118", "F2024-118"),
        ("Faktura nr FV/12/2024", "FV/12/2024"),
        ("invoice #4711.", "4711"),
        ("invoice dated 18.11.2024", ""),
        ("invoice 18.11.2024", ""),
        ("your invoice is attached", ""),
        ("invoice for £120", ""),
    ] {
        assert_eq!(claims(text).invoice_numbers.join(","), expected, "{text}");
    }
}

#[test]
fn due_dates() {
    for (text, expected) in [
        ("Due date: 18/12/2024", Some("2024-12-18")),
        ("Payment due by 18 December 2024", Some("2024-12-18")),
        ("due on December 18, 2024", Some("2024-12-18")),
        ("DUE DATE 2024-12-18", Some("2024-12-18")),
        ("pay by 18th Dec 24", Some("2024-12-18")),
        ("Fällig am 18.12.2024", Some("2024-12-18")),
        ("Échéance : 18 décembre 2024", Some("2024-12-18")),
        ("fecha de vencimiento: 18 de diciembre de 2024", Some("2024-12-18")),
        ("termin płatności: 18 grudnia 2024", Some("2024-12-18")),
        ("due date 12/18/2024", Some("2024-12-18")),
        ("due date 31/02/2024", None),
        ("due to 12 reasons", None),
        ("date 18/12/2024", None),
    ] {
        assert_eq!(claims(text).due_date.as_deref(), expected, "{text}");
    }
}

#[test]
fn registrations() {
    for (text, tax, company) in [
        ("VAT No: GB 980 7806 84", "GB980780684", ""),
        ("VAT reg no 980780684", "GB980780684", ""),
        ("VAT 802311781", "", ""),
        ("USt-IdNr.: DE136695976", "DE136695976", ""),
        ("TVA: FR40303265045", "FR40303265045", ""),
        ("Company No. 01234567", "", "01234567"),
        ("Registered in England and Wales No. 1234567", "", "01234567"),
        ("Company number: SC123456. VAT number: GB980780684.", "GB980780684", "SC123456"),
        ("VAT at 20% is 100.00", "", ""),
        ("registration number 12", "", ""),
    ] {
        let found = claims(text);
        assert_eq!(
            (found.tax_numbers.join(","), found.company_numbers.join(",")),
            (tax.into(), company.into()),
            "{text}"
        );
    }
}

#[test]
fn hostile_text_is_read_in_linear_time() {
    for unit in [
        "sort code ",
        "account 12345678 ",
        "GB29 NWBK ",
        "GB29",
        "20-00-00 ",
        "invoice-",
        "£1",
        "1 234 ",
        "IBAN ",
        "routing ",
        "sort code 20-00-00 account 12345678 ",
        "due ",
        "vat ",
        "\u{202e}",
        "é",
        "1-",
        "://",
        "bsb 062-000 ",
    ] {
        let text = unit.repeat(400_000 / unit.len());
        assert!(claims(&text).accounts.len() <= crate::limits::MAX_ACCOUNTS, "{unit}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(sort code|account|iban|GB29|20-00-00|bsb|vat|due|invoice|£|€|:|-| |\t|\n|[0-9]|\\PC){0,60}") {
        claims(&text);
    }

    #[test]
    fn a_valid_iban_survives_any_separator(gaps in prop::collection::vec("[ .\t\n-]?", 21)) {
        let mut text = String::from("IBAN: ");
        for (c, gap) in "GB29NWBK60161331926819".chars().zip(gaps.into_iter().chain([String::new()])) {
            text.push(c);
            text.push_str(&gap);
        }
        prop_assert_eq!(accounts(&text), vec![(GB.0.to_owned(), GB.1)]);
    }
}
