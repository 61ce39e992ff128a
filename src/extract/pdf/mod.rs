//! PDF → its text page by page, what people see apart from what they do not, with links, form values and attached files.
//!
//! `lopdf` gives the objects; what is drawn where is followed here (`canvas`), because only positions tell reading order
//! and only the order of drawing tells what is covered. Pure, and bounded by `limits::PDF_*`. It belongs into a process
//! that may be killed all the same: the parser below is not ours.
//!
//! Not known here: what a glyph looks like (a font may call a 7 a 1), and the content of images. Which pages somebody has
//! to look at for that is in [`PdfReading::looks`].

mod around;
mod canvas;
mod font;
mod geometry;
mod layout;
mod make;
mod paint;
mod seen;
mod state;
#[cfg(test)]
mod tests;
mod tree;

use crate::limits::{
    MAX_ANCHOR_TEXT, PDF_CODE_SHAPES, PDF_HEAD_PAGES, PDF_OCTETS, PDF_STREAM_OCTETS, PDF_TAIL_PAGES,
    PDF_TEXT_OCTETS,
};
use canvas::Canvas;
use geometry::Area;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};
use memchr::memmem;
use seen::Page;

/// Characters without a name that may be an account: the shortest have six digits.
const FEWEST_DIGITS: usize = 6;

/// Letters of a page below which they are the label of an image, not the text of the page.
const FEW_LETTERS: usize = 40;
/// Share of a page from which images lie under or over its text.
const MOSTLY: f32 = 0.8;

/// A text of a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PdfText {
    /// The text; words of one line are separated by spaces, wide gaps by a tab.
    pub text: String,
    /// Whether people do not see it (no ink, colour of the ground, covered, clipped, layer switched off …).
    pub hidden: bool,
    /// Text that a scanner recognised and laid under the image of the page.
    pub recognised: bool,
    /// Page from 1; `None` for what belongs to the whole document.
    pub page: Option<u32>,
}

/// A file inside a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its name as given.
    pub name: String,
    /// Its media type as given, lower case; often empty.
    pub media_type: String,
    /// Its content, unpacked.
    pub octets: Vec<u8>,
}

/// A page whose texts may not say all that is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLook {
    /// Page from 1.
    pub page: u32,
    /// It has images or shapes that may be a QR code.
    pub codes: bool,
    /// Its writing is in an image or in characters without names: without recognition it is not read.
    pub required: bool,
    /// What its text says and what is seen may be two things: an image under or over most of it, a font whose statements
    /// disagree.
    pub doubtful: bool,
}

/// What a PDF says. What could not be read is in `gaps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PdfReading {
    /// Texts, in order of pages. A page with columns comes twice: row by row, and block by block.
    pub texts: Vec<PdfText>,
    /// Page and target of links.
    pub links: Vec<(u32, String)>,
    /// What stands over a link, its first line, and where it leads.
    pub anchors: Vec<(String, String)>,
    /// Files inside.
    pub attached: Vec<Attached>,
    /// Why it was not read in full, in the words of [`crate::model::Gap::why`], each once.
    pub gaps: Vec<&'static str>,
    /// Pages, counted up to `limits::PDF_COUNTED_PAGES`.
    pub pages: usize,
    /// Pages that have to be seen.
    pub looks: Vec<PageLook>,
    /// Program that wrote the file, as it says.
    pub producer: Option<String>,
    /// How it was made (see [`crate::model::DocumentFile::make`]).
    pub make: Option<String>,
    /// Times that the file was added to after it was written (incremental updates).
    pub updates: usize,
    /// Whether it was encrypted, be it with the empty password.
    pub encrypted: bool,
    /// Streams already in `attached`.
    taken: Vec<ObjectId>,
}

impl PdfReading {
    fn gap(&mut self, why: &'static str) {
        if !self.gaps.contains(&why) {
            self.gaps.push(why);
        }
    }

    fn say(&mut self, text: &str, hidden: bool, page: Option<u32>) {
        self.push(PdfText { text: text.to_owned(), hidden, recognised: false, page });
    }

