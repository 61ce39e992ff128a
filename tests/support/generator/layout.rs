//! Mail as programs write it: where the bank details stand, in which character set and transfer encoding, by whom.

use super::accounts::Account;
use super::files;
use super::words::Words;
use base64::Engine as _;
use std::fmt::Write as _;

/// Where the bank details stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Text,
    /// All digits as words.
    Spelled,
    /// The bank's code in the text, the number in an attachment.
    Split,
    /// The bank's code in the subject, the number in the text.
    SplitSubject,
    /// The label in a line of its own, the value below it.
    LabelAbove,
    HtmlParagraph,
    /// A table of two columns: label, value.
    HtmlRows,
    /// A table with its labels in the head.
    HtmlColumns,
    /// Digits that nobody sees stand inside the number.
    HtmlDecoy,
    AttachedText,
    AttachedCsv,
    AttachedXml,
    AttachedHtml,
    Forwarded,
    Pdf,
    /// Labels above their values.
    PdfColumns,
    Docx,
    Xlsx,
    Odt,
    Rtf,
    ZippedPdf,
}

pub const PLACES: &[Place] = &[
    Place::Text,
    Place::Spelled,
    Place::Split,
    Place::SplitSubject,
    Place::LabelAbove,
    Place::HtmlParagraph,
    Place::HtmlRows,
    Place::HtmlColumns,
    Place::HtmlDecoy,
    Place::AttachedText,
    Place::AttachedCsv,
    Place::AttachedXml,
    Place::AttachedHtml,
    Place::Forwarded,
    Place::Pdf,
    Place::PdfColumns,
    Place::Docx,
    Place::Xlsx,
    Place::Odt,
    Place::Rtf,
    Place::ZippedPdf,
];

/// What a mail says.
pub struct Letter<'a> {
    pub from: &'a str,
    pub subject: String,
    pub sentences: Vec<String>,
    pub words: &'a Words,
    pub footer: bool,
    pub supplier: &'a str,
    pub account: Option<&'a Account>,
    pub place: Place,
    /// Chooses between ways of writing numbers, encodings and producers.
    pub form: usize,
}

/// A part: its header fields and its octets, encoded.
struct Part {
    head: String,
    body: String,
}

