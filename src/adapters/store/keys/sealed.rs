//! The one list of everything that lies in the database under an organisation's data key, and of what is wrapped by the
//! master key. Rotation walks it; a test compares it with the catalogue, so that a new column cannot be forgotten.
//!
//! What a sealed value is bound to: always the organisation, the table and the column; and the row, where the row has an
//! id that is known when the value is sealed and never changes. The exception are own accounts, whose row is named by the
//! account's fingerprint: a rotation of the fingerprint key renames it, and a value in the wrong row is found by that same
//! fingerprint, which is made from the value.

use super::walk::KeyValue;

/// A column whose values are sealed under the organisation's data key.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    /// Table; it has `org_id`.
    pub table: &'static str,
    /// Columns (texts or whole numbers) that name a row within the organisation.
    pub keys: &'static [&'static str],
    /// Column; may be NULL.
    pub column: &'static str,
    /// What the context of sealing starts with.
    pub context: &'static str,
    /// Columns (of `keys`) whose values follow in the context, each after `|`.
    pub bound: &'static [&'static str],
}

impl SealedColumn {
    const fn new(
        table: &'static str,
        keys: &'static [&'static str],
        column: &'static str,
        context: &'static str,
        bound: &'static [&'static str],
    ) -> Self {
        Self { table, keys, column, context, bound }
    }

    /// The context of the row with these key values, in the order of `keys`.
    pub(in crate::adapters::store) fn context_of(&self, row: &[KeyValue]) -> String {
        let mut context = self.context.to_owned();
        for bound in self.bound {
            let at = self.keys.iter().position(|key| key == bound);
            context.push('|');
            context.push_str(&at.and_then(|at| row.get(at)).map_or_else(String::new, ToString::to_string));
        }
        context
    }
}

const BY_ID: &[&str] = &["id"];
const CHANGE: &[&str] = &["batch_id", "entity", "row_id"];
const OF_ROW: &[&str] = &["row_id"];

/// Every sealed column.
pub const SEALED: &[SealedColumn] = &[
    SealedColumn::new("org_tokens", BY_ID, "sealed", "org_tokens.sealed", BY_ID),
    SealedColumn::new("own_accounts", &["fingerprint"], "sealed_number", "own_accounts.sealed_number", &[]),
    SealedColumn::new("suppliers", BY_ID, "sealed_name", "suppliers.sealed_name", BY_ID),
    SealedColumn::new("supplier_values", BY_ID, "sealed_value", "supplier_values.sealed_value", BY_ID),
    SealedColumn::new("supplier_accounts", BY_ID, "sealed_number", "supplier_accounts.sealed_number", BY_ID),
    SealedColumn::new("supplier_accounts", BY_ID, "sealed_name", "supplier_accounts.sealed_name", BY_ID),
    // Copies, bound to where they were copied from and go back to.
    SealedColumn::new("supplier_changes", CHANGE, "before_name", "suppliers.sealed_name", OF_ROW),
    SealedColumn::new("supplier_changes", CHANGE, "after_name", "suppliers.sealed_name", OF_ROW),
    SealedColumn::new("supplier_changes", CHANGE, "before_holder", "supplier_accounts.sealed_name", OF_ROW),
    SealedColumn::new("supplier_changes", CHANGE, "after_holder", "supplier_accounts.sealed_name", OF_ROW),
    SealedColumn::new("cases", BY_ID, "sealed_account", "cases.sealed_account", BY_ID),
    SealedColumn::new("cases", BY_ID, "sealed_note", "cases.sealed_note", BY_ID),
    SealedColumn::new("cases", BY_ID, "sealed_reason", "cases.sealed_reason", BY_ID),
    SealedColumn::new("messages", BY_ID, "facts", "messages.facts", BY_ID),
    SealedColumn::new("org_rules", &["version"], "sealed", "org_rules.sealed", &["version"]),
    SealedColumn::new("quarantine", BY_ID, "sealed_row", "quarantine.sealed_row", BY_ID),
    SealedColumn::new("quarantine", BY_ID, "sealed_detail", "quarantine.sealed_detail", BY_ID),
    SealedColumn::new("legal_holds", BY_ID, "sealed_reason", "legal_holds.sealed_reason", BY_ID),
    SealedColumn::new("legal_holds", BY_ID, "sealed_lifted", "legal_holds.sealed_lifted", BY_ID),
    SealedColumn::new("outbox", BY_ID, "sealed_envelope", "outbox.sealed_envelope", BY_ID),
    SealedColumn::new("outbox", BY_ID, "sealed_octets", "outbox.sealed_octets", BY_ID),
    SealedColumn::new("outbox", BY_ID, "sealed_reply", "outbox.sealed_reply", BY_ID),
    SealedColumn::new(
        "arc_keys",
        &["domain", "selector"],
        "sealed_key",
        "arc_keys.sealed_key",
        &["domain", "selector"],
    ),
    SealedColumn::new(
        "audit_private",
        &["seq", "field"],
        "sealed",
        "audit_private.sealed",
        &["seq", "field"],
    ),
    SealedColumn::new(
        "audit_persons",
        &["pseudonym"],
        "sealed_name",
        "audit_persons.sealed_name",
        &["pseudonym"],
    ),
    SealedColumn::new(
        "supplier_sources",
        &["name"],
        "sealed_secrets",
        "supplier_sources.sealed_secrets",
        &["name"],
    ),
    SealedColumn::new(
        "supplier_sources",
        &["name"],
        "sealed_tokens",
        "supplier_sources.sealed_tokens",
        &["name"],
    ),
];

/// Columns of octets that are not sealed under a data key: table, column, what they are.
pub const WRAPPED: &[(&str, &str, &str)] = &[
    ("org_keys", "wrapped", "keys, wrapped by the master key: `sentra keys rotate --purpose master`"),
    ("org_pins", "sealed_database", "where the organisation's own database is, under the master key as well"),
    ("org_pins", "sealed_objects", "where its own objects are, under the master key as well"),
];
