//! Every number that bounds hostile input or waiting, each with its unit and reason.
//!
//! Tunable ones are the defaults of configuration keys; the others are fixed.

use std::time::Duration;

// ── SMTP sessions ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Sessions at once, whole process. Beyond it: 421 at the greeting.
pub const MAX_SESSIONS: usize = 2_000;
/// Sessions at once from one address outside Exchange's ranges and the trusted ones.
pub const MAX_SESSIONS_PER_PEER: usize = 100;
/// Command line in octets, CRLF included. RFC 5321 4.5.3.1.4 asks for 512 plus what extensions add; DSN's ORCPT
/// and ENVID add up to 1,100.
pub const MAX_COMMAND_LINE: usize = 4_096;
/// Commands in one session before 421.
pub const MAX_COMMANDS: usize = 20_000;
/// Transactions in one session before 421.
pub const MAX_TRANSACTIONS: usize = 1_000;
/// Rejected or unknown commands in one session before 421.
pub const MAX_ERRORS: usize = 20;
/// Recipients in one transaction (RFC 5321 4.5.3.1.8 asks for at least 100; Exchange splits above 200 per domain).
pub const MAX_RECIPIENTS: usize = 1_000;
/// Message size in octets: 150 MiB, what Exchange Online sends at most.
pub const MAX_MESSAGE_SIZE: u64 = 157_286_400;
/// Line of message content in octets. Exchange writes very long header lines; the limit only stops endless ones
/// and is the message size: content is held once, bounded by size and bytes in flight.
pub const MAX_CONTENT_LINE: u64 = MAX_MESSAGE_SIZE;
/// Octets of messages in memory at once, whole process: about three of the largest.
pub const MAX_BYTES_IN_FLIGHT: u64 = 512 * 1_024 * 1_024;
/// Transactions of one organisation that are not yet proven by headers.
pub const MAX_UNPROVEN_TRANSACTIONS: usize = 500;
/// Octets of a client's EHLO argument.
pub const MAX_EHLO_ARGUMENT: usize = 255;

/// Waiting for a TLS handshake.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Waiting for a command (RFC 5321 4.5.3.2.7 asks for five minutes).
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
/// Waiting for the next octets of message content (RFC 5321 4.5.3.2.5: three minutes).
pub const DATA_TIMEOUT: Duration = Duration::from_secs(180);
/// A whole message's content may take this long.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(1_800);
/// A session lives at most this long.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(7_200);
/// Writing a reply to a peer that does not read.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Octets read at once while a session waits for commands: what an idle session costs.
pub const COMMAND_READ: usize = 2_048;
/// Octets read at once while message content comes in.
pub const CONTENT_READ: usize = 65_536;
/// Octets of one over-long command line that are skipped before 421.
pub const MAX_SKIPPED_LINE: usize = 65_536;
/// Octets of one message that are read (and dropped, once it is refused) before 421, as a multiple of the size limit.
pub const MAX_READ_FACTOR: u64 = 2;
/// Replies collected for a pipelining peer before they are written although more commands wait.
pub const MAX_COLLECTED_REPLIES: usize = 4_096;
/// After our last reply: waiting for the peer to read it and close, so that no reset overtakes it.
pub const LINGER: Duration = Duration::from_secs(2);
/// Octets dropped while lingering.
pub const MAX_LINGER_OCTETS: usize = 262_144;
/// Pause of a listener that could not accept (out of file descriptors).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Widest trusted IPv4 range (prefix length).
pub const WIDEST_TRUST_V4: u8 = 16;
/// Widest trusted IPv6 range (prefix length).
pub const WIDEST_TRUST_V6: u8 = 32;
/// Octets of ENVID (RFC 3461 4.4: 100) and ORCPT (4.2: 500), as received.
pub const MAX_DSN_VALUE: usize = 500;

