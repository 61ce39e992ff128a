//! Bank details in pieces, over the texts of whole messages.

use super::super::message::parse;
use super::{Documents, payment_claims};

/// The accounts of a message, and in how many places it announces what makes none.
pub(super) fn read(subject: &str, body: &str, attachment: &str) -> (String, usize) {
    let octets = format!(
        "Subject: {subject}\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n\
         --q\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n\
         --q\r\nContent-Type: text/plain; charset=utf-8; name=a.txt\r\nContent-Disposition: attachment\r\n\r\n{attachment}\r\n--q--\r\n"
    );
    let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
    let accounts: Vec<&str> = claims.accounts.iter().map(|claim| claim.account.reveal()).collect();
    (accounts.join(" "), claims.announced.len())
}

pub(super) fn check(rows: &[(&str, [&str; 3], &str, usize)]) {
    for (name, [subject, body, attachment], accounts, announced) in rows {
        assert_eq!(read(subject, body, attachment), ((*accounts).to_owned(), *announced), "{name}");
    }
}

/// The same of one page of HTML.
pub(super) fn check_html(name: &str, html: &str, accounts: &str, announced: usize) {
    let octets = format!("Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n");
    let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
    let found: Vec<&str> = claims.accounts.iter().map(|claim| claim.account.reveal()).collect();
    assert_eq!((found.join(" "), claims.announced.len()), (accounts.to_owned(), announced), "HTML: {name}");
}

#[test]
fn pieces_in_different_texts_make_an_account() {
    check(&[
        ("subject and body", ["Sort code 20-00-00", "Account number: 55779911", ""], "20000055779911", 0),
        (
            "body and attachment",
            ["", "Our sort code is 20-00-00.", "Account no 55779911"],
            "20000055779911",
            0,
        ),
        ("attachment and body", ["", "Account: 55 77 99 11", "Sort code: 200000"], "20000055779911", 0),
        (
            "far apart",
            ["", &format!("Sort code: 20-00-00\n{}\nAccount number 55779911", "word ".repeat(200)), ""],
            "20000055779911",
            0,
        ),
        (
            "routing number",
            ["", "Routing number 021000021", "Account no: 123456789"],
            "021000021-123456789",
            0,
        ),
        ("BSB", ["", "BSB 062-000", "Account number: 12345678"], "062000-12345678", 0),
        ("IFSC", ["", "IFSC HDFC0002854", "Account number 123456789012"], "HDFC0002854-123456789012", 0),
        ("BIC", ["", "SWIFT: HSBCHKHHHKH\nAccount No.: 123-456789-838", ""], "HSBCHKHH-123456789838", 0),
        ("BIC elsewhere", ["", "Account No.: 1100223344", "SWIFT: ICBKCNBJ"], "ICBKCNBJ-1100223344", 0),
        ("CLABE", ["", "CLABE: 002 010 07777777777 1", ""], "002010077777777771", 0),
        ("CLABE without its word", ["", "Cuenta 002010077777777771", ""], "002010077777777771", 0),
        (
            "the payee's number, not the customer's",
            [
                "",
                "Account number 10023345",
                "Sort code 20-00-00\nBeneficiary: Acme Ltd\nAccount number 55779911",
            ],
            "20000055779911",
            0,
        ),
        (
            "spelled",
            [
                "",
                "sort code two zero dash zero zero dash zero zero, account number five five seven seven \
            nine nine one one",
                "",
            ],
            "20000055779911",
            0,
        ),
    ]);
}

