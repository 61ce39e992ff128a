//! Log lines on their way to standard error: a bounded queue and one thread, so that a terminal or pipe that does not
//! read never holds up mail. What does not fit is dropped and counted in the next line that does.

use crate::limits::{LOG_FLUSH, LOG_QUEUE};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tracing_subscriber::fmt::MakeWriter;

enum Item {
    Line(Vec<u8>),
    /// Answer once everything before it is written.
    Flush(SyncSender<()>),
}

/// The queue's owner.
pub(super) struct Queue(SyncSender<Item>);

/// What the log writes into.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the thread; `None` when the system gives none.
    pub(super) fn start() -> Option<(Self, Lines)> {
        let (queue, items) = sync_channel(LOG_QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        std::thread::Builder::new().name("log".into()).spawn(move || write_all(&items, &counter)).ok()?;
        Some((Self(queue.clone()), Lines { queue, lost }))
    }

    /// Waits, for a bounded time, until everything queued is written.
    pub(super) fn flush(self) {
        let (done, answer) = sync_channel(1);
        if self.0.try_send(Item::Flush(done)).is_ok() {
            // An error means that the time is over or the thread gone: nothing more can be done.
            answer.recv_timeout(LOG_FLUSH).unwrap_or_default();
        }
    }
}

fn write_all(items: &Receiver<Item>, lost: &AtomicU64) {
    let mut stderr = io::stderr();
    for item in items {
        match item {
            // Nobody is left to tell that standard error is gone.
            Item::Line(line) => stderr.write_all(&line).unwrap_or_default(),
            Item::Flush(done) => {
                stderr.flush().unwrap_or_default();
                done.try_send(()).unwrap_or_default();
            }
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let line = format!("{{\"level\":\"WARN\",\"event\":\"log_lines_lost\",\"count\":{lost}}}\n");
            stderr.write_all(line.as_bytes()).unwrap_or_default();
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;
    fn make_writer(&'a self) -> Line<'a> {
        Line { octets: Vec::with_capacity(256), lines: self }
    }
}

/// One line under construction; queued when dropped.
pub(super) struct Line<'a> {
    octets: Vec<u8>,
    lines: &'a Lines,
}

impl Write for Line<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let octets = std::mem::take(&mut self.octets);
        if !octets.is_empty() && self.lines.queue.try_send(Item::Line(octets)).is_err() {
            self.lines.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
