//! The audit, retention, backups, and the engine's own tables.

use super::{Lifetime, ORG, StoredTable, fingerprint, hash, plain, sealed};
use crate::model::Retained;

const SCHEMA: Lifetime = Lifetime::Until("as long as the installation");

pub(super) const TABLES: &[StoredTable] = &[
    StoredTable {
        name: "audit",
        purpose: "what people, tokens and the system did: a chain of entries (docs/audit.md)",
        lifetime: Lifetime::Class(Retained::Audit),
        fields: &[
            ORG,
            plain("seq", "number"),
            plain("at", "when"),
            plain("actor", "who: a pseudonym, or a part of the system").personal(),
            plain("action", "what"),
            plain("subject", "of what: an id"),
            plain("detail", "counts and states"),
            hash("private", "salted commitments to private fields"),
            hash("prev_hash", "the entry before"),
            hash("hash", "this entry"),
        ],
    },
    StoredTable {
        name: "audit_private",
        purpose: "private fields beside the chain: they can be erased and the chain still holds",
        lifetime: Lifetime::Class(Retained::Audit),
        fields: &[
            ORG,
            plain("seq", "of which entry"),
            plain("field", "which field"),
            sealed("sealed", "value and salt").personal(),
        ],
    },
    StoredTable {
        name: "audit_persons",
        purpose: "who is behind a pseudonym of the audit",
        lifetime: Lifetime::Until("until the person's data or the organisation is erased"),
        fields: &[
            ORG,
            plain("pseudonym", "random, in the entries").personal(),
            fingerprint("fingerprint", "the person's address, to be found").personal(),
            sealed("sealed_name", "the person's address").personal(),
            plain("created_at", "when"),
        ],
    },
    StoredTable {
        name: "audit_heads",
        purpose: "the signed end of the chain",
        lifetime: Lifetime::Until("until the organisation is erased"),
        fields: &[
            ORG,
            plain("seq", "number of the newest entry"),
            plain("at", "when"),
            hash("hash", "of that entry"),
            hash("signature", "of the organisation"),
        ],
    },
    StoredTable {
        name: "audit_anchors",
        purpose: "signed heads on their way to the anchor store, and those that are there",
        lifetime: Lifetime::Class(Retained::Audit),
        fields: &[
            ORG,
            plain("number", "counted up"),
            plain("seq", "of the entry"),
            plain("at", "when"),
            hash("hash", "of the entry"),
            hash("previous", "the anchor before"),
            plain("supersedes_after", "a restore was accepted: later anchors no longer count"),
            hash("public_key", "that verifies it"),
            hash("signature", "of the organisation"),
            plain("stored", "is in the anchor store"),
            plain("mailed", "was mailed"),
        ],
    },
    StoredTable {
        name: "audit_checkpoints",
        purpose: "where a pruned chain begins",
        lifetime: Lifetime::Until("until the organisation is erased"),
        fields: &[
            ORG,
            plain("seq", "of the last entry that was removed"),
            plain("at", "when it was written"),
            hash("hash", "of that entry"),
            plain("anchor", "anchor that names it"),
            hash("signature", "of the organisation"),
        ],
    },
    StoredTable {
        name: "legal_holds",
        purpose: "what must stay although its time is over",
        lifetime: Lifetime::Until("until the organisation is erased; a lifted one stays on the list"),
        fields: &[
            ORG,
            plain("id", "ULID"),
            plain("scope", "organisation, supplier or entry"),
            plain("target", "which"),
            sealed("sealed_reason", "why").personal(),
            plain("placed_by", "who").personal(),
            plain("placed_at", "when"),
            plain("lifted_by", "who").personal(),
            plain("lifted_at", "when"),
            sealed("sealed_lifted", "why it was lifted").personal(),
        ],
    },
    StoredTable {
        name: "retention_runs",
        purpose: "what purges removed",
        lifetime: Lifetime::Until("the newest 400 of an organisation"),
        fields: &[
            ORG,
            plain("id", "ULID"),
            plain("actor", "who").personal(),
            plain("state", "how it ended"),
            plain("started_at", "when"),
            plain("touched_at", "last sign of life"),
            plain("finished_at", "when"),
            plain("report", "counts by class"),
        ],
    },
    StoredTable {
        name: "backup_state",
        purpose: "who is at work on a backup and when the last one was made; of no organisation",
        lifetime: SCHEMA,
        fields: &[plain("name", "which"), plain("at", "when"), plain("detail", "id of the backup")],
    },
    StoredTable {
        name: "_sqlx_migrations",
        purpose: "which migrations ran; of no organisation",
        lifetime: SCHEMA,
        fields: &[
            plain("version", "number"),
            plain("description", "name"),
            plain("installed_on", "when"),
            plain("success", "whether it went well"),
            hash("checksum", "of its text"),
            plain("execution_time", "how long it took"),
        ],
    },
    StoredTable {
        name: "sentra_tables",
        purpose: "PostgreSQL only: what the server's role may do with each table; of no organisation",
        lifetime: SCHEMA,
        fields: &[
            plain("name", "the table"),
            plain("privileges", "what the server's role may do"),
            plain("system_reads", "reads across organisations that see it"),
        ],
    },
];
