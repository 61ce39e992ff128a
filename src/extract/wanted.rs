//! Which parts of a message are opened, and which of them a worker has to read.

use super::formats::{self, DocumentFormat};
use super::{is_body, name_of, page_pictures};
use crate::limits::{MAX_DOCUMENTS, MAX_PICTURES};
use crate::model::{Message, Part, PartContent};
use std::borrow::Cow;

/// A part that a reader of documents shall read.
#[derive(Clone, Debug)]
pub struct Wanted<'m> {
    /// Index of the part.
    pub index: usize,
    /// Its name, or a made-up one.
    pub name: String,
    /// Its declared type.
    pub media_type: Cow<'m, str>,
    /// Its content.
    pub octets: Cow<'m, [u8]>,
    /// The mail shows it inside its text, or it is too small to be a page.
    pub inline: bool,
}

/// The parts that a worker has to read before [`super::payment_claims`] can tell what the message says: at most
/// `limits::MAX_DOCUMENTS`, and none for most mail.
#[must_use]
pub fn wanted(message: &Message) -> Vec<Wanted<'_>> {
    let (mut wanted, mut opened) = (Vec::new(), Opened::default());
    for (index, part) in message.parts.iter().enumerate() {
        let format = formats::of(part, part.parent.and_then(|at| message.parts.get(at)));
        if is_opened(format, part, &mut opened) && format.wants_worker(part) {
            let name = name_of(message, index);
            wanted.push(Wanted {
                index,
                name,
                media_type: Cow::Borrowed(&part.media_type),
                octets: Cow::Borrowed(formats::octets_of(part)),
                inline: format.decorates(),
            });
        }
    }
    wanted.extend(page_pictures::pictures(message).into_iter().map(|picture| Wanted {
        index: picture.index,
        name: picture.name,
        media_type: Cow::Owned(picture.media_type),
        octets: Cow::Owned(picture.octets),
        inline: picture.inline,
    }));
    wanted
}

/// Parts that were opened.
#[derive(Default)]
pub(super) struct Opened {
    documents: usize,
    /// Those that decorate: a signature full of icons must not keep the invoice beside it from being read.
    pictures: usize,
}

/// Whether a part is opened at all, within `limits::MAX_DOCUMENTS` and `limits::MAX_PICTURES`.
pub(super) fn is_opened(format: &dyn DocumentFormat, part: &Part, opened: &mut Opened) -> bool {
    if matches!(part.content, PartContent::Multipart | PartContent::AttachedMessage) {
        return false;
    }
    let costs = format.wants_worker(part) || (!is_body(part) && format.opens());
    let (count, most) = if format.decorates() {
        (&mut opened.pictures, MAX_PICTURES)
    } else {
        (&mut opened.documents, MAX_DOCUMENTS)
    };
    if costs && *count >= most {
        return false;
    }
    *count += usize::from(costs);
    true
}
