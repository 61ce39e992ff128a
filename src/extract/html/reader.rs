//! What is collected while a page streams by.

use super::displaced::Displaced;
use super::elements::{has_content, is_ended_by, separator};
use super::layout::Layout;
use super::sheet::{self, Effect, Rules};
use super::style::Shown;
use super::{HtmlText, data, entities, runs, strip_tags};
use crate::extract::normalise::{END_OF_OVERRIDE, OVERRIDE};
use crate::limits::{
    CODE_CELLS, HTML_PICTURES, MAX_ANCHOR_TEXT, MAX_ANCHORS, MAX_GENERATED, MAX_LINK_TEXT, MAX_OPEN,
};
use lol_html::html_content::{Element, TextChunk, TextType};

/// First number of a list from which on the numbers are read: nobody counts so far.
const LONG_LIST: u64 = 1_000;
/// Stands in a cell without text (U+2400, SYMBOL FOR NULL): no letter, no digit.
const EMPTY_CELL: char = '\u{2400}';

/// An element that is open and that a style moves, turns or writes in.
pub(super) struct Open {
    id: usize,
    tag: String,
    layout: Layout,
    /// Length of the visible text before it.
    from: usize,
    turned: bool,
    /// Text that is put behind its own.
    after: String,
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) out: HtmlText,
    /// Text node being collected: entities may be cut by chunks.
    pub(super) pending: String,
    /// Open elements that are, or may be, hidden: id, tag, how surely.
    hidden: Vec<(usize, String, Shown)>,
    /// Open elements that are laid out in some way that matters.
    open: Vec<Open>,
    next_id: usize,
    in_title: bool,
    in_style: bool,
    pub(super) rules: Rules,
    /// What the style sheets say of the element that is being opened.
    pub(super) by_sheet: Effect,
    /// The link that is open: where it leads, and the length of the visible text before it.
    anchor: Option<(String, usize)>,
    /// Some text was hidden, or perhaps hidden.
    pub(super) differs: (bool, bool),
    pub(super) displaced: Displaced,
    /// Number of the next entry of a list that begins with a large one.
    ordinal: Option<u64>,
    /// Coloured elements since the last text.
    cells: usize,
    /// Where the text of the innermost cell that was begun last begins in what is visible.
    cell_from: usize,
    /// Octets that style sheets have written.
    generated: usize,
    /// Vector pictures that were read.
    pictures: usize,
    /// The page is itself such a picture.
    pub(super) is_picture: bool,
    /// `<base>` says where relative addresses lead.
    based: bool,
}

impl Reader {
    pub(super) fn new(rules: Rules, is_picture: bool) -> Self {
        Self { rules, is_picture, ..Self::default() }
    }

    fn shown(&self) -> Shown {
        self.hidden.iter().map(|(_, _, shown)| *shown).max().unwrap_or_default()
    }

    /// The texts to which something with this visibility belongs.
    fn streams(&mut self, shown: Shown) -> impl Iterator<Item = &mut String> {
        let HtmlText { visible, hidden, readings: [everything, certain], .. } = &mut self.out;
        let main = if shown == Shown::No { hidden } else { visible };
        [main, everything].into_iter().chain((shown == Shown::Yes).then_some(certain))
    }

    pub(super) fn push(&mut self, text: &str) {
        self.push_as(text, Shown::Yes);
    }

    /// Adds text that is at most as visible as `least` says.
    fn push_as(&mut self, text: &str, least: Shown) {
        let shown = self.shown().max(least);
        if !text.trim().is_empty() {
            self.cells = 0;
            self.differs.0 |= shown == Shown::No;
            self.differs.1 |= shown == Shown::Perhaps;
        }
        self.streams(shown).for_each(|to| to.push_str(text));
    }

    /// Ends a line or a cell in the streams being written.
    fn separate(&mut self, separator: char) {
        let shown = self.shown();
        self.streams(shown)
            .filter(|to| !to.ends_with(separator) && !to.is_empty())
            .for_each(|to| to.push(separator));
    }

    /// Text that a style sheet puts on the page: some clients show it.
    fn generate(&mut self, text: &str) {
        self.generated += text.len();
        if self.generated > MAX_GENERATED {
            self.out.drawn = true;
        } else if !text.is_empty() {
            self.push_as(text, Shown::Perhaps);
        }
    }

