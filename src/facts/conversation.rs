//! Whether a message really belongs to the exchange that it claims to continue.
//!
//! Whoever takes over an exchange copies it: the quoted history shows the true participants while the live fields show
//! others. So the addresses in the quoted part are compared with those that speak for the message. Of the body only the
//! head is read, as words: nothing here interprets markup beyond leaving it out.

use super::identity::{Senders, domain_on_record, is_own};
use super::lookalike::replaced;
use crate::limits;
use crate::model::{
    ConversationFacts, DirectoryAnswer, Domain, EmailAddress, Evidence, Message, PartContent, is_free_mail,
};
use std::collections::BTreeSet;

/// What languages put before the subject of an answer; forwards do not count.
const REPLIES: &[&str] = &["re", "aw", "antw", "antwort", "sv", "vs", "rif", "res", "odp"];
/// Labels of a quoted From line, by language.
const FROM_LABELS: &[(&str, Tongue)] = &[
    ("from", Tongue::English),
    ("von", Tongue::German),
    ("de", Tongue::Romance),
    ("da", Tongue::Romance),
    ("van", Tongue::Dutch),
    ("od", Tongue::Polish),
];
/// Labels of a quoted date line, by language. `date` is English and French alike and tells nothing.
const SENT_LABELS: &[(&str, Tongue)] = &[
    ("sent", Tongue::English),
    ("gesendet", Tongue::German),
    ("envoyé", Tongue::Romance),
    ("enviado", Tongue::Romance),
    ("enviado el", Tongue::Romance),
    ("inviato", Tongue::Romance),
    ("verzonden", Tongue::Dutch),
    ("wysłano", Tongue::Polish),
];
/// How the line before a quotation ends.
const WROTE: &[&str] = &[
    "wrote:",
    "schrieb:",
    "a écrit :",
    "a écrit:",
    "escribió:",
    "ha scritto:",
    "schreef:",
    "escreveu:",
    "napisał:",
    "napisał(a):",
    "napisała:",
];

/// Languages whose mail programs write these labels. French, Spanish, Portuguese and Italian share some.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tongue {
    English,
    German,
    Romance,
    Dutch,
    Polish,
}

/// What the quoted part shows.
#[derive(Default)]
struct Quoted {
    domains: BTreeSet<Domain>,
    odd: bool,
}

pub(super) fn conversation(
    evidence: &Evidence,
    senders: &Senders,
    answer: &DirectoryAnswer,
) -> ConversationFacts {
    let claims_reply = is_reply(&evidence.message.subject);
    let quoted = quoted(&evidence.message);
    let mut facts = ConversationFacts {
        claims_reply,
        quoted: !quoted.domains.is_empty(),
        odd_quote: quoted.odd,
        ..ConversationFacts::default()
    };
    if !facts.quoted {
        return facts;
    }
    let strange = |domain: &Domain| {
        !is_own(&evidence.organisation, domain) && !domain_on_record(answer, domain) && !is_free_mail(domain)
    };
    let other = live(evidence, senders)
        .iter()
        .filter(|domain| strange(domain) && !quoted.domains.contains(domain))
        .find_map(|domain| replaced(domain, &quoted.domains).cloned());
    if let Some(domain) = other {
        facts.replaced = true;
        facts.replaced_domain = domain.to_string();
    }
    facts.stranger_answers = claims_reply
        && senders.author().is_some_and(|author| answers_as_stranger(evidence, author, &quoted, answer));
    facts
}

/// The sender belongs to nobody of the quoted exchange, in which a supplier on record takes part.
fn answers_as_stranger(
    evidence: &Evidence,
    author: &EmailAddress,
    quoted: &Quoted,
    answer: &DirectoryAnswer,
) -> bool {
    let domain = author.domain();
    let among_quoted = quoted.domains.iter().any(|other| other.registrable() == domain.registrable());
    if among_quoted || is_own(&evidence.organisation, domain) || super::identity::on_record(answer, author) {
        return false;
    }
    let theirs = |known: &Domain| {
        quoted.domains.contains(known) && !is_own(&evidence.organisation, known) && !is_free_mail(known)
    };
    answer.known_domains.iter().any(|(known, _)| theirs(known))
}

