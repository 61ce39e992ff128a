//! Sending message content: DATA with dot-stuffing (RFC 5321 section 4.5.2) and BDAT (RFC 3030).
//!
//! Content is a sequence of segments that are sent back to back: a header we prepend, then slices of the received
//! octets. Nothing is added between them and nothing is re-serialised. For DATA the content must hold no CR or LF
//! outside CRLF: a next hop that takes a bare one for a line end could be made to see an end of data and a command
//! in the middle of a message. [`DataContent`] can only be built from content that was scanned for this, so the
//! type is the proof. BDAT counts octets and takes anything.

use bytes::Bytes;
use memchr::{memchr2_iter, memmem};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Pieces below this many octets are gathered in one buffer, so that a small message is one write.
const GATHER: usize = 64 * 1_024;
/// Largest single write, so that a stalled peer is told from a slow one.
const WRITE_STEP: usize = 256 * 1_024;

/// The content holds a CR or LF outside CRLF: DATA cannot carry it, BDAT can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the content holds a CR or LF outside CRLF and can be sent by BDAT only")]
pub struct BareNewline;

/// Octets of all segments together.
#[must_use]
pub fn content_length(segments: &[Bytes]) -> u64 {
    segments.iter().map(|segment| u64::try_from(segment.len()).unwrap_or(u64::MAX)).sum()
}

/// Whether any octet is above 127: such content needs 8BITMIME (RFC 6152).
#[must_use]
pub fn is_eight_bit(segments: &[Bytes]) -> bool {
    !segments.iter().all(|segment| segment.is_ascii())
}

/// Content that is fit for DATA: every CR is followed by LF and every LF preceded by CR, across segments too.
#[derive(Clone, Copy, Debug)]
pub struct DataContent<'a> {
    segments: &'a [Bytes],
}

impl<'a> DataContent<'a> {
    /// Scans the content once.
    ///
    /// # Errors
    /// [`BareNewline`] when it may only be sent by BDAT.
    pub fn new(segments: &'a [Bytes]) -> Result<Self, BareNewline> {
        let mut after_cr = false;
        for segment in segments {
            let mut next = 0;
            for at in memchr2_iter(b'\r', b'\n', segment) {
                if after_cr && at != next {
                    return Err(BareNewline);
                }
                let is_cr = segment.get(at) == Some(&b'\r');
                // A CR must not follow a CR, an LF must.
                if is_cr == after_cr {
                    return Err(BareNewline);
                }
                after_cr = is_cr;
                next = at + 1;
            }
            if after_cr && next != segment.len() {
                return Err(BareNewline);
            }
        }
        if after_cr { Err(BareNewline) } else { Ok(Self { segments }) }
    }

    /// What goes over the wire after the 354, in order: slices of the segments, an extra dot before each line that
    /// starts with one, and the end of data. A CRLF is added only when the content does not end in one.
    pub fn wire(self) -> impl Iterator<Item = &'a [u8]> {
        let end: &[u8] = if self.ends_in_line_start() { b".\r\n" } else { b"\r\n.\r\n" };
        let mut line_start = true;
        self.segments
            .iter()
            .flat_map(move |segment| {
                let stuffed = Stuffed::new(segment, line_start);
                if let Some(last) = segment.last() {
                    line_start = *last == b'\n';
                }
                stuffed
            })
            .chain(std::iter::once(end))
    }

    /// Nothing at all counts as standing at the start of a line: the 354 ended one.
    fn ends_in_line_start(self) -> bool {
        let last = self.segments.iter().rev().find_map(|segment| segment.last());
        last.is_none_or(|octet| *octet == b'\n')
    }
}

/// One segment cut before every dot that starts a line, with a dot put in between.
struct Stuffed<'a> {
    segment: &'a [u8],
    at: usize,
    /// The content is proven: every LF here ends a CRLF.
    cuts: memmem::FindIter<'a, 'static>,
    dot: bool,
}

impl<'a> Stuffed<'a> {
    fn new(segment: &'a [u8], line_start: bool) -> Self {
        let dot = line_start && segment.first() == Some(&b'.');
        Self { segment, at: 0, cuts: memmem::find_iter(segment, b"\n."), dot }
    }
}

impl<'a> Iterator for Stuffed<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if std::mem::take(&mut self.dot) {
            return Some(b".");
        }
        let end = self.cuts.next().map_or(self.segment.len(), |line_end| line_end + 1);
        let piece = self.segment.get(self.at..end).filter(|piece| !piece.is_empty())?;
        self.at = end;
        self.dot = end < self.segment.len();
        Some(piece)
    }
}

/// `BDAT n LAST` and the raw segments: what goes over the wire for a next hop with CHUNKING.
pub fn bdat<'a>(command: &'a [u8], segments: &'a [Bytes]) -> impl Iterator<Item = &'a [u8]> {
    std::iter::once(command).chain(segments.iter().map(|segment| &segment[..]))
}

/// The command that announces the whole content as one last chunk.
#[must_use]
pub fn bdat_command(segments: &[Bytes]) -> Vec<u8> {
    format!("BDAT {} LAST\r\n", content_length(segments)).into_bytes()
}

