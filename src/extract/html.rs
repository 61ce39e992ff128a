//! The text of an HTML part, in two streams: what the recipient sees and what is hidden from them.
//!
//! Read by lol_html, streaming under a memory limit: tree builders take quadratic time on hostile nesting. Blocks are
//! separated by line ends and cells by tabs, so that numbers of neighbouring cells never join; a hidden element
//! contributes nothing to the visible text, so digits around it join as they do on the screen.

mod elements;
mod entities;
mod style;

use self::elements::{BLOCKS, has_content, separator, turns};
use super::BETWEEN;
use super::normalise::{END_OF_OVERRIDE, OVERRIDE};
use crate::limits::{HTML_MEMORY, MAX_ANCHOR_TEXT, MAX_ANCHORS, MAX_HTML, MAX_LINK_TEXT};
use lol_html::html_content::{Comment, Element, EndTag, TextChunk, TextType};
use lol_html::{
    DocumentContentHandlers, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings,
};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use style::Shown;

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
    /// A style sheet puts digits on the page: what stands around them is not known.
    pub(super) drawn: bool,
    /// Part of the markup was not read: size, memory limit.
    pub(super) incomplete: bool,
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

/// Hidden elements open at once that are tracked; deeper ones stay hidden with their ancestor.
const MAX_HIDDEN_DEPTH: usize = 64;

#[derive(Default)]
struct Reader {
    out: HtmlText,
    /// Text node being collected: entities may be cut by chunks.
    pending: String,
    /// Open elements that are, or may be, hidden: id, tag, how surely.
    hidden: Vec<(usize, String, Shown)>,
    next_id: usize,
    in_title: bool,
    in_style: bool,
    rules: style::Rules,
    /// What the style sheets say of the element that is being opened.
    by_sheet: Shown,
    /// The link that is open: where it leads, and the length of the visible text before it.
    anchor: Option<(String, usize)>,
    /// Some text was hidden, or perhaps hidden.
    differs: (bool, bool),
}

impl Reader {
    fn shown(&self) -> Shown {
        self.hidden.iter().map(|(_, _, shown)| *shown).max().unwrap_or_default()
    }

    /// The texts to which something with this visibility belongs.
    fn streams(&mut self) -> impl Iterator<Item = &mut String> {
        let shown = self.shown();
        let HtmlText { visible, hidden, readings: [everything, certain], .. } = &mut self.out;
        let main = if shown == Shown::No { hidden } else { visible };
        [main, everything].into_iter().chain((shown == Shown::Yes).then_some(certain))
    }

