//! Excel workbooks (SpreadsheetML), cell by cell: nothing is allotted for cells that are not there.
//!
//! Hidden sheets, rows and columns are hidden text; cells show what their format makes of them.

use super::cell;
use super::markup::Markup;
use super::office::{Types, visit};
use super::package::{Package, relations_of, resolve};
use super::reading::Reading;
use super::xml::{Tag, Visitor};
use crate::limits::{SHARED_TEXTS, SHEET_CELLS, SHEET_STYLES, SHEETS};
use crate::model::{SpanKind, Unread};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn read(package: &mut Package<'_>, types: &Types, main: &str, reading: &mut Reading<'_>) {
    let main = if package.find(main).is_some() { main } else { "xl/workbook.xml" };
    let mut book = Book::default();
    visit(package, main, &mut book, reading);
    let mut relations = Relations::default();
    visit(package, &relations_of(main), &mut relations, reading);
    let part_of = |id: &str| relations.0.get(id).map(|(target, _)| resolve(main, target));
    let related = |end: &str| {
        relations.0.values().find(|(_, kind)| kind.ends_with(end)).map(|(target, _)| resolve(main, target))
    };
    let (mut styles, mut shared) = (CellStyles::default(), SharedTexts::default());
    if let Some(part) = related("/styles") {
        visit(package, &part, &mut styles, reading);
    }
    if let Some(part) = related("/sharedStrings") {
        visit(package, &part, &mut shared, reading);
    }
    if shared.full || book.sheets.len() > SHEETS {
        reading.gap(Unread::Limit);
    }
    reading.file.pages = u32::try_from(book.sheets.len()).ok();
    let mut cells = SHEET_CELLS;
    for (at, (id, hidden)) in book.sheets.iter().take(SHEETS).enumerate() {
        let Some(part) = part_of(id) else { continue };
        let page = u32::try_from(at + 1).ok();
        let mut sheet = Sheet {
            styles: &styles.codes,
            shared: &shared,
            hidden: *hidden,
            left: cells,
            ..Sheet::new(&styles.codes, &shared)
        };
        visit(package, &part, &mut sheet, reading);
        cells = sheet.left;
        sheet.finish(page, reading);
    }
    around(package, types, reading);
}

/// Text boxes are seen, comments only by who points at them.
fn around(package: &mut Package<'_>, types: &Types, reading: &mut Reading<'_>) {
    let no_styles = BTreeSet::new();
    for part in package.names().to_vec() {
        let kind = types.of(&part);
        let drawn =
            kind.ends_with("drawing+xml") || kind.ends_with("chart+xml") || kind.ends_with("diagramdata+xml");
        let said = kind.contains("comments") && kind.ends_with("+xml");
        if drawn || said {
            let mut markup = Markup::new(&no_styles);
            markup.all_hidden = said;
            // Threaded comments stand in `text`, all others in `t`.
            visit(package, &part, &mut markup, reading);
            markup.finish(None, reading);
        }
    }
}

/// Relationship and visibility of each sheet.
#[derive(Default)]
struct Book {
    sheets: Vec<(String, bool)>,
}

impl Visitor for Book {
    fn open(&mut self, tag: &Tag<'_>) {
        if tag.name() == "sheet" && self.sheets.len() <= SHEETS {
            let hidden = tag.get("state").is_some_and(|state| state != "visible");
            self.sheets.push((tag.text("id"), hidden));
        }
    }
    fn close(&mut self, _name: &str) {}
    fn text(&mut self, _text: &str) {}
}

/// Target and type by id.
#[derive(Default)]
struct Relations(BTreeMap<String, (String, String)>);

impl Visitor for Relations {
    fn open(&mut self, tag: &Tag<'_>) {
        if tag.name() == "Relationship" {
            self.0.insert(tag.text("Id"), (tag.text("Target"), tag.text("Type")));
        }
    }
    fn close(&mut self, _name: &str) {}
    fn text(&mut self, _text: &str) {}
}

/// The format code of each cell style.
#[derive(Default)]
struct CellStyles {
    own: BTreeMap<u32, String>,
    codes: Vec<String>,
    in_cells: bool,
}

impl Visitor for CellStyles {
    fn open(&mut self, tag: &Tag<'_>) {
        let id = || tag.text("numFmtId").parse::<u32>().unwrap_or(0);
        match tag.name() {
            "numFmt" if self.own.len() < SHEET_STYLES => drop(self.own.insert(id(), tag.text("formatCode"))),
            "cellXfs" => self.in_cells = true,
            "xf" if self.in_cells && self.codes.len() < SHEET_STYLES => {
                let id = id();
                self.codes.push(self.own.get(&id).cloned().unwrap_or_else(|| cell::built_in(id).to_owned()));
            }
            _ => {}
        }
    }
    fn close(&mut self, name: &str) {
        self.in_cells &= name != "cellXfs";
    }
    fn text(&mut self, _text: &str) {}
}

/// Texts that cells name by number.
#[derive(Default)]
struct SharedTexts {
    texts: Vec<String>,
    current: String,
    octets: usize,
    inside: bool,
    /// How a text is read aloud.
    aloud: bool,
    full: bool,
}

