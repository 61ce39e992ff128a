//! Backups of a running installation: what they hold, what they cost, and what damage they notice.

use crate::support::backend::{Backend, on_each_database};
use crate::support::clouds::{S3Server, s3_url};
use crate::support::postgres::{PostgresServer, TestDatabase};
use crate::support::sink::{Behaviour, Sink};
use crate::support::world::{Setup, World, changed_invoice, clean_invoice};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An installation with backups in a folder beside it, and some mail.
pub struct Kit {
    pub world: World,
    sink: Sink,
    place: tempfile::TempDir,
}

impl Kit {
    async fn new(backend: Backend) -> Self {
        let place = tempfile::tempdir().unwrap();
        let sink = Sink::start(Behaviour::default()).await;
        let url = format!("file:{}", place.path().join("backups").display());
        // A running server of these tests makes one at its start and no other.
        let setup = Setup::new(sink.address())
            .on(backend)
            .env("SENTRA_BACKUP__URL", &url)
            .env("SENTRA_BACKUP__INTERVAL_MINUTES", "1440");
        Self { world: World::prepare(setup), sink, place }
    }

    pub async fn with_mail() -> Self {
        Self::with_mail_on(Backend::Sqlite).await
    }

    async fn with_mail_on(backend: Backend) -> Self {
        let mut kit = Self::new(backend).await;
        kit.world.serve();
        for number in 0..4 {
            let invoice = changed_invoice(&format!("held-{number}@t"));
            assert_eq!(kit.send(&invoice).await, 250);
            assert_eq!(kit.send(&clean_invoice(&format!("clean-{number}@t"))).await, 250);
        }
        kit
    }

