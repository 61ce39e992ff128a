//! The demo's table: what was sent, what became of it, why, and what a recipient sees.

use super::Outcome;
use crate::message;
use crate::model::{HeldSummary, PartContent};
use crate::rules::RuleSet;
use std::io::{self, Write};

/// Columns of the whole table; a terminal has as many.
const WIDTH: usize = 118;
/// Columns of the verdict, with a blank after it.
const VERDICT: usize = 12;
/// Columns of the sample's title, with a blank after it.
const TITLE: usize = 44;
/// What stands before and after the banner's words.
const TEXT_BEGIN: &str = "**** Sentra: ";
const TEXT_END: &str = "**** Sentra *";
const HTML_BEGIN: &str = "<!-- sentra:banner -->";
const HTML_END: &str = "<!-- /sentra:banner -->";

/// What can be told of a verdict from the outside.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) action: String,
    pub(super) codes: Vec<String>,
}

impl Shown {
    /// From the verdict field of what arrived, or the row of what is held.
    pub(super) fn of(arrived: Option<&[u8]>, held: Option<&HeldSummary>) -> Self {
        if let Some(row) = held {
            return Self { action: "quarantine".to_owned(), codes: row.codes.clone() };
        }
        let field = arrived.and_then(verdict_field).unwrap_or_default();
        let value = |name: &str| {
            field
                .split("; ")
                .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
        };
        let codes = value("codes").split(',').filter(|code| !code.is_empty());
        Self { action: value("action").to_owned(), codes: codes.map(str::to_owned).collect() }
    }
}

/// The unfolded value of `X-Sentra-Verdict`.
fn verdict_field(octets: &[u8]) -> Option<String> {
    let parsed = message::parse(octets);
    let value = parsed.header_values(octets, "X-Sentra-Verdict").next()?;
    Some(String::from_utf8_lossy(value).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Prints table and summary; true when every sample went as expected.
pub(super) fn table(
    outcomes: &[Outcome],
    rules: &RuleSet,
    colour: bool,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let dim = |text: &str| if colour { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() };
    writeln!(out, "{}", dim(&format!("{:VERDICT$}{:TITLE$}{}", "VERDICT", "MAIL", "WHY")))?;
    let mut right = 0_usize;
    for outcome in outcomes {
        let action = outcome.verdict.action.as_str();
        let word = painted(&format!("{action:VERDICT$}"), action, colour);
        let why = cut(&reasons(&outcome.verdict.codes, rules), WIDTH.saturating_sub(VERDICT + TITLE));
        writeln!(out, "{word}{:TITLE$}{why}", outcome.sample.title)?;
        if action == "tag" {
            for line in wrapped(&seen(outcome), WIDTH.saturating_sub(VERDICT)) {
                writeln!(out, "{:VERDICT$}{}", "", dim(&line))?;
            }
        }
        if action == outcome.sample.expected.as_str() {
            right = right.saturating_add(1);
        } else {
            let (expected, reply) = (outcome.sample.expected.as_str(), &outcome.reply);
            writeln!(out, "{:VERDICT$}UNEXPECTED: should be {expected}; the gateway said: {reply}", "")?;
        }
    }
    writeln!(out, "\nWhat the recipient sees:")?;
    for (action, sight) in [
        ("deliver", "the mail as it was sent, not a byte of it changed"),
        ("tag", "the mail with the words in quotes above it"),
        ("quarantine", "nothing yet: the mail is held for review and the administrators are told"),
    ] {
        writeln!(out, "  {}{sight}", painted(&format!("{action:VERDICT$}"), action, colour))?;
    }
    writeln!(out, "\n{right} of {} samples went as expected", outcomes.len())?;
    Ok(right == outcomes.len())
}

fn painted(word: &str, action: &str, colour: bool) -> String {
    let code = match action {
        "quarantine" => "1;31",
        "tag" => "33",
        "deliver" => "32",
        _ => "1",
    };
    if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
}

/// The findings in words; the loudest come first.
fn reasons(codes: &[String], rules: &RuleSet) -> String {
    if codes.is_empty() {
        return "nothing to check before paying".to_owned();
    }
    let title = |code: &String| {
        rules
            .rules()
            .find(|rule| rule.code == code)
            .map_or_else(|| code.clone(), |rule| rule.title.to_owned())
    };
    let first = codes.first().map(title).unwrap_or_default();
    match codes.len() {
        1 => first,
        more => format!("{first} (+{} more)", more.saturating_sub(1)),
    }
}

/// What a tagged mail says to who opens it.
fn seen(outcome: &Outcome) -> String {
    let Some(arrived) = &outcome.arrived else { return format!("nothing arrived: {}", outcome.reply) };
    if arrived.ends_with(outcome.sample.octets) {
        return "as it was sent: a banner would break its signature, so a notice beside it says why"
            .to_owned();
    }
    let parsed = message::parse(arrived);
    let banner = parsed.parts.iter().find_map(|part| match &part.content {
        PartContent::Text(text) => in_text(text),
        PartContent::Html(html) => in_html(html),
        _ => None,
    });
    banner.map_or_else(|| "no banner".to_owned(), |words| format!("“{words}”"))
}

/// The words between the rules of a text banner.
fn in_text(text: &str) -> Option<String> {
    let (_, after) = text.split_once(TEXT_BEGIN)?;
    let (words, _) = after.split_once(TEXT_END)?;
    Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The words between the marks of an HTML banner, which we wrote ourselves: taking the tags away is enough.
fn in_html(html: &str) -> Option<String> {
    let (banner, _) = html.split_once(HTML_BEGIN)?.1.split_once(HTML_END)?;
    let mut words = String::with_capacity(banner.len());
    let mut inside = false;
    for c in banner.replace("<br>", " ").chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => words.push(c),
            _ => {}
        }
    }
    Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Lines of at most so many characters, broken between words.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// At most so many characters, the last one an ellipsis if some were left out.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_is_told_in_its_own_words() {
        let text = "**** Sentra: Unknown supplier.\r\nCall them.\r\n**** Sentra ****\r\n\r\nHello";
        assert_eq!(in_text(text).as_deref(), Some("Unknown supplier. Call them."));
        let html = format!(
            "<title>Invoice</title>{HTML_BEGIN}<table><tr><td><b>Caution:</b> A.<br>\nB.</td></tr></table>{HTML_END}<p>x"
        );
        assert_eq!(in_html(&html).as_deref(), Some("Caution: A. B."));
        assert_eq!((in_text("Hello"), in_html("<p>Hello")), (None, None));
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        let lines = wrapped("one two three four", 9);
        assert_eq!(lines, ["one two", "three", "four"]);
        assert_eq!(cut("abcdefgh", 4), "abc…");
    }
}
