//! Several values behind one label, the old and the new one: over the texts of whole messages.

use super::super::message::parse;
use super::pieces_tests::{check, check_html, read};
use super::{Documents, payment_claims};

const OLD: &str = "20000031926819";
const NEW: &str = "23058055779911";

/// A reader pays to the last one of these, or to any of them.
#[test]
fn old_and_new_behind_one_label() {
    let both = format!("{OLD} {NEW}");
    for (name, text, accounts) in [
        ("an arrow", "Sort code: 20-00-00 -> 23-05-80\nAccount number: 31926819 → 55779911", &*both),
        ("from and to", "Sort code: from 20-00-00 to 23-05-80\nAccount no: from 31926819 to 55779911", &both),
        ("brackets", "Sort code: 20-00-00 (now 23-05-80)\nAccount number: 31926819 (now 55779911)", &both),
        ("a slash", "Sort code 20-00-00 / 23-05-80\nAccount number 31926819 / 55779911", &both),
        (
            "a sentence",
            "Our sort code has changed from 20-00-00 to 23-05-80 and our account number from 31926819 to 55779911.",
            &both,
        ),
        ("cells", "\tOld\tNew\nSort code\t20-00-00\t23-05-80\nAccount number\t31926819\t55779911", &both),
        (
            "a date between",
            "Sort code 20-00-00 until 30 November 2026, then 23-05-80\nAccount number 31926819 until 30 November 2026, then 55779911",
            &both,
        ),
        (
            "the number alone",
            "Sort code 20-00-00\nAccount number 31926819 -> 55779911",
            "20000031926819 20000055779911",
        ),
        (
            "the code alone",
            "Account number 31926819\nSort code 20-00-00, from 1 May 23-05-80",
            "20000031926819 23058031926819",
        ),
        (
            "three",
            "Sort code\t20-00-00\t20-00-00\t23-05-80\nAccount number\t31926819\t31926819\t55779911",
            &both,
        ),
        (
            "America",
            "Routing number: 021000021 -> 026009593\nAccount number: 9876543210 -> 1234567890",
            "021000021-9876543210 026009593-1234567890",
        ),
        (
            "Australia",
            "BSB\t062-000\t033-123\nAccount number\t12345678\t87654321",
            "062000-12345678 033123-87654321",
        ),
        (
            "Mexico",
            "CLABE: 032180000118359719 -> 002010077777777771",
            "032180000118359719 002010077777777771",
        ),
    ] {
        assert_eq!(read("Invoice INV-1", text, "").0, accounts, "{name}");
    }
}

/// Nothing tells a change: the second number is said not to be compared.
#[test]
fn numbers_beside_each_other() {
    let text = "Sort code 20-00-00\nAccount numbers 31926819 and 55779911";
    check(&[("two numbers", ["Invoice INV-1", text, ""], OLD, 1)]);
}

/// What has words or a label of its own is no further value.
#[test]
fn other_numbers_behind_an_account() {
    for text in [
        "Account number: 31926819 Please quote 10023456",
        "Account number: 31926819 (customer 10023456)",
        "Account number: 31926819, invoice 10023456",
        "Account number: 31926819 (was 10023456)",
        "Account number: 31926819 Tel 01614960123",
        "Account number: 31926819 by 30 11 2026",
        "Account number: 31926819 from 2026 11 30",
        "Account number: 31926819\n10023456 / 10023457",
        "Account number: 31926819 £10,023.45",
        "Account number: 31926819. Use 10023456 as your reference",
        "Account number: 31926819 with 10023456 as reference",
        "Account number: 31926819. 10023456 is your number with us",
    ] {
        let body = format!("Sort code 20-00-00\n{text}");
        check(&[(text, ["Invoice INV-1", &body, ""], OLD, 0)]);
    }
    check(&[(
        "a date",
        ["Invoice INV-1", "Sort code 20-00-00, 30-11-26\nAccount number 31926819", ""],
        OLD,
        0,
    )]);
}

/// Values between commas, in tables drawn with signs, and in the cells of one row.
#[test]
fn tables_of_other_kinds() {
    for (name, text) in [
        ("commas", "Payee,Sort code,Account number,Reference\nAcme Ltd,23-05-80,55779911,10023456"),
        (
            "pipes",
            "| Customer no | Bank | Sort code | Account number |\n|---|---|---|---|\n| 10023456 | Barclays | 23-05-80 | 55779911 |",
        ),
        (
            "a frame",
            "┌─────────┬──────────┬──────────┐\n│ Cust no │ Sort code │ Account  │\n├─────────┼──────────┼──────────┤\n│ 10023456 │ 230580  │ 55779911 │\n└─────────┴──────────┴──────────┘",
        ),
        (
            "two labels a row",
            "Invoice no\t20391842\tSort code\t23-05-80\nDate\t271126\tAccount number\t55779911",
        ),
    ] {
        check(&[(name, ["Invoice INV-1", text, ""], NEW, 0)]);
    }
    // What the heads mean is not sure here: not compared.
    for (name, text, accounts) in [
        (
            "heads at the foot",
            "230580\t£4,812.60\t55779911\nSort code\tAmount\tAccount number\nKind regards",
            "",
        ),
        (
            "another table below",
            "Sort code\tAccount number\tBank\n23-05-80\t55779911\tBarclays\nDate\tInvoice\tAmount\n271126\t20391842\t1,204.00",
            NEW,
        ),
    ] {
        check(&[(name, ["Invoice INV-1", text, ""], accounts, 1)]);
    }
    let form = "Order\tDate\n45012345\t271126\nAccount number\tSort code\n________\t______";
    check(&[("an empty form", ["Invoice INV-1", form, ""], "", 0)]);
}

