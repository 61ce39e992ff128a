//! The directory's view of the database: two statements for all keys of a message, in one snapshot.

use super::{Hits, matched_by};
use crate::adapters::store::{Database, StoreError};
use crate::adapters::suppliers::records::placeholders;
use crate::limits;
use crate::model::{
    AccountHit, AccountState, DirectoryKey, Domain, Fingerprint, OrgId, SupplierHit, SupplierId,
};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::{BTreeMap, BTreeSet};

/// What was read, and under which generation.
pub(super) struct Read {
    pub(super) generation: i64,
    pub(super) hits: BTreeMap<Fingerprint, Hits>,
}

/// Looks all keys up. Generation and answers come from one snapshot, so that no answer is labelled too new.
pub(super) async fn read(
    database: &Database,
    org: OrgId,
    keys: &[(&DirectoryKey, Fingerprint)],
) -> Result<Read, StoreError> {
    let mut snapshot = database.scope(org).read().await?;
    let generation = generation(&mut snapshot, org).await?;
    let mut hits = BTreeMap::new();
    accounts(&mut snapshot, org, keys, &mut hits).await?;
    suppliers(&mut snapshot, org, keys, &mut hits).await?;
    // Sorted here: an ORDER BY over the union makes SQLite walk all suppliers in that order.
    for hits in hits.values_mut() {
        hits.suppliers.sort_by(|a, b| a.id.cmp(&b.id));
        hits.accounts.sort_by(|a, b| a.supplier.cmp(&b.supplier));
    }
    Ok(Read { generation, hits })
}

/// Every domain on record and the generation it was read under.
pub(super) async fn known_domains(
    database: &Database,
    org: OrgId,
) -> Result<(i64, Vec<(Domain, SupplierId)>), StoreError> {
    let mut snapshot = database.scope(org).read().await?;
    let generation = generation(&mut snapshot, org).await?;
    let rows = sqlx::query(
        "SELECT domain, supplier_id FROM supplier_domains WHERE org_id = $1 ORDER BY domain, supplier_id",
    )
    .bind(org.to_string())
    .fetch_all(&mut *snapshot)
    .await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let domain: String = row.try_get(0)?;
        if let Ok(domain) = Domain::parse(&domain) {
            out.push((domain, SupplierId(row.try_get(1)?)));
        }
    }
    Ok((generation, out))
}

async fn generation(read: &mut AnyConnection, org: OrgId) -> Result<i64, StoreError> {
    let found = sqlx::query_scalar("SELECT directory_generation FROM organisations WHERE id = $1")
        .bind(org.to_string())
        .fetch_optional(read)
        .await?;
    found.ok_or(StoreError::NotFound("organisation"))
}

