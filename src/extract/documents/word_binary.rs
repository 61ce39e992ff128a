//! Word documents of before 2007 ([MS-DOC]): the text by its piece table; where that is broken, every run of letters.
//!
//! Which of it is hidden is not known here: it stands in properties that are not read.

use super::compound::Streams;
use super::octets::{Octets, utf16};
use super::reading::Reading;
use crate::limits::WORD_PIECES;
use crate::model::{SpanKind, Unread};

/// Letters in a row that count as text.
const RUN: usize = 4;

pub(super) fn read(streams: &mut Streams<'_>, reading: &mut Reading<'_>) {
    let Some(main) = streams.octets("WordDocument", reading) else {
        reading.gap(Unread::Damaged);
        return;
    };
    let flags = at(&main, 0x0A).and_then(|mut octets| octets.u16()).unwrap_or(0);
    if flags & 0x0100 != 0 {
        reading.gap(Unread::Password);
        return;
    }
    let table = if flags & 0x0200 == 0 { "0Table" } else { "1Table" };
    let table = streams.octets(table, reading).unwrap_or_default();
    match pieces(&main, &table) {
        Some(text) => {
            let (shown, codes) = apart(&text);
            reading.say(SpanKind::Visible, None, &shown);
            reading.say(SpanKind::Machine, None, &codes);
        }
        None => {
            reading.gap(Unread::Damaged);
            runs(&main, reading);
        }
    }
}

fn at(octets: &[u8], offset: usize) -> Option<Octets<'_>> {
    octets.get(offset..).map(Octets)
}

/// The text in order, by the piece table ([MS-DOC] 2.4.1).
fn pieces(main: &[u8], table: &[u8]) -> Option<String> {
    let mut place = at(main, 0x01A2)?;
    let (start, length) = (place.length()?, place.length()?);
    let mut clx = Octets(table.get(start..start.checked_add(length)?)?);
    while clx.0.first() == Some(&1) {
        clx.take(1)?;
        let skipped = usize::from(clx.u16()?);
        clx.take(skipped)?;
    }
    if clx.u8()? != 2 {
        return None;
    }
    let length = clx.length()?;
    let list = clx.take(length)?;
    let count = (length.checked_sub(4)? / 12).min(WORD_PIECES);
    let (mut positions, mut text) = (Octets(list), String::new());
    let mut descriptions = at(list, (length.checked_sub(4)? / 12 + 1) * 4)?;
    let mut from = positions.length()?;
    for _ in 0..count {
        let to = positions.length()?;
        descriptions.take(2)?;
        let offset = descriptions.length()?;
        descriptions.take(2)?;
        let characters = to.checked_sub(from)?;
        from = to;
        if offset & 0x4000_0000 == 0 {
            let octets = at(main, offset)?.take(characters.checked_mul(2)?)?;
            // A zero does not end the text here.
            text.push_str(&octets.chunks(2).fold(String::new(), |mut all, pair| {
                all.push_str(&utf16(pair));
                all
            }));
        } else {
            let octets = at(main, (offset & 0x3FFF_FFFF) / 2)?.take(characters)?;
            text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0);
        }
    }
    Some(text)
}

/// What is shown, and field codes: 0x13 code 0x14 result 0x15.
fn apart(text: &str) -> (String, String) {
    let (mut shown, mut codes, mut in_code) = (String::new(), String::new(), Vec::new());
    for c in text.chars() {
        match c {
            '\u{13}' if in_code.len() < 64 => in_code.push(true),
            '\u{14}' => {
                if let Some(code) = in_code.last_mut() {
                    *code = false;
                }
            }
            '\u{15}' => {
                if in_code.pop() == Some(true) {
                    codes.push('\n');
                }
            }
            c if in_code.contains(&true) => codes.push(c),
            '\u{7}' => shown.push('\t'),
            '\r' | '\u{B}' | '\u{C}' => shown.push('\n'),
            '\u{1E}' => shown.push('-'),
            c if c.is_control() && c != '\t' => {}
            c => shown.push(c),
        }
    }
    (shown, codes)
}

/// Every run of letters, in octets and in UTF-16.
pub(super) fn runs(octets: &[u8], reading: &mut Reading<'_>) {
    let mut narrow = String::new();
    for run in octets.split(|octet| !(*octet == b'\t' || (0x20..0x7F).contains(octet) || *octet >= 0xA0)) {
        if run.len() >= RUN {
            narrow.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(run).0);
            narrow.push('\n');
        }
    }
    let mut wide = String::new();
    for shift in 0..2 {
        let units = octets.get(shift..).unwrap_or_default().chunks_exact(2);
        let mut run = String::new();
        for pair in units {
            match pair {
                [low, 0] if *low == b'\t' || (0x20..0x7F).contains(low) || *low >= 0xA0 => {
                    run.push(char::from(*low))
                }
                _ => end(&mut run, &mut wide),
            }
        }
        end(&mut run, &mut wide);
    }
    reading.say(SpanKind::Visible, None, &narrow);
    reading.say(SpanKind::Visible, None, &wide);
}

fn end(run: &mut String, all: &mut String) {
    if run.chars().count() >= RUN {
        all.push_str(run);
        all.push('\n');
    }
    run.clear();
}
