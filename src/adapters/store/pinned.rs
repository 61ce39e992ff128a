//! Making an organisation that has a database of its own, and keeping what the main one knows of it in step.
//!
//! Two databases have no common commit. So the main one says first that an organisation is being made (`creating`, its
//! name and addresses reserved), then the whole organisation is committed in its own database, then the main one says
//! `ready`. Until then nothing of it counts. Whatever was cut off in between is settled later by what is found there: a
//! whole organisation becomes ready, of one that is not there the reservation goes.
//!
//! Later, an address or a name is reserved in the main database before the organisation's own takes it, and given back
//! after that has let it go: two organisations never have the same, whatever fails.

use super::error::{StoreError, damaged};
use super::organisations::insert;
use super::settings::{checked_name, taken};
use super::{
    CreatedOrganisation, Database, Membership, NewOrganisation, Pin, Store, SystemRead, config_changed,
};
use crate::adapters::keyring::WrappedKey;
use crate::adapters::objects::Objects;
use crate::limits;
use crate::model::{Mode, OrgId};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeSet;
use tokio::time::timeout;

/// The two tokens of a new organisation: ingress, return.
type Tokens = (SecretString, SecretString);

impl Store {
    /// Creates an organisation whose rows, objects or both lie in places of their own. The database has to have this
    /// program's schema where it is PostgreSQL; a file is made.
    ///
    /// # Errors
    /// As [`Store::create_organisation`]; [`StoreError::Setup`] for a database that cannot be served from,
    /// [`StoreError::Conflict`] for one that somebody else's organisations are in, or when there are too many.
    pub async fn create_pinned(
        &self,
        new: NewOrganisation,
        pin: &Pin,
        actor: &str,
    ) -> Result<CreatedOrganisation, StoreError> {
        pin.check()?;
        if let Some(objects) = &pin.objects {
            Objects::open(&super::pins::options(objects))?.probe().await?;
        }
        self.settle_creations().await?;
        let id = OrgId(self.ids.ulid());
        let keys = self.keyring.generate(id)?;
        self.keyring.load(id, &keys)?;
        let (ingress_token, return_token) = match &pin.database {
            Some(url) => self.create_elsewhere(id, &new, pin, url, &keys, actor).await?,
            None => {
                let mut write = self.database.scope(id).write().await?;
                let tokens = self.put_whole(&mut write, id, &new, &keys, actor, pin).await?;
                self.put_pin(&mut write, id, pin, "ready").await?;
                write.commit().await?;
                tokens
            }
        };
        let organisation = self.organisation(id).await?.ok_or(StoreError::NotFound("organisation"))?;
        Ok(CreatedOrganisation { organisation, ingress_token, return_token })
    }

    async fn create_elsewhere(
        &self,
        id: OrgId,
        new: &NewOrganisation,
        pin: &Pin,
        url: &SecretString,
        keys: &[WrappedKey],
        actor: &str,
    ) -> Result<Tokens, StoreError> {
        let elsewhere = Database::open(url.expose_secret()).await?.alone();
        elsewhere.migrate().await?;
        self.is_free(&elsewhere).await?;
        self.begin_creation(id, new, pin).await?;
        let putting = async {
            let mut write = elsewhere.scope(id).write().await?;
            if is_there(&mut write, id).await? {
                // What was reserved a moment ago is seen there.
                return Err(StoreError::Invalid(
                    "that is the main database: an organisation is pinned to another one".to_owned(),
                ));
            }
            let tokens = self.put_whole(&mut write, id, new, keys, actor, pin).await?;
            write.commit().await?;
            Ok(tokens)
        };
        // Half of the time after which others take it for interrupted.
        let put = timeout(limits::PIN_CREATION / 2, putting).await;
        let put =
            put.unwrap_or_else(|_| Err(StoreError::Unavailable("its own database is too slow".to_owned())));
        let tokens = match put {
            Ok(tokens) => tokens,
            Err(error) => {
                let error = self.failed(id, &new.name, &elsewhere, error).await;
                elsewhere.close().await;
                return Err(error);
            }
        };
        if !self.end_creation(id).await? {
            // Whoever gave it up had looked before it was there.
            let undone = self.remove_rows(&elsewhere, id).await;
            elsewhere.close().await;
            undone?;
            return Err(StoreError::Conflict(format!(
                "{} took too long to create and was given up by another command; create it again under a new database",
                new.name
            )));
        }
        elsewhere.close().await;
        Ok(tokens)
    }