/// Domains of everybody who speaks or is spoken to now.
fn live(evidence: &Evidence, senders: &Senders) -> Vec<Domain> {
    let to = evidence.message.to.iter().take(limits::QUOTED_ADDRESSES);
    let to = to.filter_map(|mailbox| EmailAddress::parse(&mailbox.address).ok());
    let mut domains: Vec<Domain> = Vec::new();
    for address in senders.from.iter().chain(&senders.reply_to).cloned().chain(to) {
        if !domains.contains(address.domain()) {
            domains.push(address.domain().clone());
        }
    }
    domains
}

fn is_reply(subject: &str) -> bool {
    let Some((prefix, _)) = subject.trim_start().split_once(':') else { return false };
    let word = prefix.split(['[', '(']).next().unwrap_or(prefix).trim().to_lowercase();
    REPLIES.contains(&word.as_str())
}

/// Reads the quoted part of each text of the message itself.
fn quoted(message: &Message) -> Quoted {
    let mut quoted = Quoted::default();
    for part in message.parts.iter().filter(|part| !part.in_attached_message && part.name.is_none()) {
        match &part.content {
            PartContent::Text(text) => read(head(text), &mut quoted),
            PartContent::Html(html) => read(&without_markup(head(html)), &mut quoted),
            PartContent::Binary(_) | PartContent::Multipart | PartContent::AttachedMessage => {}
        }
    }
    quoted
}

fn head(text: &str) -> &str {
    text.get(..text.floor_char_boundary(limits::QUOTED_TEXT)).unwrap_or(text)
}

/// Everything below the first sign of a quotation is quoted; so is each line that begins with `>`.
fn read(text: &str, quoted: &mut Quoted) {
    let mut inside = false;
    let mut tongue = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let bare = trimmed.trim_start_matches(['>', '|', ' ', '*']).trim();
        let lower = bare.to_lowercase();
        let from = label(&lower, FROM_LABELS);
        let has_address = lower.contains('@');
        inside |= (from.is_some() && has_address) || WROTE.iter().any(|end| lower.ends_with(end));
        if !inside && !trimmed.starts_with('>') {
            continue;
        }
        if let Some((found, spaced)) = from.filter(|_| has_address) {
            quoted.odd |= spaced && found == Tongue::English;
            tongue = Some(found);
        } else if let Some((found, _)) = label(&lower, SENT_LABELS) {
            quoted.odd |= tongue.take().is_some_and(|tongue| tongue != found);
        }
        collect(&lower, &mut quoted.domains);
    }
}

/// The language of a line's label, and whether a space stands before its colon.
fn label(line: &str, labels: &[(&str, Tongue)]) -> Option<(Tongue, bool)> {
    let (name, _) = line.split_once(':')?;
    let name = name.trim_end_matches('*');
    let found = labels.iter().find(|(label, _)| *label == name.trim_end())?;
    Some((found.1, name.ends_with(' ')))
}

fn collect(line: &str, domains: &mut BTreeSet<Domain>) {
    let words = line.split(|c: char| c.is_whitespace() || "<>()[],;:\"'|*".contains(c));
    for word in words.filter(|word| word.contains('@')) {
        if domains.len() >= limits::QUOTED_ADDRESSES {
            return;
        }
        if let Ok(address) = EmailAddress::parse(word.trim_matches('.')) {
            domains.insert(address.domain().clone());
        }
    }
}