#[test]
fn what_is_announced_and_makes_no_account() {
    check(&[
        (
            "to be paid to another number than the footer's",
            [
                "",
                "Please settle this one to account number 31926819.",
                "Sort code 20-00-00 Account number 55779911",
            ],
            "20000055779911",
            1,
        ),
        (
            "to be paid to another number, with a \"your\" in the sentence",
            [
                "",
                "Please pay your invoice to account number 31926819.",
                "Sort code 20-00-00 Account number 55779911",
            ],
            "20000055779911",
            1,
        ),
        ("one mask elsewhere hides nothing", ["", "Sort code 20-47-11.\nYour card ending 4821", ""], "", 1),
        ("a wrong routing number", ["Routing number 123456789", "Account number: 10023456", ""], "", 1),
        (
            "a new number alone",
            ["", "Our bank details have changed: same sort code as always, account number 13456789", ""],
            "",
            1,
        ),
        ("halves of an IBAN", ["", "IBAN first half: DE89 3704 0044\nthen come 0532 0130 00", ""], "", 1),
        ("words in an IBAN", ["", "IBAN: DE89 3704 (no spaces) 0044 (please) 0532 0130 00", ""], "", 1),
        ("letters and then words", ["", "IBAN GB29 NWBK and then 6016 1331 9268 19", ""], "", 1),
        ("a sort code alone", ["", "Our sort code is 20-00-00, the number comes by phone", ""], "", 1),
        ("payee and number", ["", "Account name: Acme Ltd\nAccount number: 13456789", ""], "", 1),
        ("BIC of an IBAN country", ["", "BIC: DEUTDEFF\nAccount number: 0532013000", ""], "", 1),
        (
            "a change beside the record",
            [
                "",
                "Our bank details have changed. New account number: 13456789",
                "Sort code 20-00-00 Account number 55779911",
            ],
            "20000055779911",
            1,
        ),
    ]);
}

#[test]
fn what_announces_nothing() {
    check(&[
        (
            "customer's number and a branch",
            [
                "Account number 10023456",
                "Collected from branch code: 204060",
                &format!("{}\nSort code 20-00-00 Account number 55779911", "word ".repeat(200)),
            ],
            "20000055779911",
            0,
        ),
        (
            "a payer's sort code",
            ["Account number: 10023456", "Paid today from our sort code 30-90-21", ""],
            "",
            0,
        ),
        (
            "renumbered customers",
            [
                "",
                "We have moved to a new system. Your account number has changed. The new account number is 10023456. \
                 Our bank details have not changed.",
                "",
            ],
            "",
            0,
        ),
        (
            "bank details on file",
            ["Statement", "Please pay by BACS to the bank details on file.\nAccount No: 10023456", ""],
            "",
            0,
        ),
        ("bank holiday", ["", "Bank holiday opening times\nAccount No: 10023456", ""], "", 0),
        ("direct debit", ["", "We collect from account ****1234 sort code 30-90-21", ""], "", 0),
        ("customer's number", ["", "Account number: 10023345\nInvoice 4711, due 1 May", ""], "", 0),
        (
            "customer's number beside bank details",
            [
                "Statement",
                "Please quote account no 10023345 when paying by BACS.\n\
            Sort code 20-00-00 Account number 55779911",
                "",
            ],
            "20000055779911",
            0,
        ),
        (
            "the same twice",
            ["Sort code 20-00-00", "Sort code 20-00-00 Account number 55779911", "Account no: 55779911"],
            "20000055779911",
            0,
        ),
        (
            "sort code of the IBAN",
            ["", "IBAN GB29 NWBK 6016 1331 9268 19, sort code 60-16-13", ""],
            "GB29NWBK60161331926819",
            0,
        ),
        ("masked", ["", "We hold sort code 20-00-00, account ****1234 for you", ""], "", 0),
        (
            "masked IBAN",
            ["", "IBAN DE89 **** **** **** **30 00; IBAN: GB29 NWBK **** **** **68 19", ""],
            "",
            0,
        ),
        ("ending", ["", "Bank account ending 4821, sort code 20-00-00 ending 00", ""], "", 0),
        ("a date", ["", "Account: 01.02.2026, bank transfer", ""], "", 0),
        ("a tax number", ["", "Bank: IBAN on request. VAT GB980780684", ""], "", 0),
        ("a phone", ["", "Account queries: bank team, phone 020 7946 0000", ""], "", 0),
        ("goods", ["", "part no 12-34-56 78901234\n20-30-40 12345678 pieces", ""], "", 0),
        ("prose", ["", "one two three four five six steps to your account", ""], "", 0),
    ]);
}

#[test]
fn more_pieces_than_are_kept_is_said() {
    let codes: Vec<String> =
        (0..300).map(|at| format!("Sort code 20-{:02}-{:02}", at / 100, at % 100)).collect();
    for (count, limited) in [(200, false), (300, true)] {
        let octets = format!("Subject: x\r\n\r\n{}\r\n", codes[..count].join("\r\n"));
        let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
        assert_eq!(claims.unchecked.iter().any(|gap| gap.why == "limit"), limited, "{count}");
        assert_eq!((claims.accounts.len(), claims.announced.len()), (0, 1), "{count}");
    }
}

