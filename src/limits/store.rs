//! What is kept: the store, backups, objects, retention, audit, keys.

use std::time::Duration;

// ── the store ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Connections that only read.
pub const STORE_READERS: u32 = 4;
/// Connections to one PostgreSQL.
pub const STORE_CONNECTIONS: u32 = 16;
/// Connections to one PostgreSQL that organisations are pinned to.
pub const PINNED_CONNECTIONS: u32 = 6;
/// Databases that organisations may be pinned to: each has connections of its own and is asked once a second.
pub const MAX_PINNED_DATABASES: usize = 32;
/// Octets of a URL that names a pinned organisation's database or objects.
pub const MAX_PIN_URL: usize = 2_048;
/// A pinned organisation is made within this; what is unfinished after it was interrupted and is settled.
pub const PIN_CREATION: Duration = Duration::from_secs(20);
/// Reading the organisations of one pinned database, and asking whether they changed.
pub const PINNED_LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Waiting in line for a connection to a PostgreSQL that answers.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A transaction on PostgreSQL begins within this, or it is asked whether the server is there at all.
pub const STORE_PATIENCE: Duration = Duration::from_millis(500);
/// A server that does not take a connection within this is away. Long enough for one whose processors are all busy: a
/// false alarm defers mail.
pub const STORE_PROBE_TIMEOUT: Duration = Duration::from_secs(4);
/// Pause before a server that is away is asked again; until then nobody waits for it.
pub const STORE_RETRY: Duration = Duration::from_secs(1);
/// PostgreSQL ends a transaction in which nothing happens for so long: its locks must not outlive a node that hangs.
pub const STORE_IDLE_TRANSACTION: Duration = Duration::from_secs(60);
/// Waiting for a connection or for the one write lock: above it the database counts as away.
pub const STORE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Waiting for another process that writes (the command line beside the server): twice what the longest commit takes that
/// was measured, in which 300,000 accounts of a ledger become verified.
pub const STORE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Waiting for a row that another transaction of PostgreSQL has locked.
pub const STORE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// KiB of pages that a writing connection to SQLite keeps: above what one transaction of an import changes.
pub const STORE_WRITER_CACHE_KIB: u32 = 16 * 1_024;
/// How often SQLite's write-ahead log is looked at.
pub const STORE_LOG_POLL: Duration = Duration::from_millis(100);
/// Pages in the log that are worth folding back into the file, with the fsyncs that this costs.
pub const STORE_LOG_FOLD: i64 = 1_000;
/// Pages of a log (16 MiB) that is to be begun anew: writers stand still for its last pages.
pub const STORE_LOG_PAGES: i64 = 4_096;
/// Those last pages at most.
pub const STORE_LOG_REST: i64 = 512;
/// Attempts to come so near to the end beside a busy writer.
pub const STORE_LOG_ROUNDS: usize = 8;
/// Pages of a log (256 MiB) from which on writers stand still however many are left. At four times as many the
/// committing writer folds them itself.
pub const STORE_LOG_MOST: i64 = 65_536;
/// Octets of the log's file that are kept when it is begun anew.
pub const STORE_LOG_KEPT: i64 = 64 * 1_024 * 1_024;
/// Intents waiting for the journal's writer; more wait in line at the sender's side.
pub const JOURNAL_QUEUE: usize = 4_096;
/// Intents or outcomes in one statement. Each size is a prepared statement of its own, of which a connection keeps
/// 100.
pub const JOURNAL_BATCH: usize = 64;
/// Intents whose outcome is awaited; beyond it the oldest is left open.
pub const JOURNAL_OPEN: usize = 65_536;
/// Outcomes are written at least this often.
pub const JOURNAL_FLUSH: Duration = Duration::from_millis(100);
/// Outcomes waiting to be written; beyond it they are dropped and counted: such a message shows as open intent.
pub const JOURNAL_OUTCOMES: usize = 65_536;
/// Clean-mail intents are fsynced at least this often: what a power cut can take.
pub const JOURNAL_SYNC: Duration = Duration::from_secs(1);
/// Octets of recorded facts of one message.
pub const MAX_RECORDED_FACTS: usize = 256 * 1_024;
/// Open intents that are reported at start.
pub const MAX_OPEN_INTENTS: usize = 1_000;
/// Outbox rows that one look takes.
pub const OUTBOX_BATCH: usize = 32;
/// A leased outbox row returns to the queue after this long: above any transaction with a next hop.
pub const OUTBOX_LEASE: Duration = Duration::from_secs(300);
/// Characters of a reason or a reply that are stored.
pub const MAX_STORED_TEXT: usize = 2_000;
/// Rows that one query of a list fetches; lists go on with the next page.
pub const STORE_PAGE: i64 = 500;
/// An old ingress token stays valid this long after a rotation: the tenant's rule may take an hour to change.
pub const TOKEN_OVERLAP: Duration = Duration::from_secs(24 * 3_600);
/// A body without a row is swept only when this old: a hold in progress is far younger.
pub const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3_600);

