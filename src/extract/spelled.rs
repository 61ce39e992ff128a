//! Digits that are written as words, in eight languages: "two zero dash four seven …" is read as people read it; in English
//! pairs of them, too ("twenty, fifty-five"), and the ideographs of digits.
//!
//! Only where a long run of digit words stands: prose counts "one, two, three" at most, nobody spells a number by accident.

use std::borrow::Cow;

/// Digits in a row of which a text must have one run, else nobody dictates in it.
const LEAST: usize = 4;
/// Digit words of a line, at most, whose digits go on in the next.
const LINE: usize = 2;
/// Octets of the longest word below.
const LONGEST: usize = 12;

/// The words of one digit each, in small letters: English, German, French, Spanish, Italian, Dutch, Portuguese, Polish.
/// Sorted, so that they can be looked up.
const WORDS: &[(&str, char)] = &[
    ("acht", '8'),
    ("cero", '0'),
    ("cinco", '5'),
    ("cinq", '5'),
    ("cinque", '5'),
    ("cuatro", '4'),
    ("cztery", '4'),
    ("deux", '2'),
    ("dois", '2'),
    ("dos", '2'),
    ("drei", '3'),
    ("drie", '3'),
    ("due", '2'),
    ("dwa", '2'),
    ("dziewięć", '9'),
    ("een", '1'),
    ("eight", '8'),
    ("eins", '1'),
    ("five", '5'),
    ("four", '4'),
    ("fünf", '5'),
    ("huit", '8'),
    ("jeden", '1'),
    ("naught", '0'),
    ("negen", '9'),
    ("neuf", '9'),
    ("neun", '9'),
    ("nine", '9'),
    ("nought", '0'),
    ("nove", '9'),
    ("nueve", '9'),
    ("nul", '0'),
    ("null", '0'),
    ("ocho", '8'),
    ("oh", '0'),
    ("oito", '8'),
    ("one", '1'),
    ("osiem", '8'),
    ("otto", '8'),
    ("pięć", '5'),
    ("quatre", '4'),
    ("quatro", '4'),
    ("quattro", '4'),
    ("sechs", '6'),
    ("sei", '6'),
    ("seis", '6'),
    ("sept", '7'),
    ("sete", '7'),
    ("sette", '7'),
    ("seven", '7'),
    ("sieben", '7'),
    ("siedem", '7'),
    ("siete", '7'),
    ("six", '6'),
    ("sześć", '6'),
    ("three", '3'),
    ("tre", '3'),
    ("tres", '3'),
    ("trois", '3'),
    ("trzy", '3'),
    ("três", '3'),
    ("twee", '2'),
    ("two", '2'),
    ("um", '1'),
    ("un", '1'),
    ("uno", '1'),
    ("vier", '4'),
    ("vijf", '5'),
    ("zero", '0'),
    ("zes", '6'),
    ("zeven", '7'),
    ("zwei", '2'),
    ("zwo", '2'),
    ("zéro", '0'),
];

