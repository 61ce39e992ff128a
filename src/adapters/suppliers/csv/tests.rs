use super::*;
use crate::adapters::suppliers::export;
use crate::model::AccountState;
use proptest::prelude::*;

fn read(text: &str) -> ParsedSuppliers {
    parse(text.as_bytes(), ParseOptions::default())
}

/// Everything that a test cares about, one line a supplier.
fn summary(parsed: &ParsedSuppliers) -> Vec<String> {
    let line = |s: &SupplierRecord| {
        let accounts: Vec<String> =
            s.accounts.iter().map(|a| format!("{}:{}", a.account.reveal(), a.state.as_str())).collect();
        let domains: Vec<&str> = s.domains.iter().map(|d| d.as_str()).collect();
        format!("{} {} [{}] [{}]", s.id, s.name, domains.join(" "), accounts.join(" "))
    };
    parsed.suppliers.iter().map(line).collect()
}

#[test]
fn canonical_columns_all_filled() {
    let parsed = read(
        "supplier_id,name,aliases,domains,emails,phones,vat_number,company_number,country,iban,bic,sort_code,account_number,routing_number,bsb,transit_number,institution_number,ifsc,account_name,status\n\
         S1,Acme Ltd,Acme Trading|ACME,acme.co.uk|acme.com,billing@acme.co.uk,+44 20 7946 0018,GB980780684,01234567,GB,GB29NWBK60161331926819,NWBKGB2L,60-16-13,31926819,,,,,,Acme Ltd,verified\n",
    );
    assert_eq!(parsed.errors, []);
    let [acme] = parsed.suppliers.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(acme.aliases, ["Acme Trading", "ACME"]);
    assert_eq!(acme.phones, ["+44 20 7946 0018"]);
    assert_eq!(acme.vat_number.as_deref(), Some("GB980780684"));
    assert_eq!(acme.accounts[0].bic.as_deref(), Some("NWBKGB2L"));
    assert_eq!(acme.accounts[0].account_name.as_deref(), Some("Acme Ltd"));
    assert_eq!(summary(&parsed), ["S1 Acme Ltd [acme.co.uk acme.com] [GB29NWBK60161331926819:verified]"]);
}

