//! Modulus checking of UK sort codes and account numbers, by the table that Pay.UK publishes.
//!
//! The table (`valacdos.txt`, and `scsubtab.txt` with substituted sort codes) changes several times a year and is not
//! ours to ship: an installation puts the two files into its rules folder. A range that is not in the table can't be
//! checked, and an account there is neither right nor wrong.
//!
//! Source: Pay.UK / Vocalink, "Validating account numbers", the numbered exceptions included. Letters in comments are
//! the specification's names of the digits: `u v w x y z` the sort code, `a b c d e f g h` the account number.

use super::account_check::CheckDigits;
use std::collections::BTreeMap;

/// Rows of the table at most (it has about 1,100).
const MAX_ROWS: usize = 20_000;
/// Digits of sort code and account number.
const DIGITS: usize = 14;

/// The table, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModulusTable {
    /// In the order of the file: a sort code has at most two rows, which stand together.
    rows: Vec<Row>,
    substitutes: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    /// Modulo 10.
    Mod10,
    /// Modulo 11.
    Mod11,
    /// Double alternate: the digits of the products are added, modulo 10.
    Dblal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    from: u32,
    to: u32,
    algorithm: Algorithm,
    weights: [i32; DIGITS],
    exception: u8,
}

impl ModulusTable {
    /// Parses `valacdos.txt` and `scsubtab.txt` (which may be empty).
    ///
    /// # Errors
    /// A sentence with the number of the line that is not understood.
    pub fn parse(weights: &str, substitutes: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for (number, line) in weights.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if table.rows.len() >= MAX_ROWS {
                return Err(format!("has more than {MAX_ROWS} rows"));
            }
            let row = row(line).ok_or_else(|| {
                format!(
                    "line {}: not \"FROM TO MOD10|MOD11|DBLAL\", 14 weights and perhaps an exception",
                    number + 1
                )
            })?;
            table.rows.push(row);
        }
        for (number, line) in substitutes.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [from, to]
                    if is_sort_code(from) && is_sort_code(to) && table.substitutes.len() < MAX_ROWS =>
                {
                    table.substitutes.insert((*from).to_owned(), (*to).to_owned());
                }
                _ => return Err(format!("line {} of the substitutes: not two sort codes", number + 1)),
            }
        }
        Ok(table)
    }

    /// Checks six and eight digits. [`CheckDigits::None`] where the table has no rule for them.
    #[must_use]
    pub fn check(&self, sort_code: &str, account: &str) -> CheckDigits {
        let Some(number) = Number::new(sort_code, account) else { return CheckDigits::None };
        let code: u32 = sort_code.parse().unwrap_or(0);
        let mut rows = self.rows.iter().filter(|row| (row.from..=row.to).contains(&code));
        let Some(first) = rows.next() else { return CheckDigits::None };
        // Foreign currency accounts of this range can't be checked.
        if first.exception == 6 && (4..=8).contains(&number.a()) && number.g() == number.h() {
            return CheckDigits::None;
        }
        let second = rows.next();
        let passes = |row: &Row| self.passes(row, &number, sort_code);
        let either = matches!(first.exception, 2 | 10 | 12);
        let held = match (passes(first), second) {
            (true, Some(second)) if !either => skips(second, &number) || passes(second),
            (true, _) => true,
            (false, Some(second)) if either => passes(second),
            (false, None) if first.exception == 14 => {
                number.shifted().is_some_and(|shifted| remainder(first, &first.weights, &shifted) == 0)
            }
            (false, _) => false,
        };
        if held { CheckDigits::Passed } else { CheckDigits::Failed }
    }

    fn passes(&self, row: &Row, number: &Number, sort_code: &str) -> bool {
        let substituted = match row.exception {
            5 => self.substitutes.get(sort_code).map(String::as_str),
            8 => Some("090126"),
            9 => Some("309634"),
            _ => None,
        };
        let number = substituted.map_or(*number, |code| number.with_sort_code(code));
        let weights = weights(row, &number);
        let remainder = remainder(row, &weights, &number);
        match (row.exception, row.algorithm) {
            // The check digits are g and h, as one number.
            (4, _) => remainder == number.g() * 10 + number.h(),
            (5, Algorithm::Dblal) => number.h() == (10 - remainder) % 10,
            (5, _) => remainder != 1 && number.g() == (11 - remainder) % 11,
            _ => remainder == 0,
        }
    }
}

