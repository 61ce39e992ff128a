//! The body of a message that was delivered is stored nowhere; that of a held one only sealed. Looked for in everything
//! that a run leaves behind: database with its log, objects, backups, Redis, log.

#![deny(dead_code)]

use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, mail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::path::Path;

/// Has an equals sign and a letter that is not ASCII, so that quoted-printable writes it otherwise.
const DELIVERED: &str = "marmalade=clockwork é seventeen lanterns";
const HELD: &str = "periwinkle=gearbox é nineteen teapots";

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else if let Ok(octets) = std::fs::read(entry.path()) {
            found.push((entry.path().display().to_string(), octets));
        }
    }
}

/// The text as it is, in quoted-printable, hexadecimal, UTF-16, and base64 at each of its three places.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let hex = text.bytes().fold(String::new(), |mut out, octet| {
        write!(out, "{octet:02x}").unwrap();
        out
    });
    let printable = text.replace('=', "=3D").replace('é', "=C3=A9");
    let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![text.as_bytes().to_vec(), printable.into_bytes(), hex.into_bytes(), wide];
    for shift in 0..3 {
        let mut octets = vec![b' '; shift];
        octets.extend(text.as_bytes());
        let encoded = STANDARD.encode(&octets);
        // Without the characters that depend on what stands before and after.
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    forms
}

fn places(all: &[(String, Vec<u8>)], text: &str) -> Vec<String> {
    let holds = |octets: &[u8]| forms(text).iter().any(|form| memchr::memmem::find(octets, form).is_some());
    all.iter().filter(|(_, octets)| holds(octets)).map(|(name, _)| name.clone()).collect()
}

fn left_behind(world: &World, redis: &RedisServer, on: Backend) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    files(world.folder.path(), &mut all);
    for (key, value) in redis.dump() {
        all.push((format!("redis {key}"), [key.into_bytes(), value].concat()));
    }
    if on == Backend::Postgres {
        all.push(("postgres".to_owned(), world.postgres().dump()));
    }
    all
}

async fn a_delivered_body_is_nowhere(on: Backend) {
    const FROM: &str = "accounts@acme-supplies.example";
    let (sink, redis) = (Sink::start(Behaviour::default()).await, RedisServer::start());
    let backups = tempfile::tempdir().unwrap();
    let setup = Setup::new(sink.address()).on(on).arg("--redis").arg(&redis.url());
    let url = format!("file:{}", backups.path().display());
    let mut world = World::start(setup.env("SENTRA_BACKUP__URL", &url));
    let invoice = |number: &str, marker: &str, iban: &str| {
        let body = format!("Our invoice, {marker}. {marker}\nAmount due: 10.00 GBP\nIBAN: {iban}\n");
        mail(&format!("Acme <{FROM}>"), "Invoice INV-7", &format!("{number}@nowhere.test"), &body)
    };
    let encoded = |number: &str, encoding: &str, body: &str| {
        format!(
            "From: Acme <{FROM}>\r\nTo: accounts@contoso.example\r\nSubject: Invoice INV-8\r\n\
             Message-ID: <{number}@nowhere.test>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
        )
        .into_bytes()
    };
    let printable = DELIVERED.replace('=', "=3D").replace('é', "=C3=A9");
    let mut client = world.hello().await;
    for octets in [
        invoice("clean", DELIVERED, "GB29 NWBK 6016 1331 9268 19"),
        encoded("printable", "quoted-printable", &printable),
        encoded("base64", "base64", &STANDARD.encode(DELIVERED)),
        invoice("held", HELD, "GB94 BARC 1020 1530 0934 59"),
    ] {
        let sent = client.send(FROM, &["accounts@contoso.example"], &octets).await;
        assert_eq!(sent.unwrap().code, 250);
    }
    assert!(sink.messages().len() >= 3, "three were delivered; a notice may have followed");
    let held = world.quarantine();
    assert_eq!(held.len(), 1, "{held:?}");
    let exported =
        world.command(&["quarantine", "export", held[0]["id"].as_str().unwrap()]).output().unwrap();
    assert!(String::from_utf8_lossy(&exported.stdout).contains(HELD), "it is kept, and opens");
    world.run(&["backup", "create"]);
    for _ in 0..2 {
        let mut all = left_behind(&world, &redis, on);
        files(backups.path(), &mut all);
        assert!(all.iter().any(|(name, _)| name.contains("objects")), "bodies are in the look");
        for marker in [DELIVERED, HELD] {
            assert_eq!(places(&all, marker), Vec::<String>::new(), "{marker}");
        }
        // Once with the log beside the file, once folded into it.
        if world.process_runs() {
            assert_eq!(world.stop(), 0);
        }
    }
    // The look itself works.
    let seen = vec![("mail".to_owned(), invoice("seen", DELIVERED, "x"))];
    assert_eq!(places(&seen, DELIVERED).len(), 1);
    for encoding in [STANDARD.encode(format!("x{DELIVERED}y")), printable] {
        assert_eq!(places(&[("mail".to_owned(), encoding.into_bytes())], DELIVERED).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    a_delivered_body_is_nowhere(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    a_delivered_body_is_nowhere(Backend::Postgres).await;
}
