//! All text of an XML document, one element a line.

use super::xml::{Tag, Visitor};

/// Collects it.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    line: String,
}

impl Lines {
    pub(super) fn finish(mut self) -> String {
        self.end();
        self.text
    }

    fn end(&mut self) {
        let line = self.line.trim();
        if !line.is_empty() {
            self.text.push_str(line);
            self.text.push('\n');
        }
        self.line.clear();
    }
}

impl Visitor for Lines {
    fn open(&mut self, _tag: &Tag<'_>) {
        self.end();
    }
    fn close(&mut self, _name: &str) {
        self.end();
    }
    fn text(&mut self, text: &str) {
        self.line.push_str(text);
    }
}
