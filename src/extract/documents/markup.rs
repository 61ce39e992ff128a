//! Text of Word documents, and of the drawings in all Office files (WordprocessingML, DrawingML).
//!
//! Every part is walked: body, headers, footers, notes, comments, text boxes. Deleted text, `vanish` and comments are
//! hidden; field codes are for programs. White and tiny text is read both with and without, because the ground it stands
//! on (a dark table style) is not known here: digits around a white decoy join in one of the two.

use super::office::{Types, visit};
use super::package::Package;
use super::reading::Reading;
use super::xml::{Tag, Visitor};
use crate::limits::DOCUMENT_TEXT;
use crate::model::SpanKind;
use std::collections::BTreeSet;

/// Font size in half points at and below which nobody reads.
const TINY: u32 = 4;

/// Reads all parts of a Word document.
pub(super) fn read(package: &mut Package<'_>, types: &Types, reading: &mut Reading<'_>) {
    let mut styles = Styles::default();
    if let Some(part) = types.part("wordprocessingml.styles+xml").map(str::to_owned) {
        visit(package, &part, &mut styles, reading);
    }
    let mut parts: Vec<String> =
        package.names().iter().filter(|name| is_text(types, name)).cloned().collect();
    // The body first, then what stands around it.
    parts.sort_by_key(|name| !types.of(name).ends_with("main+xml"));
    for part in parts {
        let kind = types.of(&part).to_owned();
        let mut markup = Markup::new(&styles.hidden);
        markup.all_hidden = kind.contains("comments") || kind.contains("glossary");
        visit(package, &part, &mut markup, reading);
        markup.finish(None, reading);
    }
}

/// Whether a part may hold text: all XML but relationships, properties and what is bound from outside.
fn is_text(types: &Types, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let named = lower.ends_with(".xml") || types.of(name).ends_with("+xml");
    named
        && !lower.contains("_rels/")
        && !["docprops/", "customxml/", "[content_types]"].iter().any(|no| lower.starts_with(no))
}

/// Styles whose text is not shown.
#[derive(Default)]
struct Styles {
    hidden: BTreeSet<String>,
    current: String,
}

impl Visitor for Styles {
    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            "style" => self.current = tag.text("styleId"),
            "vanish" if tag.is_on() && !self.current.is_empty() => {
                self.hidden.insert(self.current.clone());
            }
            _ => {}
        }
    }
    fn close(&mut self, name: &str) {
        if name == "style" {
            self.current.clear();
        }
    }
    fn text(&mut self, _text: &str) {}
}

/// A text with and without what may not be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Flow {
    shown: String,
    certain: String,
    differs: bool,
}

impl Flow {
    fn put(&mut self, text: &str, doubtful: bool) {
        self.shown.push_str(text);
        if doubtful {
            self.differs = true;
        } else {
            self.certain.push_str(text);
        }
    }

    /// Ends a line, a cell or a row.
    fn mark(&mut self, mark: char) {
        for text in [&mut self.shown, &mut self.certain] {
            if mark == '\t' {
                text.truncate(text.trim_end_matches('\n').len());
            }
            text.push(mark);
        }
    }
}

/// How a run is shown.
#[derive(Clone, Copy, Default)]
struct Run {
    hidden: bool,
    doubtful: bool,
}

/// What the text of the current element is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holding {
    Nothing,
    Text,
    Deleted,
    Code,
}

/// Walks one part.
pub(super) struct Markup<'s> {
    hidden_styles: &'s BTreeSet<String>,
    /// Comments and the like.
    pub(super) all_hidden: bool,
    flow: Flow,
    /// Flows around the text box being read.
    outer: Vec<(Flow, Run)>,
    boxes: Vec<Flow>,
    hidden: String,
    machine: String,
    run: Run,
    paragraph_hidden: bool,
    paragraph_properties: bool,
    deleted: usize,
    holding: Holding,
}

impl<'s> Markup<'s> {
    pub(super) fn new(hidden_styles: &'s BTreeSet<String>) -> Self {
        Self {
            hidden_styles,
            all_hidden: false,
            flow: Flow::default(),
            outer: Vec::new(),
            boxes: Vec::new(),
            hidden: String::new(),
            machine: String::new(),
            run: Run::default(),
            paragraph_hidden: false,
            paragraph_properties: false,
            deleted: 0,
            holding: Holding::Nothing,
        }
    }

