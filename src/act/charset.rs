//! How the octets of a text part are to be read, as far as the banner needs it, and the banner in that charset.
//!
//! The banner is ASCII, and nearly every charset of mail reads ASCII octets as such, so nothing of the sender is ever
//! re-encoded. Stateful charsets (ISO 2022, HZ) do so until an escape says otherwise, UTF-7 does for all but `+`, and
//! UTF-16 takes the banner in its own units. What is none of these, or contradicts itself, is left alone with a
//! reason.

use super::displayed::LeaveReason;
use crate::model::{Part, TransferEncoding};
use std::borrow::Cow;

/// How octets of a part are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// Octets below 0x80 are ASCII, at least where markup can stand.
    AsciiSuperset,
    /// As ASCII until an escape sequence or SO says otherwise (ISO 2022, RFC 1468, 1557, 1922).
    Iso2022,
    /// As ASCII outside `~{` … `~}` (RFC 1843).
    Hz,
    /// RFC 2152: as ASCII, but `+` starts encoded characters.
    Utf7,
    /// UTF-16; `mark` octets of byte order mark stand first.
    Wide {
        /// The high octet of a unit comes first.
        big: bool,
        /// 0 or 2.
        mark: usize,
    },
}

impl Charset {
    /// The charset of a part by its label and the first decoded octets.
    ///
    /// # Errors
    /// [`LeaveReason::Charset`] where ASCII octets may mean something else, or two readings are possible.
    pub(super) fn of(part: &Part, start: &[u8]) -> Result<Self, LeaveReason> {
        let label = part.charset.as_deref().map_or("", str::trim).to_ascii_lowercase();
        // RFC 2231 section 5: a language may follow.
        let label = label.split('*').next().unwrap_or_default();
        let marked = match start {
            [0xfe, 0xff, ..] => Some(true),
            [0xff, 0xfe, ..] => Some(false),
            _ => None,
        };
        match (label, marked) {
            ("utf-16" | "utf-16le", Some(false)) => wide(part, start, false, 2),
            ("utf-16" | "utf-16be", Some(true)) => wide(part, start, true, 2),
            ("utf-16le", None) => wide(part, start, false, 0),
            ("utf-16be", None) => wide(part, start, true, 0),
            // Without a mark RFC 2781 says big endian and everybody writes little endian; with another label the
            // mark and the label contradict each other.
            (_, Some(_)) => Err(LeaveReason::Charset),
            ("" | "unknown-8bit", None) => Ok(Self::AsciiSuperset),
            ("utf-7" | "unicode-1-1-utf-7", None) => Ok(Self::Utf7),
            ("hz-gb-2312" | "hz", None) => Ok(Self::Hz),
            _ => by_label(label, start),
        }
    }

    /// One octet for each character or unit: ASCII as it is, everything else a letter that is no markup.
    pub(super) fn view<'a>(self, octets: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        match self {
            Self::AsciiSuperset | Self::Utf7 => octets,
            Self::Iso2022 => {
                let mut octets = octets.into_owned();
                mask(&mut octets, &iso2022);
                Cow::Owned(octets)
            }
            Self::Hz => {
                let mut octets = octets.into_owned();
                mask(&mut octets, &hz);
                Cow::Owned(octets)
            }
            Self::Wide { big, mark } => {
                let units = octets.get(mark..).unwrap_or_default().chunks_exact(2);
                let unit = |pair: &[u8]| match (pair, big) {
                    ([0, low], true) | ([low, 0], false) if low.is_ascii() => *low,
                    _ => b'x',
                };
                Cow::Owned(units.map(unit).collect())
            }
        }
    }

    /// Offset in the decoded octets of an offset in the view.
    pub(super) fn offset(self, at: usize) -> usize {
        match self {
            Self::Wide { mark, .. } => at.saturating_mul(2).saturating_add(mark),
            _ => at,
        }
    }

    /// Decoded octets to look at for so many of the view.
    pub(super) fn octets(self, count: usize) -> usize {
        self.offset(count)
    }

    /// ASCII text in this charset.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::AsciiSuperset | Self::Iso2022 => text.as_bytes().to_vec(),
            Self::Hz => text.replace('~', "~~").into_bytes(),
            Self::Utf7 => text.replace('+', "+-").into_bytes(),
            Self::Wide { big: true, .. } => text.bytes().flat_map(|b| [0, b]).collect(),
            Self::Wide { big: false, .. } => text.bytes().flat_map(|b| [b, 0]).collect(),
        }
    }

    /// How many characters more make the encoded text `wanted` (0 to 2) octets longer, modulo three.
    pub(super) fn characters(self, wanted: usize) -> usize {
        match self {
            Self::Wide { .. } => wanted * 2 % 3,
            _ => wanted,
        }
    }
}

