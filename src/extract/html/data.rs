//! Pictures that stand in a page itself (`data:`, RFC 2397).

use crate::limits::{HTML_PICTURES, MAX_HTML};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Takes what browsers take: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const SCHEME: &str = "data:image/";

/// A picture in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::extract) struct Picture {
    /// Its declared type in lower case.
    pub(in crate::extract) media_type: String,
    /// Its content.
    pub(in crate::extract) octets: Vec<u8>,
}

/// The bitmaps of a page in order of appearance, at most `limits::HTML_PICTURES` of at least `least` octets.
pub(in crate::extract) fn pictures(html: &str, least: usize) -> Vec<Picture> {
    let html = html.get(..html.floor_char_boundary(MAX_HTML.min(html.len()))).unwrap_or_default();
    let mut out = Vec::new();
    for at in memchr::memchr_iter(b':', html.as_bytes()) {
        let Some(start) = at.checked_sub(4) else { continue };
        let here = html.get(start..start + SCHEME.len());
        if !here.is_some_and(|head| head.eq_ignore_ascii_case(SCHEME)) {
            continue;
        }
        let rest = html.get(start..).unwrap_or_default();
        let end = rest.find(['"', '\'', ')', '<', '>']).unwrap_or(rest.len());
        let Some(url) = rest.get(..end).filter(|url| url.len() / 4 * 3 >= least) else { continue };
        let picture = decode(url).filter(|picture| !is_vector(&picture.media_type));
        out.extend(picture.filter(|picture| picture.octets.len() >= least));
        if out.len() >= HTML_PICTURES {
            break;
        }
    }
    out
}

/// The text of a vector picture that a `data:` address holds.
pub(super) fn vector(url: &str) -> Option<String> {
    let head = url.trim_start().get(..SCHEME.len() + 3)?;
    if !head.eq_ignore_ascii_case("data:image/svg") {
        return None;
    }
    decode(url.trim_start()).map(|picture| String::from_utf8_lossy(&picture.octets).into_owned())
}

fn is_vector(media_type: &str) -> bool {
    media_type.starts_with("image/svg")
}

/// `data:image/png;base64,…` or with percent signs.
fn decode(url: &str) -> Option<Picture> {
    let (head, payload) = url.get(5..)?.split_once(',')?;
    let mut words = head.split(';').map(str::trim);
    let media_type = words.next()?.to_ascii_lowercase();
    let octets = crate::extract::percent::octets(payload);
    let octets = if words.any(|word| word.eq_ignore_ascii_case("base64")) {
        let plain: Vec<u8> = octets.into_iter().filter(|b| !b.is_ascii_whitespace()).collect();
        BASE64.decode(plain).ok()?
    } else {
        octets
    };
    Some(Picture { media_type, octets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_a_page() {
        for (html, expected) in [
            ("<img src='data:image/png;base64,aGVs bG8'>", vec!["hello"]),
            ("<p style=\"background:url(DATA:image/gif;base64,aGVsbG8=)\">", vec!["hello"]),
            ("<img src=\"data:image/svg+xml,<svg>\">", vec![]),
            ("data:image/png;base64,!!", vec![]),
            ("data:image/png", vec![]),
            ("ata:image/png,x", vec![]),
        ] {
            let found = pictures(html, 1);
            let found: Vec<_> =
                found.iter().map(|p| String::from_utf8_lossy(&p.octets).into_owned()).collect();
            assert_eq!(found, expected, "{html}");
        }
        assert!(pictures("data:image/png;base64,aGVsbG8=", 200).is_empty());
        assert_eq!(vector("data:image/svg+xml,%3Csvg%3E").as_deref(), Some("<svg>"));
        assert_eq!(vector("data:image/svg+xml;utf8,<svg>").as_deref(), Some("<svg>"));
        assert_eq!(vector("data:image/png,x"), None);
    }
}
