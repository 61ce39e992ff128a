//! Stage 2, extract: a parsed message → what it says about a payment, each statement with its place.
//!
//! Pure and total. Text and HTML are read here, in one pass per finder; what cannot be read is listed as unchecked.
//! Three seams take additions of one file and one line: document formats (`formats`), finders of values (`fields`),
//! and words (`rules/lexicons`).

mod anchors;
mod category;
mod directory;
pub mod documents;
mod drawn;
mod fields;
mod formats;
mod html;
mod lexicon;
mod names;
mod normalise;
mod page_pictures;
mod pay_pages;
pub mod pdf;
mod percent;
mod quote;
mod sight;
mod spelled;
mod wanted;

#[cfg(test)]
mod further_tests;
#[cfg(test)]
mod pairs_tests;
#[cfg(test)]
mod pieces_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;

use category::{Signs, Zone};
use wanted::{Opened, is_opened};

pub use wanted::{Wanted, wanted};

use crate::limits::{MAX_PHRASES, TEXT_HEAD, TEXT_PER_MESSAGE, TEXT_TAIL};
use crate::model::{
    AccountClaim, ContentDisposition, Document, DocumentFile, DocumentReport, Gap, Message, Part,
    PartContent, PartKind, PaymentClaims, Place, Sourced, SpanKind, Unread,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Stands between texts that do not belong together: longer than any gap inside a number, so that none is read across.
const BETWEEN: &str = "\n= = = = = = = =\n";

/// What became of the wanted parts, by index.
pub type Documents = BTreeMap<usize, Document>;

/// Reads every part and attachment and collects accounts, amounts, numbers, dates and phrases.
///
/// Never fails: parts that were not read in full are in `documents` and `unchecked`, with the gaps of the parser.
/// The cost is linear in the text, which is cut to `limits::TEXT_HEAD` + `limits::TEXT_TAIL` per part and
/// `limits::TEXT_PER_MESSAGE` per message. `documents` is what became of the [`wanted()`] parts.
#[must_use]
pub fn payment_claims(message: &Message, documents: &Documents) -> PaymentClaims {
    let mut reader = Reader {
        claims: PaymentClaims::default(),
        signs: Signs::default(),
        documents,
        budget: TEXT_PER_MESSAGE,
        labels: fields::labels::MAX_LABELS,
        opened: Opened::default(),
        pieces: fields::Pieces::default(),
    };
    reader.claims.unchecked.clone_from(&message.gaps);
    reader.text(&message.subject, Place::of(PartKind::Body, 0), Some(Zone::Subject));
    // The list of a mailbox shows the name of the sender beside the subject.
    for name in message.from.iter().filter_map(|from| from.name.as_deref()).take(crate::limits::SENDER_NAMES)
    {
        let view = fields::View::new(name, Place::of(PartKind::Body, 0));
        fields::read(name, &view, &mut reader.claims);
        reader.pieces.collect(&view);
    }
    for (index, part) in message.parts.iter().enumerate() {
        reader.part(message, index, part);
    }
    reader.pictures_of_pages(message);
    let Reader { mut claims, signs, pieces, .. } = reader;
    pieces.settle(&mut claims);
    (claims.category, claims.category_because) = category::category(&signs, &claims);
    claims
}

/// The texts of one part of HTML, what is seen first: what `tests/fuzz` calls.
#[doc(hidden)]
#[must_use]
pub fn texts_of_html(html: &str) -> [String; 3] {
    let read = html::read(html);
    let rest = read.not_shown();
    [read.visible, rest, read.links]
}

/// Builds the word tables now: at start, so that the first message does not wait for them.
pub fn prepare() {
    lexicon::prepare();
    fields::labels::prepare();
}

struct Reader<'d> {
    claims: PaymentClaims,
    documents: &'d Documents,
    /// What speaks for which category.
    signs: Signs,
    /// Octets of text that may still be analysed.
    budget: usize,
    /// Labels that may still be followed.
    labels: usize,
    /// Attachments whose content was opened.
    opened: Opened,
    /// Bank details in pieces.
    pieces: fields::Pieces,
}

