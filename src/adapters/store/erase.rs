//! Erasing an organisation: keys first, then everything else.
//!
//! One transaction destroys the keys, with what routes mail to the organisation. From then on nothing sealed can be opened
//! (crypto-shredding), and no node takes the organisation for one: `Store::load` leaves out whoever has no keys. Rows go
//! afterwards in batches beside running mail, so the state after that transaction is one that a killed erasure leaves and
//! the next run finishes. A row of `settings` says meanwhile what is being erased and what there was.

use super::audit::let_audit_go;
use super::dump::{Snapshot, Table};
use super::retention::standing;
use super::{Database, Durability, Event, Store, StoreError, append_audit, config_changed, error::damaged};
use crate::adapters::audit::AuditAction;
use crate::limits;
use crate::model::{OrgId, Organisation};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeMap;
use tokio::time::{Instant, sleep};

/// The setting that marks an organisation whose keys are destroyed and whose rows are going.
const ERASING: &str = "org.erasing";
/// Tables that go last, in this order: each keeps the one before honest (the audit's triggers), or is the mark itself.
const LAST: [&str; 6] =
    ["audit", "audit_heads", "audit_checkpoints", "settings", "org_pins", "organisations"];
/// Of them those that stay until nothing else is there any more: without them nobody would know what to go on with, where.
const UNTIL_THE_END: [&str; 3] = ["settings", "org_pins", "organisations"];

/// What an erasure is about to remove, or removed.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct OrganisationErasure {
    /// The organisation.
    pub org: String,
    /// Its name.
    pub name: String,
    /// Who ordered it.
    pub actor: String,
    /// When its keys were destroyed, Unix milliseconds; 0 in a plan.
    pub at: i64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Bodies of held mail among the objects.
    pub bodies: u64,
    /// Entries of the quarantine that waited for a decision.
    pub undecided: u64,
    /// Mail that was still to be sent.
    pub unsent: u64,
    /// Keys that were destroyed.
    pub keys: u64,
    /// Number and hash of the newest audit entry: whoever has an export of the audit can tell that it is whole.
    pub audit_head: (i64, String),
    /// The organisation's signature of that head, hexadecimal.
    pub audit_signature: String,
}

/// An organisation without keys: what an erasure or an import left.
#[derive(Clone, Debug)]
pub struct Left {
    /// Which.
    pub org: OrgId,
    erasure: Option<OrganisationErasure>,
}

impl Left {
    /// Whether its keys were destroyed; else it never arrived.
    #[must_use]
    pub fn is_erasure(&self) -> bool {
        self.erasure.is_some()
    }

    /// What was ordered, for an erasure.
    #[must_use]
    pub fn erasure(&self) -> Option<&OrganisationErasure> {
        self.erasure.as_ref()
    }

    /// Its name, as far as it is known.
    #[must_use]
    pub fn name(&self) -> String {
        self.erasure.as_ref().map_or_else(|| self.org.to_string(), |erasure| erasure.name.clone())
    }
}

impl Store {
    /// What an erasure would remove.
    ///
    /// # Errors
    /// [`StoreError`] of database and objects.
    pub async fn erasure_plan(&self, of: &Organisation) -> Result<OrganisationErasure, StoreError> {
        let org = of.id;
        let mut rows = BTreeMap::new();
        let mut snapshot = self.database.part_of(org).1.snapshot().await?;
        for table in owned(&mut snapshot).await? {
            let count = snapshot.count_of(&table, org).await?;
            if count > 0 {
                rows.insert(table.name, count);
            }
        }
        drop(snapshot);
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT (SELECT COUNT(*) FROM quarantine WHERE org_id = $1 AND state IN ('held', 'claimed', 'approved', 'releasing')), \
                   (SELECT COUNT(*) FROM outbox WHERE org_id = $1 AND state IN ('pending', 'sending', 'uncertain')), \
                   h.seq, h.hash, h.signature FROM audit_heads h WHERE h.org_id = $1";
        let row = sqlx::query(sql).bind(org.to_string()).fetch_one(&mut *read).await?;
        let number =
            |at: usize| row.try_get::<i64, _>(at).map(|count| u64::try_from(count).unwrap_or_default());
        let (undecided, unsent) = (number(0)?, number(1)?);
        let (audit_head, audit_signature) = ((row.try_get(2)?, row.try_get(3)?), row.try_get(4)?);
        drop(read);
        Ok(OrganisationErasure {
            org: org.to_string(),
            name: of.name.clone(),
            actor: String::new(),
            at: 0,
            keys: rows.get("org_keys").copied().unwrap_or_default(),
            rows,
            bodies: self.bodies.count(org).await?,
            undecided,
            unsent,
            audit_head,
            audit_signature,
        })
    }

