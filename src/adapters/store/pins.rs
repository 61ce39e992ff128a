//! Where pinned organisations are: the rows of `org_pins`, whose URLs only the master key opens.

use super::Store;
use super::error::{StoreError, damaged};
use super::postgres::complain_about_url;
use super::sqlite::sqlite_path;
use crate::adapters::objects::{self, Objects};
use crate::limits;
use crate::model::OrgId;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{AnyConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
    /// Where the databases are.
    pub(super) elsewhere: BTreeMap<OrgId, SecretString>,
    objects: BTreeMap<OrgId, SecretString>,
    ready: BTreeSet<OrgId>,
    /// Since when those are being made that are not ready, Unix milliseconds.
    pub(super) creating: BTreeMap<OrgId, i64>,
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

/// An organisation's own store is one URL.
pub(super) fn options(url: &SecretString) -> objects::Options {
    objects::Options { url: url.clone(), ..objects::Options::default() }
}

impl Store {
    /// Reads who is pinned. The transaction is one across organisations of the main database.
    pub(super) async fn read_pins(&self, read: &mut AnyConnection) -> Result<Pins, StoreError> {
        let mut pins = Pins::default();
        let rows = sqlx::query(
            "SELECT org_id, sealed_database, sealed_objects, state, created_at FROM org_pins ORDER BY org_id",
        );
        for row in rows.fetch_all(read).await? {
            let org: OrgId = row.try_get::<String, _>(0)?.parse().map_err(|_| damaged("organisation id"))?;
            if let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>(1)? {
                pins.elsewhere.insert(org, self.keyring.unwrap_text(&context(org, "database"), &sealed)?);
            }
            if let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>(2)? {
                pins.objects.insert(org, self.keyring.unwrap_text(&context(org, "objects"), &sealed)?);
            }
            if row.try_get::<String, _>(3)? == "ready" {
                pins.ready.insert(org);
            } else {
                pins.creating.insert(org, row.try_get(4)?);
            }
        }
        Ok(pins)
    }

    /// Routes by these from now on.
    pub(super) fn follow(&self, pins: &Pins) -> Result<(), StoreError> {
        let mut objects = BTreeMap::new();
        for (org, url) in &pins.objects {
            // Never the common store instead: the organisation's objects must not lie there.
            objects.insert(*org, Objects::open(&options(url))?);
        }
        self.database.pin(pins.elsewhere.clone());
        self.bodies.pin(objects);
        Ok(())
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
            let wrap = |url: &SecretString| self.keyring.wrap_text(&context(org, what), url.expose_secret());
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
            if self.keyring.is_under_current_master(&sealed) {
                continue;
            }
            let url = self.keyring.unwrap_text(&context(org, what), &sealed)?;
            let wrapped = self.keyring.wrap_text(&context(org, what), url.expose_secret())?;
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
