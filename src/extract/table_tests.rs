//! Tables and columns of bank details: over the texts of whole messages.

use super::pieces_tests::{check, check_html, read};

/// Two columns: a customer's account on the left, the bank's on the right.
#[test]
fn columns_beside_each_other() {
    let alone = |body: &'static str| ["Invoice INV-1", body, ""];
    const RECORD: &str = "20000055779911";
    check(&[
        (
            "labels before",
            alone(
                "Account number: 10023456    Sort code: 20-00-00\nBranch code: 240017    Account number: 55779911",
            ),
            RECORD,
            1,
        ),
        ("heads", alone("Account No.   Sort Code   Account No.\n10023456   20-00-00   55779911"), RECORD, 1),
        (
            "heads with a date",
            alone("Account No.  Date  Sort Code  Account No.\n10023456  27/11/26  20-00-00  55779911"),
            RECORD,
            1,
        ),
        ("one column", alone("Account number: 55779911  Sort code: 20-00-00\nInvoice 4711"), RECORD, 0),
        (
            "a number that it replaces",
            alone("Account number: 55779911  Sort code: 20-00-00\nReplaces account number: 31926819"),
            RECORD,
            0,
        ),
        (
            "heads with an invoice",
            alone("Account\tSort code\tInvoice no\n55779911\t20-00-00\t00219834"),
            RECORD,
            0,
        ),
        (
            "labels beside their values",
            alone("Bank\tBarclays Bank\nSort code\t20-00-00\nAccount number\t55779911\nInvoice no\t00219834"),
            RECORD,
            0,
        ),
        (
            "several rows",
            alone(
                "Customer account\tSort code\tAccount no\n10023456\t20-00-00\t55779911\n10023457\t20-00-00\t55779911",
            ),
            RECORD,
            0,
        ),
        ("a sentence", alone("Account 55779911, sort code 20-00-00, formerly account 31926819"), RECORD, 0),
    ]);
}

/// A code and a number below their heads, with other columns between, in tabs or in columns of blanks.
#[test]
fn tables_with_heads() {
    const RECORD: &str = "20000055779911";
    for (heads, values, announced) in [
        ("Sort code|Account no", "20-00-00|55779911", 0),
        ("Account no|Invoice no|Sort code", "55779911|00219834|200000", 0),
        ("Sort code|Invoice no|Date|Account no", "20 00 00|00219834|27/11/26|55779911", 0),
        ("Date|A/C No.|Sort code", "27/11/26|55779911|200000", 0),
        ("VAT no|Company no|Sort code|Acc. No.", "GB980780684|01234567|20-00-00|55779911", 0),
        (
            "Sort code|Due|Your account|Account name|Branch|A/C No.",
            "20 00 00|14 May|10023456|Acme|Leeds|55779911",
            0,
        ),
        (
            "Customer account|Account number|Company no|Bank sort code",
            "10023456|55779911|01234567|20-00-00",
            0,
        ),
        ("PO|Account no|Sort code|Amount", "|55779911|20-00-00|4,812.60", 0),
        (
            "Notes|Company no|Currency|Acc. No.|Cost centre|Sort code|Reference",
            "|01234567|GBP|55779911||200000|INV-1",
            0,
        ),
        ("Order|PO|Tel|Notes|Bank sort code|Account", "INV-1||0113 496 0123||200000|55779911", 0),
        ("Account|Sort code|Account number", "10023456|20-00-00|55779911", 1),
        ("Account|Sort code|Date|Account number", "55779911|20-00-00|27/11/26|10023456", 1),
        ("Trade account no|Sort code|Account no", "10023456|20-00-00|55779911", 1),
        ("Sort code|Payee number|Account", "20-00-00|Acme 10023456|55779911", 1),
        (
            "Bank|Name|Sort code|Reference|Amount|Account",
            "Barclays|Acme|20-00-00|INV-1|£ 4,812.60|55779911",
            0,
        ),
    ] {
        for gap in ["\t", "     "] {
            let text = format!("Invoice INV-1\n\n{heads}\n{values}\n\nKind regards").replace('|', gap);
            check(&[(heads, ["", &text, ""], RECORD, announced)]);
        }
        let row = |cell: &str, row: &str| {
            row.split('|').map(|text| format!("<{cell}>{text}</{cell}>")).collect::<String>()
        };
        let html = format!("<table><tr>{}</tr><tr>{}</tr></table>", row("th", heads), row("td", values));
        check_html(heads, &html, RECORD, announced);
    }
}

/// Empty cells of HTML keep their place, where text only has what is left of a row.
#[test]
fn tables_with_empty_cells() {
    let page = "<table><tr><th>Order no</th><th>PO</th><th>Account no</th><th>Notes</th><th>Sort code</th></tr>\
        <tr><td>77120455</td><td></td><td>55779911</td><td> &nbsp; </td><td>200000</td></tr></table>";
    check_html("two empty cells", page, "20000055779911", 0);
    let text = "Order no\tPO\tAccount no\tNotes\tSort code\n77120455\t55779911\t200000";
    check(&[("two could be meant", ["", text, ""], "", 1)]);
}

/// Both are read where words say that one of them is another account than the other, and each row by itself.
#[test]
fn tables_with_two_accounts() {
    let table = |text: &str| ["Invoice INV-1".to_owned(), text.replace('|', "\t"), String::new()];
    for (name, text, accounts) in [
        (
            "new and old",
            "New account|Sort code|Old account\n55779911|20-00-00|31926819",
            "20000055779911 20000031926819",
        ),
        (
            "closed",
            "Pay to account|Sort code|Account (closed)\n55779911|20-00-00|31926819",
            "20000031926819 20000055779911",
        ),
        (
            "rows",
            "Account no|Sort code|Invoice no\n31926819|20-00-00|00219834\n55779911|23-05-80|00219835",
            "20000031926819 23058055779911",
        ),
        ("Australia", "BSB|Reference|Account\n062-000|INV-1|10203040", "062000-10203040"),
        (
            "Canada",
            "Transit number|Institution number|Reference|Account number\n00006|003|INV-1|1234567",
            "00006-003-1234567",
        ),
        ("India", "Account number|Name|IFSC\n50100123456789|Acme|HDFC0001234", "HDFC0001234-50100123456789"),
        ("America", "Account|Due|Routing number\n987654321|1 May|021000021", "021000021-987654321"),
    ] {
        let [subject, body, attachment] = table(text);
        let (found, _) = read(&subject, &body, &attachment);
        let sorted =
            |list: &str| list.split(' ').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(sorted(&found), sorted(accounts), "{name}");
    }
}
