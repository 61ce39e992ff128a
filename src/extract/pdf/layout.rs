//! Glyphs with positions → lines of text, as a person reads a page.
//!
//! Two readings of the same page are given where it has columns: row by row across them, and block by block down them.
//! An account that is broken over two lines of a narrow column survives only in the second, a table only in the first.

use crate::limits::PDF_SEGMENTS;
use std::fmt::Write as _;

/// One character where it is drawn. Coordinates are in points, turned so that its baseline runs to the right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub(super) character: char,
    pub(super) x: f32,
    pub(super) y: f32,
    /// Advance, letter spacing included.
    pub(super) width: f32,
    /// Height of the font as drawn.
    pub(super) size: f32,
    /// Quarter turns of the baseline against the page.
    pub(super) turn: u8,
}

/// Characters of one line without a wide gap between them.
#[derive(Debug)]
struct Segment {
    text: String,
    x: f32,
    y: f32,
    size: f32,
    line: usize,
}

/// The text of a page: row by row, and block by block where that differs.
pub(super) fn text(glyphs: &[Glyph]) -> Vec<String> {
    let mut rows = String::new();
    let mut blocks = String::new();
    for turn in 0..4 {
        let turned: Vec<Glyph> = glyphs.iter().copied().filter(|glyph| glyph.turn == turn).collect();
        let segments = segments(turned);
        write_rows(&segments, &mut rows);
        write_blocks(&segments, &mut blocks);
    }
    if rows.trim().is_empty() {
        return Vec::new();
    }
    let same = rows.split_whitespace().eq(blocks.split_whitespace());
    if same || blocks.is_empty() { vec![rows] } else { vec![rows, blocks] }
}

/// Cuts glyphs into lines by their baseline, and lines into segments at wide gaps; top to bottom, left to right.
fn segments(mut glyphs: Vec<Glyph>) -> Vec<Segment> {
    glyphs.sort_by(|a, b| b.y.total_cmp(&a.y));
    let mut found = Vec::new();
    let mut rest = glyphs.as_mut_slice();
    let mut line = 0;
    while let Some(first) = rest.first().copied() {
        let mut baseline = first;
        let mut length = 0;
        for glyph in rest.iter() {
            if baseline.y - glyph.y > 0.35 * baseline.size.min(glyph.size).max(1.0) {
                break;
            }
            // Follow a line that is not quite level, but do not slide down the page.
            if first.y - glyph.y < 0.5 * first.size {
                baseline = *glyph;
            }
            length += 1;
        }
        let (this, next) = std::mem::take(&mut rest).split_at_mut(length.max(1));
        this.sort_by(|a, b| a.x.total_cmp(&b.x));
        cut_line(this, line, &mut found);
        line += 1;
        rest = next;
    }
    found
}

fn cut_line(glyphs: &[Glyph], line: usize, found: &mut Vec<Segment>) {
    let mut current: Option<Segment> = None;
    let mut last: Option<Glyph> = None;
    let mut space_drawn = false;
    for glyph in glyphs {
        if glyph.character.is_whitespace() {
            space_drawn = true;
            continue;
        }
        // Bold is often drawn twice, a little apart.
        if last.is_some_and(|l| l.character == glyph.character && glyph.x - l.x < 0.2 * l.width) {
            continue;
        }
        let gap = last.map_or(0.0, |l| glyph.x - (l.x + l.width));
        if let Some(segment) = current.as_mut().filter(|_| gap < 1.4 * glyph.size) {
            if gap > 0.22 * glyph.size || (space_drawn && gap > 0.1 * glyph.size) {
                segment.text.push(' ');
            }
            segment.text.push(glyph.character);
        } else {
            found.extend(current.take());
            let (x, y, size) = (glyph.x, glyph.y, glyph.size);
            current = Some(Segment { text: glyph.character.into(), x, y, size, line });
        }
        (last, space_drawn) = (Some(*glyph), false);
    }
    found.extend(current);
}

fn write_rows(segments: &[Segment], out: &mut String) {
    let mut line = None;
    for segment in segments {
        let separator = match line {
            Some(line) if line == segment.line => "\t",
            Some(_) => "\n",
            None => "",
        };
        let _infallible = write!(out, "{separator}{}", segment.text);
        line = Some(segment.line);
    }
    out.push('\n');
}

/// Chains segments that stand below each other with the same left edge.
fn write_blocks(segments: &[Segment], out: &mut String) {
    if segments.len() > PDF_SEGMENTS {
        return;
    }
    let mut used = vec![false; segments.len()];
    for start in 0..segments.len() {
        let mut at = Some(start).filter(|at| used.get(*at) == Some(&false));
        while let Some(index) = at {
            let Some(segment) = segments.get(index) else { break };
            if let Some(mark) = used.get_mut(index) {
                *mark = true;
            }
            out.push_str(&segment.text);
            out.push('\n');
            at = below(segments, &used, index, segment);
        }
        if !out.ends_with("\n\n") {
            out.push('\n');
        }
    }
}

fn below(segments: &[Segment], used: &[bool], index: usize, above: &Segment) -> Option<usize> {
    let candidates = segments.iter().zip(used).enumerate().skip(index + 1);
    candidates
        .take_while(|(_, (segment, _))| above.y - segment.y < 2.2 * above.size)
        .find(|(_, (segment, used))| {
            !**used && segment.line > above.line && (segment.x - above.x).abs() < above.size
        })
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, x: f32, y: f32, spacing: f32) -> Vec<Glyph> {
        let place = |(at, character): (usize, char)| {
            let x = x + f32::from(u16::try_from(at).unwrap()) * spacing;
            Glyph { character, x, y, width: 5.0, size: 10.0, turn: 0 }
        };
        text.chars().enumerate().map(place).collect()
    }

    #[test]
    fn lines_by_position_not_by_order() {
        for (name, words, expected) in [
            ("one word", vec![word("abc", 0.0, 0.0, 5.0)], vec!["abc\n\n"]),
            ("drawn from the end", vec![word("cd", 10.0, 0.0, 5.0), word("ab", 0.0, 0.0, 5.0)], vec!["abcd"]),
            ("a gap is a space", vec![word("ab", 0.0, 0.0, 5.0), word("c", 13.0, 0.0, 5.0)], vec!["ab c"]),
            ("drawn twice for bold", vec![word("ab", 0.0, 0.0, 5.0), word("ab", 0.4, 0.0, 5.0)], vec!["ab"]),
            ("lines from the top", vec![word("b", 0.0, 0.0, 5.0), word("a", 0.0, 12.0, 5.0)], vec!["a\nb"]),
            (
                "columns are read both ways",
                vec![
                    word("IBAN", 0.0, 24.0, 5.0),
                    word("note", 100.0, 24.0, 5.0),
                    word("DE89", 0.0, 12.0, 5.0),
                    word("text", 100.0, 12.0, 5.0),
                ],
                vec!["IBAN\tnote\nDE89\ttext", "IBAN\nDE89\n\nnote\ntext"],
            ),
        ] {
            let read = text(&words.concat());
            let read: Vec<&str> = read.iter().map(|text| text.trim()).collect();
            let expected: Vec<&str> = expected.iter().map(|text| text.trim()).collect();
            assert_eq!(read, expected, "{name}");
        }
    }
}
