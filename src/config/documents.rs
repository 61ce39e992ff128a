//! `[documents]`: who reads attached documents, under which limits.

use super::checker::Checker;
use crate::adapters::workers::Options;
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
        }
    }
}
