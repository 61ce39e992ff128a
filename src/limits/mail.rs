//! Mail on its way: sessions, the journey of one message, the next hop, what is added to it.

use std::time::Duration;

use super::MAX_HEADER_SECTION;

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
/// An answer of DNS is kept for so long at most, whatever its time to live says.
pub const DNS_CACHE_TTL: Duration = Duration::from_secs(3_600);
/// That a name has no such record is kept for so long at most.
pub const DNS_CACHE_NEGATIVE_TTL: Duration = Duration::from_secs(300);
/// Answers that the shared resolver keeps. Few, because a sender chooses how long they are: 64 KB cut into the smallest
/// strings take a megabyte and a half of memory. What is asked often is kept by the name server beside us too.
pub const DNS_CACHE_ENTRIES: u64 = 256;
/// Sender authentication of one message: every question to DNS together. Less than [`GATHER_DEADLINE`], so that what was
/// found out until then still counts.
pub const SENDER_AUTH_DEADLINE: Duration = Duration::from_millis(2_000);
/// Keys that are looked up for the DKIM signatures of the author's domain, again for those of others, and again for the ARC
/// chain.
pub const SIGNATURE_LOOKUPS: usize = 24;
/// Look-ups for SPF of one message. RFC 7208 section 4.6.4 allows ten terms, each `mx` of which may lead to ten more.
pub const SPF_LOOKUPS: usize = 40;
/// Look-ups for the DMARC policy of one message: the author's domain and its organisational domain.
pub const DMARC_LOOKUPS: usize = 2;
/// Hops inside a trusted network between the host that hands a message in and the one that took it from outside.
pub const TRUSTED_HOPS: usize = 5;
/// DKIM and ARC signatures of one message that are verified; more count as an error of the sender (RFC 6376 6.1).
pub const MAX_SIGNATURES: usize = 12;

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
