//! Fonts that a page brings along (CSS Fonts 4, section 4).
//!
//! A font can draw any character in the shape of another. Those of the hosts that only hand out published fonts can't be
//! made for a fraud; what is embedded, or comes from anywhere else, can.

use std::collections::BTreeSet;

/// Hosts that hand out published fonts and take none from the public.
const KNOWN: &[&str] = &[
    "fonts.googleapis.com",
    "fonts.gstatic.com",
    "themes.googleusercontent.com",
    "use.typekit.net",
    "use.typekit.com",
    "p.typekit.net",
    "use.fontawesome.com",
    "kit.fontawesome.com",
    "fonts.bunny.net",
    "fast.fonts.net",
    "cloud.typography.com",
    "use.fonticons.com",
];
/// Families that are kept.
const MAX_FAMILIES: usize = 100;

/// The families whose shapes are not known.
#[derive(Debug, Default)]
pub(super) struct Fonts {
    foreign: BTreeSet<String>,
    /// A style sheet from elsewhere may name any font for any text.
    pub(super) any: bool,
}

impl Fonts {
    /// Reads the declarations of `@font-face`.
    pub(super) fn face(&mut self, declarations: &str) {
        let lower = declarations.to_ascii_lowercase();
        let family = lower.split(';').find_map(|one| one.trim().strip_prefix("font-family"));
        let family = family.and_then(|rest| rest.trim_start().strip_prefix(':')).map(name);
        let sources = lower.split("url(").skip(1);
        let foreign = sources.filter(|source| !is_known(source)).count() > 0;
        if let Some(family) = family.filter(|_| foreign && self.foreign.len() < MAX_FAMILIES) {
            self.foreign.insert(family);
        }
    }

    /// Whether a list of families (`font-family`, `font`, `face`) names one of them; `value` is in lower case.
    pub(super) fn has(&self, value: &str) -> bool {
        !self.foreign.is_empty()
            && value.split(',').any(|family| {
                let family = name(family);
                // "italic 12px/1.5 'x'": what stands before the first family of the short form.
                self.foreign
                    .iter()
                    .any(|foreign| family == *foreign || family.ends_with(&format!(" {foreign}")))
            })
    }
}

/// A family without its quotation marks.
fn name(family: &str) -> String {
    let plain: String = family.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an address begins at one of the known hosts; quotation marks may stand before it. `url` is in lower case.
pub(super) fn is_known(url: &str) -> bool {
    let url = url.trim_start_matches([' ', '"', '\'', '\n', '\t', '\r']);
    let rest = ["https://", "http://", "//"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#', '"', '\'', ')', '\\']).next());
    host.is_some_and(|host| KNOWN.contains(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_of_unknown_shape() {
        for (face, used, expected) in [
            ("font-family: X; src: url(data:font/woff2;base64,AA)", "x, arial", true),
            ("font-family:'My Font';src:url('https://e.example/f.woff2')", "arial, \"my font\"", true),
            ("src:url(f.woff);font-family:x", "italic 12px/1.5 x", true),
            ("font-family:x;src:url(https://fonts.gstatic.com/s/lato.woff2) format('woff2')", "x", false),
            ("font-family:x;src:url(//fonts.bunny.net/a), url(https://e.example/b)", "x", true),
            ("font-family:x;src:url(https://fonts.gstatic.com@e.example/b)", "x", true),
            ("font-family:x;src:url(https://fonts.gstatic.com.e.example/b)", "x", true),
            ("font-family:x;src:local('Arial')", "x", false),
            ("font-family:x;src:url(data:,)", "arial", false),
        ] {
            let mut fonts = Fonts::default();
            fonts.face(face);
            assert_eq!(fonts.has(used), expected, "{face}");
        }
    }
}