// ── backups ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Octets of a usual chunk of rows; a quarter at least, four times that at most.
pub const BACKUP_CHUNK: usize = 256 * 1_024;
/// Octets of one part of a body.
pub const BACKUP_BODY_PART: usize = 4 * 1_024 * 1_024;
/// Octets of the largest chunk, opened.
pub const MAX_BACKUP_CHUNK: usize = 4 * 1_024 * 1_024;
/// Octets of one row in a backup.
pub const MAX_BACKUP_RECORD: usize = 256 * 1_024 * 1_024;
/// Chunks written, or read ahead, at once: bounds memory.
pub const BACKUP_UPLOADS: usize = 4;
/// Who makes a backup says at least so often that he still lives; longer, and another may begin.
pub const BACKUP_LEASE: Duration = Duration::from_secs(5 * 60);
/// The command waits so long for a backup that is under way …
pub const BACKUP_WAIT: Duration = Duration::from_secs(60);
/// … and looks again so often.
pub const BACKUP_WAIT_STEP: Duration = Duration::from_millis(250);
/// How often chunks that nothing names are looked for.
pub const BACKUP_SWEEP: Duration = Duration::from_secs(24 * 3_600);
/// Chunks younger than this are never swept.
pub const BACKUP_GRACE: Duration = Duration::from_secs(24 * 3_600);
/// How often a running server looks whether a backup is due, and how old the newest is.
pub const BACKUP_POLL: Duration = Duration::from_secs(10);
/// After a backup that failed, before the next try.
pub const BACKUP_RETRY: Duration = Duration::from_secs(60);
/// A backup may take a tenth of the time: one that lasts long is made less often.
pub const BACKUP_SHARE: u32 = 9;
/// Rows of one statement of a restore.
pub const RESTORE_ROWS: usize = 200;
/// Values of one statement of a restore: SQLite takes 32,766, PostgreSQL 65,535.
pub const RESTORE_VALUES: usize = 8_000;
/// Rows of one commit of a restore into a file.
pub const RESTORE_COMMIT: u64 = 20_000;
/// Waiting for others to close the database that a restore replaces.
pub const RESTORE_LOCK: Duration = Duration::from_secs(2);

// ── object stores ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Octets of the longest object name: S3 takes 1,024, prefix included.
pub const MAX_OBJECT_KEY: usize = 400;
/// Octets of the largest object: a sealed body of the largest message, and room for what may come.
pub const MAX_OBJECT: u64 = 256 * 1_024 * 1_024;
/// Octets sent in one request; larger objects go up in parts of this size (S3 wants 5 MiB at least).
pub const OBJECT_PART: usize = 8 * 1_024 * 1_024;
/// Parts of one object under way at once.
pub const OBJECT_PARTS_AT_ONCE: usize = 4;
/// Entries of a folder's listing read ahead.
pub const OBJECT_LIST_AHEAD: usize = 256;
/// TCP and TLS to an object store.
pub const OBJECT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An object store that sends nothing for so long is given up; no request is tried again after it either.
pub const OBJECT_SILENCE: Duration = Duration::from_secs(15);
/// Further tries of one request to an object store.
pub const OBJECT_RETRIES: usize = 3;
/// Writing one object, retries included. The mail path stops waiting at [`super::HOLD_TIMEOUT`].
pub const OBJECT_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Reading one object, retries included.
pub const OBJECT_READ_TIMEOUT: Duration = Duration::from_secs(120);

// ── retention ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Rows that one transaction of a purge removes.
pub const RETENTION_BATCH: i64 = 500;
/// Bodies that one transaction of a purge gives up, and that then leave the object store one by one.
pub const RETENTION_BODIES: i64 = 50;
/// Least pause between two transactions of a purge; longer ones are followed by a pause of their own length.
pub const RETENTION_PAUSE: Duration = Duration::from_millis(5);
/// A purge that was not heard of for so long was killed; another may begin.
pub const RETENTION_LEASE: Duration = Duration::from_secs(5 * 60);
/// Reports of purges that an organisation keeps.
pub const MAX_RETENTION_RUNS: i64 = 400;
/// How often a running server looks whether a purge is due, from its start on.
pub const RETENTION_POLL: Duration = Duration::from_secs(300);
/// After a purge that failed, before the next try.
pub const RETENTION_RETRY: Duration = Duration::from_secs(3_600);
/// Legal holds that stand at once in one organisation: each is asked about for each row.
pub const MAX_LEGAL_HOLDS: i64 = 200;

// ── one person's data ──────────────────────────────────────────────────────────────────────────────────────────────

