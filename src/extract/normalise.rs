//! Brings text into the one form that all finders search: plain digits, plain dashes, single separators, no invisible
//! characters and no URLs. Letters stay as they are; look-alike letters are undone only inside a candidate.

pub(super) use crate::model::imitated;
use crate::model::{is_invisible, one_script};
use std::borrow::Cow;

/// Stands where a URL stood: no letter, no digit, no separator, so nothing is read across it or out of it.
pub(super) const CUT: char = '\u{1}';

/// Right-to-left override (U+202E), which the HTML reader writes for `<bdo>` too.
pub(super) const OVERRIDE: char = '\u{202e}';
/// Pop directional formatting (U+202C).
pub(super) const END_OF_OVERRIDE: char = '\u{202c}';

/// Spaces between two columns of plain text at least.
const COLUMN_GAP: usize = 3;

/// Octets in which the host of a URL ends (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 255;

/// The zeros of scripts other than Latin (Unicode 17, general category Nd): nine more digits follow each.
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x10D40,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA,
    0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16A60, 0x16AC0,
    0x16B50, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1,
    0x1E950, 0x1FBF0,
];

/// The searchable form of a text: [`legible`] without URLs.
#[cfg(test)]
fn normalise(text: &str) -> String {
    cut_urls(&legible(text)).into_owned()
}

/// A text without tricks: plain digits and dashes, single separators, no invisible characters.
///
/// Runs of white space become one character: a line feed if the run had one, else a tab, also for [`COLUMN_GAP`] spaces, else a
/// space, so that the structure of lines and table cells survives.
pub(super) fn legible(text: &str) -> String {
    let text = visual_order(text);
    let mut out = String::with_capacity(text.len());
    let mut gap: Option<char> = None;
    let mut blanks = 0;
    for c in text.chars().filter_map(plain).flat_map(compatible) {
        if let ' ' | '\t' | '\n' = c {
            gap = match (gap, c) {
                (Some('\n'), _) | (_, '\n') => Some('\n'),
                (Some('\t'), _) | (_, '\t') => Some('\t'),
                _ => Some(' '),
            };
            blanks += 1;
            continue;
        }
        if gap == Some(' ') && blanks >= COLUMN_GAP {
            gap = Some('\t');
        }
        blanks = 0;
        out.extend(gap.take());
        out.push(c);
    }
    match one_script(&out) {
        Cow::Owned(text) => text,
        Cow::Borrowed(_) => out,
    }
}

/// Text in the order in which it is shown: from a right-to-left override to its end or the end of the line, characters
/// stand in reverse (UAX 9). Other direction controls leave digits as they are.
fn visual_order(text: &str) -> Cow<'_, str> {
    if !text.contains(OVERRIDE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut pieces = line.split(OVERRIDE);
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (turned, rest) = piece.split_once(END_OF_OVERRIDE).unwrap_or((piece, ""));
            out.extend(turned.trim_end().chars().rev());
            out.push_str(turned.get(turned.trim_end().len()..).unwrap_or_default());
            out.push_str(rest);
        }
    }
    Cow::Owned(out)
}

/// The ASCII characters that a character stands for (UAX 15, compatibility decomposition): circled, raised and
/// squared forms, ligatures. Accented letters and ordinal signs, which are letters of their own in words, stay.
fn compatible(c: char) -> impl Iterator<Item = char> {
    let mut form = ['\0'; 4];
    let mut length = 0;
    if !c.is_ascii() && !matches!(c, 'º' | 'ª') {
        unicode_normalization::char::decompose_compatible(c, |part| {
            if let Some(place) = form.get_mut(length) {
                *place = part;
            }
            length += 1;
        });
    }
    let usable = form.get(..length).is_some_and(|form| !form.is_empty() && form.iter().all(char::is_ascii));
    let (form, length) = if usable { (form, length) } else { ([c, '\0', '\0', '\0'], 1) };
    form.into_iter().take(length)
}

