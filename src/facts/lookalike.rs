//! Finds domains that are made to look like a known one.
//!
//! Known are the domains on suppliers' records and the organisation's own. A domain that is itself known, or below a
//! known one, imitates nobody. The comparison is one pass over all known domains (up to a hundred thousand), so each
//! is sorted out by length and letters before anything costly runs, and what it compares is the registrable name
//! without its public suffix. How far two names may differ grows with their length: short ones have honest neighbours.

use super::identity::{Senders, domain_on_record, is_below, is_own, own_domains};
use super::skeleton::skeleton_into;
use crate::model::{DirectoryAnswer, Domain, Evidence, LookalikeFacts, is_free_mail};

/// Known domains that one candidate is compared with: bounds the time of a message.
const MAX_KNOWN: usize = 100_000;
/// Different domains of one message that are compared: each costs a pass over all known ones.
const MAX_CANDIDATES: usize = 8;
/// Labels shorter than this are nobody's lookalike: half the dictionary is their neighbour.
const MIN_LABEL: usize = 4;
/// Words that are put before or after a company's name to make a new domain.
const AFFIXES: &[&str] = &[
    "ltd",
    "limited",
    "group",
    "accounts",
    "account",
    "accounting",
    "payments",
    "payment",
    "pay",
    "billing",
    "bill",
    "invoice",
    "invoices",
    "invoicing",
    "finance",
    "financial",
    "ar",
    "uk",
    "us",
    "usa",
    "eu",
    "au",
    "int",
    "intl",
    "international",
    "global",
    "co",
    "company",
    "corp",
    "inc",
    "llc",
    "plc",
    "gmbh",
    "ag",
    "online",
    "mail",
    "email",
    "secure",
    "office",
    "hq",
    "team",
    "support",
    "service",
    "services",
    "portal",
    "the",
    "my",
    "remittance",
    "credit",
    "treasury",
    "bank",
    "banking",
];

/// How a domain imitates another, clearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Homoglyph,
    Subdomain,
    Edit,
    Hyphen,
    Affix,
    Tld,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Homoglyph => "homoglyph",
            Self::Subdomain => "subdomain",
            Self::Edit => "edit",
            Self::Hyphen => "hyphen",
            Self::Affix => "affix",
            Self::Tld => "tld",
        }
    }
}

/// What a domain imitates. Ordered so that the least is the clearest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Imitation {
    kind: Kind,
    /// `false` sorts first: one's own domain is the worse one to see imitated.
    of_supplier: bool,
    of: String,
}

/// Looks at From, Sender, Reply-To and the envelope sender; reports the clearest imitation.
pub(super) fn find(evidence: &Evidence, senders: &Senders, answer: &DirectoryAnswer) -> LookalikeFacts {
    let fields = senders
        .from
        .iter()
        .map(|address| ("from", address))
        .chain(senders.sender.iter().map(|address| ("sender", address)))
        .chain(senders.reply_to.iter().map(|address| ("reply_to", address)))
        .chain(senders.envelope.iter().map(|address| ("envelope", address)));
    let mut domains: Vec<(&str, &Domain)> = Vec::new();
    for (field, address) in fields {
        if domains.len() < MAX_CANDIDATES && !domains.iter().any(|(_, seen)| *seen == address.domain()) {
            domains.push((field, address.domain()));
        }
    }
    let found = domains
        .into_iter()
        .filter_map(|(field, domain)| {
            imitates(evidence, domain, answer).map(|imitation| (imitation, field, domain))
        })
        .min_by(|left, right| left.0.cmp(&right.0));
    let Some((imitation, field, domain)) = found else {
        return LookalikeFacts::default();
    };
    LookalikeFacts {
        found: true,
        domain: domain.to_string(),
        of_domain: imitation.of,
        field: field.to_owned(),
        of_supplier: imitation.of_supplier,
        of_own: !imitation.of_supplier,
        kind: imitation.kind.as_str().to_owned(),
    }
}

/// Whether this domain imitates a known one.
pub(super) fn imitates(evidence: &Evidence, domain: &Domain, answer: &DirectoryAnswer) -> Option<Imitation> {
    if is_own(&evidence.organisation, domain) || domain_on_record(answer, domain) || is_free_mail(domain) {
        return None;
    }
    let mut candidate = Candidate::new(domain)?;
    let own = own_domains(&evidence.organisation).map(|own| (own, false));
    let known = own.chain(answer.known_domains.iter().take(MAX_KNOWN).map(|(known, _)| (known, true)));
    let mut clearest: Option<Imitation> = None;
    for (known, of_supplier) in known {
        let text = known.as_str();
        if candidate.full == text || is_below(candidate.full, text) {
            return None;
        }
        let Some(kind) = candidate.resembles(text) else { continue };
        if is_free_mail(known) {
            continue;
        }
        let imitation = Imitation { kind, of_supplier, of: text.to_owned() };
        if clearest.as_ref().is_none_or(|best| imitation < *best) {
            clearest = Some(imitation);
        }
    }
    clearest
}

