//! What the elements of HTML are: which begin a line or a cell, which have content, which turn their text around.

use lol_html::html_content::Element;

/// Elements that stand on lines of their own.
pub(super) const BLOCKS: &[&str] = &[
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

/// What stands between the element and what is before and behind it.
pub(super) fn separator(tag: &str) -> Option<char> {
    if CELLS.contains(&tag) {
        Some('\t')
    } else if BLOCKS.contains(&tag) {
        Some('\n')
    } else {
        None
    }
}

/// Void elements (HTML 13.1.2) have no end tag.
pub(super) fn has_content(tag: &str) -> bool {
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

/// Whether an element shows its text turned around (`<bdo dir=rtl>` or its style).
pub(super) fn turns(element: &Element<'_, '_>, tag: &str) -> bool {
    let style = element.get_attribute("style").unwrap_or_default().to_ascii_lowercase();
    let right_to_left =
        element.get_attribute("dir").is_some_and(|dir| dir.trim().eq_ignore_ascii_case("rtl"))
            || style.contains("rtl");
    right_to_left && (tag == "bdo" || style.contains("override"))
}
