//! Finds suppliers by what a person remembers: a name or part of one, a domain, an address, a number.
//!
//! Exact values are found by fingerprint. Parts of a text cannot be: an index of fingerprinted words would show anybody
//! who sees the database how often each word occurs, which names the common ones. So the names are opened and read, a
//! page at a time, within bounds; a page comes by the values' ids and holds no lock.

use super::records::{SupplierRecords, hidden, successor};
use super::rows::{ValueKind, last4_all, open, rows_in, sealed};
use crate::adapters::store::StoreError;
use crate::limits;
use crate::model::{Account, OrgId, SupplierId, fold_name};
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

/// Values that one page of a search opens.
const PAGE: i64 = 4_000;

/// A supplier that fits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SearchHit {
    /// Its current id.
    pub id: SupplierId,
    /// Its name.
    pub name: String,
    /// What fitted: `id`, `account`, `name`, `alias`, `domain`, `email`, `phone`, `tax`, `company`.
    pub matched: &'static str,
    /// The value that fitted; of an account `••••` and the last four.
    pub value: String,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SearchResult {
    /// At most `limits::MAX_SEARCH_HITS`, exact ones first.
    pub hits: Vec<SearchHit>,
    /// Whether there may be more: a narrower text finds them.
    pub more: bool,
}

