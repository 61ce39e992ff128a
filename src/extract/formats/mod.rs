//! The document formats that are read in this process. One file a format, one line here.
//!
//! The first format that accepts a part reads it. What needs a reader of its own kind (PDF, Office, archives, images)
//! is left to `documents`, in a worker process; without one it is reported as unread: "could not check" is an outcome,
//! never "clean".

use crate::model::{Part, PartContent};
use std::borrow::Cow;

pub(super) use elsewhere::is_elsewhere;
pub(super) use plain_text::read_text;
pub(super) use shortcut::{EXTENSIONS as SHORTCUTS, read_shortcut};
pub(super) use web_page::{Opened, is_silent, read_page};

/// What a format got out of a part.
#[derive(Debug, Default)]
pub(super) struct Reading<'a> {
    /// Text that the recipient sees.
    pub(super) visible: Cow<'a, str>,
    /// Text that is there but not shown.
    pub(super) hidden: String,
    /// Where links lead, one a line: nobody sees it and everybody follows it.
    pub(super) links: String,
    /// Text and target of each link.
    pub(super) anchors: Vec<(String, String)>,
    /// Why the part was not read in full, in the words of [`crate::model::Gap::why`].
    pub(super) error: Option<&'static str>,
}

impl Reading<'_> {
    /// Nothing could be read.
    fn unread(why: &'static str) -> Self {
        Self { error: Some(why), ..Self::default() }
    }
}

/// Reads parts of one kind.
pub(super) trait DocumentFormat: Sync {
    /// Whether it reads this part; `parent` is the enclosing one.
    fn accepts(&self, part: &Part, parent: Option<&Part>) -> bool;
    /// Whether reading costs enough to count against `limits::MAX_DOCUMENTS`.
    fn opens(&self) -> bool {
        false
    }
    /// Whether a reader of documents shall read it, in a worker process.
    fn wants_worker(&self, _part: &Part) -> bool {
        false
    }
    /// Whether the mail shows it for decoration: what is not read of it counts as read.
    fn decorates(&self) -> bool {
        false
    }
    /// Never fails, never blocks, linear in the content.
    fn read<'a>(&self, part: &'a Part) -> Reading<'a>;
}

mod escapes;

macro_rules! formats {
    ($($file:ident :: $name:ident),* $(,)?) => {
        $(mod $file;)*
        /// Every format, the more special first; the last accepts everything.
        const FORMATS: &[&dyn DocumentFormat] = &[$(&$file::$name),*];
    };
}

formats! {
    elsewhere::Elsewhere,
    encrypted::Encrypted,
    disguised::Disguised,
    bookkeeping::Bookkeeping,
    table::Table,
    shortcut::Shortcut,
    web_page::WebPage,
    plain_text::PlainText,
    picture::Picture,
    opaque::Opaque,
}

/// The format that reads a part.
pub(super) fn of(part: &Part, parent: Option<&Part>) -> &'static dyn DocumentFormat {
    FORMATS.iter().copied().find(|format| format.accepts(part, parent)).unwrap_or(&opaque::Opaque)
}

/// The octets of a part for a reader of documents; text is handed on in UTF-8.
pub(super) fn octets_of(part: &Part) -> &[u8] {
    match &part.content {
        PartContent::Binary(octets) => octets,
        PartContent::Text(text) | PartContent::Html(text) => text.as_bytes(),
        PartContent::Multipart | PartContent::AttachedMessage => &[],
    }
}

/// Whether the file name ends in one of these extensions.
fn named(part: &Part, extensions: &[&str]) -> bool {
    let extension = part.name.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, ext)| ext.trim());
    extension.is_some_and(|found| extensions.iter().any(|e| e.eq_ignore_ascii_case(found)))
}

/// Whether the declared type says nothing, so that the name may decide.
fn is_generic(part: &Part) -> bool {
    matches!(
        part.media_type.as_str(),
        "application/octet-stream"
            | "application/binary"
            | "application/x-download"
            | "application/unknown"
            | "application/force-download"
    )
}

