//! What a mail says without naming an account: words that announce another one, other ways to be paid, steered
//! call-backs, reconnaissance; each beside genuine mail that looks alike and must pass.

use crate::support::check::check;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

const SUPPLIERS: &str = "\
supplier_id,name,domains,phones,vat_number,country,iban
SUP-1,Acme Building Supplies Ltd,acmebuilding.co.uk,+44 20 7946 0018,GB980780684,GB,GB29NWBK60161331926819
SUP-2,Bolt Fixings,boltfixings.example,,,GB,
";
const ACME: &str = "Accounts <accounts@acmebuilding.co.uk>";
const BOLT: &str = "Accounts <accounts@boltfixings.example>";
const STRANGER: &str = "Accounts <accounts@stranger.example>";
const FREE: &str = "Jo <jo.miller.1972@gmail.com>";

/// From, subject, body, and the code that tags it; an empty one for genuine mail that passes. A body that begins with `<`
/// is HTML.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Judges all rows at once; gives what is wrong.
fn judge(rows: &[Row]) -> String {
    let folder = TempDir::new().expect("folder");
    let suppliers = folder.path().join("suppliers.csv");
    fs::write(&suppliers, SUPPLIERS).expect("suppliers");
    let mut files = Vec::new();
    for (number, (from, subject, body, _)) in rows.iter().enumerate() {
        let path = folder.path().join(format!("{number:03}.eml"));
        let kind = if body.starts_with('<') { "html" } else { "plain" };
        let text = format!(
            "From: {from}\r\nTo: accounts@contoso.example\r\nSubject: {subject}\r\nMessage-ID: <{number}@test>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n"
        );
        fs::write(&path, text).expect("mail");
        files.push(path);
    }
    let (_, out, err) = check(&suppliers, &["--json"], &files);
    let reports: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(reports.len(), rows.len(), "{err}");
    let wrong = reports.iter().zip(rows).filter_map(|(report, (from, subject, body, code))| {
        let action = report["action"].as_str().expect("an action");
        let findings = report["findings"].as_array().expect("findings");
        let codes: Vec<&str> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
        let right =
            if code.is_empty() { action == "deliver" } else { action != "deliver" && codes.contains(code) };
        (!right).then(|| format!("{action} {codes:?} instead of {code:?}: {from} | {subject} | {body}"))
    });
    wrong.collect::<Vec<_>>().join("\n")
}

