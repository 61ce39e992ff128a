//! The process around the mail: configuration, log, web, background jobs, caches.

use std::time::Duration;

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
