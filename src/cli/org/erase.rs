//! `sentra org erase`: a plan, or the end of an organisation with a certificate.

use super::OPERATOR;
use crate::adapters::audit::{AuditAction, erase_anchors};
use crate::adapters::backup::Backups;
use crate::adapters::directory::redis::Redis;
use crate::adapters::store::{OrganisationErasure, inventory};
use crate::adapters::transfer::{Certificate, Remains, Signed};
use crate::cli::database::Installation;
use crate::cli::{Failure, Globals, Io};
use crate::config;
use crate::limits;
use crate::model::OrgId;
use clap::Args;
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Octets of a certificate: some kilobytes, with room for many tables.
const MAX_CERTIFICATE: u64 = 1_024 * 1_024;

/// Arguments of `org erase`.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct EraseArgs {
    /// The organisation, by name or id
    name: String,
    /// Erase; without it only what would go is shown
    #[arg(long, requires = "confirm")]
    yes: bool,
    /// The organisation's name once more
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Even with mail that waits for a decision or to be sent. Never against a legal hold
    #[arg(long)]
    force: bool,
    /// Where the certificate goes, with a text beside it (.txt); without it beside the configuration, `erased-ID.json`
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

pub(super) async fn run(
    at: &Installation,
    globals: &Globals,
    args: &EraseArgs,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let left = at.store.all_left().await?;
    let fits = |name: &str, id: String| args.name == name || args.name == id;
    if let Some(left) = left.iter().find(|left| fits(&left.name(), left.org.to_string())) {
        // The point of no return is behind: nothing is left to be planned or asked.
        let erasure = left.erasure().cloned().unwrap_or_else(|| never_arrived(left.org));
        if !args.yes {
            io.note(
                "its keys are destroyed already: the erasure was interrupted, `--yes --confirm NAME` ends it",
            );
            return plan(&erasure, 0, globals, io);
        }
        confirmed(args, &erasure.name)?;
        return finish(at, globals, args, (left.org, erasure, true), io).await;
    }
    let org = super::named(at, &args.name).await?;
    if !args.yes {
        let erasure = at.store.erasure_plan(&org).await?;
        let holds = at.store.holds(org.id, false).await?.len();
        return plan(&erasure, holds, globals, io);
    }
    confirmed(args, &org.name)?;
    let path = certificate_path(at, args, org.id);
    if path.exists() {
        return Err(Failure::new("the certificate exists, and is not overwritten")
            .at(path.display())
            .help("name another file with --certificate"));
    }
    let erasure = at.store.destroy_organisation(&org, args.force, OPERATOR).await.map_err(refused)?;
    io.note(&format!("the keys of {} are destroyed; what is sealed cannot be opened any more", org.name));
    finish(at, globals, args, (org.id, erasure, false), io).await
}

fn refused(error: crate::adapters::store::StoreError) -> Failure {
    let help = if error.to_string().contains("legal hold") {
        "lift the holds first (`sentra retention hold lift`): --force does not go against them"
    } else {
        "decide about the mail first (`sentra quarantine list`), export the organisation, or give --force"
    };
    match error {
        error @ crate::adapters::store::StoreError::Conflict(_) => Failure::new(error.to_string()).help(help),
        error => error.into(),
    }
}

fn confirmed(args: &EraseArgs, name: &str) -> Result<(), Failure> {
    if args.confirm.as_deref() == Some(name) {
        return Ok(());
    }
    Err(Failure::usage("--confirm does not name the organisation").help(format!("write --confirm {name:?}")))
}

/// Of an import that never ended: nothing was ever here.
fn never_arrived(org: OrgId) -> OrganisationErasure {
    OrganisationErasure {
        org: org.to_string(),
        name: org.to_string(),
        actor: OPERATOR.to_owned(),
        at: 0,
        rows: std::collections::BTreeMap::new(),
        bodies: 0,
        undecided: 0,
        unsent: 0,
        keys: 0,
        audit_head: (0, String::new()),
        audit_signature: String::new(),
    }
}

