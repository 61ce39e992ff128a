//! Finds domains that are made to look like a known one.
//!
//! Known are the domains on suppliers' records and the organisation's own; how one resembles another is
//! [`crate::model::KnownDomains`]'s to say. A domain that is itself known, or below a known one, imitates nobody.

use super::identity::{Senders, domain_on_record, is_own, own_domains};
use crate::model::{
    DirectoryAnswer, Domain, Evidence, KnownDomains, LookalikeFacts, Resemblance, is_free_mail,
};
use std::collections::BTreeSet;

/// Different domains of one message that are compared.
const MAX_CANDIDATES: usize = 8;

/// What a domain imitates. Ordered so that the least is the clearest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Imitation {
    kind: Resemblance,
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
    let own = own(evidence);
    let found = domains
        .into_iter()
        .filter_map(|(field, domain)| {
            imitates(evidence, &own, domain, answer).map(|imitation| (imitation, field, domain))
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

/// The organisation's own domains, ready for being asked about.
pub(super) fn own(evidence: &Evidence) -> KnownDomains {
    own_domains(&evidence.organisation).cloned().collect()
}

/// Whether this domain imitates a known one.
pub(super) fn imitates(
    evidence: &Evidence,
    own: &KnownDomains,
    domain: &Domain,
    answer: &DirectoryAnswer,
) -> Option<Imitation> {
    let known = is_own(&evidence.organisation, domain)
        || domain_on_record(answer, domain)
        || answer.known_domains.covers(domain)
        || is_free_mail(domain);
    if known {
        return None;
    }
    let found = |domains: &KnownDomains, of_supplier| {
        let (kind, of) = domains.resembled(domain)?;
        Some(Imitation { kind, of_supplier, of: of.to_string() })
    };
    let (of_own, of_supplier) = (found(own, false), found(&answer.known_domains, true));
    of_own.into_iter().chain(of_supplier).min()
}

/// The domain among those that a message quotes which this one is spelled like. Another ending or an added word is too
/// common between a company's own domains to mean anything here.
pub(super) fn replaced<'q>(domain: &Domain, quoted: &'q BTreeSet<Domain>) -> Option<&'q Domain> {
    if is_free_mail(domain) {
        return None;
    }
    quoted.iter().filter(|other| other.registrable() != domain.registrable()).find(|other| {
        let one = Domain::parse(other.registrable()).into_iter().collect::<KnownDomains>();
        one.resembled(domain).is_some_and(|(how, _)| how.is_spelling())
    })
}
