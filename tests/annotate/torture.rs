//! Odd, broken and hostile mail of the corpus, made by hand.

use super::generate::{Mail, TOP, attached, encoded, entity, image, message, multipart, pdf};

fn html(body: &str) -> Vec<u8> {
    message(&entity("text/html", "utf-8", "8bit", body))
}

fn text() -> Vec<u8> {
    entity("text/plain", "utf-8", "8bit", "Please pay invoice 4711.\r\n")
}

fn raw(lines: &str) -> Vec<u8> {
    [TOP, lines].concat().into_bytes()
}

/// A banner of an earlier pass, in HTML and in text.
const OLD_HTML: &str = "<!-- sentra:banner -->\r\n<table role=\"presentation\" width=\"100%\"><tr><td><b>Caution:</b> old words</td></tr></table>\r\n<!-- /sentra:banner -->\r\n";
const OLD_TEXT: &str = "**** Sentra: Caution ****\r\nOld words.\r\n**** Sentra ************************************************************\r\n\r\n";

fn quoted(text: &str, prefix: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}").trim_end().to_owned() + "\r\n").collect()
}

pub fn all() -> Vec<Mail> {
    [html_tricks(), threads(), encodings(), structures(), without_text(), untouchable()].concat_all()
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Mail>;
}

impl<const N: usize> ConcatAll for [Vec<Mail>; N] {
    fn concat_all(self) -> Vec<Mail> {
        self.into_iter().flatten().collect()
    }
}

fn html_tricks() -> Vec<Mail> {
    [
        ("body-in-comment", "<html><!-- <body> --><body><p>pay</p>"),
        ("body-in-conditional", "<html><head><!--[if mso]><body><![endif]--></head><body><p>pay</p>"),
        ("body-revealed", "<html><![if !mso]><body><![endif]><p>pay</p>"),
        ("body-late", "<div>pay</div><div style=\"display:none\"><body>"),
        ("body-in-script", "<head><script>document.write('<body>')</script></head><body><p>pay</p>"),
        ("body-in-attribute", "<html lang=\"<body>\"><body bgcolor=\"a>b\"><p>pay</p>"),
        ("body-twice", "<html><body><p>pay</p><body bgcolor=red><p>more</p>"),
        ("head-never-closed", "<html><head><title>t</title><p>pay</p>"),
        ("tags-never-closed", "<html><body class=\"x"),
        ("comment-never-closed", "<html><!-- <body> <p>pay</p>"),
        ("only-spaces", "   \r\n  "),
        ("empty", ""),
        ("template", "<html><head><template><body></template></head><body>pay"),
        ("plaintext", "<plaintext><body>pay"),
        ("svg-first", "<svg><body></svg><p>pay</p>"),
        ("xml-first", "<?xml version=\"1.0\"?><!DOCTYPE html><html><body><p>pay</p></body></html>"),
        ("upper-case", "<HTML><HEAD></HEAD><BODY BGCOLOR=WHITE><P>PAY</BODY></HTML>"),
        ("bom", "\u{feff}<html><body><p>pay</p>"),
        ("nul", "<html><bo\0dy><p>pay</p>"),
        ("frameset", "<html><frameset rows=\"*\"><frame src=\"x\"></frameset></html>"),
        (
            "rtl-style",
            "<html><body style=\"direction:rtl;visibility:hidden\"><p style=\"visibility:visible\">pay</p>",
        ),
    ]
    .map(|(name, body)| Mail::new(format!("html-{name}"), html(body)))
    .into()
}

fn threads() -> Vec<Mail> {
    let reply =
        format!("<html><body><p>Reply</p><blockquote>{OLD_HTML}<p>pay</p></blockquote></body></html>\r\n");
    let top = format!(
        "<html><body>\r\n{OLD_HTML}<p>pay</p><blockquote>{OLD_HTML}<p>first</p></blockquote></body></html>\r\n"
    );
    let two = format!("<html><body>\r\n{OLD_HTML}{OLD_HTML}<p>pay</p></body></html>\r\n");
    let fake =
        "<html><body><p>Reply</p><!-- sentra:banner -->pay to GB1<!-- /sentra:banner --></body></html>\r\n";
    let mut five = format!("{OLD_TEXT}Please pay.\r\n");
    for n in 0..5 {
        five = format!("Reply {n}\r\n{}", quoted(&five, "> "));
    }
    let plain_top = format!("{OLD_TEXT}Please pay.\r\n");
    let mut all = Vec::new();
    for encoding in ["8bit", "quoted-printable", "base64"] {
        for (name, kind, body) in [
            ("html-reply", "html", &reply),
            ("html-top-and-quoted", "html", &top),
            ("html-two-on-top", "html", &two),
            ("html-fake", "html", &fake.to_owned()),
            ("text-five-replies", "plain", &five),
            ("text-top", "plain", &plain_top),
        ] {
            let entity = entity(&format!("text/{kind}"), "utf-8", encoding, body);
            all.push(Mail::new(format!("thread-{name}-{encoding}"), message(&entity)));
        }
    }
    all
}