fn plan(
    erasure: &OrganisationErasure,
    holds: usize,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    if globals.json {
        return io.json(&json!({ "dry_run": true, "would_erase": erasure, "legal_holds": holds }));
    }
    let row = |(table, count): (&String, &u64)| {
        let purpose = inventory::table(table).map_or("", |table| table.purpose);
        vec![table.clone(), count.to_string(), purpose.to_owned()]
    };
    io.table(&["TABLE", "ROWS", "WHAT"], erasure.rows.iter().map(row).collect())?;
    io.pairs(&[
        ("would erase", format!("{} ({})", erasure.name, erasure.org)),
        ("keys", format!("{}, first: nothing sealed opens after that, in copies either", erasure.keys)),
        ("bodies", format!("{} of held mail", erasure.bodies)),
        ("undecided", format!("{} entries wait for a decision (--force)", erasure.undecided)),
        ("unsent", format!("{} messages wait to be sent (--force)", erasure.unsent)),
        ("legal holds", format!("{holds} (nothing is erased while one stands)")),
    ])?;
    io.note("nothing was changed; --yes --confirm NAME erases");
    Ok(())
}

/// Everything behind the point of no return; each part may be done already.
async fn finish(
    at: &Installation,
    globals: &Globals,
    args: &EraseArgs,
    (org, erasure, resumed): (OrgId, OrganisationErasure, bool),
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    // Every node has dropped it by then, and what they were doing has ended.
    let passed = at.store.clock().now_ms().saturating_sub(erasure.at);
    let passed = std::time::Duration::from_millis(u64::try_from(passed).unwrap_or(0));
    tokio::time::sleep(limits::KEY_SETTLE.saturating_sub(passed)).await;
    at.store.remove_everything(org, &mut |_| {}).await?;
    crate::cli::privacy::erasures(at)?.forget(org).await?;
    let mut remains = Vec::new();
    let anchors = match erase_anchors(at.store.bodies(), org).await {
        Ok(count) => count,
        Err(error) => {
            remains.push(Remains {
                what: format!("anchors of the audit in {}", at.store.bodies().of(org).shown()),
                why: format!(
                    "the store does not let them go ({error}); they hold numbers, times and hashes only"
                ),
                until: "the store's own retention ends".to_owned(),
            });
            0
        }
    };
    remains.extend(in_redis(at, org).await?);
    let own = at.store.database().pinned_place(org);
    match &own {
        None => remains.extend(in_backups(at).await?),
        Some(place) => remains.push(in_own_backups(place)),
    }
    remains.push(in_database(at.store.database().is_on_postgres(org)));
    let now = at.store.clock().now_ms();
    let mut certificate =
        Certificate::of(erasure, now, own.unwrap_or_else(|| at.store.database().place()), remains);
    (certificate.resumed, certificate.anchors) = (resumed, anchors);
    let signed = certificate.sign(at.store.keyring())?;
    let path = certificate_path(at, args, org);
    write(&path, &signed)?;
    tell_others(at, org, &signed).await?;
    at.store.remove_organisation(org).await?;
    if globals.json {
        return io.json(&json!({ "erased": org, "file": path, "certificate": signed }));
    }
    io.text(&signed.text())?;
    io.note(&format!("the certificate is in {}", path.display()));
    Ok(())
}

fn certificate_path(at: &Installation, args: &EraseArgs, org: OrgId) -> PathBuf {
    let folder = at.config.file.parent().map(Path::to_path_buf).unwrap_or_default();
    args.certificate.clone().unwrap_or_else(|| folder.join(format!("erased-{org}.json")))
}

/// Written beside its place and renamed: a run that was killed is finished by one that writes it anew.
fn write(path: &Path, signed: &Signed) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("the certificate cannot be written: {error}"))
            .at(path.display())
            .help("name another file with --certificate; the same command goes on where this one ended")
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let json = serde_json::to_string_pretty(signed).map_err(|error| Failure::new(error.to_string()))?;
    for (path, content) in [(path.to_path_buf(), json + "\n"), (path.with_extension("txt"), signed.text())] {
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(content.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
    }
    Ok(())
}

/// What the machine did concerns everybody on it: the audits of the others note it, without a name.
async fn tell_others(at: &Installation, org: OrgId, signed: &Signed) -> Result<(), Failure> {
    let (subject, detail) = (org.to_string(), json!({ "certificate": signed.hash() }));
    // One that cannot be told keeps nobody else from it; the same command tells all again.
    let mut told = Ok(());
    for other in at.store.organisations().await? {
        let action = AuditAction::OrgErased;
        told = told.and(at.store.note_read(other.id, OPERATOR, action, &subject, detail.clone()).await);
    }
    Ok(told?)
}

