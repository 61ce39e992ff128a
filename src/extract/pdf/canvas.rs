//! Runs a page's content stream (ISO 32000-1, 8 and 9) and notes each character with its position and what a person
//! would see of it: text without ink, in the colour of its ground, too small, covered, clipped, outside the page or in
//! a layer that is switched off counts as hidden.
//!
//! Every loop draws on the [`Budget`] of the document: a few kilobytes can ask for millions of operations.

use super::font::Font;
use super::geometry::{Area, Matrix, numbers};
use super::paint::Space;
use super::seen::Page;
use super::state::{Marked, Run, State};
use crate::limits::{
    PDF_FONTS, PDF_FORM_DEPTH, PDF_FORM_OCTETS, PDF_FORMS_DRAWN, PDF_GLYPHS, PDF_OPERATIONS, PDF_PAGE_GLYPHS,
    PDF_SAVED_STATES,
};
use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Put after a content stream: the parser stops in silence where it can not go on, and then does not come to this.
const END: &[u8] = b"SentraEnd";

/// Points of a side from which an image can be a QR code: the smallest that a telephone reads from paper has a
/// centimetre.
const CODE: f32 = 28.0;

/// What a whole document may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    operations: usize,
    glyphs: usize,
    forms: usize,
    form_octets: usize,
    /// A limit was hit: the reading is not complete.
    pub(super) exceeded: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            operations: PDF_OPERATIONS,
            glyphs: PDF_GLYPHS,
            forms: PDF_FORMS_DRAWN,
            form_octets: PDF_FORM_OCTETS,
            exceeded: false,
        }
    }
}

