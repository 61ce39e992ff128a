//! A directory held in memory: the suppliers of one file, for offline checks and tests.

use crate::model::{
    Account, AccountHit, AccountKey, AccountState, DirectoryAnswer, DirectoryKey, DirectoryQuery,
    KnownDomains, Lookup, MatchedBy, Organisation, SupplierHit, SupplierRecord, fold_name, fold_phone,
    is_free_mail,
};
use crate::ports::SupplierDirectory;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;

/// Supplier records with an index per key. Answers at once and always.
#[derive(Debug, Default)]
pub struct MemoryDirectory {
    suppliers: HashMap<DirectoryKey, Vec<SupplierHit>>,
    accounts: HashMap<AccountKey, Vec<AccountHit>>,
    known_domains: Arc<KnownDomains>,
}

impl MemoryDirectory {
    /// Indexes records and the organisation's own accounts.
    #[must_use]
    pub fn new(records: &[SupplierRecord], own: &[Account], organisation: &str) -> Self {
        let mut directory = Self::default();
        let mut known_domains = Vec::new();
        for record in records {
            directory.add(record);
            let domains = record.domains.iter().filter(|domain| !is_free_mail(domain));
            known_domains.extend(domains.map(|domain| (domain.clone(), record.id.clone())));
        }
        for account in own {
            directory.accounts.entry(account.comparison_key()).or_default().push(AccountHit {
                supplier: None,
                supplier_name: organisation.to_owned(),
                state: AccountState::Own,
            });
        }
        directory.known_domains = Arc::new(KnownDomains::new(known_domains));
        directory
    }

    fn add(&mut self, record: &SupplierRecord) {
        let emails =
            record.emails.iter().map(|email| (DirectoryKey::Address(email.clone()), MatchedBy::Address));
        // A free mail provider's domain would make everybody there this supplier.
        let domains = record.domains.iter().filter(|domain| !is_free_mail(domain));
        let domains = domains.map(|domain| (DirectoryKey::Domain(domain.clone()), MatchedBy::Domain));
        let tax = record
            .vat_number
            .iter()
            .map(|number| (DirectoryKey::TaxNumber(number.clone()), MatchedBy::VatNumber));
        let company = record.company_number.iter();
        let company =
            company.map(|number| (DirectoryKey::CompanyNumber(number.clone()), MatchedBy::CompanyNumber));
        let names = std::iter::once(&record.name).chain(&record.aliases).map(|name| fold_name(name));
        let names =
            names.filter(|name| !name.is_empty()).map(|name| (DirectoryKey::Name(name), MatchedBy::Name));
        let has_accounts = record.accounts.iter().any(|account| account.state != AccountState::Pending);
        let phones = record.phones.iter().map(|phone| fold_phone(phone)).filter(|phone| !phone.is_empty());
        let phones = phones.map(|phone| (DirectoryKey::Phone(phone), MatchedBy::Name));
        let country = record.country.clone().unwrap_or_default();
        for (key, matched_by) in emails.chain(domains).chain(tax).chain(company).chain(names).chain(phones) {
            let hits = self.suppliers.entry(key).or_default();
            if !hits.iter().any(|hit| hit.id == record.id) {
                hits.push(SupplierHit {
                    id: record.id.clone(),
                    name: record.name.clone(),
                    has_accounts,
                    country: country.clone(),
                    has_phone: !record.phones.is_empty(),
                    matched_by,
                });
            }
        }
        for entry in &record.accounts {
            self.accounts.entry(entry.account.comparison_key()).or_default().push(AccountHit {
                supplier: Some(record.id.clone()),
                supplier_name: record.name.clone(),
                state: entry.state,
            });
        }
    }
}

#[async_trait]
impl SupplierDirectory for MemoryDirectory {
    async fn look_up(
        &self,
        _organisation: &Organisation,
        query: DirectoryQuery,
        _deadline: Instant,
    ) -> Lookup<DirectoryAnswer> {
        let mut answer =
            DirectoryAnswer { known_domains: Arc::clone(&self.known_domains), ..DirectoryAnswer::default() };
        for key in query.keys {
            if let DirectoryKey::Account(account) = key {
                if let Some(hits) = self.accounts.get(&account) {
                    answer.accounts.insert(account, hits.clone());
                }
            } else if let Some(hits) = self.suppliers.get(&key) {
                answer.suppliers.insert(key, hits.clone());
            }
        }
        Lookup::Found(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Domain, EmailAddress, SupplierId};

    #[tokio::test]
    async fn answers_only_what_is_asked_and_on_record() {
        let acme = SupplierRecord {
            id: SupplierId("SUP-1".into()),
            name: "Acme Ltd".into(),
            aliases: vec![],
            domains: vec![Domain::parse("acme.example").unwrap(), Domain::parse("gmail.com").unwrap()],
            emails: vec![EmailAddress::parse("acme@gmail.com").unwrap()],
            phones: vec![],
            vat_number: None,
            company_number: None,
            country: None,
            accounts: vec![],
        };
        let directory = MemoryDirectory::new(&[acme], &[], "Contoso");
        let organisation = crate::model::test_support::organisation();
        let keys = vec![
            DirectoryKey::Domain(Domain::parse("acme.example").unwrap()),
            DirectoryKey::Domain(Domain::parse("gmail.com").unwrap()),
            DirectoryKey::Address(EmailAddress::parse("ACME@gmail.com").unwrap()),
            DirectoryKey::Name("acme".into()),
        ];
        let answer =
            directory.look_up(&organisation, DirectoryQuery { keys: keys.clone() }, Instant::now()).await;
        let Lookup::Found(answer) = answer else { panic!("memory always answers") };
        let found: Vec<bool> = keys.iter().map(|key| answer.suppliers.contains_key(key)).collect();
        assert_eq!(found, [true, false, true, true]);
        assert_eq!(answer.known_domains.len(), 1);
    }
}