    fn push(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.differs.0 |= self.shown() == Shown::No;
            self.differs.1 |= self.shown() == Shown::Perhaps;
        }
        self.streams().for_each(|to| to.push_str(text));
    }

    /// Ends a line or a cell in the streams being written.
    fn separate(&mut self, separator: char) {
        self.streams()
            .filter(|to| !to.ends_with(separator) && !to.is_empty())
            .for_each(|to| to.push(separator));
    }

    fn start(&mut self, element: &mut Element<'_, '_>) {
        let tag = element.tag_name();
        // `<p style="display:none">` ends where the next block begins, without an end tag.
        let implied = |open: &str| match open {
            "p" => BLOCKS.contains(&tag.as_str()) && tag != "br",
            "td" | "th" => matches!(tag.as_str(), "td" | "th" | "tr"),
            "tr" | "li" | "option" | "dt" | "dd" => open == tag,
            _ => false,
        };
        while self.hidden.last().is_some_and(|(_, open, _)| implied(open)) {
            self.hidden.pop();
        }
        self.in_title |= tag == "title";
        self.in_style |= tag == "style";
        let separator = separator(&tag);
        if let Some(separator) = separator {
            self.separate(separator);
        }
        let shown = self.rules.of_element(element, &tag).max(std::mem::take(&mut self.by_sheet));
        if shown > Shown::Yes && self.hidden.len() < MAX_HIDDEN_DEPTH && has_content(&tag) {
            self.next_id += 1;
            self.hidden.push((self.next_id, tag.clone(), shown));
            if shown == Shown::No && self.out.hidden.chars().next_back().is_some_and(|c| !c.is_whitespace()) {
                self.out.hidden.push('\n');
            }
        }
        if matches!(tag.as_str(), "a" | "area")
            && let Some(target) = element.get_attribute("href")
            && self.out.links.len() + target.len() < MAX_LINK_TEXT
        {
            let target = entities::decode(&target);
            self.out.links.push_str(&target);
            self.out.links.push('\n');
            if tag == "a" {
                self.end_anchor();
                self.anchor = Some((target.into(), self.out.visible.len()));
            }
        }
        self.hint(element);
        self.attributes_of_sheet(element);
        let attribute = match tag.as_str() {
            "input" => element.get_attribute("value").or_else(|| element.get_attribute("placeholder")),
            "button" => element.get_attribute("value"),
            "textarea" => element.get_attribute("placeholder"),
            "option" | "optgroup" => element.get_attribute("label"),
            "img" | "area" => element.get_attribute("alt"),
            _ => None,
        };
        if let Some(text) = attribute.filter(|text| !text.trim().is_empty()) {
            let hidden_input = tag == "input"
                && element
                    .get_attribute("type")
                    .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("hidden"));
            let text = format!(" {} ", entities::decode(&text));
            if hidden_input {
                self.out.hidden.push_str(&text);
            } else {
                self.push(&text);
            }
        }
    }

    /// Attributes that a style sheet shows (`content: attr(data-x)`).
    fn attributes_of_sheet(&mut self, element: &Element<'_, '_>) {
        let shown: Vec<String> =
            self.rules.attributes.iter().filter_map(|name| element.get_attribute(name)).collect();
        for text in shown {
            self.push(&format!(" {} ", entities::decode(&text)));
        }
    }

    /// What shows when the pointer rests on an element: seen by some.
    fn hint(&mut self, element: &Element<'_, '_>) {
        let title = element.get_attribute("title").filter(|title| !title.trim().is_empty());
        if let Some(title) = title {
            self.out.hidden.push('\n');
            self.out.hidden.push_str(&entities::decode(&title));
            self.out.hidden.push('\n');
        }
    }

    fn end(&mut self, tag: &str, id: Option<usize>, turned: bool) {
        if turned {
            self.push(END_OF_OVERRIDE.encode_utf8(&mut [0; 4]));
        }
        if let Some(at) = id.and_then(|id| self.hidden.iter().position(|(open, _, _)| *open == id)) {
            self.hidden.truncate(at);
        }
        self.in_title &= tag != "title";
        self.in_style &= tag != "style";
        if tag == "a" {
            self.end_anchor();
        }
        if let Some(separator) = separator(tag) {
            self.separate(separator);
        }
    }

    /// A link ends with its end tag, where the next begins, or with the page.
    fn end_anchor(&mut self) {
        let Some((target, from)) = self.anchor.take() else { return };
        let text = self.out.visible.get(from..).filter(|text| text.len() <= MAX_ANCHOR_TEXT);
        if let Some(text) = text.filter(|_| self.out.anchors.len() < MAX_ANCHORS) {
            let text = text.trim().to_owned();
            self.out.anchors.push((text, target));
        }
    }

    fn text(&mut self, chunk: &TextChunk<'_>) {
        match chunk.text_type() {
            TextType::ScriptData => return,
            TextType::RawText if self.in_style => return,
            _ if self.in_title => return,
            _ => {}
        }
        self.pending.push_str(chunk.as_str());
        if chunk.last_in_text_node() {
            let pending = std::mem::take(&mut self.pending);
            self.push(&entities::decode(&pending));
        }
    }

    /// What Outlook shows and others do not: `<!--[if mso]> … <![endif]-->`.
    fn comment(&mut self, text: &str) {
        if text.trim_start().starts_with("[if") {
            self.out.hidden.push('\n');
            strip_tags(text, &mut self.out.hidden);
        }
    }
}

/// Reads the text of HTML. Linear in its length; at most `limits::MAX_HTML` octets are read.
pub(super) fn read(html: &str) -> HtmlText {
    let cut = super::floor(html, MAX_HTML);
    let head = html.get(..cut).unwrap_or_default();
    let mut rules = style::Rules::default();
    rules.read(&style::sheets(head));
    let selectors = std::mem::take(&mut rules.selectors);
    let reader = Rc::new(RefCell::new(Reader { rules, ..Reader::default() }));
    let failed = walk(head, selectors, &reader).is_none();
    let mut reader = reader.borrow_mut();
    let rest = std::mem::take(&mut reader.pending);
    reader.push(&entities::decode(&rest));
    reader.end_anchor();
    let (some_hidden, some_perhaps) = reader.differs;
    let written = std::mem::take(&mut reader.rules.written);
    let mut out = std::mem::take(&mut reader.out);
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
fn walk(html: &str, selectors: Vec<(Selector, Shown)>, reader: &Rc<RefCell<Reader>>) -> Option<()> {
    let (elements, texts, comments) = (Rc::clone(reader), Rc::clone(reader), Rc::clone(reader));
    let on_element = move |element: &mut Element<'_, '_>| {
        let tag = element.tag_name();
        let turned = turns(element, &tag);
        let id = {
            let mut reader = elements.borrow_mut();
            let before = reader.next_id;
            reader.start(element);
            if turned {
                reader.push(OVERRIDE.encode_utf8(&mut [0; 4]));
            }
            (reader.next_id > before).then_some(reader.next_id)
        };
        let watched = id.is_some()
            || turned
            || separator(&tag).is_some()
            || matches!(tag.as_str(), "a" | "style" | "title");
        if watched && let Some(handlers) = element.end_tag_handlers() {
            let reader = Rc::clone(&elements);
            handlers.push(Box::new(move |_: &mut EndTag<'_>| {
                reader.borrow_mut().end(&tag, id, turned);
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
    for (selector, shown) in selectors {
        let reader = Rc::clone(reader);
        let mark = move |_: &mut Element<'_, '_>| {
            let mut reader = reader.borrow_mut();
            reader.by_sheet = reader.by_sheet.max(shown);
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
