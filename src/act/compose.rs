//! Puts a delivered message together: our header block, the received header section without fields that only we may
//! write, and the received body with the banner spliced in.

use super::annotate::{BannerOutcome, Edit, Plan, plan, weave};
use super::banner::Words;
use super::block::{Block, authentication_results, received, return_token};
use super::displayed::LeaveReason;
use super::fields::{Fields, body_start, first_value, newline};
use super::trace;
use super::verdict_header::{self, body_hash, codes, signed_text, state};
use super::voice::Voice;
use crate::limits::MAX_HEADER_SLICES;
use crate::model::{
    Action, AuthResults, Finding, MailId, Message, Organisation, ReceivedMail, Recipient, ReversePath,
    Severity, Speaker, Verdict,
};
use crate::ports::{Keyring, PortError};
use bytes::Bytes;

/// Characters of a subject prefix.
const MAX_PREFIX: usize = 40;
/// First line of a subject, past which the prefix gets a line of its own.
const LONG_SUBJECT: usize = 900;

/// A message ready to go onward.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The octets, in order: slices of the received ones and short buffers of ours.
    pub segments: Vec<Bytes>,
    /// What became of the banner.
    pub banner: BannerOutcome,
}

/// What the composer needs beside message and verdict.
pub struct Stamp<'a> {
    /// Our name in trace fields.
    pub hostname: &'a str,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// Whose mail it is.
    pub organisation: &'a Organisation,
    /// Keys for signatures.
    pub keyring: &'a dyn Keyring,
    /// Who vouched for the sender.
    pub auth: &'a AuthResults,
    /// How often the message passed before ([`super::passes`]).
    pub passes: usize,
    /// Whether the organisation's return token goes onto it.
    pub include_return_token: bool,
    /// Who words the banner.
    pub voice: &'a Voice,
}

/// Everything about one message that goes into its block and banner.
pub(super) struct Draft<'a> {
    pub(super) id: MailId,
    pub(super) octets: &'a Bytes,
    pub(super) message: &'a Message,
    pub(super) reverse_path: &'a ReversePath,
    pub(super) recipients: &'a [Recipient],
    /// The tokens of `Received`.
    pub(super) received: Vec<String>,
    pub(super) action: Action,
    pub(super) severity: Severity,
    pub(super) score: u8,
    pub(super) findings: &'a [Finding],
    /// `None`: no banner.
    pub(super) words: Option<Words>,
    pub(super) subject_prefix: Option<&'a str>,
}

/// Composes a delivered or tagged message: prepended headers, and for `tag` the banner.
///
/// # Errors
/// [`PortError`] when the organisation's keys are not loaded, or its return token cannot stand in a header.
pub fn compose(
    mail: &ReceivedMail,
    message: &Message,
    verdict: &Verdict,
    stamp: &Stamp<'_>,
) -> Result<Outgoing, PortError> {
    let tag = verdict.action == Action::Tag;
    let recipients = &mail.envelope.recipients;
    let utf8 = mail.envelope.parameters.smtputf8;
    let draft = Draft {
        id: mail.id,
        octets: &mail.octets,
        message,
        reverse_path: &mail.envelope.reverse_path,
        recipients,
        received: received(mail.id, &mail.peer, recipients, utf8, stamp.hostname, stamp.now_ms)?,
        action: verdict.action,
        severity: verdict.severity,
        score: verdict.score,
        findings: &verdict.findings,
        words: tag.then(|| stamp.voice.of_verdict(mail.id, stamp.organisation, recipients, verdict)),
        subject_prefix: stamp.organisation.subject_prefix.as_deref().filter(|_| tag),
    };
    assemble(&draft, stamp)
}