// ── the journey ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Messages up to this many octets are read on the async thread: it takes well under a millisecond.
pub const INLINE_INSPECTION: usize = 64 * 1_024;
/// The database must answer a write within this.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(15);
/// Holding a message (body to the object store, row, notices) must be done within this; above it the sender keeps the
/// mail. What [`INSPECTION_HARD_STOP`] leaves of [`VERDICT_HARD_STOP`], less a margin.
pub const HOLD_TIMEOUT: Duration = Duration::from_secs(28);
/// From end of data to our reply, hard: then 451. Exchange keeps the mail.
pub const VERDICT_HARD_STOP: Duration = Duration::from_secs(120);
/// From end of data to the verdict, hard: what then remains of [`VERDICT_HARD_STOP`] is for record and quarantine.
pub const INSPECTION_HARD_STOP: Duration = Duration::from_secs(90);
/// Gathering evidence (sender authentication and supplier directory), together.
pub const GATHER_DEADLINE: Duration = Duration::from_millis(2_500);
/// Received fields before the message counts as looping (RFC 5321 6.3 asks for at least 100).
pub const MAX_RECEIVED_FIELDS: usize = 100;
/// Our own signed trace fields for the same recipients: the third pass is refused.
pub const MAX_OWN_PASSES: usize = 2;

// ── parsing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Octets that are parsed and inspected; the rest of a larger message is relayed unread and named so.
pub const MAX_INSPECTED_OCTETS: usize = 40 * 1_024 * 1_024;
/// Header fields at the top level.
pub const MAX_HEADER_FIELDS: usize = 1_000;
/// Octets of one header field that are looked at.
pub const MAX_HEADER_FIELD: usize = 64 * 1_024;
/// Octets of the top-level header section.
pub const MAX_HEADER_SECTION: usize = 512 * 1_024;
/// MIME entities that are looked at.
pub const MAX_PARTS: usize = 500;
/// Nesting of multiparts.
pub const MAX_DEPTH: usize = 20;
/// Nesting of attached messages.
pub const MAX_ATTACHED_MESSAGES: usize = 3;
/// Attachments whose content is opened; the others are named.
pub const MAX_DOCUMENTS: usize = 10;
/// Characters of text analysed per part: the head …
pub const TEXT_HEAD: usize = 768 * 1_024;
/// … and the tail.
pub const TEXT_TAIL: usize = 256 * 1_024;
/// Characters of text analysed per message.
pub const TEXT_PER_MESSAGE: usize = 4 * 1_024 * 1_024;
/// Octets of one HTML part that are analysed.
pub const MAX_HTML: usize = 2 * 1_024 * 1_024;
/// Memory of the streaming HTML reader.
pub const HTML_MEMORY: usize = 4 * 1_024 * 1_024;
/// Different accounts reported of one message.
pub const MAX_ACCOUNTS: usize = 50;
/// Different phrases reported of one message; beyond it only families that were not seen before.
pub const MAX_PHRASES: usize = 200;
/// Links, and words that may be an address of a crypto currency, that are looked at in one text.
pub const MAX_LINKS: usize = 5_000;
/// Octets of the targets of links that are looked at in one page of HTML.
pub const MAX_LINK_TEXT: usize = 256 * 1_024;
/// Different amounts, invoice numbers or registration numbers reported of one message, each kind.
pub const MAX_CLAIMED_VALUES: usize = 100;
/// Keys of one directory query.
pub const MAX_DIRECTORY_KEYS: usize = 128;
/// Findings of one message.
pub const MAX_FINDINGS: usize = 64;

// ── the next hop ───────────────────────────────────────────────────────────────────────────────────────────────────

