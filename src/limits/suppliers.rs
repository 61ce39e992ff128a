//! What is known of suppliers: records, imports, live sources, sender history.

use std::time::Duration;

// ── supplier records ───────────────────────────────────────────────────────────────────────────────────────────────

/// Octets of one supplier file; it is read as a stream.
pub const MAX_IMPORT_OCTETS: u64 = 4 * 1_024 * 1_024 * 1_024;
/// Octets of a supplier file's rows that stay in memory; above it they go to a temporary file.
pub const IMPORT_IN_MEMORY: usize = 16 * 1_024 * 1_024;
/// Octets of one row of a supplier file as it is kept: all columns full.
pub const MAX_IMPORT_ROW: usize = 16 * 1_024 * 1_024;
/// Octets after an opening quotation mark in which the closing one must follow.
pub const MAX_IMPORT_QUOTED: usize = 1_024 * 1_024;
/// Octets of a workbook (.xlsx) as it is stored, …
pub const MAX_WORKBOOK: u64 = 256 * 1_024 * 1_024;
/// … of one of its parts unpacked, …
pub const MAX_WORKBOOK_PART: u64 = 1_024 * 1_024 * 1_024;
/// … and of its shared texts, which are held in memory.
pub const MAX_SHARED_TEXTS: usize = 128 * 1_024 * 1_024;
/// Shared texts of a workbook.
pub const MAX_SHARED_TEXT_COUNT: usize = 8_000_000;
/// Octets of one XML tag or text in a workbook.
pub const MAX_WORKBOOK_TOKEN: usize = 1_024 * 1_024;
/// Cell formats and sheets of a workbook.
pub const MAX_WORKBOOK_ENTRIES: usize = 65_536;
/// Octets of a JSON file of contacts, which is held in memory.
pub const MAX_CONTACTS_JSON: u64 = 128 * 1_024 * 1_024;
/// Octets of a map file.
pub const MAX_MAP_FILE: u64 = 256 * 1_024;
/// Rows of one supplier file.
pub const MAX_IMPORT_ROWS: usize = 1_000_000;
/// Columns of a supplier file: Business Central exports about 200.
pub const MAX_IMPORT_COLUMNS: usize = 512;
/// Octets of one cell of a supplier file.
pub const MAX_IMPORT_CELL: usize = 16 * 1_024;
/// Row errors (and as many warnings) that are kept word for word; the others are counted.
pub const MAX_IMPORT_ERRORS: usize = 10_000;
/// Values of one list (names, domains, addresses, phones) on one supplier's record.
pub const MAX_SUPPLIER_VALUES: usize = 100;
/// Accounts on one supplier's record.
pub const MAX_SUPPLIER_ACCOUNTS: usize = 1_000;
/// Suppliers of one file that share a name.
pub const MAX_SAME_NAME: usize = 64;
/// Suppliers staged in one transaction: the mail path waits for the database no longer than one takes. Their fingerprints
/// fall all over the indexes, so that each row costs several pages. A power of two: statements are prepared by the size
/// of their lists.
pub const IMPORT_BATCH: usize = 64;
/// An import that was silent for this long was killed: the next change to the directory clears it away.
pub const IMPORT_LEASE: Duration = Duration::from_secs(15);
/// Pause between looks at another import that is at work.
pub const IMPORT_POLL: Duration = Duration::from_millis(200);
/// Such looks before a change gives up: twice the lease.
pub const IMPORT_WAITS: usize = 150;
/// Rows that one statement takes away of a batch that was given up or undone.
pub const IMPORT_CLEAR_ROWS: i64 = 500;
/// Conflicts that a refused undo names.
pub const MAX_UNDO_CONFLICTS: i64 = 100;
/// Hits that one search of the directory names.
pub const MAX_SEARCH_HITS: usize = 50;
/// Values that one search opens and looks into; a directory with more is searched by exact values only beyond it.
pub const MAX_SEARCH_VALUES: usize = 2_000_000;
/// Characters of one text value (name, alias, phone, account name, identifier).
pub const MAX_SUPPLIER_TEXT: usize = 256;

// ── live supplier sources ──────────────────────────────────────────────────────────────────────────────────────────