    /// Destroys the keys: what is sealed cannot be opened any more, and the organisation is none. The point of no return.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] under a legal hold, and with undecided or unsent mail unless `force`.
    pub async fn destroy_organisation(
        &self,
        of: &Organisation,
        force: bool,
        actor: &str,
    ) -> Result<OrganisationErasure, StoreError> {
        let (org, now) = (of.id, self.clock.now_ms());
        let mut erasure = self.erasure_plan(of).await?;
        actor.clone_into(&mut erasure.actor);
        erasure.at = now;
        let mut write = self.database.scope(org).write().await?;
        // The entry takes the lock of the chain: a hold that was placed before it is seen below.
        let subject = org.to_string();
        let detail =
            json!({ "rows": erasure.rows.values().sum::<u64>(), "bodies": erasure.bodies, "forced": force });
        let (action, private) = (AuditAction::OrgErase, None);
        let event = Event { org, at: now, actor, action, subject: &subject, detail, private };
        append_audit(&mut write, self.keyring.as_ref(), event).await?;
        let holds = standing(&mut write, org).await?.ids.len();
        if holds > 0 {
            return Err(StoreError::Conflict(format!(
                "{holds} legal holds stand on {:?}: nothing may be erased; `sentra retention hold list` tells which",
                of.name
            )));
        }
        let waiting: i64 = sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM quarantine WHERE org_id = $1 AND state IN ('held', 'claimed', 'approved', 'releasing')) + \
             (SELECT COUNT(*) FROM outbox WHERE org_id = $1 AND state IN ('pending', 'sending', 'uncertain'))",
        )
        .bind(&subject)
        .fetch_one(&mut *write)
        .await?;
        if waiting > 0 && !force {
            return Err(StoreError::Conflict(format!(
                "{waiting} messages of {:?} wait for a decision or to be sent, and would be lost",
                of.name
            )));
        }
        let head = "SELECT seq, hash, signature FROM audit_heads WHERE org_id = $1";
        let head = sqlx::query(head).bind(&subject).fetch_one(&mut *write).await?;
        erasure.audit_head = (head.try_get(0)?, head.try_get(1)?);
        erasure.audit_signature = head.try_get(2)?;
        self.cut_off(&mut write, org, &erasure).await?;
        write.commit().await?;
        self.keyring.forget(org);
        if let Err(error) = self.mark_erasing(org).await {
            tracing::warn!(org.id = %org, %error, "the main database does not know yet of an erasure");
        }
        // Name and addresses are free again there as well.
        self.copy_routes(org).await;
        Ok(erasure)
    }

    /// Keys, tokens and what routes mail, in the transaction of [`Store::destroy_organisation`].
    async fn cut_off(
        &self,
        write: &mut super::WriteTransaction,
        org: OrgId,
        erasure: &OrganisationErasure,
    ) -> Result<(), StoreError> {
        let id = org.to_string();
        let mark = serde_json::to_string(erasure).map_err(|error| StoreError::Invalid(error.to_string()))?;
        sqlx::query("INSERT INTO settings (org_id, name, value) VALUES ($1, $2, $3)")
            .bind(&id)
            .bind(ERASING)
            .bind(mark)
            .execute(&mut **write)
            .await?;
        // Overwritten first: a deleted row's octets stay in the file until something takes their place.
        let nothing = sqlx::query("UPDATE org_keys SET wrapped = $1 WHERE org_id = $2").bind(vec![0_u8; 96]);
        nothing.bind(&id).execute(&mut **write).await?;
        for sql in [
            "DELETE FROM org_keys WHERE org_id = $1",
            "DELETE FROM org_tokens WHERE org_id = $1",
            "DELETE FROM arc_keys WHERE org_id = $1",
            "DELETE FROM mailbox_addresses WHERE org_id = $1",
            "DELETE FROM org_domains WHERE org_id = $1",
        ] {
            sqlx::query(sql).bind(&id).execute(&mut **write).await?;
        }
        // The name is free again at once.
        let sql = "UPDATE organisations SET name = $1, tenant_id = NULL, next_hop_host = NULL WHERE id = $2";
        sqlx::query(sql).bind(format!("erased {id}")).bind(&id).execute(&mut **write).await?;
        config_changed(write).await
    }

    /// Organisations without keys: what erasures and imports left behind, in every database that answers.
    ///
    /// # Errors
    /// [`StoreError`] of the main database.
    pub async fn all_left(&self) -> Result<Vec<Left>, StoreError> {
        self.settle_creations().await?;
        let mut read = self.database.system(super::SystemRead::Organisations).await?;
        let pins = self.read_pins(&mut read).await?;
        drop(read);
        let mut all = left_in(&self.database).await?;
        // What the main database has of these is no organisation's data.
        all.retain(|left| !pins.elsewhere.contains_key(&left.org));
        self.follow(&pins);
        for part in self.database.pinned() {
            match left_in(&part.database).await {
                Ok(found) => {
                    all.extend(found.into_iter().filter(|left| part.organisations.contains(&left.org)))
                }
                Err(error) => {
                    tracing::warn!(database = %part.database.place(), %error, "it was not looked into")
                }
            }
        }
        Ok(all)
    }

    /// One of [`Store::all_left`].
    ///
    /// # Errors
    /// [`StoreError`] of the organisation's database.
    pub async fn left(&self, org: OrgId) -> Result<Option<Left>, StoreError> {
        Ok(left_in(&self.database.part_of(org).1).await?.into_iter().find(|left| left.org == org))
    }

    /// Removes the rows and bodies of an organisation that has no keys any more; its own row and the mark stay. `note` is
    /// told how many rows went. Returns how many objects went.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for an organisation that has keys; otherwise of database and objects: a next run goes on.
    pub async fn remove_everything(
        &self,
        org: OrgId,
        note: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, StoreError> {
        if self.left(org).await?.is_none() {
            return Err(StoreError::Conflict(format!(
                "the organisation {org} still has its keys, or is not here"
            )));
        }
        let tables = in_order(&self.database.part_of(org).1).await?;
        for table in tables.iter().filter(|table| !UNTIL_THE_END.contains(&table.name.as_str())) {
            if table.name == "audit" {
                let mut write = self.database.scope(org).write().await?;
                let_audit_go(&mut write, org).await?;
                write.commit().await?;
            }
            loop {
                let started = Instant::now();
                let batch = AssertSqlSafe(table.delete_some());
                let query = sqlx::query(batch).bind(org.to_string()).bind(limits::ERASE_BATCH);
                let gone = self.database.scope(org).execute(Durability::Quick, query).await?;
                note(gone);
                if gone == 0 {
                    break;
                }
                sleep(started.elapsed().max(limits::RETENTION_PAUSE)).await;
            }
        }
        Ok(self.bodies.erase(org, self.clock.now_ms()).await?)
    }

    /// Removes the organisation's own row and the mark, and whatever came since [`Store::remove_everything`].
    ///
    /// # Errors
    /// As [`Store::remove_everything`].
    pub async fn remove_organisation(&self, org: OrgId) -> Result<(), StoreError> {
        if self.left(org).await?.is_none() {
            return Err(StoreError::Conflict(format!(
                "the organisation {org} still has its keys, or is not here"
            )));
        }
        self.mark_erasing(org).await?;
        self.remove_rows(&self.database.part_of(org).1, org).await?;
        // A run that is killed in between is settled by the next command or start.
        self.forget_pinned(org).await
    }

    /// Removes all rows of an organisation from one database, at once.
    pub(super) async fn remove_rows(&self, database: &Database, org: OrgId) -> Result<(), StoreError> {
        let tables = in_order(database).await?;
        let mut write = database.scope(org).write().await?;
        let_audit_go(&mut write, org).await?;
        for table in &tables {
            sqlx::query(AssertSqlSafe(table.delete_of_one()))
                .bind(org.to_string())
                .execute(&mut *write)
                .await?;
        }
        config_changed(&mut write).await?;
        write.commit().await
    }
}