fn encodings() -> Vec<Mail> {
    let head = |kind: &str, encoding: &str| {
        format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n")
    };
    let all: Vec<(&str, String)> = vec![
        (
            "flowed",
            "Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\nPlease pay this \r\ninvoice now.\r\n"
                .into(),
        ),
        ("no-type", "\r\nPlease pay.\r\n".into()),
        ("no-mime-body", "Content-Type: text/plain\r\n\r\n".into()),
        ("hz", "Content-Type: text/html; charset=hz-gb-2312\r\n\r\n<body>~{<:Ky2;~} pay\r\n".into()),
        (
            "iso-2022-kr",
            "Content-Type: text/plain; charset=iso-2022-kr\r\n\r\n\x1b$)C\x0e<[\x0f pay\r\n".into(),
        ),
        ("unknown-charset", "Content-Type: text/plain; charset=x-nobody\r\n\r\nPlease pay.\r\n".into()),
        ("ebcdic", head("text/plain; charset=x-ebcdic-us", "base64") + "xIWBmQ==\r\n"),
        ("false-utf-16", "Content-Type: text/plain; charset=utf-16le\r\n\r\nPlease pay.\r\n".into()),
        ("uuencode", head("text/plain", "x-uuencode") + "begin 644 a\r\n#0V%T\r\n`\r\nend\r\n"),
        (
            "base64-one-line",
            head("text/plain", "base64")
                + "UGxlYXNlIHBheSBpbnZvaWNlIDQ3MTEgdG8gb3VyIG5ldyBhY2NvdW50IGJ5IEZyaWRheSwgdGhhbmsgeW91IHZlcnkgbXVjaC4=\r\n",
        ),
        ("base64-odd-lines", head("text/html", "base64") + "PGJv\r\nZHk+P\r\nHA+cGF\r\n5PC9wPg==\r\n"),
        ("base64-no-padding", head("text/plain", "base64") + "UGxlYXNlIHBheQ\r\n"),
        ("base64-junk", head("text/plain", "base64") + "UGxl*YXNl\r\n!IHBheQ==\r\n"),
        ("base64-two-runs", head("text/plain", "base64") + "UGxlYXNlIA==\r\ncGF5IG5vdw==\r\n"),
        ("base64-empty", head("text/plain", "base64") + "\r\n"),
        ("qp-broken", head("text/html", "quoted-printable") + "<body =zz>=\r\n=3Cp>pay=\r\n"),
        (
            "qp-soft-in-tag",
            head("text/html", "quoted-printable") + "<html><bo=\r\ndy class=3D\"x=\r\n\"><p>pay</p>\r\n",
        ),
        ("qp-lower-hex", head("text/html", "quoted-printable") + "=3chtml=3e=3cbody=3epay\r\n"),
        ("qp-spaces", head("text/plain", "quoted-printable") + "Please   \r\npay=20\r\n"),
        ("long-line", format!("Content-Type: text/html\r\n\r\n<html><body>{}\r\n", "pay ".repeat(240))),
        ("dashes", "Content-Type: text/plain\r\n\r\n-- \r\nnot a delimiter\r\n".into()),
    ];
    let mut mails: Vec<Mail> =
        all.into_iter().map(|(name, lines)| Mail::new(format!("encoding-{name}"), raw(&lines))).collect();
    let line_feeds = raw("Content-Type: text/html\r\n\r\n<html><body>\r\n<p>pay</p>\r\n");
    let line_feeds = String::from_utf8(line_feeds).unwrap().replace("\r\n", "\n");
    mails.push(Mail::new("encoding-line-feeds", line_feeds));
    mails
}

