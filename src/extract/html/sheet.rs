//! The style sheets of a page: what they hide, move, draw over and write.
//!
//! A rule is only read for what matters here and only as far as a selector is understood; one that is not counts for
//! everything that it may mean.

use super::layout::Layout;
use super::style::{Judge, Shown, plain};
use super::{data, entities, fonts};
use crate::limits::{MAX_DECLARATIONS, MAX_SELECTORS, MAX_SHEET};
use lol_html::Selector;
use lol_html::html_content::Element;
use std::collections::BTreeSet;

/// Attributes named by style sheets that are kept.
const MAX_ATTRIBUTES: usize = 8;
/// States that a page is not in when it is opened.
const STATES: &[&str] = &[":hover", ":active", ":focus", ":visited", ":checked", ":target"];
/// Properties that put text on a page (CSS 2.1 section 12, CSS Text 4).
const WRITERS: &[&str] =
    &["content", "quotes", "list-style-type", "list-style", "hyphenate-character", "text-overflow"];

/// What a rule does to the elements that it selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Effect {
    /// Whether they are seen.
    pub(super) shown: Shown,
    /// How they are laid out.
    pub(super) layout: Layout,
    /// Text that is put before theirs.
    pub(super) before: String,
    /// Text that is put behind theirs.
    pub(super) after: String,
}

impl Effect {
    /// Both effects at once.
    pub(super) fn add(&mut self, other: &Self) {
        self.shown = self.shown.max(other.shown);
        self.layout |= other.layout;
        self.before.push_str(&other.before);
        self.after.push_str(&other.after);
    }
}

/// What the style sheets of a page say.
#[derive(Default)]
pub(super) struct Rules {
    /// Selectors and what is done to their elements.
    pub(super) selectors: Vec<(Selector, Effect)>,
    /// Text that the sheets put somewhere on the page, one string a line.
    pub(super) written: String,
    /// Attributes whose values the sheets put on the page.
    pub(super) attributes: Vec<String>,
    /// What holds for every element, because there were more rules than are kept.
    pub(super) everywhere: Layout,
    /// Reads declarations.
    pub(super) judge: Judge,
    seen: BTreeSet<(String, Effect)>,
    /// Selectors of which only a background is known.
    grounds: usize,
}

/// A rule as it stands in a sheet.
struct Block<'s> {
    head: &'s str,
    declarations: &'s str,
    conditional: bool,
}

impl Rules {
    /// Reads all sheets of a page. What a rule inside `@media` hides depends on the screen.
    pub(super) fn read(&mut self, sheet: &str) {
        let sheet = plain(&sheet.replace("<!--", "").replace("-->", ""));
        // A font may be used above the place where it is declared.
        blocks(&sheet, &mut |block| {
            if block.head.starts_with("@font-face") {
                self.judge.fonts.face(block.declarations);
            }
        });
        self.imports(&sheet);
        blocks(&sheet, &mut |block| self.rule(block));
    }

    /// `@import`: a sheet that is not read here.
    fn imports(&mut self, sheet: &str) {
        for import in sheet.split("@import").skip(1).take(MAX_DECLARATIONS) {
            let import = import.split([';', '{', '\n']).next().unwrap_or_default().to_ascii_lowercase();
            let import = import.trim();
            let address = import.strip_prefix("url(").unwrap_or(import);
            self.judge.fonts.any |= is_foreign(address);
        }
    }

    fn rule(&mut self, block: &Block<'_>) {
        let Block { head, declarations, conditional } = *block;
        if head.starts_with('@') {
            if head.starts_with("@counter-style") {
                self.write(declarations);
            }
            return;
        }
        self.vectors(declarations);
        let writes =
            WRITERS.iter().any(|name| declarations.contains(name)) || declarations.contains("counter-");
        let (shown, layout) = self.judge.declarations(declarations);
        let shown = if conditional && shown > Shown::Yes { Shown::Perhaps } else { shown };
        for selector in head.split(',').map(str::trim) {
            let lower = selector.to_ascii_lowercase();
            let pseudo = ["before", "after", "marker"]
                .into_iter()
                .find_map(|kind| lower.find(&format!(":{kind}")).map(|at| (at, kind)));
            let base = pseudo
                .and_then(|(at, _)| selector.get(..at))
                .map_or(selector, |base| base.trim_end_matches(':'));
            if writes {
                self.generated(base, pseudo.map(|(_, kind)| kind), declarations);
            }
            if pseudo.is_none() {
                self.add(selector, Effect { shown, layout, ..Effect::default() });
            }
        }
    }

