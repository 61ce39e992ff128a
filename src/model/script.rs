//! Letters that imitate others, and characters that nobody sees: what a text looks like, as far as names and numbers in
//! it are compared (Unicode UTS 39).

use std::borrow::Cow;

/// Whether a character leaves no mark of its own on the screen: soft hyphen, zero-width characters, direction controls,
/// variation selectors, tags, fillers, and marks drawn over another character (underlines, keycaps).
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{300}'..='\u{36f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A word of Latin letters and letters that imitate them reads as Latin: nobody writes like that but to deceive.
#[must_use]
pub fn one_script(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        if piece.bytes().any(|b| b.is_ascii_alphabetic()) {
            out.extend(piece.chars().map(|c| match imitated(c).map(char::from) {
                Some(latin) if c.is_lowercase() => latin.to_ascii_lowercase(),
                Some(latin) => latin,
                None => c,
            }));
        } else {
            out.push_str(piece);
        }
    }
    Cow::Owned(out)
}

/// The Latin capital or digit that a letter of another script imitates.
#[must_use]
pub fn imitated(c: char) -> Option<u8> {
    Some(match c {
        'А' | 'а' | 'Α' | 'α' | 'ᴀ' => b'A',
        'В' | 'Β' | 'ʙ' => b'B',
        'С' | 'с' | 'Ϲ' | 'ᴄ' => b'C',
        'ԁ' | 'ᴅ' => b'D',
        'Е' | 'е' | 'Ε' | 'ᴇ' => b'E',
        'ꜰ' => b'F',
        'Ԍ' | 'ɡ' | 'ɢ' => b'G',
        'Н' | 'Η' | 'һ' | 'ʜ' => b'H',
        'І' | 'і' | 'Ι' | 'ι' | 'Ӏ' | 'ɪ' => b'I',
        'Ј' | 'ј' | 'ᴊ' => b'J',
        'К' | 'к' | 'Κ' | 'κ' | 'ᴋ' => b'K',
        'ʟ' => b'L',
        'М' | 'м' | 'Μ' | 'ᴍ' => b'M',
        'Ν' | 'ɴ' => b'N',
        'О' | 'о' | 'Ο' | 'ο' | 'ᴏ' => b'O',
        'Р' | 'р' | 'Ρ' | 'ρ' | 'ᴘ' => b'P',
        'ʀ' => b'R',
        'Ѕ' | 'ѕ' | 'ꜱ' => b'S',
        'Т' | 'т' | 'Τ' | 'τ' | 'ᴛ' => b'T',
        'ᴜ' => b'U',
        'ᴠ' => b'V',
        'Ү' | 'Υ' | 'У' | 'у' | 'ʏ' => b'Y',
        'Х' | 'х' | 'Χ' | 'χ' => b'X',
        'Ζ' | 'ᴢ' => b'Z',
        'Ԛ' => b'Q',
        'Ԝ' | 'ᴡ' => b'W',
        _ => return None,
    })
}
