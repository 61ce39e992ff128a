//! Codes with numbers that are an account, a shop's branch, or goods: over the texts of whole messages.

use super::pieces_tests::check;

/// A footer with the account that the invoice is to be paid to.
const FOOTER: &str = "Bank: Barclays Sort code 20-00-00 Account number 55779911";

#[test]
fn branches_of_shops_and_customers_numbers() {
    let shop = |body: &'static str| ["Invoice INV-1", body, FOOTER];
    let alone = |body: &'static str| ["Invoice INV-1", body, ""];
    check(&[
        ("customer's", shop("Customer account number 12345678, branch code 102030"), "20000055779911", 0),
        // An invoice that names no other account: people would take this for one.
        (
            "customer's alone",
            alone("Invoice INV-20417\nCustomer account number 12345678, branch code 102030"),
            "",
            1,
        ),
        ("customer's, no invoice", alone("Customer account number 12345678, branch code 102030"), "", 0),
        ("yours", shop("Branch code 102030\nYour account no: 12345678"), "20000055779911", 0),
        ("ledger", shop("Ledger account 12345678 Branch code: 102030 Order 4711"), "20000055779911", 0),
        ("packs", shop("Trade account no 12345678\nTiles S/C 102030 GBP 12.00"), "20000055779911", 0),
        (
            "a table",
            shop("Customer account\tBranch code\tDate\n12345678\t102030\t1 May 2026"),
            "20000055779911",
            0,
        ),
        (
            "a table directly above the account",
            alone(
                "Customer account\tBranch code\n12345678\t102030\nBank: Barclays Sort code 20-00-00 Account \
                 number 55779911",
            ),
            "20000055779911",
            0,
        ),
        (
            "quoting",
            shop("Please pay by 31 May, quoting customer account number 12345678, branch code 102030."),
            "20000055779911",
            0,
        ),
        (
            "above the footer",
            alone(
                "Branch code 102030, customer account number 12345678\nPlease pay to:\nSort code 20-00-00 \
                 Account number 55779911",
            ),
            "20000055779911",
            0,
        ),
        (
            "a branch before the shop's account takes no number",
            alone("Branch code 102030. Bank details: sort code 20-00-00, account number 55779911"),
            "20000055779911",
            0,
        ),
        (
            "quoting, beside the sort code",
            alone("Please pay to sort code 20-00-00, quoting your account number 12345678."),
            "",
            1,
        ),
        // Nobody says whose number it is: beside the account it is not compared.
        ("anybody's", shop("Account number 12345678 Branch code 102030"), "20000055779911", 1),
        ("anybody's alone", alone("Account number 12345678 Branch code 102030"), "", 1),
    ]);
}

#[test]
fn branch_codes_that_are_a_banks() {
    const BOTH: &str = "10203012345678 20000055779911";
    const RECORD: &str = "20000055779911";
    let shop = |body: &'static str| ["Invoice INV-1", body, FOOTER];
    check(&[
        ("hyphens", shop("Account number 12345678, branch code 10-20-30"), BOTH, 0),
        ("a customer's, hyphens", shop("Customer account number 12345678, branch code 10-20-30"), RECORD, 1),
        (
            "a customer's, sort code",
            shop("Please pay into your account number 12345678, sort code 10-20-30"),
            BOTH,
            0,
        ),
        ("paid to", shop("Please pay to branch code 102030 account number 12345678"), BOTH, 0),
        (
            "paid to a customer's",
            shop("Please pay to customer account number 12345678, branch code 102030"),
            BOTH,
            0,
        ),
        (
            "said before",
            shop("Please pay to the account below.\nCustomer account number 12345678\nBranch code 102030"),
            BOTH,
            0,
        ),
        (
            "said behind",
            shop("Customer account number 12345678\nBranch code 102030\nPlease pay there."),
            BOTH,
            0,
        ),
        ("a bank", shop("Bank: Monzo\nBranch code 102030\nYour account number 12345678"), BOTH, 0),
        (
            "a payee",
            shop("Account name: Acme Ltd\nCustomer account number 12345678\nBranch code 102030"),
            BOTH,
            0,
        ),
        ("a client account", shop("Branch code: 102030\nClient account number: 12345678"), RECORD, 1),
        ("alone", ["", "Branch code: 102030\nClient account number: 12345678", ""], "", 1),
        ("S/C and a customer's in one line", shop("S/C 102030, your account 12345678"), RECORD, 1),
        ("a trading account", shop("New: S/C 102030 trading account number 12345678"), BOTH, 0),
        (
            "a service charge",
            shop("Service charge (S/C) 204711 for account 12345678, payable now."),
            RECORD,
            0,
        ),
        ("from a day on", shop("From 1 May: sort code 102030, your account number 12345678"), BOTH, 0),
        ("ways to pay", shop("For BACS, quicker: branch code 102030, account number 12345678"), BOTH, 0),
        ("a bank's name", shop("NatWest branch code 102030\nAccount number 12345678"), BOTH, 0),
        ("lodged", shop("Kindly lodge it at branch code 102030 in customer account 12345678"), BOTH, 0),
        (
            "for all payments",
            shop("All payments must go here: ledger account 12345678 branch code 102030"),
            BOTH,
            0,
        ),
        (
            "changed",
            shop("Our bank details have changed.\nCustomer account number 12345678, branch code 102030"),
            BOTH,
            0,
        ),
    ]);
}

