//! The sources of an organisation in the database: what they are, how far they got, and their secrets, sealed.

use super::{Kind, Options, SourceError, TokenVault, Tokens};
use crate::adapters::audit::AuditAction;
use crate::adapters::store::{Database, Durability, Event, StoreError, append_audit};
use crate::limits;
use crate::model::OrgId;
use crate::ports::{Clock, DueSource, Keyring};
use async_trait::async_trait;
use serde_json::json;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the sealed columns are bound to, with the row's name.
fn secrets_of(name: &str) -> String {
    format!("supplier_sources.sealed_secrets|{name}")
}

fn tokens_of(name: &str) -> String {
    format!("supplier_sources.sealed_tokens|{name}")
}

/// A source to be added.
#[derive(Clone, Debug)]
pub struct NewSource {
    /// Its name in the organisation.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What was given for its options, secrets among them.
    pub options: BTreeMap<String, String>,
    /// How often it is asked; `None`: only by command.
    pub every: Option<Duration>,
}

/// A source as it stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Options that are no secret.
    pub options: BTreeMap<String, String>,
    /// Seconds between syncs; 0: only by command.
    pub every_seconds: i64,
    /// Whether tokens are there.
    pub connected: bool,
    /// From where the next sync goes on.
    pub cursor: Option<String>,
    /// Last attempt, Unix milliseconds.
    pub last_at: Option<i64>,
    /// Last success, Unix milliseconds.
    pub last_ok_at: Option<i64>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Failed attempts in a row.
    pub failures: i64,
}

/// The sources of all organisations; every call names one.
#[derive(Clone)]
pub struct Sources {
    pub(super) database: Database,
    pub(super) keyring: Arc<dyn Keyring>,
    pub(super) clock: Arc<dyn Clock>,
}

const COLUMNS: &str = "SELECT name, kind, options, every_s, CAST(CASE WHEN sealed_tokens IS NULL THEN 0 ELSE 1 END AS BIGINT), cursor, last_at, last_ok_at, \
                       last_error, failures FROM supplier_sources";

impl Sources {
    /// Over an open database. The keyring must have the organisations' keys loaded.
    #[must_use]
    pub fn new(database: Database, keyring: Arc<dyn Keyring>, clock: Arc<dyn Clock>) -> Self {
        Self { database, keyring, clock }
    }