/// Markup left out, one line for each block, the commonest entities read.
fn without_markup(html: &str) -> String {
    const BLOCKS: &[&str] = &["br", "p", "div", "tr", "li", "hr", "blockquote", "table"];
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, behind)) = after.split_once('>') else {
            rest = "";
            break;
        };
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
        if name.is_some_and(|name| BLOCKS.iter().any(|block| block.eq_ignore_ascii_case(name))) {
            text.push('\n');
        }
        rest = behind;
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&#64;", "@")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::test_support::message;
    use crate::model::{ContentDisposition, Lookup, Part, TransferEncoding};
    use std::sync::Arc;

    fn facts(sender: &str, subject: &str, content: PartContent) -> ConversationFacts {
        let mut evidence = super::super::tests::plain_evidence();
        let mut message = message(sender, None);
        message.subject = subject.to_owned();
        message.parts = vec![Part {
            parent: None,
            depth: 0,
            in_attached_message: false,
            media_type: "text/plain".to_owned(),
            charset: None,
            parameters: vec![],
            encoding: TransferEncoding::Identity,
            disposition: ContentDisposition::None,
            name: None,
            content_id: None,
            body: 0..0,
            content,
        }];
        evidence.message = Arc::new(message);
        let Lookup::Found(answer) = evidence.directory.clone() else { panic!("the tests have a directory") };
        conversation(&evidence, &Senders::of(&evidence), &answer)
    }

    fn of_text(sender: &str, subject: &str, text: &str) -> ConversationFacts {
        facts(sender, subject, PartContent::Text(text.to_owned()))
    }

    #[test]
    fn somebody_of_the_quoted_exchange_was_replaced() {
        let outlook =
            "New account below.\n\nFrom: Jo <jo@stonemasonry.example>\nSent: Monday\nTo: us@ours.example\n";
        for (name, sender, text, replaced) in [
            ("one letter", "jo@stonemasonny.example", outlook, true),
            ("the same", "jo@stonemasonry.example", outlook, false),
            ("below the same", "jo@mail.stonemasonry.example", outlook, false),
            ("another", "jo@carpenters.example", outlook, false),
            ("other ending", "jo@stonemasonry.test", outlook, false),
            (
                "wrote",
                "jo@stonemasonny.example",
                "Hi\nOn Monday Jo <jo@stonemasonry.example> wrote:\n> x",
                true,
            ),
            ("prefixed", "jo@stonemasonny.example", "Hi\n> mail jo@stonemasonry.example", true),
            ("in the signature only", "jo@stonemasonny.example", "Hi\nJo, jo@stonemasonry.example", false),
            ("on record", "jo@acmebuilding.co.uk", "Hi\n> jo@acmebuildnig.co.uk", false),
        ] {
            let facts = of_text(sender, "Re: invoice", text);
            assert_eq!(facts.replaced, replaced, "{name}: {facts:?}");
        }
        let html = "<p>New account<div><b>From:</b> Jo &lt;jo@stonemasonry.example&gt;<br><b>To:</b> x</div>";
        let facts = facts("jo@stonemasonny.example", "AW: invoice", PartContent::Html(html.to_owned()));
        assert_eq!((facts.replaced, facts.replaced_domain.as_str()), (true, "stonemasonry.example"));
    }

    #[test]
    fn a_stranger_answers_in_a_suppliers_exchange() {
        let acme = "Pay here.\n\nFrom: Al <al@acmebuilding.co.uk>\nSent: Monday\nTo: us@ours.example\n";
        for (name, sender, subject, text, expected) in [
            ("stranger", "al@stranger.example", "Re: invoice", acme, true),
            ("free mailbox", "al@gmail.com", "Re: invoice", acme, true),
            ("the supplier", "al@acmebuilding.co.uk", "Re: invoice", acme, false),
            ("another supplier", "b@boltfixings.example", "Re: invoice", acme, false),
            ("a forward", "al@stranger.example", "Fwd: invoice", acme, false),
            ("nobody on record", "al@stranger.example", "Re: invoice", "> x@nobody.example", false),
            (
                "copied in before",
                "al@stranger.example",
                "Re: x",
                "> al@acmebuilding.co.uk, b@stranger.example",
                false,
            ),
        ] {
            let facts = of_text(sender, subject, text);
            assert_eq!(facts.stranger_answers, expected, "{name}: {facts:?}");
        }
    }

    #[test]
    fn odd_quoted_headers_are_told() {
        for (name, text, odd) in [
            ("Outlook", "From: a@b.example\nSent: Monday", false),
            ("space before the colon", "From : a@b.example\nSent : Monday", true),
            ("French", "De : a@b.example\nEnvoyé : lundi", false),
            ("German", "Von: a@b.example\nGesendet: Montag", false),
            ("mixed", "Von: a@b.example\nSent: Monday", true),
            (
                "two languages one after the other",
                "Von: a@b.example\nGesendet: x\nFrom: c@d.example\nSent: y",
                false,
            ),
        ] {
            assert_eq!(of_text("x@y.example", "Re: x", text).odd_quote, odd, "{name}");
        }
    }

    #[test]
    fn hostile_text_is_bounded() {
        let many: String = (0..5_000).map(|number| format!("> a@d{number}.example\n")).collect();
        assert!(of_text("x@y.example", "Re: x", &many).quoted);
        let unclosed = "<".repeat(500_000);
        assert!(!facts("x@y.example", "Re: x", PartContent::Html(unclosed)).quoted);
    }
}
