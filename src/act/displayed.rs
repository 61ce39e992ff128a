//! Which parts a reader sees first, and which messages are left as they are.
//!
//! Both alternatives of the first displayed part get the banner: a mail client shows one of them, and we do not know
//! which. What a change would break (signatures, encryption, reports) is left alone; the headers still speak, and the
//! gateway says the rest by a notice or holds the message, so that no form of mail is a way around the banner.

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
    /// The body is a calendar object: changing it would break the meeting.
    Calendar,
    /// There is no text part that could carry it.
    NoText,
    /// An alternative that a client may show is of a kind that takes no banner.
    Alternative,
    /// Header fields contradict each other: another program may read another structure.
    Ambiguous,
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
            Self::Calendar => "calendar",
            Self::NoText => "no_text",
            Self::Alternative => "alternative",
            Self::Ambiguous => "ambiguous",
            Self::Charset => "charset",
            Self::TransferEncoding => "transfer_encoding",
            Self::Frameset => "frameset",
            Self::Damaged => "damaged",
        }
    }

    /// The kind of message in plain words, to go after "because it".
    #[must_use]
    pub fn because(self) -> &'static str {
        match self {
            Self::NullReversePath | Self::Report => "is a notice of a mail system",
            Self::AutoReply => "is an automatic reply",
            Self::Signed => "carries a digital signature that a change would break",
            Self::Encrypted => "is encrypted",
            Self::PgpInline => "is signed or encrypted with PGP",
            Self::RightsProtected => "is protected by usage rights",
            Self::Tnef => "is in Outlook's own format (winmail.dat)",
            Self::Calendar => "is a meeting request",
            Self::NoText => "has no text",
            Self::Alternative => "holds a form of its text that a warning cannot be added to",
            Self::Ambiguous => "contradicts itself about its own structure",
            Self::Charset => "is written in a character set that a warning cannot be added to safely",
            Self::TransferEncoding => "is encoded in a way that a warning cannot be added to safely",
            Self::Frameset => "is a page made of frames",
            Self::Damaged => "is damaged",
        }
    }

    /// Whether the message is a notice of a mail system: not even its subject is touched.
    pub(super) fn is_notice(self) -> bool {
        matches!(self, Self::NullReversePath | Self::AutoReply | Self::Report)
    }
}

/// What carries the banner.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Displayed {
    /// Indices of the parts that get it.
    pub(super) parts: Vec<usize>,
    /// Why something else that a client may show gets none.
    pub(super) missed: Option<LeaveReason>,
}

/// The parts that get the banner.
///
/// # Errors
/// Why the message is left alone.
pub(super) fn displayed(
    octets: &[u8],
    message: &Message,
    reverse_path: &ReversePath,
) -> Result<Displayed, LeaveReason> {
    if let Some(reason) = untouchable(octets, message, reverse_path) {
        return Err(reason);
    }
    let mut walk = Walk { message, found: Vec::new(), reason: None };
    walk.visit(0);
    if walk.found.is_empty() {
        return Err(walk.reason.unwrap_or(LeaveReason::NoText));
    }
    let ambiguous = message.gaps.iter().any(|gap| gap.why == "format").then_some(LeaveReason::Ambiguous);
    Ok(Displayed { parts: walk.found, missed: walk.reason.or(ambiguous) })
}

/// Whether a part of its own can be added to a message without text: nothing in it is signed, sealed or a notice.
pub(super) fn may_grow(message: &Message) -> bool {
    message.parts.iter().filter(|part| !part.in_attached_message).all(|part| {
        let sealed = ["multipart/signed", "multipart/encrypted", "multipart/report", "text/calendar"];
        let sealing = ["pkcs7", "pgp", "ms-tnef", "rpmsg", "notification", "delivery-status"];
        let name = part.name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let ending = [".p7m", ".p7s", ".p7c", ".rpmsg", ".asc", ".pgp", ".ics", "winmail.dat"];
        !sealed.contains(&part.media_type.as_str())
            && !sealing.iter().any(|word| part.media_type.contains(word))
            && !ending.iter().any(|end| name.ends_with(end))
    }) && !message.gaps.iter().any(|gap| gap.why == "format")
}

