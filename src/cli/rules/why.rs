//! `sentra rules explain --message`: why a recorded message was judged so.

use super::super::database::{Installation, OPERATOR};
use super::super::{Failure, Globals, Io};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{RecordedFacts, RecordedMessage};
use crate::model::{Facts, Organisation, OwnRules};
use crate::rules::{Fired, Near, RuleSet, Trace};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn run(
    at: &Installation,
    org: &Organisation,
    base: &RuleSet,
    id: &str,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    at.store.note_read(org.id, OPERATOR, AuditAction::RulesExplain, id, json!({})).await?;
    let message = at.store.recorded_message(org.id, id).await?.ok_or_else(|| {
        Failure::new(format!("there is no record of message {id:?} in {}", org.name))
            .help("the id stands in X-Sentra-Id and in the log; records go with retention.record")
    })?;
    let facts = match &message.facts {
        RecordedFacts::Known(facts) => facts,
        RecordedFacts::Purged => {
            return Err(Failure::new("the facts of this message are gone: retention emptied them")
                .help("`sentra retention show` tells how long they are kept"));
        }
        RecordedFacts::Unreadable => {
            return Err(Failure::new("the facts of this message cannot be read")
                .help("they were too large to be kept, or another version of the program wrote them"));
        }
    };
    let (set, same_rules) = rules_of(at, org, base, &message).await?;
    told(&Told { message: &message, facts, set: &set, same_rules, org }, globals, io)
}

struct Told<'a> {
    message: &'a RecordedMessage,
    facts: &'a Facts,
    set: &'a RuleSet,
    same_rules: bool,
    org: &'a Organisation,
}

/// The rules that judged it, where they are still known; else those in force.
async fn rules_of(
    at: &Installation,
    org: &Organisation,
    base: &RuleSet,
    message: &RecordedMessage,
) -> Result<(RuleSet, bool), Failure> {
    let (hash, version) = message.ruleset.split_once('+').unwrap_or((&message.ruleset, "0"));
    let own = match version.parse::<i64>() {
        Ok(0) => Some(OwnRules::default()),
        Ok(version) => at.store.own_rules_at(org.id, version).await?,
        Err(_) => None,
    };
    if let Some(own) = own.filter(|_| hash == base.hash()) {
        return Ok((base.joined(&own).0, true));
    }
    Ok((base.joined(&at.store.own_rules(org.id).await?).0, false))
}

fn told(told: &Told<'_>, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let trace = told.set.trace(told.facts, told.org.mode);
    let recorded = &told.message.verdict;
    let codes: BTreeSet<&str> = trace.fired.iter().map(|fired| fired.code.as_str()).collect();
    let same = recorded.codes.iter().map(String::as_str).collect::<BTreeSet<_>>() == codes
        && recorded.severity == trace.verdict.severity.as_str();
    if globals.json {
        return io.json(&json!({
            "id": told.message.id, "org": told.org.id, "received_at": told.message.received_at,
            "recorded": {
                "action": recorded.action, "severity": recorded.severity, "score": recorded.score,
                "codes": recorded.codes, "ruleset": told.message.ruleset,
            },
            "replayed": {
                "action": trace.verdict.action, "would_be": trace.verdict.would_be,
                "severity": trace.verdict.severity, "score": trace.verdict.score,
                "codes": codes, "ruleset": told.set.hash(),
            },
            "same_rules": told.same_rules, "same_verdict": same,
            "fired": trace.fired, "near": trace.near, "policy": trace.rows,
        }));
    }
    head(told, &trace, io)?;
    if !told.same_rules {
        io.note("note: the rules that judged this message are no longer here; these are the ones in force");
    }
    if !same {
        io.note("note: this is not the verdict that was recorded");
    }
    io.line("")?;
    if trace.fired.is_empty() {
        io.line("No rule fired.")?;
    }
    trace.fired.iter().try_for_each(|rule| fired(rule, io))?;
    if !trace.near.is_empty() {
        io.line("")?;
        io.line("One condition away:")?;
        trace.near.iter().try_for_each(|rule| near(rule, io))?;
    }
    Ok(())
}

fn head(told: &Told<'_>, trace: &Trace, io: &mut Io<'_>) -> Result<(), Failure> {
    let recorded = &told.message.verdict;
    io.pairs(&[
        ("message", told.message.id.clone()),
        ("received", told.message.received_at.clone()),
        ("recorded", format!("{}, {}, score {}", recorded.action, recorded.severity, recorded.score)),
        ("rule set", told.message.ruleset.clone()),
        ("in enforce", format!("{}, {}", trace.verdict.would_be.as_str(), trace.verdict.severity.as_str())),
        ("because", if trace.rows.is_empty() { "-".to_owned() } else { trace.rows.join("; ") }),
    ])
}

fn numbered(code: &str, account: Option<usize>) -> String {
    account.map_or_else(|| code.to_owned(), |number| format!("{code} (account {number})"))
}

fn values(values: &BTreeMap<String, String>, io: &mut Io<'_>) -> Result<(), Failure> {
    values.iter().try_for_each(|(name, value)| {
        io.line(&format!("    {name} = {}", super::super::io::printable(value)))
    })
}

fn fired(rule: &Fired, io: &mut Io<'_>) -> Result<(), Failure> {
    let kind = format!("{}, {}, {}", rule.class.as_str(), rule.family.as_str(), rule.severity.as_str());
    io.line(&format!("{}: {kind}", numbered(&rule.code, rule.account)))?;
    io.line(&format!("  {}", super::super::io::printable(&rule.text)))?;
    io.line(&format!("  {}", rule.condition))?;
    values(&rule.values, io)
}

fn near(rule: &Near, io: &mut Io<'_>) -> Result<(), Failure> {
    io.line(&format!("{}: not {}", numbered(&rule.code, rule.account), rule.missing))?;
    values(&rule.values, io)
}
