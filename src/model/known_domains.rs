//! Domains that others may imitate, ready for being asked about: those on suppliers' records, up to a hundred thousand, or
//! a handful of one's own.
//!
//! Built once for each state of the directory. Equal names, skeletons and whole domains are found by their hash; what may
//! lie a letter or two away is sorted out by length and by the letters that occur, sixteen octets a name read in order, so
//! that only a few are compared letter by letter. Domains are compared by the name before their public suffix.

use super::resemblance::{AFFIXES, HYPHENED, is_mistyped};
use super::skeleton::skeleton;
use super::{Domain, Resemblance, SupplierId, is_free_mail};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;

/// Names shorter than this are nobody's lookalike: half the dictionary is their neighbour.
const MIN_NAME: usize = 4;
/// Characters of a name that a mailbox bears on purpose.
const LONG_NAME: u8 = 6;
/// Starts and ends inside a domain between which a whole known domain is looked for.
const MAX_CUTS: usize = 24;
/// Words taken off a name one after the other.
const MAX_WORDS: usize = 2;

/// By what a name is found.
#[derive(Clone, Copy, Hash)]
enum By {
    Domain,
    Name,
    Skeleton,
    /// The whole domain without dots and hyphens.
    Joined,
}

/// One known domain as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    /// Before the public suffix, in Unicode.
    text: Box<str>,
    /// Characters of it.
    length: u8,
}

/// The known domains, sorted, each with whom it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownDomains {
    entries: Vec<(Domain, SupplierId)>,
    names: Vec<Name>,
    /// Hash of what it is found by → entry, sorted.
    found_by: Vec<(u64, u32)>,
    /// Length, entry, letters; sorted by length.
    shapes: Vec<(u8, u32, u64)>,
}

impl Deref for KnownDomains {
    type Target = [(Domain, SupplierId)];

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl FromIterator<(Domain, SupplierId)> for KnownDomains {
    fn from_iter<I: IntoIterator<Item = (Domain, SupplierId)>>(domains: I) -> Self {
        Self::new(domains.into_iter().collect())
    }
}

impl FromIterator<Domain> for KnownDomains {
    fn from_iter<I: IntoIterator<Item = Domain>>(domains: I) -> Self {
        Self::new(domains.into_iter().map(|domain| (domain, SupplierId(String::new()))).collect())
    }
}

impl KnownDomains {
    /// Indexes domains; those of free mail providers are imitated by nobody that could be told.
    #[must_use]
    pub fn new(mut entries: Vec<(Domain, SupplierId)>) -> Self {
        entries.sort();
        let mut known = Self { names: Vec::with_capacity(entries.len()), ..Self::default() };
        for (index, (domain, _)) in entries.iter().enumerate() {
            let (index, text) = (u32::try_from(index).unwrap_or(u32::MAX), name_of(domain));
            let length = u8::try_from(text.chars().count()).unwrap_or(u8::MAX);
            if !is_free_mail(domain) {
                known.found_by.push((hash(By::Domain, domain.as_str()), index));
                known.found_by.push((hash(By::Joined, &joined(domain.as_str())), index));
                if text.len() >= MIN_NAME {
                    known.found_by.push((hash(By::Name, &text), index));
                    known.found_by.push((hash(By::Skeleton, &skeleton(&text)), index));
                    known.shapes.push((length, index, letters(&text)));
                }
            }
            known.names.push(Name { text: text.into(), length });
        }
        known.entries = entries;
        known.found_by.sort_unstable();
        known.shapes.sort_unstable();
        known
    }

    /// Whether the domain is known, or lies below a known one.
    #[must_use]
    pub fn covers(&self, domain: &Domain) -> bool {
        let mut rest = Some(domain.as_str());
        while let Some(text) = rest {
            let known = |index: &u32| self.entry(*index).is_some_and(|(known, _)| known.as_str() == text);
            if self.find(By::Domain, text).any(|index| known(&index)) {
                return true;
            }
            rest = text.split_once('.').map(|(_, above)| above);
        }
        false
    }

