//! Everything that is not read here. Whether a password keeps it shut is told apart, because that is a sign of its own.

use super::{DocumentFormat, Reading};
use crate::model::{Part, PartContent};
use memchr::memmem;

/// Any part.
pub(super) struct Opaque;

impl DocumentFormat for Opaque {
    fn accepts(&self, _part: &Part, _parent: Option<&Part>) -> bool {
        true
    }

    fn wants_worker(&self, _part: &Part) -> bool {
        true
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        match &part.content {
            PartContent::Binary(octets) if needs_password(octets) => Reading::unread("password"),
            _ => Reading::unread("unsupported"),
        }
    }
}

/// By the formats' own marks: PDF `/Encrypt`, bit 0 of a ZIP entry's flags, an Office file's `EncryptedPackage`.
fn needs_password(octets: &[u8]) -> bool {
    let head = octets.get(..1_024).unwrap_or(octets);
    if memmem::find(head, b"%PDF").is_some() {
        return memmem::find(octets, b"/Encrypt").is_some();
    }
    match octets {
        [b'P', b'K', 3, 4, _, _, flags, ..] => flags & 1 == 1,
        [0xD0, 0xCF, 0x11, 0xE0, ..] => {
            let mark: Vec<u8> = b"EncryptedPackage".iter().flat_map(|b| [*b, 0]).collect();
            memmem::find(octets, &mark).is_some()
        }
        _ => false,
    }
}