/// English words of two digits, in small letters; a digit may follow those that end in 0 from 20 on: "fifty-five".
const PAIRS: [(&str, &str); 18] = [
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("seventeen", "17"),
    ("eighteen", "18"),
    ("nineteen", "19"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
];

/// What a word says inside a number.
enum Word {
    Digit(char),
    /// Two digits.
    Pair(&'static str),
    /// Digits that are written as ideographs, one each.
    Digits(String),
    /// The next digit stands so many times: "double four".
    Times(usize),
    Dash,
}

/// The ideographs of digits, in order.
const IDEOGRAPHS: [char; 10] = ['〇', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

fn ideographs(text: &str) -> Option<Word> {
    let digit =
        |c: char| IDEOGRAPHS.iter().zip('0'..='9').find(|(known, _)| **known == c).map(|(_, digit)| digit);
    let digits: Option<String> = text.chars().map(|c| if c == '零' { Some('0') } else { digit(c) }).collect();
    digits.map(Word::Digits)
}

fn word(text: &str) -> Option<Word> {
    if text.starts_with(|c| c == '零' || IDEOGRAPHS.contains(&c)) {
        return ideographs(text);
    }
    if text.len() > LONGEST {
        return None;
    }
    // Most words are small already.
    let small = if text.bytes().all(|b| b.is_ascii_lowercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    };
    match &*small {
        "double" => return Some(Word::Times(2)),
        "triple" | "treble" => return Some(Word::Times(3)),
        "dash" | "hyphen" | "strich" | "tiret" => return Some(Word::Dash),
        _ => {}
    }
    if let Ok(at) = WORDS.binary_search_by(|(known, _)| (*known).cmp(&*small)) {
        return WORDS.get(at).map(|(_, digit)| Word::Digit(*digit));
    }
    PAIRS.iter().find(|(known, _)| *known == small).map(|(_, pair)| Word::Pair(pair))
}

/// A run of words that is being read.
#[derive(Default)]
struct Run {
    start: usize,
    end: usize,
    digits: String,
    times: usize,
    /// The last word was "twenty" to "ninety", and a digit that follows stands in the place of its 0.
    tens: bool,
    /// Words of the run in the line that is being read.
    in_line: usize,
}

impl Run {
    fn take(&mut self, word: &Word, start: usize, end: usize) {
        if self.digits.is_empty() && self.times == 0 {
            self.start = start;
        }
        self.in_line += 1;
        let tens = std::mem::take(&mut self.tens);
        match word {
            Word::Digit(digit) => {
                if tens && *digit != '0' {
                    self.digits.pop();
                }
                let times = std::mem::take(&mut self.times).max(1);
                self.digits.extend(std::iter::repeat_n(*digit, times));
                self.end = end;
            }
            Word::Pair(pair) => {
                let times = std::mem::take(&mut self.times).max(1);
                self.digits.extend(std::iter::repeat_n(*pair, times));
                self.tens = pair.ends_with('0') && *pair != "10";
                self.end = end;
            }
            Word::Digits(digits) => {
                self.times = 0;
                self.digits.push_str(digits);
                self.end = end;
            }
            Word::Times(times) => self.times = *times,
            // Nothing begins with a dash.
            Word::Dash if self.digits.is_empty() => {}
            Word::Dash => self.digits.push('-'),
        }
    }

    /// Ends the run.
    fn finish(&mut self) -> Option<Run> {
        Some(std::mem::take(self)).filter(|run| !run.digits.is_empty())
    }

    fn length(&self) -> usize {
        self.digits.bytes().filter(u8::is_ascii_digit).count()
    }
}

/// The text with runs of digit words in digits. Borrowed where there are none; linear in the text.
pub(super) fn digits(text: &str) -> Cow<'_, str> {
    let mut runs = Vec::new();
    let mut run = Run::default();
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let apart = std::mem::replace(&mut before, c) == ' ';
        if !c.is_alphabetic() {
            // What people put between the digits that they dictate. A word a line is a column of them; lines of several
            // are lines.
            let goes_on = match c {
                ' ' | '\t' | ',' | '-' | '.' | '/' => true,
                // "(six): two zero": a digit alone says how many follow.
                '(' | ')' | ':' | '|' | ';' => run.length() != 1,
                '\n' => std::mem::take(&mut run.in_line) <= LINE,
                _ => false,
            };
            if !goes_on {
                runs.extend(run.finish());
            }
            run.tens &= matches!(c, ' ' | '-');
            if c == '-' && apart {
                run.take(&Word::Dash, at, at + 1);
            }
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((_, next)) = chars.next_if(|(_, next)| next.is_alphanumeric()) {
            end += next.len_utf8();
        }
        let spoken = text.get(at..end).and_then(word);
        match spoken {
            Some(word) => run.take(&word, at, end),
            None => runs.extend(run.finish()),
        }
    }
    runs.extend(run.finish());
    // Where somebody dictates, the short pieces of the number count too: "GB two nine".
    if !runs.iter().any(|run| run.length() >= LEAST) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for run in &runs {
        let before = text.get(from..run.start).unwrap_or_default();
        // Capitals of a bank or a country are one word with the digits that follow them.
        let glued = before.strip_suffix(' ').filter(|before| {
            let mut last = before.chars().rev().map(|c| c.is_ascii_uppercase());
            last.next() == Some(true) && last.next() == Some(true)
        });
        out.push_str(glued.unwrap_or(before));
        out.push_str(run.digits.trim_end_matches('-'));
        from = run.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_sorted_and_short() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(WORDS.iter().all(|(word, _)| word.len() <= LONGEST));
        for (known, digit) in WORDS {
            assert!(matches!(word(known), Some(Word::Digit(found)) if found == *digit), "{known}");
        }
    }

    #[test]
    fn spelled_numbers_are_numbers_and_prose_is_prose() {
        for (text, expected) in [
            ("sort code two zero dash four seven dash one one, ok", "sort code 20-47-11, ok"),
            ("account: Five five seven seven, nine nine one one.", "account: 55779911."),
            ("Konto null fünf drei zwo null eins drei null", "Konto 05320130"),
            ("numer: dziewięć sześć pięć cztery trzy", "numer: 96543"),
            ("konto double four triple zero one", "konto 440001"),
            ("compte zéro un deux trois quatre", "compte 01234"),
            ("IBAN GB two nine NWBK six zero one six", "IBAN GB29 NWBK6016"),
            ("HDFC zero zero one two", "HDFC0012"),
            ("sort code twenty, zero zero - double zero", "sort code 2000-00"),
            ("account fifty-five seventy seven ninety-nine eleven", "account 55779911"),
            ("forty, five sixty six", "40566"),
            ("账号 五五七七九九一一", "账号 55779911"),
            ("二〇二六年五月", "二〇二六年五月"),
            ("within thirty to sixty days", "within thirty to sixty days"),
            ("thirty-five, forty", "3540"),
            ("one, two, three and away", "one, two, three and away"),
            ("one two three\nfour five six", "one two three\nfour five six"),
            ("code two\nzero\nfour\nseven\none\none", "code 204711"),
            ("code (two zero) (four seven) (one one), a", "code (204711), a"),
            ("code two zero: four seven | one one; a", "code 204711; a"),
            ("code (six): two zero four seven one one", "code (6): 204711"),
            ("uno dos\ttres cuatro", "1234"),
            ("one two - three four - zero", "12-34-0"),
            ("one-two-three-four", "1234"),
            ("phone one two three four x", "phone 1234 x"),
            ("dash dash nine", "dash dash nine"),
            ("someone two three four", "someone two three four"),
            ("two three four five6", "two three four five6"),
        ] {
            assert_eq!(digits(text), expected, "{text}");
        }
    }
}