fn wide(part: &Part, start: &[u8], big: bool, mark: usize) -> Result<Charset, LeaveReason> {
    // As it stands a line end would hold a bare CR and a bare LF, which DATA cannot carry.
    if part.encoding == TransferEncoding::Identity {
        return Err(LeaveReason::Charset);
    }
    // A false label over octets that are not UTF-16: clients show what the octets are.
    let high = usize::from(!big);
    let units = start.get(mark..).unwrap_or_default().chunks_exact(2);
    let plausible = units.len() == 0 || units.clone().any(|pair| pair.get(high) == Some(&0));
    if plausible { Ok(Charset::Wide { big, mark }) } else { Err(LeaveReason::Charset) }
}

fn by_label(label: &str, start: &[u8]) -> Result<Charset, LeaveReason> {
    if label.starts_with("iso-2022-") || label == "csiso2022kr" {
        return Ok(Charset::Iso2022);
    }
    match encoding_rs::Encoding::for_label(label.as_bytes()) {
        Some(encoding) if encoding == encoding_rs::ISO_2022_JP => Ok(Charset::Iso2022),
        Some(encoding) if encoding != encoding_rs::REPLACEMENT && encoding.is_ascii_compatible() => {
            Ok(Charset::AsciiSuperset)
        }
        Some(_) => Err(LeaveReason::Charset),
        // Labels that nobody knows are shown as ASCII where the octets are; other forms of UTF-7 only look so.
        None if label.contains("utf-7") => Err(LeaveReason::Charset),
        None if start.iter().all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t')) => {
            Ok(Charset::AsciiSuperset)
        }
        None => Err(LeaveReason::Charset),
    }
}

/// What starts at some octet of a stateful charset.
enum Shift {
    /// So many octets that put it into ASCII state.
    ToAscii(usize),
    /// So many octets that leave ASCII state.
    Away(usize),
    /// A designation: so many octets without a change of state.
    Neutral(usize),
    None,
}

fn iso2022(rest: &[u8]) -> Shift {
    match rest {
        [0x1b, b'(', b'B', ..] => Shift::ToAscii(3),
        [0x1b, b'$', b')' | b'*' | b'+', _, ..] => Shift::Neutral(4),
        [0x1b, ..] => Shift::Away(1),
        [0x0e, ..] => Shift::Away(1),
        [0x0f, ..] => Shift::ToAscii(1),
        _ => Shift::None,
    }
}

fn hz(rest: &[u8]) -> Shift {
    match rest {
        [b'~', b'{', ..] => Shift::Away(2),
        [b'~', b'}', ..] => Shift::ToAscii(2),
        [b'~', _, ..] => Shift::Neutral(2),
        _ => Shift::None,
    }
}