    /// All sources of an organisation, by name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn list(&self, org: OrgId) -> Result<Vec<Source>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE org_id = $1 ORDER BY name"));
        let rows = sqlx::query(sql).bind(org.to_string()).fetch_all(&mut *read).await?;
        rows.iter().map(source).collect()
    }

    /// One source.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn get(&self, org: OrgId, name: &str) -> Result<Source, StoreError> {
        let found = self.list(org).await?.into_iter().find(|source| source.name == name);
        found.ok_or(StoreError::NotFound("supplier source"))
    }

    /// Those whose time has come and that nobody is asking, longest due first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn due(&self, org: OrgId) -> Result<Vec<DueSource>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql = "SELECT name, due_at FROM supplier_sources WHERE org_id = $1 AND every_s > 0 AND due_at <= $2 \
                   AND leased_until <= $2 ORDER BY due_at LIMIT 100";
        let rows = sqlx::query(sql).bind(org.to_string()).bind(self.clock.now_ms());
        let rows = rows.fetch_all(&mut *read).await?;
        rows.iter()
            .map(|row| Ok(DueSource { org, name: row.try_get(0)?, since_ms: row.try_get(1)? }))
            .collect()
    }

    /// Adds a source. Audited.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a name, kind or option that cannot be; [`StoreError::Taken`] for a name.
    pub async fn add(&self, org: OrgId, new: &NewSource, actor: &str) -> Result<(), StoreError> {
        let fits = !new.name.is_empty()
            && new.name.len() <= 64
            && new.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            let reason = "the name of a source is of lower-case letters, digits and hyphens, 64 at most";
            return Err(StoreError::Invalid(reason.to_owned()));
        }
        let kind = Kind::named(&new.kind).ok_or_else(|| {
            let known: Vec<&str> = super::KINDS.iter().map(|kind| kind.name).collect();
            StoreError::Invalid(format!("there is no such kind of source; there are: {}", known.join(", ")))
        })?;
        let options = Options::of(kind, &new.options).map_err(StoreError::Invalid)?;
        (kind.check)(&options).map_err(StoreError::Invalid)?;
        let secret = |name: &String| kind.options.iter().any(|option| option.name == name && option.secret);
        let (secrets, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            new.options.clone().into_iter().partition(|(name, _)| secret(name));
        let sealed = self.keyring.seal(org, &secrets_of(&new.name), encoded(&secrets)?.as_bytes())?;
        let every = new.every.map_or(0, |every| i64::try_from(every.as_secs()).unwrap_or(i64::MAX));
        let mut write = self.database.scope(org).write().await?;
        let sql = "INSERT INTO supplier_sources (org_id, name, kind, options, sealed_secrets, every_s, due_at, \
                   leased_until, failures, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $7) \
                   ON CONFLICT DO NOTHING";
        let done = sqlx::query(sql)
            .bind(org.to_string())
            .bind(&new.name)
            .bind(kind.name)
            .bind(encoded(&open)?)
            .bind(sealed)
            .bind(every)
            .bind(self.clock.now_ms())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Taken(format!("there is a source `{}` already", new.name)));
        }
        let detail = json!({ "kind": kind.name, "every_seconds": every });
        self.note(&mut write, org, AuditAction::SourceAdd, &new.name, actor, detail).await?;
        write.commit().await
    }

    /// Removes a source with its secrets and tokens. What it brought stays. Audited.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn remove(&self, org: OrgId, name: &str, actor: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM supplier_sources WHERE org_id = $1 AND name = $2";
        self.change(org, name, sql, (AuditAction::SourceRemove, actor)).await
    }

    /// Forgets the tokens and where the source stood. Audited.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn disconnect(&self, org: OrgId, name: &str, actor: &str) -> Result<(), StoreError> {
        let sql =
            "UPDATE supplier_sources SET sealed_tokens = NULL, cursor = NULL WHERE org_id = $1 AND name = $2";
        self.change(org, name, sql, (AuditAction::SourceDisconnect, actor)).await
    }

    async fn change(
        &self,
        org: OrgId,
        name: &str,
        sql: &'static str,
        (action, actor): (AuditAction, &str),
    ) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write().await?;
        let done = sqlx::query(sql).bind(org.to_string()).bind(name).execute(&mut *write).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("supplier source"));
        }
        self.note(&mut write, org, action, name, actor, json!({})).await?;
        write.commit().await
    }

    /// Keeps the tokens that a consent gave. Audited.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn connect(
        &self,
        org: OrgId,
        name: &str,
        tokens: &Tokens,
        actor: &str,
    ) -> Result<(), StoreError> {
        let sealed = self.keyring.seal(org, &tokens_of(name), encoded(tokens)?.as_bytes())?;
        let mut write = self.database.scope(org).write().await?;
        let sql = "UPDATE supplier_sources SET sealed_tokens = $3, cursor = NULL, failures = 0, last_error = NULL, \
                   due_at = 0 WHERE org_id = $1 AND name = $2";
        let done =
            sqlx::query(sql).bind(org.to_string()).bind(name).bind(sealed).execute(&mut *write).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("supplier source"));
        }
        self.note(&mut write, org, AuditAction::SourceConnect, name, actor, json!({})).await?;
        write.commit().await
    }

    /// The options with secrets opened.
    pub(super) async fn options(&self, org: OrgId, source: &Source) -> Result<Options, StoreError> {
        let kind = Kind::named(&source.kind).ok_or(StoreError::NotFound("kind of source"))?;
        let sealed: Vec<u8> =
            self.column(org, &source.name, "SELECT sealed_secrets").await?.unwrap_or_default();
        let secrets: BTreeMap<String, String> =
            decoded(&self.keyring.open(org, &secrets_of(&source.name), &sealed)?)?;
        let mut all = source.options.clone();
        all.extend(secrets);
        Options::of(kind, &all).map_err(StoreError::Invalid)
    }

    /// The options of a source that is to be connected or disconnected, and its kind.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Invalid`] when the kind needs no consent.
    pub async fn authorization(&self, org: OrgId, name: &str) -> Result<super::Authorization, SourceError> {
        let source = self.get(org, name).await?;
        let options = self.options(org, &source).await?;
        let kind = Kind::named(&source.kind).and_then(|kind| kind.authorization);
        let authorization = kind.ok_or_else(|| {
            StoreError::Invalid(format!(
                "a source of kind {} needs no connection: it has its own password",
                source.kind
            ))
        })?;
        authorization(&options)
    }

    async fn column(
        &self,
        org: OrgId,
        name: &str,
        what: &'static str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut read = self.database.scope(org).read().await?;
        let sql =
            sqlx::AssertSqlSafe(format!("{what} FROM supplier_sources WHERE org_id = $1 AND name = $2"));
        let row = sqlx::query(sql).bind(org.to_string()).bind(name).fetch_optional(&mut *read).await?;
        Ok(row.map(|row| row.try_get::<Option<Vec<u8>>, _>(0)).transpose()?.flatten())
    }

    /// The vault of one source's tokens.
    #[must_use]
    pub fn vault(&self, org: OrgId, name: &str) -> Box<dyn TokenVault> {
        Box::new(Vault { sources: self.clone(), org, name: name.to_owned() })
    }

    /// Takes a source for one sync; nobody else has it until then.
    pub(super) async fn lease(&self, org: OrgId, name: &str) -> Result<bool, StoreError> {
        let now = self.clock.now_ms();
        let until = now.saturating_add(millis(limits::SYNC_LEASE));
        let sql = "UPDATE supplier_sources SET leased_until = $3, last_at = $4 WHERE org_id = $1 AND name = $2 \
                   AND leased_until <= $4";
        let update = sqlx::query(sql).bind(org.to_string()).bind(name).bind(until).bind(now);
        Ok(self.database.scope(org).execute(Durability::Quick, update).await? > 0)
    }

    /// Gives a source back as it was.
    pub(super) async fn release(&self, org: OrgId, name: &str) -> Result<(), StoreError> {
        let sql = "UPDATE supplier_sources SET leased_until = 0 WHERE org_id = $1 AND name = $2";
        let update = sqlx::query(sql).bind(org.to_string()).bind(name);
        self.database.scope(org).execute(Durability::Quick, update).await?;
        Ok(())
    }

    /// Notes how a sync ended and when the next is due.
    pub(super) async fn settle(
        &self,
        org: OrgId,
        source: &Source,
        cursor: Option<&str>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let failures = error.map_or(0, |_| source.failures.saturating_add(1));
        let every = source.every_seconds.saturating_mul(1_000);
        // A ledger that is away is asked sooner than by its interval, but ever more rarely.
        let again = millis(limits::SYNC_RETRY_LATER).saturating_mul(failures.clamp(1, 16));
        let pause = if failures > 0 { again.min(every.max(1_000)) } else { every };
        let sql = "UPDATE supplier_sources SET leased_until = 0, due_at = $3, failures = $4, last_error = $5, \
                   cursor = $6, last_ok_at = $7 WHERE org_id = $1 AND name = $2";
        let error = error.map(|error| error.chars().take(limits::MAX_STORED_TEXT).collect::<String>());
        let update = sqlx::query(sql)
            .bind(org.to_string())
            .bind(&source.name)
            .bind(now.saturating_add(pause))
            .bind(failures)
            .bind(&error)
            .bind(cursor)
            .bind(if error.is_none() { Some(now) } else { source.last_ok_at });
        self.database.scope(org).execute(Durability::Durable, update).await?;
        Ok(())
    }

    async fn note(
        &self,
        write: &mut sqlx::AnyConnection,
        org: OrgId,
        action: AuditAction,
        subject: &str,
        actor: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let event = Event { org, at: self.clock.now_ms(), actor, action, subject, detail, private: None };
        append_audit(write, self.keyring.as_ref(), event).await.map(|_| ())
    }
}

