//! What the recognising program answers (words with their places, tab-separated) → text as lines and cells.

use crate::limits::RECOGNISED_WORDS;

/// Confidence, of 100, from which a word is legible.
const LEGIBLE: f32 = 55.0;
/// Letters and digits in legible words from which an image is read.
const ENOUGH: usize = 12;

/// A word where it stands, in pixels.
#[derive(Clone, Debug)]
struct Word {
    /// Block, paragraph and line, as the program divides the page.
    line: (u32, u32, u32),
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
    confidence: f32,
    text: String,
}

/// The text of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::adapters::workers) struct Recognised {
    /// The text row by row across the page; where the page has columns, once more block by block.
    pub(in crate::adapters::workers) texts: Vec<String>,
    /// Whether enough of it is legible to say that the image was read.
    pub(in crate::adapters::workers) legible: bool,
}

/// Reads the answer.
pub(super) fn read(answer: &str) -> Recognised {
    let words: Vec<Word> = answer.lines().filter_map(word).take(RECOGNISED_WORDS).collect();
    let clear = words.iter().filter(|word| word.confidence >= LEGIBLE);
    let letters: usize = clear.map(|word| word.text.chars().filter(|c| c.is_alphanumeric()).count()).sum();
    let lines = lines(&words);
    let by_block: String = lines.iter().map(|line| joined(line) + "\n").collect();
    let by_row: String = rows(lines).iter().map(|row| joined(row) + "\n").collect();
    let mut texts = vec![by_row];
    if texts.first() != Some(&by_block) {
        texts.push(by_block);
    }
    texts.retain(|text| !text.trim().is_empty());
    Recognised { texts, legible: letters >= ENOUGH }
}

/// One line of the answer: level, page, block, paragraph, line, word, left, top, width, height, confidence, text.
fn word(line: &str) -> Option<Word> {
    let mut fields = line.split('\t');
    let mut number = || fields.next().and_then(|field| field.trim().parse::<i64>().ok());
    if number()? != 5 {
        return None;
    }
    number()?;
    let mut part = || number().and_then(|part| u32::try_from(part).ok());
    let line = (part()?, part()?, part()?);
    number()?;
    let (left, top, width, height) = (number()?, number()?, number()?, number()?);
    let confidence = fields.next()?.trim().parse().ok()?;
    let text: String = fields.next()?.chars().filter(|c| !c.is_control()).collect();
    let (right, bottom) = (left.checked_add(width)?, top.checked_add(height)?);
    (!text.trim().is_empty()).then_some(Word { line, left, top, right, bottom, confidence, text })
}

/// The words by the lines of the program, in its order.
fn lines(words: &[Word]) -> Vec<Vec<Word>> {
    words.chunk_by(|one, next| one.line == next.line).map(<[Word]>::to_vec).collect()
}

/// Lines that stand beside each other, in columns or cells, as one.
fn rows(mut lines: Vec<Vec<Word>>) -> Vec<Vec<Word>> {
    lines.sort_by_key(|line| middle(line).0);
    let mut rows: Vec<Vec<Word>> = Vec::new();
    for line in lines {
        let (at, height) = middle(&line);
        match rows.last_mut() {
            Some(row) if (middle(row).0 - at).abs() * 2 <= height.min(middle(row).1) => row.extend(line),
            _ => rows.push(line),
        }
    }
    for row in &mut rows {
        row.sort_by_key(|word| word.left);
    }
    rows
}

/// Middle and height of a line, in pixels.
fn middle(line: &[Word]) -> (i64, i64) {
    let top = line.iter().map(|word| word.top).min().unwrap_or_default();
    let bottom = line.iter().map(|word| word.bottom).max().unwrap_or_default();
    (top.midpoint(bottom), bottom.saturating_sub(top))
}

/// The words of a line; a tab where the gap is wider than one between words.
fn joined(line: &[Word]) -> String {
    let mut text = String::new();
    let mut before: Option<&Word> = None;
    for word in line {
        if let Some(before) = before {
            let gap = word.left.saturating_sub(before.right);
            let height = word.bottom.saturating_sub(word.top).max(before.bottom.saturating_sub(before.top));
            text.push(if gap * 2 > height * 3 { '\t' } else { ' ' });
        }
        text.push_str(&word.text);
        before = Some(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as `block line left top text`, each 10 pixels a letter wide and 20 high.
    fn answer(words: &[(u32, u32, i64, i64, &str)]) -> String {
        let line = |(block, line, left, top, text): &(u32, u32, i64, i64, &str)| {
            let width = text.len() * 10;
            format!("5\t1\t{block}\t1\t{line}\t1\t{left}\t{top}\t{width}\t20\t91.5\t{text}\n")
        };
        let head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
                    4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n";
        head.to_owned() + &words.iter().map(line).collect::<String>()
    }

    #[test]
    fn lines_cells_and_columns() {
        for (name, words, want) in [
            ("one line", vec![(1, 1, 0, 0, "Sort"), (1, 1, 50, 0, "code")], vec!["Sort code\n"]),
            ("cells", vec![(1, 1, 0, 0, "IBAN"), (1, 1, 200, 0, "DE89")], vec!["IBAN\tDE89\n"]),
            (
                "label and value in blocks of their own",
                vec![
                    (1, 1, 0, 0, "IBAN"),
                    (1, 2, 0, 40, "BIC"),
                    (2, 1, 200, 2, "DE89"),
                    (2, 2, 200, 41, "COBA"),
                ],
                vec!["IBAN\tDE89\nBIC\tCOBA\n", "IBAN\nBIC\nDE89\nCOBA\n"],
            ),
            ("nothing", vec![], vec![]),
        ] {
            assert_eq!(read(&answer(&words)).texts, want, "{name}");
        }
    }

    #[test]
    fn what_is_legible() {
        for (text, confidence, want) in
            [("SomeWordsHere", "96.1", true), ("SomeWordsHere", "30", false), ("IBAN", "96.1", false)]
        {
            let answer = format!("5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t{confidence}\t{text}\n");
            assert_eq!(read(&answer).legible, want, "{text} {confidence}");
        }
        assert_eq!(read("5\t1\tx\n\u{0}\n5\n"), Recognised::default());
    }
}
