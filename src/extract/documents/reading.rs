//! What a reader fills, under the budget that all files of one document share.

use super::{Effort, File, ParseMessage};
use crate::extract::anchors;
use crate::limits::{
    DOCUMENT_ENTRIES, DOCUMENT_LINK, DOCUMENT_LINKS, DOCUMENT_OCTETS, DOCUMENT_PART, DOCUMENT_PARTS,
    DOCUMENT_TEXT, MAX_ANCHOR_TEXT, MAX_MISLEADING_LINKS, RECOGNISED_PAGES, SIGHT_PIXELS,
};
use crate::model::{DocumentFile, PageImage, Span, SpanKind, Unread};
use std::io::Read;

/// What is left for a document and everything inside it.
pub(super) struct Budget {
    /// Octets of text.
    text: usize,
    /// Octets of embedded files.
    octets: usize,
    /// Embedded files.
    entries: usize,
    /// Octets of the XML parts of packages.
    parts: usize,
    /// Pixels that are looked at.
    pub(super) pixels: usize,
    /// Images that are handed on for recognition.
    pub(super) images: usize,
    effort: Effort,
}

impl Budget {
    pub(super) fn new(effort: Effort) -> Self {
        Self {
            pixels: SIGHT_PIXELS,
            images: if effort == (Effort::Sight { recognise: true }) { RECOGNISED_PAGES } else { 0 },
            effort,
            text: DOCUMENT_TEXT,
            octets: DOCUMENT_OCTETS,
            entries: DOCUMENT_ENTRIES,
            parts: DOCUMENT_PARTS,
        }
    }
}

/// A file inside another.
pub(super) struct Embedded {
    pub(super) name: String,
    media_type: String,
    octets: Vec<u8>,
    inline: bool,
}

impl Embedded {
    pub(super) fn file(&self) -> File<'_> {
        File { name: &self.name, media_type: &self.media_type, octets: &self.octets, inline: self.inline }
    }
}

/// One file being read.
pub(super) struct Reading<'b> {
    pub(super) file: DocumentFile,
    embedded: Vec<Embedded>,
    pub(super) images: Vec<PageImage>,
    pub(super) budget: &'b mut Budget,
    pub(super) parse: ParseMessage,
}

impl<'b> Reading<'b> {
    pub(super) fn new(budget: &'b mut Budget, parse: ParseMessage) -> Self {
        let file = DocumentFile::default();
        Self { file, embedded: Vec::new(), images: Vec::new(), budget, parse }
    }

    pub(super) fn finish(self) -> (DocumentFile, Vec<Embedded>, Vec<PageImage>) {
        (self.file, self.embedded, self.images)
    }

    /// Whether pictures and pages are looked at now. If not, the file is marked: somebody has to.
    pub(super) fn looks(&mut self) -> bool {
        let now = self.budget.effort != Effort::Text;
        self.file.unseen |= !now;
        now
    }

    /// Adds a text; control characters become spaces, so that it can't grow on its way through the pipe.
    pub(super) fn say(&mut self, kind: SpanKind, page: Option<u32>, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let cut = text.floor_char_boundary(self.budget.text.min(text.len()));
        if cut < text.len() {
            self.gap(Unread::Limit);
        }
        let text: String = text
            .get(..cut)
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c })
            .collect();
        self.budget.text = self.budget.text.saturating_sub(text.len());
        if !text.trim().is_empty() {
            self.file.spans.push(Span { text, kind, page });
        }
    }

    /// Notes why something was not read.
    pub(super) fn gap(&mut self, why: Unread) {
        self.file.gap(why);
    }

    /// Notes the target of a link.
    pub(super) fn link(&mut self, target: &str) {
        let links = &mut self.file.links;
        if links.len() < DOCUMENT_LINKS && !target.is_empty() {
            let target: String = target.chars().filter(|c| !c.is_control()).take(DOCUMENT_LINK).collect();
            if !links.contains(&target) {
                links.push(target);
            }
        }
    }

    /// Notes what a link shows, if that is another address than the one it leads to.
    pub(super) fn anchor(&mut self, shown: &str, target: &str) {
        let links = &mut self.file.misleading;
        let short = shown.len() <= MAX_ANCHOR_TEXT && target.len() <= DOCUMENT_LINK;
        if short && links.len() < MAX_MISLEADING_LINKS && anchors::misleading(shown, target).is_some() {
            let link = (shown.to_owned(), target.to_owned());
            if !links.contains(&link) {
                links.push(link);
            }
        }
    }

    /// Hands an embedded file on.
    pub(super) fn embed(&mut self, name: &str, media_type: &str, octets: Vec<u8>) {
        self.embed_shown(name, media_type, octets, false);
    }

    /// Hands a file on that, where it is `inline`, the other shows inside its text.
    pub(super) fn embed_shown(&mut self, name: &str, media_type: &str, octets: Vec<u8>, inline: bool) {
        if octets.is_empty() {
            return;
        }
        if self.budget.entries == 0 || octets.len() > self.budget.octets {
            self.gap(Unread::Limit);
            return;
        }
        self.budget.entries -= 1;
        self.budget.octets -= octets.len();
        self.embedded.push(Embedded {
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            octets,
            inline,
        });
    }

    /// Whether nothing more can be embedded.
    pub(super) fn is_full(&self) -> bool {
        self.budget.entries == 0 || self.budget.octets == 0
    }

    /// Unpacks what shall be embedded, by counting what comes out. What comes out of a damaged stream before the damage
    /// is kept.
    pub(super) fn unpack(&mut self, from: impl Read) -> Vec<u8> {
        let most = self.budget.octets;
        self.unpack_within(from, most)
    }

    /// Unpacks one XML part of a package.
    pub(super) fn unpack_part(&mut self, from: impl Read) -> Vec<u8> {
        let most = self.budget.parts.min(DOCUMENT_PART);
        let octets = self.unpack_within(from, most);
        self.budget.parts = self.budget.parts.saturating_sub(octets.len());
        octets
    }

    fn unpack_within(&mut self, from: impl Read, most: usize) -> Vec<u8> {
        let mut octets = Vec::new();
        let allowed = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        if from.take(allowed).read_to_end(&mut octets).is_err() {
            self.gap(Unread::Damaged);
        }
        if octets.len() > most {
            self.gap(Unread::Limit);
            octets.truncate(most);
        }
        octets
    }
}
