//! The Prometheus metrics: names and labels as enums, handles made once, so that the mail path pays an atomic each.
//!
//! [`install`] makes the recorder the process's own, so that the doors and the adapters count through the `metrics`
//! facade onto the same page. Durations are seconds, as Prometheus wants them.

use super::event::Alarm;
use crate::model::{Action, FindingCode, OWN_RULE_PREFIX, Retained, Severity};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How often histograms are folded when nobody scrapes, so that they do not grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// Upper bounds in seconds: a verdict takes milliseconds, a next hop seconds.
const MESSAGE_BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Upper bounds in seconds: pure stages take tens of microseconds.
const STAGE_BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

const METADATA: Metadata<'static> = Metadata::new("sentra", Level::INFO, None);

/// A stage of the journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the journey's own names")]
pub enum Stage {
    Parse,
    Extract,
    Gather,
    Judge,
    Act,
}

const STAGES: [(Stage, &str); 5] = [
    (Stage::Parse, "parse"),
    (Stage::Extract, "extract"),
    (Stage::Gather, "gather"),
    (Stage::Judge, "judge"),
    (Stage::Act, "act"),
];
const ACTIONS: [Action; 3] = [Action::Deliver, Action::Tag, Action::Quarantine];
const SEVERITIES: [Severity; 4] = [Severity::None, Severity::Info, Severity::Caution, Severity::Danger];

struct Meters {
    handle: PrometheusHandle,
    messages: Vec<((Action, Severity), Counter)>,
    message_seconds: Histogram,
    stages: Vec<(Stage, Histogram)>,
    held: Gauge,
    outbox: Gauge,
    backup_age: Gauge,
    drill_age: Gauge,
    backup_written: Counter,
    alarms: Vec<(Alarm, Counter)>,
    panics: Counter,
    drift: Counter,
    syncs: [Counter; 2],
    retention_runs: [Counter; 2],
    retention_removed: Vec<(Retained, Counter)>,
}

static METERS: LazyLock<Meters> = LazyLock::new(Meters::new);

/// Takes up counting, before anything else counts.
pub fn install() {
    LazyLock::force(&METERS);
}

impl Meters {
    fn new() -> Self {
        let recorder = Arc::new(recorder());
        describe(&recorder);
        // The doors and the caches count by the facade; an error means that somebody installed another one before.
        metrics::set_global_recorder(Arc::clone(&recorder)).ok();
        // Gauges that stand at nothing are on the page from the start.
        recorder.register_gauge(&Key::from_static_name("sentra_smtp_sessions"), &METADATA).set(0.0);
        let counter = |name: &'static str, labels: Vec<Label>| {
            recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        };
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        let messages =
            ACTIONS.iter().flat_map(|action| SEVERITIES.iter().map(move |severity| (*action, *severity)));
        Self {
            messages: messages
                .map(|(action, severity)| {
                    let labels = vec![
                        Label::new("action", action.as_str()),
                        Label::new("severity", severity.as_str()),
                    ];
                    ((action, severity), counter("sentra_messages_total", labels))
                })
                .collect(),
            message_seconds: recorder
                .register_histogram(&Key::from_static_name("sentra_message_seconds"), &METADATA),
            stages: STAGES
                .iter()
                .map(|(stage, name)| {
                    let key = Key::from_parts("sentra_stage_seconds", vec![Label::new("stage", *name)]);
                    (*stage, recorder.register_histogram(&key, &METADATA))
                })
                .collect(),
            held: gauge("sentra_quarantine_held"),
            outbox: gauge("sentra_outbox_pending"),
            backup_age: gauge("sentra_backup_age_seconds"),
            drill_age: gauge("sentra_backup_drill_age_seconds"),
            backup_written: counter("sentra_backup_written_bytes_total", Vec::new()),
            alarms: Alarm::ALL
                .iter()
                .map(|kind| (*kind, counter("sentra_alarms_total", vec![Label::new("kind", kind.as_str())])))
                .collect(),
            panics: counter("sentra_panics_total", Vec::new()),
            drift: counter("sentra_supplier_drift", Vec::new()),
            syncs: ["failed", "done"]
                .map(|result| counter("sentra_supplier_syncs_total", vec![Label::new("result", result)])),
            retention_runs: ["failed", "done"]
                .map(|result| counter("sentra_retention_runs_total", vec![Label::new("result", result)])),
            retention_removed: Retained::ALL
                .iter()
                .map(|class| {
                    let labels = vec![Label::new("class", class.as_str())];
                    (*class, counter("sentra_retention_removed_total", labels))
                })
                .collect(),
            handle: recorder.handle(),
        }
    }
}