async fn in_redis(at: &Installation, org: OrgId) -> Result<Option<Remains>, Failure> {
    let Some(options) = &at.config.redis else { return Ok(None) };
    let told = Redis::connect(options)?.forget(org).await;
    let why = match told {
        Ok(()) => "sealed under the destroyed keys, named by fingerprints",
        Err(_) => {
            "sealed under the destroyed keys, named by fingerprints; Redis did not answer, so a number (the generation) stays as well"
        }
    };
    Ok(Some(Remains {
        what: "cached answers in Redis".to_owned(),
        why: why.to_owned(),
        until: "eight minutes after the last look-up".to_owned(),
    }))
}

/// Backups hold the keys, wrapped, until their tier is over.
async fn in_backups(at: &Installation) -> Result<Option<Remains>, Failure> {
    const DAY: i64 = 86_400_000;
    let Some(options) = at.config.backup.clone() else { return Ok(None) };
    let tiers = options.tiers;
    let backups = Backups::new(std::sync::Arc::clone(&at.store), options)?;
    let found = match backups.list().await {
        Ok(found) => found,
        Err(error) => {
            return Ok(Some(Remains {
                what: format!("backups in {}", backups.shown()),
                why: format!("the store does not answer ({error}), so nobody knows how many there are"),
                until: "their tiers are over (docs/backup.md)".to_owned(),
            }));
        }
    };
    let newest = found.iter().filter_map(|(_, backup)| backup.as_ref().ok()).map(|backup| backup.at).max();
    let Some(newest) = newest else { return Ok(None) };
    let days = [
        tiers.all_hours.div_ceil(24),
        tiers.hourly_days,
        tiers.daily_days,
        tiers.monthly_months.saturating_mul(31),
    ];
    let days = i64::try_from(days.into_iter().max().unwrap_or_default()).unwrap_or(i64::MAX);
    let until = newest.saturating_add(days.saturating_mul(DAY));
    Ok(Some(Remains {
        what: format!("{} backups in {}, the newest of {}", found.len(), backups.shown(), super::when(newest)),
        why: "they hold its rows and its keys wrapped by the master key: whoever has backup and master key can bring it back. \
              Remove the backups, or change the master key and destroy the old one, to end that sooner"
            .to_owned(),
        until: format!("{} at the latest, while newer backups are made", super::when(until)),
    }))
}

/// A database of its own is backed up by itself, to a place that is not configured here.
fn in_own_backups(place: &str) -> Remains {
    Remains {
        what: format!("backups of {place}"),
        why: "that database was backed up by itself, and where to is not known here; a backup holds its rows and its keys \
              wrapped by the master key"
            .to_owned(),
        until: "whoever keeps them removes them".to_owned(),
    }
}

/// What the engine keeps of deleted rows for a while.
fn in_database(is_on_postgres: bool) -> Remains {
    if !is_on_postgres {
        return Remains {
            what: "free pages of the SQLite file and its log".to_owned(),
            why: "deleted rows can be read there until something takes their place; what was sealed stays sealed, the wrapped keys were \
                  overwritten"
                .to_owned(),
            until: "new rows take the place, or VACUUM is run".to_owned(),
        };
    }
    Remains {
        what: "dead rows, write-ahead log and its archive of the PostgreSQL server".to_owned(),
        why: "a server keeps deleted rows until VACUUM and its log as long as it is archived; the keys in them are wrapped by the master key"
            .to_owned(),
        until: "VACUUM has run and the archive's own retention is over".to_owned(),
    }
}

/// `sentra org certificate`: whether a certificate is this installation's and as it was written.
pub(super) fn check(
    at: &Installation,
    path: &Path,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let wrong = |what: String| Failure::new(what).at(path.display());
    let text = config::read_bounded(path, MAX_CERTIFICATE).map_err(|error| {
        wrong(format!("cannot be read: {error}")).help("name the JSON file of a certificate")
    })?;
    let signed: Signed = serde_json::from_str(&text).map_err(|_| {
        wrong("this is no certificate of erasure".to_owned()).help("name the JSON file of a certificate")
    })?;
    if !signed.holds(at.store.keyring()) {
        return Err(wrong(
            "this certificate was not signed under this installation's master key, or it was altered"
                .to_owned(),
        )
        .help("check it where it was made, and under the master key of that time"));
    }
    if globals.json {
        return io.json(&json!({ "holds": true, "erased": signed.certificate.erased.org }));
    }
    io.line(&format!("the certificate holds: {} was erased", signed.certificate.erased.org))
}
