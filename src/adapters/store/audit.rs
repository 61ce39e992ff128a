//! The audit log in the database: appending.
//!
//! [`append`] is part of the transaction that does what the entry tells of: both are committed or neither. It locks the
//! organisation's head, chains the entry and signs the new head, so that whoever writes to the database without the
//! organisation's key leaves a chain that does not verify. Addresses become pseudonyms and private fields commitments
//! before they are chained; the values stand beside the chain, sealed, and can be erased. `adapters::audit` has what is
//! hashed and signed; `check` walks a chain, `list` shows it, `export` reads it out, `anchor` anchors it, `prune` prunes and erases.

mod anchor;
mod check;
mod export;
mod list;
mod prune;

pub use anchor::{Anchoring, SigningKey};
pub use export::ExportFrame;
pub use list::{AuditEntry, AuditQuery};
pub use prune::Pruned;
pub(super) use prune::let_audit_go;

use super::error::{StoreError, damaged};
use super::{Store, hex};
use crate::adapters::audit::{AuditAction, Entry, FIRST_HASH, Head, Revealed, commitment, from_hex};
use crate::limits;
use crate::model::OrgId;
use crate::ports::Keyring;
use aws_lc_rs::rand;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeMap;

/// What the fingerprint of a person's name is computed as.
pub(super) const PERSON: &str = "audit.person";

/// What is to be noted.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Whose chain.
    pub org: OrgId,
    /// Unix milliseconds.
    pub at: i64,
    /// Who: `operator` (the machine's), `system`, the id of a token, or the address of a person, which becomes a
    /// pseudonym.
    pub actor: &'a str,
    /// What.
    pub action: AuditAction,
    /// On what: an id or a name. An address becomes a pseudonym; other personal names belong into `private`.
    pub subject: &'a str,
    /// Further detail without personal data.
    pub detail: Value,
    /// Personal detail: an object whose fields are kept beside the chain and can be erased. Null fields are left out.
    pub private: Option<Value>,
}

/// What a walk along a chain found, in short; `Store::audit_report` has it at length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainCheck {
    /// Unbroken, with this many entries.
    Intact(i64),
    /// The first entry that does not fit (altered, missing or out of order), or the end that was cut off.
    Broken(i64),
}

/// Starts an organisation's chain.
pub(super) async fn start(write: &mut AnyConnection, org: OrgId) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit_heads (org_id, seq, at, hash, signature) VALUES ($1, 0, 0, $2, '')")
        .bind(org.to_string())
        .bind(FIRST_HASH)
        .execute(write)
        .await?;
    Ok(())
}

/// Appends within the caller's transaction: the entry and what it tells of are committed together or not at all.
///
/// # Errors
/// [`StoreError::NotFound`] when the organisation does not exist; [`StoreError::Invalid`] for detail that is too large;
/// [`StoreError`] of database and keys.
pub async fn append(
    write: &mut AnyConnection,
    keyring: &dyn Keyring,
    mut event: Event<'_>,
) -> Result<(), StoreError> {
    let org = event.org.to_string();
    // The update takes the chain's lock on engines with row locks before the head is read.
    let head =
        sqlx::query("UPDATE audit_heads SET seq = seq + 1 WHERE org_id = $1 RETURNING seq, hash").bind(&org);
    let head = head.fetch_optional(&mut *write).await?.ok_or(StoreError::NotFound("organisation"))?;
    let (seq, prev_hash): (i64, String) = (head.try_get(0)?, head.try_get(1)?);
    let detail = event.detail.to_string();
    let private = committed(event.private.take())?;
    let weight = private.values().fold(detail.len(), |sum, field| sum.saturating_add(field.value.len()));
    if weight > limits::MAX_AUDIT_DETAIL {
        let most = limits::MAX_AUDIT_DETAIL;
        return Err(StoreError::Invalid(format!("the detail of an audit entry has at most {most} octets")));
    }
    let mut entry = Entry {
        seq,
        at: event.at,
        actor: named(write, keyring, &event, event.actor).await?,
        action: event.action.as_str().to_owned(),
        subject: named(write, keyring, &event, event.subject).await?,
        detail,
        private: commitments(&private)?,
        prev_hash,
        hash: String::new(),
    };
    entry.hash = entry.digest(&org);
    insert(write, &org, &entry).await?;
    for (field, value) in &private {
        let sealed = seal(keyring, event.org, seq, field, value)?;
        let sql = "INSERT INTO audit_private (org_id, seq, field, sealed) VALUES ($1, $2, $3, $4)";
        sqlx::query(sql).bind(&org).bind(seq).bind(field).bind(sealed).execute(&mut *write).await?;
    }
    let mut head = Head { seq, at: event.at, hash: entry.hash, signature: String::new() };
    head.signature = hex(&keyring.sign(event.org, &head.statement(&org))?);
    sqlx::query("UPDATE audit_heads SET at = $1, hash = $2, signature = $3 WHERE org_id = $4")
        .bind(head.at)
        .bind(head.hash)
        .bind(head.signature)
        .bind(org)
        .execute(write)
        .await?;
    Ok(())
}

async fn insert(write: &mut AnyConnection, org: &str, entry: &Entry) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (org_id, seq, at, actor, action, subject, detail, private, prev_hash, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(org)
    .bind(entry.seq)
    .bind(entry.at)
    .bind(&entry.actor)
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(&entry.detail)
    .bind(&entry.private)
    .bind(&entry.prev_hash)
    .bind(&entry.hash)
    .execute(write)
    .await?;
    Ok(())
}

