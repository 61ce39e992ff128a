//! What the file says: one list of keys, from which the struct, the defaults, the checks of names and types, the
//! environment overrides and the reference in `docs/configuration.md` are all made.
//!
//! To add a key, add its line below; then give it its meaning in `check.rs`.

use crate::limits;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A list of strings; comma-separated in the environment.
    List,
    /// A whole number from 0.
    Number,
    /// `true` or `false`.
    Flag,
    /// A string that is never shown.
    Secret,
}

impl Kind {
    /// The kind in words, for errors and the reference.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::List => "list of texts",
            Self::Number => "whole number",
            Self::Flag => "true or false",
            Self::Secret => "secret text",
        }
    }
}

/// A string that no `Debug`, no serialisation and no error shows.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct Secret(SecretString);

impl Secret {
    /// Whether it was left empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }
    /// The secret itself, to be handed to whoever needs it.
    #[must_use]
    pub fn reveal(&self) -> &SecretString {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}
impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::show::mask(self.0.expose_secret()))
    }
}
impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::show::mask(self.0.expose_secret()))
    }
}

/// Ties a Rust type to its [`Kind`].
trait Value {
    const KIND: Kind;
}
impl Value for String {
    const KIND: Kind = Kind::Text;
}
impl Value for Vec<String> {
    const KIND: Kind = Kind::List;
}
impl Value for u64 {
    const KIND: Kind = Kind::Number;
}
impl Value for bool {
    const KIND: Kind = Kind::Flag;
}
impl Value for Secret {
    const KIND: Kind = Kind::Secret;
}

/// One key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Table it stands in.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it means: its doc comment, line by line.
    pub doc: &'static [&'static str],
}

impl Key {
    /// `section.name`
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
    /// The environment variable that overrides it: `SENTRA_SECTION__NAME`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SENTRA_{}__{}", self.section.to_uppercase(), self.name.to_uppercase())
    }
    /// The key at `section.name`.
    #[must_use]
    pub fn find(section: &str, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.section == section && key.name == name)
    }
}

/// Reads the key list: makes the structs, their defaults, [`KEYS`] and [`SECTIONS`].
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])*
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])* $key:ident: $type:ty = $default:expr; )*
        }
    )*) => {
        /// The whole file. Every key may be left out; what is not listed here is an error.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Settings {
            $( $(#[doc = $about])* pub $section: $Section, )*
        }
        $(
            $(#[doc = $about])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub struct $Section {
                $( $(#[doc = $doc])* pub $key: $type, )*
            }
            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )* }
                }
            }
        )*
        /// Every key, in the order of the file.
        pub const KEYS: &[Key] = &[$($(
            Key {
                section: stringify!($section),
                name: stringify!($key),
                kind: <$type as Value>::KIND,
                doc: &[$($doc),*],
            },
        )*)*];
        /// Every section with what it is about.
        pub const SECTIONS: &[(&str, &[&str])] = &[$( (stringify!($section), &[$($about),*]) ),*];
    };
}