/// Code and number without labels: what stands around decides.
#[test]
fn pairs_without_labels() {
    let alone = |body: &'static str| ["Invoice INV-1", body, ""];
    let shop = |body: &'static str| ["Invoice INV-1", body, FOOTER];
    const PAIR: &str = "23058055779911";
    const BOTH: &str = "23058012345678 20000055779911";
    check(&[
        ("bank and lines", alone("Please pay:\nAcme Ltd\nMetro Bank\n23 05 80\n55779911"), PAIR, 0),
        ("plain lines", alone("Payment to:\n\n230580\n55779911\n\nAcme Ltd"), PAIR, 0),
        ("and", alone("Use 23-05-80 and 55779911 for the payment."), PAIR, 0),
        ("number", alone("Please transfer to Acme: code 23-05-80 number 55779911"), PAIR, 0),
        ("bank named", alone("Payable to Acme, Barclays 23-05-80 no. 55779911"), PAIR, 0),
        ("slashes", alone("Please transfer to Acme, Tide 23/05/80 55779911"), PAIR, 0),
        ("plain", alone("Please pay by BACS to 230580 / 55779911."), PAIR, 0),
        ("brackets", alone("Please transfer to Acme (Starling, 23-05-80, 55 77 99 11)"), PAIR, 0),
        ("beside the footer", shop("For this invoice: Barclays, 23-05-80, then 12345678"), BOTH, 0),
        ("nothing around", alone("23-05-80 55779911"), PAIR, 0),
        ("nothing around, beside the footer", shop("23-05-80 12345678"), "20000055779911", 1),
        (
            "articles",
            shop("Item Code EAN\nHinge 23-45-67 50123456 2 4.20\nLatch 23-45-68 50123457 1 3.10\nTotal 7.30"),
            "20000055779911",
            0,
        ),
        ("an article", alone("Kunden-Nr. 10023456 Artikel 12-34-56 78901234"), "", 0),
        (
            "a statement",
            shop("20/11/26 BACS 10023456\n20/11/26 Payment 00218454 252.00"),
            "20000055779911",
            0,
        ),
        ("a date before", shop("Payment received 20.11.26 00218454"), "20000055779911", 0),
        (
            "a shop's code far from its label",
            shop("Account No: 10023456 S/C: 0045\n01/11/26 00218001"),
            "20000055779911",
            0,
        ),
    ]);
}

