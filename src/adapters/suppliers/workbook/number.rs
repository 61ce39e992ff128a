//! Number cells to text, and what their number format says about zeros (ECMA-376 part 1, 18.8.30 and 18.8.31).

use crate::adapters::suppliers::raw::Mark;

/// Digits that a spreadsheet keeps of a number.
const DIGITS: usize = 15;

/// What a number format makes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Digits as they are: leading zeros are not shown, so they may have been lost.
    Plain,
    /// So many digits at least, `00-00-00` being six.
    Zeros(usize),
    /// A date or time.
    Date,
}

impl Format {
    /// Of a format that every workbook has, by its number.
    pub(super) fn built_in(id: u32) -> Self {
        match id {
            14..=22 | 27..=36 | 45..=47 | 50..=58 => Self::Date,
            _ => Self::Plain,
        }
    }

    /// Of a format code.
    pub(super) fn of_code(code: &str) -> Self {
        let mut zeros = 0_usize;
        let mut only_zeros = true;
        let mut chars = code.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                // The first section is for positive numbers.
                ';' => break,
                '0' => zeros = zeros.saturating_add(1),
                // Literal characters.
                '-' | ' ' | '/' => {}
                '\\' => {
                    chars.next();
                }
                '"' => {
                    if chars.by_ref().take_while(|c| *c != '"').any(|c| c.is_alphanumeric()) {
                        only_zeros = false;
                    }
                }
                // Colours and locales; `[h]` counts hours.
                '[' => {
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    if matches!(inside.to_ascii_lowercase().as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss") {
                        return Self::Date;
                    }
                }
                'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => return Self::Date,
                _ => only_zeros = false,
            }
        }
        if only_zeros && zeros > 1 { Self::Zeros(zeros) } else { Self::Plain }
    }
}

/// A number as the file writes it, in a cell of this format, to text and what is to be said about it.
pub(super) fn text(written: &str, format: Format) -> (String, Option<Mark>) {
    let written = written.trim();
    let Ok(value) = written.parse::<f64>() else { return (written.to_owned(), Some(Mark::Broken)) };
    if format == Format::Date {
        return (written.to_owned(), Some(Mark::Date));
    }
    if !value.is_finite() || value.fract() != 0.0 || value.abs() >= 1e15 {
        return (written.to_owned(), Some(Mark::Rounded));
    }
    // Below 10^15 a whole number prints exactly.
    let digits = format!("{value:.0}");
    debug_assert!(digits.trim_start_matches('-').len() <= DIGITS);
    match format {
        Format::Zeros(width) if !digits.starts_with('-') && width <= DIGITS => {
            (format!("{digits:0>width$}"), None)
        }
        _ => (digits, Some(Mark::Number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (code, want) in [
            ("General", Format::Plain),
            ("0", Format::Plain),
            ("0.00", Format::Plain),
            ("#,##0", Format::Plain),
            ("00-00-00", Format::Zeros(6)),
            ("000000", Format::Zeros(6)),
            ("000\\-000", Format::Zeros(6)),
            ("00\"-\"00\"-\"00;@", Format::Zeros(6)),
            ("\"GB\"00", Format::Plain),
            ("dd/mm/yyyy", Format::Date),
            ("[$-409]d-mmm", Format::Date),
            ("[h]:mm", Format::Date),
            ("[Red]000", Format::Zeros(3)),
        ] {
            assert_eq!(Format::of_code(code), want, "{code}");
        }
        assert_eq!((Format::built_in(14), Format::built_in(1)), (Format::Date, Format::Plain));
    }

    #[test]
    fn numbers() {
        let zeros = Format::Zeros(6);
        for (written, format, want, mark) in [
            ("70093", Format::Plain, "70093", Some(Mark::Number)),
            ("70093", zeros, "070093", None),
            ("7.0093E4", zeros, "070093", None),
            ("123456789012345", Format::Plain, "123456789012345", Some(Mark::Number)),
            ("1234567890123450", Format::Plain, "1234567890123450", Some(Mark::Rounded)),
            ("1.23457E+18", Format::Plain, "1.23457E+18", Some(Mark::Rounded)),
            ("12.5", Format::Plain, "12.5", Some(Mark::Rounded)),
            ("37655", Format::Date, "37655", Some(Mark::Date)),
            ("NaN", Format::Plain, "NaN", Some(Mark::Rounded)),
            ("x", Format::Plain, "x", Some(Mark::Broken)),
            ("-5", zeros, "-5", Some(Mark::Number)),
        ] {
            assert_eq!(text(written, format), (want.to_owned(), mark), "{written}");
        }
    }
}
