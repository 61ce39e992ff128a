//! Where pinned organisations are: the rows of `org_pins`, whose URLs only the master key opens.

use super::Store;
use super::engine::place;
use super::error::{StoreError, damaged};
use super::loading::generation;
use super::postgres::complain_about_url;
use super::sqlite::sqlite_path;
use crate::adapters::objects::{self, Objects};
use crate::limits;
use crate::model::OrgId;
use crate::ports::PortError;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::PoisonError;

/// A database and an object store of an organisation's own.
#[derive(Clone, Debug, Default)]
pub struct Pin {
    /// URL of the database; `None`: the main one.
    pub database: Option<SecretString>,
    /// URL of the object store, credentials included; `None`: the common one.
    pub objects: Option<SecretString>,
}

/// Who is pinned, as the main database says.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// Of the configuration of the main database, when they were read.
    generation: i64,
    /// Where the databases are; `None`: its URL does not open.
    pub(super) elsewhere: BTreeMap<OrgId, Option<SecretString>>,
    objects: BTreeMap<OrgId, Objects>,
    /// Whose URLs cannot be used, and why: nobody else has to do without theirs for that.
    pub(super) unusable: BTreeMap<OrgId, String>,
    ready: BTreeSet<OrgId>,
    /// Since when those are being made that are not ready, Unix milliseconds.
    pub(super) creating: BTreeMap<OrgId, i64>,
    /// Those whose rows in their own database are going or gone.
    pub(super) erasing: BTreeSet<OrgId>,
}

impl Pins {
    pub(super) fn is_ready(&self, org: OrgId) -> bool {
        self.ready.contains(&org)
    }
}

impl Pin {
    /// Whether both URLs can be what they are for. They are not repeated: both may hold a secret.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] with the remedy.
    pub fn check(&self) -> Result<(), StoreError> {
        let invalid = |what: &str, why: &str| Err(StoreError::Invalid(format!("{what} {why}")));
        if let Some(url) = &self.database {
            let url = url.expose_secret();
            if let Some((what, help)) = complain_about_url(url) {
                return invalid("--database", &format!("{what}: {help}"));
            }
            let postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
            if !postgres && !sqlite_path(url).is_ok_and(|path| path.is_absolute()) {
                return invalid("--database", "is neither postgres://… nor sqlite: with an absolute path");
            }
        }
        if let Some(url) = &self.objects {
            match options(url).location() {
                Err(error) => return invalid("--objects:", &error.to_string()),
                Ok(objects::Location::Folder(path)) if !Path::new(&path).is_absolute() => {
                    return invalid("--objects", "names a folder by a relative path; write file:/PATH");
                }
                Ok(_) => {}
            }
        }
        let long = |url: &Option<SecretString>| {
            url.as_ref().is_some_and(|url| url.expose_secret().len() > limits::MAX_PIN_URL)
        };
        if long(&self.database) || long(&self.objects) {
            return invalid("a URL", "is longer than any that is stored");
        }
        Ok(())
    }
}

impl Pin {
    /// The kind of each place and its name, never a secret: for the audit.
    pub(super) fn described(&self) -> Value {
        let mut places = serde_json::Map::new();
        if let Some(url) = &self.database {
            let postgres = url.expose_secret().starts_with("postgres");
            let kind = if postgres { "postgresql" } else { "sqlite" };
            places.insert("database".to_owned(), json!({ "kind": kind, "name": place(url.expose_secret()) }));
        }
        if let Some(location) = self.objects.as_ref().and_then(|url| options(url).location().ok()) {
            let kind = match &location {
                objects::Location::Folder(_) => "folder",
                objects::Location::S3 { .. } => "s3",
                objects::Location::Azure { .. } => "azure",
            };
            places.insert("objects".to_owned(), json!({ "kind": kind, "name": location.to_string() }));
        }
        Value::Object(places)
    }
}

/// What is followed now.
#[derive(Debug)]
pub(super) struct Routes {
    /// Under which generation the pins were read.
    generation: i64,
    /// Object stores that were opened, with where they are.
    objects: BTreeMap<OrgId, (SecretString, Objects)>,
}

impl Default for Routes {
    fn default() -> Self {
        Self { generation: i64::MIN, objects: BTreeMap::new() }
    }
}

/// An organisation's own store is one URL.
pub(super) fn options(url: &SecretString) -> objects::Options {
    objects::Options { url: url.clone(), ..objects::Options::default() }
}

impl Store {
    /// Reads who is pinned. The transaction is one across organisations of the main database.
    pub(super) async fn read_pins(&self, read: &mut AnyConnection) -> Result<Pins, StoreError> {
        let mut pins = Pins { generation: generation(&mut *read).await?, ..Pins::default() };
        let rows = sqlx::query(
            "SELECT org_id, sealed_database, sealed_objects, state, created_at FROM org_pins ORDER BY org_id",
        );
        for row in rows.fetch_all(read).await? {
            let org: OrgId = row.try_get::<String, _>(0)?.parse().map_err(|_| damaged("organisation id"))?;
            if let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>(1)? {
                let url = self.opened_url(org, "database", &sealed);
                let url =
                    url.map_err(|error| pins.unusable.insert(org, format!("where it is: {error}"))).ok();
                pins.elsewhere.insert(org, url);
            }
            if let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>(2)? {
                let url = self.opened_url(org, "objects", &sealed);
                let opened = url.and_then(|url| self.own_objects(org, &url)).unwrap_or_else(|error| {
                    let why = format!("its object store cannot be opened: {error}");
                    // Never the common store instead: the organisation's objects must not lie there.
                    let closed = Objects::closed(&why);
                    pins.unusable.insert(org, why);
                    closed
                });
                pins.objects.insert(org, opened);
            }
            match row.try_get::<String, _>(3)?.as_str() {
                "ready" => _ = pins.ready.insert(org),
                "erasing" => _ = pins.erasing.insert(org),
                _ => _ = pins.creating.insert(org, row.try_get(4)?),
            }
        }
        Ok(pins)
    }

