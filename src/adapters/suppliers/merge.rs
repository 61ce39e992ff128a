//! Two records of one supplier become one.
//!
//! Everything of FROM that INTO does not have moves over; FROM's name becomes an alias; FROM's id stays and means INTO
//! from now on, so that the next import by that id lands there. What both have stays where it is and is not seen any
//! more; of an account that both have, the stricter state counts. Undone, both are exactly as they were.

use super::batches::{BatchKind, Change, Face, NewBatch};
use super::draft::{Author, Draft};
use super::plan::{account_face, state_change, supplier_change};
use super::records::{Stored, SupplierRecords, hidden};
use super::rows::ValueKind;
use crate::adapters::audit::AuditAction;
use crate::adapters::store::StoreError;
use crate::limits;
use crate::model::{AccountState, OrgId, SupplierId};
use sqlx::{AnyConnection, Row as _};

/// What a merge did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Merged {
    /// The id that now stands for the other.
    pub from: SupplierId,
    /// The record that remains.
    pub into: SupplierId,
    /// The batch, for an undo.
    pub batch: String,
    /// Values moved.
    pub values: usize,
    /// Accounts moved.
    pub accounts: usize,
    /// Accounts that both had with different states: the stricter one counts.
    pub stricter: usize,
    /// The organisation's new generation.
    pub generation: i64,
}

impl SupplierRecords {
    /// Merges one supplier into another. Ids of earlier merges mean their successors.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when both are one record already (so that no loop can arise);
    /// [`StoreError::Invalid`] when the record would grow too long.
    pub async fn merge(
        &self,
        org: OrgId,
        from: &SupplierId,
        into: &SupplierId,
        actor: &str,
    ) -> Result<Merged, StoreError> {
        let source = "merge";
        let new = NewBatch { kind: BatchKind::Merge, actor, source, hash: None, verified: false };
        let (mut write, batch) = self.change(org, &new).await?;
        let hidden = hidden(&mut write, org).await?;
        let from = self.standing(&mut write, org, &hidden, from).await?;
        let into = self.standing(&mut write, org, &hidden, into).await?;
        if from.id == into.id {
            return Err(StoreError::Conflict("both ids stand for one record already".to_owned()));
        }
        let by = Author {
            keyring: &*self.keyring,
            ids: &*self.ids,
            org,
            batch: &batch,
            actor,
            source,
            now: self.clock.now_ms(),
        };
        let mut draft = Draft::default();
        let values = values(&by, &from, &into, &mut draft)?;
        let (accounts, stricter) = accounts(&by, &from, &into, &mut draft)?;
        let country = from.country.as_deref();
        draft.changes.push(supplier_change(&by, &from, &from.name, country, Some(&into.id.0))?);
        self.redirects(&mut write, &by, &from, &into, &mut draft).await?;
        open_cases(&mut write, org, &from, &into, &mut draft).await?;
        let changes = std::mem::take(&mut draft.changes);
        draft.write(&mut write, org, &batch).await?;
        let detail = serde_json::json!({
            "into": into.id, "values": values, "accounts": accounts, "stricter": stricter,
        });
        let event = (actor, AuditAction::SupplierMerge, from.id.0.as_str(), detail);
        let generation = self.finish(write, org, &batch, changes, event).await?;
        Ok(Merged { from: from.id, into: into.id, batch, values, accounts, stricter, generation })
    }

    /// Ids that stood for FROM stand for INTO.
    async fn redirects(
        &self,
        read: &mut AnyConnection,
        by: &Author<'_>,
        from: &Stored,
        into: &Stored,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let sql = "SELECT id FROM suppliers WHERE org_id = $1 AND merged_into = $2";
        let ids: Vec<String> =
            sqlx::query_scalar(sql).bind(by.org.to_string()).bind(&from.id.0).fetch_all(&mut *read).await?;
        for old in self.load(read, by.org, "", &ids, false).await?.into_values() {
            let country = old.country.as_deref();
            let mut change = supplier_change(by, &old, &old.name, country, Some(&into.id.0))?;
            change.before.supplier = Some(from.id.0.clone());
            draft.changes.push(change);
        }
        Ok(())
    }
}

