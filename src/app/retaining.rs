//! Purges, as the job sees them.

use crate::adapters::store::{Store, StoreError};
use crate::model::OrgId;
use crate::ports::{PortError, PurgeDone, Retain};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// The store, as the purging job sees it.
pub(super) struct Retaining(pub(super) Arc<Store>);

#[async_trait]
impl Retain for Retaining {
    async fn due(&self, every: Duration) -> Result<Vec<OrgId>, PortError> {
        let mut due = Vec::new();
        for organisation in self.0.organisations().await? {
            match self.0.retention_due(organisation.id, every).await {
                Ok(true) => due.push(organisation.id),
                Ok(false) => {}
                // Its own database may have gone away; the others' purges are due all the same.
                Err(error) => tracing::warn!(org.id = %organisation.id, %error, "a purge was not looked for"),
            }
        }
        Ok(due)
    }

    async fn purge(&self, org: OrgId) -> Result<Option<PurgeDone>, PortError> {
        let Some(organisation) = self.0.organisation(org).await? else { return Ok(None) };
        let run = match self.0.purge(org, &organisation.preferences, "system").await {
            Err(StoreError::Conflict(_)) => return Ok(None),
            other => other?,
        };
        let removed = run.classes.iter().map(|part| (part.class, part.count)).collect();
        Ok(Some(PurgeDone { org, removed }))
    }
}