#[test]
fn more_pairs_than_are_judged_is_said() {
    for (count, limited) in [(9_999, false), (10_001, true)] {
        let pairs: String = (0..count)
            .map(|at| format!("20-{:02}-{:02} 5577{at:04}\r\n", at / 100 % 100, at % 100))
            .collect();
        let octets = format!("Subject: x\r\n\r\n{pairs}");
        let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
        let gap = claims.unchecked.iter().any(|gap| gap.why == "limit");
        assert_eq!(gap, limited, "{count}: {:?}", claims.unchecked);
    }
}

/// Labels are counted over all texts of a message.
#[test]
fn more_labels_than_are_followed_is_said() {
    for (each, limited) in [(12_000, false), (20_000, true)] {
        let words = "sort code\r\n".repeat(each);
        let octets = format!(
            "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\n{words}\r\n--q\r\n\r\n{words}\r\n--q--\r\n"
        );
        let claims = payment_claims(&parse(octets.as_bytes()), &Documents::new());
        let gap = claims.unchecked.iter().any(|gap| gap.what != "message" && gap.why == "limit");
        assert_eq!(gap, limited, "{each}: {:?}", claims.unchecked);
    }
}

/// Orders to pay to a number that the message's account does not hold, and customers' numbers, in other languages.
#[test]
fn orders_to_pay_in_other_languages() {
    const RECORD: &str = "NL91ABNA0417164300";
    let rows: Vec<(&str, [&str; 3], &str, usize)> = [
        ("Veuillez virer 100,00 EUR sur le compte n° 11234567890.", 1),
        ("Merci de régler 100,00 EUR sur notre compte n° 11234567890.", 1),
        ("Compte client n° 10023345, à régler sous 30 jours", 0),
        ("Vogliate pagare 100,00 EUR sul numero di conto 000000654321.", 1),
        ("Il Suo numero di conto cliente: 10023345", 0),
        ("Le rogamos pagar 100,00 EUR a la cuenta 0200059999.", 1),
        ("Por favor transfiera 100,00 EUR al número de cuenta 0200059999.", 1),
        ("Pague 100,00 EUR en la cuenta 0200059999.", 1),
        ("Su número de cuenta de cliente: 10023345", 0),
        ("Gelieve 100,00 EUR te betalen op rekeningnummer 0001234567.", 1),
        ("Wilt u 100,00 EUR overmaken naar rekeningnummer 0001234567?", 1),
        ("Uw rekeningnummer bij ons: 10023345", 0),
        ("Prosimy o przelew 100,00 PLN na numer konta 3002013553.", 1),
        ("Prosimy zapłacić 100,00 PLN na rachunek 3002013553.", 1),
        ("Numer konta klienta: 10023345", 0),
        ("Por favor pague 100,00 EUR para a conta 00002345678.", 1),
        ("Transfira 100,00 EUR para o número da conta 00002345678.", 1),
        ("O seu número da conta de cliente: 10023345", 0),
    ]
    .iter()
    .map(|(body, announced)| (*body, ["", *body, "IBAN NL91 ABNA 0417 1643 00"], RECORD, *announced))
    .collect();
    check(&rows);
}

#[test]
fn bics_of_correspondents() {
    let foreign = |body: &'static str, end: &'static str| ["Invoice INV-1", body, end];
    let far = "IBAN GB29 NWBK 6016 1331 9268 19\nCorrespondent: SWIFT HSBCHKHHHKH";
    check(&[
        (
            "far from a number beside an account",
            foreign("Account number 10023345", far),
            "GB29NWBK60161331926819",
            1,
        ),
        ("far from a customer's", foreign("Your account number 10023345", far), "GB29NWBK60161331926819", 0),
        (
            "near a number",
            foreign("SWIFT HSBCHKHHHKH Account No 123-456789-838", far),
            "GB29NWBK60161331926819 HSBCHKHH-123456789838",
            0,
        ),
    ]);
}