/// Overwrites what is not in ASCII state, so that no two-byte character looks like markup. The escape sequences go
/// too: the place before one is in ASCII state.
fn mask(octets: &mut [u8], shift: &dyn Fn(&[u8]) -> Shift) {
    let mut away = false;
    let mut at = 0;
    while let Some(rest) = octets.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let length = match shift(rest) {
            Shift::ToAscii(length) => {
                away = false;
                length
            }
            Shift::Away(length) => {
                away = true;
                length
            }
            Shift::Neutral(length) => length,
            Shift::None if away => 1,
            Shift::None => {
                at += 1;
                continue;
            }
        };
        rest.iter_mut().take(length).for_each(|b| *b = b'x');
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContentDisposition, PartContent};

    fn part(charset: Option<&str>, encoding: TransferEncoding) -> Part {
        Part {
            parent: None,
            depth: 0,
            in_attached_message: false,
            media_type: "text/plain".to_owned(),
            charset: charset.map(str::to_owned),
            parameters: Vec::new(),
            encoding,
            disposition: ContentDisposition::None,
            name: None,
            content_id: None,
            body: 0..0,
            content: PartContent::Text(String::new()),
        }
    }

    #[test]
    fn charsets_decide_how_ascii_is_inserted() {
        use Charset::{AsciiSuperset, Hz, Iso2022, Utf7, Wide};
        let left = Err(LeaveReason::Charset);
        let little = |mark| Ok(Wide { big: false, mark });
        type Row = (&'static str, &'static [u8], Option<&'static str>, Result<Charset, LeaveReason>);
        let rows: [Row; 19] = [
            ("none", b"Dear", None, Ok(AsciiSuperset)),
            ("windows-1252", b"Dear \xa3", Some("windows-1252"), Ok(AsciiSuperset)),
            ("language", b"Dear", Some("us-ascii*en"), Ok(AsciiSuperset)),
            ("shift_jis", b"Dear \x83\x41", Some("Shift_JIS"), Ok(AsciiSuperset)),
            ("gb18030", b"\x84\x31\xa4\x37", Some("GB18030"), Ok(AsciiSuperset)),
            ("iso-2022-jp", b"Dear \x1b$B0!\x1b(B", Some("ISO-2022-JP"), Ok(Iso2022)),
            ("iso-2022-kr", b"\x1b$)C", Some("iso-2022-kr"), Ok(Iso2022)),
            ("hz", b"~{0!~}", Some("hz-gb-2312"), Ok(Hz)),
            ("utf-7", b"+AEQ-", Some("UTF-7"), Ok(Utf7)),
            ("utf-7 for mailboxes", b"&AEQ-", Some("x-imap4-utf-7"), left),
            ("utf-16 without mark", b"D\0e\0", Some("utf-16"), left),
            ("utf-16le", b"D\0e\0", Some("utf-16le"), little(0)),
            ("utf-16 with mark", b"\xff\xfeD\0", Some("utf-16"), little(2)),
            ("utf-16be", b"\xfe\xff\0D", Some("utf-16be"), Ok(Wide { big: true, mark: 2 })),
            ("mark against label", b"\xff\xfeD\0", Some("utf-16be"), left),
            ("mark without label", b"\xff\xfeD\0", None, left),
            ("label over ascii", b"Dear", Some("utf-16le"), left),
            ("ebcdic", b"\xc4\x85\x81\x99", Some("x-ebcdic-us"), left),
            ("unknown but ascii", b"Dear", Some("x-nobody-knows"), Ok(AsciiSuperset)),
        ];
        for (name, start, label, expected) in rows {
            assert_eq!(Charset::of(&part(label, TransferEncoding::Base64), start), expected, "{name}");
        }
        let plain = part(Some("utf-16le"), TransferEncoding::Identity);
        assert_eq!(Charset::of(&plain, b"D\0"), left);
    }

    #[test]
    fn views_show_markup_only_where_it_is() {
        let rows: [(&str, Charset, &[u8], &[u8]); 5] = [
            ("jis", Charset::Iso2022, b"a\x1b$B<b\x1b(B<c", b"axxxxxxxx<c"),
            ("kr", Charset::Iso2022, b"\x1b$)C<\x0e<<\x0f<", b"xxxx<xxxx<"),
            ("hz", Charset::Hz, b"a~~~{<b~}<c", b"axxxxxxxx<c"),
            ("little", Charset::Wide { big: false, mark: 2 }, b"\xff\xfe<\0\x3c\x04>\0", b"<x>"),
            ("big", Charset::Wide { big: true, mark: 0 }, b"\0<\x04\x3c\0>x", b"<x>"),
        ];
        for (name, charset, octets, expected) in rows {
            assert_eq!(charset.view(Cow::Borrowed(octets)), expected, "{name}");
        }
    }

    #[test]
    fn padding_fits_groups_of_three() {
        for charset in [Charset::AsciiSuperset, Charset::Wide { big: true, mark: 0 }] {
            for wanted in 0..3 {
                let text = "x".repeat(charset.characters(wanted));
                assert_eq!(charset.encode(&text).len() % 3, wanted);
            }
        }
        assert_eq!(Charset::Utf7.encode("+44 ~"), b"+-44 ~");
        assert_eq!(Charset::Hz.encode("~"), b"~~");
    }
}