    /// Settles a creation that failed at once, and says what is true then.
    async fn failed(&self, id: OrgId, name: &str, elsewhere: &Database, error: StoreError) -> StoreError {
        if matches!(error, StoreError::Invalid(_) | StoreError::Taken(_)) {
            return self.forget_pinned(id).await.err().unwrap_or(error);
        }
        // A commit whose answer got lost may have happened: only a look tells.
        match self.settle(id, elsewhere).await {
            Ok(true) => StoreError::Conflict(format!(
                "{name}: it was created, but its tokens were not shown: `sentra org token rotate` makes new ones ({error})"
            )),
            _ => error,
        }
    }

    /// Whether a database may take a pinned organisation: it is not the main one and has nobody else's in it.
    async fn is_free(&self, elsewhere: &Database) -> Result<(), StoreError> {
        let place = elsewhere.place();
        if place == self.database.place() {
            return Err(StoreError::Invalid(format!(
                "{place} is the main database: an organisation is pinned to another one"
            )));
        }
        self.load().await?;
        let parts = self.database.pinned();
        let here = parts.iter().find(|part| part.database.place() == place);
        if here.is_none() && parts.len() >= limits::MAX_PINNED_DATABASES {
            return Err(StoreError::Conflict(format!(
                "organisations are pinned to {} databases already, and more are not served: use one of them",
                parts.len()
            )));
        }
        let mut read = elsewhere.system(SystemRead::Organisations).await?;
        let found: Vec<String> =
            sqlx::query_scalar("SELECT id FROM organisations").fetch_all(&mut *read).await?;
        let known: BTreeSet<String> =
            here.map(|part| part.organisations.iter().map(ToString::to_string).collect()).unwrap_or_default();
        if found.iter().any(|id| !known.contains(id)) {
            return Err(StoreError::Conflict(format!(
                "the database {place} has organisations in it that are not pinned to it here: use an empty one"
            )));
        }
        Ok(())
    }

    /// Reserves name and addresses in the main database.
    async fn begin_creation(&self, id: OrgId, new: &NewOrganisation, pin: &Pin) -> Result<(), StoreError> {
        let stub = NewOrganisation {
            name: new.name.clone(),
            mode: Mode::Enforce,
            tenant_id: None,
            next_hop: None,
            mailboxes: new.mailboxes.clone(),
            admin_emails: Vec::new(),
        };
        let mut write = self.database.alone().scope(id).write().await?;
        insert(&mut write, id, &checked_name(&new.name)?, &stub, self.clock.now_ms()).await?;
        for mailbox in &stub.mailboxes {
            self.put_mailbox(&mut write, id, mailbox).await?;
        }
        self.put_pin(&mut write, id, pin, "creating").await?;
        write.commit().await
    }