/// TCP connect to one address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Greeting, EHLO, STARTTLS, MAIL, RCPT answers.
pub const NEXT_HOP_COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// The whole data phase (DATA, content, answer to its end); below [`VERDICT_HARD_STOP`].
pub const NEXT_HOP_DATA_TIMEOUT: Duration = Duration::from_secs(100);
/// A pooled connection lives at most this long (Exchange closes at 20 minutes).
pub const CONNECTION_LIFETIME: Duration = Duration::from_secs(19 * 60);
/// A pooled connection idles at most this long.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(60);
/// Messages over one connection (Exchange: fewer than 200).
pub const MESSAGES_PER_CONNECTION: usize = 190;
/// Connections to one organisation's next hop at once.
pub const CONNECTIONS_PER_ORGANISATION: usize = 50;
/// Addresses of the next hop that are tried.
pub const MAX_NEXT_HOP_ADDRESSES: usize = 6;
/// Octets of a next hop's reply that are kept.
pub const MAX_REPLY_OCTETS: usize = 4_096;
/// Octets of a next hop's reply that are read before it counts as endless and the connection is closed.
pub const MAX_REPLY_READ: usize = 64 * 1_024;
/// Greeting, EHLO and TLS handshake with one address of the next hop, so that one that hangs leaves time for the next.
pub const NEXT_HOP_SETUP_TIMEOUT: Duration = Duration::from_secs(30);
/// All addresses of the next hop together, name resolution included.
pub const NEXT_HOP_DIAL_TIMEOUT: Duration = Duration::from_secs(90);
/// Waiting for one of [`CONNECTIONS_PER_ORGANISATION`] to become free.
pub const CONNECTION_WAIT: Duration = Duration::from_secs(30);
/// Octets added to a declared SIZE for what we prepend and the banner.
pub const SIZE_MARGIN: u64 = 64 * 1_024;
/// One question to one name server.
pub const DNS_QUERY_TIMEOUT: Duration = Duration::from_secs(3);
/// One host name: all name servers, retries and mail exchangers.
pub const DNS_LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// DKIM and ARC signatures of one message that are verified; more count as an error of the sender (RFC 6376 6.1).
pub const MAX_SIGNATURES: usize = 12;

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
pub const IMPORT_CLEAR_ROWS: i64 = 2_000;
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

// ── configuration, log, web ────────────────────────────────────────────────────────────────────────────────────────

/// Octets of the configuration file.
pub const MAX_CONFIG_FILE: u64 = 1_024 * 1_024;
/// Octets of a file that holds a secret, a certificate chain or a set of roots.
pub const MAX_SECRET_FILE: u64 = 4 * 1_024 * 1_024;
/// Entries of one list in the configuration.
pub const MAX_CONFIG_LIST: usize = 1_000;
/// Log lines that wait for standard error; beyond it lines are dropped and counted, mail is never held up.
pub const LOG_QUEUE: usize = 8_192;
/// Waiting for the last log lines to be written at the end.
pub const LOG_FLUSH: Duration = Duration::from_secs(2);
/// HTTP connections at once per listener; further ones wait in the system's queue.
pub const MAX_HTTP_CONNECTIONS: usize = 256;
/// Header fields of one HTTP request.
pub const MAX_HTTP_HEADERS: usize = 64;
/// Octets read ahead on one HTTP connection: bounds request line and header section.
pub const MAX_HTTP_BUFFER: usize = 32 * 1_024;
/// Octets of a request's body on the health and metrics pages.
pub const MAX_HTTP_BODY: usize = 16 * 1_024;
/// Waiting for a request's header section, idle time between requests included.
pub const HTTP_HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Answering one request.
pub const HTTP_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// An HTTP connection lives at most this long, so that a peer that does not read cannot stay.
pub const HTTP_CONNECTION_LIFETIME: Duration = Duration::from_secs(300);
/// A dependency's answer to the readiness page.
pub const READINESS_TIMEOUT: Duration = Duration::from_secs(2);

// ── outbox, caches, shutdown ───────────────────────────────────────────────────────────────────────────────────────

