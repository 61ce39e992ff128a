//! What the elements of HTML are: which begin a line or a cell, which have content.

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
    // Of SVG: every one is placed for itself.
    "text",
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

/// Whether the start of `tag` ends an element of this kind that is still open (HTML 13.1.2.4).
pub(super) fn is_ended_by(open: &str, tag: &str) -> bool {
    match open {
        "p" => BLOCKS.contains(&tag) && tag != "br" && tag != "text",
        "td" | "th" => matches!(tag, "td" | "th" | "tr"),
        "tr" | "li" | "option" | "dt" | "dd" => open == tag,
        _ => false,
    }
}