/// Whether a domain is spelled like one that the same message quotes: letters that look alike or a few changed. Another
/// ending or an added word is too common between a company's own domains to mean anything here.
pub(super) fn replaces(domain: &Domain, quoted: &Domain) -> bool {
    if domain.registrable() == quoted.registrable() || is_free_mail(domain) || is_free_mail(quoted) {
        return false;
    }
    let kind = Candidate::new(domain).and_then(|mut candidate| candidate.resembles(quoted.registrable()));
    matches!(kind, Some(Kind::Homoglyph | Kind::Edit))
}

/// A domain under suspicion, prepared once for many comparisons.
struct Candidate<'a> {
    full: &'a str,
    /// Registrable domain, A-labels.
    registrable: &'a str,
    /// Its name without the public suffix, in Unicode.
    label: String,
    length: usize,
    letters: u64,
    skeleton: String,
    /// Reused for the other side's skeleton.
    scratch: String,
}

impl<'a> Candidate<'a> {
    fn new(domain: &'a Domain) -> Option<Self> {
        let registrable = domain.registrable();
        let ascii = registrable.split('.').next()?;
        if ascii.starts_with('[') {
            return None;
        }
        let label =
            if ascii.starts_with("xn--") { idna::domain_to_unicode(ascii).0 } else { ascii.to_owned() };
        let mut skeleton = String::new();
        skeleton_into(&label, &mut skeleton);
        let (length, letters) = (label.chars().count(), letters(&label));
        Some(Self {
            full: domain.as_str(),
            registrable,
            label,
            length,
            letters,
            skeleton,
            scratch: String::new(),
        })
    }

    fn resembles(&mut self, known: &str) -> Option<Kind> {
        if self.holds_as_subdomain(known) {
            return Some(Kind::Subdomain);
        }
        let label = main_label(known);
        if label.len() < MIN_LABEL {
            return None;
        }
        if label == self.label {
            let same_registrable = known == self.registrable || is_below(known, self.registrable);
            return (!same_registrable).then_some(Kind::Tld);
        }
        skeleton_into(label, &mut self.scratch);
        if self.scratch == self.skeleton {
            let only_hyphens = without_hyphens(label).eq(without_hyphens(&self.label));
            return Some(if only_hyphens { Kind::Hyphen } else { Kind::Homoglyph });
        }
        if self.has_affix(label) {
            return Some(Kind::Affix);
        }
        self.is_near(label).then_some(Kind::Edit)
    }

    /// `acme.co.uk.evil.example`: the known domain as labels that do not end the name.
    fn holds_as_subdomain(&self, known: &str) -> bool {
        if self.full.len() <= known.len() + 1 || !known.contains('.') {
            return false;
        }
        let mut rest = Some(self.full);
        while let Some(labels) = rest {
            if labels.strip_prefix(known).is_some_and(|after| after.starts_with('.')) {
                return true;
            }
            rest = labels.split_once('.').map(|(_, tail)| tail).filter(|tail| tail.len() > known.len());
        }
        false
    }

    fn has_affix(&self, known: &str) -> bool {
        let is_affix = |rest: &str| AFFIXES.contains(&rest.trim_matches('-'));
        self.label.strip_prefix(known).is_some_and(is_affix)
            || self.label.strip_suffix(known).is_some_and(is_affix)
    }

    /// Edit distance with transpositions: at most 1 from 6 letters on, at most 2 from 11 on.
    fn is_near(&self, known: &str) -> bool {
        let shorter = known.len().min(self.length);
        let allowed = match shorter {
            0..=5 => return false,
            6..=10 => 1,
            _ => 2,
        };
        if known.len().abs_diff(self.length) > allowed {
            return false;
        }
        let differing = (letters(known) ^ self.letters).count_ones() as usize;
        differing <= 2 * allowed && strsim::osa_distance(known, &self.label) <= allowed
    }
}

fn without_hyphens(label: &str) -> impl Iterator<Item = char> {
    label.chars().filter(|c| *c != '-')
}

/// A bit per letter or digit that occurs: names within distance n differ in at most 2n bits.
fn letters(label: &str) -> u64 {
    label.chars().fold(0, |set, c| set | (1_u64 << (u32::from(c) & 63)))
}

/// The name part of a known domain, without its public suffix. The suffix is guessed from its shape, which is twenty
/// times cheaper than the public suffix list and right for what stands on suppliers' records.
fn main_label(domain: &str) -> &str {
    const SECOND_LEVEL: &[&str] =
        &["co", "com", "org", "net", "gov", "ac", "edu", "ltd", "plc", "me", "or", "ne", "gob", "nom"];
    let mut labels = domain.rsplit('.');
    let (top, second, third) = (labels.next(), labels.next(), labels.next());
    match (top, second, third) {
        (Some(top), Some(second), Some(third)) if top.len() == 2 && SECOND_LEVEL.contains(&second) => third,
        (_, Some(second), _) => second,
        (Some(top), None, _) => top,
        _ => domain,
    }
}
