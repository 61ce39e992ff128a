//! Whom a message claims to come from by other means than its address.
//!
//! A company number, a letterhead or a signature is copied as easily as a logo. So they are compared with who wrote: a
//! supplier whose number or name stands there, while the sender is on nobody's record, is claimed and not proven; a
//! number of one supplier in the mail of another is a contradiction. What is claimed never makes an account right.

use super::identity::{Senders, is_own, on_record, own_domains};
use super::supplier::Suppliers;
use crate::model::{
    ClaimedFacts, DirectoryAnswer, DirectoryKey, Domain, EmailAddress, Evidence, KnownDomains, MatchedBy,
    PartKind, SupplierHit, fold_name, is_free_mail,
};

pub(super) fn claimed(
    evidence: &Evidence,
    senders: &Senders,
    suppliers: &Suppliers,
    answer: &DirectoryAnswer,
) -> ClaimedFacts {
    let mut facts = ClaimedFacts {
        free_mail_of: free_mail_of(evidence, senders, answer)
            .map(|domain| domain.to_string())
            .unwrap_or_default(),
        ..ClaimedFacts::default()
    };
    let Some(author) = senders.author() else { return facts };
    if is_own(&evidence.organisation, author.domain()) && !evidence.auth.failed {
        return facts;
    }
    let by_number = suppliers
        .identified
        .iter()
        .find(|hit| matches!(hit.matched_by, MatchedBy::VatNumber | MatchedBy::CompanyNumber));
    let sender = suppliers.identified.iter().find(|hit| suppliers.vouched_by_address(&hit.id));
    match (sender, by_number) {
        (Some(sender), Some(other)) if !are_kin(sender, other) => {
            facts.number_of_other = true;
            facts.other.clone_from(&other.name);
        }
        (None, Some(hit)) if !on_record(answer, author) => claim(&mut facts, hit, hit.matched_by.as_str()),
        (None, None) if !on_record(answer, author) => {
            if let Some((hit, by)) = by_name(evidence, answer) {
                claim(&mut facts, hit, by);
            }
        }
        _ => {}
    }
    facts
}

fn claim(facts: &mut ClaimedFacts, hit: &SupplierHit, by: &str) {
    facts.elsewhere = true;
    by.clone_into(&mut facts.by);
    facts.supplier.clone_from(&hit.name);
}

/// Companies of one group share the first word of their names.
fn are_kin(one: &SupplierHit, other: &SupplierHit) -> bool {
    let first = |hit: &SupplierHit| fold_name(&hit.name).split(' ').next().map(str::to_owned);
    first(one) == first(other)
}

/// The supplier whose name stands in a letterhead, else in a signature.
fn by_name<'a>(evidence: &Evidence, answer: &'a DirectoryAnswer) -> Option<(&'a SupplierHit, &'static str)> {
    let hits = evidence.claims.names.iter().filter_map(|name| {
        let hit = answer.suppliers.get(&DirectoryKey::Name(fold_name(&name.value)))?.first()?;
        let by = if name.place.part == PartKind::Attachment { "letterhead" } else { "signature" };
        Some((hit, by))
    });
    hits.min_by_key(|(_, by)| *by)
}