settings! {
    /// Who this server is.
    server: Server {
        /// Name in the SMTP greeting, in EHLO and in trace lines; its address should resolve back to it.
        hostname: String = "localhost".into();
    }

    /// The SMTP front door.
    smtp: Smtp {
        /// Addresses that take mail with STARTTLS. Port 0 takes any free port and says which in the `ready` event.
        listen: Vec<String> = vec!["0.0.0.0:25".into()];
        /// Addresses that take mail with TLS from the first octet (RFC 8314).
        implicit_tls_listen: Vec<String> = vec![];
        /// Ranges (CIDR) that may hand mail in without certificate, token or TLS: on-premises relays, tests. Anybody who
        /// can send from such an address is believed, so a range wider than /16 is refused.
        trust: Vec<String> = vec![];
        /// Believe `Authentication-Results` that peers inside `trust` stamped.
        trust_auth_results: bool = false;
        /// Ranges from which Exchange Online sends. They prove some tenant, never which: tenant id and ingress token do.
        exchange_ranges: Vec<String> = [
            "40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48",
            "2a01:111:f403::/48",
        ].map(String::from).to_vec();
        /// Names in Exchange Online's client certificate; one of them must be there.
        exchange_certificate_names: Vec<String> = vec!["mail.protection.outlook.com".into()];
        /// Certificate authorities (PEM file) that may have issued a client certificate. Empty: the public ones.
        client_ca: String = String::new();
        /// Largest message in octets. Exchange Online sends at most 157286400; a smaller limit bounces mail that it would
        /// have delivered.
        max_message_size: u64 = limits::MAX_MESSAGE_SIZE;
        /// Recipients of one message.
        max_recipients: u64 = limits::MAX_RECIPIENTS as u64;
        /// Sessions at once.
        max_sessions: u64 = limits::MAX_SESSIONS as u64;
        /// Sessions at once from one address that is neither Exchange Online's nor trusted.
        max_sessions_per_peer: u64 = limits::MAX_SESSIONS_PER_PEER as u64;
        /// Octets of messages in memory at once; beyond it senders are asked to come back. At least `max_message_size`.
        bytes_in_flight: u64 = limits::MAX_BYTES_IN_FLIGHT;
        /// Waiting for a peer's next command, in seconds.
        command_timeout_seconds: u64 = limits::COMMAND_TIMEOUT.as_secs();
        /// Waiting for a peer's next octets of a message, in seconds.
        data_timeout_seconds: u64 = limits::DATA_TIMEOUT.as_secs();
    }

    /// The server's own certificate, for SMTP. Replaced files are taken up at SIGHUP.
    tls: Tls {
        /// Certificate chain (PEM), the server's own first, intermediates after it. `sentra serve`
        /// needs both files; empty together with `key`, the commands work and `serve` does not start.
        certificate: String = "certs/server.crt".into();
        /// Its private key (PEM), readable by the server alone.
        key: String = "certs/server.key".into();
    }

    /// The way on to the organisations' next hops.
    next_hop: NextHop {
        /// Certificate authorities (PEM file) believed besides the public ones, for next hops with a private authority.
        roots: String = String::new();
        /// Name servers, `ADDRESS` or `ADDRESS:PORT`. Empty: those of the system.
        dns_servers: Vec<String> = vec![];
        /// Connections to one organisation's next hop at once.
        connections_per_organisation: u64 = limits::CONNECTIONS_PER_ORGANISATION as u64;
        /// Messages over one connection. Exchange Online wants fewer than 200.
        messages_per_connection: u64 = limits::MESSAGES_PER_CONNECTION as u64;
        /// Waiting for a TCP connection to one address, in seconds.
        connect_timeout_seconds: u64 = limits::CONNECT_TIMEOUT.as_secs();
    }

    /// Where organisations, suppliers, quarantine and record live.
    database: Database {
        /// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full` for the role that the server runs as.
        url: Secret = "sqlite:data/sentra.db".into();
        /// File that holds `url`.
        url_file: String = String::new();
        /// PostgreSQL: the URL of the role that owns the tables; only `sentra init` and `sentra migrate` use it.
        owner_url: Secret = Secret::default();
        /// File that holds `owner_url`.
        owner_url_file: String = String::new();
    }

    /// The cache that several servers share. Without it each server's own cache serves alone.
    redis: Redis {
        /// One server: `redis://HOST:PORT`, or `redis+unix:///PATH`. A cluster: `redis-cluster://HOST:PORT,HOST:PORT`,
        /// some of its nodes. Sentinels: `redis+sentinel://HOST:PORT,HOST:PORT/MASTER`, the name being the one under
        /// which they watch the master. With TLS: `rediss://`, `rediss-cluster://`, `rediss+sentinel://`. User and
        /// password may stand before the first host (`USER:PASSWORD@`), percent-encoded. Empty: no Redis.
        url: Secret = Secret::default();
        /// File that holds `url`.
        url_file: String = String::new();
        /// User of Redis' access control list; empty: the URL's, or `default`. It needs
        /// `+@connection +mget +get +set +exists +publish +subscribe` on `~sentra:*` and `&sentra:*`; under sentinels also
        /// `+role`, in a cluster also `+cluster`.
        username: String = String::new();
        /// Its password, instead of one in the URL.
        password: Secret = Secret::default();
        /// File that holds `password`.
        password_file: String = String::new();
        /// User at the sentinels, which have access control lists of their own.
        sentinel_username: String = String::new();
        /// Password at the sentinels.
        sentinel_password: Secret = Secret::default();
        /// File that holds `sentinel_password`.
        sentinel_password_file: String = String::new();
        /// Certificate authorities (PEM file) of the servers' certificates. Empty: the system's. A cluster and
        /// sentinels name servers as they know them, mostly by address: the certificates must hold that name.
        authorities: String = String::new();
        /// Our own certificate (PEM file), for servers that ask for one.
        client_certificate: String = String::new();
        /// Its private key (PEM file).
        client_key: String = String::new();
    }

    /// The master key, which wraps every organisation's keys. Keep a copy somewhere else: without it, held mail and
    /// bank details are lost.
    keys: Keys {
        /// The key itself; better given by the environment than written here.
        master_key: Secret = Secret::default();
        /// File that holds the key.
        master_key_file: String = "keys/master.key".into();
        /// Program and arguments that print the key, as 64 hexadecimal digits, on standard output: a key management
        /// service's own command. Started without a shell and without our variables of the environment, asked at each
        /// start, given 20 seconds. Takes the place of the two keys above.
        master_key_command: Vec<String> = vec![];
        /// During a rotation of the master key: the one before, which still opens what it wrapped.
        previous_master_key: Secret = Secret::default();
        /// File that holds the one before.
        previous_master_key_file: String = String::new();
        /// Program and arguments that print the one before.
        previous_master_key_command: Vec<String> = vec![];
    }

    /// ARC (RFC 8617) for organisations without a key of their own. `sentra keys arc generate --gateway` makes a key and
    /// prints these lines and the DNS record. All empty: such organisations' mail is not sealed.
    arc: Arc {
        /// Domain of the seals (`d=`).
        domain: String = String::new();
        /// Name of the key below `_domainkey` in it (`s=`).
        selector: String = String::new();
        /// The key: PEM, PKCS #8, RSA of 2048 bits or more.
        key_file: String = String::new();
    }

    /// Where the bodies of held mail lie, encrypted.
    objects: Objects {
        /// Folder; the bodies of each organisation lie below `objects/` in it. Not used where `url` is set.
        path: String = "data".into();
        /// `file:FOLDER`, `s3://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. Empty: `objects/` below `path`.
        url: Secret = Secret::default();
        /// File that holds `url`.
        url_file: String = String::new();
        /// Another server than Amazon's or Microsoft's own, like `https://minio.example:9000`.
        endpoint: String = String::new();
        /// S3: the bucket's region. Empty: `AWS_REGION`, or `us-east-1`.
        region: String = String::new();
        /// S3: the access key id; Azure: the storage account. Empty: the usual variables of the environment (`AWS_…`,
        /// `AZURE_…`) or the identity of the machine or pod.
        account: String = String::new();
        /// S3: the secret access key; Azure: the account key.
        secret_key: Secret = Secret::default();
        /// File that holds `secret_key`.
        secret_key_file: String = String::new();
        /// Take an endpoint without TLS. What is sent is encrypted by us, the credentials are signed and not sent; names
        /// and sizes are readable on the way.
        allow_http: bool = false;
        /// Certificate authorities (PEM file) believed besides the system's, for a server with a private authority.
        roots: String = String::new();
    }

    /// Backups. A second place in another region, under credentials of its own, survives what the first does not.
    backup: Backup {
        /// `file:FOLDER`, `s3://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. Empty: no backups.
        url: Secret = Secret::default();
        /// File that holds `url`.
        url_file: String = String::new();
        /// As in `[objects]`.
        endpoint: String = String::new();
        /// As in `[objects]`.
        region: String = String::new();
        /// As in `[objects]`.
        account: String = String::new();
        /// As in `[objects]`.
        secret_key: Secret = Secret::default();
        /// File that holds `secret_key`.
        secret_key_file: String = String::new();
        /// As in `[objects]`.
        allow_http: bool = false;
        /// As in `[objects]`.
        roots: String = String::new();
        /// `sentra serve` makes one so often, in minutes. What did not change is not written again.
        interval_minutes: u64 = 5;
        /// The newest one being older than this, in minutes, raises an alarm.
        alarm_minutes: u64 = 60;
        /// All are kept for so many hours.
        keep_all_hours: u64 = 24;
        /// The first one of an hour is kept for so many days.
        keep_hourly_days: u64 = 7;
        /// The first one of a day is kept for so many days.
        keep_daily_days: u64 = 30;
        /// The first one of a month is kept for so many months.
        keep_monthly_months: u64 = 12;
    }

    /// Health pages and the web interface.
    web: Web {
        /// Address. Empty: none.
        listen: String = "127.0.0.1:8080".into();
        /// Address under which people reach the pages, like `https://sentra.contoso.com`: banners link to the page of
        /// their message, which asks for a sign-in. Empty: no link.
        public_url: String = String::new();
    }

    /// Prometheus metrics, without authentication: keep it off public addresses.
    metrics: Metrics {
        /// Address. Empty: none.
        listen: String = "127.0.0.1:9464".into();
    }

    /// The log, on standard error.
    log: Log {
        /// `json` (one object a line) or `text`.
        format: String = "json".into();
        /// `error`, `warn`, `info`, `debug` or `trace`. The one line per message is always written.
        level: String = "info".into();
        /// Write sender, recipients and subject into each message's line.
        personal_data: bool = false;
    }

    /// Attached documents (PDF, Office, archives, electronic invoices, images). They are opened in processes of their
    /// own, which can reach neither network nor files and are ended when they take too long.
    documents: Documents {
        /// Processes. 0: one a core.
        workers: u64 = 0;
        /// `required`: without filters of system calls in the kernel (seccomp) the server does not start; `best-effort`:
        /// it starts and says so in the log.
        sandbox: String = "required".into();
        /// One document may take so long, in seconds. Above it, it counts as unread.
        timeout_seconds: u64 = limits::WORKER_WALL.as_secs();
        /// Processor time of one document, in seconds.
        cpu_seconds: u64 = limits::WORKER_CPU;
        /// Address space of one process, in megabytes.
        memory_megabytes: u64 = limits::WORKER_MEMORY;
        /// Text in images and scanned pages: `auto`: recognised where the program `tesseract` is installed (Debian:
        /// `tesseract-ocr`); `off`: never, and pages that are images stay unread.
        ocr: String = "auto".into();
        /// Languages that are recognised, as tesseract names them, joined with `+`: `eng+deu+fra`. Each needs its package
        /// (Debian: `tesseract-ocr-deu` and so on) and costs time.
        ocr_languages: String = "eng".into();
        /// The program. Empty: `/usr/local/bin/tesseract` or `/usr/bin/tesseract`.
        ocr_program: String = String::new();
        /// One page may take the program so long, in seconds. Above it, the page counts as unread.
        ocr_timeout_seconds: u64 = limits::RECOGNITION_WALL.as_secs();
    }

    /// The rules that judge.
    rules: Rules {
        /// Folder with rules of your own, which add to or override those built in. Empty: none.
        folder: String = String::new();
    }

    /// What was delivered before, kept as fingerprints: first contacts, usual amounts, invoices sent again.
    history: History {
        /// Keep and ask it. Without it no rule knows what is new or unusual.
        enabled: bool = true;
    }

    /// What is older than an organisation keeps it (`sentra retention show`) is purged.
    retention: Retention {
        /// `sentra serve` does so every so many hours, each organisation in its turn. 0: only `sentra retention run` does.
        interval_hours: u64 = 24;
    }

    /// Times that an operator may shorten; all other bounds are fixed in the program.
    limits: Limits {
        /// Mail in transit may finish for so long at SIGTERM, in seconds.
        drain_seconds: u64 = limits::DRAIN.as_secs();
    }
}
