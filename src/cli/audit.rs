//! `sentra audit …`: list, export, verify, anchor, prune, and the keys that sign.
//!
//! `verify` with files needs neither configuration nor database. Whoever reveals private fields is noted in the audit
//! before anything is shown.

mod export;
mod verify;

use super::database::{Installation, OPERATOR, open};
use super::{Failure, Globals, Io};
use crate::adapters::audit::AuditAction;
use crate::adapters::objects::Bodies;
use crate::adapters::store::{Anchoring, AuditEntry, AuditQuery};
use crate::model::{OrgId, Organisation};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Rows that a table shows unless `--limit` says otherwise.
const TABLE_ROWS: usize = 100;
/// Milliseconds of the units that `--since` and `--until` take.
const UNITS: [(char, i64); 4] = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

/// Commands of `sentra audit`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List entries, newest first
    #[command(after_help = LIST_HELP)]
    List(ListArgs),
    /// Write one file that proves itself: entries, signed head, anchors, public keys
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// File to write, never overwritten; `-` for standard output
        out: PathBuf,
        /// Only entries from this time on: RFC 3339, a date, or how long ago (30d, 12h)
        #[arg(long, value_name = "TIME", value_parser = When::parse)]
        since: Option<When>,
        /// With private fields and the persons behind pseudonyms (noted in the audit)
        #[arg(long)]
        reveal: bool,
    },
    /// Check integrity and completeness: of the database, or of exports without anything else
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// Export to check; `-` for standard input; without any: the database
        exports: Vec<PathBuf>,
        /// Folder with a copy of the anchors, kept elsewhere; the database is compared with the anchor store otherwise
        #[arg(long, value_name = "DIR")]
        anchors: Option<PathBuf>,
        /// Public key of the organisation, known from elsewhere (64 hexadecimal digits); may be repeated
        #[arg(long = "key", value_name = "HEX")]
        keys: Vec<String>,
    },
    /// Write the signed head to the anchor store now; `serve` does so every hour
    #[command(after_help = ANCHOR_HELP)]
    Anchor {
        /// Accept that the database was restored to an older state, and say why: anchors of what was lost no longer count
        #[arg(long, value_name = "REASON")]
        accept_restore: Option<String>,
    },
    /// Remove old entries up to an anchored head; the signed checkpoint stays
    #[command(after_help = "Example:\n  sentra audit prune --before 2025-01-01")]
    Prune {
        /// Entries before this time: RFC 3339, a date, or how long ago (400d)
        #[arg(long, value_name = "TIME", value_parser = When::parse)]
        before: When,
    },
    /// Print the organisation's public signing keys
    #[command(after_help = "Example:\n  sentra audit keys --json")]
    Keys,
}

const LIST_HELP: &str = "\
Times are RFC 3339 (2026-11-27T09:00:00Z), a date (UTC), or how long ago (30d, 12h, 15m).

Examples:
  sentra audit list --since 7d --action quarantine
  sentra audit list --actor jane@contoso.com --reveal --json";
const EXPORT_HELP: &str = "\
The file is JSON lines: header, keys, anchors, entries, signed head. docs/audit.md describes it.

Examples:
  sentra audit export audit-2026.jsonl
  sentra audit export - --since 30d | gzip > audit.jsonl.gz";
const VERIFY_HELP: &str = "\
Exit status 0: nothing is wrong. What is not proven is said; without anchors that were kept elsewhere nobody can
exclude that everything was set back to an older state. Exit status 1: something was altered or is missing.

Examples:
  sentra audit verify
  sentra audit verify audit-2026.jsonl --anchors /mnt/anchors --key 9f86d081884c7d65…";
const ANCHOR_HELP: &str = "\
An anchor is the signed head with its count and time; each names the one before. They lie as
anchors/ORGANISATION/NUMBER.json in the object store.

Examples:
  sentra audit anchor
  sentra audit anchor --accept-restore 'disk lost on Monday, restored the backup of 03:00'";

/// Flags of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// From this time
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
    /// Only of this actor: operator, system, a pseudonym, or an address
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only this action (quarantine.release) or all of a noun (quarantine)
    #[arg(long, value_name = "NAME", value_parser = action)]
    action: Option<String>,
    /// Entries at most (table: 100; JSON: all)
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// With private fields and the persons behind pseudonyms (noted in the audit)
    #[arg(long)]
    reveal: bool,
}

/// A time as written on the command line.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// Unix milliseconds.
    At(i64),
    /// Milliseconds before now.
    Ago(i64),
}

