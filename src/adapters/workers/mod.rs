//! A pool of processes of this same program that read documents, one each at a time.
//!
//! Readers of documents overflow their stack, fill memory, or sleep for ever on the wrong file; nothing short of ending
//! the process stops that. So each runs where it costs one document: under limits of memory and processor time, without
//! network, files or other programs, and killed by the clock. A document that ended a worker is remembered by its hash
//! and not tried again. Nothing here is ever an error of the message.

mod frame;
mod inside;
mod killers;
mod process;
mod recognise;
mod sandbox;
mod sight;

use crate::limits::{
    MAX_DOCUMENT, MAX_WORKERS, WORKER_CPU, WORKER_JOBS, WORKER_KILLERS, WORKER_MEMORY, WORKER_QUEUE,
    WORKER_WALL,
};
use crate::model::{Document, Unread};
use crate::ports::{DocumentReader, DocumentRequest, PortError};
use async_trait::async_trait;
use killers::Killers;
use process::{Ended, Worker};
use recognise::Recogniser;
use sight::Recognition;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

pub use frame::Sight;
pub use inside::{InsideOptions, Job, serve};
pub use recognise::{Options as RecognitionOptions, become_recogniser};

/// Reads octets as what goes over the pipes, from both of its ends; how many frames there were: what `tests/fuzz` calls.
#[doc(hidden)]
#[must_use]
pub fn frames(octets: &[u8]) -> usize {
    fn all<T: serde::de::DeserializeOwned>(mut octets: &[u8], most: usize) -> usize {
        std::iter::from_fn(|| frame::read::<T>(&mut octets, most).ok().flatten()).count()
    }
    let from_us = all::<frame::Head>(octets, crate::limits::WORKER_HEAD);
    from_us.saturating_add(all::<Document>(octets, crate::limits::WORKER_ANSWER))
}

/// How the pool works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Processes; 0: one a core.
    pub workers: usize,
    /// Whether a kernel that can't shut a worker in is a reason not to start.
    pub sandbox_required: bool,
    /// One document, by the clock on the wall.
    pub wall: Duration,
    /// Seconds of processor time of one document.
    pub cpu_seconds: u64,
    /// Megabytes of address space of a worker.
    pub memory_megabytes: u64,
    /// The program; `None`: this one.
    pub program: Option<PathBuf>,
    /// How text in images is recognised, where the program for it is installed; `None`: not at all.
    pub recognition: Option<RecognitionOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 0,
            sandbox_required: true,
            wall: WORKER_WALL,
            cpu_seconds: WORKER_CPU,
            memory_megabytes: WORKER_MEMORY,
            program: None,
            recognition: Some(RecognitionOptions::default()),
        }
    }
}

/// The pool.
pub struct Workers {
    options: Options,
    slots: Semaphore,
    idle: Mutex<Vec<Worker>>,
    waiting: AtomicUsize,
    killers: Mutex<Killers>,
    /// Documents that ended a worker when they were looked at, and whose texts may well be read.
    blinding: Mutex<Killers>,
    recognition: Option<Recognition>,
}

/// What a job is for, and who is remembered to end it.
#[derive(Clone, Copy)]
struct Purpose<'p> {
    sight: Sight,
    killers: &'p Mutex<Killers>,
}

