//! Microseconds per stage.

use crate::model::StageTimings;
use std::time::Duration;
use tokio::time::Instant;

/// Measures one stage after the other.
#[derive(Clone)]
pub(super) struct Stopwatch {
    last: Instant,
    timings: StageTimings,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self { last: Instant::now(), timings: StageTimings::default() }
    }

    /// Books the time since the last lap on a stage.
    pub(super) fn lap(&mut self, stage: impl FnOnce(&mut StageTimings) -> &mut u64) {
        let now = Instant::now();
        *stage(&mut self.timings) = micros(now.duration_since(self.last));
        self.last = now;
    }

    pub(super) fn timings(self) -> StageTimings {
        let StageTimings { parse, extract, gather, judge, .. } = self.timings;
        StageTimings {
            total: parse.saturating_add(extract).saturating_add(gather).saturating_add(judge),
            ..self.timings
        }
    }
}

/// Whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
