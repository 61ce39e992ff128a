//! `sentra keys arc …`: keys that seal what we change, and the DNS records that let others believe the seals.

use super::database::OPERATOR;
use super::{Failure, Globals, Installation, Io, Status};
use crate::adapters::arc;
use crate::adapters::dns::{Dns, DnsError};
use crate::adapters::store::ArcKey;
use crate::model::{Domain, Organisation};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::json;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use time::OffsetDateTime;

/// Commands of `sentra keys arc`.
#[derive(Debug, Subcommand)]
pub(super) enum ArcCommand {
    /// Make a key that seals nothing yet, and print the DNS record to publish
    #[command(after_help = "Examples:\n  sentra keys arc generate --domain sentra.example\n  \
                            sentra keys arc generate --domain sentra.example --selector s2 --gateway")]
    Generate {
        /// Domain of the seals, in whose zone the record is published; without it this server's host name
        #[arg(long, value_name = "DOMAIN", value_parser = Domain::parse)]
        domain: Option<Domain>,
        /// Name of the key below `_domainkey.DOMAIN`; without it today's date
        #[arg(long, value_name = "SELECTOR")]
        selector: Option<String>,
        /// For every organisation without a key of its own: written to a file that [arc] in the configuration names
        #[arg(long)]
        gateway: bool,
    },
    /// Keys with their records; --check asks DNS whether they are published
    #[command(
        after_help = "Exit status 1 if --check finds the record of a new or active key missing or different.\n\n\
                            Example:\n  sentra keys arc show --check"
    )]
    Show {
        /// Ask DNS
        #[arg(long)]
        check: bool,
    },
    /// Let the newest new key seal, once DNS has its record; the one before keeps verifying
    #[command(
        after_help = "Leave the old record in DNS for a month: mail that it sealed is still verified.\n\n\
                            Example:\n  sentra keys arc rotate"
    )]
    Rotate {
        /// This key instead of the newest new one; an old one may be taken back
        #[arg(long, value_name = "SELECTOR")]
        selector: Option<String>,
        /// Do not ask DNS
        #[arg(long)]
        no_check: bool,
    },
    /// Remove a key that does not seal; then its record may go
    #[command(after_help = "Example:\n  sentra keys arc remove --selector s1")]
    Remove {
        /// Its name
        #[arg(long, value_name = "SELECTOR")]
        selector: String,
    },
}

pub(super) async fn run(
    at: &Installation,
    globals: &Globals,
    command: ArcCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let org = at.organisation(globals).await?;
    match command {
        ArcCommand::Generate { domain, selector, gateway } => {
            let domain = domain.unwrap_or_else(|| at.config.hostname.clone());
            let selector = selector.unwrap_or_else(|| today(at));
            if gateway {
                return generate_for_gateway(at, globals, &domain, &selector, io).await;
            }
            let key = at.store.generate_arc_key(org.id, &domain, &selector, OPERATOR).await?;
            if globals.json {
                return io.json(&key);
            }
            publish(&key.name, &key.record, io)?;
            io.line("then let it seal: sentra keys arc rotate")
        }
        ArcCommand::Show { check } => show(at, &org, globals, check, io).await,
        ArcCommand::Rotate { selector, no_check } => rotate(at, &org, globals, selector, no_check, io).await,
        ArcCommand::Remove { selector } => {
            let key = find(at, &org, |key| key.selector == selector).await?;
            at.store.remove_arc_key(org.id, &key.domain, &key.selector, OPERATOR).await?;
            if globals.json {
                return io.json(&json!({ "removed": key.name }));
            }
            io.line(&format!("{} is removed; its record may go", key.name))
        }
    }
}

/// `s` and the date, in UTC.
fn today(at: &Installation) -> String {
    let seconds = at.store.clock().now_ms().div_euclid(1_000);
    let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH).date();
    format!("s{:04}{:02}{:02}", date.year(), u8::from(date.month()), date.day())
}

/// What to publish, as a zone file has it: a string of a TXT record holds at most 255 octets.
fn publish(name: &str, record: &str, io: &mut Io<'_>) -> Result<(), Failure> {
    let pieces: Vec<String> = record
        .as_bytes()
        .chunks(255)
        .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)))
        .collect();
    io.line("publish this record:")?;
    io.line(&format!("{name}. IN TXT ( {} )", pieces.join(" ")))
}

