//! Every reply we can send: the one place with literal SMTP codes.
//!
//! What the journey decided (`RecipientOutcome`, `Disposition`, `RefusalReason`) becomes a code, an enhanced status
//! code (RFC 3463, RFC 2034) and a text here. Suppliers read these texts in non-delivery reports, so they are generic
//! and carry at most the mail id; details belong to the log.

use crate::limits;
use crate::model::{Disposition, MailId, NextHopReply, RecipientOutcome, RefusalReason};
use bytes::{BufMut, BytesMut};
use std::borrow::Cow;

/// Octets of text on one reply line: RFC 5321 4.5.3.1.5 allows 512 with code, enhanced code and CRLF.
const MAX_LINE_TEXT: usize = 480;
/// Lines of a next hop's reply that are passed on.
const MAX_MIRRORED_LINES: usize = 16;

/// Enhanced status code, RFC 3463: class, subject, detail.
type Enhanced = (u8, u16, u16);

/// One SMTP reply: code, enhanced status code and one text per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<Cow<'static, str>>,
}

impl Reply {
    fn new(code: u16, enhanced: Enhanced, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: Some(enhanced), lines: vec![text.into()] }
    }

    /// Three-digit code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// 5xx: the command will never be taken as it stands.
    #[must_use]
    pub fn is_permanent_failure(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// Appends the wire form: every line with code and enhanced code (RFC 2034 section 4), ended by CRLF.
    pub fn write_to(&self, out: &mut BytesMut) {
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            out.put_slice(self.code.to_string().as_bytes());
            out.put_u8(if index == last { b' ' } else { b'-' });
            if let Some((class, subject, detail)) = self.enhanced {
                out.put_slice(format!("{class}.{subject}.{detail} ").as_bytes());
            }
            out.put_slice(line.as_bytes());
            out.put_slice(b"\r\n");
        }
    }

    // ── greeting, hello, TLS ───────────────────────────────────────────────────────────────────────────────────────

    /// 220 at connect.
    #[must_use]
    pub fn greeting(hostname: &str) -> Self {
        Self { code: 220, enhanced: None, lines: vec![format!("{hostname} ESMTP ready").into()] }
    }

    /// 250 to EHLO with our extensions; `size` in octets, `starttls` while the session is still plain.
    #[must_use]
    pub fn ehlo(hostname: &str, size: u64, starttls: bool) -> Self {
        let mut lines: Vec<Cow<'static, str>> = vec![
            format!("{hostname} at your service").into(),
            "PIPELINING".into(),
            format!("SIZE {size}").into(),
            "8BITMIME".into(),
            "SMTPUTF8".into(),
            "CHUNKING".into(),
            "DSN".into(),
            "ENHANCEDSTATUSCODES".into(),
        ];
        if starttls {
            lines.push("STARTTLS".into());
        }
        Self { code: 250, enhanced: None, lines }
    }

    /// 250 to HELO.
    #[must_use]
    pub fn helo(hostname: &str) -> Self {
        Self { code: 250, enhanced: None, lines: vec![hostname.to_owned().into()] }
    }

    /// 220 to STARTTLS: the next octet is TLS.
    #[must_use]
    pub fn start_tls() -> Self {
        Self::new(220, (2, 0, 0), "Ready to start TLS")
    }

    /// 503: STARTTLS inside TLS.
    #[must_use]
    pub fn already_tls() -> Self {
        Self::new(503, (5, 5, 1), "TLS is already active")
    }

    /// 530: RFC 3207 section 4, the peer must encrypt before it may send.
    #[must_use]
    pub fn tls_required() -> Self {
        Self::new(530, (5, 7, 0), "Must issue a STARTTLS command first")
    }

    // ── commands ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// 250 to NOOP and RSET.
    #[must_use]
    pub fn ok() -> Self {
        Self::new(250, (2, 0, 0), "OK")
    }

    /// 250 to MAIL; the id lets a sender's log be matched with ours.
    #[must_use]
    pub fn sender_ok(id: MailId) -> Self {
        Self::new(250, (2, 1, 0), format!("Sender OK, id {id}"))
    }

    /// 250 to a BDAT chunk that is not the last.
    #[must_use]
    pub fn chunk_received(octets: u64) -> Self {
        Self::new(250, (2, 0, 0), format!("{octets} octets received"))
    }

    /// 354 to DATA.
    #[must_use]
    pub fn send_data() -> Self {
        Self { code: 354, enhanced: None, lines: vec!["Start mail input; end with <CRLF>.<CRLF>".into()] }
    }

    /// 221 to QUIT.
    #[must_use]
    pub fn bye() -> Self {
        Self::new(221, (2, 0, 0), "Goodbye")
    }

    /// 214 to HELP.
    #[must_use]
    pub fn help() -> Self {
        Self::new(
            214,
            (2, 0, 0),
            "EHLO HELO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT; see RFC 5321",
        )
    }

    /// 252 to VRFY: RFC 5321 3.5.3, we never tell which addresses exist.
    #[must_use]
    pub fn cannot_verify() -> Self {
        Self::new(252, (2, 5, 0), "Cannot verify, send some mail")
    }

    /// 500: not a command.
    #[must_use]
    pub fn unknown_command() -> Self {
        Self::new(500, (5, 5, 1), "Command not recognised")
    }

    /// 502: known, but not offered here.
    #[must_use]
    pub fn not_implemented() -> Self {
        Self::new(502, (5, 5, 1), "Command not implemented")
    }

    /// 500: the line held a control character or did not end with CRLF.
    #[must_use]
    pub fn malformed_line() -> Self {
        Self::new(500, (5, 5, 2), "Command lines are text and end with CRLF")
    }

    /// 500: the line is over `limits::MAX_COMMAND_LINE`.
    #[must_use]
    pub fn line_too_long() -> Self {
        Self::new(500, (5, 5, 6), "Line too long")
    }

    /// 501: right command, wrong arguments; `syntax` shows the right form.
    #[must_use]
    pub fn bad_arguments(syntax: &'static str) -> Self {
        Self::new(501, (5, 5, 4), format!("Syntax: {syntax}"))
    }

    /// 501: the reverse-path is no address.
    #[must_use]
    pub fn bad_sender() -> Self {
        Self::new(501, (5, 1, 7), "Bad sender address syntax")
    }

    /// 501: the forward-path is no address.
    #[must_use]
    pub fn bad_recipient() -> Self {
        Self::new(501, (5, 1, 3), "Bad recipient address syntax")
    }

    /// 553: RFC 6531 3.5, a non-ASCII address without SMTPUTF8.
    #[must_use]
    pub fn needs_smtputf8() -> Self {
        Self::new(553, (5, 6, 7), "A non-ASCII address needs the SMTPUTF8 parameter")
    }

    /// 555: RFC 5321 4.1.1.11, a parameter that was not offered.
    #[must_use]
    pub fn unknown_parameter() -> Self {
        Self::new(555, (5, 5, 4), "Parameter not recognised or not implemented")
    }

    /// 503: the command does not fit here; `why` says what should come first.
    #[must_use]
    pub fn bad_sequence(why: &'static str) -> Self {
        Self::new(503, (5, 5, 1), why)
    }

    /// 554: no recipient of this transaction was accepted.
    #[must_use]
    pub fn no_valid_recipients() -> Self {
        Self::new(554, (5, 5, 1), "No valid recipients")
    }

    // ── limits ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// 552: over the advertised SIZE.
    #[must_use]
    pub fn too_big() -> Self {
        Self::new(552, (5, 3, 4), "Message too big for system")
    }

    /// 452: no room for a message of this size right now (before or instead of taking it).
    #[must_use]
    pub fn no_room() -> Self {
        Self::new(452, (4, 3, 1), "Insufficient system storage, try again later")
    }

    /// 451 to DATA, which RFC 5321 4.3.2 does not let answer 452.
    #[must_use]
    pub fn no_room_for_data() -> Self {
        Self::new(451, (4, 3, 1), "Insufficient system storage, try again later")
    }

    /// 421: too many sessions, whole process or from this address.
    #[must_use]
    pub fn too_many_sessions(hostname: &str) -> Self {
        Self::new(421, (4, 7, 0), format!("{hostname} Too many connections, try again later"))
    }

    /// 421: commands, transactions or errors of one session are used up; a new session may go on.
    #[must_use]
    pub fn session_used_up(hostname: &str) -> Self {
        Self::new(421, (4, 7, 0), format!("{hostname} Too many commands or errors, closing"))
    }

    /// 421: endless line or endless message.
    #[must_use]
    pub fn endless_input(hostname: &str) -> Self {
        Self::new(421, (4, 7, 0), format!("{hostname} Too much input, closing"))
    }

    /// 421: RFC 5321 4.5.3.2, the peer was silent for too long or the session too old.
    #[must_use]
    pub fn timed_out(hostname: &str) -> Self {
        Self::new(421, (4, 4, 2), format!("{hostname} Timeout, closing"))
    }

    /// 421: RFC 5321 3.8, shutting down.
    #[must_use]
    pub fn shutting_down(hostname: &str) -> Self {
        Self::new(421, (4, 3, 2), format!("{hostname} Shutting down, try again later"))
    }

    // ── what the journey decided ───────────────────────────────────────────────────────────────────────────────────

    /// The reply for a refusal; `id` joins it with our log where a transaction exists.
    #[must_use]
    pub fn for_refusal(reason: RefusalReason, id: Option<MailId>) -> Self {
        let (code, enhanced, text) = refusal(reason);
        match id {
            Some(id) => Self::new(code, enhanced, format!("{text}, id {id}")),
            None => Self::new(code, enhanced, text),
        }
    }

    /// The reply to one RCPT.
    #[must_use]
    pub fn for_recipient(outcome: &RecipientOutcome, id: MailId) -> Self {
        match outcome {
            RecipientOutcome::Accepted(reply) if reply.is_positive() => {
                Self::new(250, (2, 1, 5), "Recipient OK")
            }
            RecipientOutcome::Accepted(reply) | RecipientOutcome::RefusedByNextHop(reply) => {
                Self::mirrored(reply, id)
            }
            RecipientOutcome::Refused(reason) => Self::for_refusal(*reason, Some(id)),
        }
    }

    /// The one reply after the data. A held message answers exactly like a relayed one: a fraudster must not learn
    /// from the reply that the message was recognised.
    #[must_use]
    pub fn for_disposition(disposition: &Disposition, id: MailId) -> Self {
        match disposition {
            Disposition::Relayed(reply) if !reply.is_positive() => Self::mirrored(reply, id),
            Disposition::Relayed(_) | Disposition::Held(_) => {
                Self::new(250, (2, 6, 0), format!("Message accepted, id {id}"))
            }
            Disposition::RefusedByNextHop(reply) => Self::mirrored(reply, id),
            Disposition::Refused(reason) => Self::for_refusal(*reason, Some(id)),
        }
    }

    /// A next hop's refusal in its own words: code, enhanced code and bounded printable text. What is no refusal, or
    /// would end our own session (421), becomes 451: never a 250 that nobody gave.
    fn mirrored(reply: &NextHopReply, id: MailId) -> Self {
        let code = match reply.code {
            421 => 451,
            code if (400..600).contains(&code) => code,
            _ => return Self::for_refusal(RefusalReason::NextHopUnavailable, Some(id)),
        };
        let class = if code < 500 { 4 } else { 5 };
        let enhanced = match reply.enhanced {
            Some((given, subject, detail)) if given == class && subject <= 999 && detail <= 999 => {
                (class, subject, detail)
            }
            _ => (class, 0, 0),
        };
        let mut room = limits::MAX_REPLY_OCTETS;
        let mut lines = Vec::new();
        for line in reply.lines.iter().take(MAX_MIRRORED_LINES) {
            let text = printable(line, room.min(MAX_LINE_TEXT));
            room = room.saturating_sub(text.len());
            if !text.is_empty() {
                lines.push(Cow::Owned(text));
            }
        }
        if lines.is_empty() {
            lines.push("Refused by the next hop".into());
        }
        Self { code, enhanced: Some(enhanced), lines }
    }
}