impl Reader<'_> {
    fn part(&mut self, message: &Message, index: usize, part: &Part) {
        let name = name_of(message, index);
        let body = is_body(part);
        if let Some(shown) = &part.name {
            // What a client shows beside its paper clip is read by people too.
            self.text(shown, attached(index, &name), Some(Zone::FileName));
        }
        let mut error = match &part.content {
            PartContent::Multipart => return,
            PartContent::AttachedMessage => None,
            _ => {
                let parent = part.parent.and_then(|at| message.parts.get(at));
                let format = formats::of(part, parent);
                if !is_opened(format, part, &mut self.opened) {
                    // One more icon counts as read, as all that decorate do.
                    (!format.decorates()).then_some("limit")
                } else if let Some(document) =
                    self.documents.get(&index).filter(|document| says_something(document))
                {
                    self.document(message, index, &name, document, format.decorates());
                    return;
                } else {
                    let reading = format.read(part);
                    let read_in_full = self.reading(part, index, &name, body, &reading);
                    let failed =
                        self.documents.get(&index).and_then(|document| document.files.first()?.gaps.first());
                    let failed = failed.filter(|_| !format.decorates());
                    failed.map(|why| why.as_str()).or(reading.error).or((!read_in_full).then_some("limit"))
                }
            }
        };
        if let Some(why) = error {
            self.unchecked(&name, why);
        }
        if !body && !is_text_of_attached_message(part) {
            // What the parser could not decode was not read either.
            let gap = message.gaps.iter().find(|gap| gap.what == name);
            let error = error.take().map(str::to_owned).or_else(|| gap.map(|gap| gap.why.clone()));
            let media_type = part.media_type.clone();
            let read = error.is_none();
            self.claims.documents.push(DocumentReport { name, media_type, read, error, make: None });
        }
    }

    /// Analyses both texts of a part; false when a limit cut them.
    fn reading(
        &mut self,
        part: &Part,
        index: usize,
        name: &str,
        body: bool,
        reading: &formats::Reading<'_>,
    ) -> bool {
        let kind = match (&part.content, body) {
            (PartContent::Html(_), true) => PartKind::Html,
            (_, true) => PartKind::Body,
            (_, false) => PartKind::Attachment,
        };
        let shown = (kind == PartKind::Attachment).then(|| name.to_owned());
        let place = |hidden| Place { name: shown.clone(), hidden, ..Place::of(kind, index) };
        let zone = if kind == PartKind::Attachment { Zone::Document } else { Zone::Written };
        let visible = self.text(&reading.visible, place(false), Some(zone));
        let hidden = self.text(&reading.hidden, place(true), None);
        fields::read_links(&reading.links, &place(false), &mut self.claims);
        anchors::read(&reading.anchors, &mut self.claims);
        pay_pages::of_anchors(&reading.anchors, &reading.visible, &mut self.claims);
        visible && hidden
    }

    /// Analyses what a reader of documents got out of a part, and of the files inside it.
    fn document(
        &mut self,
        message: &Message,
        index: usize,
        name: &str,
        document: &Document,
        decorates: bool,
    ) {
        let declared = message.parts.get(index).map_or("", |part| part.media_type.as_str());
        for file in &document.files {
            let inside = !file.path.is_empty();
            let name = if inside { format!("{name}/{}", file.path) } else { name.to_owned() };
            let place = attached(index, &name);
            if inside {
                self.text(&file.path, place.clone(), Some(Zone::FileName));
            }
            // A picture that the mail shows inside its text counts as read.
            let mut gaps = if decorates { Vec::new() } else { file.gaps.clone() };
            if !inside && message.gaps.iter().any(|gap| gap.what == name) && gaps.is_empty() {
                // What the parser could not decode was not read either.
                gaps.push(Unread::Damaged);
            }
            for span in &file.spans {
                let zone = (span.kind != SpanKind::Hidden).then_some(Zone::Document);
                if !self.text(&span.text, place.clone().within(span.kind, span.page), zone)
                    && !gaps.contains(&Unread::Limit)
                {
                    gaps.push(Unread::Limit);
                }
            }
            fields::read_links(&file.links.join("\n"), &place, &mut self.claims);
            anchors::read(&file.misleading, &mut self.claims);
            pay_pages::of_targets(&file.links, &mut self.claims);
            if self.asks_in_vain(file, &place) && !gaps.contains(&Unread::Unsupported) {
                gaps.push(Unread::Unsupported);
            }
            for why in &gaps {
                self.unchecked(&name, why.as_str());
            }
            let media_type = if inside || declared.is_empty() { file.media_type.as_str() } else { declared };
            self.claims.documents.push(DocumentReport {
                name,
                media_type: media_type.to_owned(),
                read: gaps.is_empty(),
                error: gaps.first().map(|why| why.as_str().to_owned()),
                make: file.make.clone(),
            });
        }
    }

    /// Whether text that was recognised in an image announces an account and none was found in it: recognition missed or
    /// misread it, so the page is not read.
    fn asks_in_vain(&self, file: &DocumentFile, place: &Place) -> bool {
        let recognised = file.spans.iter().filter(|span| span.kind == SpanKind::Ocr);
        let pages: BTreeSet<Option<u32>> = recognised.map(|span| span.page).collect();
        pages.into_iter().any(|page| {
            let here = place.clone().within(SpanKind::Ocr, page);
            let at = |claim: &AccountClaim| claim.place == here || claim.also_at.contains(&here);
            let spans = file.spans.iter().filter(|span| span.kind == SpanKind::Ocr && span.page == page);
            let mut asks = spans.map(|span| fields::View::new(&span.text, here.clone()).asks_for_payment());
            !self.claims.accounts.iter().any(at) && asks.any(|asks| asks)
        })
    }

    /// Runs all finders over one text; false when a limit cut it. Without a zone it says nothing about the category.
    fn text(&mut self, text: &str, place: Place, zone: Option<Zone>) -> bool {
        if text.trim().is_empty() {
            return true;
        }
        let allowed = self.budget.min(TEXT_HEAD + TEXT_TAIL);
        let complete = text.len() <= allowed;
        let cut = cut(text, allowed);
        self.budget -= cut.len().min(self.budget);
        let view = fields::View::with_labels(&cut, place, self.labels);
        self.labels -= view.label_count();
        fields::read(&cut, &view, &mut self.claims);
        self.pieces.collect(&view);
        if matches!(zone, Some(Zone::Written | Zone::Document)) {
            pay_pages::of_text(&cut, &mut self.claims);
        }
        match zone {
            Some(Zone::Written) => {
                let (written, quoted) = quote::split(&view.text);
                names::read(&written, &view.place, &mut self.claims);
                self.phrases(&written, &view.place, Some(Zone::Written));
                self.phrases(&quoted, &view.place, Some(Zone::Quoted));
            }
            zone => {
                if zone == Some(Zone::Document) {
                    names::read(&view.text, &view.place, &mut self.claims);
                }
                self.phrases(&view.text, &view.place, zone);
            }
        }
        complete && !view.is_truncated()
    }

    fn phrases(&mut self, text: &str, place: &Place, zone: Option<Zone>) {
        let found = lexicon::scan(text);
        if let Some(zone) = zone {
            self.signs.note(&found, zone);
        }
        for found in found {
            self.phrase((found.family.to_owned(), found.phrase), place);
        }
    }

    fn phrase(&mut self, value: (String, String), place: &Place) {
        let phrases = &mut self.claims.phrases;
        if let Some(known) = phrases.iter_mut().find(|known| known.value == value) {
            // A phrase that the recipient sees is worth more than the same one hidden.
            if known.place.hidden && !place.hidden {
                known.place = place.clone();
            }
            return;
        }
        // Beyond the limit only which families there are still matters.
        if phrases.len() < MAX_PHRASES || !phrases.iter().any(|known| known.value.0 == value.0) {
            phrases.push(Sourced { value, place: place.clone() });
        }
    }

    fn unchecked(&mut self, what: &str, why: &str) {
        let gap = Gap { what: what.to_owned(), why: why.to_owned() };
        if !self.claims.unchecked.contains(&gap) {
            self.claims.unchecked.push(gap);
        }
    }
}