/// Supplier → what fitted first.
type Fitting = BTreeMap<String, (&'static str, String)>;

impl SupplierRecords {
    /// Suppliers that fit a text; `accounts` are the accounts that it may be, where it looks like one.
    ///
    /// # Errors
    /// [`StoreError`] of database and keys; [`StoreError::Invalid`] for a text under two characters.
    pub async fn search(
        &self,
        org: OrgId,
        text: &str,
        accounts: &[Account],
    ) -> Result<SearchResult, StoreError> {
        let text = text.trim();
        if text.chars().count() < 2 || text.len() > limits::MAX_SUPPLIER_TEXT {
            return Err(StoreError::Invalid("a search takes 2 to 256 characters".to_owned()));
        }
        let mut read = self.database.scope(org).read().await?;
        let hidden = hidden(&mut read, org).await?;
        let mut order = Vec::new();
        let mut fitting = Fitting::new();
        self.exact(&mut read, org, &hidden, text, accounts, &mut fitting).await?;
        order.extend(fitting.keys().cloned());
        drop(read);
        // Whoever writes a whole number, address or domain means that one; a name may be part of others.
        let whole = fitting.values().any(|(matched, _)| !matches!(*matched, "name" | "alias"));
        let more = !whole && self.parts(org, &hidden, text, &mut fitting, &mut order).await?;
        let mut read = self.database.scope(org).read().await?;
        let mut result = SearchResult { hits: Vec::new(), more };
        let ids: Vec<String> = order.into_iter().take(limits::MAX_SEARCH_HITS).collect();
        let mut seen = std::collections::BTreeSet::new();
        for id in ids {
            let Some(current) = successor(&mut read, org, &hidden, &id).await? else { continue };
            let stored = self.names(&mut read, org, &hidden, &current).await?;
            if let (Some(name), Some((matched, value)), true) =
                (stored, fitting.remove(&id), seen.insert(current.clone()))
            {
                result.hits.push(SearchHit { id: SupplierId(current), name, matched, value });
            }
        }
        Ok(result)
    }

    async fn names(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        hidden: &str,
        id: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT sealed_name FROM suppliers WHERE org_id = $1 AND id = $2 AND batch_id <> $3";
        let sealed: Option<Vec<u8>> =
            sqlx::query_scalar(sql).bind(org.to_string()).bind(id).bind(hidden).fetch_optional(read).await?;
        sealed.map(|sealed| open(&*self.keyring, org, sealed::NAME, id, &sealed)).transpose()
    }

    /// By id, by account or its last four, and by whole values of every kind.
    async fn exact(
        &self,
        read: &mut AnyConnection,
        org: OrgId,
        hidden: &str,
        text: &str,
        accounts: &[Account],
        out: &mut Fitting,
    ) -> Result<(), StoreError> {
        let org_text = org.to_string();
        if let Some(id) = successor(read, org, hidden, text).await? {
            out.insert(id, ("id", text.to_owned()));
        }
        let mut account = |id: String, masked: String| {
            out.entry(id).or_insert(("account", masked));
        };
        let head = "SELECT supplier_id, fingerprint FROM supplier_accounts WHERE org_id = $1 AND batch_id <> $2 \
                    AND fingerprint";
        for one in accounts {
            let prints = self.keyring.fingerprints(org, &one.comparison_key())?;
            let prints: Vec<String> = prints.iter().map(|print| print.to_hex()).collect();
            for row in rows_in(read, head, &org_text, hidden, &prints, " LIMIT 100").await? {
                account(row.try_get(0)?, one.masked());
            }
        }
        if text.len() == 4
            && let Ok(tail) = Account::from_canonical(
                crate::model::Scheme::Iban,
                *b"ZZ",
                &format!("0000{}", text.to_ascii_uppercase()),
            )
        {
            let prints = last4_all(&*self.keyring, org, &tail)?;
            let head =
                "SELECT supplier_id FROM supplier_accounts WHERE org_id = $1 AND batch_id <> $2 AND last4";
            for row in rows_in(read, head, &org_text, hidden, &prints, " LIMIT 100").await? {
                account(row.try_get(0)?, tail.masked());
            }
        }
        let mut fingerprints = Vec::new();
        for kind in ValueKind::ALL {
            fingerprints.extend(kind.fingerprints(&*self.keyring, org, text)?);
        }
        let head = "SELECT supplier_id, kind, sealed_value, id FROM supplier_values WHERE org_id = $1 \
                    AND batch_id <> $2 AND retired_at IS NULL AND fingerprint";
        for row in rows_in(read, head, &org_text, hidden, &fingerprints, " LIMIT 100").await? {
            let kind = ValueKind::from_name(row.try_get(1)?).map_or("name", ValueKind::as_str);
            let octets: Vec<u8> = row.try_get(2)?;
            let value = open(&*self.keyring, org, sealed::VALUE, row.try_get(3)?, &octets)?;
            out.entry(row.try_get(0)?).or_insert((kind, value));
        }
        Ok(())
    }

    /// Opens values page by page and looks for the text inside. True when it stopped at a bound.
    async fn parts(
        &self,
        org: OrgId,
        hidden: &str,
        text: &str,
        out: &mut Fitting,
        order: &mut Vec<String>,
    ) -> Result<bool, StoreError> {
        let needle = Needle { lower: text.to_lowercase(), folded: fold_name(text) };
        let (mut after, mut opened) = ((String::new(), String::new(), String::new()), 0_usize);
        while order.len() <= limits::MAX_SEARCH_HITS && opened < limits::MAX_SEARCH_VALUES {
            // A page is a transaction of its own: a long one would keep old rows of the whole database.
            let mut read = self.database.scope(org).read().await?;
            let rows = sqlx::query(
                // In the order of an index: in any other one, each page would sort all that is left.
                "SELECT id, supplier_id, kind, sealed_value, fingerprint FROM supplier_values WHERE org_id = $1 \
                 AND retired_at IS NULL AND (supplier_id, kind, fingerprint) > ($2, $3, $4) AND batch_id <> $5 \
                 AND kind <> 'phone' ORDER BY supplier_id, kind, fingerprint LIMIT $6",
            )
            .bind(org.to_string())
            .bind(&after.0)
            .bind(&after.1)
            .bind(&after.2)
            .bind(hidden)
            .bind(PAGE)
            .fetch_all(&mut *read)
            .await?;
            drop(read);
            let Some(last) = rows.last() else { return Ok(false) };
            after = (last.try_get(1)?, last.try_get(2)?, last.try_get(4)?);
            opened = opened.saturating_add(rows.len());
            for row in &rows {
                let Some(kind) = ValueKind::from_name(row.try_get(2)?) else { continue };
                let octets: Vec<u8> = row.try_get(3)?;
                let value = open(&*self.keyring, org, sealed::VALUE, row.try_get(0)?, &octets)?;
                let id: &str = row.try_get(1)?;
                if needle.is_in(kind, &value) && !out.contains_key(id) {
                    out.insert(id.to_owned(), (kind.as_str(), value));
                    order.push(id.to_owned());
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(true)
    }
}

/// What is looked for.
struct Needle {
    lower: String,
    folded: String,
}

impl Needle {
    fn is_in(&self, kind: ValueKind, value: &str) -> bool {
        let plain = value.to_lowercase().contains(&self.lower);
        plain
            || matches!(kind, ValueKind::Name | ValueKind::Alias)
                && !value.is_ascii()
                && !self.folded.is_empty()
                && fold_name(value).contains(&self.folded)
    }
}
