//! Undoes transfer encodings (RFC 2045 section 6) and charsets. Lenient like the mail clients that will show the
//! mail, linear in the octets, never failing.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;
use std::borrow::Cow;

/// Base64 with or without padding, tolerating stray bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes base64; characters outside the alphabet are passed over (RFC 2045 section 6.8), padding in the middle
/// starts a new run. `false`: something was damaged.
pub(super) fn base64(octets: &[u8]) -> (Vec<u8>, bool) {
    let mut compact = Vec::with_capacity(octets.len());
    octets
        .split(|b| matches!(b, b'\r' | b'\n'))
        .for_each(|line| compact.extend_from_slice(line.trim_ascii()));
    if let Ok(bytes) = LENIENT.decode(&compact) {
        return (bytes, true);
    }
    let in_alphabet = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let mut out = Vec::with_capacity(compact.len() / 4 * 3);
    for run in compact.split(|b| *b == b'=') {
        let mut clean: Vec<u8> = run.iter().copied().filter(in_alphabet).collect();
        if clean.len() % 4 == 1 {
            clean.pop();
        }
        // Only the alphabet is left and no single trailing character: this cannot fail any more.
        out.extend(LENIENT.decode(&clean).unwrap_or_default());
    }
    (out, false)
}

/// Decodes quoted-printable; what is no valid escape stays as written.
pub(super) fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|b| *b == b'\n') {
        let (text, end): (&[u8], &[u8]) = match line {
            [text @ .., b'\r', b'\n'] => (text, b"\r\n"),
            [text @ .., b'\n'] => (text, b"\n"),
            text => (text, b""),
        };
        // White space at the end of an encoded line was added on the way (RFC 2045 section 6.7, rule 3).
        let mut rest = text.trim_ascii_end();
        let mut soft = false;
        while let Some(at) = memchr(b'=', rest) {
            let (before, escape) = rest.split_at(at);
            out.extend_from_slice(before);
            rest = match escape {
                [b'='] => {
                    soft = true;
                    &[]
                }
                [b'=', high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                    out.push(hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0));
                    after
                }
                [first, after @ ..] => {
                    out.push(*first);
                    after
                }
                [] => &[],
            };
        }
        out.extend_from_slice(rest);
        if !soft {
            out.extend_from_slice(end);
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Decodes text by its declared charset. `false`: the charset is unknown, and the text a best guess.
pub(super) fn text(octets: &[u8], charset: Option<&str>, html: bool) -> (String, bool) {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(octets) {
        let body = octets.get(mark..).unwrap_or_default();
        let text = encoding.decode_without_bom_handling(body).0;
        // A client that believes another declaration shows other text: only agreement, or none, is certain.
        let agrees = charset.is_none_or(|name| name.trim().to_ascii_lowercase().starts_with("utf-"));
        return match plausible(encoding, body) && (agrees || encoding == encoding_rs::UTF_8) {
            true => (text.into_owned(), true),
            false => (format!("{text}\n{}", guess(octets)), false),
        };
    }
    let declared = charset.map(str::trim).filter(|name| !name.is_empty());
    // A page that can say in ASCII that it is UTF-16 is not (HTML 13.2.3.2).
    let of_page = || meta_charset(octets).filter(|name| !name.to_ascii_lowercase().starts_with("utf-16"));
    let label = declared.map(Cow::Borrowed).or_else(|| html.then(of_page).flatten());
    let Some(label) = label else {
        return (guess(octets), true);
    };
    let plain = ["us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "x-unknown"];
    if plain.iter().any(|name| label.eq_ignore_ascii_case(name)) {
        return (guess(octets), true);
    }
    // RFC 2231 section 5: a language may follow the charset.
    let label = label.split('*').next().unwrap_or(&label);
    // UTF-16 without a mark begins with the high octet (RFC 2781 section 4.3); programs of one maker write it the other way.
    let label =
        if label.eq_ignore_ascii_case("utf-16") && is_big_endian(octets) { "utf-16be" } else { label };
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes());
    // "Replacement" stands for charsets that browsers refuse (ISO-2022-KR, HZ …) and mail clients show.
    if encoding.is_some_and(|e| e == encoding_rs::REPLACEMENT || !plausible(e, octets)) {
        return (guess(octets), false);
    }
    match mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes()) {
        Some(decoder) => (decoder(octets), true),
        None => match encoding {
            Some(encoding) => (encoding.decode(octets).0.into_owned(), true),
            None => (guess(octets), false),
        },
    }
}

