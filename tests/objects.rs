//! Object stores: the same behaviour on a folder, a real S3 server and Azurite; servers that die in the middle; held
//! mail whose body lies in a bucket.

use crate::support::cable::Cable;
use crate::support::client::Client;
use crate::support::clouds::{Azurite, S3Server, azure_url, s3_url};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use bytes::Bytes;
use sentra::adapters::objects::{Bodies, Key, Objects, Options};
use sentra::limits;
use sentra::model::{OrgId, QuarantineId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use ulid::Ulid;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn open(url: &str) -> Objects {
    Objects::open(&Options::of(url)).unwrap()
}

/// Octets that no compression or repetition makes equal by accident.
fn octets(seed: u64, length: usize) -> Bytes {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(next).collect::<Vec<u8>>().into()
}

async fn listed(objects: &Objects, folder: &str) -> BTreeMap<String, u64> {
    let mut listing = objects.list(&key(folder));
    let mut found = BTreeMap::new();
    while let Some(entry) = listing.next().await.unwrap() {
        assert!(entry.modified_ms > 1_700_000_000_000, "{entry:?}");
        found.insert(entry.key.to_string(), entry.size);
    }
    found
}

/// What every store does.
async fn behaves(objects: &Objects) {
    objects.probe().await.unwrap();
    let one = key("org/one");
    assert_eq!(objects.get(&one).await.unwrap(), None);
    assert_eq!(objects.head(&one).await.unwrap(), None);
    objects.delete(&one).await.unwrap();
    assert!(listed(objects, "org").await.is_empty());
    let large = octets(7, 2 * limits::OBJECT_PART + 12_345);
    for content in [octets(1, 1), octets(2, 100_000), large, octets(3, 3)] {
        objects.put(&one, content.clone()).await.unwrap();
        assert_eq!(objects.get(&one).await.unwrap(), Some(content.clone()), "an older one is replaced whole");
        let entry = objects.head(&one).await.unwrap().unwrap();
        assert_eq!((entry.key, entry.size), (one.clone(), content.len() as u64));
    }
    lists(objects).await;
}

/// After [`behaves`] left `org/one` there.
async fn lists(objects: &Objects) {
    let one = key("org/one");
    objects.put(&key("org/empty"), Bytes::new()).await.unwrap();
    objects.put(&key("org/deep/two"), octets(4, 4)).await.unwrap();
    objects.put(&key("organisation/three"), octets(5, 5)).await.unwrap();
    let expected = BTreeMap::from([("org/one".to_owned(), 3), ("org/empty".to_owned(), 0)]);
    assert_eq!(listed(objects, "org").await, expected, "neither what lies deeper nor a longer name");
    assert_eq!(objects.get(&key("org/empty")).await.unwrap(), Some(Bytes::new()));
    objects.delete(&one).await.unwrap();
    assert_eq!(objects.get(&one).await.unwrap(), None);
    for number in 0..30 {
        objects.put(&key(&format!("many/{number}")), octets(number, 10)).await.unwrap();
    }
    assert_eq!(listed(objects, "many").await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_behaves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    std::fs::create_dir(folder.path().join("a")).unwrap();
    let objects = open(&format!("file:{}", path.display()));
    behaves(&objects).await;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path.join("many")), mode(&path.join("many/1"))), (0o700, 0o600));
    // What a killed process left is swept once it is old, and is never listed.
    let left = path.join("many/1.99-0.new");
    std::fs::write(&left, b"half").unwrap();
    assert_eq!(listed(&objects, "many").await.len(), 30);
    objects.sweep_unfinished(&key("many"), 0, Duration::ZERO).await.unwrap();
    assert!(left.exists());
    objects.sweep_unfinished(&key("many"), i64::MAX, Duration::from_secs(1)).await.unwrap();
    assert!(!left.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_is_a_passing_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"a file where the folder should be").unwrap();
    let objects = Objects::folder(&folder.path().join("file"));
    let error = objects.put(&key("org/one"), octets(1, 1)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(objects.probe().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_behaves() {
    let server = S3Server::start();
    behaves(&open(&s3_url(server.address(), "a/prefix"))).await;
    behaves(&open(&s3_url(server.address(), ""))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_blob_behaves() {
    let server = Azurite::start();
    behaves(&open(&azure_url(server.address(), "a/prefix"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_and_missing_buckets_are_named_without_a_secret() {
    let (s3, azure) = (S3Server::start(), Azurite::start());
    let (s3, azure) = (s3_url(s3.address(), "x"), azure_url(azure.address(), "x"));
    for (name, url) in [
        ("s3 secret", s3.replace("secret%2Bkey", "wrong")),
        ("azure key", azure.replace("Eby8vdM0", "AAAAAAAA")),
        ("azure container", azure.replace("sentra-test", "another")),
    ] {
        let error = open(&url).put(&key("org/one"), octets(1, 10)).await.unwrap_err();
        let said = error.to_string();
        assert!(!error.is_transient(), "{name}: {said}");
        let names = if name.contains("key") || name.contains("secret") { "credentials" } else { "bucket" };
        assert!(said.contains(names), "{name}: {said}");
        assert!(!said.contains("TESTACCESS") && !said.contains("http") && !said.contains("wrong"), "{said}");
        assert!(open(&url).probe().await.is_err(), "{name}");
    }
}

/// A store that is cut off in the middle of an upload, and then is gone, and then is back.
async fn survives(url: impl Fn(SocketAddr) -> String, server: SocketAddr, fate: &mut dyn FnMut(bool)) {
    let cable = Cable::to(server).await;
    let objects = open(&url(cable.address()));
    let one = key("org/one");
    for (name, length, cut) in [("small", 1_000_000, 500_000), ("parts", 3 * limits::OBJECT_PART, 12_000_000)]
    {
        cable.cut_after(cut);
        let content = octets(9, length);
        let (put, ()) = tokio::join!(objects.put(&one, content.clone()), cable.is_cut());
        let error = put.unwrap_err();
        assert!(error.is_transient(), "{name}: {error}");
        fate(false);
        let error = objects.put(&one, content.clone()).await.unwrap_err();
        assert!(error.is_transient(), "{name}: {error}");
        assert!(objects.get(&one).await.is_err_and(|error| error.is_transient()), "{name}");
        assert!(objects.list(&key("org")).next().await.is_err_and(|error| error.is_transient()), "{name}");
        fate(true);
        cable.mend();
        assert_eq!(objects.get(&one).await.unwrap(), None, "{name}: no half object");
        objects.put(&one, content.clone()).await.unwrap();
        assert_eq!(objects.get(&one).await.unwrap(), Some(content), "{name}");
        objects.delete(&one).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_killed_in_the_middle_leaves_no_half_object() {
    let mut server = S3Server::start();
    let address = server.address();
    survives(|at| s3_url(at, "x"), address, &mut |lives| {
        if lives { server.restart() } else { server.kill() }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_blob_cut_off_in_the_middle_leaves_no_half_object() {
    let mut server = Azurite::start();
    let address = server.address();
    let mut fate = |lives| if lives { assert!(server.restart()) } else { server.kill() };
    survives(|at| azure_url(at, "x"), address, &mut fate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_with_a_store_of_its_own_uses_no_other() {
    let (common, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bodies = Bodies::new(common.path());
    let (alpha, beta) = (OrgId(Ulid::from_bytes([1; 16])), OrgId(Ulid::from_bytes([2; 16])));
    let id = QuarantineId(Ulid::from_bytes([3; 16]));
    bodies.pin(&BTreeMap::from([(beta, Objects::folder(own.path()))]), true);
    for org in [alpha, beta] {
        bodies.write(org, id, org.to_string().into_bytes()).await.unwrap();
        assert_eq!(bodies.read(org, id).await.unwrap(), Some(org.to_string().into_bytes()));
    }
    let at =
        |folder: &std::path::Path, org: OrgId| folder.join(org.to_string()).join(id.to_string()).exists();
    assert!(at(&common.path().join("objects"), alpha) && !at(&common.path().join("objects"), beta));
    assert!(at(own.path(), beta) && !at(own.path(), alpha));
    bodies.delete(beta, id).await.unwrap();
    assert!(!bodies.exists(beta, id).await.unwrap() && bodies.exists(alpha, id).await.unwrap());
}

/// An invoice to be held, with so many octets of attached text.
fn large_invoice(message_id: &str, length: usize) -> Vec<u8> {
    let mut mail = changed_invoice(message_id);
    let line = [&[b'x'; 76][..], b"\r\n"].concat();
    while mail.len() < length {
        mail.extend_from_slice(&line);
    }
    mail
}

async fn send(world: &World, octets: &[u8]) -> (u16, String) {
    let mut client: Client = world.hello().await;
    let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], octets).await;
    let reply = sent.unwrap();
    (reply.code, reply.text)
}

/// What the bucket holds beside the anchors of the audit.
fn bodies(server: &S3Server) -> Vec<std::path::PathBuf> {
    let mut all = server.objects();
    all.retain(|path| !path.to_string_lossy().contains("/anchors/"));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn held_mail_lies_in_the_bucket_and_a_bucket_that_is_away_loses_none() {
    let sink = Sink::start(Behaviour::default()).await;
    let mut server = S3Server::start();
    let cable = Cable::to(server.address()).await;
    let world = World::start(
        Setup::new(sink.address())
            .env("SENTRA_OBJECTS__URL", "s3://sentra-test/held")
            .env("SENTRA_OBJECTS__ENDPOINT", &format!("http://{}", cable.address()))
            .env("SENTRA_OBJECTS__ALLOW_HTTP", "true")
            .env("SENTRA_OBJECTS__ACCOUNT", crate::support::clouds::ACCESS_KEY)
            .env("SENTRA_OBJECTS__SECRET_KEY", crate::support::clouds::SECRET_KEY),
    );
    assert_eq!(send(&world, &large_invoice("first@t", 20_000_000)).await.0, 250);
    let [stored] = &bodies(&server)[..] else { panic!("{:?}", server.objects()) };
    let octets = std::fs::read(stored).unwrap();
    assert!(octets.len() > 20_000_000);
    assert!(!octets.windows(9).any(|part| part == b"INV-1042."), "sealed before it leaves");

    cable.cut_after(10_000_000);
    let large = large_invoice("second@t", 20_000_000);
    let ((code, text), ()) = tokio::join!(send(&world, &large), cable.is_cut());
    assert_eq!((code, text.starts_with("4.3.0")), (451, true), "{text}");
    server.kill();
    assert_eq!(send(&world, &changed_invoice("third@t")).await.0, 451);
    assert_eq!(send(&world, &clean_invoice("clean@t")).await.0, 250, "what is not held needs no bucket");
    let page = format!("http://{}/readyz", world.web.unwrap());
    let ready = std::process::Command::new("curl").args(["-si", &page]).output().unwrap();
    let ready = String::from_utf8(ready.stdout).unwrap();
    assert!(ready.contains("200 OK") && ready.contains("\"objects\":\"degraded\""), "{ready}");
    assert_eq!(world.quarantine().len(), 1, "nothing half held");

    server.restart();
    cable.mend();
    assert_eq!(bodies(&server).len(), 1, "no half body");
    assert_eq!(send(&world, &large).await.0, 250);
    assert_eq!(send(&world, &changed_invoice("third@t")).await.0, 250);
    assert_eq!((world.quarantine().len(), bodies(&server).len()), (3, 3));
    let held = world.quarantine();
    let id =
        held.iter().find(|row| row["message_id"] == "<second@t>").unwrap()["id"].as_str().unwrap().to_owned();
    world.run(&["quarantine", "release", &id, "--reason", "call-back done"]);
    let sent = sink.wait_for_matching(|got| got.octets.windows(10).any(|part| part == b"<second@t>")).await;
    assert!(sent.octets.ends_with(&large[large.len() - 1_000_000..]), "released from the bucket, whole");
    world.run(&["quarantine", "delete", &id, "--reason", "done"]);
    assert_eq!(bodies(&server).len(), 2, "the body is gone from the bucket");
}
