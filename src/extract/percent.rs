//! Percent-encoding undone (RFC 3986 section 2.1).

/// The octets of a text; a percent sign without two hexadecimal digits stays.
pub(super) fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.first_chunk().filter(|_| *first == b'%').and_then(|digits| hexadecimal(*digits));
        octets.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    octets
}

/// As [`octets`], in UTF-8; what is none is replaced.
pub(super) fn text(text: &str) -> String {
    String::from_utf8_lossy(&octets(text)).into_owned()
}

fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes() {
        for (escaped, expected) in [
            ("a%20b", "a b"),
            ("%C3%A9", "é"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%+f", "%+f"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(super::text(escaped), expected);
        }
    }
}
