//! Makes the mail of the corpus: charset × encoding × kind of text, structure × producer. The odd ones are in
//! `torture.rs`. Everything here is made up for these tests.

use base64::Engine as _;
use std::fmt::Write as _;

/// One message of the corpus.
pub struct Mail {
    pub name: String,
    pub octets: Vec<u8>,
}

impl Mail {
    pub fn new(name: impl Into<String>, octets: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), octets: octets.into() }
    }
}

/// Header fields above every message.
pub const TOP: &str = "From: Northwind Traders <billing@supplier.example>\r\nTo: accounts@contoso.example\r\n\
                       Subject: Invoice 4711\r\nMessage-ID: <4711@supplier.example>\r\nMIME-Version: 1.0\r\n";

/// Charsets with a text that they can hold.
const CHARSETS: &[(&str, &str)] = &[
    ("us-ascii", "Dear team, please pay invoice 4711 to our new account."),
    ("utf-8", "Sehr geehrte Damen, bitte überweisen Sie 1.234,50 € an das neue Konto – 请付款."),
    ("iso-8859-1", "Veuillez régler la facture n° 4711, montant 1 234,50, échéance février."),
    ("iso-8859-15", "Veuillez régler 1 234,50 € sur notre nouveau compte, s'il vous plaît."),
    ("windows-1252", "Please pay £1,234.50 – “new account” – by Friday…"),
    ("iso-8859-2", "Proszę zapłacić fakturę 4711, łączna kwota 1234,50 zł."),
    ("windows-1251", "Просим оплатить счёт 4711 на новый расчётный счёт."),
    ("koi8-r", "Просим оплатить счёт 4711 на новый расчётный счёт."),
    ("windows-1253", "Παρακαλούμε πληρώστε το τιμολόγιο 4711 στον νέο λογαριασμό."),
    ("windows-1254", "Lütfen 4711 numaralı faturayı yeni hesabımıza ödeyiniz."),
    ("windows-1255", "נא לשלם את חשבונית 4711 לחשבון הבנק החדש שלנו."),
    ("windows-1256", "يرجى دفع الفاتورة 4711 إلى حسابنا المصرفي الجديد."),
    ("iso-2022-jp", "請求書4711を新しい口座にお支払いください。<確認>"),
    ("shift_jis", "請求書4711を新しい口座にお支払いください。ソ表能"),
    ("euc-jp", "請求書4711を新しい口座にお支払いください。"),
    ("gb18030", "请将发票4711的款项汇入我们的新账户。㐀𠀀"),
    ("gbk", "请将发票4711的款项汇入我们的新账户。"),
    ("big5", "請將發票4711的款項匯入我們的新帳戶。功許蓋"),
    ("euc-kr", "송장 4711을 새 계좌로 지불해 주십시오."),
    ("utf-16le", "Dear team, please pay £1,234.50 – 请付款."),
    ("utf-16be", "Dear team, please pay £1,234.50 – 请付款."),
    ("utf-16", "Dear team, please pay £1,234.50 – 请付款."),
    ("utf-7", "Dear team, please pay £1,234.50 now – 1 + 1 = 2."),
];

/// Text in a charset, as octets.
pub fn in_charset(text: &str, charset: &str) -> Vec<u8> {
    let units = || text.encode_utf16();
    match charset {
        "utf-16le" => units().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => units().flat_map(u16::to_be_bytes).collect(),
        "utf-16" => [0xff, 0xfe].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect(),
        "utf-7" => utf_7(text),
        _ => {
            let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).expect(charset);
            let (octets, _, lost) = encoding.encode(text);
            assert!(!lost, "{charset} cannot hold its sample");
            octets.into_owned()
        }
    }
}

fn utf_7(text: &str) -> Vec<u8> {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '+' => out.push_str("+-"),
            c if c.is_ascii() => out.push(c),
            c => {
                let octets: Vec<u8> =
                    c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()).collect();
                let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(octets);
                write!(out, "+{encoded}-").unwrap();
            }
        }
    }
    out.into_bytes()
}

/// Octets under a transfer encoding, without a line end at the end.
pub fn encoded(octets: &[u8], encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
            encoded.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])
        }
        "quoted-printable" => quoted_printable(octets),
        _ => octets.to_vec(),
    }
}

fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let wide = octets.contains(&0);
    let mut out = Vec::new();
    let mut column = 0;
    let mut at = 0;
    while at < octets.len() {
        if !wide && octets[at..].starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (column, at) = (0, at + 2);
            continue;
        }
        let b = octets[at];
        let plain =
            !wide && (b.is_ascii_graphic() && b != b'=' || b == b' ' && octets.get(at + 1) != Some(&b'\r'));
        let piece = if plain { vec![b] } else { format!("={b:02X}").into_bytes() };
        if column + piece.len() > 75 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        column += piece.len();
        out.extend_from_slice(&piece);
        at += 1;
    }
    out
}