/// First retry of an outbox mail; doubles up to [`OUTBOX_RETRY_MAX`].
pub const OUTBOX_RETRY_FIRST: Duration = Duration::from_secs(30);
/// Longest pause between outbox tries.
pub const OUTBOX_RETRY_MAX: Duration = Duration::from_secs(900);
/// An outbox mail is given up (state `failed`, visible, alarmed, never deleted) after this long.
pub const OUTBOX_LIFETIME: Duration = Duration::from_secs(5 * 86_400);
/// Further tries to note how the sending of an outbox mail ended, while the database does not answer.
pub const OUTBOX_NOTE_RETRIES: usize = 3;
/// Organisations whose outbox is sent at once.
pub const OUTBOX_SENDERS: usize = 64;
/// At the end a mail that is being sent gets this long to be finished.
pub const OUTBOX_FAREWELL: Duration = Duration::from_secs(10);
/// Pause between looks at the outbox.
pub const OUTBOX_POLL: Duration = Duration::from_millis(500);
/// How often bodies that no entry names are looked for.
pub const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// How often the gauges are set.
pub const MEASURE_EVERY: Duration = Duration::from_secs(2);
/// How often the organisations' book is compared with the database.
pub const BOOK_POLL: Duration = Duration::from_secs(1);
/// Entry of the in-process directory cache lives at most this long.
pub const CACHE_TTL: Duration = Duration::from_secs(300);
/// Octets of the in-process directory cache.
pub const CACHE_OCTETS: u64 = 64 * 1_024 * 1_024;
/// Octets of the suppliers' domain lists in memory: about 60 for each domain.
pub const DOMAIN_CACHE_OCTETS: u64 = 256 * 1_024 * 1_024;
/// Times that a message waits for another one's look-up of the same key before it looks itself.
pub const MAX_FLIGHT_WAITS: usize = 4;
/// Records that one directory query reads from the database at most.
pub const MAX_DIRECTORY_ROWS: i64 = 10_000;
/// Cache entries waiting to be written to Redis; beyond it they are dropped.
pub const REDIS_WRITE_QUEUE: usize = 1_024;
/// Connecting to Redis, in the background.
pub const REDIS_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause before a lost Redis is tried again; doubles up to [`REDIS_RETRY_MAX`].
pub const REDIS_RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest such pause.
pub const REDIS_RETRY_MAX: Duration = Duration::from_secs(5);
/// How often the subscription is probed: a silent half-open connection must not pass for a live one.
pub const REDIS_PROBE: Duration = Duration::from_secs(1);
/// Servers of one Redis URL, and as many nodes of a cluster that are learned of.
pub const MAX_REDIS_NODES: usize = 64;
/// Times that a command follows a cluster's MOVED or ASK, or is tried again on another node.
pub const REDIS_REDIRECTIONS: u32 = 3;
/// One sentinel's answer, the check of the master that it names included.
pub const REDIS_SENTINEL_TIMEOUT: Duration = Duration::from_secs(1);
/// Octets of one answer in Redis; a longer one is read from the database by each node.
pub const MAX_REDIS_VALUE: usize = 64 * 1_024;
/// Organisations on failing nodes of a cluster that are probed; beyond it all of Redis counts as away.
pub const MAX_SUSPENDED: usize = 1_000;
/// Such probes at once.
pub const REDIS_PROBES: usize = 32;
/// Redis is given this long before the database is asked.
pub const REDIS_TIMEOUT: Duration = Duration::from_millis(250);
/// Draining at SIGTERM.
pub const DRAIN: Duration = Duration::from_secs(30);

// ── the store ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Connections that only read.
pub const STORE_READERS: u32 = 4;
/// Connections to one PostgreSQL.
pub const STORE_CONNECTIONS: u32 = 16;
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
/// Waiting for another process that writes (the command line beside the server).
pub const STORE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
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
/// Writing one object, retries included. The mail path stops waiting at [`HOLD_TIMEOUT`].
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

// ── sender history ─────────────────────────────────────────────────────────────────────────────────────────────────

/// Parties (suppliers, and the sender's own domain) whose history one message asks for.
pub const HISTORY_PARTIES: usize = 8;
/// Accounts of one message that are remembered or asked for.
pub const HISTORY_ACCOUNTS: usize = 10;
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
// ── annotating ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Trace fields of ours that are verified in one message: each costs a signature check, and anybody can write one.
pub const MAX_TRACE_FIELDS: usize = 16;
/// Recipients that one trace field names; the first ones in sorted order, so that a loop meets the same ones again.
pub const MAX_TRACE_RECIPIENTS: usize = 48;
/// Parts of one message that get a banner (text and HTML of each displayed alternative).
pub const MAX_BANNER_PARTS: usize = 8;
/// Octets of the HTML banner (Exchange's own disclaimers end at 5,000; what Outlook shows quickly is less).
pub const MAX_BANNER: usize = 3 * 1_024;
/// Octets after a banner's opening marker in which its closing marker must follow to be recognised.
pub const MAX_OLD_BANNER: usize = 4_096;
/// Content- fields that move into the part which the body of a message without text becomes.
pub const MAX_MOVED_FIELDS: usize = 16;
/// Notices beside one message that cannot carry its banner: one for each protected mailbox it reaches.
pub const MAX_COMPANION_NOTICES: usize = 50;
/// A companion notice goes out by itself after this long, should nobody have noted what became of its message: above
/// [`VERDICT_HARD_STOP`].
pub const COMPANION_GRACE: Duration = Duration::from_secs(300);
/// Notice fields of ours that are verified in one message: each costs a signature check.
pub const MAX_NOTICE_FIELDS: usize = 4;
/// Older banners of ours that are taken out of one part.
pub const MAX_OLD_BANNERS: usize = 16;
/// Slices of the received header section; past it the rest is copied, so that a header made of thousands of
/// removable fields costs one buffer and not thousands of slices.
pub const MAX_HEADER_SLICES: usize = 256;
/// Characters of finding codes in the verdict header, so that the line stays within RFC 5322's 998.
pub const MAX_CODES_IN_HEADER: usize = 800;

// ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A program that prints a master key may take so long; a key management service far away needs a few round trips.
pub const KEY_COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
/// Octets that such a program may print: the key and some white space.
pub const MAX_KEY_COMMAND_OUTPUT: usize = 256;
/// How long a new key is only known before it is used, and how long after that until values are sealed anew: every node
/// reads the keys each [`BOOK_POLL`].
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

// ── ARC ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Verifying the chain of a message over DNS and sealing it.
pub const ARC_DEADLINE: Duration = Duration::from_secs(8);
/// Sets of a chain (RFC 8617 section 4.2.1); to a longer one nothing is added.
pub const MAX_ARC_SETS: u32 = 50;
/// Octets of a header section that is sealed: what one may be, and ours.
pub const MAX_SEALED_HEAD: usize = MAX_HEADER_SECTION + 64 * 1_024;
/// Fields that one signature covers.
pub const MAX_SIGNED_FIELDS: usize = 200;
/// ARC keys of an organisation.
pub const MAX_ARC_KEYS: usize = 16;
/// Octets of a selector's records that are looked at.
pub const MAX_TXT_OCTETS: usize = 16 * 1_024;

// ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Reading all documents of one message; what is not read by then is unread.
pub const DOCUMENTS_DEADLINE: Duration = Duration::from_secs(20);
/// Octets of one document that is handed to a worker.
pub const MAX_DOCUMENT: usize = MAX_INSPECTED_OCTETS;
/// Files inside each other.
pub const DOCUMENT_DEPTH: usize = 3;
/// Files inside one document, at all depths.
pub const DOCUMENT_ENTRIES: usize = 200;
/// Octets of all files inside one document, unpacked.
pub const DOCUMENT_OCTETS: usize = 32 * 1_024 * 1_024;
/// Octets of one XML part or stream of a document, unpacked …
pub const DOCUMENT_PART: usize = 24 * 1_024 * 1_024;
/// … and of all of them.
pub const DOCUMENT_PARTS: usize = 64 * 1_024 * 1_024;
/// Octets of text of one document, all files inside it together.
pub const DOCUMENT_TEXT: usize = TEXT_PER_MESSAGE;
/// Links of one file inside a document that are kept.
pub const DOCUMENT_LINKS: usize = 1_000;
/// Characters of one link.
pub const DOCUMENT_LINK: usize = 2_048;
/// Characters of the name of a file inside a document.
pub const DOCUMENT_PATH: usize = 120;
/// Entries of one ZIP archive that are looked at.
pub const PACKAGE_ENTRIES: usize = 5_000;
/// Elements inside each other in the XML of Office and OpenDocument.
pub const XML_DEPTH: usize = 256;
/// Elements inside each other in an electronic invoice.
pub const INVOICE_DEPTH: usize = 64;
/// Groups inside each other in RTF.
pub const RTF_DEPTH: usize = 1_000;
/// Cells of one workbook.
pub const SHEET_CELLS: usize = 50_000;
/// Sheets of one workbook.
pub const SHEETS: usize = 200;
/// Cell styles, number formats or hidden columns of one workbook.
pub const SHEET_STYLES: usize = 65_536;
/// Octets of the texts that cells of one workbook share.
pub const SHARED_TEXTS: usize = 16 * 1_024 * 1_024;
/// Streams of one compound file (.doc, .xls, .msg).
pub const COMPOUND_STREAMS: usize = 2_000;
/// Pieces of the text of a .doc file.
pub const WORD_PIECES: usize = 100_000;
/// Properties of one message or attachment in TNEF.
pub const MAPI_PROPERTIES: usize = 10_000;
/// Octets below which an image cannot be a page of text.
pub const SMALL_PICTURE: usize = 30 * 1_024;

