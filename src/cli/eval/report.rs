//! The measures, as tables for people and as one JSON object for programs.

use super::measure::{Actions, Measure, percentile, share};
use crate::cli::io::write_table;
use crate::model::{Action, Category};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Differences that the tables show.
const SHOWN: usize = 20;

pub(super) fn print(measure: &Measure, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let report = value(measure);
    if as_json {
        return writeln!(out, "{report}");
    }
    tables(measure, &report, out)
}

/// Everything as one object. Shares are from 0 to 1, `null` where there is nothing to divide by.
fn value(m: &Measure) -> Value {
    json!({
        "messages": m.messages,
        "documents": m.documents,
        "unreadable": m.unreadable,
        "ruleset": m.ruleset,
        "fraud": side(&m.fraud, "recall", "held_rate"),
        "genuine": side(&m.genuine, "false_positive_rate", "held_rate"),
        "unknown": side(&m.unknown, "warned_rate", "held_rate"),
        "precision": share(m.fraud.warned(), m.fraud.warned() + m.genuine.warned()),
        "categories": categories(m),
        "accounts": accounts(m),
        "signals": signals(m),
        "groups": m.groups.iter().map(|(name, group)| json!({
            "group": name, "files": group.files, "right": group.right,
        })).collect::<Vec<_>>(),
        "time_us": { "message": times(&m.message_us), "document": times(&m.document_us) },
        "wrong": m.wrong.iter().map(|(file, what)| json!({ "file": file, "what": what })).collect::<Vec<_>>(),
    })
}

fn side(actions: &Actions, warned: &str, held: &str) -> Value {
    let total = actions.total();
    json!({
        "total": total,
        "deliver": actions.of(Action::Deliver),
        "tag": actions.of(Action::Tag),
        "quarantine": actions.of(Action::Quarantine),
        warned: share(actions.warned(), total),
        held: share(actions.of(Action::Quarantine), total),
    })
}

fn times(values: &[u64]) -> Value {
    json!({ "count": values.len(), "p50": percentile(values, 50), "p99": percentile(values, 99), "max": percentile(values, 100) })
}

fn categories(m: &Measure) -> Value {
    let total: usize = m.categories.values().sum();
    let right: usize = m.categories.iter().filter(|((is, found), _)| is == found).map(|(_, n)| n).sum();
    let mut by = BTreeMap::new();
    let names = m.categories.keys().flat_map(|(is, found)| [*is, *found]);
    for category in names.collect::<std::collections::BTreeSet<Category>>() {
        let sum = |of: &dyn Fn(&(Category, Category)) -> bool| -> usize {
            m.categories.iter().filter(|(pair, _)| of(pair)).map(|(_, n)| n).sum()
        };
        let (is, found) = (sum(&|pair| pair.0 == category), sum(&|pair| pair.1 == category));
        let both = sum(&|pair| *pair == (category, category));
        by.insert(
            category.as_str(),
            json!({ "total": is, "recall": share(both, is), "precision": share(both, found) }),
        );
    }
    let matrix = m
        .categories
        .iter()
        .map(|((is, found), count)| json!({ "is": is.as_str(), "found": found.as_str(), "count": count }));
    json!({ "accuracy": share(right, total), "by": by, "matrix": matrix.collect::<Vec<_>>() })
}