    fn push(&mut self, mut text: PdfText) {
        if text.text.trim().is_empty() {
            return;
        }
        let held: usize = self.texts.iter().map(|text| text.text.len()).sum();
        let left = PDF_TEXT_OCTETS.saturating_sub(held);
        if text.text.len() > left {
            text.text.truncate(text.text.floor_char_boundary(left));
            self.gap("limit");
        }
        self.texts.push(text);
    }
}

/// Whether octets begin as a PDF does, be it after some rubbish, as viewers allow.
#[must_use]
pub fn is_pdf(octets: &[u8]) -> bool {
    memmem::find(octets.get(..1_024).unwrap_or(octets), b"%PDF-").is_some()
}

/// Reads a PDF: the first `limits::PDF_HEAD_PAGES` pages and the last `limits::PDF_TAIL_PAGES`.
///
/// Never fails: what could not be read is in `gaps` (`password`, `damaged`, `limit`, `unsupported` for text that only an
/// image holds or whose characters the file does not name).
#[must_use]
pub fn read(octets: &[u8]) -> PdfReading {
    let mut reading = PdfReading::default();
    if octets.len() > PDF_OCTETS {
        reading.gap("limit");
        return reading;
    }
    let options = LoadOptions::with_max_decompressed_size(PDF_STREAM_OCTETS);
    let doc = match Document::load_mem_with_options(octets, options) {
        Ok(doc) => doc,
        Err(_) => {
            reading.encrypted = memmem::find(octets, b"/Encrypt").is_some();
            reading.gap(if reading.encrypted { "password" } else { "damaged" });
            return reading;
        }
    };
    reading.encrypted = doc.was_encrypted() || doc.trailer.has(b"Encrypt");
    if doc.trailer.has(b"Encrypt") && !doc.was_encrypted() {
        // The library reports success with no text.
        reading.gap("password");
        return reading;
    }
    facts(&doc, octets, &mut reading);
    around::files(&doc, &mut reading);
    around::form_values(&doc, &mut reading);
    pages(&doc, octets, &mut reading);
    reading
}

fn facts(doc: &Document, octets: &[u8], reading: &mut PdfReading) {
    reading.producer = make::program(doc, b"Producer");
    // A linearised file has two marks from the start.
    let marks = memmem::find_iter(octets, b"%%EOF").take(1_000).count();
    reading.updates = marks.saturating_sub(1 + usize::from(doc.linearization.is_some()));
}

fn pages(doc: &Document, octets: &[u8], reading: &mut PdfReading) {
    let pages = tree::pages(doc);
    reading.pages = pages.counted;
    if pages.damaged {
        reading.gap("damaged");
    }
    reading.make = make::of(doc, octets, &pages.found);
    let tail = pages.counted.saturating_sub(PDF_TAIL_PAGES).max(PDF_HEAD_PAGES);
    if pages.more {
        reading.gap("limit");
    }
    let mut canvas = Canvas::new(doc, around::layers_off(doc));
    for (number, id) in pages.found {
        let index = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        if index < PDF_HEAD_PAGES || index >= tail {
            page(&mut canvas, id, number, reading);
        } else {
            reading.gap("limit");
        }
    }
    if canvas.budget.exceeded {
        reading.gap("limit");
    }
}

fn page(canvas: &mut Canvas<'_>, id: ObjectId, number: u32, reading: &mut PdfReading) {
    let doc = canvas.doc;
    let shown = shown_area(doc, id);
    let empty = Dictionary::new();
    let resources = inherited(doc, id, b"Resources").and_then(|found| found.as_dict().ok()).unwrap_or(&empty);
    let mut page = Page::default();
    if let Ok(dict) = doc.get_dictionary(id) {
        let (content, gap) = tree::content(doc, dict);
        gap.into_iter().for_each(|why| reading.gap(why));
        canvas.draw(&content, resources, shown, &mut page);
    }
    around::annotations(canvas, id, number, shown, &mut page, reading);
    report(&page, shown, number, reading);
}

