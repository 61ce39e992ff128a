//! From a parsed message to its claims: places, documents, gaps, categories.

// Only these tests join two stages; the stage itself imports no other.
use super::super::message::parse;
use super::{Documents, payment_claims};
use crate::model::{Category, Document, DocumentFile, PartKind, PaymentClaims, Span, SpanKind};
use proptest::prelude::*;

fn read(octets: &str) -> PaymentClaims {
    payment_claims(&parse(octets.as_bytes()), &Documents::new())
}

fn html(body: &str) -> PaymentClaims {
    read(&format!("Content-Type: text/html; charset=utf-8\r\n\r\n{body}"))
}

fn accounts(claims: &PaymentClaims) -> Vec<&str> {
    claims.accounts.iter().map(|c| c.account.reveal()).collect()
}

#[test]
fn places_of_one_account() {
    let claims = read(
        "Subject: GB29 NWBK 6016 1331 9268 19\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n\
         --q\r\nContent-Type: text/html\r\n\r\n<p>GB29NWBK60161331926819</p>\r\n\
         --q\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment\r\n\r\niban\r\nGB29NWBK60161331926819\r\n\
         --q\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nGB29NWBK60161331926819\r\n--q--\r\n",
    );
    assert_eq!(accounts(&claims), ["GB29NWBK60161331926819"]);
    let claim = &claims.accounts[0];
    assert_eq!(claim.place.part, PartKind::Body);
    let further: Vec<_> = claim.also_at.iter().map(|p| (p.part, p.name.as_deref())).collect();
    assert_eq!(
        further,
        [(PartKind::Html, None), (PartKind::Attachment, Some("a.csv")), (PartKind::Attachment, Some("x")),]
    );
    let documents: Vec<_> = claims.documents.iter().map(|d| (d.name.as_str(), d.read)).collect();
    assert_eq!(documents, [("a.csv", true), ("x", true)]);
    assert!(claims.unchecked.is_empty());
}

#[test]
fn hidden_text_is_a_text_of_its_own() {
    let claims = html("<p>IBAN GB29NWBK6016<span style='display:none'>99</span>1331926819</p>");
    assert_eq!(accounts(&claims), ["GB29NWBK60161331926819"]);
    assert!(!claims.accounts[0].place.hidden);
    let claims = html("<p>hello</p><div style='font-size:0'>IBAN GB29NWBK60161331926819</div>");
    assert_eq!(accounts(&claims), ["GB29NWBK60161331926819"]);
    assert!(claims.accounts[0].place.hidden);
}

#[test]
fn accounts_in_tables() {
    for (name, body, expected) in [
        (
            "cells",
            "<table><tr><th>Sort code<th>Account number<tr><td>20-00-00<td>55779911</table>",
            "20000055779911",
        ),
        ("definition", "<dl><dt>Sort code<dd>20-00-00<dt>Account<dd>55779911</dl>", "20000055779911"),
        (
            "label cell",
            "<tr><td>Sort Code:</td><td>20-00-00</td></tr><tr><td>Acc No:</td><td>55779911</td></tr>",
            "20000055779911",
        ),
        (
            "iban over cells",
            "<tr><td>GB29<td>NWBK<td>6016<td>1331<td>9268<td>19</tr>",
            "GB29NWBK60161331926819",
        ),
        (
            "entities",
            "IBAN&#58;&nbsp;GB29&nbsp;NWBK&nbsp;6016&nbsp;1331&nbsp;9268&nbsp;19",
            "GB29NWBK60161331926819",
        ),
        ("bold halves", "<b>GB29NWBK</b><i>60161331926819</i>", "GB29NWBK60161331926819"),
    ] {
        assert_eq!(accounts(&html(body)), [expected], "{name}");
    }
}

#[test]
fn what_was_not_read_is_said() {
    let big = "QUJD".repeat(12_000);
    let part = |head: &str, body: &str| {
        format!("--q\r\n{head}\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n")
    };
    let octets = "Content-Type: multipart/mixed; boundary=q\r\n\r\n".to_owned()
        + &part("Content-Type: application/pdf; name=a.pdf", "QUJD")
        + &part("Content-Type: image/png; name=scan.png\r\nContent-Disposition: attachment", &big)
        + &part("Content-Type: image/png; name=logo.png", "QUJD")
        + &part("Content-Type: text/csv; charset=x-none; name=b.csv", "QUJD")
        + "--q--\r\n";
    let claims = read(&octets);
    let documents: Vec<_> =
        claims.documents.iter().map(|d| (d.name.as_str(), d.read, d.error.as_deref())).collect();
    assert_eq!(
        documents,
        [
            ("a.pdf", false, Some("unsupported")),
            ("scan.png", false, Some("unsupported")),
            ("logo.png", true, None),
            ("b.csv", false, Some("charset")),
        ]
    );
    let gaps: Vec<_> = claims.unchecked.iter().map(|g| format!("{}: {}", g.what, g.why)).collect();
    assert_eq!(gaps, ["b.csv: charset", "a.pdf: unsupported", "scan.png: unsupported"]);
}

