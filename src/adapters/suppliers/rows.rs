//! Rows of the sealed directory: what a value is compared by, how it is sealed, and many rows in few statements.
//!
//! Nothing that names a supplier stands readable in a row: texts are sealed under the organisation's data key, bound to
//! table and column, and what is looked up is the fingerprint of the folded text under its fingerprint key.

use crate::adapters::keyring::LocalKeyring;
use crate::adapters::store::StoreError;
use crate::model::{
    Account, Domain, EmailAddress, Fingerprint, OrgId, fold_company_number, fold_name, fold_phone,
    fold_tax_number,
};
use crate::ports::{Keyring, PortError};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};
use std::fmt::Write as _;

/// What sealed columns are bound to: table and column, and, after `|`, the id of their row.
pub(in crate::adapters) mod sealed {
    /// A supplier's name; also `supplier_changes.before_name` and `after_name`, which are copied as they are and bound to
    /// the row that they are of.
    pub(in crate::adapters) const NAME: &str = "suppliers.sealed_name";
    /// A name, alias, domain, address, phone, tax or company number.
    pub(in crate::adapters) const VALUE: &str = "supplier_values.sealed_value";
    /// An account's canonical number.
    pub(in crate::adapters) const NUMBER: &str = "supplier_accounts.sealed_number";
    /// An account's holder; also `supplier_changes.before_holder` and `after_holder`, as with the name.
    pub(in crate::adapters) const HOLDER: &str = "supplier_accounts.sealed_name";
    /// The account that a case is about: `scheme|country|number`.
    pub(in crate::adapters) const CASE_ACCOUNT: &str = "cases.sealed_account";
    /// What the caller wrote down.
    pub(in crate::adapters) const CASE_NOTE: &str = "cases.sealed_note";
    /// Why a case was rejected.
    pub(in crate::adapters) const CASE_REASON: &str = "cases.sealed_reason";
}

/// What a supplier is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// Name in the ledger; one is current.
    Name,
    /// Trading name.
    Alias,
    /// Domain that its mail comes from.
    Domain,
    /// Exact sender address.
    Email,
    /// Number to call back.
    Phone,
    /// Tax number; one is current.
    Tax,
    /// Company registration number; one is current.
    Company,
}

impl ValueKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Name, Self::Alias, Self::Domain, Self::Email, Self::Phone, Self::Tax, Self::Company];

    /// The name in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Alias => "alias",
            Self::Domain => "domain",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Tax => "tax",
            Self::Company => "company",
        }
    }

    /// The kind by its name in SQL.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What fingerprints of this kind are separated by: names and aliases are asked as one.
    pub(in crate::adapters) fn domain_of_fingerprint(self) -> &'static str {
        match self {
            Self::Name | Self::Alias => "name",
            Self::Domain => "domain",
            Self::Email => "address",
            Self::Phone => "phone",
            Self::Tax => "vat",
            Self::Company => "company",
        }
    }

    /// The form under which two written forms are the same value.
    fn folded(self, text: &str) -> String {
        let folded = match self {
            Self::Name | Self::Alias => fold_name(text),
            Self::Domain => Domain::parse(text).map_or_else(|_| text.to_owned(), |d| d.as_str().to_owned()),
            Self::Email => EmailAddress::parse(text).map_or_else(|_| text.to_owned(), |e| e.folded()),
            Self::Phone => fold_phone(text),
            Self::Tax => fold_tax_number(text),
            Self::Company => fold_company_number(text),
        };
        // Two texts of which nothing is left are not the same, and no message asks for a control character.
        if folded.is_empty() { format!("\u{0}{text}") } else { folded }
    }

    /// The hex fingerprint under which a value of this kind is looked up.
    ///
    /// # Errors
    /// [`PortError`] when the organisation's keys are not loaded.
    pub(in crate::adapters) fn fingerprint(
        self,
        keyring: &dyn Keyring,
        org: OrgId,
        text: &str,
    ) -> Result<String, PortError> {
        Ok(keyring.fingerprint_text(org, self.domain_of_fingerprint(), &self.folded(text))?.to_hex())
    }

    /// The hex fingerprints under which rows of this value may stand: [`ValueKind::fingerprint`], then those under keys
    /// of before, while one is being replaced. Whoever looks rows up asks for all.
    ///
    /// # Errors
    /// [`PortError`] when the organisation's keys are not loaded.
    pub(in crate::adapters) fn fingerprints(
        self,
        keyring: &dyn Keyring,
        org: OrgId,
        text: &str,
    ) -> Result<Vec<String>, PortError> {
        let prints = keyring.fingerprints_text(org, self.domain_of_fingerprint(), &self.folded(text))?;
        Ok(prints.iter().map(|print| print.to_hex()).collect())
    }

    /// The fingerprint under each known key, with the key's number: what a rotation compares.
    ///
    /// # Errors
    /// [`PortError`] when the organisation's keys are not loaded.
    pub(in crate::adapters) fn fingerprints_by_key(
        self,
        keyring: &LocalKeyring,
        org: OrgId,
        text: &str,
    ) -> Result<Vec<(u32, Fingerprint)>, PortError> {
        keyring.text_fingerprints_by_key(org, self.domain_of_fingerprint(), &self.folded(text))
    }
}

