//! The structure of each country's BBAN, after the SWIFT IBAN registry: runs of `n` digits, `a` capitals, `c` either.

/// Country and structure; the length of the IBAN is four more than the structure's.
const STRUCTURES: &[(&[u8; 2], &str)] = &[
    (b"AD", "8n12c"), (b"AE", "19n"), (b"AL", "8n16c"), (b"AT", "16n"), (b"AZ", "4a20c"), (b"BA", "16n"),
    (b"BE", "12n"), (b"BG", "4a6n8c"), (b"BH", "4a14c"), (b"BI", "23n"), (b"BR", "23n1a1c"), (b"BY", "4c4n16c"),
    (b"CH", "5n12c"), (b"CR", "18n"), (b"CY", "8n16c"), (b"CZ", "20n"), (b"DE", "18n"), (b"DJ", "23n"),
    (b"DK", "14n"), (b"DO", "4c20n"), (b"EE", "16n"), (b"EG", "25n"), (b"ES", "20n"), (b"FI", "14n"),
    (b"FK", "2a12n"), (b"FO", "14n"), (b"FR", "10n11c2n"), (b"GB", "4a14n"), (b"GE", "2a16n"), (b"GI", "4a15c"),
    (b"GL", "14n"), (b"GR", "7n16c"), (b"GT", "24c"), (b"HN", "4a20n"), (b"HR", "17n"), (b"HU", "24n"),
    (b"IE", "4a14n"), (b"IL", "19n"), (b"IQ", "4a15n"), (b"IS", "22n"), (b"IT", "1a10n12c"), (b"JO", "4a4n18c"),
    (b"KW", "4a22c"), (b"KZ", "3n13c"), (b"LB", "4n20c"), (b"LC", "4a24c"), (b"LI", "5n12c"), (b"LT", "16n"),
    (b"LU", "3n13c"), (b"LV", "4a13c"), (b"LY", "21n"), (b"MC", "10n11c2n"), (b"MD", "20c"), (b"ME", "18n"),
    (b"MK", "3n10c2n"), (b"MN", "16n"), (b"MR", "23n"), (b"MT", "4a5n18c"), (b"MU", "4a19n3a"), (b"NI", "4a20n"),
    (b"NL", "4a10n"), (b"NO", "11n"), (b"OM", "3n16c"), (b"PK", "4a16c"), (b"PL", "24n"), (b"PS", "4a21c"),
    (b"PT", "21n"), (b"QA", "4a21c"), (b"RO", "4a16c"), (b"RS", "18n"), (b"RU", "14n15c"), (b"SA", "2n18c"),
    (b"SC", "4a20n3a"), (b"SD", "14n"), (b"SE", "20n"), (b"SI", "15n"), (b"SK", "20n"), (b"SM", "1a10n12c"),
    (b"SO", "19n"), (b"ST", "21n"), (b"SV", "4a20n"), (b"TL", "19n"), (b"TN", "20n"), (b"TR", "6n16c"),
    (b"UA", "6n19c"), (b"VA", "18n"), (b"VG", "4a16n"), (b"XK", "16n"), (b"YE", "4a4n18c"),
    // In use, not registered.
    (b"AO", "21n"), (b"BF", "2c22n"), (b"BJ", "2c22n"), (b"CF", "23n"), (b"CG", "23n"), (b"CI", "2a22n"),
    (b"CM", "23n"), (b"CV", "21n"), (b"DZ", "22n"), (b"GA", "23n"), (b"GQ", "23n"), (b"GW", "2c19n"),
    (b"IR", "22n"), (b"KM", "23n"), (b"MA", "24n"), (b"MG", "23n"), (b"ML", "2c22n"), (b"MZ", "21n"),
    (b"NE", "2a22n"), (b"SN", "2c22n"), (b"TD", "23n"), (b"TG", "2c22n"),
];

/// The class of every position after the check digits, as `n`, `a` or `c`; `None` for an unknown country.
pub(super) fn bban(country: [u8; 2]) -> Option<Vec<u8>> {
    // Territories that use the structure of their country.
    let country = match &country {
        b"BL" | b"GF" | b"GP" | b"MF" | b"MQ" | b"NC" | b"PF" | b"PM" | b"RE" | b"TF" | b"WF" | b"YT" => *b"FR",
        b"GG" | b"IM" | b"JE" => *b"GB",
        b"AX" => *b"FI",
        _ => country,
    };
    let (_, structure) = STRUCTURES.iter().find(|(code, _)| **code == country)?;
    let mut classes = Vec::with_capacity(30);
    let mut count = 0_usize;
    for b in structure.bytes() {
        if b.is_ascii_digit() {
            count = count * 10 + usize::from(b - b'0');
        } else {
            classes.extend(std::iter::repeat_n(b, count));
            count = 0;
        }
    }
    Some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_the_registry() {
        for (country, length) in [
            (b"GB", 22), (b"DE", 22), (b"FR", 27), (b"NO", 15), (b"MT", 31), (b"NL", 18), (b"BR", 29), (b"RU", 33),
            (b"IT", 27), (b"ES", 24), (b"PL", 28), (b"IE", 22), (b"CH", 21), (b"SC", 31), (b"MU", 30), (b"LC", 32),
        ] {
            assert_eq!(bban(*country).map(|c| c.len() + 4), Some(length), "{country:?}");
        }
        assert_eq!(bban(*b"RF"), None);
    }
}