impl Letter<'_> {
    /// The octets of the message.
    pub fn write(&self) -> Vec<u8> {
        let root = self.parts();
        let subject = match self.place {
            Place::SplitSubject => format!("{} {}", self.subject, self.halves().0),
            _ => self.subject.clone(),
        };
        let mut mail = String::new();
        let date = "Mon, 02 Dec 2024 09:15:00 +0000";
        write!(
            mail,
            "From: {}\r\nTo: accounts@contoso.example\r\nSubject: {}\r\nDate: {date}\r\n\
             Message-ID: <{}.{}@mail.example>\r\n{}MIME-Version: 1.0\r\n{}\r\n{}",
            self.from,
            header(&subject),
            self.form,
            self.subject.len(),
            PRODUCERS[self.form % PRODUCERS.len()],
            root.head,
            root.body
        )
        .expect("a string");
        mail.into_bytes()
    }

    fn parts(&self) -> Part {
        let boundary = format!("=_part_{}", self.form);
        let with = |parts: &[Part]| multipart("mixed", &boundary, parts);
        let letter = |block: Option<&str>| self.encoded("text/plain", &self.plain(block), "");
        match self.place {
            Place::Text => letter(Some(&self.lines(": "))),
            Place::Spelled => letter(Some(&self.spelled())),
            Place::Split => {
                let (first, rest) = self.halves();
                with(&[letter(Some(&first)), self.encoded("text/plain", &rest, "account.txt")])
            }
            Place::SplitSubject => letter(Some(&self.halves().1)),
            Place::LabelAbove => letter(Some(&self.lines(":\n"))),
            Place::HtmlParagraph => {
                self.alternative(&format!("<p>{}</p>", self.lines(": ").replace('\n', "<br>")))
            }
            Place::HtmlRows => self.alternative(&self.rows()),
            Place::HtmlColumns => self.alternative(&self.columns()),
            Place::HtmlDecoy => self.alternative(&self.decoy()),
            Place::AttachedText => {
                let text = self.lines(": ");
                with(&[letter(None), self.encoded("text/plain", &text, "invoice.txt")])
            }
            Place::AttachedCsv => with(&[letter(None), self.encoded("text/csv", &self.csv(), "payment.csv")]),
            Place::AttachedXml => {
                with(&[letter(None), self.encoded("application/xml", &self.xml(), "payment.xml")])
            }
            Place::AttachedHtml => {
                let page = self.page(&self.rows());
                with(&[letter(None), self.encoded("text/html", &page, "invoice.html")])
            }
            Place::Forwarded => {
                let inner = self.encoded("text/plain", &self.plain(Some(&self.lines(": "))), "");
                let head = "Content-Type: message/rfc822\r\n".to_owned();
                let body = format!(
                    "Subject: {}\r\nMIME-Version: 1.0\r\n{}\r\n{}",
                    header(&self.subject),
                    inner.head,
                    inner.body
                );
                with(&[letter(None), Part { head, body }])
            }
            file => with(&[letter(None), self.file(file)]),
        }
    }

    /// The invoice as a file.
    fn file(&self, place: Place) -> Part {
        let rows = self.cells(place == Place::PdfColumns);
        let (octets, media_type, name) = match place {
            Place::Docx => (files::docx(&rows), WORD, "invoice.docx"),
            Place::Xlsx => (files::xlsx(&rows, self.form), EXCEL, "invoice.xlsx"),
            Place::Odt => (files::odt(&rows), "application/vnd.oasis.opendocument.text", "invoice.odt"),
            Place::Rtf => (files::rtf(&rows), "application/rtf", "invoice.rtf"),
            Place::ZippedPdf => (files::zip(&rows, self.form), "application/zip", "invoice.zip"),
            _ => (files::pdf(&rows, self.form), "application/pdf", "invoice.pdf"),
        };
        Part {
            head: format!(
                "Content-Type: {media_type}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
                 Content-Transfer-Encoding: base64\r\n"
            ),
            body: format!("{}\r\n", wrapped(&base64::engine::general_purpose::STANDARD.encode(octets))),
        }
    }

    /// What stands in the file: the supplier, the letter's lines, the account by rows or by columns.
    fn cells(&self, columns: bool) -> files::Rows {
        let mut rows = vec![vec![self.supplier.to_owned()], vec![self.subject.clone()]];
        rows.extend(self.sentences.iter().flat_map(|text| text.lines()).map(|line| vec![line.to_owned()]));
        if columns {
            let (labels, values) = self.spread().into_iter().unzip();
            rows.extend([vec![self.words.pay_to.to_owned()], labels, values]);
        } else {
            let mut fields = vec![(self.words.holder.to_owned(), self.supplier.to_owned())];
            fields.extend(self.fields());
            rows.push(vec![self.words.pay_to.to_owned()]);
            rows.extend(fields.into_iter().map(|(label, value)| vec![label, value]));
        }
        rows
    }

    /// Every digit of the account as a word of the mail's language.
    fn spelled(&self) -> String {
        let (_, words) = DIGITS.iter().find(|(code, _)| *code == self.words.code).expect("a language");
        let value = |text: &str| {
            let spoken = text.chars().map(|c| match c.to_digit(10) {
                Some(digit) => format!(" {} ", words[digit as usize]),
                None => c.to_string(),
            });
            spoken.collect::<String>()
        };
        let fields = self.fields();
        let lines = fields.iter().map(|(label, text)| format!("{label}:{}", value(text)));
        format!("{}\n{}", self.words.pay_to, lines.collect::<Vec<_>>().join("\n"))
    }

    /// The bank's code, and the number; a scheme of one number stands in the second.
    fn halves(&self) -> (String, String) {
        let mut fields: Vec<String> = self
            .fields()
            .into_iter()
            .map(|(label, value)| format!("{}: {value}", label.replace("S/C", "Sort code")))
            .collect();
        let number = fields.pop().unwrap_or_default();
        (fields.join(" "), number)
    }

    fn fields(&self) -> Vec<(String, String)> {
        self.account.map(|account| account.fields(self.words, self.form)).unwrap_or_default()
    }

    fn lines(&self, between: &str) -> String {
        let fields = self.fields();
        if fields.is_empty() {
            return String::new();
        }
        let mut lines =
            vec![self.words.pay_to.to_owned(), format!("{}{between}{}", self.words.holder, self.supplier)];
        lines.extend(fields.iter().map(|(label, value)| format!("{label}{between}{value}")));
        lines.join("\n")
    }

    fn plain(&self, block: Option<&str>) -> String {
        let mut text = format!("{}\n\n{}\n", self.words.hello, self.sentences.join("\n\n"));
        if let Some(block) = block.filter(|block| !block.is_empty()) {
            write!(text, "\n{block}\n").expect("a string");
        }
        write!(text, "\n{}\n", self.words.bye).expect("a string");
        if self.footer {
            write!(text, "\n-- \n{}\n", self.words.footer).expect("a string");
        }
        text
    }

    fn page(&self, block: &str) -> String {
        let paragraphs: String =
            self.sentences.iter().map(|s| format!("<p>{}</p>", s.replace('\n', "<br>"))).collect();
        let footer = if self.footer {
            format!("<p style=\"font-size:9px\">{}</p>", self.words.footer)
        } else {
            String::new()
        };
        let inner = format!(
            "<p>{}</p>{paragraphs}{block}<p>{}</p>{footer}",
            self.words.hello,
            self.words.bye.replace('\n', "<br>")
        );
        match self.form % 3 {
            0 => format!(
                "<html><head><style>p.MsoNormal{{margin:0}}</style></head><body lang=EN><div class=WordSection1>{inner}</div></body></html>"
            ),
            1 => format!("<div dir=\"ltr\">{inner}</div>"),
            _ => format!(
                "<!DOCTYPE html><html><body><table width=600><tr><td>{inner}</td></tr></table></body></html>"
            ),
        }
    }

    fn alternative(&self, block: &str) -> Part {
        let block = if self.account.is_some() { block } else { "" };
        let parts = [
            self.encoded("text/plain", self.words.hello, ""),
            self.encoded("text/html", &self.page(block), ""),
        ];
        multipart("alternative", &format!("=_alt_{}", self.form), &parts)
    }

    fn rows(&self) -> String {
        let mut rows = format!("<tr><td>{}</td><td>{}</td></tr>", self.words.holder, self.supplier);
        for (label, value) in self.fields() {
            write!(rows, "<tr><td>{label}</td><td>{value}</td></tr>").expect("a string");
        }
        format!("<table>{rows}</table>")
    }

    fn columns(&self) -> String {
        let fields = self.spread();
        let head: String = fields.iter().map(|(label, _)| format!("<th>{label}</th>")).collect();
        let row: String = fields.iter().map(|(_, value)| format!("<td>{value}</td>")).collect();
        format!("<table><tr>{head}</tr><tr>{row}</tr></table>")
    }

    /// The holder and the account's fields as columns, with others before, between and behind, and from right to left.
    fn spread(&self) -> Vec<(String, String)> {
        let other = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let mut columns = vec![(self.words.holder.to_owned(), self.supplier.to_owned())];
        for (at, field) in self.fields().into_iter().enumerate() {
            if at == 1 && self.form % 2 == 1 {
                columns.extend([other("Ref.", "RX-2041"), other("Total", "4,812.60")]);
            }
            columns.push(field);
        }
        if self.form.is_multiple_of(3) {
            columns.insert(0, other("Nr.", "77"));
            columns.push(other("Site", "Plot 12"));
        }
        if self.form % 5 == 4 {
            columns.reverse();
        }
        columns
    }

    fn decoy(&self) -> String {
        let hide = ["display:none", "font-size:0", "visibility:hidden"][self.form % 3];
        let mut rows = String::new();
        for (label, value) in self.fields() {
            let half = value.chars().count() / 2;
            let at = value.char_indices().nth(half).map_or(0, |(at, _)| at);
            let (head, tail) = value.split_at(at);
            write!(rows, "<p>{label}: {head}<span style=\"{hide}\">84</span>{tail}</p>").expect("a string");
        }
        rows
    }

    fn csv(&self) -> String {
        let separator = [",", ";", "\t"][self.form % 3];
        let fields = self.fields();
        let labels = fields.iter().map(|(label, _)| label.clone());
        let values = fields.iter().map(|(_, value)| value.clone());
        let row = |first: &str, cells: &mut dyn Iterator<Item = String>| {
            std::iter::once(first.to_owned()).chain(cells).collect::<Vec<_>>().join(separator)
        };
        format!(
            "{}\r\n{}\r\n",
            row(self.words.holder, &mut labels.into_iter()),
            row(self.supplier, &mut values.into_iter())
        )
    }

    fn xml(&self) -> String {
        let mut fields = String::new();
        for (label, value) in self.fields() {
            let name: String = label.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
            write!(fields, "<{name}>{value}</{name}>").expect("a string");
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"{}\"?>\n<Payment><Payee><Name>{}</Name>{fields}</Payee></Payment>",
            self.charset(),
            self.supplier
        )
    }

    fn charset(&self) -> &'static str {
        if self.form % 5 == 3 { self.words.charset } else { "utf-8" }
    }

    /// A text as a part: encoding and character set turn with the form.
    fn encoded(&self, media_type: &str, text: &str, name: &str) -> Part {
        let charset = self.charset();
        let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).expect("a character set");
        // What the character set lacks becomes a space: a thin space in Latin-1 is none.
        let text =
            if charset == "utf-8" { text } else { text.replace(['\u{2009}'], " ").replace('\u{2013}', "-") };
        let octets = encoding.encode(&text).0.into_owned();
        let (transfer, body) = match self.form % 5 {
            0 | 3 => ("quoted-printable", quoted_printable(&octets)),
            1 => ("base64", wrapped(&base64::engine::general_purpose::STANDARD.encode(&octets))),
            _ => ("8bit", String::from_utf8(octets).expect("UTF-8")),
        };
        let disposition = if name.is_empty() {
            String::new()
        } else {
            format!("Content-Disposition: attachment; filename=\"{name}\"\r\n")
        };
        Part {
            head: format!(
                "Content-Type: {media_type}; charset={charset}\r\n{disposition}Content-Transfer-Encoding: {transfer}\r\n"
            ),
            body: format!("{body}\r\n"),
        }
    }
}