/// The account on record in one row does not hide another in the next.
#[test]
fn rows_without_a_code_of_their_own() {
    let both = "20000031926819 20000055779911";
    for (name, rows) in
        [("a mark", "<td>\"</td><td>55779911</td>"), ("words", "<td>as before</td><td>55779911</td>")]
    {
        let page = format!(
            "<table><tr><th>Sort code</th><th>Account number</th></tr><tr><td>20-00-00</td><td>31926819</td></tr><tr>{rows}</tr></table>"
        );
        check_html(name, &page, both, 0);
    }
    let page = "<table><tr><th>Sort code</th><th>Account number</th></tr><tr><td>20-00-00</td><td>31926819 → 55779911</td></tr></table>";
    check_html("one cell", page, both, 0);
    let page = "<table><tr><th>Sort code</th><th>Account number</th></tr><tr><td>20-00-00</td><td>31926819 / 55779911</td></tr></table>";
    check_html("one cell, and no change", page, OLD, 1);
    let page = "<table><tr><th>Sort code</th><th>Account number</th></tr><tr><td>20-00-00</td><td>31926819</td></tr><tr><td></td><td>55779911</td></tr></table>";
    check_html("an empty cell", page, OLD, 1);
    let page = "<table><tr><th>Sort code</th><th>Account number</th></tr><tr><td>20-00-00</td><td>31926819</td></tr><tr><td>Company number</td><td>55779911</td></tr></table>";
    check_html("a company", page, OLD, 0);
    let page = "<table><tr><th>Sort code</th><th>Account number</th><th>Pay to</th></tr><tr><td>20-00-00</td><td>31926819</td><td>55779911</td></tr></table>";
    check_html("a payee's column", page, OLD, 1);
}

/// A masked account is a mention, and the invoice beside it none.
#[test]
fn a_masked_account_in_a_table() {
    let text = "Supplier\tSort code\tAccount\tInvoice\nAcme Ltd\t20-00-00\t****6819\t20391842";
    check(&[("masked", ["Remittance advice", text, ""], "", 0)]);
}

/// The last row of a long table counts as the first.
#[test]
fn the_last_row_of_a_long_table() {
    let rows = "INV-1\t20-00-00\t31926819\n".repeat(2_000);
    let text = format!("Invoice\tSort code\tAccount number\n{rows}INV-2\t23-05-80\t55779911");
    assert_eq!(read("Invoice INV-1", &text, "").0, format!("{OLD} {NEW}"));
}

/// An old number further on does not hide the one right behind the code.
#[test]
fn a_number_that_looks_like_a_code() {
    for (text, account) in [
        ("BSB: 062-000 - 557799\nPrevious account number: 12345678", "062000-557799"),
        ("BSB: 062-000 / 033-123\nAccount number: 12345678", "062000-033123"),
        ("Routing number: 021000021 / 026009593 (old account number 9876543210)", "021000021-026009593"),
    ] {
        check(&[(text, ["Invoice INV-1", text, ""], account, 0)]);
    }
}

/// Rows beyond the limit are said to be unread, whatever they hold.
#[test]
fn more_rows_than_are_read_is_said() {
    for (rows, limited) in [(19_000, false), (21_000, true)] {
        let text = format!("Sort code\tAccount number\n{}", "timber\tsand\n".repeat(rows));
        let octets = format!("Subject: x\r\n\r\n{text}");
        let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
        let gap = claims.unchecked.iter().any(|gap| gap.why == "limit");
        assert_eq!(gap, limited, "{rows}: {:?}", claims.unchecked);
    }
}

/// Each head of a column reads the rows below: a sheet of nothing but heads is given up, and said to be.
#[test]
fn more_heads_than_are_read_is_said() {
    for (heads, limited) in [(1, false), (60, true)] {
        let text = format!("{}\n", ["Sort code\tAccount"].repeat(heads).join("\t"));
        let row = format!("{}\n", ["200000\t55779911"].repeat(heads).join("\t"));
        let octets = format!("Subject: x\r\n\r\n{text}{}", row.repeat(400));
        let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
        let gap = claims.unchecked.iter().any(|gap| gap.why == "limit");
        assert_eq!(gap, limited, "{heads}: {:?}", claims.unchecked);
    }
}
