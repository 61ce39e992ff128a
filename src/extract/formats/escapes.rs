//! Escapes of JSON (RFC 8259 section 7): `\u0047\u0042` is text, and `https:\/\/` an address, to every program that reads
//! it.

use std::borrow::Cow;

/// Text of JSON with its escapes undone; other text as it is.
pub(super) fn undone(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('\\') || !begins_json(text.trim_start_matches('\u{feff}').trim_start()) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (units, length) = units(after);
        rest = if length > 0 {
            out.extend(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')));
            after.get(length..).unwrap_or_default()
        } else {
            let next = after.chars().next();
            match next {
                Some(c @ ('"' | '\\' | '/')) => out.push(c),
                Some('n' | 'r') => out.push('\n'),
                Some('t' | 'b' | 'f') => out.push('\t'),
                // No escape: both characters stay.
                other => {
                    out.push('\\');
                    out.extend(other);
                }
            }
            after.get(next.map_or(0, char::len_utf8)..).unwrap_or_default()
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether a text begins as an object or a list does; `[EXTERNAL] Invoice` does not.
fn begins_json(text: &str) -> bool {
    let first = |rest: &str| rest.trim_start().chars().next();
    if let Some(rest) = text.strip_prefix('{') {
        return matches!(first(rest), Some('"' | '}'));
    }
    let Some(list) = text.strip_prefix('[').map(str::trim_start) else { return false };
    let name = ["null", "true", "false"].iter().find_map(|name| list.strip_prefix(name));
    name.is_some_and(|rest| matches!(first(rest), Some(',' | ']')))
        || list.starts_with(|c: char| matches!(c, '"' | '{' | '[' | ']' | '-') || c.is_ascii_digit())
}

/// The UTF-16 units that follow a backslash, and the octets that they take.
fn units(text: &str) -> (Vec<u16>, usize) {
    let unit = |at: usize, mark: &str| {
        let digits = text.get(at..)?.strip_prefix(mark)?.get(..4)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let Some(first) = unit(0, "u") else { return (Vec::new(), 0) };
    let second = unit(5, "\\u").filter(|_| (0xD800..0xDC00).contains(&first));
    let length = if second.is_some() { 11 } else { 5 };
    (std::iter::once(first).chain(second).collect(), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_in_json_only() {
        for (text, expected) in [
            (r#"{"iban":"\u0047\u004229"}"#, r#"{"iban":"GB29"}"#),
            (r#" ["\ud83d\ude00\u0041"]"#, " [\"\u{1f600}A\"]"),
            (r#"["\\u0041\n\u00"]"#, "[\"\\u0041\n\\u00\"]"),
            (r#"{"pay":"https:\/\/e.example\/x"}"#, r#"{"pay":"https://e.example/x"}"#),
            (r#"{"iban":"GB29\tNWBK\n6016"}"#, "{\"iban\":\"GB29\tNWBK\n6016\"}"),
            (r#"[null, "\u0047\u004229"]"#, r#"[null, "GB29"]"#),
            (r#"[true,"\u0041"]"#, r#"[true,"A"]"#),
            (r"[nullable] C:\new \u0041", r"[nullable] C:\new \u0041"),
            (r"[EXTERNAL] C:\new \u0041", r"[EXTERNAL] C:\new \u0041"),
            (r#"["\ud800x"]"#, "[\"\u{fffd}x\"]"),
            (r"path \u0041", r"path \u0041"),
        ] {
            assert_eq!(undone(Cow::Borrowed(text)), expected, "{text}");
        }
    }
}
