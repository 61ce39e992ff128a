//! Presentations (PresentationML): the text of slides; notes, comments and hidden slides apart.

use super::markup::Markup;
use super::office::{Types, visit};
use super::package::Package;
use super::reading::Reading;
use super::xml::{Tag, Visitor};
use std::collections::BTreeSet;

/// Reads all slides and what belongs to them.
pub(super) fn read(package: &mut Package<'_>, types: &Types, reading: &mut Reading<'_>) {
    let no_styles = BTreeSet::new();
    let mut slides = 0;
    for part in package.names().to_vec() {
        let kind = types.of(&part).to_owned();
        if !kind.contains("presentationml") && !kind.contains("drawingml") || !kind.ends_with("+xml") {
            continue;
        }
        let is_slide = kind.ends_with(".slide+xml");
        slides += u32::from(is_slide);
        let page = is_slide.then(|| number(&part)).flatten();
        let aside = ["notes", "comment", "handout"].iter().any(|word| kind.contains(word));
        let mut slide = Slide { markup: Markup::new(&no_styles), hidden: aside };
        visit(package, &part, &mut slide, reading);
        slide.markup.finish(page, reading);
    }
    reading.file.pages = Some(slides);
}

/// `ppt/slides/slide12.xml` is slide 12.
fn number(part: &str) -> Option<u32> {
    let stem = part.rsplit('/').next()?.split('.').next()?;
    stem.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

struct Slide<'s> {
    markup: Markup<'s>,
    hidden: bool,
}

impl Visitor for Slide<'_> {
    fn open(&mut self, tag: &Tag<'_>) {
        if tag.name() == "sld" {
            self.hidden |= matches!(tag.text("show").as_str(), "0" | "false");
        }
        self.markup.all_hidden = self.hidden;
        self.markup.open(tag);
    }
    fn close(&mut self, name: &str) {
        self.markup.close(name);
    }
    fn text(&mut self, text: &str) {
        self.markup.text(text);
    }
    fn is_full(&self) -> bool {
        self.markup.is_full()
    }
}