impl When {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "a time is 2026-11-27T09:00:00Z, 2026-11-27, or how long ago: 30d, 12h, 15m".to_owned();
        for (unit, milliseconds) in UNITS {
            if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok()) {
                return Ok(Self::Ago(i64::from(number).saturating_mul(milliseconds)));
            }
        }
        if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
            return i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Self::At).map_err(|_| wrong());
        }
        let midnight = OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339).map_err(|_| wrong())?;
        Ok(Self::At(midnight.unix_timestamp().saturating_mul(1_000)))
    }

    pub(super) fn before(self, now_ms: i64) -> i64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now_ms.saturating_sub(ago),
        }
    }
}

fn action(text: &str) -> Result<String, String> {
    let is_noun = |known: &AuditAction| known.as_str().split('.').next() == Some(text);
    if AuditAction::from_name(text).is_some() || AuditAction::ALL.iter().any(is_noun) {
        return Ok(text.to_owned());
    }
    Err("there is no such action; docs/audit.md lists them".to_owned())
}

pub(super) async fn run(globals: &Globals, command: AuditCommand, io: &mut Io<'_>) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify { exports, anchors, keys } => {
            verify::run(globals, &exports, anchors.as_deref(), &keys, io).await
        }
        AuditCommand::List(args) => {
            let at = open(globals).await?;
            let org = at.organisation(globals).await?;
            list(&at, &org, globals, &args, io).await
        }
        AuditCommand::Export { out, since, reveal } => {
            let at = open(globals).await?;
            let org = at.organisation(globals).await?;
            let since = since.map(|since| since.before(at.store.clock().now_ms()));
            export::run(&at, &org, &out, since, reveal, io).await
        }
        AuditCommand::Anchor { accept_restore } => {
            let at = open(globals).await?;
            for org in chosen(&at, globals).await? {
                anchor(&at, &org, accept_restore.as_deref(), globals, io).await?;
            }
            Ok(())
        }
        AuditCommand::Prune { before } => {
            let at = open(globals).await?;
            let org = at.organisation(globals).await?;
            let before = before.before(at.store.clock().now_ms());
            let pruned = at.store.prune_audit(org.id, before, OPERATOR).await?;
            if globals.json {
                return io.json(
                    &json!({ "org": org.id, "checkpoint": pruned.checkpoint, "removed": pruned.removed }),
                );
            }
            io.line(&format!(
                "{} entries removed; the chain of {} goes on from entry {}",
                pruned.removed, org.name, pruned.checkpoint
            ))
        }
        AuditCommand::Keys => {
            let at = open(globals).await?;
            let org = at.organisation(globals).await?;
            keys(&at, org.id, globals, io).await
        }
    }
}

/// The organisation that was named, or all of them.
async fn chosen(at: &Installation, globals: &Globals) -> Result<Vec<Organisation>, Failure> {
    match globals.org {
        Some(_) => Ok(vec![at.organisation(globals).await?]),
        None => Ok(at.store.organisations().await?),
    }
}

/// The anchor store of this installation.
pub(super) fn anchor_store(at: &Installation) -> &Bodies {
    at.store.bodies()
}

