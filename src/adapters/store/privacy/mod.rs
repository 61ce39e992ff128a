//! One person's data: finding all that is held about an address, handing it out, erasing it.
//!
//! [`places`] is the one list of where an address can stand: walks over sealed columns, over readable ones, and over
//! fingerprints. Plan, export and erasure go through the same walks, so that a plan says what an erasure does, and an
//! erasure's certificate says what a look afterwards still finds. What stays and why is decided in [`fate`], again inside
//! the transaction that erases: a legal hold that was placed meanwhile counts.
//!
//! An erasure works in small transactions, each of which also notes how many rows it took (`runs`): killed anywhere, the
//! same command goes on and the count is right.

mod erase;
mod fate;
mod find;
mod places;
mod redact;
mod runs;
mod subject;

pub use fate::Stays;
pub use places::Place;
pub use runs::Erasure;
pub use subject::Subject;

use super::error::StoreError;
use super::retention::standing;
use super::{AuditEntry, Store};
use crate::model::OrgId;
use fate::Fate;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What of one place would go, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Rows that an erasure removes or empties.
    pub goes: u64,
    /// Rows that stay, by reason.
    pub stays: BTreeMap<Stays, u64>,
}

/// One thing that is held about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldAbout {
    /// Where.
    pub place: Place,
    /// Table, or table and column.
    pub table: String,
    /// The row's key.
    pub row: String,
    /// What it says, opened.
    pub data: Value,
}

impl Store {
    /// The person that an address names, as this organisation's rows may have it.
    ///
    /// # Errors
    /// [`StoreError`] when the organisation's keys are not loaded.
    pub fn subject(&self, org: OrgId, address: &crate::model::EmailAddress) -> Result<Subject, StoreError> {
        Subject::of(self.keyring.as_ref(), org, address)
    }

    /// What an erasure would take now and what would stay, place by place. `suppliers`: contacts on supplier records go
    /// too. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] of database, object store and keys.
    pub async fn privacy_plan(
        &self,
        org: OrgId,
        subject: &Subject,
        suppliers: bool,
    ) -> Result<BTreeMap<Place, Planned>, StoreError> {
        let mut plan: BTreeMap<Place, Planned> = BTreeMap::new();
        for walk in places::walks() {
            let mut after = None;
            loop {
                let found = self.find(org, subject, walk, after.as_ref()).await?;
                let mut read = self.database.scope(org).read().await?;
                let holds = standing(&mut read, org).await?;
                for hit in &found.hits {
                    let part = plan.entry(walk.place()).or_default();
                    match self.fate(&mut read, org, hit, &holds, suppliers).await? {
                        Fate::Goes => part.goes = part.goes.saturating_add(1),
                        Fate::Stays(why) => {
                            let count = part.stays.entry(why).or_default();
                            *count = count.saturating_add(1);
                        }
                    }
                }
                drop(read);
                match found.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(plan)
    }

    /// Hands everything that is held about a person to `take`, as it is found. Whoever shows it notes that first
    /// ([`Store::note_read`]).
    ///
    /// # Errors
    /// [`StoreError`] of database, object store and keys; what `take` returns.
    pub async fn privacy_export<E: From<StoreError>>(
        &self,
        org: OrgId,
        subject: &Subject,
        take: &mut dyn FnMut(HeldAbout) -> Result<(), E>,
    ) -> Result<(), E> {
        for walk in places::walks().filter(|walk| walk.place() != Place::Audit) {
            let mut after = None;
            loop {
                let found = self.find(org, subject, walk, after.as_ref()).await?;
                for hit in found.hits {
                    take(HeldAbout {
                        place: walk.place(),
                        table: walk.table(),
                        row: hit.row(),
                        data: hit.data,
                    })?;
                }
                match found.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        let mut after = 0;
        loop {
            let (entries, next) = self.audit_about(org, subject, after).await?;
            for entry in &entries {
                take(of_audit(entry))?;
            }
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }
}

/// An entry of the audit with what stands beside the chain.
fn of_audit(entry: &AuditEntry) -> HeldAbout {
    let private: Value =
        entry.private.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    HeldAbout {
        place: Place::Audit,
        table: "audit".to_owned(),
        row: entry.seq.to_string(),
        data: json!({
            "at": super::to_rfc3339(entry.at).unwrap_or_default(), "actor": entry.actor, "action": entry.action,
            "subject": entry.subject, "private": private, "persons": entry.persons,
        }),
    }
}
