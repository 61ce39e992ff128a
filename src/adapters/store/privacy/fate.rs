//! Whether a row goes, or stays and why. Asked for a plan, and again in the transaction that erases.

use super::super::Store;
use super::super::error::{StoreError, damaged};
use super::super::keys::SealedColumn;
use super::super::quarantine::state_of;
use super::super::retention::Standing;
use super::find::Hit;
use super::places::{Place, Plain, Walk};
use crate::model::{HeldState, OrgId, Retained};
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row as _};

/// Why a row stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stays {
    /// A legal hold keeps it.
    LegalHold,
    /// Held mail that waits for a decision or is being released.
    Undecided,
    /// Sentra's own mail that is on its way.
    OnItsWay,
    /// A supplier's record needs it.
    SupplierRecord,
    /// An import of suppliers is at work on it.
    ImportAtWork,
    /// A verification case that is not decided.
    OpenCase,
    /// The organisation's own configuration.
    Configuration,
    /// The only administrator.
    LastAdministrator,
}

impl Stays {
    /// The reason, and what can be done, as a sentence.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::LegalHold => "A legal hold keeps it; `sentra retention hold list` tells which.",
            Self::Undecided => {
                "Held mail waits for a decision or is being released, and is kept whole until then."
            }
            Self::OnItsWay => "Mail of Sentra's own is on its way; erase again when it was sent.",
            Self::SupplierRecord => {
                "A supplier's record needs it to recognise mail and to call back; `--suppliers` erases contacts too."
            }
            Self::ImportAtWork => {
                "An import or undo of suppliers is at work on it; erase again when it has ended."
            }
            Self::OpenCase => "A verification case is not decided; erase again when it is.",
            Self::Configuration => {
                "The organisation works with it; `sentra org` removes mailboxes and settings."
            }
            Self::LastAdministrator => {
                "It is the only administrator, who gets the notices; name another one and erase again."
            }
        }
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    Stays(Stays),
}

impl Fate {
    fn unless(stays: bool, why: Stays) -> Self {
        if stays { Self::Stays(why) } else { Self::Goes }
    }
}

impl Store {
    /// What becomes of a row. `suppliers`: contacts on supplier records go too.
    pub(super) async fn fate(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        hit: &Hit,
        holds: &Standing,
        suppliers: bool,
    ) -> Result<Fate, StoreError> {
        if holds.organisation {
            return Ok(Fate::Stays(Stays::LegalHold));
        }
        let id = hit.id();
        match hit.walk {
            Walk::Outbox => self.fate_of_outbox(read, org, &id, holds).await,
            Walk::HeldMarks | Walk::Quarantine | Walk::Facts => {
                self.fate_of_mail(read, org, &id, holds).await
            }
            Walk::History => Ok(Fate::unless(holds.suspends(Retained::History).is_some(), Stays::LegalHold)),
            Walk::Sealed(column, place) => {
                fate_of_text(read, org, column, place, hit, (holds, suppliers)).await
            }
            Walk::Plain(plain) => fate_of_plain(read, org, plain, &id).await,
            Walk::Persons => Ok(Fate::Goes),
        }
    }

    async fn fate_of_outbox(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        id: &str,
        holds: &Standing,
    ) -> Result<Fate, StoreError> {
        let sql = "SELECT state, quarantine_id FROM outbox WHERE org_id = $1 AND id = $2";
        let row = sqlx::query(sql).bind(org.to_string()).bind(id).fetch_optional(&mut *read).await?;
        let Some(row) = row else { return Ok(Fate::Goes) };
        let (state, about): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        if !matches!(state.as_str(), "sent" | "failed") {
            return Ok(Fate::Stays(Stays::OnItsWay));
        }
        match about {
            Some(about) => self.fate_of_mail(read, org, &about, holds).await,
            None => Ok(Fate::Goes),
        }
    }

