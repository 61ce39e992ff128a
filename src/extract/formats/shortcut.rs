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

/// Reads a shortcut. What opens anything but a page or a mail, or an address that is not written plainly, is not read.
pub(in crate::extract) fn read_shortcut(text: Cow<'_, str>) -> Reading<'_> {
    let mut found = Found::default();
    let mut wide = false;
    for line in text.split(['\n', '\r']).map(str::trim) {
        let (name, value) = line.split_once('=').unwrap_or(("", ""));
        match name.trim().to_ascii_lowercase().as_str() {
            // Windows prefers the address of this section, which is in UTF-7.
            "" if line.starts_with('[') => wide = line.to_ascii_lowercase().ends_with(".w]"),
            "url" | "baseurl" => {
                found.unread |= wide;
                found.take(value);
            }
            "exec" => found.unread = true,
            _ => {}
        }
    }
    // A property list: <string>https://…</string>
    for piece in text.split("<string").skip(1) {
        let Some((value, _)) = piece.split_once('>').and_then(|(_, rest)| rest.split_once("</string")) else {
            found.unread = true;
            continue;
        };
        found.unread |= value.contains('<') || value.contains("&#");
        found.take(&value.replace("&amp;", "&"));
    }
    let error = (found.unread || found.links.is_empty()).then_some("unsupported");
    Reading { visible: text, links: found.links, error, ..Reading::default() }
}

/// What a shortcut opens.
#[derive(Default)]
struct Found {
    links: String,
    /// It opens something else, too.
    unread: bool,
}

impl Found {
    /// Takes up an address, which may stand in quotation marks.
    fn take(&mut self, value: &str) {
        let target = value.trim().trim_matches(['"', '\'']).trim();
        if target.is_empty() {
            return;
        }
        let lower = target.to_ascii_lowercase();
        let page = ["http://", "https://", "mailto:", "www."].iter().any(|scheme| lower.starts_with(scheme));
        self.unread |= !page;
        self.links.push_str(target);
        self.links.push('\n');
    }
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
            ("[InternetShortcut]\nURL=\"https://e.example/pay\"", "https://e.example/pay\n", true),
            ("[InternetShortcut]\rURL=https://e.example/\r", "https://e.example/\n", true),
            ("URL=https://a.example/\rURL=https://e.example/", "https://a.example/\nhttps://e.example/\n", true),
            ("[InternetShortcut]\nURL=file://e.example/x/pay.exe", "file://e.example/x/pay.exe\n", false),
            ("[InternetShortcut]\nURL=javascript:pay()", "javascript:pay()\n", false),
            (
                "[InternetShortcut]\nURL=https://a.example/\n[InternetShortcut.W]\nURL=https://+AGUALg-example/",
                "https://a.example/\nhttps://+AGUALg-example/\n",
                false,
            ),
            (
                "<plist><string>https://a.example/</string><string>\nhttps://e.example/\n</string></plist>",
                "https://a.example/\nhttps://e.example/\n",
                true,
            ),
            (
                "<plist><string>https://a.example/</string><string><![CDATA[https://e.example/]]></string></plist>",
                "https://a.example/\n<![CDATA[https://e.example/]]>\n",
                false,
            ),
            ("<string>&#104;ttps://e.example/</string>", "&#104;ttps://e.example/\n", false),
            ("<string>https://a.example/</string><string>https://e.example/", "https://a.example/\n", false),
        ] {
            let reading = read_shortcut(Cow::Borrowed(text));
            assert_eq!((reading.links.as_str(), reading.error.is_none()), (links, read), "{text}");
        }
    }
}