/// The name under which a part is reported: its own, that of the forwarded message whose text it is, or `part-N`.
fn name_of(message: &Message, index: usize) -> String {
    let part = |at: usize| message.parts.get(at);
    let mut at = index;
    // Parents stand before their children, so this ends.
    while part(at).is_some_and(|p| {
        is_text_of_attached_message(p) || (p.in_attached_message && p.content == PartContent::Multipart)
    }) {
        match part(at).and_then(|p| p.parent) {
            Some(parent) => at = parent,
            None => break,
        }
    }
    let given = part(at).and_then(|p| p.name.clone()).filter(|name| !name.is_empty());
    given.unwrap_or_else(|| format!("part-{}", at + 1))
}

/// Visible text of an attachment.
fn attached(index: usize, name: &str) -> Place {
    Place { name: Some(name.to_owned()), ..Place::of(PartKind::Attachment, index) }
        .within(SpanKind::Visible, None)
}

/// Whether a reader was there at all: if not, what can be read here is.
fn says_something(document: &Document) -> bool {
    let failed =
        |why: &Unread| matches!(why, Unread::Unavailable | Unread::Timeout | Unread::Limit | Unread::Damaged);
    match document.files.as_slice() {
        [] => false,
        [only] => !only.spans.is_empty() || only.gaps.is_empty() || !only.gaps.iter().all(failed),
        _ => true,
    }
}

/// Whether a part is text of the message itself, not an attachment.
fn is_body(part: &Part) -> bool {
    let text = matches!(part.content, PartContent::Text(_) | PartContent::Html(_));
    let attached = part.disposition == ContentDisposition::Attachment
        || (part.name.is_some() && part.disposition == ContentDisposition::None && part.parent.is_some());
    text && !attached && !part.in_attached_message
}

/// The text of a forwarded message is reported with that message.
fn is_text_of_attached_message(part: &Part) -> bool {
    let text = matches!(part.content, PartContent::Text(_) | PartContent::Html(_));
    part.in_attached_message
        && text
        && part.disposition != ContentDisposition::Attachment
        && part.name.is_none()
}

/// The head and, where there is more, the tail of a text: fraud stands at the top or in the footer.
fn cut(text: &str, allowed: usize) -> Cow<'_, str> {
    if text.len() <= allowed {
        return text.into();
    }
    let tail = allowed / 4;
    let head_end = floor(text, allowed - tail);
    let tail_start = floor(text, text.len() - tail);
    let head = text.get(..head_end).unwrap_or_default();
    // The cut must join nothing.
    format!("{head}{BETWEEN}{}", text.get(tail_start..).unwrap_or_default()).into()
}

/// The largest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