/// Code, enhanced code and text of each refusal.
fn refusal(reason: RefusalReason) -> (u16, Enhanced, &'static str) {
    match reason {
        RefusalReason::NotProtected => (550, (5, 7, 1), "Recipient is not served here"),
        RefusalReason::OwnDomainNotProtected => {
            (451, (4, 7, 1), "Recipient is not set up yet, try again later")
        }
        RefusalReason::ProofFailed => (451, (4, 7, 1), "Sending system is not set up yet, try again later"),
        RefusalReason::UnknownPeer => (550, (5, 7, 1), "Relaying denied"),
        RefusalReason::OtherOrganisation => (452, (4, 5, 3), "Send to this recipient separately"),
        RefusalReason::TooManyRecipients => (452, (4, 5, 3), "Too many recipients"),
        RefusalReason::Loop => (554, (5, 4, 6), "Mail loop detected"),
        RefusalReason::BareNewline => (550, (5, 6, 11), "Message holds a bare CR or LF"),
        RefusalReason::BareNewlineUndeliverable => {
            (554, (5, 6, 11), "Message holds a bare CR or LF and the next hop has no CHUNKING")
        }
        RefusalReason::Utf8Undeliverable => (553, (5, 6, 7), "The next hop does not support SMTPUTF8"),
        RefusalReason::EightBitUndeliverable => (554, (5, 6, 3), "The next hop does not support 8BITMIME"),
        RefusalReason::NextHopUnavailable => (451, (4, 4, 1), "Next hop is not available, try again later"),
        RefusalReason::LocalTrouble => (451, (4, 3, 0), "Local trouble, try again later"),
        RefusalReason::Overloaded => (451, (4, 3, 1), "Too busy, try again later"),
        // Not 421: the transaction ends here, the session says 421 itself when it closes.
        RefusalReason::ShuttingDown => (451, (4, 3, 2), "Shutting down, try again later"),
        RefusalReason::TooManyUnproven => (451, (4, 3, 0), "Too many open transactions, try again later"),
    }
}

/// Printable ASCII of a text, at most `room` octets; anything else becomes `?`, so nothing can break the line.
fn printable(text: &str, room: usize) -> String {
    text.chars().take(room).map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests;
