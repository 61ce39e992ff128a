//! Rows of the directory on their way into the database: sealed, fingerprinted, under their batch.

use super::batches::{Change, note_changes};
use super::rows::{Cell, ValueKind, insert, last4, seal, sealed};
use crate::adapters::store::StoreError;
use crate::model::{Account, AccountState, OrgId, SupplierAccount};
use crate::ports::{IdSource, Keyring};
use sqlx::AnyConnection;

/// Who writes, and under which batch.
#[derive(Clone, Copy)]
pub(super) struct Author<'a> {
    pub(super) keyring: &'a dyn Keyring,
    pub(super) ids: &'a dyn IdSource,
    pub(super) org: OrgId,
    pub(super) batch: &'a str,
    pub(super) actor: &'a str,
    /// A file's or source's name; `edit` or `merge`.
    pub(super) source: &'a str,
    pub(super) now: i64,
}

/// New rows and changes to rows that exist.
#[derive(Default)]
pub(super) struct Draft {
    suppliers: Vec<Vec<Cell>>,
    values: Vec<Vec<Cell>>,
    accounts: Vec<Vec<Cell>>,
    cases: Vec<Vec<Cell>>,
    pub(super) changes: Vec<Change>,
}

/// An account on its way in.
pub(super) struct NewAccount<'a> {
    pub(super) supplier: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) account: &'a SupplierAccount,
    pub(super) state: AccountState,
    /// How it was verified, where it was.
    pub(super) verified_how: Option<&'a str>,
}

/// A case on its way in.
pub(super) struct NewCase<'a> {
    pub(super) supplier: &'a str,
    pub(super) account_id: &'a str,
    pub(super) fingerprint: &'a str,
    pub(super) account: &'a Account,
    /// `new`, `changed` or `drift`.
    pub(super) kind: &'static str,
    /// Row id of the verified account that this one would take the place of.
    pub(super) replaces: Option<String>,
    /// `import`, `sync`, `message` or `person`.
    pub(super) origin: &'static str,
    /// The batch or message, if any.
    pub(super) origin_id: Option<String>,
}

impl Author<'_> {
    /// Seals the text of a row.
    pub(super) fn seal(&self, context: &str, row: &str, text: &str) -> Result<Vec<u8>, StoreError> {
        seal(self.keyring, self.org, context, row, text)
    }

    /// The hex fingerprint of a value.
    pub(super) fn fingerprint(&self, kind: ValueKind, text: &str) -> Result<String, StoreError> {
        Ok(kind.fingerprint(self.keyring, self.org, text)?)
    }

    /// Every hex fingerprint under which rows of a value may stand, each with the one that counts.
    pub(super) fn fingerprints(
        &self,
        kind: ValueKind,
        text: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        Ok(beside_first(kind.fingerprints(self.keyring, self.org, text)?))
    }

    /// The same of an account.
    pub(super) fn account_fingerprints(
        &self,
        account: &Account,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let prints = self.keyring.fingerprints(self.org, &account.comparison_key())?;
        Ok(beside_first(prints.iter().map(|print| print.to_hex()).collect()))
    }

    /// The hex fingerprint of an account.
    pub(super) fn account_fingerprint(&self, account: &Account) -> Result<String, StoreError> {
        Ok(self.keyring.fingerprint(self.org, &account.comparison_key())?.to_hex())
    }
}

/// Each beside the first.
fn beside_first(prints: Vec<String>) -> Vec<(String, String)> {
    let first = prints.first().cloned().unwrap_or_default();
    prints.into_iter().map(|print| (print, first.clone())).collect()
}

