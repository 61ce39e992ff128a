//! The text of an HTML part, in two streams: what the recipient sees and what is hidden from them.
//!
//! Read by lol_html, streaming under a memory limit: tree builders take quadratic time on hostile nesting. Blocks are
//! separated by line ends and cells by tabs, so that numbers of neighbouring cells never join; a hidden element
//! contributes nothing to the visible text, so digits around it join as they do on the screen.

mod data;
mod displaced;
mod elements;
mod entities;
mod fonts;
mod layout;
mod reader;
mod runs;
mod sheet;
mod style;

use self::elements::separator;
use self::layout::Layout;
use self::reader::Reader;
use self::sheet::Effect;
use super::{BETWEEN, drawn};
use crate::limits::{HTML_MEMORY, MAX_HTML};
use lol_html::html_content::{Comment, Element, EndTag, TextChunk};
use lol_html::{
    DocumentContentHandlers, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings,
};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

pub(super) use self::data::pictures;
pub(super) use self::displaced::groups_turn;

/// The two texts of an HTML part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HtmlText {
    /// What a mail client shows, values of form fields and alternative texts included.
    pub(super) visible: String,
    /// What it does not show: hidden elements, conditional comments.
    pub(super) hidden: String,
    /// Where its links lead, one a line, up to `limits::MAX_LINK_TEXT` octets.
    pub(super) links: String,
    /// Text and target of each link, at most `limits::MAX_ANCHORS`.
    pub(super) anchors: Vec<(String, String)>,
    /// The text as other clients may show it, where hiding makes a difference: with all that is hidden, and without
    /// all that perhaps is. Digits put around a hidden decoy join in one of them.
    pub(super) readings: [String; 2],
    /// What a reader sees of a number, or instead of one, is not in the text: digits that a style sheet counts, a layout
    /// that takes a number apart, a font with shapes of its own, a code drawn in cells.
    pub(super) drawn: bool,
    /// A browser runs a program in it.
    pub(super) runs: bool,
    /// Part of the markup was not read: size, memory limit.
    pub(super) incomplete: bool,
}

/// Letters below which a page says nothing but what its pictures show.
const FEW: usize = 40;

/// Whether a page whose visible text this is has nothing to say beside its pictures.
pub(super) fn is_all_pictures(visible: &str) -> bool {
    visible.chars().filter(|c| c.is_alphanumeric()).take(FEW).count() < FEW
}

/// Whether there is text between the tags of a page. Coarse, and it ends with the first words.
pub(super) fn has_words(page: &str) -> bool {
    let mut letters = 0;
    for piece in page.split('<') {
        let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
        let tag = tag.get(..5).unwrap_or(tag);
        let silent = ["style", "scrip", "title"].iter().any(|name| tag.eq_ignore_ascii_case(name));
        letters += if silent { 0 } else { text.chars().filter(|c| c.is_alphanumeric()).take(FEW).count() };
        if letters >= FEW {
            return true;
        }
    }
    false
}