#[test]
fn words_that_announce_another_account() {
    let wrong = judge(&[
        (ACME, "Invoice 17", "Same sort code as always, new account 13456789.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "Please note the last four digits are now 4821.", "BANK_CHANGE_LANGUAGE"),
        (STRANGER, "Invoice 17", "Please use the new account number below.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "Our account number is now 13456789.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "Only the account number changes.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "Updated account no 13456789", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Hello", "We bank with Barclays now.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Hello", "Our account has moved to HSBC.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Hello", "New account number 13456789, thanks.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "The number on the invoice is the new one.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "Please use the IBAN in the attachment from now on.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Rechnung 17", "Gleiche Bankleitzahl, neue Kontonummer 13456789.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Facture 17", "Les quatre derniers chiffres sont désormais 4821.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Factura 17", "Solo cambia el número de cuenta.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Factuur 17", "Alleen het rekeningnummer wijzigt.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Fattura 17", "Cambia solo il numero di conto.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Fatura 17", "Só muda o número da conta.", "BANK_CHANGE_LANGUAGE"),
        (BOLT, "Faktura 17", "Zmienia się tylko numer konta.", "BANK_CHANGE_LANGUAGE"),
        (ACME, "Invoice 17", "Thank you for your order. Your account number is now 10234.", ""),
        (ACME, "Invoice 17", "Your new account number is 10234, please quote it when ordering.", ""),
        (ACME, "Invoice 17", "Meet your new account manager, Jane.", ""),
        (ACME, "Invoice 17", "We never change our bank details by email. Beware of any change.", ""),
        (STRANGER, "Welcome", "Open a new account with us today.", ""),
        (STRANGER, "Hello", "New account number 13456789 for the gym.", ""),
        (STRANGER, "Hello", "We moved to Barclays Road last week.", ""),
    ]);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn other_ways_to_be_paid() {
    let page = "<p>Invoice 17 is due.</p><p><a href=\"https://evil.example/x\">Pay now</a></p>";
    let own = "<p>Invoice 17 is due.</p><p><a href=\"https://pay.stranger.example/x\">Pay now</a></p>";
    let service = "<p>Invoice 17 is due.</p><p><a href=\"https://in.xero.com/abc\">View and pay</a></p>";
    let german = "<p>Rechnung 17</p><p><a href=\"https://evil.example/x\">Jetzt bezahlen</a></p>";
    let before = "<p>Invoice 17. To pay, <a href=\"https://billing.evil.example/17\">click here</a></p>";
    let wrong = judge(&[
        (STRANGER, "Invoice 17", before, "PAY_PAGE_UNKNOWN"),
        (STRANGER, "Invoice 17", "Please pay by PayPal to jo.miller@example.com.", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "PayPal: acme.supplies@gmail.com", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "Zelle: +1 415 555 0134", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "Venmo: @acme-pay", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "Cash App $acmepay", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "Interac e-Transfer to acme.pay@gmail.com", "PAYMENT_METHOD_NEW"),
        (ACME, "Fatura 17", "Chave PIX: acme.pay@gmail.com", "PAYMENT_METHOD_NEW"),
        (ACME, "Factura 17", "Bizum al 600 123 456", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "https://paypal.me/acmepay", "PAYMENT_METHOD_NEW"),
        (ACME, "Invoice 17", "Please send the money by Western Union.", "PAYMENT_UNTRACEABLE"),
        (
            FREE,
            "Quick favour",
            "Please buy five Apple gift cards and send me the codes.",
            "PAYMENT_UNTRACEABLE",
        ),
        (ACME, "Invoice 17", "We take payment in USDT only.", "PAYMENT_UNTRACEABLE"),
        (STRANGER, "Invoice 17", page, "PAY_PAGE_UNKNOWN"),
        (ACME, "Invoice 17", page, "PAY_PAGE_UNKNOWN"),
        (ACME, "Rechnung 17", german, "PAY_PAGE_UNKNOWN"),
        (ACME, "Invoice 17", "Please pay online: https://acme-billing.example/17", "PAY_PAGE_UNKNOWN"),
        (STRANGER, "Invoice 17", own, ""),
        (STRANGER, "Invoice 17", service, ""),
        (STRANGER, "Invoice 17", "Pay online: https://invoice.stripe.com/i/acct_1", ""),
        (STRANGER, "Invoice 17", "We accept PayPal and all cards.", ""),
        (STRANGER, "Invoice 17", "PayPal: billing@stranger.example", ""),
        (STRANGER, "Invoice 17", "Questions? Write to billing@stranger.example. PayPal is welcome.", ""),
        (STRANGER, "Invoice 17", "Our news: https://news.example/today", ""),
    ]);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn steered_call_backs_and_reconnaissance() {
    let wrong = judge(&[
        (ACME, "Invoice 17", "Please do not call, our phones are down at the moment.", "CALL_BACK_PREVENTED"),
        (STRANGER, "Rechnung 17", "Unsere Telefonanlage ist derzeit gestört.", "CALL_BACK_PREVENTED"),
        (
            ACME,
            "Invoice 17",
            "To verify the details please call us on the number below.\r\nPhone: +44 7700 900123",
            "CALL_BACK_STEERED",
        ),
        (
            STRANGER,
            "Invoice 17",
            "Our bank details have changed. To confirm the change, call this number: +44 7700 900123",
            "CALL_BACK_STEERED",
        ),
        (
            ACME,
            "Invoice 17",
            "To verify the details please call us on the number below.\r\nPhone: 020 7946 0018",
            "",
        ),
        (ACME, "Invoice 17", "Do not hesitate to call us on 020 7946 0018.", ""),
        (ACME, "Invoice 17", "Invoices are accepted by email only.", ""),
        (FREE, "Request", "Please send me a list of all outstanding invoices.", "RECONNAISSANCE"),
        (FREE, "Request", "Who approves the payments in your company?", "RECONNAISSANCE"),
        (FREE, "Anfrage", "Bitte senden Sie mir eine Liste aller offenen Rechnungen.", "RECONNAISSANCE"),
        (ACME, "Request", "Please send me a list of all outstanding invoices.", ""),
        (STRANGER, "Audit", "As your auditors we need the ageing report.", ""),
        (FREE, "Hello", "The list of participants is attached.", ""),
    ]);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn accounts_in_another_country_than_the_supplier() {
    let wrong = judge(&[
        (BOLT, "Invoice 17", "IBAN LT121000011101001000", "ACCOUNT_COUNTRY_DIFFERS"),
        (ACME, "Invoice 17", "IBAN LT121000011101001000", "ACCOUNT_COUNTRY_DIFFERS"),
        (ACME, "Invoice 17", "IBAN GB29NWBK60161331926819", ""),
    ]);
    assert!(wrong.is_empty(), "{wrong}");
}
