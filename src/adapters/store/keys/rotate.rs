//! The story of a rotation, from a key that nobody uses yet to an old one that nothing is under.

use super::super::{Store, StoreError, WriteTransaction, config_changed, directory_changed};
use super::fingerprints::FINGERPRINTS;
use super::reseal::Batch;
use super::sealed::SEALED;
use super::{insert, of_one};
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::{KeyPurpose, KeyState};
use crate::limits;
use crate::model::OrgId;
use serde_json::json;
use sqlx::{AnyConnection, Row as _};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProgress {
    /// Of which key.
    pub purpose: KeyPurpose,
    /// What is being done, in words.
    pub step: &'static str,
    /// Values done.
    pub done: u64,
    /// Values there were at the start; more may come.
    pub total: u64,
}

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// Of which key.
    pub purpose: KeyPurpose,
    /// The new key.
    pub key_id: u32,
    /// It went on where an earlier run had ended.
    pub resumed: bool,
    /// Values sealed or fingerprinted anew by this run.
    pub done: u64,
    /// Values that do not open, or do not fit their fingerprint: they stay as they are, and so does the old key.
    pub unreadable: u64,
}

/// A rotation under way.
struct Rotation {
    key_id: u32,
    working: bool,
    resumed: bool,
    done: u64,
    total: u64,
    /// When the key's present state began, Unix milliseconds.
    since: i64,
}

impl Store {
    /// Rotates one key of an organisation, or goes on with the rotation that is under way. Mail flows meanwhile. Every
    /// node gets `settle` to take up what changed; `limits::KEY_SETTLE` is right for all that run.
    ///
    /// # Errors
    /// [`StoreError`] of database, disk and keys: what is done is done, and a next call goes on.
    pub async fn rotate_key(
        &self,
        org: OrgId,
        purpose: KeyPurpose,
        settle: Duration,
        actor: &str,
        progress: &mut (dyn FnMut(KeyProgress) + Send),
    ) -> Result<KeyReport, StoreError> {
        let mut rotation = self.begin_rotation(org, purpose, actor).await?;
        self.load().await?;
        let mut tell = |step, rotation: &Rotation| {
            progress(KeyProgress { purpose, step, done: rotation.done, total: rotation.total });
        };
        if !rotation.working {
            tell("every node learns the new key", &rotation);
            self.settled(rotation.since, settle).await;
            rotation = self.activate(org, purpose, actor, rotation).await?;
            self.load().await?;
        }
        let mut all = Batch::default();
        if purpose != KeyPurpose::Signing {
            tell("every node uses the new key", &rotation);
            self.settled(rotation.since, settle).await;
            for _ in 0..limits::KEY_PASSES {
                let mut note = |batch: Batch| {
                    rotation.done = rotation.done.saturating_add(batch.done);
                    tell("values", &rotation);
                };
                let pass = match purpose {
                    KeyPurpose::Data => self.reseal_pass(org, &mut note).await?,
                    _ => self.refingerprint_pass(org, &mut note).await?,
                };
                all = Batch { unreadable: pass.unreadable, ..all };
                all.done = all.done.saturating_add(pass.done);
                if pass.seen == pass.unreadable {
                    break;
                }
            }
        }
        self.end_rotation(org, purpose, actor, &rotation, all).await?;
        let (key_id, resumed) = (rotation.key_id, rotation.resumed);
        Ok(KeyReport { purpose, key_id, resumed, done: all.done, unreadable: all.unreadable })
    }

