//! Setting the log up.

use super::writer::Queue;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Target of the events that are written at every level: one per message, `ready`, alarms.
pub(super) const EVENTS: &str = "sentra::event";

static PERSONAL_DATA: AtomicBool = AtomicBool::new(false);

/// Whether addresses and subjects may be written.
#[must_use]
pub fn personal_data() -> bool {
    PERSONAL_DATA.load(Ordering::Relaxed)
}

/// Form of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// How much is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// Settings of the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Form of the lines.
    pub format: Format,
    /// Our own level; libraries speak from `warn`, or from `info` once ours is `debug` or `trace`.
    pub level: Level,
    /// Whether addresses and subjects may be written.
    pub personal_data: bool,
    /// Colours in the text form.
    pub colour: bool,
}

/// Writes out what still waits when dropped; keep it until the end of `main`.
#[must_use]
pub struct LogGuard(Option<Queue>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.flush();
        }
    }
}

/// Starts the log on standard error, and turns panics into log lines and a metric. A second call changes only whether
/// personal data is written.
pub fn start(options: Options) -> LogGuard {
    PERSONAL_DATA.store(options.personal_data, Ordering::Relaxed);
    let Some((queue, lines)) = Queue::start() else {
        return LogGuard(None);
    };
    let layer = fmt::layer().with_writer(BoxMakeWriter::new(lines)).with_ansi(options.colour);
    let layer = match options.format {
        Format::Json => {
            layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        Format::Text => layer.with_target(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(layer.with_filter(targets(options.level))).try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            super::metrics::panic_caught();
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            // The payload may quote foreign octets: only the place is written.
            tracing::error!(target: EVENTS, event = "panic", place, "a task panicked; this is a bug");
        }));
    }
    LogGuard(Some(queue))
}

fn targets(level: Level) -> Targets {
    let (ours, others) = match level {
        Level::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        Level::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        Level::Info => (LevelFilter::INFO, LevelFilter::WARN),
        Level::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
        Level::Trace => (LevelFilter::TRACE, LevelFilter::INFO),
    };
    Targets::new().with_default(others).with_target("sentra", ours).with_target(EVENTS, LevelFilter::INFO)
}

/// A subscriber with the JSON form over any writer, for the tests of the events.
#[cfg(test)]
pub(super) fn json_layer<W>(writer: W) -> impl tracing::Subscriber
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(fmt::layer().with_writer(writer).json().flatten_event(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_per_message_is_written_at_every_level() {
        for level in [Level::Error, Level::Warn, Level::Info] {
            let targets = targets(level);
            assert!(targets.would_enable(EVENTS, &tracing::Level::INFO), "{level:?}");
            assert!(!targets.would_enable("hyper", &tracing::Level::INFO), "{level:?}");
        }
        assert!(!targets(Level::Warn).would_enable("sentra::smtp", &tracing::Level::INFO));
        assert!(targets(Level::Debug).would_enable("sentra::smtp", &tracing::Level::DEBUG));
    }
}
