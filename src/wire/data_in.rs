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

    /// The first thing that went wrong.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Makes room up to `total` octets at once, so that growing does not copy step by step.
    pub fn reserve(&mut self, total: usize) {
        self.octets.reserve(total.min(self.limit).saturating_sub(self.octets.len()));
    }

    /// Gives the content up: memory is freed, further octets are dropped. The first fault stands.
    pub fn give_up(&mut self, fault: Fault) {
        self.octets = BytesMut::new();
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BIG: usize = 1 << 20;

    /// Dot-stuffs content (which ends with CRLF or is empty) as RFC 5321 4.5.2 asks a client to.
    fn stuff(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut line_start = true;
        for (index, &octet) in content.iter().enumerate() {
            if line_start && octet == b'.' {
                out.push(b'.');
            }
            out.push(octet);
            line_start = octet == b'\n' && index > 0 && content[index - 1] == b'\r';
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    /// Reads pieces until the end; returns what was left and the result.
    fn read_pieces(pieces: &[&[u8]], limit: usize) -> (bool, Vec<u8>, Result<Bytes, Fault>) {
        let mut reader = DataReader::new(Content::new(limit));
        let mut rest = Vec::new();
        let mut ended = false;
        for piece in pieces {
            if ended {
                rest.extend_from_slice(piece);
                continue;
            }
            let (taken, done) = reader.read(piece);
            ended = done;
            rest.extend_from_slice(&piece[taken..]);
        }
        (ended, rest, reader.finish())
    }

    #[test]
    fn framing_is_undone() {
        let cases: &[(&str, &[u8], &[u8], &[u8])] = &[
            ("empty message", b".\r\n", b"", b""),
            ("one line", b"a\r\n.\r\n", b"a\r\n", b""),
            ("first line stuffed", b"..\r\n.\r\n", b".\r\n", b""),
            ("first line stuffed with text", b"..a\r\n.\r\n", b".a\r\n", b""),
            ("single dot is removed", b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", b""),
            ("two dots", b"...\r\n.\r\n", b"..\r\n", b""),
            ("empty lines", b"\r\n\r\n.\r\n", b"\r\n\r\n", b""),
            ("commands follow", b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
            ("NUL is content", b"\0\r\n.\0\r\n.\r\n", b"\0\r\n\0\r\n", b""),
            ("8-bit", b"\xff\xfe\r\n.\r\n", b"\xff\xfe\r\n", b""),
        ];
        for (name, input, content, left) in cases {
            for cut in 0..=input.len() {
                let (head, tail) = input.split_at(cut);
                let (ended, rest, result) = read_pieces(&[head, tail], BIG);
                assert!(ended, "{name} cut at {cut}");
                assert_eq!(result.as_deref(), Ok(*content), "{name} cut at {cut}");
                assert_eq!(rest, *left, "{name} cut at {cut}");
            }
        }
    }

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_the_data() {
        let cases: &[&[u8]] = &[
            b"\n.\n",
            b"\r.\r",
            b"\r\n.\n",
            b"\n.\r\n",
            b"\r\n.\r",
            b"\r.\r\n",
            b"\r\r\n.\n",
            b"\r\n.\r\r\n",
            b"\n\n.\n\n",
            b"\r\n.\n.\n",
            b"\r\n.\r\n\r"[..3].as_ref(),
            b"\r\n.\0\r\n"[..4].as_ref(),
            b"\0.\0\r",
        ];
        for smuggled in cases {
            let mut input = b"a".to_vec();
            input.extend_from_slice(smuggled);
            let end_of_attack = input.len();
            input.extend_from_slice(b"MAIL FROM:<evil@x.example>\r\n.\r\n");
            for cut in 0..=input.len() {
                let (head, tail) = input.split_at(cut);
                let mut reader = DataReader::new(Content::new(BIG));
                let (taken, done) = reader.read(head);
                let total = if done { taken } else { taken + reader.read(tail).0 };
                assert_eq!(total, input.len(), "{smuggled:?} cut at {cut}");
                assert!(total > end_of_attack);
            }
        }
    }

    #[test]
    fn bare_newlines_are_refused_after_the_end() {
        let cases: &[&[u8]] = &[
            b"a\nb\r\n.\r\n",
            b"a\rb\r\n.\r\n",
            b"\n.\r\n\r\n.\r\n",
            b"a\r\n.\rb\r\n.\r\n",
            b"a\r\r\n.\r\n",
            b"a\r\n.\nb\r\n.\r\n",
            b".\n\r\n.\r\n",
        ];
        for input in cases {
            for cut in 0..=input.len() {
                let (head, tail) = input.split_at(cut);
                let (ended, rest, result) = read_pieces(&[head, tail], BIG);
                assert!(ended && rest.is_empty(), "{input:?} cut at {cut}");
                assert_eq!(result, Err(Fault::BareNewline), "{input:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn size_is_counted_after_unstuffing_and_over_size_is_read_to_the_end() {
        let (ended, rest, result) = read_pieces(&[b"..345678\r\n.\r\nNOOP\r\n"], 9);
        assert!(ended);
        assert_eq!((rest.as_slice(), result.as_deref()), (&b"NOOP\r\n"[..], Ok(&b".345678\r\n"[..])));
        let (ended, rest, result) = read_pieces(&[b"123456789\r\n.\r\nNOOP\r\n"], 10);
        assert!(ended);
        assert_eq!((rest.as_slice(), result), (&b"NOOP\r\n"[..], Err(Fault::TooBig)));
    }

    #[test]
    fn given_up_content_frees_its_memory_and_keeps_the_first_fault() {
        let mut content = Content::new(BIG);
        content.push(&[b'x'; 1_000]);
        content.give_up(Fault::NoRoom);
        content.push(b"more");
        content.give_up(Fault::BareNewline);
        assert!(content.is_empty());
        assert_eq!(content.finish(), Err(Fault::NoRoom));
    }

    #[test]
    fn bdat_octets_are_verbatim_and_bare_newlines_noted() {
        let cases: &[(&[u8], bool)] = &[
            (b"", false),
            (b"a\r\n.\r\n..\r\n", false),
            (b"a\nb", true),
            (b"a\rb", true),
            (b"a\r", true),
            (b"\n", true),
            (b"\r\r\n", true),
            (b"\r\n\n", true),
            (b"no line end", false),
        ];
        for (input, bare) in cases {
            for cut in 0..=input.len() {
                let mut reader = ChunkReader::new(Content::new(BIG));
                let (head, tail) = input.split_at(cut);
                reader.read(head);
                reader.read(tail);
                let (octets, found) = reader.finish().unwrap();
                assert_eq!((octets.as_ref(), found), (*input, *bare), "{input:?} cut at {cut}");
            }
        }
    }

    /// Lines made of the octets that matter, ended by CRLF.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![3 => Just(b'.'), 2 => Just(b'a'), 1 => Just(0_u8), 1 => Just(0xE9_u8)];
        prop::collection::vec(prop::collection::vec(octet, 0..6), 0..8)
            .prop_map(|lines| lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect())
    }

    proptest! {
        #[test]
        fn reading_reverses_stuffing_at_every_split(message in content(), a: usize, b: usize) {
            let wire = stuff(&message);
            let (first, second) = (a % (wire.len() + 1), b % (wire.len() + 1));
            let (first, second) = (first.min(second), first.max(second));
            let (ended, rest, result) =
                read_pieces(&[&wire[..first], &wire[first..second], &wire[second..], b"QUIT\r\n"], BIG);
            prop_assert!(ended);
            prop_assert_eq!(rest, b"QUIT\r\n".to_vec());
            prop_assert_eq!(result.unwrap(), message);
        }

        #[test]
        fn any_octets_end_where_the_plain_search_says(
            input in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a')], 0..40),
            cut: usize,
        ) {
            // The definition: at the start, or after CRLF, a line of one dot.
            let end = if input.starts_with(b".\r\n") {
                Some(3)
            } else {
                input.windows(5).position(|window| window == b"\r\n.\r\n").map(|at| at + 5)
            };
            let (head, tail) = input.split_at(cut % (input.len() + 1));
            let (ended, rest, _) = read_pieces(&[head, tail], BIG);
            prop_assert_eq!(ended, end.is_some());
            prop_assert_eq!(rest.len(), end.map_or(0, |end| input.len() - end));
        }
    }
}