/// Exception 3: no second check where `c` is 6 or 9.
fn skips(row: &Row, number: &Number) -> bool {
    row.exception == 3 && matches!(number.c(), 6 | 9)
}

/// The row's weights, changed where its exception says so.
fn weights(row: &Row, number: &Number) -> [i32; DIGITS] {
    const SECOND: [i32; DIGITS] = [0, 0, 1, 2, 5, 3, 6, 4, 8, 7, 10, 9, 3, 1];
    const SECOND_G9: [i32; DIGITS] = [0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 10, 9, 3, 1];
    let without_first_eight = || {
        let mut weights = row.weights;
        weights.iter_mut().take(8).for_each(|weight| *weight = 0);
        weights
    };
    match row.exception {
        2 if number.a() != 0 && number.g() == 9 => SECOND_G9,
        2 if number.a() != 0 => SECOND,
        7 if number.g() == 9 => without_first_eight(),
        10 if number.b() == 9 && matches!(number.a(), 0 | 9) && number.g() == 9 => without_first_eight(),
        _ => row.weights,
    }
}

fn remainder(row: &Row, weights: &[i32; DIGITS], number: &Number) -> i32 {
    let products = number.0.iter().zip(weights).map(|(digit, weight)| digit * weight);
    let mut sum: i32 = match row.algorithm {
        Algorithm::Dblal => products.map(|product| product / 100 + product / 10 % 10 + product % 10).sum(),
        Algorithm::Mod10 | Algorithm::Mod11 => products.sum(),
    };
    if row.exception == 1 {
        sum += 27;
    }
    sum.rem_euclid(if row.algorithm == Algorithm::Mod11 { 11 } else { 10 })
}

/// The fourteen digits.
#[derive(Clone, Copy)]
struct Number([i32; DIGITS]);

impl Number {
    fn new(sort_code: &str, account: &str) -> Option<Self> {
        let mut digits = [0; DIGITS];
        let text = sort_code.chars().chain(account.chars());
        if sort_code.len() != 6 || account.len() != 8 {
            return None;
        }
        for (place, c) in digits.iter_mut().zip(text) {
            *place = i32::try_from(c.to_digit(10)?).ok()?;
        }
        Some(Self(digits))
    }

    fn at(&self, index: usize) -> i32 {
        self.0.get(index).copied().unwrap_or(0)
    }
    fn a(&self) -> i32 {
        self.at(6)
    }
    fn b(&self) -> i32 {
        self.at(7)
    }
    fn c(&self) -> i32 {
        self.at(8)
    }
    fn g(&self) -> i32 {
        self.at(12)
    }
    fn h(&self) -> i32 {
        self.at(13)
    }

    fn with_sort_code(&self, code: &str) -> Self {
        let mut number = *self;
        for (place, c) in number.0.iter_mut().zip(code.chars().take(6)) {
            *place = c.to_digit(10).and_then(|digit| i32::try_from(digit).ok()).unwrap_or(0);
        }
        number
    }

    /// Exception 14: an account number that ends in 0, 1 or 9 loses that digit and gets a zero in front.
    fn shifted(&self) -> Option<Self> {
        if !matches!(self.h(), 0 | 1 | 9) {
            return None;
        }
        let mut number = *self;
        for index in (7..DIGITS).rev() {
            let before = self.at(index - 1);
            if let Some(place) = number.0.get_mut(index) {
                *place = before;
            }
        }
        if let Some(place) = number.0.get_mut(6) {
            *place = 0;
        }
        Some(number)
    }
}

fn row(line: &str) -> Option<Row> {
    let mut words = line.split_whitespace();
    let mut sort_code = || words.next().filter(|word| is_sort_code(word))?.parse::<u32>().ok();
    let (from, to) = (sort_code()?, sort_code()?);
    let algorithm = match words.next()? {
        "MOD10" => Algorithm::Mod10,
        "MOD11" => Algorithm::Mod11,
        "DBLAL" => Algorithm::Dblal,
        _ => return None,
    };
    let mut weights = [0; DIGITS];
    for weight in &mut weights {
        *weight = words.next()?.parse::<i32>().ok().filter(|weight| (-200..=200).contains(weight))?;
    }
    let exception = words.next().map_or(Some(0), |word| word.parse().ok())?;
    (words.next().is_none() && from <= to).then_some(Row { from, to, algorithm, weights, exception })
}

fn is_sort_code(word: &str) -> bool {
    word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
#[path = "uk_modulus_tests.rs"]
mod tests;
