//! Links that show another address than theirs, and whether that matters: newsletters count clicks that way.

use super::identity::{Senders, domain_on_record, is_own};
use crate::model::{DirectoryAnswer, Domain, Evidence, LinkFacts};

pub(super) fn links(evidence: &Evidence, senders: &Senders, answer: &DirectoryAnswer) -> LinkFacts {
    let known = |domain: &Domain| {
        is_own(&evidence.organisation, domain)
            || answer.known_domains.covers(domain)
            || domain_on_record(answer, domain)
    };
    let of_sender = |domain: &Domain| {
        senders.from.iter().any(|author| author.domain().registrable() == domain.registrable())
    };
    let links = &evidence.claims.links;
    let matters =
        links.iter().find(|link| known(&link.shown) && !known(&link.target) && !of_sender(&link.target));
    let Some(link) = matters.or_else(|| links.first()) else { return LinkFacts::default() };
    LinkFacts {
        misleading: true,
        shows_known: matters.is_some(),
        shown: link.shown.to_string(),
        target: link.target.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::establish;
    use crate::facts::tests::plain_evidence;
    use crate::model::MisleadingLink;
    use crate::model::test_support::domain;

    #[test]
    fn only_known_addresses_matter() {
        for (name, shown, target, matters) in [
            ("a supplier's", "www.acmebuilding.co.uk", "evil.example", true),
            ("one's own", "contoso.example", "evil.example", true),
            ("an unknown one", "www.else.example", "evil.example", false),
            ("to another supplier", "acmebuilding.co.uk", "boltfixings.example", false),
            ("to the sender's", "acmebuilding.co.uk", "click.stranger.example", false),
        ] {
            let mut evidence = plain_evidence();
            let link = |shown, target| MisleadingLink { shown: domain(shown), target: domain(target) };
            evidence.claims.links = vec![link("www.x.example", "y.example"), link(shown, target)];
            let facts = establish(&evidence).links;
            assert_eq!((facts.misleading, facts.shows_known), (true, matters), "{name}: {facts:?}");
            assert_eq!(facts.shown == shown, matters, "{name}");
        }
    }
}