/// Code and number in one word, or far from each other.
#[test]
fn pairs_in_one_word_and_apart() {
    let alone = |body: &'static str| ["Invoice INV-1", body, ""];
    let shop = |body: &'static str| ["Invoice INV-1", body, FOOTER];
    const PAIR: &str = "23058055779911";
    const BOTH: &str = "23058055779911 20000055779911";
    const RECORD: &str = "20000055779911";
    check(&[
        ("both labels", alone("Sort code / account number: 23058055779911"), PAIR, 0),
        ("both labels, hyphen", alone("Sort code/account no 230580-55779911"), PAIR, 0),
        ("a bank account", alone("Bank account 230580-55779911"), PAIR, 0),
        ("a bank's name", alone("Barclays account: 23058055779911"), PAIR, 0),
        ("an account, paid to", alone("Please pay into account 23-05-80-55779911"), PAIR, 0),
        ("paid to, no label", alone("Please pay it to 230580-55779911 instead"), PAIR, 0),
        ("paid to, no label, beside another", shop("Please pay it to 230580-55779911 instead"), RECORD, 1),
        ("a utility's customer", shop("Account number: 85012345678901. Please pay by 1 May."), RECORD, 0),
        ("a customer's", shop("Please pay your account 230580-12345678 to us"), RECORD, 0),
        ("an order", shop("Order no: 230580-12345678. Please pay to the bank below."), RECORD, 0),
        ("a reference", alone("Please pay by BACS, reference 230580-12345678"), "", 0),
        ("a company", alone("SIRET 23058055779911, paiement par virement"), "", 0),
        ("code behind", alone("Please pay at Barclays: a/c 55779911, code 23-05-80"), PAIR, 0),
        ("plain code", alone("Please pay at Barclays: code 230580, a/c 55779911"), PAIR, 0),
        ("virtual", alone("Your virtual account for paying in: code 230580, number 55779911."), PAIR, 0),
        ("a code that looks like a date", alone("Pay to 12-11-10, number 55779911."), "12111055779911", 0),
        ("as of now", alone("Please pay to 23-05-80 and, as of now, 55779911."), PAIR, 0),
        ("a vendor's code", shop("Vendor code 230580, account 12345678, terms 30 days"), RECORD, 0),
        ("a row of a statement", shop("BACS 12-11-26 00218454 252.00"), RECORD, 0),
        ("beside an IBAN", shop("For pounds it is Barclays, 230580 and 55779911."), RECORD, 0),
        (
            "Australia, paid to",
            alone("Please pay BSB 062-000, customer account 10203040"),
            "062000-10203040",
            0,
        ),
        ("Australia, a customer's", alone("BSB 062-000, customer account 10203040"), "", 1),
        (
            "America, a customer's",
            alone("Routing 021000021, customer account 9876543210. Please wire here."),
            "021000021-9876543210",
            0,
        ),
        ("America, groups", alone("Routing: 021000021 account: 987-654-3210-0"), "021000021-98765432100", 0),
        (
            "America, wired",
            alone("Wire to JPMorgan Chase, ACH 021000021, DDA 9876543210"),
            "021000021-9876543210",
            0,
        ),
        ("America, an order", alone("Wire mesh 021000021, order no 9876543210"), "", 0),
        ("America, no checksum", alone("Wire to Chase, 021000022, 9876543210"), "", 0),
        ("an amount", shop("Barclays account: 12,345,678,901"), RECORD, 0),
        (
            "a booking",
            shop("Your booking 12-34-56-12345678 is confirmed. Payment received by bank transfer."),
            RECORD,
            0,
        ),
        ("a gate", shop("code 204711 and number 12345678 open the gate; use the side entrance"), RECORD, 0),
        ("a supplier's code", shop("Supplier: code 204711, account 12345678. Please pay this."), RECORD, 0),
        (
            "a code that looks like a date, by BACS",
            alone("Please pay by BACS 12-11-10 55779911"),
            "12111055779911",
            0,
        ),
        (
            "two numbers",
            alone("Please pay into 12345678 23-05-80 55779911 no longer works"),
            "23058012345678",
            0,
        ),
        ("groups 4 2 2", alone("Account: 5577 99 11\nSort code: 23-05-80"), PAIR, 0),
        ("groups 2 2 4", alone("Account: 55 77 9911\nSort code: 23-05-80"), PAIR, 0),
        ("groups 3 3 2", alone("Account: 557-799-11\nSort code: 23-05-80"), PAIR, 0),
        ("dates beside", alone("Sort code 23-05-80 2026-11-27\nAccount: 55779911 27/11/2026"), PAIR, 0),
        ("both", shop("Sort code 230580 55779911"), BOTH, 0),
    ]);
}

/// Codes that nobody can read but a person, and codes that are said to be known.
#[test]
fn codes_that_cannot_be_read() {
    let alone = |body: &'static str| ["Invoice INV-1", body, ""];
    let shop = |body: &'static str| ["Invoice INV-1", body, FOOTER];
    const RECORD: &str = "20000055779911";
    check(&[
        ("letters", alone("sort code 2O-47-II account 5577991I"), "", 1),
        (
            "a parcel's",
            shop("Mail sort code 12AB34, parcel sort code: HUB123X, sort code LS10-4KX"),
            RECORD,
            0,
        ),
        ("masked", shop("We hold sort code XX-XX-11 for you"), RECORD, 0),
        ("as usual", shop("Sort code as usual, number now 12345678."), RECORD, 1),
        ("the same", shop("Please pay this one into 12345678, same sort code."), RECORD, 1),
        ("its own number", shop("Same sort code, number 55779911 as always"), RECORD, 0),
        ("an invoice's", shop("Invoice number 12345678: sort code as before"), RECORD, 0),
        ("words", shop("Please check our sort code before you pay invoice 12345678."), RECORD, 0),
        ("a bank and a number", alone("Please pay at Barclays, a/c 55779911"), "", 1),
        ("your bank's", shop("Your Barclays account 12345678 was debited"), RECORD, 0),
        (
            "a column of words",
            alone(
                "Sort code two\nzero\nzero\nzero\nzero\nzero, account number five\nfive\nseven\nseven\nnine\nnine\none\none",
            ),
            RECORD,
            0,
        ),
    ]);
}