    /// Keeps what a selector does.
    fn add(&mut self, selector: &str, effect: Effect) {
        if effect == Effect::default() {
            return;
        }
        let only_ground = effect == Effect { layout: Layout::GROUND, ..Effect::default() };
        if self.selectors.len() >= MAX_SELECTORS || (only_ground && self.grounds >= MAX_SELECTORS / 2) {
            if !only_ground {
                self.everywhere |= effect.layout;
            }
            return;
        }
        if !self.seen.insert((selector.to_owned(), effect.clone())) {
            return;
        }
        self.grounds += usize::from(only_ground);
        if let Ok(selector) = selector.parse() {
            self.selectors.push((selector, effect));
            return;
        }
        let shown = if effect.shown > Shown::Yes { Shown::Perhaps } else { Shown::Yes };
        // A state that nobody put the page in moves nothing.
        let state = STATES.iter().any(|state| selector.contains(state));
        let layout = if state { Layout::default() } else { effect.layout };
        let effect = Effect { shown, layout, ..effect };
        let every = if layout == Layout::default() { None } else { Some("*") };
        let base =
            last_compound(selector).or(every.filter(|_| !selector.starts_with("::") && selector != ":root"));
        if let Some(Ok(selector)) = base.map(str::parse).filter(|_| effect != Effect::default()) {
            self.selectors.push((selector, effect));
        }
    }

    /// What a rule writes: a plain string in its place, anything else somewhere on the page.
    fn generated(&mut self, selector: &str, place: Option<&str>, declarations: &str) {
        let pairs = declarations.split(';').take(MAX_DECLARATIONS).filter_map(|one| one.split_once(':'));
        for (name, value) in pairs {
            let name = name.trim().to_ascii_lowercase();
            let counts = name.starts_with("counter-");
            // Only what stands before or behind an element has text for content.
            let idle = (name == "content" && place.is_none()) || value.trim_start().starts_with("url(");
            if idle || !(counts || WRITERS.contains(&name.as_str())) {
                continue;
            }
            let list = name.starts_with("list-style");
            match literal(value).filter(|_| list || name == "content") {
                Some(text) => self.string(selector, place, text),
                None if list => {}
                None => self.computed(value),
            }
        }
    }

    /// A string before or behind the elements of a selector.
    fn string(&mut self, selector: &str, place: Option<&str>, text: String) {
        if text.contains(char::is_alphanumeric) && !text.chars().all(is_private) {
            let selector = if selector.is_empty() { "*" } else { selector };
            let (before, after) =
                if place == Some("after") { (String::new(), text) } else { (text, String::new()) };
            self.add(selector, Effect { before, after, ..Effect::default() });
        }
    }

    /// Attributes, counters and strings together: on the page, and nobody knows where.
    fn computed(&mut self, value: &str) {
        let names = value.split("attr(").skip(1).filter_map(|rest| rest.split([')', ',', ' ']).next());
        let free = MAX_ATTRIBUTES.saturating_sub(self.attributes.len());
        let names = names.map(|name| name.trim().to_ascii_lowercase()).filter(|name| name != "href");
        self.attributes.extend(names.take(free));
        self.write(value);
    }

    fn write(&mut self, value: &str) {
        if self.written.len() < MAX_SHEET {
            self.written.extend(value.chars().filter(|c| !matches!(c, '"' | '\'')));
            self.written.push('\n');
        }
    }

    /// Vector pictures as backgrounds: their texts are shown somewhere on the page.
    fn vectors(&mut self, declarations: &str) {
        for text in background_texts(declarations) {
            self.write(&text);
        }
    }

    /// What the element's own attributes do.
    pub(super) fn of_element(&mut self, element: &Element<'_, '_>, tag: &str) -> (Shown, Layout) {
        let shown = match tag {
            "template" | "datalist" => Shown::No,
            "rp" | "noframes" | "noembed" => Shown::Perhaps,
            _ => Shown::Yes,
        };
        let mut found = (shown, self.everywhere);
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            let (shown, layout) = match name.as_str() {
                "hidden" => (Shown::No, Layout::default()),
                "style" => {
                    let value = entities::decode(&value);
                    self.vectors(&value);
                    self.judge.declarations(&plain(&value))
                }
                "bgcolor" => self.judge.declarations(&format!("background:{value}")),
                "color" => self.judge.declarations(&format!("color:{value}")),
                "face" | "font-family" => {
                    self.judge.declarations(&format!("font-family:{}", entities::decode(&value)))
                }
                "transform" => self.judge.declarations(&format!("transform:{value}")),
                "dir" if value.trim().eq_ignore_ascii_case("rtl") => (Shown::Yes, Layout::RIGHT_TO_LEFT),
                "align" if tag == "table" => self.judge.declarations(&format!("float:{value}")),
                "x" | "y" | "dx" | "dy" | "rotate" if matches!(tag, "text" | "tspan") => {
                    let listed = value.trim().contains([' ', ',']);
                    (Shown::Yes, if listed { Layout::TURNED } else { Layout::PLACED })
                }
                _ => continue,
            };
            found = (found.0.max(shown), found.1 | layout);
        }
        if tag == "bdo" {
            found.1 |= Layout::OVERRIDE;
        }
        found
    }
}

