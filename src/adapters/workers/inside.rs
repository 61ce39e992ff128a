//! A worker process from the inside: shut in first, then one document after the other, until its input ends.

use super::frame::{self, Head, Hello, Sight, Taken};
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

/// A document and what is to be done for it.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// File name; may be empty.
    pub name: &'a str,
    /// Declared media type; may be empty.
    pub media_type: &'a str,
    /// Content.
    pub octets: &'a [u8],
    /// The mail shows it inside its text.
    pub inline: bool,
    /// What is done for what is only seen.
    pub sight: Sight,
}

/// Reads documents with `read` until the input ends.
///
/// # Errors
/// When the pipes break or the limits cannot be set; nobody is left to tell.
pub fn serve(
    options: InsideOptions,
    read: impl Fn(Job<'_>) -> Document,
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
        let Head { name, media_type, inline, sight, .. } = &head;
        let job = Job { name, media_type, octets: &octets, inline: *inline, sight: *sight };
        let answer = panic::catch_unwind(AssertUnwindSafe(|| read(job)));
        answer_with(answer.unwrap_or_else(|_| failed(*sight, Unread::Damaged)), *sight, output)?;
    }
    Ok(())
}

/// What is said of a document that could not be read; nothing where its texts are known and it was to be looked at.
fn failed(sight: Sight, why: Unread) -> Document {
    if sight == Sight::No { Document::unread(why) } else { Document::default() }
}

fn answer_with(document: Document, sight: Sight, output: &mut impl Write) -> io::Result<()> {
    let answer = frame::encode(&document)?;
    if answer.len() > WORKER_ANSWER {
        return frame::write(output, &failed(sight, Unread::Limit));
    }
    output.write_all(&answer)?;
    for image in &document.images {
        output.write_all(&image.pixels)?;
    }
    output.flush()
}
