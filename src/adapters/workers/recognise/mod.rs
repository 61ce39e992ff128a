//! Recognition of text in images of pages, by the program `tesseract` where it is installed.
//!
//! The program is started for one image, in a process that is shut in before it begins ([`become_recogniser`]), gets the
//! image over its standard input and is killed by the clock. Whatever goes wrong leaves the page unread; nothing here is
//! ever an error of the message.

mod shut_in;
mod words;

use super::process::own_program;
use crate::limits::{RECOGNISED_OCTETS, RECOGNITION_TRIAL, RECOGNITION_WALL};
use crate::model::PageImage;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

pub use shut_in::become_recogniser;
pub(super) use words::Recognised;

/// Where distributions and people put it.
const PLACES: &[&str] = &["/usr/local/bin/tesseract", "/usr/bin/tesseract"];

/// How text in images is recognised.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program; `None`: the first of the usual places that has it.
    pub program: Option<PathBuf>,
    /// Languages as the program names them, joined with `+` (`eng+deu`).
    pub languages: String,
    /// One page, by the clock on the wall.
    pub wall: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { program: None, languages: "eng".to_owned(), wall: RECOGNITION_WALL }
    }
}

/// Why a page was not recognised: the label of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// There was no time left, or it took too long.
    Time,
    /// The program ended with an error or could not be started.
    Failed,
}

impl Missed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Time => "timeout",
            Self::Failed => "failed",
        }
    }
}

/// The recognising program.
pub(super) struct Recogniser {
    program: PathBuf,
    options: Options,
    /// Our own program, in place of this one.
    own: Option<PathBuf>,
    slots: Semaphore,
}

impl Recogniser {
    /// One that runs `processes` pages at a time; `None` where the program is not installed.
    pub(super) fn find(options: &Options, own: Option<PathBuf>, processes: usize) -> Option<Self> {
        let usual = || PLACES.iter().map(PathBuf::from).find(|place| place.is_file());
        let program = options.program.clone().or_else(usual)?;
        Some(Self { program, options: options.clone(), own, slots: Semaphore::new(processes) })
    }

    /// Whether it works here: recognises a blank image in its languages.
    ///
    /// # Errors
    /// What to look after.
    pub(super) async fn try_out(&self) -> Result<(), String> {
        let blank =
            PageImage { width: 64, height: 64, pixels: vec![u8::MAX; 64 * 64], ..PageImage::default() };
        let patient = self.start(&blank, RECOGNITION_TRIAL, Instant::now() + RECOGNITION_TRIAL);
        patient.await.map(drop).map_err(|_| {
            format!(
                "{} does not run; see that `{} --list-langs` names {}",
                self.program.display(),
                self.program.display(),
                self.options.languages
            )
        })
    }

    /// Recognises a page.
    pub(super) async fn page(&self, image: &PageImage, deadline: Instant) -> Result<Recognised, Missed> {
        let place = timeout_at(deadline, self.slots.acquire()).await;
        let _place = place.map_err(|_| Missed::Time)?.map_err(|_| Missed::Failed)?;
        let answer = self.start(image, self.options.wall, deadline).await?;
        Ok(words::read(&answer))
    }

    async fn start(&self, image: &PageImage, wall: Duration, deadline: Instant) -> Result<String, Missed> {
        let own = match &self.own {
            Some(own) => own.clone(),
            None => own_program().map_err(|_| Missed::Failed)?,
        };
        let mut child = spawn(&own, &self.program, &self.options.languages).map_err(|_| Missed::Failed)?;
        let until = deadline.min(Instant::now() + wall);
        let outcome = timeout_at(until, talk(&mut child, image)).await;
        if let Ok(Ok(answer)) = outcome {
            return Ok(answer);
        }
        child.start_kill().ok();
        // Reaped here, so that a machine under load does not collect the dead.
        timeout(Duration::from_secs(1), child.wait()).await.ok();
        Err(if outcome.is_err() { Missed::Time } else { Missed::Failed })
    }
}

fn spawn(own: &Path, program: &Path, languages: &str) -> io::Result<Child> {
    Command::new(own)
        .arg("recogniser")
        .arg("--program")
        .arg(program)
        .args(["--languages", languages])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What it says may quote the page.
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Hands the image over as PGM (Netpbm), takes the answer, waits for the end.
async fn talk(child: &mut Child, image: &PageImage) -> io::Result<String> {
    let missing = || io::Error::other("the program has no pipes");
    let mut input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    let head = format!("P5\n{} {}\n255\n", image.width, image.height);
    let write = async move {
        input.write_all(head.as_bytes()).await?;
        input.write_all(&image.pixels).await?;
        input.shutdown().await
    };
    let most = u64::try_from(RECOGNISED_OCTETS).unwrap_or(u64::MAX);
    let mut answer = Vec::new();
    let mut output = output.take(most);
    let (written, read) = tokio::join!(write, output.read_to_end(&mut answer));
    // It need not take all of the image to answer; whether the answer counts, its end says.
    written.ok();
    read?;
    let status = child.wait().await?;
    if status.success() {
        Ok(String::from_utf8_lossy(&answer).into_owned())
    } else {
        Err(io::Error::other("the program ended with an error"))
    }
}
