//! The directory's view of the database: one statement for all keys of a message.
//!
//! What is compared are fingerprints; the name of a supplier that was found is opened here. Rows of a running import or
//! undo, retired values and merged suppliers are not seen.

use super::{Hits, matched_by};
use crate::adapters::store::{Database, StoreError};
use crate::adapters::suppliers::records::hidden;
use crate::adapters::suppliers::rows::{ValueKind, open, placeholders, sealed};
use crate::limits;
use crate::model::{
    AccountHit, AccountState, DirectoryKey, Domain, Fingerprint, OrgId, SupplierHit, SupplierId,
};
use crate::ports::Keyring;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// Fewest values of a list: shorter ones are filled up, so that few statements have to be prepared.
const LEAST_LIST: usize = 8;
/// Domains that are opened before other tasks get their turn.
const OPENED_AT_ONCE: usize = 1_000;

/// What was read, and under which generation.
pub(super) struct Read {
    pub(super) generation: i64,
    pub(super) hits: BTreeMap<Fingerprint, Hits>,
}

/// Keys by the hex fingerprint that they are asked under.
type AskedBy<'a> = BTreeMap<String, Vec<(&'a DirectoryKey, Fingerprint)>>;

/// Looks all keys up. Generation and answers come from one statement, so that no answer is labelled too new.
pub(super) async fn read(
    database: &Database,
    keyring: &dyn Keyring,
    org: OrgId,
    keys: &[(&DirectoryKey, Fingerprint)],
) -> Result<Read, StoreError> {
    let asked = asked(keyring, org, keys)?;
    let of = |account: bool| {
        let is =
            move |(key, _): &(&DirectoryKey, Fingerprint)| matches!(key, DirectoryKey::Account(_)) == account;
        asked
            .iter()
            .filter(move |(_, keys)| keys.iter().any(is))
            .map(|(hex, _)| hex.clone())
            .collect::<Vec<_>>()
    };
    let (accounts, values) = (filled(of(true)), filled(of(false)));
    let sql = statement(accounts.len(), values.len());
    let query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    let query = accounts.iter().chain(&values).fold(query, |query, hex| query.bind(hex));
    let mut read = database.scope(org).read().await?;
    let rows = query.fetch_all(&mut *read).await?;
    drop(read);
    let mut found =
        Found { keyring, org, asked: &asked, generation: None, hits: BTreeMap::new(), seen: BTreeSet::new() };
    rows.iter().try_for_each(|row| found.take(row))?;
    let generation = found.generation.ok_or(StoreError::NotFound("organisation"))?;
    let mut hits = found.hits;
    // Sorted here: an ORDER BY over the union makes SQLite walk all suppliers in that order.
    for hits in hits.values_mut() {
        hits.suppliers.sort_by(|a, b| a.id.cmp(&b.id));
        hits.accounts.sort_by(|a, b| a.supplier.cmp(&b.supplier));
    }
    Ok(Read { generation, hits })
}

/// The one statement: generation, accounts on record, own accounts, suppliers by what they are known by.
fn statement(accounts: usize, values: usize) -> String {
    let account_list = placeholders(2, accounts);
    let value_list = placeholders(accounts.saturating_add(2), values);
    let hidden = "(SELECT hidden FROM org)";
    format!(
        "WITH org AS (SELECT o.name AS name, o.directory_generation AS generation, COALESCE((SELECT b.id \
         FROM supplier_batches b WHERE b.org_id = o.id AND b.state IN ('staging', 'undoing')), '') AS hidden \
         FROM organisations o WHERE o.id = $1) \
         SELECT 'generation' AS place, '' AS fingerprint, NULL AS supplier, NULL AS sealed_name, '' AS detail, \
         generation AS number FROM org \
         UNION ALL SELECT 'account', a.fingerprint, s.id, s.sealed_name, a.state, 0 FROM supplier_accounts a \
         JOIN suppliers s ON s.org_id = a.org_id AND s.id = a.supplier_id WHERE a.org_id = $1 \
         AND a.fingerprint IN ({account_list}) AND a.batch_id <> {hidden} AND s.merged_into IS NULL \
         UNION ALL SELECT 'own', w.fingerprint, NULL, NULL, (SELECT name FROM org), 0 FROM own_accounts w \
         WHERE w.org_id = $1 AND w.fingerprint IN ({account_list}) \
         UNION ALL SELECT 'value', v.fingerprint, s.id, s.sealed_name, COALESCE(s.country, ''), CASE WHEN EXISTS (SELECT 1 \
         FROM supplier_accounts x WHERE x.org_id = s.org_id AND x.supplier_id = s.id AND x.state <> 'pending' \
         AND x.batch_id <> {hidden}) THEN 1 ELSE 0 END + CASE WHEN EXISTS (SELECT 1 FROM supplier_values p \
         WHERE p.org_id = s.org_id AND p.supplier_id = s.id AND p.kind = 'phone' AND p.retired_at IS NULL \
         AND p.batch_id <> {hidden}) THEN 2 ELSE 0 END FROM supplier_values v \
         JOIN suppliers s ON s.org_id = v.org_id AND s.id = v.supplier_id WHERE v.org_id = $1 \
         AND v.fingerprint IN ({value_list}) AND v.retired_at IS NULL AND v.batch_id <> {hidden} \
         AND s.merged_into IS NULL LIMIT {}",
        limits::MAX_DIRECTORY_ROWS
    )
}

/// Fills a list up to a power of two with what matches nothing.
fn filled(mut list: Vec<String>) -> Vec<String> {
    let size = list.len().max(LEAST_LIST).next_power_of_two();
    list.resize(size, String::new());
    list
}

