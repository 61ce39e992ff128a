//! Reading suppliers: list, search, show, export.

use super::{Failure, moment, table};
use crate::adapters::audit::AuditAction;
use crate::adapters::suppliers::export::write as write_csv;
use crate::adapters::suppliers::records::{StateChange, Stored, StoredAccount, StoredValue, SupplierRecords};
use crate::adapters::suppliers::rows::ValueKind;
use crate::limits;
use crate::model::{AccountState, OrgId, SupplierId, SupplierRecord};
use serde_json::json;
use std::io::Write;

/// How a supplier is shown.
pub(super) struct How {
    pub(super) history: bool,
    pub(super) reveal: bool,
    pub(super) json: bool,
}

/// Accounts of a supplier by state.
fn counts(supplier: &SupplierRecord) -> [(&'static str, usize); 4] {
    [AccountState::Verified, AccountState::Pending, AccountState::Retired, AccountState::Blocked]
        .map(|state| (state.as_str(), supplier.accounts.iter().filter(|a| a.state == state).count()))
}

pub(super) async fn list(
    records: &SupplierRecords,
    org: OrgId,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let mut rows = Vec::new();
    let mut after: Option<SupplierId> = None;
    loop {
        let page = records.page(org, after.as_ref(), limits::STORE_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for supplier in &page {
            let counts = counts(supplier);
            let domains: Vec<&str> = supplier.domains.iter().map(|d| d.as_str()).collect();
            if json {
                let accounts: serde_json::Map<String, serde_json::Value> =
                    counts.iter().map(|(state, count)| ((*state).to_owned(), json!(count))).collect();
                let line = json!({
                    "id": supplier.id, "name": supplier.name, "domains": domains, "country": supplier.country,
                    "accounts": accounts,
                });
                writeln!(out, "{line}")?;
            } else {
                let mut row = vec![supplier.id.0.clone(), supplier.name.clone(), domains.join(", ")];
                row.extend(counts.iter().map(|(_, count)| count.to_string()));
                rows.push(row);
            }
        }
    }
    if !json && after.is_none() {
        writeln!(out, "No suppliers yet: `sentra suppliers import FILE.csv` brings them in.")?;
    } else if !json {
        table(&["ID", "NAME", "DOMAINS", "VERIFIED", "PENDING", "RETIRED", "BLOCKED"], rows, out)?;
    }
    Ok(0)
}

/// A supplier as JSON; `reveal` adds the full account numbers.
fn described(supplier: &SupplierRecord, reveal: bool) -> serde_json::Value {
    let accounts = supplier.accounts.iter().map(|a| {
        let mut account = json!({
            "scheme": a.account.scheme().as_str(), "country": a.account.country(), "masked": a.account.masked(),
            "bic": a.bic, "account_name": a.account_name, "state": a.state,
        });
        if let Some(object) = account.as_object_mut().filter(|_| reveal) {
            object.insert("value".to_owned(), a.account.reveal().into());
        }
        account
    });
    json!({
        "id": supplier.id, "name": supplier.name, "aliases": supplier.aliases, "domains": supplier.domains,
        "emails": supplier.emails, "phones": supplier.phones, "vat_number": supplier.vat_number,
        "company_number": supplier.company_number, "country": supplier.country,
        "accounts": accounts.collect::<Vec<_>>(),
    })
}

/// Suppliers that fit a text.
pub(super) async fn search(
    records: &SupplierRecords,
    org: OrgId,
    text: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let accounts = crate::cli::account::parse(text).unwrap_or_default();
    let found = records.search(org, text, &accounts).await?;
    let detail = json!({ "hits": found.hits.len() });
    records.note(org, "operator", AuditAction::SuppliersSearch, "suppliers", detail).await?;
    if json {
        writeln!(out, "{}", json!(found))?;
        return Ok(0);
    }
    if found.hits.is_empty() {
        writeln!(out, "No supplier fits.")?;
        return Ok(0);
    }
    let row = |hit: crate::adapters::suppliers::search::SearchHit| {
        vec![hit.id.0, hit.name, hit.matched.to_owned(), hit.value]
    };
    table(&["ID", "NAME", "FITS BY", "VALUE"], found.hits.into_iter().map(row).collect(), out)?;
    if found.more {
        writeln!(out, "There may be more: look for a longer text.")?;
    }
    Ok(0)
}

/// One supplier.
pub(super) async fn show(
    records: &SupplierRecords,
    org: OrgId,
    id: &str,
    how: &How,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let found = records.detail(org, &SupplierId(id.to_owned()), how.history).await?;
    let stored = found.ok_or_else(|| Failure {
        what: format!("there is no supplier `{}`", id.escape_debug()),
        help: "`sentra suppliers list` shows the ids",
    })?;
    let history = if how.history { records.state_changes(org, &stored).await? } else { Vec::new() };
    // Noted before anything is shown.
    let action = if how.reveal { AuditAction::SuppliersReveal } else { AuditAction::SuppliersShow };
    records.note(org, "operator", action, &stored.id.0, json!({})).await?;
    if how.json {
        writeln!(out, "{}", detailed(&stored, &history, how)?)?;
    } else {
        print(&stored, &history, how, out)?;
    }
    Ok(0)
}

/// A supplier with the provenance of everything, as JSON.
fn detailed(stored: &Stored, history: &[StateChange], how: &How) -> Result<serde_json::Value, Failure> {
    let mut value = described(&stored.record()?, how.reveal);
    let accounts = value.get_mut("accounts").and_then(serde_json::Value::as_array_mut);
    for (json, account) in accounts.into_iter().flatten().zip(&stored.accounts) {
        let Some(object) = json.as_object_mut() else { continue };
        for (name, value) in [
            ("id", json!(account.id)),
            ("source", json!(account.source)),
            ("batch", json!(account.batch)),
            ("added_by", json!(account.added_by)),
            ("added_at", json!(moment(account.created_at))),
            ("verified_by", json!(account.verified_by)),
            ("verified_at", json!(account.verified_at.map(moment))),
            ("verified_how", json!(account.verified_how)),
        ] {
            object.insert(name.to_owned(), value);
        }
    }
    let of_value = |value: &StoredValue| {
        json!({
            "id": value.id, "kind": value.kind, "value": value.text, "source": value.source, "batch": value.batch,
            "added_by": value.added_by, "added_at": moment(value.added_at),
            "retired_at": value.retired_at.map(moment),
        })
    };
    let of_change = |change: &StateChange| {
        let mut json = json!(change);
        if let Some(object) = json.as_object_mut() {
            object.insert("at".to_owned(), moment(change.at).into());
        }
        json
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("values".to_owned(), stored.values.iter().map(of_value).collect());
        if how.history {
            object.insert("history".to_owned(), history.iter().map(of_change).collect());
        }
    }
    Ok(value)
}

fn print(stored: &Stored, history: &[StateChange], how: &How, out: &mut dyn Write) -> Result<(), Failure> {
    let mut pairs = vec![("Id", stored.id.0.clone()), ("Name", stored.name.clone())];
    pairs.extend(stored.country.clone().map(|country| ("Country", country)));
    for (label, value) in pairs {
        writeln!(out, "{label:<15} {value}")?;
    }
    let row = |value: &StoredValue| {
        vec![
            label(value.kind).to_owned(),
            value.text.clone(),
            value.source.clone(),
            moment(value.added_at),
            value.retired_at.map(moment).unwrap_or_default(),
        ]
    };
    writeln!(out)?;
    table(&["KNOWN BY", "VALUE", "FROM", "ADDED", "RETIRED"], stored.values.iter().map(row).collect(), out)?;
    writeln!(out)?;
    let row = |stored: &StoredAccount| account_row(stored, how.reveal);
    let header = ["ID", "SCHEME", "COUNTRY", "ACCOUNT", "BIC", "HOLDER", "STATE", "FROM", "VERIFIED"];
    table(&header, stored.accounts.iter().map(row).collect(), out)?;
    if !history.is_empty() {
        let row = |change: &StateChange| {
            let account = stored.accounts.iter().find(|account| account.id == change.account_id);
            vec![
                moment(change.at),
                account.map(|account| account.account.account.masked()).unwrap_or_default(),
                change.from.clone().unwrap_or_default(),
                change.to.clone().unwrap_or_default(),
                change.actor.clone(),
                format!("{} {}{}", change.kind, change.batch, if change.undone { " (undone)" } else { "" }),
            ]
        };
        writeln!(out)?;
        table(&["WHEN", "ACCOUNT", "BEFORE", "AFTER", "WHO", "BY"], history.iter().map(row).collect(), out)?;
    }
    Ok(())
}

fn account_row(stored: &StoredAccount, reveal: bool) -> Vec<String> {
    let account = &stored.account;
    let verified = match (&stored.verified_by, stored.verified_at, &stored.verified_how) {
        (Some(by), Some(at), Some(how)) => format!("{} by {by} ({how})", moment(at)),
        _ => String::new(),
    };
    vec![
        stored.id.clone(),
        account.account.scheme().as_str().to_owned(),
        account.account.country().to_owned(),
        if reveal { account.account.reveal().to_owned() } else { account.account.masked() },
        account.bic.clone().unwrap_or_default(),
        account.account_name.clone().unwrap_or_default(),
        account.state.as_str().to_owned(),
        stored.source.clone(),
        verified,
    ]
}

fn label(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Name => "name",
        ValueKind::Alias => "alias",
        ValueKind::Domain => "domain",
        ValueKind::Email => "e-mail",
        ValueKind::Phone => "phone",
        ValueKind::Tax => "tax number",
        ValueKind::Company => "company number",
    }
}

/// All suppliers with full account numbers.
pub(super) async fn export(
    records: &SupplierRecords,
    org: OrgId,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    // Noted before the first number leaves.
    records.note_export(org, "operator").await?;
    let mut after: Option<SupplierId> = None;
    let mut first = true;
    loop {
        let page = records.page(org, after.as_ref(), limits::STORE_PAGE).await?;
        if json {
            page.iter().try_for_each(|supplier| writeln!(out, "{}", described(supplier, true)))?;
        } else if first || !page.is_empty() {
            write_csv(&page, first, out)?;
        }
        first = false;
        let Some(last) = page.last() else { return Ok(0) };
        after = Some(last.id.clone());
    }
}