impl Workers {
    /// A pool that starts its processes when they are needed.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if options.workers == 0 { cores } else { options.workers };
        let count = count.min(MAX_WORKERS);
        let recogniser = options
            .recognition
            .as_ref()
            .and_then(|recognition| Recogniser::find(recognition, options.program.clone(), count));
        Self {
            options,
            slots: Semaphore::new(count),
            blinding: Mutex::new(Killers::new(WORKER_KILLERS)),
            recognition: recogniser.map(Recognition::new),
            idle: Mutex::default(),
            waiting: AtomicUsize::new(0),
            killers: Mutex::new(Killers::new(WORKER_KILLERS)),
        }
    }

    /// A pool whose processes run already.
    ///
    /// # Errors
    /// [`PortError`] when none starts, or when the kernel cannot shut them in and that is required.
    pub async fn start(options: Options) -> Result<Self, PortError> {
        let mut pool = Self::new(options);
        pool.try_recognition().await;
        for _ in 0..pool.slots.available_permits() {
            let worker = pool.spawn().await?;
            pool.put_back(worker);
        }
        Ok(pool)
    }

    /// Finds out whether text in images can be recognised here, and says so.
    async fn try_recognition(&mut self) {
        let works = match &self.recognition {
            None => {
                if self.options.recognition.is_some() {
                    tracing::info!("tesseract is not installed: text in images stays unread");
                }
                false
            }
            Some(recognition) => match recognition.try_out().await {
                Ok(()) => true,
                Err(reason) => {
                    tracing::warn!(recognition.reason = reason, "text in images stays unread");
                    self.recognition = None;
                    false
                }
            },
        };
        metrics::gauge!("sentra_recognition_available").set(f64::from(u8::from(works)));
    }

    async fn spawn(&self) -> Result<Worker, PortError> {
        let failed = |detail: String| PortError::Permanent { what: "document workers", detail };
        let worker = Worker::spawn(&self.options).await.map_err(|error| {
            failed(format!(
                "a process of this program cannot be started: {error}; see that it may start processes"
            ))
        })?;
        if let Some(reason) = worker.unconfined() {
            if self.options.sandbox_required {
                return Err(failed(format!(
                    "the kernel cannot shut them in: {reason}; run on a kernel with seccomp filters, or set \
                     documents.sandbox = \"best-effort\""
                )));
            }
            tracing::warn!(worker.reason = reason, "document workers run without system call filter");
        }
        Ok(worker)
    }

    /// A worker that lives, from the idle ones or a new one, and whether it is new.
    async fn take(&self) -> Result<(Worker, bool), PortError> {
        loop {
            let found = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match found {
                None => return Ok((self.spawn().await?, true)),
                Some(mut worker) => {
                    if worker.is_alive() {
                        return Ok((worker, false));
                    }
                }
            }
        }
    }

    fn put_back(&self, worker: Worker) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }

    /// One of the places, in line. What decorates a mail stands in no long line, or logos would keep invoices out.
    async fn place(&self, inline: bool, deadline: Instant) -> Result<SemaphorePermit<'_>, Unread> {
        let waiting = Waiting::begin(&self.waiting);
        let most = if inline { WORKER_QUEUE / 4 } else { WORKER_QUEUE };
        if waiting.before >= most {
            return Err(Unread::Unavailable);
        }
        match timeout_at(deadline, self.slots.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Unread::Unavailable),
            Err(_) => Err(Unread::Timeout),
        }
    }

    async fn run(&self, request: DocumentRequest<'_>, deadline: Instant) -> Result<Document, Unread> {
        let texts = Purpose { sight: Sight::No, killers: &self.killers };
        let read = self.job(request, texts, deadline).await?;
        Ok(if read.is_unseen() { self.see(read, request, deadline).await } else { read })
    }

    async fn job(
        &self,
        request: DocumentRequest<'_>,
        Purpose { sight, killers }: Purpose<'_>,
        deadline: Instant,
    ) -> Result<Document, Unread> {
        let hash = killers::hash(request.octets);
        let known = killers.lock().unwrap_or_else(PoisonError::into_inner).get(&hash);
        if let Some(why) = known {
            return Err(why);
        }
        let _place = self.place(request.inline, deadline).await?;
        let full = Instant::now() + self.options.wall;
        for _ in 0..2 {
            let (mut worker, fresh) = timeout_at(deadline, self.take())
                .await
                .map_err(|_| Unread::Timeout)?
                .map_err(|error| unavailable(&error))?;
            match worker.read(request, sight, full.min(deadline)).await {
                Ok(document) => {
                    if worker.jobs() < WORKER_JOBS {
                        self.put_back(worker);
                    }
                    return Ok(document);
                }
                // It was gone before it had the document: nobody's fault. A new one that goes as well says that a third
                // would too.
                Err(Ended::BeforeReading) => {
                    if fresh {
                        break;
                    }
                }
                Err(ended) => {
                    let why = ended.unread();
                    tell(ended, request.octets.len());
                    // Cut short by the message's own deadline, the document may be innocent.
                    if ended != Ended::ByClock || full <= deadline {
                        killers.lock().unwrap_or_else(PoisonError::into_inner).add(hash, why);
                    }
                    return Err(why);
                }
            }
        }
        Err(Unread::Unavailable)
    }
}

#[async_trait]
impl DocumentReader for Workers {
    async fn read(&self, request: DocumentRequest<'_>, deadline: Instant) -> Result<Document, Unread> {
        let began = Instant::now();
        let result = if request.octets.len() > MAX_DOCUMENT {
            Err(Unread::Limit)
        } else {
            self.run(request, deadline).await
        };
        let word = match &result {
            Ok(document) => {
                let gap = document.files.iter().flat_map(|file| &file.gaps).next();
                gap.map_or("read", |why| why.as_str())
            }
            Err(why) => why.as_str(),
        };
        metrics::counter!("sentra_document_jobs_total", "result" => word).increment(1);
        metrics::histogram!("sentra_document_seconds").record(began.elapsed().as_secs_f64());
        result
    }
}

fn unavailable(error: &PortError) -> Unread {
    tracing::error!(error = %error, "no document worker can be started: documents stay unread");
    Unread::Unavailable
}

fn tell(ended: Ended, octets: usize) {
    metrics::counter!("sentra_document_worker_deaths_total", "cause" => ended.as_str()).increment(1);
    tracing::warn!(
        worker.cause = ended.as_str(),
        document.octets = octets,
        "a document ended its worker: it is unread"
    );
}

/// Counts whoever stands in line.
struct Waiting<'c> {
    count: &'c AtomicUsize,
    before: usize,
}

impl<'c> Waiting<'c> {
    fn begin(count: &'c AtomicUsize) -> Self {
        metrics::gauge!("sentra_documents_waiting").increment(1.0);
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("sentra_documents_waiting").decrement(1.0);
    }
}