fn recorder() -> PrometheusRecorder {
    let exact = |name: &str| Matcher::Full(name.to_owned());
    // The only error is an empty list of buckets, and ours are constants: the fallback serves summaries.
    PrometheusBuilder::new()
        .set_buckets_for_metric(exact("sentra_message_seconds"), &MESSAGE_BUCKETS)
        .and_then(|builder| builder.set_buckets_for_metric(exact("sentra_stage_seconds"), &STAGE_BUCKETS))
        .and_then(|builder| {
            builder.set_buckets_for_metric(exact("sentra_document_seconds"), &MESSAGE_BUCKETS)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(exact("sentra_recognition_seconds"), &MESSAGE_BUCKETS)
        })
        .unwrap_or_else(|_| PrometheusBuilder::new())
        .build_recorder()
}

fn describe(recorder: &PrometheusRecorder) {
    let counters = [
        ("sentra_messages_total", "Messages judged, by what was done and the loudest finding."),
        ("sentra_cache_requests_total", "Questions to the supplier directory's caches."),
        ("sentra_history_lessons_total", "Delivered messages written to the history, or dropped."),
        ("sentra_sender_auth_total", "Messages whose sender was looked at, by what came of it."),
        (
            "sentra_sender_auth_lookups_total",
            "Questions for SPF, DKIM, ARC and DMARC, cached answers included.",
        ),
        ("sentra_next_hop_replies_total", "Next hops' replies to messages, by SMTP code."),
        ("sentra_rule_errors_total", "Rules that could not be evaluated on a message, by code."),
        ("sentra_companion_notices_total", "Messages whose warning went into a notice beside them, by why."),
        ("sentra_retention_runs_total", "Purges of old data that the server made by itself."),
        ("sentra_retention_removed_total", "Rows and bodies that such purges removed, by class."),
        ("sentra_alarms_total", "Conditions that a person should look at."),
        ("sentra_document_jobs_total", "Documents handed to workers, by what became of them."),
        ("sentra_document_worker_deaths_total", "Workers that a document ended, by how."),
        (
            "sentra_document_looks_total",
            "Documents whose pictures or pages a worker looked at, by what became of it.",
        ),
        ("sentra_recognised_pages_total", "Images of pages handed to recognition, by what became of them."),
        ("sentra_panics_total", "Tasks that panicked: bugs."),
        ("sentra_supplier_drift", "Accounts in ledgers that were not the verified ones on record."),
        ("sentra_supplier_syncs_total", "Supplier sources asked, by how it ended."),
        ("sentra_backup_written_bytes_total", "Octets that scheduled backups had to write."),
    ];
    for (name, text) in counters {
        recorder.describe_counter(KeyName::from_const_str(name), Some(Unit::Count), text.into());
    }
    let gauges = [
        ("sentra_quarantine_held", "Held messages that wait for a person."),
        ("sentra_outbox_pending", "Mails in the outbox that the next hop has not taken."),
        ("sentra_documents_waiting", "Documents waiting for a worker."),
        ("sentra_recognition_available", "Whether text in images is recognised here: 1 or 0."),
        ("sentra_smtp_sessions", "SMTP sessions open now."),
        (
            "sentra_pinned_database_up",
            "Whether the database that an organisation is pinned to answers, by org.",
        ),
        (
            "sentra_pinned_backup_age_seconds",
            "Age of the newest backup of the database that an organisation is pinned to, by org; NaN without one.",
        ),
        ("sentra_backup_age_seconds", "Age of the newest backup; NaN without one."),
        ("sentra_backup_drill_age_seconds", "Since a restore was last tried out; NaN if never."),
    ];
    for (name, text) in gauges {
        recorder.describe_gauge(KeyName::from_const_str(name), Some(Unit::Count), text.into());
    }
    let histograms = [
        ("sentra_message_seconds", "From MAIL FROM to the reply, in seconds."),
        ("sentra_stage_seconds", "Stages of a message's journey, in seconds."),
        ("sentra_document_seconds", "Reading a document, waiting for a worker included, in seconds."),
        ("sentra_recognition_seconds", "Recognising one page, waiting for a process included, in seconds."),
    ];
    for (name, text) in histograms {
        recorder.describe_histogram(KeyName::from_const_str(name), Some(Unit::Seconds), text.into());
    }
}

fn find<'a, K: PartialEq, M>(meters: &'a [(K, M)], key: &K) -> Option<&'a M> {
    meters.iter().find(|(own, _)| own == key).map(|(_, meter)| meter)
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

/// Counts a judged message; `micros` from MAIL FROM to the reply.
pub fn message(action: Action, severity: Severity, micros: u64) {
    if let Some(counter) = find(&METERS.messages, &(action, severity)) {
        counter.increment(1);
    }
    METERS.message_seconds.record(seconds(micros));
}

/// Records a stage's microseconds.
pub fn stage(stage: Stage, micros: u64) {
    if let Some(histogram) = find(&METERS.stages, &stage) {
        histogram.record(seconds(micros));
    }
}

