//! The graphics and text state while a content stream runs (ISO 32000-1, 8.4 and 9.3).

use super::font::Font;
use super::geometry::{Area, Matrix};
use super::layout::Glyph;
use super::paint::Paint;
use super::seen::{Drawn, Page};
use lopdf::Dictionary;
use std::rc::Rc;

/// Text smaller than this, in points, is not read by people.
const TINY: f32 = 1.0;

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) matrix: Matrix,
    pub(super) clip: Area,
    pub(super) paint: Paint,
    pub(super) font: Option<Rc<Font>>,
    pub(super) size: f32,
    pub(super) letter_spacing: f32,
    pub(super) word_spacing: f32,
    pub(super) stretch: f32,
    pub(super) leading: f32,
    pub(super) rise: f32,
    pub(super) mode: i64,
}

/// A stretch of marked content (ISO 32000-1, 14.6).
pub(super) struct Marked {
    pub(super) hidden: bool,
    /// `/ActualText`, and the number of characters drawn before.
    pub(super) actual: Option<(String, usize)>,
}

/// One content stream being run.
pub(super) struct Run<'r> {
    pub(super) resources: &'r Dictionary,
    pub(super) state: State,
    pub(super) saved: Vec<State>,
    pub(super) text: Matrix,
    pub(super) line: Matrix,
    pub(super) path: Option<Area>,
    /// Parts of the path.
    pub(super) shapes: usize,
    pub(super) clips: bool,
    pub(super) marked: Vec<Marked>,
}

impl State {
    pub(super) fn new(matrix: Matrix, clip: Area) -> Self {
        Self {
            matrix,
            clip,
            paint: Paint::default(),
            font: None,
            size: 0.0,
            letter_spacing: 0.0,
            word_spacing: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            mode: 0,
        }
    }
}

impl Run<'_> {
    pub(super) fn next_line(&mut self, x: f32, y: f32) {
        self.line = Matrix::shift(x, y).then(&self.line);
        self.text = self.line;
    }

    pub(super) fn advance(&mut self, by: f32) {
        self.text = Matrix::shift(by, 0.0).then(&self.text);
    }

    pub(super) fn to(&mut self, x: f32, y: f32) {
        let point = self.state.matrix.apply(x, y);
        let here = Area { left: point.0, bottom: point.1, right: point.0, top: point.1 };
        self.path = Some(self.path.map_or(here, |path| path.joined(&here)));
    }

    pub(super) fn end_path(&mut self) {
        if let (true, Some(area)) = (self.clips, self.path) {
            self.state.clip = self.state.clip.shared(&area);
        }
        (self.path, self.clips, self.shapes) = (None, false, 0);
    }

    /// Notes the characters of one code at the pen.
    pub(super) fn place(&self, text: &str, advance: f32, hidden: bool, page: &mut Page) {
        let state = &self.state;
        let matrix = Matrix::shift(0.0, state.rise).then(&self.text).then(&state.matrix);
        let (x, y) = matrix.apply(0.0, 0.0);
        let (end_x, end_y) = matrix.apply(advance, 0.0);
        let [a, b, c, d, ..] = matrix.0;
        let size = state.size.abs() * c.hypot(d);
        let turn = if a.abs() >= b.abs() {
            if a >= 0.0 { 0 } else { 2 }
        } else if b > 0.0 {
            1
        } else {
            3
        };
        let (along, across) = match turn {
            0 => (x, y),
            1 => (y, -x),
            2 => (-x, -y),
            _ => (-y, x),
        };
        let width = (end_x - x).hypot(end_y - y);
        let (up_x, up_y) = matrix.apply(advance / 2.0, state.size * 0.3);
        let invisible = matches!(state.mode, 3 | 7);
        let hidden =
            hidden || invisible || size < TINY || !state.clip.holds(up_x, up_y) || state.paint.is_clear();
        let characters = text.chars().count().max(1);
        let share = width / f32::from(u16::try_from(characters).unwrap_or(u16::MAX));
        let order = page.order();
        let mut x = along;
        for character in text.chars().take(16) {
            let glyph = Glyph { character, x, y: across, width: share, size, turn };
            let ink = state.paint.ink;
            page.drawn.push(Drawn { glyph, at: (up_x, up_y), ink, order, hidden, invisible });
            x += share;
        }
    }
}