/// What would become of the banner if the message were tagged with this verdict: asked before anything is recorded,
/// because a message that cannot carry it may have to be held.
#[must_use]
pub fn foresee(mail: &ReceivedMail, message: &Message, verdict: &Verdict) -> BannerOutcome {
    let words = Words { said: Speaker::new("en", None, None).of_verdict(verdict), page: None };
    planned(&mail.octets, message, &mail.envelope.reverse_path, &words).1.outcome
}

/// The body's start and the banner's plan.
fn planned(octets: &[u8], message: &Message, reverse_path: &ReversePath, words: &Words) -> (usize, Plan) {
    let mut fields = Fields::new(octets);
    fields.by_ref().for_each(drop);
    let body_start = fields.body_start();
    // All octets are header section: a banner behind them would be read as header lines.
    if !fields.has_body() {
        return (body_start, Plan::none(BannerOutcome::LeftAlone(LeaveReason::NoText)));
    }
    (body_start, plan(octets, message, reverse_path, words, body_start))
}

/// Composes from a draft.
pub(super) fn assemble(draft: &Draft<'_>, stamp: &Stamp<'_>) -> Result<Outgoing, PortError> {
    let (body_start, plan) = match &draft.words {
        None => (body_start(draft.octets), Plan::none(BannerOutcome::NotWanted)),
        Some(words) => planned(draft.octets, draft.message, draft.reverse_path, words),
    };
    let banner = plan.outcome;
    let notice = matches!(banner, BannerOutcome::LeftAlone(reason) if LeaveReason::is_notice(reason));
    let prefix = draft.subject_prefix.filter(|_| !notice).and_then(sound_prefix);
    let body = weave(draft.octets, body_start..draft.octets.len(), &plan.body);
    let mut segments = vec![Bytes::from(block(draft, stamp, &body)?)];
    segments.extend(header_section(
        draft.octets,
        body_start,
        prefix.as_deref(),
        &plan.header,
        stamp.hostname,
    ));
    segments.extend(body);
    Ok(Outgoing { segments, banner })
}

/// The prepended block.
fn block(draft: &Draft<'_>, stamp: &Stamp<'_>, body: &[Bytes]) -> Result<Vec<u8>, PortError> {
    let Stamp { organisation, keyring, .. } = stamp;
    let words = [draft.action.as_str(), draft.severity.as_str()];
    let seconds = stamp.now_ms.div_euclid(1_000);
    let stated = state(draft.id, organisation.id, words, draft.score, codes(draft.findings), seconds);
    let message_id = first_value(draft.octets, "message-id");
    let recipients = trace::addresses(draft.recipients);
    let text = signed_text(&stated, &message_id, &recipients, &body_hash(body));
    let signature = keyring.sign(organisation.id, &text)?;

    let mut block = Block::new(newline(draft.octets));
    block.field("Received", &draft.received);
    block.field(verdict_header::ID, std::slice::from_ref(&stated.id));
    block.field(verdict_header::NAME, &verdict_header::tokens(&stated, &signature));
    let traced = trace::stamp(draft.octets, organisation, draft.recipients, stamp.passes, *keyring)?;
    block.field(trace::NAME, &traced);
    block.field("Authentication-Results", &authentication_results(stamp.hostname, stamp.auth));
    if stamp.include_return_token
        && let Some(token) = return_token(organisation)?
    {
        block.field("X-Sentra-Return", &[token]);
    }
    // A message that starts with a continuation line would continue our last field: give it one that means nothing.
    if matches!(draft.octets.first(), Some(b' ' | b'\t')) {
        block.field("X-Sentra-Orphan", &["the received message starts with this continuation".to_owned()]);
    }
    Ok(block.finish())
}

