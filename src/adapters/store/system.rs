//! The reads that cross organisations: all of them, each with its reason. Nothing that writes ever does.
//!
//! A read takes place under its name and sees only the tables listed here; on an engine with row-level security a
//! policy for reading enforces that. Whoever needs another one adds a row below and tells why the work cannot be done
//! organisation by organisation.

use std::collections::{BTreeMap, BTreeSet};

/// A read across organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SystemRead {
    /// Who the organisations are: a peer's recipient address has to be mapped to one before any is known.
    Organisations,
    /// Whose outbox has due mail: the sender cannot ask thousands of organisations twice a second.
    OutboxDue,
    /// Gauges over all held and outgoing mail.
    Gauges,
    /// Whose messages have no outcome, asked once at start.
    OpenIntents,
}

impl SystemRead {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Organisations, Self::OutboxDue, Self::Gauges, Self::OpenIntents];

    /// The name under which the database lets it read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Organisations => "organisations",
            Self::OutboxDue => "outbox_due",
            Self::Gauges => "gauges",
            Self::OpenIntents => "open_intents",
        }
    }

    /// The tables it reads.
    #[must_use]
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Organisations => &[
                "organisations",
                "org_pins",
                "org_keys",
                "arc_keys",
                "org_domains",
                "mailbox_addresses",
                "executives",
                "users",
                "org_tokens",
                "settings",
                "org_rules",
            ],
            Self::OutboxDue => &["outbox"],
            Self::Gauges => &["quarantine", "outbox"],
            Self::OpenIntents => &["messages"],
        }
    }
}

/// Table → the names of the reads that see all its rows, comma-separated and sorted.
pub(super) fn system_reads(reads: &[SystemRead]) -> BTreeMap<String, String> {
    let mut tables: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for read in reads {
        for table in read.tables() {
            tables.entry((*table).to_owned()).or_default().insert(read.name());
        }
    }
    let joined = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(",");
    tables.into_iter().map(|(table, names)| (table, joined(names))).collect()
}
