//! Recorded messages as a stream: what `backtest` and `impact` replay.

use super::super::audit::{When, when};
use super::super::database::{Installation, OPERATOR};
use super::super::{Failure, Io};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Period, RecordedFacts, RecordedMessage};
use crate::model::{Facts, OrgId, Organisation};
use crate::rules::Stamp;
use clap::Args;
use serde::Serialize;
use serde_json::json;

/// Which recorded messages.
#[derive(Clone, Debug, Args)]
pub(super) struct PeriodArgs {
    /// From this time on: 2026-11-27, 2026-11-27T09:00:00Z, or how long ago: 30d, 12h
    #[arg(long, value_name = "TIME", value_parser = When::parse, default_value = "30d")]
    since: When,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
    /// So many examples at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) examples: usize,
}

impl PeriodArgs {
    /// As times.
    pub(super) fn period(&self, now_ms: i64) -> Period {
        let until = self.until.map_or(now_ms.saturating_add(1), |until| until.before(now_ms));
        Period { since: self.since.before(now_ms), until }
    }
}

/// A period as people and reports read it.
pub(super) fn told(period: Period) -> serde_json::Value {
    json!({ "since": when(period.since), "until": when(period.until) })
}

/// Messages that could not be judged anew.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Skipped {
    /// Retention emptied their facts.
    pub(super) purged: u64,
    /// Another version wrote their facts, or they were too large to be kept.
    pub(super) unreadable: u64,
}

impl Skipped {
    pub(super) fn note(self, io: &mut Io<'_>) {
        for (count, why) in
            [(self.purged, "retention emptied their facts"), (self.unreadable, "their facts cannot be read")]
        {
            if count > 0 {
                io.note(&format!("{count} messages were left out: {why}"));
            }
        }
    }
}

/// Hands every message of a period with its facts to `each`, in the order in which they came. Audited.
pub(super) async fn replay(
    at: &Installation,
    org: &Organisation,
    period: Period,
    what: &str,
    skipped: &mut Skipped,
    mut each: impl FnMut(&RecordedMessage, &Facts),
) -> Result<(), Failure> {
    at.store.note_read(org.id, OPERATOR, AuditAction::RulesReplay, what, told(period)).await?;
    let mut last: Option<RecordedMessage> = None;
    loop {
        let mut page = at.store.recorded_page(org.id, period, last.as_ref()).await?;
        for message in &page {
            match &message.facts {
                RecordedFacts::Known(facts) => each(message, facts),
                RecordedFacts::Purged => skipped.purged = skipped.purged.saturating_add(1),
                RecordedFacts::Unreadable => skipped.unreadable = skipped.unreadable.saturating_add(1),
            }
        }
        match page.pop() {
            Some(message) => last = Some(message),
            None => return Ok(()),
        }
    }
}

/// Which message it is, in a report.
pub(super) fn stamp(org: OrgId, message: &RecordedMessage) -> Stamp {
    Stamp { id: message.id.clone(), org: org.to_string(), received_at: message.received_at.clone() }
}
