//! Signed content in one piece (CMS, RFC 5652): `.p7m` around Italian invoices, opaque S/MIME mail. The signature is not
//! checked: what it would prove is who made the file, never whose account stands in it.

use super::octets::Octets;
use super::reading::Reading;
use super::{File, Format};
use crate::limits::DOCUMENT_OCTETS;
use crate::model::Unread;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use std::borrow::Cow;

/// 1.2.840.113549.1.7
const PKCS7: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x07";
/// Elements inside each other that are skipped.
const MAX_NESTING: usize = 16;
/// Pieces of a content in pieces.
const MAX_PIECES: usize = 100_000;

/// CMS.
pub(super) struct Signed;

impl Format for Signed {
    fn media_type(&self) -> &'static str {
        "application/pkcs7-mime"
    }

    fn accepts(&self, file: &File<'_>) -> bool {
        is_cms(file.octets) || (file.named(&["p7m", "p7c"]) && is_cms(&binary(file.octets)))
    }

    fn read(&self, file: &File<'_>, reading: &mut Reading<'_>) {
        let octets = if is_cms(file.octets) { Cow::Borrowed(file.octets) } else { binary(file.octets) };
        match content(&octets) {
            Ok(content) => {
                let stem = file.name.strip_suffix(".p7m").or_else(|| file.name.strip_suffix(".P7M"));
                reading.embed(stem.unwrap_or("content"), "", content);
            }
            Err(why) => reading.gap(why),
        }
    }
}

fn is_cms(octets: &[u8]) -> bool {
    let head = octets.get(..64).unwrap_or(octets);
    head.first() == Some(&0x30) && memmem::find(head, PKCS7).is_some()
}

/// Base64 with or without PEM lines.
fn binary(octets: &[u8]) -> Cow<'_, [u8]> {
    if octets.len() > DOCUMENT_OCTETS || octets.first().is_some_and(|octet| !octet.is_ascii_graphic()) {
        return Cow::Borrowed(octets);
    }
    let lines = octets.split(|octet| *octet == b'\n').filter(|line| !line.starts_with(b"-----"));
    let text: Vec<u8> = lines.flatten().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_or(Cow::Borrowed(octets), Cow::Owned)
}

/// What is signed.
fn content(octets: &[u8]) -> Result<Vec<u8>, Unread> {
    let mut ber = Octets(octets);
    let kind = (|| {
        enter(&mut ber, 0x30)?;
        primitive(&mut ber, 0x06)
    })();
    match kind.and_then(|kind| kind.strip_prefix(PKCS7)) {
        Some([2]) => {}
        Some([3 | 4] | []) => return Err(Unread::Encrypted),
        _ => return Err(Unread::Unsupported),
    }
    signed(&mut ber).ok_or(Unread::Damaged)
}

fn signed(ber: &mut Octets<'_>) -> Option<Vec<u8>> {
    enter(ber, 0xA0)?;
    enter(ber, 0x30)?;
    primitive(ber, 0x02)?;
    skip(ber, 0)?;
    enter(ber, 0x30)?;
    primitive(ber, 0x06)?;
    enter(ber, 0xA0)?;
    let mut pieces = Vec::new();
    match ber.0.first()? {
        0x04 => pieces.extend_from_slice(primitive(ber, 0x04)?),
        0x24 => {
            let length = enter(ber, 0x24)?;
            let mut inside = match length {
                Some(length) => Octets(ber.take(length)?),
                None => *ber,
            };
            for _ in 0..MAX_PIECES {
                if inside.0.first() != Some(&0x04) {
                    break;
                }
                pieces.extend_from_slice(primitive(&mut inside, 0x04)?);
            }
        }
        _ => return None,
    }
    Some(pieces)
}

/// Tag and length; `None` as a length is an indefinite one.
fn header(ber: &mut Octets<'_>) -> Option<(u8, Option<usize>)> {
    let tag = ber.u8()?;
    let first = ber.u8()?;
    let length = match first {
        0x80 => None,
        0..0x80 => Some(usize::from(first)),
        _ => {
            let count = usize::from(first & 0x7F);
            let octets = ber.take(count).filter(|_| count <= 4)?;
            Some(octets.iter().fold(0_usize, |sum, octet| (sum << 8) | usize::from(*octet)))
        }
    };
    Some((tag, length))
}

/// Steps into a constructed element.
fn enter(ber: &mut Octets<'_>, tag: u8) -> Option<Option<usize>> {
    let (found, length) = header(ber)?;
    (found == tag).then_some(length)
}

fn primitive<'a>(ber: &mut Octets<'a>, tag: u8) -> Option<&'a [u8]> {
    let (found, length) = header(ber)?;
    if found == tag { ber.take(length?) } else { None }
}

/// Steps over an element.
fn skip(ber: &mut Octets<'_>, depth: usize) -> Option<()> {
    let (_, length) = header(ber)?;
    match length {
        Some(length) => drop(ber.take(length)?),
        None if depth < MAX_NESTING => {
            while ber.0.get(..2)? != [0, 0] {
                skip(ber, depth + 1)?;
            }
            ber.take(2)?;
        }
        None => return None,
    }
    Some(())
}