impl HtmlText {
    /// Everything beside the visible text, one after the other.
    pub(super) fn not_shown(&self) -> String {
        let [everything, certain] = &self.readings;
        let parts = [&self.hidden, everything, certain].into_iter().filter(|text| !text.trim().is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(BETWEEN)
    }
}

/// Digits that a style sheet puts on a page and that are no icon and no quotation mark.
const MIN_DRAWN: usize = 4;

/// Reads the text of HTML. Linear in its length; at most `limits::MAX_HTML` octets are read.
pub(super) fn read(html: &str) -> HtmlText {
    read_as(html, false)
}

/// Reads a vector picture that stands inside a page.
fn read_picture(svg: &str) -> HtmlText {
    read_as(svg, true)
}

fn read_as(html: &str, is_picture: bool) -> HtmlText {
    let cut = super::floor(html, MAX_HTML);
    let head = html.get(..cut).unwrap_or_default();
    let mut rules = sheet::Rules::default();
    let (sheets, more) = sheet::sheets(head);
    rules.read(&sheets);
    rules.judge.fonts.any |= more;
    let selectors = std::mem::take(&mut rules.selectors);
    let reader = Rc::new(RefCell::new(Reader::new(rules, is_picture)));
    let failed = walk(head, selectors, &reader).is_none();
    let mut reader = reader.borrow_mut();
    reader.finish();
    let (some_hidden, some_perhaps) = reader.differs;
    let written = std::mem::take(&mut reader.rules.written);
    let mut out = std::mem::take(&mut reader.out);
    if reader.rules.judge.fonts.any {
        reader.displaced.note(Layout::FOREIGN, 0..out.visible.len());
    }
    out.drawn |= reader.rules.judge.shadows
        || drawn::holds_code(&out.visible)
        || reader.displaced.hides(&out.visible, drawn::pays, drawn::asks);
    if written.bytes().filter(u8::is_ascii_digit).count() >= MIN_DRAWN {
        out.visible.push('\n');
        out.visible.push_str(&written);
        out.drawn = true;
    }
    let [everything, certain] = &mut out.readings;
    if !some_hidden {
        everything.clear();
    }
    if !some_perhaps {
        certain.clear();
    }
    if failed {
        // Too deeply nested for the memory limit, but perhaps not for the recipient's mail client.
        out.visible.push('\n');
        strip_tags(head, &mut out.visible);
    }
    out.incomplete = failed || cut < html.len();
    out
}

/// Streams the page through the reader; `None` when the memory limit ended it.
fn walk(html: &str, selectors: Vec<(Selector, Effect)>, reader: &Rc<RefCell<Reader>>) -> Option<()> {
    let (elements, texts, comments) = (Rc::clone(reader), Rc::clone(reader), Rc::clone(reader));
    let on_element = move |element: &mut Element<'_, '_>| {
        let tag = element.tag_name();
        let id = elements.borrow_mut().start(element, &tag);
        let watched =
            id.is_some() || separator(&tag).is_some() || matches!(tag.as_str(), "a" | "style" | "title");
        if watched && let Some(handlers) = element.end_tag_handlers() {
            let reader = Rc::clone(&elements);
            handlers.push(Box::new(move |_: &mut EndTag<'_>| {
                reader.borrow_mut().end(&tag, id);
                Ok(())
            }));
        }
        Ok(())
    };
    let on_text = move |chunk: &mut TextChunk<'_>| {
        texts.borrow_mut().text(chunk);
        Ok(())
    };
    let on_comment = move |comment: &mut Comment<'_>| {
        comments.borrow_mut().comment(&comment.text());
        Ok(())
    };
    let mut settings = Settings::new();
    // Handlers run in the order in which they are added: the sheets speak before the element is opened.
    for (selector, effect) in selectors {
        let reader = Rc::clone(reader);
        let mark = move |_: &mut Element<'_, '_>| {
            reader.borrow_mut().by_sheet.add(&effect);
            Ok(())
        };
        let handlers = ElementContentHandlers::default().element(mark);
        settings = settings.append_element_content_handler((Cow::Owned(selector), handlers));
    }
    let every: Selector = "*".parse().ok()?;
    let settings = settings
        .append_element_content_handler((
            Cow::Owned(every),
            ElementContentHandlers::default().element(on_element),
        ))
        .append_document_content_handler(
            DocumentContentHandlers::default().text(on_text).comments(on_comment),
        )
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(HTML_MEMORY))
        .with_strict(false);
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter.write(html.as_bytes()).and_then(|()| rewriter.end()).ok()
}

/// The text between tags, a space for every tag: coarse, but it needs no memory.
fn strip_tags(html: &str, out: &mut String) {
    for piece in html.split('<') {
        let text = piece.split_once('>').map_or("", |(_, text)| text);
        out.push_str(&entities::decode(text));
        if !out.ends_with(' ') {
            out.push(' ');
        }
    }
}

#[cfg(test)]
mod tests;
