//! What is only seen: a bitmap is searched for QR codes and, where it may hold writing, handed on for recognition.

use super::reading::Reading;
use crate::extract::sight::{self, Decoded, Grey, Kind};
use crate::limits::SMALL_PICTURE;
use crate::model::{PageImage, SpanKind, Unread};

/// What is to be done about the writing on a bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Writing {
    /// Nothing: it is known otherwise, or there can be none.
    Ignore,
    /// It is recognised where somebody can; the file is read all the same if not.
    Welcome,
    /// The file is not read before somebody recognised it.
    Required,
}

/// Looks at a picture in a file. `page` is said of kinds without pages of their own.
pub(super) fn picture(octets: &[u8], media_type: &str, most: Writing, reading: &mut Reading<'_>) {
    let decoded = sight::pictures(octets, media_type, &mut |decoded| {
        let Decoded { grey, page } = decoded;
        let Some(left) = reading.budget.pixels.checked_sub(grey.area()) else {
            reading.gap(Unread::Unsupported);
            return false;
        };
        reading.budget.pixels = left;
        let writing = match grey.kind() {
            Kind::Decoration => Writing::Ignore,
            Kind::Strip => Writing::Welcome.min(most),
            Kind::Page => most,
        };
        let coded = codes(&grey, page, reading);
        // A picture that is a code is read when the code is.
        let writing = if coded { writing.min(Writing::Welcome) } else { writing };
        hand_on(grey, page, writing, reading);
        true
    });
    // A broken icon shows nothing to anybody.
    if decoded.is_err() && octets.len() >= SMALL_PICTURE && most == Writing::Required {
        reading.gap(Unread::Unsupported);
    }
}

/// Reads the codes on a bitmap; whether there are any.
pub(super) fn codes(grey: &Grey, page: Option<u32>, reading: &mut Reading<'_>) -> bool {
    let sight::Codes { found, crowded } =
        if grey.may_hold_code() { sight::find_codes(grey) } else { sight::Codes::default() };
    if crowded {
        // Who hides a code among a thousand things that look like one: nobody says that it was read.
        reading.gap(Unread::Unsupported);
    }
    for code in &found {
        let code = sight::read_code(code);
        reading.say(SpanKind::Qr, page, &code.text);
        if let Some(link) = code.link {
            reading.link(&link);
        }
    }
    !found.is_empty()
}

/// Hands a bitmap on for recognition, or says that nobody recognises it.
pub(super) fn hand_on(grey: Grey, page: Option<u32>, writing: Writing, reading: &mut Reading<'_>) {
    if writing == Writing::Ignore || !grey.may_hold_writing() {
        return;
    }
    let required = writing == Writing::Required;
    if reading.budget.images == 0 {
        if required {
            reading.gap(Unread::Unsupported);
        }
        return;
    }
    reading.budget.images -= 1;
    let Grey { width, height, pixels } = grey.for_recognition();
    reading.images.push(PageImage { file: 0, page, width, height, required, pixels });
}