/// How often it is looked whether a source is due.
pub const SYNC_POLL: Duration = Duration::from_secs(10);
/// Sources that one process asks at the same time: most of a sync is waiting for a ledger.
pub const SYNCS_AT_ONCE: usize = 8;
/// Of those, sources of one organisation, so that its slow ledgers leave places to the others.
pub const SYNCS_OF_ONE: usize = 2;
/// Sources that wait in memory for a place, longest due first; the others are looked up again.
pub const SYNCS_WAITING: usize = 1_000;
/// One whole sync.
pub const SYNC_TIMEOUT: Duration = Duration::from_secs(1_800);
/// A source returns to the others after this long, should its node have died: above [`SYNC_TIMEOUT`].
pub const SYNC_LEASE: Duration = Duration::from_secs(2_400);
/// Shortest interval of a source: Xero admits 5,000 requests a day.
pub const SYNC_EVERY_MIN: Duration = Duration::from_secs(60);
/// One request to a ledger, its answer included.
pub const SYNC_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// One statement of a query.
pub const SYNC_STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Rows that one statement fetches.
pub const SYNC_FETCH: u32 = 500;
/// Octets of one answer of a ledger.
pub const MAX_SYNC_PAGE: usize = 32 * 1_024 * 1_024;
/// Pages of one sync.
pub const MAX_SYNC_PAGES: usize = 10_000;
/// Times that a request is sent while the answer is "later".
pub const SYNC_ATTEMPTS: u32 = 6;
/// First pause between them where the ledger names none; doubles.
pub const SYNC_RETRY_FIRST: Duration = Duration::from_millis(500);
/// Pauses of one request together.
pub const SYNC_PATIENCE: Duration = Duration::from_secs(180);
/// A source that failed is asked again after this long, times its failures in a row, at most after its interval.
pub const SYNC_RETRY_LATER: Duration = Duration::from_secs(60);
/// Waiting for a person's consent in the browser.
pub const CONSENT_TIMEOUT: Duration = Duration::from_secs(600);
/// Octets of the browser's request that brings the consent.
pub const MAX_CONSENT_REQUEST: usize = 16 * 1_024;

// ── sender history ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Parties (suppliers, and the sender's own domain) whose history one message asks for.
pub const HISTORY_PARTIES: usize = 8;
/// Accounts of one message that are remembered or asked for.
pub const HISTORY_ACCOUNTS: usize = 10;
/// Makes of the PDFs of one message that are remembered or asked for.
pub const HISTORY_MAKES: usize = 4;
/// Invoice numbers of one message that are remembered or asked for.
pub const HISTORY_INVOICES: usize = 10;
/// Currencies of one message whose largest amount is remembered.
pub const HISTORY_CURRENCIES: usize = 4;
/// Octets of one body that are searched for quoted participants: its head.
pub const QUOTED_TEXT: usize = 256 * 1024;
/// Quoted domains, and recipients compared with them, of one message.
pub const QUOTED_ADDRESSES: usize = 64;
/// Messages that one message answers, asked for: the last ones.
pub const HISTORY_REFERENCES: usize = 8;
/// Records merged into the suppliers of one message whose history counts as well: those merged last.
pub const HISTORY_MERGED: i64 = 32;
/// Rows that one look-up reads at most.
pub const HISTORY_ROWS: i64 = 8_192;
/// Lessons waiting to be written; beyond it they are dropped and counted, mail is never held up.
pub const HISTORY_QUEUE: usize = 4_096;
/// Lessons in one transaction.
pub const HISTORY_BATCH: usize = 256;
/// Lessons are written at least this often: what a killed process can lose.
pub const HISTORY_FLUSH: Duration = Duration::from_secs(1);
/// Tries to write a batch before it is dropped and counted.
pub const HISTORY_TRIES: usize = 30;
/// Rows in one statement: a power of two.
pub const HISTORY_STATEMENT: usize = 64;
/// Message ids that one organisation's history keeps: the newest.
pub const HISTORY_THREADS: i64 = 100_000;
/// A message id is kept this long.
pub const HISTORY_THREAD_AGE: Duration = Duration::from_secs(180 * 86_400);
/// How often message ids are pruned and missed releases are taken up.
pub const HISTORY_UPKEEP: Duration = Duration::from_secs(900);
/// Organisations that one process keeps the history of: further ones are written and not pruned by it.
pub const HISTORY_ORGANISATIONS: usize = 100_000;
/// Lessons of held messages that one upkeep looks at.
pub const HISTORY_MISSED: i64 = 200;