async fn generate_for_gateway(
    at: &Installation,
    globals: &Globals,
    domain: &Domain,
    selector: &str,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let made = tokio::task::spawn_blocking(arc::generate).await;
    let (private, public) =
        made.map_err(|error| Failure::new(format!("the key could not be made: {error}")))??;
    let folder = at.config.file.parent().unwrap_or_else(|| std::path::Path::new(".")).join("keys");
    let path = folder.join(format!("arc-{selector}.key"));
    let lines: Vec<String> = STANDARD
        .encode(private.as_slice())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| {
            Failure::new(format!("the key cannot be written: {error}"))
                .at(path.display())
                .help("choose another --selector; a key is never overwritten")
        })?;
    let (name, record) = (format!("{selector}._domainkey.{domain}"), arc::record(&public));
    if globals.json {
        let file = path.display().to_string();
        return io.json(
            &json!({ "name": name, "record": record, "domain": domain, "selector": selector, "file": file }),
        );
    }
    publish(&name, &record, io)?;
    io.line("then write into the configuration and restart:")?;
    io.line(&format!(
        "[arc]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey_file = \"keys/arc-{selector}.key\""
    ))
}

/// What DNS has under a key's name.
async fn published(dns: &Dns, key: &ArcKey) -> &'static str {
    let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    match dns.texts(&key.name).await {
        Ok(texts) if texts.iter().any(|text| plain(text) == plain(&key.record)) => "yes",
        // Others may write the same record with other tags; the key is what counts.
        Ok(texts) if texts.iter().any(|text| public(text) == public(&key.record)) => "yes",
        Ok(texts) if texts.is_empty() => "no",
        Ok(_) => "different",
        Err(DnsError::NoAddress) => "no",
        Err(_) => "unknown",
    }
}

/// `p=` of a record.
fn public(record: &str) -> Option<String> {
    let tag = record.split(';').find_map(|tag| tag.trim().strip_prefix("p="))?;
    Some(tag.chars().filter(|c| !c.is_whitespace()).collect())
}

fn dns(at: &Installation) -> Dns {
    Dns::new(crate::adapters::dns::Options {
        servers: at.config.next_hop.dns_servers.clone(),
        ..crate::adapters::dns::Options::default()
    })
}

async fn show(
    at: &Installation,
    org: &Organisation,
    globals: &Globals,
    check: bool,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let (keys, dns) = (at.store.arc_keys(org.id).await?, dns(at));
    let mut missing = false;
    let mut rows = Vec::new();
    for key in &keys {
        let found = if check { published(&dns, key).await } else { "not asked" };
        missing |= check && key.state != "old" && found != "yes";
        if globals.json {
            let mut value = json!(key);
            if let Some(object) = value.as_object_mut() {
                object.insert("published".to_owned(), json!(found));
            }
            io.json(&value)?;
        } else {
            let since = key.since.get(..10).unwrap_or_default().to_owned();
            rows.push(vec![key.name.clone(), key.state.clone(), since, found.to_owned()]);
        }
    }
    if !globals.json {
        io.table(&["RECORD", "STATE", "SINCE", "PUBLISHED"], rows)?;
        for key in keys.iter().filter(|key| key.state != "old") {
            publish(&key.name, &key.record, io)?;
        }
    }
    if missing { Err(Failure::silent(Status::Failed)) } else { Ok(()) }
}

async fn find(
    at: &Installation,
    org: &Organisation,
    wanted: impl Fn(&ArcKey) -> bool,
) -> Result<ArcKey, Failure> {
    let found = at.store.arc_keys(org.id).await?.into_iter().find(wanted);
    found.ok_or_else(|| {
        Failure::new("there is no such ARC key")
            .help("`sentra keys arc show` lists them, `sentra keys arc generate` makes one")
    })
}

async fn rotate(
    at: &Installation,
    org: &Organisation,
    globals: &Globals,
    selector: Option<String>,
    no_check: bool,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let wanted = |key: &ArcKey| match &selector {
        Some(selector) => key.selector == *selector,
        None => key.state == "new",
    };
    let key = find(at, org, wanted).await?;
    if !no_check {
        let found = published(&dns(at), &key).await;
        if found != "yes" {
            let what = match found {
                "unknown" => "DNS does not answer for",
                "different" => "DNS has another record under",
                _ => "DNS has no record under",
            };
            return Err(Failure::new(format!("{what} {}", key.name)).help(
                "publish what `sentra keys arc show` prints and wait for it to spread; --no-check goes on without",
            ));
        }
    }
    at.store.activate_arc_key(org.id, &key.domain, &key.selector, OPERATOR).await?;
    if globals.json {
        return io.json(&json!({ "active": key.name }));
    }
    io.line(&format!("{} seals from now on; leave the record before it in DNS for a month", key.name))
}
