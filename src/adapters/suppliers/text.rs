//! Octets of a text file to UTF-8, and where its table begins and what separates its cells.
//!
//! Everything is a stream: only the head of the file is held to find this out.

use aws_lc_rs::digest::{Context, SHA256};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::{Arc, OnceLock};

/// Octets of a file that are looked at before it is read.
const HEAD: usize = 64 * 1_024;

/// The first octets of a file, and all of it.
pub(super) struct Opened {
    pub(super) head: Vec<u8>,
    pub(super) all: Box<dyn BufRead + Send>,
}

/// Reads the head of an input without losing it.
pub(super) fn open(mut input: Box<dyn Read + Send>) -> io::Result<Opened> {
    let mut head = Vec::with_capacity(HEAD);
    let most = u64::try_from(HEAD).unwrap_or(u64::MAX);
    input.by_ref().take(most).read_to_end(&mut head)?;
    let all = BufReader::with_capacity(HEAD, Cursor::new(head.clone()).chain(input));
    Ok(Opened { head, all: Box::new(all) })
}

/// Octets on their way, hashed.
pub(super) struct Hashing {
    input: Box<dyn Read + Send>,
    context: Context,
    sum: Sum,
}

/// The hash of what was read, once its end was seen.
#[derive(Clone, Default)]
pub(super) struct Sum(Arc<OnceLock<String>>);

impl Sum {
    /// Hex SHA-256.
    pub(super) fn take(&self) -> Option<String> {
        self.0.get().cloned()
    }
}

impl Hashing {
    pub(super) fn over(input: Box<dyn Read + Send>) -> (Box<dyn Read + Send>, Sum) {
        let sum = Sum::default();
        (Box::new(Self { input, context: Context::new(&SHA256), sum: sum.clone() }), sum)
    }
}

impl Read for Hashing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(out)?;
        match out.get(..length) {
            Some([]) if !out.is_empty() => {
                let digest = self.context.clone().finish();
                let hex = digest.as_ref().iter().fold(String::with_capacity(64), |mut hex, octet| {
                    // Writing into a String cannot fail.
                    write!(hex, "{octet:02x}").ok();
                    hex
                });
                self.sum.0.get_or_init(|| hex);
            }
            Some(octets) => self.context.update(octets),
            None => {}
        }
        Ok(length)
    }
}

/// How a text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoding {
    encoding: &'static Encoding,
    /// Octets of the byte order mark.
    mark: usize,
    /// The file or the person says that it is this encoding: what does not fit is damage.
    pub(super) declared: bool,
}

impl Decoding {
    /// By its label, as `--map` names it (<https://encoding.spec.whatwg.org/#names-and-labels>).
    pub(super) fn named(label: &str) -> Option<Self> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        Some(Self { encoding, mark: 0, declared: true })
    }

    /// By byte order mark, else UTF-16 by its zero octets, else UTF-8 with single cells in Windows-1252.
    pub(super) fn sniff(head: &[u8]) -> Self {
        if let Some((encoding, mark)) = Encoding::for_bom(head) {
            return Self { encoding, mark, declared: true };
        }
        match utf_16_without_mark(head) {
            Some(encoding) => Self { encoding, mark: 0, declared: true },
            None => Self { encoding: UTF_8, mark: 0, declared: false },
        }
    }

    /// The text as UTF-8. What cannot be decoded becomes U+FFFD; UTF-8 itself is passed on for the cells to be judged.
    pub(super) fn decode(self, mut input: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
        let mut mark = vec![0_u8; self.mark];
        input.read_exact(&mut mark)?;
        if self.encoding == UTF_8 {
            return Ok(input);
        }
        let decoder = self.encoding.new_decoder_without_bom_handling();
        Ok(Box::new(BufReader::with_capacity(
            HEAD,
            Transcoder { input, decoder, decoded: Vec::new(), at: 0, ended: false },
        )))
    }
}

/// A table in UTF-16 begins with ASCII, so one octet of each of its first pairs is zero.
fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some(UTF_16BE),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some(UTF_16LE),
        _ => None,
    }
}

