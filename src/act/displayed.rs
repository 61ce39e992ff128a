//! Which parts a reader sees first, and which messages are left as they are.
//!
//! Both alternatives of the first displayed part get the banner: a mail client shows one of them, and we do not know
//! which. What a change would break (signatures, encryption, reports) is left alone; the headers still speak.

use super::fields::first_value;
use crate::limits::MAX_BANNER_PARTS;
use crate::model::{ContentDisposition, Message, Part, PartContent, ReversePath};

/// Why a message or part got no banner. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// Null reverse-path: a bounce or another notice.
    NullReversePath,
    /// `Auto-Submitted: auto-replied` (RFC 3834).
    AutoReply,
    /// multipart/report: delivery or disposition notice.
    Report,
    /// multipart/signed or S/MIME.
    Signed,
    /// multipart/encrypted.
    Encrypted,
    /// Text that starts with PGP armour.
    PgpInline,
    /// Rights-protected (`message.rpmsg`).
    RightsProtected,
    /// The body is inside application/ms-tnef.
    Tnef,
    /// There is no text part that could carry it.
    NoText,
    /// A charset that is no superset of ASCII.
    Charset,
    /// A transfer encoding that we do not edit.
    TransferEncoding,
    /// HTML that is a frameset.
    Frameset,
    /// The octets do not decode to what was parsed.
    Damaged,
}

impl LeaveReason {
    /// The name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullReversePath => "null_reverse_path",
            Self::AutoReply => "auto_reply",
            Self::Report => "report",
            Self::Signed => "signed",
            Self::Encrypted => "encrypted",
            Self::PgpInline => "pgp_inline",
            Self::RightsProtected => "rights_protected",
            Self::Tnef => "tnef",
            Self::NoText => "no_text",
            Self::Charset => "charset",
            Self::TransferEncoding => "transfer_encoding",
            Self::Frameset => "frameset",
            Self::Damaged => "damaged",
        }
    }

    /// Whether the message is a notice of a mail system: not even its subject is touched.
    pub(super) fn is_notice(self) -> bool {
        matches!(self, Self::NullReversePath | Self::AutoReply | Self::Report)
    }
}

/// Indices of the parts that get the banner.
///
/// # Errors
/// Why the message is left alone.
pub(super) fn displayed(
    octets: &[u8],
    message: &Message,
    reverse_path: &ReversePath,
) -> Result<Vec<usize>, LeaveReason> {
    if let Some(reason) = untouchable(octets, message, reverse_path) {
        return Err(reason);
    }
    let mut walk = Walk { message, found: Vec::new(), reason: None };
    walk.visit(0);
    if walk.found.is_empty() {
        return Err(walk.reason.unwrap_or(LeaveReason::NoText));
    }
    let armoured = |i: &usize| message.parts.get(*i).is_some_and(starts_with_armour);
    if walk.found.iter().any(armoured) { Err(LeaveReason::PgpInline) } else { Ok(walk.found) }
}

/// What forbids any change of the whole message.
fn untouchable(octets: &[u8], message: &Message, reverse_path: &ReversePath) -> Option<LeaveReason> {
    if reverse_path.0.is_none() {
        return Some(LeaveReason::NullReversePath);
    }
    let root = message.parts.first()?;
    if root.media_type == "multipart/report" {
        return Some(LeaveReason::Report);
    }
    if first_value(octets, "auto-submitted").to_ascii_lowercase().starts_with("auto-replied") {
        return Some(LeaveReason::AutoReply);
    }
    if matches!(root.media_type.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime") {
        let signed = root.parameter("smime-type").is_some_and(|t| t.eq_ignore_ascii_case("signed-data"));
        return Some(if signed { LeaveReason::Signed } else { LeaveReason::Encrypted });
    }
    let near = |test: fn(&Part) -> bool| message.parts.iter().any(|part| part.depth <= 1 && test(part));
    if near(|part| part.media_type == "application/x-microsoft-rpmsg-message") {
        return Some(LeaveReason::RightsProtected);
    }
    // With the correlator Outlook shows the body inside winmail.dat: a banner in the text would never be seen.
    let tnef =
        near(|part| matches!(part.media_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef"));
    (tnef && !first_value(octets, "x-ms-tnef-correlator").is_empty()).then_some(LeaveReason::Tnef)
}

struct Walk<'a> {
    message: &'a Message,
    found: Vec<usize>,
    reason: Option<LeaveReason>,
}

impl Walk<'_> {
    /// Visits a part that is displayed; true once something to read was found.
    fn visit(&mut self, index: usize) -> bool {
        let Some(part) = self.message.parts.get(index) else { return false };
        match part.media_type.as_str() {
            "multipart/signed" => self.leave(LeaveReason::Signed),
            "multipart/encrypted" => self.leave(LeaveReason::Encrypted),
            "multipart/report" => self.leave(LeaveReason::Report),
            "application/ms-tnef" | "application/vnd.ms-tnef" => self.leave(LeaveReason::Tnef),
            "multipart/alternative" => {
                // Every alternative may be the one that is shown.
                let children: Vec<usize> = self.children(index).collect();
                children.into_iter().filter(|child| self.visit(*child)).count() > 0
            }
            "multipart/related" => {
                let start = part.parameter("start").map(|id| id.trim_matches(['<', '>']).to_owned());
                let is_start = |child: &usize| {
                    let id = self.message.parts.get(*child).and_then(|p| p.content_id.as_deref());
                    start.is_some() && id == start.as_deref()
                };
                let root = self.children(index).find(is_start).or_else(|| self.children(index).next());
                root.is_some_and(|child| self.visit(child))
            }
            media_type if media_type.starts_with("multipart/") => {
                let shown = |child: &usize| {
                    let part = self.message.parts.get(*child);
                    part.is_some_and(|p| p.disposition != ContentDisposition::Attachment)
                };
                // A blank part does not count: the one after it is what is read first.
                let children: Vec<usize> = self.children(index).filter(shown).collect();
                children.into_iter().any(|child| self.visit(child))
            }
            "text/plain" | "text/html" => self.take(index, part),
            _ => false,
        }
    }

    fn take(&mut self, index: usize, part: &Part) -> bool {
        if !part.in_attached_message && self.found.len() < MAX_BANNER_PARTS {
            self.found.push(index);
        }
        !matches!(&part.content, PartContent::Text(text) if text.trim().is_empty())
    }

    fn leave(&mut self, reason: LeaveReason) -> bool {
        self.reason.get_or_insert(reason);
        false
    }

    fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let parts = self.message.parts.iter().enumerate().skip(index + 1);
        parts.filter(move |(_, part)| part.parent == Some(index)).map(|(i, _)| i)
    }
}

/// Whether the first line with text is PGP armour (RFC 9580 section 6.2).
fn starts_with_armour(part: &Part) -> bool {
    match &part.content {
        PartContent::Text(text) => text.trim_start().starts_with("-----BEGIN PGP "),
        _ => false,
    }
}
