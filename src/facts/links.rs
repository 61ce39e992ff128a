//! Links that show another address than theirs, and whether that matters: newsletters count clicks that way. And pages on
//! which to pay that are nobody's one knows.

use super::identity::{Senders, domain_on_record, is_own};
use crate::model::{DirectoryAnswer, Domain, Evidence, LinkFacts, is_pay_provider};

pub(super) fn links(evidence: &Evidence, senders: &Senders, answer: &DirectoryAnswer) -> LinkFacts {
    let known = |domain: &Domain| {
        is_own(&evidence.organisation, domain)
            || answer.known_domains.covers(domain)
            || domain_on_record(answer, domain)
    };
    let of_sender = |domain: &Domain| {
        senders.from.iter().any(|author| author.domain().registrable() == domain.registrable())
    };
    // What a forged sender shares with the page proves nothing.
    let vouched = |page: &Domain| of_sender(page) && !(evidence.auth.known && evidence.auth.failed);
    let strange = |page: &&Domain| !known(page) && !vouched(page) && !is_pay_provider(page);
    let page = evidence.claims.pay_pages.iter().find(strange);
    let page = LinkFacts {
        pay_page_unknown: page.is_some(),
        pay_page: page.map(ToString::to_string).unwrap_or_default(),
        ..LinkFacts::default()
    };
    let links = &evidence.claims.links;
    let matters =
        links.iter().find(|link| known(&link.shown) && !known(&link.target) && !of_sender(&link.target));
    let Some(link) = matters.or_else(|| links.first()) else { return page };
    LinkFacts {
        misleading: true,
        shows_known: matters.is_some(),
        shown: link.shown.to_string(),
        target: link.target.to_string(),
        ..page
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::establish;
    use crate::facts::tests::plain_evidence;
    use crate::model::MisleadingLink;
    use crate::model::test_support::domain;

    #[test]
    fn pages_to_pay_are_known_or_not() {
        for (name, page, forged, unknown) in [
            ("nobody's", "evil.example", false, true),
            ("the sender's", "pay.stranger.example", false, false),
            ("the forged sender's", "pay.stranger.example", true, true),
            ("a supplier's", "pay.acmebuilding.co.uk", false, false),
            ("one's own", "pay.contoso.example", false, false),
            ("a service's", "invoice.stripe.com", false, false),
        ] {
            let mut evidence = plain_evidence();
            evidence.auth.failed = forged;
            evidence.claims.pay_pages = vec![domain("in.xero.com"), domain(page)];
            let facts = establish(&evidence).links;
            assert_eq!(facts.pay_page_unknown, unknown, "{name}: {facts:?}");
            assert_eq!(facts.pay_page == page, unknown, "{name}");
        }
    }

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