    /// Opens an element; gives back its number where its end matters.
    pub(super) fn start(&mut self, element: &mut Element<'_, '_>, tag: &str) -> Option<usize> {
        // `<p style="display:none">` ends where the next block begins, without an end tag.
        while self.hidden.last().is_some_and(|(_, open, _)| is_ended_by(open, tag)) {
            self.hidden.pop();
        }
        while self.open.last().is_some_and(|open| is_ended_by(&open.tag, tag)) {
            self.close_from(self.open.len().saturating_sub(1));
        }
        self.in_title |= tag == "title";
        self.in_style |= tag == "style";
        if let Some(separator) = separator(tag) {
            self.separate(separator);
        }
        if matches!(tag, "td" | "th") {
            self.cell_from = self.out.visible.len();
        }
        let mut effect = std::mem::take(&mut self.by_sheet);
        let (shown, layout) = self.rules.of_element(element, tag);
        (effect.shown, effect.layout) = (effect.shown.max(shown), effect.layout | layout);
        self.cells = match tag {
            "img" => 0,
            _ => self.cells + usize::from(effect.layout.has(Layout::GROUND)),
        };
        self.out.drawn |= self.cells >= CODE_CELLS;
        let id = self.hide_and_move(tag, effect);
        self.link(element, tag);
        self.hint(element);
        self.outside(element, tag);
        self.attributes_of_sheet(element);
        self.number_of_list(element, tag);
        self.value(element, tag);
        self.vector(element, tag);
        id
    }

    /// Keeps what styles do to an element until it ends.
    fn hide_and_move(&mut self, tag: &str, effect: Effect) -> Option<usize> {
        let Effect { shown, mut layout, before, after } = effect;
        self.next_id += 1;
        let id = self.next_id;
        let content = has_content(tag);
        let hides = shown > Shown::Yes && self.hidden.len() < MAX_OPEN && content;
        if hides {
            self.hidden.push((id, tag.to_owned(), shown));
            if shown == Shown::No && self.out.hidden.chars().next_back().is_some_and(|c| !c.is_whitespace()) {
                self.out.hidden.push('\n');
            }
        }
        if self.open.iter().any(|open| open.layout.has(Layout::REVERSED)) {
            layout |= Layout::MOVED;
        }
        let leftward = layout.has(Layout::RIGHT_TO_LEFT)
            || self.open.iter().any(|open| open.layout.has(Layout::RIGHT_TO_LEFT));
        let turned = leftward && layout.has(Layout::OVERRIDE);
        let moved = turned || !after.is_empty() || layout.matters();
        if moved && content && self.open.len() < MAX_OPEN {
            let from = self.out.visible.len();
            self.open.push(Open { id, tag: tag.to_owned(), layout, from, turned, after });
            if turned {
                self.push(OVERRIDE.encode_utf8(&mut [0; 4]));
            }
        } else if moved && content {
            // Its end is not found: all that follows may be in it.
            self.displaced.note(layout, self.out.visible.len()..usize::MAX);
        }
        self.generate(&before);
        (hides || moved).then_some(id)
    }

    /// Ends open elements from the one at `at` on.
    fn close_from(&mut self, at: usize) {
        while self.open.len() > at {
            let Some(open) = self.open.pop() else { return };
            self.generate(&open.after);
            if open.turned {
                self.push(END_OF_OVERRIDE.encode_utf8(&mut [0; 4]));
            }
            self.displaced.note(open.layout, open.from..self.out.visible.len());
        }
    }

    /// The page ends.
    pub(super) fn finish(&mut self) {
        let rest = std::mem::take(&mut self.pending);
        self.push(&entities::decode(&rest));
        self.close_from(0);
        self.end_anchor();
    }

    fn link(&mut self, element: &Element<'_, '_>, tag: &str) {
        if !matches!(tag, "a" | "area" | "meta") {
            return;
        }
        let target = if tag == "meta" { runs::refreshes(element) } else { element.get_attribute("href") };
        let Some(target) = target.filter(|target| self.out.links.len() + target.len() < MAX_LINK_TEXT) else {
            return;
        };
        let target = entities::decode(&target);
        self.out.links.push_str(&target);
        self.out.links.push('\n');
        if tag == "a" {
            self.end_anchor();
            self.anchor = Some((target.into(), self.out.visible.len()));
        }
    }