/// What the fingerprints of last four characters are separated by.
pub(in crate::adapters) const LAST4: &str = "last4";

/// An account's last four characters, for the search.
pub(in crate::adapters) fn tail(account: &Account) -> &str {
    let number = account.reveal();
    number.get(number.len().saturating_sub(4)..).unwrap_or(number)
}

/// The hex fingerprint of an account's last four characters.
pub(super) fn last4(keyring: &dyn Keyring, org: OrgId, account: &Account) -> Result<String, PortError> {
    Ok(keyring.fingerprint_text(org, LAST4, tail(account))?.to_hex())
}

/// The same under every key under which rows may stand.
pub(super) fn last4_all(
    keyring: &dyn Keyring,
    org: OrgId,
    account: &Account,
) -> Result<Vec<String>, PortError> {
    Ok(keyring.fingerprints_text(org, LAST4, tail(account))?.iter().map(|print| print.to_hex()).collect())
}

/// Opens the sealed text of a row.
pub(in crate::adapters) fn open(
    keyring: &dyn Keyring,
    org: OrgId,
    context: &str,
    row: &str,
    octets: &[u8],
) -> Result<String, StoreError> {
    String::from_utf8(keyring.open(org, &format!("{context}|{row}"), octets)?).map_err(|_| damaged())
}

/// Seals the text of a row.
pub(super) fn seal(
    keyring: &dyn Keyring,
    org: OrgId,
    context: &str,
    row: &str,
    text: &str,
) -> Result<Vec<u8>, StoreError> {
    Ok(keyring.seal(org, &format!("{context}|{row}"), text.as_bytes())?)
}

/// A stored value that is not what was written.
pub(in crate::adapters) fn damaged() -> StoreError {
    StoreError::Refused("a stored supplier is not readable; restore it from a backup".to_owned())
}

