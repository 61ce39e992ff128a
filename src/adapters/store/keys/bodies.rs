//! Sealing the bodies of held mail anew. An entry's row names the key of its body: the body is replaced first, then the
//! row says so, and a crash in between is found by looking at the body itself.

use super::super::database::Durability;
use super::super::quarantine::{body_context, state_of};
use super::super::{Store, StoreError};
use super::reseal::Batch;
use crate::adapters::keyring::KeyPurpose;
use crate::limits;
use crate::model::{HeldState, OrgId, QuarantineId};
use sqlx::AnyConnection;
use std::sync::Arc;

/// Notes which key an entry's body is under.
pub(in crate::adapters::store) async fn note_body(
    write: &mut AnyConnection,
    org: OrgId,
    id: QuarantineId,
    key: u32,
) -> Result<(), StoreError> {
    let sql = "UPDATE quarantine SET body_key_id = $1 WHERE org_id = $2 AND id = $3";
    let query = sqlx::query(sql).bind(i64::from(key)).bind(org.to_string()).bind(id.to_string());
    query.execute(write).await?;
    Ok(())
}

/// What became of one body.
enum Body {
    /// Sealed anew, or there is none: nothing of it is under an old key.
    Clean,
    /// It does not open.
    Unreadable,
}

impl Store {
    /// Seals the next bodies that are not under the active key. `None` as cursor at the end.
    pub(super) async fn reseal_bodies(
        &self,
        org: OrgId,
        after: Option<&str>,
    ) -> Result<(Batch, Option<String>), StoreError> {
        let active = self.keyring.active_id(org, KeyPurpose::Data)?;
        let sql = "SELECT id FROM quarantine WHERE org_id = $1 AND body_key_id <> $2 AND state <> 'deleted' \
                   AND id > $3 ORDER BY id LIMIT $4";
        let query = sqlx::query_scalar::<_, String>(sql).bind(org.to_string()).bind(i64::from(active));
        let query = query.bind(after.unwrap_or_default().to_owned()).bind(limits::KEY_BODY_BATCH);
        let mut read = self.database.scope(org).read().await?;
        let ids = query.fetch_all(&mut *read).await?;
        drop(read);
        let mut batch = Batch::default();
        for id in &ids {
            let Ok(entry) = id.parse::<QuarantineId>() else { continue };
            batch.seen = batch.seen.saturating_add(1);
            match self.reseal_body(org, entry).await? {
                Body::Clean => {
                    let mut write = self.database.scope(org).write_as(Durability::Quick).await?;
                    note_body(&mut write, org, entry, active).await?;
                    self.note_progress(&mut write, org, KeyPurpose::Data, 1).await?;
                    write.commit().await?;
                    batch.done = batch.done.saturating_add(1);
                }
                Body::Unreadable => batch.unreadable = batch.unreadable.saturating_add(1),
            }
        }
        let full = i64::try_from(ids.len()).unwrap_or(i64::MAX) >= limits::KEY_BODY_BATCH;
        Ok((batch, ids.last().filter(|_| full).cloned()))
    }

    async fn reseal_body(&self, org: OrgId, id: QuarantineId) -> Result<Body, StoreError> {
        let Some(sealed) = self.bodies.read(org, id).await? else {
            tracing::error!(quarantine = %id, "the body of a held message is missing");
            return Ok(Body::Clean);
        };
        let keyring = Arc::clone(&self.keyring);
        let anew = tokio::task::spawn_blocking(move || keyring.reseal(org, &body_context(id), &sealed)).await;
        match anew.map_err(|error| StoreError::Unavailable(error.to_string()))? {
            Ok(None) => Ok(Body::Clean),
            Ok(Some(anew)) => self.replace_sealed(org, id, anew).await,
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tracing::error!(quarantine = %id, %error, "the body of a held message cannot be opened and stays as it is");
                Ok(Body::Unreadable)
            }
        }
    }

    async fn replace_sealed(&self, org: OrgId, id: QuarantineId, anew: Vec<u8>) -> Result<Body, StoreError> {
        self.bodies.write(org, id, anew).await?;
        // Deleted meanwhile: it must not come back.
        let mut read = self.database.scope(org).read().await?;
        if state_of(&mut read, org, id).await? == HeldState::Deleted {
            self.bodies.delete(org, id).await?;
        }
        Ok(Body::Clean)
    }
}
