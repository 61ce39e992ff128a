//! The page tree and the content of a page, with word of everything that is missing.
//!
//! `lopdf` has both, but leaves out in silence what it can not load: a page after a few repeated references, a kid of
//! another type, a content stream with a filter it does not know. Here each of these is a gap.

use crate::limits::{PDF_COUNTED_PAGES, PDF_STREAM_OCTETS};
use lopdf::{DecompressError, Dictionary, Document, Error, Object, ObjectId};
use std::collections::HashSet;

/// The pages of a document, each once, with its number from 1.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) found: Vec<(u32, ObjectId)>,
    /// Places in the tree that were counted, repeats included.
    pub(super) counted: usize,
    /// The tree goes on beyond `limits::PDF_COUNTED_PAGES`.
    pub(super) more: bool,
    /// Something in the tree could not be loaded.
    pub(super) damaged: bool,
}

/// Walks the page tree. Whatever has no kids is a page, as viewers see it, whatever type it claims.
pub(super) fn pages(doc: &Document) -> Pages {
    let mut pages = Pages::default();
    let root = doc.catalog().and_then(|catalog| catalog.get_deref(b"Pages", doc)).and_then(Object::as_dict);
    let Some(top) = root.ok().and_then(|root| kids(doc, root)) else {
        pages.damaged = true;
        return pages;
    };
    let mut waiting = vec![top.iter()];
    let mut seen = HashSet::new();
    let mut visited = 0;
    while let Some(level) = waiting.last_mut() {
        let Some(kid) = level.next() else {
            waiting.pop();
            continue;
        };
        visited += 1;
        if visited > 2 * PDF_COUNTED_PAGES || pages.counted >= PDF_COUNTED_PAGES {
            pages.more = true;
            break;
        }
        let node = doc.dereference(kid).ok().and_then(|(id, node)| Some((id?, node.as_dict().ok()?)));
        let Some((id, node)) = node else {
            // A blank page in some viewers; in others, the page that our parser could not load.
            (pages.damaged, pages.counted) = (true, pages.counted + 1);
            continue;
        };
        if let Some(kids) = kids(doc, node) {
            if seen.insert(id) {
                waiting.push(kids.iter());
            }
            continue;
        }
        pages.counted += 1;
        if seen.insert(id) {
            pages.found.push((u32::try_from(pages.counted).unwrap_or(u32::MAX), id));
        }
    }
    pages.damaged |= pages.found.is_empty();
    pages
}

fn kids<'d>(doc: &'d Document, node: &'d Dictionary) -> Option<&'d Vec<Object>> {
    node.get_deref(b"Kids", doc).and_then(Object::as_array).ok()
}

/// The content streams of a page as one, and why it is not all of it.
pub(super) fn content(doc: &Document, page: &Dictionary) -> (Vec<u8>, Option<&'static str>) {
    let mut content = Vec::new();
    let mut gap = None;
    let Ok(given) = page.get(b"Contents") else { return (content, None) };
    let given = match doc.dereference(given) {
        Ok((_, Object::Array(streams))) => streams.as_slice(),
        _ => std::slice::from_ref(given),
    };
    for stream in given.iter().take(PDF_COUNTED_PAGES) {
        let stream = doc.dereference(stream).ok().map(|(_, stream)| stream);
        match stream {
            Some(Object::Null) => continue,
            Some(Object::Stream(stream)) => {
                let left = PDF_STREAM_OCTETS.saturating_sub(content.len());
                match stream.get_plain_content_with_limit(left) {
                    Ok(octets) => content.extend_from_slice(&octets),
                    Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => {
                        gap = Some("limit")
                    }
                    Err(_) => gap = gap.or(Some("damaged")),
                }
            }
            _ => gap = gap.or(Some("damaged")),
        }
        content.push(b'\n');
    }
    (content, gap)
}