/// What is shared by all pages of a document.
pub(super) struct Canvas<'a> {
    pub(super) doc: &'a Document,
    pub(super) budget: Budget,
    /// Optional-content groups that are switched off.
    pub(super) off: HashSet<ObjectId>,
    fonts: HashMap<ObjectId, Rc<Font>>,
    running: Vec<ObjectId>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(doc: &'a Document, off: HashSet<ObjectId>) -> Self {
        Self { doc, budget: Budget::default(), off, fonts: HashMap::new(), running: Vec::new() }
    }

    /// Runs a page's own content; `area` is what is shown of the page.
    pub(super) fn draw(&mut self, content: &[u8], resources: &Dictionary, area: Area, page: &mut Page) {
        self.run(content, resources, State::new(Matrix::IDENTITY, area), false, page);
    }

    /// Runs a drawing of its own (an annotation's appearance) with its box placed at `place`.
    pub(super) fn draw_form(&mut self, id: ObjectId, place: Area, area: Area, hidden: bool, page: &mut Page) {
        let Ok(stream) = self.doc.get_object(id).and_then(Object::as_stream) else { return };
        let origin = stream.dict.get_deref(b"BBox", self.doc).and_then(Object::as_array).ok();
        let origin = origin.and_then(|b| Area::of(b)).unwrap_or(place);
        let shift = Matrix::shift(place.left - origin.left, place.bottom - origin.bottom);
        self.form(id, stream, &Dictionary::new(), &State::new(shift, area), hidden, page);
    }

    fn run(&mut self, content: &[u8], resources: &Dictionary, state: State, hidden: bool, page: &mut Page) {
        let mut run = Run {
            resources,
            state,
            saved: Vec::new(),
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
            path: None,
            shapes: 0,
            clips: false,
            marked: vec![Marked { hidden, actual: None }],
        };
        let mut ended = false;
        for operation in Content::decode_iter(&[content, b"\n", END].concat()).map_while(Result::ok) {
            if self.budget.operations == 0 || page.drawn.len() >= PDF_PAGE_GLYPHS || self.budget.glyphs == 0 {
                self.budget.exceeded = true;
                return;
            }
            self.budget.operations -= 1;
            ended = operation.operator.as_bytes() == END;
            self.operation(&operation, &mut run, page);
        }
        page.damaged |= !ended;
    }

    fn operation(&mut self, operation: &Operation, run: &mut Run<'_>, page: &mut Page) {
        let operands = operation.operands.as_slice();
        match operation.operator.as_str() {
            "BT" | "Tm" | "Td" | "TD" | "T*" | "TL" | "Tc" | "Tw" | "Tz" | "Ts" | "Tr" | "Tf" => {
                self.text_state(&operation.operator, operands, run);
            }
            "Tj" | "TJ" | "'" | "\"" => self.show_operation(&operation.operator, operands, run, page),
            "q" | "Q" | "cm" | "gs" => self.graphics_state(&operation.operator, operands, run),
            "g" | "rg" | "k" | "cs" | "sc" | "scn" => self.colour(&operation.operator, operands, run),
            "BDC" | "BMC" | "EMC" => self.marked(&operation.operator, operands, run, page),
            "Do" => self.object(operands, run, page),
            "BI" => self.image(run, true, page),
            operator => self.path(operator, operands, run, page),
        }
    }

    fn text_state(&mut self, operator: &str, operands: &[Object], run: &mut Run<'_>) {
        let values = numbers(operands);
        let value = |at: usize| values.get(at).copied().unwrap_or_default();
        match operator {
            "BT" => (run.text, run.line) = (Matrix::IDENTITY, Matrix::IDENTITY),
            "Tm" => {
                run.line = Matrix::of(operands).unwrap_or(run.line);
                run.text = run.line;
            }
            "Td" => run.next_line(value(0), value(1)),
            "TD" => {
                run.state.leading = -value(1);
                run.next_line(value(0), value(1));
            }
            "T*" => run.next_line(0.0, -run.state.leading),
            "TL" => run.state.leading = value(0),
            "Tc" => run.state.letter_spacing = value(0),
            "Tw" => run.state.word_spacing = value(0),
            "Tz" => run.state.stretch = value(0) / 100.0,
            "Ts" => run.state.rise = value(0),
            "Tr" => run.state.mode = operands.first().and_then(|mode| mode.as_i64().ok()).unwrap_or_default(),
            _ => {
                let name = operands.first().and_then(|name| name.as_name().ok()).unwrap_or_default();
                run.state.font = self.font(name, run.resources);
                run.state.size = value(1);
            }
        }
    }

    fn font(&mut self, name: &[u8], resources: &Dictionary) -> Option<Rc<Font>> {
        let fonts = resources.get_deref(b"Font", self.doc).and_then(Object::as_dict).ok()?;
        let (id, font) = self.doc.dereference(fonts.get(name).ok()?).ok()?;
        if let Some(known) = id.and_then(|id| self.fonts.get(&id)) {
            return Some(Rc::clone(known));
        }
        if self.fonts.len() >= PDF_FONTS {
            self.budget.exceeded = true;
            return None;
        }
        let font = Rc::new(Font::read(self.doc, font.as_dict().ok()?));
        // A font written in place is read each time: its reading is bounded by the operations left.
        self.budget.operations = self.budget.operations.saturating_sub(500);
        if let Some(id) = id {
            self.fonts.insert(id, Rc::clone(&font));
        }
        Some(font)
    }

    fn show_operation(&mut self, operator: &str, operands: &[Object], run: &mut Run<'_>, page: &mut Page) {
        match operator {
            "'" => run.next_line(0.0, -run.state.leading),
            "\"" => {
                let values = numbers(operands);
                run.state.word_spacing = values.first().copied().unwrap_or_default();
                run.state.letter_spacing = values.get(1).copied().unwrap_or_default();
                run.next_line(0.0, -run.state.leading);
            }
            _ => {}
        }
        let Some(shown) = operands.last() else { return };
        let pieces = match shown {
            Object::Array(pieces) => pieces.as_slice(),
            other => std::slice::from_ref(other),
        };
        for piece in pieces {
            if let Object::String(octets, _) = piece {
                self.show(octets, run, page);
            } else if let Ok(back) = piece.as_float() {
                run.advance(-back / 1_000.0 * run.state.size * run.state.stretch);
            }
        }
    }

    fn show(&mut self, octets: &[u8], run: &mut Run<'_>, page: &mut Page) {
        let Some(font) = run.state.font.clone() else {
            page.unknown_codes += octets.len();
            return;
        };
        let hidden = run.marked.iter().any(|marked| marked.hidden);
        for shown in font.show(octets) {
            if page.drawn.len() >= PDF_PAGE_GLYPHS || self.budget.glyphs == 0 {
                self.budget.exceeded = true;
                return;
            }
            self.budget.glyphs -= 1;
            let state = &run.state;
            let spacing = state.letter_spacing + if shown.is_space { state.word_spacing } else { 0.0 };
            let advance = (shown.width / 1_000.0 * state.size + spacing) * state.stretch;
            if shown.text.is_empty() {
                page.unknown_codes += 1;
            }
            page.doubtful |= font.doubtful && shown.text.contains(|c: char| c.is_ascii_digit());
            run.place(&shown.text, advance, hidden, page);
            run.advance(advance);
        }
    }

    fn graphics_state(&self, operator: &str, operands: &[Object], run: &mut Run<'_>) {
        match operator {
            "q" if run.saved.len() < PDF_SAVED_STATES => run.saved.push(run.state.clone()),
            "Q" => run.state = run.saved.pop().unwrap_or_else(|| run.state.clone()),
            "cm" => {
                if let Some(matrix) = Matrix::of(operands) {
                    run.state.matrix = matrix.then(&run.state.matrix);
                }
            }
            "gs" => {
                if let Some(settings) = named(self.doc, run.resources, b"ExtGState", operands) {
                    run.state.paint.settings(self.doc, settings);
                }
            }
            _ => {}
        }
    }

    fn colour(&self, operator: &str, operands: &[Object], run: &mut Run<'_>) {
        let paint = &mut run.state.paint;
        match operator {
            "g" => paint.set(Space::Gray, operands),
            "rg" => paint.set(Space::Rgb, operands),
            "k" => paint.set(Space::Cmyk, operands),
            "cs" => paint.space = Space::of(self.doc, run.resources, operands.first()),
            _ => paint.set(paint.space, operands),
        }
    }

    fn marked(&self, operator: &str, operands: &[Object], run: &mut Run<'_>, page: &mut Page) {
        if operator == "EMC" {
            if run.marked.len() > 1
                && let Some(Marked { actual: Some((actual, before)), .. }) = run.marked.pop()
            {
                let glyphs = page.drawn.get(before..).unwrap_or_default();
                let says: String = glyphs.iter().map(|drawn| drawn.glyph.character).collect();
                page.replaced.push((actual, says));
            }
            return;
        }
        if run.marked.len() > PDF_SAVED_STATES {
            return;
        }
        let mut marked = Marked { hidden: false, actual: None };
        let tag = operands.first().and_then(|tag| tag.as_name().ok()).unwrap_or_default();
        let properties = match operands.get(1) {
            Some(Object::Dictionary(properties)) => Some(properties),
            Some(_) => named(self.doc, run.resources, b"Properties", operands.get(1..).unwrap_or_default()),
            None => None,
        };
        if tag == b"OC" {
            let all = run.resources.get_deref(b"Properties", self.doc).and_then(Object::as_dict).ok();
            let name = operands.get(1).and_then(|name| name.as_name().ok()).unwrap_or_default();
            marked.hidden = all.and_then(|all| all.get(name).ok()).is_some_and(|group| self.is_off(group));
        } else if let Some(text) = properties.and_then(|p| p.get_deref(b"ActualText", self.doc).ok()) {
            marked.actual = lopdf::decode_text_string(text).ok().map(|text| (text, page.drawn.len()));
        }
        run.marked.push(marked);
    }

    /// Whether a group, or every group of a membership dictionary, is switched off (ISO 32000-1, 8.11).
    fn is_off(&self, group: &Object) -> bool {
        if group.as_reference().is_ok_and(|id| self.off.contains(&id)) {
            return true;
        }
        let members = self.doc.dereference(group).ok().and_then(|(_, group)| group.as_dict().ok());
        match members.and_then(|members| members.get(b"OCGs").ok()) {
            Some(Object::Array(groups)) => {
                let mut ids = groups.iter().take(64).filter_map(|group| group.as_reference().ok()).peekable();
                ids.peek().is_some() && ids.all(|id| self.off.contains(&id))
            }
            Some(group) => group.as_reference().is_ok_and(|id| self.off.contains(&id)),
            None => false,
        }
    }

    fn object(&mut self, operands: &[Object], run: &mut Run<'_>, page: &mut Page) {
        let Some(Ok(name)) = operands.first().map(Object::as_name) else { return };
        let objects = run.resources.get_deref(b"XObject", self.doc).and_then(Object::as_dict);
        let Ok(object) = objects.and_then(|objects| objects.get(name)) else { return };
        let Ok((Some(id), Object::Stream(stream))) = self.doc.dereference(object) else {
            page.damaged = true;
            return;
        };
        let off = stream.dict.get(b"OC").is_ok_and(|group| self.is_off(group));
        let hidden = off || run.marked.iter().any(|marked| marked.hidden);
        if stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Image") {
            let clear = [b"SMask".as_slice(), b"Mask", b"ImageMask"].iter().any(|key| stream.dict.has(key));
            if !hidden {
                self.image(run, !clear, page);
            }
            return;
        }
        let state = run.state.clone();
        self.form(id, stream, run.resources, &state, hidden, page);
    }

    fn image(&self, run: &Run<'_>, opaque: bool, page: &mut Page) {
        let unit = Area { left: 0.0, bottom: 0.0, right: 1.0, top: 1.0 };
        let area = unit.under(&run.state.matrix).shared(&run.state.clip);
        page.image_size += area.size();
        page.pictures += usize::from(area.right - area.left >= CODE && area.top - area.bottom >= CODE);
        page.fill(area, None, opaque && run.state.paint.is_opaque());
    }

    fn form(
        &mut self,
        id: ObjectId,
        stream: &Stream,
        outer: &Dictionary,
        state: &State,
        hidden: bool,
        page: &mut Page,
    ) {
        if self.running.contains(&id) {
            return;
        }
        let content = stream.get_plain_content_with_limit(self.budget.form_octets);
        if self.running.len() >= PDF_FORM_DEPTH || self.budget.forms == 0 {
            self.budget.exceeded = true;
            return;
        }
        let Ok(content) = content else {
            self.budget.exceeded = true;
            return;
        };
        self.budget.forms -= 1;
        self.budget.form_octets -= content.len().min(self.budget.form_octets);
        let mut state = state.clone();
        let matrix = stream.dict.get_deref(b"Matrix", self.doc).and_then(Object::as_array).ok();
        if let Some(matrix) = matrix.and_then(|matrix| Matrix::of(matrix)) {
            state.matrix = matrix.then(&state.matrix);
        }
        if let Ok(bounds) = stream.dict.get_deref(b"BBox", self.doc).and_then(Object::as_array)
            && let Some(bounds) = Area::of(bounds)
        {
            state.clip = state.clip.shared(&bounds.under(&state.matrix));
        }
        let own = stream.dict.get_deref(b"Resources", self.doc).and_then(Object::as_dict);
        self.running.push(id);
        self.run(&content, own.unwrap_or(outer), state, hidden, page);
        self.running.pop();
    }

    fn path(&self, operator: &str, operands: &[Object], run: &mut Run<'_>, page: &mut Page) {
        let values = numbers(operands);
        let value = |at: usize| values.get(at).copied().unwrap_or_default();
        match operator {
            "m" => {
                run.shapes += 1;
                run.to(value(0), value(1));
            }
            "l" => run.to(value(0), value(1)),
            "c" => run.to(value(4), value(5)),
            "v" | "y" => run.to(value(2), value(3)),
            "re" => {
                run.shapes += 1;
                run.to(value(0), value(1));
                run.to(value(0) + value(2), value(1) + value(3));
            }
            "W" | "W*" => run.clips = true,
            "f" | "F" | "f*" | "B" | "B*" | "b" | "b*" => {
                if let Some(area) = run.path {
                    let paint = &run.state.paint;
                    page.fill(area.shared(&run.state.clip), paint.ink, paint.is_opaque());
                }
                page.shapes += run.shapes;
                run.end_path();
            }
            "S" | "s" | "n" => run.end_path(),
            "sh" => page.fill(run.state.clip, None, false),
            _ => {}
        }
    }
}

/// An entry of one kind of a page's resources, by the name that is the first operand.
fn named<'d>(
    doc: &'d Document,
    resources: &'d Dictionary,
    kind: &[u8],
    operands: &[Object],
) -> Option<&'d Dictionary> {
    let name = operands.first()?.as_name().ok()?;
    let entries = resources.get_deref(kind, doc).and_then(Object::as_dict).ok()?;
    entries.get_deref(name, doc).and_then(Object::as_dict).ok()
}