fn structures() -> Vec<Mail> {
    let calendar =
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_vec();
    let page = entity("text/html", "utf-8", "8bit", "<p>pay</p>");
    let blank = entity("text/plain", "utf-8", "7bit", " \r\n");
    let signed_inside = multipart("signed; protocol=\"application/pkcs7-signature\"", "s", &[text(), pdf()]);
    let mut deep = text();
    for level in 0..15 {
        deep = multipart("mixed", &format!("d{level}"), &[deep, pdf()]);
    }
    let start = multipart(
        "related; start=\"<second>\"",
        "r",
        &[page.clone(), [b"Content-ID: <second>\r\n".as_slice(), &page].concat()],
    );
    let nine = multipart("alternative", "n", &vec![text(); 9]);
    let amp = entity("text/x-amp-html", "utf-8", "8bit", "<html amp4email><body>pay</body></html>");
    let empty_part = b"Content-Type: text/plain\r\n".to_vec();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("meeting", multipart("alternative", "m", &[text(), page.clone(), calendar])),
        ("amp", multipart("alternative", "m", &[text(), amp, page.clone()])),
        ("blank-first", multipart("mixed", "m", &[blank, page.clone()])),
        ("signed-inside", multipart("mixed", "m", &[signed_inside, text()])),
        ("deep", deep),
        ("related-start", start),
        ("nine-alternatives", nine),
        ("empty-part", multipart("mixed", "m", &[empty_part, page.clone()])),
        ("attachment-first", multipart("mixed", "m", &[pdf(), text()])),
        ("message-first", multipart("mixed", "m", &[attached(), text()])),
        ("unknown-multipart", multipart("x-unknown", "m", &[text(), pdf()])),
        ("boundary-with-spaces", multipart("mixed", "a b'()+_,-./:=?", &[text(), pdf()])),
    ];
    let mut all: Vec<Mail> =
        rows.into_iter().map(|(name, entity)| Mail::new(format!("tree-{name}"), message(&entity))).collect();
    let preamble = multipart("mixed", "m", &[text(), pdf()]);
    let preamble = String::from_utf8(preamble).unwrap().replacen(
        "\r\n\r\n",
        "\r\n\r\nThis is a multi-part message.\r\n",
        1,
    );
    all.push(Mail::new("tree-preamble", message(format!("{preamble}epilogue\r\n").as_bytes())));
    let never_closed = String::from_utf8(multipart("mixed", "m", &[text()])).unwrap().replace("--m--", "");
    all.push(Mail::new("tree-never-closed", message(never_closed.as_bytes())));
    let contradicts = [&b"Content-Type: text/plain\r\n"[..], &multipart("mixed", "m", &[text()])].concat();
    all.push(Mail::new("tree-two-types", message(&contradicts)));
    all
}

fn without_text() -> Vec<Mail> {
    let lone = |head: &str| {
        raw(&format!("{head}Content-Transfer-Encoding: base64\r\n\r\n"))
            .into_iter()
            .chain(encoded(b"%PDF-1.4\nscan\n%%EOF\n", "base64"))
            .chain(*b"\r\n")
            .collect::<Vec<u8>>()
    };
    vec![
        Mail::new("notext-mixed-pdf", message(&multipart("mixed", "m", &[pdf()]))),
        Mail::new("notext-mixed-two", message(&multipart("mixed", "m", &[image("a"), pdf()]))),
        Mail::new("notext-mixed-message", message(&multipart("mixed", "m", &[attached()]))),
        Mail::new("notext-related", message(&multipart("related", "m", &[image("a")]))),
        Mail::new(
            "notext-pdf",
            lone(
                "Content-Type: application/pdf;\r\n name=\"scan.pdf\"\r\nContent-Disposition: attachment\r\n",
            ),
        ),
        Mail::new("notext-image", lone("Content-Type: image/png\r\n")),
        Mail::new("notext-message", message(&attached())),
        Mail::new(
            "notext-opaque-signature",
            lone("Content-Type: application/octet-stream; name=\"smime.p7m\"\r\n"),
        ),
        Mail::new("notext-pgp", message(&multipart("mixed", "m", &[lone_part("application/pgp-encrypted")]))),
        Mail::new("notext-header-only", TOP.as_bytes().to_vec()),
    ]
}

fn lone_part(media_type: &str) -> Vec<u8> {
    format!("Content-Type: {media_type}\r\n\r\nVersion: 1\r\n").into_bytes()
}

fn untouchable() -> Vec<Mail> {
    let report = multipart(
        "report; report-type=delivery-status",
        "m",
        &[text(), lone_part("message/delivery-status")],
    );
    let receipt = multipart(
        "report; report-type=disposition-notification",
        "m",
        &[text(), lone_part("message/disposition-notification")],
    );
    let protected = multipart("mixed", "m", &[text(), lone_part("application/x-microsoft-rpmsg-message")]);
    let encrypted = multipart(
        "encrypted; protocol=\"application/pgp-encrypted\"",
        "m",
        &[lone_part("application/pgp-encrypted")],
    );
    let armour = entity(
        "text/plain",
        "us-ascii",
        "7bit",
        "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\npay\r\n",
    );
    let tnef = multipart("mixed", "m", &[text(), lone_part("application/ms-tnef")]);
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("signed", message(&multipart("signed; protocol=\"application/pkcs7-signature\"", "m", &[text(), pdf()]))),
        ("pgp-signed", message(&multipart("signed; protocol=\"application/pgp-signature\"", "m", &[text(), pdf()]))),
        ("opaque", message(b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAGCSqG\r\n")),
        ("enveloped", message(b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAGCSqG\r\n")),
        ("encrypted", message(&encrypted)),
        ("pgp-inline", message(&armour)),
        ("rights-protected", message(&protected)),
        ("bounce", message(&report)),
        ("receipt", message(&receipt)),
        ("meeting-alone", message(b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")),
        ("auto-reply", [b"Auto-Submitted: auto-replied\r\n".as_slice(), &message(&text())].concat()),
        ("winmail", [b"X-MS-TNEF-Correlator: <x>\r\n".as_slice(), &message(&tnef)].concat()),
    ];
    rows.into_iter().map(|(name, octets)| Mail::new(format!("left-{name}"), octets)).collect()
}
