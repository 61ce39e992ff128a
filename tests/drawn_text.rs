//! `sentra check` over mail that shows something else than its text: each attack is tagged as not read, its genuine twin
//! is delivered, and a verified account in such a text is no good news.

use crate::support;
use serde_json::Value;
use std::fs;
use std::path::Path;

const SUPPLIERS: &str = "\
supplier_id,name,domains,emails,vat_number,iban
SUP-1,Acme Building Supplies Ltd,acmebuilding.co.uk,,GB980780684,GB29NWBK60161331926819
";
/// The account on record.
const KNOWN: &str = "GB29 NWBK 6016 1331 9268 19";

fn check(folder: &Path, content: &str) -> Value {
    let (suppliers, mail) = (folder.join("suppliers.csv"), folder.join("mail.eml"));
    fs::write(&suppliers, SUPPLIERS).expect("suppliers");
    let head = "From: Acme <billing@acmebuilding.co.uk>\r\nTo: accounts@contoso.example\r\nSubject: Invoice 17\r\n\
                Message-ID: <17@acmebuilding.co.uk>\r\nMIME-Version: 1.0\r\n";
    fs::write(&mail, format!("{head}{content}")).expect("mail");
    let (_, out, err) = support::check::check(&suppliers, &["--json"], &[mail]);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out} {err}"))
}

fn html(body: &str) -> String {
    format!("Content-Type: text/html; charset=utf-8\r\n\r\n<p>Please pay invoice 17.</p>{body}\r\n")
}

fn attached(kind: &str, name: &str, content: &str) -> String {
    format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nPlease pay invoice 17.\r\n\
         --b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename={name}\r\n\r\n{content}\r\n--b--\r\n"
    )
}

fn plain(text: &str) -> String {
    format!("Content-Type: text/plain; charset=utf-8\r\n\r\nPlease pay invoice 17.\r\n\r\n{text}\r\n")
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"].as_array().expect("findings").iter().filter_map(|one| one["code"].as_str()).collect()
}

/// Rows as restless as those of a QR code.
fn art() -> String {
    let square = |row: usize, column: usize| {
        if (row * 7 + column * column * 3 + row * column) % 5 < 2 { '#' } else { ' ' }
    };
    (0..23).map(|row| (0..23).map(|column| square(row, column)).collect::<String>() + "\r\n").collect()
}

#[test]
fn what_is_shown_otherwise_counts_as_unread() {
    let folder = tempfile::tempdir().expect("folder");
    let font = "<style>@font-face{font-family:B;src:url(data:font/woff2;base64,AA)}.b{font-family:B}</style>";
    let cells = "<td bgcolor=#000></td><td bgcolor=#fff></td>".repeat(221);
    let partial =
        "From: a@e.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nNew IBAN";
    for (name, mail) in [
        ("font", html(&format!("{font}<p class=b>IBAN {KNOWN}</p>"))),
        (
            "order",
            html(
                "<style>.a{order:2}</style><p>Sort code 60-16-13<br>Account <b class=a>3192</b><b>6819</b></p>",
            ),
        ),
        ("mirror", html(&format!("<p style='transform:scaleX(-1)'>IBAN {KNOWN}</p>"))),
        (
            "counter",
            html("<style>p:after{counter-reset:a 31926819;content:counter(a)}</style><p>Account </p>"),
        ),
        ("cells", html(&format!("<table><tr>{cells}</table>"))),
        ("text art", plain(&art())),
        ("yEnc", plain("=ybegin line=128 size=99 name=invoice.pdf\r\nxx")),
        ("direction", plain("Sort code \u{200f}60 16 13, account 31926819")),
        ("script", attached("text/html", "invoice.html", "<p>IBAN</p><script>document.write('x')</script>")),
        ("handler", attached("application/octet-stream", "invoice.shtml", "<img src=x onerror=go()>")),
        ("SVG", attached("image/svg+xml", "invoice.svg", "<svg onload='x()'><text>IBAN</text></svg>")),
        ("partial", attached("message/partial; id=x; number=1", "a", partial)),
        ("partial alone", format!("Content-Type: message/partial; id=x; number=1; total=2\r\n\r\n{partial}")),
        (
            "external",
            attached(
                "message/external-body; access-type=URL; URL=\"https://e.example/a\"",
                "a",
                "Content-Type: text/plain\r\n\r\nx",
            ),
        ),
        (
            "partial in a forwarded mail",
            attached(
                "message/rfc822",
                "a.eml",
                &format!("Subject: x\r\nContent-Type: message/partial; id=x; number=1\r\n\r\n{partial}"),
            ),
        ),
    ] {
        let report = check(folder.path(), &mail);
        assert_eq!(report["action"], "tag", "{name}: {report}");
        // Nobody is told of an attachment where the mail has none. Clients show a piece of a message as one.
        let attachment = ["Content-Disposition: attachment", "Content-Type: message/partial"]
            .iter()
            .any(|mark| mail.contains(mark));
        let unread = if attachment { "DOCUMENT_UNREADABLE" } else { "MESSAGE_UNREADABLE" };
        let named: Vec<&str> =
            codes(&report).into_iter().filter(|code| code.ends_with("_UNREADABLE")).collect();
        assert_eq!(named, [unread], "{name}: {report}");
        assert_eq!(report["severity"], "caution", "a calm line says nothing is wrong: {name}: {report}");
    }
}