fn accounts(m: &Measure) -> Value {
    let row = |found: &super::measure::Found| {
        json!({
            "expected": found.right + found.missed,
            "found": found.right + found.wrong,
            "recall": share(found.right, found.right + found.missed),
            "precision": share(found.right, found.right + found.wrong),
        })
    };
    m.accounts
        .iter()
        .map(|(kind, found)| (kind.clone(), row(found)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn signals(m: &Measure) -> Vec<Value> {
    let row = |(code, signal): (&String, &super::measure::Signal)| {
        json!({
            "code": code,
            "fraud": signal.fraud,
            "genuine": signal.genuine,
            "unknown": signal.unknown,
            "precision": share(signal.fraud, signal.fraud + signal.genuine),
            "demanded": signal.demanded,
            "recall": share(signal.answered, signal.demanded),
        })
    };
    m.signals.iter().map(row).collect()
}

/// A share as people read it.
fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn tables(m: &Measure, report: &Value, out: &mut dyn Write) -> io::Result<()> {
    let at = |path: &str| report.pointer(path).unwrap_or(&Value::Null);
    writeln!(
        out,
        "{} messages, {} documents, {} unreadable, rule set {}",
        m.messages, m.documents, m.unreadable, m.ruleset
    )?;
    judgements(report, out)?;
    if !m.categories.is_empty() {
        writeln!(
            out,
            "categories: {} right (rows: what it is, columns: what was found)",
            percent(at("/categories/accuracy"))
        )?;
        matrix(m, out)?;
    }
    accounts_and_signals(m, report, out)?;
    let rows = m.groups.iter().map(|(name, group)| {
        vec![
            name.clone(),
            group.files.to_string(),
            group.right.to_string(),
            percent(&json!(share(group.right, group.files))),
        ]
    });
    section(&["GROUP", "FILES", "RIGHT", "SHARE"], rows.collect(), out)?;
    times_and_differences(m, out)
}

/// How many of each side were delivered, tagged and quarantined.
fn judgements(report: &Value, out: &mut dyn Write) -> io::Result<()> {
    let at = |path: &str| report.pointer(path).unwrap_or(&Value::Null);
    let sides = [("fraud", "recall"), ("genuine", "false_positive_rate"), ("unknown", "warned_rate")];
    let rows = sides.iter().filter(|(name, _)| *at(&format!("/{name}/total")) != 0).map(|(name, rate)| {
        let count = |key: &str| text(at(&format!("/{name}/{key}")));
        let share = |key: &str| percent(at(&format!("/{name}/{key}")));
        vec![
            (*name).to_owned(),
            count("total"),
            count("deliver"),
            count("tag"),
            count("quarantine"),
            share(rate),
            share("held_rate"),
        ]
    });
    write_table(
        &["FILES", "TOTAL", "DELIVER", "TAG", "QUARANTINE", "WARNED", "HELD"],
        rows.collect(),
        false,
        out,
    )?;
    writeln!(out, "precision of warnings: {}\n", percent(at("/precision")))
}

fn accounts_and_signals(m: &Measure, report: &Value, out: &mut dyn Write) -> io::Result<()> {
    let at = |path: &str| report.pointer(path).unwrap_or(&Value::Null);
    let rows = m.accounts.keys().map(|kind| {
        let cell =
            |key: &str| at("/accounts").get(kind).and_then(|row| row.get(key)).cloned().unwrap_or_default();
        vec![
            kind.clone(),
            text(&cell("expected")),
            text(&cell("found")),
            percent(&cell("recall")),
            percent(&cell("precision")),
        ]
    });
    section(&["ACCOUNTS IN", "THERE", "FOUND", "RECALL", "PRECISION"], rows.collect(), out)?;
    let rows = at("/signals").as_array().into_iter().flatten().map(|row| {
        let cell = |key: &str| row.get(key).cloned().unwrap_or_default();
        vec![
            text(&cell("code")),
            text(&cell("fraud")),
            text(&cell("genuine")),
            text(&cell("unknown")),
            percent(&cell("precision")),
            percent(&cell("recall")),
        ]
    });
    section(&["FINDING", "FRAUD", "GENUINE", "UNKNOWN", "PRECISION", "RECALL"], rows.collect(), out)
}

fn times_and_differences(m: &Measure, out: &mut dyn Write) -> io::Result<()> {
    for (name, values) in [("message", &m.message_us), ("document", &m.document_us)] {
        if !values.is_empty() {
            let ms = |share| {
                format!("{}.{:03} ms", percentile(values, share) / 1_000, percentile(values, share) % 1_000)
            };
            writeln!(out, "time per {name}: p50 {}, p99 {}, max {}", ms(50), ms(99), ms(100))?;
        }
    }
    for (file, what) in m.wrong.iter().take(SHOWN) {
        writeln!(out, "differs: {file}: {what}")?;
    }
    if m.wrong.len() > SHOWN {
        writeln!(out, "… and {} more; --json names them", m.wrong.len() - SHOWN)?;
    }
    Ok(())
}

fn section(head: &[&str], rows: Vec<Vec<String>>, out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    write_table(head, rows, false, out)?;
    writeln!(out)
}

/// What it is, against what was found.
fn matrix(m: &Measure, out: &mut dyn Write) -> io::Result<()> {
    let names: std::collections::BTreeSet<Category> =
        m.categories.keys().flat_map(|(is, found)| [*is, *found]).collect();
    let head: Vec<&str> = std::iter::once("").chain(names.iter().map(|name| name.as_str())).collect();
    let rows = names.iter().map(|is| {
        let counts = names.iter().map(|found| match m.categories.get(&(*is, *found)) {
            Some(count) => count.to_string(),
            None => "·".to_owned(),
        });
        std::iter::once(is.as_str().to_owned()).chain(counts).collect()
    });
    section(&head, rows.collect(), out)
}