    /// Hands the texts over.
    pub(super) fn finish(mut self, page: Option<u32>, reading: &mut Reading<'_>) {
        while !self.outer.is_empty() {
            self.end_box();
        }
        let mut whole = std::mem::take(&mut self.flow);
        for text in &self.boxes {
            whole.mark('\n');
            whole.shown.push_str(&text.shown);
            whole.certain.push_str(&text.certain);
            whole.differs |= text.differs;
        }
        reading.say(SpanKind::Visible, page, &whole.shown);
        if whole.differs {
            reading.say(SpanKind::Visible, page, &whole.certain);
        }
        reading.say(SpanKind::Hidden, page, &self.hidden);
        reading.say(SpanKind::Machine, page, &self.machine);
    }

    fn put(&mut self, text: &str, deleted: bool) {
        if deleted || self.deleted > 0 || self.all_hidden || self.run.hidden || self.paragraph_hidden {
            self.hidden.push_str(text);
        } else {
            self.flow.put(text, self.run.doubtful);
        }
    }

    fn mark(&mut self, mark: char) {
        self.flow.mark(mark);
        if !self.hidden.is_empty() && !self.hidden.ends_with('\n') {
            self.hidden.push(mark);
        }
    }

    /// A text box ends: old and new Word find the same one in two places, it counts once.
    fn end_box(&mut self) {
        if let Some((outer, run)) = self.outer.pop() {
            let inner = std::mem::replace(&mut self.flow, outer);
            self.run = run;
            if !self.boxes.contains(&inner) {
                self.boxes.push(inner);
            }
        }
    }

    fn run_property(&mut self, tag: &Tag<'_>) {
        if self.paragraph_properties {
            // That is the paragraph mark's own.
            if tag.name() == "pStyle" {
                self.paragraph_hidden = self.hidden_styles.contains(&tag.text("val"));
            }
            return;
        }
        let small = |text: String, most: u32| text.parse::<u32>().is_ok_and(|size| size <= most);
        match tag.name() {
            "vanish" | "specVanish" => self.run.hidden |= tag.is_on(),
            "rStyle" => self.run.hidden |= self.hidden_styles.contains(&tag.text("val")),
            "color" => self.run.doubtful |= tag.text("val").eq_ignore_ascii_case("ffffff"),
            "sz" => self.run.doubtful |= small(tag.text("val"), TINY),
            // DrawingML writes the size, in hundredths of a point, at the properties themselves.
            "rPr" => self.run.doubtful |= small(tag.text("sz"), TINY * 50),
            _ => {}
        }
    }
}

impl Visitor for Markup<'_> {
    fn open(&mut self, tag: &Tag<'_>) {
        match tag.name() {
            "t" => self.holding = Holding::Text,
            "delText" => self.holding = Holding::Deleted,
            "instrText" | "delInstrText" => self.holding = Holding::Code,
            "r" => self.run = Run::default(),
            "p" => self.paragraph_hidden = false,
            "pPr" => self.paragraph_properties = true,
            "del" | "moveFrom" => self.deleted += 1,
            "fldSimple" => {
                self.machine.push_str(&tag.text("instr"));
                self.machine.push('\n');
            }
            "tab" if !self.paragraph_properties => self.put("\t", false),
            "br" | "cr" if !self.paragraph_properties => self.put("\n", false),
            "noBreakHyphen" => self.put("-", false),
            "txbxContent" => {
                let run = std::mem::take(&mut self.run);
                self.outer.push((std::mem::take(&mut self.flow), run));
            }
            _ => self.run_property(tag),
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "t" | "delText" => self.holding = Holding::Nothing,
            "instrText" | "delInstrText" => {
                self.holding = Holding::Nothing;
                self.machine.push('\n');
            }
            "pPr" => self.paragraph_properties = false,
            "del" | "moveFrom" => self.deleted = self.deleted.saturating_sub(1),
            "p" | "tr" => self.mark('\n'),
            "tc" => self.mark('\t'),
            "txbxContent" => self.end_box(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        match self.holding {
            Holding::Nothing => {}
            Holding::Text => self.put(text, false),
            Holding::Deleted => self.put(text, true),
            Holding::Code => self.machine.push_str(text),
        }
    }

    fn is_full(&self) -> bool {
        self.flow.shown.len().max(self.hidden.len()).max(self.machine.len()) > DOCUMENT_TEXT
    }
}
