//! Backups of a pinned database, and its URLs under another master key.

use super::*;
use std::io::Write as _;

/// Each database is backed up by itself; the main one's backup says whom it leaves out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_database_has_its_own_backup() {
    let sink = Sink::start(Behaviour::default()).await;
    let next_hop = sink.address().to_string();
    let backups = tempfile::tempdir().unwrap();
    let url = format!("file:{}", backups.path().join("main").display());
    let world = World::prepare(Setup::new(sink.address()).env("SENTRA_BACKUP__URL", &url));
    let objects = world.folder.path().join("own-objects");
    let own = Own::File(world.folder.path().join("own.db"));
    let done = run(&world, &creating("Fabrikam", FABRIKAM, &own, &objects, &next_hop));
    assert!(done.status.success(), "{}", said(&done));
    suppliers(&world);
    let made = world.json(&["backup", "create"]).remove(0);
    assert_eq!(made["not_covered"], serde_json::json!(["Fabrikam"]), "{made}");
    world.run(&["backup", "verify"]);
    world.run(&["backup", "restore", "--drill"]);
    // The pinned database is a whole one under the same master key: the same commands, pointed at it.
    let elsewhere = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("SENTRA_DATABASE__URL", own.url());
        command.env("SENTRA_OBJECTS__URL", format!("file:{}", objects.display()));
        command.env("SENTRA_BACKUP__URL", format!("file:{}", backups.path().join("own").display()));
        let done = command.output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", said(&done));
        said(&done)
    };
    let made = elsewhere(&["backup", "create", "--json"]);
    assert!(made.contains("\"not_covered\":[]"), "{made}");
    elsewhere(&["backup", "verify"]);
    elsewhere(&["backup", "restore", "--drill"]);
    // Lost and restored, it is served again.
    let mut files: Vec<PathBuf> = std::fs::read_dir(world.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("own.db"))
        .collect();
    files.sort();
    files.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let listed = world.run(&["org", "list"]);
    assert!(listed.contains("away"), "{listed}");
    assert!(!files[0].exists(), "nobody makes an empty file in its place");
    elsewhere(&["backup", "restore"]);
    let found = world.json(&["suppliers", "list", "--org", "Fabrikam"]);
    assert_eq!(found.len(), 3, "{found:?}");
    world.run(&["audit", "verify", "--org", "Fabrikam"]);
}

/// The URLs are under the master key: they go with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_urls_follow_the_master_key() {
    let sink = Sink::start(Behaviour::default()).await;
    let next_hop = sink.address().to_string();
    let world = World::prepare(Setup::new(sink.address()));
    let objects = world.folder.path().join("own-objects");
    let own = Own::File(world.folder.path().join("own.db"));
    let done = run(&world, &creating("Fabrikam", FABRIKAM, &own, &objects, &next_hop));
    assert!(done.status.success(), "{}", said(&done));
    let (key, before) = (world.dir().join("keys/master.key"), world.dir().join("keys/before.key"));
    std::fs::copy(&key, &before).unwrap();
    std::fs::File::create(&key).unwrap().write_all(format!("{}\n", "a7".repeat(32)).as_bytes()).unwrap();
    let with_both = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("SENTRA_KEYS__PREVIOUS_MASTER_KEY_FILE", &before);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", said(&done));
    };
    with_both(&["keys", "rotate", "--purpose", "master", "--all"]);
    // The new one alone opens everything.
    let shown = world.json(&["org", "show", "--org", "Fabrikam"]).remove(0);
    assert!(shown["own_objects"].as_str().unwrap().ends_with("own-objects"), "{shown}");
}