    /// Wraps an organisation's keys by the current master key. Returns how many were under another.
    ///
    /// # Errors
    /// [`StoreError`] of the database; of the keys when a key is under a master key that is not known.
    pub async fn rewrap_keys(&self, org: OrgId, actor: &str) -> Result<u64, StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let mut count = 0_u64;
        for row in of_one(&mut write, org).await? {
            let Some(wrapped) = self.keyring.rewrap(org, &row.key)? else { continue };
            sqlx::query(
                "UPDATE org_keys SET wrapped = $1 WHERE org_id = $2 AND purpose = $3 AND key_id = $4 AND state = $5",
            )
            .bind(wrapped)
            .bind(org.to_string())
            .bind(row.key.purpose.as_str())
            .bind(i64::from(row.key.key_id))
            .bind(row.key.state.as_str())
            .execute(&mut *write)
            .await?;
            count = count.saturating_add(1);
        }
        if count > 0 {
            let detail = json!({ "keys": count, "master": format!("{:08x}", self.keyring.master_id()) });
            self.note(&mut write, org, actor, AuditAction::KeysRewrap, "master", detail).await?;
        }
        write.commit().await?;
        Ok(count.saturating_add(self.rewrap_pin(org).await?))
    }

    /// Finds the rotation that is under way, or begins one: a new key, used by nobody.
    async fn begin_rotation(
        &self,
        org: OrgId,
        purpose: KeyPurpose,
        actor: &str,
    ) -> Result<Rotation, StoreError> {
        let total = self.count_for(org, purpose).await?;
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        let keys = of_one(&mut write, org).await?;
        let of_purpose = || keys.iter().filter(|row| row.key.purpose == purpose);
        if let Some(rotation) = unfinished(&mut write, org, purpose).await? {
            let key = of_purpose().find(|row| row.key.key_id == rotation.key_id);
            return Ok(Rotation { since: key.map_or(0, |row| row.changed_at), ..rotation });
        }
        let held = of_purpose().filter(|row| row.key.state != KeyState::Public).count();
        if held >= limits::MAX_KEY_VERSIONS {
            return Err(StoreError::Invalid(format!(
                "there are {held} {} keys already; `sentra keys status` says what keeps the old ones",
                purpose.as_str()
            )));
        }
        let newest = of_purpose().map(|row| row.key.key_id).max().unwrap_or(0);
        let key_id = newest.saturating_add(1);
        let key = self.keyring.generate_one(org, purpose, key_id, KeyState::Staged)?;
        insert(&mut write, org, &key, now).await?;
        sqlx::query(
            "INSERT INTO key_rotations (org_id, purpose, key_id, phase, done, total, started_at, updated_at) \
             VALUES ($1, $2, $3, 'staged', 0, $4, $5, $5) ON CONFLICT (org_id, purpose) DO UPDATE SET \
             key_id = excluded.key_id, phase = 'staged', done = 0, total = excluded.total, \
             started_at = excluded.started_at, updated_at = excluded.updated_at",
        )
        .bind(org.to_string())
        .bind(purpose.as_str())
        .bind(i64::from(key_id))
        .bind(i64::try_from(total).unwrap_or(i64::MAX))
        .bind(now)
        .execute(&mut *write)
        .await?;
        let detail = json!({ "key": key_id });
        self.note(&mut write, org, actor, AuditAction::KeysRotate, purpose.as_str(), detail).await?;
        config_changed(&mut write).await?;
        write.commit().await?;
        Ok(Rotation { key_id, working: false, resumed: false, done: 0, total, since: now })
    }

    /// The new key becomes the active one, the one before it old.
    async fn activate(
        &self,
        org: OrgId,
        purpose: KeyPurpose,
        actor: &str,
        rotation: Rotation,
    ) -> Result<Rotation, StoreError> {
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        // Another run may have been faster.
        if unfinished(&mut write, org, purpose).await?.is_some_and(|found| !found.working) {
            for (from, to, ids) in [("active", "old", "<>"), ("staged", "active", "=")] {
                // All parts of the text are literals of this file.
                let sql = format!(
                    "UPDATE org_keys SET state = '{to}', changed_at = $1 \
                     WHERE org_id = $2 AND purpose = $3 AND state = '{from}' AND key_id {ids} $4"
                );
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(now)
                    .bind(org.to_string())
                    .bind(purpose.as_str())
                    .bind(i64::from(rotation.key_id))
                    .execute(&mut *write)
                    .await?;
            }
            phase(&mut write, org, purpose, "working", now).await?;
            let detail = json!({ "key": rotation.key_id });
            self.note(&mut write, org, actor, AuditAction::KeysActivate, purpose.as_str(), detail).await?;
            if purpose == KeyPurpose::Fingerprint {
                // What caches hold is named by fingerprints of the key before.
                directory_changed(&mut write, org).await?;
            }
            config_changed(&mut write).await?;
            write.commit().await?;
        }
        Ok(Rotation { working: true, since: now, ..rotation })
    }

    async fn end_rotation(
        &self,
        org: OrgId,
        purpose: KeyPurpose,
        actor: &str,
        rotation: &Rotation,
        all: Batch,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut write = self.database.scope(org).write().await?;
        if unfinished(&mut write, org, purpose).await?.is_some() {
            phase(&mut write, org, purpose, "done", now).await?;
            let detail = json!({ "key": rotation.key_id, "values": all.done, "unreadable": all.unreadable });
            self.note(&mut write, org, actor, AuditAction::KeysRotated, purpose.as_str(), detail).await?;
            if purpose == KeyPurpose::Fingerprint {
                directory_changed(&mut write, org).await?;
            }
            write.commit().await?;
        }
        Ok(())
    }

    /// One walk over everything that a data key seals.
    async fn reseal_pass(
        &self,
        org: OrgId,
        note: &mut (dyn FnMut(Batch) + Send),
    ) -> Result<Batch, StoreError> {
        let mut all = Batch::default();
        for column in SEALED {
            let mut cursor = None;
            loop {
                let started = Instant::now();
                let (batch, next) = self.reseal_batch(org, column, cursor.as_ref()).await?;
                all.add(batch);
                note(batch);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
                give_way(started).await;
            }
        }
        let mut cursor: Option<String> = None;
        loop {
            let started = Instant::now();
            let (batch, next) = self.reseal_bodies(org, cursor.as_deref()).await?;
            all.add(batch);
            note(batch);
            cursor = next;
            if cursor.is_none() {
                return Ok(all);
            }
            give_way(started).await;
        }
    }

    /// One walk over everything that a fingerprint key made and that can be made anew.
    pub(super) async fn refingerprint_pass(
        &self,
        org: OrgId,
        note: &mut (dyn FnMut(Batch) + Send),
    ) -> Result<Batch, StoreError> {
        let mut all = Batch::default();
        for column in FINGERPRINTS {
            let mut cursor = None;
            loop {
                let started = Instant::now();
                let (batch, next) = self.refingerprint_batch(org, column, cursor.as_ref()).await?;
                all.add(batch);
                note(batch);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
                give_way(started).await;
            }
        }
        Ok(all)
    }

    /// Adds to the progress that people see.
    pub(super) async fn note_progress(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        purpose: KeyPurpose,
        done: u64,
    ) -> Result<(), StoreError> {
        if done > 0 {
            let sql = "UPDATE key_rotations SET done = done + $1, updated_at = $2 WHERE org_id = $3 AND purpose = $4";
            sqlx::query(sql)
                .bind(i64::try_from(done).unwrap_or(i64::MAX))
                .bind(self.clock.now_ms())
                .bind(org.to_string())
                .bind(purpose.as_str())
                .execute(write)
                .await?;
        }
        Ok(())
    }

    /// Waits until `settle` has passed since a moment; a clock that was put back never makes it longer than that.
    async fn settled(&self, since: i64, settle: Duration) {
        let passed = self.clock.now_ms().saturating_sub(since);
        let passed = Duration::from_millis(u64::try_from(passed).unwrap_or(0));
        sleep(settle.saturating_sub(passed)).await;
    }
}