/// A name as the chain may hold it: an address becomes the pseudonym of its person, whose name stands beside the chain.
/// Called with the chain's lock held, so that one person never gets two.
async fn named(
    write: &mut AnyConnection,
    keyring: &dyn Keyring,
    event: &Event<'_>,
    name: &str,
) -> Result<String, StoreError> {
    let end = name.char_indices().nth(limits::MAX_AUDIT_NAME).map_or(name.len(), |(at, _)| at);
    let name = name.get(..end).unwrap_or_default();
    if !name.contains('@') {
        return Ok(name.to_owned());
    }
    if let Some(known) = pseudonym(write, keyring, event.org, name).await? {
        return Ok(known);
    }
    let folded = name.to_lowercase();
    let pseudonym = format!("person:{}", hex(&fresh::<16>()?));
    let context = person_context(&pseudonym);
    sqlx::query(
        "INSERT INTO audit_persons (org_id, pseudonym, fingerprint, sealed_name, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(event.org.to_string())
    .bind(&pseudonym)
    .bind(keyring.fingerprint_text(event.org, PERSON, &folded)?.to_hex())
    .bind(keyring.seal(event.org, &context, folded.as_bytes())?)
    .bind(event.at)
    .execute(write)
    .await?;
    Ok(pseudonym)
}

/// The pseudonym of an address, if it has one.
async fn pseudonym(
    read: &mut AnyConnection,
    keyring: &dyn Keyring,
    org: OrgId,
    address: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT pseudonym FROM audit_persons WHERE org_id = $1 AND fingerprint = $2";
    // Also under keys of before, while one is being rotated.
    for fingerprint in keyring.fingerprints_text(org, PERSON, &address.to_lowercase())? {
        let query = sqlx::query_scalar(sql).bind(org.to_string()).bind(fingerprint.to_hex());
        let known = query.fetch_optional(&mut *read).await?;
        if known.is_some() {
            return Ok(known);
        }
    }
    Ok(None)
}

/// Private fields, each under a salt of its own.
fn committed(private: Option<Value>) -> Result<BTreeMap<String, Revealed>, StoreError> {
    let fields = match private {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(StoreError::Invalid("private fields of the audit are an object".to_owned())),
    };
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    present
        .map(|(name, value)| Ok((name, Revealed { salt: hex(&fresh::<32>()?), value: value.to_string() })))
        .collect()
}

fn commitments(private: &BTreeMap<String, Revealed>) -> Result<String, StoreError> {
    let salted = |field: &Revealed| from_hex(&field.salt).map(|salt| commitment(&salt, &field.value));
    let all: BTreeMap<&String, Option<String>> =
        private.iter().map(|(name, field)| (name, salted(field))).collect();
    serde_json::to_string(&all).map_err(|error| StoreError::Invalid(error.to_string()))
}

/// The salt's 32 octets, then the value.
fn seal(
    keyring: &dyn Keyring,
    org: OrgId,
    seq: i64,
    field: &str,
    value: &Revealed,
) -> Result<Vec<u8>, StoreError> {
    let mut plain = from_hex(&value.salt).ok_or_else(|| damaged("audit detail"))?;
    plain.extend_from_slice(value.value.as_bytes());
    Ok(keyring.seal(org, &private_context(seq, field), &plain)?)
}

fn open(
    keyring: &dyn Keyring,
    org: OrgId,
    seq: i64,
    field: &str,
    sealed: &[u8],
) -> Result<Revealed, StoreError> {
    let plain = keyring.open(org, &private_context(seq, field), sealed)?;
    let (salt, value) = plain.split_at_checked(32).ok_or_else(|| damaged("audit detail"))?;
    let value = String::from_utf8(value.to_vec()).map_err(|_| damaged("audit detail"))?;
    Ok(Revealed { salt: hex(salt), value })
}

fn private_context(seq: i64, field: &str) -> String {
    format!("audit_private.sealed|{seq}|{field}")
}

pub(super) fn person_context(pseudonym: &str) -> String {
    format!("audit_persons.sealed_name|{pseudonym}")
}

fn fresh<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut octets = [0_u8; N];
    rand::fill(&mut octets)
        .map_err(|_| StoreError::Unavailable("the system's random source failed".to_owned()))?;
    Ok(octets)
}

const COLUMNS: &str = "SELECT seq, at, actor, action, subject, detail, private, prev_hash, hash FROM audit";

fn entry(row: &AnyRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        actor: row.try_get(2)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        detail: row.try_get(5)?,
        private: row.try_get(6)?,
        prev_hash: row.try_get(7)?,
        hash: row.try_get(8)?,
    })
}

fn field_names(entry: &Entry) -> Result<Vec<String>, StoreError> {
    let fields: BTreeMap<String, Value> =
        serde_json::from_str(&entry.private).map_err(|_| damaged("audit entry"))?;
    Ok(fields.into_keys().collect())
}

impl Store {
    /// Notes what concerns the whole machine in every organisation's audit: it decides how each one's mail is judged.
    ///
    /// # Errors
    /// [`StoreError`] of the first organisation that could not be noted; the others were.
    pub async fn note_everywhere(
        &self,
        action: AuditAction,
        subject: &str,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let mut failed = Ok(());
        for organisation in self.organisations().await? {
            let noted = self.note_read(organisation.id, "system", action, subject, detail.clone()).await;
            failed = failed.and(noted);
        }
        failed
    }

    /// Notes, in a transaction of its own, that somebody is about to read something sensitive.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing may be shown.
    pub async fn note_read(
        &self,
        org: OrgId,
        actor: &str,
        action: AuditAction,
        subject: &str,
        detail: Value,
    ) -> Result<(), StoreError> {
        let mut write = self.database.scope(org).write().await?;
        self.note(&mut write, org, actor, action, subject, detail).await?;
        write.commit().await
    }
}