/// A text entity: Content- fields, empty line, body.
pub fn entity(media_type: &str, charset: &str, encoding: &str, text: &str) -> Vec<u8> {
    let head = format!(
        "Content-Type: {media_type}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    [head.into_bytes(), encoded(&in_charset(text, charset), encoding)].concat()
}

/// A multipart entity.
pub fn multipart(kind: &str, boundary: &str, children: &[Vec<u8>]) -> Vec<u8> {
    let mut out = format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n").into_bytes();
    for child in children {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend_from_slice(child);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// A whole message of one entity.
pub fn message(entity: &[u8]) -> Vec<u8> {
    [TOP.as_bytes(), entity, b"\r\n"].concat()
}

pub fn pdf() -> Vec<u8> {
    let octets = encoded(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n", "base64");
    [
        &b"Content-Type: application/pdf; name=\"invoice.pdf\"\r\nContent-Disposition: attachment; \
           filename=\"invoice.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"[..],
        &octets,
    ]
    .concat()
}

pub fn image(id: &str) -> Vec<u8> {
    let octets = encoded(b"\x89PNG\r\n\x1a\n0000", "base64");
    let head = format!(
        "Content-Type: image/png\r\nContent-ID: <{id}>\r\nContent-Disposition: inline\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    [head.into_bytes(), octets].concat()
}

pub fn attached() -> Vec<u8> {
    let inner = entity("text/html", "utf-8", "8bit", "<html><body><p>an older mail</p></body></html>");
    [&b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\nFrom: a@b.example\r\nSubject: older\r\n"[..], &inner]
        .concat()
}

/// What programs make of HTML, and how they encode it.
const PRODUCERS: &[(&str, &str, &str)] = &[
    (
        "word",
        "quoted-printable",
        "<html xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\">\r\n<head>\r\n\
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n<!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]-->\
         <style><!--\r\n/* Font Definitions */\r\np.MsoNormal {margin:0cm; font-size:11.0pt;}\r\n--></style><!--[if gte mso 9]><xml>\r\n\
         <o:shapedefaults v:ext=\"edit\" spidmax=\"1026\" />\r\n</xml><![endif]-->\r\n</head>\r\n<body lang=\"EN-GB\" link=\"#0563C1\" style=\"word-wrap:break-word\">\r\n\
         <div class=\"WordSection1\">\r\n<p class=\"MsoNormal\">Dear team,<o:p></o:p></p>\r\n<p class=\"MsoNormal\">%<o:p></o:p></p>\r\n</div>\r\n</body>\r\n</html>\r\n",
    ),
    ("webmail", "8bit", "<div dir=\"ltr\"><div>Dear team,</div><div><br></div><div>%</div></div>\r\n"),
    (
        "apple",
        "7bit",
        "<html><head><meta http-equiv=\"content-type\" content=\"text/html; charset=us-ascii\"></head>\
         <body style=\"overflow-wrap: break-word; -webkit-nbsp-mode: space;\">Dear team,<div><br></div><div>%</div></body></html>",
    ),
    (
        "thunderbird",
        "8bit",
        "<!DOCTYPE html>\r\n<html>\r\n  <head>\r\n\r\n    <meta http-equiv=\"content-type\" content=\"text/html; charset=UTF-8\">\r\n  </head>\r\n  <body>\r\n    <p>%</p>\r\n  </body>\r\n</html>\r\n",
    ),
    (
        "newsletter",
        "base64",
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\
         <html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>Statement</title><style type=\"text/css\">@media only screen{body{width:100%!important}}</style></head>\
         <!--[if mso]><body class=\"mso\"><![endif]--><!--[if !mso]><!--><body class=\"full\" bgcolor=\"#f6f6f6\"><!--<![endif]-->\
         <table width=\"600\"><tr><td>%</td></tr></table></body></html>",
    ),
    ("ledger", "quoted-printable", "<font face=Arial size=2>%<br>\r\n<hr></font>\r\n"),
    ("rtl", "base64", "<html dir=\"rtl\" lang=\"he\"><body dir=\"rtl\"><p>%</p></body></html>"),
    ("fragment", "8bit", "<p>%"),
];

/// Structures around the text and HTML of one message.
fn structures(text: &[u8], html: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (text, html) = (text.to_vec(), html.to_vec());
    let alternative = multipart("alternative", "alt", &[text.clone(), html.clone()]);
    let related = multipart("related", "rel", &[html.clone(), image("logo")]);
    vec![
        ("html", html.clone()),
        ("alternative", alternative.clone()),
        ("related", related.clone()),
        ("alternative-related", multipart("alternative", "a", &[text.clone(), related.clone()])),
        ("related-alternative", multipart("related", "r", &[alternative.clone(), image("logo")])),
        ("mixed-alternative", multipart("mixed", "m", &[alternative.clone(), pdf()])),
        (
            "apple",
            multipart(
                "alternative",
                "a1",
                &[text.clone(), multipart("mixed", "a2", &[html.clone(), pdf(), html.clone()])],
            ),
        ),
        ("text-image-text", multipart("mixed", "m", &[text.clone(), image("x"), text.clone()])),
        ("image-text", multipart("mixed", "m", &[image("x"), html])),
        ("forward", multipart("mixed", "m", &[alternative, attached()])),
    ]
}

/// The tables: every charset in every encoding as text and HTML, every structure of every producer.
pub fn tables() -> Vec<Mail> {
    let mut all = Vec::new();
    for (charset, text) in CHARSETS {
        for encoding in ["8bit", "quoted-printable", "base64"] {
            let plain = format!("{text}\r\n\r\n{text}\r\n");
            let html =
                format!("<html><head><title>{text}</title></head><body>\r\n<p>{text}</p></body></html>\r\n");
            for (kind, text) in [("plain", &plain), ("html", &html)] {
                let entity = entity(&format!("text/{kind}"), charset, encoding, text);
                all.push(Mail::new(format!("{charset}-{encoding}-{kind}"), message(&entity)));
            }
        }
    }
    for (producer, encoding, html) in PRODUCERS {
        let says = "Please pay invoice 4711 to our new account.";
        let text = entity("text/plain", "utf-8", encoding, &format!("Dear team,\r\n\r\n{says}\r\n"));
        let html = entity("text/html", "utf-8", encoding, &html.replace('%', says));
        for (structure, entity) in structures(&text, &html) {
            all.push(Mail::new(format!("{producer}-{structure}"), message(&entity)));
        }
    }
    all
}