// ── document workers ───────────────────────────────────────────────────────────────────────────────────────────────

/// A worker must say that it is ready within this.
pub const WORKER_START: Duration = Duration::from_secs(10);
/// One document may take a worker this long, by the clock on the wall; then the process is killed. Some readers sleep
/// at their memory limit, where no limit on the processor fires.
pub const WORKER_WALL: Duration = Duration::from_secs(6);
/// Seconds of processor time of one document.
pub const WORKER_CPU: u64 = 3;
/// Megabytes of address space of a worker.
pub const WORKER_MEMORY: u64 = 512;
/// Documents that one process reads before it is replaced.
pub const WORKER_JOBS: usize = 200;
/// Documents waiting for a worker; further ones are unread.
pub const WORKER_QUEUE: usize = 256;
/// Worker processes at most.
pub const MAX_WORKERS: usize = 64;
/// Octets of the head of a job: names.
pub const WORKER_HEAD: usize = 64 * 1_024;
/// Octets of a worker's answer: all text, as JSON, and what stands around it.
pub const WORKER_ANSWER: usize = 4 * DOCUMENT_TEXT;
/// Waiting for a worker that broke off to be gone, to learn why.
pub const WORKER_FAREWELL: Duration = Duration::from_secs(1);
/// Documents that killed a worker, remembered so that they kill no second one.
pub const WORKER_KILLERS: usize = 4_096;

// ── PDF ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Octets of one PDF that are read; larger ones are unread.
pub const PDF_OCTETS: usize = 25 * 1_024 * 1_024;
/// Pages read from the front …
pub const PDF_HEAD_PAGES: usize = 40;
/// … and from the end: bank details stand on the first page or the last.
pub const PDF_TAIL_PAGES: usize = 5;
/// Pages of a page tree that are counted; a tree of 200,000 references cost another reader 20 s.
pub const PDF_COUNTED_PAGES: usize = 10_000;
/// Octets that one stream of a PDF may unpack to.
pub const PDF_STREAM_OCTETS: usize = 32 * 1_024 * 1_024;
/// Operations of content streams per PDF: an invoice page has about 2,000.
pub const PDF_OPERATIONS: usize = 1_500_000;
/// Characters drawn per page; a dense page has 8,000.
pub const PDF_PAGE_GLYPHS: usize = 100_000;
/// Characters drawn per PDF: 4 MB of text in octets of ASCII would take two seconds to lay out.
pub const PDF_GLYPHS: usize = 1_000_000;
/// Drawings inside drawings (form XObjects).
pub const PDF_FORM_DEPTH: usize = 8;
/// Drawings run per PDF, repeats included: 5 KB of file can ask for 16 million.
pub const PDF_FORMS_DRAWN: usize = 2_000;
/// Octets of drawings' content unpacked per PDF, repeats included.
pub const PDF_FORM_OCTETS: usize = 64 * 1_024 * 1_024;
/// Saved graphics states at once (`q`).
pub const PDF_SAVED_STATES: usize = 256;
/// Filled areas remembered per page, to tell what they cover.
pub const PDF_AREAS: usize = 400;
/// Stretches of text per page that are also read block by block.
pub const PDF_SEGMENTS: usize = 5_000;
/// Octets of a font's map from codes to characters.
pub const PDF_CMAP_OCTETS: usize = 2 * 1_024 * 1_024;
/// Entries of such a map, and of a font's widths.
pub const PDF_CMAP_ENTRIES: usize = 66_000;
/// Fonts read per PDF.
pub const PDF_FONTS: usize = 500;
/// Form fields, annotations per page, and nodes of a name tree that are visited.
pub const PDF_NODES: usize = 5_000;
/// Depth of form fields and of name trees.
pub const PDF_TREE_DEPTH: usize = 32;
/// Files taken out of a PDF.
pub const PDF_EMBEDDED_FILES: usize = 50;
/// Octets of all files taken out of a PDF.
pub const PDF_EMBEDDED_OCTETS: usize = 32 * 1_024 * 1_024;
/// Octets of text given back per PDF.
pub const PDF_TEXT_OCTETS: usize = 4 * 1_024 * 1_024;