/// Turns what was drawn into texts and gaps.
fn report(page: &Page, shown: Area, number: u32, reading: &mut PdfReading) {
    let (seen, unseen): (Vec<_>, Vec<_>) = page.drawn.iter().partition(|drawn| page.shows(drawn));
    let is_text = |drawn: &&seen::Drawn| !drawn.glyph.character.is_whitespace();
    let letters = seen.iter().filter(|drawn| is_text(drawn)).count();
    let any_seen = letters > 0;
    let scanned = page.image_size > 0.3 * shown.size();
    let (recognised, hidden): (Vec<_>, Vec<_>) =
        unseen.into_iter().partition(|drawn| drawn.invisible && scanned && !any_seen);
    anchors(page, &seen, reading);
    for (drawn, hidden, by_scanner) in
        [(seen, false, false), (recognised, false, true), (hidden, true, false)]
    {
        let glyphs: Vec<_> = drawn.iter().map(|drawn| drawn.glyph).collect();
        for text in layout::text(&glyphs) {
            reading.push(PdfText { text, hidden, recognised: by_scanner, page: Some(number) });
        }
    }
    for (actual, glyphs) in &page.replaced {
        let bare =
            |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '\u{AD}').collect::<String>();
        if bare(actual) != bare(glyphs) {
            reading.say(actual, !bare(glyphs).is_empty(), Some(number));
        }
    }
    if page.damaged {
        reading.gap("damaged");
    }
    // An image of a page, with or without a text that nobody sees: what it shows is not known.
    let required = page.unknown_codes >= FEWEST_DIGITS || scanned && letters < FEW_LETTERS;
    let look = PageLook {
        page: number,
        codes: page.pictures > 0 || page.shapes >= PDF_CODE_SHAPES,
        required,
        doubtful: page.doubtful || page.image_size > MOSTLY * shown.size(),
    };
    if required {
        reading.gap("unsupported");
    }
    if look.codes || look.required || look.doubtful {
        reading.looks.push(look);
    }
}

/// What is seen over each link: its first line, for an address is at most broken at its end.
fn anchors(page: &Page, seen: &[seen::Drawn], reading: &mut PdfReading) {
    for (place, target) in &page.links {
        let over = seen.iter().filter(|drawn| place.holds(drawn.at.0, drawn.at.1)).map(|drawn| drawn.glyph);
        let glyphs: Vec<_> = over.take(MAX_ANCHOR_TEXT + 1).collect();
        if glyphs.len() > MAX_ANCHOR_TEXT {
            continue;
        }
        let text = layout::text(&glyphs).into_iter().next().unwrap_or_default();
        if let Some(line) = text.lines().map(str::trim).find(|line| !line.is_empty()) {
            reading.anchors.push((line.to_owned(), target.clone()));
        }
    }
}

/// The part of a page that is shown, in points: its crop box within its media box.
fn shown_area(doc: &Document, id: ObjectId) -> Area {
    let area =
        |key| inherited(doc, id, key).and_then(|found| found.as_array().ok()).and_then(|a| Area::of(a));
    let media = area(b"MediaBox".as_slice());
    match (media, area(b"CropBox".as_slice())) {
        (Some(media), Some(crop)) if media.shared(&crop).size() > 0.0 => media.shared(&crop),
        (Some(media), _) if media.size() > 0.0 => media,
        _ => Area::EVERYTHING,
    }
}

/// An attribute of a page, or of the nearest ancestor that has it.
fn inherited<'d>(doc: &'d Document, page: ObjectId, key: &[u8]) -> Option<&'d Object> {
    let mut node = doc.get_dictionary(page).ok()?;
    for _ in 0..crate::limits::PDF_TREE_DEPTH {
        if let Ok(found) = node.get_deref(key, doc) {
            return Some(found);
        }
        node = node.get_deref(b"Parent", doc).and_then(Object::as_dict).ok()?;
    }
    None
}
