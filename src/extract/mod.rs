//! Stage 2, extract: a parsed message → what it says about a payment, each statement with its place.
//!
//! Pure and total. Text and HTML are read here, in one pass per finder; what cannot be read is listed as unchecked.
//! Three seams take additions of one file and one line: document formats (`formats`), finders of values (`fields`),
//! and words (`rules/lexicons`).

mod category;
mod fields;
mod formats;
mod html;
mod lexicon;
mod normalise;
pub mod pdf;

#[cfg(test)]
mod tests;

pub use category::category;

use crate::limits::{MAX_DOCUMENTS, TEXT_HEAD, TEXT_PER_MESSAGE, TEXT_TAIL};
use crate::model::{
    ContentDisposition, DocumentReport, Gap, Message, Part, PartContent, PartKind, PaymentClaims, Place,
    Sourced,
};

/// Reads every part and attachment and collects accounts, amounts, numbers, dates and phrases.
///
/// Never fails: parts that were not read in full are in `documents` and `unchecked`, with the gaps of the parser.
/// The cost is linear in the text, which is cut to `limits::TEXT_HEAD` + `limits::TEXT_TAIL` per part and
/// `limits::TEXT_PER_MESSAGE` per message.
#[must_use]
pub fn payment_claims(message: &Message) -> PaymentClaims {
    let mut reader = Reader { claims: PaymentClaims::default(), budget: TEXT_PER_MESSAGE, opened: 0 };
    reader.claims.unchecked.clone_from(&message.gaps);
    let subject = Place { part: PartKind::Body, name: None, page: None, index: 0, hidden: false };
    reader.text(&message.subject, subject);
    for (index, part) in message.parts.iter().enumerate() {
        reader.part(message, index, part);
    }
    let mut claims = reader.claims;
    claims.category = category::category(&claims, message);
    claims
}

/// Builds the word tables now: at start, so that the first message does not wait for them.
pub fn prepare() {
    lexicon::prepare();
}

struct Reader {
    claims: PaymentClaims,
    /// Octets of text that may still be analysed.
    budget: usize,
    /// Attachments whose content was opened.
    opened: usize,
}

impl Reader {
    fn part(&mut self, message: &Message, index: usize, part: &Part) {
        let name = name_of(message, index);
        let body = is_body(part);
        if let Some(shown) = &part.name {
            let place = Place {
                part: PartKind::Attachment,
                name: Some(name.clone()),
                page: None,
                index,
                hidden: false,
            };
            // What a client shows beside its paper clip is read by people too.
            self.text(shown, place);
        }
        let mut error = match &part.content {
            PartContent::Multipart => return,
            PartContent::AttachedMessage => None,
            _ => {
                let parent = part.parent.and_then(|at| message.parts.get(at));
                let format = formats::of(part, parent);
                if !body && format.opens() && self.opened >= MAX_DOCUMENTS {
                    Some("limit")
                } else {
                    self.opened += usize::from(!body && format.opens());
                    let reading = format.read(part);
                    let read_in_full = self.reading(part, index, &name, body, &reading);
                    reading.error.or((!read_in_full).then_some("limit"))
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
            self.claims.documents.push(DocumentReport { name, media_type, read: error.is_none(), error });
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
        let place = |hidden| Place { part: kind, name: shown.clone(), page: None, index, hidden };
        let visible = self.text(&reading.visible, place(false));
        let hidden = self.text(&reading.hidden, place(true));
        visible && hidden
    }

    /// Runs all finders over one text; false when a limit cut it.
    fn text(&mut self, text: &str, place: Place) -> bool {
        if text.trim().is_empty() {
            return true;
        }
        let allowed = self.budget.min(TEXT_HEAD + TEXT_TAIL);
        let complete = text.len() <= allowed;
        let cut = cut(text, allowed);
        self.budget -= cut.len().min(self.budget);
        let view = fields::View::new(&cut, place);
        for finder in fields::FINDERS {
            finder.find(&view, &mut self.claims);
        }
        for found in lexicon::scan(&view.text) {
            let value = (found.family.to_owned(), found.phrase.to_owned());
            // A phrase that the recipient sees is worth more than the same one hidden.
            match self.claims.phrases.iter_mut().find(|p| p.value == value) {
                Some(known) if known.place.hidden && !view.place.hidden => known.place = view.place.clone(),
                Some(_) => {}
                None => self.claims.phrases.push(Sourced { value, place: view.place.clone() }),
            }
        }
        complete && !view.is_truncated()
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
fn cut(text: &str, allowed: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= allowed {
        return text.into();
    }
    let tail = allowed / 4;
    let head_end = floor(text, allowed - tail);
    let tail_start = floor(text, text.len() - tail);
    let head = text.get(..head_end).unwrap_or_default();
    // The cut must join nothing.
    format!("{head}\n{}\n{}", normalise::CUT, text.get(tail_start..).unwrap_or_default()).into()
}

/// The largest character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