/// The tokens of one source.
struct Vault {
    sources: Sources,
    org: OrgId,
    name: String,
}

#[async_trait]
impl TokenVault for Vault {
    async fn load(&self) -> Result<Option<Tokens>, SourceError> {
        let sealed = self.sources.column(self.org, &self.name, "SELECT sealed_tokens").await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let open =
            self.sources.keyring.open(self.org, &tokens_of(&self.name), &sealed).map_err(StoreError::from)?;
        Ok(Some(decoded(&open)?))
    }

    async fn save(&self, tokens: &Tokens) -> Result<(), SourceError> {
        let text = encoded(tokens)?;
        let sealed = self
            .sources
            .keyring
            .seal(self.org, &tokens_of(&self.name), text.as_bytes())
            .map_err(StoreError::from)?;
        // Only where some are: who disconnected meanwhile stays disconnected.
        let sql = "UPDATE supplier_sources SET sealed_tokens = $3 WHERE org_id = $1 AND name = $2 \
                   AND sealed_tokens IS NOT NULL";
        let update = sqlx::query(sql).bind(self.org.to_string()).bind(&self.name).bind(sealed);
        let scope = self.sources.database.scope(self.org);
        match scope.execute(Durability::Durable, update).await? {
            0 => Err(SourceError::NotConnected),
            _ => Ok(()),
        }
    }
}

fn source(row: &AnyRow) -> Result<Source, StoreError> {
    let options: String = row.try_get(2)?;
    let connected = row.try_get::<i64, _>(4)? != 0;
    Ok(Source {
        name: row.try_get(0)?,
        kind: row.try_get(1)?,
        options: decoded(options.as_bytes())?,
        every_seconds: row.try_get(3)?,
        connected,
        cursor: row.try_get(5)?,
        last_at: row.try_get(6)?,
        last_ok_at: row.try_get(7)?,
        last_error: row.try_get(8)?,
        failures: row.try_get(9)?,
    })
}

fn encoded(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn decoded<T: serde::de::DeserializeOwned>(octets: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(octets)
        .map_err(|_| StoreError::Refused("a stored supplier source is not readable; add it again".to_owned()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
