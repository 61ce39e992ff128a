//! Where an address can stand: the one list that plan, export and erasure walk.
//!
//! Sealed columns come from the registry of the data key ([`SEALED`]); a test says of each which walk opens it, or why
//! no address is in it. Readable columns that can hold one are listed here.

use super::super::keys::{SEALED, SealedColumn};
use serde::{Deserialize, Serialize};

/// A kind of place, as plans, exports and certificates name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Notices and releases: envelope, text, the next hop's answer.
    Outbox,
    /// What a held message would teach the history.
    HeldMarks,
    /// Held mail: envelope, subject, findings, body.
    Quarantine,
    /// Recorded facts of messages.
    Facts,
    /// The sender history.
    History,
    /// Contacts, names and their history on supplier records.
    Suppliers,
    /// Notes of verification cases.
    Cases,
    /// Reasons of legal holds.
    LegalHolds,
    /// Administrators and reviewers.
    Users,
    /// Executives.
    Executives,
    /// Protected mailboxes and their aliases.
    Mailboxes,
    /// Settings of the organisation.
    Settings,
    /// Options and secrets of live supplier sources.
    Sources,
    /// Who did something, beside a row.
    Actors,
    /// What stands beside the audit's chain: private fields, and the person behind a pseudonym.
    Audit,
}

impl Place {
    /// The name in JSON and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::HeldMarks => "held_marks",
            Self::Quarantine => "quarantine",
            Self::Facts => "facts",
            Self::History => "history",
            Self::Suppliers => "suppliers",
            Self::Cases => "cases",
            Self::LegalHolds => "legal_holds",
            Self::Users => "users",
            Self::Executives => "executives",
            Self::Mailboxes => "mailboxes",
            Self::Settings => "settings",
            Self::Sources => "sources",
            Self::Actors => "actors",
            Self::Audit => "audit",
        }
    }
}

/// A readable column that can hold an address.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) place: Place,
    /// Table; it has `org_id`.
    pub(super) table: &'static str,
    /// Columns that name a row within the organisation.
    pub(super) keys: &'static [&'static str],
    pub(super) column: &'static str,
}

/// One walk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Walk {
    Outbox,
    HeldMarks,
    Quarantine,
    Facts,
    History,
    Sealed(&'static SealedColumn, Place),
    Plain(&'static Plain),
    Persons,
}

impl Walk {
    pub(super) fn place(self) -> Place {
        match self {
            Self::Outbox => Place::Outbox,
            Self::HeldMarks => Place::HeldMarks,
            Self::Quarantine => Place::Quarantine,
            Self::Facts => Place::Facts,
            Self::History => Place::History,
            Self::Sealed(_, place) => place,
            Self::Plain(plain) => plain.place,
            Self::Persons => Place::Audit,
        }
    }

    /// Table, or table and column.
    pub(super) fn table(self) -> String {
        match self {
            Self::Outbox => "outbox".to_owned(),
            Self::HeldMarks => "history_held".to_owned(),
            Self::Quarantine => "quarantine".to_owned(),
            Self::Facts => "messages".to_owned(),
            Self::History => "history".to_owned(),
            Self::Sealed(column, _) => format!("{}.{}", column.table, column.column),
            Self::Plain(plain) => format!("{}.{}", plain.table, plain.column),
            Self::Persons => "audit_persons".to_owned(),
        }
    }
}

/// Every walk, in the order of an erasure: what is found through other rows comes before these.
pub(super) fn walks() -> impl Iterator<Item = Walk> {
    let mail = [Walk::Outbox, Walk::HeldMarks, Walk::Quarantine, Walk::Facts, Walk::History];
    let sealed = SEALED.iter().filter_map(|column| Some(Walk::Sealed(column, place_of(column)?)));
    mail.into_iter().chain(sealed).chain(PLAIN.iter().map(Walk::Plain)).chain([Walk::Persons])
}

/// The place of a sealed text in which an address is looked for; `None`: see `ELSEWHERE`.
fn place_of(column: &SealedColumn) -> Option<Place> {
    match (column.table, column.column) {
        ("suppliers" | "supplier_values" | "supplier_changes", _) | ("supplier_accounts", "sealed_name") => {
            Some(Place::Suppliers)
        }
        ("cases", "sealed_note" | "sealed_reason") => Some(Place::Cases),
        ("legal_holds", _) => Some(Place::LegalHolds),
        ("supplier_sources", "sealed_secrets") => Some(Place::Sources),
        ("audit_private", _) => Some(Place::Audit),
        _ => None,
    }
}

/// Sealed columns that no walk of texts opens, and why.
#[cfg(test)]
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("messages", "facts", "a walk of its own, by fingerprint"),
    ("quarantine", "sealed_row", "a walk of its own"),
    ("quarantine", "sealed_detail", "a walk of its own"),
    ("outbox", "sealed_envelope", "a walk of its own"),
    ("outbox", "sealed_octets", "a walk of its own"),
    ("outbox", "sealed_reply", "a walk of its own"),
    ("audit_persons", "sealed_name", "found by its fingerprint"),
    ("org_tokens", "sealed", "random octets"),
    ("own_accounts", "sealed_number", "an account number"),
    ("supplier_accounts", "sealed_number", "an account number"),
    ("cases", "sealed_account", "an account number"),
    ("arc_keys", "sealed_key", "a key"),
    ("supplier_sources", "sealed_tokens", "tokens of a ledger"),
];