/// Rows on their way into hits.
struct Found<'a> {
    keyring: &'a dyn Keyring,
    org: OrgId,
    asked: &'a AskedBy<'a>,
    generation: Option<i64>,
    hits: BTreeMap<Fingerprint, Hits>,
    /// A name may stand on the record and among the aliases.
    seen: BTreeSet<(Fingerprint, String)>,
}

impl Found<'_> {
    fn take(&mut self, row: &AnyRow) -> Result<(), StoreError> {
        let place: &str = row.try_get(0)?;
        let keys = self.asked.get(row.try_get::<&str, _>(1)?).map(Vec::as_slice).unwrap_or_default();
        match place {
            "generation" => self.generation = Some(row.try_get(5)?),
            "own" => self.account(keys, None, row.try_get(4)?, AccountState::Own),
            "account" => {
                if let Some(state) = AccountState::from_name(row.try_get(4)?) {
                    let supplier = SupplierId(row.try_get(2)?);
                    self.account(keys, Some(supplier), self.name(row)?, state);
                }
            }
            _ => self.supplier(keys, row)?,
        }
        Ok(())
    }

    fn account(
        &mut self,
        keys: &[(&DirectoryKey, Fingerprint)],
        supplier: Option<SupplierId>,
        name: String,
        state: AccountState,
    ) {
        for (_, fingerprint) in keys {
            let hit = AccountHit { supplier: supplier.clone(), supplier_name: name.clone(), state };
            self.hits.entry(*fingerprint).or_default().accounts.push(hit);
        }
    }

    fn supplier(&mut self, keys: &[(&DirectoryKey, Fingerprint)], row: &AnyRow) -> Result<(), StoreError> {
        let (id, name): (String, String) = (row.try_get(2)?, self.name(row)?);
        let country: String = row.try_get(4)?;
        // Bits: an account, a telephone number.
        let has = row.try_get::<i64, _>(5)?;
        for (key, fingerprint) in keys {
            if self.seen.insert((*fingerprint, id.clone())) {
                let hit = SupplierHit {
                    id: SupplierId(id.clone()),
                    name: name.clone(),
                    has_accounts: has & 1 != 0,
                    country: country.clone(),
                    has_phone: has & 2 != 0,
                    matched_by: matched_by(key),
                };
                self.hits.entry(*fingerprint).or_default().suppliers.push(hit);
            }
        }
        Ok(())
    }

    fn name(&self, row: &AnyRow) -> Result<String, StoreError> {
        open(self.keyring, self.org, sealed::NAME, row.try_get(2)?, &row.try_get::<Vec<u8>, _>(3)?)
    }
}

/// The fingerprints under which keys may stand: a domain also under its registrable one, whose owner it belongs to.
fn asked<'a>(
    keyring: &dyn Keyring,
    org: OrgId,
    keys: &[(&'a DirectoryKey, Fingerprint)],
) -> Result<AskedBy<'a>, StoreError> {
    let mut out = AskedBy::new();
    for (key, fingerprint) in keys {
        let mut add = |hex: String| out.entry(hex).or_default().push((*key, *fingerprint));
        // Also under keys of before, while one is being replaced.
        let mut text = |kind: ValueKind, text: &str| {
            kind.fingerprints(keyring, org, text).map(|hexes| hexes.into_iter().for_each(&mut add))
        };
        match key {
            DirectoryKey::Account(account) => {
                keyring.fingerprints(org, account)?.into_iter().for_each(|print| add(print.to_hex()));
            }
            DirectoryKey::Address(address) => text(ValueKind::Email, &address.folded())?,
            DirectoryKey::Domain(domain) => {
                text(ValueKind::Domain, domain.as_str())?;
                if domain.registrable() != domain.as_str() {
                    text(ValueKind::Domain, domain.registrable())?;
                }
            }
            DirectoryKey::Name(name) => text(ValueKind::Name, name)?,
            DirectoryKey::TaxNumber(number) => text(ValueKind::Tax, number)?,
            DirectoryKey::CompanyNumber(number) => text(ValueKind::Company, number)?,
            DirectoryKey::Phone(number) => text(ValueKind::Phone, number)?,
        }
    }
    Ok(out)
}

/// Every domain on record and the generation it was read under. Opens them all: called once a generation.
pub(super) async fn known_domains(
    database: &Database,
    keyring: &dyn Keyring,
    org: OrgId,
) -> Result<(i64, Vec<(Domain, SupplierId)>), StoreError> {
    let mut snapshot = database.scope(org).read().await?;
    let generation: Option<i64> =
        sqlx::query_scalar("SELECT directory_generation FROM organisations WHERE id = $1")
            .bind(org.to_string())
            .fetch_optional(&mut *snapshot)
            .await?;
    let hidden = hidden(&mut snapshot, org).await?;
    let rows = sqlx::query(
        "SELECT v.sealed_value, v.supplier_id, v.id FROM supplier_values v JOIN suppliers s ON s.org_id = v.org_id \
         AND s.id = v.supplier_id WHERE v.org_id = $1 AND v.kind = 'domain' AND v.retired_at IS NULL \
         AND v.batch_id <> $2 AND s.merged_into IS NULL",
    )
    .bind(org.to_string())
    .bind(hidden)
    .fetch_all(&mut *snapshot)
    .await?;
    drop(snapshot);
    let mut out = Vec::with_capacity(rows.len());
    for some in rows.chunks(OPENED_AT_ONCE) {
        for row in some {
            let text = open(keyring, org, sealed::VALUE, row.try_get(2)?, &row.try_get::<Vec<u8>, _>(0)?)?;
            if let Ok(domain) = Domain::parse(&text) {
                out.push((domain, SupplierId(row.try_get(1)?)));
            }
        }
        tokio::task::yield_now().await;
    }
    out.sort();
    Ok((generation.ok_or(StoreError::NotFound("organisation"))?, out))
}
