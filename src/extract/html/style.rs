//! What the declarations of a style do to text: whether it is seen, and whether it stands where it is shown.
//!
//! Three answers to the first, because clients differ and some means depend on the screen: [`Shown::Perhaps`] is what
//! some readers see and others do not. Whoever reads the text reads it both ways.

use super::fonts::Fonts;
use super::layout::Layout;
use crate::limits::{CODE_CELLS, MAX_DECLARATIONS};
use std::collections::BTreeSet;

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

/// Judges declarations one after the other; what it learns of one counts for the next.
#[derive(Default)]
pub(super) struct Judge {
    /// Fonts that the page brings along.
    pub(super) fonts: Fonts,
    /// A style draws a picture out of shadows.
    pub(super) shadows: bool,
    /// Colours of backgrounds seen so far: letters of such a colour may be invisible.
    backgrounds: BTreeSet<u32>,
}

impl Judge {
    /// What text with these declarations looks like. Backgrounds are remembered for what stands on them.
    pub(super) fn declarations(&mut self, declarations: &str) -> (Shown, Layout) {
        let mut style = Style::default();
        let mut layout = Layout::default();
        for declaration in declarations.split(';').take(MAX_DECLARATIONS) {
            if let Some((name, value)) = declaration.split_once(':') {
                let (name, value) = (name.trim().to_ascii_lowercase(), value.to_ascii_lowercase());
                let value = value.trim().trim_end_matches("!important").trim();
                style.set(&name, value);
                layout |= Layout::of(&name, value);
                if matches!(name.as_str(), "font-family" | "font") && self.fonts.has(value) {
                    layout |= Layout::FOREIGN;
                }
                self.shadows |= name == "box-shadow" && value.matches(',').count() >= CODE_CELLS;
            }
        }
        if let Some(background) = style.background
            && self.backgrounds.len() < MAX_COLOURS
        {
            self.backgrounds.insert(background);
        }
        let faint = style.colour.is_some_and(|colour| is_light(colour) || self.backgrounds.contains(&colour));
        let clipped = style.clipped && style.empty_box;
        let shown = style.shown.max(if clipped {
            Shown::No
        } else if faint {
            Shown::Perhaps
        } else {
            Shown::Yes
        });
        (shown, layout)
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
pub(super) fn plain(style: &str) -> String {
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
pub(super) fn size(value: &str) -> Option<f32> {
    let end =
        value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(value.len());
    let unit = value.get(end..)?.trim();
    let number: f32 = value.get(..end)?.parse().ok()?;
    // "1em" and "50%" are not small.
    let relative = matches!(unit, "em" | "rem" | "%" | "vw" | "vh");
    Some(if relative && unit != "%" { number * 16.0 } else { number })
}