/// A character in plain form; `None` for one that nobody sees.
fn plain(c: char) -> Option<char> {
    if c.is_ascii() {
        return match c {
            '\t' | '\n' => Some(c),
            '\u{b}' | '\u{c}' => Some('\n'),
            // Nobody sees the others, and one of them is [`CUT`], which only this module writes.
            _ => Some(c).filter(|c| !c.is_ascii_control()),
        };
    }
    if is_invisible(c) {
        return None;
    }
    let code = u32::from(c);
    match c {
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2500}'
        | '\u{2796}'
        | '\u{2212}'
        | '\u{fe58}'
        | '\u{fe63}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' => Some('\''),
        // Full-width forms are the ASCII characters at a fixed distance.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xFEE0),
        _ if c.is_whitespace() || c == '\u{2800}' => Some(' '),
        // Mathematical capitals and small letters, 13 alphabets of 52.
        '\u{1d400}'..='\u{1d6a3}' => {
            let at = u8::try_from((code - 0x1_D400) % 52).unwrap_or(0);
            Some(char::from(if at < 26 { b'A' + at } else { b'a' + at - 26 }))
        }
        // Letters in discs, boxes and of flags, digits in discs: shapes that no decomposition covers.
        '\u{1f150}'..='\u{1f169}' => letter(code - 0x1_F150),
        '\u{1f170}'..='\u{1f189}' => letter(code - 0x1_F170),
        '\u{1f1e6}'..='\u{1f1ff}' => letter(code - 0x1_F1E6),
        '\u{24ff}' => Some('0'),
        '\u{24f5}'..='\u{24fd}' => char::from_digit(code - 0x24F4, 10),
        '\u{2776}'..='\u{277e}' => char::from_digit(code - 0x2775, 10),
        '\u{2780}'..='\u{2788}' => char::from_digit(code - 0x277F, 10),
        '\u{278a}'..='\u{2792}' => char::from_digit(code - 0x2789, 10),
        _ => {
            let digit = ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|d| *d < 10));
            Some(digit.and_then(|d| char::from_digit(d, 10)).unwrap_or(c))
        }
    }
}

/// The capital letter at a place in the alphabet.
fn letter(place: u32) -> Option<char> {
    u8::try_from(place).ok().filter(|place| *place < 26).map(|place| char::from(b'A' + place))
}

/// Replaces every URL by [`CUT`]: its digits are no account, its letters no word. Only pieces that have the form of an
/// IBAN stay (`payto://iban/DE…`). What has no host with a dot is no URL but text with a few odd characters.
pub(super) fn cut_urls(text: &str) -> Cow<'_, str> {
    let mut out: Option<String> = None;
    let mut done = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), "://") {
        if at < done {
            continue;
        }
        let (before, after) =
            (text.get(done..at).unwrap_or_default(), text.get(at + 3..).unwrap_or_default());
        let scheme = before.bytes().rev().take(12).take_while(u8::is_ascii_alphabetic).count();
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        if !has_host(after) {
            out.push_str(text.get(done..at + 3).unwrap_or_default());
            done = at + 3;
            continue;
        }
        let length = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '|' | CUT))
            .unwrap_or(after.len());
        let url = after.get(..length).unwrap_or_default();
        let pieces = url.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| is_iban_shaped(piece));
        out.push_str(before.get(..before.len() - scheme).unwrap_or_default());
        out.push(CUT);
        for piece in pieces {
            out.push_str(piece);
            out.push(CUT);
        }
        done = at + 3 + length;
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(done..).unwrap_or_default());
            Cow::Owned(out)
        }
    }
}

/// What people put between the groups of a number, and what separates lines and cells.
pub(super) fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_ascii_punctuation()
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2022}' | '\u{b7}')
}

/// Whether a text begins with the host of a URL: a name with a dot, or one of the few without.
fn has_host(text: &str) -> bool {
    let bytes = text.as_bytes();
    let bytes = bytes.get(..MAX_HOST).unwrap_or(bytes);
    let is_end = |b: &u8| b.is_ascii_whitespace() || b"/?#\"<>|\x01".contains(b);
    let host = bytes.get(..bytes.iter().position(is_end).unwrap_or(bytes.len())).unwrap_or_default();
    host.contains(&b'.') || host.eq_ignore_ascii_case(b"localhost") || host.eq_ignore_ascii_case(b"iban")
}

/// Two letters and mostly digits, as long as an IBAN.
fn is_iban_shaped(piece: &str) -> bool {
    let digits = piece.bytes().filter(u8::is_ascii_digit).count();
    (15..=34).contains(&piece.len())
        && digits >= 12
        && matches!(piece.as_bytes(), [a, b, c, d, ..]
            if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit())
}

