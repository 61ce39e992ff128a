//! One message's questions: under which names they are cached, and how the answers come together.

use super::{Directory, Hits, KnownDomains};
use crate::limits;
use crate::model::{DirectoryAnswer, DirectoryKey, DirectoryQuery, Fingerprint, MatchedBy, OrgId};
use crate::ports::{Keyring, PortError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One key of a query with the name under which it is cached.
pub(super) struct Asked {
    pub(super) key: DirectoryKey,
    /// `address`, `domain`, …: part of the name in Redis.
    pub(super) kind: &'static str,
    pub(super) fingerprint: Fingerprint,
}

/// What one message has been answered so far.
pub(super) struct View {
    pub(super) org: OrgId,
    /// The newest generation that this message has heard of.
    pub(super) generation: i64,
    /// The subscription under which the process's cache counts; read first: an answer read across a reconnect must
    /// not be trusted afterwards. `None` while there is none.
    pub(super) epoch: Option<u64>,
    pub(super) found: BTreeMap<Fingerprint, Arc<Hits>>,
}

impl View {
    pub(super) fn missing<'a>(&self, asked: &'a [Asked]) -> Vec<&'a Asked> {
        asked.iter().filter(|one| !self.found.contains_key(&one.fingerprint)).collect()
    }

    /// Takes answers in. Something newer than before makes the earlier ones old.
    pub(super) fn accept(
        &mut self,
        generation: i64,
        found: impl IntoIterator<Item = (Fingerprint, Arc<Hits>)>,
    ) {
        if generation > self.generation {
            self.generation = generation;
            self.found.clear();
        }
        self.found.extend(found);
    }
}

impl Directory {
    /// Fingerprints the keys; more than `limits::MAX_DIRECTORY_KEYS` are not asked.
    pub(super) fn name(&self, org: OrgId, query: DirectoryQuery) -> Result<Vec<Asked>, PortError> {
        let keys = query.keys.into_iter().take(limits::MAX_DIRECTORY_KEYS);
        keys.map(|key| {
            let (kind, fingerprint) = match &key {
                DirectoryKey::Account(account) => ("account", self.keyring.fingerprint(org, account)?),
                DirectoryKey::Address(address) => text(&*self.keyring, org, "address", &address.folded())?,
                DirectoryKey::Domain(domain) => text(&*self.keyring, org, "domain", domain.as_str())?,
                DirectoryKey::Name(name) => text(&*self.keyring, org, "name", name)?,
                DirectoryKey::TaxNumber(number) => text(&*self.keyring, org, "vat", number)?,
                DirectoryKey::CompanyNumber(number) => text(&*self.keyring, org, "company", number)?,
                DirectoryKey::Phone(number) => text(&*self.keyring, org, "phone", number)?,
            };
            Ok(Asked { key, kind, fingerprint })
        })
        .collect()
    }
}

fn text(
    keyring: &dyn Keyring,
    org: OrgId,
    kind: &'static str,
    text: &str,
) -> Result<(&'static str, Fingerprint), PortError> {
    Ok((kind, keyring.fingerprint_text(org, kind, text)?))
}

pub(super) fn assemble(
    asked: &[Asked],
    found: &BTreeMap<Fingerprint, Arc<Hits>>,
    known_domains: KnownDomains,
) -> DirectoryAnswer {
    let mut answer = DirectoryAnswer { known_domains, ..DirectoryAnswer::default() };
    for one in asked {
        let Some(hits) = found.get(&one.fingerprint) else { continue };
        match &one.key {
            DirectoryKey::Account(account) if !hits.accounts.is_empty() => {
                answer.accounts.insert(account.clone(), hits.accounts.clone());
            }
            DirectoryKey::Account(_) => {}
            key if !hits.suppliers.is_empty() => {
                answer.suppliers.insert(key.clone(), hits.suppliers.clone());
            }
            _ => {}
        }
    }
    answer
}

/// What led to a supplier, by the kind of key.
pub(super) fn matched_by(key: &DirectoryKey) -> MatchedBy {
    match key {
        DirectoryKey::Address(_) => MatchedBy::Address,
        DirectoryKey::Domain(_) => MatchedBy::Domain,
        DirectoryKey::TaxNumber(_) => MatchedBy::VatNumber,
        DirectoryKey::CompanyNumber(_) => MatchedBy::CompanyNumber,
        // A number identifies nobody: it is only compared with those of who is known.
        DirectoryKey::Name(_) | DirectoryKey::Phone(_) | DirectoryKey::Account(_) => MatchedBy::Name,
    }
}