impl Draft {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.suppliers.is_empty()
            && self.values.is_empty()
            && self.accounts.is_empty()
            && self.cases.is_empty()
            && self.changes.is_empty()
    }

    /// How much there is: rows and changes.
    pub(super) fn size(&self) -> usize {
        [&self.suppliers, &self.values, &self.accounts, &self.cases]
            .into_iter()
            .fold(self.changes.len(), |sum, rows| sum.saturating_add(rows.len()))
    }

    pub(super) fn supplier(
        &mut self,
        by: &Author<'_>,
        id: &str,
        name: &str,
        country: Option<&str>,
    ) -> Result<(), StoreError> {
        self.suppliers.push(vec![
            Cell::Text(by.org.to_string()),
            id.into(),
            Cell::Octets(by.seal(sealed::NAME, id, name)?),
            Cell::Maybe(country.map(str::to_owned)),
            by.batch.into(),
            Cell::Number(by.now),
            Cell::Number(by.now),
        ]);
        Ok(())
    }

    pub(super) fn value(
        &mut self,
        by: &Author<'_>,
        supplier: &str,
        kind: ValueKind,
        text: &str,
    ) -> Result<(), StoreError> {
        let id = by.ids.ulid().to_string();
        let octets = by.seal(sealed::VALUE, &id, text)?;
        self.values.push(vec![
            Cell::Text(by.org.to_string()),
            Cell::Text(id),
            supplier.into(),
            kind.as_str().into(),
            Cell::Text(by.fingerprint(kind, text)?),
            Cell::Octets(octets),
            by.source.into(),
            Cell::Number(by.now),
            by.actor.into(),
            by.batch.into(),
        ]);
        Ok(())
    }

    /// Returns the row's id.
    pub(super) fn account(&mut self, by: &Author<'_>, new: &NewAccount<'_>) -> Result<String, StoreError> {
        let account = &new.account.account;
        let id = by.ids.ulid().to_string();
        let holder = new.account.account_name.as_deref();
        let verified = new.verified_how.is_some();
        self.accounts.push(vec![
            Cell::Text(by.org.to_string()),
            Cell::Text(id.clone()),
            new.supplier.into(),
            new.fingerprint.into(),
            Cell::Text(last4(by.keyring, by.org, account)?),
            account.scheme().as_str().into(),
            account.country().into(),
            Cell::Octets(by.seal(sealed::NUMBER, &id, account.reveal())?),
            Cell::MaybeOctets(holder.map(|holder| by.seal(sealed::HOLDER, &id, holder)).transpose()?),
            Cell::Maybe(new.account.bic.clone()),
            new.state.as_str().into(),
            by.source.into(),
            by.actor.into(),
            Cell::Maybe(verified.then(|| by.actor.to_owned())),
            Cell::MaybeNumber(verified.then_some(by.now)),
            Cell::Maybe(new.verified_how.map(str::to_owned)),
            by.batch.into(),
            Cell::Number(by.now),
            Cell::Number(by.now),
        ]);
        Ok(id)
    }

    /// Returns the case's id.
    pub(super) fn case(&mut self, by: &Author<'_>, new: NewCase<'_>) -> Result<String, StoreError> {
        let id = by.ids.ulid().to_string();
        let account = new.account;
        let text = format!("{}|{}|{}", account.scheme().as_str(), account.country(), account.reveal());
        self.cases.push(vec![
            Cell::Text(id.clone()),
            Cell::Text(by.org.to_string()),
            new.supplier.into(),
            new.account_id.into(),
            new.fingerprint.into(),
            Cell::Octets(by.seal(sealed::CASE_ACCOUNT, &id, &text)?),
            new.kind.into(),
            Cell::Maybe(new.replaces),
            new.origin.into(),
            Cell::Maybe(new.origin_id),
            "open".into(),
            by.actor.into(),
            Cell::Number(by.now),
            Cell::Number(by.now),
            by.batch.into(),
        ]);
        Ok(id)
    }

    /// Writes the rows and notes the changes, which [`super::batches::apply`] makes.
    pub(super) async fn write(
        self,
        write: &mut AnyConnection,
        org: OrgId,
        batch: &str,
    ) -> Result<(), StoreError> {
        for (head, rows) in [
            (
                "INSERT INTO suppliers (org_id, id, sealed_name, country, batch_id, created_at, updated_at)",
                &self.suppliers,
            ),
            (
                "INSERT INTO supplier_values (org_id, id, supplier_id, kind, fingerprint, sealed_value, source, \
                 added_at, added_by, batch_id)",
                &self.values,
            ),
            (
                "INSERT INTO supplier_accounts (org_id, id, supplier_id, fingerprint, last4, scheme, country, \
                 sealed_number, sealed_name, bic, state, source, added_by, verified_by, verified_at, verified_how, \
                 batch_id, created_at, updated_at)",
                &self.accounts,
            ),
            (
                "INSERT INTO cases (id, org_id, supplier_id, account_id, fingerprint, sealed_account, kind, \
                 replaces, origin, origin_id, state, requested_by, opened_at, updated_at, batch_id)",
                &self.cases,
            ),
        ] {
            insert(write, head, rows).await?;
        }
        note_changes(write, org, batch, self.changes).await
    }
}