/// Lets others have the database for as long as a batch had it.
async fn give_way(started: Instant) {
    sleep(started.elapsed().max(limits::KEY_BATCH_PAUSE)).await;
}

async fn unfinished(
    write: &mut AnyConnection,
    org: OrgId,
    purpose: KeyPurpose,
) -> Result<Option<Rotation>, StoreError> {
    let sql = "SELECT key_id, phase, done, total FROM key_rotations \
               WHERE org_id = $1 AND purpose = $2 AND phase <> 'done'";
    let query = sqlx::query(sql).bind(org.to_string()).bind(purpose.as_str());
    let Some(row) = query.fetch_optional(write).await? else { return Ok(None) };
    Ok(Some(Rotation {
        key_id: u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(),
        working: row.try_get::<String, _>(1)? == "working",
        resumed: true,
        done: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or_default(),
        total: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default(),
        since: 0,
    }))
}

async fn phase(
    write: &mut WriteTransaction,
    org: OrgId,
    purpose: KeyPurpose,
    to: &str,
    now: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE key_rotations SET phase = $1, updated_at = $2 WHERE org_id = $3 AND purpose = $4";
    let query = sqlx::query(sql).bind(to).bind(now).bind(org.to_string()).bind(purpose.as_str());
    query.execute(&mut **write).await?;
    Ok(())
}
