//! The database: one set of SQL with `$1` placeholders, one file a subject.
//!
//! [`Database`] opens the engine that the URL names and gives out transactions, each for one organisation ([`Scope`]); [`Store`] adds the keys, the clock and the folder of bodies
//! and carries the operations on organisations, quarantine, outbox and audit. [`Book`] is the organisations in memory,
//! [`JournalWriter`] the record of every message. Whatever tells of a message's content is sealed under the
//! organisation's data key before it becomes a column. Every statement about an organisation's rows names it.

mod arc;
mod audit;
mod book;
mod companions;
mod database;
mod decisions;
mod dump;
mod engine;
mod erase;
mod error;
pub mod inventory;
mod journal;
mod keys;
mod loading;
mod members;
mod open_intents;
mod organisations;
mod outbox;
mod own_rules;
mod pinned;
mod pins;
mod postgres;
mod postgres_checks;
mod postgres_owner;
mod postgres_reach;
mod privacy;
mod quarantine;
mod record;
mod recorded;
mod retention;
mod scope;
mod settings;
mod sqlite;
mod system;
mod users;

pub use arc::ArcKey;
pub use audit::{
    Anchoring, AuditEntry, AuditQuery, ChainCheck, Event, ExportFrame, Pruned, SigningKey,
    append as append_audit,
};
pub use book::Book;
pub use database::{Database, Durability, PinnedPart};
pub use decisions::ReleaseOrder;
#[doc(hidden)]
pub use dump::row_values;
pub use dump::{
    Arrival, DatedKey, Loader as DumpLoader, Snapshot as DumpSnapshot, Table as DumpTable, arrival_detail,
};
pub use erase::{Left, OrganisationErasure};
pub use error::StoreError;
pub use journal::JournalWriter;
pub use keys::{
    KeyInfo, KeyProgress, KeyReport, KeyStatus, PurposeStatus, RotationStatus, SEALED, SealedColumn, WRAPPED,
};
pub use loading::Away;
pub use members::{Membership, scheme_from_name};
pub use open_intents::OpenIntent;
pub use organisations::{CreatedOrganisation, NewOrganisation};
pub use outbox::OutboxStatus;
pub use own_rules::{OwnRulesChange, OwnRulesVersion};
pub use pins::Pin;
pub use postgres::complain_about_url;
pub use postgres_checks::TABLES_OF_NO_ORGANISATION;
pub use postgres_owner::migrate;
pub(in crate::adapters) use postgres_owner::{filled, open_to_fill, restored};
pub use privacy::{Erasure, HeldAbout, Place as PrivacyPlace, Planned, Stays, Subject};
pub use quarantine::{HeldEntry, OPEN_STATES};
pub use record::RecordedVerdict;
pub use recorded::{Period, RecordedFacts, RecordedMessage};
pub use retention::{LegalHold, Purged, RetentionRun, RunState};
pub use scope::{ReadTransaction, Scope, WriteTransaction};
pub use settings::OrgSetting;
pub use system::SystemRead;

use crate::adapters::arc::ArcKeys;
use crate::adapters::audit::AuditAction;
use crate::adapters::keyring::LocalKeyring;
use crate::adapters::objects::Bodies;
use crate::limits;
use crate::model::{OrgId, Organisation};
use crate::ports::{Clock, IdSource, Keyring as _};
use error::damaged;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Everything that is kept, with what sealing and dating it needs.
pub struct Store {
    database: Database,
    keyring: Arc<LocalKeyring>,
    arc: Arc<ArcKeys>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    bodies: Bodies,
    routes: Mutex<pins::Routes>,
}

impl Store {
    /// Over an opened and migrated database.
    #[must_use]
    pub fn new(
        database: Database,
        keyring: Arc<LocalKeyring>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        bodies: Bodies,
    ) -> Self {
        Self { database, keyring, arc: Arc::default(), clock, ids, bodies, routes: Mutex::default() }
    }

    /// The database, for adapters with tables of their own (suppliers).
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The bodies of held mail.
    #[must_use]
    pub fn bodies(&self) -> &Bodies {
        &self.bodies
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> &Arc<LocalKeyring> {
        &self.keyring
    }

    /// The ARC keys that seal now, as the last look at the database found them.
    #[must_use]
    pub fn arc_sealing_keys(&self) -> &Arc<ArcKeys> {
        &self.arc
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The source of ids.
    #[must_use]
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.ids
    }

    /// Appends an audit entry without private fields to the caller's transaction, dated now.
    ///
    /// # Errors
    /// As [`append_audit`].
    pub async fn note(
        &self,
        write: &mut AnyConnection,
        org: OrgId,
        actor: &str,
        action: AuditAction,
        subject: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let at = self.clock.now_ms();
        let event = Event { org, at, actor, action, subject, detail, private: None };
        audit::append(write, self.keyring.as_ref(), event).await
    }

    fn seal_json(&self, org: OrgId, context: &str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(value).map_err(|error| StoreError::Invalid(error.to_string()))?;
        Ok(self.keyring.seal(org, context, &plain)?)
    }

    fn open_json<T: DeserializeOwned>(
        &self,
        org: OrgId,
        context: &str,
        sealed: Vec<u8>,
    ) -> Result<T, StoreError> {
        let plain = self.keyring.open(org, context, &sealed)?;
        // The parser's own words would quote the content.
        serde_json::from_slice(&plain).map_err(|_| damaged("sealed document"))
    }
}

/// Tells every node to read the organisations again.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn config_changed(write: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE generations SET value = value + 1 WHERE name = 'config'").execute(write).await?;
    Ok(())
}

/// Notes within the caller's transaction that suppliers, accounts or own accounts of an organisation changed: caches
/// keyed by its directory generation end.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn directory_changed(write: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
    let sql = "UPDATE organisations SET directory_generation = directory_generation + 1 WHERE id = $1";
    sqlx::query(sql).bind(org.to_string()).execute(&mut *write).await?;
    config_changed(write).await
}

/// The organisation that a row (whose first column is `org_id`) belongs to; `None` for one that is gone.
fn placed<'a>(
    row: &AnyRow,
    by_id: &'a mut BTreeMap<OrgId, &mut Organisation>,
) -> Result<Option<(OrgId, &'a mut Organisation)>, StoreError> {
    let id = OrgId::from_str(row.try_get(0)?).map_err(|_| damaged("organisation id"))?;
    Ok(by_id.get_mut(&id).map(|organisation| (id, &mut **organisation)))
}

/// `$first, $first+1, …`
fn placeholders(first: usize, count: usize) -> String {
    let marks = (first..first.saturating_add(count)).map(|number| format!("${number}"));
    marks.collect::<Vec<_>>().join(", ")
}

/// At most `limits::MAX_STORED_TEXT` characters.
fn bounded(text: &str) -> &str {
    let end = text.char_indices().nth(limits::MAX_STORED_TEXT).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

fn from_rfc3339(text: &str) -> Result<i64, StoreError> {
    let wrong = || StoreError::Invalid("a time is not RFC 3339".to_owned());
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| wrong())
}

/// UTC, from Unix milliseconds.
fn to_rfc3339(ms: i64) -> Result<String, StoreError> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms).saturating_mul(1_000_000));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).ok_or_else(|| damaged("time"))
}

/// Lower-case hexadecimal.
fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len().saturating_mul(2)), |mut out, octet| {
        // Writing into a String cannot fail.
        write!(out, "{octet:02x}").ok();
        out
    })
}