async fn accounts(
    read: &mut AnyConnection,
    org: OrgId,
    keys: &[(&DirectoryKey, Fingerprint)],
    hits: &mut BTreeMap<Fingerprint, Hits>,
) -> Result<(), StoreError> {
    let asked: BTreeMap<String, Fingerprint> = keys
        .iter()
        .filter(|(key, _)| matches!(key, DirectoryKey::Account(_)))
        .map(|(_, fingerprint)| (fingerprint.to_hex(), *fingerprint))
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let list = placeholders(2, asked.len());
    let sql = format!(
        "SELECT a.fingerprint, a.supplier_id, s.name, a.state FROM supplier_accounts a \
         JOIN suppliers s ON s.org_id = a.org_id AND s.id = a.supplier_id \
         WHERE a.org_id = $1 AND a.fingerprint IN ({list}) \
         UNION ALL SELECT w.fingerprint, NULL, o.name, 'own' FROM own_accounts w \
         JOIN organisations o ON o.id = w.org_id WHERE w.org_id = $1 AND w.fingerprint IN ({list}) LIMIT {}",
        limits::MAX_DIRECTORY_ROWS
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    for hex in asked.keys() {
        query = query.bind(hex);
    }
    for row in query.fetch_all(read).await? {
        let (hex, state): (String, String) = (row.try_get(0)?, row.try_get(3)?);
        let (Some(fingerprint), Some(state)) = (asked.get(&hex), AccountState::from_name(&state)) else {
            continue;
        };
        let supplier: Option<String> = row.try_get(1)?;
        let hit = AccountHit { supplier: supplier.map(SupplierId), supplier_name: row.try_get(2)?, state };
        hits.entry(*fingerprint).or_default().accounts.push(hit);
    }
    Ok(())
}

/// One table in which a text key may stand: kind of key, table, its column.
const PLACES: [(&str, &str, &str); 6] = [
    ("address", "supplier_emails", "folded"),
    ("domain", "supplier_domains", "domain"),
    ("name", "supplier_aliases", "folded"),
    ("name", "suppliers", "folded_name"),
    ("vat", "suppliers", "folded_vat"),
    ("company", "suppliers", "folded_company"),
];

async fn suppliers(
    read: &mut AnyConnection,
    org: OrgId,
    keys: &[(&DirectoryKey, Fingerprint)],
    hits: &mut BTreeMap<Fingerprint, Hits>,
) -> Result<(), StoreError> {
    let mut asked: BTreeMap<(&'static str, String), Vec<(&DirectoryKey, Fingerprint)>> = BTreeMap::new();
    for (key, fingerprint) in keys {
        for (kind, text) in texts(key) {
            asked.entry((kind, text)).or_default().push((key, *fingerprint));
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for (kind, table, column) in PLACES {
        let texts: Vec<&String> = asked.keys().filter(|(k, _)| *k == kind).map(|(_, text)| text).collect();
        if texts.is_empty() {
            continue;
        }
        let list = placeholders(values.len().saturating_add(2), texts.len());
        let join = if table == "suppliers" {
            "FROM suppliers s WHERE s.org_id = $1 AND s".to_owned()
        } else {
            format!(
                "FROM {table} t JOIN suppliers s ON s.org_id = t.org_id AND s.id = t.supplier_id WHERE t.org_id = $1 AND t"
            )
        };
        let place = if table == "suppliers" { "s" } else { "t" };
        parts.push(format!(
            "SELECT '{kind}' AS kind, {place}.{column} AS text, s.id AS id, s.name AS name, CASE WHEN EXISTS \
             (SELECT 1 FROM supplier_accounts a WHERE a.org_id = s.org_id AND a.supplier_id = s.id \
             AND a.state <> 'pending') THEN 'yes' ELSE 'no' END AS has_accounts {join}.{column} IN ({list})"
        ));
        values.extend(texts);
    }
    let sql = format!("{} LIMIT {}", parts.join(" UNION ALL "), limits::MAX_DIRECTORY_ROWS);
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string());
    for value in values {
        query = query.bind(value);
    }
    let rows = query.fetch_all(read).await?;
    let mut seen = BTreeSet::new();
    for row in rows {
        let (kind, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (id, name): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        let has_accounts = row.try_get::<String, _>(4)? == "yes";
        let Some(kind) = PLACES.iter().map(|(kind, ..)| *kind).find(|known| *known == kind) else { continue };
        for (key, fingerprint) in asked.get(&(kind, text)).into_iter().flatten() {
            // A name may stand on the record and among the aliases.
            if seen.insert((*fingerprint, id.clone())) {
                let hit = SupplierHit {
                    id: SupplierId(id.clone()),
                    name: name.clone(),
                    has_accounts,
                    matched_by: matched_by(key),
                };
                hits.entry(*fingerprint).or_default().suppliers.push(hit);
            }
        }
    }
    Ok(())
}

/// The texts under which a key may stand: a domain also under its registrable one, whose owner it belongs to.
fn texts(key: &DirectoryKey) -> Vec<(&'static str, String)> {
    match key {
        DirectoryKey::Address(address) => vec![("address", address.folded())],
        DirectoryKey::Domain(domain) => {
            let (exact, registrable) = (domain.as_str(), domain.registrable());
            let mut out = vec![("domain", exact.to_owned())];
            if registrable != exact {
                out.push(("domain", registrable.to_owned()));
            }
            out
        }
        DirectoryKey::Name(name) => vec![("name", name.clone())],
        DirectoryKey::TaxNumber(number) => vec![("vat", crate::model::fold_tax_number(number))],
        DirectoryKey::CompanyNumber(number) => vec![("company", crate::model::fold_company_number(number))],
        DirectoryKey::Account(_) => Vec::new(),
    }
}
