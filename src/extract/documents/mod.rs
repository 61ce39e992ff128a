//! Documents → texts with their kind and page: what runs inside a worker process.
//!
//! One file a format, one line in the list below. A reader looks at content, not at names, gives spans instead of one
//! flat text, hands embedded files back to [`read`], which opens them in turn, and names what it could not read. All of
//! it is pure; what unpacks, unpacks by counting. It must run in a process that may be killed all the same: parsers of
//! others are behind some of it.

mod archive;
mod biff;
mod cell;
mod compound;
mod gzip;
mod invoice;
mod legacy_sheet;
mod lines;
mod mail;
mod mapi;
mod markup;
mod octets;
mod office;
mod open_document;
mod package;
mod pdf;
mod picture;
mod reading;
mod rtf;
mod rtf_packed;
mod seen;
mod signed;
mod slides;
mod text;
mod tnef;
mod word_binary;
mod workbook;
mod xml;
mod zipped;

#[cfg(test)]
mod tests;

use crate::limits::{DOCUMENT_DEPTH, DOCUMENT_PATH};
use crate::model::{Document, Message, PageImage, Unread};
use reading::{Budget, Embedded, Reading};

pub(super) use invoice::is_invoice;

/// A file to read: how it is called, what it is declared as, and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// File name; may be empty.
    pub name: &'a str,
    /// Declared media type in lower case; may be empty.
    pub media_type: &'a str,
    /// Content.
    pub octets: &'a [u8],
    /// The mail shows it inside its text: a picture is read when it is small or decorates.
    pub inline: bool,
}

impl File<'_> {
    /// Whether its name ends in one of these extensions.
    fn named(&self, extensions: &[&str]) -> bool {
        let extension = self.name.rsplit_once('.').map(|(_, extension)| extension.trim());
        extension.is_some_and(|found| extensions.iter().any(|wanted| wanted.eq_ignore_ascii_case(found)))
    }

    /// The first octets.
    fn head(&self, length: usize) -> &[u8] {
        self.octets.get(..length).unwrap_or(self.octets)
    }
}

/// How much is done for a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Its texts are read; what is only seen is marked as [`DocumentFile::unseen`](crate::model::DocumentFile::unseen).
    #[default]
    Text,
    /// Pictures are decoded too, pages are drawn, and both are searched for QR codes.
    Sight {
        /// Hand on images of what has to be recognised; without it that stays unread.
        recognise: bool,
    },
}

/// Parses an attached message; handed in, because parsing mail is another module's.
pub type ParseMessage = fn(&[u8]) -> Message;

/// Reads files of one kind.
trait Format: Sync {
    /// Media type of what it reads; empty where it does not know better than what was declared.
    fn media_type(&self) -> &'static str {
        ""
    }
    /// Whether the content is of its kind.
    fn accepts(&self, file: &File<'_>) -> bool;
    /// Reads into `reading`. Never fails: what it could not read is a gap there.
    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>);
}

macro_rules! documents {
    ($($format:path),* $(,)?) => {
        /// Every format, the more special first; the last takes everything.
        const FORMATS: &[&dyn Format] = &[$(&$format),*];
    };
}

documents! {
    pdf::Pdf,
    zipped::Zipped,
    compound::Compound,
    rtf::Rtf,
    tnef::Tnef,
    gzip::Gzip,
    signed::Signed,
    picture::Picture,
    invoice::Invoice,
    mail::Mail,
    text::Shortcut,
    text::WebPage,
    text::Plain,
    text::Opaque,
}

/// Reads a document and, up to `limits::DOCUMENT_DEPTH`, the files inside it.
///
/// Never fails, never blocks. Bounded by `limits::DOCUMENT_*` for all files together.
#[must_use]
pub fn read(file: File<'_>, effort: Effort, parse: ParseMessage) -> Document {
    let mut tree = Tree { document: Document::default(), budget: Budget::new(effort), parse };
    tree.open(file, String::new(), 0);
    tree.document
}

struct Tree {
    document: Document,
    budget: Budget,
    parse: ParseMessage,
}

impl Tree {
    fn open(&mut self, file: File<'_>, path: String, depth: usize) {
        let mut reading = Reading::new(&mut self.budget, self.parse);
        let format = FORMATS.iter().find(|format| format.accepts(&file));
        if let Some(format) = format {
            reading.file.media_type = format.media_type().to_owned();
            format.read(&file, &mut reading);
        }
        let (mut read, embedded, images) = reading.finish();
        if depth >= DOCUMENT_DEPTH && !embedded.is_empty() {
            read.gap(Unread::Limit);
        }
        read.path.clone_from(&path);
        let file = self.document.files.len();
        self.document.images.extend(images.into_iter().map(|image| PageImage { file, ..image }));
        self.document.files.push(read);
        if depth < DOCUMENT_DEPTH {
            for inner in &embedded {
                self.open(inner.file(), below(&path, inner), depth + 1);
            }
        }
    }
}

/// The path of an embedded file, without what could be taken for other folders or break a line.
fn below(path: &str, inner: &Embedded) -> String {
    let name: String = inner
        .name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(DOCUMENT_PATH)
        .collect();
    let name = if name.trim().is_empty() { "unnamed" } else { name.trim() };
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
