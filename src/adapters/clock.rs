//! The wall clock and fresh identifiers.

use crate::ports::{Clock, IdSource};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;
use ulid::{Generator, Ulid};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock the others take")]
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// ULIDs that increase within the process.
#[derive(Default)]
pub struct UlidSource(Mutex<Generator>);

impl UlidSource {
    /// A new source.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Generator::new()))
    }
}

impl IdSource for UlidSource {
    fn ulid(&self) -> Ulid {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The generator fails only when 2^80 ids of one millisecond are used up.
        generator.generate().unwrap_or_else(|_| Ulid::r#gen())
    }
}
