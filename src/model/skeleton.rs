//! Reduces a domain label to what the eye sees, so that labels that look alike become equal.
//!
//! A small table of our own, made for domain labels: letters of other scripts that pass for Latin ones, digits that
//! pass for letters, and pairs that melt together (`rn`). Both sides are reduced, so an entry that is too generous
//! only widens what counts as alike to a *known* domain.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The skeleton of a label. Hyphens and accents vanish.
pub(super) fn skeleton(label: &str) -> String {
    let mut skeleton = String::with_capacity(label.len());
    let out = &mut skeleton;
    if label.is_ascii() {
        label.bytes().for_each(|b| push(out, ascii(b.to_ascii_lowercase())));
    } else {
        for c in label.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
            let seen =
                if c.is_ascii() { u8::try_from(c).map_or(Some(c), ascii) } else { Some(confusable(c)) };
            push(out, seen);
        }
    }
    skeleton
}

/// Appends a character and melts the pairs that look like one letter.
fn push(out: &mut String, c: Option<char>) {
    let Some(c) = c else { return };
    let melted = match (out.as_bytes().last(), c) {
        (Some(b'r'), 'n') => 'm',
        (Some(b'v'), 'v') => 'w',
        (Some(b'c'), 'l') => 'd',
        _ => return out.push(c),
    };
    out.pop();
    out.push(melted);
}

fn ascii(b: u8) -> Option<char> {
    match b {
        b'-' | b'_' => None,
        b'0' => Some('o'),
        b'1' | b'i' => Some('l'),
        b'3' => Some('e'),
        b'5' => Some('s'),
        other => Some(char::from(other)),
    }
}

fn confusable(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' | 'ａ' => 'a',
        'Ь' | 'ь' | 'в' | 'ß' | 'β' => 'b',
        'с' | 'ϲ' | 'ⅽ' => 'c',
        'ԁ' | 'ⅾ' | 'đ' => 'd',
        'е' | 'є' | 'ҽ' | 'ε' => 'e',
        'ƒ' => 'f',
        'ɡ' | 'ց' => 'g',
        'һ' | 'հ' | 'н' => 'h',
        'і' | 'ı' | 'ι' | 'ӏ' | 'ⅼ' | 'ł' | 'ǀ' => 'l',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'ⅿ' => 'm',
        'п' | 'ո' | 'η' => 'n',
        'о' | 'ο' | 'օ' | 'ø' | 'σ' | 'ө' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ɾ' => 'r',
        'ѕ' | 'ꜱ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' | 'ц' => 'u',
        'ν' | 'ѵ' | 'ⅴ' => 'v',
        'ԝ' | 'ѡ' | 'ω' => 'w',
        'х' | 'χ' | 'ⅹ' => 'x',
        'у' | 'γ' | 'ү' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_has_one_skeleton() {
        for (left, right) in [
            ("acme", "асmе"),
            ("modern", "modem"),
            ("paypal", "paypai"),
            ("g00gle", "google"),
            ("vvood", "wood"),
            ("clelta", "delta"),
            ("büro", "buro"),
            ("acme-supplies", "acmesupplies"),
        ] {
            assert_eq!(skeleton(left), skeleton(right), "{left} {right}");
        }
        assert_ne!(skeleton("acme"), skeleton("acne"));
    }
}
