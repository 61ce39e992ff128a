//! Walks a chain entry by entry and says what is proven.
//!
//! Two questions are kept apart. *Integrity*: is what is there what was written, in that order, and signed? The chain and
//! its signed head answer that alone. *Completeness*: is everything there that was ever written? Against a cut tail the
//! signed head speaks; against a whole database set back to an older state only an anchor kept elsewhere does. Memory
//! is bounded: one entry at a time, and the anchors.

use super::chain::{Anchor, Checkpoint, Entry, FIRST_HASH, Head, Revealed, commitment, from_hex};
use crate::limits;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whether the organisation's key made this signature over these octets.
type Accepts<'a> = &'a (dyn Fn(&[u8], &[u8]) -> bool + Send + Sync);

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

/// The walk. Give it the anchors and the start, then the entries in order, then the head.
pub struct Verifier<'a> {
    org: String,
    accepts: Accepts<'a>,
    start: Start,
    /// Number, hash and time of the entry read last.
    seq: i64,
    hash: String,
    at: i64,
    first: i64,
    entries: u64,
    /// By the entry they name; those behind `next` are done.
    anchors: Vec<Anchor>,
    next: usize,
    /// Anchors that name an entry from before the start.
    too_early: u64,
    superseded: u64,
    first_anchor: i64,
    proof: Option<Proof>,
    findings: Vec<Finding>,
    problems: u64,
    broken: bool,
    incomplete: bool,
    private: Privacy,
    clock_set_back: u64,
}

impl<'a> Verifier<'a> {
    /// For one organisation's chain, read from its first entry.
    #[must_use]
    pub fn new(org: &str, accepts: Accepts<'a>) -> Self {
        Self {
            org: org.to_owned(),
            accepts,
            start: Start::Genesis,
            seq: 0,
            hash: FIRST_HASH.to_owned(),
            at: 0,
            first: 0,
            entries: 0,
            anchors: Vec::new(),
            next: 0,
            too_early: 0,
            superseded: 0,
            first_anchor: 1,
            proof: None,
            findings: Vec::new(),
            problems: 0,
            broken: false,
            incomplete: false,
            private: Privacy::default(),
            clock_set_back: 0,
        }
    }

