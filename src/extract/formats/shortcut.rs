//! Shortcuts: files that open an address (`.url` of Windows, `.webloc` of macOS, `.desktop` of Linux). The address is a
//! link like one in a text; a shortcut that starts a program is not read.

use super::{DocumentFormat, Reading, named, octets_as_text};
use crate::model::{Part, PartContent};
use std::borrow::Cow;

/// Extensions of shortcuts.
pub(in crate::extract) const EXTENSIONS: &[&str] = &["url", "website", "webloc", "desktop"];

/// Shortcuts.
pub(super) struct Shortcut;

impl DocumentFormat for Shortcut {
    fn accepts(&self, part: &Part, _parent: Option<&Part>) -> bool {
        named(part, EXTENSIONS)
            || matches!(part.media_type.as_str(), "application/internet-shortcut" | "application/x-mswinurl")
    }

    fn opens(&self) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        match &part.content {
            PartContent::Text(text) | PartContent::Html(text) => read_shortcut(Cow::Borrowed(text)),
            PartContent::Binary(octets) => read_shortcut(octets_as_text(octets)),
            PartContent::Multipart | PartContent::AttachedMessage => Reading::default(),
        }
    }
}

/// Reads a shortcut.
pub(in crate::extract) fn read_shortcut(text: Cow<'_, str>) -> Reading<'_> {
    let mut links = String::new();
    let mut starts = false;
    for line in text.lines() {
        let line = line.trim();
        let (name, value) = line.split_once('=').unwrap_or(("", ""));
        let target = match name.trim().to_ascii_lowercase().as_str() {
            "url" | "baseurl" => value.trim(),
            "exec" => {
                starts = true;
                continue;
            }
            // A property list: <string>https://…</string>
            _ => line.split_once("<string>").and_then(|(_, rest)| rest.split('<').next()).unwrap_or_default(),
        };
        if !target.is_empty() {
            links.push_str(&target.replace("&amp;", "&"));
            links.push('\n');
        }
    }
    let error = (starts || links.is_empty()).then_some("unsupported");
    Reading { visible: text, links, error, ..Reading::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_shortcuts_lead() {
        for (text, links, read) in [
            ("[InternetShortcut]\r\nURL=https://e.example/pay\r\nIconIndex=0", "https://e.example/pay\n", true),
            (
                "<plist><dict><key>URL</key>\n<string>https://e.example/?a&amp;b</string></dict></plist>",
                "https://e.example/?a&b\n",
                true,
            ),
            ("[Desktop Entry]\nType=Link\nURL=https://e.example/", "https://e.example/\n", true),
            ("[Desktop Entry]\nType=Application\nExec=sh -c x", "", false),
            ("nothing", "", false),
        ] {
            let reading = read_shortcut(Cow::Borrowed(text));
            assert_eq!((reading.links.as_str(), reading.error.is_none()), (links, read), "{text}");
        }
    }
}
