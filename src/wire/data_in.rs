//! Receiving message content: DATA framing (RFC 5321 4.5.2) and BDAT octets (RFC 3030).
//!
//! Content arrives in pieces cut anywhere. Only CR LF `.` CR LF ends DATA; a CR or LF outside CRLF is a [`Fault`], and
//! the reader still goes on to the true end, so that nothing after it can be taken for a command (SMTP smuggling).
//! Once there is a fault the content is dropped: what will be refused costs no memory.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Why content that was read to its end will be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// DATA held a CR or LF outside CRLF.
    BareNewline,
    /// Over the size limit.
    TooBig,
    /// The process has no memory to spare for it right now.
    NoRoom,
}

/// Message octets under a size limit.
#[derive(Debug, Default)]
pub struct Content {
    octets: BytesMut,
    /// Most octets that are kept.
    limit: usize,
    fault: Option<Fault>,
}

impl Content {
    /// Empty content of at most `limit` octets.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { octets: BytesMut::new(), limit, fault: None }
    }

    /// Octets held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Most octets that are kept.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What went wrong.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Makes room up to `total` octets at once, so that growing does not copy step by step.
    pub fn reserve(&mut self, total: usize) {
        self.octets.reserve(total.min(self.limit).saturating_sub(self.octets.len()));
    }

    /// Gives the content up: memory is freed, further octets are dropped. The first fault stands, but for a bare newline:
    /// that makes content wrong for ever, and how it was cut into segments must not decide what its sender hears.
    pub fn give_up(&mut self, fault: Fault) {
        self.octets = BytesMut::new();
        if fault == Fault::BareNewline {
            self.fault = Some(fault);
        }
        self.fault.get_or_insert(fault);
    }

    /// Appends octets verbatim.
    pub fn push(&mut self, octets: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        if octets.len() > self.limit.saturating_sub(self.octets.len()) {
            self.give_up(Fault::TooBig);
        } else {
            self.octets.extend_from_slice(octets);
        }
    }

    /// The whole content.
    ///
    /// # Errors
    /// The fault, if there was one.
    pub fn finish(self) -> Result<Bytes, Fault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.octets.freeze()),
        }
    }
}

/// Where in a line DATA reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start, or after CRLF.
    LineStart,
    /// After a `.` at the start of a line; it is not content.
    Dot,
    /// After `.` CR at the start of a line.
    DotCr,
    /// Inside a line.
    Inside,
    /// After a CR inside a line.
    Cr,
}

/// Undoes the framing of DATA: finds the end, removes the doubled dots.
#[derive(Debug)]
pub struct DataReader {
    place: Place,
    content: Content,
}

impl DataReader {
    /// Starts after the 354.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self { place: Place::LineStart, content }
    }

    /// The content so far.
    pub fn content(&mut self) -> &mut Content {
        &mut self.content
    }

    /// Reads a piece. Returns how many octets of it belong to the data, and whether the data ended there; what follows
    /// the end are commands.
    pub fn read(&mut self, input: &[u8]) -> (usize, bool) {
        // `from..at` is content that was seen and not yet copied: whole runs of lines are copied at once.
        let (mut from, mut at) = (0, 0);
        while let Some(&octet) = input.get(at) {
            match self.place {
                Place::LineStart if octet == b'.' => {
                    self.copy(input, from, at);
                    at += 1;
                    from = at;
                    self.place = Place::Dot;
                }
                Place::LineStart => self.place = Place::Inside,
                Place::Dot if octet == b'\r' => {
                    at += 1;
                    from = at;
                    self.place = Place::DotCr;
                }
                Place::Dot => self.place = Place::Inside,
                Place::DotCr if octet == b'\n' => return (at + 1, true),
                Place::DotCr => {
                    self.content.give_up(Fault::BareNewline);
                    self.place = Place::Inside;
                }
                Place::Inside => at = self.inside(input, at),
                Place::Cr if octet == b'\n' => {
                    at += 1;
                    self.place = Place::LineStart;
                }
                Place::Cr => {
                    self.content.give_up(Fault::BareNewline);
                    self.place = Place::Inside;
                }
            }
        }
        self.copy(input, from, at);
        (at, false)
    }

    /// Runs to the next CR or LF of a line; returns the offset after it.
    fn inside(&mut self, input: &[u8], at: usize) -> usize {
        let rest = input.get(at..).unwrap_or_default();
        let Some(offset) = memchr2(b'\r', b'\n', rest) else {
            return input.len();
        };
        if rest.get(offset) == Some(&b'\r') {
            self.place = Place::Cr;
        } else {
            // A bare LF starts no line: a dot after it ends nothing.
            self.content.give_up(Fault::BareNewline);
        }
        at + offset + 1
    }

    fn copy(&mut self, input: &[u8], from: usize, to: usize) {
        self.content.push(input.get(from..to).unwrap_or_default());
    }

    /// The content, once [`DataReader::read`] said that it ended.
    ///
    /// # Errors
    /// The fault, if there was one.
    pub fn finish(self) -> Result<Bytes, Fault> {
        self.content.finish()
    }
}

/// Collects BDAT chunks verbatim and notes whether they hold a CR or LF outside CRLF.
#[derive(Debug)]
pub struct ChunkReader {
    content: Content,
    /// The last octet so far was CR.
    after_cr: bool,
    bare_newlines: bool,
}

impl ChunkReader {
    /// Starts with the first chunk of a message.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self { content, after_cr: false, bare_newlines: false }
    }

    /// The content so far.
    pub fn content(&mut self) -> &mut Content {
        &mut self.content
    }

    /// Takes a piece of a chunk.
    pub fn read(&mut self, input: &[u8]) {
        if !self.bare_newlines {
            self.bare_newlines = self.look_for_bare_newline(input);
        }
        self.content.push(input);
    }

    fn look_for_bare_newline(&mut self, input: &[u8]) -> bool {
        let mut at = 0;
        while let Some(&octet) = input.get(at) {
            if self.after_cr {
                if octet != b'\n' {
                    return true;
                }
                self.after_cr = false;
                at += 1;
                continue;
            }
            let rest = input.get(at..).unwrap_or_default();
            let Some(offset) = memchr2(b'\r', b'\n', rest) else { return false };
            if rest.get(offset) == Some(&b'\n') {
                return true;
            }
            self.after_cr = true;
            at += offset + 1;
        }
        false
    }

    /// The content after the last chunk, and whether it holds bare newlines.
    ///
    /// # Errors
    /// The fault, if there was one.
    pub fn finish(self) -> Result<(Bytes, bool), Fault> {
        let bare_newlines = self.bare_newlines || self.after_cr;
        self.content.finish().map(|octets| (octets, bare_newlines))
    }
}

#[cfg(test)]
mod tests;