/// The organisations without keys of one database by itself.
async fn left_in(database: &Database) -> Result<Vec<Left>, StoreError> {
    let mut read = database.system(super::SystemRead::Organisations).await?;
    let sql = "SELECT o.id, s.value FROM organisations o LEFT JOIN settings s ON s.org_id = o.id AND s.name = $1 \
               WHERE NOT EXISTS (SELECT 1 FROM org_keys k WHERE k.org_id = o.id) ORDER BY o.id";
    let rows = sqlx::query(sql).bind(ERASING).fetch_all(&mut *read).await?;
    let left = |row: &sqlx::any::AnyRow| {
        let org = row.try_get::<String, _>(0)?.parse().map_err(|_| damaged("organisation id"))?;
        let mark: Option<String> = row.try_get(1)?;
        let erasure = mark.map(|mark| serde_json::from_str(&mark).map_err(|_| damaged("mark of an erasure")));
        Ok(Left { org, erasure: erasure.transpose()? })
    };
    rows.iter().map(left).collect()
}

/// Every table of organisations, those first that nothing refers to.
async fn in_order(database: &Database) -> Result<Vec<Table>, StoreError> {
    let mut tables = owned(&mut database.snapshot().await?).await?;
    tables.reverse();
    let place = |table: &Table| LAST.iter().position(|last| *last == table.name).map_or(0, |at| at + 1);
    tables.sort_by_key(place);
    Ok(tables)
}

/// The tables that belong to organisations, those before others that these refer to.
async fn owned(snapshot: &mut Snapshot) -> Result<Vec<Table>, StoreError> {
    let mut tables = snapshot.tables().await?;
    tables.retain(|table| table.owner.is_some());
    Ok(tables)
}