/// Whether octets can be text of an encoding: UTF-16 of any language has zero octets (spaces, line ends, digits), and
/// plain text with a false label has none.
fn plausible(encoding: &encoding_rs::Encoding, octets: &[u8]) -> bool {
    let wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    !wide || octets.contains(&0) || octets.trim_ascii().is_empty()
}

/// Whether the zeros of western text in UTF-16 stand before its letters.
fn is_big_endian(octets: &[u8]) -> bool {
    let head = octets.get(..1_024).unwrap_or(octets);
    let zeros = |at: usize| head.iter().skip(at).step_by(2).filter(|b| **b == 0).count();
    zeros(0) > zeros(1)
}

/// UTF-8 where valid, else windows-1252, which mislabelled and unlabelled western mail is.
fn guess(octets: &[u8]) -> String {
    std::str::from_utf8(octets).map_or_else(|_| latin(octets), str::to_owned)
}

/// Every octet as a windows-1252 character.
pub(super) fn latin(octets: &[u8]) -> String {
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0.into_owned()
}

/// `charset=` in the first kilobyte of HTML, where a `<meta>` would say it.
fn meta_charset(octets: &[u8]) -> Option<Cow<'static, str>> {
    let head = octets.get(..1_024).unwrap_or(octets).to_ascii_lowercase();
    let at = memchr::memmem::find(&head, b"charset=")? + 8;
    let rest = head.get(at..)?;
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let end =
        rest.iter().position(|b| !b.is_ascii_alphanumeric() && !b"-_:.".contains(b)).unwrap_or(rest.len());
    let name = std::str::from_utf8(rest.get(..end)?).ok()?;
    (!name.is_empty()).then(|| Cow::Owned(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_as_clients_read_it() {
        for (name, encoded, decoded) in [
            ("escapes", &b"a=C3=A9b"[..], &b"a\xc3\xa9b"[..]),
            ("soft break", b"12=\r\n34", b"1234"),
            ("soft break with trailing space", b"12= \r\n34", b"1234"),
            ("invalid escape stays", b"=ZZ=4", b"=ZZ=4"),
            ("trailing space goes", b"a  \r\nb", b"a\r\nb"),
            ("bare LF", b"a=\nb\n", b"ab\n"),
            ("lower case", b"=e2=82=ac", b"\xe2\x82\xac"),
        ] {
            assert_eq!(quoted_printable(encoded), decoded, "{name}");
        }
    }

    #[test]
    fn base64_as_clients_read_it() {
        for (name, encoded, decoded, sound) in [
            ("lines", &b"aGVs\r\nbG8="[..], &b"hello"[..], true),
            ("no padding", b"aGVsbG8", b"hello", true),
            ("stray characters", b"aGV*sbG8=", b"hello", false),
            ("two runs", b"aGk=aGk=", b"hihi", false),
            ("empty", b"", b"", true),
        ] {
            assert_eq!(base64(encoded), (decoded.to_vec(), sound), "{name}");
        }
    }

    #[test]
    fn charsets() {
        for (name, octets, charset, html, expected) in [
            ("latin", &b"\xa31"[..], Some("iso-8859-1"), false, "£1"),
            ("mislabelled", b"\xa31", Some("us-ascii"), false, "£1"),
            ("utf-7", b"+AKM-1", Some("utf-7"), false, "£1"),
            ("utf-16, high octet first", b"\0a\0b", Some("utf-16"), false, "ab"),
            ("utf-16, low octet first", b"a\0b\0", Some("utf-16"), false, "ab"),
            ("utf-16 by mark", b"\xff\xfea\x00", None, false, "a"),
            ("meta", b"<meta charset=\"koi8-r\">\xcd", None, true, "<meta charset=\"koi8-r\">м"),
            ("unlabelled utf-8", "£1".as_bytes(), None, false, "£1"),
        ] {
            assert_eq!(text(octets, charset, html).0, expected, "{name}");
        }
        assert!(!text(b"x", Some("x-klingon"), false).1);
    }
}
