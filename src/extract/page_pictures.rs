//! Pictures that stand in the pages of a message themselves (`data:`): looked at like those that are attached for a page to
//! show.

use super::{Reader, html, is_body, is_text_of_attached_message, name_of};
use crate::limits::{HTML_PICTURES, LEAST_PICTURE};
use crate::model::{Message, PartContent};

/// One such picture.
pub(super) struct PagePicture {
    /// What stands for it in [`super::Documents`]: numbers behind those of the parts.
    pub(super) index: usize,
    /// The name of the page and its place there.
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) octets: Vec<u8>,
    /// It decorates a text: what is not read of it counts as read.
    pub(super) inline: bool,
}

/// The pictures of all pages, at most `limits::HTML_PICTURES`, in the same order every time.
pub(super) fn pictures(message: &Message) -> Vec<PagePicture> {
    let mut out: Vec<PagePicture> = Vec::new();
    for (at, part) in message.parts.iter().enumerate() {
        let PartContent::Html(page) = &part.content else { continue };
        let found = html::pictures(page, LEAST_PICTURE);
        if found.is_empty() {
            continue;
        }
        // A file of nothing but pictures is a scan.
        let body = is_body(part) || is_text_of_attached_message(part);
        let inline = body || html::has_words(page);
        for picture in found {
            if out.len() >= HTML_PICTURES {
                return out;
            }
            let (index, name) = (message.parts.len() + out.len(), name_of(message, at));
            let name = format!("{name}/picture-{}", out.len() + 1);
            out.push(PagePicture {
                index,
                name,
                media_type: picture.media_type,
                octets: picture.octets,
                inline,
            });
        }
    }
    out
}

impl Reader<'_> {
    /// What a reader of documents got out of these pictures.
    pub(super) fn pictures_of_pages(&mut self, message: &Message) {
        let last = self.documents.keys().next_back();
        if last.is_none_or(|last| *last < message.parts.len()) {
            return;
        }
        for picture in pictures(message) {
            if let Some(document) = self.documents.get(&picture.index) {
                self.document(message, picture.index, &picture.name, document, picture.inline);
            }
        }
    }
}
