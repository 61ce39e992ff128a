//! Which elements a mail client does not show: by attribute, inline style, or a rule of a style sheet.
//!
//! Three answers, because clients differ and some means depend on the screen: [`Shown::Perhaps`] is what some readers
//! see and others do not. Whoever reads the text reads it both ways.

use lol_html::Selector;
use lol_html::html_content::Element;
use std::collections::BTreeSet;

/// Octets of style sheets that are read.
const MAX_SHEET: usize = 64 * 1_024;
/// Selectors that are kept.
const MAX_SELECTORS: usize = 200;
/// Attributes named by style sheets that are kept.
const MAX_ATTRIBUTES: usize = 8;
/// Background colours that are kept.
const MAX_COLOURS: usize = 200;
/// A channel from which on a colour counts as white on white.
const LIGHT: u32 = 0xD0;

/// Whether the recipient sees something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// Everywhere.
    #[default]
    Yes,
    /// By some clients, or hard to see: white letters, rules for some screens.
    Perhaps,
    /// Nowhere.
    No,
}

/// What the style sheets of a message hide.
#[derive(Default)]
pub(super) struct Rules {
    /// Selectors of hidden elements, and how surely they are hidden.
    pub(super) selectors: Vec<(Selector, Shown)>,
    /// Text that the sheets themselves put on the page (CSS 2.1 section 12), one string a line.
    pub(super) written: String,
    /// Attributes whose values the sheets put on the page.
    pub(super) attributes: Vec<String>,
    /// Colours of backgrounds seen so far: letters of such a colour may be invisible.
    backgrounds: BTreeSet<u32>,
}

impl Rules {
    /// Reads a style sheet. What a rule inside `@media` hides depends on the screen.
    pub(super) fn read(&mut self, sheet: &str) {
        let sheet = plain(&sheet.replace("<!--", "").replace("-->", ""));
        let mut rest = sheet.as_str();
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
            if head.starts_with('@') && !head.starts_with("@font-face") && !head.starts_with("@page") {
                conditional += 1;
                rest = after;
                continue;
            }
            let (declarations, next) = after.split_once('}').unwrap_or((after, ""));
            self.rule(head, declarations, conditional > 0);
            rest = next;
        }
    }

    fn rule(&mut self, selectors: &str, declarations: &str, conditional: bool) {
        if selectors.contains(":before") || selectors.contains(":after") {
            self.generated(declarations);
        }
        let shown = self.judge(declarations);
        if shown == Shown::Yes {
            return;
        }
        let shown = if conditional { Shown::Perhaps } else { shown };
        for selector in selectors.split(',').map(str::trim) {
            if self.selectors.len() >= MAX_SELECTORS {
                return;
            }
            if let Ok(selector) = selector.parse() {
                self.selectors.push((selector, shown));
            } else if let Some(Ok(selector)) = last_compound(selector).map(str::parse) {
                self.selectors.push((selector, Shown::Perhaps));
            }
        }
    }

    /// Strings, attributes and counters of `content` and of what sets counters.
    fn generated(&mut self, declarations: &str) {
        for (name, value) in declarations.split(';').take(100).filter_map(|one| one.split_once(':')) {
            let name = name.trim().to_ascii_lowercase();
            if !(name == "content" || name.starts_with("counter-")) || self.written.len() > MAX_SHEET {
                continue;
            }
            let names = value.split("attr(").skip(1).filter_map(|rest| rest.split([')', ',', ' ']).next());
            let free = MAX_ATTRIBUTES.saturating_sub(self.attributes.len());
            let names = names.map(|name| name.trim().to_ascii_lowercase()).filter(|name| name != "href");
            self.attributes.extend(names.take(free));
            self.written.extend(value.chars().filter(|c| !matches!(c, '"' | '\'')));
            self.written.push('\n');
        }
    }

    /// Whether the element's own attributes let it be seen.
    pub(super) fn of_element(&mut self, element: &Element<'_, '_>, tag: &str) -> Shown {
        let of_tag = match tag {
            "template" | "datalist" => Shown::No,
            "rp" | "noframes" | "noembed" => Shown::Perhaps,
            _ => Shown::Yes,
        };
        let attributes = element.attributes().iter().map(|attribute| match attribute.name().as_str() {
            "hidden" => Shown::No,
            "style" => self.judge(&plain(&super::entities::decode(&attribute.value()))),
            "bgcolor" => self.judge(&format!("background:{}", attribute.value())),
            "color" => self.judge(&format!("color:{}", attribute.value())),
            _ => Shown::Yes,
        });
        attributes.max().unwrap_or_default().max(of_tag)
    }

    /// Whether text with these declarations is seen. Backgrounds are remembered for what stands on them.
    fn judge(&mut self, declarations: &str) -> Shown {
        let mut style = Style::default();
        for declaration in declarations.split(';').take(100) {
            if let Some((name, value)) = declaration.split_once(':') {
                let value = value.to_ascii_lowercase();
                let value = value.trim().trim_end_matches("!important").trim();
                style.set(name.trim().to_ascii_lowercase().as_str(), value);
            }
        }
        if let Some(background) = style.background
            && self.backgrounds.len() < MAX_COLOURS
        {
            self.backgrounds.insert(background);
        }
        let faint = style.colour.is_some_and(|colour| is_light(colour) || self.backgrounds.contains(&colour));
        let clipped = style.clipped && style.empty_box;
        style.shown.max(if clipped {
            Shown::No
        } else if faint {
            Shown::Perhaps
        } else {
            Shown::Yes
        })
    }
}