    /// The moment from which the organisation is one. False when it was given up meanwhile.
    async fn end_creation(&self, id: OrgId) -> Result<bool, StoreError> {
        let mut write = self.database.alone().scope(id).write().await?;
        let sql = "UPDATE org_pins SET state = 'ready' WHERE org_id = $1";
        let done = sqlx::query(sql).bind(id.to_string()).execute(&mut *write).await?;
        config_changed(&mut write).await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Brings an organisation's own database to this program's schema: a file by itself, a server as the owner of its tables.
    /// Without an owner a server is only asked.
    ///
    /// # Errors
    /// [`StoreError::Setup`] names what is missing; [`StoreError::NotFound`] for one without a database of its own.
    pub async fn migrate_pinned(&self, org: OrgId, owner_url: Option<&str>) -> Result<(), StoreError> {
        let mut read = self.database.system(SystemRead::Organisations).await?;
        let pins = self.read_pins(&mut read).await?;
        drop(read);
        let url = pins.elsewhere.get(&org).ok_or(StoreError::NotFound("pinned organisation"))?;
        let reason = || pins.unusable.get(&org).cloned().unwrap_or_default();
        let url = url.as_ref().ok_or_else(|| StoreError::Unavailable(reason()))?;
        if let Some(owner_url) = owner_url {
            return super::migrate(url.expose_secret(), Some(owner_url)).await;
        }
        let elsewhere = self.database.part_of(org).1;
        elsewhere.migrate().await
    }

    /// Settles what was interrupted while it was being made. Called when something is made, and at start.
    ///
    /// # Errors
    /// [`StoreError`] of the main database; whoever's own database does not answer waits for the next time.
    pub async fn settle_creations(&self) -> Result<(), StoreError> {
        let mut read = self.database.system(SystemRead::Organisations).await?;
        let pins = self.read_pins(&mut read).await?;
        drop(read);
        if pins.creating.is_empty() && pins.erasing.is_empty() {
            return Ok(());
        }
        self.follow(&pins);
        for id in &pins.erasing {
            let settled = self.settle_erasure(*id).await;
            let settled = settled.map(|ended| ended.then_some("an interrupted erasure is ended"));
            if let Some(settled) = settled.transpose() {
                told(*id, settled);
            }
        }
        let patience = i64::try_from(limits::PIN_CREATION.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now_ms().saturating_sub(patience);
        for (id, _) in pins.creating.iter().filter(|(_, since)| **since < before) {
            let settled = self.settle(*id, &self.database.part_of(*id).1).await;
            told(
                *id,
                settled.map(|is_one| match is_one {
                    true => "an organisation whose creation was interrupted is ready",
                    false => "an interrupted creation is undone",
                }),
            );
        }
        Ok(())
    }

    /// True when it is an organisation now, false when it is none.
    async fn settle(&self, id: OrgId, elsewhere: &Database) -> Result<bool, StoreError> {
        if was_committed(elsewhere, id).await? {
            return self.end_creation(id).await;
        }
        self.forget_pinned(id).await?;
        Ok(false)
    }

    /// Of an erasure that was cut off between its two databases the main one's part is done; one that has rows left is
    /// gone on with by its command.
    async fn settle_erasure(&self, id: OrgId) -> Result<bool, StoreError> {
        let mut read = self.database.part_of(id).1.scope(id).read().await?;
        let left = is_there(&mut read, id).await?;
        drop(read);
        if !left {
            self.forget_pinned(id).await?;
        }
        Ok(!left)
    }

    /// Notes in the main database that a pinned organisation's keys are destroyed: from now on it is missed nowhere.
    pub(super) async fn mark_erasing(&self, id: OrgId) -> Result<(), StoreError> {
        if !self.database.is_pinned(id) {
            return Ok(());
        }
        let mut write = self.database.alone().scope(id).write().await?;
        let sql = "UPDATE org_pins SET state = 'erasing' WHERE org_id = $1";
        sqlx::query(sql).bind(id.to_string()).execute(&mut *write).await?;
        config_changed(&mut write).await?;
        write.commit().await
    }

    /// Removes what the main database has of an organisation with a database of its own: after its data there was erased.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn forget_pinned(&self, id: OrgId) -> Result<(), StoreError> {
        let mut write = self.database.alone().scope(id).write().await?;
        let pinned = "SELECT COUNT(*) FROM org_pins WHERE org_id = $1 AND sealed_database IS NOT NULL";
        let pinned: i64 = sqlx::query_scalar(pinned).bind(id.to_string()).fetch_one(&mut *write).await?;
        if pinned == 0 {
            return Ok(());
        }
        // Mailboxes, domains and the pin go with it.
        let sql = "DELETE FROM organisations WHERE id = $1";
        sqlx::query(sql).bind(id.to_string()).execute(&mut *write).await?;
        config_changed(&mut write).await?;
        write.commit().await
    }

    /// Takes an address or a domain for a pinned organisation before its own database has it.
    pub(super) async fn reserve(&self, org: OrgId, member: &Membership) -> Result<(), StoreError> {
        if !self.database.is_pinned(org) {
            return Ok(());
        }
        if let Membership::Mailbox(mailbox) = member {
            let mut write = self.database.alone().scope(org).write().await?;
            self.put_mailbox(&mut write, org, mailbox).await?;
            write.commit().await?;
        }
        Ok(())
    }

    /// The same of a name.
    pub(super) async fn reserve_name(&self, org: OrgId, name: &str) -> Result<(), StoreError> {
        if !self.database.is_pinned(org) {
            return Ok(());
        }
        let mut write = self.database.alone().scope(org).write().await?;
        let sql = "UPDATE organisations SET name = $1 WHERE id = $2";
        let update = sqlx::query(sql).bind(name).bind(org.to_string()).execute(&mut *write).await;
        update.map_err(taken("an organisation of that name exists"))?;
        write.commit().await
    }

    /// Makes what the main database has of a pinned organisation what its own database says, after a change there or a
    /// failure of one. A failure here leaves more reserved than is needed, until the next change.
    pub(super) async fn copy_routes(&self, org: OrgId) {
        if !self.database.is_pinned(org) {
            return;
        }
        if let Err(error) = self.try_copy_routes(org).await {
            tracing::warn!(org.id = %org, %error, "the main database keeps older addresses of a pinned organisation");
        }
    }

    async fn try_copy_routes(&self, org: OrgId) -> Result<(), StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let name = "SELECT name FROM organisations WHERE id = $1";
        let name: Option<String> =
            sqlx::query_scalar(name).bind(org.to_string()).fetch_optional(&mut *read).await?;
        let name = name.ok_or_else(|| damaged("organisation"))?;
        let addresses = pairs(&mut read, org, "folded, address, mailbox", "mailbox_addresses").await?;
        let domains = pairs(&mut read, org, "domain, '', ''", "org_domains").await?;
        drop(read);
        let mut write = self.database.alone().scope(org).write().await?;
        for table in ["mailbox_addresses", "org_domains"] {
            let sql = format!("DELETE FROM {table} WHERE org_id = $1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).execute(&mut *write).await?;
        }
        let sql = "UPDATE organisations SET name = $1 WHERE id = $2";
        sqlx::query(sql).bind(name).bind(org.to_string()).execute(&mut *write).await?;
        for [folded, address, mailbox] in &addresses {
            let sql =
                "INSERT INTO mailbox_addresses (folded, org_id, address, mailbox) VALUES ($1, $2, $3, $4)";
            let query = sqlx::query(sql).bind(folded).bind(org.to_string()).bind(address).bind(mailbox);
            query.execute(&mut *write).await?;
        }
        for [domain, ..] in &domains {
            let sql = "INSERT INTO org_domains (org_id, domain) VALUES ($1, $2)";
            sqlx::query(sql).bind(org.to_string()).bind(domain).execute(&mut *write).await?;
        }
        write.commit().await
    }
}

async fn pairs(
    read: &mut AnyConnection,
    org: OrgId,
    columns: &'static str,
    table: &'static str,
) -> Result<Vec<[String; 3]>, StoreError> {
    // Both are literals of this file.
    let sql = format!("SELECT {columns} FROM {table} WHERE org_id = $1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).fetch_all(read).await?;
    rows.iter().map(|row| Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])).collect()
}

fn told(org: OrgId, settled: Result<&'static str, StoreError>) {
    match settled {
        Ok(done) => tracing::warn!(org.id = %org, "{done}"),
        Err(error) => tracing::warn!(org.id = %org, %error, "what was interrupted cannot be settled yet"),
    }
}

/// Whether the organisation's own transaction was committed there, once and for all: taking its place waits for one whose
/// commit is still under way, though nobody listens for its end any more. Nothing is kept of it.
async fn was_committed(elsewhere: &Database, org: OrgId) -> Result<bool, StoreError> {
    let mut write = elsewhere.scope(org).write().await?;
    let sql = "INSERT INTO organisations (id, name, mode, fail_policy, created_at, updated_at) \
               VALUES ($1, $2, 'enforce', 'defer', 0, 0) ON CONFLICT DO NOTHING";
    let taking = sqlx::query(sql).bind(org.to_string()).bind(format!("settling {org}"));
    Ok(taking.execute(&mut *write).await?.rows_affected() == 0)
}

async fn is_there(read: &mut AnyConnection, org: OrgId) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM organisations WHERE id = $1";
    let count: i64 = sqlx::query_scalar(sql).bind(org.to_string()).fetch_one(read).await?;
    Ok(count > 0)
}
