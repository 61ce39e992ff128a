//! `sentra serve`: the gateway until it is told to stop.

use super::{Failure, Globals, Io};
use crate::app::App;
use crate::config::{self, Config, LogFormat, LogLevel};
use crate::limits;
use crate::telemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Loads the configuration, starts the log, and serves.
pub(super) fn run(globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let config = config::load(&globals.config)?;
    let _log = telemetry::start(log_options(&config, io.colour_errors));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder
        .enable_all()
        .thread_name("sentra")
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))?;
    let served = runtime.block_on(async {
        let app = App::build(config).await?;
        let shutdown = CancellationToken::new();
        let (ask, reload) = mpsc::channel(1);
        let signals = listen_to_signals(shutdown.clone(), ask)?;
        app.run(shutdown, reload).await;
        signals.abort();
        Ok(())
    });
    // Dropped, it would wait for the reader of a large message that nobody waits for any more.
    runtime.shutdown_timeout(limits::LINGER);
    served
}

/// SIGTERM and SIGINT drain, SIGHUP reloads.
fn listen_to_signals(
    shutdown: CancellationToken,
    reload: mpsc::Sender<()>,
) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let on = |kind| signal(kind).map_err(|error| Failure::new(format!("signals can't be received: {error}")));
    let (mut terminate, mut interrupt, mut hangup) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?, on(SignalKind::hangup())?);
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => shutdown.cancel(),
                _ = interrupt.recv() => shutdown.cancel(),
                // A reload that is already asked for covers this one too.
                _ = hangup.recv() => drop(reload.try_send(())),
            }
        }
    }))
}

pub(super) fn log_options(config: &Config, colour: bool) -> telemetry::Options {
    telemetry::Options {
        format: match config.log.format {
            LogFormat::Json => telemetry::Format::Json,
            LogFormat::Text => telemetry::Format::Text,
        },
        level: match config.log.level {
            LogLevel::Error => telemetry::Level::Error,
            LogLevel::Warn => telemetry::Level::Warn,
            LogLevel::Info => telemetry::Level::Info,
            LogLevel::Debug => telemetry::Level::Debug,
            LogLevel::Trace => telemetry::Level::Trace,
        },
        personal_data: config.log.personal_data,
        colour,
    }
}
