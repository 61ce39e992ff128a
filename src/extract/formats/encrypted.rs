//! Encrypted mail: S/MIME (RFC 8551), OpenPGP (RFC 3156), Microsoft rights management. Named, never guessed at.

use super::{DocumentFormat, Reading, named};
use crate::model::Part;

/// Parts that only the recipient can open.
pub(super) struct Encrypted;

impl DocumentFormat for Encrypted {
    fn accepts(&self, part: &Part, parent: Option<&Part>) -> bool {
        let smime = matches!(part.media_type.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime");
        let rights = part.media_type == "application/x-microsoft-rpmsg-message" || named(part, &["rpmsg"]);
        smime || rights || parent.is_some_and(|p| p.media_type == "multipart/encrypted")
    }

    /// Opaque signed content is readable; which of the two it is only its octets say.
    fn wants_worker(&self, part: &Part) -> bool {
        part.media_type.ends_with("pkcs7-mime")
    }

    fn read<'a>(&self, part: &'a Part) -> Reading<'a> {
        // Opaque signed mail is readable by any client, only not by us.
        if part.parameter("smime-type").is_some_and(|kind| kind.eq_ignore_ascii_case("signed-data")) {
            return Reading::unread("unsupported");
        }
        // The version part of RFC 3156 says nothing.
        if part.media_type == "application/pgp-encrypted" { Reading::default() } else { Reading::unread("encrypted") }
    }
}
