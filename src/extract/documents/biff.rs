//! Measures an old workbook ([MS-XLS]) before calamine opens it: that allots each sheet as the rectangle of its outermost
//! cells, and what a sheet states of its size before it has seen one.

use crate::limits::{SHEET_AREA, SHEET_RECORDS};

const EOF: u16 = 0x000A;
/// What stands behind is encrypted, and its sizes mean nothing; calamine asks for the password and reads no further.
const FILE_PASS: u16 = 0x002F;
const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const STRING: u16 = 0x0207;
const BOF: u16 = 0x0809;
/// Several cells of a row, whose last column stands at its end.
const MUL_RK: u16 = 0x00BD;
/// Records that begin with the row and the column of a cell, each two octets.
const CELLS: [u16; 8] = [0x0006, MUL_RK, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E];

/// Whether all sheets of a workbook's stream together stay below [`SHEET_AREA`] cells, empty ones included, and
/// [`SHEET_RECORDS`] records. Damage is not looked for: what is cut off counts as far as it goes.
pub(super) fn fits(stream: &[u8]) -> bool {
    let is_locked = |(kind, body): (u16, &[u8])| kind == FILE_PASS && short(body, 0) != 0;
    if Records(stream).take(SHEET_RECORDS).take_while(|(kind, _)| *kind != EOF).any(is_locked) {
        return true;
    }
    let mut left = Left { records: SHEET_RECORDS, area: SHEET_AREA };
    let sheets: Option<Vec<u32>> = Records(stream)
        .map(|(kind, body)| left.record().map(|()| (kind, body)))
        .filter(|record| record.is_none_or(|(kind, _)| kind == BOUND_SHEET))
        .map(|record| record.map(|(_, body)| long(body, 0)))
        .collect();
    sheets.is_some_and(|sheets| sheets.into_iter().all(|begins| left.sheet(stream, begins).is_some()))
}

/// What may still be spent.
struct Left {
    records: usize,
    area: u64,
}

impl Left {
    fn record(&mut self) -> Option<()> {
        self.records = self.records.checked_sub(1)?;
        Some(())
    }

    fn sheet(&mut self, stream: &[u8], begins: u32) -> Option<()> {
        let own = usize::try_from(begins).ok().and_then(|at| stream.get(at..)).unwrap_or_default();
        let (mut rows, mut columns, mut depth) = (Extent::default(), Extent::default(), 0_usize);
        let mut largest = 0;
        for (kind, body) in Records(own) {
            self.record()?;
            match kind {
                BOF => depth += 1,
                EOF if depth <= 1 => break,
                EOF => depth -= 1,
                // Rows as long words, or as short ones in sheets of before 1997.
                DIMENSIONS if body.len() < 12 => {
                    largest =
                        stated(short(body, 0), short(body, 2), short(body, 4), short(body, 6)).max(largest);
                }
                DIMENSIONS => {
                    largest =
                        stated(long(body, 0), long(body, 4), short(body, 8), short(body, 10)).max(largest);
                }
                kind if CELLS.contains(&kind) => {
                    rows.add(short(body, 0));
                    columns.add(short(body, 2));
                    if kind == MUL_RK {
                        columns.add(short(body, body.len().saturating_sub(2)));
                    }
                }
                // Without a formula before it, it stands in the first cell.
                STRING => {
                    rows.add(0);
                    columns.add(0);
                }
                _ => {}
            }
        }
        self.area = self.area.checked_sub(rows.length().saturating_mul(columns.length()).max(largest))?;
        Some(())
    }
}

/// Cells that a sheet says it has, its ends exclusive.
fn stated(top: u32, bottom: u32, left: u32, right: u32) -> u64 {
    // An end before its begin: calamine takes one from the other and allots what comes out.
    if bottom < top {
        return u64::MAX;
    }
    // Columns that make no sense count from the first.
    let left = if left > u32::from(u8::MAX) || right < left { 0 } else { left };
    u64::from(bottom.saturating_sub(top)).saturating_mul(u64::from(right.saturating_sub(left)))
}

