//! What is stored outside the database.

use super::Lifetime;
use crate::model::Retained;

/// Where something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Redis; the name is the pattern of its keys.
    Redis,
    /// The store of objects (`objects`); the name is the pattern of its keys.
    Objects,
    /// The store of backups (`backup.url`).
    Backups,
    /// A file of the machine, named from the installation's folder.
    File,
}

impl Where {
    /// The word in the generated page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Objects => "objects",
            Self::Backups => "backups",
            Self::File => "file",
        }
    }
}

/// One kind of thing outside the database.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere {
    /// Where it lies.
    pub place: Where,
    /// Pattern of its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// In which form.
    pub form: &'static str,
    /// It tells of a person.
    pub personal: bool,
    /// How long.
    pub lifetime: Lifetime,
}

const fn at(place: Where, name: &'static str, purpose: &'static str, form: &'static str) -> Elsewhere {
    Elsewhere { place, name, purpose, form, personal: false, lifetime: Lifetime::Organisation }
}

impl Elsewhere {
    const fn personal(self) -> Self {
        Self { personal: true, ..self }
    }

    const fn kept(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }
}

const CACHED: Lifetime =
    Lifetime::Until("at most eight minutes; it is a copy that the database can make anew");
const TIERS: Lifetime = Lifetime::Until("until no backup that a tier keeps names it (docs/backup.md)");
const INSTALLATION: Lifetime = Lifetime::Until("as long as the installation");
const COMMAND: Lifetime =
    Lifetime::Until("as long as the command runs; what a killed one left may be deleted");

/// Everything outside the database.
pub const ELSEWHERE: &[Elsewhere] = &[
    at(Where::Redis, "sentra:1:{ORG}:g", "number of the organisation's present supplier directory", "plain")
        .kept(CACHED),
    at(
        Where::Redis,
        "sentra:1:{ORG}:k:KIND:FINGERPRINT",
        "an answer of the supplier directory: supplier, name, state of the account",
        "sealed; the key holds a fingerprint",
    )
    .personal()
    .kept(CACHED),
    at(
        Where::Redis,
        "sentra:1:invalidate",
        "channel: organisation and number of a changed directory",
        "plain",
    )
    .kept(Lifetime::Until("passed on, never stored")),
    at(Where::Objects, "ORG/ID", "the message as received, of held mail only", "sealed")
        .personal()
        .kept(Lifetime::Class(Retained::Body)),
    at(
        Where::Objects,
        "anchors/ORG/NUMBER.json",
        "a signed head of the audit: number, time, hash; no personal data",
        "plain, signed",
    ),
    at(
        Where::Objects,
        "erasures/ORG/ID",
        "the address of an erased person, so that a restore of an older backup erases again; also beside the backups",
        "wrapped by the master key",
    )
    .personal()
    .kept(Lifetime::Until("31 days longer than the longest tier of backups (docs/privacy.md)")),
    at(Where::Backups, "keys/ID", "the key of the backups", "wrapped").kept(INSTALLATION),
    at(
        Where::Backups,
        "manifests/ID",
        "what a backup consists of: tables, counts, heads of audits",
        "sealed, signed",
    )
    .kept(TIERS),
    at(Where::Backups, "chunks/NAME", "rows of the database, and bodies of held mail of a folder", "sealed")
        .personal()
        .kept(TIERS),
    at(Where::File, "sentra.toml", "the configuration; URLs in it may hold passwords", "plain, mode 0600")
        .kept(INSTALLATION),
    at(Where::File, "keys/master.key", "the master key, where it is a file", "plain, mode 0600")
        .kept(INSTALLATION),
    at(Where::File, "certs/", "certificate and private key of the server", "plain, mode 0600")
        .kept(INSTALLATION),
    at(
        Where::File,
        "data/sentra.db",
        "the database, where it is SQLite; with its log (-wal, -shm) beside it",
        "as its columns",
    )
    .personal()
    .kept(INSTALLATION),
    at(
        Where::File,
        "data/sentra.db.before-ID",
        "the database that a restore took the place of",
        "as its columns",
    )
    .personal()
    .kept(Lifetime::Until("until the operator deletes it")),
    at(
        Where::File,
        "data/.drill-*/, data/.import-*/",
        "scratch databases of a drill or an import",
        "as its columns",
    )
    .personal()
    .kept(COMMAND),
    at(
        Where::File,
        "nameless",
        "rows of a supplier file between its two walks; parts of a workbook",
        "plain, deleted while open",
    )
    .personal()
    .kept(COMMAND),
    at(Where::File, "standard error", "the log: ids, times, codes; no content, no account numbers", "plain")
        .kept(Lifetime::Until("by whoever reads it")),
];
