//! Live sources: ledgers that are asked instead of exported.
//!
//! A source turns its records into rows, which take the same way as those of a file: the same judging, the same folding,
//! the same import. It feeds the directory in the background; the mail path asks only the directory and never a ledger.
//! What a source brings is never verified: an account that a ledger has and the record does not opens a case.
//!
//! To add a source: one file here with a [`Kind`], and its line in `supplier_sources!`. A record that vanishes, half a
//! page or an outage change nothing: rows count only when the source has reached its end, and a sync takes nothing away.

mod http;
mod keep;
pub mod oauth;
mod sync;

use super::csv::RowError;
use super::raw::{RawRow, Rows, stop};
use crate::limits;
use async_trait::async_trait;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

pub use keep::{NewSource, Source, Sources};
pub use oauth::{Authorization, Tokens};
pub use sync::{SyncHow, SyncReport, Syncs};

/// Makes the modules and the list of kinds.
macro_rules! supplier_sources {
    ($($module:ident),* $(,)?) => {
        $( mod $module; )*
        /// Every kind of source, in the order of the help.
        pub const KINDS: &[Kind] = &[$( $module::KIND ),*];
    };
}

supplier_sources! { postgres, xero }

/// One option of a kind of source.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// Whether it is sealed and never shown.
    pub secret: bool,
    /// Value when it is not given; `None`: it must be.
    pub default: Option<&'static str>,
    /// What it means, a sentence.
    pub about: &'static str,
}

/// Makes a source from its options.
pub type Build = fn(Options, Box<dyn TokenVault>) -> Result<Box<dyn SupplierSource>, SourceError>;
/// Where a person gives consent, from the options.
pub type Consent = fn(&Options) -> Result<Authorization, SourceError>;

/// A kind of source.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it is, a sentence.
    pub about: &'static str,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// Whether the options make sense together, before they are stored.
    pub check: fn(&Options) -> Result<(), String>,
    /// Makes a source.
    pub build: Build,
    /// Where a person gives consent, for kinds that need it.
    pub authorization: Option<Consent>,
}

impl Kind {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

/// The options of one source, defaults filled in.
#[derive(Clone, Default)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// Of what a person gave, with the kind's defaults.
    ///
    /// # Errors
    /// An option that the kind does not have, or one that is missing.
    pub fn of(kind: &Kind, given: &BTreeMap<String, String>) -> Result<Self, String> {
        let known: Vec<&str> = kind.options.iter().map(|option| option.name).collect();
        if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
            let shown: String = name.chars().take(40).collect();
            return Err(format!(
                "a source of kind {} has no option `{shown}`; it has {}",
                kind.name,
                known.join(", ")
            ));
        }
        let mut all = given.clone();
        for option in kind.options {
            match option.default {
                _ if all.contains_key(option.name) => {}
                Some(default) => {
                    all.insert(option.name.to_owned(), default.to_owned());
                }
                None => return Err(format!("option `{}` is missing: {}", option.name, option.about)),
            }
        }
        Ok(Self(all))
    }

    /// An option's value; empty where it has none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a source could not be read. No text holds a secret, an address of a request or content.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It does not answer, or not now: the next sync may do.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
    /// It refuses, or answers what it should not: a person has to look.
    #[error("the ledger refused: {0}")]
    Refused(String),
    /// Nobody has given consent, or it was taken back.
    #[error("the source is not connected")]
    NotConnected,
    /// Our own database or keys.
    #[error(transparent)]
    Store(#[from] crate::adapters::store::StoreError),
}

/// Where a source's tokens are kept, sealed.
#[async_trait]
pub trait TokenVault: Send + Sync {
    /// The tokens; `None` when nobody has connected it.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    async fn load(&self) -> Result<Option<Tokens>, SourceError>;
    /// Replaces them, before the first use of the new ones: a refresh token works once.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    async fn save(&self, tokens: &Tokens) -> Result<(), SourceError>;
}

/// What a source says at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// From where the next sync goes on; `None`: always all.
    pub cursor: Option<String>,
}

/// A ledger.
#[async_trait]
pub trait SupplierSource: Send + Sync {
    /// Sends the header row and then a row for each record that changed since the cursor, all of them without one. Paging
    /// and its limits are the source's own.
    ///
    /// # Errors
    /// [`SourceError`]: nothing that was sent counts then.
    async fn changes(&self, since: Option<&str>, out: &mut RowSink) -> Result<Changes, SourceError>;
}

/// Where a source puts its rows: bounded, so that a fast ledger waits for the judging.
pub struct RowSink {
    rows: mpsc::Sender<Result<RawRow, RowError>>,
    sent: u64,
    notes: Vec<RowError>,
}

/// What a reading says whose source failed.
pub(super) const FAILED: &str = "the source failed before its end";
/// Rows on their way.
const ROWS_IN_FLIGHT: usize = 256;

impl RowSink {
    /// A sink and the rows that come out of it.
    pub(super) fn new() -> (Self, SourceRows) {
        let (sender, receiver) = mpsc::channel(ROWS_IN_FLIGHT);
        (Self { rows: sender, sent: 0, notes: Vec::new() }, SourceRows { rows: receiver, ended: false })
    }

    /// Sends a row.
    ///
    /// # Errors
    /// [`SourceError::Refused`] when the reading has stopped: it has its own reason.
    pub(super) async fn send(&mut self, row: RawRow) -> Result<(), SourceError> {
        self.sent = self.sent.saturating_add(1);
        let sent = self.rows.send(Ok(row)).await;
        sent.map_err(|_| SourceError::Refused("its records cannot be read".to_owned()))
    }

    /// Notes what is worth a look about a record that was sent.
    pub(super) fn note(&mut self, note: RowError) {
        if self.notes.len() < limits::MAX_IMPORT_ERRORS {
            self.notes.push(note);
        }
    }

    pub(super) fn take_notes(&mut self) -> Vec<RowError> {
        std::mem::take(&mut self.notes)
    }

    /// Rows sent, the header among them.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The source failed: nothing counts.
    pub(super) async fn fail(self) {
        // A reading that has stopped already needs no reason.
        self.rows.send(Err(stop(0, FAILED))).await.ok();
    }

    /// The source reached its end.
    pub(super) async fn finish(self) {
        let end = RawRow { line: END, ..RawRow::default() };
        self.rows.send(Ok(end)).await.ok();
    }
}

/// Marks the row that says "that was all": a channel that closes without it was cut off.
const END: u64 = u64::MAX;

/// The rows of a source, for the reading's thread.
pub(super) struct SourceRows {
    rows: mpsc::Receiver<Result<RawRow, RowError>>,
    ended: bool,
}

impl Rows for SourceRows {
    fn next(&mut self, row: &mut RawRow) -> Result<bool, RowError> {
        if self.ended {
            return Ok(false);
        }
        match self.rows.blocking_recv() {
            Some(Ok(next)) if next.line == END => {
                self.ended = true;
                Ok(false)
            }
            Some(Ok(next)) => {
                *row = next;
                Ok(true)
            }
            Some(Err(error)) => Err(error),
            None => Err(stop(0, "the source was cut off before its end")),
        }
    }
}

/// An address of a server: `https`, or `http` on this machine.
pub(super) fn checked_url(name: &str, text: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("`{name}` is no address: {error}"))?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err(format!("`{name}` must begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("`{name}` may not hold a password"));
    }
    Ok(url)
}