/// Any encoding to UTF-8.
struct Transcoder {
    input: Box<dyn BufRead + Send>,
    decoder: Decoder,
    /// Decoded octets, and how many of them were handed out.
    decoded: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Transcoder {
    /// Decodes some more into the empty buffer.
    fn refill(&mut self) -> io::Result<()> {
        self.at = 0;
        self.decoded.resize(HEAD, 0);
        let octets = self.input.fill_buf()?;
        let last = octets.is_empty();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(octets, &mut self.decoded, last);
        self.input.consume(read);
        self.decoded.truncate(written);
        match result {
            DecoderResult::Malformed(..) => self.decoded.extend_from_slice("\u{fffd}".as_bytes()),
            DecoderResult::InputEmpty => self.ended = last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl Read for Transcoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.decoded.len() {
            if self.ended {
                return Ok(0);
            }
            self.refill()?;
        }
        let length = self.decoded.get(self.at..).unwrap_or_default().read(out)?;
        self.at = self.at.saturating_add(length);
        Ok(length)
    }
}

/// Where the table stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) delimiter: u8,
    /// Lines before the header row.
    pub(super) skipped: u64,
}

/// Skips what exports put before the header row (`sep=;` of Excel, `{}` of MYOB, empty lines) and finds the delimiter
/// that the header row uses most.
pub(super) fn table(input: &mut dyn BufRead, delimiter: Option<u8>) -> io::Result<Table> {
    let (mut skipped, mut declared) = (0_u64, delimiter);
    loop {
        let head = input.fill_buf()?;
        let Some(end) = head.iter().position(|b| *b == b'\n') else { break };
        let line = head.get(..end).unwrap_or_default().trim_ascii();
        match line.strip_prefix(b"sep=") {
            Some([found]) => declared = declared.or(Some(*found)),
            Some([]) => declared = declared.or(Some(b'\t')),
            _ if line.is_empty() || line == b"{}" => {}
            _ => break,
        }
        input.consume(end.saturating_add(1));
        skipped = skipped.saturating_add(1);
    }
    let delimiter = match declared {
        Some(declared) => declared,
        None => most_used(input.fill_buf()?),
    };
    Ok(Table { delimiter, skipped })
}

fn most_used(body: &[u8]) -> u8 {
    let (mut commas, mut semicolons, mut tabs, mut quoted) = (0_usize, 0_usize, 0_usize, false);
    for b in body {
        match b {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            b',' if !quoted => commas = commas.saturating_add(1),
            b';' if !quoted => semicolons = semicolons.saturating_add(1),
            b'\t' if !quoted => tabs = tabs.saturating_add(1),
            _ => {}
        }
    }
    if tabs > commas && tabs > semicolons {
        b'\t'
    } else if semicolons > commas {
        b';'
    } else {
        b','
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (String, bool) {
        let opened = open(Box::new(Cursor::new(bytes.to_vec()))).expect("opens");
        let decoding = Decoding::sniff(&opened.head);
        let mut text = Vec::new();
        decoding.decode(opened.all).expect("decodes").read_to_end(&mut text).expect("reads");
        (String::from_utf8_lossy(&text).into_owned(), decoding.declared)
    }

    #[test]
    fn every_encoding_that_spreadsheets_write() {
        let text = "name\nMüller".repeat(9_000);
        let utf_16_le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf_16_be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let rows: [(&str, Vec<u8>, bool); 6] = [
            ("utf-8", text.clone().into(), false),
            ("utf-8 with mark", format!("\u{feff}{text}").into(), true),
            ("utf-16le with mark", [vec![0xff, 0xfe], utf_16_le.clone()].concat(), true),
            ("utf-16be with mark", [vec![0xfe, 0xff], utf_16_be.clone()].concat(), true),
            ("utf-16le", utf_16_le, true),
            ("utf-16be", utf_16_be, true),
        ];
        for (name, bytes, declared) in rows {
            assert_eq!(decoded(&bytes), (text.clone(), declared), "{name}");
        }
    }

    #[test]
    fn damage_is_marked_and_read_over() {
        let torn: Vec<u8> = [0x41_u16, 0x41, 0xd800, 0x42].iter().flat_map(|u| u.to_le_bytes()).collect();
        assert_eq!(decoded(&torn).0, "AA\u{fffd}B");
        assert_eq!(decoded(&[0xff, 0xfe, 0x41, 0x00, 0x42]).0, "A\u{fffd}", "half a unit at the end");
    }

    #[test]
    fn the_header_row_decides_the_delimiter() {
        for (text, want, skipped) in [
            ("a,b,c\n1;2;3", b',', 0),
            ("a;b;c\n", b';', 0),
            ("a\tb,c\td\n", b'\t', 0),
            ("\"a;b;c\",d\n", b',', 0),
            ("sep=;\na\n", b';', 1),
            ("{}\n\na\tb\n", b'\t', 2),
        ] {
            let mut input = text.as_bytes();
            assert_eq!(table(&mut input, None).expect(text), Table { delimiter: want, skipped }, "{text}");
            assert!(input.starts_with(b"a") || input.starts_with(b"\"a"), "{text}");
        }
    }
}