/// The digits in the languages of the corpus.
const DIGITS: &[(&str, [&str; 10])] = &[
    ("en", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]),
    ("de", ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]),
    ("fr", ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]),
    ("es", ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]),
    ("it", ["zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"]),
    ("nl", ["nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"]),
    ("pt", ["zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"]),
    ("pl", ["zero", "jeden", "dwa", "trzy", "cztery", "pięć", "sześć", "siedem", "osiem", "dziewięć"]),
];

const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const EXCEL: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Fields that mail programs leave.
const PRODUCERS: &[&str] = &[
    "X-Mailer: Microsoft Outlook 16.0\r\nThread-Index: AdtAAA==\r\n",
    "X-Mailer: Apple Mail (2.3774)\r\n",
    "User-Agent: Mozilla Thunderbird\r\n",
    "X-Mailer: Sage Accounts\r\nX-Priority: 3\r\n",
    "",
];

fn multipart(kind: &str, boundary: &str, parts: &[Part]) -> Part {
    let mut body = String::new();
    for part in parts {
        write!(body, "--{boundary}\r\n{}\r\n{}", part.head, part.body).expect("a string");
    }
    write!(body, "--{boundary}--\r\n").expect("a string");
    Part { head: format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n"), body }
}

/// A subject, as an encoded word where it needs to be one.
fn header(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    format!("=?utf-8?B?{}?=", base64::engine::general_purpose::STANDARD.encode(text))
}

fn wrapped(text: &str) -> String {
    text.as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\r\n")
}

fn quoted_printable(octets: &[u8]) -> String {
    let mut out = String::new();
    let mut column = 0;
    for (at, octet) in octets.iter().enumerate() {
        if *octet == b'\r' && octets.get(at + 1) == Some(&b'\n') {
            continue;
        }
        if *octet == b'\n' {
            out.push_str("\r\n");
            column = 0;
            continue;
        }
        let piece = match octet {
            b'=' => "=3D".to_owned(),
            b' '..=b'~' => char::from(*octet).to_string(),
            _ => format!("={octet:02X}"),
        };
        if column + piece.len() > 74 {
            out.push_str("=\r\n");
            column = 0;
        }
        column += piece.len();
        out.push_str(&piece);
    }
    out
}