    fn opened_url(&self, org: OrgId, what: &str, sealed: &[u8]) -> Result<SecretString, PortError> {
        let plain = self.keyring.unwrap_by_master(&context(org, what), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| PortError::Permanent {
            what: "keys",
            detail: "a wrapped URL is no text".to_owned(),
        })?;
        Ok(SecretString::from(text.to_owned()))
    }

    /// Opened once: a store's client has connections.
    fn own_objects(&self, org: OrgId, url: &SecretString) -> Result<Objects, PortError> {
        let known = &mut self.routes.lock().unwrap_or_else(PoisonError::into_inner).objects;
        if let Some((at, objects)) = known.get(&org)
            && at.expose_secret() == url.expose_secret()
        {
            return Ok(objects.clone());
        }
        let opened = Objects::open(&options(url))?;
        known.insert(org, (url.clone(), opened.clone()));
        Ok(opened)
    }

    /// Routes by these from now on. What was read before somebody else's newer view changes nothing: a pinned organisation
    /// would be looked for in the main database again, and its mail would lie there.
    pub(super) fn follow(&self, pins: &Pins) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if pins.generation < routes.generation {
            return;
        }
        // Of the same generation one of two may have seen a creation that the other had not.
        let is_newer = pins.generation > routes.generation;
        routes.generation = pins.generation;
        self.database.pin(&pins.elsewhere, is_newer);
        self.bodies.pin(&pins.objects, is_newer);
        if is_newer {
            self.keyring.forget_unpinned(|org| pins.elsewhere.contains_key(&org));
        }
    }

    /// The row that pins an organisation.
    pub(super) async fn put_pin(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        pin: &Pin,
        state: &'static str,
    ) -> Result<(), StoreError> {
        let seal = |url: &Option<SecretString>, what| {
            let wrap = |url: &SecretString| {
                self.keyring.wrap_by_master(&context(org, what), url.expose_secret().as_bytes())
            };
            url.as_ref().map(wrap).transpose()
        };
        let sql = "INSERT INTO org_pins (org_id, sealed_database, sealed_objects, state, created_at) \
                   VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(sql)
            .bind(org.to_string())
            .bind(seal(&pin.database, "database")?)
            .bind(seal(&pin.objects, "objects")?)
            .bind(state)
            .bind(self.clock.now_ms())
            .execute(write)
            .await?;
        Ok(())
    }

    /// Wraps the URLs of a pinned organisation by the current master key. Returns how many were under another.
    pub(super) async fn rewrap_pin(&self, org: OrgId) -> Result<u64, StoreError> {
        let mut write = self.database.alone().scope(org).write().await?;
        let mut count = 0_u64;
        for (column, what) in [("sealed_database", "database"), ("sealed_objects", "objects")] {
            // Column names are literals of this file.
            let sql = format!("SELECT {column} FROM org_pins WHERE org_id = $1 AND {column} IS NOT NULL");
            let query = sqlx::query_scalar::<_, Vec<u8>>(sqlx::AssertSqlSafe(sql));
            let Some(sealed) = query.bind(org.to_string()).fetch_optional(&mut *write).await? else {
                continue;
            };
            let Some(wrapped) = self.keyring.rewrap_by_master(&context(org, what), &sealed)? else {
                continue;
            };
            let sql = format!("UPDATE org_pins SET {column} = $1 WHERE org_id = $2");
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(wrapped)
                .bind(org.to_string())
                .execute(&mut *write)
                .await?;
            count = count.saturating_add(1);
        }
        write.commit().await?;
        Ok(count)
    }
}

fn context(org: OrgId, what: &str) -> String {
    format!("{org}|org_pins|{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_judged_before_anything_is_opened_and_never_repeated() {
        let pin = |database: &str, objects: &str| Pin {
            database: (!database.is_empty()).then(|| SecretString::from(database.to_owned())),
            objects: (!objects.is_empty()).then(|| SecretString::from(objects.to_owned())),
        };
        for (database, objects, fine) in [
            ("", "", true),
            ("sqlite:/srv/own.db", "file:/srv/own", true),
            ("postgres://app:hunter2@127.0.0.1/own", "s3://ID:hunter2@bucket/prefix", true),
            ("sqlite:own.db", "", false),
            ("mysql://app:hunter2@host/own", "", false),
            ("postgres://app:hunter2@db.example/own", "", false),
            ("", "file:own", false),
            ("", "ftp://hunter2@host", false),
            ("", "s3://", false),
        ] {
            let checked = pin(database, objects).check();
            assert_eq!(checked.is_ok(), fine, "{database} {objects}: {checked:?}");
            assert!(!format!("{checked:?}").contains("hunter2"), "{checked:?}");
        }
        let long = format!("sqlite:/{}", "x".repeat(limits::MAX_PIN_URL));
        assert!(pin(&long, "").check().is_err());
    }
}
