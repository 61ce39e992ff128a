//! The text of an HTML part, in two streams: what the recipient sees and what is hidden from them.
//!
//! Read by lol_html, streaming under a memory limit: tree builders take quadratic time on hostile nesting. Blocks are
//! separated by line ends and cells by tabs, so that numbers of neighbouring cells never join; a hidden element
//! contributes nothing to the visible text, so digits around it join as they do on the screen.

mod entities;
mod style;

use crate::limits::{HTML_MEMORY, MAX_HTML};
use lol_html::html_content::{Comment, Element, EndTag, TextChunk, TextType};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, HtmlRewriter, MemorySettings, Settings};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// The two texts of an HTML part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HtmlText {
    /// What a mail client shows, values of form fields and alternative texts included.
    pub(super) visible: String,
    /// What it does not show: hidden elements, conditional comments.
    pub(super) hidden: String,
    /// Part of the markup was not read: size, memory limit.
    pub(super) incomplete: bool,
}

/// Hidden elements open at once that are tracked; deeper ones stay hidden with their ancestor.
const MAX_HIDDEN_DEPTH: usize = 64;

const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "center",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "select",
    "summary",
    "table",
    "tbody",
    "textarea",
    "tfoot",
    "thead",
    "tr",
    "ul",
];
const CELLS: &[&str] = &["td", "th", "caption"];

#[derive(Default)]
struct Reader {
    out: HtmlText,
    /// Text node being collected: entities may be cut by chunks.
    pending: String,
    /// Open hidden elements: id and tag.
    hidden: Vec<(usize, String)>,
    next_id: usize,
    in_title: bool,
    in_style: bool,
    sheet: String,
    rules: style::Rules,
}

impl Reader {
    fn push(&mut self, text: &str) {
        if self.hidden.is_empty() {
            self.out.visible.push_str(text);
        } else {
            self.out.hidden.push_str(text);
        }
    }

    /// Ends a line or a cell in the stream being written.
    fn separate(&mut self, separator: char) {
        let to = if self.hidden.is_empty() { &mut self.out.visible } else { &mut self.out.hidden };
        if !to.ends_with(separator) && !to.is_empty() {
            to.push(separator);
        }
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
        while self.hidden.last().is_some_and(|(_, open)| implied(open)) {
            self.hidden.pop();
        }
        match tag.as_str() {
            "style" => self.in_style = true,
            "title" => self.in_title = true,
            _ => {}
        }
        let separator = separator(&tag);
        if let Some(separator) = separator {
            self.separate(separator);
        }
        if self.rules.hide(element) && self.hidden.len() < MAX_HIDDEN_DEPTH && has_content(&tag) {
            self.next_id += 1;
            self.hidden.push((self.next_id, tag.clone()));
            if self.out.hidden.chars().next_back().is_some_and(|c| !c.is_whitespace()) {
                self.out.hidden.push('\n');
            }
        }
        let attribute = match tag.as_str() {
            "input" | "button" => element.get_attribute("value"),
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

    fn end(&mut self, tag: &str, id: Option<usize>) {
        if let Some(at) = id.and_then(|id| self.hidden.iter().position(|(open, _)| *open == id)) {
            self.hidden.truncate(at);
        }
        match tag {
            "style" => {
                self.in_style = false;
                let sheet = std::mem::take(&mut self.sheet);
                self.rules.read(&sheet);
            }
            "title" => self.in_title = false,
            _ => {}
        }
        if let Some(separator) = separator(tag) {
            self.separate(separator);
        }
    }

    fn text(&mut self, chunk: &TextChunk<'_>) {
        match chunk.text_type() {
            TextType::ScriptData => return,
            TextType::RawText if self.in_style => {
                if self.sheet.len() < style::MAX_SHEET {
                    self.sheet.push_str(chunk.as_str());
                }
                return;
            }
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

fn separator(tag: &str) -> Option<char> {
    if CELLS.contains(&tag) {
        Some('\t')
    } else if BLOCKS.contains(&tag) {
        Some('\n')
    } else {
        None
    }
}

/// Void elements (HTML 13.1.2) have no end tag.
fn has_content(tag: &str) -> bool {
    !matches!(
        tag,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Reads the text of HTML. Linear in its length; at most `limits::MAX_HTML` octets are read.
pub(super) fn read(html: &str) -> HtmlText {
    let cut = super::floor(html, MAX_HTML);
    let reader = Rc::new(RefCell::new(Reader::default()));
    let failed;
    {
        let (elements, texts, comments) = (Rc::clone(&reader), Rc::clone(&reader), Rc::clone(&reader));
        let on_element = move |element: &mut Element<'_, '_>| {
            let tag = element.tag_name();
            let id = {
                let mut reader = elements.borrow_mut();
                let before = reader.next_id;
                reader.start(element);
                (reader.next_id > before).then_some(reader.next_id)
            };
            let watched =
                id.is_some() || separator(&tag).is_some() || matches!(tag.as_str(), "style" | "title");
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
        let Ok(every) = "*".parse() else { return HtmlText { incomplete: true, ..HtmlText::default() } };
        let settings = Settings::new()
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
        let head = html.get(..cut).unwrap_or_default();
        failed = rewriter.write(head.as_bytes()).and_then(|()| rewriter.end()).is_err();
    }
    let mut reader = reader.borrow_mut();
    let rest = std::mem::take(&mut reader.pending);
    reader.push(&entities::decode(&rest));
    let mut out = std::mem::take(&mut reader.out);
    if failed {
        // Too deeply nested for the memory limit, but perhaps not for the recipient's mail client.
        out.visible.push('\n');
        strip_tags(html.get(..cut).unwrap_or_default(), &mut out.visible);
    }
    out.incomplete = failed || cut < html.len();
    out
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