const BY_ID: &[&str] = &["id"];
const CHANGE: &[&str] = &["batch_id", "entity", "row_id"];

const fn actor(table: &'static str, keys: &'static [&'static str], column: &'static str) -> Plain {
    Plain { place: Place::Actors, table, keys, column }
}

const PLAIN: &[Plain] = &[
    Plain { place: Place::Users, table: "users", keys: &["folded"], column: "folded" },
    Plain { place: Place::Executives, table: "executives", keys: &["folded"], column: "addresses" },
    Plain { place: Place::Mailboxes, table: "mailbox_addresses", keys: &["folded"], column: "folded" },
    Plain { place: Place::Settings, table: "settings", keys: &["name"], column: "name" },
    Plain { place: Place::Settings, table: "settings", keys: &["name"], column: "value" },
    Plain { place: Place::Sources, table: "supplier_sources", keys: &["name"], column: "options" },
    actor("supplier_batches", BY_ID, "actor"),
    actor("supplier_batches", BY_ID, "undone_by"),
    actor("supplier_values", BY_ID, "added_by"),
    actor("supplier_values", BY_ID, "retired_by"),
    actor("supplier_accounts", BY_ID, "added_by"),
    actor("supplier_accounts", BY_ID, "verified_by"),
    actor("supplier_changes", CHANGE, "before_by"),
    actor("supplier_changes", CHANGE, "after_by"),
    actor("cases", BY_ID, "requested_by"),
    actor("cases", BY_ID, "called_by"),
    actor("cases", BY_ID, "decided_by"),
    actor("legal_holds", BY_ID, "placed_by"),
    actor("legal_holds", BY_ID, "lifted_by"),
    actor("retention_runs", BY_ID, "actor"),
    actor("privacy_erasures", BY_ID, "actor"),
];

#[cfg(test)]
mod tests {
    use super::super::super::inventory;
    use super::*;

    #[test]
    fn every_sealed_column_is_searched_or_holds_no_address() {
        for column in SEALED {
            let elsewhere =
                ELSEWHERE.iter().any(|(table, name, _)| (*table, *name) == (column.table, column.column));
            assert_ne!(
                place_of(column).is_some(),
                elsewhere,
                "{}.{}: say in places.rs who looks for an address in it",
                column.table,
                column.column
            );
        }
    }

    /// Columns with personal data in the inventory that no walk of readable columns names, and why.
    const BY_OTHERS: &[(&str, &str)] = &[
        ("audit", "a pseudonym; the name behind it has a walk of its own"),
        ("audit_persons", "a walk of its own"),
        ("history", "a walk of its own"),
        ("history_held", "a walk of its own"),
        ("outbox", "goes with the row, which has a walk of its own"),
        ("privacy_erasures.subject_mark", "emptied by the end of the erasure"),
        ("mailbox_addresses", "a row is found by its folded address"),
        ("executives", "a row is found by its addresses"),
        ("users", "a row is found by its folded address"),
        ("supplier_values.fingerprint", "goes with the sealed value beside it"),
        ("supplier_accounts.fingerprint", "of an account number"),
        ("supplier_accounts.last4", "of an account number"),
        ("cases.fingerprint", "of an account number"),
        ("cases.call_value_id", "the id of a supplier's value"),
    ];

    #[test]
    fn every_personal_column_of_the_inventory_is_walked() {
        for table in inventory::tables() {
            let sealed = |form| form == inventory::Form::Sealed;
            for field in table.fields.iter().filter(|field| field.personal && !sealed(field.form)) {
                let name = format!("{}.{}", table.name, field.name);
                let walked =
                    PLAIN.iter().any(|plain| (plain.table, plain.column) == (table.name, field.name));
                let other = BY_OTHERS.iter().any(|(other, _)| *other == table.name || *other == name);
                assert!(walked || other, "{name}: say in places.rs who looks for an address in it");
            }
        }
    }
}
