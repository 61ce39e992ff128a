//! The second look at a document: after its texts are safe, a worker decodes its pictures and draws its pages, and images of
//! what has to be recognised go to the recognising program.
//!
//! It is a job of its own, because decoders and renderers break on the wrong file: what the first job read stays, and only
//! what is seen stays unread.

use super::frame::Sight;
use super::recognise::{Missed, Recogniser};
use super::{Purpose, Workers};
use crate::limits::{DOCUMENT_TEXT, RECOGNITION_QUEUE, RECOGNITION_WAIT};
use crate::model::{Document, DocumentFile, PageImage, Span, SpanKind, Unread};
use crate::ports::DocumentRequest;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Recognition, and how many documents wait for it with their images in memory.
pub(super) struct Recognition {
    recogniser: Recogniser,
    documents: Semaphore,
}

impl Recognition {
    pub(super) fn new(recogniser: Recogniser) -> Self {
        Self { recogniser, documents: Semaphore::new(RECOGNITION_QUEUE) }
    }

    /// A place for the images of one document; none while the line is full for too long.
    async fn place(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        let until = deadline.min(Instant::now() + RECOGNITION_WAIT);
        let place = timeout_at(until, self.documents.acquire()).await.ok().and_then(Result::ok);
        if place.is_none() {
            count(1, "busy");
        }
        place
    }

    /// See [`Recogniser::try_out`].
    pub(super) async fn try_out(&self) -> Result<(), String> {
        self.recogniser.try_out().await
    }
}

impl Workers {
    /// Looks at a document whose texts are read.
    pub(super) async fn see(
        &self,
        mut read: Document,
        request: DocumentRequest<'_>,
        deadline: Instant,
    ) -> Document {
        let place = match &self.recognition {
            Some(recognition) => recognition.place(deadline).await,
            None => None,
        };
        let sight = if place.is_some() { Sight::Recognise } else { Sight::Look };
        let seen = self.job(request, Purpose { sight, killers: &self.blinding }, deadline).await;
        metrics::counter!("sentra_document_looks_total", "result" => result(&seen)).increment(1);
        match seen {
            Ok(seen) if !seen.files.is_empty() => self.recognise(seen, deadline).await,
            _ => {
                read.leave_unseen();
                read
            }
        }
    }

    /// Has the images of a document recognised, one after the other, and puts their texts where they belong.
    async fn recognise(&self, mut document: Document, deadline: Instant) -> Document {
        for image in std::mem::take(&mut document.images) {
            let began = Instant::now();
            let outcome = match &self.recognition {
                Some(recognition) => recognition.recogniser.page(&image, deadline).await,
                None => Err(Missed::Failed),
            };
            metrics::histogram!("sentra_recognition_seconds").record(began.elapsed().as_secs_f64());
            let mut room = DOCUMENT_TEXT.saturating_sub(document.text_octets());
            let Some(file) = document.files.get_mut(image.file) else { continue };
            let legible = match outcome {
                Ok(recognised) => {
                    recognised.texts.into_iter().for_each(|text| say(file, &image, text, &mut room));
                    count(1, if recognised.legible { "read" } else { "illegible" });
                    recognised.legible
                }
                Err(missed) => {
                    count(1, missed.as_str());
                    false
                }
            };
            if image.required && !legible {
                file.gap(Unread::Unsupported);
            }
        }
        document
    }
}

fn say(file: &mut DocumentFile, image: &PageImage, mut text: String, room: &mut usize) {
    text.truncate(text.floor_char_boundary(*room));
    *room -= text.len();
    if !text.trim().is_empty() {
        file.spans.push(Span { text, kind: SpanKind::Ocr, page: image.page });
    }
}

fn result(seen: &Result<Document, Unread>) -> &'static str {
    match seen {
        Ok(document) if document.files.is_empty() => "failed",
        Ok(_) => "seen",
        Err(why) => why.as_str(),
    }
}

fn count(pages: u64, result: &'static str) {
    metrics::counter!("sentra_recognised_pages_total", "result" => result).increment(pages);
}