/// What forbids any change of the whole message.
fn untouchable(octets: &[u8], message: &Message, reverse_path: &ReversePath) -> Option<LeaveReason> {
    if reverse_path.0.is_none() {
        return Some(LeaveReason::NullReversePath);
    }
    let root = message.parts.first()?;
    if let "multipart/report" | "message/disposition-notification" | "message/delivery-status" =
        root.media_type.as_str()
    {
        return Some(LeaveReason::Report);
    }
    if first_value(octets, "auto-submitted").to_ascii_lowercase().starts_with("auto-replied") {
        return Some(LeaveReason::AutoReply);
    }
    if let Some(reason) = smime(root) {
        return Some(reason);
    }
    let near = |test: fn(&Part) -> bool| message.parts.iter().any(|part| part.depth <= 1 && test(part));
    let rpmsg = |part: &Part| {
        let name = part.name.as_deref().unwrap_or_default();
        part.media_type == "application/x-microsoft-rpmsg-message"
            || name.eq_ignore_ascii_case("message.rpmsg")
    };
    if near(rpmsg) {
        return Some(LeaveReason::RightsProtected);
    }
    if root.media_type == "text/calendar" {
        return Some(LeaveReason::Calendar);
    }
    // With the correlator Outlook shows the body inside winmail.dat: a banner in the text would never be seen.
    let tnef = near(|part| is_tnef(&part.media_type));
    (tnef && !first_value(octets, "x-ms-tnef-correlator").is_empty()).then_some(LeaveReason::Tnef)
}

fn is_tnef(media_type: &str) -> bool {
    matches!(media_type, "application/ms-tnef" | "application/vnd.ms-tnef")
}

/// Opaque S/MIME (RFC 8551 section 3), by type, or by name where a gateway made the type unspecific.
fn smime(part: &Part) -> Option<LeaveReason> {
    let typed = matches!(part.media_type.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime");
    let name = part.name.as_deref().unwrap_or_default().to_ascii_lowercase();
    let named = part.media_type == "application/octet-stream" && name.ends_with(".p7m");
    let signed = part.parameter("smime-type").is_some_and(|t| t.eq_ignore_ascii_case("signed-data"));
    (typed || named).then_some(if signed { LeaveReason::Signed } else { LeaveReason::Encrypted })
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
            "text/calendar" => self.leave(LeaveReason::Calendar),
            media_type if is_tnef(media_type) => self.leave(LeaveReason::Tnef),
            "multipart/alternative" => self.alternatives(index),
            "multipart/related" => self.related(index, part),
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
            _ => smime(part).is_some_and(|reason| self.leave(reason)),
        }
    }

    /// Every alternative may be the one that is shown: one that gets no banner is told of.
    fn alternatives(&mut self, index: usize) -> bool {
        let children: Vec<usize> = self.children(index).collect();
        let mut any = false;
        for child in children {
            let before = self.found.len();
            any |= self.visit(child);
            if self.found.len() == before {
                self.leave(LeaveReason::Alternative);
            }
        }
        any
    }

    /// The root of a related (RFC 2387), and the first part too where that is another: some clients know no `start`.
    fn related(&mut self, index: usize, part: &Part) -> bool {
        let start = part.parameter("start").map(|id| id.trim_matches(['<', '>']).to_owned());
        let is_start = |child: &usize| {
            let id = self.message.parts.get(*child).and_then(|p| p.content_id.as_deref());
            start.is_some() && id == start.as_deref()
        };
        let first = self.children(index).next();
        let root = self.children(index).find(is_start).or(first);
        let other = first.filter(|first| Some(*first) != root);
        let mut both: Vec<usize> = root.into_iter().chain(other).collect();
        both.sort_unstable();
        let mut any = false;
        for child in both {
            any |= self.visit(child);
        }
        any
    }

    fn take(&mut self, index: usize, part: &Part) -> bool {
        if part.in_attached_message {
            return false;
        }
        // RFC 9580 section 6.2: what stands around the armour is not signed, but it is read as if it were.
        if starts_with_armour(part) {
            self.leave(LeaveReason::PgpInline);
            return true;
        }
        if self.found.len() < MAX_BANNER_PARTS {
            self.found.push(index);
        } else {
            self.leave(LeaveReason::Alternative);
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