/// The received header section without fields of ours, with the subject prefix and the `planned` edits, in at most
/// [`MAX_HEADER_SLICES`] slices and one copy.
fn header_section(
    octets: &Bytes,
    end: usize,
    prefix: Option<&str>,
    planned: &[Edit],
    hostname: &str,
) -> Vec<Bytes> {
    let mut kept = Slices { octets, slices: Vec::new(), copied: Vec::new(), at: 0 };
    let mut prefix = prefix;
    let mut planned = planned.iter().peekable();
    // The last line that stays ends in a bare carriage return; it is nothing else.
    let (mut open, mut blank) = (false, false);
    for field in Fields::new(octets) {
        let line = octets.get(field.range.clone()).unwrap_or_default();
        let was_open = std::mem::replace(&mut open, !line.ends_with(b"\n"));
        let was_blank = std::mem::replace(&mut blank, !was_open && line == b"\r");
        let edit = planned.next_if(|edit| edit.range.start == field.range.start).cloned();
        let forged = field.is_ours(octets) || field.speaks_for(octets, hostname);
        let removed = || Edit { range: field.removal(octets), with: Bytes::new() };
        if let Some(mut edit) = edit.or_else(|| forged.then(removed)) {
            let gone = edit.with.is_empty();
            let whole = !was_open || was_blank || !gone;
            open &= !whole;
            blank &= !whole;
            if whole {
                // The line end that ended two lines would be an empty one if both went, or if ours came before it,
                // and end the header section.
                edit.range.end = field.range.end;
            }
            if was_blank && gone {
                // So would a carriage return that is a line of its own, before the next line's feed.
                edit.range.start = edit.range.start.saturating_sub(1);
            }
            kept.replace(&edit);
        } else if let Some(text) = prefix
            && field.is_named(octets, "subject")
            && let Some(at) = field.value_start(octets)
        {
            prefix = None;
            let value = octets.get(at..field.range.end).unwrap_or_default();
            kept.replace(&Edit { range: at..at, with: subject_insertion(value, text, newline(octets)) });
        }
    }
    kept.finish(end)
}

/// Collects what stays between replaced ranges.
struct Slices<'a> {
    octets: &'a Bytes,
    slices: Vec<Bytes>,
    copied: Vec<u8>,
    at: usize,
}

impl Slices<'_> {
    fn push(&mut self, piece: Bytes) {
        if self.slices.len() < MAX_HEADER_SLICES {
            if !piece.is_empty() {
                self.slices.push(piece);
            }
        } else {
            self.copied.extend_from_slice(&piece);
        }
    }

    fn replace(&mut self, edit: &Edit) {
        let start = edit.range.start.max(self.at);
        self.push(self.octets.slice(self.at..start));
        self.push(edit.with.clone());
        self.at = edit.range.end.max(start);
    }

    fn finish(mut self, end: usize) -> Vec<Bytes> {
        let last = self.octets.slice(self.at.min(end)..end);
        self.push(last);
        if !self.copied.is_empty() {
            self.slices.push(Bytes::from(self.copied));
        }
        self.slices
    }
}

/// What goes between `Subject:` and its value; empty when the subject has the prefix already. ASCII, so encoded words
/// (RFC 2047) behind it stay whole.
fn subject_insertion(value: &[u8], prefix: &str, newline: &str) -> Bytes {
    if value.trim_ascii_start().starts_with(prefix.as_bytes()) {
        return Bytes::new();
    }
    let blank_first = matches!(value.first(), Some(b' ' | b'\t' | b'\r' | b'\n'));
    let first_line = memchr::memchr(b'\n', value).unwrap_or(value.len());
    let gap = match (first_line > LONG_SUBJECT, blank_first) {
        (true, true) if !value.starts_with(b"\r") && !value.starts_with(b"\n") => newline.to_owned(),
        (true, false) => format!("{newline} "),
        (_, true) => String::new(),
        (false, false) => " ".to_owned(),
    };
    Bytes::from(format!(" {prefix}{gap}"))
}

/// The organisation's prefix reduced to what a subject can hold.
fn sound_prefix(prefix: &str) -> Option<String> {
    let text: String = prefix.chars().filter(|c| matches!(c, ' '..='~')).take(MAX_PREFIX).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