/// One cell of a row to insert.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Text(String),
    Maybe(Option<String>),
    Number(i64),
    MaybeNumber(Option<i64>),
    Octets(Vec<u8>),
    MaybeOctets(Option<Vec<u8>>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Values of one list at most; a power of two, as lists are filled up to one.
const MOST_VALUES: usize = 256;
/// Rows that one statement writes at most: prepared statements are kept by size, so sizes are powers of two.
const MOST_ROWS: usize = 128;

/// Inserts rows under `head` (`INSERT INTO table (columns)`, fixed text of this program), few statements for many.
pub(super) async fn insert(
    write: &mut AnyConnection,
    head: &'static str,
    rows: &[Vec<Cell>],
) -> Result<(), StoreError> {
    let mut rest = rows;
    while !rest.is_empty() {
        let size = 1_usize << rest.len().min(MOST_ROWS).ilog2();
        let (now, later) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        let width = now.first().map_or(0, Vec::len);
        let mut sql =
            String::with_capacity(head.len().saturating_add(size.saturating_mul(width).saturating_mul(7)));
        sql.push_str(head);
        for row in 0..size {
            let first = row.saturating_mul(width).saturating_add(1);
            let comma = if row == 0 { " VALUES (" } else { ", (" };
            // Writing into a String cannot fail.
            write!(sql, "{comma}{})", placeholders(first, width)).ok();
        }
        let query = now.iter().flatten().fold(sqlx::query(AssertSqlSafe(sql)), bind);
        query.execute(&mut *write).await?;
        rest = later;
    }
    Ok(())
}

fn bind<'q>(query: Query<'q, Any, AnyArguments>, cell: &Cell) -> Query<'q, Any, AnyArguments> {
    match cell {
        Cell::Text(text) => query.bind(text.clone()),
        Cell::Maybe(text) => query.bind(text.clone()),
        Cell::Number(number) => query.bind(*number),
        Cell::MaybeNumber(number) => query.bind(*number),
        Cell::Octets(octets) => query.bind(octets.clone()),
        Cell::MaybeOctets(octets) => query.bind(octets.clone()),
    }
}

/// Runs `head IN (values) tail` with the organisation as `$1`, the hidden batch as `$2`. `head` and `tail` are fixed
/// texts of this program. The list is filled up to a power of two, so that few statements have to be prepared.
pub(super) async fn rows_in(
    read: &mut AnyConnection,
    head: &'static str,
    org: &str,
    hidden: &str,
    values: &[String],
    tail: &'static str,
) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
    let mut out = Vec::new();
    for values in values.chunks(MOST_VALUES) {
        let Some(last) = values.last() else { continue };
        let size = values.len().next_power_of_two();
        let sql = format!("{head} IN ({}){tail}", placeholders(3, size));
        let padding = std::iter::repeat_n(last, size.saturating_sub(values.len()));
        let query = sqlx::query(AssertSqlSafe(sql)).bind(org).bind(hidden);
        let query = values.iter().chain(padding).fold(query, |query, value| query.bind(value));
        out.extend(query.fetch_all(&mut *read).await?);
    }
    Ok(out)
}

/// `$2, $3, $4` for three values from the second on.
pub(in crate::adapters) fn placeholders(from: usize, count: usize) -> String {
    let mut out = String::with_capacity(count.saturating_mul(6));
    for n in from..from.saturating_add(count) {
        let comma = if n == from { "" } else { ", " };
        // Writing into a String cannot fail.
        write!(out, "{comma}${n}").ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms_of_one_value_are_one() {
        let rows = [
            (ValueKind::Phone, "+44 (0)20 7946 0018", "0044 20 7946-0018", true),
            (ValueKind::Phone, "+44 20 7946 0018", "+44 20 7946 0019", false),
            (ValueKind::Phone, "ask Jane", "ask Joe", false),
            (ValueKind::Domain, "ACME.example", "acme.example", true),
            (ValueKind::Email, "Billing@ACME.example", "billing@acme.example", true),
            (ValueKind::Name, "ACME Limited", "Acme Ltd.", true),
            (ValueKind::Tax, "GB 980 7806 84", "980780684", true),
            (ValueKind::Company, "01234567", "1234567", true),
        ];
        for (kind, a, b, same) in rows {
            assert_eq!(kind.folded(a) == kind.folded(b), same, "{kind:?} {a} {b}");
        }
    }

    #[test]
    fn kinds_have_names() {
        for kind in ValueKind::ALL {
            assert_eq!(ValueKind::from_name(kind.as_str()), Some(kind));
        }
    }
}
