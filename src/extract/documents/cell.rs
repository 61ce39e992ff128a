//! A number as a spreadsheet shows it (ECMA-376 part 1, 18.8.30 and 18.8.31).
//!
//! What a person reads is what the format makes of the number: `200000` in `00-00-00` is the sort code 20-00-00, `1234`
//! in `00000000` an account, `46357` a day. Only what bears on payments is followed: zeros, separators, decimals,
//! currency signs, dates.

use std::fmt::Write as _;

/// Digits that a spreadsheet keeps of a number.
const WHOLE: f64 = 1e15;
/// Characters of a format code that are looked at.
const MAX_CODE: usize = 100;

/// The format code of a built-in format, by its number.
pub(super) fn built_in(id: u32) -> &'static str {
    match id {
        1 => "0",
        2 | 39 | 40 => "0.00",
        3 | 37 | 38 => "#,##0",
        4 | 7 | 8 | 43 | 44 => "#,##0.00",
        5 | 6 | 41 | 42 => "#,##0",
        9 => "0%",
        14..=17 | 22 | 27..=36 | 50..=58 => "yyyy-mm-dd",
        _ => "General",
    }
}

/// A number as written in the file, shown in a format.
pub(super) fn show(written: &str, code: &str) -> String {
    let written = written.trim();
    let Ok(value) = written.parse::<f64>() else { return written.to_owned() };
    if !value.is_finite() || value.abs() >= WHOLE {
        return written.to_owned();
    }
    let pattern = Pattern::of(code);
    if pattern.date {
        return date(value).unwrap_or_else(|| written.to_owned());
    }
    if pattern.slots == 0 {
        // `General`: as it is, whole numbers without a fraction.
        return if value.fract() == 0.0 { format!("{value:.0}") } else { written.to_owned() };
    }
    pattern.fill(value)
}

/// What a format code says.
#[derive(Default)]
struct Pattern {
    /// The whole part: digits' places (`0`, `#`) and literals between them.
    whole: Vec<char>,
    /// Places for digits in it.
    slots: usize,
    decimals: usize,
    /// Literals after the last place.
    suffix: String,
    percent: bool,
    date: bool,
}

impl Pattern {
    fn of(code: &str) -> Self {
        let mut pattern = Self::default();
        let mut after_point = false;
        // The first section is for positive numbers.
        let mut chars = code.chars().take(MAX_CODE).take_while(|c| *c != ';');
        if code.eq_ignore_ascii_case("general") {
            return pattern;
        }
        while let Some(c) = chars.next() {
            match c {
                '0' | '#' | '?' if after_point => pattern.decimals += 1,
                '0' | '#' | '?' => {
                    pattern.whole.push(if c == '0' { '0' } else { '#' });
                    pattern.slots += 1;
                }
                '.' if pattern.slots > 0 => after_point = true,
                // Thousands' separators are left out; the next character after `_` or `*` is a space's width.
                ',' => {}
                '_' | '*' => drop(chars.next()),
                '%' => pattern.percent = true,
                '\\' => pattern.literal(chars.next().into_iter(), after_point),
                '"' => {
                    let text: Vec<char> = chars.by_ref().take_while(|c| *c != '"').collect();
                    pattern.literal(text.into_iter(), after_point);
                }
                '[' => {
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    // `[$€-407]` is a currency, `[Red]` a colour, `[h]` hours.
                    if let Some(currency) = inside.strip_prefix('$') {
                        let sign: Vec<char> =
                            currency.split('-').next().unwrap_or_default().chars().collect();
                        pattern.literal(sign.into_iter(), after_point);
                    } else if inside.len() <= 2 {
                        pattern.date = true;
                    }
                }
                'y' | 'Y' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' | 'm' | 'M' => pattern.date = true,
                'E' | 'e' | '@' => return Self::default(),
                c => pattern.literal(std::iter::once(c), after_point),
            }
        }
        pattern
    }

    fn literal(&mut self, text: impl Iterator<Item = char>, after_point: bool) {
        for c in text {
            if after_point {
                self.suffix.push(c);
            } else {
                // A digit as a literal is told from a place by being kept apart.
                self.whole.push(if c == '0' || c == '#' { '\u{FFFD}' } else { c });
            }
        }
    }

    /// Puts the digits into their places, from the right.
    fn fill(&self, value: f64) -> String {
        let scaled = if self.percent { value * 100.0 } else { value };
        let text = format!("{:.*}", self.decimals.min(10), scaled.abs());
        let (digits, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let mut digits: Vec<char> = digits.chars().collect();
        let mut out: Vec<char> = Vec::new();
        let mut left = self.slots;
        for place in self.whole.iter().rev() {
            match place {
                '0' | '#' => {
                    left -= 1;
                    match digits.pop() {
                        Some(digit) => out.push(digit),
                        None if *place == '0' => out.push('0'),
                        None => {}
                    }
                    // More digits than places: they stand before the first.
                    while left == 0 && !digits.is_empty() {
                        out.extend(digits.pop());
                    }
                }
                literal => out.push(*literal),
            }
        }
        let mut shown: String = out.iter().rev().collect();
        if scaled < 0.0 {
            shown.insert(0, '-');
        }
        if !fraction.is_empty() {
            shown.push('.');
            shown.push_str(fraction);
        }
        shown.push_str(&self.suffix);
        if self.percent {
            shown.push('%');
        }
        shown
    }
}

/// A serial day (1 is 1 January 1900; the year 1900 is taken for a leap year) as an ISO date.
fn date(serial: f64) -> Option<String> {
    if !(61.0..2_958_466.0).contains(&serial) {
        return None;
    }
    // Days to civil date, after Howard Hinnant's algorithm; day 0 is 1 March of year 0, serial 25,569 is 1970-01-01.
    let text = format!("{:.0}", serial.floor());
    let days = text.parse::<i64>().ok()? - 25_569 + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut out = String::new();
    write!(out, "{year:04}-{month:02}-{day:02}").ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_see_them() {
        for (written, code, want) in [
            ("200000", "00-00-00", "20-00-00"),
            ("70093", "00-00-00", "07-00-93"),
            ("7.0093E4", "00\\-00\\-00", "07-00-93"),
            ("1234", "00000000", "00001234"),
            ("62000", "000\"-\"000", "062-000"),
            ("12345678", "General", "12345678"),
            ("12.5", "General", "12.5"),
            ("12345678901234567", "0", "12345678901234567"),
            ("1234.5", "#,##0.00", "1234.50"),
            ("1234.5", "\"£\"#,##0.00", "£1234.50"),
            ("1234.5", "[$€-407] #,##0.00", "€ 1234.50"),
            ("1234.5", "#,##0.00\\ \"EUR\"", "1234.50 EUR"),
            ("-3", "0.00", "-3.00"),
            ("0.2", "0%", "20%"),
            ("46357", "dd/mm/yyyy", "2026-12-01"),
            ("25569", "yyyy-mm-dd", "1970-01-01"),
            ("46357.75", "d mmm yy h:mm", "2026-12-01"),
            ("1", "yyyy", "1"),
            ("text", "00", "text"),
            ("5", "@", "5"),
            ("NaN", "0", "NaN"),
        ] {
            assert_eq!(show(written, code), want, "{written} in {code}");
        }
    }
}