/// The known domain whose name a free mailbox bears.
fn free_mail_of(evidence: &Evidence, senders: &Senders, answer: &DirectoryAnswer) -> Option<Domain> {
    let own: KnownDomains = own_domains(&evidence.organisation).cloned().collect();
    let strange = |address: &&EmailAddress| {
        let executive = evidence.organisation.executives.iter().any(|one| one.addresses.contains(address));
        is_free_mail(address.domain()) && !on_record(answer, address) && !executive
    };
    let addresses = senders.from.iter().chain(&senders.reply_to).filter(strange);
    addresses.take(4).find_map(|address| {
        let local = address.local().split('+').next().unwrap_or_default().to_lowercase();
        own.borne_by(&local).or_else(|| answer.known_domains.borne_by(&local)).cloned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::establish;
    use crate::facts::tests::plain_evidence;
    use crate::model::test_support::{address, message};
    use crate::model::{AuthResults, Facts, Place, Sourced};
    use std::sync::Arc;

    fn facts(sender: &str, names: &[(&str, PartKind)], numbers: &[&str]) -> Facts {
        let mut evidence = plain_evidence();
        evidence.message = Arc::new(message(sender, None));
        evidence.claims.tax_numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
        let named = |(name, part): &(&str, PartKind)| Sourced {
            value: (*name).to_owned(),
            place: Place::of(*part, 0),
        };
        evidence.claims.names = names.iter().map(named).collect();
        establish(&evidence)
    }

    #[test]
    fn what_is_claimed_is_compared_with_who_wrote() {
        let letterhead = [("ACME Building Supplies Ltd.", PartKind::Attachment)];
        let signature = [("Acme Building Supplies Limited", PartKind::Body)];
        let both = [signature[0], letterhead[0]];
        let stranger = [("Nobody We Know Ltd", PartKind::Attachment)];
        let acme = "GB980780684";
        type Row<'a> = (&'a str, &'a str, &'a [(&'a str, PartKind)], &'a [&'a str], &'a str, &'a str);
        let rows: [Row<'_>; 10] = [
            ("letterhead from elsewhere", "x@evil.example", &letterhead, &[], "letterhead", ""),
            ("signature from elsewhere", "x@evil.example", &signature, &[], "signature", ""),
            ("both: the letterhead is shown", "x@evil.example", &both, &[], "letterhead", ""),
            ("tax number from elsewhere", "x@evil.example", &letterhead, &[acme], "vat_number", ""),
            ("the supplier itself", "x@acmebuilding.co.uk", &letterhead, &[acme], "", ""),
            ("its mailbox on record", "acme.supplies@gmail.com", &letterhead, &[acme], "", ""),
            ("one's own people pass it on", "jo@contoso.example", &letterhead, &[acme], "", ""),
            ("an unknown name", "x@evil.example", &stranger, &[], "", ""),
            (
                "another supplier's number",
                "x@boltfixings.example",
                &[],
                &[acme],
                "",
                "Acme Building Supplies",
            ),
            ("another supplier's letterhead alone", "x@boltfixings.example", &letterhead, &[], "", ""),
        ];
        for (name, sender, names, numbers, by, other) in rows {
            let claimed = facts(sender, names, numbers).claimed;
            assert_eq!((claimed.by.as_str(), claimed.elsewhere), (by, !by.is_empty()), "{name}: {claimed:?}");
            assert_eq!(
                (claimed.other.as_str(), claimed.number_of_other),
                (other, !other.is_empty()),
                "{name}"
            );
        }
    }

    #[test]
    fn one_s_own_domain_forged_is_a_stranger() {
        let mut evidence = plain_evidence();
        evidence.message = Arc::new(message("jo@contoso.example", None));
        evidence.claims.tax_numbers = vec!["GB980780684".to_owned()];
        evidence.auth = AuthResults { known: true, failed: true, ..AuthResults::default() };
        assert!(establish(&evidence).claimed.elsewhere);
    }

    #[test]
    fn free_mailboxes_in_a_known_name() {
        for (sender, expected) in [
            ("acmebuilding@gmail.com", "acmebuilding.co.uk"),
            ("acme-building.accounts+1@outlook.com", "acmebuilding.co.uk"),
            ("contoso.billing@gmail.com", "contoso.example"),
            ("acme.supplies@gmail.com", ""),
            ("john@gmail.com", ""),
            ("acmebuilding@acmebuilding.co.uk", ""),
        ] {
            assert_eq!(facts(sender, &[], &[]).claimed.free_mail_of, expected, "{sender}");
        }
        let mut evidence = plain_evidence();
        let mut mail = message("a@acmebuilding.co.uk", None);
        mail.reply_to = vec![crate::model::test_support::mailbox("boltfixings@gmail.com")];
        evidence.message = Arc::new(mail);
        assert_eq!(establish(&evidence).claimed.free_mail_of, "boltfixings.example");
    }

    #[test]
    fn recipients_by_blind_copy_are_told() {
        for (to, hidden, to_sender) in [
            (vec!["accounts@contoso.example"], false, false),
            (vec!["ACCOUNTS@contoso.example", "x@else.example"], false, false),
            (vec!["x@else.example"], true, false),
            (vec!["a@stranger.example"], true, true),
            (vec![], true, false),
        ] {
            let mut evidence = plain_evidence();
            let mut mail = message("a@stranger.example", None);
            mail.to = to.iter().map(|to| crate::model::test_support::mailbox(to)).collect();
            evidence.message = Arc::new(mail);
            assert_eq!(evidence.recipients[0].address, address("accounts@contoso.example"));
            let facts = establish(&evidence).mail;
            assert_eq!((facts.hidden_recipients, facts.to_sender), (hidden, to_sender), "{to:?}");
        }
    }
}