async fn list(
    at: &Installation,
    org: &Organisation,
    globals: &Globals,
    args: &ListArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if args.reveal {
        // Noted before the first private field is shown.
        let filters = json!({ "filters": { "action": args.action, "limit": args.limit,
            "since": args.since.is_some(), "until": args.until.is_some(), "actor": args.actor.is_some() } });
        at.store.note_read(org.id, OPERATOR, AuditAction::AuditReveal, "entries", filters).await?;
    }
    let limit = args.limit.unwrap_or(if globals.json { usize::MAX } else { TABLE_ROWS });
    let now = at.store.clock().now_ms();
    let mut query = AuditQuery {
        since: args.since.map(|when| when.before(now)),
        until: args.until.map(|when| when.before(now)),
        actor: args.actor.as_deref(),
        action: args.action.as_deref(),
        before: None,
        reveal: args.reveal,
    };
    let (mut rows, mut count, mut more) = (Vec::new(), 0_usize, false);
    // Every page begins before the last one's oldest entry, so this ends with the chain.
    'pages: loop {
        let page = at.store.audit_list(org.id, &query).await?;
        let Some(last) = page.last() else { break };
        query.before = Some(last.seq);
        for entry in &page {
            if count >= limit {
                more = true;
                break 'pages;
            }
            count = count.saturating_add(1);
            if globals.json { io.json(&described(entry, args.reveal))? } else { rows.push(row(entry)) }
        }
    }
    if globals.json {
        return Ok(());
    }
    io.table(&["SEQ", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"], rows)?;
    if more {
        io.note(&format!("there are more; --limit N shows more than {limit}"));
    }
    Ok(())
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let named = |text: &String| entry.persons.get(text).unwrap_or(text).clone();
    let mut detail = if entry.detail == "{}" { String::new() } else { entry.detail.clone() };
    match &entry.private {
        Some(private) if private != "{}" => detail = format!("{detail} {private}"),
        _ if !entry.fields.is_empty() => detail = format!("{detail} private: {}", entry.fields.join(", ")),
        _ => {}
    }
    if !entry.erased.is_empty() {
        detail = format!("{detail} erased: {}", entry.erased.join(", "));
    }
    vec![
        entry.seq.to_string(),
        when(entry.at),
        named(&entry.actor),
        entry.action.clone(),
        named(&entry.subject),
        detail.trim().to_owned(),
    ]
}

fn described(entry: &AuditEntry, reveal: bool) -> Value {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let mut object = json!({
        "seq": entry.seq, "at": when(entry.at), "actor": entry.actor, "action": entry.action,
        "subject": entry.subject, "detail": parsed(&entry.detail), "private_fields": entry.fields,
        "prev_hash": entry.prev_hash, "hash": entry.hash,
    });
    if let (true, Some(object)) = (reveal, object.as_object_mut()) {
        object.insert("private".to_owned(), entry.private.as_deref().map_or(Value::Null, parsed));
        object.insert("erased".to_owned(), json!(entry.erased));
        object.insert("persons".to_owned(), json!(entry.persons));
    }
    object
}

async fn anchor(
    at: &Installation,
    org: &Organisation,
    accept_restore: Option<&str>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let anchors = anchor_store(at);
    match accept_restore.map(str::trim) {
        Some("") => return Err(Failure::usage("a reason is needed").help("say what was restored and why")),
        Some(reason) => {
            at.store.accept_restored_audit(org.id, anchors, OPERATOR, reason).await?;
        }
        None => {
            at.store.note_read(org.id, OPERATOR, AuditAction::AuditAnchor, "head", json!({})).await?;
        }
    }
    match at.store.anchor_audit(org.id, anchors).await? {
        Anchoring::Anchored(anchor) if globals.json => io.json(&anchor),
        Anchoring::Anchored(anchor) => io.line(&format!(
            "{}: anchor {} names entry {} ({})",
            org.name,
            anchor.number,
            anchor.seq,
            when(anchor.at)
        )),
        Anchoring::Contradicted { number, theirs } => Err(Failure::new(format!(
            "the anchor store has another anchor {number} than this database, and knows of entry {theirs}: \
             the database was set back or replaced"
        ))
        .at(&org.name)
        .help(
            "look at `sentra audit verify`; if you restored a backup, say so with --accept-restore REASON; \
             if not, somebody set the database back",
        )),
    }
}

async fn keys(at: &Installation, org: OrgId, globals: &Globals, io: &mut Io<'_>) -> Result<(), Failure> {
    let keys = at.store.audit_keys(org).await?;
    if globals.json {
        return keys.iter().try_for_each(|key| {
            let (public_key, valid_from) = (key.public_key.to_hex(), when(key.valid_from));
            io.json(&json!({ "key_id": key.key_id, "public_key": public_key, "valid_from": valid_from }))
        });
    }
    let rows =
        keys.iter().map(|key| vec![key.key_id.to_string(), when(key.valid_from), key.public_key.to_hex()]);
    io.table(&["KEY", "VALID FROM", "PUBLIC KEY (ED25519)"], rows.collect())
}

/// RFC 3339, UTC.
pub(super) fn when(ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms).saturating_mul(1_000_000));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_three_forms() {
        for (text, expected) in [
            ("1970-01-02T00:00:00Z", Some(86_400_000)),
            ("1970-01-02", Some(86_400_000)),
            ("1d", Some(1_000_000_000 - 86_400_000)),
            ("90m", Some(1_000_000_000 - 5_400_000)),
            ("-1d", None),
            ("yesterday", None),
            ("", None),
        ] {
            let parsed = When::parse(text).ok().map(|when| when.before(1_000_000_000));
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn only_known_actions_and_nouns_are_filters() {
        for (text, known) in
            [("quarantine", true), ("quarantine.hold", true), ("quarantine.", false), ("%", false)]
        {
            assert_eq!(action(text).is_ok(), known, "{text}");
        }
    }
}