/// Rows that one step of a search for a person's data opens.
pub const PRIVACY_PAGE: i64 = 200;
/// Entries of the quarantine that one such step opens, with the heads of their bodies.
pub const PRIVACY_ENTRIES: i64 = 20;
/// Octets of a held message's header fields that are searched for an address.
pub const PRIVACY_HEADERS: usize = 256 * 1_024;
/// Octets of the record of one erasure.
pub const MAX_ERASURE_RECORD: usize = 8 * 1_024;
/// Records of erasures that one look takes: one a minute for four months.
pub const MAX_ERASURE_RECORDS: usize = 200_000;
/// A record of an erasure is kept so much longer than the longest tier of backups.
pub const ERASURE_RECORD_GRACE: Duration = Duration::from_secs(31 * 86_400);

// ── the audit ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Things that are wrong with a chain that one check tells word for word; the others are counted.
pub const AUDIT_FINDINGS: usize = 100;
/// Characters of an actor or a subject.
pub const MAX_AUDIT_NAME: usize = 256;
/// Octets of an entry's detail, and of all its private fields together.
pub const MAX_AUDIT_DETAIL: usize = 64 * 1_024;
/// Octets of one line of an audit export: an entry with its private fields opened, with room to spare.
pub const MAX_AUDIT_LINE: usize = 1_024 * 1_024;
/// Anchors of one organisation that one check takes: hourly ones of twenty years.
pub const MAX_AUDIT_ANCHORS: usize = 200_000;
/// Anchors that are read from the object store at once.
pub const ANCHOR_READS: usize = 16;
/// Octets of one anchor.
pub const MAX_AUDIT_ANCHOR: u64 = 16 * 1_024;
/// How often the signed head of each chain is written to the anchor store.
pub const ANCHOR_EVERY: Duration = Duration::from_secs(3_600);
/// Anchors are mailed, where an organisation wants them, at most this often.
pub const ANCHOR_MAIL_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// Anchors that one run writes again because an earlier run could not.
pub const ANCHOR_BATCH: i64 = 1_000;
/// Entries that one transaction of a pruning removes: mail waits for the database no longer than that.
pub const AUDIT_PRUNE_BATCH: i64 = 5_000;

// ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A program that prints a master key may take so long; a key management service far away needs a few round trips.
pub const KEY_COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
/// Octets that such a program may print: the key and some white space.
pub const MAX_KEY_COMMAND_OUTPUT: usize = 256;
/// How long a new key is only known before it is used, and how long after that until values are sealed anew: every node
/// reads the keys each [`super::BOOK_POLL`].
pub const KEY_SETTLE: Duration = Duration::from_secs(5);
/// A process that has not heard from the database for so long that its keys are the current ones seals nothing more.
pub const KEY_VIEW: Duration = Duration::from_secs(30 * 60);
/// A key that is no longer used is kept at least so long. Longer than [`KEY_VIEW`], so that nobody can still be sealing
/// with a key that is being destroyed.
pub const KEY_GRACE: Duration = Duration::from_secs(3_600);
/// The same for fingerprint keys: codes in the trace fields of mail under way are made by them, and Exchange tries for a
/// day.
pub const FINGERPRINT_GRACE: Duration = Duration::from_secs(2 * 86_400);
/// Keys of one purpose that an organisation may have at once; a rotation beyond it is refused.
pub const MAX_KEY_VERSIONS: usize = 32;
/// Rows that one transaction of a rotation works on.
pub const KEY_BATCH: i64 = 200;
/// Bodies between two looks at the database during a rotation.
pub const KEY_BODY_BATCH: i64 = 16;
/// Passes over all values of which each may find some that were sealed meanwhile.
pub const KEY_PASSES: usize = 20;
/// Least pause between two batches of a rotation, so that mail gets the database in between.
pub const KEY_BATCH_PAUSE: Duration = Duration::from_millis(5);

// ── organisations on the move ──────────────────────────────────────────────────────────────────────────────────────

/// Octets of one chunk of an organisation's export, before sealing.
pub const EXPORT_CHUNK: usize = 1_024 * 1_024;
/// Octets of the head of an export.
pub const MAX_EXPORT_HEAD: usize = 4 * 1_024;
/// Octets of one part of a body in an export.
pub const EXPORT_BODY_PART: usize = 1_024 * 1_024;
/// Octets of a file with a passphrase or key.
pub const MAX_PASSPHRASE_FILE: u64 = 4 * 1_024;
/// Iterations of PBKDF2-HMAC-SHA-256 that a file may ask for: more is no caution but an attack on the importing machine.
pub const MAX_EXPORT_ITERATIONS: u32 = 10_000_000;
/// Longest pause between two steps of an import.
pub const ARRIVAL_PAUSE: Duration = Duration::from_millis(50);
/// Rows that one transaction of an erasure removes.
pub const ERASE_BATCH: i64 = 500;