/// Sets how many messages are held.
pub fn quarantine_held(count: u64) {
    METERS.held.set(as_float(count));
}

/// Sets how many mails wait in the outbox.
pub fn outbox_pending(count: u64) {
    METERS.outbox.set(as_float(count));
}

/// Sets how old the newest backup and the last trial of a restore are, in seconds; `None`: there was none.
pub fn backup_ages(backup: Option<u64>, drill: Option<u64>) {
    METERS.backup_age.set(backup.map_or(f64::NAN, as_float));
    METERS.drill_age.set(drill.map_or(f64::NAN, as_float));
}

/// Counts octets that a backup wrote.
pub fn backup_written(octets: u64) {
    METERS.backup_written.increment(octets);
}

/// Counts an alarm; `telemetry::alarm` also logs it.
pub(super) fn alarm(kind: Alarm) {
    if let Some(counter) = find(&METERS.alarms, &kind) {
        counter.increment(1);
    }
}

/// Counts accounts of ledgers that were not the verified ones on record.
pub fn supplier_drift(count: u64) {
    METERS.drift.increment(count);
}

/// Counts a ledger that was asked.
pub fn supplier_sync(done: bool) {
    let [failed, succeeded] = &METERS.syncs;
    if done { succeeded } else { failed }.increment(1);
}

/// Counts a purge that the server made by itself.
pub fn retention_run(done: bool) {
    let [failed, succeeded] = &METERS.retention_runs;
    if done { succeeded } else { failed }.increment(1);
}

/// Counts what it removed of a class.
pub fn retention_removed(class: Retained, count: u64) {
    if let Some(counter) = find(&METERS.retention_removed, &class) {
        counter.increment(count);
    }
}

/// Counts a message whose warning goes into a notice of its own; `reason` is why it cannot stand inside.
pub fn companion(reason: &'static str) {
    metrics::counter!("sentra_companion_notices_total", "reason" => reason).increment(1);
}

/// Counts rules that could not be evaluated on a message. The codes of organisations' own rules are their words and
/// count together, as `own`: labels come from a closed set.
pub fn rule_errors(broken: &[FindingCode]) {
    for code in broken {
        let code = if code.0.starts_with(OWN_RULE_PREFIX) { "own" } else { code.0.as_str() };
        metrics::counter!("sentra_rule_errors_total", "code" => code.to_owned()).increment(1);
    }
}

/// Counts a panic; the panic hook calls it.
pub fn panic_caught() {
    METERS.panics.increment(1);
}

/// The page in Prometheus' text format.
#[must_use]
pub fn render() -> String {
    METERS.handle.run_upkeep();
    METERS.handle.render()
}

/// Folds histograms for as long as the process lives; run it beside the servers.
pub async fn upkeep() {
    let mut ticks = tokio::time::interval(UPKEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        METERS.handle.run_upkeep();
    }
}

/// Gauges are floats; counts of this size are exact.
fn as_float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Counts `sentra_arc_total`: how the chain stood that was sealed (`none`, `pass`, `fail`, `off`), or why nothing was.
pub fn arc(result: &'static str) {
    metrics::counter!("sentra_arc_total", "result" => result).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_contract_is_on_the_page() {
        message(Action::Tag, Severity::Caution, 12_000);
        stage(Stage::Judge, 80);
        quarantine_held(3);
        outbox_pending(2);
        backup_ages(Some(60), None);
        metrics::counter!("sentra_cache_requests_total", "layer" => "redis", "result" => "miss").increment(1);
        metrics::counter!("sentra_next_hop_replies_total", "code" => "250").increment(1);
        let page = render();
        for line in [
            "sentra_messages_total{action=\"tag\",severity=\"caution\"}",
            "sentra_messages_total{action=\"quarantine\",severity=\"danger\"}",
            "sentra_message_seconds_bucket{le=\"0.025\"}",
            "sentra_stage_seconds_bucket{stage=\"judge\",le=\"0.0001\"}",
            "\nsentra_quarantine_held ",
            "\nsentra_outbox_pending ",
            "sentra_cache_requests_total{layer=\"redis\",result=\"miss\"}",
            "sentra_next_hop_replies_total{code=\"250\"}",
            "\nsentra_smtp_sessions ",
            "sentra_alarms_total{kind=\"proof_failed\"}",
            "\nsentra_panics_total ",
            "sentra_retention_runs_total{result=\"failed\"}",
            "sentra_retention_removed_total{class=\"body\"}",
            "\nsentra_backup_age_seconds 60",
            "\nsentra_backup_drill_age_seconds NaN",
            "# HELP sentra_message_seconds",
            "# TYPE sentra_message_seconds histogram",
        ] {
            assert!(page.contains(line), "{line} is not on\n{page}");
        }
    }
}
