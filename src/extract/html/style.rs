//! Which elements a mail client does not show: by attribute, inline style, or a simple rule of a style sheet.

use lol_html::html_content::Element;

/// Octets of one style sheet that are read.
pub(super) const MAX_SHEET: usize = 64 * 1_024;
/// Selectors that are kept.
const MAX_SELECTORS: usize = 200;

/// Classes and ids that the style sheets of a message hide.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// `.class` or `#id`.
    selectors: Vec<String>,
}

impl Rules {
    /// Reads the top-level rules of a style sheet. Rules inside `@media` depend on the screen and are left out.
    pub(super) fn read(&mut self, sheet: &str) {
        let sheet = sheet.replace("<!--", "").replace("-->", "");
        let mut rest = sheet.as_str();
        while let Some((selectors, after)) = rest.split_once('{') {
            if selectors.contains('@') {
                rest = after_block(after);
                continue;
            }
            let (declarations, next) = after.split_once('}').unwrap_or((after, ""));
            if hides(declarations) {
                for selector in selectors.split(',').map(str::trim) {
                    // "td.x", ".x" and "#x"; anything with combinators or states is no simple selector.
                    let simple = selector.find(['.', '#']).and_then(|at| selector.get(at..));
                    let word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '#');
                    if let Some(simple) =
                        simple.filter(|s| self.selectors.len() < MAX_SELECTORS && s.chars().all(word))
                    {
                        self.selectors.push(simple.to_owned());
                    }
                }
            }
            rest = next;
        }
    }

    /// Whether the element is hidden from the reader.
    pub(super) fn hide(&self, element: &Element<'_, '_>) -> bool {
        // A style sheet's class is looked up only when there are rules: most mails have none.
        element.attributes().iter().any(|attribute| match attribute.name().as_str() {
            "hidden" => true,
            "style" => hides(&super::entities::decode(&attribute.value())),
            "class" if !self.selectors.is_empty() => {
                let value = attribute.value();
                value
                    .split_ascii_whitespace()
                    .take(20)
                    .any(|class| self.selectors.iter().any(|s| s.strip_prefix('.') == Some(class)))
            }
            "id" if !self.selectors.is_empty() => {
                self.selectors.iter().any(|s| s.strip_prefix('#') == Some(attribute.value().trim()))
            }
            _ => false,
        })
    }
}

/// The text after the block whose opening brace has been read.
fn after_block(text: &str) -> &str {
    let mut depth = 1_usize;
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(at + 1..).unwrap_or_default();
        }
    }
    ""
}

/// Whether declarations make text invisible.
fn hides(declarations: &str) -> bool {
    let mut zero_box = (false, false);
    let mut clipped = false;
    for declaration in declarations.split(';').take(100) {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let value = value.to_ascii_lowercase();
        let value = value.trim().trim_end_matches("!important").trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "display" if value == "none" => return true,
            "visibility" if matches!(value, "hidden" | "collapse") => return true,
            "mso-hide" if value == "all" => return true,
            "font-size" if size(value).is_some_and(|px| px <= 1.0) => return true,
            "opacity" if size(value).is_some_and(|n| n <= 0.05) => return true,
            "color" if value == "transparent" => return true,
            "text-indent" | "left" | "top" | "margin-left" if size(value).is_some_and(|px| px <= -500.0) => {
                return true;
            }
            "max-height" | "height" => zero_box.0 |= size(value) == Some(0.0),
            "max-width" | "width" => zero_box.1 |= size(value) == Some(0.0),
            "overflow" => clipped = value == "hidden",
            _ => {}
        }
    }
    clipped && (zero_box.0 || zero_box.1)
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
