//! An erasure: walk after walk, some rows a transaction, each with what the erasure's row says of them.

use super::super::error::{StoreError, damaged};
use super::super::retention::standing;
use super::super::{Store, decisions};
use super::fate::Fate;
use super::find::Hit;
use super::places::{Walk, walks};
use super::runs::{Erasure, Taken};
use super::subject::Subject;
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{EmailAddress, HeldState, OrgId, QuarantineId};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

impl Store {
    /// Erases what goes. Killed anywhere, the next run goes on; what a legal hold or undecided mail keeps stays.
    ///
    /// # Errors
    /// [`StoreError`] of database, object store and keys: what went so far is noted.
    pub async fn run_erasure(&self, erasure: &Erasure, subject: &Subject) -> Result<(), StoreError> {
        for walk in walks() {
            let mut after = None;
            loop {
                let began = Instant::now();
                let found = self.find(erasure.org, subject, walk, after.as_ref()).await?;
                if !found.hits.is_empty() {
                    if matches!(walk, Walk::Quarantine) {
                        self.take_bodies(erasure, &found.hits).await?;
                    }
                    self.take_rows(erasure, &found.hits).await?;
                    // Mail gets the database for as long as this had it.
                    sleep(began.elapsed().clamp(limits::RETENTION_PAUSE, Duration::from_secs(1))).await;
                }
                match found.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Applies an erasure to a database that was restored from a backup made before it. Returns the rows that went;
    /// `None` when this database has seen the erasure.
    ///
    /// # Errors
    /// [`StoreError`] of database, object store and keys: the next try goes on.
    pub async fn replay_erasure(
        &self,
        org: OrgId,
        id: &str,
        (address, suppliers): (&EmailAddress, bool),
        actor: &str,
    ) -> Result<Option<u64>, StoreError> {
        let subject = self.subject(org, address)?;
        let Some(erasure) = self.begin_replay(org, id, &subject, suppliers, actor).await? else {
            return Ok(None);
        };
        self.run_erasure(&erasure, &subject).await?;
        let erased = self.erased_so_far(&erasure).await?;
        self.end_erasure(&erasure, AuditAction::PrivacyReplay).await?;
        Ok(Some(erased.values().sum()))
    }

    /// The bodies of entries that go. Row first: a crash leaves a body whose entry is found again, because its row still
    /// names the person.
    async fn take_bodies(&self, erasure: &Erasure, hits: &[Hit]) -> Result<(), StoreError> {
        let (org, mut bodies) = (erasure.org, Vec::new());
        let mut write = self.database.scope(org).write().await?;
        let holds = standing(&mut write, org).await?;
        for hit in hits {
            if self.fate(&mut write, org, hit, &holds, erasure.suppliers).await? != Fate::Goes {
                continue;
            }
            let id: QuarantineId = hit.id().parse().map_err(|_| damaged("quarantine entry"))?;
            bodies.push(id);
            let from = super::super::quarantine::state_of(&mut write, org, id).await?;
            if from != HeldState::Deleted {
                decisions::step(&mut write, org, id, HeldState::Deleted, self.clock.now_ms()).await?;
                let detail = json!({ "from": from.as_str(), "to": HeldState::Deleted.as_str() });
                let action = AuditAction::QuarantineDeleted;
                self.note(&mut write, org, &erasure.actor, action, &id.to_string(), detail).await?;
            }
        }
        write.commit().await?;
        for id in bodies {
            self.bodies.delete(org, id).await?;
        }
        Ok(())
    }

    async fn take_rows(&self, erasure: &Erasure, hits: &[Hit]) -> Result<(), StoreError> {
        let (org, mut taken) = (erasure.org, Taken::new());
        let mut write = self.database.scope(org).write().await?;
        let holds = standing(&mut write, org).await?;
        for hit in hits {
            let fate = self.fate(&mut write, org, hit, &holds, erasure.suppliers).await?;
            if fate == Fate::Goes && self.redact(&mut write, erasure, hit).await? {
                let count = taken.entry(hit.walk.place()).or_default();
                *count = count.saturating_add(1);
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        self.note_taken(&mut write, erasure, &taken).await?;
        write.commit().await
    }
}