fn values(by: &Author<'_>, from: &Stored, into: &Stored, draft: &mut Draft) -> Result<usize, StoreError> {
    let has = |kind: ValueKind, fingerprint: &str| into.active(kind).any(|v| v.fingerprint == fingerprint);
    let mut moved = 0_usize;
    for value in from.values.iter().filter(|value| value.retired_at.is_none()) {
        let kind = value.kind;
        // Name, tax and company number stay what they are on INTO where it has one.
        let stays = kind == ValueKind::Name
            || has(kind, &value.fingerprint)
            || matches!(kind, ValueKind::Tax | ValueKind::Company) && into.active(kind).next().is_some();
        if stays {
            continue;
        }
        let face = |supplier: &Stored| Face {
            supplier: Some(supplier.id.0.clone()),
            by: value.retired_by.clone(),
            at: value.retired_at,
            ..Face::default()
        };
        draft.changes.push(Change {
            entity: "value",
            row: value.id.clone(),
            last: value.change.clone(),
            before: face(from),
            after: face(into),
        });
        moved = moved.saturating_add(1);
    }
    for kind in ValueKind::ALL {
        let of = |stored: &Stored| stored.active(kind).count();
        if of(from).saturating_add(of(into)) > limits::MAX_SUPPLIER_VALUES {
            return Err(StoreError::Invalid("together they have too many values of one kind".to_owned()));
        }
    }
    let alias = by.fingerprint(ValueKind::Alias, &from.name)?;
    let known = has(ValueKind::Name, &alias)
        || has(ValueKind::Alias, &alias)
        || from.active(ValueKind::Alias).any(|value| value.fingerprint == alias);
    if !known {
        draft.value(by, &into.id.0, ValueKind::Alias, &from.name)?;
    }
    Ok(moved)
}

fn accounts(
    by: &Author<'_>,
    from: &Stored,
    into: &Stored,
    draft: &mut Draft,
) -> Result<(usize, usize), StoreError> {
    let (mut moved, mut stricter) = (0_usize, 0_usize);
    if from.accounts.len().saturating_add(into.accounts.len()) > limits::MAX_SUPPLIER_ACCOUNTS {
        return Err(StoreError::Invalid("together they have too many accounts".to_owned()));
    }
    for account in &from.accounts {
        let both = into.accounts.iter().find(|known| known.fingerprint == account.fingerprint);
        match both {
            None => {
                let before = account_face(by, &from.id.0, account)?;
                let after = Face { supplier: Some(into.id.0.clone()), ..before.clone() };
                let (row, last) = (account.id.clone(), account.change.clone());
                draft.changes.push(Change { entity: "account", row, last, before, after });
                moved = moved.saturating_add(1);
            }
            Some(both) if rank(account.account.state) > rank(both.account.state) => {
                draft.changes.push(state_change(by, &into.id.0, both, account.account.state, None)?);
                stricter = stricter.saturating_add(1);
            }
            Some(_) => {}
        }
    }
    Ok((moved, stricter))
}

/// Blocked before retired before pending before verified.
fn rank(state: AccountState) -> u8 {
    match state {
        AccountState::Blocked => 4,
        AccountState::Retired => 3,
        AccountState::Pending => 2,
        AccountState::Verified => 1,
        AccountState::Own => 0,
    }
}

/// Cases of FROM that are not decided yet go on at INTO; those about an account that both had end with it.
async fn open_cases(
    read: &mut AnyConnection,
    org: OrgId,
    from: &Stored,
    into: &Stored,
    draft: &mut Draft,
) -> Result<(), StoreError> {
    let sql = "SELECT id, change_id, state, account_id FROM cases WHERE org_id = $1 AND supplier_id = $2 \
               AND state IN ('open', 'called')";
    let rows = sqlx::query(sql).bind(org.to_string()).bind(&from.id.0).fetch_all(read).await?;
    for row in rows {
        let (state, account): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        let about = from.accounts.iter().find(|known| known.id == account);
        let both =
            about.is_some_and(|a| into.accounts.iter().any(|known| known.fingerprint == a.fingerprint));
        let after = if both { "withdrawn".to_owned() } else { state.clone() };
        let face = |supplier: &Stored, state| Face {
            supplier: Some(supplier.id.0.clone()),
            state: Some(state),
            ..Face::default()
        };
        draft.changes.push(Change {
            entity: "case",
            row: row.try_get(0)?,
            last: row.try_get(1)?,
            before: face(from, state),
            after: face(into, after),
        });
    }
    Ok(())
}