/// Lower case without accents, every run of other characters one space, the end of a sentence ` . `; a space at both
/// ends. Phrases are compared in this form.
pub(super) fn fold(text: &str) -> String {
    use unicode_normalization::char::{decompose_canonical, is_combining_mark};
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if c.is_alphanumeric() {
            match c {
                'ß' => out.push_str("ss"),
                'ł' | 'Ł' => out.push('l'),
                'ø' | 'Ø' => out.push('o'),
                'æ' | 'Æ' => out.push_str("ae"),
                'œ' | 'Œ' => out.push_str("oe"),
                // A letter that imitates a Latin one reads as that one.
                _ => match imitated(c) {
                    Some(latin) => out.push(char::from(latin.to_ascii_lowercase())),
                    None => decompose_canonical(c, |d| {
                        if !is_combining_mark(d) {
                            out.extend(d.to_lowercase());
                        }
                    }),
                },
            }
        } else if matches!(c, '.' | '!' | '?' | ';')
            && chars.peek().is_none_or(|n| n.is_whitespace())
            && !(c == '.' && ends_in_ordinal(&out))
        {
            if !out.ends_with(". ") {
                out.push_str(if out.ends_with(' ') { ". " } else { " . " });
            }
        } else if !is_combining_mark(c) && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// Whether a text ends in a number of one or two digits: with a full stop an ordinal ("zum 1. Dezember").
fn ends_in_ordinal(text: &str) -> bool {
    let digits = text.bytes().rev().take(3).take_while(u8::is_ascii_digit).count();
    (1..=2).contains(&digits) && text.as_bytes().iter().rev().nth(digits) == Some(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_searchable_form() {
        for (name, text, expected) in [
            ("invisible", "GB\u{200b}29\u{ad} NW\u{202a}BK", "GB29 NWBK"),
            ("control characters", "G\u{1}B\u{7f}2\u{8}9", "GB29"),
            ("full width", "ＧＢ２９", "GB29"),
            ("digits of far scripts", "\u{1c42}\u{1e959}\u{a9d0}\u{1ccf7}", "2907"),
            ("arabic digits", "٤٥", "45"),
            ("spaces", "a\u{a0}\u{2009}b\t \tc \r\n\r\n d", "a b\tc\nd"),
            ("columns", "a   b  c \u{a0} \u{2003}d", "a\tb c\td"),
            ("dashes", "20\u{2013}00\u{2011}00", "20-00-00"),
            ("url", "see https://x.test/GB29 now", "see \u{1} now"),
            ("two urls", "http://a.test http://b.test c", "\u{1} \u{1} c"),
            (
                "url in an attribute",
                "payto://iban/DE75512108001245126199?x",
                "\u{1}DE75512108001245126199\u{1}",
            ),
            ("no url", "IBAN://DE75 5121", "IBAN://DE75 5121"),
            ("mathematical", "𝗚𝗕𝟐", "GB2"),
            ("circled, raised, in boxes", "Ⓖ🄱🅶²❷①⓪➖", "GBG2210-"),
            ("keycaps and underlines", "2\u{fe0f}\u{20e3}G\u{332}", "2G"),
            ("flags", "🇬🇧29", "GB29"),
            ("turned around", "IBAN \u{202e}92BG\u{202c} x", "IBAN GB29 x"),
            ("mixed scripts", "Sоrt cоde, Москва", "Sort code, Москва"),
            ("accents", "fällig nº ½", "fällig nº ½"),
        ] {
            assert_eq!(normalise(text), expected, "{name}");
        }
    }

    #[test]
    fn phrases_in_comparable_form() {
        for (text, expected) in [
            ("Our  Bank-Details\nhave CHANGED.", " our bank details have changed . "),
            ("coordonnées", " coordonnees "),
            ("zum 1. Dezember 2024. Ende", " zum 1 dezember 2024 . ende "),
            ("Große Änderung", " grosse anderung "),
            ("e\u{301}te\u{301}", " ete "),
            ("bаnk", " bank "),
            ("", " "),
        ] {
            assert_eq!(fold(text), expected);
        }
    }
}