/// What declarations say about being seen.
#[derive(Default)]
struct Style {
    shown: Shown,
    empty_box: bool,
    clipped: bool,
    colour: Option<u32>,
    background: Option<u32>,
}

impl Style {
    fn set(&mut self, name: &str, value: &str) {
        let at_most = |limit: f32| size(value).is_some_and(|size| size <= limit);
        let shown = match name {
            "display" if value == "none" => Shown::No,
            "visibility" if matches!(value, "hidden" | "collapse") => Shown::No,
            "mso-hide" if value == "all" => Shown::No,
            "font-size" if at_most(1.0) => Shown::No,
            "font-size" if at_most(3.0) => Shown::Perhaps,
            // "0/0 a": the size stands before the first slash or space that follows a digit.
            "font" if value.split([' ', '/']).any(|word| size(word).is_some_and(|size| size <= 3.0)) => {
                Shown::Perhaps
            }
            "opacity" if at_most(0.05) => Shown::No,
            "opacity" if at_most(0.3) => Shown::Perhaps,
            "color" if value == "transparent" => Shown::No,
            "text-indent" | "left" | "top" | "margin-left" if at_most(-500.0) => Shown::No,
            "text-indent" | "left" | "top" | "right" | "bottom" | "margin-left" | "margin-top" | "margin"
            | "letter-spacing" | "z-index" => {
                if at_most(-1.0) {
                    Shown::Perhaps
                } else {
                    Shown::Yes
                }
            }
            "clip" | "clip-path" | "transform" | "filter" => Shown::Perhaps,
            "position" if matches!(value, "absolute" | "fixed") => Shown::Perhaps,
            "line-height" | "zoom" if at_most(0.1) => Shown::Perhaps,
            _ => Shown::Yes,
        };
        self.shown = self.shown.max(shown);
        match name {
            "color" => self.colour = colour(value),
            "background" | "background-color" => self.background = colour(value).or(self.background),
            "max-height" | "height" | "max-width" | "width" => self.empty_box |= size(value) == Some(0.0),
            "overflow" => self.clipped = value == "hidden",
            _ => {}
        }
    }
}