    /// The known domain that this one resembles most clearly, and how; of equal ones the first in order. The caller asks
    /// before whether it is itself known ([`Self::covers`]).
    #[must_use]
    pub fn resembled(&self, domain: &Domain) -> Option<(Resemblance, &Domain)> {
        if self.entries.is_empty() || domain.as_str().starts_with('[') {
            return None;
        }
        let name = name_of(domain);
        let mut found: Vec<(Resemblance, u32)> = Vec::new();
        self.inside(domain, &mut found);
        let looks = skeleton(&name);
        for index in self.find(By::Skeleton, &looks) {
            found.extend(
                self.name(index).and_then(|known| alike(known, &name, &looks)).map(|how| (how, index)),
            );
        }
        let others = self.find(By::Name, &name).filter(|index| self.has_name(*index, &name));
        let registrable = domain.registrable();
        let elsewhere = others
            .filter(|index| self.entry(*index).is_some_and(|(known, _)| known.registrable() != registrable));
        found.extend(elsewhere.map(|index| (Resemblance::Tld, index)));
        self.with_words(&name, MAX_WORDS, &mut found);
        self.nearby(domain, &name, &mut found);
        let (how, index) = found.into_iter().min()?;
        self.entry(index).map(|(known, _)| (how, known))
    }

    /// The known domain whose name a mailbox bears: `acmebuilding`, `acme-building.accounts`. Only names long enough to
    /// mean somebody.
    #[must_use]
    pub fn borne_by(&self, local: &str) -> Option<&Domain> {
        let name = local.replace(['.', '_'], "-");
        let mut found = Vec::new();
        for name in [name.as_str(), &joined(&name)] {
            found.extend(self.find(By::Name, name).filter(|index| self.has_name(*index, name)));
            let mut with_words = Vec::new();
            self.with_words(name, MAX_WORDS, &mut with_words);
            found.extend(with_words.into_iter().map(|(_, index)| index));
        }
        let long = |index: &u32| self.name(*index).is_some_and(|name| name.length >= LONG_NAME);
        let index = found.into_iter().filter(long).min()?;
        self.entry(index).map(|(known, _)| known)
    }

    /// `acme.co.uk.evil.example`, `acme.co.uk-pay.example`: a known domain that the name begins with, or goes on from a
    /// dot with, and that does not end it. `acme-co-uk.example`: its parts joined.
    fn inside(&self, domain: &Domain, found: &mut Vec<(Resemblance, u32)>) {
        let mut rest = Some(domain.as_str());
        for _ in 0..MAX_CUTS {
            let Some(text) = rest else { break };
            let cuts = text.match_indices(['.', '-']).map(|(at, _)| at);
            for head in cuts.take(MAX_CUTS).filter_map(|at| text.get(..at)).filter(|head| head.contains('.'))
            {
                let whole = self.find(By::Domain, head);
                let whole =
                    whole.filter(|index| self.entry(*index).is_some_and(|(known, _)| known.as_str() == head));
                found.extend(whole.map(|index| (Resemblance::Subdomain, index)));
            }
            let label = text.split('.').next().unwrap_or_default();
            let together = joined(label);
            let same = self.find(By::Joined, &together);
            let same = same.filter(|index| {
                self.entry(*index).is_some_and(|(known, _)| joined(known.as_str()) == together)
            });
            found.extend(same.map(|index| (Resemblance::Subdomain, index)));
            rest = text.split_once('.').map(|(_, above)| above);
        }
    }

    /// `acme-accounts`, `acmegroup`, `pay-acme-ltd`.
    fn with_words(&self, name: &str, words: usize, found: &mut Vec<(Resemblance, u32)>) {
        if words == 0 || name.len() <= MIN_NAME {
            return;
        }
        let hyphened = HYPHENED.iter().map(|word| (*word, true));
        for (word, needs_hyphen) in AFFIXES.iter().map(|word| (*word, false)).chain(hyphened) {
            for rest in [name.strip_prefix(word), name.strip_suffix(word)].into_iter().flatten() {
                let core = rest.trim_matches('-');
                if needs_hyphen && core == rest {
                    continue;
                }
                let same = self.find(By::Name, core).filter(|index| self.has_name(*index, core));
                found.extend(same.map(|index| (Resemblance::Affix, index)));
                self.with_words(core, words - 1, found);
            }
        }
    }