/// Whether an address leads to something that is not in the page and not at a known host; `url` is in lower case.
pub(super) fn is_foreign(url: &str) -> bool {
    let plain = url.trim_start_matches([' ', '"', '\'', '\n', '\t', '\r']);
    let absolute = ["http:", "https:", "//", "cid:", "data:"].iter().any(|start| plain.starts_with(start));
    absolute && !fonts::is_known(plain)
}

/// Calls `each` with every rule of a sheet.
fn blocks<'s>(sheet: &'s str, each: &mut dyn FnMut(&Block<'s>)) {
    let mut rest = sheet;
    let mut conditional = 0_usize;
    while let Some(at) = rest.find(['{', '}']) {
        let (head, tail) = rest.split_at(at);
        let Some(after) = tail.strip_prefix('{') else {
            conditional = conditional.saturating_sub(1);
            rest = tail.get(1..).unwrap_or_default();
            continue;
        };
        // "@import …;" and the like may stand before a selector.
        let head = head.rsplit(';').next().unwrap_or(head).trim();
        let leaf = ["@font-face", "@page", "@counter-style"].iter().any(|name| head.starts_with(name));
        if head.starts_with('@') && !leaf {
            conditional += 1;
            rest = after;
            continue;
        }
        let (declarations, next) = after.split_once('}').unwrap_or((after, ""));
        each(&Block { head, declarations, conditional: conditional > 0 });
        rest = next;
    }
}

/// The texts of vector pictures in declarations.
fn background_texts(declarations: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, _) in declarations.match_indices("data:image/svg").take(MAX_DECLARATIONS) {
        let (before, rest) = declarations.split_at(at);
        let quote = before.chars().next_back().filter(|c| matches!(c, '"' | '\''));
        let url = rest.split(quote.unwrap_or(')')).next().unwrap_or_default();
        out.extend(data::vector(url).filter(|vector| vector.contains("<text")));
    }
    out
}

/// Characters of icon fonts.
fn is_private(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{e000}'..='\u{f8ff}')
}

/// The text of a value that consists of strings.
fn literal(value: &str) -> Option<String> {
    let (mut out, mut open) = (String::new(), None);
    let value = value.trim().trim_end_matches("!important");
    for c in value.chars() {
        match (open, c) {
            (None, '"' | '\'') => open = Some(c),
            (None, c) if c.is_whitespace() => {}
            (None, _) => return None,
            (Some(quote), c) if c == quote => open = None,
            (Some(_), c) => out.push(c),
        }
    }
    (!value.is_empty()).then_some(out)
}

/// All style sheets of a page: one that stands at the end holds for the text before it too.
/// The flag says that there was more than is read.
pub(super) fn sheets(html: &str) -> (String, bool) {
    let (mut sheets, mut more) = (String::new(), false);
    let mut rest = html;
    while let Some(at) = find_ignoring_case(rest, "<style") {
        let sheet = rest.get(at..).and_then(|tag| tag.split_once('>')).map_or("", |(_, sheet)| sheet);
        let end = find_ignoring_case(sheet, "</style").unwrap_or(sheet.len());
        let left = MAX_SHEET.saturating_sub(sheets.len());
        more |= end > left;
        sheets.push_str(sheet.get(..crate::extract::floor(sheet, end.min(left))).unwrap_or_default());
        sheets.push('\n');
        rest = sheet.get(end..).unwrap_or_default();
    }
    (sheets, more)
}

/// Where an ASCII word that begins with `<` stands, in capitals or small letters.
fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    memchr::memchr_iter(b'<', text.as_bytes())
        .find(|at| text.get(*at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

/// The last part of a selector without states: what a rule that is not understood may at most hide.
fn last_compound(selector: &str) -> Option<&str> {
    let last = selector.rsplit([' ', '>', '+', '~']).find(|part| !part.is_empty())?;
    let bare = last.split(':').next().unwrap_or_default();
    (!bare.is_empty() && bare != "*").then_some(bare)
}
