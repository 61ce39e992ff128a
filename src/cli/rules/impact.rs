//! `sentra rules impact`: what enforcing would have done over past mail, for an organisation that only watches yet.

use super::super::database::open;
use super::super::{Failure, Globals, Io};
use super::load;
use super::past::{PeriodArgs, Skipped, replay, stamp, told};
use crate::model::{Mode, Places};
use crate::rules::{Counts, Impact, Outcome};
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;

pub(super) const HELP: &str = "\
Judges the recorded facts of a period anew, with the rules in force now, as `enforce` would: what would have been tagged
or held, by code, day and supplier. Meant for mode monitor, before an organisation goes to tag or enforce.

Examples:
  sentra rules impact --org Contoso
  sentra rules impact --org Contoso --since 7d --examples 50 --json";

/// Suppliers and days that a table shows.
const TABLE_ROWS: usize = 20;

/// Arguments of `sentra rules impact`.
#[derive(Debug, Args)]
pub(super) struct ImpactArgs {
    #[command(flatten)]
    period: PeriodArgs,
}

pub(super) async fn run(
    args: &ImpactArgs,
    rules: Option<&Path>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let at = open(globals).await?;
    let org = at.organisation(globals).await?;
    let base = load(rules.or(at.config.rules.as_deref()))?;
    let (set, problems) = base.joined(&at.store.own_rules(org.id).await?);
    for problem in problems {
        io.note(&format!("warning: {problem}"));
    }
    let period = args.period.period(at.store.clock().now_ms());
    let mut sum = Impact::new(args.period.examples);
    let mut skipped = Skipped::default();
    replay(&at, &org, period, "impact", &mut skipped, |message, facts| {
        let outcome = Outcome::of(&set.judge(facts, &Places::default(), Mode::Enforce));
        sum.add(stamp(org.id, message), outcome, (&facts.supplier.id, &facts.supplier.name));
    })
    .await?;
    skipped.note(io);
    if globals.json {
        let mut object = json!({
            "org": org.id, "mode": org.mode, "period": told(period), "ruleset": set.hash(), "skipped": skipped,
        });
        if let (Some(object), Ok(Value::Object(counts))) =
            (object.as_object_mut(), serde_json::to_value(&sum))
        {
            object.extend(counts);
        }
        return io.json(&object);
    }
    let [since, until] = ["since", "until"].map(|end| day(&told(period), end));
    io.line(&format!(
        "{} (mode {}), {since} to {until}: of {} messages {} would have been held, {} tagged",
        org.name,
        org.mode.as_str(),
        sum.total.messages,
        sum.total.quarantine,
        sum.total.tag
    ))?;
    tables(&sum, io)
}

/// The day of one end of a period.
fn day(period: &Value, end: &str) -> String {
    period.get(end).and_then(Value::as_str).and_then(|time| time.get(..10)).unwrap_or("-").to_owned()
}

fn tables(sum: &Impact, io: &mut Io<'_>) -> Result<(), Failure> {
    let numbers = |counts: &Counts| [counts.quarantine.to_string(), counts.tag.to_string()];
    let row = |name: &str, counts: &Counts| {
        std::iter::once(name.to_owned()).chain(numbers(counts)).collect::<Vec<_>>()
    };
    let marked = |counts: &Counts| counts.tag > 0 || counts.quarantine > 0;
    let mut suppliers: Vec<_> = sum.suppliers.iter().filter(|(_, known)| marked(&known.counts)).collect();
    suppliers.sort_by_key(|(id, known)| {
        (std::cmp::Reverse((known.counts.quarantine, known.counts.tag)), (*id).clone())
    });
    let name = |id: &str, name: &str| {
        if id.is_empty() { "(none recognised)".to_owned() } else { format!("{name} ({id})") }
    };
    let suppliers =
        suppliers.into_iter().take(TABLE_ROWS).map(|(id, known)| row(&name(id, &known.name), &known.counts));
    let days = sum.days.iter().rev().filter(|(_, counts)| marked(counts)).take(TABLE_ROWS);
    for (head, rows) in [
        ("CODE", sum.codes.iter().map(|(code, counts)| row(code, counts)).collect::<Vec<_>>()),
        ("DAY", days.map(|(day, counts)| row(day, counts)).collect()),
        ("SUPPLIER", suppliers.collect()),
    ] {
        if !rows.is_empty() {
            io.line("")?;
            io.table(&[head, "HELD", "TAGGED"], rows)?;
        }
    }
    if sum.examples.is_empty() {
        return Ok(());
    }
    io.line("")?;
    let example = |example: &crate::rules::Example| {
        vec![
            example.message.id.clone(),
            example.message.received_at.get(..16).unwrap_or_default().to_owned(),
            example.outcome.action.as_str().to_owned(),
            example.outcome.codes.iter().cloned().collect::<Vec<_>>().join(" "),
        ]
    };
    io.table(&["MESSAGE", "RECEIVED", "ACTION", "CODES"], sum.examples.iter().map(example).collect())
}