#[test]
fn exports_of_ledgers_are_recognised() {
    let rows = [
        (
            "Xero",
            "*ContactName,AccountNumber,EmailAddress,PhoneNumber,BankAccountName,BankAccountNumber,TaxNumber,Website,CompanyNumber\n\
             Acme Pty Ltd,ACM01,ap@acme.com.au,02 9999,Acme,082-082 012345678,51 824 753 556,https://www.acme.com.au/x,\n\
             Kiwi,,,,,01-0242-0100194-00,,,\n",
            vec![
                "error 2: stands without a bank code: add sort_code, routing_number, bsb, transit_number and institution_number, or ifsc, or give the iban",
                "line:3 Kiwi [] [01-0242-0100194-000:pending]",
            ],
        ),
        (
            "QuickBooks",
            "Vendor,Company,Email,Phone,Account No.,Country\nAcme,Acme Incorporated,ap@acme.com,1,OUR-7,USA\n",
            vec!["line:2 Acme [acme.com] []"],
        ),
        (
            "MYOB",
            "{}\nCo./Last Name\tCard ID\tEmail\tEmail\tA.B.N.\tBSB\tAccount Number\tAccount Name\nAcme Pty\tC1\tap@acme.com.au\tother@acme.com.au\t51824753556\t062-000\t12345678\tAcme\n",
            vec!["C1 Acme Pty [acme.com.au] [062000-12345678:pending]"],
        ),
        (
            "Sage",
            "A/C;Name;E-mail;Telephone;Sort Code;Account Number;BIC;IBAN\nACME01;Acme;a@acme.co.uk;1;601613;31926819;;\n",
            vec!["ACME01 Acme [acme.co.uk] [60161331926819:pending]"],
        ),
        (
            "Business Central",
            "No.,Name,E-Mail,Phone No.,VAT Registration No.,Country/Region Code,Bank Branch No.,Bank Account No.,IBAN,SWIFT Code\n\
             V10000,Acme,a@acme.de,1,DE123456789,DE,10050000,532013000,DE89 3704 0044 0532 0130 00,COBADEFFXXX\n\
             V20000,Beta,a@beta.co.uk,1,,GB,601613,31926819,,\n",
            vec![
                "V10000 Acme [acme.de] [DE89370400440532013000:pending]",
                "V20000 Beta [beta.co.uk] [60161331926819:pending]",
            ],
        ),
    ];
    for (name, text, want) in rows {
        let parsed = read(text);
        let mut got: Vec<String> =
            parsed.errors.iter().map(|e| format!("error {}: {}", e.line, e.reason)).collect();
        got.extend(summary(&parsed));
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_sage_50_file_without_header_is_read_by_position() {
    let mut cells = vec![""; 42];
    for (at, text) in [
        (0, "ACME01"),
        (1, "Acme Ltd"),
        (8, "0207"),
        (14, "GB980780684"),
        (26, "a@acme.co.uk"),
        (38, "601613"),
        (39, "31926819"),
    ] {
        cells[at] = text;
    }
    let parsed = read(&format!("{}\n", cells.join(",")));
    assert_eq!(parsed.errors, []);
    assert_eq!(summary(&parsed), ["ACME01 Acme Ltd [acme.co.uk] [60161331926819:pending]"]);
}

#[test]
fn rows_of_one_supplier_fold_and_others_do_not() {
    let rows = [
        (
            "by id",
            "supplier_id,name,iban\nS1,Acme,GB29NWBK60161331926819\nS1,Acme,DE89370400440532013000\n",
            1,
            2,
        ),
        (
            "by tax number",
            "name,vat_number,iban\nAcme,GB980780684,GB29NWBK60161331926819\nAcme UK,980780684,DE89370400440532013000\n",
            1,
            2,
        ),
        (
            "by name alone",
            "name,iban\nAcme Ltd,GB29NWBK60161331926819\nACME Limited,DE89370400440532013000\n",
            1,
            2,
        ),
        ("by name and domain", "name,domains\nAcme,acme.com\nAcme,acme.com|acme.de\n", 1, 0),
        ("same name, other domain", "name,domains\nAcme,acme.com\nAcme,acme.fr\n", 2, 0),
        ("same name, other tax number", "name,vat_number\nAcme,GB980780684\nAcme,GB111111111\n", 2, 0),
        ("same name, other id", "supplier_id,name\nS1,Acme\nS2,Acme\n", 2, 0),
        ("id given later", "supplier_id,name,domains\n,Acme,acme.com\nS1,Acme,acme.com\n", 1, 0),
        (
            "same account twice",
            "name,iban,sort_code,account_number\nAcme,GB29NWBK60161331926819,,\nAcme,,601613,31926819\n",
            1,
            1,
        ),
    ];
    for (name, text, suppliers, accounts) in rows {
        let parsed = read(text);
        assert_eq!(parsed.errors, [], "{name}");
        assert_eq!((parsed.suppliers.len(), parsed.accounts), (suppliers, accounts), "{name}");
    }
    let ambiguous = read("supplier_id,name\nS1,Acme\nS2,Acme\n,Acme\n");
    assert_eq!((ambiguous.rejected, ambiguous.errors[0].line), (1, 4));
}

#[test]
fn statuses() {
    let text = "name,iban,status\nA,GB29NWBK60161331926819,\nB,DE89370400440532013000,Retired\nC,NL91ABNA0417164300,blocked\nD,NO9386011117947,verified\n";
    let states = |verified| {
        let parsed = parse(text.as_bytes(), ParseOptions { verified });
        parsed.suppliers.iter().map(|s| s.accounts[0].state).collect::<Vec<_>>()
    };
    use AccountState::{Blocked, Pending, Retired, Verified};
    assert_eq!(states(false), [Pending, Retired, Blocked, Verified]);
    assert_eq!(states(true), [Verified, Retired, Blocked, Verified]);
    assert_eq!(
        read("name,status\nA,own\n").errors[0].reason,
        "is none of pending, verified, retired, blocked"
    );
    let torn = read("name,iban,status\nA,NO9386011117947,blocked\nA,NO9386011117947,verified\n");
    assert_eq!(torn.suppliers[0].accounts[0].state, Blocked, "contradiction verifies nothing");
}

#[test]
fn bad_rows_are_named_and_good_ones_stand() {
    let text = "name,domains,emails,iban\n\
                Good,good.com,,\n\
                ,x.com,,\n\
                Bad iban,,,GB29NWBK60161331926818\n\
                Bad domain,co.uk,,\n\
                Bad mail,,nonsense,\n\
                Shifted,a.com,a@a.com,,extra\n\
                \"Quoted,\nname\",ok.com,,\n\
                ,,,\n";
    let parsed = read(text);
    let errors: Vec<(u64, &str)> = parsed.errors.iter().map(|e| (e.line, e.column.as_str())).collect();
    assert_eq!(errors, [(3, "name"), (4, "iban"), (5, "domains"), (6, "emails"), (7, "")]);
    assert_eq!((parsed.rows, parsed.rejected), (7, 5));
    assert_eq!(summary(&parsed), ["line:2 Good [good.com] []", "line:8 Quoted, name [ok.com] []"]);
}

#[test]
fn a_mail_providers_domain_identifies_nobody() {
    let parsed =
        read("name,domains,emails\nA,gmail.com,a@gmail.com\nB,,b@post.xero.com\nC,,c@c.onmicrosoft.com\n");
    assert_eq!(summary(&parsed), ["line:2 A [] []", "line:3 B [] []", "line:4 C [c.onmicrosoft.com] []"]);
}

#[test]
fn what_is_no_supplier_file_is_one_error() {
    let rows = [
        ("empty", "", "the file has no rows below its header"),
        ("header only", "name,iban\n", "the file has no rows below its header"),
        (
            "no name",
            "foo,bar\n1,2\n",
            "there is no column `name` (or a ledger's word for it) in the header row",
        ),
        (
            "unclosed",
            "name\n\"Acme\nBeta\n",
            "a quotation mark that opens here is never closed; nothing was read",
        ),
    ];
    for (name, text, reason) in rows {
        let parsed = read(text);
        assert_eq!(parsed.errors.iter().map(|e| e.reason.as_str()).collect::<Vec<_>>(), [reason], "{name}");
        assert_eq!(parsed.suppliers, [], "{name}");
    }
}

#[test]
fn one_account_of_two_suppliers_is_worth_a_look() {
    let parsed = read("name,iban\nA,NO9386011117947\nB,NO9386011117947\n");
    assert!(
        parsed
            .warnings
            .iter()
            .any(|w| w.line == 3 && w.reason.contains("••••7947 stands also on another supplier"))
    );
}

#[test]
fn export_is_read_back_and_runs_no_formula() {
    let parsed = read(
        "supplier_id,name,aliases,domains,emails,phones,vat_number,country,iban,sort_code,account_number,routing_number,bsb,transit_number,institution_number,ifsc,status\n\
         S1,=cmd|' /C calc'!A0,@a|b,a.com,x@a.com,+44 20,GB980780684,GB,GB29NWBK60161331926819,,,,,,,,verified\n\
         S1,=cmd|' /C calc'!A0,,,,,,,,200000,55779911,,,,,,retired\n\
         S2,Two,,,,,,,,,1234567,111000025,,,,,blocked\n\
         S3,Three,,,,,,,,,012345678,,082082,,,,pending\n\
         S4,Four,,,,,,,,,1234567,,,00006,003,,verified\n\
         S5,Five,,,,,,,,,123456789012,,,,,HDFC0002854,verified\n\
         S6,Six,,,,,,,,,01-0242-0100194-00,,,,,,verified\n\
         S7,Seven,,seven.com,,,,,,,,,,,,,\n",
    );
    assert_eq!(parsed.errors, []);
    let mut out = Vec::new();
    export::write(&parsed.suppliers, true, &mut out).expect("writes");
    let text = String::from_utf8(out.clone()).expect("utf-8");
    for cell in ::csv::Reader::from_reader(text.as_bytes())
        .records()
        .flat_map(|r| r.expect("row").iter().map(str::to_owned).collect::<Vec<_>>())
    {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    assert_eq!(parse(&out, ParseOptions::default()).suppliers, parsed.suppliers);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_octets_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let parsed = parse(&bytes, ParseOptions { verified: true });
        prop_assert!(parsed.suppliers.len() <= parsed.rows);
    }

    #[test]
    fn no_table_panics_and_no_number_leaks(
        rows in proptest::collection::vec(("[A-Za-z ]{0,6}", "[A-Z0-9 .+-]{0,34}", "[0-9 -]{0,20}", "[0-9E+.]{0,18}"), 0..12),
        code in prop::sample::select(vec!["sort_code", "routing_number", "bsb", "transit_number", "ifsc", "bank code"]),
    ) {
        let mut text = format!("name,iban,{code},account_number\n");
        for (name, iban, bank, number) in &rows {
            text.push_str(&format!("{name},{iban},{bank},{number}\n"));
        }
        let parsed = read(&text);
        for error in parsed.errors.iter().chain(&parsed.warnings) {
            let mut run = 0;
            for c in error.reason.chars() {
                run = if c.is_ascii_digit() { run + 1 } else { 0 };
                prop_assert!(run <= 4 || error.reason.contains("over "), "{}", error.reason);
            }
        }
    }
}
