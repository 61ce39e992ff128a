//! What a banner's words and colours may be: readable, short, and harmless when a reply quotes them to the outside.

use super::wording::Colours;

/// Least contrast of text on its background (WCAG 2.2, success criterion 1.4.3).
const LEAST_CONTRAST: f64 = 4.5;
/// Digits in a row that could be part of an account number, a score or a phone number.
const MAX_DIGITS: usize = 3;

/// Words without markup, addresses and numbers, of 1 to `most` characters.
///
/// # Errors
/// What is wrong, as the end of "the text …".
pub(super) fn plain_words(text: &str, most: usize) -> Result<(), String> {
    let count = text.chars().count();
    if text.trim().is_empty() || count > most {
        return Err(format!("must have 1 to {most} characters, not {count}"));
    }
    let lower = text.to_lowercase();
    if text.chars().any(char::is_control) {
        return Err("must be one line".to_owned());
    }
    if lower.contains(['<', '>']) {
        return Err("must be plain text, without markup".to_owned());
    }
    if lower.contains("://") || lower.contains("www.") || lower.contains('@') {
        return Err(
            "must not hold a link or an address: the only link is the one to the message's page".to_owned()
        );
    }
    let longest = text.split(|c: char| !c.is_numeric()).map(|run| run.chars().count()).max();
    if longest.unwrap_or(0) > MAX_DIGITS {
        return Err("must not hold a number: a banner is quoted in answers to the outside".to_owned());
    }
    Ok(())
}

/// Three colours `#rrggbb` with readable text.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn checked_colours(colours: &Colours) -> Result<(), String> {
    let parse = |text: &str| luminance(text).ok_or_else(|| format!("{text:?} is no colour: write #rrggbb"));
    let (text, background) = (parse(&colours.text)?, parse(&colours.background)?);
    parse(&colours.border)?;
    let contrast = contrast(text, background);
    if contrast < LEAST_CONTRAST {
        return Err(format!(
            "text on background has a contrast of {contrast:.1}:1; readable is {LEAST_CONTRAST}:1 or more"
        ));
    }
    Ok(())
}

/// Contrast ratio of two relative luminances, from 1 to 21.
fn contrast(one: f64, other: f64) -> f64 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance of `#rrggbb`, from 0 to 1 (WCAG 2.2).
fn luminance(colour: &str) -> Option<f64> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let channel = |at: usize| {
        let value = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
        let value = f64::from(value) / 255.0;
        Some(if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * channel(0)? + 0.7152 * channel(2)? + 0.0722 * channel(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mislead_or_leak_are_refused() {
        for (text, sound) in [
            ("Bank details differ from your records.", true),
            ("Stimmt nicht mit {supplier.name|diesem Lieferanten} überein.", true),
            ("", false),
            ("   ", false),
            ("See <b>this</b>", false),
            ("See https://x.example", false),
            ("See www.x.example", false),
            ("Write to a@b.example", false),
            ("Account ending 4321", false),
            ("Score 100", true),
            ("two\nlines", false),
        ] {
            assert_eq!(plain_words(text, 80).is_ok(), sound, "{text:?}");
        }
        assert!(plain_words("twelve chars", 11).is_err());
    }

    #[test]
    fn colours_must_be_readable() {
        let colours = |text: &str, background: &str| {
            checked_colours(&Colours {
                text: text.to_owned(),
                background: background.to_owned(),
                border: "#000000".to_owned(),
            })
        };
        assert!(colours("#000000", "#ffffff").is_ok());
        assert!(colours("#777777", "#ffffff").unwrap_err().contains("4.5:1"));
        assert!(colours("red", "#ffffff").unwrap_err().contains("#rrggbb"));
        assert!(colours("#00000ü", "#ffffff").is_err());
        assert!((contrast(luminance("#000000").unwrap(), luminance("#ffffff").unwrap()) - 21.0).abs() < 0.01);
    }
}