    pub async fn send(&self, octets: &[u8]) -> u16 {
        let mut client = self.world.hello().await;
        let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], octets).await;
        sent.unwrap().code
    }

    pub fn create(&self) -> Value {
        self.world.json(&["backup", "create"]).remove(0)
    }

    /// Exit status and standard error of a command that fails.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let done = self.world.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(said.contains("error: ") && said.contains("help: "), "{arguments:?}: {said}");
        (done.status.code().unwrap(), said)
    }

    fn backups(&self, kind: &str) -> Vec<PathBuf> {
        let folder = self.place.path().join("backups").join(kind);
        let mut files: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    pub fn held(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .world
            .quarantine()
            .iter()
            .map(|row| format!("{} {} {}", row["id"], row["state"], row["subject"]))
            .collect();
        ids.sort();
        ids
    }

    /// Every later command works on that database.
    pub fn point_at(&mut self, database: &TestDatabase) {
        self.world.set_env("SENTRA_DATABASE__URL", &database.url());
        self.world.set_env("SENTRA_DATABASE__OWNER_URL", &database.owner_url());
    }

    fn body(&self, id: &str) -> Vec<u8> {
        self.world.command(&["quarantine", "export", id]).output().unwrap().stdout
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_beside_a_running_server_and_restores_to_the_same() {
    let mut kit = Kit::with_mail().await;
    // The server's own first one: the command then finds everything there.
    kit.world.wait_until(|_| kit.backups("manifests").len() == 1, "the server makes a backup").await;
    let first = kit.create();
    assert!(first["rows"].as_u64().unwrap() > 30, "{first}");
    assert_eq!((&first["bodies"]["count"], &first["bodies"]["missing"]), (&4.into(), &0.into()));
    let second = kit.create();
    let (cost, whole) = (second["written_octets"].as_u64().unwrap(), first["octets"].as_u64().unwrap());
    assert!(cost < whole, "what did not change is not written again: {cost} of {whole}");
    assert!(
        second["chunks_shared"].as_u64().unwrap() > second["chunks_written"].as_u64().unwrap(),
        "{second}"
    );
    assert_eq!(kit.world.json(&["backup", "list"]).len(), 3);

    let verified = kit.world.json(&["backup", "verify"]).remove(0);
    assert_eq!((&verified["id"], &verified["whole"]), (&second["id"], &true.into()));
    let drill = kit.world.json(&["backup", "restore", "--drill"]).remove(0);
    assert_eq!((&drill["id"], &drill["rows"], &drill["chains"]), (&second["id"], &second["rows"], &1.into()));
    let data = kit.world.dir().join("data");
    let left: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("drill")), "{left:?}");

    let page = format!("http://{}/readyz", kit.world.web.unwrap());
    let ready = std::process::Command::new("curl").args(["-s", &page]).output().unwrap();
    let ready: Value = serde_json::from_slice(&ready.stdout).unwrap();
    assert!(ready["backup"]["backup_seconds"].as_u64().unwrap() < 600, "{ready}");
    assert_eq!(ready["backup"]["drill_ok"], true, "{ready}");

    // Everything after the backup is lost with it, and nothing else.
    let before = kit.held();
    let id = kit.world.quarantine()[0]["id"].as_str().unwrap().to_owned();
    let body = kit.body(&id);
    let third = kit.create()["id"].as_str().unwrap().to_owned();
    assert_eq!(kit.send(&changed_invoice("later@t")).await, 250);
    let (status, said) = kit.fails(&["backup", "restore", &third, "--force"]);
    assert!(status == 1 && said.contains("is in use"), "{said}");
    assert_eq!(kit.world.stop(), 0);
    let (status, said) = kit.fails(&["backup", "restore", &third]);
    assert!(status == 1 && said.contains("is not empty") && said.contains("--force"), "{said}");
    std::fs::remove_dir_all(data.join("objects")).unwrap();
    kit.world.run(&["restore", &third, "--force"]);
    assert_eq!(kit.held(), before);
    assert_eq!(kit.body(&id), body, "bodies too");
    assert!(data.join(format!("sentra.db.before-{third}")).exists());
    let mut sql = kit.world.sql().await;
    let noted: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit WHERE action LIKE 'backup.%' ORDER BY seq")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    drop(sql);
    assert!(noted.contains(&"backup.create".to_owned()), "{noted:?}");
    assert_eq!(noted.last().map(String::as_str), Some("backup.restore"), "{noted:?}");
    kit.world.serve();
    assert_eq!(kit.send(&changed_invoice("after@t")).await, 250);
    assert_eq!(kit.world.quarantine().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_restores_where_nothing_is_left_but_configuration_and_master_key() {
    let mut kit = Kit::with_mail().await;
    let before = kit.held();
    kit.create();
    assert_eq!(kit.world.stop(), 0);
    std::fs::remove_dir_all(kit.world.dir().join("data")).unwrap();
    let restored = kit.world.run(&["backup", "restore"]);
    assert!(restored.contains("1 intact to the heads"), "{restored}");
    assert_eq!(kit.held(), before);
    kit.world.serve();
    assert_eq!(kit.send(&clean_invoice("back@t")).await, 250);
    drop(kit.sink);
}

/// A backup of either engine restores into an empty database of PostgreSQL and into a file.
async fn a_backup_restores_into_the_other_engine_and_its_own(backend: Backend) {
    let mut kit = Kit::with_mail_on(backend).await;
    let first = kit.create();
    assert!(first["rows"].as_u64().unwrap() > 30, "{first}");
    assert_eq!((&first["bodies"]["count"], &first["bodies"]["missing"]), (&4.into(), &0.into()));
    let second = kit.create();
    assert!(second["written_octets"].as_u64() < first["octets"].as_u64(), "{second}");
    let verified = kit.world.json(&["backup", "verify"]).remove(0);
    assert_eq!((&verified["id"], &verified["whole"]), (&second["id"], &true.into()));
    let drill = kit.world.json(&["backup", "restore", "--drill"]).remove(0);
    assert_eq!((&drill["rows"], &drill["bodies_absent"]), (&second["rows"], &0.into()), "{drill}");
    let id = kit.world.quarantine()[0]["id"].as_str().unwrap().to_owned();
    let (before, body) = (kit.held(), kit.body(&id));
    let suppliers = kit.world.run(&["suppliers", "list"]);
    assert_eq!(kit.world.stop(), 0);

    let postgres = tokio::task::block_in_place(PostgresServer::shared);
    let empty = tokio::task::block_in_place(|| postgres.empty());
    let file = kit.world.folder.path().join("elsewhere.db");
    // The file last: nobody has to forget the owner's URL on the way.
    for url in [empty.url(), format!("sqlite:{}", file.display())] {
        std::fs::remove_dir_all(kit.world.dir().join("data/objects")).unwrap();
        kit.world.set_env("SENTRA_DATABASE__URL", &url);
        kit.world.set_env("SENTRA_DATABASE__OWNER_URL", &empty.owner_url());
        let restored = kit.world.json(&["backup", "restore"]).remove(0);
        assert_eq!((&restored["rows"], &restored["chains"]), (&second["rows"], &1.into()), "{restored}");
        assert_eq!((kit.held(), kit.body(&id)), (before.clone(), body.clone()));
        assert_eq!(kit.world.run(&["suppliers", "list"]), suppliers);
        kit.world.run(&["audit", "verify"]);
        let (status, said) = kit.fails(&["backup", "restore"]);
        assert!(status == 1 && said.contains("is not empty"), "{said}");
        assert!(!said.contains(":server@"), "{said}");
        if url.starts_with("postgres") {
            let (_, said) = kit.fails(&["backup", "restore", "--force"]);
            assert!(said.contains("is not empty") && said.contains("beside the old one"), "{said}");
        }
        kit.world.serve();
        assert_eq!(kit.send(&clean_invoice("after@t")).await, 250);
        assert_eq!(kit.send(&changed_invoice("after-held@t")).await, 250);
        assert_eq!(kit.world.stop(), 0);
    }
}

on_each_database! { a_backup_restores_into_the_other_engine_and_its_own }

/// A body in a bucket is in no backup: the drill looks whether it is there, and tells deleted from lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_misses_bodies_that_the_bucket_lost() {
    let sink = Sink::start(Behaviour::default()).await;
    let server = S3Server::start();
    let setup = Setup::new(sink.address())
        .env("SENTRA_BACKUP__URL", &s3_url(server.address(), "backup"))
        .env("SENTRA_OBJECTS__URL", &s3_url(server.address(), "objects"))
        .env("SENTRA_BACKUP__INTERVAL_MINUTES", "1440");
    let mut world = World::prepare(setup);
    world.serve();
    let mut client = world.hello().await;
    let invoice = changed_invoice("held@t");
    let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &invoice).await;
    assert_eq!(sent.unwrap().code, 250);
    world.run(&["backup", "create"]);
    let drill = world.json(&["backup", "restore", "--drill"]).remove(0);
    assert_eq!(drill["bodies_absent"], 0, "{drill}");
    let id = world.quarantine()[0]["id"].as_str().unwrap().to_owned();
    let bodies: Vec<_> =
        server.objects().into_iter().filter(|path| path.to_string_lossy().contains(&id)).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    std::fs::remove_file(&bodies[0]).unwrap();
    let done = world.command(&["backup", "restore", "--drill"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(1) && said.contains("1 bodies of held mail are not in"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_found_and_named() {
    let kit = Kit::with_mail().await;
    let id = kit.create()["id"].as_str().unwrap().to_owned();
    let chunks = kit.backups("chunks");
    let manifest = kit.place.path().join("backups/manifests").join(&id);
    let flip = |path: &Path| {
        let mut octets = std::fs::read(path).unwrap();
        let middle = octets.len() / 2;
        octets[middle] = if octets[middle] == b'1' { b'2' } else { b'1' };
        std::fs::write(path, octets).unwrap();
    };
    let cut = |path: &Path| {
        let octets = std::fs::read(path).unwrap();
        std::fs::write(path, &octets[..octets.len() - 1]).unwrap();
    };
    let swap = |path: &Path| {
        let other = chunks.iter().find(|other| *other != path).unwrap();
        std::fs::copy(other, path).unwrap();
    };
    let remove = |path: &Path| std::fs::remove_file(path).unwrap();
    type Damage<'a> = &'a dyn Fn(&Path);
    let rows: [(&str, &Path, Damage<'_>, &str); 7] = [
        ("a missing chunk", &chunks[0], &remove, "is missing"),
        ("a changed chunk", &chunks[1], &flip, "is damaged"),
        ("a cut chunk", &chunks[2], &cut, "is damaged"),
        ("a chunk in another's place", &chunks[3], &swap, "is damaged"),
        ("a changed manifest", &manifest, &flip, "manifest"),
        ("a cut manifest", &manifest, &cut, "is damaged"),
        ("a missing manifest", &manifest, &remove, "there is no backup"),
    ];
    for (name, path, damage, words) in rows {
        let whole = std::fs::read(path).unwrap();
        damage(path);
        for command in [&["backup", "verify", &id][..], &["backup", "restore", &id, "--drill"]] {
            let (status, said) = kit.fails(command);
            assert!(status == 1 && said.contains(words), "{name}, {command:?}: {said}");
        }
        std::fs::write(path, whole).unwrap();
    }
    kit.world.run(&["backup", "verify", &id]);
    // A damaged store is mended by writing everything anew.
    kit.backups("chunks").iter().for_each(|chunk| flip(chunk));
    kit.world.run(&["backup", "create"]);
    assert_eq!(kit.fails(&["backup", "verify"]).0, 1, "what is there is not written again");
    kit.world.run(&["backup", "create", "--full"]);
    kit.world.run(&["backup", "verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_named() {
    let mut kit = Kit::with_mail().await;
    kit.create();
    assert_eq!(kit.world.stop(), 0);
    std::fs::remove_dir_all(kit.world.dir().join("data")).unwrap();
    let key = kit.world.dir().join("keys/master.key");
    std::fs::write(&key, "5a".repeat(32)).unwrap();
    let (status, said) = kit.fails(&["backup", "restore"]);
    assert!(status == 1 && said.contains("the master key does not open backup key"), "{said}");
    assert!(!said.contains("5a5a"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_go_to_a_bucket_and_bodies_of_another_bucket_stay_there() {
    let sink = Sink::start(Behaviour::default()).await;
    let server = S3Server::start();
    let setup = Setup::new(sink.address())
        .env("SENTRA_BACKUP__URL", &s3_url(server.address(), "backup"))
        .env("SENTRA_OBJECTS__URL", &s3_url(server.address(), "objects"))
        .env("SENTRA_BACKUP__INTERVAL_MINUTES", "1440");
    let mut world = World::prepare(setup);
    world.serve();
    let mut client = world.hello().await;
    let invoice = changed_invoice("held@t");
    let sent = client.send("accounts@acme-supplies.example", &["accounts@contoso.example"], &invoice).await;
    assert_eq!(sent.unwrap().code, 250);
    drop(client);
    let made = world.json(&["backup", "create"]).remove(0);
    assert_eq!(
        (&made["bodies"]["copied"], &made["bodies"]["in"]),
        (&false.into(), &"s3://sentra-test/objects".into())
    );
    world.run(&["backup", "verify"]);
    world.run(&["backup", "restore", "--drill"]);
    assert_eq!(world.stop(), 0);
    std::fs::remove_dir_all(world.dir().join("data")).unwrap();
    world.run(&["backup", "restore"]);
    let id = world.quarantine()[0]["id"].as_str().unwrap().to_owned();
    let body = world.command(&["quarantine", "export", &id]).output().unwrap().stdout;
    assert_eq!(body.len(), invoice.len());
    // Nothing readable lies in the bucket.
    for path in server.objects() {
        let octets = std::fs::read(&path).unwrap();
        for secret in ["Acme Building", "INV-1042", "contoso"] {
            assert!(
                !octets.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} in {path:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_that_stop_raise_an_alarm() {
    let sink = Sink::start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"a file where the folder should be").unwrap();
    let world = World::start(
        Setup::new(sink.address()).env("SENTRA_BACKUP__URL", &format!("file:{}", file.display())),
    );
    let rings = |world: &World| world.logged(&["\"alarm\":\"backup\""]) > 0;
    world.wait_until(rings, "a failed backup raises an alarm").await;
    let done = world.command(&["backup", "create"]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_the_commands_say_what_to_configure() {
    let sink = Sink::start(Behaviour::default()).await;
    let world = World::prepare(Setup::new(sink.address()));
    let done = world.command(&["backup", "create"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(3) && said.contains("set backup.url"), "{said}");
}
