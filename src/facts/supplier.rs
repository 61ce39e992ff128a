//! Which supplier a message belongs to.
//!
//! Address, domain, tax number and company number identify; a name alone only claims. Several suppliers may be
//! identified at once (a shared domain, a tax number of another company of the group): all of their records count for
//! comparing accounts, and the one with the strongest kind of key is shown.

use super::identity::Senders;
use crate::model::{
    DirectoryAnswer, DirectoryKey, Domain, EmailAddress, Evidence, MatchedBy, SupplierFacts, SupplierHit,
    SupplierId, fold_name, is_free_mail,
};

/// The suppliers that keys led to.
#[derive(Debug, Default)]
pub(super) struct Suppliers {
    /// Identified, strongest first, each once.
    pub(super) identified: Vec<SupplierHit>,
    /// Claimed by name and not identified.
    pub(super) claimed: Vec<SupplierHit>,
}

impl Suppliers {
    pub(super) fn recognise(evidence: &Evidence, senders: &Senders, answer: &DirectoryAnswer) -> Self {
        let mut suppliers = Self::default();
        if let Some(author) = senders.author() {
            suppliers.identify(answer, &DirectoryKey::Address(author.clone()), MatchedBy::Address);
            for domain in domains(author) {
                suppliers.identify(answer, &DirectoryKey::Domain(domain), MatchedBy::Domain);
            }
        }
        for number in &evidence.claims.tax_numbers {
            suppliers.identify(answer, &DirectoryKey::TaxNumber(number.clone()), MatchedBy::VatNumber);
        }
        for number in &evidence.claims.company_numbers {
            suppliers.identify(
                answer,
                &DirectoryKey::CompanyNumber(number.clone()),
                MatchedBy::CompanyNumber,
            );
        }
        for name in evidence.message.from.iter().take(1).filter_map(|mailbox| mailbox.name.as_deref()) {
            let short: String = name.chars().take(200).collect();
            let hits = answer.suppliers.get(&DirectoryKey::Name(fold_name(&short)));
            for hit in hits.into_iter().flatten() {
                if !suppliers.knows(&hit.id) {
                    suppliers.claimed.push(SupplierHit { matched_by: MatchedBy::Name, ..hit.clone() });
                }
            }
        }
        suppliers
    }

    fn identify(&mut self, answer: &DirectoryAnswer, key: &DirectoryKey, by: MatchedBy) {
        for hit in answer.suppliers.get(key).into_iter().flatten() {
            if !self.is_identified(&hit.id) {
                self.identified.push(SupplierHit { matched_by: by, ..hit.clone() });
            }
        }
    }

    fn knows(&self, id: &SupplierId) -> bool {
        self.identified.iter().chain(&self.claimed).any(|hit| hit.id == *id)
    }

    pub(super) fn is_identified(&self, id: &SupplierId) -> bool {
        self.identified.iter().any(|hit| hit.id == *id)
    }

    pub(super) fn is_claimed(&self, id: &SupplierId) -> bool {
        self.claimed.iter().any(|hit| hit.id == *id)
    }

    /// Whether the sender's own address or domain stands on this supplier's record: only that makes a name theirs. A
    /// tax number printed in the mail proves nothing about who wrote it.
    pub(super) fn vouched_by_address(&self, id: &SupplierId) -> bool {
        let by_sender = |hit: &&SupplierHit| matches!(hit.matched_by, MatchedBy::Address | MatchedBy::Domain);
        self.identified.iter().filter(by_sender).any(|hit| hit.id == *id)
    }

    pub(super) fn facts(&self) -> SupplierFacts {
        let Some(hit) = self.identified.first().or_else(|| self.claimed.first()) else {
            return SupplierFacts::default();
        };
        SupplierFacts {
            identified: !self.identified.is_empty(),
            claimed: self.identified.is_empty(),
            id: hit.id.0.clone(),
            name: hit.name.clone(),
            matched_by: hit.matched_by.as_str().to_owned(),
            has_accounts: self.identified.iter().chain(&self.claimed).any(|hit| hit.has_accounts),
            ambiguous: self.identified.len() > 1,
        }
    }
}

/// The domains that may identify an address's owner: none for a free mail provider.
fn domains(address: &EmailAddress) -> Vec<Domain> {
    let exact = address.domain();
    if is_free_mail(exact) {
        return Vec::new();
    }
    let mut domains = vec![exact.clone()];
    domains.extend(Domain::parse(exact.registrable()).ok().filter(|registrable| registrable != exact));
    domains
}
