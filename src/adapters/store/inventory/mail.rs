//! Messages, held mail, outgoing mail, the sender history.

use super::{Lifetime, ORG, StoredTable, fingerprint, hash, plain, sealed};
use crate::model::Retained;

pub(super) const TABLES: &[StoredTable] = &[
    StoredTable {
        name: "messages",
        purpose: "the record of every message; its facts go earlier, by class `facts`",
        lifetime: Lifetime::Class(Retained::Record),
        fields: &[
            plain("id", "X-Sentra-Id, ULID"),
            ORG,
            plain("received_at", "when"),
            plain("action", "deliver, tag or quarantine"),
            plain("severity", "of the loudest finding"),
            plain("score", "0 to 100"),
            plain("category", "kind of letter"),
            plain("codes", "codes of the findings"),
            plain("ruleset", "rules that judged it"),
            plain("size", "octets"),
            sealed(
                "facts",
                "what the rules judged: addresses, subject words, fingerprints of accounts; class `facts`",
            )
            .personal(),
            plain("reply_code", "what the sending server was told"),
            plain("outcome", "how it ended"),
        ],
    },
    StoredTable {
        name: "quarantine",
        purpose: "held mail; undecided mail is in no class and stays until somebody decides",
        lifetime: Lifetime::Class(Retained::Record),
        fields: &[
            plain("id", "ULID; names the body among the objects"),
            ORG,
            plain("state", "how far it is"),
            plain("received_at", "when"),
            plain("severity", "of the loudest finding"),
            plain("score", "0 to 100"),
            plain("codes", "codes of the findings"),
            plain("size", "octets"),
            plain("expires_at", "when it goes without a decision, where the organisation set that"),
            plain("ruleset", "rules that judged it"),
            hash(
                "dedupe_key",
                "SHA-256 of envelope, head fields and body: a second delivery is the same entry",
            ),
            sealed("sealed_row", "what the list shows: sender, recipients, subject").personal(),
            sealed("sealed_detail", "what the detail shows: envelope, findings, verdict").personal(),
            plain("updated_at", "when"),
            plain("body_key_id", "data key that the body is under"),
        ],
    },
    StoredTable {
        name: "outbox",
        purpose: "notices and released mail on their way",
        lifetime: Lifetime::Class(Retained::Outbox),
        fields: &[
            plain("id", "ULID"),
            ORG,
            plain("kind", "notice or release"),
            plain("quarantine_id", "the entry it is about"),
            sealed("sealed_envelope", "sender and recipients").personal(),
            sealed("sealed_octets", "the notice itself").personal(),
            plain("state", "how far it is"),
            plain("maybe_twice", "a try ended without an answer"),
            plain("attempts", "tries"),
            plain("next_attempt_at", "when next"),
            plain("lease_until", "which node is at work, until when"),
            sealed("sealed_reply", "last answer of the next hop").personal(),
            plain("created_at", "when"),
            plain("updated_at", "when"),
            plain("dedupe_key", "hash of the message and the mailbox that is told: a notice is sent once")
                .personal(),
        ],
    },
    StoredTable {
        name: "history",
        purpose: "what is usual: who wrote when, which accounts, amounts and days, as counted marks",
        lifetime: Lifetime::Class(Retained::History),
        fields: &[
            ORG,
            fingerprint("subject", "an address, a domain, a thread, a supplier").personal(),
            plain("kind", "which mark"),
            fingerprint("detail", "the other side: an account, an author; or a step of a scale").personal(),
            plain("first_seen", "when"),
            plain("last_seen", "when"),
            plain("times", "how often"),
        ],
    },
    StoredTable {
        name: "history_held",
        purpose: "marks of held mail, taken up when it is released",
        lifetime: Lifetime::Class(Retained::History),
        fields: &[
            ORG,
            plain("quarantine_id", "the entry"),
            plain("held_at", "when"),
            fingerprint("marks", "the marks, as in history").personal(),
        ],
    },
];