    /// A letter or two away: at most 1 from 6 letters on, at most 2 from 11 on; of names with 5 letters only what is
    /// mistyped by a neighbouring key, under the same ending.
    fn nearby(&self, domain: &Domain, name: &str, found: &mut Vec<(Resemblance, u32)>) {
        let (length, own) = (name.chars().count(), letters(name));
        let least = u8::try_from(length.saturating_sub(2)).unwrap_or(u8::MAX);
        let most = u8::try_from(length.saturating_add(2)).unwrap_or(u8::MAX);
        let from = self.shapes.partition_point(|shape| shape.0 < least);
        let shapes = self.shapes.get(from..).unwrap_or_default();
        for (known_length, index, known) in shapes.iter().take_while(|shape| shape.0 <= most) {
            let known_length = usize::from(*known_length);
            let allowed: usize = match known_length.min(length) {
                0..=4 => continue,
                5..=10 => 1,
                _ => 2,
            };
            if (known ^ own).count_ones() as usize > 2 * allowed || known_length.abs_diff(length) > allowed {
                continue;
            }
            found.extend(self.near(*index, domain, name, allowed).map(|how| (how, *index)));
        }
    }

    fn near(&self, index: u32, domain: &Domain, name: &str, allowed: usize) -> Option<Resemblance> {
        let known = self.name(index)?;
        let mistyped = is_mistyped(&known.text, name);
        if usize::from(known.length).min(name.chars().count()) <= 5 {
            let (other, _) = self.entry(index)?;
            return (mistyped && suffix(other) == suffix(domain)).then_some(Resemblance::Keyboard);
        }
        let distance = strsim::osa_distance(&known.text, name);
        let how = if mistyped { Resemblance::Keyboard } else { Resemblance::Edit };
        (1..=allowed).contains(&distance).then_some(how)
    }

    fn find(&self, by: By, text: &str) -> impl Iterator<Item = u32> {
        let wanted = hash(by, text);
        let from = self.found_by.partition_point(|(hash, _)| *hash < wanted);
        let found = self.found_by.get(from..).unwrap_or_default();
        found.iter().take_while(move |(hash, _)| *hash == wanted).map(|(_, index)| *index)
    }

    fn entry(&self, index: u32) -> Option<&(Domain, SupplierId)> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    fn name(&self, index: u32) -> Option<&Name> {
        self.names.get(usize::try_from(index).ok()?)
    }

    fn has_name(&self, index: u32, name: &str) -> bool {
        self.name(index).is_some_and(|known| *known.text == *name)
    }
}

/// Two different names with one skeleton.
fn alike(known: &Name, name: &str, looks: &str) -> Option<Resemblance> {
    if *known.text == *name || skeleton(&known.text) != looks {
        return None;
    }
    let only_hyphens = joined(&known.text) == joined(name);
    Some(if only_hyphens { Resemblance::Hyphen } else { Resemblance::Homoglyph })
}

/// The name before the public suffix, in Unicode.
fn name_of(domain: &Domain) -> String {
    let ascii = domain.registrable().split('.').next().unwrap_or_default();
    if ascii.starts_with("xn--") { idna::domain_to_unicode(ascii).0 } else { ascii.to_owned() }
}

/// The public suffix.
fn suffix(domain: &Domain) -> &str {
    domain.registrable().split_once('.').map_or("", |(_, suffix)| suffix)
}

fn joined(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '.' | '-')).collect()
}

/// A bit per letter or digit that occurs, and one for each that occurs again: names within distance n differ in at most
/// 2n of them.
fn letters(name: &str) -> u64 {
    let mut set = 0_u64;
    for c in name.chars() {
        let bit = match c {
            'a'..='z' => u32::from(c) - u32::from('a'),
            _ => 52 + u32::from(c) % 12,
        };
        let (once, again) = (1_u64 << bit, 1_u64 << (bit + 26).min(63));
        if bit < 26 && set & once != 0 {
            set |= again;
        }
        set |= once;
    }
    set
}

fn hash(by: By, text: &str) -> u64 {
    // Without a key of its own: a collision costs a comparison, and every hit is compared.
    let mut hasher = DefaultHasher::new();
    by.hash(&mut hasher);
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[path = "known_domains_tests.rs"]
mod tests;