#[test]
fn genuine_twins_are_delivered() {
    let folder = tempfile::tempdir().expect("folder");
    let account = format!("<p>IBAN <span style='float:right'>{KNOWN}</span></p>");
    for (name, mail) in [
        (
            "published font",
            html(&format!(
                "<style>@import url(https://fonts.googleapis.com/css?family=Lato);p{{font-family:Lato,Arial}}</style>{account}"
            )),
        ),
        (
            "brand font elsewhere",
            html(&format!(
                "<style>@font-face{{font-family:B;src:url(https://e.example/b)}}h1{{font-family:B}}</style><h1>Acme</h1>{}{account}",
                "<p>Thank you for your order.</p>".repeat(10)
            )),
        ),
        (
            "script of a mail client's own",
            html(&format!("<script type='application/ld+json'>{{}}</script>{account}")),
        ),
        (
            "printable page",
            attached(
                "text/html",
                "invoice.html",
                &format!("{account}<button onclick='window.print()'>Print</button>"),
            ),
        ),
        ("picture", attached("image/svg+xml", "logo.svg", "<svg><path d='M0 0h9'/><text>Acme</text></svg>")),
        (
            "shortcut",
            attached(
                "application/octet-stream",
                "portal.url",
                "[InternetShortcut]\r\nURL=https://acmebuilding.co.uk/",
            ),
        ),
        ("list", plain("1. # first\r\n2. ## second")),
    ] {
        let report = check(folder.path(), &mail);
        assert_eq!(report["action"], "deliver", "{name}: {report}");
    }
}

#[test]
fn accounts_are_read_where_they_are_shown() {
    let folder = tempfile::tempdir().expect("folder");
    let vector =
        "data:image/svg+xml,%3Csvg%3E%3Ctext%3EIBAN DE89 3704 0044 0532 0130 00%3C/text%3E%3C/svg%3E";
    for (name, mail) in [
        (
            "sheet",
            html("<style>.a:before{content:'IBAN DE89 3704 0044 '}</style><p class=a>0532 0130 00</p>"),
        ),
        ("vector", html(&format!("<img src=\"{vector}\">"))),
        (
            "escapes",
            attached(
                "application/json",
                "a.json",
                r#"{"iban":"\u0044\u0045\u0038\u0039370400440532013000"}"#,
            ),
        ),
        (
            "turned by class",
            html(
                "<style>.a{unicode-bidi:bidi-override;direction:rtl}</style><p>IBAN <b class=a>00 0310 2350 4400 4073 98ED</b></p>",
            ),
        ),
    ] {
        let report = check(folder.path(), &mail);
        assert_eq!(report["action"], "quarantine", "{name}: {report}");
    }
}
