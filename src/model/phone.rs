//! Telephone numbers in the form in which they are compared.

/// Countries whose numbers are written with a trunk zero inside them and without it from abroad: calling codes (ITU-T
/// E.164 and the countries' numbering plans).
const TRUNK_ZERO: &[&str] =
    &["44", "49", "33", "31", "32", "41", "43", "46", "353", "61", "64", "91", "27", "55", "40", "358", "90"];
/// Digits of a number that is worth comparing.
const LEAST_DIGITS: usize = 6;

/// Digits of a telephone number, without what people put between them, an exit code `00` or a trunk zero in brackets.
#[must_use]
pub fn fold_phone(text: &str) -> String {
    let plain = text.replace("(0)", "");
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").map_or_else(|| digits.clone(), str::to_owned)
}

/// The folded forms under which a record may hold a number: as it is, and as it is written inside its country or from
/// abroad. A few that mean another number may be among them.
#[must_use]
pub fn phone_forms(text: &str) -> Vec<String> {
    let folded = fold_phone(text);
    if folded.len() < LEAST_DIGITS {
        return Vec::new();
    }
    let mut forms = vec![folded.clone()];
    let international = text.trim_start().starts_with('+') || text.trim_start().starts_with("00");
    if let Some(rest) = folded.strip_prefix('0').filter(|_| !international) {
        forms.extend(TRUNK_ZERO.iter().map(|code| format!("{code}{rest}")));
    } else if international {
        // Calling codes have one to three digits.
        for length in 1..=3 {
            let rest = folded.get(length..).unwrap_or_default();
            forms.extend([format!("0{rest}"), rest.to_owned()]);
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_of_writing_meet() {
        for (one, other, same) in [
            ("+44 20 7946 0018", "020 7946 0018", true),
            ("020 7946 0018", "+44 (0)20 7946 0018", true),
            ("0044 20 7946 0018", "+44 20 7946 0018", true),
            ("+34 600 123 456", "600 123 456", true),
            ("030 1234567", "+49 30 1234567", true),
            ("020 7946 0018", "020 7946 0019", false),
            ("12", "12", false),
        ] {
            assert_eq!(phone_forms(one).contains(&fold_phone(other)), same, "{one} {other}");
        }
    }
}
