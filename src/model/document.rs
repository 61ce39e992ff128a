//! What a document reader gives back: texts with their kind and page, and what could not be read.
//!
//! It crosses the pipe between a worker process and the gateway, so everything here is plain data.

use serde::{Deserialize, Serialize};

/// How a text stands in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanKind {
    /// A person who opens the document sees it.
    Visible,
    /// It is there and not shown: deleted, `vanish`, a hidden sheet, a comment.
    Hidden,
    /// Written for programs: the fields of an electronic invoice, field codes, custom properties.
    Machine,
    /// What an electronic invoice says of the payer: the account that it will be taken from.
    Payer,
    /// Decoded from a QR code.
    Qr,
    /// Recognised in an image.
    Ocr,
}

/// A stretch of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The text: lines end with `\n`, cells with a tab; no other control characters.
    pub text: String,
    /// How it stands there.
    pub kind: SpanKind,
    /// Page, slide or sheet from 1; `None` where the format has none or it belongs to the whole document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// Why something was not read, or not in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unread {
    /// A password keeps it shut.
    Password,
    /// Encrypted for the recipient alone.
    Encrypted,
    /// A kind, or a feature of a kind, that nobody here reads.
    Unsupported,
    /// A limit of size, number or depth was met.
    Limit,
    /// It took too long.
    Timeout,
    /// Its structure is broken.
    Damaged,
    /// No worker could be asked.
    Unavailable,
}

impl Unread {
    /// The stable word of [`super::Gap::why`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Encrypted => "encrypted",
            Self::Unsupported => "unsupported",
            Self::Limit => "limit",
            Self::Timeout => "timeout",
            Self::Damaged => "damaged",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One file: the document itself, or one inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentFile {
    /// Where it lies inside the document, outermost first (`letters.zip/invoice.docx` gives `invoice.docx`); empty for
    /// the document itself.
    pub path: String,
    /// Media type by content; empty where the reader knows no better than what was declared.
    pub media_type: String,
    /// Its texts.
    pub spans: Vec<Span>,
    /// Targets of links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// What a link shows and where it leads, of those that show another address than theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misleading: Vec<(String, String)>,
    /// Why it was not read in full, each reason once. Empty: it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Unread>,
    /// Program that wrote it, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// How a PDF was made, for comparing with others: the programs that wrote it, its paper, whether a page was changed
    /// afterwards. Without versions, which change by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// Pages, slides or sheets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Times that it was added to after it was written (incremental updates of a PDF).
    #[serde(default)]
    pub updates: u32,
    /// It was encrypted and could be read all the same.
    #[serde(default)]
    pub encrypted: bool,
    /// It holds something that is only seen, and nobody has looked yet.
    #[serde(default)]
    pub unseen: bool,
}

impl DocumentFile {
    /// Notes a reason once.
    pub fn gap(&mut self, why: Unread) {
        if !self.gaps.contains(&why) {
            self.gaps.push(why);
        }
    }
}

/// The image of a page, in 256 levels of grey, for a program that recognises text.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageImage {
    /// Whose page: an index into [`Document::files`].
    pub file: usize,
    /// Page from 1; `None` for a picture that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether the file counts as not read while nobody recognised what the image says.
    pub required: bool,
    /// The levels, row by row; 0 is black. They cross the pipe on their own.
    #[serde(skip)]
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for PageImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PageImage({} × {}, page {:?}, file {})", self.width, self.height, self.page, self.file)
    }
}

/// A document and all files inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The document itself first, then what it holds, depth first.
    pub files: Vec<DocumentFile>,
    /// Images whose text somebody has yet to recognise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PageImage>,
}

impl Document {
    /// A document of which nothing was read.
    #[must_use]
    pub fn unread(why: Unread) -> Self {
        Self { files: vec![DocumentFile { gaps: vec![why], ..DocumentFile::default() }], images: Vec::new() }
    }

    /// Whether a part of it is only seen, and nobody has looked yet.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.files.iter().any(|file| file.unseen)
    }

    /// Nobody could look: what is only seen stays unread.
    pub fn leave_unseen(&mut self) {
        for file in self.files.iter_mut().filter(|file| file.unseen) {
            file.unseen = false;
            file.gap(Unread::Unsupported);
        }
    }

    /// Octets of all texts.
    #[must_use]
    pub fn text_octets(&self) -> usize {
        self.files.iter().flat_map(|file| &file.spans).map(|span| span.text.len()).sum()
    }
}
