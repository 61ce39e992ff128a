//! `[documents]`: who reads attached documents, under which limits.

use super::checker::Checker;
use crate::adapters::workers::{Options, RecognitionOptions};
use crate::limits;

impl Checker<'_> {
    pub(super) fn documents(&mut self) -> Options {
        let said = self.sourced.settings.documents.clone();
        let sandbox = [("required", true), ("best-effort", false)];
        let most = u64::try_from(limits::MAX_WORKERS).unwrap_or(u64::MAX);
        Options {
            workers: self.count("documents.workers", said.workers, 0, most),
            sandbox_required: self.one_of("documents.sandbox", &said.sandbox, &sandbox).unwrap_or(true),
            wall: self.seconds(
                "documents.timeout_seconds",
                said.timeout_seconds,
                limits::DOCUMENTS_DEADLINE.as_secs(),
            ),
            cpu_seconds: self.number(
                "documents.cpu_seconds",
                said.cpu_seconds,
                1,
                limits::DOCUMENTS_DEADLINE.as_secs(),
            ),
            // Below it the program itself finds no room.
            memory_megabytes: self.number("documents.memory_megabytes", said.memory_megabytes, 256, 8_192),
            program: None,
            recognition: self.recognition(),
        }
    }

    fn recognition(&mut self) -> Option<RecognitionOptions> {
        let said = self.sourced.settings.documents.clone();
        let wanted = self.one_of("documents.ocr", &said.ocr, &[("auto", true), ("off", false)]);
        let named =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let languages = said.ocr_languages.trim();
        if !languages.split('+').all(named) || languages.len() > 100 {
            self.problem(
                "documents.ocr_languages",
                "are no languages of tesseract",
                "join the names that `tesseract --list-langs` prints with `+`: \"eng+deu\"",
            );
        }
        let program = (!said.ocr_program.is_empty()).then(|| self.path(&said.ocr_program));
        if let Some(missing) = program.as_ref().filter(|program| !program.is_file()) {
            let what = format!("{} is not there", missing.display());
            self.problem("documents.ocr_program", &what, "give the path of tesseract, or leave it empty");
        }
        let wall = self.seconds(
            "documents.ocr_timeout_seconds",
            said.ocr_timeout_seconds,
            limits::DOCUMENTS_DEADLINE.as_secs(),
        );
        let languages = languages.to_owned();
        wanted.unwrap_or(true).then_some(RecognitionOptions { program, languages, wall })
    }
}