    /// Goes on from a checkpoint instead of the first entry.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        if !self.is_signed(&checkpoint.statement(&self.org), &checkpoint.signature) {
            let text =
                format!("the checkpoint at entry {} is not signed by this organisation", checkpoint.seq);
            self.found(FindingKind::CheckpointForged, checkpoint.seq, text);
        }
        self.start = Start::Checkpoint;
        (self.seq, self.at) = (checkpoint.seq, checkpoint.at);
        checkpoint.hash.clone_into(&mut self.hash);
    }

    /// Goes on from an entry in the middle whose predecessor is not here.
    pub fn partial(&mut self, before: i64, hash: &str) {
        self.start = Start::Partial;
        self.seq = before;
        hash.clone_into(&mut self.hash);
    }

    /// The anchors of this organisation, in any order. Others are to be left out by the caller.
    pub fn anchors(&mut self, mut anchors: Vec<Anchor>) {
        anchors.sort_by_key(|anchor| anchor.number);
        self.check_anchors(&anchors);
        self.first_anchor = anchors.first().map_or(1, |anchor| anchor.number);
        let restores: Vec<(i64, i64)> =
            anchors.iter().filter_map(|a| a.supersedes_after.map(|seq| (a.number, seq))).collect();
        let total = anchors.len();
        anchors.retain(|anchor| {
            !restores.iter().any(|(number, seq)| anchor.number < *number && anchor.seq > *seq)
        });
        self.superseded = count(total.saturating_sub(anchors.len()));
        anchors.sort_by_key(|anchor| (anchor.seq, anchor.number));
        self.anchors = anchors;
    }

    fn check_anchors(&mut self, anchors: &[Anchor]) {
        let mut before: Option<&Anchor> = None;
        for anchor in anchors {
            let (number, seq) = (anchor.number, anchor.seq);
            let named = anchor.format == Anchor::FORMAT && anchor.org == self.org;
            if !named || !self.is_signed(&anchor.statement(), &anchor.signature) {
                let text = format!("anchor {number} is not signed by this organisation");
                self.found(FindingKind::AnchorForged, seq, text);
            }
            let fits = match before {
                None => number != 1 || anchor.previous == FIRST_HASH,
                Some(before) => {
                    number == before.number.saturating_add(1) && anchor.previous == before.digest()
                }
            };
            if !fits {
                let text = format!(
                    "anchor {number} does not follow the one before it: one is missing or was replaced"
                );
                self.found(FindingKind::AnchorMissing, seq, text);
            }
            before = Some(anchor);
        }
    }

    /// The next entry.
    pub fn entry(&mut self, entry: &Entry) {
        let (wanted, seq) = (self.seq.saturating_add(1), entry.seq);
        if self.entries == 0 {
            self.settle_anchors_before_start();
            self.first = seq;
        }
        if seq > wanted {
            let text = if seq == wanted.saturating_add(1) {
                format!("entry {wanted} is missing")
            } else {
                format!("entries {wanted} to {} are missing", seq.saturating_sub(1))
            };
            self.found(FindingKind::Missing, wanted, text);
        } else if seq < wanted {
            self.found(FindingKind::OutOfOrder, seq, format!("entry {seq} stands where {wanted} belongs"));
        } else if entry.prev_hash != self.hash {
            let text = format!("entry {seq} does not follow the one before it");
            self.found(FindingKind::NotLinked, seq, text);
        }
        if entry.digest(&self.org) != entry.hash {
            let text = format!("entry {seq} was altered, or was written for another organisation");
            self.found(FindingKind::Altered, seq, text);
        }
        if entry.at < self.at {
            self.clock_set_back = self.clock_set_back.saturating_add(1);
        }
        self.entries = self.entries.saturating_add(1);
        (self.seq, self.at) = (seq, entry.at);
        entry.hash.clone_into(&mut self.hash);
        self.compare_anchors();
    }

    /// The private fields of the entry that was given last: those opened, and the names of those known to be erased.
    pub fn private(&mut self, entry: &Entry, opened: &BTreeMap<String, Revealed>, erased: &[String]) {
        if entry.private == "{}" && opened.is_empty() {
            return;
        }
        let committed: BTreeMap<String, String> = serde_json::from_str(&entry.private).unwrap_or_default();
        self.private.committed = self.private.committed.saturating_add(count(committed.len()));
        for (field, value) in opened {
            let salted = from_hex(&value.salt).map(|salt| commitment(&salt, &value.value));
            if salted.is_some() && salted.as_ref() == committed.get(field) {
                self.private.checked = self.private.checked.saturating_add(1);
            } else {
                let text =
                    format!("the private field {field} of entry {} is not what was written", entry.seq);
                self.found(FindingKind::PrivateAltered, entry.seq, text);
            }
        }
        for field in committed.keys().filter(|field| !opened.contains_key(*field)) {
            let counter =
                if erased.contains(field) { &mut self.private.erased } else { &mut self.private.withheld };
            *counter = counter.saturating_add(1);
        }
    }

    /// A stored private value that cannot be opened any more.
    pub fn private_unreadable(&mut self, seq: i64, field: &str) {
        let text = format!("the private field {field} of entry {seq} cannot be opened");
        self.found(FindingKind::PrivateAltered, seq, text);
    }

    /// Number of the entry read last.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.seq
    }

    /// [`Verifier::finish`] where an entry was seen beyond the signed head.
    #[must_use]
    pub fn finish_with(mut self, head: Option<&Head>, beyond: Option<i64>) -> Report {
        if let Some(seq) = beyond {
            let text = format!("entry {seq} stands beyond the signed head");
            self.found(FindingKind::HeadContradicts, seq, text);
        }
        self.finish(head)
    }

    /// The end of the chain, with its signed head.
    #[must_use]
    pub fn finish(mut self, head: Option<&Head>) -> Report {
        if self.entries == 0 {
            self.settle_anchors_before_start();
        }
        match head {
            Some(head) => self.compare_head(head),
            None => {
                let text = "there is no signed head: nothing says where the chain ends".to_owned();
                self.found(FindingKind::HeadAbsent, self.seq, text);
            }
        }
        if self.seq == 0 && head.is_none_or(|head| head.seq == 0) {
            let text = "the chain is empty; every chain begins with the organisation's creation".to_owned();
            self.found(FindingKind::TailCut, 0, text);
        }
        self.report_later_anchors();
        let not_proven = self.not_proven();
        Report {
            org: self.org,
            entries: self.entries,
            first: self.first,
            last: if self.entries == 0 { 0 } else { self.seq },
            start: self.start,
            integrity: if self.broken { Integrity::Broken } else { Integrity::Intact },
            completeness: match (self.incomplete, self.proof) {
                (true, _) => Completeness::Broken,
                (false, Some(_)) => Completeness::Anchored,
                (false, None) => Completeness::SignedHead,
            },
            findings: self.findings,
            problems: self.problems,
            proof: self.proof,
            not_proven,
            private: self.private,
            clock_set_back: self.clock_set_back,
            superseded_anchors: self.superseded,
        }
    }

    fn compare_head(&mut self, head: &Head) {
        if !self.is_signed(&head.statement(&self.org), &head.signature) {
            let text = format!("the head at entry {} is not signed by this organisation", head.seq);
            self.found(FindingKind::HeadForged, head.seq, text);
        }
        if head.seq > self.seq {
            let text = format!(
                "the signed head names entry {}, the chain ends at {}: the newest entries are missing",
                head.seq, self.seq
            );
            self.found(FindingKind::TailCut, self.seq.saturating_add(1), text);
        } else if head.seq < self.seq || head.hash != self.hash || head.at != self.at {
            let text = format!("the signed head does not name entry {}, with which the chain ends", self.seq);
            self.found(FindingKind::HeadContradicts, self.seq, text);
        }
    }

    /// Anchors of entries that are not read here: only that of the entry just before the start can be compared.
    fn settle_anchors_before_start(&mut self) {
        while let Some(anchor) = self.anchors.get(self.next)
            && anchor.seq < self.seq
        {
            self.too_early = self.too_early.saturating_add(1);
            self.next = self.next.saturating_add(1);
        }
        self.compare_anchors();
    }

    /// Compares what names the entry read last.
    fn compare_anchors(&mut self) {
        while let Some(anchor) = self.anchors.get(self.next)
            && anchor.seq <= self.seq
        {
            self.next = self.next.saturating_add(1);
            let proof = Proof { anchor: anchor.number, seq: anchor.seq, at: anchor.at };
            if anchor.seq == self.seq && anchor.hash == self.hash {
                if self.proof.is_none_or(|newest| newest.anchor < proof.anchor) {
                    self.proof = Some(proof);
                }
            } else {
                let text = format!(
                    "anchor {} names another entry {}: history was written anew, or set back and gone on from",
                    proof.anchor, proof.seq
                );
                self.found(FindingKind::AnchorContradicts, proof.seq, text);
            }
        }
    }

    fn report_later_anchors(&mut self) {
        let later = self.anchors.get(self.next..).unwrap_or_default();
        let Some(newest) = later.iter().max_by_key(|anchor| anchor.number) else { return };
        let text = format!(
            "anchor {} names entry {}, the chain ends at {}: it was set back to an older state, or cut",
            newest.number, newest.seq, self.seq
        );
        self.found(FindingKind::SetBack, self.seq, text);
    }

    fn not_proven(&self) -> Vec<String> {
        let mut open = Vec::new();
        match self.start {
            Start::Genesis => {}
            Start::Checkpoint => open.push(
                "what the pruned entries said; the signed checkpoint proves that they were there".to_owned(),
            ),
            Start::Partial => open.push(format!("anything about entries before {}", self.first)),
        }
        match self.proof {
            None if self.anchors.is_empty() => open.push(
                "that the whole chain was not set back to an older state: that needs the anchors".to_owned(),
            ),
            None => {}
            Some(proof) if proof.seq < self.seq => open.push(format!(
                "that nothing is missing after entry {}, which the newest anchor names; entries up to {} are signed",
                proof.seq, self.seq
            )),
            Some(_) => {}
        }
        if !self.anchors.is_empty() && self.first_anchor > 1 {
            open.push(format!(
                "anything by anchors before number {}: they were not given",
                self.first_anchor
            ));
        }
        if self.too_early > 0 {
            open.push(format!("{} anchors name entries from before the first one here", self.too_early));
        }
        if self.private.withheld > 0 {
            open.push(format!(
                "{} private fields were not shown, only their commitments",
                self.private.withheld
            ));
        }
        open
    }

    fn is_signed(&self, statement: &[u8], signature: &str) -> bool {
        from_hex(signature).is_some_and(|signature| (self.accepts)(statement, &signature))
    }

    fn found(&mut self, kind: FindingKind, seq: i64, text: String) {
        self.problems = self.problems.saturating_add(1);
        self.broken |= kind.breaks_integrity();
        self.incomplete |= !kind.breaks_integrity();
        if self.findings.len() < limits::AUDIT_FINDINGS {
            self.findings.push(Finding { kind, seq, text });
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
