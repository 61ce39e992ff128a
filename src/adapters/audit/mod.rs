//! The audit as anybody can check it: what is hashed, what is signed, and the verifier.
//!
//! Nothing here knows a database. An entry is hashed over length-prefixed fields, each hash names the one before, the
//! newest is signed by the organisation ([`Head`]), and from time to time a signed copy leaves the machine
//! ([`Anchor`]). [`Verifier`] walks entries one at a time, from the database or from an export alike, and says what is
//! proven and what is not. `docs/audit.md` describes the same for whoever writes a verifier of their own.

mod action;
mod anchors;
pub mod bundle;
mod chain;
mod report;
mod verify;

pub use action::{ActionDoc, AuditAction};
pub use anchors::{AnchorStore, erase_anchors, read_copy};
pub use chain::{
    Anchor, Checkpoint, Entry, FIRST_HASH, Head, PublicKey, Revealed, commitment, from_hex, sha256_hex,
};
pub use report::{Completeness, Finding, FindingKind, Integrity, Privacy, Proof, Report, Start};
pub use verify::Verifier;
