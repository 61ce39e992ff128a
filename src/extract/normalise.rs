//! Brings text into the one form that all finders search: plain digits, plain dashes, single separators, no invisible
//! characters and no URLs. Letters stay as they are; look-alike letters are undone only inside a candidate.

use std::borrow::Cow;

/// Stands where a URL stood: no letter, no digit, no separator, so nothing is read across it or out of it.
pub(super) const CUT: char = '\u{1}';

/// First characters of the decimal digits of scripts other than Latin (Unicode general category Nd).
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1FBF0,
];

/// The searchable form of a text.
///
/// Runs of white space become one character: a line feed if the run had one, else a tab, else a space, so that the
/// structure of lines and table cells survives.
pub(super) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap: Option<char> = None;
    for c in text.chars().filter_map(plain) {
        if let ' ' | '\t' | '\n' = c {
            gap = match (gap, c) {
                (Some('\n'), _) | (_, '\n') => Some('\n'),
                (Some('\t'), _) | (_, '\t') => Some('\t'),
                _ => Some(' '),
            };
            continue;
        }
        out.extend(gap.take());
        out.push(c);
    }
    cut_urls(&out).into_owned()
}

/// A character in plain form; `None` for one that nobody sees.
fn plain(c: char) -> Option<char> {
    if c.is_ascii() {
        return match c {
            '\r' | '\0' => None,
            '\u{b}' | '\u{c}' => Some('\n'),
            _ => Some(c),
        };
    }
    let code = u32::from(c);
    match c {
        // Soft hyphen, zero-width characters, direction controls, variation selectors, tags, fillers.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => None,
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' => Some('\''),
        // Full-width forms are the ASCII characters at a fixed distance.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xFEE0),
        _ if c.is_whitespace() || c == '\u{2800}' => Some(' '),
        // Mathematical capitals and small letters, 13 alphabets of 52.
        '\u{1d400}'..='\u{1d6a3}' => {
            let at = u8::try_from((code - 0x1_D400) % 52).unwrap_or(0);
            Some(char::from(if at < 26 { b'A' + at } else { b'a' + at - 26 }))
        }
        _ => {
            let digit = ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|d| *d < 10));
            Some(digit.and_then(|d| char::from_digit(d, 10)).unwrap_or(c))
        }
    }
}

/// Replaces every URL by [`CUT`]: its digits are no account, its letters no word.
fn cut_urls(text: &str) -> Cow<'_, str> {
    let mut out: Option<String> = None;
    let mut done = 0;
    for at in memchr::memmem::find_iter(text.as_bytes(), "://") {
        if at < done {
            continue;
        }
        let (before, after) =
            (text.get(done..at).unwrap_or_default(), text.get(at + 3..).unwrap_or_default());
        let scheme = before.bytes().rev().take(12).take_while(u8::is_ascii_alphabetic).count();
        let length = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '|' | CUT))
            .unwrap_or(after.len());
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(before.get(..before.len() - scheme).unwrap_or_default());
        out.push(CUT);
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

/// The Latin capital or digit that a letter of another script imitates.
pub(super) fn imitated(c: char) -> Option<u8> {
    Some(match c {
        'А' | 'а' | 'Α' | 'α' => b'A',
        'В' | 'Β' => b'B',
        'С' | 'с' | 'Ϲ' => b'C',
        'Е' | 'е' | 'Ε' => b'E',
        'Н' | 'Η' => b'H',
        'І' | 'і' | 'Ι' | 'Ӏ' => b'I',
        'Ј' | 'ј' => b'J',
        'К' | 'к' | 'Κ' | 'κ' => b'K',
        'М' | 'м' | 'Μ' => b'M',
        'Ν' => b'N',
        'О' | 'о' | 'Ο' | 'ο' => b'O',
        'Р' | 'р' | 'Ρ' | 'ρ' => b'P',
        'Ѕ' | 'ѕ' => b'S',
        'Т' | 'т' | 'Τ' | 'τ' => b'T',
        'Ү' | 'Υ' | 'У' | 'у' => b'Y',
        'Х' | 'х' | 'Χ' | 'χ' => b'X',
        'Ζ' => b'Z',
        'Ԍ' => b'G',
        'Ԛ' => b'Q',
        'Ԝ' => b'W',
        _ => return None,
    })
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
        } else if matches!(c, '.' | '!' | '?' | ';') && chars.peek().is_none_or(|n| n.is_whitespace()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_searchable_form() {
        for (name, text, expected) in [
            ("invisible", "GB\u{200b}29\u{ad} NW\u{202e}BK", "GB29 NWBK"),
            ("full width", "ＧＢ２９", "GB29"),
            ("arabic digits", "٤٥", "45"),
            ("spaces", "a\u{a0}\u{2009} b\t \tc \r\n\r\n d", "a b\tc\nd"),
            ("dashes", "20\u{2013}00\u{2011}00", "20-00-00"),
            ("url", "see https://x.test/GB29 now", "see \u{1} now"),
            ("two urls", "http://a http://b c", "\u{1} \u{1} c"),
            ("mathematical", "𝗚𝗕𝟐", "GB2"),
        ] {
            assert_eq!(normalise(text), expected, "{name}");
        }
    }

    #[test]
    fn phrases_in_comparable_form() {
        for (text, expected) in [
            ("Our  Bank-Details\nhave CHANGED.", " our bank details have changed . "),
            ("coordonnées", " coordonnees "),
            ("Große Änderung", " grosse anderung "),
            ("e\u{301}te\u{301}", " ete "),
            ("bаnk", " bank "),
            ("", " "),
        ] {
            assert_eq!(fold(text), expected);
        }
    }
}
