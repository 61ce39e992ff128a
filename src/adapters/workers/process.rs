//! One worker process, from the parent's side.

use super::Options;
use super::frame::{self, Head, Hello, Sight, Taken};
use crate::limits::{
    RECOGNISED_PAGES, RECOGNISED_PIXELS, WORKER_ANSWER, WORKER_FAREWELL, WORKER_HEAD, WORKER_START,
};
use crate::model::{Document, Unread};
use crate::ports::DocumentRequest;
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// Characters of a file name that a worker is told.
const MAX_NAME: usize = 255;

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was gone before it had the document whole.
    BeforeReading,
    /// The wall clock ran out, and we killed it.
    ByClock,
    /// It used up its processor time.
    ByProcessor,
    /// It aborted, overflowed its stack, or was killed for its memory.
    ByMemory,
    /// It broke off otherwise, or answered nonsense.
    Otherwise,
}

impl Ended {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::BeforeReading => "gone",
            Self::ByClock => "clock",
            Self::ByProcessor => "processor",
            Self::ByMemory => "memory",
            Self::Otherwise => "other",
        }
    }

    pub(super) fn unread(self) -> Unread {
        match self {
            Self::BeforeReading => Unread::Unavailable,
            Self::ByClock | Self::ByProcessor => Unread::Timeout,
            Self::ByMemory => Unread::Limit,
            Self::Otherwise => Unread::Damaged,
        }
    }
}

/// A process that reads documents. Dropped, it is killed.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    jobs: usize,
    unconfined: Option<String>,
}

impl Worker {
    pub(super) async fn spawn(options: &Options) -> io::Result<Self> {
        let program = match &options.program {
            Some(program) => program.clone(),
            None => own_program()?,
        };
        let mut child = Command::new(program)
            .arg("worker")
            .args(["--memory-megabytes", &options.memory_megabytes.to_string()])
            .args(["--cpu-seconds", &options.cpu_seconds.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a broken reader says may quote the document.
            .stderr(Stdio::null())
            // Ctrl-C at our terminal is not for them: they finish while we drain.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("a worker has no pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let mut worker = Self { child, input, output, jobs: 0, unconfined: None };
        let hello: Hello = timeout(WORKER_START, worker.answer(WORKER_HEAD))
            .await
            .map_err(|_| io::Error::other("a worker did not get ready in time"))??;
        worker.unconfined = hello.unconfined;
        Ok(worker)
    }

    /// Why it is not shut in; `None`: it is.
    pub(super) fn unconfined(&self) -> Option<&str> {
        self.unconfined.as_deref()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    /// Has a document read. After an error the process is of no more use.
    pub(super) async fn read(
        &mut self,
        request: DocumentRequest<'_>,
        sight: Sight,
        until: Instant,
    ) -> Result<Document, Ended> {
        self.jobs += 1;
        let outcome = timeout_at(until, async {
            self.hand_over(request, sight).await.map_err(|_| true)?;
            self.answer::<Taken>(WORKER_HEAD).await.map_err(|_| true)?;
            self.document().await.map_err(|_| false)
        })
        .await;
        let early = match outcome {
            Ok(Ok(document)) => return Ok(document),
            Ok(Err(early)) => early,
            Err(_) => {
                self.child.start_kill().ok();
                return Err(Ended::ByClock);
            }
        };
        Err(match timeout(WORKER_FAREWELL, self.child.wait()).await {
            Ok(Ok(status)) => match status.signal().and_then(Signal::from_named_raw) {
                Some(Signal::XCPU) => Ended::ByProcessor,
                Some(Signal::ABORT | Signal::SEGV | Signal::KILL | Signal::BUS) if !early => Ended::ByMemory,
                _ if early => Ended::BeforeReading,
                _ => Ended::Otherwise,
            },
            _ => {
                self.child.start_kill().ok();
                Ended::Otherwise
            }
        })
    }

    /// A document, then the pixels of its images.
    async fn document(&mut self) -> io::Result<Document> {
        let mut document: Document = self.answer(WORKER_ANSWER).await?;
        if document.images.len() > RECOGNISED_PAGES {
            return Err(io::Error::other("a worker hands back more images than agreed"));
        }
        for image in &mut document.images {
            let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
            let pixels = side(image.width).saturating_mul(side(image.height));
            if pixels > RECOGNISED_PIXELS {
                return Err(io::Error::other("an image is larger than agreed"));
            }
            image.pixels = vec![0; pixels];
            self.output.read_exact(&mut image.pixels).await?;
        }
        Ok(document)
    }

    async fn hand_over(&mut self, request: DocumentRequest<'_>, sight: Sight) -> io::Result<()> {
        let short = |text: &str| {
            text.chars().rev().take(MAX_NAME).collect::<Vec<_>>().into_iter().rev().collect::<String>()
        };
        let head = Head {
            name: short(request.name),
            media_type: short(request.media_type),
            inline: request.inline,
            sight,
            octets: request.octets.len(),
        };
        self.input.write_all(&frame::encode(&head)?).await?;
        self.input.write_all(request.octets).await?;
        self.input.flush().await
    }

    async fn answer<T: serde::de::DeserializeOwned>(&mut self, most: usize) -> io::Result<T> {
        let mut size = [0; 4];
        self.output.read_exact(&mut size).await?;
        let mut json = vec![0; frame::length(size, most)?];
        self.output.read_exact(&mut json).await?;
        frame::decode(&json)
    }
}

/// This very program, even when its file has been replaced since. A test that holds the library takes the program that
/// was built beside it.
pub(super) fn own_program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new("/"));
    let built = folder.file_name().is_some_and(|name| name == "deps").then(|| folder.parent()).flatten();
    Ok(match built {
        Some(built) => built.join("sentra"),
        None => PathBuf::from("/proc/self/exe"),
    })
}