/// Style text without comments and with escapes undone (CSS Syntax 3, section 4.3.7), as far as they hide a letter.
fn plain(style: &str) -> String {
    let mut out = String::with_capacity(style.len());
    let mut rest = style;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    if !out.contains('\\') {
        return out;
    }
    let mut chars = out.chars().peekable();
    let mut unescaped = String::with_capacity(out.len());
    while let Some(c) = chars.next() {
        if c != '\\' {
            unescaped.push(c);
            continue;
        }
        let mut code = String::new();
        while code.len() < 6
            && let Some(digit) = chars.next_if(char::is_ascii_hexdigit)
        {
            code.push(digit);
        }
        if code.is_empty() {
            unescaped.extend(chars.next());
        } else {
            unescaped.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
            chars.next_if(|c| c.is_whitespace());
        }
    }
    unescaped
}

/// The last part of a selector without states: what a rule that is not understood may at most hide.
fn last_compound(selector: &str) -> Option<&str> {
    let last = selector.rsplit([' ', '>', '+', '~']).find(|part| !part.is_empty())?;
    let bare = last.split(':').next().unwrap_or_default();
    (!bare.is_empty() && bare != "*").then_some(bare)
}

/// A colour as `0xRRGGBB`.
fn colour(value: &str) -> Option<u32> {
    let value = value.trim();
    let named =
        [("white", 0x00FF_FFFF), ("snow", 0x00FF_FAFA), ("ivory", 0x00FF_FFF0), ("whitesmoke", 0x00F5_F5F5)];
    if let Some((_, colour)) = named.iter().find(|(name, _)| value.eq_ignore_ascii_case(name)) {
        return Some(*colour);
    }
    if let Some(numbers) = value.strip_prefix("rgb(").or_else(|| value.strip_prefix("rgba(")) {
        let channels = numbers.split([',', ' ', ')', '/']).filter(|n| !n.is_empty()).take(3);
        let channels = channels.map(|n| n.parse::<u32>().ok().filter(|n| *n < 256));
        return channels.collect::<Option<Vec<u32>>>().map(|c| c.iter().fold(0, |sum, n| sum * 256 + n));
    }
    let digits = value.split_whitespace().next()?.trim_start_matches('#');
    let number = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        6 => Some(number),
        3 => Some((number & 0xF00) * 0x1100 + (number & 0xF0) * 0x110 + (number & 0xF) * 0x11),
        _ => None,
    }
}

fn is_light(colour: u32) -> bool {
    [16, 8, 0].iter().all(|shift| (colour >> shift) & 0xFF >= LIGHT)
}

/// The number before a unit.
fn size(value: &str) -> Option<f32> {
    let end =
        value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(value.len());
    let unit = value.get(end..)?.trim();
    let number: f32 = value.get(..end)?.parse().ok()?;
    // "1em" and "50%" are not small.
    let relative = matches!(unit, "em" | "rem" | "%" | "vw" | "vh");
    Some(if relative && unit != "%" { number * 16.0 } else { number })
}

/// All style sheets of a page: one that stands at the end holds for the text before it too.
pub(super) fn sheets(html: &str) -> String {
    let mut sheets = String::new();
    let mut rest = html;
    while let Some(at) = find_ignoring_case(rest, "<style") {
        let sheet = rest.get(at..).and_then(|tag| tag.split_once('>')).map_or("", |(_, sheet)| sheet);
        let end = find_ignoring_case(sheet, "</style").unwrap_or(sheet.len());
        let left = MAX_SHEET.saturating_sub(sheets.len());
        sheets.push_str(sheet.get(..crate::extract::floor(sheet, end.min(left))).unwrap_or_default());
        sheets.push('\n');
        rest = sheet.get(end..).unwrap_or_default();
    }
    sheets
}

/// Where an ASCII word that begins with `<` stands, in capitals or small letters.
fn find_ignoring_case(text: &str, word: &str) -> Option<usize> {
    memchr::memchr_iter(b'<', text.as_bytes())
        .find(|at| text.get(*at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word)))
}
