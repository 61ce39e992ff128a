//! The demo's table: what was sent, what became of it, why, and what a recipient sees.

use super::{Outcome, samples};
use crate::message;
use crate::model::{HeldSummary, PartContent};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use std::io::{self, Write};

/// Characters of a recipient's first line that the table shows.
const FIRST_LINE: usize = 110;

/// What can be told of a verdict from the outside.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) action: String,
    pub(super) severity: String,
    pub(super) codes: String,
}

impl Shown {
    /// From the verdict field of what arrived, or the row of what is held.
    pub(super) fn of(arrived: Option<&[u8]>, held: Option<&HeldSummary>) -> Self {
        if let Some(row) = held {
            let severity = row.severity.as_str().to_owned();
            return Self { action: "quarantine".to_owned(), severity, codes: row.codes.join(", ") };
        }
        let field = arrived.and_then(verdict_field).unwrap_or_default();
        let value = |name: &str| {
            field
                .split("; ")
                .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            action: value("action"),
            severity: value("severity"),
            codes: value("codes").replace(',', ", "),
        }
    }
}

/// The unfolded value of `X-Sentra-Verdict`.
fn verdict_field(octets: &[u8]) -> Option<String> {
    let parsed = message::parse(octets);
    let value = parsed.header_values(octets, "X-Sentra-Verdict").next()?;
    Some(String::from_utf8_lossy(value).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Prints table and summary; true when every sample went as expected.
pub(super) fn table(outcomes: &[Outcome], colour: bool, out: &mut dyn Write) -> io::Result<bool> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !colour {
        table.force_no_tty().set_width(140);
    }
    table.set_header(["Sample", "Verdict", "Why", "What the recipient sees"]);
    let mut wrong = Vec::new();
    for outcome in outcomes {
        if outcome.verdict.action != outcome.sample.expected.as_str() {
            wrong.push(outcome);
        }
        table.add_row([
            Cell::new(outcome.sample.title),
            verdict_cell(&outcome.verdict, colour),
            Cell::new(if outcome.verdict.codes.is_empty() { "—" } else { &outcome.verdict.codes }),
            Cell::new(seen(outcome)),
        ]);
    }
    writeln!(out, "{table}")?;
    for outcome in &wrong {
        let (title, expected) = (outcome.sample.title, outcome.sample.expected.as_str());
        writeln!(
            out,
            "unexpected: {title}: {:?} instead of {expected}; reply {}",
            outcome.verdict.action, outcome.reply
        )?;
    }
    let right = outcomes.len().saturating_sub(wrong.len());
    writeln!(out, "{right} of {} samples went as expected", outcomes.len())?;
    Ok(wrong.is_empty())
}

fn verdict_cell(verdict: &Shown, colour: bool) -> Cell {
    let cell = Cell::new(format!("{}\n{}", verdict.action, verdict.severity));
    if !colour {
        return cell;
    }
    match verdict.action.as_str() {
        "quarantine" => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        "tag" => cell.fg(Color::Yellow),
        _ => cell.fg(Color::Green),
    }
}

/// The first words of the message as a mail client would list them.
fn seen(outcome: &Outcome) -> String {
    let Some(arrived) = &outcome.arrived else {
        return if outcome.verdict.action == "quarantine" {
            "nothing: held for review, administrators told".to_owned()
        } else {
            format!("nothing: {}", outcome.reply)
        };
    };
    if arrived.ends_with(outcome.sample.octets) {
        return if outcome.verdict.action == "tag" {
            "the message as it was sent (signed: the verdict is in its header)".to_owned()
        } else {
            "the message as it was sent".to_owned()
        };
    }
    let parsed = message::parse(arrived);
    let text = parsed.parts.iter().find_map(|part| match &part.content {
        PartContent::Text(text) => Some(text.clone()),
        PartContent::Html(html) => Some(samples::text_of(html)),
        _ => None,
    });
    let text = text.unwrap_or_default();
    let words: Vec<&str> =
        text.split_whitespace().filter(|word| !word.chars().all(|c| c == '-' || c == '=')).collect();
    words.join(" ").chars().take(FIRST_LINE).chain("…".chars()).collect()
}