    /// Of what belongs to a message of this id: held or only recorded.
    async fn fate_of_mail(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        id: &str,
        holds: &Standing,
    ) -> Result<Fate, StoreError> {
        if self.mail_is_held_by_law(read, org, id, holds).await? {
            return Ok(Fate::Stays(Stays::LegalHold));
        }
        let Ok(entry) = id.parse() else { return Ok(Fate::Goes) };
        let undecided = match state_of(read, org, entry).await {
            Ok(state) => matches!(
                state,
                HeldState::Held | HeldState::Claimed | HeldState::Approved | HeldState::Releasing
            ),
            Err(StoreError::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        Ok(Fate::unless(undecided, Stays::Undecided))
    }

    /// Whether a legal hold keeps this message: by its id, or by a supplier that it was recognised in. What cannot be
    /// opened may be of one: it stays.
    async fn mail_is_held_by_law(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        id: &str,
        holds: &Standing,
    ) -> Result<bool, StoreError> {
        if holds.entries.contains(id) {
            return Ok(true);
        }
        if holds.suppliers.is_empty() {
            return Ok(false);
        }
        let sql = "SELECT (SELECT sealed_row FROM quarantine WHERE org_id = $1 AND id = $2), \
                   (SELECT facts FROM messages WHERE org_id = $1 AND id = $2)";
        let row = sqlx::query(sql).bind(org.to_string()).bind(id).fetch_one(read).await?;
        for (at, context) in ["quarantine.sealed_row", "messages.facts"].into_iter().enumerate() {
            let sealed: Option<Vec<u8>> = row.try_get(at)?;
            let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else { continue };
            let opened: Result<serde_json::Value, StoreError> =
                self.open_json(org, &format!("{context}|{id}"), sealed);
            let Ok(value) = opened else { return Ok(true) };
            let supplier = value.pointer("/supplier/id").and_then(serde_json::Value::as_str);
            if supplier.is_some_and(|supplier| holds.suppliers.contains(supplier)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Of a sealed text that names the person.
async fn fate_of_text(
    read: &mut AnyConnection,
    org: OrgId,
    column: &SealedColumn,
    place: Place,
    hit: &Hit,
    (holds, suppliers): (&Standing, bool),
) -> Result<Fate, StoreError> {
    let id = hit.id();
    match (place, column.table) {
        (Place::Suppliers, "supplier_values") => fate_of_value(read, org, &id, holds, suppliers).await,
        (Place::Cases, _) => {
            let sql = "SELECT state FROM cases WHERE org_id = $1 AND id = $2";
            let state: Option<String> =
                sqlx::query_scalar(sql).bind(org.to_string()).bind(&id).fetch_optional(&mut *read).await?;
            let supplier = "SELECT supplier_id FROM cases WHERE org_id = $1 AND id = $2";
            let supplier: Option<String> =
                sqlx::query_scalar(supplier).bind(org.to_string()).bind(&id).fetch_optional(read).await?;
            if supplier.is_some_and(|supplier| holds.suppliers.contains(&supplier)) {
                return Ok(Fate::Stays(Stays::LegalHold));
            }
            let open = state.is_some_and(|state| matches!(state.as_str(), "open" | "called"));
            Ok(Fate::unless(open, Stays::OpenCase))
        }
        (Place::LegalHolds, _) => Ok(Fate::unless(holds.ids.contains(&id), Stays::LegalHold)),
        (Place::Audit, _) => {
            let seq: i64 = id.parse().map_err(|_| damaged("audit detail"))?;
            let sql = "SELECT subject FROM audit WHERE org_id = $1 AND seq = $2";
            let about: Option<String> =
                sqlx::query_scalar(sql).bind(org.to_string()).bind(seq).fetch_optional(read).await?;
            let kept = about.is_some_and(|about| {
                holds.entries.contains(&about)
                    || holds.suppliers.contains(&about)
                    || holds.ids.contains(&about)
            });
            Ok(Fate::unless(kept, Stays::LegalHold))
        }
        (Place::Suppliers, _) => Ok(Fate::Stays(Stays::SupplierRecord)),
        _ => Ok(Fate::Stays(Stays::Configuration)),
    }
}

/// Of a contact, or another value, of a supplier.
async fn fate_of_value(
    read: &mut AnyConnection,
    org: OrgId,
    id: &str,
    holds: &Standing,
    suppliers: bool,
) -> Result<Fate, StoreError> {
    let sql = "SELECT v.supplier_id, v.kind, (SELECT COUNT(*) FROM supplier_values x WHERE x.org_id = v.org_id AND x.id = v.id AND x.retired_at IS NULL), \
               (SELECT COUNT(*) FROM supplier_batches b WHERE b.org_id = v.org_id AND b.state IN ('staging', 'undoing') \
               AND (b.id = v.batch_id OR b.id = v.change_id)) FROM supplier_values v WHERE v.org_id = $1 AND v.id = $2";
    let row = sqlx::query(sql).bind(org.to_string()).bind(id).fetch_optional(read).await?;
    let Some(row) = row else { return Ok(Fate::Goes) };
    let (supplier, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (active, at_work): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
    Ok(if holds.suppliers.contains(&supplier) {
        Fate::Stays(Stays::LegalHold)
    } else if at_work > 0 {
        Fate::Stays(Stays::ImportAtWork)
    } else {
        Fate::unless(active > 0 && !(suppliers && kind == "email"), Stays::SupplierRecord)
    })
}

/// Of a readable value.
async fn fate_of_plain(
    read: &mut AnyConnection,
    org: OrgId,
    plain: &Plain,
    id: &str,
) -> Result<Fate, StoreError> {
    match plain.place {
        Place::Users => {
            let sql = "SELECT COUNT(*) FROM users WHERE org_id = $1 AND role = 'admin' AND folded <> $2";
            let others: i64 = sqlx::query_scalar(sql).bind(org.to_string()).bind(id).fetch_one(read).await?;
            Ok(Fate::unless(others == 0, Stays::LastAdministrator))
        }
        Place::Executives | Place::Actors => Ok(Fate::Goes),
        _ => Ok(Fate::Stays(Stays::Configuration)),
    }
}