impl Visitor for SharedTexts {
    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            "t" => self.inside = !self.aloud,
            "rPh" => self.aloud = true,
            _ => {}
        }
    }
    fn close(&mut self, name: &str) {
        match name {
            "t" => self.inside = false,
            "rPh" => self.aloud = false,
            "si" => {
                self.octets += self.current.len();
                self.full |= self.octets > SHARED_TEXTS || self.texts.len() >= SHARED_TEXTS / 16;
                if self.full {
                    self.current.clear();
                } else {
                    self.texts.push(std::mem::take(&mut self.current));
                }
            }
            _ => {}
        }
    }
    fn text(&mut self, text: &str) {
        if self.inside && !self.full {
            self.current.push_str(text);
        }
    }
}

/// Walks the cells of a sheet.
struct Sheet<'b> {
    styles: &'b [String],
    shared: &'b SharedTexts,
    /// The whole sheet.
    hidden: bool,
    hidden_columns: Vec<(u32, u32)>,
    hidden_row: bool,
    /// Column of the current cell, from 1.
    column: u32,
    kind: String,
    style: usize,
    value: String,
    holding: bool,
    shown: String,
    concealed: String,
    /// Cells that may still be read.
    left: usize,
    cut: bool,
}

impl<'b> Sheet<'b> {
    fn new(styles: &'b [String], shared: &'b SharedTexts) -> Self {
        Self {
            styles,
            shared,
            hidden: false,
            hidden_columns: Vec::new(),
            hidden_row: false,
            column: 0,
            kind: String::new(),
            style: 0,
            value: String::new(),
            holding: false,
            shown: String::new(),
            concealed: String::new(),
            left: 0,
            cut: false,
        }
    }

    fn finish(self, page: Option<u32>, reading: &mut Reading<'_>) {
        if self.cut {
            reading.gap(Unread::Limit);
        }
        reading.say(SpanKind::Visible, page, &self.shown);
        reading.say(SpanKind::Hidden, page, &self.concealed);
    }

    fn cell(&mut self) {
        let value = std::mem::take(&mut self.value);
        if value.is_empty() {
            return;
        }
        if self.left == 0 {
            self.cut = true;
            return;
        }
        self.left -= 1;
        let shown = match self.kind.as_str() {
            "s" => {
                let at = value.trim().parse::<usize>().ok();
                at.and_then(|at| self.shared.texts.get(at)).cloned().unwrap_or_default()
            }
            "inlineStr" | "str" | "e" | "b" | "d" => value,
            _ => cell::show(&value, self.styles.get(self.style).map_or("General", String::as_str)),
        };
        let concealed = self.hidden
            || self.hidden_row
            || self.hidden_columns.iter().any(|(first, last)| (*first..=*last).contains(&self.column));
        let text = if concealed { &mut self.concealed } else { &mut self.shown };
        text.push_str(&shown);
        text.push('\t');
    }

    fn end_row(&mut self) {
        for text in [&mut self.shown, &mut self.concealed] {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
}

impl Visitor for Sheet<'_> {
    fn open(&mut self, tag: &Tag<'_>) {
        let is = |name: &str| matches!(tag.text(name).as_str(), "1" | "true");
        match tag.name() {
            "col" if is("hidden") && self.hidden_columns.len() < SHEET_STYLES => {
                let bound = |name: &str| tag.text(name).parse::<u32>().unwrap_or(0);
                self.hidden_columns.push((bound("min"), bound("max")));
            }
            "row" => {
                self.hidden_row = is("hidden");
                self.column = 0;
            }
            "c" => {
                self.column =
                    tag.get("r").and_then(|place| column(&place)).unwrap_or(self.column.saturating_add(1));
                self.kind = tag.text("t");
                self.style = tag.text("s").parse().unwrap_or(0);
                self.value.clear();
            }
            "v" | "t" | "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader"
            | "firstFooter" => self.holding = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "v" | "t" => self.holding = false,
            "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader" | "firstFooter" => {
                self.holding = false;
                let text = std::mem::take(&mut self.value);
                self.shown.push_str(&print_codes(&text));
                self.shown.push('\n');
            }
            "c" => self.cell(),
            "row" => self.end_row(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.holding {
            self.value.push_str(text);
        }
    }
}

/// `XFD1048576` is in column 16,384.
fn column(place: &str) -> Option<u32> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let number =
        letters.fold(0_u32, |sum, letter| sum * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    (number > 0).then_some(number)
}

/// A header's text without its codes: `&L` and the like begin a section, `&"Arial"` and `&12` are fonts, `&&` is `&`.
fn print_codes(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '&' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('&') => out.push('&'),
            Some('"') => drop(chars.by_ref().take_while(|c| *c != '"').count()),
            Some(c) if c.is_ascii_digit() => while chars.next_if(char::is_ascii_digit).is_some() {},
            Some('L' | 'C' | 'R') => out.push('\n'),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_headers() {
        for (place, want) in
            [("A1", Some(1)), ("Z9", Some(26)), ("AA1", Some(27)), ("XFD1048576", Some(16_384)), ("1", None)]
        {
            assert_eq!(column(place), want, "{place}");
        }
        assert_eq!(print_codes("&L&\"Arial,Bold\"&12IBAN: X && Y&CPage &P"), "\nIBAN: X & Y\nPage ");
    }
}
