//! The directory and organisation that `check` judges with when no supplier file is named: the installation's own.

use crate::adapters::directory::Directory;
use crate::adapters::directory::memory::MemoryDirectory;
use crate::adapters::dns;
use crate::adapters::workers;
use crate::cli::{Failure, Globals, open};
use crate::model::{DirectoryAnswer, DirectoryQuery, Lookup, Organisation, OwnRules};
use crate::ports::SupplierDirectory;
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::time::Instant;

/// What a configured installation knows.
pub struct Installed {
    /// With its mailboxes, domains and executives.
    pub(super) organisation: Organisation,
    /// Its suppliers and own accounts, as the mail path asks for them.
    pub(super) directory: Arc<dyn SupplierDirectory>,
    /// Whom to ask for names.
    pub(super) dns: dns::Options,
    /// How documents are read.
    pub(super) documents: workers::Options,
    /// Folder of own rules.
    pub(super) rules: Option<PathBuf>,
}

impl Installed {
    /// Opens the installation that `--config` names; nothing is written but a newer schema.
    pub(in crate::cli) async fn open(globals: &Globals) -> Result<Self, Failure> {
        let at = open(globals).await?;
        let organisation = at.organisation(globals).await?;
        // Without Redis: one run asks too little to gain from a cache.
        let keyring = Arc::clone(at.store.keyring());
        let directory = Arc::new(Directory::new(at.store.database().clone(), keyring, None));
        let dns = dns::Options { servers: at.config.next_hop.dns_servers, ..dns::Options::default() };
        let (documents, rules) = (at.config.documents, at.config.rules);
        Ok(Self { organisation, directory, dns, documents, rules })
    }

    /// What the organisation changes about the rules.
    pub(in crate::cli) fn own_rules(&self) -> OwnRules {
        self.organisation.own_rules.as_deref().cloned().unwrap_or_default()
    }
}

/// A directory that knows some more accounts: those of `--own`.
pub(super) struct WithOwn {
    pub(super) directory: Arc<dyn SupplierDirectory>,
    pub(super) own: MemoryDirectory,
}

#[async_trait]
impl SupplierDirectory for WithOwn {
    async fn look_up(
        &self,
        organisation: &Organisation,
        query: DirectoryQuery,
        deadline: Instant,
    ) -> Lookup<DirectoryAnswer> {
        let more = self.own.look_up(organisation, query.clone(), deadline).await;
        match (self.directory.look_up(organisation, query, deadline).await, more) {
            (Lookup::Found(mut answer), Lookup::Found(more)) => {
                for (key, hits) in more.accounts {
                    answer.accounts.entry(key).or_default().extend(hits);
                }
                Lookup::Found(answer)
            }
            (Lookup::NotFound, more) => more,
            (answer, _) => answer,
        }
    }
}