/// Writes pieces in order and flushes: small ones together, large ones without a copy.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when the peer takes nothing for `stall`; else what the stream says. After an error
/// the last piece was not sent whole.
pub async fn write_pieces<'a, W, I>(out: &mut W, pieces: I, stall: Duration) -> io::Result<()>
where
    W: AsyncWrite + Unpin + Send,
    I: Iterator<Item = &'a [u8]> + Send,
{
    let mut gathered = Vec::new();
    for piece in pieces {
        if gathered.len() + piece.len() > GATHER {
            write_steps(out, &gathered, stall).await?;
            gathered.clear();
            if piece.len() > GATHER {
                write_steps(out, piece, stall).await?;
                continue;
            }
        }
        gathered.extend_from_slice(piece);
    }
    write_steps(out, &gathered, stall).await?;
    timeout(stall, out.flush()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn write_steps<W: AsyncWrite + Unpin>(out: &mut W, octets: &[u8], stall: Duration) -> io::Result<()> {
    for step in octets.chunks(WRITE_STEP) {
        timeout(stall, out.write_all(step)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segments(parts: &[&str]) -> Vec<Bytes> {
        parts.iter().map(|part| Bytes::copy_from_slice(part.as_bytes())).collect()
    }

    fn wire(parts: &[Bytes]) -> Result<Vec<u8>, BareNewline> {
        Ok(DataContent::new(parts)?.wire().flatten().copied().collect())
    }

    /// Reads DATA as RFC 5321 section 4.5.2 tells a receiver to: content, and what follows the end of data.
    fn unstuff(octets: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut content = Vec::new();
        let mut rest = octets;
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n")? + 2;
            let (line, after) = rest.split_at(end);
            rest = after;
            if line == b".\r\n" {
                return Some((content, rest.to_vec()));
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    #[test]
    fn stuffing() {
        for (name, parts, expected) in [
            ("plain", &["a\r\nb\r\n"][..], "a\r\nb\r\n.\r\n"),
            ("no line end at the end: one is added", &["a"], "a\r\n.\r\n"),
            ("nothing", &[], ".\r\n"),
            ("empty segments", &["", ""], ".\r\n"),
            ("very first octet", &[".a\r\n"], "..a\r\n.\r\n"),
            ("line start at a boundary", &["a\r\n", ".b\r\n"], "a\r\n..b\r\n.\r\n"),
            ("boundary inside CRLF", &["a\r", "\n", ".b\r\n"], "a\r\n..b\r\n.\r\n"),
            ("empty segment before a dot", &["a\r\n", "", ".\r\n"], "a\r\n..\r\n.\r\n"),
            ("dot inside a line at a boundary", &["a", ".b\r\n"], "a.b\r\n.\r\n"),
            ("only a dot", &["."], "..\r\n.\r\n"),
            ("dots", &["..\r\n.\r\n...\r\n"], "...\r\n..\r\n....\r\n.\r\n"),
            ("a command behind an end", &[".\r\nMAIL FROM:<x@y>\r\n"], "..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
        ] {
            let got = wire(&segments(parts)).expect(name);
            assert_eq!(String::from_utf8(got).expect("ascii"), expected, "{name}");
        }
    }

    #[test]
    fn bare_newlines_are_refused() {
        for parts in [
            &["a\nb\r\n"][..],
            &["a\rb\r\n"],
            &["\n"],
            &["\r"],
            &["a\r\n\n.\r\n"],
            &["a\r\r\n"],
            &["a\r", "b"],
            &["a", "\n"],
            &["a\r", "", "\r\n"],
            &["a\r\n.\r"],
        ] {
            assert_eq!(wire(&segments(parts)), Err(BareNewline), "{parts:?}");
        }
    }

    #[tokio::test]
    async fn pieces_arrive_in_order_whatever_their_size() {
        let parts = [
            Bytes::from_static(b"head\r\n"),
            Bytes::from(vec![b'x'; 3 * GATHER]),
            Bytes::from_static(b"\r\n.\r\n"),
        ];
        let command = bdat_command(&parts);
        let mut out = Vec::new();
        write_pieces(&mut out, bdat(&command, &parts), Duration::from_secs(5))
            .await
            .expect("a Vec takes all");
        let expected = [&command[..], &parts[0], &parts[1], &parts[2]].concat();
        assert!(out == expected);
        assert!(command.starts_with(b"BDAT 196619 LAST\r\n"), "{command:?}");
    }

    proptest! {
        #[test]
        fn a_receiver_gets_the_content_back_at_any_segmentation(
            lines in proptest::collection::vec("[.a\r\n ]{0,6}", 0..40),
            cuts in proptest::collection::vec(0usize..400, 0..12),
        ) {
            let text: String = lines.iter().map(|line| line.replace(['\r', '\n'], "") + "\r\n").collect();
            let mut parts = Vec::new();
            let mut rest = Bytes::from(text.clone());
            for cut in cuts {
                let tail = rest.split_off(cut.min(rest.len()));
                parts.push(std::mem::replace(&mut rest, tail));
            }
            parts.push(rest);
            let sent = wire(&parts).expect("only CRLF");
            let (content, after) = unstuff(&sent).expect("an end of data");
            prop_assert_eq!(content, text.into_bytes());
            prop_assert!(after.is_empty(), "nothing stands behind the end of data");
        }

        #[test]
        fn hostile_octets_never_escape(text in "[.a\r\nM ]{0,60}", cut in 0usize..60) {
            let mut whole = Bytes::from(text.clone());
            let tail = whole.split_off(cut.min(whole.len()));
            let parts = [whole, tail];
            let bare = text.replace("\r\n", "").contains(['\r', '\n']);
            match wire(&parts) {
                Err(BareNewline) => prop_assert!(bare),
                Ok(sent) => {
                    prop_assert!(!bare);
                    let (content, after) = unstuff(&sent).expect("an end of data");
                    prop_assert!(after.is_empty());
                    let ended = text.is_empty() || text.ends_with("\r\n");
                    prop_assert_eq!(content, (text + if ended { "" } else { "\r\n" }).into_bytes());
                }
            }
        }
    }
}
