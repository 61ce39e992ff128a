//! Properties of Outlook's messages and attachments ([MS-OXPROPS]), as `.msg` files and TNEF hold them.

use super::octets::{ansi, utf16};
use super::reading::Reading;
use super::rtf_packed;
use crate::limits::DOCUMENT_PART;
use crate::model::SpanKind;

/// PtypUnicode.
const UNICODE: u16 = 0x001F;
/// PtypString8.
const STRING8: u16 = 0x001E;

/// A message or an attachment, as far as its properties were seen.
#[derive(Default)]
pub(super) struct Item {
    subject: String,
    body: String,
    html: Vec<u8>,
    rtf: Vec<u8>,
    long_name: String,
    short_name: String,
    media_type: String,
    data: Vec<u8>,
}

impl Item {
    /// Takes a property by its id, with its value as stored.
    pub(super) fn property(&mut self, id: u16, kind: u16, value: &[u8]) {
        let text = || if kind == UNICODE { utf16(value) } else { ansi(value) };
        let is_text = matches!(kind, UNICODE | STRING8);
        match id {
            0x0037 if is_text => self.subject = text(),
            0x1000 if is_text => self.body = text(),
            0x1013 => self.html = if kind == UNICODE { utf16(value).into_bytes() } else { value.to_vec() },
            0x1009 => self.rtf = value.to_vec(),
            0x3701 => self.data = value.to_vec(),
            0x3704 if is_text => self.short_name = text(),
            0x3707 if is_text => self.long_name = text(),
            0x370E if is_text => self.media_type = text().to_ascii_lowercase(),
            _ => {}
        }
    }

    /// Names an attachment as TNEF does.
    pub(super) fn name(&mut self, name: String) {
        self.short_name = name;
    }

    /// Hands on what was found.
    pub(super) fn finish(self, reading: &mut Reading<'_>) {
        reading.say(SpanKind::Visible, None, &self.subject);
        reading.say(SpanKind::Visible, None, &self.body);
        let name = if self.long_name.is_empty() { &self.short_name } else { &self.long_name };
        reading.embed(name, &self.media_type, self.data);
        if self.html.contains(&b'<') {
            reading.embed("body.html", "text/html", self.html);
        }
        if let Some(rtf) = rtf_packed::unpack(&self.rtf, DOCUMENT_PART) {
            reading.embed("body.rtf", "text/rtf", rtf);
        }
    }
}