    /// What brings in a sheet, a font or a program from elsewhere.
    fn outside(&mut self, element: &Element<'_, '_>, tag: &str) {
        self.out.runs |= runs::runs(element, tag);
        let fonts = &mut self.rules.judge.fonts;
        match tag {
            "base" => self.based |= element.get_attribute("href").is_some(),
            "link" => {
                let kind = element.get_attribute("rel").unwrap_or_default().to_ascii_lowercase();
                let target = element.get_attribute("href").unwrap_or_default();
                let target = entities::decode(&target).to_ascii_lowercase();
                let sheet = kind.contains("stylesheet") && !kind.contains("alternate");
                let relative = !target.contains(':') && !target.trim_start().starts_with("//");
                fonts.any |= sheet && (sheet::is_foreign(&target) || (relative && self.based));
            }
            // The shapes of a font of SVG.
            "glyph" => fonts.any = true,
            _ => {}
        }
    }

    /// The number that a list shows, where nobody would count so far.
    fn number_of_list(&mut self, element: &Element<'_, '_>, tag: &str) {
        let number = |name: &str| {
            let value = element.get_attribute(name)?.trim().parse::<u64>().ok()?;
            Some(value).filter(|value| *value >= LONG_LIST)
        };
        match tag {
            "ol" => self.ordinal = number("start"),
            "ul" => self.ordinal = None,
            "li" => {
                self.ordinal = number("value").or(self.ordinal);
                if let Some(shown) = self.ordinal {
                    self.push(&format!("{shown}. "));
                    self.ordinal = shown.checked_add(1);
                }
            }
            _ => {}
        }
    }

    /// Values of form fields and alternative texts.
    fn value(&mut self, element: &Element<'_, '_>, tag: &str) {
        let attribute = match tag {
            "input" => element.get_attribute("value").or_else(|| element.get_attribute("placeholder")),
            "button" => element.get_attribute("value"),
            "textarea" => element.get_attribute("placeholder"),
            "option" | "optgroup" => element.get_attribute("label"),
            "img" | "area" => element.get_attribute("alt"),
            _ => None,
        };
        let Some(text) = attribute.filter(|text| !text.trim().is_empty()) else { return };
        let kind = element.get_attribute("type").filter(|_| tag == "input").unwrap_or_default();
        let text = format!(" {} ", entities::decode(&text));
        if kind.trim().eq_ignore_ascii_case("hidden") {
            self.out.hidden.push_str(&text);
        } else {
            self.push(&text);
        }
    }

    /// The texts of a vector picture that stands in an address.
    fn vector(&mut self, element: &Element<'_, '_>, tag: &str) {
        let names: &[&str] = match tag {
            "img" | "input" | "embed" | "iframe" => &["src"],
            "image" | "feimage" => &["href", "xlink:href"],
            "object" => &["data"],
            _ => return,
        };
        let urls = names.iter().filter_map(|name| element.get_attribute(name));
        let vectors: Vec<String> = urls.filter_map(|url| data::vector(&entities::decode(&url))).collect();
        for vector in vectors {
            self.pictures += 1;
            if self.is_picture || self.pictures > HTML_PICTURES {
                self.out.drawn = true;
                return;
            }
            let read = super::read_picture(&vector);
            self.out.drawn |= read.drawn || read.incomplete;
            self.push(&format!(" {} ", read.visible));
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

    pub(super) fn end(&mut self, tag: &str, id: Option<usize>) {
        // A cell that nobody sees takes no column.
        let is_cell = matches!(tag, "td" | "th") && self.shown() == Shown::Yes;
        if let Some(at) = id.and_then(|id| self.open.iter().position(|open| open.id == id)) {
            self.close_from(at);
        }
        if let Some(at) = id.and_then(|id| self.hidden.iter().position(|(open, _, _)| *open == id)) {
            self.hidden.truncate(at);
        }
        self.in_title &= tag != "title";
        self.in_style &= tag != "style";
        if tag == "a" {
            self.end_anchor();
        }
        if is_cell {
            self.end_cell();
        }
        if let Some(separator) = separator(tag) {
            self.separate(separator);
        }
    }

    /// Marks an empty cell, so that those behind it keep their columns.
    fn end_cell(&mut self) {
        let text = self.out.visible.get(self.cell_from..).filter(|text| text.trim().is_empty());
        if text.is_some() {
            self.streams(Shown::Yes).for_each(|to| to.push(EMPTY_CELL));
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

    pub(super) fn text(&mut self, chunk: &TextChunk<'_>) {
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
    pub(super) fn comment(&mut self, text: &str) {
        if text.trim_start().starts_with("[if") {
            self.out.hidden.push('\n');
            strip_tags(text, &mut self.out.hidden);
        }
    }
}