#[derive(Default)]
struct Extent(Option<(u32, u32)>);

impl Extent {
    fn add(&mut self, at: u32) {
        let (first, last) = self.0.unwrap_or((at, at));
        self.0 = Some((first.min(at), last.max(at)));
    }

    fn length(&self) -> u64 {
        self.0.map_or(0, |(first, last)| u64::from(last - first) + 1)
    }
}

/// Kind and body of each record, as far as they are whole.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, d], rest) = self.0.split_first_chunk::<4>()?;
        let (body, next) = rest.split_at_checked(usize::from(u16::from_le_bytes([c, d])))?;
        self.0 = next;
        Some((u16::from_le_bytes([a, b]), body))
    }
}

fn short(body: &[u8], at: usize) -> u32 {
    body.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |octets| u32::from(u16::from_le_bytes(*octets)))
}

fn long(body: &[u8], at: usize) -> u32 {
    body.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |octets| u32::from_le_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short");
        [&kind.to_le_bytes(), &length.to_le_bytes(), body].concat()
    }

    fn cell(row: u16, column: u16) -> Vec<u8> {
        record(0x0203, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &[0; 10]].concat())
    }

    fn stated(bottom: u32, right: u16) -> Vec<u8> {
        record(
            DIMENSIONS,
            &[&0_u32.to_le_bytes()[..], &bottom.to_le_bytes(), &[0, 0], &right.to_le_bytes(), &[0; 2]]
                .concat(),
        )
    }

    #[test]
    fn only_workbooks_of_a_bounded_size_fit() {
        let bof = record(BOF, &[0; 16]);
        let eof = record(EOF, &[]);
        for (name, sheet, expected) in [
            ("empty", vec![], true),
            ("a column to the end", vec![cell(0, 3), cell(65_535, 3)], true),
            ("states and fills the same", vec![stated(50_000, 50), cell(0, 0), cell(49_999, 49)], true),
            ("corners", vec![cell(0, 0), cell(65_535, 255)], false),
            ("columns that no sheet has", vec![cell(0, 0), cell(100, 65_535)], false),
            ("states what it may", vec![stated(1_000, 26)], true),
            ("states too much", vec![stated(u32::MAX, 255)], false),
            ("a string in the first cell", vec![record(STRING, &[0; 4]), cell(65_535, 255)], false),
            (
                "ends before it begins",
                vec![record(DIMENSIONS, &[9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0])],
                false,
            ),
            ("behind a chart", vec![bof.clone(), eof.clone(), stated(u32::MAX, 255)], false),
            ("behind its end", vec![eof.clone(), stated(u32::MAX, 255)], true),
        ] {
            let globals = [bof.clone(), record(BOUND_SHEET, &[0; 8]), eof.clone()].concat();
            let begins = u32::try_from(globals.len()).expect("short");
            let globals = [
                bof.clone(),
                record(BOUND_SHEET, &[&begins.to_le_bytes()[..], &[0; 4]].concat()),
                eof.clone(),
            ];
            let stream = [globals.concat(), bof.clone(), sheet.concat(), eof.clone()].concat();
            assert_eq!(fits(&stream), expected, "{name}");
        }
        for (name, locked, expected) in [("locked", 1_u16, true), ("not locked", 0, false)] {
            let lock = record(FILE_PASS, &locked.to_le_bytes());
            let huge = record(BOUND_SHEET, &[0; 4]);
            let stream = [bof.clone(), lock, huge, stated(u32::MAX, 255), eof.clone()].concat();
            assert_eq!(fits(&stream), expected, "{name}");
        }
        let many = record(BOUND_SHEET, &[0; 4]).repeat(5_000);
        assert!(!fits(&many), "each sheet is the whole stream");
    }
}
