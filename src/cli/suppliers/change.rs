//! Changing suppliers: edit, merge, the list of changes, undo.

use super::{EditArgs, Failure, SuppliersContext, announce, moment, table};
use crate::adapters::suppliers::batches::BatchInfo;
use crate::adapters::suppliers::edit::EditStep;
use crate::adapters::suppliers::records::SupplierRecords;
use crate::adapters::suppliers::rows::ValueKind;
use crate::adapters::suppliers::undo::{Undo, UndoConflict};
use crate::cli::account;
use crate::model::{AccountState, OrgId, SupplierAccount, SupplierId};
use serde_json::json;
use std::io::Write;

/// `sentra suppliers edit`
pub(super) async fn edit(
    records: &SupplierRecords,
    context: &SuppliersContext,
    args: &EditArgs,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let steps = steps(args)?;
    if steps.is_empty() {
        return Err(Failure {
            what: "nothing is to be changed".to_owned(),
            help: "`sentra suppliers edit --help`",
        });
    }
    let id = SupplierId(args.id.clone());
    let edited = records.edit(context.org, &id, &steps, "operator").await?;
    if let Some(generation) = edited.generation {
        announce(context, generation, err).await?;
    }
    if json {
        writeln!(out, "{}", json!(edited))?;
        return Ok(0);
    }
    match &edited.batch {
        Some(batch) => {
            writeln!(out, "{} changed. `sentra suppliers undo {batch}` takes it back.", edited.supplier)?
        }
        None => writeln!(out, "{} is as asked already.", edited.supplier)?,
    }
    for case in &edited.cases {
        writeln!(out, "The new account is pending until case {case} is approved.")?;
    }
    Ok(0)
}

fn steps(args: &EditArgs) -> Result<Vec<EditStep>, Failure> {
    let mut steps = Vec::new();
    let removed = [
        (ValueKind::Alias, &args.remove_alias),
        (ValueKind::Domain, &args.remove_domain),
        (ValueKind::Email, &args.remove_email),
        (ValueKind::Phone, &args.remove_phone),
    ];
    for (kind, values) in removed {
        steps.extend(values.iter().map(|value| EditStep::Remove(kind, value.clone())));
    }
    let added = [
        (ValueKind::Alias, &args.add_alias),
        (ValueKind::Domain, &args.add_domain),
        (ValueKind::Email, &args.add_email),
        (ValueKind::Phone, &args.add_phone),
    ];
    for (kind, values) in added {
        steps.extend(values.iter().map(|value| EditStep::Add(kind, value.clone())));
    }
    let set = [
        (ValueKind::Name, &args.name),
        (ValueKind::Tax, &args.tax_number),
        (ValueKind::Company, &args.company_number),
    ];
    for (kind, value) in set {
        steps.extend(value.iter().map(|value| EditStep::Add(kind, value.clone())));
    }
    steps.extend(args.retire_account.iter().cloned().map(EditStep::Retire));
    steps.extend(args.block_account.iter().cloned().map(EditStep::Block));
    for text in &args.add_account {
        let unclear = "write the full IBAN, or one of the forms that `sentra org account add --help` names";
        let accounts = account::parse(text).map_err(|_| Failure {
            what: "this is no account number that Sentra knows".to_owned(),
            help: unclear,
        })?;
        let [account] = accounts.as_slice() else {
            return Err(Failure {
                what: "this may be a UK or an Australian account".to_owned(),
                help: unclear,
            });
        };
        let state = AccountState::Pending;
        let account = SupplierAccount { account: account.clone(), bic: None, account_name: None, state };
        steps.push(EditStep::Account(account));
    }
    Ok(steps)
}

/// `sentra suppliers merge`
pub(super) async fn merge(
    records: &SupplierRecords,
    context: &SuppliersContext,
    (from, into): (&str, &str),
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let id = |text: &str| SupplierId(text.to_owned());
    let merged = records.merge(context.org, &id(from), &id(into), "operator").await?;
    announce(context, merged.generation, err).await?;
    if json {
        writeln!(out, "{}", json!(merged))?;
        return Ok(0);
    }
    writeln!(
        out,
        "{} is now {}: {} values and {} accounts moved. `sentra suppliers undo {}` takes it back.",
        merged.from, merged.into, merged.values, merged.accounts, merged.batch
    )?;
    if merged.stricter > 0 {
        writeln!(out, "{} accounts stood on both; the stricter state counts.", merged.stricter)?;
    }
    Ok(0)
}

/// `sentra suppliers batches`
pub(super) async fn batches(
    records: &SupplierRecords,
    org: OrgId,
    limit: i64,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let batches = records.batches(org, limit).await?;
    if json {
        for batch in &batches {
            let mut value = json!(batch);
            if let Some(object) = value.as_object_mut() {
                object.insert("created_at".to_owned(), moment(batch.created_at).into());
                object.insert("undone_at".to_owned(), json!(batch.undone_at.map(moment)));
            }
            writeln!(out, "{value}")?;
        }
        return Ok(0);
    }
    if batches.is_empty() {
        writeln!(out, "Nothing was changed yet.")?;
        return Ok(0);
    }
    let row = |batch: &BatchInfo| {
        vec![
            batch.id.clone(),
            moment(batch.created_at),
            batch.kind.clone(),
            batch.state.clone(),
            batch.actor.clone(),
            batch.source.clone(),
            counted(&batch.counts),
        ]
    };
    table(&["ID", "WHEN", "KIND", "STATE", "WHO", "FROM", "WHAT"], batches.iter().map(row).collect(), out)?;
    Ok(0)
}

/// `created 3, accounts_added 3`: what is not zero.
fn counted(counts: &serde_json::Value) -> String {
    let numbers = counts.as_object().into_iter().flatten();
    let some = numbers.filter_map(|(name, value)| Some((name, value.as_u64().filter(|n| *n > 0)?)));
    some.map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect::<Vec<_>>().join(", ")
}

/// `sentra suppliers undo`
pub(super) async fn undo(
    records: &SupplierRecords,
    context: &SuppliersContext,
    batch: &str,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    match records.undo(context.org, batch, "operator").await? {
        Undo::Done(generation) => {
            announce(context, generation, err).await?;
            match json {
                true => writeln!(out, "{}", json!({ "batch": batch, "undone": true, "conflicts": [] }))?,
                false => writeln!(out, "{batch} is undone: all is as before it.")?,
            }
            Ok(0)
        }
        Undo::Refused(conflicts) => {
            if json {
                writeln!(out, "{}", json!({ "batch": batch, "undone": false, "conflicts": conflicts }))?;
            } else {
                let row = |conflict: &UndoConflict| {
                    vec![
                        conflict.supplier.clone(),
                        conflict.entity.clone(),
                        conflict.row.clone(),
                        format!("{} {}", conflict.kind, conflict.by),
                    ]
                };
                table(&["SUPPLIER", "WHAT", "ID", "CHANGED BY"], conflicts.iter().map(row).collect(), out)?;
            }
            Err(Failure {
                what: format!("nothing was undone: {} rows of the batch were changed since", conflicts.len()),
                help: "undo the later changes first, newest first",
            })
        }
    }
}