#[test]
fn long_texts_are_read_at_both_ends() {
    let filler = "lorem ipsum dolor sit amet ".repeat(60_000);
    let claims = read(&format!("\r\nGB29NWBK60161331926819 {filler} DE89370400440532013000"));
    assert_eq!(accounts(&claims), ["GB29NWBK60161331926819", "DE89370400440532013000"]);
    assert!(claims.unchecked.iter().any(|g| g.why == "limit"));
}

#[test]
fn further_documents_are_named_but_not_opened() {
    let mut octets = String::from("Content-Type: multipart/mixed; boundary=q\r\n\r\n");
    for i in 0..=crate::limits::MAX_DOCUMENTS {
        octets += &format!(
            "--q\r\nContent-Type: text/csv; name={i}.csv\r\nContent-Disposition: attachment\r\n\r\na\r\n"
        );
    }
    let claims = read(&octets);
    assert_eq!(claims.documents.len(), crate::limits::MAX_DOCUMENTS + 1);
    assert_eq!(claims.documents.iter().filter(|d| !d.read).count(), 1);
    assert_eq!(claims.unchecked[0].why, "limit");
}

/// A mail whose only attachment is read as this text, recognised on its first page.
fn recognised(text: &str) -> PaymentClaims {
    let message = parse(
        b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: application/pdf; name=a.pdf\r\n\
          Content-Disposition: attachment\r\n\r\n%PDF-1.7\r\n--q--\r\n",
    );
    let span = Span { text: text.to_owned(), kind: SpanKind::Ocr, page: Some(1) };
    let file = DocumentFile { spans: vec![span], ..DocumentFile::default() };
    let document = Document { files: vec![file], images: Vec::new() };
    payment_claims(&message, &Documents::from([(1, document)]))
}

#[test]
fn text_that_was_recognised() {
    for (name, text, account, read) in [
        ("as it is", "IBAN: GB29 NWBK 6016 1331 9268 19", Some("GB29NWBK60161331926819"), true),
        ("letters for digits", "IBAN: GB29 NWBK 6O16 I331 9268 19", Some("GB29NWBK60161331926819"), true),
        ("check digits fail: misread", "IBAN: GB29 NWBK 6016 1331 9268 18", None, false),
        ("a label alone", "IBAN: ~~ ||", None, false),
        ("nothing about an account", "Floor plan of the second storey", None, true),
        ("words that are labels elsewhere", "Sort the screws on account of their length", None, true),
    ] {
        let claims = recognised(text);
        assert_eq!(accounts(&claims).first().copied(), account, "{name}");
        assert_eq!(claims.documents[0].read, read, "{name}: {claims:?}");
        assert!(
            claims.accounts.iter().all(|claim| !claim.disguised && claim.place.page == Some(1)),
            "{name}"
        );
    }
}

#[test]
fn categories() {
    for (subject, body, expected) in [
        ("Invoice 2024-001", "Please find attached our invoice.", Category::Invoice),
        ("Rechnung 4711", "Bitte überweisen Sie den Betrag.", Category::Invoice),
        ("Credit note CN-12", "against invoice 1001", Category::CreditNote),
        ("Statement of account", "Your invoices are listed.", Category::Statement),
        ("Remittance advice", "for invoice 1001", Category::Remittance),
        ("Change of bank details", "Please update your records.", Category::BankDetailsChange),
        ("Hello", "Our bank details have changed.", Category::BankDetailsChange),
        ("Quick favour", "Please arrange payment today", Category::PaymentRequest),
        ("Purchase order 77", "see attached", Category::PurchaseOrder),
        ("Quotation Q-9", "as requested", Category::Quote),
        ("Receipt", "thank you for your payment", Category::Receipt),
        ("Lunch?", "See you at noon.", Category::Other),
    ] {
        let message = parse(format!("Subject: {subject}\r\n\r\n{body}").as_bytes());
        let claims = payment_claims(&message, &Documents::new());
        assert_eq!(claims.category, expected, "{subject}: {:?}", claims.category_because);
        assert_eq!(claims.category_because.is_empty(), expected == Category::Other, "{subject}");
    }
}

proptest! {
    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(payment_claims(&parse(&octets), &Documents::new()).accounts.len() <= crate::limits::MAX_ACCOUNTS);
    }

    #[test]
    fn no_markup_panics(
        body in "(<p style='display:none'>|</p>|<td>|<style>|</style>|\\.a\\{display:none\\}|&#|&pound|;|<!--|-->|IBAN GB29|\\PC| ){0,60}"
    ) {
        html(&body);
    }
}
