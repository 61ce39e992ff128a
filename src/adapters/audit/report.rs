//! What a check of the audit answers: integrity and completeness apart, what is wrong, what is not proven.

use serde::Serialize;

/// Is what is there what was written?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// Every entry is as written, in its place, under a signed head.
    Intact,
    /// Something was altered, put in, taken out or signed by somebody else.
    Broken,
}

/// Is everything there that was written?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Up to the newest anchor, which was kept elsewhere.
    Anchored,
    /// Up to the signed head; nothing speaks against a whole database set back to an older state.
    SignedHead,
    /// Something is missing.
    Broken,
}

/// Where the chain was begun to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At its first entry.
    Genesis,
    /// After a signed checkpoint: what stood before was pruned.
    Checkpoint,
    /// At an entry in the middle, as an export of a part does.
    Partial,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An entry's own hash does not fit what it says.
    Altered,
    /// An entry does not follow the one before it.
    NotLinked,
    /// Entries between two others are missing.
    Missing,
    /// An entry stands in the wrong place.
    OutOfOrder,
    /// A private value is not the one that was committed to.
    PrivateAltered,
    /// A checkpoint is not signed by the organisation.
    CheckpointForged,
    /// The head is not signed by the organisation.
    HeadForged,
    /// The signed head names another last entry.
    HeadContradicts,
    /// There is no signed head.
    HeadAbsent,
    /// The newest entries are missing.
    TailCut,
    /// An anchor is not signed by the organisation.
    AnchorForged,
    /// An anchor between two others is missing, or does not name the one before.
    AnchorMissing,
    /// An anchor names another entry than the chain has there: history was written anew, or set back and gone on from.
    AnchorContradicts,
    /// An anchor names a later entry than the chain has: it was set back to an older state, or cut.
    SetBack,
}

impl FindingKind {
    /// Whether it speaks against integrity; else against completeness.
    #[must_use]
    pub fn breaks_integrity(self) -> bool {
        matches!(
            self,
            Self::Altered
                | Self::NotLinked
                | Self::Missing
                | Self::OutOfOrder
                | Self::PrivateAltered
                | Self::CheckpointForged
                | Self::HeadForged
                | Self::HeadContradicts
        )
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// At which entry (or after which, for what is missing).
    pub seq: i64,
    /// In words.
    pub text: String,
}

/// Private fields, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Privacy {
    /// Fields that the chain commits to.
    pub committed: u64,
    /// Of these: opened, and the value fits its commitment.
    pub checked: u64,
    /// Of these: erased.
    pub erased: u64,
    /// Of these: kept elsewhere and not shown here.
    pub withheld: u64,
}

/// The newest anchor that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Its number.
    pub anchor: i64,
    /// Complete up to this entry.
    pub seq: i64,
    /// Unix milliseconds: when it was anchored.
    pub at: i64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Organisation.
    pub org: String,
    /// Entries that were read.
    pub entries: u64,
    /// First one read; 0 without any.
    pub first: i64,
    /// Last one read; 0 without any.
    pub last: i64,
    /// Where the reading began.
    pub start: Start,
    /// Is what is there what was written?
    pub integrity: Integrity,
    /// Is everything there?
    pub completeness: Completeness,
    /// What is wrong, the first `limits::AUDIT_FINDINGS`.
    pub findings: Vec<Finding>,
    /// How many things are wrong.
    pub problems: u64,
    /// The newest anchor that fits.
    pub proof: Option<Proof>,
    /// What this check does not prove, in words.
    pub not_proven: Vec<String>,
    /// Private fields.
    pub private: Privacy,
    /// Entries dated before the one before them: the server's clock was set back.
    pub clock_set_back: u64,
    /// Anchors that a restore somebody accepted made void.
    pub superseded_anchors: u64,
}

impl Report {
    /// Whether nothing is wrong (which is not the same as everything being proven).
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.integrity == Integrity::Intact && self.completeness != Completeness::Broken
    }
}
