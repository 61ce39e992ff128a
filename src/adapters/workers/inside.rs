//! A worker process from the inside: shut in first, then one document after the other, until its input ends.

use super::frame::{self, Head, Hello, Taken};
use super::sandbox;
use crate::limits::{MAX_DOCUMENT, WORKER_ANSWER, WORKER_HEAD};
use crate::model::{Document, Unread};
use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};

/// Under which limits it works.
#[derive(Clone, Copy, Debug)]
pub struct InsideOptions {
    /// Megabytes of address space.
    pub memory_megabytes: u64,
    /// Seconds of processor time of one document.
    pub cpu_seconds: u64,
}

/// Reads documents with `read` (name, media type, octets) until the input ends.
///
/// # Errors
/// When the pipes break or the limits cannot be set; nobody is left to tell.
pub fn serve(
    options: InsideOptions,
    read: impl Fn(&str, &str, &[u8]) -> Document,
    input: &mut impl Read,
    output: &mut impl Write,
) -> io::Result<()> {
    // What a panic says may quote the document.
    panic::set_hook(Box::new(|_| {}));
    sandbox::limit(options.memory_megabytes)?;
    frame::write(output, &Hello { unconfined: sandbox::confine().err() })?;
    while let Some(head) = frame::read::<Head>(input, WORKER_HEAD)? {
        if head.octets > MAX_DOCUMENT {
            return Err(io::Error::other("a document is larger than agreed"));
        }
        let mut octets = vec![0; head.octets];
        input.read_exact(&mut octets)?;
        frame::write(output, &Taken {})?;
        sandbox::grant(options.cpu_seconds)?;
        let answer = panic::catch_unwind(AssertUnwindSafe(|| read(&head.name, &head.media_type, &octets)));
        let answer = frame::encode(&answer.unwrap_or_else(|_| Document::unread(Unread::Damaged)))?;
        if answer.len() > WORKER_ANSWER {
            frame::write(output, &Document::unread(Unread::Limit))?;
        } else {
            output.write_all(&answer)?;
            output.flush()?;
        }
    }
    Ok(())
}