/// Octets as text: by byte order mark, else UTF-8, else windows-1252.
pub(super) fn octets_as_text(octets: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(octets) {
        return encoding.decode_without_bom_handling(octets.get(mark..).unwrap_or_default()).0;
    }
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContentDisposition, TransferEncoding};

    fn part(media_type: &str, name: &str, content: PartContent) -> Part {
        Part {
            parent: None,
            depth: 0,
            in_attached_message: false,
            media_type: media_type.to_owned(),
            charset: None,
            parameters: Vec::new(),
            encoding: TransferEncoding::Identity,
            disposition: ContentDisposition::Attachment,
            name: Some(name.to_owned()),
            content_id: None,
            body: 0..0,
            content,
        }
    }

    #[test]
    fn what_is_read_and_why_not() {
        let small = || PartContent::Binary(b"x".to_vec());
        let large = || PartContent::Binary(vec![0; 40 * 1_024]);
        let encrypted_pdf = PartContent::Binary(b"%PDF-1.7 trailer <</Encrypt 5 0 R>>".to_vec());
        let encrypted_zip = PartContent::Binary(b"PK\x03\x04\x14\0\x01\0rest".to_vec());
        for (media_type, name, content, error) in [
            ("application/pdf", "a.pdf", small(), Some("unsupported")),
            ("application/pdf", "a.pdf", encrypted_pdf, Some("password")),
            ("application/zip", "a.zip", encrypted_zip, Some("password")),
            ("application/pkcs7-mime", "smime.p7m", small(), Some("encrypted")),
            ("application/x-microsoft-rpmsg-message", "message.rpmsg", small(), Some("encrypted")),
            ("application/pkcs7-signature", "smime.p7s", small(), None),
            ("application/pkcs7-signature", "a.pdf", small(), Some("unsupported")),
            (
                "application/pkcs7-signature",
                "smime.p7s",
                PartContent::Binary(b"%PDF-1.4".to_vec()),
                Some("unsupported"),
            ),
            ("image/png", "a.png", PartContent::Binary(b"%PDF-1.4".to_vec()), Some("unsupported")),
            ("text/plain", "a.pdf", PartContent::Text("x".to_owned()), Some("unsupported")),
            ("text/plain", "a.txt", PartContent::Text("%PDF-1.4".to_owned()), Some("unsupported")),
            ("text/html", "a.htm", PartContent::Html("ÐÏ\x11àx".to_owned()), Some("unsupported")),
            ("text/rtf", "a.txt", PartContent::Text("{\\rtf1 x}".to_owned()), Some("unsupported")),
            ("text/plain", "a.txt", PartContent::Text("begin 644 a.pdf\nM".to_owned()), Some("unsupported")),
            ("text/plain", "a.txt", PartContent::Text("begin with\n".to_owned()), None),
            ("application/vnd.ms-excel", "a.csv", small(), None),
            ("message/partial", "", small(), Some("unsupported")),
            ("message/external-body", "", small(), Some("unsupported")),
            (
                "text/plain",
                "a.txt",
                PartContent::Text("=ybegin line=128 size=9 name=a.pdf\n".to_owned()),
                Some("unsupported"),
            ),
            ("text/plain", "a.txt", PartContent::Text("=ybegin part=1\n".to_owned()), None),
            (
                "text/plain",
                "a.txt",
                PartContent::Text("begin-base64 644 a.pdf\n".to_owned()),
                Some("unsupported"),
            ),
            (
                "text/html",
                "a.html",
                PartContent::Html("<script>x()</script>".to_owned()),
                Some("unsupported"),
            ),
            ("text/html", "a.html", PartContent::Html("<body onload=x()>".to_owned()), Some("unsupported")),
            (
                "text/html",
                "a.html",
                PartContent::Html("<a href=' java&#10;script:x()'>".to_owned()),
                Some("unsupported"),
            ),
            (
                "text/html",
                "a.html",
                PartContent::Html("<meta http-equiv=refresh content='0;url=data:text/html,x'>".to_owned()),
                Some("unsupported"),
            ),
            (
                "text/html",
                "a.html",
                PartContent::Html("<iframe srcdoc='x'></iframe>".to_owned()),
                Some("unsupported"),
            ),
            (
                "text/html",
                "a.html",
                PartContent::Html("<button onclick='window.print();'>x".to_owned()),
                None,
            ),
            (
                "text/html",
                "a.html",
                PartContent::Html("<script type='application/ld+json'>{}</script>x".to_owned()),
                None,
            ),
            (
                "image/svg+xml",
                "a.svg",
                PartContent::Binary(b"<svg><script>x()</script></svg>".to_vec()),
                Some("unsupported"),
            ),
            ("image/svg+xml", "a.svg", PartContent::Binary(b"<svg><path d='M0 0'/></svg>".to_vec()), None),
            (
                "image/svg+xml",
                "a.svg",
                PartContent::Binary(format!("<svg><path d='{}'/></svg>", "M0 0".repeat(9_000)).into_bytes()),
                Some("unsupported"),
            ),
            (
                "application/octet-stream",
                "a.url",
                PartContent::Binary(b"URL=https://e.example".to_vec()),
                None,
            ),
            ("message/delivery-status", "", small(), None),
            ("image/png", "logo.png", small(), None),
            ("image/png", "scan.png", large(), Some("unsupported")),
            ("application/xml", "invoice.xml", small(), None),
            ("application/octet-stream", "list.CSV", small(), None),
            ("application/octet-stream", "page.html", small(), None),
            ("application/octet-stream", "a.bin", small(), Some("unsupported")),
        ] {
            let part = part(media_type, name, content);
            assert_eq!(of(&part, None).read(&part).error, error, "{media_type} {name}");
        }
    }
}
